"""Real gateways with real disks under payments over HTTP, killed one after the other; both books are audited after."""

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from darwaza.bootstrap import CONFIG_FILE, PLAN_FILE, examine_store
from darwaza.client.payments import Payments
from darwaza.config import GatewayConfig
from darwaza.entry.local import LocalCorridor
from darwaza.entry.sample import remittance
from darwaza.errors import MessageError, TransientError
from darwaza.ports.store import Store
from darwaza.services.payments.entry import entry_id
from darwaza.services.payments.record import Bulk, Entry, Record
from darwaza.storage import open_store
from darwaza.testing.bookkeeper import MoneyAuditor

pytestmark = pytest.mark.timeout(900)

FAULTY = "darwaza.testing.faulty"
WAIT_S = 120.0
PACE_S = 0.05
SALARIES = 3
PLAN = remittance.PLAN.replace(
    'source = "PK"\ndestination = "KZ"\n', 'source = "PK"\ndestination = "KZ"\nanswer_s = 8\ngrace_s = 2\nquote_s = 6\n'
)
INDUS, ALATAU = ("PK", "indus-bank"), ("KZ", "alatau-bank")
WAITING = {
    INDUS: ("quoted", "reserved", "screening", "parked", "sent", "unknown"),
    ALATAU: ("checking", "screened", "asked", "accepted"),
}
"""States in which a payment may not stay."""
ENDS = {"settled": "credited", "rejected": "refused"}


def until(found: Callable[[], bool], what: str) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        with contextlib.suppress(TransientError):
            if found():
                return
        time.sleep(0.02)
    raise AssertionError(f"not in time: {what}")


def insist(act: Callable[[], Any]) -> Any:
    """Do something until it is answered, whatever happens to the gateway meanwhile."""
    end = time.monotonic() + WAIT_S
    while True:
        try:
            return act()
        except TransientError:
            assert time.monotonic() < end, "no gateway answers any more"
            time.sleep(PACE_S)


@contextlib.contextmanager
def lapses() -> Iterator[None]:
    """Let a quote lapse while nobody can take the order."""
    try:
        yield
    except MessageError as fault:
        if fault.code != "quote_expired":
            raise


def entries_of(store: Store) -> Iterator[tuple[str, Entry]]:
    """Every payment of every bulk, by id."""
    for row in store.scan_cases():
        data = msgspec.msgpack.decode(row.data, type=Record) if row.service == "payments" else None
        if isinstance(data, Bulk):
            yield from ((entry_id(row.id, number), entry) for number, entry in enumerate(data.entries, 1))


def states_of(store: Store) -> dict[str, str]:
    """The state of every case, and of every payment of a bulk."""
    alone = {row.id: row.state for row in store.scan_cases()}
    return alone | {payment: entry.state for payment, entry in entries_of(store)}


def uetrs_of_bulks(store: Store) -> dict[str, str]:
    """By id of the payment."""
    return {payment: entry.uetr for payment, entry in entries_of(store)}


class Trade:
    """Two gateways and those who pay and are paid over them, whatever the gateways do.

    Attributes:
        names: of the members by code.
        links: between them.
        lot: payments that must be acknowledged between two deaths.
        payers: desks of the payers' bank that pay at the same time.
        paid: payments whose order was acknowledged, by UETR: the case.
        words: the last word of the payee's bank that was acknowledged, by case: the state.
    """

    names: ClassVar = {"KZ": "Kazakhstan", "PK": "Pakistan"}
    links: ClassVar = (("KZ", "PK"),)
    lot: ClassVar = 12
    payers: ClassVar = 2

    def __init__(self, folder: Path) -> None:
        self.corridor = LocalCorridor(folder, self.names, links=self.links)
        for code in ("KZ", "PK"):
            (self.corridor.path(code) / PLAN_FILE).write_text(PLAN, "utf-8")
            for name, roles in remittance.PARTIES[code].items():
                self.corridor.add_party(code, name, *roles)
        self.paid: dict[str, str] = {}
        self.words: dict[str, str] = {}
        self.faults: list[BaseException] = []
        self.closing, self.leaving = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(self._pay, INDUS, n)) for n in range(self.payers)]
        self._bank = threading.Thread(target=self._work, args=(self._answer, ALATAU, 0))

    # --- before ---

    @contextlib.contextmanager
    def desk(self, code: str, party: str) -> Iterator[Payments]:
        """Payments as one party."""
        with self.corridor.client(code, party) as client:
            yield client.payments

    def open(self) -> None:
        """Start both, bring money in, make a market, and set everybody to work."""
        self.corridor.start()
        self.meet()
        with self.desk("PK", "sbp") as operator:
            operator.deposit("PK/indus-bank", "9000000.00", "SBP-1")
            operator.open_market("KZ", "1.80")
        with self.desk("KZ", "nbk") as operator:
            operator.deposit("KZ/caravan-fx", "60000000.00", "NBK-1")
        with self.desk("KZ", "caravan-fx") as provider:
            provider.allocate("PK", "50000000.00")
        with self.desk("PK", "caravan-fx") as provider:
            provider.post_rate("KZ", "1.75", datetime.now(UTC) + timedelta(hours=8))
            abroad = "abroad:PK/caravan-fx:KZ:KZT"
            until(
                lambda: {one["id"]: one["available"]["amount"] for one in provider.accounts()}[abroad] != "0.00",
                "the provider's money abroad is here",
            )
        with self.desk(*INDUS) as bank:
            self.price = bank.quote("KZ/alatau-bank", "1000.00", fee="1.00")
        for thread in (*self._threads, self._bank):
            thread.start()

    def meet(self) -> None:
        """Wait until the ends know a way to each other; neighbours do from the start."""

    # --- under load ---

    def _work(self, act: Callable[[Payments, random.Random], None], party: tuple[str, str], number: int) -> None:
        try:
            with self.desk(*party) as bank:
                act(bank, random.Random(f"{party} {number}"))
        except BaseException as fault:
            self.faults.append(fault)
            raise

    def _pay(self, bank: Payments, chance: random.Random) -> None:
        """Pay at once or under a quote, urgent or not, or many at once, and insist on an answer.

        Some quotes are forgotten.
        """
        while not self.closing.wait(PACE_S):
            if chance.random() < 0.3:
                self._pay_many(bank)
                continue
            priced, to = self.price | {"chosen": self.price["offers"][0], "quote_id": None}, {"to": "KZ"}
            if chance.random() < 0.4:
                priced = insist(lambda: bank.quote("KZ/alatau-bank", "777.77", take_best=True))
                to = {"quote": priced["id"]}
                if chance.random() < 0.2:
                    continue
            document = remittance.payment(priced, datetime.now(UTC), priority=chance.choice(("HIGH", "NORM")))
            with lapses():
                done = insist(lambda given=document, to=to: bank.pay(given, **to))
                self.paid[done["uetr"]] = done["id"]

    def _pay_many(self, bank: Payments) -> None:
        """Pay salaries, which travel as one case with one order."""
        now, priced = datetime.now(UTC), self.price | {"chosen": self.price["offers"][0], "quote_id": None}
        each = [remittance.transaction(priced, now, priority="NORM") for _ in range(SALARIES)]
        document = remittance.document(*each, now=now)

        def act() -> list[Any]:
            answers = list(bank.pay_many(document))
            passing = [one for one in answers if one.get("transient")]
            if passing:
                raise TransientError(passing[0]["detail"], code=passing[0]["code"])
            return answers

        for done in insist(act):
            assert "code" not in done, done
            self.paid[done["uetr"]] = done["id"]

    def _answer(self, bank: Payments, chance: random.Random) -> None:
        """Take most credits, refuse some, say nothing to others; go on until everything has ended."""
        words: dict[str, dict[str, str]] = {}
        while not self.leaving.wait(PACE_S):
            waiting = insist(lambda: bank.credits(limit=100))
            for one in waiting:
                drawn = chance.random()
                refused = {"reason": "AC04"} if drawn > 0.8 else {}
                words.setdefault(one["id"], {} if drawn > 0.95 else {"id": one["id"]} | refused)
            said = [words[one["id"]] for one in waiting if words[one["id"]]]
            done = insist(lambda said=tuple(said): bank.answer_credits(said))
            self.words |= {one["id"]: one["state"] for one in done["answers"] if "state" in one}

    # --- deaths ---

    def more(self) -> None:
        """Wait until further payments were acknowledged."""
        goal = len(self.paid) + self.lot

        def is_reached() -> bool:
            assert not self.faults, self.faults
            return len(self.paid) >= goal

        until(is_reached, "more payments")

    def kill(self, code: str) -> None:
        """SIGKILL in the middle of work, and a new start."""
        self.more()
        self.corridor.kill(code)
        self.corridor.start(code)

    def cut_off_a_commit(self, code: str, how: str, number: int) -> None:
        """Let one commit go wrong; the gateway ends there, and starts again."""
        self.corridor.stop(code)
        self.corridor.launch(code, "--fail-commit", str(number), "--how", how, module=FAULTY)
        until(lambda: self.corridor.ended(code) is not None, f"{code} ends at commit {number}")
        self.corridor.start(code)
        self.more()

    # --- after ---

    def close(self) -> None:
        """Stop paying, let everything end, stop both gateways."""
        self.closing.set()
        for thread in self._threads:
            thread.join(WAIT_S)
        for (code, party), states in WAITING.items():
            with self.desk(code, party) as bank:
                until(
                    lambda b=bank, s=states: not any(next(b.payments(state=one), None) for one in s),
                    f"every payment of {party} ends",
                )
        self.leaving.set()
        self._bank.join(WAIT_S)
        for one, other in self.links:
            self.corridor.wait_until_delivered(one, other)
            self.corridor.wait_until_delivered(other, one)
        self.corridor.stop()
        assert not self.faults, self.faults

    def abandon(self) -> None:
        """End everything, whatever state it is in."""
        self.closing.set()
        self.leaving.set()
        self.corridor.close()

    def audit(self) -> Counter[str]:
        """Examine both stores and both books; returns how many payments ended how."""
        for code in self.names:
            assert examine_store(self.corridor.path(code), lambda _done, _total: None) == []
        auditor = MoneyAuditor(("KZ", "PK"), {})
        with contextlib.ExitStack() as stack:
            stores = {}
            for code in ("KZ", "PK"):
                folder = self.corridor.path(code)
                stores[code] = store = open_store(folder, GatewayConfig.load(folder / CONFIG_FILE))
                stack.callback(store.close)
                for row in store.scan_transfers():
                    auditor.books[code].take(row)
            here, there = (states_of(stores[code]) for code in ("PK", "KZ"))
            alone = {row.case_id: row.id for row in stores["PK"].scan_transfers() if row.id in self.paid}
            payments = alone | uetrs_of_bulks(stores["PK"])
            assert payments == {case_id: uetr for uetr, case_id in self.paid.items()}, "acknowledged and not there"
            assert {one for one, state in here.items() if state in ENDS} == payments.keys(), "paid twice"
            auditor.urgent = dict.fromkeys(alone, False)
            auditor.check_money(stores)
        for case_id in payments:
            assert there.get(case_id, "refused") == ENDS[here[case_id]], (here[case_id], there.get(case_id))
        for case_id, word in self.words.items():
            assert there[case_id] in ("credited", "refused") if word == "accepted" else there[case_id] == word
        return Counter(here[case_id] for case_id in payments)


@pytest.fixture
def trade(tmp_path: Path) -> Iterator[Trade]:
    """Return two gateways under payments."""
    made = Trade(tmp_path)
    try:
        made.open()
        yield made
    finally:
        made.abandon()


def test_i06_payments_end_alike_whoever_is_killed_and_whenever(trade: Trade) -> None:
    """Kill -9 of either gateway, at random and at commits, loses no acknowledged payment and leaves no hold.

    Both books agree on every payment and on the accounts they share, currencies add up, fsck finds nothing.
    """
    chance = random.Random(20261128)
    for code in ("KZ", "PK"):
        trade.kill(code)
    for code, how in (("PK", "die"), ("KZ", "late"), ("PK", "lie"), ("KZ", "fail")):
        trade.cut_off_a_commit(code, how, chance.randint(1, 40))
    trade.close()
    ended = trade.audit()
    assert ended["settled"] >= Trade.lot
    assert ended["rejected"]
    assert any("." in payment for payment in trade.paid.values()), "no bulk was paid"
