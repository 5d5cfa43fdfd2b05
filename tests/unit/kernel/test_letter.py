"""A letter opens at its destination and at its sender, nowhere else, and only inside its message."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darwaza.errors import DarwazaError
from darwaza.kernel.letter import LETTER_OVERHEAD_BYTES, read, read_again, write
from darwaza.kernel.seal import Binding, SealKey, UnsealKey
from darwaza.testing.routed import MESSAGE

DESTINATION, SENDER, RELAY = (UnsealKey.of(bytes([number]) * 32) for number in (1, 2, 3))
BINDING = Binding.of(MESSAGE)
OTHER = msgspec.structs.replace(BINDING, id="6f0b1f4e-0000-4000-8000-00000000000a")
KEY = bytes(range(32))
BODY = b"for Karachi, and for Almaty after a fire"
LETTER = write(BODY, BINDING, SealKey.of(DESTINATION.public), SENDER, key=KEY)


@pytest.mark.parametrize("body", [b"", BODY, bytes(70_000)], ids=len)
def test_both_ends_read_it(body):
    """It is longer by what is stated, hides the body, and comes back whole at both ends."""
    letter = write(body, BINDING, SealKey.of(DESTINATION.public), SENDER, key=KEY)
    assert len(letter) == len(body) + LETTER_OVERHEAD_BYTES
    assert read(letter, BINDING, DESTINATION) == read_again(letter, BINDING, SENDER) == body
    assert not body or body[:16] not in letter


def test_nobody_else_and_in_no_other_message():
    """A relay's keys open neither copy of the key, nor does anybody's in another message."""
    for opened, binding, key in (
        (read, BINDING, RELAY), (read, BINDING, SENDER), (read, OTHER, DESTINATION),
        (read_again, BINDING, RELAY), (read_again, BINDING, DESTINATION), (read_again, OTHER, SENDER),
    ):  # fmt: skip
        with pytest.raises(DarwazaError) as caught:
            opened(LETTER, binding, key)
        assert caught.value.code == "unseal_failed"


@given(st.integers(0, len(LETTER) - 1), st.integers(0, 7))
def test_no_bit_can_be_changed(position, bit):
    """Whichever bit flips, the destination refuses it with a code."""
    altered = bytearray(LETTER)
    altered[position] ^= 1 << bit
    own = range(len(LETTER) - len(BODY) - 16 - 48, len(LETTER) - len(BODY) - 16)
    if position in own:  # only the sender's own copy of the key may be damaged without the destination's noticing
        assert read(bytes(altered), BINDING, DESTINATION) == BODY
        with pytest.raises(DarwazaError):
            read_again(bytes(altered), BINDING, SENDER)
        return
    with pytest.raises(DarwazaError) as caught:
        read(bytes(altered), BINDING, DESTINATION)
    assert caught.value.code in {"unseal_failed", "sealed_malformed"}


@given(st.binary(max_size=2_000))
def test_junk_is_refused(junk):
    """Whatever bytes come, both ends refuse them by name."""
    for opened, key in ((read, DESTINATION), (read_again, SENDER)):
        with pytest.raises(DarwazaError):
            opened(junk, BINDING, key)
