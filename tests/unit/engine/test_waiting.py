"""Weeks of unseen messages make room for what a reader gives back in bounded pieces, whatever happens between them."""

import pytest
from tests.unit.engine.corridor import Corridor

from darwaza import config
from darwaza.adapters.memory.store import MemoryStore
from darwaza.engine.desk import answer_ask, answer_fetch
from darwaza.engine.fsck import examine
from darwaza.engine.intake import Settle, Settled, Submit, TakeBack
from darwaza.engine.recovery import AGAIN
from darwaza.errors import FatalError
from darwaza.kernel import batch
from darwaza.kernel.message import GENESIS, decode_header
from darwaza.services.documents.machine import SERVICE
from darwaza.services.documents.message import Offer

PIECE = 4


class Watched(MemoryStore):
    """A store that remembers how much each commit wrote."""

    def __init__(self):
        super().__init__()
        self.largest = 0

    def commit(self, changes):
        self.largest = max(self.largest, len(changes.leaves))
        super().commit(changes)


@pytest.fixture
def corridor(tmp_path):
    """PK has said seven things that UZ holds, has lost its disk, and has said twenty more to nobody since."""
    made = Corridor(tmp_path, ("PK", "UZ"))
    for number in range(7):
        said(made, f"old-{number}")
    made.carry("PK", "UZ")
    made.engines["PK"].store.close()
    made.store = Watched()
    restart(made)
    for number in range(20):
        said(made, f"new-{number}")
    made.store.largest = 0
    yield made
    for engine in made.engines.values():
        engine.store.close()


def restart(corridor):
    corridor.world.clock.advance(1)  # identifiers are drawn anew
    corridor.engines["PK"] = engine = corridor.world.engine("PK", [SERVICE], corridor.store)
    engine.moved_messages_max = PIECE


def said(corridor, title):
    body = Offer("UZ/customs", title, "a.xml", "application/xml", b"<a/>")
    return corridor.one(
        "PK", Submit("PK/fbr", frozenset(), "documents", "offer", title, title.encode().rjust(32), body)
    )


def step(corridor):
    """One exchange of PK with UZ about its log; tells whether PK has been heard."""
    origin, (pk, uz) = corridor.origin("PK", "UZ"), (corridor.engines["PK"], corridor.engines["UZ"])
    settled = corridor.one("PK", Settle(origin, answer_ask(uz, origin)))
    if settled.take_back_from is not None:
        (outcome,) = pk.run([TakeBack(batch.decode(answer_fetch(uz, origin, settled.take_back_from)))])
        assert isinstance(outcome, Settled)
        assert outcome != AGAIN
    return settled.send_from is not None


def titles(corridor, code):
    """What was said, in the order of the log from PK to UZ."""
    engine = corridor.engines[code]
    row = engine.find_log(corridor.origin("PK", "UZ")).row
    headers = [decode_header(leaf.header) for leaf in engine.store.scan_leaves(row.id)]
    assert [header.kind for header in headers].count(GENESIS) == 1
    cases = engine.store.cases(header.case_id for header in headers)
    decoded = [engine.site.decode_case(cases[one.case_id]).data for one in headers if one.kind != GENESIS]
    return [data.manifest.title for data in decoded]


OLD = [f"old-{number}" for number in range(7)]
NEW = [f"new-{number}" for number in range(20)]


def check_whole(corridor, expected):
    corridor.carry("PK", "UZ")
    assert titles(corridor, "UZ") == titles(corridor, "PK") == expected
    for code, engine in corridor.engines.items():
        assert examine(engine.store, member=code, trust=engine.site.trust, services=[SERVICE]) == []


def test_no_transaction_moves_more_than_a_piece(corridor):
    """The seven that come back are one batch; of the twenty no transaction writes more than its limit."""
    steps = 0
    while not step(corridor):
        steps += 1
    assert steps >= 2 * len(NEW) / PIECE - 1
    assert corridor.store.largest == max(PIECE, len(OLD) + 1)
    assert corridor.engines["PK"].find_log(corridor.origin("PK", "UZ")).queue == len(NEW)
    check_whole(corridor, OLD + NEW)


def test_what_is_said_between_pieces_queues_behind(corridor):
    """It is accepted at once, known by its key, and overtakes nothing."""
    between = []
    while not step(corridor):
        between.append(f"between-{len(between)}")
        assert not said(corridor, between[-1]).repeated
        assert said(corridor, between[0]).repeated
    check_whole(corridor, OLD + NEW + between)


@pytest.mark.parametrize("applied", [False, True])
def test_a_crash_between_any_two_pieces_loses_nothing(corridor, applied):
    """Every commit fails once, stored or not; the next process goes on, and fsck is content at every step."""
    crashes, heard = 0, False
    while not heard:
        corridor.store.fail_next(FatalError("power cut"), applied=applied)
        with pytest.raises(FatalError):
            step(corridor)
        crashes += 1
        corridor.store = corridor.store.copy()
        restart(corridor)
        engine = corridor.engines["PK"]
        assert examine(engine.store, member="PK", trust=engine.site.trust, services=[SERVICE]) == []
        log = engine.find_log(corridor.origin("PK", "UZ"))
        is_back = log.row.size - log.row.cosigned_size == len(NEW)
        heard = step(corridor) if is_back or not applied else False
    assert crashes >= 2 * len(NEW) / PIECE - 1
    check_whole(corridor, OLD + NEW)


def test_a_piece_is_bounded_in_bytes_too(corridor, monkeypatch):
    """A message larger than the limit moves alone."""
    monkeypatch.setattr(config, "MOVED_BYTES_MAX", 1)
    while not step(corridor):
        pass
    assert corridor.store.largest == len(OLD) + 1
    check_whole(corridor, OLD + NEW)


def test_what_waits_and_comes_back_is_kept_once(corridor):
    """UZ has got by another way what PK had not exposed to it: it comes back, and does not wait any more."""
    origin = corridor.origin("PK", "UZ")
    step(corridor)
    pk = corridor.engines["PK"]
    waiting = pk.store.waiting(pk.find_log(origin).row.id, 1 << 20, 100)
    assert len(waiting) == PIECE
    assert pk.find_log(origin).queue > 0
    assert all(pk.store.leaf(row.message_key) == row for row in waiting)
    while not step(corridor):
        pass
    assert pk.store.waiting(pk.find_log(origin).row.id, 1 << 20, 100) == []
    check_whole(corridor, OLD + NEW)
