"""Names of lanes and of signers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darwaza.errors import MalformedError
from darwaza.kernel.address import MEMBER_CODE_PATTERN
from darwaza.kernel.naming import (
    CORRIDOR_NAME_CHARACTERS_MAX,
    CORRIDOR_NAME_PATTERN,
    LANE_COUNT_MAX,
    SIGNING_ROLES,
    KeyRole,
    Lane,
    SignerName,
)
from darwaza.kernel.note import KEY_NAME_BYTES_MAX, check_name

CORRIDORS = st.from_regex(CORRIDOR_NAME_PATTERN, fullmatch=True).filter(
    lambda name: len(name) <= CORRIDOR_NAME_CHARACTERS_MAX
)
CODES = st.from_regex(MEMBER_CODE_PATTERN, fullmatch=True)


@given(CORRIDORS, CODES, CODES, st.integers(0, LANE_COUNT_MAX - 1))
def test_every_lane_reads_back_from_its_origin(corridor, author, reader, number):
    """A lane and its origin are the same thing in two forms; the origin fits a note's key name."""
    lane = Lane(corridor, author, reader, number)
    if author == reader:
        with pytest.raises(MalformedError):
            Lane.parse(lane.origin)
    else:
        assert Lane.parse(lane.origin) == lane
        check_name(lane.origin)


@given(CORRIDORS, CODES, st.sampled_from([None, *SIGNING_ROLES]))
def test_every_signer_reads_back_from_its_name(corridor, member, role):
    """A signer and its name are the same thing in two forms; the name fits a note's key name."""
    name = SignerName(corridor, member, role)
    assert SignerName.parse(str(name)) == name
    check_name(str(name))


@given(CORRIDORS, CODES, CODES)
def test_no_name_is_both_a_lane_and_a_signer(corridor, author, reader):
    """A line under a checkpoint says by its name alone whether the author or a cosigner made it."""
    with pytest.raises(MalformedError):
        SignerName.parse(Lane(corridor, author, reader, 0).origin)
    with pytest.raises(MalformedError):
        Lane.parse(str(SignerName(corridor, author)))


def test_the_longest_names_fit():
    """The limits of corridor names and codes leave every name within the limit of notes."""
    corridor = "a" * CORRIDOR_NAME_CHARACTERS_MAX
    longest = (
        Lane(corridor, "A" * 8, "B" * 8, LANE_COUNT_MAX - 1).origin,
        str(SignerName(corridor, "A" * 8, KeyRole.LOG_MLDSA44)),
    )
    for name in longest:
        check_name(name)
        assert len(name) <= KEY_NAME_BYTES_MAX


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "darwaza.example/carec/PK-to-UZ",
        "darwaza.example/carec/PK-to-UZ/",
        "darwaza.example/carec/PK-to-UZ/00",
        "darwaza.example/carec/PK-to-UZ/16",
        "darwaza.example/carec/PK-to-UZ/-1",
        "darwaza.example/carec/PK-to-PK/0",
        "darwaza.example/carec/pk-to-uz/0",
        "darwaza.example/carec/PK-UZ/0",
        "PK-to-UZ/0",
        "/PK-to-UZ/0",
        "darwaza.example//PK-to-UZ/0",
        "darwaza.example/carec/PK-to-UZ/0\n",
        "a" * (CORRIDOR_NAME_CHARACTERS_MAX + 1) + "/PK-to-UZ/0",
    ],
)
def test_what_is_no_origin_is_refused(origin):
    """Every other text gets the one code."""
    with pytest.raises(MalformedError) as caught:
        Lane.parse(origin)
    assert caught.value.code == "origin_malformed"


@pytest.mark.parametrize(
    "name",
    ["", "PK", "/PK", "a/PK/", "a/PK/seal", "a/PK/votes", "a/pk", "a/PK\n", "a" * 129 + "/PK", "a/PK/vote/vote"],
)
def test_what_is_no_signer_is_refused(name):
    """Every other text gets the one code; a sealing key signs nothing."""
    with pytest.raises(MalformedError) as caught:
        SignerName.parse(name)
    assert caught.value.code == "signer_name_malformed"
