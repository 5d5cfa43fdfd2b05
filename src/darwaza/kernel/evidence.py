"""The evidence file: what proves one message, in one text that verifies offline.

The file holds items of one structure. Each is a message's header, its body or not, the proof (C2SP tlog-proof) that it
stands in a log under a checkpoint that the author signed and the reader co-signed, and the version of the corridor
document whose keys count. The first item is the message itself; the others are related messages of the same case in
either direction, such as the receipts that answer it. ``role`` says what an item is to the file; a reader that meets a
role it does not know cannot tell.

The text is RFC 8785 JSON without anything around it, so that one content has one text and a parser in another language
cannot read it differently. This module decides the form; ``darwaza.kernel.examination`` judges what it proves.
spec/evidence.md is the language-neutral text.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from darwaza.config import BODY_BYTES_MAX, HEADER_BYTES_MAX
from darwaza.errors import MalformedError, TooLargeError
from darwaza.kernel import letter
from darwaza.kernel.corridor import VERSION_MAX
from darwaza.kernel.message import DigestText, Header
from darwaza.kernel.naming import CORRIDOR_NAME_CHARACTERS_MAX
from darwaza.kernel.parts import PARTS_MAX
from darwaza.kernel.proof import PROOF_BYTES_MAX
from darwaza.kernel.seal import Binding

FORMAT = "darwaza/evidence/v1"
MEDIA_TYPE = "application/vnd.darwaza.evidence+json"
FILE_EXTENSION = ".evidence.json"
EVIDENCE_BYTES_MAX = 8 * 1_048_576
ITEMS_MAX = 64

MESSAGE = "message"
"""Role of the first item and of no other: what the file is about."""
RELATED = "related"
"""Role of another message of the same case."""
HOP = "hop"
"""Role of a further link of a routed message: what one relay sent to the next member of its path, in order."""


class DocumentRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version of the corridor document an item's signatures are to be read under. Fields in RFC 8785 order.

    Attributes:
        digest: SHA-256 of its text, lower-case hex.
        name: of the corridor.
        version: of the document.
    """

    digest: DigestText
    name: Annotated[str, Meta(min_length=1, max_length=CORRIDOR_NAME_CHARACTERS_MAX)]
    version: Annotated[int, Meta(ge=1, le=VERSION_MAX)]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One part of a body in parts: itself or, where it is withheld, its digest. Fields in RFC 8785 order.

    Attributes:
        body: base64 in the file, at most ``BODY_BYTES_MAX`` bytes.
        digest: SHA-256 of the part, lower-case hex.
    """

    body: Annotated[bytes, Meta(max_length=BODY_BYTES_MAX)] | None = None
    digest: DigestText | None = None


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One message with its proof. Fields in RFC 8785 order.

    Attributes:
        body: base64 in the file, at most ``BODY_BYTES_MAX`` bytes; absent when whoever made the file withholds it, and
            then the header's digest stands for it.
        corridor: whose keys count.
        header: the canonical header that is the log's entry, as text.
        key: base64 in the file; of the letter that the body of a routed message is, and of no other: with it anybody
            reads what was sealed. Absent when whoever made the file keeps it sealed.
        parts: all parts of a body in parts, in order, where some are withheld; the body is absent then.
        proof: C2SP tlog-proof without extra data; its checkpoint carries the signatures of author, reader, witnesses.
        role: ``MESSAGE``, ``HOP`` or ``RELATED``, or one that a later edition of the specification names.
    """

    body: Annotated[bytes, Meta(max_length=BODY_BYTES_MAX)] | None = None
    corridor: DocumentRef
    header: Annotated[str, Meta(min_length=2, max_length=HEADER_BYTES_MAX)]
    key: Annotated[bytes, Meta(min_length=letter.KEY_BYTES, max_length=letter.KEY_BYTES)] | None = None
    parts: Annotated[tuple[Part, ...], Meta(min_length=1, max_length=PARTS_MAX)] | None = None
    proof: Annotated[str, Meta(min_length=1, max_length=PROOF_BYTES_MAX)]
    role: Annotated[str, Meta(pattern=r"^[a-z]{1,16}$(?!\n)")]


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the module. Fields in RFC 8785 order.

    Attributes:
        format: ``FORMAT``.
        items: 1 to ``ITEMS_MAX``; the first and only the first has the role ``MESSAGE``.
    """

    format: str
    items: Annotated[tuple[Item, ...], Meta(min_length=1, max_length=ITEMS_MAX)]


encode = msgspec.json.Encoder().encode
"""Write an evidence file in its one canonical form."""

_decode = msgspec.json.Decoder(Evidence).decode


def _malformed(detail: str, pointer: str = "") -> MalformedError:
    return MalformedError(detail, code="evidence_malformed", pointer=pointer)


def _is_one(part: Part) -> bool:
    return (part.body is None) is not (part.digest is None)


def decode(raw: bytes) -> Evidence:
    """Read an evidence file; nothing in it is verified.

    Raises:
        TooLargeError: ``evidence_too_large``, over ``EVIDENCE_BYTES_MAX``.
        MalformedError: ``evidence_malformed``; ``evidence_not_canonical`` for another way of writing it.
    """
    if len(raw) > EVIDENCE_BYTES_MAX:
        raise TooLargeError(f"an evidence file has at most {EVIDENCE_BYTES_MAX} bytes", code="evidence_too_large")
    try:
        evidence = _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise _malformed(f"the evidence file cannot be read: {fault}") from fault
    if evidence.format != FORMAT:
        raise _malformed(f"not a file of the format {FORMAT}", "/format")
    if [item.role for item in evidence.items].count(MESSAGE) != 1 or evidence.items[0].role != MESSAGE:
        raise _malformed("the first item, and no other, is the message", "/items")
    for number, item in enumerate(evidence.items):
        if item.parts is not None and (item.body is not None or not all(map(_is_one, item.parts))):
            raise _malformed("a body is whole or in parts, and each part is there or its digest", f"/items/{number}")
        if item.key is not None and (item.body is None or item.role == HOP):
            raise _malformed("a key opens the body that stands with it", f"/items/{number}/key")
    if encode(evidence) != raw:
        raise MalformedError("the evidence file is not in RFC 8785 form", code="evidence_not_canonical")
    return evidence


def read_body(header: Header, item: Item) -> bytes | None:
    """What an item shows of its message's body: itself or, of a routed message, what its letter says.

    Args:
        header: the item's own, whose digest the body matches.
        item: without ``parts``.

    Returns:
        None when the body is withheld, or is a letter without its key.

    Raises:
        MalformedError: ``sealed_malformed`` when there is a key and the body is no letter.
        SignatureError: ``unseal_failed`` for the key of another letter.
    """
    if item.key is None:
        return item.body if header.path is None else None
    if item.body is None or header.path is None:
        raise MalformedError("there is a key, and the body is no letter", code="sealed_malformed")
    return letter.read_revealed(item.body, Binding.of(header), item.key)
