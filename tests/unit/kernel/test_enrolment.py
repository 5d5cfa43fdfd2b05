"""Which keys may be enrolled."""

from contextlib import suppress

import msgspec
import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from darwaza.errors import SignatureError
from darwaza.kernel.enrolment import admit_keys, admit_seal
from darwaza.kernel.member import MLKEM768_KEY_BYTES, Card, GatewayAddress
from darwaza.testing.cast import Keyring

AF, PK = Keyring("AF", post_quantum=True), Keyring("PK", post_quantum=True)
CERTIFICATE = PK.certificate()


def with_keys(card: Card, **keys) -> Card:
    return msgspec.structs.replace(card, keys=msgspec.structs.replace(card.keys, **keys))


def with_certificates(card: Card, *certificates: bytes) -> Card:
    addresses = tuple(GatewayAddress(f"https://{index}.example", one) for index, one in enumerate(certificates))
    return msgspec.structs.replace(card, addresses=addresses)


def seal_with(card: Card, *, mlkem: bytes | None = None, x25519: bytes | None = None) -> bytes:
    raw = card.keys.seal
    return (mlkem or raw[:MLKEM768_KEY_BYTES]) + (x25519 or raw[MLKEM768_KEY_BYTES:])


def tls_key(certificate: bytes) -> bytes:
    return x509.load_der_x509_certificate(certificate).public_key().public_bytes_raw()


def relength(signed: int, key: int = 0) -> bytes:
    """The certificate with other lengths of its signed part and of the key in it."""
    edited = bytearray(CERTIFICATE)
    assert edited[:2] + edited[3:5] == b"\x30\x81\x30\x81"
    edited[5] += signed
    edited[CERTIFICATE.index(b"\x30\x2a\x30\x05") + 1] += key
    return bytes(edited)


def number(value: int) -> bytes:
    return value.to_bytes(32, "little")


P = 2**255 - 19
LOW_ORDER_X25519 = [
    0,
    1,
    P - 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
]


def test_good_cards_are_admitted():
    """Two members with all kinds of keys, and one that presents one certificate at two addresses."""
    admit_keys([with_certificates(AF.card(), AF.certificate(), AF.certificate()), PK.card()], "/members")


ROWS = [
    ("vote of low order", lambda c: with_keys(c, vote=number(1)), "keys/vote"),
    ("log of low order", lambda c: with_keys(c, log=number(0)), "keys/log"),
    ("witness not canonical", lambda c: with_keys(c, witness=number(P + 3)), "keys/witness"),
    ("vote off the curve", lambda c: with_keys(c, vote=number(2)), "keys/vote"),
    ("log_mldsa44 too short", lambda c: with_keys(c, log_mldsa44=b"x" * 1311), "keys/log_mldsa44"),
    ("seal too short", lambda c: with_keys(c, seal=c.keys.seal[:-1]), "keys/seal"),
    ("seal over the modulus", lambda c: with_keys(c, seal=seal_with(c, mlkem=b"\xff" * 1184)), "keys/seal"),
    ("seal not canonical", lambda c: with_keys(c, seal=seal_with(c, x25519=number(P + 9))), "keys/seal"),
    ("seal with the high bit", lambda c: with_keys(c, seal=seal_with(c, x25519=number(9 + 2**255))), "keys/seal"),
    *(
        (f"seal of low order {y}", lambda c, y=y: with_keys(c, seal=seal_with(c, x25519=number(y))), "keys/seal")
        for y in LOW_ORDER_X25519
    ),
    ("no certificate", lambda c: with_certificates(c, b"\x30\x00"), "addresses/0/tls_certificate"),
    ("bytes after", lambda c: with_certificates(c, CERTIFICATE + b"\0"), "addresses/0/tls_certificate"),
    ("cut off", lambda c: with_certificates(c, AF.certificate(), CERTIFICATE[:-1]), "addresses/1/tls_certificate"),
    ("a key only", lambda c: with_certificates(c, bytes.fromhex("302a300506032b6570032100") + bytes(32)), None),
    ("indefinite length", lambda c: with_certificates(c, b"\x30\x80" + CERTIFICATE[3:] + b"\0\0"), None),
    ("long length", lambda c: with_certificates(c, b"\x30\x82\x00" + CERTIFICATE[2:]), None),
    ("key outside what is signed", lambda c: with_certificates(c, relength(signed=-1)), None),
    ("key beyond the end", lambda c: with_certificates(c, relength(signed=80, key=80)), None),
    ("long length of a short one", lambda c: with_certificates(c, b"\x30\x81\x03\x02\x01\x01"), None),
]


@pytest.mark.parametrize(("edit", "where"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_weak_keys_are_not_admitted(edit, where):
    """Each is refused with the place of the key, also in the second card."""
    with pytest.raises(SignatureError) as caught:
        admit_keys([PK.card(), edit(AF.card())], "/members")
    assert caught.value.code == "key_not_admitted"
    assert caught.value.pointer == f"/members/1/{where or 'addresses/0/tls_certificate'}"


@pytest.mark.parametrize(
    ("edit", "where"),
    [
        (lambda c: with_keys(c, vote=PK.card().keys.vote), "keys/vote"),
        (lambda c: with_keys(c, vote=PK.card().keys.log), "keys/vote"),
        (lambda c: with_keys(c, log=c.keys.vote), "keys/log"),
        (lambda c: with_keys(c, witness=c.keys.log), "keys/witness"),
        (lambda c: with_keys(c, log_mldsa44=PK.card().keys.log_mldsa44), "keys/log_mldsa44"),
        (lambda c: with_keys(c, seal=PK.card().keys.seal), "keys/seal"),
        (lambda c: with_keys(c, seal=seal_with(PK.card(), mlkem=c.keys.seal[:1184])), "keys/seal"),
        (lambda c: with_keys(c, seal=seal_with(c, mlkem=PK.card().keys.seal[:1184])), "keys/seal"),
        (lambda c: with_certificates(c, CERTIFICATE), "addresses/0/tls_certificate"),
        # The same TLS key in another certificate.
        (lambda c: with_certificates(c, CERTIFICATE[:-64] + bytes(64)), "addresses/0/tls_certificate"),
        # A gateway that presents its log key.
        (
            lambda c: with_certificates(c, AF.certificate().replace(tls_key(AF.certificate()), c.keys.log)),
            "addresses/0/tls_certificate",
        ),
    ],
)
def test_no_key_stands_twice(edit, where):
    """A key of another member, or of another role, is refused at its second place."""
    with pytest.raises(SignatureError) as caught:
        admit_keys([PK.card(), edit(AF.card())], "/members")
    assert (caught.value.code, caught.value.pointer) == ("key_reused", f"/members/1/{where}")


@given(st.integers(0, len(CERTIFICATE) - 1), st.integers(0, 255), st.integers(0, 40))
def test_any_certificate_is_admitted_or_refused(index, value, cut):
    """Certificates with a byte changed and an end cut off raise nothing but the documented error."""
    mutant = bytearray(CERTIFICATE)
    mutant[index] = value
    with suppress(SignatureError):
        admit_keys([with_certificates(PK.card(), bytes(mutant[: len(mutant) - cut]))], "")


@given(st.binary(min_size=1, max_size=60))
def test_any_bytes_are_a_certificate_or_refused(data):
    """No bytes raise anything but the documented error."""
    with pytest.raises(SignatureError):
        admit_keys([with_certificates(PK.card(), data)], "")


def test_a_sealing_key_comes_apart_in_its_halves():
    """The halves are those the library makes the HPKE key of."""
    mlkem, x25519 = admit_seal(PK.card().keys.seal)
    assert (len(mlkem), len(x25519)) == (1184, 32)
    assert mlkem + x25519 == PK.card().keys.seal
