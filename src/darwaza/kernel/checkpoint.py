"""Checkpoints of logs and the cosignatures under them.

A checkpoint says that a log had a size and a root (C2SP tlog-checkpoint v1.0.0). It is the text of a signed note,
signed by the log (type 0x01, ``darwaza.kernel.note``) and cosigned by others with the time at which they saw it (C2SP
tlog-cosignature v1.1.0): type 0x04 is Ed25519 over time and text, type 0x06 is ML-DSA-44 over the time, the cosigner's
name, the origin, the size and the root. A log may add a type 0x06 line of its own as a second, post-quantum signature.

An Ed25519 cosignature does not cover the cosigner's name, so one key must serve one cosigner only. An ML-DSA-44
cosignature does not cover extension lines; the specification advises against them, and a text that has some is refused.

Example::

    point = Checkpoint("example.com/log", frontier.size, frontier.root())
    signature = Cosigner("example.com/witness", key).sign(point.text.encode(), seconds)
    cosigned_at(signature)
"""

import re
from typing import ClassVar

import msgspec

from darwaza.errors import MalformedError, SignatureError
from darwaza.kernel.encoding import NUMBER_MAX, parse_base64, parse_decimal, to_base64
from darwaza.kernel.key import (
    ED25519_SIGNATURE_BYTES,
    MLDSA44_SIGNATURE_BYTES,
    Ed25519PublicKey,
    MLDSA44PublicKey,
    PrivateKey,
)
from darwaza.kernel.merkle import EMPTY_ROOT, HASH_BYTES, is_subtree
from darwaza.kernel.note import KEY_NAME_BYTES_MAX, Note, Signature, Signer, Verifier, parse, parse_vkey

TYPE_COSIGNATURE_ED25519 = 0x04
TYPE_COSIGNATURE_MLDSA44 = 0x06

ORIGIN_BYTES_MAX = 255
"""In UTF-8; the specification of checkpoints has no limit, that of ML-DSA-44 cosignatures this one."""

_TIMESTAMP_BYTES = 8
_COSIGNED_LENGTHS = frozenset({_TIMESTAMP_BYTES + ED25519_SIGNATURE_BYTES, _TIMESTAMP_BYTES + MLDSA44_SIGNATURE_BYTES})
_FORBIDDEN_IN_ORIGIN = re.compile("[\x00-\x1f\ud800-\udfff]")
_SUBTREE_LABEL = b"subtree/v1\n\x00"


def _malformed(detail: str) -> MalformedError:
    return MalformedError(detail, code="checkpoint_malformed")


class Checkpoint(msgspec.Struct, frozen=True):
    """That a log had a size and a root.

    Attributes:
        origin: identifies the log; one line, 1 to ``ORIGIN_BYTES_MAX`` bytes.
        size: number of leaves, 0 to 2**63 - 1.
        root: root hash of the tree, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text of the note: three lines."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"


def parse_text(text: str) -> Checkpoint:
    """Read the text of a checkpoint.

    Raises:
        MalformedError: ``checkpoint_malformed``, ``number_wrong`` or ``base64_wrong``; also for extension lines.
    """
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:  # noqa: PLR2004 - three lines, each with its newline
        raise _malformed("a checkpoint is three lines: origin, size and root")
    origin, size, root = lines[0], parse_decimal(lines[1]), parse_base64(lines[2], HASH_BYTES)
    if not origin or _FORBIDDEN_IN_ORIGIN.search(origin) or len(origin.encode("utf-8")) > ORIGIN_BYTES_MAX:
        raise _malformed(f"an origin has 1 to {ORIGIN_BYTES_MAX} bytes and no control characters")
    return Checkpoint(origin, size, root)


def parse_checkpoint(raw: bytes) -> tuple[Checkpoint, Note]:
    """Read a signed checkpoint without verifying any signature.

    Raises:
        TooLargeError: see ``note.parse``.
        MalformedError: see ``note.parse`` and ``parse_text``.
    """
    note = parse(raw)
    return parse_text(note.text), note


def _timestamped(value: bytes) -> tuple[int, bytes]:
    """Split a ``timestamped_signature`` into the time in seconds and the signature."""
    return int.from_bytes(value[:_TIMESTAMP_BYTES], "big"), value[_TIMESTAMP_BYTES:]


def cosigned_at(signature: Signature) -> int:
    """Read when a cosignature was made, in seconds since 1970-01-01 UTC. Only true if the signature is.

    Raises:
        SignatureError: ``cosignature_malformed``; the value has the length of no cosignature, or the time is over
            2**63 - 1.
    """
    seconds, _ = _timestamped(signature.value)
    if len(signature.value) not in _COSIGNED_LENGTHS or seconds > NUMBER_MAX:
        raise SignatureError("the signature carries no time", code="cosignature_malformed")
    return seconds


def _ed25519_message(text: bytes, seconds: int) -> bytes:
    return b"cosignature/v1\ntime %d\n%b" % (seconds, text)


class Subtree(msgspec.Struct, frozen=True):
    """What an ML-DSA-44 cosignature is about: a range of a log, or the whole log from leaf 0.

    Attributes:
        origin: of the log, 1 to ``ORIGIN_BYTES_MAX`` bytes.
        start: index of the first leaf; 0 for a checkpoint.
        end: index after the last leaf; the size for a checkpoint.
        root: of the range, 32 bytes.
    """

    origin: str
    start: int
    end: int
    root: bytes

    def message(self, cosigner: str, seconds: int) -> bytes:
        """Build the bytes to sign (C2SP tlog-cosignature v1.1.0, ``cosigned_message``).

        Args:
            cosigner: name of the cosigner's key, 1 to 255 bytes.
            seconds: since 1970-01-01 UTC; must be 0 when ``start`` is not.

        Raises:
            MalformedError: ``checkpoint_malformed``; a value is out of its range, the leaves are no subtree, or they
                are none and the root is not that of the empty tree.
        """
        name, origin = cosigner.encode("utf-8"), self.origin.encode("utf-8")
        if not (
            1 <= len(name) <= KEY_NAME_BYTES_MAX
            and 1 <= len(origin) <= ORIGIN_BYTES_MAX
            and 0 <= seconds <= NUMBER_MAX
            and self.end <= NUMBER_MAX
            and is_subtree(self.start, self.end)
            and (self.start == 0 or seconds == 0)
            and len(self.root) == HASH_BYTES
            and (self.start < self.end or self.root == EMPTY_ROOT)
        ):
            raise _malformed("a cosigned range is none the tree has, or has a time although it starts after leaf 0")
        parts = (
            *(_SUBTREE_LABEL, bytes([len(name)]), name, seconds.to_bytes(8, "big"), bytes([len(origin)]), origin),
            *(self.start.to_bytes(8, "big"), self.end.to_bytes(8, "big"), self.root),
        )
        return b"".join(parts)


class CosignatureVerifier(Verifier):
    """Checks the Ed25519 cosignatures of one cosigner; signature type 0x04."""

    type: ClassVar[int] = TYPE_COSIGNATURE_ED25519

    def verify(self, text: bytes, value: bytes) -> bool:
        """Tell whether ``value``, time and signature, is this cosigner's true cosignature of the checkpoint text."""
        seconds, signature = _timestamped(value)
        return seconds <= NUMBER_MAX and self.public.verify(signature, _ed25519_message(text, seconds))


class MLDSA44CosignatureVerifier(Verifier):
    """Checks the ML-DSA-44 cosignatures of one cosigner, or of a log itself; signature type 0x06."""

    type: ClassVar[int] = TYPE_COSIGNATURE_MLDSA44

    def verify(self, text: bytes, value: bytes) -> bool:
        """Tell whether ``value``, time and signature, is this cosigner's true cosignature of the checkpoint text."""
        try:
            return self.verify_subtree(_whole(text), value)
        except MalformedError:
            return False

    def verify_subtree(self, subtree: Subtree, value: bytes) -> bool:
        """Tell whether ``value`` is this cosigner's true cosignature of a range of a log."""
        seconds, signature = _timestamped(value)
        try:
            message = subtree.message(self.name, seconds)
        except MalformedError:
            return False
        return self.public.verify(signature, message)


def _whole(text: bytes) -> Subtree:
    point = parse_text(text.decode("utf-8", "replace"))
    return Subtree(point.origin, 0, point.size, point.root)


class Cosigner:
    """Cosigns checkpoints with one named Ed25519 key; signature type 0x04.

    Attributes:
        verifier: checks what this signs.
    """

    def __init__(self, name: str, key: PrivateKey) -> None:
        self.verifier = CosignatureVerifier(name, key.public)
        self._sign = key.sign

    def sign(self, text: bytes, seconds: int) -> Signature:
        """Cosign the text of a checkpoint.

        Args:
            text: of the checkpoint, three lines.
            seconds: the time, since 1970-01-01 UTC, 0 to 2**63 - 1.
        """
        value = seconds.to_bytes(8, "big") + self._sign(_ed25519_message(text, seconds))
        return Signature(self.verifier.name, self.verifier.key_id, value)


class MLDSA44Cosigner(Signer):
    """Cosigns checkpoints with one named ML-DSA-44 key; signature type 0x06.

    Without a time it also serves as the second signer of a log, beside its ``note.Signer``.
    """

    verifier_type: ClassVar[type[Verifier]] = MLDSA44CosignatureVerifier

    def sign(self, text: bytes, seconds: int = 0) -> Signature:
        """Cosign the text of a checkpoint.

        Args:
            text: of the checkpoint, three lines.
            seconds: the time, since 1970-01-01 UTC, 0 to 2**63 - 1; 0 states no time.

        Raises:
            MalformedError: see ``parse_text`` and ``Subtree.message``.
        """
        return self.sign_subtree(_whole(text), seconds)

    def sign_subtree(self, subtree: Subtree, seconds: int = 0) -> Signature:
        """Cosign a range of a log.

        Raises:
            MalformedError: see ``Subtree.message``.
        """
        value = seconds.to_bytes(8, "big") + self._sign(subtree.message(self.name, seconds))
        return Signature(self.name, self.key_id, value)


def verifier_of(vkey: str) -> Verifier:
    """Make the verifier for a verifier key in text form, of type 0x01, 0x04 or 0x06.

    Raises:
        MalformedError: see ``note.parse_vkey``; ``vkey_malformed`` for another type.
        SignatureError: ``key_not_admitted``.
    """
    key = parse_vkey(vkey)
    for kind, admit in _KINDS:
        if kind.type == key.type:
            return kind(key.name, admit(key.public))
    raise MalformedError(f"signature type {key.type} is not supported", code="vkey_malformed")


_KINDS: tuple[tuple[type[Verifier], type[Ed25519PublicKey] | type[MLDSA44PublicKey]], ...] = (
    (Verifier, Ed25519PublicKey),
    (CosignatureVerifier, Ed25519PublicKey),
    (MLDSA44CosignatureVerifier, MLDSA44PublicKey),
)
