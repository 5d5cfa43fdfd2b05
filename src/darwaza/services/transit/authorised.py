"""Who may use a member's guarantees: holders, and chains that another member's gateway serves.

The member that issues guarantees is the authority on both (what the ITDB is to eTIR). The list is data: the file
``authorised.toml`` in the gateway's folder, which may be absent. Without it holders are not looked up, and only chains
of the gateway itself, which have the role, register guarantees; a chain served elsewhere must be listed.

Example::

    chains = ["PK/pncc"]
    [[holders]]
    id = "UZB/041/1234"
    name = "Silk Road Trans"
    until = 2027-12-31
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from darwaza.errors import OperatorError
from darwaza.kernel.machine import Refusal
from darwaza.services.transit.codes import TransitRefusal as No


class Holder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A holder of this member.

    Attributes:
        id: holder id.
        name: of the firm.
        until: last UTC day on which it may use transit; None while it is not withdrawn.
    """

    id: str
    name: str
    until: date | None = None

    def may(self, at: datetime) -> bool:
        """Tell whether it may use transit at an instant."""
        return self.until is None or at.astimezone(UTC).date() <= self.until


class Authorised(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The list.

    Attributes:
        chains: full addresses of chains at other members' gateways.
        holders: of this member; None when it keeps no list of them.
    """

    chains: tuple[str, ...] = ()
    holders: tuple[Holder, ...] | None = None

    def holder(self, wanted: str) -> Holder | None:
        """Find a holder."""
        return next((item for item in self.holders or () if item.id == wanted), None)

    def refuse_holder(self, wanted: str, at: datetime, pointer: str) -> Refusal | None:
        """Refuse a holder that is not listed (eTIR 322) or may not use transit now (321)."""
        if self.holders is None:
            return None
        known = self.holder(wanted)
        if known is None:
            return Refusal.of(No.HOLDER_UNKNOWN, f"no holder {wanted} is listed", pointer)
        if not known.may(at):
            return Refusal.of(No.HOLDER_NOT_AUTHORISED, f"{wanted} may not use transit since {known.until}", pointer)
        return None


NOBODY = Authorised()
"""No chain served elsewhere, and no list of holders."""


def load_authorised(parsed: Mapping[str, Any]) -> Authorised:
    """Read the list.

    Raises:
        OperatorError: ``register_wrong``.
    """
    try:
        return msgspec.convert(parsed, Authorised)
    except msgspec.ValidationError as error:
        raise OperatorError(f"authorised.toml: {error}", code="register_wrong") from error
