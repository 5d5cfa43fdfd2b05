"""A sender's path policy binds every message of a document, when paths break under it and when a disk is lost."""

from datetime import timedelta

import pytest
from tests.unit.engine.chain import Chain

from darwaza.config import CHUNK_BYTES
from darwaza.engine.export import collect
from darwaza.engine.intake import Accepted, Reroute, Submit
from darwaza.engine.routing import Routing
from darwaza.kernel.examination import verify
from darwaza.kernel.health import Condition, Measure
from darwaza.kernel.message import SENDER_POLICY_CHARACTERS_MAX, member_of
from darwaza.services.documents.message import AddChunk, Manifest, Open, digest_of
from darwaza.testing.world import CORRIDOR_NAME

PIECES = (b"a" * CHUNK_BYTES, b"the rest")
MANIFEST = Manifest(
    bytes=CHUNK_BYTES + len(PIECES[1]),
    chunks=tuple(map(digest_of, PIECES)),
    digest=digest_of(b"".join(PIECES)),
    filename="scan.pdf",
    media_type="application/pdf",
    title="Scan",
)


def announce(chain, policy, to="PK/agency"):
    asked = Open(to, MANIFEST, path_policy=policy)
    return chain.one("KZ", Submit("KZ/trader", frozenset(), "documents", "open", "", b"", asked))


def add(chain, case_id, piece):
    given = Submit("KZ/trader", frozenset(), "documents", "add-chunk", "", b"", AddChunk(piece), case_id)
    return chain.one("KZ", given)


def paths(chain, reader):
    """Paths of the document's messages in KZ's logs to a neighbour."""
    return [header.path for header in chain.headers("KZ", reader) if member_of(header.destination) == "PK"]


def darken(chain, *, dark, member="CN"):
    measure = Measure(Condition.DOWN if dark else Condition.UP, 0, 1_000_000 if dark else 0)
    chain.engines["KZ"].site.routing.measured(member, measure)
    chain.one("KZ", Reroute())


def test_every_chunk_obeys_the_policy_while_paths_break():
    """AF is the better way and stays open; what must avoid it waits for CN to come back, chunk by chunk."""
    chain = Chain()
    chain.settle()
    case_id = announce(chain, "avoid AF").case_id
    add(chain, case_id, PIECES[0])
    darken(chain, dark=True)
    chain.wait(7)  # nothing was heard of the first chunk: it is tried again, and only where it may go
    add(chain, case_id, PIECES[1])
    assert paths(chain, "UZ") == []
    assert set(paths(chain, "CN")) == {("KZ", "CN", "PK")}
    darken(chain, dark=False)
    chain.wait(61)
    chain.carry()
    assert chain.state("PK", case_id) == "arrived"
    assert paths(chain, "UZ") == []
    assert not [header for header in chain.headers("UZ", "AF") if header.case_id == case_id]
    chain.check()


def test_a_document_in_chunks_without_a_policy_takes_the_best_path():
    """The same document without the policy goes over AF: what the test above avoids is really the better way."""
    chain = Chain()
    case_id = announce(chain, "").case_id
    for piece in PIECES:
        add(chain, case_id, piece)
    assert set(paths(chain, "UZ")) == {("KZ", "UZ", "AF", "PK")}
    assert paths(chain, "CN") == []
    chain.carry()
    assert chain.state("PK", case_id) == "arrived"


@pytest.mark.parametrize(
    ("policy", "code", "pointer"),
    [
        ("avoid AF CN", "undeliverable", ""),
        ("avoid af", "policy_member_expected", "/path_policy/0/6"),
        ("hops 1", "undeliverable", ""),
    ],
)
def test_a_policy_that_no_path_satisfies_is_refused_before_any_chunk(policy, code, pointer):
    """Nobody uploads a hundred megabytes to be told at the end that they may not travel."""
    chain = Chain()
    outcome = announce(chain, policy)
    assert (outcome.code, outcome.pointer) == (code, pointer)
    assert isinstance(announce(chain, "hops 2"), Accepted)


def test_what_may_only_go_straight_does_not_go_round():
    """A document for a neighbour with a policy of one hop waits for that link, though another way is open."""
    chain = Chain((("KZ", "UZ"), ("KZ", "CN"), ("CN", "UZ")), {})
    chain.settle()
    case_id = announce(chain, "hops 1", "UZ/agency").case_id
    add(chain, case_id, PIECES[0])
    darken(chain, dark=True, member="UZ")
    add(chain, case_id, PIECES[1])
    chain.wait(7)
    assert [header for header in chain.headers("KZ", "CN") if header.case_id == case_id] == []
    chain.world.clock.advance(timedelta(seconds=1).total_seconds())
    darken(chain, dark=False, member="UZ")
    chain.carry()
    assert chain.state("UZ", case_id) == "arrived"
    chain.check()


def test_what_does_not_wait_is_refused_while_its_paths_are_down():
    """At once or at expiry, as the sender asked: with the way down one is refused, the other waits and arrives."""
    chain = Chain()
    chain.settle()
    darken(chain, dark=True)
    for given in (
        chain.wish("KZ/trader", "PK/agency", path_policy="avoid AF", waits=False),
        Submit(
            "KZ/trader",
            frozenset(),
            "documents",
            "open",
            "",
            b"",
            Open("PK/agency", MANIFEST, None, None, "avoid AF", False),
        ),
    ):
        outcome = chain.one("KZ", given)
        assert (outcome.code, outcome.transient) == ("undeliverable", True)
    waiting, _ = chain.offer("KZ/trader", "PK/agency", path_policy="avoid AF")
    darken(chain, dark=False)
    chain.wait(61)
    chain.carry()
    assert chain.state("PK", waiting) == "arrived"
    assert isinstance(
        chain.one("KZ", chain.wish("KZ/trader", "PK/agency", path_policy="avoid AF", waits=False)), Accepted
    )


def test_a_chunk_that_did_not_wait_can_be_added_again():
    """An upload that was begun goes on when the way is open again; nothing of it is lost or sent twice."""
    chain = Chain()
    chain.settle()
    asked = Open("PK/agency", MANIFEST, path_policy="avoid AF", waits=False)
    case_id = chain.one("KZ", Submit("KZ/trader", frozenset(), "documents", "open", "", b"", asked)).case_id
    add(chain, case_id, PIECES[0])
    chain.carry()
    darken(chain, dark=True)
    assert add(chain, case_id, PIECES[1]).code == "undeliverable"
    darken(chain, dark=False)
    add(chain, case_id, PIECES[1])
    chain.carry()
    assert chain.state("PK", case_id) == "arrived"
    assert len([header for header in chain.headers("KZ", "CN") if header.case_id == case_id]) == len(PIECES) + 1


def judged(chain, code, message_id):
    return verify(collect(chain.engines[code], message_id), chain.world.history, chain.world.clock.now())


def test_evidence_says_what_the_sender_had_asked_and_that_it_was_obeyed():
    """The policy stands in the signed header: an auditor needs nobody's word for it, at either end."""
    chain = Chain()
    _, message_id = chain.offer("KZ/trader", "PK/agency", path_policy="hops 3\navoid   AF")
    chain.carry()
    for code in ("KZ", "PK"):
        verdict = judged(chain, code, message_id)
        assert verdict.result == "valid"
        assert any(check.text == "That satisfies avoid AF; hops 3." for check in verdict.checks)


def test_evidence_shows_that_a_policy_was_not_obeyed(monkeypatch):
    """A gateway that sends over a member its party wanted avoided signs for having done so."""
    chain = Chain()
    choose = Routing.choose

    def deaf(routing, *asked, **more):
        return choose(routing, *asked, **more | {"sender": ""})

    monkeypatch.setattr(Routing, "choose", deaf)
    _, message_id = chain.offer("KZ/trader", "PK/agency", path_policy="avoid AF")
    chain.carry()
    for code in ("KZ", "PK"):
        verdict = judged(chain, code, message_id)
        assert (verdict.result, verdict.code) == ("invalid", "policy_avoid")
        assert any("the sender wants AF avoided" in check.text for check in verdict.checks)


def test_a_policy_outlives_the_disk_of_its_origin():
    """What comes back from the relay is sent again only where its sender allowed it, though AF is the better way."""
    chain = Chain()
    case_id, message_id = chain.offer("KZ/trader", "PK/agency", path_policy="avoid AF")
    chain.carry(rounds=1, reports=False)
    chain.lose_disk("KZ")
    darken(chain, dark=True)
    for seconds in (7, 13, 25):
        chain.wait(seconds)
    assert paths(chain, "UZ") == []
    darken(chain, dark=False)
    chain.wait(61)
    chain.carry()
    assert chain.state("KZ", message_id) == "delivered"
    assert chain.state("PK", case_id) == "arrived"
    assert paths(chain, "UZ") == []
    chain.check()


def test_a_policy_between_neighbours_outlives_the_disk_of_its_origin():
    """A document that may only go straight, given back by its reader, still does not go round."""
    chain = Chain((("KZ", "UZ"), ("KZ", "CN"), ("CN", "UZ")), {})
    chain.settle()
    case_id, _ = chain.offer("KZ/trader", "UZ/agency", path_policy="hops 1")
    chain.carry(rounds=1, reports=False)
    chain.lose_disk("KZ")
    darken(chain, dark=True, member="UZ")
    chain.wait(7)
    assert [header for header in chain.headers("KZ", "CN") if header.case_id == case_id] == []
    darken(chain, dark=False, member="UZ")
    chain.wait(61)
    chain.carry()
    assert chain.engines["KZ"].site.fleet.voyages == {}
    chain.check()


def test_a_policy_too_long_for_a_header_is_refused():
    """The refusal points at the field, and nothing is stored."""
    chain = Chain()
    members = " ".join(f"M{number:07}" for number in range(SENDER_POLICY_CHARACTERS_MAX // 8))
    outcome = chain.one("KZ", chain.wish("KZ/trader", "PK/agency", path_policy="avoid " + members))
    assert (outcome.code, outcome.pointer) == ("policy_too_large", "/path_policy")


def test_a_case_keeps_to_no_path_that_its_next_message_must_not_take():
    """The first entry is under way over AF; the second must avoid AF: it goes over CN, and waits for the first."""
    chain = Chain()
    case_id, first = chain.write("KZ/trader", "PK/agency", "a")
    assert "AF" in chain.path("KZ", first)
    _, second = chain.write("KZ/trader", "PK/agency", "b", case_id, path_policy="avoid AF")
    _, third = chain.write("KZ/trader", "PK/agency", "c", case_id)
    assert chain.path("KZ", second) == ("KZ", "CN", "PK")
    chain.carry_log(f"{CORRIDOR_NAME}/KZ-to-CN/0")
    chain.carry_log(f"{CORRIDOR_NAME}/CN-to-PK/0")
    assert chain.diary("PK", case_id).read == ()
    chain.carry()
    assert chain.diary("PK", case_id).read == ("a", "b", "c")
    assert chain.path("KZ", third) is None
    chain.check()
