"""What an operator puts on record who lets a link go on of which two signed histories were found.

The record is the body of messages ``link.settlement`` in the own log to the neighbour: both sign it, both keep it, and
it proves itself like any other message. The reader of the log says what it *keeps*. The author *withdraws* what it
signed past the size both agree on, except what the reader holds: its record holds the signed checkpoint it withdraws
and the hashes of all leaves under it, in as many messages as it takes, so that nobody can deny that history later.
RFC 8785 JSON; spec/link.md section 8.
"""

import base64
import binascii
from hashlib import sha256
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from darwaza.config import SETTLEMENT_LEAVES
from darwaza.errors import MalformedError
from darwaza.kernel.merkle import HASH_BYTES
from darwaza.kernel.message import DigestText, uuid_of
from darwaza.kernel.note import NOTE_BYTES_MAX

SETTLEMENT = "link.settlement"
REASON_CHARACTERS_MAX = 1_000
WITHDRAWN: Final = "withdrawn"
KEPT: Final = "kept"

Size = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]
LEAVES_CHARACTERS_MAX = (SETTLEMENT_LEAVES * HASH_BYTES + 2) // 3 * 4


class Settlement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the module. Fields in RFC 8785 order.

    Attributes:
        act: ``withdrawn`` by the log's author, ``kept`` by its reader.
        agreed_size: size up to which both hold the same by what both signed; all that the reader holds when it keeps.
        by: address of the operator.
        checkpoint: newest signed note the writer holds of the log; "" for none.
        leaves: base64 of the hashes of leaves from ``start`` on, at most ``SETTLEMENT_LEAVES``; "" when it is kept.
        log: its origin line.
        proofs: SHA-256 of every fork proof the writer keeps of the log, lower-case hex, oldest first.
        reason: what people decided, in their words.
        start: index of the first of ``leaves``.
    """

    act: Literal["kept", "withdrawn"]
    agreed_size: Size
    by: Annotated[str, Meta(max_length=255)]
    checkpoint: Annotated[str, Meta(max_length=NOTE_BYTES_MAX)]
    leaves: Annotated[str, Meta(max_length=LEAVES_CHARACTERS_MAX)]
    log: Annotated[str, Meta(max_length=255)]
    proofs: tuple[DigestText, ...]
    reason: Annotated[str, Meta(max_length=REASON_CHARACTERS_MAX)]
    start: Size

    def hashes(self) -> list[bytes]:
        """The hashes of ``leaves``, apart.

        Raises:
            MalformedError: ``settlement_malformed``.
        """
        try:
            raw = base64.b64decode(self.leaves, validate=True)
        except binascii.Error as fault:
            raise _malformed(str(fault)) from fault
        if len(raw) % HASH_BYTES:
            raise _malformed("a hash is cut off")
        return [raw[at : at + HASH_BYTES] for at in range(0, len(raw), HASH_BYTES)]


_decode = msgspec.json.Decoder(Settlement).decode


def _malformed(detail: str) -> MalformedError:
    return MalformedError(detail, code="settlement_malformed")


def decode(body: bytes) -> Settlement:
    """Read the body of a record; nothing is verified.

    Raises:
        MalformedError: ``settlement_malformed``.
    """
    try:
        return _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise _malformed(str(fault)) from fault


def case_of(origin: str) -> str:
    """The case of all records about one log, the same at both gateways."""
    return uuid_of(sha256(f"darwaza/settlement/v1 {origin}".encode()).digest())
