"""Home rules: what a member allows to be done with its data, and with its gateway.

Each member publishes its own, as text that every other gateway reads and obeys, one line a message class::

    payments:     leave only AF CN KZ; transit not AF
    certificates: store none
    *:            carry not CN

| clause | whose messages | the members named are those that may, or may not |
|---|---|---|
| ``leave`` | from this member | receive them |
| ``transit`` | from and to this member | carry them |
| ``carry`` | of others | be origin or destination of what this member carries |
| ``store`` | from this member | keep their bodies once they have arrived |

After the word stands ``only M …``, ``not M …`` or ``none``. What is not said is allowed. Every line that fits a message
binds it, the line ``*`` too.

The rules are evaluated where something can still be stopped: ``leave``, ``transit``, ``carry`` and ``store`` when a
message is sent, ``transit`` and ``carry`` again at each relay, ``store`` again at the destination before the body is
written. Messages of the class ``route`` (reports of relays) hold no body of anybody's and go back by the way the
message came: no rule binds them. The grammar is written out in spec/routing.md.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal

import msgspec

from darwaza.kernel import clause
from darwaza.kernel.clause import Clause, Word
from darwaza.kernel.policy import Objection

EVERY_CLASS = "*"
"""The class whose line binds every message."""

_CLASS = re.compile(r"\*|[a-z0-9][a-z0-9.-]{0,31}")

Verb = Literal["leave", "transit", "carry", "store"]
VERBS: Final[tuple[Verb, ...]] = ("leave", "transit", "carry", "store")


class Scope(msgspec.Struct, frozen=True):
    """Which members a clause allows.

    Attributes:
        only: True when ``members`` are the only ones allowed, False when they are the only ones not allowed.
        members: codes; empty with ``only`` means none.
    """

    only: bool
    members: tuple[str, ...]

    def allows(self, member: str) -> bool:
        """Whether this member may."""
        return (member in self.members) is self.only

    def text(self) -> str:
        """Write it as it stands in a rule."""
        if self.members:
            return f"{'only' if self.only else 'not'} {' '.join(self.members)}"
        return "none"


class HomeRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of home rules.

    Attributes:
        message_class: a service's name, or ``*``.
        leave: see the module's table, and so for the others; None when the line does not say.
    """

    message_class: str
    leave: Scope | None = None
    transit: Scope | None = None
    carry: Scope | None = None
    store: Scope | None = None

    def scopes(self) -> Iterator[tuple[Verb, Scope]]:
        """Yield what the line says."""
        for verb in VERBS:
            scope: Scope | None = getattr(self, verb)
            if scope is not None:
                yield verb, scope


class HomeRules(msgspec.Struct, frozen=True):
    """One member's parsed rules: its lines in the order they were written."""

    rules: tuple[HomeRule, ...] = ()


def parse(text: str) -> HomeRules:
    """Read a member's rules; an empty text allows everything.

    Raises:
        TooLargeError: ``policy_too_large``.
        MalformedError: with the position of the fault: whatever ``darwaza.kernel.clause`` raises,
            ``policy_class_expected``, ``policy_class_twice``, ``policy_clause_unknown``, ``policy_scope_expected``.
    """
    rules: dict[str, HomeRule] = {}
    for words in clause.lines(text):
        name, colon = words[0], words[1]
        if not _CLASS.fullmatch(name.text):
            raise name.fault("policy_class_expected", "a line begins with a message class in lower case, or *")
        if colon.text != ":":
            raise colon.fault("policy_class_expected", f"a colon follows the class {name.text}")
        if name.text in rules:
            raise name.fault("policy_class_twice", f"{name.text} has a line already")
        rules[name.text] = _rule(name, clause.clauses(words[2:]))
    return HomeRules(tuple(rules.values()))


def _rule(name: Word, given: list[Clause]) -> HomeRule:
    clause.check_distinct(given)
    scopes: dict[str, Scope] = {}
    for one in given:
        if one[0].text not in VERBS:
            raise one[0].fault("policy_clause_unknown", f"there is no clause {one[0].text!r}")
        scopes[one[0].text] = _scope(one)
    return HomeRule(name.text, **scopes)


def _scope(given: Clause) -> Scope:
    match [word.text for word in given[1:]]:
        case ["none"]:
            return Scope(only=True, members=())
        case ["only" | "not" as how, *_]:
            return Scope(only=how == "only", members=clause.members(given[1:]))
        case _:
            wrong = given[1] if len(given) > 1 else given[0]
            raise wrong.fault("policy_scope_expected", f"after {given[0].text} stands only …, not … or none")


def format_rules(rules: HomeRules) -> str:
    """Write rules in their one canonical form; ``parse`` reads the same rules back."""
    lines = ("; ".join(f"{verb} {scope.text()}" for verb, scope in rule.scopes()) for rule in rules.rules)
    return "".join(
        f"{rule.message_class}: {said}".rstrip() + "\n" for rule, said in zip(rules.rules, lines, strict=True)
    )


def _against(
    homes: Mapping[str, HomeRules], owner: str, verb: Verb, message_class: str, other: str
) -> Iterator[Objection]:
    for rule in homes.get(owner, HomeRules()).rules:
        scope: Scope | None = getattr(rule, verb)
        if scope is None or rule.message_class not in {message_class, EVERY_CLASS} or scope.allows(other):
            continue
        sentence = {
            "leave": f"{owner} does not let {message_class} go to {other}",
            "transit": f"{owner} does not let its {message_class} be carried by {other}",
            "carry": f"{owner} does not carry {message_class} of {other}",
            "store": f"{owner} does not let its {message_class} be kept by {other}",
        }[verb]
        yield Objection(f"home_{verb}", owner, f"{rule.message_class}: {verb} {scope.text()}", sentence)


def store_objections(
    homes: Mapping[str, HomeRules], message_class: str, origin: str, keeper: str
) -> Iterator[Objection]:
    """Yield what the origin has against a member keeping the body; its own keeping is not asked about."""
    if keeper != origin:
        yield from _against(homes, origin, "store", message_class, keeper)


def end_objections(
    homes: Mapping[str, HomeRules], message_class: str, origin: str, destination: str
) -> Iterator[Objection]:
    """Yield what stands against the message whichever way it goes, in the order: leave, store."""
    yield from _against(homes, origin, "leave", message_class, destination)
    yield from store_objections(homes, message_class, origin, destination)


def carrier_objections(
    homes: Mapping[str, HomeRules], message_class: str, origin: str, destination: str, carrier: str
) -> Iterator[Objection]:
    """Yield what stands against one member carrying it: the transit rules of both ends, then its own carry rule."""
    for end in (origin, destination):
        yield from _against(homes, end, "transit", message_class, carrier)
    for end in (origin, destination):
        yield from _against(homes, carrier, "carry", message_class, end)
