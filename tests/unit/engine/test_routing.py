"""A message reaches a member that is no neighbour: sealed, once, by the best path, and its origin can prove the way."""

from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace
from tests.unit.engine.chain import Chain

from darwaza.engine import forwarding
from darwaza.engine.export import collect
from darwaza.engine.intake import Reroute
from darwaza.engine.routing import SETTLES_AFTER
from darwaza.engine.unit import Unit
from darwaza.engine.voyage import DELIVERED, EXPIRED, UNDELIVERABLE, UNDER_WAY
from darwaza.kernel import evidence, locality, policy
from darwaza.kernel.examination import verify
from darwaza.kernel.health import Condition, Measure
from darwaza.kernel.machine import Draft
from darwaza.kernel.message import sealed_digest

MARK = b"content that only Karachi may read"


def darken(chain, *members):
    """Let gateways go dark, and everybody else know."""
    chain.dark |= set(members)
    for code, engine in chain.engines.items():
        for member in members:
            if member in engine.site.trust.neighbours(code):
                engine.site.routing.measured(member, Measure(Condition.DOWN, 0, 1_000_000))
            elif code not in members:
                engine.site.routing.cut(member, chain.world.clock.now() + timedelta(hours=1))


def test_message_travels_sealed_over_two_relays():
    """Almaty to Karachi over Tashkent and Kabul: acted upon once, and no relay's store holds the plain text."""
    chain = Chain()
    case_id, message_id = chain.offer("KZ/trader", "PK/agency", MARK)
    assert chain.path("KZ", message_id) == ("KZ", "UZ", "AF", "PK")
    chain.carry()
    assert chain.state("PK", case_id) == "arrived"
    assert chain.state("KZ", message_id) == DELIVERED
    for code in ("UZ", "AF"):
        assert MARK not in repr(chain.stores[code]._tables).encode()
        assert MARK.hex() not in repr(chain.stores[code]._tables)
    chain.accept("PK/agency", case_id)
    chain.carry()
    assert chain.state("KZ", case_id) == "handed-over"
    assert not any(engine.site.fleet.voyages for engine in chain.engines.values())
    chain.check()


def test_copies_over_two_paths_act_once():
    """A message sent again over another path does nothing the second time, and both copies are told of."""
    chain = Chain()
    case_id, message_id = chain.offer("KZ/trader", "PK/agency")
    chain.carry(rounds=1, reports=False)
    darken(chain, "AF")
    assert chain.one("KZ", Reroute()) == 1
    assert chain.path("KZ", message_id) == ("KZ", "CN", "PK")
    chain.carry()
    assert chain.state("KZ", message_id) == DELIVERED
    chain.accept("PK/agency", case_id)
    chain.dark.clear()
    chain.carry()
    assert chain.state("KZ", case_id) == "handed-over"
    chain.check()


def test_what_waits_for_a_dead_neighbour_takes_another_way():
    """Messages in the log to a neighbour that went dark reach it by way of others; the log keeps them all the same."""
    links = (("KZ", "UZ"), ("KZ", "CN"), ("CN", "UZ"))
    chain = Chain(links, {})
    chain.settle()
    first, _ = chain.offer("KZ/trader", "UZ/agency", b"one")
    chain.engines["KZ"].site.routing.measured("UZ", Measure(Condition.DOWN, 0, 1_000_000))
    second, _ = chain.offer("KZ/trader", "UZ/agency", b"two")
    assert chain.one("KZ", Reroute()) == 0
    cut = {origin for origin in chain.logs() if "KZ-to-UZ" in origin or "UZ-to-KZ" in origin}
    logs = chain.logs
    chain.logs = lambda: (origin for origin in logs() if origin not in cut)
    chain.carry()
    assert chain.state("UZ", first) == chain.state("UZ", second) == "arrived"
    chain.logs = logs
    chain.carry()
    assert len(chain.headers("KZ", "UZ")) >= 3
    chain.accept("UZ/agency", first)
    chain.carry()
    assert chain.state("KZ", first) == "handed-over"
    chain.check()


def test_silence_is_answered_by_another_path():
    """When nothing is heard of a message it is sent again, and not over the link after which it vanished."""
    chain = Chain()
    _, message_id = chain.offer("KZ/trader", "PK/agency")
    chain.dark.add("AF")  # and nobody has noticed
    chain.carry()
    assert chain.state("KZ", message_id) == UNDER_WAY
    chain.wait(7)
    assert chain.path("KZ", message_id) == ("KZ", "CN", "PK")
    chain.carry()
    assert chain.state("KZ", message_id) == DELIVERED
    chain.dark.clear()
    chain.carry()
    chain.check()


def test_relay_that_comes_back_empty_hands_nothing_on_twice():
    """A relay that lost its disk gets back what it had handed on, and knows it when the message comes again."""
    chain = Chain()
    ids = [chain.offer("KZ/trader", "PK/agency", b"%d" % number)[1] for number in range(3)]
    chain.carry(reports=False)
    handed_on = len(chain.headers("UZ", "AF"))
    chain.lose_disk("UZ")
    chain.carry()
    assert len(chain.headers("UZ", "AF")) == handed_on
    assert chain.engines["UZ"].store.given_back_count() == 0
    chain.wait(7)
    chain.carry()
    assert {chain.state("KZ", one) for one in ids} == {DELIVERED}
    chain.check()


def test_no_allowed_path_is_refused_at_once():
    """A policy that excludes every path, a rule of the origin, an unreadable policy: refused, and by whose rule."""
    chain = Chain()
    for text, code in (("avoid AF CN", "undeliverable"), ("avoid af", "policy_member_expected")):
        outcome = chain.engines["KZ"].site.routing.choose("PK", "documents", 10, sender=text)
        assert (outcome.code, outcome.transient) == (code, False)
    chain.engines["KZ"].site.routing.obey("KZ", locality.parse("documents: leave not PK"))
    outcome = chain.one("KZ", chain.wish("KZ/trader", "PK/agency"))
    assert (outcome.code, "home" in outcome.detail or "does not let" in outcome.detail) == ("undeliverable", True)
    assert {header.kind for header in chain.headers("KZ", "UZ")} == {"link.genesis"}


def test_message_nobody_carries_returns_to_its_sender():
    """When every relay's own rule forbids it, the case hears that it is undeliverable, once its map must be whole."""
    chain = Chain()
    case_id, message_id = chain.offer("KZ/trader", "PK/agency")
    for relay in ("UZ", "CN"):
        chain.engines[relay].site.routing.obey(relay, locality.parse("documents: carry not KZ"))
    chain.carry()
    chain.wait(1)
    chain.carry()
    assert chain.state("KZ", message_id) == UNDER_WAY, "a gateway that just started may not have heard of every path"
    chain.wait(SETTLES_AFTER.total_seconds())
    chain.carry()
    assert chain.state("KZ", message_id) == UNDELIVERABLE
    assert chain.state("KZ", case_id) == "refused"
    assert chain.state("PK", case_id) is None
    chain.check()


def test_destination_keeps_no_body_its_origin_does_not_leave_there():
    """The origin's rule against storage holds at the destination too, and the origin is told."""
    chain = Chain()
    case_id, message_id = chain.offer("KZ/trader", "PK/agency", MARK)
    chain.engines["PK"].site.routing.obey("KZ", locality.parse("*: store not PK"))
    chain.carry()
    assert chain.state("PK", case_id) is None
    assert MARK not in repr(chain.stores["PK"]._tables).encode()
    assert chain.state("KZ", message_id) == UNDELIVERABLE
    chain.check()


def test_expired_message_is_refused_by_its_destination():
    """A message that expired on the way is acted upon nowhere, and its sender hears so from its destination."""
    chain = Chain()
    expires_at = chain.world.clock.now() + timedelta(seconds=3)
    case_id, message_id = chain.offer("KZ/trader", "PK/agency", expires_at=expires_at)
    chain.world.clock.advance(4)
    chain.carry()
    assert chain.state("PK", case_id) is None
    assert chain.state("KZ", message_id) == DELIVERED
    assert chain.state("KZ", case_id) in {"refused", "expired"}
    chain.check()


def test_long_expired_message_goes_no_further():
    """A relay does not hand on for ever what nobody will act upon."""
    chain = Chain()
    expires_at = chain.world.clock.now() + timedelta(seconds=3)
    case_id, message_id = chain.offer("KZ/trader", "PK/agency", expires_at=expires_at)
    chain.world.clock.advance(86_404)
    chain.carry()
    assert {header.kind for header in chain.headers("UZ", "AF")} == {"link.genesis"}
    assert chain.state("PK", case_id) is None
    chain.wait(4)
    assert chain.state("KZ", message_id) in {UNDELIVERABLE, EXPIRED}
    assert chain.state("KZ", case_id) in {"refused", "expired"}
    chain.check()


LIES = {
    "altered": lambda body: msgspec.msgpack.encode([1, b"x" + body[1][1:], body[2]]),
    "hop left out": lambda body: msgspec.msgpack.encode([1, body[1], body[2][1:] or body[2] * 2]),
    "hop invented": lambda body: msgspec.msgpack.encode([1, body[1], [*body[2], body[2][0]]]),
    "not an envelope": lambda body: b"\x00",
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_lying_relay_is_put_aside_and_gone_round(lie, monkeypatch):
    """What a relay alters is put into quarantine by the next member; the message arrives by another path."""
    chain = Chain()
    honest = forwarding.forward

    def lying(passage, arrival, **made):
        header, body = honest(passage, arrival, **made)
        if passage.path[passage.stage] != "AF" or passage.message.kind != "documents.offer":
            return header, body
        wrong = lie(msgspec.msgpack.decode(body))
        return replace(header, body_bytes=len(wrong), body_digest=sealed_digest(wrong)), wrong

    monkeypatch.setattr(forwarding, "forward", lying)
    case_id, message_id = chain.offer("KZ/trader", "PK/agency")
    chain.carry()
    assert chain.state("PK", case_id) is None
    assert len(chain.stores["PK"].quarantined(9)) == 1
    chain.wait(7)
    chain.carry()
    assert chain.path("KZ", message_id) is None
    assert chain.state("KZ", message_id) == DELIVERED
    assert chain.state("PK", case_id) == "arrived"
    chain.check()


def test_relayed_receipts_tell_how_far_it_came():
    """Each relay's receipt is proven by its own log; the origin knows who has it."""
    chain = Chain()
    chain.carry()
    _, message_id = chain.offer("KZ/trader", "PK/agency")
    chain.dark.add("PK")
    chain.carry()
    voyage = chain.engines["KZ"].site.fleet.voyages[message_id]
    assert (voyage.passed, voyage.path) == (2, ("KZ", "UZ", "AF", "PK"))
    assert voyage.report is not None


def test_case_keeps_its_path_and_its_order():
    """What follows in a case takes the path of what is under way, even when another one has become better."""
    chain = Chain()
    case_id, first = chain.offer("KZ/trader", "PK/agency")
    for ends in (("CN", "KZ"), ("CN", "PK")):
        chain.engines["KZ"].site.routing._own[ends] = Measure(Condition.UP, 1_000, 0)
    chain.engines["KZ"].site.routing._forget()
    other_case, other = chain.offer("KZ/trader", "PK/agency")
    assert chain.path("KZ", other) == ("KZ", "CN", "PK")
    unit = Unit(chain.engines["KZ"].site, chain.stores["KZ"], chain.engines["KZ"].logs, chain.world.clock.now())
    draft = Draft("documents.offer", "KZ/trader", "PK/agency", b"", "a/b")
    assert unit.tracking._path(draft, case_id, "PK") == chain.path("KZ", first) == ("KZ", "UZ", "AF", "PK")
    assert unit.tracking._path(draft, other_case, "PK") == ("KZ", "CN", "PK")


def judged(chain, code, message_id, asked="", **changes):
    """The verdict on a message's evidence, exported by one gateway."""
    raw = collect(chain.engines[code], message_id)
    for old, new in changes.items():
        raw = raw.replace(old.encode(), new.encode())
    return verify(raw, chain.world.history, chain.world.clock.now(), policy.parse(asked)), raw


def test_evidence_proves_the_path_at_both_ends():
    """Origin and destination both show, offline, which members carried the message, and hold it against a policy."""
    chain = Chain()
    _, message_id = chain.offer("KZ/trader", "PK/agency")
    chain.carry()
    for code in ("KZ", "PK"):
        verdict, _ = judged(chain, code, message_id, "avoid CN")
        assert verdict.result == "valid", (code, verdict.code, [check.text for check in verdict.checks])
        assert any("It was carried by UZ, AF" in check.text for check in verdict.checks)
        assert judged(chain, code, message_id, "avoid AF")[0].code == "policy_avoid"
        assert judged(chain, code, message_id, "through UZ AF; hops 3")[0].result == "valid"
        assert judged(chain, code, message_id, "hops 2")[0].code == "policy_hops"


def test_evidence_without_a_link_or_with_a_foreign_one_proves_no_path():
    """A link left out, swapped or of another message: the file does not become valid."""
    chain = Chain()
    _, message_id = chain.offer("KZ/trader", "PK/agency")
    _, other = chain.offer("KZ/trader", "PK/agency")
    chain.carry()
    raw, foreign = (evidence.decode(collect(chain.engines["KZ"], one)) for one in (message_id, other))
    now, history = chain.world.clock.now(), chain.world.history
    message, first, second = raw.items[:3]

    def result(*items):
        return verify(evidence.encode(evidence.Evidence(evidence.FORMAT, items)), history, now).code

    assert result(message, first, second) == ""
    assert result(message) == result(message, first) == "hops_missing"
    assert result(message, second) == "hop_header_wrong"
    assert result(message, foreign.items[1], second) == "hop_header_wrong"
    assert result(message, first, second, second) == "path_length_wrong"


def test_evidence_follows_the_copy_that_arrived():
    """A message that was sent twice proves the way on which it was delivered."""
    chain = Chain()
    _, message_id = chain.offer("KZ/trader", "PK/agency")
    darken(chain, "AF")
    chain.one("KZ", Reroute())
    chain.carry()
    assert judged(chain, "KZ", message_id, "avoid AF")[0].result == "valid"


def test_origin_that_comes_back_empty_reads_its_own_letters():
    """An origin that lost its disk gets its messages back from the relay, reads them, and learns their fate."""
    chain = Chain()
    case_id, message_id = chain.offer("KZ/trader", "PK/agency", MARK)
    chain.carry()
    chain.lose_disk("KZ")
    assert chain.state("KZ", case_id) == "offered"
    assert chain.state("KZ", message_id) == UNDER_WAY
    chain.accept("PK/agency", case_id)
    chain.wait(7)
    chain.carry()
    assert chain.state("KZ", message_id) == DELIVERED
    assert chain.state("KZ", case_id) == "handed-over"
    assert chain.engines["KZ"].store.given_back_count() == 0
    chain.check()


def test_withheld_receipt_is_tried_by_others():
    """A neighbour signs for nothing past the deadline: others carry the message there, and sign that they tried."""
    chain = Chain((("KZ", "UZ"), ("KZ", "CN"), ("CN", "UZ")), {})
    chain.carry()
    case_id, message_id = chain.offer("KZ/trader", "UZ/agency")
    logs = chain.logs
    chain.logs = lambda: (origin for origin in logs() if "-to-UZ" not in origin)
    assert chain.one("KZ", Reroute()) == 0
    chain.world.clock.advance(3_601)
    assert chain.one("KZ", Reroute()) == 1
    assert chain.path("KZ", message_id) == ("KZ", "CN", "UZ")
    chain.carry()
    assert "attempted" not in chain.engines["KZ"].site.fleet.tally
    chain.world.clock.advance(3_601)
    chain.carry()
    chain.carry()
    assert chain.engines["KZ"].site.fleet.tally["attempted"] == 1
    verdict, _ = judged(chain, "KZ", message_id)
    assert (verdict.result, verdict.code) == ("cannot_tell", "receipt_missing")
    assert any("In it CN hands the message on to UZ" in check.text for check in verdict.checks)
    chain.logs = logs
    chain.carry()
    assert chain.state("UZ", case_id) == "arrived"
    chain.check()


def test_gateway_with_an_empty_map_answers_the_way_the_question_came():
    """A destination that knows of no link but its own still acts on what arrives, and its answer finds back."""
    chain = Chain()
    case_id, _ = chain.offer("KZ/trader", "PK/agency", expires_at=chain.world.clock.now() + timedelta(seconds=3))
    chain.states = []
    chain.start("PK", seed=1)
    chain.world.clock.advance(4)
    chain.carry()
    assert chain.stores["PK"].quarantined(9) == []
    assert chain.state("KZ", case_id) in {"refused", "expired"}
    chain.check()
