"""The index of movements after a start: pages answer at once, say that it is not whole, and it stays small."""

import asyncio
import uuid

import httpx
import pytest
from tests.unit.entry.console.people import SECRET
from tests.unit.entry.console.test_console_office import World

from darwaza import config
from darwaza.entry.api.app import App
from darwaza.entry.console.index import Index
from darwaza.entry.console.session import SESSION_FILE, Sessions
from darwaza.entry.console.visit import COOKIE
from darwaza.entry.server import Server
from darwaza.ports.store import CaseRow, Changes

PAGES = ("/console/office", "/console/overview", "/console/crossings", "/console/crossings/AF-PK/TORKHAM")
STARTED = "The gateway has just started"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("index"))
    made.movement = made.truck("CC1")
    made.drive(made.movement, 2)
    made.run()
    yield made
    made.close()


async def until(so):
    async with asyncio.timeout(60):
        for _ in iter(so, True):
            await asyncio.sleep(0)


def running(world, then):
    """Ask for each page while the index is still being read, and again when it has been; the answers."""
    gateway = world.gateways["PK"]
    key = Sessions(gateway.folder / SESSION_FILE, gateway.clock, gateway.entropy).open("torkham", SECRET)
    headers = {"cookie": f"{COOKIE}={key}", "accept": "text/html"}

    async def run():
        server = Server(gateway)
        app = App(server)
        index = next(work.__self__ for work in server.beside if isinstance(work.__self__, Index))
        await index._busy.acquire()  # as if there were very many: what reads them waits
        reading = asyncio.create_task(index.run())
        await asyncio.sleep(0)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://gateway") as client:
            early = [(await client.get(path, headers=headers)).text for path in PAGES]
            lost = (await client.get("/console/office?q=no-such", headers=headers)).text
            index._busy.release()
            await until(lambda: not index.incomplete)
            late = [(await client.get(path, headers=headers)).text for path in PAGES]
            await then(index, gateway)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await server.transport.close()
        gateway.engine.site.watchers.clear()
        return early, lost, late

    return asyncio.run(run())


def test_pages_answer_before_everything_has_been_read(world):
    """They say that it is not all, and nobody is told that a truck is not there; afterwards all is there."""

    async def nothing(*_):
        return

    early, lost, late = running(world, nothing)
    for page in early:
        assert STARTED in page
        assert world.movement not in page
    assert "Nothing on the way has that plate" not in lost
    assert "Nothing among what has been read so far." in lost
    assert all(STARTED not in page for page in late)
    assert world.movement in late[0]
    assert "Nothing on the way heads" not in late[3]


def test_what_changes_does_not_pile_up_while_nobody_looks(world, monkeypatch):
    """At so many changed cases they are read; a document that nobody waits for is not even remembered."""
    monkeypatch.setattr(config, "INDEX_CHANGED_MAX", 5)

    async def change(index, gateway):
        row = next(iter(gateway.engine.store.cases([world.movement]).values()))
        others = {str(uuid.uuid4()): row for _ in range(4)}
        sent = CaseRow(str(uuid.uuid4()), "documents", "delivered", b"", None, row.opened_at, row.opened_at, None)
        index._watch(Changes(cases=others | {sent.id: sent}))
        assert len(index._changed) == 4
        await asyncio.sleep(0)
        assert len(index._changed) == 4
        index._watch(Changes(cases={world.movement: row}))
        await until(lambda: not index._changed)
        assert world.movement in index.bound

    running(world, change)


def test_an_index_that_cannot_be_read_stops_no_trade(world, monkeypatch):
    """The gateway goes on; pages say what went wrong when somebody looks."""
    monkeypatch.setattr(Index, "_read_all", lambda _: iter([[object()]]))

    async def run():
        index = Index(world.gateways["PK"].engine)
        task = asyncio.create_task(index.run())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not task.done()
        assert not index.incomplete
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with pytest.raises(AttributeError):
            await index.refresh()
        world.gateways["PK"].engine.site.watchers.clear()

    asyncio.run(run())
