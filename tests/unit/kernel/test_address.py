"""Addresses of parties."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darwaza.errors import MalformedError
from darwaza.kernel.address import Address, check_member_code


@pytest.mark.parametrize("text", ["PK/fbr", "UZ/customs.tashkent", "AF2/a", "ADB/tax-office-1", "PK/" + "a" * 63])
def test_an_address_reads_and_writes_back(text):
    """What is an address in text is the same text again."""
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PK",
        "PK/",
        "/fbr",
        "pk/fbr",
        "P/fbr",
        "PAKISTANI/fbr",
        "PK/FBR",
        "PK/..",
        "PK/.hidden",
        "PK/-option",
        "PK/end.",
        "PK/a/b",
        "PK/a b",
        "PK/fbr\n",
        "PK/" + "a" * 64,
        "PК/fbr",
        "PK/f\u0131r",
        "٣٤/fbr",
    ],
)
def test_what_is_no_address_is_refused(text):
    """Other cases, other scripts, dots that climb and hyphens that look like options are no addresses."""
    with pytest.raises(MalformedError) as caught:
        Address.parse(text)
    assert caught.value.code == "address_malformed"


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_is_refused(text):
    """No text makes anything but an address that writes back, or the one error."""
    with suppress(MalformedError):
        assert str(Address.parse(text)) == text


@pytest.mark.parametrize(("code", "right"), [("PK", True), ("AF2", True), ("P", False), ("pk", False), ("PK\n", False)])
def test_member_codes_are_two_to_eight_upper_case_letters_and_digits(code, right):
    """A code is right or refused with its own code."""
    if right:
        check_member_code(code)
    else:
        with pytest.raises(MalformedError, match="upper-case") as caught:
            check_member_code(code)
        assert caught.value.code == "member_code_malformed"
