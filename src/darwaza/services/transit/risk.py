"""Risk rules as data: does this office inspect, and why?

The verdict has three values, as in the United Kingdom's goods movement record: yes, no, or not decided yet, which may
become either later. Every verdict names the rules that made it. A control another member made and signed can be relied
on, and then the second inspection is the exception.

A blind random sample runs beside the rules. Whether a movement is drawn follows from a secret of the office's member
and the movement's id, so nobody outside can know, the draw can be recomputed for an audit, and no rule needs a random
source.
"""

import hmac
from datetime import datetime, timedelta
from typing import Any

import msgspec

from darwaza.services.transit.leg import Progress
from darwaza.services.transit.message import Inspection
from darwaza.services.transit.movement import Movement
from darwaza.services.transit.table import Problems, Table

YES, NO, UNDECIDED = "yes", "no", "undecided"

PPM = 1_000_000

RULES_MAX = 2_000


class RiskRule(msgspec.Struct, frozen=True):
    """One rule. All conditions that are given must hold.

    Attributes:
        id: shown as the reason.
        text: in words.
        offices: to which it applies; empty for all.
        hs: prefixes of HS codes, any goods item; empty for any.
        holders: holder ids; empty for any.
        from_members: member of departure; empty for any.
        gross_kg_min: at least so heavy; 0 for any.
        prior: "" for any; ``unsatisfactory`` when the last control of the member before was; undecided until its
            result is known.
        relies_h: when above 0, the rule says *no*: a satisfactory physical control or scan by the member before, at
            most so many hours old, is relied on.
    """

    id: str
    text: str
    offices: tuple[str, ...] = ()
    hs: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    from_members: tuple[str, ...] = ()
    gross_kg_min: int = 0
    prior: str = ""
    relies_h: int = 0


class RiskProfile(msgspec.Struct, frozen=True):
    """The rules of one member.

    Attributes:
        rules: in the order in which reasons are listed.
        sample_ppm: blind random sample, parts per million.
    """

    rules: tuple[RiskRule, ...]
    sample_ppm: int


class Assessment(msgspec.Struct, frozen=True):
    """A verdict.

    Attributes:
        required: yes, no or undecided.
        reasons: ids of the rules that decided, ``random-sample``, or why it is undecided.
    """

    required: str
    reasons: tuple[str, ...]


def load_risk(data: Any) -> RiskProfile:
    """Check and build a profile from parsed data.

    Raises:
        OperatorError: code ``register_wrong``, naming every problem.
    """
    problems = Problems("risk rules")
    top = Table(data, problems)
    rules = tuple(_rule(table) for table in top.tables("rule"))
    profile = RiskProfile(rules, top.number("sample_ppm", 0, PPM))
    top.close()
    if len({rule.id for rule in rules}) != len(rules) or len(rules) > RULES_MAX:
        problems.note("rule", f"at most {RULES_MAX} rules with different ids are required")
    problems.finish()
    return profile


def _rule(table: Table) -> RiskRule:
    """Read one rule."""
    rule = RiskRule(
        id=table.text("id", r"[a-z][a-z0-9-]{0,63}"),
        text=table.text("text"),
        offices=table.texts("offices", empty=True),
        hs=table.texts("hs", empty=True),
        holders=table.texts("holders", empty=True),
        from_members=table.texts("from_members", empty=True),
        gross_kg_min=table.number("gross_kg_min", 1, 10**9, 0),
        prior=table.text("prior", "unsatisfactory", ""),
        relies_h=table.number("relies_h", 1, 24 * 90, 0),
    )
    if rule.prior and rule.relies_h:
        table.problems.note(table.where, "a rule either inspects after a bad control or relies on a good one")
    table.close()
    return rule


def assess(
    profile: RiskProfile, movement: Movement, now: Progress, office: str, *, secret: bytes, at: datetime
) -> Assessment:
    """Decide whether an office inspects.

    The order: a rule that says inspect decides *yes*; then the random sample; then an open question makes it
    *undecided*; else *no*, with the reliances as reasons.

    Args:
        profile: of the office's member.
        movement: an accepted one.
        now: its progress.
        office: that decides.
        secret: of the member, for the sample.
        at: when.
    """
    prior = _prior(now, office)
    found: dict[str, list[str]] = {"hit": [], "open": [], "relied": [], "": []}
    for rule in profile.rules:
        if _applies(rule, movement, office):
            found[_weigh(rule, prior, at)].append(rule.id)
    hits, open_questions, reliances = found["hit"], found["open"], found["relied"]
    if hits and not reliances:
        return Assessment(YES, tuple(hits))
    if drawn(movement.known().movement, office, secret, profile.sample_ppm):
        return Assessment(YES, ("random-sample",))
    if open_questions:
        return Assessment(UNDECIDED, tuple(open_questions))
    return Assessment(NO, tuple(reliances))


def drawn(movement: str, office: str, secret: bytes, sample_ppm: int) -> bool:
    """Tell whether the blind sample draws a movement at an office."""
    digest = hmac.digest(secret, f"{movement} {office}".encode(), "sha256")
    return int.from_bytes(digest[:8], "big") % PPM < sample_ppm


def _weigh(rule: RiskRule, prior: Inspection | None, at: datetime) -> str:
    """Say what a rule that applies comes to: hit, open, relied, or nothing."""
    if rule.relies_h:
        return "relied" if _reliable(prior, rule, at) else ""
    if not rule.prior:
        return "hit"
    if prior is None or prior.control is None:
        return "open"
    return "" if prior.control.satisfactory else "hit"


def _prior(now: Progress, office: str) -> Inspection | None:
    """Return the latest verdict of another member's office."""
    others = [item for item in now.inspections if item.stamp.office[:2] != office[:2]]
    return max(others, key=lambda item: (item.stamp.at, item.stamp.event), default=None)


def _reliable(prior: Inspection | None, rule: RiskRule, at: datetime) -> bool:
    """Tell whether the member before made a control that stands in for one here."""
    return (
        prior is not None
        and prior.control is not None
        and prior.control.satisfactory
        and prior.control.kind in {"physical", "scan"}
        and at - prior.stamp.at <= timedelta(hours=rule.relies_h)
    )


def _applies(rule: RiskRule, movement: Movement, office: str) -> bool:
    """Tell whether all conditions of a rule on office and declaration hold."""
    declaration = movement.known()
    gross_kg = sum(item.gross_g for item in declaration.goods) // 1000
    return (
        (not rule.offices or office in rule.offices)
        and (not rule.hs or any(item.hs.startswith(rule.hs) for item in declaration.goods))
        and (not rule.holders or declaration.holder.id in rule.holders)
        and (not rule.from_members or declaration.legs[0].member in rule.from_members)
        and gross_kg >= rule.gross_kg_min
    )
