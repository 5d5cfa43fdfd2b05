"""The names that note lines and logs carry, in both directions: from members and lanes to text, and back.

A corridor's name prefixes all of them, so that a signature made in one corridor means nothing in another. Corridor
names have no upper-case letters and member codes no lower-case ones, so every name splits in one way only.

=====================================  ===========================================================================
``<corridor>/<A>-to-<B>/<lane>``       origin of a lane's log, and name of the log key's lines under its checkpoints
``<corridor>/<member>``                name of a member's cosignatures, as a reader or as a witness
``<corridor>/<member>/<role>``         name of the lines under a corridor document, by the key's role in the card
=====================================  ===========================================================================

Example::

    Lane("darwaza.example/carec", "PK", "UZ", 0).origin == "darwaza.example/carec/PK-to-UZ/0"
"""

import re
from enum import StrEnum

import msgspec

from darwaza.errors import MalformedError
from darwaza.kernel.address import MEMBER_CODE_PATTERN

CORRIDOR_NAME_CHARACTERS_MAX = 128
"""Leaves room for the rest within the 255 bytes of a key name (``note.KEY_NAME_BYTES_MAX``) and of an origin."""

LANE_COUNT_MAX = 16
"""Lanes of one direction of a link; a lane is one writer, and a gateway has no more than this to spare for a link."""

_SEGMENT = "[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"

CORRIDOR_NAME_PATTERN = f"{_SEGMENT}(?:/{_SEGMENT})*"
"""A schema-less URL, as C2SP signed-note recommends for key names: host, then path; not necessarily reachable."""


class KeyRole(StrEnum):
    """What a key in a member's card is for; the values are field names on the wire and the ends of line names."""

    VOTE = "vote"
    LOG = "log"
    LOG_MLDSA44 = "log_mldsa44"
    WITNESS = "witness"
    SEAL = "seal"


SIGNING_ROLES = (KeyRole.VOTE, KeyRole.LOG, KeyRole.LOG_MLDSA44, KeyRole.WITNESS)
"""The roles whose keys sign; one cannot sign with the key that others seal to."""

_ORIGIN = re.compile(f"({CORRIDOR_NAME_PATTERN})/({MEMBER_CODE_PATTERN})-to-({MEMBER_CODE_PATTERN})/(0|[1-9][0-9]?)")
_SIGNER = re.compile(f"({CORRIDOR_NAME_PATTERN})/({MEMBER_CODE_PATTERN})(?:/({'|'.join(SIGNING_ROLES)}))?")


class Lane(msgspec.Struct, frozen=True, order=True):
    """One directed log of a link.

    Attributes:
        corridor: name of the corridor.
        author: code of the member that appends and signs checkpoints.
        reader: code of the member that receives and cosigns them; another member than the author.
        number: 0 to ``LANE_COUNT_MAX`` - 1.
    """

    corridor: str
    author: str
    reader: str
    number: int

    @property
    def origin(self) -> str:
        """The origin line of the lane's checkpoints, and the name of the log key's lines under them."""
        return f"{self.corridor}/{self.author}-to-{self.reader}/{self.number}"

    @classmethod
    def parse(cls, origin: str) -> "Lane":
        """Read an origin line.

        Raises:
            MalformedError: code ``origin_malformed``.
        """
        match = _ORIGIN.fullmatch(origin)
        if match is None or not _fits(match[1]) or match[2] == match[3] or int(match[4]) >= LANE_COUNT_MAX:
            raise MalformedError(
                "an origin is a corridor's name, two members' codes joined by -to-, and a lane's number",
                code="origin_malformed",
            )
        return cls(match[1], match[2], match[3], int(match[4]))


class SignerName(msgspec.Struct, frozen=True, order=True):
    """Whose key made a line.

    Attributes:
        corridor: name of the corridor.
        member: code of the member.
        role: the key's role, one of ``SIGNING_ROLES``, under a corridor document; None for a cosignature, which the
            member's witness key makes.
    """

    corridor: str
    member: str
    role: KeyRole | None = None

    @classmethod
    def parse(cls, name: str) -> "SignerName":
        """Read the name of a line.

        Raises:
            MalformedError: code ``signer_name_malformed``.
        """
        match = _SIGNER.fullmatch(name)
        if match is None or not _fits(match[1]):
            raise MalformedError(
                "a signer's name is a corridor's name, a member's code and at most a key's role",
                code="signer_name_malformed",
            )
        return cls(match[1], match[2], None if match[3] is None else KeyRole(match[3]))

    def __str__(self) -> str:
        own = f"{self.corridor}/{self.member}"
        return own if self.role is None else f"{own}/{self.role}"


def _fits(corridor: str) -> bool:
    return len(corridor) <= CORRIDOR_NAME_CHARACTERS_MAX
