"""Orders: what a rule asks of the ledger.

A decision's ``transfers`` are a tuple of these. All of one decision apply, or none does.

* ``Move`` posts at once. ``Hold`` promises, and is ended by ``Post`` (all or a part of it; the rest is released),
  ``Void`` (all is released), or its expiry, which nobody orders: the ledger does it.
* ``OpenAccount``, ``AmendAccount`` and ``CloseAccount`` stand among them, so that a decision may open the account it
  pays into.

An **id** makes an order idempotent for ever: the same id with the same body gives the stored transfer and changes
nothing, with another body it is refused by name. Rules derive ids from the case (``<case id>/hold``). To prolong a
hold, void it and place another in the same decision.
"""

from datetime import datetime

import msgspec

from darwaza.ledger.asset import Asset

TRANSFER_ID_CHARS_MAX = 100
REFERENCE_CHARS_MAX = 140
"""As ISO 20022 Max140Text, the unstructured remittance information."""
AMOUNT_MINOR_MAX = 10**18 - 1
"""18 digits, as many as ISO 20022 amounts have (ActiveCurrencyAndAmount, totalDigits 18)."""
GROUP_ORDERS_MAX = 8_192
BATCH_ORDERS_MAX = 65_536


class Move(msgspec.Struct, frozen=True, tag="move", gc=False):
    """Post an amount from one account to another, at once.

    Attributes:
        id: 1 to ``TRANSFER_ID_CHARS_MAX`` visible ASCII characters, one namespace for every order of the ledger.
        debit_account: id of the account it leaves.
        credit_account: id of the account it reaches; another one, of the same asset.
        amount_minor: 1 to ``AMOUNT_MINOR_MAX``, minor units of the accounts' asset.
        reference: at most ``REFERENCE_CHARS_MAX`` characters for statements, or None.
        refusal_final: whether a refusal that could pass (no funds just now) is remembered. Leave it False where a
            second attempt under the same id is meant to be possible; the engine already answers a resent input from
            its store. Set it where the outcome was told to another institution under this id and must not change:
            then the same order gets the same refusal for ever. Once an order has applied it says nothing any more, and
            a repetition may differ in it.
    """

    id: str
    debit_account: str
    credit_account: str
    amount_minor: int
    reference: str | None = None
    refusal_final: bool = False


class Hold(msgspec.Struct, frozen=True, tag="hold", gc=False):
    """Promise an amount: it counts against both accounts' limits at once and is posted or released later.

    Attributes:
        id: see ``Move``; ``Post`` and ``Void`` name it.
        debit_account: see ``Move``.
        credit_account: see ``Move``.
        amount_minor: see ``Move``; the most that can be posted.
        expires_at: aware UTC, after the batch's time; from this instant on the hold cannot be posted. None for no end
            of its own: then the case that placed it must end it.
        reference: see ``Move``.
        refusal_final: see ``Move``.
        rest_of: id of the hold that the order right before this one has ended, when this holds on to what was released.
            No block or limit stops it: it was committed, and counted, when that hold was placed.
    """

    id: str
    debit_account: str
    credit_account: str
    amount_minor: int
    expires_at: datetime | None = None
    reference: str | None = None
    refusal_final: bool = False
    rest_of: str | None = None


class Post(msgspec.Struct, frozen=True, tag="post", gc=False):
    """End a hold by posting an amount of it; what is left is released.

    Attributes:
        id: see ``Move``; this order's own.
        hold_id: id of the hold.
        amount_minor: 1 to the hold's amount. It is always said, never implied: a posting names its sum.
        reference: see ``Move``.
        refusal_final: see ``Move``.
    """

    id: str
    hold_id: str
    amount_minor: int
    reference: str | None = None
    refusal_final: bool = False


class Void(msgspec.Struct, frozen=True, tag="void", gc=False):
    """End a hold by releasing all of it. Allowed past its expiry until that is recorded: the effect is the same.

    Attributes:
        id: see ``Move``; this order's own.
        hold_id: id of the hold.
        reference: see ``Move``.
        refusal_final: see ``Move``.
    """

    id: str
    hold_id: str
    reference: str | None = None
    refusal_final: bool = False


class OpenAccount(msgspec.Struct, frozen=True, tag="open", gc=False):
    """Open an account, empty. Opening it again with the terms it now has changes nothing; with others it is refused.

    Attributes are those of ``Account``.
    """

    id: str
    owner: str
    asset: Asset
    kind: str
    floor_minor: int | None
    ceiling_minor: int | None
    debits_blocked: bool = False
    credits_blocked: bool = False


class AmendAccount(msgspec.Struct, frozen=True, tag="amend", gc=False):
    """Set an open account's limits and blocks, all four of them.

    Attributes are those of ``Account``.
    """

    id: str
    floor_minor: int | None
    ceiling_minor: int | None
    debits_blocked: bool = False
    credits_blocked: bool = False


class CloseAccount(msgspec.Struct, frozen=True, tag="close", gc=False):
    """Close an account for ever. Its posted balance must be zero and no hold may touch it.

    Attributes:
        id: the account's.
    """

    id: str


TransferOrder = Move | Hold | Post | Void
AccountOrder = OpenAccount | AmendAccount | CloseAccount
Order = TransferOrder | AccountOrder


class Group(msgspec.Struct, frozen=True, gc=False):
    """Orders that apply together or not at all: the ``transfers`` of one decision.

    Attributes:
        orders: applied in this order, at most ``GROUP_ORDERS_MAX``; each sees the effect of those before it.
        case_id: the case that decided, noted on every transfer; None outside any case.
    """

    orders: tuple[Order, ...]
    case_id: str | None = None
