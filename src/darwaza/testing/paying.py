"""A simulation of payments: both members' gateways, banks, FX providers and compliance on virtual time.

On top of the lossy network, crashes before and after commits, full and lost disks, cuts and wrong clocks of
``darwaza.testing.simulation``, banks quote, pay, repeat and stay silent, screening is slow or finds somebody, quotes
expire, salaries are paid many at a time, payments are recalled and returned. A gateway that lost its disk books what
the settlement operator's list says was paid in, as ``bootstrap`` does, and gets the rest back from its neighbours.
``darwaza.testing.bookkeeper`` watches the money.

To see what one seed does: ``python -m darwaza.testing.paying 42``.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

import msgspec

from darwaza.engine.intake import Accepted, Outcome, PlaceOrders, Submit
from darwaza.errors import FatalError, TransientError
from darwaza.kernel.machine import NOT_IN_TABLE, Refusal
from darwaza.kernel.message import decode_header, member_of
from darwaza.ledger.order import Move, Order
from darwaza.ports.store import CaseFilter, Store
from darwaza.services import payments
from darwaza.services.payments import message
from darwaza.services.payments.bulk import split
from darwaza.services.payments.machine import DESTINATION_ENDS, SOURCE_ENDS
from darwaza.services.payments.market import market_id
from darwaza.services.payments.officer import Block, Clear, Refuse
from darwaza.services.payments.plan import external, liquidity, position
from darwaza.services.payments.record import Board, Check, Payment, Record
from darwaza.standards.iso20022.message import write
from darwaza.standards.iso20022.pacs008 import CreditTransfer
from darwaza.testing.auditor import Auditor, BrokenError
from darwaza.testing.bookkeeper import MoneyAuditor
from darwaza.testing.network import Weather
from darwaza.testing.node import Node
from darwaza.testing.party import Parties
from darwaza.testing.simulation import Simulation
from darwaza.testing.trade import HALYK, HBL, KASPI, OPERATOR, PLAN, SWIFT_FX, UBL, joined, pacs008, payee_of, uetr_of
from darwaza.testing.world import START

AGAIN_S = 0.7
LOOK_S = 0.6
READY_S_MAX = 60.0
LONG_CUT_S = 12.0
SALARIES = 2
STOPPED = ("parked", "screened", "frozen")
"""States in which officers are asked."""
OVERDUE_S = 5.0
"""How long a gateway that runs may take to notice that a time is over."""
PLENTY = 9_000_000_00
FUNDS = {UBL: 100_000_00, HALYK: 1}
"""What banks have that do not have plenty: one cannot pay twice, one cannot return what it took its fee of."""
FLOORS = {f"position:{one.address}:PKR": one.floor_minor or 0 for one in PLAN.participants}
SHORT = msgspec.structs.replace(
    PLAN,
    corridors=tuple(msgspec.structs.replace(one, answer_s=2, grace_s=1, quote_s=3) for one in PLAN.corridors),
)
"""The plan, with times as short as a life."""


def screen(names: Sequence[str]) -> tuple[str, ...] | None:
    """Whose name says so is looked up slowly, or found."""
    if any("slow" in name for name in names):
        return None
    return ("it is the name",) if any("listed" in name for name in names) else ()


def paid_in(code: str) -> tuple[Order, ...]:
    """The accounts of a gateway and what is paid into them: the settlement operator's list, kept outside."""
    own = SHORT.currencies[code]
    orders: list[Order] = list(payments.opening(payments.Directory(SHORT), code))
    for one in SHORT.participants:
        if one.member == code and one.role != "operator":
            account = (position if one.role == "psp" else liquidity)(one.address, own)
            orders.append(Move(f"in-{one.local_name}", external(own), account, FUNDS.get(one.address, PLENTY)))
    return tuple(orders)


class Banks(Parties):
    """Everybody who pays, is paid, gives rates and watches over names.

    Attributes:
        names: of payees, each as likely as another.
        blocks: how often an officer at the payee's gateway wants a payment blocked that screening has stopped.
    """

    names: tuple[str, ...] = ("TOO Alatau", "TOO Alatau", "TOO Alatau", "TOO slow", "TOO listed")
    blocks = 0.1

    def __init__(self, simulation: "PaymentSimulation", rng: random.Random) -> None:
        super().__init__(simulation, rng)
        self._payments = simulation
        self.market = ""
        self.is_ready = False
        self.ordered = 0
        self.losers: set[str] = set()
        self._salaries: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self._words: dict[str, str] = {}
        self._spoken: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        self._overdue: dict[tuple[str, int, str], float] = {}

    # --- asking until answered ---

    def _ask(self, party: str, kind: str, body: Any, case_id: str | None, key: str, then: Any = None) -> None:
        roles = frozenset({"compliance"}) if party.endswith(("/sbp", "/nbk")) else frozenset()
        digest, opens = sha256(key.encode()).digest(), kind == "open-market"
        given = Submit(party, roles, "payments", kind, key, digest, body, case_id, opens=opens)
        self._try_until(party[:2], given, then or (lambda _: None), [False])

    def _try_until(self, code: str, given: Any, then: Callable[[Any], None], done: list[bool]) -> None:
        if done[0]:
            return

        def told(outcome: Outcome) -> None:
            transient = isinstance(outcome, TransientError) or (isinstance(outcome, Refusal) and outcome.transient)
            if transient:
                return
            if isinstance(outcome, Exception):
                raise BrokenError(f"{given} was answered {outcome!r}") from outcome
            if isinstance(outcome, Accepted):
                self._payments.auditor.accepted(code, outcome.case_id, outcome.message_ids)
            first, done[0] = not done[0], True
            if first:
                then(outcome)

        self._payments.nodes[code].submit(given, told)
        self._payments.after(AGAIN_S, partial(self._try_until, code, given, then, done))

    # --- before the first payment ---

    def prepare(self) -> None:
        """Open accounts, pay money in, make a market."""
        for code in SHORT.currencies:
            self._try_until(code, PlaceOrders(paid_in(code)), partial(self._opened, code), [False])

    def _opened(self, code: str, outcome: Any) -> None:
        if isinstance(outcome, Refusal):
            raise BrokenError(f"the accounts were refused: {outcome}")
        if code == "KZ":
            self._ask("KZ/fx-swift", "allocate", message.Allocate("PK", "4000000.00"), None, "allocate")
        else:
            asked = message.OpenMarket("KZ", "1.80")
            self._ask(OPERATOR, "open-market", asked, market_id("PK", "KZ"), "market", self._made)

    def _made(self, outcome: Outcome) -> None:
        if isinstance(outcome, Refusal) and outcome.code != NOT_IN_TABLE:  # that says that it is open
            raise BrokenError(f"the market was refused: {outcome}")
        self.market = market_id("PK", "KZ")
        board = Board("1.75", START + timedelta(days=30))
        self._ask(SWIFT_FX, "post-rate", message.PostRate(board), self.market, "rate", self._rated)

    def _rated(self, _: Accepted) -> None:
        self.is_ready = True

    # --- living ---

    def begin(self) -> None:
        """Start to pay and to look."""
        self._send_on("PK")
        for code in SHORT.currencies:
            self._payments.after(self._rng.uniform(0.0, LOOK_S), partial(self._look, code))

    def send(self, code: str) -> None:  # noqa: ARG002 - only one side pays
        """A bank asks for a quote, and uses it unless it forgets to."""
        rng = self._rng
        self.ordered += 1
        if rng.random() < 0.05:  # noqa: PLR2004
            self._ask(SWIFT_FX, "release-funds", message.Release("KZ", "1000.00"), None, f"f{self.ordered}")
        bank, payee = rng.choice((HBL, HBL, UBL)), rng.choice((HALYK, KASPI))
        amount = rng.choice(("1000.01", "77777.77", "1500000.00"))
        ask = message.Ask(self.market, payee, amount, fee="0.01", take_best=True)
        self._ask(bank, "quote", ask, None, f"q{self.ordered}", partial(self._quoted, bank, self.ordered))

    def _quoted(self, bank: str, number: int, outcome: Any) -> None:
        if not isinstance(outcome, Accepted) or self._rng.random() >= 0.9:  # noqa: PLR2004
            return
        if self._rng.random() < 0.2:  # noqa: PLR2004
            self._salaries[bank].append((number, outcome.case_id))
            if len(self._salaries[bank]) == SALARIES:
                self._pay(bank, self._salaries.pop(bank))
            return
        wait_s = 4.0 if self._rng.random() < 0.1 else 0.0  # noqa: PLR2004
        self._payments.after(wait_s, partial(self._pay, bank, [(number, outcome.case_id)]))

    def _pay(self, bank: str, quoted: list[tuple[int, str]]) -> None:
        """Pay under one quote, or under many in one document, which is taken apart at the door."""
        made = [(number, case_id, self._document(number, case_id)) for number, case_id in quoted]
        ready = [(number, case_id, document) for number, case_id, document in made if document is not None]
        if not ready:
            return
        whole = write(joined([document for _, _, document in ready]))
        parts = [whole] if len(ready) == 1 else [part.document for part in split(whole)]
        for (number, case_id, _), part in zip(ready, parts, strict=True):
            self._ask(bank, "pay", message.Pay(part), case_id, f"p{number}", partial(self._paid, case_id))

    def _document(self, number: int, case_id: str) -> CreditTransfer | None:
        """The pacs.008 of a quote, unless the gateway has lost it."""
        payment = self.record("PK", case_id)
        if payment is None and "PK" in self.losers:
            return None  # a quote says nothing to anybody, so nobody can give it back
        if not isinstance(payment, Payment) or payment.chosen is None:
            raise BrokenError(f"P1: the accepted quote {case_id} is gone")
        urgent = self._rng.random() < 0.6  # noqa: PLR2004
        self._payments.auditor.urgent[case_id] = urgent
        name = self._rng.choice(self.names)
        now, priority = self._payments.nodes["PK"].clock.now(), "HIGH" if urgent else "NORM"
        return pacs008(case_id, payment, now, priority, uetr_of(number), {"creditor": payee_of(name)})

    def _paid(self, case_id: str, outcome: Any) -> None:
        """An order is answered as what it was, however often it had to be said."""
        payment = self.record("PK", case_id)
        if isinstance(outcome, Refusal) and isinstance(payment, Payment) and payment.sent_at is not None:
            raise BrokenError(f"I5: {case_id} was ordered, and answered {outcome.code}")

    def record(self, code: str, case_id: str) -> Record | None:
        """What a gateway knows of a case."""
        row = self._payments.nodes[code].store.cases([case_id]).get(case_id)
        if row is None or row.service != "payments":  # a word that waits is a case, too (``engine.order``)
            return None
        record: Record = msgspec.msgpack.decode(row.data, type=Record)
        return record

    def states(self) -> tuple[str, ...]:
        """Those in which somebody may have something to say."""
        return ("sent", "asked", "credited", "recalled", "settled", "screening", "checking", *STOPPED)

    def times(self) -> dict[str, str]:
        """When what is in a state has to be in another, by state: the field of the record that says it."""
        return {"sent": "decide_by", "asked": "answer_by", "checking": "answer_by", "screened": "answer_by"}

    def _look(self, code: str) -> None:
        node, rng = self._payments.nodes[code], self._rng
        if node.is_up:
            for row in node.store.find_cases(CaseFilter(party=None, states=self.states())):
                if row.service != "payments":
                    continue
                self._check_time(code, row.id, row.state)
                if rng.random() < 0.7:  # noqa: PLR2004
                    self._answer(code, row.id, row.state)
        self._payments.after(LOOK_S, partial(self._look, code))

    def _check_time(self, code: str, case_id: str, state: str) -> None:
        """A time that is over is noticed soon by a gateway that runs, whatever others do.

        Where the clock was set back, time stands still for the gateway until it has caught up: it dates nothing earlier
        than what it has signed.
        """
        record, node = self.record(code, case_id), self._payments.nodes[code]
        over = self._due(record, state)
        place = (code, node.life, case_id + state)
        stands_still = node.engine._newest > node.clock.now()  # noqa: SLF001 - nothing outside tests needs this
        if over is None or node.clock.now() <= over or stands_still or not self._knows(node, case_id):
            self._overdue.pop(place, None)
        elif self._payments.now_s > self._overdue.setdefault(place, self._payments.now_s) + OVERDUE_S:
            raise BrokenError(f"I8: {case_id} is {state} at {code} long after {over}")

    def _due(self, record: Record | None, state: str) -> datetime | None:
        """When what is in a state has to be in another, whatever others do; None for whenever."""
        until = self.times().get(state)
        due: datetime | None = None if until is None else getattr(record, until)
        return due

    def _knows(self, node: Node, case_id: str) -> bool:
        """Whether a gateway may decide on a case: what it had heard and told may be lost with a disk."""
        return self._has_met(node) and not awaits_cause(node.code, node.store, case_id)

    def _has_met(self, node: Node) -> bool:
        """Whether all who may know have said, since this gateway started, what it had told the other."""
        peers = self._payments.knowing(node.code)
        own = [row.id for row in node.store.logs() if row.author == node.code and row.reader in peers]
        return node.engine.site.heard.issuperset(own)

    def _answer(self, code: str, case_id: str, state: str) -> None:
        drawn, payment = self._rng.random(), self.record(code, case_id)
        if not isinstance(payment, Payment):
            return
        self._keys += 1
        watcher = f"{code}/{'sbp' if code == 'PK' else 'nbk'}"
        party, kind = payment.payee_bank, ""
        body: Any = message.Confirm()
        if state == "asked" and drawn < 0.8:  # noqa: PLR2004
            kind, body = ("confirm", body) if drawn < 0.6 else ("reject", message.Reject("AC04"))  # noqa: PLR2004
        elif state == "credited" and drawn < 0.03:  # noqa: PLR2004
            kind, body = "return", message.GiveBack("AC04")
        elif state == "recalled":
            kind, body = (
                ("return", message.GiveBack("FOCR"))
                if self._rng.random() < 0.5  # noqa: PLR2004
                else ("refuse-recall", message.KeepIt("CUST"))
            )
        elif state == "settled" and self._payments.mean and drawn < 0.1:  # noqa: PLR2004
            party, kind, body = payment.payer_bank, "recall", message.AskBack("DUPL")
        elif state in ("screening", "checking"):
            party, kind, body = f"{code}/gateway", "vetted", message.Vetted()
        elif state in STOPPED:
            party, kind, body = watcher, *self._word(case_id, state, drawn, payment.checks)
        if kind:
            self._ask(party, kind, body, case_id, f"{kind} {self._keys}", partial(self._heard, case_id, kind))

    def _word(self, case_id: str, state: str, drawn: float, checks: tuple[Check, ...]) -> tuple[str, Any]:
        """What an officer says of a payment that is stopped; who blocks one at the payee's gateway finds company."""
        officer, joins = self._rng.choice(("anna", "bolat")), any(one.word == "block" for one in checks)
        releases, silent = (0.2, 0.4) if state == "frozen" else (0.8, 1.0)
        word: Any = Clear if drawn < releases else Refuse
        if state == "screened" and (joins or drawn >= 1 - self.blocks):
            word = Block
        elif drawn >= silent:
            return "", None
        self._spoken[case_id, state, word.said].add(officer)
        return word.said, word(officer)

    def _heard(self, case_id: str, kind: str, outcome: Any) -> None:
        if kind in ("confirm", "reject") and isinstance(outcome, Accepted):
            self._words[case_id] = outcome.state

    # --- the end ---

    def open_ends(self) -> list[str]:
        """Payments that have not ended, anywhere."""
        ends = {"PK": SOURCE_ENDS, "KZ": DESTINATION_ENDS}
        return [
            f"{code}: {row.id} is {row.state}"
            for code, node in self._payments.nodes.items()
            for row in node.store.scan_cases()
            if code in ends and row.state not in ends[code] and isinstance(self.record(code, row.id), Payment)
        ]

    def check_agreed(self) -> None:
        """Both sides agree on every payment, and no bank's word was turned round."""
        stores: dict[str, Store] = {code: node.store for code, node in self._payments.nodes.items()}
        self._payments.auditor.check_money(stores)
        here = {row.id: row.state for row in stores["PK"].scan_cases()}
        there = {row.id: row.state for row in stores["KZ"].scan_cases()}
        pairs = {"settled": ("credited",), "returned": ("given-back",), "blocked": ("frozen",)}
        for case_id in self._payments.auditor.urgent:
            payment = self.record("PK", case_id)
            if isinstance(payment, Payment) and _is_late(payment):
                raise BrokenError(f"I7: {case_id} was ordered when its quote had expired")
            state, other = here.get(case_id), there.get(case_id)
            if other not in pairs.get(state or "", ("refused", None)) or (state is None and other is not None):
                raise BrokenError(f"I9: {case_id} is {state} here and {other} there")
            self._check_officers(case_id, other)
            word = self._words.get(case_id)
            if (word == "credited" and state == "rejected") or (word == "refused" and state == "settled"):
                raise BrokenError(f"I8: {case_id} was {word} and is {state}")

    def _check_officers(self, case_id: str, state: str | None) -> None:
        """What is blocked stands in suspense, and two officers said whatever brought it there or let it go."""
        book = self._payments.auditor.books["KZ"]
        if (state == "frozen") != (book.suspended(case_id) > 0):
            raise BrokenError(f"I7: {case_id} is {state}, and {book.suspended(case_id)} of it in suspense")
        if f"{case_id}/block" not in book.done:
            return
        self._check_spoken(case_id, "screened", "block")
        ends = {"credit": "release", "return": "refuse"}
        done = next((word for name, word in ends.items() if f"{case_id}/{name}" in book.done), None)
        if done is not None:
            self._check_spoken(case_id, "frozen", done)

    def _check_spoken(self, payment: str, state: str, word: str) -> None:
        """Two officers said a word of a payment while it was stopped in a state."""
        if len(self._spoken[payment, state, word]) < 2:  # noqa: PLR2004
            raise BrokenError(f"I13: {word} of {payment} without the word of two officers")

    def lost_disk(self, code: str) -> None:
        """Say again what was said to one gateway alone, and forget words that nobody has any more."""
        self.losers.add(code)
        kept = set(self._payments.auditor.memories[code].accepted.values())
        if code == "KZ":
            self._words = {case_id: word for case_id, word in self._words.items() if case_id in kept}
        if code == "PK":
            self._opened(code, None)


def awaits_cause(code: str, store: Store, case_id: str) -> bool:
    """Whether a gateway that lost its disk has an answer of its own on a case back, and not yet what it answered.

    Until its peer has sent that again it knows neither what it had heard nor what it had decided, and decides nothing.
    """
    headers = [decode_header(raw) for _, _, raw in store.case_leaves(case_id)]
    own = [one for one in headers if member_of(one.origin) == code and one.cause_id is not None]
    return not all(store.known([f"{member_of(one.destination)} {one.cause_id}"]) for one in own)


def _is_late(payment: Payment) -> bool:
    sent_at, until = payment.sent_at, payment.quote_until
    return sent_at is not None and until is not None and sent_at >= until


class PaymentNode(Node):
    """A gateway that books what was paid in before it hears of any payment."""

    def start(self) -> None:
        """See ``Node``."""
        super().start()
        if not self.is_up or self.is_whole or self.code not in SHORT.currencies:
            return
        try:
            while isinstance(self.engine.run([PlaceOrders(paid_in(self.code))])[0], TransientError):
                pass
        except FatalError as error:
            if error is not self.disk.injected:
                raise
            self._simulation.crash(self)


class PaymentSimulation(Simulation):
    """See the module."""

    auditor: MoneyAuditor
    parties: Banks
    service = payments.service(SHORT, screen)

    def draw_corridor(self) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
        """Always the same two, and a third that witnesses."""
        return ("AF", "KZ", "PK"), [("AF", "KZ"), ("AF", "PK"), ("KZ", "PK")]

    def make_auditor(self, codes: tuple[str, ...]) -> Auditor:
        """With books."""
        return MoneyAuditor(codes, FLOORS, lambda: all(node.is_whole for node in self.nodes.values()))

    def make_node(self, code: str) -> Node:
        """With money."""
        return PaymentNode(self, code)

    def make_parties(self) -> Parties:
        """Banks and those around them."""
        return Banks(self, self.rng)

    def run(self) -> None:
        """Make a market in good weather, then live."""
        faults = self.network.weather, self._crash, self._push_back
        self.network.weather, self._crash, self._push_back = Weather(), 0.0, 0.0
        for node in self.nodes.values():
            node.start()
        self.parties.prepare()
        if not self._pass(READY_S_MAX, self._is_ready):
            raise BrokenError("no market came about")
        self.network.weather, self._crash, self._push_back = faults
        self.mean_s += self.now_s
        for node in self.nodes.values():
            node.crash()
        super().run()

    def knowing(self, code: str) -> frozenset[str]:
        """Whose gateways may hold what one of the two has told the other."""
        return frozenset({"KZ" if code == "PK" else "PK"})

    def _mend(self) -> None:
        """Mend everything, but let the two sometimes not hear from one another for longer than anybody may wait."""
        super()._mend()
        if self.rng.random() < 0.1:  # noqa: PLR2004
            others = sorted(self.knowing("PK"))
            self.cut_for({*(("PK", one) for one in others), *((one, "PK") for one in others)}, LONG_CUT_S)

    def _is_ready(self) -> bool:
        return self.parties.is_ready and "abroad:PK/fx-swift:KZ:KZT" in self.auditor.books["PK"].posted


if __name__ == "__main__":
    PaymentSimulation.show()
