"""Sealing: only the destination reads a body, and only inside the message it was sealed for."""

import hmac
import json
from hashlib import sha256, shake_256
from pathlib import Path
from struct import pack

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from darwaza.errors import DarwazaError, MalformedError, SignatureError
from darwaza.kernel import seal
from darwaza.kernel.message import Header, body_digest
from darwaza.kernel.seal import GATEWAY, PARTY, Binding, SealKey, UnsealKey, sealed_layer

VECTORS = json.loads((Path(__file__).parents[3] / "spec" / "vectors" / "routing" / "hpke.json").read_text())
OWN = UnsealKey.of(b"\x07" * 32)
STRANGER = UnsealKey.of(b"\x08" * 32)
TO_OWN = SealKey.of(OWN.public)
BINDING = Binding(
    case_id="6f0b1f4e-0000-4000-8000-000000000001",
    destination="PK/customs",
    id="6f0b1f4e-0000-4000-8000-000000000002",
    kind="documents.offer",
    media_type="application/pdf",
    origin="KZ/freight",
    version=1,
)


def header(**changes) -> Header:
    fields = {
        "blind": "00" * 16,
        "body_bytes": 4,
        "body_digest": body_digest(b"body", "application/pdf"),
        "created_at": "2026-11-22T02:28:23.123Z",
        "path": ("KZ", "UZ", "PK"),
    } | {name: getattr(BINDING, name) for name in BINDING.__struct_fields__}
    return Header(**(fields | changes))


def labeled_extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    """RFC 9180 section 4, written again here as an independent oracle."""
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")


def labeled_expand(suite: bytes, secret: bytes, label: bytes, info: bytes, length: int) -> bytes:
    text, block, number = pack(">H", length) + b"HPKE-v1" + suite + label + info, b"", 1
    out = b""
    while len(out) < length:
        block = hmac.digest(secret, block + text + bytes([number]), "sha256")
        out, number = out + block, number + 1
    return out[:length]


def key_schedule(suite: bytes, shared_secret: bytes, info: bytes) -> tuple[bytes, bytes]:
    """RFC 9180 section 5.1, mode base: the AES-256 key and the first nonce."""
    context = b"\0" + labeled_extract(suite, b"", b"psk_id_hash", b"") + labeled_extract(suite, b"", b"info_hash", info)
    secret = labeled_extract(suite, shared_secret, b"secret", b"")
    return labeled_expand(suite, secret, b"key", context, 32), labeled_expand(suite, secret, b"base_nonce", context, 12)


def test_the_oracle_itself_gives_the_published_answer():
    """The key schedule of this test, and AES-256-GCM under it, give RFC 9180's own ciphertext."""
    answer = {name: bytes.fromhex(value) for name, value in VECTORS["classic"].items() if name != "source"}
    suite = b"HPKE" + bytes.fromhex("002000010002")
    key, nonce = key_schedule(suite, answer["shared_secret"], answer["info"])
    assert (key, nonce) == (answer["key"], answer["base_nonce"])
    assert AESGCM(key).encrypt(nonce, answer["plaintext"], answer["aad"]) == answer["ciphertext"]


def test_a_published_hybrid_encapsulation_opens():
    """Key derivation, KEM, key schedule and AEAD are those of the standards.

    The published seed gives the published public key, and a body that the oracle sealed with the published shared
    secret opens with the published encapsulated key.
    """
    answer = {name: value for name, value in VECTORS["hybrid"].items() if name != "source"}
    own = UnsealKey.of(bytes.fromhex(answer["secret"]))
    assert sha256(own.public).hexdigest() == answer["public_sha256"]
    key, nonce = key_schedule(seal.SUITE_ID, bytes.fromhex(answer["shared_secret"]), seal._info(BINDING, GATEWAY))
    sealed = seal.SUITE_ID + b"\x01" + bytes.fromhex(answer["enc"]) + AESGCM(key).encrypt(nonce, b"consignment", b"")
    assert own.unseal(sealed, BINDING) == b"consignment"


@given(st.binary(max_size=3_000))
def test_what_is_sealed_opens_and_shows_nothing(body: bytes):
    """Any body comes back; the sealed form is longer by exactly the stated overhead and does not hold the body."""
    sealed = TO_OWN.seal(body, BINDING)
    assert len(sealed) == len(body) + seal.SEAL_OVERHEAD_BYTES
    assert len(body) < 8 or body not in sealed
    assert sealed_layer(sealed) == GATEWAY
    assert OWN.unseal(sealed, BINDING) == body


@pytest.mark.parametrize("field", Binding.__struct_fields__)
def test_a_sealed_body_opens_in_no_other_message(field: str):
    """Changing any bound field of the message makes the body unreadable."""
    sealed = TO_OWN.seal(b"body", BINDING)
    changed = 2 if field == "version" else "2027-01-01T00:00:00.000Z"
    with pytest.raises(SignatureError) as caught:
        OWN.unseal(sealed, msgspec.structs.replace(BINDING, **{field: changed}))
    assert caught.value.code == "unseal_failed"


def test_another_path_needs_no_new_seal():
    """The binding of a header does not change with the path, the blind or the instant the log gave it."""
    first = header()
    again = header(path=("KZ", "CN", "PK"), blind="11" * 16, created_at="2026-11-22T03:00:00.000Z")
    assert Binding.of(first) == Binding.of(again) == BINDING


def test_the_binding_is_canonical():
    """The bound part is RFC 8785 JSON: its fields are written in sorted order."""
    assert list(Binding.__struct_fields__) == sorted(Binding.__struct_fields__)


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7))
def test_a_flipped_bit_is_refused(position: int, bit: int):
    """Whichever bit of a sealed body flips, it is refused with a code and nothing else."""
    sealed = bytearray(TO_OWN.seal(b"body", BINDING))
    sealed[position % len(sealed)] ^= 1 << bit
    with pytest.raises((SignatureError, MalformedError)) as caught:
        OWN.unseal(bytes(sealed), BINDING)
    assert caught.value.code in {"unseal_failed", "sealed_malformed"}


@given(st.binary(max_size=2_000) | st.binary(max_size=2_000).map(lambda tail: seal.SUITE_ID + b"\x01" + tail))
def test_junk_is_refused_with_a_code(junk: bytes):
    """No bytes make the opener raise anything but its own errors."""
    with pytest.raises(DarwazaError):
        OWN.unseal(junk, BINDING)


def test_a_stranger_cannot_open():
    """Another member's key does not open it."""
    with pytest.raises(SignatureError):
        STRANGER.unseal(TO_OWN.seal(b"body", BINDING), BINDING)


def test_the_inner_layer_is_closed_to_the_gateway():
    """A body sealed to a party and then to its gateway opens in that order and in no other."""
    inner = SealKey.of(STRANGER.public).seal(b"for the agency alone", BINDING, PARTY)
    outer = TO_OWN.seal(inner, BINDING)
    opened = OWN.unseal(outer, BINDING)
    assert sealed_layer(opened) == PARTY
    with pytest.raises(MalformedError):
        OWN.unseal(opened, BINDING)
    with pytest.raises(MalformedError):
        STRANGER.unseal(outer, BINDING, PARTY)
    assert STRANGER.unseal(opened, BINDING, PARTY) == b"for the agency alone"


def test_a_layer_cannot_be_passed_off_as_another():
    """The layer is authenticated, not only marked: rewriting its byte makes the body unreadable."""
    sealed = bytearray(TO_OWN.seal(b"body", BINDING, PARTY))
    sealed[len(seal.SUITE_ID)] = GATEWAY
    with pytest.raises(SignatureError):
        OWN.unseal(bytes(sealed), BINDING)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("one byte short", OWN.public[:-1]),
        ("coefficients over the modulus", b"\xff" * 1_184 + OWN.public[1_184:]),
        ("a curve point of low order", OWN.public[:1_184] + bytes(32)),
    ],
)
def test_bad_public_keys_are_refused_at_the_door(name: str, raw: bytes):
    """A key that could not be enrolled never gets into use (all cases: the tests of enrolment)."""
    with pytest.raises(SignatureError) as caught:
        SealKey.of(raw)
    assert caught.value.code == "key_not_admitted"


def test_a_secret_of_another_length_is_refused():
    """A truncated key file is noticed when it is read."""
    with pytest.raises(SignatureError):
        UnsealKey.of(shake_256(b"x").digest(31))
