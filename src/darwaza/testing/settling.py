"""A simulation of payments whose gateways close settlement cycles, as short as a life, and settle what they agree on.

The banks, faults and books of ``darwaza.testing.paying``, with more returns and recalls, so that some are on their way
whenever a cycle ends. The auditor adds up each cycle by itself: what the payee's ledger paid out, to banks or into
suspense, and took back, in the cycles that the messages name. Both gateways have to tell sums that come to it, agree on
every cycle, and never change what they agreed on, not even after a lost disk.

To see what one seed does: ``python -m darwaza.testing.settling 42``.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from darwaza.engine.intake import Outcome
from darwaza.entry.settler import Settler
from darwaza.errors import PushbackError
from darwaza.kernel.machine import Refusal, Service
from darwaza.ports.store import Changes, LeafRow, Store
from darwaza.services import payments
from darwaza.services.payments import message
from darwaza.services.payments.cycle import AGREED, cycle_id, netting_service
from darwaza.services.payments.record import Cycle, Payment
from darwaza.testing.auditor import Auditor, BrokenError
from darwaza.testing.bookkeeper import MoneyAuditor
from darwaza.testing.party import Parties
from darwaza.testing.paying import FLOORS, SHORT, Banks, PaymentSimulation, screen

CYCLE_S = 1
SETTLE_S = 0.5
LONGER_S = 3.0
PLAN = msgspec.structs.replace(SHORT, cycle_s=CYCLE_S)
_MADE = re.compile(rb"<CreDtTm>([^<]+)</CreDtTm>")

_decode = msgspec.msgpack.Decoder(Cycle).decode


class SettlementAuditor(MoneyAuditor):
    """The auditor of money, with every cycle that was agreed on.

    Attributes:
        refunded_at: when the payer's gateway paid back what was returned, by case.
    """

    def __init__(self, members: tuple[str, ...], is_whole: Callable[[], bool]) -> None:
        super().__init__(members, FLOORS, is_whole)
        self._agreed: dict[str, dict[str, tuple[Any, Any]]] = {}
        self.refunded_at: dict[str, str] = {}

    def committed(self, member: str, changes: Changes, store: Store) -> None:
        """What was agreed stays as it is."""
        super().committed(member, changes, store)
        for transfer in changes.transfers if member == self.payer else ():
            if transfer.id.endswith("/refund"):
                self.refunded_at[transfer.id.partition("/")[0]] = transfer.applied_at
        for row in changes.cases.values():
            if row.service == "netting" and row.state == AGREED:
                cycle = _decode(row.data)
                told = cycle.own, cycle.theirs
                if self._agreed.setdefault(row.id, {}).setdefault(member, told) != told:
                    raise BrokenError(f"I11: {member} agreed on cycle {cycle.number} before, and on other sums")

    def check_cycles(self, stores: dict[str, Store], ended: range) -> None:
        """At the end: both told sums that come to what the ledger did, cycle by cycle, and agreed."""
        leaves = {code: _own_leaves(stores[code], code) for code in (self.payer, self.payee)}
        expected, told = self._paid_out(leaves), Counter[int]()
        for said_by in leaves.values():
            for body in (leaf.body for kind, _, leaf in said_by if kind == "netting.sums"):
                said = json.loads(body)
                for one in said["sums"]:
                    sign = 1 if one["debtor"] == self.payer else -1
                    told[said["cycle"]] += sign * int(one["amount_minor"])
        for number in ended:
            if told[number] != expected[number]:
                raise BrokenError(f"I11: cycle {number} was told as {told[number]} and is {expected[number]}")
            self._check_agreed(number)

    def heard_late(self, store: Store) -> int:
        """How many returns the payer's gateway heard of in a later cycle than they were made in, by its own clock."""
        returns = _returns(_own_leaves(store, self.payee))
        return sum(_cycle(self.refunded_at[case_id]) > made_in for case_id, made_in in returns)

    def _check_agreed(self, number: int) -> None:
        both = self._agreed.get(cycle_id(self.payer, self.payee, number), {})
        here, there = both.get(self.payer), both.get(self.payee)
        if here is None or there is None or here != (there[1], there[0]):
            raise BrokenError(f"I11: cycle {number} was agreed as {here} here and {there} there")

    def _paid_out(self, leaves: dict[str, list[tuple[str, str, LeafRow]]]) -> Counter[int]:
        """What the payer's member owes of each cycle, by the payee's ledger and the times in the messages."""
        done, sums = self.books[self.payee].done, Counter[int]()
        for kind, case_id, leaf in leaves[self.payer]:
            if kind == "payments.order" and (f"{case_id}/credit" in done or f"{case_id}/block" in done):
                terms = json.loads(leaf.body.partition(b"\n")[0])
                sums[_cycle(terms["answer_by"])] += int(terms["destination"])
        for case_id, made_in in _returns(leaves[self.payee]):
            sums[made_in] -= done[f"{case_id}/return"].amount_minor
        return sums


def _own_leaves(store: Store, code: str) -> list[tuple[str, str, LeafRow]]:
    """What a member said: kind, case and leaf, each message once."""
    found: dict[str, tuple[str, str, LeafRow]] = {}
    for row in store.logs():
        if row.author == code:
            for leaf in store.scan_leaves(row.id):
                header = json.loads(leaf.header)
                found.setdefault(header["id"], (header["kind"], header.get("case_id", ""), leaf))
    return list(found.values())


def _returns(leaves: list[tuple[str, str, LeafRow]]) -> Iterator[tuple[str, int]]:
    """Case and cycle of what was given back, by the time in its message."""
    for kind, case_id, leaf in leaves:
        made = _MADE.search(leaf.body) if kind == "payments.returned" else None
        if made is not None:
            yield case_id, _cycle(made[1].decode())


def _cycle(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) // CYCLE_S


class SettlingBanks(Banks):
    """Banks that give back more often, and gateways that close cycles."""

    def __init__(self, simulation: "SettlingSimulation", rng: random.Random) -> None:
        super().__init__(simulation, rng)
        self._settling = simulation
        self._settlers: dict[str, tuple[int, Settler]] = {}

    def begin(self) -> None:
        """See ``Banks``."""
        super().begin()
        for code in SHORT.currencies:
            self._settling.after(self._rng.uniform(0.0, SETTLE_S), partial(self._settle, code))

    def _settle(self, code: str) -> None:
        node = self._settling.nodes[code]
        if node.is_up and not self._settling.is_settled():
            life, settler = self._settlers.get(code, (-1, None))
            if settler is None or life != node.life:
                settler = Settler(node.engine, payments.Directory(PLAN))
                self._settlers[code] = node.life, settler
            for given in settler.due():
                if given is not None:
                    node.submit(given, self._counted)
        self._settling.after(SETTLE_S, partial(self._settle, code))

    def _counted(self, outcome: Outcome) -> None:
        """What is told and compared is taken, unless the gateway has still to hear what it had told."""
        if isinstance(outcome, Refusal) and not outcome.transient and outcome.code != "not_in_state":
            raise BrokenError(f"a settler was refused: {outcome}")
        if isinstance(outcome, Exception) and not isinstance(outcome, PushbackError):
            raise BrokenError(f"a settler was answered {outcome!r}") from outcome

    def _answer(self, code: str, case_id: str, state: str) -> None:
        if state == "asked" and self._rng.random() < 0.6:  # noqa: PLR2004 - nearer to the end of its time
            return
        payment = self.record(code, case_id)
        if state == "credited" and isinstance(payment, Payment) and self._rng.random() < 0.15:  # noqa: PLR2004
            self._keys += 1
            self._ask(payment.payee_bank, "return", message.GiveBack("AC04"), case_id, f"back {self._keys}")
            return
        super()._answer(code, case_id, state)

    def open_ends(self) -> list[str]:
        """Payments that have not ended, and cycles that are not settled."""
        return super().open_ends() + self._settling.unsettled()

    def check_agreed(self) -> None:
        """Both sides agree on every payment and every cycle."""
        super().check_agreed()
        stores: dict[str, Store] = {code: node.store for code, node in self._settling.nodes.items()}
        self._settling.auditor.check_cycles(stores, self._settling.cycles)


class SettlingSimulation(PaymentSimulation):
    """See the module.

    Attributes:
        cycles: those that have to be settled at the end.
    """

    auditor: SettlementAuditor
    service = payments.service(PLAN, screen)
    netting = netting_service(PLAN)
    cycles = range(0)

    def __init__(self, seed: int, *, calm: bool | None = None) -> None:
        """Live longer than with payments alone, so that several cycles end."""
        super().__init__(seed, calm=calm)
        self.mean_s += LONGER_S

    def services_of(self, code: str) -> list[Service]:
        """Payments and their settlement."""
        return [self.service_of(code), self.netting]

    def make_auditor(self, codes: tuple[str, ...]) -> Auditor:
        """With books and cycles."""
        return SettlementAuditor(codes, lambda: all(node.is_whole for node in self.nodes.values()))

    def make_parties(self) -> Parties:
        """Banks and those around them."""
        return SettlingBanks(self, self.rng)

    def _mend(self) -> None:
        """From now on returns still come, but what is settled at the end are the cycles of the bad time."""
        super()._mend()
        first = self.world.clock.now()
        last = max(node.engine.now() for node in self.nodes.values())
        self.cycles = range(int(first.timestamp()) // CYCLE_S, int(last.timestamp()) // CYCLE_S + 1)

    def unsettled(self) -> list[str]:
        """Cycles of the bad time that a gateway has not agreed on."""
        found = []
        cases = {cycle_id("PK", "KZ", number): number for number in self.cycles}
        for code in SHORT.currencies:
            rows = self.nodes[code].store.cases(sorted(cases))
            for case_id, number in cases.items():
                state = rows[case_id].state if case_id in rows else "not told"
                if state != AGREED:
                    found.append(f"{code}: cycle {number} is {state}")
        return found

    def is_settled(self) -> bool:
        """Whether the bad time is over and all its cycles are agreed on."""
        return bool(self.cycles) and not self.unsettled()


if __name__ == "__main__":
    SettlingSimulation.show()
