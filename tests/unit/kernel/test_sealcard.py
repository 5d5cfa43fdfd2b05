"""Sealing cards: whose key it is, on the word of the gateway that serves the party."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tools.vectors_enclosure import FORMER, NOW, OWN, Cast

from darwaza.errors import DarwazaError
from darwaza.kernel.sealcard import CARD_BYTES_MAX, Published, check_published, issue, read, verify

CAST = Cast()
UZ = CAST.signer("UZ")
GOOD = issue(CAST.card(), UZ)


def test_a_card_is_what_its_gateway_signed():
    """It reads back as it was issued, and fits its limit with room to spare."""
    card = verify(GOOD, CAST.document, NOW)
    assert card == CAST.card()
    assert read(GOOD) == card
    assert len(GOOD) < CARD_BYTES_MAX * 3 // 4


def test_a_card_holds_until_its_last_second():
    """Nothing is sealed to it from then on."""
    expires = CAST.card().expires_at
    verify(GOOD, CAST.document, expires - timedelta(seconds=1))
    with pytest.raises(DarwazaError) as fault:
        verify(GOOD, CAST.document, expires)
    assert fault.value.code == "sealing_card_expired"


def test_another_key_under_the_same_signature_is_refused():
    """What a gateway on the way would have to do to read along."""
    forged = CAST.card(key=FORMER.public).text.encode() + GOOD[GOOD.index(b"\n\n") + 1 :]
    with pytest.raises(DarwazaError) as fault:
        verify(forged, CAST.document, NOW)
    assert fault.value.code == "signature_false"


@pytest.mark.parametrize("days", [0, -1, 367])
def test_a_key_is_published_for_some_time_and_no_longer_than_a_year(days):
    """What could not be admitted is not published either."""
    with pytest.raises(DarwazaError) as fault:
        check_published(Published(OWN.public, NOW, NOW + timedelta(days=days)))
    assert (fault.value.code, fault.value.pointer) == ("sealing_card_malformed", "/expires_at")


def test_a_weak_key_is_not_signed():
    """A curve point of low order would leave the lattice alone to guard the document."""
    with pytest.raises(DarwazaError) as fault:
        issue(CAST.card(key=OWN.public[:-32] + bytes(32)), UZ)
    assert (fault.value.code, fault.value.pointer) == ("key_not_admitted", "/key")


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_no_byte_of_a_card_can_be_altered(at, value):
    """Every other text is refused with a code of its own."""
    altered = GOOD[:at] + bytes([value]) + GOOD[at + 1 :]
    if altered == GOOD:
        return
    with pytest.raises(DarwazaError):
        verify(altered, CAST.document, NOW)


@given(st.binary(max_size=5_000))
def test_any_bytes_are_refused_by_their_code(raw):
    """A parser that faces the network leaks no other error."""
    with pytest.raises(DarwazaError):
        verify(raw, CAST.document, NOW)
