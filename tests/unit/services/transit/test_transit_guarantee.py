"""Guarantees: accepted exactly once, never over the cover, released exactly once, cancelled when free."""

import msgspec
import pytest
from tests.unit.services.transit.world import (
    START,
    Accept,
    World,
    accepted,
    declaration,
    discharge,
    drive,
    legs_karachi,
    register,
    stamp,
    start,
    terms,
    uid,
)

from darwaza.kernel.machine import Decision, Received
from darwaza.services.transit import booking
from darwaza.services.transit.guarantee import Exposure, Register, exposures, guarantee_case
from darwaza.standards.etir.external import E1, E3
from darwaza.standards.etir.internal import I1
from darwaza.standards.etir.value import SealMark
from darwaza.standards.etir.wire import decode, encode


def lodge(world, name, guarantee, **more):
    """Lodge a movement whose guarantee is already registered; return it."""
    made = declaration(name, guarantee=guarantee, **more)
    home = world.gateways[made.holder_party[:2]]
    assert isinstance(home.do("declare", made.movement, made, party=made.holder_party), Decision)
    world.run()
    return made


def ask(world, made):
    office = made.legs[0].entry_office
    body = Accept(stamp(world, office), (SealMark("S" + made.movement[:6]),))
    return world.gateways[office[:2]].do("accept", made.movement, body)


def test_used_in_two_countries_at_once():
    """Two countries ask for one carnet at the same moment: one gets it, the other learns that it covers another."""
    world = World(("UZ", "AF", "PK"))
    guarantee = terms(guarantor="AF", chain="AF/acci")
    register(world, guarantee, "AF")
    back = (
        type(legs_karachi()[0])("PK", "PKKHI", "PKTOR", "AF-PK/TORKHAM", 1_000_000),
        type(legs_karachi()[0])("AF", "AFRKH", "AFKBL", None, 1_000_000),
    )
    first = lodge(world, "m1", guarantee)
    second = lodge(world, "m2", guarantee, legs=back, holder_party="PK/khyber-freight")
    assert ask(world, first).state == "asking"
    assert ask(world, second).state == "asking"
    world.run(shuffle=True)
    outcome = {
        first.movement: world.uz.cases["transit", first.movement].state,
        second.movement: world.pk.cases["transit", second.movement].state,
    }
    assert sorted(outcome.values()) == ["accepted", "declined"]
    loser = next(movement for movement, state in outcome.items() if state == "declined")
    gateway = world.uz if loser == first.movement else world.pk
    (fault,) = gateway.movement(loser).faults
    assert (fault.code, fault.pointer) == (201, "/terms/reference")


def test_only_customs_on_the_way_asks_for_a_guarantee():
    """A member that is not on the way, or speaks for another's office, cannot bind a guarantee."""
    world = World(("UZ", "AF", "PK", "KZ"))
    guarantee = terms(guarantor="AF", chain="AF/acci")
    register(world, guarantee, "AF")
    made = lodge(world, "m1", guarantee)
    ask(world, made)
    message = world.queue.pop()[4]
    for origin in ("KZ/customs", "PK/customs"):
        forged = msgspec.structs.replace(message, origin=origin)
        assert world.af.give("transit", made.movement, forged).code == "not_authority"
    assert isinstance(world.af.give("transit", made.movement, message), Decision)
    again = decode(message.body, I1)
    other = encode(msgspec.structs.replace(again, terms=terms("JX2", guarantor="AF", chain="AF/acci")))
    swapped = msgspec.structs.replace(message, body=other)
    assert world.af.give("transit", made.movement, swapped).code == "other_case"


def test_a_carnet_is_spent_by_its_journey():
    """After the discharge a single-use guarantee is free of liabilities, and still covers no second journey."""
    world = World()
    movement = accepted(world)
    for leg in range(3):
        drive(world, movement, leg)
    for leg, office in enumerate(("UZTAS", "AFHRT", "PKTOR")):
        world.gateways[office[:2]].do("discharge", movement, discharge(world, movement, leg, office))
    world.run()
    made = lodge(world, "m2", terms())
    refused = ask(world, made)
    assert (refused.code, refused.transient) == ("guarantee_already_used", False)


def test_altered_terms_name_no_guarantee():
    """Whoever raises the cover on the paper asks for a guarantee that does not exist."""
    world = World()
    register(world, terms())
    made = lodge(world, "m1", terms(cover=9_500_000))
    assert ask(world, made).code == "guarantee_not_found"


def test_a_comprehensive_guarantee_covers_up_to_its_sum():
    """Several movements share one sum; the one that does not fit waits until another is discharged."""
    world = World(("UZ", "TM"))
    guarantee = terms(
        "CG1", regime="cats", kind="comprehensive", per_member=False, single_use=False, members=("UZ", "TM"), cover=100
    )
    register(world, guarantee)
    leg = type(legs_karachi()[0])
    way = (leg("UZ", "UZTAS", "UZ-ALAT", "TM-UZ/FARAP", 30), leg("TM", "TMFAR", "TMASB", None, 20))
    made = [lodge(world, f"m{n}", guarantee, legs=way, regime="cats") for n in range(3)]
    assert isinstance(ask(world, made[0]), Decision)
    assert isinstance(ask(world, made[1]), Decision)
    short = ask(world, made[2])
    assert (short.code, short.transient) == ("guarantee_cover_short", True)
    world.run()
    cover = booking.cover_account(booking.terms_digest(guarantee), "*")
    assert world.uz.stored.all_accounts[cover].balance.available == 0
    for n in range(2):
        drive(world, made[0].movement, n)
    for n, office in enumerate(("UZTAS", "TMFAR")):
        world.gateways[office[:2]].do("discharge", made[0].movement, discharge(world, made[0].movement, n, office))
        world.run()
    assert world.uz.stored.all_accounts[cover].balance.available == 50
    assert isinstance(ask(world, made[2]), Decision)


def test_exposure_of_holder_chain_and_member():
    """Reserved becomes in use with the start and released with the discharge, per holder, chain and member."""
    world = World()
    movement = accepted(world)
    drive(world, movement, 0)
    world.af.do("start", movement, start(world, movement, 1, "AFHRT"))
    world.uz.do("discharge", movement, discharge(world, movement, 0, "UZTAS"))
    world.run()
    found = exposures([world.uz.movement(movement)])
    holder, chain = "UZB/041/1234", "UZ/aircuz"
    assert found[holder, chain, "UZ", "EUR"] == Exposure(released_minor=4_000_000)
    assert found[holder, chain, "AF", "EUR"] == Exposure(in_use_minor=4_000_000)
    assert found[holder, chain, "PK", "EUR"] == Exposure(reserved_minor=4_000_000)
    account = world.uz.stored.all_accounts[booking.exposure_account(chain, "PK", "EUR")]
    assert account.balance.credits_pending == 4_000_000


class TestRegistering:
    def test_guards(self):
        """Role, chain, guarantor, regime and terms are checked; the same terms register once."""
        world = World()
        body = Register(terms(), "UZ/silk-road-trans")

        def put(case, body, party="UZ/aircuz", roles=frozenset({"guarantee-chain"}), gateway="UZ"):
            return world.gateways[gateway].do("register", uid(case), body, party=party, roles=roles, name="guarantee")

        assert put("a", body, roles=frozenset()).code == "role_missing"
        assert put("a", body, party="UZ/other").code == "not_yours"
        nowhere = Register(terms(guarantor="KZ"), "UZ/silk-road-trans")
        assert put("a", nowhere).code == "nobody_to_forward_to"
        for change, code in (
            ({"regime": "none"}, "regime_unknown"),
            ({"kind": "bank"}, "guarantee_kind_unknown"),
            ({"members": ("UZ", "IR")}, "guarantee_terms_wrong"),
            ({"per_member": False}, "guarantee_terms_wrong"),
        ):
            wrong = Register(msgspec.structs.replace(terms(), **change), "UZ/silk-road-trans")
            assert put("a", wrong).code == code
        assert isinstance(put("a", body), Decision)
        assert put("b", body).code == "guarantee_already_registered"
        bank = terms("B", regime="aptta", kind="bank", per_member=False, single_use=False, members=("AF", "PK"))
        assert put("c", Register(bank, "UZ/x")).code == "guarantee_terms_wrong"  # five months; the law says a year

    def test_a_chain_elsewhere_uses_e1_and_e3(self):
        """A chain at another gateway registers and cancels by message and gets E2 and E4."""
        world = World()
        guarantee = terms(chain="PK/pncc")
        case = guarantee_case("UZ", guarantee.reference)
        message = Received(
            "guarantee.e1", uid("x"), "PK/pncc", "UZ/customs", START, None, None, "", encode(E1(guarantee))
        )
        done = world.uz.give("guarantee", case, message)
        assert [draft.kind for draft in done.messages] == ["guarantee.e2"]
        forged = msgspec.structs.replace(message, origin="AF/other")
        assert world.uz.give("guarantee", case, forged).code == "not_yours"
        assert world.uz.give("guarantee", uid("h"), message).code == "other_case"
        astray = msgspec.structs.replace(message, body=encode(E1(terms("JX7", guarantor="AF", chain="PK/pncc"))))
        assert world.uz.give("guarantee", guarantee_case("AF", "JX7"), astray).messages[0].kind == "guarantee.e2"
        assert world.uz.cases["guarantee", guarantee_case("AF", "JX7")].data.faults[0].pointer == "/terms/guarantor"
        cancel = Received(
            "guarantee.e3", uid("y"), "PK/pncc", "UZ/customs", START, None, None, "",
            encode(E3(guarantee.reference, guarantee.holder, "sold")),
        )  # fmt: skip
        ended = world.uz.give("guarantee", case, cancel)
        assert ended.state == "cancelled"

    def test_cancelling(self):
        """Free cover goes back at once; what is in use follows when its movement ends; nothing new is accepted."""
        world = World()
        movement = accepted(world)
        case = uid("g" + terms().reference + str(terms().cover_minor))
        body = E3(terms().reference, terms().holder, "fraud")

        def cancel(body=body):
            return world.uz.do("cancel", case, body, party="UZ/aircuz", name="guarantee")

        assert cancel(E3(terms().reference, "OTHER", "x")).code == "holder_mismatch"
        assert cancel().state == "cancelling"
        assert cancel().code == "guarantee_already_cancelled"
        for leg in range(3):
            drive(world, movement, leg)
        for leg, office in enumerate(("UZTAS", "AFHRT", "PKTOR")):
            world.gateways[office[:2]].do("discharge", movement, discharge(world, movement, leg, office))
            world.run()
        assert cancel().state == "cancelled"
        digest = booking.terms_digest(terms())
        for member in terms().members:
            assert world.uz.stored.all_accounts[booking.cover_account(digest, member)].balance.posted == 0


@pytest.mark.parametrize("kind", ["insurance", "bank"])
def test_kinds_follow_the_law_of_the_day(kind):
    """APTTA took insurance until October 2023; today it takes a bank guarantee: data decide, not code."""
    world = World(("AF", "PK"))
    year = START.replace(year=2027, month=4)
    guarantee = terms(
        "BG", guarantor="PK", chain="PK/nbp", regime="aptta", kind=kind, per_member=False, single_use=False,
        members=("AF", "PK"), valid_until=year,
    )  # fmt: skip
    outcome = world.pk.do("register", uid("g"), Register(guarantee, "PK/x"), party="PK/nbp", name="guarantee")
    assert (outcome.state if isinstance(outcome, Decision) else outcome.code) == (
        "registered" if kind == "bank" else "guarantee_kind_unknown"
    )
