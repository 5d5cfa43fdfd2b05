"""The map: where the members' gateways and the crossings stand, from the profile's coordinates, as places in a picture.

An equirectangular picture with its scale true at the middle latitude; at this size no better projection would show.
"""

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import msgspec

from darwaza import profile
from darwaza.errors import OperatorError
from darwaza.kernel.corridor import Corridor
from darwaza.services.transit.crossing import Register

WIDTH = 1000
MARGIN = 46
HEIGHT_MAX = 760

Point = tuple[float, float]


LABEL_WIDTH, LABEL_HEIGHT = 165.0, 30.0
"""Room for a member's name as a phone writes it, the larger of the two ways."""
SEAT_RADIUS = 16.0
SIDES: Mapping[str, Point] = {
    "above": (0.0, -SEAT_RADIUS - LABEL_HEIGHT / 2),
    "below": (0.0, SEAT_RADIUS + LABEL_HEIGHT / 2),
    "right": (SEAT_RADIUS + LABEL_WIDTH / 2, 0.0),
    "left": (-SEAT_RADIUS - LABEL_WIDTH / 2, 0.0),
}
"""Where a name may stand beside its seat, from the seat to the middle of the name."""


class Seat(msgspec.Struct, frozen=True):
    """Where a member's gateway stands: its code, its place in the picture, and the side its name stands on."""

    code: str
    x: float
    y: float
    side: str = "above"


class Tie(msgspec.Struct, frozen=True):
    """A link between two members: its ends, and the line it is drawn along as an SVG path."""

    ends: tuple[str, str]
    path: str
    x: float
    y: float


class Gate(msgspec.Struct, frozen=True):
    """A crossing: its id, its members, its place in the picture."""

    id: str
    members: tuple[str, str]
    x: float
    y: float


class Chart(msgspec.Struct, frozen=True):
    """The picture without what changes.

    Attributes:
        height: of the picture; it is ``WIDTH`` wide.
        seats: members.
        ties: links of the corridor document.
        gates: crossings with known coordinates.
        lines: degrees, for the eye: x1, y1, x2, y2.
    """

    height: int
    seats: tuple[Seat, ...]
    ties: tuple[Tie, ...]
    gates: tuple[Gate, ...]
    lines: tuple[tuple[float, float, float, float], ...]
    width: int = WIDTH


class Projection:
    """Turns degrees north and east into a place in the picture."""

    def __init__(self, points: Iterable[Point]) -> None:
        found = list(points)
        norths, easts = [point[0] for point in found], [point[1] for point in found]
        self._top, self._left = max(norths), min(easts)
        self._squeeze = math.cos(math.radians((max(norths) + min(norths)) / 2))
        span = max((max(easts) - min(easts)) * self._squeeze, 0.5)
        self._scale = (WIDTH - 2 * MARGIN) / span
        high = (max(norths) - min(norths)) * self._scale
        if high > HEIGHT_MAX - 2 * MARGIN:
            self._scale *= (HEIGHT_MAX - 2 * MARGIN) / high
        self.height = round((max(norths) - min(norths)) * self._scale + 2 * MARGIN)
        self._shift = (WIDTH - 2 * MARGIN - span * self._scale) / 2
        self.edges = (min(norths), max(norths), min(easts), max(easts))

    def __call__(self, north: float, east: float) -> Point:
        """Place a point."""
        x = MARGIN + self._shift + (east - self._left) * self._squeeze * self._scale
        return round(x, 1), round(MARGIN + (self._top - north) * self._scale, 1)


@lru_cache(maxsize=4)
def read_profile(path: Path) -> profile.Profile | None:
    """The corridor's data, None where the profile has none of the network."""
    try:
        return profile.parse(path.read_text("utf-8"))
    except (OSError, OperatorError):
        return None


def draw(document: Corridor, register: Register, known: profile.Profile | None) -> Chart:
    """Draw the corridor document's members and links and the register's crossings."""
    places = _places(document, known)
    crossings = [
        (crossing, (float(crossing.latitude), float(crossing.longitude)))
        for crossing in register.crossings.values()
        if crossing.latitude and crossing.longitude and set(crossing.members) <= set(document.codes)
    ]
    drawn = [] if known is None else [link for link in known.links if set(link.ends) <= set(document.codes)]
    between = [known.places[name] for link in drawn for name in link.via] if known is not None else []
    put = Projection([*places.values(), *between, *(place for _, place in crossings)])
    seats = tuple(Seat(code, *put(*places[code])) for code in document.codes)
    gates = tuple(Gate(crossing.id, crossing.members, *put(*place)) for crossing, place in crossings)
    ties = tuple(_tie(link.members, places, known, put) for link in document.links)
    return Chart(put.height, label_sides(seats), ties, gates, _degrees(put))


def label_sides(seats: tuple[Seat, ...]) -> tuple[Seat, ...]:
    """Choose the side of each name so that it covers no other name and no seat, as far as there is such a side."""
    names: list[Point] = []
    found = []
    for seat in seats:
        others = [(other.x, other.y) for other in seats if other is not seat]
        by_side = {side: (seat.x + right, seat.y + down) for side, (right, down) in SIDES.items()}
        side = min(by_side, key=lambda one: _covered(by_side[one], names, others))
        names.append(by_side[side])
        found.append(msgspec.structs.replace(seat, side=side))
    return tuple(found)


def _covered(middle: Point, names: Iterable[Point], seats: Iterable[Point]) -> float:
    """How much a name there covers: of other names, of seats, and what lies outside the picture."""
    x, y = middle
    of_names = sum(max(0.0, LABEL_WIDTH - abs(x - left)) * max(0.0, LABEL_HEIGHT - abs(y - top)) for left, top in names)
    of_seats = sum(
        LABEL_HEIGHT**2
        for left, top in seats
        if abs(x - left) < LABEL_WIDTH / 2 + SEAT_RADIUS and abs(y - top) < LABEL_HEIGHT / 2 + SEAT_RADIUS
    )
    outside = max(0.0, LABEL_WIDTH / 2 - x, x + LABEL_WIDTH / 2 - WIDTH) + max(0.0, LABEL_HEIGHT / 2 - y)
    return of_names + of_seats + outside * LABEL_HEIGHT


def _places(document: Corridor, known: profile.Profile | None) -> Mapping[str, Point]:
    """Where the gateways stand; on a circle where nobody has said."""
    sites = {} if known is None else {member.code: known.places[member.site] for member in known.members}
    if set(document.codes) <= set(sites):
        return {code: sites[code] for code in document.codes}
    turn = 2 * math.pi / len(document.codes)
    return {
        code: (35 + 6 * math.cos(turn * number), 66 + 9 * math.sin(turn * number))
        for number, code in enumerate(document.codes)
    }


def _tie(ends: tuple[str, str], places: Mapping[str, Point], known: profile.Profile | None, put: Projection) -> Tie:
    link = None if known is None else known.link(ends)
    between = [] if link is None or known is None else [known.places[name] for name in link.via]
    points = [put(*place) for place in (places[ends[0]], *between, places[ends[1]])]
    path = "M" + " L".join(f"{x} {y}" for x, y in points)
    left, right = points[(len(points) - 1) // 2], points[len(points) // 2]
    return Tie(ends, path, round((left[0] + right[0]) / 2, 1), round((left[1] + right[1]) / 2, 1))


def _degrees(put: Projection) -> tuple[tuple[float, float, float, float], ...]:
    south, north, west, east = put.edges
    found = []
    for degree in range(math.ceil(south / 5) * 5, math.floor(north) + 1, 5):
        y = put(degree, west)[1]
        found.append((0.0, y, float(WIDTH), y))
    for degree in range(math.ceil(west / 5) * 5, math.floor(east) + 1, 5):
        x = put(north, degree)[0]
        found.append((x, 0.0, x, float(put.height)))
    return tuple(found)
