"""A neighbour with true keys that lies over the wire: nothing changes, the reason is coded, the link lives.

Uzbekistan's gateway is a real process. Pakistan's is stopped, and the test speaks with its keys. What the engine makes
of many more lies is in ``tests/unit/engine/test_hostile.py``; this holds what a lie looks like over HTTP.
"""

import base64
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest
from click.testing import CliRunner
from tests.unit.engine.peer import damaged, header, offer_body, uuid

from darwaza.adapters.keyfile.keys import KeyFiles
from darwaza.adapters.sqlite.store import SqliteStore
from darwaza.bootstrap import KEY_FOLDER, examine_store
from darwaza.client import pinned_context
from darwaza.config import BATCH_BYTES_MAX
from darwaza.entry.cli.main import main
from darwaza.entry.local import LocalCorridor
from darwaza.kernel import batch
from darwaza.kernel.checkpoint import Checkpoint
from darwaza.kernel.key import Ed25519PrivateKey, PrivateKey
from darwaza.kernel.merkle import EMPTY, leaf_hash
from darwaza.kernel.note import Signer, format_note, signed
from darwaza.kernel.request import authorize
from darwaza.storage import STORE_FILE

pytestmark = pytest.mark.timeout(600)
WAIT_S = 120.0
replace = msgspec.structs.replace
Message = tuple[bytes, bytes]


def message(number: int, **changes: Any) -> Message:
    """A document offered by Pakistan's desk to Uzbekistan's."""
    body = offer_body()
    return header(number, body, **({"origin": "PK/desk", "destination": "UZ/desk"} | changes)), body


class Neighbour:
    """Pakistan as the test wants it, and Uzbekistan's gateway."""

    def __init__(self, folder: Path) -> None:
        names = {"KZ": "Kazakhstan", "PK": "Pakistan", "UZ": "Uzbekistan"}
        self.corridor = LocalCorridor(folder, names, links=[("KZ", "PK"), ("PK", "UZ")], lanes=1)
        for code in names:
            self.corridor.add_party(code, "desk", "agency")
        self.corridor.start("PK", "UZ")
        for code, peer in (("PK", "UZ"), ("UZ", "PK")):
            self.corridor.wait_until_delivered(code, peer)
        self.corridor.stop("PK")
        self.origin = "local.example/corridor/PK-to-UZ/0"
        self.keys = KeyFiles(self.corridor.path("PK") / KEY_FOLDER)
        store = SqliteStore(self.corridor.path("PK") / STORE_FILE)
        row = next(one for one in store.logs() if one.origin == self.origin)
        leaves = store.leaves(row.id, 0, row.size, BATCH_BYTES_MAX)
        store.close()
        self.tree = EMPTY.append_all([leaf_hash(raw) for raw, _ in leaves])
        self.http = httpx.Client(
            base_url=f"https://127.0.0.1:{self.corridor.port('UZ')}",
            verify=pinned_context(self.corridor.certificate("UZ")),
            trust_env=False,
            timeout=WAIT_S,
        )

    def note(self, size: int, root: bytes, key: PrivateKey | None = None, origin: str = "") -> bytes:
        """A checkpoint by Pakistan's key, or another."""
        origin = origin or self.origin
        return format_note(signed(Checkpoint(origin, size, root).text, Signer(origin, key or self.keys.log)))

    def following(self, *messages: Message) -> batch.Batch:
        """The batch that goes on where Uzbekistan is."""
        after = self.tree.append_all([leaf_hash(raw) for raw, _ in messages])
        return batch.Batch(1, self.origin, self.tree.size, self.note(after.size, after.root()), list(messages))

    def post(self, one: batch.Batch | bytes) -> httpx.Response:
        """Send a batch."""
        raw = one if isinstance(one, bytes) else batch.encode(one.origin, one.start, one.checkpoint, one.entries)
        return self.http.post(
            "/link/v1/batches", content=raw, headers={"content-type": "application/vnd.darwaza.batch"}
        )

    def deliver(self, *messages: Message) -> httpx.Response:
        """Send what goes on, and hold that it was signed for."""
        one = self.following(*messages)
        answer = self.post(one)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8"), answer.text
        assert answer.text.startswith("\u2014 local.example/corridor/UZ ")
        self.tree = self.tree.append_all([leaf_hash(raw) for raw, _ in messages])
        return answer

    def ask(self, *words: object) -> Any:
        """What a command of Uzbekistan's operator answers."""
        line = [*map(str, words), "--gateway", str(self.corridor.path("UZ")), "--json"]
        done = CliRunner().invoke(main, line)
        assert done.exit_code == 0, (words, done.output)
        return json.loads(done.stdout)

    def sizes(self) -> dict[str, int]:
        """How long Uzbekistan's logs are."""
        with self.corridor.client("UZ") as client:
            return {one["origin"]: one["size"] for one in client.logs.find()}

    def check_alive(self, number: int) -> None:
        """A good document still arrives."""
        self.deliver(message(number))
        with self.corridor.client("UZ", "desk") as client:
            assert client.document(uuid(number))["stage"] == "arrived"


@pytest.fixture(scope="module")
def pk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbour]:
    made = Neighbour(tmp_path_factory.mktemp("neighbour"))
    yield made
    made.http.close()
    made.corridor.close()
    for code in ("PK", "UZ"):
        assert examine_store(made.corridor.path(code), lambda _done, _total: None) == []


def good(pk: Neighbour) -> batch.Batch:
    return pk.following(message(10), message(11))


STRANGER = Ed25519PrivateKey(b"\x07" * 32)
LIES: dict[str, tuple[Callable[[Neighbour], batch.Batch | bytes], int, str]] = {
    "signature false": (lambda pk: replace(good(pk), checkpoint=damaged(good(pk).checkpoint)), 403, "signature_false"),
    "signed by a stranger": (
        lambda pk: replace(good(pk), checkpoint=pk.note(pk.tree.size + 2, bytes(32), STRANGER)),
        403,
        "signature_missing",
    ),
    "root wrong": (lambda pk: replace(good(pk), checkpoint=pk.note(pk.tree.size + 2, bytes(32))), 403, "root_wrong"),
    "size rolled back": (
        lambda pk: replace(good(pk), checkpoint=pk.note(pk.tree.size, pk.tree.root())),
        400,
        "batch_size_wrong",
    ),
    "body not that of its header": (
        lambda pk: replace(good(pk), entries=[good(pk).entries[0], (good(pk).entries[1][0], b"other")]),
        400,
        "body_differs",
    ),
    "unknown member": (
        lambda pk: replace(good(pk), origin=pk.origin.replace("PK", "XX")),
        404,
        "log_unknown",
    ),
    "the reader's own log": (
        lambda pk: replace(good(pk), origin="local.example/corridor/UZ-to-PK/0"),
        404,
        "log_unknown",
    ),
    "too large": (lambda _: bytes(BATCH_BYTES_MAX + 1), 413, "request_too_large"),
    "deep": (lambda _: b"\x91" * 100_000 + b"\x90", 400, "batch_malformed"),
    "cut off": (lambda pk: batch.encode(pk.origin, 1, b"x", [(b"{}", b"")])[:-3], 400, "batch_malformed"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_changes_nothing(pk: Neighbour, name: str) -> None:
    """One problem shape with the code, in a header too; no log grows; the next good document arrives."""
    make, status, code = LIES[name]
    before = pk.sizes()
    answer = pk.post(make(pk))
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["darwaza-code"] == code
    assert answer.headers["content-type"] == "application/problem+json"
    assert pk.sizes() == before
    pk.check_alive(100 + list(LIES).index(name))


def test_what_comes_again_is_answered_alike(pk: Neighbour) -> None:
    """A replayed batch gets the stored line to the byte; one from the future hears where to go on (spec/link.md 9)."""
    one = pk.following(message(200))
    first = pk.deliver(message(200))
    before = pk.sizes()
    assert pk.post(one).content == first.content
    future = replace(
        pk.following(message(201)), start=pk.tree.size + 5, checkpoint=pk.note(pk.tree.size + 6, bytes(32))
    )
    answer = pk.post(future)
    assert (answer.status_code, answer.headers["content-type"]) == (409, "text/x.tlog.size")
    assert answer.content == b"%d\n" % pk.tree.size
    assert pk.sizes() == before


POISON: dict[str, tuple[Message, str]] = {
    "no header": ((b"{}", b""), "header_malformed"),
    "deep header": ((b"[" * 4_000, b""), "header_malformed"),
    "another member's origin": (message(301, origin="KZ/desk"), "origin_forged"),
    "an answer of no service": (message(302, kind="gold.refused"), "unanswerable"),
}


@pytest.mark.parametrize("name", POISON)
def test_poison_is_put_aside_and_shown_and_the_link_lives(pk: Neighbour, name: str) -> None:
    """It keeps its place in a batch that is signed for, nobody acts on it, and those beside it are handled."""
    poison, code = POISON[name]
    number, before = 400 + 10 * list(POISON).index(name), pk.ask("link", "quarantine")
    place = pk.tree.size + 1
    pk.deliver(message(number), poison, message(number + 1))
    after = pk.ask("link", "quarantine")
    new = [one for one in after if one not in before]
    assert [(one["log"], one["index"], one["code"]) for one in new] == [(pk.origin, place, code)]
    assert len(after) == len(before) + 1
    with pk.corridor.client("UZ", "desk") as client:
        assert [client.document(uuid(one))["stage"] for one in (number, number + 1)] == ["arrived"] * 2
    pk.check_alive(number + 2)
    with pk.corridor.client("UZ") as client:
        assert [lane["halted"] for one in client.operator.links() for lane in one["lanes"]] == [""]


def test_nothing_is_said_for_an_acknowledgement_that_is_withheld(pk: Neighbour) -> None:
    """Whoever never signs holds nothing up but its own queue: what is sent to it is accepted and waits."""
    with pk.corridor.client("UZ", "desk") as client:
        paper = pk.corridor.folder / "paper.txt"
        paper.write_text("a bill")
        sent = [client.send_document(paper, to="PK/desk")["id"] for _ in range(3)]
        pk.check_alive(500)
        assert [client.document(one)["stage"] for one in sent] == ["accepted"] * 3
    (link,) = pk.ask("link", "show")
    assert link["queue"] >= len(sent)


def link_lines(logged: Path) -> list[dict[str, Any]]:
    """What a gateway's log says of links."""
    lines = [json.loads(line) for line in logged.read_text().splitlines() if line.startswith("{")]
    return [one for one in lines if one["event"] == "link"]


def until(found: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + WAIT_S
    while not found():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_fork_is_proven_and_people_let_the_link_go_on(pk: Neighbour) -> None:
    """Two histories under true signatures: the proof convicts offline, the link stops, and goes on when resumed."""
    held = pk.tree
    pk.deliver(message(600))
    true, pk.tree = pk.tree, held
    answer = pk.post(pk.following(message(601)))
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/vnd.darwaza.fork+json")
    pk.tree = true
    assert pk.post(pk.following(message(602))).content == answer.content
    folder = pk.corridor.folder / "proofs"
    (file,) = pk.ask("link", "proofs", "-o", folder)["files"]
    assert Path(file).read_bytes() == answer.content
    logged = pk.corridor.path("UZ") / "log"
    until(lambda: any(one.get("state") == "halted" for one in link_lines(logged)))
    stopped = next(one for one in link_lines(logged) if one["state"] == "halted")
    assert (stopped["peer"], stopped["codes"], stopped["level"]) == ("PK", ["fork"], "error")
    document = pk.corridor.folder / "1.note"
    document.write_bytes(pk.corridor.document)
    verdict = CliRunner().invoke(main, ["evidence", "verify", file, "--corridor", str(document), "--json"])
    assert (verdict.exit_code, json.loads(verdict.stdout)["result"]) == (0, "valid")
    assert pk.ask("link", "resume", "PK")["cosigned_size"] >= 0
    pk.check_alive(603)


def test_either_end_of_a_log_may_ask_what_was_signed_for_and_only_its_author_for_leaves(pk: Neighbour) -> None:
    """Pakistan, which reads Uzbekistan's log and writes its own, asks about both; without its key it learns nothing."""
    now = datetime.now(UTC)

    def ask(path: str, origin: str, key: PrivateKey) -> tuple[int, str]:
        target = f"/link/v1/{path}?origin={quote(origin, safe='')}" + ("&start=0" if path == "leaves" else "")
        value = authorize("GET", target, now, corridor="local.example/corridor", member="PK", key=key)
        answer = pk.http.get(target, headers={"authorization": value})
        return answer.status_code, answer.text

    theirs = "local.example/corridor/UZ-to-PK/0"
    for origin, reader in ((pk.origin, "UZ"), (theirs, "PK")):
        status, note = ask("cosigned", origin, pk.keys.log)
        assert (status, note.split("\n", 1)[0]) == (200, origin)
        assert f"\u2014 local.example/corridor/{reader} " in note
        assert ask("cosigned", origin, STRANGER)[0] == 401
    assert ask("leaves", pk.origin, pk.keys.log)[0] == 200
    assert ask("leaves", theirs, pk.keys.log)[0] == 404


def test_a_witness_answers_as_c2sp_says(pk: Neighbour) -> None:
    """Status, media type to the letter and body of every answer of C2SP tlog-witness that a log acts on."""
    origin = "local.example/corridor/PK-to-KZ/0"
    tree = EMPTY.append_all([leaf_hash(b"a")])
    longer = tree.append_all([leaf_hash(b"b")])

    def ask(old: int, size: int, root: bytes, *proof: bytes, key: PrivateKey | None = None, log: str = origin) -> Any:
        lines = [f"old {old}", *(base64.b64encode(one).decode() for one in proof), "", ""]
        answer = pk.http.post(
            "/witness/v1/add-checkpoint", content="\n".join(lines).encode() + pk.note(size, root, key, log)
        )
        return answer.status_code, answer.headers["content-type"], answer.content

    status, media_type, line = ask(0, 1, tree.root())
    assert (status, media_type) == (200, "text/plain; charset=utf-8")
    assert line.decode().startswith("\u2014 local.example/corridor/UZ ")
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    stale = (409, "text/x.tlog.size", b"1\n")
    assert ask(0, 2, longer.root()) == stale
    assert ask(1, 2, longer.root(), leaf_hash(b"b"))[0] == 200
    problem = "application/problem+json"
    assert ask(2, 2, tree.root())[:2] == (409, problem)
    assert ask(2, 2, tree.root(), leaf_hash(b"c"))[:2] == (422, problem)
    assert ask(2, 3, longer.root(), leaf_hash(b"c"))[:2] == (422, problem)
    assert ask(3, 2, longer.root())[:2] == (400, problem)
    assert ask(2, 3, longer.root(), key=STRANGER)[:2] == (403, problem)
    assert ask(0, 1, tree.root(), log="local.example/corridor/XX-to-KZ/0")[:2] == (404, problem)
    assert ask(0, 1, tree.root(), log=pk.origin)[:2] == (404, problem)  # it reads that log, and is no witness of it
