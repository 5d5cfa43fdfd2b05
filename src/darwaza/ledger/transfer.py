"""Transfers: what the ledger has done, for ever.

A transfer is never changed and never deleted; a mistake is righted by another one. The end of a hold is a transfer of
its own that names the hold, so the whole history is one append-only sequence and every balance is a sum over it. Each
transfer carries all its own effect needs (``effect``), so that sum reads no other record.
"""

from datetime import datetime
from enum import Enum
from typing import Final

import msgspec

from darwaza.kernel.machine import Refusal
from darwaza.ledger.asset import Asset
from darwaza.ledger.order import TransferOrder

EXPIRY_ID_PREFIX = "expire "
"""Prefixes the hold's id in the id of its expiry. Ordered ids hold no space, so the two never meet."""


class Phase(Enum):
    """What a transfer does; the value is its stored form."""

    MOVE = "move"
    HOLD = "hold"
    POST = "post"
    VOID = "void"
    EXPIRE = "expire"


MOVE: Final = Phase.MOVE
HOLD: Final = Phase.HOLD
"""To look up a member of an enum takes four times as long as a name, and every transfer is asked what it is."""


class Transfer(msgspec.Struct, frozen=True, gc=False):
    """One entry of the ledger.

    Attributes:
        sequence: 1, 2, 3 ... over the whole ledger, without a gap; the order of application.
        id: the order's, or ``EXPIRY_ID_PREFIX`` and the hold's id; unique for ever.
        phase: what it does.
        debit_account: id; of the hold for POST, VOID and EXPIRE.
        credit_account: id; of the hold for POST, VOID and EXPIRE.
        asset: of both accounts.
        amount_minor: moved (MOVE, POST) or promised (HOLD), 1 to ``order.AMOUNT_MINOR_MAX``; 0 for VOID and EXPIRE.
        released_minor: given back of what the hold had promised: the rest for POST, all for VOID and EXPIRE, else 0.
        hold_id: the hold that POST, VOID and EXPIRE end; None otherwise. Each hold stands here at most once, which a
            store may enforce with a unique index.
        expires_at: of a HOLD, see ``order.Hold``; None otherwise.
        case_id: the case that decided; the hold's for EXPIRE; None outside any case.
        reference: text for statements; the hold's for EXPIRE; or None.
        applied_at: batch time, aware UTC.
    """

    sequence: int
    id: str
    phase: Phase
    debit_account: str
    credit_account: str
    asset: Asset
    amount_minor: int
    released_minor: int
    hold_id: str | None
    expires_at: datetime | None
    case_id: str | None
    reference: str | None
    applied_at: datetime

    def effect(self) -> tuple[int, int]:
        """Return what it adds to pending and to posted, in minor units.

        Both are added to the debit account's debits and to the credit account's credits alike: that is why the sum
        over all accounts stays zero.
        """
        if self.phase is MOVE:
            return 0, self.amount_minor
        if self.phase is HOLD:
            return self.amount_minor, 0
        return -(self.amount_minor + self.released_minor), self.amount_minor


class HoldStanding(msgspec.Struct, frozen=True):
    """A hold and how it ended, if it has.

    Attributes:
        hold: of phase HOLD.
        end: of phase POST, VOID or EXPIRE; None while the hold stands.
    """

    hold: Transfer
    end: Transfer | None


class RefusedOrder(msgspec.Struct, frozen=True):
    """A refusal that the order asked to be final (``order.Move.refusal_final``).

    Attributes:
        order: as it came.
        case_id: as its group came.
        refusal: the answer, now and on every repetition; its pointer starts at the order.
        refused_at: batch time, aware UTC.
    """

    order: TransferOrder
    case_id: str | None
    refusal: Refusal
    refused_at: datetime
