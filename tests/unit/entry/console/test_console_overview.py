"""The map of the overview: each link in the state its members tell, own links as this gateway sees them."""

import itertools
import math
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from darwaza.entry.console.chart import draw, read_profile
from darwaza.entry.console.label import Name, place
from darwaza.entry.console.language import Reader
from darwaza.entry.console.pages.overview import _conditions
from darwaza.entry.view.link import LinkView
from darwaza.kernel.health import Condition
from darwaza.kernel.topology import MapLink, Topology
from darwaza.services.transit.crossing import load_register

PROFILE = Path("profiles/carec")
OWN, OTHER = ("AF", "PK"), ("KZ", "UZ")


def on_map(ends, condition, *, drained=False):
    return MapLink(ends, condition, 1_000, 0, 3, 0, 1_000_000, drained)


@pytest.mark.parametrize(
    ("condition", "drained", "shown"),
    [
        (Condition.UP, False, "up"),
        (Condition.DEGRADED, False, "degraded"),
        (Condition.DOWN, False, "down"),
        (Condition.UP, True, "drained"),
        (Condition.DOWN, True, "down"),
    ],
)
def test_a_link_of_others_is_drawn_as_its_members_tell_it(condition, drained, shown):
    """Up, degraded, down or drained; one that is down carries nothing, drained or not."""
    topology = Topology({OTHER: on_map(OTHER, condition, drained=drained)})
    assert _conditions(topology, {}) == {OTHER: shown}


@pytest.mark.parametrize(
    ("seen", "told", "shown"),
    [("down", Condition.UP, "down"), ("up", Condition.DEGRADED, "degraded"), ("connecting", None, "connecting")],
)
def test_an_own_link_is_never_drawn_better_than_it_is_seen(seen, told, shown):
    """What this gateway cannot reach is down on its map, whatever was last told."""
    topology = Topology({} if told is None else {OWN: on_map(OWN, told)})
    fields = dict.fromkeys(LinkView.__struct_fields__) | {"peer": "AF", "state": seen}
    assert _conditions(topology, {OWN: LinkView(**fields)}) == {OWN: shown}


def drawn(language):
    """The map of the CAREC profile, as readers of a language get it, without any gateway."""
    profile = read_profile(PROFILE / "corridor.toml")
    codes = sorted(member.code for member in profile.members)
    links = tuple(SimpleNamespace(members=tuple(sorted(link.ends))) for link in profile.links)
    document = SimpleNamespace(codes=codes, links=links)
    return draw(
        document,
        load_register(
            *(tomllib.loads((PROFILE / name).read_text("utf-8")) for name in ("crossings.toml", "offices.toml"))
        ),
        profile,
        Reader(language).country,
    )


@pytest.mark.parametrize("language", ["en", "ru", "ur"])
def test_no_name_on_the_map_covers_another_or_a_mark(language):
    """Members, crossings with their trucks, and the marks of queues: each can be read, as large as on a phone."""
    chart = drawn(language)
    boxes = [one.label.box for one in (*chart.seats, *chart.gates)]
    marks = [(seat.x, seat.y, 9) for seat in chart.seats] + [(gate.x, gate.y, 7) for gate in chart.gates]
    queues = [(tie.x, tie.y, 20) for tie in chart.ties]
    assert len(chart.gates) >= 5
    for (x, y, half, high), (left, top, wide, tall) in itertools.combinations(boxes, 2):
        over = min(half + wide - abs(x - left), high + tall - abs(y - top))
        assert over <= 4, "two names cover one another"
    for (x, y, half, high), (left, top, radius) in itertools.product(boxes, marks):
        assert abs(x - left) >= half + radius - 4 or abs(y - top) >= high + radius - 4, "a name covers a mark"
    for (x, y, half, high), (left, top, radius) in itertools.product(boxes, queues):
        assert abs(x - left) >= half + radius / 2 or abs(y - top) >= high + radius / 2, "a queue covers a name"
    for (x, y, one), (left, top, other) in itertools.combinations(queues, 2):
        assert math.hypot(x - left, y - top) >= (one + other) / 2, "two queues cover one another"
    for x, y, half, high in boxes:
        assert half <= x <= chart.width - half
        assert high <= y <= chart.height - high


def test_a_name_alone_stands_above_its_mark():
    """Where everything is free, everything stands where people look first."""
    (label,) = place([Name(500, 300, 15, 120, 30)], [], (1_000, 600))
    assert (label.anchor, label.x) == ("middle", 500)
    assert label.y < 300
