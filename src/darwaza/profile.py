"""Profiles: a corridor as data, from which a demonstration, a test or a benchmark sets one up.

A profile says who the members are, where their gateways stand, and which links are between them, each with its
sources. It is not the corridor document: that one is voted by the members and holds their keys. The file is TOML;
``profiles/carec/corridor.toml`` is the first one and shows every field.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from darwaza.errors import OperatorError
from darwaza.kernel.linkstate import LATENCY_US_MAX, Ends
from darwaza.kernel.message import MemberText

MEMBERS_MAX = 1_000
LINKS_MAX = 10_000

Degrees = tuple[Annotated[float, Meta(ge=-90, le=90)], Annotated[float, Meta(ge=-180, le=180)]]
"""North and east."""


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A member of the corridor.

    Attributes:
        code: ``KZ``.
        name: for people.
        site: place of its gateway, a key of ``Profile.places``.
    """

    code: MemberText
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    site: str


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A link between two members.

    Attributes:
        ends: their codes, in ascending order.
        via: places it passes, from the first end to the second, keys of ``Profile.places``.
        latency_us: one way, microseconds.
        capacity_class: n when it carries at least 10**n Mbit/s, 0 to 9.
        note: one sentence for a person.
        sources: addresses of public pages, at least one.
        price_class: 0 for free of charge to 9.
    """

    ends: tuple[MemberText, MemberText]
    via: tuple[str, ...]
    latency_us: Annotated[int, Meta(ge=0, le=LATENCY_US_MAX)]
    capacity_class: Annotated[int, Meta(ge=0, le=9)]
    note: str
    sources: Annotated[tuple[str, ...], Meta(min_length=1)]
    price_class: Annotated[int, Meta(ge=0, le=9)] = 1


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A corridor as data.

    Attributes:
        name: of the corridor, as its logs will carry it.
        title: for people.
        members: in ascending order of codes.
        links: in ascending order of ends.
        places: coordinates by name.
    """

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    title: str
    members: Annotated[tuple[Member, ...], Meta(min_length=2, max_length=MEMBERS_MAX)]
    links: Annotated[tuple[Link, ...], Meta(min_length=1, max_length=LINKS_MAX)]
    places: dict[str, Degrees]

    def link(self, ends: Ends) -> Link | None:
        """The link between two members, or None."""
        return next((link for link in self.links if link.ends == ends), None)


def parse(text: str) -> Profile:
    """Read a profile.

    Raises:
        OperatorError: ``profile_wrong``; the sentence says what and where.
    """
    try:
        profile = msgspec.toml.decode(text, type=Profile)
    except msgspec.MsgspecError as fault:
        raise _wrong(str(fault)) from fault
    codes = [member.code for member in profile.members]
    ends = [link.ends for link in profile.links]
    if codes != sorted(set(codes)) or ends != sorted(set(ends)):
        raise _wrong("members and links stand in ascending order, each once")
    for member in profile.members:
        _check_places(profile, member.code, (member.site,))
    for link in profile.links:
        name = "-".join(link.ends)
        if link.ends[0] >= link.ends[1] or not set(link.ends) <= set(codes):
            raise _wrong(f"the link {name} does not join two members in ascending order")
        _check_places(profile, name, link.via)
    return profile


def _check_places(profile: Profile, user: str, places: tuple[str, ...]) -> None:
    unknown = [place for place in places if place not in profile.places]
    if unknown:
        raise _wrong(f"{user} names the place {unknown[0]!r}, which has no coordinates")


def _wrong(detail: str) -> OperatorError:
    return OperatorError(f"the profile cannot be used: {detail}", code="profile_wrong")
