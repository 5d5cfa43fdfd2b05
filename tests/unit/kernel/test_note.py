"""Signed notes: form, verifier keys, and which signatures count (C2SP signed-note v1.0.0)."""

import pytest

from darwaza.errors import MalformedError, SignatureError, TooLargeError
from darwaza.kernel.checkpoint import verifier_of
from darwaza.kernel.encoding import parse_base64
from darwaza.kernel.key import Ed25519PrivateKey, Ed25519PublicKey
from darwaza.kernel.note import (
    KEY_NAME_BYTES_MAX,
    NOTE_BYTES_MAX,
    NOTE_SIGNATURES_MAX,
    Note,
    Signature,
    Signer,
    Verifier,
    format_note,
    parse,
    parse_vkey,
    signed,
    verified,
)

# Keys, text and signatures of golang.org/x/mod sumdb/note, note_test.go.
PETER_SEED = parse_base64("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
PETER_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
ENOCH_VKEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)

# The example of the specification; its key is not published, its form is.
SPECIFIED = (
    "Ognuno sta solo sul cuor della terra\n"
    "trafitto da un raggio di sole:\n"
    "\n"
    "ed è subito sera.\n"
    "\n"
    "— quasimodo.example/salvatore "
    "NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
)

peter = verifier_of(PETER_VKEY)
enoch = verifier_of(ENOCH_VKEY)


def note_of(*lines: str) -> Note:
    return parse((TEXT + "\n" + "".join(lines)).encode())


def test_the_specified_example_parses_and_formats_back():
    """The text may hold empty lines; the last one separates it from the signatures."""
    note = parse(SPECIFIED.encode())
    assert note.text.endswith("\n\ned è subito sera.\n")
    assert [one.name for one in note.signatures] == ["quasimodo.example/salvatore"]
    assert note.signatures[0].key_id.hex() == "367ba04b"
    assert format_note(note) == SPECIFIED.encode()


def test_the_other_implementation_signs_the_same():
    """The same seed, name and text give the bytes the Go implementation gives."""
    signer = Signer("PeterNeumann", Ed25519PrivateKey(PETER_SEED))
    assert format_note(signed(TEXT, signer)) == (TEXT + "\n" + PETER_LINE).encode()
    assert signer.verifier.vkey == PETER_VKEY


def test_known_keys_are_verified_and_unknown_ones_ignored():
    """Each known key with a true signature is named, in the order asked for."""
    note = note_of(PETER_LINE, ENOCH_LINE)
    assert verified(note, [peter]) == (peter,)
    assert verified(note, [enoch, peter]) == (enoch, peter)
    assert verified(note_of(ENOCH_LINE, PETER_LINE, PETER_LINE), [peter]) == (peter,)


def test_no_known_key_means_no_note():
    """A note that no known key signed is refused."""
    for verifiers in ([], [enoch]):
        with pytest.raises(SignatureError) as caught:
            verified(note_of(PETER_LINE), verifiers)
        assert caught.value.code == "signature_missing"


def test_same_name_or_same_identifier_alone_is_another_key():
    """Name and identifier together make the key; a false signature under half a match is ignored, not judged."""
    line = parse_base64(PETER_LINE.split(" ")[2].strip())
    for name, key_id in (("PeterNeumann", b"\0\0\0\0"), ("Carmen", line[:4])):
        note = Note(TEXT, (Signature(name, key_id, b"false"), *note_of(PETER_LINE).signatures))
        assert verified(note, [peter]) == (peter,)
        with pytest.raises(SignatureError) as caught:
            verified(Note(TEXT, note.signatures[:1]), [peter])
        assert caught.value.code == "signature_missing"


def test_a_false_signature_by_a_known_key_refuses_the_note():
    """Even beside true ones, also by the same key."""
    note = note_of(PETER_LINE, ENOCH_LINE)
    false = Signature("PeterNeumann", peter.key_id, note.signatures[0].value[:-1] + b"\xff")
    for signatures in ((false,), (*note.signatures, false), (false, *note.signatures)):
        with pytest.raises(SignatureError) as caught:
            verified(Note(TEXT, signatures), [enoch, peter])
        assert caught.value.code == "signature_false"
    with pytest.raises(SignatureError):
        verified(Note("Other " + TEXT, note.signatures), [peter])


def test_unknown_keys_may_sign_anything():
    """An unknown key's false signature does no harm."""
    note = note_of(PETER_LINE, ENOCH_LINE)
    other = Signature("EnochRoot", enoch.key_id, b"nonsense")
    assert verified(Note(TEXT, (*note.signatures[:1], other)), [peter]) == (peter,)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(TEXT.encode(), id="no blank line"),
        pytest.param((TEXT + "\n").encode(), id="no signatures"),
        pytest.param((TEXT + "\n" + PETER_LINE[:-1]).encode(), id="no final newline"),
        pytest.param(("\x01" + TEXT + "\n" + PETER_LINE).encode(), id="control character"),
        pytest.param((TEXT + "\r\n\n" + PETER_LINE).encode(), id="carriage return"),
        pytest.param(b"\xff" + (TEXT + "\n" + PETER_LINE).encode(), id="not UTF-8"),
        pytest.param((TEXT + "\n" + PETER_LINE.replace("Peter", "Peter ")).encode(), id="space in name"),
        pytest.param((TEXT + "\n" + PETER_LINE.replace("Peter", "Peter+")).encode(), id="plus in name"),
        pytest.param((TEXT + "\n" + PETER_LINE.replace("Peter", "Peter\u00a0")).encode(), id="unicode space in name"),
        pytest.param((TEXT + "\n" + PETER_LINE.replace("PeterNeumann", "")).encode(), id="no name"),
        pytest.param((TEXT + "\n" + PETER_LINE + "Unexpected line.\n").encode(), id="line that is no signature"),
        pytest.param((TEXT + "\n- " + PETER_LINE[2:]).encode(), id="hyphen for dash"),
        pytest.param((TEXT + "\n— PeterNeumann x08gow==\n").encode(), id="nothing after the identifier"),
        pytest.param((TEXT + "\n— PeterNeumann\n").encode(), id="no signature"),
        pytest.param((TEXT + "\n" + PETER_LINE.replace("nAM=", "nAN=")).encode(), id="base64 with trailing bits"),
        pytest.param((TEXT + "\n" + PETER_LINE.replace("nAM=", "nAM")).encode(), id="base64 without padding"),
        pytest.param((TEXT + "\n" + PETER_LINE.replace("/", "_")).encode(), id="base64 of the URL alphabet"),
    ],
)
def test_malformed_notes(raw):
    """What is not exactly a note is refused whole."""
    with pytest.raises(MalformedError):
        parse(raw)


def test_limits():
    """Size and number of signatures are limited, the number well above the 16 that must be accepted."""
    assert len(note_of(*[PETER_LINE] * NOTE_SIGNATURES_MAX).signatures) == NOTE_SIGNATURES_MAX >= 16
    with pytest.raises(TooLargeError):
        note_of(*[PETER_LINE] * (NOTE_SIGNATURES_MAX + 1))
    with pytest.raises(TooLargeError):
        parse(b"x" * (NOTE_BYTES_MAX + 1))


def test_vkey_round_trip_and_every_mangling():
    """A verifier key reads back; no part of it and no changed character makes another."""
    assert (peter.name, peter.type, peter.vkey) == ("PeterNeumann", 1, PETER_VKEY)
    for start in range(len(PETER_VKEY)):
        for end in range(start, len(PETER_VKEY) + 1):
            if (start, end) != (0, len(PETER_VKEY)):
                with pytest.raises(MalformedError):
                    parse_vkey(PETER_VKEY[start:end])
    for at, character in enumerate(PETER_VKEY):
        with pytest.raises((MalformedError, SignatureError)):
            verifier_of(PETER_VKEY[:at] + chr(ord(character) + 1) + PETER_VKEY[at + 1 :])


@pytest.mark.parametrize(
    "vkey",
    [
        pytest.param("PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==", id="key too long"),
        pytest.param("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", id="unknown type"),
        pytest.param("bananas.sigstore.dev+12344556", id="two parts"),
        pytest.param("rekor.sigstore.dev+12345678+THIS_IS_NOT_BASE64!", id="not base64"),
        pytest.param("rekor.sigstore.dev+12345678+AwEB", id="wrong identifier"),
        pytest.param(PETER_VKEY.replace("c74f20a3", "C74F20A3"), id="identifier in capitals"),
        pytest.param("a\ud800b" + PETER_VKEY, id="lone surrogate"),
    ],
)
def test_malformed_vkeys(vkey):
    """Verifier keys are read strictly (cases of sumdb/note and of transparency-dev/formats, and our own)."""
    with pytest.raises((MalformedError, SignatureError)):
        verifier_of(vkey)


def test_a_vkey_of_a_key_that_is_not_admitted_is_refused():
    """A low-order key does not come in by way of its text either."""

    class Fake:
        raw = bytes([1]) + bytes(31)

        def verify(self, signature, message):
            return True

    with pytest.raises(SignatureError) as caught:
        verifier_of(Verifier("name", Fake()).vkey)
    assert caught.value.code == "key_not_admitted"


@pytest.mark.parametrize("name", ["", " ", "a b", "a+b", "a\nb", "a\x00b", "a\u2003b", "é" * 128, "a" * 256])
def test_key_names(name):
    """A key name is one word without plus signs, of limited length."""
    public = Ed25519PublicKey(peter.public.raw)
    with pytest.raises(MalformedError):
        Verifier(name, public)
    Verifier("a" * KEY_NAME_BYTES_MAX, public)
