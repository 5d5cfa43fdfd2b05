"""What a settler counts, and what it leaves alone: a cycle that waits costs little, and no neighbour delays another."""

from datetime import timedelta

import pytest

from darwaza.engine.intake import Submit
from darwaza.entry.sample import remittance
from darwaza.entry.settler import COUNT_AGAIN_S_MAX, CYCLES_AT_ONCE_MAX, LOOK_S, Settler
from darwaza.kernel import instant
from darwaza.ports.store import CaseRow, Changes, PartyRow
from darwaza.services.payments.cycle import TOLD_WITHIN, CompareCycle, StateCycle, cycle_id
from darwaza.services.payments.record import Cycle, CycleSum

from .payment_corridor import ALATAU, INDUS, NBK, SBP, PaymentCorridor

DAY_S = 86_400


@pytest.fixture
def corridor(tmp_path):
    made = PaymentCorridor(tmp_path, ("KZ", "PK", "UZ"))
    yield made
    made.close()


def at_the_end_of_a_cycle(corridor, before_s):
    now = int(corridor.clock.now().timestamp())
    corridor.clock.advance(3_600 - now % 3_600 - before_s)
    return int(corridor.clock.now().timestamp()) // 3_600


def look(settler):
    """Pages counted in a look, and the commands it gives."""
    given = list(settler.due())
    return given.count(None), [one for one in given if one is not None]


def test_a_cycle_that_waits_for_a_payment_is_counted_once_and_told_when_that_ends(corridor):
    """However often it is looked at; what was counted with others is not counted again for one that waits."""
    cycle = at_the_end_of_a_cycle(corridor, 21)
    corridor.settled()
    case_id = corridor.ordered()
    assert corridor.call(ALATAU, "POST", f"/v1/payments/{case_id}/confirm").is_success
    corridor.clock.advance(22)
    engine = corridor.gateways["PK"].engine
    settler = Settler(engine, corridor.gateways["PK"].directory)
    pages, given = look(settler)
    assert pages > 0
    assert {one.body.peer for one in given} == {"UZ"}
    for one in given:
        engine.run([one])
    for _ in range(200):
        corridor.clock.advance(LOOK_S)
        assert look(settler) == (0, [])
    corridor.run()
    assert corridor.show(INDUS, case_id)["state"] == "rejected"
    pages, (told,) = look(settler)
    assert pages > 0
    assert (told.body.peer, told.body.cycle, [one.count for one in told.body.sums]) == ("KZ", cycle, [1])


def test_what_differs_is_counted_again_ever_more_seldom(corridor):
    cycle = at_the_end_of_a_cycle(corridor, 600)
    corridor.settled()
    corridor.clock.advance(700)
    lie = (CycleSum("PK", "KZ", "KZT", 1_00, 1),)
    tell(corridor, "KZ", StateCycle("PK", cycle, lie))
    corridor.run()
    settler = corridor.settlers[corridor.gateways["PK"]] = Settler(*parts(corridor, "PK"))
    corridor.close_cycles("PK")
    assert told_notices(corridor) == ["netting.differs"]
    counts = 0
    for _ in range(int(2 * COUNT_AGAIN_S_MAX / LOOK_S)):
        corridor.clock.advance(LOOK_S)
        pages, given = look(settler)
        counts += pages > 0
        assert given == []
    assert 1 < counts < 12


def test_a_neighbour_that_tells_hundreds_of_old_cycles_does_not_delay_the_settlement_with_another(corridor):
    """They take turns, and what it tells of a time before any payment opens nothing."""
    corridor.settled()
    cycle = at_the_end_of_a_cycle(corridor, 0) - 1
    lie = (CycleSum("PK", "UZ", "UZS", 1_00, 1),)
    lies = range(cycle - 100, cycle - 2)
    ancient = cycle - int(TOLD_WITHIN.total_seconds()) // 3_600 - 1
    for number in (ancient, *lies):
        tell(corridor, "UZ", StateCycle("PK", number, lie))
    tell(corridor, "KZ", StateCycle("PK", cycle, ()))
    corridor.run()
    store = corridor.gateways["PK"].engine.store
    held = store.cases(cycle_id("PK", "UZ", number) for number in (ancient, *lies))
    assert len(held) == len(lies)
    assert cycle_id("PK", "UZ", ancient) not in held
    refused = store.case_leaves(cycle_id("PK", "UZ", ancient))
    assert sorted(b'"netting.refused"' in header for _, _, header in refused) == [False, True]
    settler = Settler(*parts(corridor, "PK"))
    before, asked = 0, []
    for given in settler.due():
        if given is None:
            before += not any(one.body.peer == "KZ" for one in asked)
        else:
            asked.append(given)
    banks = 2
    assert before <= 2 * 2 * banks, "so many pages have two cycles at most"
    assert ("KZ", cycle) in {(one.body.peer, one.body.cycle) for one in asked}
    assert sum(one.body.peer == "UZ" for one in asked) <= CYCLES_AT_ONCE_MAX + 1
    corridor.close_cycles()
    found = corridor.get(SBP, "/v1/payments/settlements", params={"cycle": str(cycle)})
    assert {one["member"]: one["waits_for"] for one in found["agreements"]} == {"KZ": "", "UZ": ""}


def test_a_cycle_that_comes_back_late_is_found_though_it_was_opened_long_before(corridor):
    """As one does after a loss, with the time of its message, when younger ones are settled already."""
    cycle = at_the_end_of_a_cycle(corridor, 0) - 1
    corridor.close_cycles()
    settler, engine = Settler(*parts(corridor, "PK")), corridor.gateways["PK"].engine
    assert look(settler) == (0, [])
    back = Cycle(number=cycle - 9, peer="KZ", own=(), theirs=())
    opened_at = instant.to_fine_text(corridor.clock.now() - timedelta(hours=9))
    name = cycle_id("PK", "KZ", back.number)
    row = CaseRow(name, "netting", "comparing", engine.site.encode(back), None, opened_at, opened_at[:23] + "Z", None)
    changes = Changes(cases={name: row}, parties=[PartyRow("PK/gateway", "netting", opened_at, name)])
    engine.store.commit(changes)
    engine.site.tell(changes)
    _, (compare,) = look(settler)
    assert (compare.case_id, compare.body) == (name, CompareCycle(()))


def tell(corridor, code, sums):
    """Let a gateway state a cycle, whatever it has decided."""
    case_id = cycle_id(code, sums.peer, sums.cycle)
    given = Submit(f"{code}/gateway", frozenset(), "netting", "state", "", b"", sums, case_id, opens=True)
    corridor.gateways[code].engine.run([given])


def parts(corridor, code):
    return corridor.gateways[code].engine, corridor.gateways[code].directory


def told_notices(corridor):
    store = corridor.gateways["PK"].engine.store
    return [one.kind for one in store.notices(SBP, 0, 500) if one.kind.startswith("netting.")]


def daily(folder):
    (folder / "payments.toml").write_text(f"cycle_s = {DAY_S}\n" + remittance.PLAN)


@pytest.mark.parametrize("code", ["PK", "KZ"])
def test_cycles_of_long_ago_are_settled_after_a_lost_disk_and_after_a_long_cut(tmp_path, code):
    """What was told of them is a matter of both: a limit on old ones does not stand in the way."""
    corridor = PaymentCorridor(tmp_path, furnish=daily)
    try:
        kept = corridor.backup(code)
        corridor.settled()
        cycle = int(corridor.clock.now().timestamp()) // DAY_S
        corridor.cut = {"KZ", "PK"}
        for days in (1, TOLD_WITHIN.days + 5):
            corridor.clock.advance(days * DAY_S)
            for one in ("PK", "KZ"):
                corridor.close_cycles(one)
        corridor.cut = set()
        corridor.run()
        corridor.close_cycles()
        before = instructions(corridor, cycle)
        assert len(before) == 2
        assert len(set(before)) == 1
        corridor.lose(code, kept)
        corridor.run()
        corridor.close_cycles()
        assert instructions(corridor, cycle) == before
    finally:
        corridor.close()


def instructions(corridor, cycle):
    views = [corridor.get(who, "/v1/payments/settlements", params={"cycle": str(cycle)}) for who in (SBP, NBK)]
    return [one["instruction"] for view in views for one in view["bilateral"] if one.get("instruction")]
