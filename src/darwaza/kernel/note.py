r"""Signed notes: a text and the signatures of one or more keys under it (C2SP signed-note v1.0.0).

This module decides the outer form, the key's name and identifier, and which signatures count. It knows signature type
0x01, Ed25519 over the text itself; the types that sign something derived from the text are in
``darwaza.kernel.checkpoint``. What the text means is left to others.

A parsed note is not yet believed: only ``verified`` makes it so. A parsed note always formats back to the same bytes.

Example::

    signer = Signer("example.com/log", Ed25519PrivateKey(seed))
    raw = format_note(signed("hello\n", signer))
    verified(parse(raw), [signer.verifier])
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import ClassVar

import msgspec

from darwaza.errors import MalformedError, SignatureError, TooLargeError
from darwaza.kernel.encoding import parse_base64, to_base64
from darwaza.kernel.key import PrivateKey, PublicKey

NOTE_BYTES_MAX = 262_144
"""Room for a checkpoint with ``NOTE_SIGNATURES_MAX`` ML-DSA-44 lines of about 3.4 kB each."""

NOTE_SIGNATURES_MAX = 64
"""The specification asks for at least 16."""

KEY_NAME_BYTES_MAX = 255
"""In UTF-8. The specification has no limit; a name must fit the one-byte length of an ML-DSA-44 cosigned message."""

KEY_ID_BYTES = 4

TYPE_ED25519 = 0x01
"""Ed25519 over the note text."""

_FORBIDDEN_CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f]")
_FORBIDDEN_IN_NAME = re.compile("[\x00-\x1f+\ud800-\udfff]")
_LINE_START = "\u2014 "


class Signature(msgspec.Struct, frozen=True):
    """One signature line.

    Attributes:
        name: of the key; no white space and no plus sign.
        key_id: 4 bytes; with the name it identifies the key and its algorithm.
        value: what the algorithm made; at least 1 byte.
    """

    name: str
    key_id: bytes
    value: bytes

    @property
    def line(self) -> str:
        """The line of the note, with its newline."""
        return f"{_LINE_START}{self.name} {to_base64(self.key_id + self.value)}\n"


class Note(msgspec.Struct, frozen=True):
    """A text with signatures that are not yet verified.

    Attributes:
        text: ends in a newline; no control characters besides newlines.
        signatures: in the order of their lines, at least one.
    """

    text: str
    signatures: tuple[Signature, ...]


def _malformed(detail: str) -> MalformedError:
    return MalformedError(detail, code="note_malformed")


def check_name(name: str) -> None:
    """Check a key name: 1 to ``KEY_NAME_BYTES_MAX`` bytes, no white space, no plus sign, no control character.

    Raises:
        MalformedError: code ``note_malformed``.
    """
    if name.split() != [name] or _FORBIDDEN_IN_NAME.search(name) or len(name.encode("utf-8")) > KEY_NAME_BYTES_MAX:
        raise _malformed("a key name is empty, too long, or holds white space, a plus sign or a control character")


def parse_signature(line: str) -> Signature:
    """Read one signature line, without its newline.

    Raises:
        MalformedError: code ``note_malformed`` or ``base64_wrong``.
    """
    name, space, encoded = line.removeprefix(_LINE_START).partition(" ")
    if not line.startswith(_LINE_START) or not space:
        raise _malformed("a signature line is not a dash, a key name and a base64 text")
    check_name(name)
    data = parse_base64(encoded)
    if len(data) <= KEY_ID_BYTES:
        raise _malformed("a signature line holds no signature after the key identifier")
    return Signature(name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])


def parse(raw: bytes) -> Note:
    """Read a signed note without verifying any signature.

    Raises:
        TooLargeError: code ``note_too_large``; more than ``NOTE_BYTES_MAX`` bytes or ``NOTE_SIGNATURES_MAX`` lines.
        MalformedError: code ``note_malformed`` or ``base64_wrong``.
    """
    if len(raw) > NOTE_BYTES_MAX:
        raise TooLargeError(f"a note has at most {NOTE_BYTES_MAX} bytes", code="note_too_large")
    if _FORBIDDEN_CONTROL.search(raw):
        raise _malformed("a note holds a control character other than newline")
    try:
        document = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed("a note is not UTF-8") from error
    # The text may hold empty lines itself: the last one separates it from the signatures.
    text, blank, lines = document.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise _malformed("a note has no blank line, or does not end in a newline")
    signatures = lines[:-1].split("\n")
    if len(signatures) > NOTE_SIGNATURES_MAX:
        raise TooLargeError(f"a note has at most {NOTE_SIGNATURES_MAX} signatures", code="note_too_large")
    return Note(text + "\n", tuple(map(parse_signature, signatures)))


def line_start(name: str) -> bytes:
    """How every signature line of a key name begins, and no other line."""
    return f"{_LINE_START}{name} ".encode()


def format_note(note: Note) -> bytes:
    """Write a note; the inverse of ``parse``."""
    return (note.text + "\n" + "".join(signature.line for signature in note.signatures)).encode("utf-8")


def key_id(name: str, signature_type: int, public: bytes) -> bytes:
    """Compute the recommended key identifier, the first 4 bytes of SHA-256 over name, newline, type and key."""
    return hashlib.sha256(name.encode("utf-8") + b"\n" + bytes([signature_type]) + public).digest()[:KEY_ID_BYTES]


class Verifier:
    """Checks the signatures one named key makes over note texts. Signature type 0x01; subclasses do others.

    Attributes:
        name: of the key.
        public: the key itself.
        key_id: 4 bytes.

    Raises:
        MalformedError: code ``note_malformed``; the name is not allowed.
    """

    type: ClassVar[int] = TYPE_ED25519

    def __init__(self, name: str, public: PublicKey) -> None:
        check_name(name)
        self.name = name
        self.public = public
        self.key_id = key_id(name, self.type, public.raw)

    def verify(self, text: bytes, value: bytes) -> bool:
        """Tell whether ``value`` is this key's true signature of the note text."""
        return self.public.verify(value, text)

    @property
    def vkey(self) -> str:
        """The key in one line of text, as ``parse_vkey`` reads it."""
        return f"{self.name}+{self.key_id.hex()}+{to_base64(bytes([self.type]) + self.public.raw)}"


class Signer:
    """Signs note texts with one named key. Signature type 0x01; subclasses do others.

    Attributes:
        verifier: checks what this signs.
    """

    verifier_type: ClassVar[type[Verifier]] = Verifier

    def __init__(self, name: str, key: PrivateKey) -> None:
        self.verifier = self.verifier_type(name, key.public)
        self._sign = key.sign

    @property
    def name(self) -> str:
        """The name of the key."""
        return self.verifier.name

    @property
    def key_id(self) -> bytes:
        """The 4-byte identifier of the key."""
        return self.verifier.key_id

    def sign(self, text: bytes) -> Signature:
        """Sign the note text, which ends in a newline."""
        return Signature(self.name, self.key_id, self._sign(text))


class Vkey(msgspec.Struct, frozen=True):
    """A verifier key as text carries it, not yet admitted.

    Attributes:
        name: of the key.
        type: signature type, one byte.
        public: the key's encoding.
    """

    name: str
    type: int
    public: bytes


def parse_vkey(text: str) -> Vkey:
    """Read a verifier key: name, hexadecimal key identifier, and base64 of type and key, joined by plus signs.

    Raises:
        MalformedError: code ``vkey_malformed``, ``note_malformed`` or ``base64_wrong``; also when the identifier is
            not that of the key.
    """
    name, _, rest = text.partition("+")
    identifier, _, encoded = rest.partition("+")
    check_name(name)
    data = parse_base64(encoded)
    if len(data) < 1 + 1:
        raise MalformedError("a verifier key holds no key", code="vkey_malformed")
    if identifier != key_id(name, data[0], data[1:]).hex():
        raise MalformedError("a verifier key's identifier is not that of its name and key", code="vkey_malformed")
    return Vkey(name, data[0], data[1:])


def signed(text: str, *signers: Signer) -> Note:
    """Make a note of the text, signed by each signer in turn."""
    encoded = text.encode("utf-8")
    return Note(text, tuple(signer.sign(encoded) for signer in signers))


def verified(note: Note, verifiers: Iterable[Verifier]) -> tuple[Verifier, ...]:
    """Find which of the known keys signed the note.

    Signatures by unknown keys are ignored, also those that share only the name or only the identifier of a known key.

    Args:
        note: as parsed.
        verifiers: the known keys.

    Returns:
        The verifiers with a true signature, in the order given, at least one.

    Raises:
        SignatureError: ``signature_false`` when any signature by a known key is false; ``signature_missing`` when no
            known key signed.
    """
    text = note.text.encode("utf-8")
    found = tuple(verifier for verifier in verifiers if _signed_by(verifier, text, note.signatures))
    if not found:
        raise SignatureError("no known key signed the note", code="signature_missing")
    return found


def _signed_by(verifier: Verifier, text: bytes, signatures: Sequence[Signature]) -> bool:
    present = False
    for signature in signatures:
        if signature.name == verifier.name and signature.key_id == verifier.key_id:
            if not verifier.verify(text, signature.value):
                raise SignatureError(f"the signature by {verifier.name} is false", code="signature_false")
            present = True
    return present
