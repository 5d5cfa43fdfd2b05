"""Profiles: the shipped corridor is complete, sourced and arithmetically right; a wrong one is refused in words."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import asin, cos, radians, sin, sqrt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darwaza.config import BODY_BYTES_MAX
from darwaza.errors import OperatorError
from darwaza.kernel import policy
from darwaza.kernel.linkstate import LinkState
from darwaza.kernel.path import Need, Rules, find
from darwaza.kernel.topology import build
from darwaza.profile import Degrees, parse

TEXT = (Path(__file__).parents[2] / "profiles" / "carec" / "corridor.toml").read_text()
CAREC = parse(TEXT)
NOW = datetime(2026, 11, 22, tzinfo=UTC)

EARTH_KM = 6_371
FIBRE_TIMES = 1.3
LIGHT_US_PER_KM = 4.9


def distance_km(one: Degrees, other: Degrees) -> float:
    (north, east), (north_2, east_2) = ([radians(angle) for angle in place] for place in (one, other))
    half = sin((north_2 - north) / 2) ** 2 + cos(north) * cos(north_2) * sin((east_2 - east) / 2) ** 2
    return 2 * EARTH_KM * asin(sqrt(half))


def test_the_corridor_has_its_eight_members_and_hangs_together():
    """Pakistan, Afghanistan, five Central Asian states and China are all reachable from one another."""
    assert [member.code for member in CAREC.members] == ["AF", "CN", "KG", "KZ", "PK", "TJ", "TM", "UZ"]
    reached, frontier = {"PK"}, ["PK"]
    while frontier:
        here = frontier.pop()
        near = {end for link in CAREC.links if here in link.ends for end in link.ends} - reached
        reached |= near
        frontier += near
    assert len(reached) == 8


@pytest.mark.parametrize("link", CAREC.links, ids=lambda link: "-".join(link.ends))
def test_every_link_is_sourced_and_its_latency_is_that_of_its_way(link):
    """Latency is recomputed from the coordinates by the rule the file states; every link names a public page."""
    sites = {member.code: member.site for member in CAREC.members}
    way = [CAREC.places[place] for place in (sites[link.ends[0]], *link.via, sites[link.ends[1]])]
    fibre_km = FIBRE_TIMES * sum(distance_km(*leg) for leg in pairwise(way))
    assert link.latency_us == pytest.approx(fibre_km * LIGHT_US_PER_KM, abs=2)
    assert all(source.startswith("http") for source in link.sources)


def test_every_place_is_used():
    """No coordinates stand in the file without a member or link that needs them."""
    used = {member.site for member in CAREC.members} | {place for link in CAREC.links for place in link.via}
    assert used == set(CAREC.places)


def test_almaty_reaches_karachi_by_the_ways_the_corridor_was_made_for():
    """Over Tashkent and Kabul when latency counts and a relay counts 3 ms; over China when that is to be avoided."""
    states = [
        LinkState(
            body_bytes_max=BODY_BYTES_MAX,
            capacity_class=link.capacity_class,
            corridor=CAREC.name,
            drained=False,
            ends=link.ends,
            expires_at=NOW + timedelta(hours=1),
            issued_at=NOW,
            latency_us=link.latency_us,
            price_class=link.price_class,
            serial=1,
            visible_to=None,
        )
        for link in CAREC.links
    ]
    on, need = build("KZ", states, {}, NOW), Need("KZ", "PK", "payments", 1_500)
    quick = policy.parse("prefer hops 3 latency 1")
    fast = find(on, Rules(corridor=quick), need)
    assert fast[0].members == ("KZ", "UZ", "AF", "PK")
    around = find(on, Rules(corridor=quick, sender=policy.parse("avoid AF")), need)
    assert around[0].members == ("KZ", "CN", "PK")


WRONG = [
    ("not TOML", TEXT.replace("[[members]]", "[[members", 1)),
    ("a field too many", TEXT.replace('code = "AF"', 'code = "AF"\ncolour = "blue"', 1)),
    ("no source", TEXT.replace('sources = ["https://tmdomain.com.tm/en/news/39"]', "sources = []", 1)),
    ("a member twice", TEXT.replace('code = "CN"', 'code = "AF"', 1)),
    ("a link to nobody", TEXT.replace('ends = ["AF", "PK"]', 'ends = ["AF", "IR"]', 1)),
    ("ends in the wrong order", TEXT.replace('ends = ["AF", "PK"]', 'ends = ["PK", "AF"]', 1)),
    ("an unknown place", TEXT.replace('"Kunduz"', '"Atlantis"', 1)),
    ("an unknown site", TEXT.replace('site = "Kabul"', 'site = "Atlantis"', 1)),
    ("off the globe", TEXT.replace("[43.25249, 76.9115]", "[143.25249, 76.9115]", 1)),
]


@pytest.mark.parametrize(("name", "text"), WRONG)
def test_a_wrong_profile_is_refused(name, text):
    """Each fault stops the program with a sentence for its operator."""
    with pytest.raises(OperatorError) as caught:
        parse(text)
    assert caught.value.code == "profile_wrong"


@given(st.text(max_size=200))
def test_no_text_makes_the_reader_fail_otherwise(text):
    """Whatever the file holds, it is an operator's error."""
    with pytest.raises(OperatorError):
        parse(text)
