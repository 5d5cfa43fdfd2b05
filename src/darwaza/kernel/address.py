"""Who a message is from and to: the code of a member, and the address of a party that the member's gateway serves.

Example::

    Address.parse("PK/fbr").member == "PK"
"""

import re
from functools import lru_cache

import msgspec

from darwaza.errors import MalformedError

MEMBER_CODE_CHARACTERS_MAX = 8
PARTY_CHARACTERS_MAX = 63
ADDRESSES_KEPT = 4_096
"""The same few addresses stand in every message; so many are not taken apart anew."""

MEMBER_CODE_PATTERN = f"[A-Z0-9]{{2,{MEMBER_CODE_CHARACTERS_MAX}}}"
"""ISO 3166-1 alpha-2 for a country; anything else of this form for an authority that is not one."""

# The first and last character are no punctuation, so that no address names a parent folder or an option.
_PARTY_PATTERN = f"[a-z0-9](?:[a-z0-9.-]{{0,{PARTY_CHARACTERS_MAX - 2}}}[a-z0-9])?"

_MEMBER_CODE = re.compile(MEMBER_CODE_PATTERN)
_ADDRESS = re.compile(f"({MEMBER_CODE_PATTERN})/({_PARTY_PATTERN})")


def check_member_code(code: str) -> None:
    """Check the code of a member: 2 to ``MEMBER_CODE_CHARACTERS_MAX`` of ``A``-``Z`` and ``0``-``9``.

    Raises:
        MalformedError: code ``member_code_malformed``.
    """
    if _MEMBER_CODE.fullmatch(code) is None:
        raise MalformedError("a member's code is 2 to 8 upper-case letters and digits", code="member_code_malformed")


class Address(msgspec.Struct, frozen=True, order=True):
    """The full address of a party, ``PK/fbr`` in text.

    Attributes:
        member: code of the member whose gateway serves the party, see ``check_member_code``.
        party: 1 to ``PARTY_CHARACTERS_MAX`` lower-case letters, digits, dots and hyphens; the first and the last are
            a letter or a digit. The member gives it.
    """

    member: str
    party: str

    @classmethod
    @lru_cache(ADDRESSES_KEPT)
    def parse(cls, text: str) -> "Address":
        """Read a full address.

        Raises:
            MalformedError: code ``address_malformed``.
        """
        match = _ADDRESS.fullmatch(text)
        if match is None:
            raise MalformedError("an address is a member's code, a slash and a party's name", code="address_malformed")
        return cls(match[1], match[2])

    def __str__(self) -> str:
        return f"{self.member}/{self.party}"
