"""The map: where the members' gateways and the crossings stand, from the profile's coordinates, as places in a picture.

An equirectangular picture with its scale true at the middle latitude; at this size no better projection would show.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import msgspec

from darwaza import profile
from darwaza.entry.console.label import Label, Mark, Name, Point, free_spot, walked
from darwaza.entry.console.label import place as place_names
from darwaza.errors import OperatorError
from darwaza.kernel.corridor import Corridor
from darwaza.services.transit.crossing import Crossing, Register

WIDTH = 1000
MARGIN = 46
HEIGHT_MAX = 760

NAME_HEIGHT, NAME_CHARACTER = 32.0, 17.0
"""Of a member's name: its height, and the width of a character."""
GATE_HEIGHT, GATE_CHARACTER = 28.0, 13.5
"""Of a crossing's name."""
SEAT_RADIUS, GATE_RADIUS = 15.0, 11.0
GATE_MORE = 5
"""Characters that may stand behind a crossing's name: how many trucks, and that it is closed."""
QUEUE_RADIUS = 22.0


class Seat(msgspec.Struct, frozen=True):
    """Where a member's gateway stands: its code, its place in the picture, its name and where that stands."""

    code: str
    x: float
    y: float
    name: str
    label: Label


class Tie(msgspec.Struct, frozen=True):
    """A link between two members: its ends, the line it is drawn along as an SVG path, and where its queue stands."""

    ends: tuple[str, str]
    path: str
    x: float
    y: float


class Gate(msgspec.Struct, frozen=True):
    """A crossing: its id, its place in the picture, its name and where that stands."""

    id: str
    x: float
    y: float
    name: str
    label: Label


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


def draw(document: Corridor, register: Register, known: profile.Profile | None, name_of: Callable[[str], str]) -> Chart:
    """Draw the corridor document's members and links and the register's crossings; ``name_of`` names a member."""
    places = _places(document, known)
    crossings = [
        (crossing, (float(crossing.latitude), float(crossing.longitude)))
        for crossing in register.crossings.values()
        if crossing.latitude and crossing.longitude and set(crossing.members) <= set(document.codes)
    ]
    drawn = [] if known is None else [link for link in known.links if set(link.ends) <= set(document.codes)]
    between = [known.places[name] for link in drawn for name in link.via] if known is not None else []
    put = Projection([*places.values(), *between, *(place for _, place in crossings)])
    sites = [(code, *put(*places[code]), name_of(code)) for code in document.codes]
    gates = [(crossing.id, *put(*place), _short(crossing)) for crossing, place in crossings]
    names = [Name(x, y, SEAT_RADIUS, NAME_CHARACTER * len(name), NAME_HEIGHT) for _, x, y, name in sites]
    names += [Name(x, y, GATE_RADIUS, GATE_CHARACTER * (len(name) + GATE_MORE), GATE_HEIGHT) for _, x, y, name in gates]
    routes = {link.members: _route(link.members, places, known, put) for link in document.links}
    labels = place_names(names, routes.values(), (WIDTH, put.height))
    spots: dict[tuple[str, str], Mark] = {}
    for ends, route in routes.items():
        # Where two links run along one line, a mark would not tell whose queue it is.
        shared = [(*point, 0.0) for other in routes if other != ends for point in walked(routes[other])]
        marks = [*spots.values(), *((name.x, name.y, name.radius) for name in names), *shared]
        spots[ends] = (*free_spot(route, marks, labels), QUEUE_RADIUS)
    ties = tuple(_tie(ends, route, spots[ends]) for ends, route in routes.items())
    return Chart(
        put.height,
        tuple(Seat(*site, label) for site, label in zip(sites, labels, strict=False)),
        ties,
        tuple(Gate(*gate, label) for gate, label in zip(gates, labels[len(sites) :], strict=True)),
        _degrees(put),
    )


def _short(crossing: Crossing) -> str:
    """What a crossing is called on the map: the name its id has."""
    return crossing.id.partition("/")[2].replace("-", " ").title()


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


def _route(
    ends: tuple[str, str], places: Mapping[str, Point], known: profile.Profile | None, put: Projection
) -> list[Point]:
    link = None if known is None else known.link(ends)
    between = [] if link is None or known is None else [known.places[name] for name in link.via]
    return [put(*place) for place in (places[ends[0]], *between, places[ends[1]])]


def _tie(ends: tuple[str, str], route: list[Point], spot: Mark) -> Tie:
    return Tie(ends, "M" + " L".join(f"{x} {y}" for x, y in route), round(spot[0], 1), round(spot[1], 1))


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
