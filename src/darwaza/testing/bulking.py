"""A simulation of salaries: banks also send many payments in one document, among those of ``darwaza.testing.paying``.

Some of a document's payments are wrong, or were paid before, alone or in another bulk; those that screening stops at
the payers' gateway go by themselves. The payees' bank answers in
parts, refuses some and forgets others; compliance looks at some; some are recalled and returned.
``darwaza.testing.bulkkeeper`` watches the money of each.

To see what one seed does: ``python -m darwaza.testing.bulking 42``.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from darwaza.engine.forwarding import own_message
from darwaza.engine.intake import Accepted
from darwaza.kernel import letter
from darwaza.kernel.machine import Service
from darwaza.kernel.message import message_key
from darwaza.kernel.seal import Binding
from darwaza.ledger.exchange import Exchange
from darwaza.ports.store import LeafRow
from darwaza.services import payments
from darwaza.services.payments import message
from darwaza.services.payments.entry import entry_id, is_open
from darwaza.services.payments.machine import NAME
from darwaza.services.payments.record import Bulk, Entry, Offer, Payment, Record
from darwaza.services.payments.state import WAITING
from darwaza.standards.iso20022.message import write
from darwaza.standards.iso20022.pacs008 import CreditTransfer
from darwaza.standards.iso20022.party import Coded
from darwaza.standards.iso20022.payment import AgreedRate
from darwaza.testing.auditor import Auditor, BrokenError
from darwaza.testing.bulkkeeper import BulkAuditor, Said
from darwaza.testing.party import Parties
from darwaza.testing.paying import FLOORS, SHORT, Banks, PaymentSimulation, screen
from darwaza.testing.trade import HALYK, HBL, KASPI, SWIFT_FX, UBL, pacs008, payee_of, uetr_of

RATE = "1.75"
FEES = {HALYK: 100_00, KASPI: 0}
SIZES = (1, 2, 3, 4, 6)
RESTING = frozenset({"settled", "rejected", "returned", "credited", "refused", "given-back", "blocked", "frozen"})
PAIRS = {
    "settled": ("credited",),
    "returned": ("given-back",),
    "rejected": ("refused", None),
    "blocked": ("frozen",),
}
NAMES = ("TOO Alatau",) * 8 + ("TOO far slow", "TOO far listed", "TOO slow", "TOO listed")


def near(names: Sequence[str]) -> tuple[str, ...] | None:
    """The payers' gateway knows nothing of names that only the payees' has in its lists."""
    return screen([name for name in names if "far" not in name])


def priced(debit_minor: int, payee: str) -> Exchange:
    """All amounts of a payment at the rate, with a fee of 0.01 at the payer's bank."""
    bought = int((debit_minor - 1) * Decimal(RATE))
    return Exchange(
        debit_minor=debit_minor,
        source_fee_minor=1,
        source_minor=debit_minor - 1,
        destination_minor=bought,
        destination_fee_minor=FEES[payee],
        credit_minor=bought - FEES[payee],
    )


def agreed(rate: str) -> dict[str, Any]:
    """What a transaction without a quote says of its rate."""
    return {"agreed_rate": AgreedRate(unit_currency="PKR", quoted_currency="KZT", rate=Decimal(rate))}


class BulkBanks(Banks):
    """Banks that also pay salaries."""

    _payments: "BulkSimulation"
    blocks = 0.4

    def __init__(self, simulation: "BulkSimulation", rng: random.Random) -> None:
        super().__init__(simulation, rng)
        self._used: list[str] = []
        self._names: dict[str, set[str]] = defaultdict(set)
        self._said: dict[tuple[str, int], tuple[bool, tuple[str, ...]]] = {}

    # --- paying ---

    def send(self, code: str) -> None:
        """A bank pays one, or many."""
        if self._rng.random() < 0.5:  # noqa: PLR2004
            super().send(code)
            return
        rng = self._rng
        self.ordered += 1
        bank, payee = rng.choice((HBL, HBL, UBL)), rng.choice((HALYK, KASPI))
        usual = self.usual()
        made = [self._salary(bank, payee, usual) for _ in range(rng.choice(SIZES))]
        uetrs = {one.transactions[0].id.uetr for one in made}
        if len(uetrs) < len(made):
            return  # no bank pays one payment twice in a document; the gateway refuses the whole of it
        asked = message.RemitBulk(self.market, tuple(map(write, made)))
        told = partial(self.send_alone, bank, f"b{self.ordered}", made)
        self._ask(bank, "remit-bulk", asked, None, f"b{self.ordered}", told)

    def usual(self) -> str:
        """The priority of nearly all payments of a document."""
        return "NORM"

    def send_alone(self, bank: str, key: str, made: list[CreditTransfer], outcome: Any) -> None:
        """What screening stops is ordered by itself, and waits."""
        if not isinstance(outcome, Accepted):
            return
        stopped = {uetr for uetr, code, *_ in outcome.answer["refused"] if code == "goes_alone"}
        for one in made:
            uetr = one.transactions[0].id.uetr or ""
            if uetr in stopped:
                asked = message.Remit(self.market, write(one))
                self._ask(bank, "remit", asked, None, f"{key} {uetr}", self._waits)

    def _waits(self, outcome: Any) -> None:
        if isinstance(outcome, Accepted):
            self._payments.auditor.urgent[outcome.case_id] = False

    def _salary(self, bank: str, payee: str, usual: str) -> CreditTransfer:
        rng, now = self._rng, self._payments.nodes["PK"].clock.now()
        debit = rng.choice((1000_01, 2345_67, 77777_77))
        payment = Payment(
            payer_bank=bank, payee_bank=payee, chosen=Offer(SWIFT_FX, RATE, priced(debit, payee), 0, None, (1, 1))
        )
        wrong = rng.random()
        changes = agreed("1.76" if wrong < 0.03 else RATE)  # noqa: PLR2004
        changes["purpose"] = Coded(code="XXXX" if 0.03 <= wrong < 0.06 else "SUPP")  # noqa: PLR2004
        other = "NORM" if usual == "HIGH" else "HIGH"
        priority = other if 0.06 <= wrong < 0.09 else usual  # noqa: PLR2004
        uetr, name = self._uetr(), rng.choice(NAMES)
        self._names[uetr].add(name)
        return pacs008(f"{0:032}", payment, now, priority, uetr, changes | {"creditor": payee_of(name)})

    def _uetr(self) -> str:
        """A new one, or one that a payment had before, alone or in a bulk."""
        if self._used and self._rng.random() < 0.05:  # noqa: PLR2004
            return self._rng.choice(self._used)
        if self.ordered > 1 and self._rng.random() < 0.05:  # noqa: PLR2004
            return uetr_of(self._rng.randrange(1, self.ordered))
        self._used.append(uetr_of(1_000_000 + len(self._used)))
        return self._used[-1]

    # --- being paid ---

    def states(self) -> tuple[str, ...]:
        """Those in which somebody may have something to say."""
        return (*super().states(), "bulk-sent", "bulk-ended", "bulk-asked", "bulk-answered")

    def times(self) -> dict[str, str]:
        """What is over when, by state; see ``Banks``."""
        return super().times() | {"bulk-sent": "decide_by", "bulk-asked": "answer_by"}

    def _due(self, record: Record | None, state: str) -> datetime | None:
        """An urgent payment that is accepted waits for the other side."""
        if isinstance(record, Bulk) and state == "bulk-asked":
            waits = any(entry.state in WAITING for entry in record.entries)
            return record.answer_by if waits else None
        return super()._due(record, state)

    def _answer(self, code: str, case_id: str, state: str) -> None:
        bulk = self.record(code, case_id)
        if not isinstance(bulk, Bulk):
            super()._answer(code, case_id, state)
            return
        asked = [number for number, entry in enumerate(bulk.entries, 1) if entry.state == "asked"]
        if asked and self._rng.random() < 0.8:  # noqa: PLR2004
            self._say(bulk, case_id, asked)
        for number, entry in enumerate(bulk.entries, 1):
            self._act(code, case_id, number, bulk, entry)

    def _say(self, bulk: Bulk, case_id: str, asked: list[int]) -> None:
        """Words on all, on some, on one; now and then on one that does not wait for any."""
        rng = self._rng
        about = asked if rng.random() < 0.4 else rng.sample(asked, rng.randrange(1, len(asked) + 1))  # noqa: PLR2004
        if rng.random() < 0.1:  # noqa: PLR2004
            about = [*about, rng.choice((about[0], len(bulk.entries) + 1))]
        words = tuple(message.Said(number, "AC04" if rng.random() < 0.25 else "") for number in about)  # noqa: PLR2004
        self._keys += 1
        told = partial(self._was_said, case_id, words)
        self._ask(bulk.payee_bank, "answer-bulk", message.AnswerBulk(words), case_id, f"answer {self._keys}", told)

    def _was_said(self, case_id: str, words: tuple[message.Said, ...], outcome: Any) -> None:
        if not isinstance(outcome, Accepted):
            return
        refused = {number for number, _ in outcome.answer["refused"]}
        for word in words:
            if word.number not in refused:  # of two words on one payment, one is always refused
                self._said.setdefault((case_id, word.number), (not word.reason, outcome.message_ids))

    def _act(self, code: str, case_id: str, number: int, bulk: Bulk, entry: Entry) -> None:
        rng, watcher = self._rng, f"{code}/nbk"
        drawn, party, kind = rng.random(), bulk.payee_bank, ""
        body: Any = None
        if entry.state == "checking":
            hits = ("it is the name",) if rng.random() < 0.3 else ()  # noqa: PLR2004
            party, kind, body = f"{code}/gateway", "vetted", message.Vetted(hits)
        elif entry.state in ("screened", "frozen"):
            party = watcher
            kind, body = self._word(entry_id(case_id, number), entry.state, drawn, entry.checks)
        elif entry.state == "credited" and drawn < 0.03:  # noqa: PLR2004
            kind, body = "return", message.GiveBack("AC04")
        elif entry.state == "recalled":
            kind, body = (
                ("return", message.GiveBack("FOCR")) if drawn < 0.5 else ("refuse-recall", message.KeepIt("CUST"))  # noqa: PLR2004
            )
        elif entry.state == "settled" and self._payments.mean and drawn < 0.1:  # noqa: PLR2004
            party, kind, body = bulk.payer_bank, "recall", message.AskBack("DUPL")
        if kind:
            self._keys += 1
            self._ask(party, f"{kind}-one", message.OfBulk(number, body), case_id, f"{kind} {self._keys}")

    # --- the end ---

    def open_ends(self) -> list[str]:
        """Payments that have not ended, anywhere, alone or in a bulk."""
        return super().open_ends() + [
            f"{code}: {case_id}.{number} is {entry.state}"
            for code in ("PK", "KZ")
            for case_id, bulk in self.bulks(code).items()
            for number, entry in enumerate(bulk.entries, 1)
            if entry.state not in RESTING
        ]

    def bulks(self, code: str) -> dict[str, Bulk]:
        """Every bulk of a gateway, by case."""
        rows = [row.id for row in self._payments.nodes[code].store.scan_cases() if row.service == "payments"]
        return {case_id: bulk for case_id in rows if isinstance(bulk := self.record(code, case_id), Bulk)}

    def check_agreed(self) -> None:
        """Both sides agree on every payment of every bulk, each UETR was paid once, and a bank's word stands."""
        super().check_agreed()
        here, there = self.bulks("PK"), self.bulks("KZ")
        for case_id in here.keys() | there.keys():
            self._check_pair_of(case_id, here.get(case_id), there.get(case_id))
        paid = Counter(entry.uetr for bulk in here.values() for entry in bulk.entries if entry.state != "rejected")
        for row in self._payments.nodes["PK"].store.scan_cases():
            alone = self.record("PK", row.id)
            if isinstance(alone, Payment) and row.state in ("settled", "returned"):
                paid[alone.uetr] += 1
        twice = [uetr for uetr, count in paid.items() if count > 1]
        if twice:
            raise BrokenError(f"I5: paid twice: {twice}")

    def _check_pair_of(self, case_id: str, here: Bulk | None, there: Bulk | None) -> None:
        if here is None:
            raise BrokenError(f"I9: the payers' gateway does not know {case_id}")
        if any(is_open(entry) for bulk in (here, there) if bulk is not None for entry in bulk.entries):
            raise BrokenError(f"I8: a payment of {case_id} never ended")
        for number, entry in enumerate(here.entries, 1):
            twin = None if there is None else there.entries[number - 1]
            if (None if twin is None else twin.state) not in PAIRS[entry.state]:
                raise BrokenError(f"I9: {case_id}.{number} is {entry.state} here and {twin} there")
            if twin is not None and (twin.uetr, twin.amounts) != (entry.uetr, entry.amounts):
                raise BrokenError(f"I9: {case_id}.{number} is another payment there")
            if twin is not None:
                self._check_released(twin)
                self._check_words(case_id, number, twin)
            said = self._said.get((case_id, number))
            # What the bank accepts of urgent ones the payers' gateway may still reject: ``bulkkeeper`` knows when.
            if said is not None and said[0] == (entry.state == "rejected") and not (said[0] and here.urgent):
                raise BrokenError(f"I8: the payees' bank's word on {case_id}.{number} was turned round: {entry.state}")

    def _check_released(self, twin: Entry) -> None:
        """Who is on a list was credited only when two had let it pass; what officers said is lost with a disk."""
        is_listed = self._names[twin.uetr] == {"TOO far listed"} and "KZ" not in self.losers
        if is_listed and twin.state != "refused" and len({one.officer for one in twin.checks}) < 2:  # noqa: PLR2004
            raise BrokenError(f"I13: {twin} was credited without two releases")

    def _check_words(self, case_id: str, number: int, twin: Entry) -> None:
        """Two officers said whatever let one go on, brought it into suspense, or let it go from there."""
        name, done = entry_id(case_id, number), self._payments.auditor.books["KZ"].done
        given_back = done.get(f"{name}/return")
        words = {("screened", "block")} if twin.state == "frozen" else set()
        if self._names[twin.uetr] == {"TOO far listed"} and twin.state == "credited":
            words = {("screened", "release")}
        if f"{name}/credit" in done:
            words = {("screened", "block"), ("frozen", "release")}
        if given_back is not None and given_back.debit_account.startswith("suspense:"):
            words |= {("screened", "block"), ("frozen", "refuse")}
        for state, word in words:
            self._check_spoken(name, state, word)

    def lost_disk(self, code: str) -> None:
        """See ``Banks``; the payees' bank's words are kept where the messages that told them are."""
        super().lost_disk(code)
        if code == "KZ":
            kept = self._payments.auditor.memories[code].accepted
            self._said = {one: said for one, said in self._said.items() if all(of in kept for of in said[1])}


class BulkSimulation(PaymentSimulation):
    """See the module."""

    parties: BulkBanks
    near_service = payments.service(SHORT, near)

    def service_of(self, code: str) -> Service:
        """The payers' gateway has other lists than the payees'."""
        return self.near_service if code == "PK" else self.service

    def make_auditor(self, codes: tuple[str, ...]) -> Auditor:
        """With books of what was told."""
        return BulkAuditor(
            codes, FLOORS, lambda: all(node.is_whole for node in self.nodes.values()), read=self.read_leaf
        )

    def read_leaf(self, member: str, leaf: LeafRow) -> Said:
        """A message in a member's store; what came over relays is taken out and opened."""
        header, body = own_message(leaf)
        if header.path is not None and header.kind.startswith(NAME):
            opening = letter.read_again if header.origin.startswith(member) else letter.read
            body = self.nodes[member].engine.site.opened(partial(opening, body, Binding.of(header)))
        return Said(message_key(header), header.kind, header.case_id, header.created_at, body)

    def make_parties(self) -> Parties:
        """Banks that pay salaries."""
        return BulkBanks(self, self.rng)


if __name__ == "__main__":
    BulkSimulation.show()
