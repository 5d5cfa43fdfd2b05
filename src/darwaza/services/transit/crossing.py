"""The register of border crossings and customs offices.

A crossing belongs to an ordered pair of members and has two sides, each with its own name, office, time zone and
hours; UN/LOCODE gives both sides unrelated codes, several codes, or none, so it is an attribute here and not the key.
An office id begins with its member's code, which is how a rule knows whose office it is without asking the register.

Hours, codes and coordinates that nobody has published are unknown, with the reason, never "always open".
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from darwaza.errors import MalformedError
from darwaza.services.transit.civil import zone_of
from darwaza.services.transit.table import Problems, Table, source_keys

OFFICE_PATTERN = r"[A-Z]{2}([A-Z0-9]{3}|-[A-Z0-9]{1,12}(-[A-Z0-9]{1,12}){0,2})"
"""An office id: a UN/LOCODE, or the member's code, a hyphen and a name."""

CROSSING_PATTERN = r"[A-Z]{2}-[A-Z]{2}/[A-Z0-9]+(-[A-Z0-9]+)*"
"""A crossing id: both members in alphabetical order, a slash and a name."""

MODES = frozenset({"road", "rail", "river", "sea", "air"})

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES = 24 * 60
_COORDINATE = r"-?\d{1,3}\.\d{1,7}"


class Side(msgspec.Struct, frozen=True):
    """One member's side of a crossing.

    Attributes:
        member: its code.
        name: what the place is called on this side.
        office: id of the customs office.
        locodes: UN/LOCODEs of the place, possibly none, possibly several.
        zone: IANA time zone.
        opens_minute: minutes after local midnight; None when the hours are not known.
        closes_minute: the same, up to 1440; later than ``opens_minute``.
        days: weekdays it works, 0 for Monday; all seven when nothing else is published.
        unknown: ``hours`` and ``locodes`` that are not known, each with the reason in words.
    """

    member: str
    name: str
    office: str
    locodes: tuple[str, ...]
    zone: str
    opens_minute: int | None
    closes_minute: int | None
    days: frozenset[int]
    unknown: dict[str, str]


class Crossing(msgspec.Struct, frozen=True):
    """A border crossing.

    Attributes:
        id: ``AF-PK/TORKHAM``.
        members: the ordered pair.
        sides: the two sides, in the order of ``members``.
        modes: of transport.
        latitude: decimal degrees as text, "" when unknown.
        longitude: the same.
        closed_months: months in which it is closed by rule, 1 to 12.
        sources: short names of the public sources.
        unknown: ``coordinates`` where they are not known, with the reason in words.
    """

    id: str
    members: tuple[str, str]
    sides: tuple[Side, Side]
    modes: frozenset[str]
    latitude: str
    longitude: str
    closed_months: frozenset[int]
    sources: tuple[str, ...]
    unknown: dict[str, str]

    def side(self, member: str) -> Side:
        """Return the side of a member; KeyError when it has none here."""
        return dict(zip(self.members, self.sides, strict=True))[member]

    def open_at(self, at: datetime) -> bool | None:
        """Tell whether both sides work at an instant by their published hours.

        Returns:
            None when one side's hours are not known and the rest does not already say no.
        """
        verdicts = [_side_open(side, at, self.closed_months) for side in self.sides]
        if False in verdicts:
            return False
        return None if None in verdicts else True


class Office(msgspec.Struct, frozen=True):
    """A customs office, at a border or inland.

    Attributes:
        id: begins with the member's code.
        name: for people.
        zone: IANA time zone.
    """

    id: str
    name: str
    zone: str

    @property
    def member(self) -> str:
        """The member it belongs to."""
        return office_member(self.id)


class Register:
    """Crossings and offices of a corridor."""

    def __init__(self, crossings: Mapping[str, Crossing], inland: Mapping[str, Office]) -> None:
        self.crossings = dict(crossings)
        border = [Office(side.office, side.name, side.zone) for item in crossings.values() for side in item.sides]
        self.offices = {office.id: office for office in border} | dict(inland)

    def between(self, first: str, second: str) -> tuple[Crossing, ...]:
        """Return the crossings that join two members, by id."""
        pair = (first, second) if first < second else (second, first)
        return tuple(crossing for _, crossing in sorted(self.crossings.items()) if crossing.members == pair)

    def unknown(self, offices: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of the office ids that the register does not hold, in the order given."""
        return tuple(office for office in offices if office not in self.offices)


def office_member(office: str) -> str:
    """Return the code of the member an office id belongs to."""
    return office[:2]


def load_register(crossings: Any, offices: Any) -> Register:
    """Check and build the register from the parsed ``crossings.toml`` and ``offices.toml``.

    Raises:
        OperatorError: code ``register_wrong``, naming every problem of both.
    """
    problems = Problems("crossings and offices")
    top = Table(crossings, problems)
    sources = source_keys(top, problems)
    stated = top.table("reasons")
    reasons = {key: stated.text(key) for key in stated.names()}
    listed = top.table("crossing")
    built = {key: _crossing(key, listed.table(key), sources, reasons) for key in listed.names()}
    top.close()
    inland = _inland(Table(offices, problems), problems)
    seen: set[str] = set(inland)
    for crossing in built.values():
        for side in crossing.sides:
            if side.office in seen:
                problems.note(f"crossing {crossing.id}", f"office {side.office} stands twice")
            seen.add(side.office)
    problems.finish()
    return Register(built, inland)


def _inland(top: Table, problems: Problems) -> dict[str, Office]:
    """Read the inland offices."""
    sources = source_keys(top, problems)
    listed = top.table("office")
    found: dict[str, Office] = {}
    for key in listed.names():
        table = listed.table(key)
        if re.fullmatch(OFFICE_PATTERN, key) is None:
            problems.note(table.where, f"{key!r} is not an office id")
        found[key] = Office(key, table.text("name"), _zone(table))
        table.texts("sources", sources)
        table.close()
    top.close()
    return found


def _crossing(key: str, table: Table, sources: frozenset[str], reasons: Mapping[str, str]) -> Crossing:
    """Read one crossing."""
    problems = table.problems
    if re.fullmatch(CROSSING_PATTERN, key) is None:
        problems.note(table.where, f"{key!r} is not a crossing id")
    first, second = key[:2], key[3:5]
    if first >= second:
        problems.note(table.where, "the pair of members is not in alphabetical order")
    cited = table.texts("sources", sources)
    _cite(table, ("coordinates", "closed_months"), sources)
    sides = table.table("side")
    pair = (
        _side(first, sides.table(first), sources, reasons),
        _side(second, sides.table(second), sources, reasons),
    )
    sides.close()
    latitude, longitude = table.text("latitude", _COORDINATE, ""), table.text("longitude", _COORDINATE, "")
    if (latitude == "") != (longitude == ""):
        problems.note(table.where, "latitude and longitude come together")
    unknown = _unknown(table, {"coordinates": latitude != ""}, reasons)
    months = frozenset(table.numbers("closed_months", 1, 12))
    modes = frozenset(table.texts("modes", MODES))
    table.close()
    return Crossing(key, (first, second), pair, modes, latitude, longitude, months, cited, unknown)


def _side(member: str, table: Table, sources: frozenset[str], reasons: Mapping[str, str]) -> Side:
    """Read one side of a crossing."""
    office = table.text("office", OFFICE_PATTERN)
    if office_member(office) != member:
        table.problems.note(table.where, f"office {office} does not begin with {member}")
    locodes = table.texts("locodes", empty=True)
    for locode in locodes:
        if re.fullmatch(member + "[A-Z2-9]{3}", locode) is None:
            table.problems.note(table.where, f"{locode!r} is not a UN/LOCODE of {member}")
    opens, closes = _hours(table)
    _cite(table, ("hours", "days"), sources)
    days = table.texts("days", frozenset(_DAYS), empty=True) or _DAYS
    side = Side(
        member=member,
        name=table.text("name"),
        office=office,
        locodes=locodes,
        zone=_zone(table),
        opens_minute=opens,
        closes_minute=closes,
        days=frozenset(_DAYS.index(day) for day in days if day in _DAYS),
        unknown=_unknown(table, {"hours": table.has("hours"), "locodes": bool(locodes)}, reasons),
    )
    table.close()
    return side


def _cite(table: Table, fields: tuple[str, ...], sources: frozenset[str]) -> None:
    """Check that every field with a source of its own names one of the register's sources, and is there."""
    cited = table.optional_table("source_of")
    for field in fields:
        present = table.has("latitude") if field == "coordinates" else table.has(field)
        if present != cited.has(field):
            table.problems.note(table.where, f"{field} and its source in source_of come together")
        elif present and cited.text(field) not in sources:
            table.problems.note(f"{table.where}.source_of.{field}", "no such source")
    cited.close()


def _unknown(table: Table, known: Mapping[str, bool], reasons: Mapping[str, str]) -> dict[str, str]:
    """Read why fields are not known: each stands there, or its reason does."""
    said = table.optional_table("unknown")
    found: dict[str, str] = {}
    for field, present in known.items():
        if present == said.has(field):
            table.problems.note(table.where, f"either {field} or the reason why they are unknown is required")
        elif not present and (why := said.text(field)) not in reasons:
            table.problems.note(f"{table.where}.unknown.{field}", "no such reason")
        elif not present:
            found[field] = reasons[why]
    said.close()
    return found


def _zone(table: Table) -> str:
    """Read a time zone the IANA database knows."""
    name = table.text("zone")
    if name:
        try:
            zone_of(name)
        except MalformedError as error:
            table.problems.note(table.where, error.detail)
    return name


def _hours(table: Table) -> tuple[int | None, int | None]:
    """Read ``24/7`` or ``07:30-15:30``."""
    text = table.text("hours", r"24/7|([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-4]):[0-5]\d", "")
    if text == "24/7":
        return 0, _DAY_MINUTES
    match = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", text)
    if match is None:
        return None, None
    opens, closes = (int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4]))
    if not opens < closes <= _DAY_MINUTES:
        table.problems.note(table.where, f"hours {text} do not run forward within one day")
    return opens, closes


def _side_open(side: Side, at: datetime, closed_months: frozenset[int]) -> bool | None:
    """Tell whether one side works at an instant, by its own local calendar."""
    local = at.astimezone(zone_of(side.zone))
    if local.month in closed_months or local.weekday() not in side.days:
        return False
    if side.opens_minute is None or side.closes_minute is None:
        return None
    return side.opens_minute <= local.hour * 60 + local.minute < side.closes_minute
