"""Single payments that travel together, in real gateways that are killed: each is paid once and answered as its own."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest

from darwaza.client.payments import Payments
from darwaza.entry.sample import remittance

from .test_payment_process import Trade, insist

pytestmark = pytest.mark.timeout(900)

TOGETHER_MIN = 60
"""Payments in company: their share depends on the machine; so many have been through what the test is about."""


class Crowd(Trade):
    """Many desks of one bank that order single ordinary payments without a pause, so that they gather."""

    lot: ClassVar = 60
    payers: ClassVar = 8

    def _pay(self, bank: Payments, chance: random.Random) -> None:
        """Pay, insist on an answer, and now and then send the same once more."""
        priced = self.price | {"chosen": self.price["offers"][0], "quote_id": None}
        while not self.closing.is_set():
            document = remittance.payment(priced, datetime.now(UTC), priority="NORM")
            done = insist(lambda given=document: bank.pay(given, to="KZ"))
            self.paid[done["uetr"]] = done["id"]
            if chance.random() < 0.2:
                again = insist(lambda given=document: bank.pay(given, to="KZ"))
                assert (again["id"], again["repeated"]) == (done["id"], True)


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[Crowd]:
    """Return two gateways under single payments."""
    made = Crowd(tmp_path)
    try:
        made.open()
        yield made
    finally:
        made.abandon()


def test_payments_in_company_end_alike_whoever_is_killed_and_whenever(crowd: Crowd) -> None:
    """Kill -9 of either gateway between a company's commit and its answers, and at any other time, pays nothing twice.

    Each retry is answered with the payment it is of; both books agree, every hold ends.
    """
    chance = random.Random(20261129)
    for code in ("PK", "KZ", "PK"):
        crowd.kill(code)
    for code, how in (("PK", "die"), ("PK", "late"), ("KZ", "lie"), ("PK", "fail")):
        crowd.cut_off_a_commit(code, how, chance.randint(1, 20))
    crowd.close()
    ended = crowd.audit()
    assert ended["settled"] >= Crowd.lot
    together = [one for one in crowd.paid.values() if "." in one]
    assert len(together) >= TOGETHER_MIN, f"{len(together)} of {len(crowd.paid)} travelled together"
