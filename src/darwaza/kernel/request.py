"""How one gateway proves to another who is asking: a signed note over the request line and the time.

Batches and checkpoints prove themselves; this is only for the two questions whose answers are not for everybody (what a
reader holds, and leaves given back). spec/link.md, "Signed requests".
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime

from darwaza.config import CLOCK_SKEW_S_MAX
from darwaza.errors import ForbiddenError, MessageError
from darwaza.kernel import instant
from darwaza.kernel.encoding import parse_decimal
from darwaza.kernel.key import PrivateKey
from darwaza.kernel.naming import KeyRole, SignerName
from darwaza.kernel.note import Signer, Verifier, format_note, parse, signed, verified

SCHEME = "Darwaza"
_FIRST_LINE = "darwaza/request/v1"
HEADER_BYTES_MAX = 4_096


def signer_name(corridor: str, member: str) -> str:
    """Name of the key that signs requests."""
    return str(SignerName(corridor, member, KeyRole.LOG))


def authorize(method: str, target: str, now: datetime, *, corridor: str, member: str, key: PrivateKey) -> str:
    """Make the value of the Authorization header.

    Args:
        method: upper case.
        target: path and query as sent.
        now: the time.
        corridor: its name.
        member: who asks.
        key: its log key.
    """
    text = f"{_FIRST_LINE}\n{method} {target}\n{instant.to_seconds(now)}\n"
    note = format_note(signed(text, Signer(signer_name(corridor, member), key)))
    return f"{SCHEME} {base64.b64encode(note).decode()}"


def authorized_by(header: str, method: str, target: str, now: datetime, verifiers: Sequence[Verifier]) -> str:
    """Tell which key signed a request.

    Args:
        header: value of the Authorization header.
        method: of the request.
        target: of the request.
        now: the time here.
        verifiers: of the members that may ask.

    Returns:
        The name of the key.

    Raises:
        ForbiddenError: ``request_unsigned`` when there is no true signature over this request, ``request_stale`` when
            it is off by more than ``CLOCK_SKEW_S_MAX``.
    """
    scheme, _, value = header.partition(" ")
    try:
        if scheme != SCHEME or len(value) > HEADER_BYTES_MAX:
            raise ForbiddenError("the request is not signed by a member", code="request_unsigned")
        note = parse(base64.b64decode(value, validate=True))
        name = verified(note, verifiers)[0].name
        first, line, seconds, _end = note.text.split("\n")
        at = parse_decimal(seconds)
    except (MessageError, binascii.Error, ValueError) as fault:
        raise ForbiddenError("the request is not signed by a member", code="request_unsigned") from fault
    if (first, line) != (_FIRST_LINE, f"{method} {target}"):
        raise ForbiddenError("the signature is for another request", code="request_unsigned")
    if abs(at - instant.to_seconds(now)) > CLOCK_SKEW_S_MAX:
        raise ForbiddenError("the request was signed too long ago, or in the future", code="request_stale")
    return name
