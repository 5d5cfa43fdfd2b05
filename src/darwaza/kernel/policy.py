"""Path policies: over which members a message may travel, and which path is liked best.

A policy is text, because people vote on it and type it on a command line::

    avoid AF; through UZ; hops 3; latency 400ms; prefer latency 4 loss 20 price 1

| clause | a path is refused unless |
|---|---|
| ``avoid M …`` | none of these members carries the message |
| ``only M …`` | no other member carries it |
| ``through M …`` | it comes by these members, in this order |
| ``hops N`` | it has at most N links |
| ``latency Nms`` | its links' one-way latencies add up to at most N milliseconds |
| ``prefer …`` | never: it only orders the paths that are left |

*Carries* means the members between origin and destination. The corridor document holds one such policy for each message
class, and the sender may add one to a message: both bind. ``darwaza.kernel.locality`` has the form in which members
state what they allow. Which paths there are is ``darwaza.kernel.path``'s matter. The grammar is written out in
spec/routing.md.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from darwaza.kernel import clause
from darwaza.kernel.clause import Clause
from darwaza.kernel.message import PATH_MEMBERS_MAX

HOPS_MAX = PATH_MEMBERS_MAX - 1
"""Links on the longest path a header can hold."""
LATENCY_MS_MAX = 600_000
WEIGHT_MAX = 10_000

CORRIDOR = "the corridor"
"""Stands in ``Objection.by`` for the policy of the corridor document."""
SENDER = "the sender"
"""Stands in ``Objection.by`` for the policy given with the message."""


class Preference(msgspec.Struct, frozen=True):
    """What makes a path dear, in points; the path with the fewest points is taken.

    The defaults take a direct path before one with a relay, and that before one with two, unless the relay saves more
    than a second; among equals they follow the measurements. Prices do not count until someone says so.

    Attributes:
        hops: points a link, 0 to ``WEIGHT_MAX``.
        latency: points a millisecond of one-way latency, 0 to ``WEIGHT_MAX``.
        loss: points a thousandth of probes lost, 0 to ``WEIGHT_MAX``.
        price: points a step of price class, 0 to ``WEIGHT_MAX``.
    """

    hops: int = 1_000
    latency: int = 1
    loss: int = 5
    price: int = 0


class PathPolicy(msgspec.Struct, frozen=True):
    """A parsed policy.

    Attributes:
        avoid: members that must not carry.
        only: the only members that may carry; empty when any may.
        through: members that must be on the path, in this order.
        hops_max: links, 1 to ``HOPS_MAX``; None for no limit.
        latency_ms_max: milliseconds one way, 1 to ``LATENCY_MS_MAX``; None for no limit.
        prefer: how to choose among allowed paths; None to leave it to others.
    """

    avoid: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    hops_max: int | None = None
    latency_ms_max: int | None = None
    prefer: Preference | None = None


ANY: Final = PathPolicy()
"""The policy that allows every path."""


class Objection(msgspec.Struct, frozen=True):
    """A rule that stands against a path, or against a message going or staying somewhere.

    Attributes:
        code: stable, lower_snake_case; listed in spec/routing.md.
        by: whose rule it is: a member's code, ``CORRIDOR`` or ``SENDER``; the two ends' codes for a link's limits.
        rule: the rule as its owner would write it, ``avoid AF``; "" when it is no written rule.
        detail: one sentence for a person.
    """

    code: str
    by: str
    rule: str
    detail: str


_WEIGHTS: Final = Preference.__struct_fields__


def parse(text: str) -> PathPolicy:
    """Read a policy; an empty text allows every path.

    Raises:
        TooLargeError: ``policy_too_large``.
        MalformedError: with the position of the fault: whatever ``darwaza.kernel.clause`` raises,
            ``policy_clause_unknown``, ``policy_weight_expected``.
    """
    found = [one for words in clause.lines(text) for one in clause.clauses(words)]
    clause.check_distinct(found)
    fields: dict[str, object] = {}
    for one in found:
        match one[0].text:
            case "avoid" | "only" | "through" as name:
                fields[name] = clause.members(one)
            case "hops":
                fields["hops_max"] = clause.number(one, unit="", least=1, most=HOPS_MAX)
            case "latency":
                fields["latency_ms_max"] = clause.number(one, unit="ms", least=1, most=LATENCY_MS_MAX)
            case "prefer":
                fields["prefer"] = _preference(one)
            case other:
                raise one[0].fault("policy_clause_unknown", f"there is no clause {other!r}")
    return msgspec.convert(fields, PathPolicy)


def _preference(given: Clause) -> Preference:
    """Read ``prefer`` and its pairs of a word and a weight; a word left out weighs nothing."""
    found: dict[str, int] = {}
    if len(given) == 1:
        raise given[0].fault("policy_weight_expected", f"prefer needs weights: {', '.join(_WEIGHTS)}")
    for start in range(1, len(given), 2):
        name = given[start]
        if name.text not in _WEIGHTS or name.text in found:
            raise name.fault("policy_weight_expected", f"each of {', '.join(_WEIGHTS)} may stand here once")
        found[name.text] = clause.number(given[start : start + 2], unit="", least=0, most=WEIGHT_MAX)
    return Preference(**(dict.fromkeys(_WEIGHTS, 0) | found))


def format_policy(policy: PathPolicy) -> str:
    """Write a policy in its one canonical form; ``parse`` reads the same policy back."""
    lists = (("avoid", policy.avoid), ("only", policy.only), ("through", policy.through))
    clauses = [" ".join((name, *members)) for name, members in lists if members]
    if policy.hops_max is not None:
        clauses.append(f"hops {policy.hops_max}")
    if policy.latency_ms_max is not None:
        clauses.append(f"latency {policy.latency_ms_max}ms")
    if policy.prefer is not None:
        clauses.append("prefer " + " ".join(f"{name} {getattr(policy.prefer, name)}" for name in _WEIGHTS))
    return "; ".join(clauses)


def carrier_objections(policy: PathPolicy, by: str, carrier: str) -> Iterator[Objection]:
    """Yield what a policy has against one member carrying a message."""
    if carrier in policy.avoid:
        yield Objection("policy_avoid", by, f"avoid {carrier}", f"{by} wants {carrier} avoided")
    if policy.only and carrier not in policy.only:
        rule = f"only {' '.join(policy.only)}"
        yield Objection("policy_only", by, rule, f"{by} does not name {carrier} among those that may carry")


def path_objections(policy: PathPolicy, by: str, path: Sequence[str], latency_us: int) -> Iterator[Objection]:
    """Yield what a policy has against a whole path, in the order: each carrier in turn, through, hops, latency.

    Args:
        policy: of the corridor or the sender.
        by: whose it is.
        path: members from origin to destination.
        latency_us: sum over its links, microseconds one way.
    """
    for carrier in path[1:-1]:
        yield from carrier_objections(policy, by, carrier)
    if not _in_order(policy.through, path):
        wanted = f"through {' '.join(policy.through)}"
        yield Objection("policy_through", by, wanted, f"{by} wants it to go {wanted}, in this order")
    links = len(path) - 1
    if policy.hops_max is not None and links > policy.hops_max:
        detail = f"the path has {links} links, {by} allows {policy.hops_max}"
        yield Objection("policy_hops", by, f"hops {policy.hops_max}", detail)
    most = policy.latency_ms_max
    if most is not None and latency_us > most * 1_000:
        detail = f"the path takes {-(-latency_us // 1_000)} ms one way, {by} allows {most} ms"
        yield Objection("policy_latency", by, f"latency {most}ms", detail)


def _in_order(wanted: Sequence[str], path: Sequence[str]) -> bool:
    """Whether ``wanted`` is a subsequence of ``path``."""
    rest = iter(path)
    return all(member in rest for member in wanted)
