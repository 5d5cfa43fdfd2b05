"""Where names stand on the map: each beside its mark, off other marks, names and lines, as far as there is a place.

Sizes are of the picture's own units, for names as a phone writes them, the larger of the two ways; so what is clear on
a phone is clear at a desk. Places are the same however many trucks there are, so that nothing jumps when news comes.
"""

import itertools
import math
from collections.abc import Iterable, Sequence

import msgspec

Point = tuple[float, float]
Mark = tuple[float, float, float]

STEP = 8.0
"""Distance of the points of a line that are looked at."""
EDGE = 8.0
"""A name keeps so far from the picture's edge."""
ROOM = 60.0
"""More room than this around a mark is no better."""
ROUNDS = 3
"""How often each name may move again after all have a place."""


class Name(msgspec.Struct, frozen=True):
    """What wants a place.

    Attributes:
        x, y: of its mark.
        radius: of its mark, with the gap to the name.
        width, height: of the name.
    """

    x: float
    y: float
    radius: float
    width: float
    height: float


class Label(msgspec.Struct, frozen=True):
    """A place: of the text's anchor, where that is in the text (SVG ``text-anchor``), and how far its line is lower.

    Attributes:
        x, y: in the picture.
        anchor: ``start``, ``middle`` or ``end``.
        dy: of the baseline below ``y``, in heights of the text (em).
        box: middle of the name and half its width and height.
    """

    x: float
    y: float
    anchor: str
    dy: float
    box: tuple[float, float, float, float]


SIDES: tuple[Point, ...] = ((0, -1), (1, 0), (-1, 0), (0, 1), (1, 1), (-1, 1), (1, -1), (-1, -1))
"""Where a name may stand, from its mark, the better first: above, right, left, below, then the corners."""


def place(names: Sequence[Name], lines: Iterable[Sequence[Point]], frame: Point) -> list[Label]:
    """Choose a place for each name.

    Args:
        names: in order of importance.
        lines: what is drawn; a name may stand on one, with a halo, but better does not.
        frame: width and height of the picture.
    """
    points = [point for line in lines for point in walked(line)]
    taken: list[Label | None] = [None] * len(names)
    for _ in range(ROUNDS):
        for index, name in enumerate(names):
            others = [label.box for at, label in enumerate(taken) if label is not None and at != index]
            marks = [(other.x, other.y, other.radius) for at, other in enumerate(names) if at != index]
            taken[index] = min(
                (_beside(name, side) for side in SIDES),
                key=lambda label: _cost(label, others, marks, points, frame),
            )
    return [label for label in taken if label is not None]


def _beside(name: Name, side: Point) -> Label:
    right, down = side
    gap = name.radius * (0.7 if right and down else 1)
    x, y = name.x + right * gap, name.y + down * gap
    middle = (x + right * name.width / 2, y + down * name.height / 2)
    anchor = {1: "start", 0: "middle", -1: "end"}[int(right)]
    return Label(x, y, anchor, {1: 0.8, 0: 0.35, -1: 0.0}[int(down)], (*middle, name.width / 2, name.height / 2))


def _cost(
    label: Label,
    others: Iterable[tuple[float, float, float, float]],
    marks: Iterable[Mark],
    points: Iterable[Point],
    frame: Point,
) -> float:
    """What a place covers: names and marks weigh most, what lies outside the picture too, lines little."""
    x, y, half, high = label.box
    names = sum(
        max(0.0, half + wide - abs(x - left)) * max(0.0, high + tall - abs(y - top)) for left, top, wide, tall in others
    )
    covered = sum(
        max(0.0, half + radius - abs(x - left)) * max(0.0, high + radius - abs(y - top)) for left, top, radius in marks
    )
    beyond = max(0.0, half + EDGE - x, x + half + EDGE - frame[0]) + max(0.0, high - y, y + high - frame[1])
    crossed = sum(abs(x - left) < half and abs(y - top) < high for left, top in points)
    return 8 * (names + covered) + 100 * beyond + 15 * crossed


def free_spot(line: Sequence[Point], marks: Iterable[Mark], labels: Iterable[Label]) -> Point:
    """The point of a line that is farthest from all marks and names; among equal ones that nearest to its middle."""
    points, others, boxes = list(walked(line)), list(marks), [label.box for label in labels]
    middle = (len(points) - 1) / 2

    def room(at: int) -> float:
        x, y = points[at]
        found = [math.hypot(x - left, y - top) - radius for left, top, radius in others]
        found += [
            math.hypot(max(0.0, abs(x - left) - half), max(0.0, abs(y - top) - high)) for left, top, half, high in boxes
        ]
        return min(min(found, default=ROOM), ROOM) - abs(at - middle) / len(points)

    return points[max(range(len(points)), key=room)]


def walked(line: Sequence[Point]) -> Iterable[Point]:
    """Points along a line, ``STEP`` or less from one another."""
    for (x1, y1), (x2, y2) in itertools.pairwise(line):
        steps = max(1, round(max(abs(x2 - x1), abs(y2 - y1)) / STEP))
        for step in range(steps):
            yield x1 + (x2 - x1) * step / steps, y1 + (y2 - y1) * step / steps
