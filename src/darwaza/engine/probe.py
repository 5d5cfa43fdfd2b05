"""What a probe of a link carries, and the terms its two ends agree on. spec/routing.md, section 5."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from darwaza.config import BODY_BYTES_MAX
from darwaza.errors import MalformedError
from darwaza.kernel.linkstate import (
    LATENCY_US_MAX,
    PROBE_BYTES_MAX,
    PROBE_STATEMENTS_MAX,
    STATEMENT_BYTES_MAX,
    LinkState,
)

PROBE_VERSION: Final = 1

Raw = Annotated[bytes, Meta(max_length=STATEMENT_BYTES_MAX)]


class ProbeBody(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a probe carries. MessagePack: ``[1, life, statements, proposal]``.

    Attributes:
        version: of this format, 1.
        life: a number that a gateway draws when it starts; when it changes, the gateway has forgotten what it heard.
        statements: signed notes the neighbour may not have.
        proposal: of a state of the common link, signed by the sender; "" for none.
    """

    version: Annotated[int, Meta(ge=PROBE_VERSION, le=PROBE_VERSION)]
    life: Annotated[str, Meta(max_length=32)]
    statements: Annotated[tuple[Raw, ...], Meta(max_length=PROBE_STATEMENTS_MAX)] = ()
    proposal: Raw = b""


encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ProbeBody).decode


class LinkTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one end says of its link; see ``linkstate.LinkState``."""

    capacity_class: Annotated[int, Meta(ge=0, le=9)] = 0
    price_class: Annotated[int, Meta(ge=0, le=9)] = 0
    latency_us: Annotated[int, Meta(ge=0, le=LATENCY_US_MAX)] = 0
    body_bytes_max: Annotated[int, Meta(ge=1, le=BODY_BYTES_MAX)] = BODY_BYTES_MAX
    drained: bool = False
    visible_to: tuple[str, ...] | None = None

    @classmethod
    def of(cls, said: LinkState) -> "LinkTerms":
        """The terms in a link state."""
        return cls(
            said.capacity_class, said.price_class, said.latency_us, said.body_bytes_max, said.drained, said.visible_to
        )

    def with_both(self, other: "LinkTerms") -> "LinkTerms":
        """The most careful of both."""
        shown = self.visible_to if other.visible_to is None else other.visible_to
        if self.visible_to is not None and other.visible_to is not None:
            shown = tuple(sorted(set(self.visible_to) & set(other.visible_to)))
        return LinkTerms(
            capacity_class=min(self.capacity_class, other.capacity_class),
            price_class=max(self.price_class, other.price_class),
            latency_us=max(self.latency_us, other.latency_us),
            body_bytes_max=min(self.body_bytes_max, other.body_bytes_max),
            drained=self.drained or other.drained,
            visible_to=shown,
        )


def read(raw: bytes) -> ProbeBody:
    """Read the body of a probe or of its answer; nothing in it is believed yet.

    Raises:
        MalformedError: ``probe_malformed``.
    """
    if len(raw) > PROBE_BYTES_MAX:
        raise MalformedError(f"the probe has {len(raw)} bytes, the limit is {PROBE_BYTES_MAX}", code="probe_malformed")
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise MalformedError(f"the probe cannot be read: {fault}", code="probe_malformed") from fault
