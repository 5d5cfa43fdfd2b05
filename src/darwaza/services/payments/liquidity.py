"""Tells owners of money, and the operator, when it runs low: once each time it falls below the mark in the plan.

Nothing is refused for it. A bank's position and an FX provider's money set aside abroad have marks; what is held counts
as gone.
"""

from typing import Final

from darwaza.kernel.machine import LedgerView, Notice, Refusal
from darwaza.kernel.message import member_of
from darwaza.ledger.money import to_text
from darwaza.ledger.refusal import TransferRefusal
from darwaza.services.payments.plan import Directory, Participant, abroad, position

LOW: Final = "liquidity.low"


class Purse:
    """What a bank's position can still pay while one decision takes from it, payment by payment.

    Attributes:
        bank: whose.
    """

    def __init__(self, directory: Directory, ledger: LedgerView, bank: Participant) -> None:
        self.bank = bank
        self._account_id = position(bank.address, directory.currencies[bank.member])
        account = ledger.account(self._account_id)
        floor = None if account is None else account.floor_minor
        self._room_minor: int | None = None if floor is None else account.balance.available - floor

    def take(self, minor: int) -> Refusal | None:
        """Take so much; or what the ledger would say, and nothing is taken."""
        if self._room_minor is None:
            return None
        if minor > self._room_minor:
            detail = f"{self._account_id!r} would fall below its floor"
            return Refusal.of(TransferRefusal.FLOOR_CROSSED, detail, "/amount_minor")
        self._room_minor -= minor
        return None


def position_notices(directory: Directory, ledger: LedgerView, bank: str, taken_minor: int) -> tuple[Notice, ...]:
    """Who hears that a bank's position falls below its mark when so much is taken."""
    participant = directory.participant(bank, "psp")
    if participant is None or participant.low_minor is None:
        return ()
    account = position(bank, directory.currencies[participant.member])
    return _notices(directory, ledger, bank, account, taken_minor, participant.low_minor)


def abroad_notices(
    directory: Directory, ledger: LedgerView, provider: str, there: str, taken_minor: int
) -> tuple[Notice, ...]:
    """Who hears that what may be spent of an FX provider's money at another gateway falls below its mark there."""
    home = directory.participant(f"{there}/{provider.partition('/')[2]}", "fxp")
    if home is None or home.low_minor is None:
        return ()
    account = abroad(provider, there, directory.currencies[there])
    return _notices(directory, ledger, provider, account, taken_minor, home.low_minor)


def _notices(
    directory: Directory, ledger: LedgerView, owner: str, account_id: str, taken_minor: int, low_minor: int
) -> tuple[Notice, ...]:
    account = ledger.account(account_id)
    if account is None or not account.balance.available - taken_minor < low_minor <= account.balance.available:
        return ()
    left = to_text(account.balance.available - taken_minor, account.asset)
    told = {"account": account_id, "available": left, "mark": to_text(low_minor, account.asset)}
    return tuple(Notice(party, LOW, told) for party in (owner, *directory.operators(member_of(owner))))
