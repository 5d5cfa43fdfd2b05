"""What the documents service says: commands of parties, messages between gateways, and what a case holds.

An offer's body is its manifest, one line of RFC 8785 JSON, then LF, then the content itself unless it travels in
chunks. A chunk's body is nothing but its bytes; its name is its digest. The other messages carry JSON.
"""

from datetime import datetime
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta

from darwaza.config import CHUNK_BYTES, CHUNKS_MAX, DOCUMENT_BYTES_MAX
from darwaza.errors import MalformedError
from darwaza.kernel.message import DigestText

OFFER = "documents.offer"
CHUNK = "documents.chunk"
HANDED_OVER = "documents.handed-over"
REFUSED = "documents.refused"
EXPIRED = "documents.expired"

OFFER_MEDIA_TYPE = "application/vnd.darwaza.document"
CHUNK_MEDIA_TYPE = "application/octet-stream"
MANIFEST_BYTES_MAX = 16_384
INLINE_BYTES_MAX = 786_432
"""A larger document travels in chunks."""

Title = Annotated[str, Meta(min_length=1, max_length=200)]
FileName = Annotated[str, Meta(max_length=200, pattern=r"^[^/\\\x00-\x1f]*$(?!\n)")]
MediaType = Annotated[str, Meta(min_length=3, max_length=127, pattern=r"^[!-~]+/[ -~]+$(?!\n)")]


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is offered. Fields in RFC 8785 order.

    Attributes:
        bytes: length of the whole document.
        chunks: SHA-256 of each chunk in order, lower-case hex; absent when the content stands in the offer itself. All
            but the last have ``CHUNK_BYTES``.
        digest: SHA-256 of the whole document, lower-case hex.
        filename: without folders; may be empty.
        media_type: of the document.
        title: for people.
    """

    bytes: Annotated[int, Meta(ge=0, le=DOCUMENT_BYTES_MAX)]
    chunks: Annotated[tuple[DigestText, ...], Meta(min_length=1, max_length=CHUNKS_MAX)] | None = None
    digest: DigestText
    filename: FileName
    media_type: MediaType
    title: Title


class Offer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``offer``: send a document at once.

    Attributes:
        to: full address of the recipient.
        title: see ``Manifest``.
        filename: see ``Manifest``.
        media_type: see ``Manifest``.
        content: at most ``INLINE_BYTES_MAX`` bytes.
        ucr: consignment, or None.
        expires_at: after this instant it need not be handed over any more, or None.
        path_policy: which members may carry it, besides the corridor's policy (``kernel.policy``).
        waits: when every allowed path is down, the document waits for one; otherwise it is refused at once.
    """

    to: str
    title: Title
    filename: FileName
    media_type: MediaType
    content: bytes
    ucr: str | None = None
    expires_at: datetime | None = None
    path_policy: str = ""
    waits: bool = True


class Open(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``open``: announce a document whose chunks follow.

    Attributes:
        to: full address of the recipient.
        manifest: names the chunks.
        ucr: consignment, or None.
        expires_at: see ``Offer``.
        path_policy: see ``Offer``; it binds every chunk and the offer.
        waits: see ``Offer``; a chunk that is refused can be added again.
    """

    to: str
    manifest: Manifest
    ucr: str | None = None
    expires_at: datetime | None = None
    path_policy: str = ""
    waits: bool = True


class AddChunk(msgspec.Struct, frozen=True):
    """Command ``add-chunk``: one piece of an opened document."""

    content: bytes


class Accept(msgspec.Struct, frozen=True):
    """Command ``accept``: the recipient's system has taken the document over."""


class Refuse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``refuse``: the recipient does not take it.

    Attributes:
        reason: one sentence.
    """

    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class HandedOver(msgspec.Struct, frozen=True):
    """Body of ``documents.handed-over``: digest of the document that the recipient took over."""

    digest: str


class Expired(msgspec.Struct, frozen=True):
    """Body of ``documents.expired``: digest of the document that nobody took over in time."""

    digest: str


class Document(msgspec.Struct, frozen=True):
    """What a case holds, at both gateways.

    Attributes:
        sender: full address.
        recipient: full address.
        manifest: None at the recipient's gateway as long as only chunks have come.
        have: digests of the chunks that are here, in order of arrival.
        expires_at: see ``Offer``.
        code: of the refusal, or "".
        detail: of the refusal, or "".
        ended_at: when it was handed over, refused or expired; None before.
        path_policy: what the sender asked of the path of chunks that are still to come; "" elsewhere.
        waits: the same, whether they wait for a path.
    """

    sender: str
    recipient: str
    manifest: Manifest | None
    have: tuple[str, ...] = ()
    expires_at: datetime | None = None
    code: str = ""
    detail: str = ""
    ended_at: datetime | None = None
    path_policy: str = ""
    waits: bool = True

    @property
    def missing(self) -> tuple[str, ...]:
        """Digests of the chunks that are not here yet."""
        if self.manifest is None or self.manifest.chunks is None:
            return ()
        have = set(self.have)
        return tuple(digest for digest in dict.fromkeys(self.manifest.chunks) if digest not in have)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Manifest).decode


def digest_of(content: bytes) -> str:
    """SHA-256 in lower-case hex."""
    return sha256(content).hexdigest()


def write_offer(manifest: Manifest, content: bytes) -> bytes:
    """Write an offer's body."""
    return _encode(manifest) + b"\n" + content


def read_offer(body: bytes) -> tuple[Manifest, bytes]:
    """Read an offer's body.

    Raises:
        MalformedError: ``document_malformed``; also when the content is not the one the manifest names.
    """
    line, newline, content = body.partition(b"\n")
    if not newline or len(line) > MANIFEST_BYTES_MAX:
        raise MalformedError("an offer begins with one line of JSON", code="document_malformed")
    try:
        manifest = _decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise MalformedError(f"the manifest cannot be read: {fault}", code="document_malformed") from fault
    if _encode(manifest) != line:
        raise MalformedError("the manifest is not in RFC 8785 form", code="document_malformed")
    check_manifest(manifest)
    named = len(content) == manifest.bytes and digest_of(content) == manifest.digest
    if not (named if manifest.chunks is None else not content):
        raise MalformedError("the content is not the one the manifest names", code="document_malformed")
    return manifest, content


def check_manifest(manifest: Manifest) -> None:
    """Hold the number of chunks against the length.

    Raises:
        MalformedError: ``document_malformed``.
    """
    if manifest.chunks is not None and len(manifest.chunks) != -(-manifest.bytes // CHUNK_BYTES):
        raise MalformedError(
            f"a document of {manifest.bytes} bytes does not have {len(manifest.chunks)} chunks of {CHUNK_BYTES}",
            code="document_malformed",
            pointer="/chunks",
        )
