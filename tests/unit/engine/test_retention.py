"""Bodies of what has long ended may be forgotten; links, receipts and proofs are none the worse."""

import pytest
from tests.unit.engine.corridor import Corridor
from tests.unit.engine.peer import THEIRS, Gateway, header, offer_body

from darwaza.adapters.sqlite.store import SqliteStore
from darwaza.engine.carry import pack
from darwaza.engine.desk import answer_ask, answer_fetch
from darwaza.engine.export import collect
from darwaza.engine.fsck import examine
from darwaza.engine.intake import Arrive, Cosigned, Forget, Forgotten, Settle, Settled, TakeBack
from darwaza.errors import MalformedError
from darwaza.kernel import batch
from darwaza.kernel.examination import verify
from darwaza.kernel.reference import Reference
from darwaza.kernel.verdict import Result
from darwaza.services.documents.machine import SERVICE

DAY = 86_400


@pytest.fixture
def corridor(tmp_path):
    made = Corridor(tmp_path)
    made.ended = [made.offer("PK/fbr", "UZ/customs", b"<old/>" * 9) for _ in range(3)]
    made.carry("PK", "UZ")
    for case, _ in made.ended[:2]:
        made.accept("UZ/customs", case)
    made.carry("UZ", "PK")
    made.world.clock.advance(100 * DAY)
    made.fresh = made.offer("PK/fbr", "UZ/customs", b"<new/>")
    made.carry("PK", "UZ")
    made.accept("UZ/customs", made.fresh[0])
    made.carry("UZ", "PK")
    yield made
    for code, engine in made.engines.items():
        trust = engine.site.trust
        assert examine(engine.store, member=code, trust=trust, services=[SERVICE], progress=lambda *_: None) == []
        engine.store.close()


def forget(corridor, code, **options):
    return corridor.one(code, Forget(30, **options))


def body(corridor, code, message):
    return corridor.engines[code].store.leaf(f"PK {message}").body


def restart_empty(corridor, code, tmp_path):
    """The gateway with its keys and nothing else."""
    corridor.engines[code].store.close()
    store = SqliteStore.create(tmp_path / f"{code}-again.db")
    corridor.engines[code] = corridor.world.engine(code, [SERVICE], store)


def test_only_what_has_long_ended_is_forgotten(corridor):
    """Not what is open, not what ended lately; a dry run changes nothing, a second run finds nothing."""
    # In PK: two offers and the two receipts. The third offer was never taken over, the fresh one is too young.
    dry = forget(corridor, "PK", dry_run=True)
    assert (dry.after, dry.bodies) == (None, 4)
    assert body(corridor, "PK", corridor.ended[0][1])
    done = forget(corridor, "PK")
    assert done == dry
    assert forget(corridor, "PK") == Forgotten(None, 0, 0)
    kept = [bool(body(corridor, "PK", message)) for _, message in [*corridor.ended, corridor.fresh]]
    assert kept == [False, False, True, True]
    assert all(body(corridor, "UZ", message) for _, message in corridor.ended)


def test_evidence_stands_without_the_body(corridor):
    """The header proves the digest, both signatures prove the header."""
    forget(corridor, "PK")
    message = f"PK {corridor.ended[0][1]}"
    raw = collect(corridor.engines["PK"], message, with_body=True)
    now = corridor.world.clock.now()
    reference = Reference.read([corridor.world.file], corridor.world.document.digest, now)
    assert verify(raw, reference, now).result is Result.VALID


def test_a_reader_that_lost_its_disk_takes_withheld_bodies(corridor, tmp_path):
    """Its own signature, which the author kept, shows that it had them; the log goes on behind them."""
    forget(corridor, "PK")
    size = corridor.engines["UZ"].find_log(corridor.origin("PK", "UZ")).row.size
    restart_empty(corridor, "UZ", tmp_path)
    for lane in range(2):
        take_back(corridor, "UZ", "PK", corridor.origin("UZ", "PK", lane))
    log, start = corridor.engines["PK"].find_log(corridor.origin("PK", "UZ")), 0
    while start < size:
        start, _, raw = pack(corridor.engines["PK"], log, start)
        assert isinstance(corridor.one("UZ", Arrive(batch.decode(raw))), Cosigned)
    again = corridor.engines["UZ"].find_log(corridor.origin("PK", "UZ")).row
    assert (again.size, again.halted) == (size, "")
    assert corridor.engines["UZ"].store.given_back_count() == 0
    assert not body(corridor, "UZ", corridor.ended[0][1])
    assert body(corridor, "UZ", corridor.fresh[1])


def take_back(corridor, author, reader, origin):
    settled = corridor.one(author, settle(corridor, reader, origin))
    while settled.take_back_from is not None:
        raw = answer_fetch(corridor.engines[reader], origin, settled.take_back_from)
        assert isinstance(corridor.one(author, TakeBack(batch.decode(raw))), Settled)
        settled = corridor.one(author, settle(corridor, reader, origin))


def settle(corridor, reader, origin):
    return Settle(origin, answer_ask(corridor.engines[reader], origin))


def test_an_author_takes_back_what_its_reader_has_forgotten_the_body_of(corridor, tmp_path):
    """The place in the log is what counts: no index is used twice, and a retry is still known."""
    forget(corridor, "UZ")
    size = corridor.engines["PK"].find_log(corridor.origin("PK", "UZ")).row.size
    restart_empty(corridor, "PK", tmp_path)
    for lane in range(2):
        take_back(corridor, "PK", "UZ", corridor.origin("PK", "UZ", lane))
    assert corridor.engines["PK"].find_log(corridor.origin("PK", "UZ")).row.size == size
    assert not body(corridor, "PK", corridor.ended[0][1])


def test_nobody_signs_for_a_body_it_never_had():
    """A fresh entry without its body is refused whole, whoever sends it."""
    gateway = Gateway()
    before = gateway.state()
    outcome = gateway.take(Arrive(gateway.batch([(header(7, offer_body()), b"")], THEIRS)))
    assert isinstance(outcome, MalformedError)
    assert outcome.code == "body_differs"
    assert gateway.state() == before
    gateway.check_alive()
