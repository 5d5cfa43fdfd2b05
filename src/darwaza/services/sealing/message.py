"""What the sealing service says: who asks whom for a sealing card, and the card."""

from datetime import datetime

import msgspec

ASKED = "sealing.asked"
CARD = "sealing.card"
REFUSED = "sealing.refused"


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``ask``: what key does a party of another member have its documents sealed to?

    Attributes:
        party: full address of whom to ask for.
    """

    party: str


class Question(msgspec.Struct, frozen=True):
    """What a case holds, at both gateways.

    Attributes:
        asker: full address.
        party: full address of the one whose key is asked for.
        card: the sealing card as it came, or was given; empty before (``kernel.sealcard``).
        code: why there is none, or "".
        detail: of that, or "".
        ended_at: when it was answered or given up; None before.
    """

    asker: str
    party: str
    card: bytes = b""
    code: str = ""
    detail: str = ""
    ended_at: datetime | None = None
