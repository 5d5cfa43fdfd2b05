"""What must be paid on a consignment before its goods are handed over, and the word that it was paid.

Two services meet here without knowing one another. Customs states the fact ``duty due`` on the consignment: how much,
to which account, under which reference. A payment of the same consignment, credited at this gateway to that account
under that reference, states ``duty paid``; a release that awaits it follows in the same transaction. ``fee`` and
``premium`` (of a guarantee) work alike.

A payment says what it is for in one line of its unstructured remittance information (ISO 20022 ``RmtInf/Ustrd``), with
code words between slashes as banks have long written them: ``/UCR/6UZ0190A3/REF/PSID-2026-0042``.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

CHARGES = ("duty", "fee", "premium")
"""What may be due, in the order in which it is looked for."""

_BEGINS = "/UCR/"
_CLAIM = re.compile(r"/UCR/([!-.0-~]{1,35})/REF/([A-Za-z0-9][A-Za-z0-9._-]{0,34})")


class Due(msgspec.Struct, frozen=True):
    """Value of the fact ``<charge> due``.

    Attributes:
        amount_minor: at least so much, minor units; 0 when nothing is due any more.
        currency: ISO 4217.
        account: IBAN or other number of the account it is paid to.
        reference: under which it is paid, 1 to 35 characters.
    """

    amount_minor: int
    currency: str
    account: str
    reference: str


class Paid(msgspec.Struct, frozen=True):
    """Value of the fact ``<charge> paid``.

    Attributes:
        amount_minor: credited; 0 when the payment was given back.
        currency: ISO 4217.
        account: it was credited to.
        reference: under which it was paid.
        payment: UETR of the payment.
    """

    amount_minor: int
    currency: str
    account: str
    reference: str
    payment: str


class Claim(msgspec.Struct, frozen=True):
    """What a payment says it is for.

    Attributes:
        ucr: consignment.
        reference: of the charge.
        account: the payee's.
    """

    ucr: str
    reference: str
    account: str


def due_fact(charge: str) -> str:
    """Name the fact that a charge is due."""
    return f"{charge} due"


def paid_fact(charge: str) -> str:
    """Name the fact that a charge was paid."""
    return f"{charge} paid"


def read_claim(remittance: Iterable[str], account: str) -> Claim | None:
    """Read what a payment is for from its remittance lines; None when no line says it, or two say different things."""
    # Few payments pay a charge: looking for how its line begins costs next to nothing.
    lines = [line.strip() for line in remittance if _BEGINS in line]
    found = {match.groups() for line in lines if (match := _CLAIM.fullmatch(line)) is not None}
    if len(found) != 1 or not account:
        return None
    ucr, reference = found.pop()
    return Claim(ucr, reference, account)


def meets(claim: Claim, due: Any, amount_minor: int, currency: str) -> bool:
    """Tell whether a credited payment pays what is due, whole.

    Args:
        claim: of the payment.
        due: value of the fact.
        amount_minor: credited.
        currency: of the amount.
    """
    asked = _read(due, Due)
    return (
        asked is not None
        and (asked.reference, asked.account, asked.currency) == (claim.reference, claim.account, currency)
        and 0 < asked.amount_minor <= amount_minor
    )


def settled(due: Due, paid: Any) -> bool:
    """Tell whether the word of a payment settles what is due now: a later, higher charge is not settled by it."""
    if due.amount_minor == 0:
        return True
    word = _read(paid, Paid)
    return (
        word is not None
        and (word.reference, word.account, word.currency) == (due.reference, due.account, due.currency)
        and word.amount_minor >= due.amount_minor
    )


def _read(value: Any, kind: type) -> Any:
    """Read a fact's value; None when another service stated something else under the name."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return None
