"""One relay by itself, with a real disk and no network; and the search for paths."""

import random
import time
from pathlib import Path

from darwaza.adapters.sqlite.store import SqliteStore
from darwaza.engine.carry import pack
from darwaza.engine.desk import answer_ask
from darwaza.engine.engine import Engine
from darwaza.engine.intake import Arrive, Cosigned, Settle, Submit
from darwaza.kernel import batch, path
from darwaza.kernel.health import Condition
from darwaza.kernel.linkstate import ends_of
from darwaza.kernel.naming import Lane
from darwaza.kernel.path import Need, Rules
from darwaza.kernel.topology import MapLink, Topology
from darwaza.services.documents import SERVICE
from darwaza.services.documents.message import Offer
from darwaza.testing.statement import link_states
from darwaza.testing.world import CORRIDOR_NAME, World

BODY = b"x" * 1_400
BATCH = 256


def relay_per_s(folder: Path, messages: int) -> int:
    """Messages a second that a relay takes, checks, hands on, and has on its disk."""
    world = World(("KZ", "UZ", "AF"), [("KZ", "UZ"), ("UZ", "AF")])
    engines = {code: world.engine(code, [SERVICE], SqliteStore.create(folder / f"{code}.db")) for code in world.keys}
    for engine in engines.values():
        for state in link_states(world):
            engine.site.routing.learn(state)
    for author, reader in (("KZ", "UZ"), ("UZ", "KZ"), ("UZ", "AF"), ("AF", "UZ")):
        for lane in range(2):
            origin = Lane(CORRIDOR_NAME, author, reader, lane).origin
            engines[author].run([Settle(origin, answer_ask(engines[reader], origin))])
    offer = Offer("AF/agency", "bench", "m.xml", "application/xml", BODY)
    command = Submit("KZ/sender", frozenset(), "documents", "offer", "", b"", offer)
    for start in range(0, messages, BATCH):
        engines["KZ"].run([command] * min(BATCH, messages - start))
    batches = _batches(engines["KZ"], Lane(CORRIDOR_NAME, "KZ", "UZ", 0).origin)
    began = time.perf_counter()
    outcomes = [engines["UZ"].run([Arrive(batch.decode(raw))])[0] for raw in batches]
    seconds = time.perf_counter() - began
    handed_on = engines["UZ"].find_log(Lane(CORRIDOR_NAME, "UZ", "AF", 0).origin)
    if not all(isinstance(one, Cosigned) for one in outcomes) or handed_on is None or handed_on.row.size <= messages:
        raise RuntimeError("the relay did not hand everything on")
    for engine in engines.values():
        engine.store.close()
    return round(messages / seconds)


def _batches(engine: Engine, origin: str) -> list[bytes]:
    log = engine.find_log(origin)
    if log is None:
        raise RuntimeError(f"there is no log {origin}")
    found, start = [], 0
    while start < log.row.size:
        end, _, raw = pack(engine, log, start)
        found.append(raw)
        start = end
    return found


def choose_ms(members: int = 200, links: int = 1_000) -> float:
    """Milliseconds to find a path over a map that no corridor will soon have; the median of 15."""
    chance = random.Random(3)  # noqa: S311 - it must be the same in every run
    codes = [f"M{number:03}" for number in range(members)]
    found: dict[tuple[str, str], MapLink] = {}
    while len(found) < links:
        ends = ends_of(*chance.sample(codes, 2))
        found[ends] = MapLink(ends, Condition.UP, chance.randrange(1_000, 90_000), 0, 3, chance.randrange(10), 1 << 20)
    topology = Topology(found)
    times = []
    for _ in range(15):
        origin, destination = chance.sample(codes, 2)
        began = time.perf_counter()
        path.find(topology, Rules(), Need(origin, destination, "payments", 1_500), 1)
        times.append(time.perf_counter() - began)
    return round(sorted(times)[len(times) // 2] * 1_000, 2)
