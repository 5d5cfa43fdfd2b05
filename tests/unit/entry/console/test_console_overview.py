"""The map of the overview: each link in the state its members tell, own links as this gateway sees them."""

import itertools

import pytest

from darwaza.entry.console.chart import LABEL_HEIGHT, LABEL_WIDTH, SIDES, Seat, label_sides
from darwaza.entry.console.pages.overview import _conditions
from darwaza.entry.view.link import LinkView
from darwaza.kernel.health import Condition
from darwaza.kernel.topology import MapLink, Topology

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


def test_names_of_near_members_do_not_cover_one_another():
    """Two seats nearer to each other than a name is wide: their names stand on different sides, off the other seat."""
    seats = label_sides((Seat("KG", 620, 85), Seat("KZ", 680, 72), Seat("UZ", 470, 140), Seat("TJ", 470, 215)))
    middles = [(seat.x + SIDES[seat.side][0], seat.y + SIDES[seat.side][1]) for seat in seats]
    for (x, y), (left, top) in itertools.combinations(middles, 2):
        assert abs(x - left) >= LABEL_WIDTH or abs(y - top) >= LABEL_HEIGHT
    for (x, y), seat in itertools.product(middles, seats):
        assert abs(x - seat.x) >= LABEL_WIDTH / 2 or abs(y - seat.y) >= LABEL_HEIGHT / 2
    assert [seat.side for seat in label_sides((Seat("PK", 500, 500),))] == ["above"]
