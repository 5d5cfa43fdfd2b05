"""A letter: the body of a routed message, which its destination opens, and which its sender can read again.

The body is encrypted under a fresh key. That key stands in front twice: sealed to the destination
(``darwaza.kernel.seal``), and encrypted for the sender's own gateway, under a key that only its sealing secret gives. A
gateway that has lost its disk gets its letters back from its neighbours and reads what it had sent (P1); nobody else
can. Both copies of the key and the body are bound to the message.

On the wire: the sealed key, 1179 bytes; the sender's copy, 48 bytes; the ciphertext with its tag. AES-256-GCM
throughout. The nonce of the ciphertext is zero, because each key is used once; that of the sender's copy is the
beginning of the SHA-256 of the sealed key, which never comes twice. spec/routing.md is the language-neutral text.
"""

from hashlib import sha256
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from darwaza.errors import MalformedError, SignatureError
from darwaza.kernel.seal import SEAL_OVERHEAD_BYTES, Binding, SealKey, UnsealKey

KEY_BYTES: Final = 32
_TAG_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_SEALED_BYTES: Final = SEAL_OVERHEAD_BYTES + KEY_BYTES
_OWN_BYTES: Final = KEY_BYTES + _TAG_BYTES
LETTER_OVERHEAD_BYTES: Final = _SEALED_BYTES + _OWN_BYTES + _TAG_BYTES
"""What a letter is longer than its body."""

_encode = msgspec.json.Encoder().encode


def _bound(binding: Binding) -> bytes:
    return b"darwaza/letter/v1" + sha256(_encode(binding)).digest()


def write(body: bytes, binding: Binding, to: SealKey, sender: UnsealKey, *, key: bytes) -> bytes:
    """Make a letter; the answer is ``LETTER_OVERHEAD_BYTES`` longer than the body and differs each time.

    Args:
        body: any bytes.
        binding: of the message that will carry it.
        to: the destination's key.
        sender: the sender's own.
        key: ``KEY_BYTES`` from a secure generator, for this letter alone: used twice, the zero nonce gives both bodies
            away.
    """
    bound = _bound(binding)
    sealed = to.seal(key, binding)
    own = AESGCM(sender.own).encrypt(sha256(sealed).digest()[:_NONCE_BYTES], key, bound)
    return b"".join((sealed, own, AESGCM(key).encrypt(bytes(_NONCE_BYTES), body, bound)))


def read(letter: bytes, binding: Binding, key: UnsealKey) -> bytes:
    """Open a letter at its destination.

    Raises:
        MalformedError: ``sealed_malformed`` when it is no letter.
        SignatureError: ``unseal_failed`` when it is for somebody else or another message, or was altered.
    """
    return _open(letter, reveal(letter, binding, key), binding)


def reveal(letter: bytes, binding: Binding, key: UnsealKey) -> bytes:
    """Give the key of one letter, with which anybody reads that letter and no other: to show what it says.

    The header's digest is over the letter. So whoever holds header, letter and this key knows what the sender signed.

    Returns:
        32 bytes.

    Raises:
        MalformedError: ``sealed_malformed``; also when what is sealed in front is no key.
        SignatureError: ``unseal_failed``.
    """
    revealed = key.unseal(_front(letter), binding)
    if len(revealed) != KEY_BYTES:
        raise MalformedError("what is sealed in front of the letter is no key", code="sealed_malformed")
    return revealed


def read_revealed(letter: bytes, binding: Binding, revealed: bytes) -> bytes:
    """Read a letter with its key, as ``reveal`` gives it.

    Raises:
        MalformedError: ``sealed_malformed`` when it is no letter, or the key no key.
        SignatureError: ``unseal_failed`` for another letter's key or another message.
    """
    _front(letter)
    return _open(letter, revealed, binding)


def read_again(letter: bytes, binding: Binding, sender: UnsealKey) -> bytes:
    """Read a letter that this gateway wrote itself.

    Raises:
        MalformedError: ``sealed_malformed`` when it is no letter.
        SignatureError: ``unseal_failed`` when another gateway or another sealing secret wrote it, or it was altered.
    """
    return _open(letter, reveal_again(letter, binding, sender), binding)


def reveal_again(letter: bytes, binding: Binding, sender: UnsealKey) -> bytes:
    """Give the key of a letter that this gateway wrote itself; the same that ``reveal`` gives at its destination.

    Raises:
        MalformedError: ``sealed_malformed`` when it is no letter.
        SignatureError: ``unseal_failed`` when another gateway or another sealing secret wrote it, or it was altered.
    """
    front = _front(letter)
    own = letter[_SEALED_BYTES : _SEALED_BYTES + _OWN_BYTES]
    try:
        return AESGCM(sender.own).decrypt(sha256(front).digest()[:_NONCE_BYTES], own, _bound(binding))
    except InvalidTag as fault:
        raise SignatureError("this gateway did not write the letter with this secret", code="unseal_failed") from fault


def _front(letter: bytes) -> bytes:
    if len(letter) < LETTER_OVERHEAD_BYTES:
        raise MalformedError(f"a letter has at least {LETTER_OVERHEAD_BYTES} bytes", code="sealed_malformed")
    return letter[:_SEALED_BYTES]


def _open(letter: bytes, key: bytes, binding: Binding) -> bytes:
    if len(key) != KEY_BYTES:
        raise MalformedError("what is sealed in front of the letter is no key", code="sealed_malformed")
    try:
        return AESGCM(key).decrypt(bytes(_NONCE_BYTES), letter[_SEALED_BYTES + _OWN_BYTES :], _bound(binding))
    except InvalidTag as fault:
        raise SignatureError("the letter is for another message, or was altered", code="unseal_failed") from fault
