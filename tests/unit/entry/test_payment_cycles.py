"""Settlement of cycles: both gateways instruct the same sum, whatever is on its way, and keep to it."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from darwaza.engine.intake import Submit
from darwaza.entry.cli.main import main
from darwaza.entry.cli.netting import print_cycle
from darwaza.entry.settler import Settler, SettlerTask
from darwaza.services.payments.cycle import StateCycle, cycle_id
from darwaza.services.payments.record import CycleSum
from darwaza.standards.iso20022.message import read

from .payment_corridor import ALATAU, CHORSU, INDUS, NBK, SBP, PaymentCorridor

LONG_S = 3_700
WAIT_S = 60.0


@pytest.fixture
def corridor(tmp_path):
    made = PaymentCorridor(tmp_path)
    made.do(NBK, "/v1/payments/deposits", {"participant": ALATAU, "amount": "1000.00", "id": "fees"})
    yield made
    made.close()


def now_in(corridor):
    return int(corridor.clock.now().timestamp()) // 3_600


def settlements(corridor, who, cycle):
    return corridor.get(who, "/v1/payments/settlements", params={"cycle": str(cycle)})


def instructions(found):
    return [one["instruction"] for one in found["bilateral"] if one.get("instruction")]


def amounts(found):
    return [(one["debtor"], one["creditor"], one["net"]["amount"]) for one in found["bilateral"]]


def waits(found):
    return {one["member"]: one["waits_for"] for one in found["agreements"]}


def tell(corridor, code, sums):
    """Let a gateway state a cycle, whatever it has decided."""
    case_id = cycle_id(code, sums.peer, sums.cycle)
    given = Submit(f"{code}/gateway", frozenset(), "netting", "state", "", b"", sums, case_id, opens=True)
    corridor.gateways[code].engine.run([given])


@pytest.mark.parametrize(("priority", "hears"), [("NORM", SBP), ("HIGH", NBK)])
def test_a_payment_whose_end_is_on_its_way_is_waited_for_where_it_is_not_known(corridor, priority, hears):
    """Credited in Almaty and unknown in Karachi, or the other way round: neither instructs without the other's word."""
    case_id, cycle = corridor.ordered(priority=priority), now_in(corridor)
    assert corridor.call(ALATAU, "POST", f"/v1/payments/{case_id}/confirm").is_success
    if hears == NBK:
        corridor.carry("KZ", "PK")
    corridor.clock.advance(LONG_S)
    decider, other = ("KZ", "PK") if hears == SBP else ("PK", "KZ")
    corridor.close_cycles(decider)
    knows = NBK if hears == SBP else SBP
    early = settlements(corridor, knows, cycle)
    assert amounts(early) == [("PK", "KZ", "175000.00")]
    assert (instructions(early), waits(early)[other]) == ([], "sums_awaited")
    assert [one["waits_for"] for one in early["bilateral"]] == ["sums_awaited"]
    assert waits(settlements(corridor, hears, cycle))[decider] == "own_sums_awaited"
    corridor.close_cycles()
    here, there = (settlements(corridor, who, cycle) for who in (SBP, NBK))
    assert amounts(here) == amounts(early)
    assert len(instructions(here)) == 1
    assert instructions(here) == instructions(there)


def test_an_urgent_payment_that_may_still_be_settled_holds_its_own_gateway_back(corridor):
    """It stands in the cycle of its deadline to answer, and is decided a moment later, perhaps in the next cycle."""
    end = datetime.fromtimestamp((now_in(corridor) + 1) * 3_600, UTC)
    corridor.clock.advance((end - corridor.clock.now()).total_seconds() - 21)
    cycle = now_in(corridor)
    case_id = corridor.ordered()
    answer_by = datetime.fromisoformat(corridor.show(INDUS, case_id)["answer_by"])
    assert answer_by < end < datetime.fromisoformat(corridor.show(INDUS, case_id)["decide_by"])
    assert corridor.call(ALATAU, "POST", f"/v1/payments/{case_id}/confirm").is_success
    corridor.clock.advance(22)
    corridor.close_cycles("PK")
    assert settlements(corridor, SBP, cycle)["agreements"][0]["waits_for"] == "own_sums_awaited"
    corridor.run()
    assert corridor.show(INDUS, case_id)["state"] == "settled"
    corridor.close_cycles()
    here, there = (settlements(corridor, who, cycle) for who in (SBP, NBK))
    assert instructions(here) == instructions(there) != []


def test_what_the_other_may_still_settle_is_not_agreed_on_without_it(corridor):
    """PK tells its sums before it decides an urgent payment of the cycle, without it, and settles it then."""
    end = datetime.fromtimestamp((now_in(corridor) + 1) * 3_600, UTC)
    corridor.clock.advance((end - corridor.clock.now()).total_seconds() - 21)
    cycle = now_in(corridor)
    case_id = corridor.ordered()
    assert corridor.call(ALATAU, "POST", f"/v1/payments/{case_id}/confirm").is_success
    corridor.clock.advance(22)
    tell(corridor, "PK", StateCycle("KZ", cycle, ()))
    corridor.carry("PK", "KZ")
    corridor.close_cycles("KZ")
    assert waits(settlements(corridor, NBK, cycle))["PK"] == "sums_awaited"
    corridor.run()
    assert corridor.show(INDUS, case_id)["state"] == "settled"
    corridor.close_cycles("KZ")
    assert waits(settlements(corridor, NBK, cycle))["PK"] == "sums_differ"


@pytest.mark.parametrize("before_s", [1, 0], ids=["in the last second", "in the first of the next"])
def test_a_return_on_its_way_stands_in_the_cycle_in_which_it_was_made(corridor, before_s):
    """The payer's gateway has not heard of it when the cycle is over: it waits for the other's sums, which have it."""
    kept, given = corridor.settled(), corridor.settled()
    cycle = now_in(corridor)
    end = datetime.fromtimestamp((cycle + 1) * 3_600, UTC)
    corridor.clock.advance((end - corridor.clock.now()).total_seconds() - before_s)
    assert corridor.call(ALATAU, "POST", f"/v1/payments/{given}/return", {"reason": "AC04"}).is_success
    corridor.clock.advance(before_s)
    corridor.close_cycles("PK")
    early = settlements(corridor, SBP, cycle)
    assert (amounts(early), instructions(early)) == ([("PK", "KZ", "350000.00")], [])
    corridor.close_cycles()
    here, there = (settlements(corridor, who, cycle) for who in (SBP, NBK))
    sums = {1: "175000.00", 0: "350000.00"}
    assert amounts(here) == amounts(there) == [("PK", "KZ", sums[before_s])]
    assert instructions(here) == instructions(there) != []
    assert {corridor.show(INDUS, one)["state"] for one in (kept, given)} == {"settled", "returned"}
    corridor.clock.advance(3_600)
    corridor.close_cycles()
    after = [settlements(corridor, who, cycle + 1) for who in (SBP, NBK)]
    assert [amounts(one) for one in after] == [[] if before_s else [("KZ", "PK", "175000.00")]] * 2
    assert instructions(settlements(corridor, SBP, cycle)) == instructions(here)


def test_what_both_told_is_in_the_messages_and_adds_up_to_the_instruction(corridor):
    """Either sees what each decided: PK the urgent payments, KZ the ordinary ones and the returns."""
    urgent, ordinary = corridor.settled(), corridor.ordered(priority="NORM")
    corridor.do(ALATAU, f"/v1/payments/{ordinary}/confirm", None)
    cycle = now_in(corridor)
    corridor.do(ALATAU, f"/v1/payments/{urgent}/return", {"reason": "AC04"})
    corridor.clock.advance(LONG_S)
    corridor.close_cycles()
    here, there = (settlements(corridor, who, cycle)["agreements"][0] for who in (SBP, NBK))
    money = {"amount": "175000.00", "currency": "KZT"}
    paid = {"debtor": "PK", "creditor": "KZ", "amount": money, "count": 1}
    returned = paid | {"debtor": "KZ", "creditor": "PK"}
    assert here == {
        "member": "KZ",
        "waits_for": "",
        "own": [paid],
        "theirs": [returned, paid],
        "seen": [returned, paid],
    }
    assert there == {"member": "PK", "waits_for": "", "own": [returned, paid], "theirs": [paid], "seen": [paid]}
    instruction = read(instructions(settlements(corridor, SBP, cycle))[0].encode())
    assert instruction.transactions[0].amount.text() == "175000.00"


def test_a_difference_is_told_the_operators_and_not_instructed(corridor, capsys):
    """KZ tells another sum than its messages come to."""
    corridor.settled()
    cycle = now_in(corridor)
    corridor.clock.advance(LONG_S)
    tell(corridor, "KZ", StateCycle("PK", cycle, (CycleSum("PK", "KZ", "KZT", 1_00, 1),)))
    corridor.run()
    corridor.close_cycles("PK")
    found = settlements(corridor, SBP, cycle)
    assert [one["waits_for"] for one in found["bilateral"]] == ["sums_differ"]
    assert (found["agreements"][0]["theirs"], found["agreements"][0]["seen"]) == (
        [{"debtor": "PK", "creditor": "KZ", "amount": {"amount": "1.00", "currency": "KZT"}, "count": 1}],
        [],
    )
    print_cycle(found, [Path("out/a.xml")])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:3] == ["PK owes KZ 175,000.00 KZT", "instruction to pay: out/a.xml"]
    assert "Pay nothing; ask its settlement operator" in lines[3]
    assert lines[4:6] == ["it told: PK owes KZ 1.00 KZT, 1 of them", "counted here: nothing"]
    store = corridor.gateways["PK"].engine.store
    assert [one.kind for one in store.notices(SBP, 0, 500)].count("netting.differs") == 1


def test_a_member_that_is_not_reached_is_not_settled_with_and_keeps_nobody_waiting(tmp_path):
    corridor = PaymentCorridor(tmp_path, ("KZ", "PK", "UZ"))
    try:
        for bank in (ALATAU, CHORSU):
            corridor.settled(bank)
        cycle = now_in(corridor)
        corridor.cut = {"UZ"}
        corridor.clock.advance(LONG_S)
        corridor.close_cycles()
        found = settlements(corridor, SBP, cycle)
        assert waits(found) == {"KZ": "", "UZ": "sums_awaited"}
        instructed = {debt["creditor"]: bool(debt.get("instruction")) for debt in found["bilateral"]}
        assert instructed == {"KZ": True, "UZ": False}
    finally:
        corridor.close()


@pytest.mark.parametrize("code", ["PK", "KZ"])
@pytest.mark.parametrize("late", [False, True], ids=["told", "not yet told"])
def test_a_lost_disk_gives_out_the_same_instruction(corridor, code, late):
    """From the messages of both; a gateway that had not told before tells the same when it has everything back."""
    kept = corridor.backup(code)
    given = corridor.settled()
    corridor.settled()
    cycle = now_in(corridor)
    corridor.do(ALATAU, f"/v1/payments/{given}/return", {"reason": "AC04"})
    corridor.clock.advance(LONG_S)
    if late:
        corridor.close_cycles("KZ" if code == "PK" else "PK")
        corridor.run()
    else:
        corridor.close_cycles()
        before = [instructions(settlements(corridor, who, cycle)) for who in (SBP, NBK)]
    corridor.lose(code, kept)
    corridor.run()
    corridor.close_cycles()
    after = [instructions(settlements(corridor, who, cycle)) for who in (SBP, NBK)]
    assert after[0] == after[1] != []
    assert late or after == before


def test_a_running_gateway_closes_cycles_by_itself(corridor):
    """And goes on when something is refused for now."""
    corridor.settled()
    cycle = now_in(corridor)
    corridor.clock.advance(LONG_S)

    async def look(code):
        gateway = corridor.gateways[code]

        async def submit(given):
            return gateway.engine.run([given])[0]

        looked = asyncio.Event()

        class Watched(Settler):
            def due(self):
                yield from super().due()
                looked.set()

        task = asyncio.create_task(SettlerTask(Watched(gateway.engine, gateway.directory), submit).run())
        await asyncio.wait_for(looked.wait(), WAIT_S)
        task.cancel()

    for code in ("PK", "KZ", "PK", "KZ"):
        asyncio.run(look(code))
        corridor.run()
    assert len(instructions(settlements(corridor, SBP, cycle))) == 1
    assert instructions(settlements(corridor, SBP, cycle)) == instructions(settlements(corridor, NBK, cycle))


def test_a_gateway_that_was_away_tells_every_cycle_one_after_the_other(corridor):
    corridor.settled()
    cycle = now_in(corridor)
    corridor.clock.advance(40 * 3_600)
    corridor.close_cycles()
    assert {waits(settlements(corridor, who, one))[peer] for one in (cycle, cycle + 39) for who, peer in OTHERS} == {""}


def test_a_cycle_that_waited_while_a_later_one_was_told_is_told_after_a_start(corridor):
    corridor.clock.advance(3_600)
    corridor.close_cycles()
    corridor.settled()
    corridor.settlers.clear()
    cycle = now_in(corridor)
    corridor.clock.advance(2 * 3_600)
    for code, peer in (("PK", "KZ"), ("KZ", "PK")):
        tell(corridor, code, StateCycle(peer, cycle + 1, ()))
    corridor.run()
    corridor.close_cycles()
    assert {waits(settlements(corridor, who, one))[peer] for one in (cycle, cycle + 1) for who, peer in OTHERS} == {""}


OTHERS = ((SBP, "KZ"), (NBK, "PK"))


class TestTogether:
    """Three countries' views, put together by anybody, with no gateway."""

    @pytest.fixture
    def views(self, tmp_path):
        """Files of Pakistan's, Kazakhstan's and Uzbekistan's views of a cycle in which PK paid both."""
        corridor = PaymentCorridor(tmp_path / "corridor", ("KZ", "PK", "UZ"))
        try:
            for bank in (ALATAU, CHORSU):
                corridor.settled(bank)
            cycle = now_in(corridor)
            corridor.clock.advance(LONG_S)
            corridor.close_cycles()
            found = {code: settlements(corridor, who, cycle) for code, who in OPERATORS.items()}
        finally:
            corridor.close()
        return found

    def run(self, folder, views, *more):
        for code, view in views.items():
            (folder / f"{code}.json").write_text(json.dumps(view), "utf-8")
        files = [str(folder / f"{code}.json") for code in views]
        return CliRunner().invoke(main, ["payments", "together", *files, *more])

    def test_what_all_pairs_agree_on_adds_up(self, tmp_path, views):
        done = self.run(tmp_path, views, "--json")
        assert done.exit_code == 0, done.output
        found = json.loads(done.output)
        assert found["pending"] == []
        assert {(one["member"], one["currency"]): one["amount"] for one in found["multilateral"]} == {
            ("KZ", "KZT"): "175000.00",
            ("PK", "KZT"): "-175000.00",
            ("PK", "UZS"): "-4350000.00",
            ("UZ", "UZS"): "4350000.00",
        }
        assert len(found["settlement"]) == 2
        assert "PK owes 175000.00 KZT" in self.run(tmp_path, views).output

    def test_a_pair_that_is_not_agreed_is_pending(self, tmp_path, views):
        for one in views["UZ"]["agreements"]:
            one["waits_for"] = "sums_awaited"
        found = json.loads(self.run(tmp_path, views, "--json").output)
        assert ["PK", "UZ"] in found["pending"]
        assert {one["currency"] for one in found["multilateral"]} == {"KZT"}
        assert "PK and UZ have not agreed" in self.run(tmp_path, views).output

    def test_views_that_contradict_one_another_are_refused(self, tmp_path, views):
        (agreed,) = [one for one in views["KZ"]["agreements"] if one["member"] == "PK"]
        agreed["theirs"][0]["amount"]["amount"] = "175000.01"
        assert "views_differ" in self.run(tmp_path, views, "--json").output

    @pytest.mark.parametrize("wrong", ["other cycle", "twice", "no view"])
    def test_what_is_no_view_of_the_cycle_is_refused(self, tmp_path, views, wrong):
        views["KZ"] = {
            "other cycle": views["KZ"] | {"cycle": 1},
            "twice": views["PK"],
            "no view": {"cycle": "today"},
        }[wrong]
        assert "view_malformed" in self.run(tmp_path, views, "--json").output


OPERATORS = {"PK": SBP, "KZ": NBK, "UZ": "UZ/cbu"}
