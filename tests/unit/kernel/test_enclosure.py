"""Enclosures: the party alone opens one, whole, and only in the message it was sealed for."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tools import vectors_enclosure as vectors

from darwaza.errors import ConflictError, DarwazaError, MessageError, SignatureError
from darwaza.kernel.enclosure import SEGMENT_BYTES, Bound, Inside, read_head, seal, sealed_bytes, unseal
from darwaza.kernel.seal import SealKey, UnsealKey
from darwaza.kernel.sealcard import fingerprint

OWN, FORMER, STRANGER = (UnsealKey.of(bytes([digit]) * 32) for digit in (7, 8, 9))
BOUND, INSIDE = vectors.BOUND, vectors.INSIDE
FRONT = len(FOLDED := next(seal([], BOUND, INSIDE, SealKey.of(OWN.public))))
LINE = len(read_head(FOLDED).line)


def sealed(content: bytes, bound: Bound = BOUND, to: UnsealKey = OWN) -> bytes:
    return b"".join(seal([content], bound, INSIDE, SealKey.of(to.public)))


def opened(raw: bytes, *keys: UnsealKey, bound: Bound = BOUND) -> bytes:
    inside, pieces = unseal([raw], bound, keys or (OWN,))
    assert inside == INSIDE
    return b"".join(pieces)


INSIDE_BYTES = sealed_bytes(0, BOUND, INSIDE) - FRONT - 16


@pytest.mark.parametrize(
    "length", [0, 1, *(count * SEGMENT_BYTES - INSIDE_BYTES + more for count in (1, 2) for more in (-1, 0, 1)), 300_000]
)
def test_what_is_sealed_is_opened_and_as_long_as_foretold(length):
    """Also where the document ends exactly with a segment, whatever pieces it comes in."""
    content = os.urandom(length)
    raw = sealed(content)
    assert len(raw) == sealed_bytes(length, BOUND, INSIDE)
    assert opened(raw) == content
    pieces = [raw[at : at + 997] for at in range(0, len(raw), 997)]
    assert b"".join(unseal(pieces, BOUND, [OWN])[1]) == content
    small = b"".join(
        seal((content[at : at + 1013] for at in range(0, length, 1013)), BOUND, INSIDE, SealKey.of(OWN.public))
    )
    assert opened(small) == content


def test_another_key_does_not_open_it():
    """The answer names the fingerprint of the key that would; a lie about it in the head opens nothing."""
    with pytest.raises(SignatureError) as fault:
        opened(sealed(b"x"), STRANGER)
    assert fault.value.code == "enclosure_key_missing"
    assert fingerprint(OWN.public) in fault.value.detail
    claimed = sealed(b"x").replace(fingerprint(OWN.public).encode(), fingerprint(STRANGER.public).encode())
    with pytest.raises(SignatureError) as fault:
        opened(claimed, STRANGER)
    assert fault.value.code == "unseal_failed"


def test_after_a_renewal_both_keys_open_what_was_sealed_to_them():
    """The former key stays good for old documents, and the order of the keys does not matter."""
    for to in (OWN, FORMER):
        for keys in ((OWN, FORMER), (FORMER, OWN)):
            assert opened(sealed(b"x", to=to), *keys) == b"x"


OTHER = {
    "case_id": "6f0b1f4e-0000-4000-8000-000000000009",
    "destination": "UZ/bank",
    "expires_at": "2027-12-01T00:00:00.000Z",
    "origin": "PK/bank",
    "ucr": "UCR-8",
}


@pytest.mark.parametrize(("field", "value"), [*OTHER.items(), ("expires_at", None), ("ucr", None)])
def test_under_another_message_it_is_refused(field, value):
    """Planted as it is it is misplaced; with its head rewritten to fit it does not open."""
    bound = Bound(**{name: getattr(BOUND, name) for name in Bound.__struct_fields__} | {field: value})
    raw = sealed(b"x")
    with pytest.raises(ConflictError) as fault:
        opened(raw, bound=bound)
    assert (fault.value.code, fault.value.pointer) == ("enclosure_misplaced", f"/{field}")
    rewritten = sealed(b"y", bound=bound)
    forged = rewritten[: len(read_head(rewritten).line)] + raw[LINE:]
    assert read_head(forged).bound == bound
    with pytest.raises(SignatureError) as refused:
        opened(forged, bound=bound)
    assert refused.value.code == "unseal_failed"


@given(st.data())
def test_no_byte_can_be_altered(data):
    """Whichever bit is turned, whatever is cut off or put behind: refused, by its code."""
    raw = GOOD
    at = data.draw(st.integers(0, len(raw) - 1))
    how = data.draw(st.sampled_from(["flip", "cut", "add", "drop"]))
    altered = {
        "flip": raw[:at] + bytes([raw[at] ^ 1 << data.draw(st.integers(0, 7))]) + raw[at + 1 :],
        "cut": raw[:at],
        "add": raw + raw[at:],
        "drop": raw[:at] + raw[at + 1 :],
    }[how]
    with pytest.raises(MessageError):
        opened(altered)


GOOD = sealed(b"a document of some length " * 4)


def test_segments_keep_their_places():
    """Left out, repeated, swapped, ended early, or joined with those of another enclosure: nothing opens."""
    content = os.urandom(3 * SEGMENT_BYTES)
    raw, other = sealed(content), sealed(content)
    size = SEGMENT_BYTES + 16
    front, body = raw[:FRONT], raw[FRONT:]
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    assert len(parts) == 4
    for order in ((0, 2, 3), (0, 0, 1, 2, 3), (1, 0, 2, 3), (0, 1, 2), (0,), (3,), (0, 1, 2, 3, 3)):
        with pytest.raises(SignatureError) as fault:
            opened(front + b"".join(parts[number] for number in order))
        assert fault.value.code == "unseal_failed"
    with pytest.raises(SignatureError):
        opened(other[:FRONT] + body)


@given(st.binary(max_size=3_000))
def test_any_bytes_are_refused_by_their_code(raw):
    """A parser that faces the network leaks no other error."""
    for start in (b"", GOOD[:LINE], GOOD[:FRONT]):
        with pytest.raises(DarwazaError):
            opened(start + raw)


def test_what_stands_inside_is_checked_too():
    """A recipient's program never meets a name with a folder in it, though its sender had the key."""
    hostile = Inside(filename="../../.ssh/authorized_keys", media_type="text/plain")
    raw = b"".join(seal([b"x"], BOUND, hostile, SealKey.of(OWN.public)))
    with pytest.raises(MessageError) as fault:
        opened(raw)
    assert fault.value.code == "enclosure_malformed"


def test_the_vectors_are_up_to_date():
    """Made anew they are the same, and there are no others."""
    assert vectors.make() == {path.name: path.read_bytes() for path in vectors.FOLDER.iterdir()}


def test_every_bad_vector_is_refused_and_every_good_one_taken():
    """A file says by its name what it is."""
    cast = vectors.Cast()
    files = {**vectors.cards(cast), **vectors.enclosures()}
    judged = {name: vectors.judge(name, raw, cast) for name, raw in files.items()}
    assert {name: name.startswith("good") for name in judged} == {
        name: code == "valid" for name, code in judged.items()
    }
    assert len(set(judged.values())) >= 14
