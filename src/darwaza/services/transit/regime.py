"""Transit regimes as dated data.

A regime is a body of law under which goods move under seal: TIR, CATS, APTTA, QTTA. Here it is a record: from when to
when it is in force, between which members, with which kinds of guarantee, and what a leg may not start without. No rule
of this package asks for a regime by name. The same id may stand several times with periods that do not overlap; the
record in force when a declaration is accepted governs the movement to its end.
"""

from datetime import UTC, date, datetime
from typing import Any

import msgspec

from darwaza.services.transit.table import Problems, Table, source_keys

GUARANTEE_KINDS = frozenset({"carnet", "bank", "insurance", "comprehensive"})
"""Kinds of guarantee the movement knows; what each means follows from the regime's fields."""

_MEMBER = r"[A-Z]{2}"


class Regime(msgspec.Struct, frozen=True):
    """One regime in one period of validity.

    Attributes:
        id: short name, ``tir``; several records may share it.
        name: for people.
        valid_from: first day in force.
        valid_until: last day in force; None when open.
        legal_basis: the acts, for the record shown beside every decision.
        members: codes of the members it binds.
        guarantee_kinds: kinds of guarantee it admits.
        single_use: kinds of which one guarantee covers one journey and is then spent.
        per_member: the cover stands anew for each member on the way; otherwise one sum covers the whole journey.
        cover_limit_minor: most a guarantee may cover per member, minor units of ``cover_currency``; None for no limit.
        cover_currency: ISO 4217 code, or "".
        guarantee_days_min: a guarantee must be issued for at least so many days; 0 for no rule.
        claim_days: days after the start of a leg within which a claim may be notified; 0 when unknown.
        legs_min: fewest legs a movement has.
        seals_required: the goods move under at least one seal.
        tracker_required: a tracker of the pool is fitted.
        sources: short names of the public sources.
    """

    id: str
    name: str
    valid_from: date
    valid_until: date | None
    legal_basis: tuple[str, ...]
    members: frozenset[str]
    guarantee_kinds: frozenset[str]
    single_use: frozenset[str]
    per_member: bool
    cover_limit_minor: int | None
    cover_currency: str
    guarantee_days_min: int
    claim_days: int
    legs_min: int
    seals_required: bool
    tracker_required: bool
    sources: tuple[str, ...]

    def in_force(self, day: date) -> bool:
        """Tell whether the record is in force on a day."""
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


class Regimes:
    """The regimes a gateway knows."""

    def __init__(self, regimes: tuple[Regime, ...]) -> None:
        self.all = regimes

    def find(self, regime_id: str, at: datetime) -> Regime | None:
        """Return the record of this id in force at an instant (UTC day), or None."""
        day = at.astimezone(UTC).date()
        return next((regime for regime in self.all if regime.id == regime_id and regime.in_force(day)), None)


def load_regimes(data: Any) -> Regimes:
    """Check and build the regimes from the parsed ``regimes.toml``.

    Raises:
        OperatorError: code ``register_wrong``, naming every problem.
    """
    problems = Problems("regimes")
    top = Table(data, problems)
    sources = source_keys(top, problems)
    regimes = tuple(_regime(table, sources) for table in top.tables("regime"))
    top.close()
    _check_periods(regimes, problems)
    problems.finish()
    return Regimes(regimes)


def _regime(table: Table, sources: frozenset[str]) -> Regime:
    """Read one record."""
    kinds = frozenset(table.texts("guarantee_kinds", GUARANTEE_KINDS))
    until = table.day("valid_until", date.max)
    regime = Regime(
        id=table.text("id", r"[a-z][a-z0-9-]{0,31}"),
        name=table.text("name"),
        valid_from=table.day("valid_from"),
        valid_until=None if until == date.max else until,
        legal_basis=table.texts("legal_basis"),
        members=frozenset(table.texts("members")),
        guarantee_kinds=kinds,
        single_use=frozenset(table.texts("single_use", kinds, empty=True)),
        per_member=table.text("liability", "member|whole") == "member",
        cover_limit_minor=table.number("cover_limit_minor", 1, 10**15, 0) or None,
        cover_currency=table.text("cover_currency", r"[A-Z]{3}", ""),
        guarantee_days_min=table.number("guarantee_days_min", 1, 3660, 0),
        claim_days=table.number("claim_days", 1, 3660, 0),
        legs_min=table.number("legs_min", 1, 20),
        seals_required=table.flag("seals_required"),
        tracker_required=table.flag("tracker_required"),
        sources=table.texts("sources", sources),
    )
    if regime.valid_until is not None and regime.valid_until < regime.valid_from:
        table.problems.note(table.where, "valid_until lies before valid_from")
    if (regime.cover_limit_minor is None) != (regime.cover_currency == ""):
        table.problems.note(table.where, "cover_limit_minor and cover_currency come together")
    for member in sorted(regime.members):
        Table({"member": member}, table.problems, table.where).text("member", _MEMBER)
    table.close()
    return regime


def _check_periods(regimes: tuple[Regime, ...], problems: Problems) -> None:
    """Note two records of one id whose periods overlap: the law in force must be one."""
    for index, first in enumerate(regimes):
        for second in regimes[index + 1 :]:
            first_end = first.valid_until or date.max
            second_end = second.valid_until or date.max
            if first.id == second.id and first.valid_from <= second_end and second.valid_from <= first_end:
                problems.note(f"regime {first.id}", f"periods from {first.valid_from} and {second.valid_from} overlap")
