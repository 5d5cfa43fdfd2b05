"""What is under way to a member that is away: no more than a named limit, and trade goes on beside it."""

import tracemalloc
from datetime import timedelta

import msgspec
import pytest
from tests.unit.engine.chain import Chain

from darwaza.engine import detour, tracking
from darwaza.engine.intake import Reroute, Submit
from darwaza.engine.voyage import DELIVERED, Fleet, Voyage
from darwaza.errors import PushbackError
from darwaza.kernel.health import Condition, Measure
from darwaza.kernel.message import decode_header, encode_header
from darwaza.services.documents.message import Accept

NEIGHBOURS = (("KZ", "UZ"), ("KZ", "CN"), ("CN", "UZ"))


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Three messages may be under way to a member."""
    monkeypatch.setattr(tracking, "LETTERS_UNDER_WAY_MAX", 3)


def fleet(chain, code="KZ"):
    return chain.engines[code].site.fleet


def carry(chain, author, reader):
    for origin in list(chain.logs()):
        if f"/{author}-to-{reader}/" in origin:
            chain.carry_log(origin)


def dark(chain, peer):
    chain.engines["KZ"].site.routing.measured(peer, Measure(Condition.DOWN, 0, 1_000_000))


def test_new_messages_to_a_member_that_is_away_are_pushed_back_and_go_when_it_is_there():
    """They change nothing, others are not kept waiting, and what is under way is all delivered."""
    chain = Chain()
    chain.settle()
    chain.dark = {"PK"}
    sent = [chain.offer("KZ/trader", "PK/agency") for _ in range(3)]
    before = chain.stores["KZ"].copy()
    for _ in range(2):
        (refused,) = chain.engines["KZ"].run([chain.wish("KZ/trader", "PK/agency")])
        assert isinstance(refused, PushbackError)
        assert (refused.code, refused.retry_after_s) == ("too_many_under_way", tracking.FULL_RETRY_S)
    assert chain.stores["KZ"]._tables == before._tables
    assert fleet(chain).number_to("PK") == 3
    sent.append(chain.offer("KZ/trader", "AF/agency"))
    chain.carry()
    assert chain.state("KZ", sent[-1][1]) == DELIVERED
    chain.dark = set()
    chain.wait(60)
    chain.carry()
    assert fleet(chain).number_to("PK") == 0
    sent.append(chain.offer("KZ/trader", "PK/agency"))
    chain.carry()
    assert {chain.state("KZ", message_id) for _, message_id in sent} == {DELIVERED}
    chain.check()


def test_one_transaction_counts_what_it_has_begun_itself():
    """Five commands come at once: three go, two are pushed back."""
    chain = Chain()
    chain.settle()
    outcomes = chain.engines["KZ"].run([chain.wish("KZ/trader", "PK/agency") for _ in range(5)])
    assert [isinstance(one, PushbackError) for one in outcomes] == [False, False, False, True, True]
    assert fleet(chain).number_to("PK") == 3


def test_what_others_say_is_answered_although_many_messages_are_under_way():
    """PK sends something that does not exist here: the refusal goes, or PK would ask for ever."""
    chain = Chain()
    chain.settle()
    case_id, _ = chain.offer("PK/agency", "KZ/trader")
    chain.carry()
    chain.dark = {"PK"}
    for _ in range(3):
        chain.offer("KZ/trader", "PK/agency")
    accept = Submit("KZ/trader", frozenset(), "documents", "accept", "", b"", Accept(), case_id)
    assert chain.engines["KZ"].run([accept])[0].code == "too_many_under_way"
    chain.dark = set()
    unknown, _ = chain.offer("PK/agency", "KZ/nobody")
    for author, reader in (("PK", "AF"), ("AF", "UZ"), ("UZ", "KZ")):
        carry(chain, author, reader)
    assert fleet(chain).number_to("PK") == 4
    chain.wait(60)
    chain.carry()
    assert fleet(chain).number_to("PK") == 0
    assert chain.state("PK", unknown) == "refused"
    chain.accept("KZ/trader", case_id)
    chain.check()


def test_what_the_clock_says_is_sent_although_many_messages_are_under_way():
    """Nobody took the document over in time: its sender is told."""
    chain = Chain()
    chain.settle()
    expires_at = chain.world.clock.now() + timedelta(seconds=2)
    case_id, _ = chain.offer("PK/agency", "KZ/trader", expires_at=expires_at)
    chain.carry()
    for _ in range(3):
        chain.offer("KZ/trader", "PK/agency")
    chain.wait(3)
    assert fleet(chain).number_to("PK") == 4
    chain.carry()
    assert chain.state("PK", case_id) == "expired"
    chain.check()


def test_a_message_under_way_costs_what_the_limit_says():
    """Some 1.6 kB of memory: so many to one member are 80 MB, and not 500."""
    chain = Chain()
    chain.settle()
    _, message_id = chain.offer("KZ/trader", "PK/agency")
    voyage = fleet(chain).voyages[message_id]
    (raw,) = voyage.tries
    made, many = Fleet(), 2_000
    tracemalloc.start()
    for number in range(many):
        ids = {"id": f"{number:08}{message_id[8:]}", "case_id": f"{number:08}{voyage.case_id[8:]}"}
        header = encode_header(msgspec.structs.replace(decode_header(raw), **ids))
        one = msgspec.structs.replace(voyage, case_id=ids["case_id"], tries=(header,))
        made.merge({ids["id"]: msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Voyage)})
    each = tracemalloc.get_traced_memory()[0] / many
    tracemalloc.stop()
    assert 1_000 < each < 2_000


@pytest.fixture
def waiting():
    """Five messages in the log of a link that is dark; the way over CN turns up only now."""
    chain = Chain(NEIGHBOURS, {})
    chain.settle()
    dark(chain, "UZ")
    dark(chain, "CN")
    chain.sent = [chain.offer("KZ/trader", "UZ/agency")[1] for _ in range(5)]
    assert not fleet(chain).voyages
    whole = chain.logs
    chain.logs = lambda: (one for one in whole() if not {"KZ-to-UZ", "UZ-to-KZ"} & set(one.split("/")))
    chain.engines["KZ"].site.routing.measured("CN", Measure(Condition.UP, 0, 0))
    return chain


def test_what_waits_for_a_neighbour_takes_another_way_little_by_little(waiting):
    """Three go round, the others when those have come; a new one waits in the log, for which there is room."""
    assert waiting.one("KZ", Reroute()) == 3
    assert waiting.one("KZ", Reroute()) == 0
    waiting.sent.append(waiting.offer("KZ/trader", "UZ/agency")[1])
    assert fleet(waiting).number_to("UZ") == 3
    for _ in range(2):
        waiting.carry()
        waiting.one("KZ", Reroute())
    assert [waiting.state("KZ", one) for one in waiting.sent] == [DELIVERED] * 6
    waiting.check()


def test_what_is_not_read_in_one_look_has_its_turn_in_the_next(waiting, monkeypatch):
    """A look reads bodies up to a limit; the rest is not forgotten."""
    monkeypatch.setattr(tracking, "LETTERS_UNDER_WAY_MAX", 9)
    monkeypatch.setattr(detour, "UNSEEN_BYTES_MAX", 1)
    moved = [waiting.one("KZ", Reroute()) for _ in range(8)]
    assert sum(moved) == 5
    assert max(moved) < 5
