"""What the payees' gateway refuses in company it would have refused of each payment alone, and of no other.

Clocks, plans and screeners of two countries differ. Whatever does, a payment ends in company as it does by itself, as
soon, and once.
"""

from datetime import timedelta

import msgspec
import pytest
from tests.unit.services.payments.desk import HALYK, HBL, PLAN, Desk
from tests.unit.services.payments.test_bulk import transfers

from darwaza.services import payments
from darwaza.services.payments import message
from darwaza.services.payments.entry import payments_of
from darwaza.services.payments.plan import Fee
from darwaza.services.payments.record import Bulk, Payment
from darwaza.services.payments.screening import nobody_listed
from darwaza.standards.iso20022.message import write
from darwaza.testing.trade import payee_of
from darwaza.testing.world import SetClock

SIZE = 5
WITHIN_S = 60
"""Past the times of the plan to answer and to decide."""
NAMED = "Somebody with a name that no screener reads"


def fails(names):
    """A screener that fails on one name."""
    if NAMED in names:
        raise ValueError("no such letter")
    return ()


def other_bank(**changes):
    """The plan with another HALYK."""
    banks = (msgspec.structs.replace(one, **changes) if one.address == HALYK else one for one in PLAN.participants)
    return msgspec.structs.replace(PLAN, participants=tuple(banks))


def without(*addresses):
    left = tuple(one for one in PLAN.participants if one.address not in addresses)
    return msgspec.structs.replace(PLAN, participants=left)


DEAR = Fee(share_ppm=56_970, least_minor=100_00)
"""The 100.00 of PK's plan for the first payments, and more for the last."""
DIFFERENCES = {
    "none": {},
    "the fee of some amounts": {"plan": other_bank(fee=DEAR)},
    "the fee of all amounts": {"plan": other_bank(fee=Fee(fixed_minor=90_00))},
    "the bank's BIC": {"plan": other_bank(bic="HALYKZKX")},
    "a provider that is not known": {"plan": without("PK/fx-swift")},
    "a bank that is not known": {"plan": without(HBL)},
    "a corridor that is not served": {"plan": msgspec.structs.replace(PLAN, corridors=PLAN.corridors[1:])},
    "a screener that fails": {"screen": fails},
    "a clock far ahead": {"ahead_s": 120},
    "a clock far behind": {"ahead_s": -7_200},
}


class OtherClock(SetClock):
    """A clock that is always so far from another."""

    def __init__(self, of, ahead_s):
        super().__init__()
        self._of, self._ahead = of, timedelta(seconds=ahead_s)

    def now(self):
        return self._of.now() + self._ahead

    def monotonic_s(self):
        return self._of.monotonic_s()


class Differing(Desk):
    """Whose gateway in KZ has another plan, screener or clock than the one in PK."""

    def __init__(self, plan=PLAN, screen=nobody_listed, ahead_s=0):
        self.ahead_s = ahead_s
        super().__init__()
        self.kz.service = payments.service(plan, screen)
        self.kz.restart()
        self.kz.engine.site.clock = OtherClock(self.world.clock, ahead_s)

    def found(self, screen):
        super().found(screen)
        self.kz.engine.site.clock = OtherClock(self.world.clock, self.ahead_s)

    def pay(self, given, *, together):
        """Order payments, in company or each by itself."""
        documents = tuple(map(write, given))
        if together:
            self.done(self.pk.command(HBL, "remit-bulk", message.RemitBulk(self.market, documents, apart=True)))
            return
        for document in documents:
            self.done(self.pk.command(HBL, "remit", message.Remit(self.market, document)))

    def accept_all(self):
        """The payees' bank takes whatever it is asked to."""
        for row in self.kz.store.scan_cases():
            data = self.kz.case(row.id)[1] if row.service == "payments" else None
            if isinstance(data, Payment) and row.state == "asked":
                self.done(self.confirm(row.id))
            elif isinstance(data, Bulk):
                asked = [number for number, one in enumerate(data.entries, 1) if one.state == "asked"]
                said = message.AnswerBulk(tuple(message.Said(number) for number in asked))
                if asked:
                    self.done(self.kz.command(HALYK, "answer-bulk", said, row.id))

    def ends(self, given):
        """How each payment stands at the payers' gateway, with the reason, in their order."""
        found = {}
        for row in self.pk.store.scan_cases():
            if row.service == "payments":
                for state, payment in payments_of(row.state, self.pk.case(row.id)[1]):
                    found[payment.uetr] = state, payment.reason
        return [found[one.transactions[0].id.uetr] for one in given]


@pytest.mark.parametrize("priority", ["NORM", "HIGH"])
@pytest.mark.parametrize("what", DIFFERENCES)
def test_a_payment_ends_in_company_as_it_does_alone_wherever_the_two_gateways_differ(what, priority):
    ends, money = [], []
    for together in (False, True):
        desk = Differing(**DIFFERENCES[what])
        given = transfers(desk, {4: {"creditor": payee_of(NAMED)}}, SIZE, priority=priority)
        desk.pay(given, together=together)
        desk.carry()
        desk.accept_all()
        desk.carry()
        desk.wait(WITHIN_S)
        desk.carry()
        ends.append(desk.ends(given))
        money.append({one.id: one.balance for land in desk.lands.values() for one in land.accounts()})
        desk.check()
    assert ends[0] == ends[1]
    assert not {state for state, _ in ends[1]} & {"sent", "unknown"}
    assert {name: of.posted for name, of in money[0].items()} == {name: of.posted for name, of in money[1].items()}
    if what in {"the fee of some amounts", "a screener that fails"}:
        assert len({state for state, _ in ends[1]}) == 2, "the others have ended well"


def test_what_a_screener_fails_on_is_stopped_and_compliance_is_told_why():
    """It goes on like any other finding, and nobody else's payment waits for it."""
    desk = Differing(screen=fails)
    given = transfers(desk, {4: {"creditor": payee_of(NAMED)}}, SIZE, priority="NORM")
    desk.pay(given, together=True)
    desk.carry()
    (case_id,) = {row.id for row in desk.kz.store.scan_cases() if row.state == "bulk-asked"}
    entries = desk.kz.case(case_id)[1].entries
    assert [one.state for one in entries] == ["asked"] * 3 + ["screened", "asked"]
    assert [one.hits for one in entries if one.hits] == [
        ("screening failed (ValueError): these names were compared with no list",)
    ]
    desk.settle_down()
    desk.check()
