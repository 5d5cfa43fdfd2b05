"""What the examination of an evidence file or a fork proof answers, in words a judge can follow.

The answer is one of three. *Invalid*: something in the file is false or contradicts itself. *Cannot tell*: nothing in
it is false, but something that is needed is missing or not understood. *Valid*: everything was checked and holds. The
checks behind the answer are listed in the order they were made, each with its number, a stable code and a sentence.
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Result(StrEnum):
    """The answer."""

    VALID = "valid"
    INVALID = "invalid"
    CANNOT_TELL = "cannot_tell"


class Outcome(StrEnum):
    """What one check found."""

    HOLDS = "holds"
    FAILS = "fails"
    """Something is false: the file is invalid."""
    UNKNOWN = "unknown"
    """Something needed is missing or not understood: the file cannot be valid."""
    NOTED = "noted"
    """Worth knowing; without weight for the answer."""


class Check(msgspec.Struct, frozen=True):
    """One check.

    Attributes:
        number: from 1, in the order they were made.
        subject: what was checked: ``file``, ``message``, ``related 1``, ``held``, ``given``.
        name: of the check.
        outcome: what it found.
        code: stable code; "" when it holds.
        text: one or two sentences for people.
    """

    number: int
    subject: str
    name: str
    outcome: Outcome
    code: str
    text: str


class Attestation(msgspec.Struct, frozen=True):
    """A witness's true cosignature.

    Attributes:
        member: code.
        at: when, by its clock; RFC 3339, UTC, whole seconds.
    """

    member: str
    at: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What an item of an evidence file shows; given only when all of it could be checked and none of it failed.

    Attributes:
        subject: see ``Check``.
        id: of the message.
        kind: of the message.
        origin: full address of the sender.
        destination: full address of the addressee.
        created_at: when it was made, by the clock of the sender's gateway.
        log: origin line of the log it stands in.
        author: member whose log it is and who signed it.
        reader: member who received it.
        index: its place in the log.
        size: of the log when it was signed.
        version: of the corridor document whose keys were used.
        received_at: time of the reader's cosignature, by its clock; None when there is none.
        witnesses: those whose cosignatures are true.
        witnesses_possible: number of members that witness this log.
        grade: ``unacknowledged``, ``bilateral`` or ``witnessed <n> of <m>``.
        body: whether the body is in the file.
    """

    subject: str
    id: str
    kind: str
    origin: str
    destination: str
    created_at: str
    log: str
    author: str
    reader: str
    index: int
    size: int
    version: int
    received_at: str | None
    witnesses: tuple[Attestation, ...]
    witnesses_possible: int
    grade: str
    body: bool


class Basis(msgspec.Struct, frozen=True):
    """A corridor document that the answer rests on.

    Attributes:
        name: of the corridor.
        version: of the document.
        digest: SHA-256 of its text, lower-case hex; to be compared with what is known by other means.
        created_at: in force from; RFC 3339.
        not_after: in force until; RFC 3339.
        state: ``not_yet``, ``in_force`` or ``expired`` when the check was made.
        anchored: whether it was reached from a digest that was given with the check; otherwise it was taken as given.
    """

    name: str
    version: int
    digest: str
    created_at: str
    not_after: str
    state: str
    anchored: bool


class Verdict(msgspec.Struct, frozen=True):
    """The answer with its reasons.

    Attributes:
        result: valid, invalid or cannot tell.
        code: of the first check that fails, or else of the first that is unknown; "" for a valid file.
        format: what the file says it is; "" when it says nothing.
        checked_at: RFC 3339.
        checks: in order.
        findings: of the items of an evidence file, in order.
        basis: the corridor documents given, oldest first.
    """

    result: Result
    code: str
    format: str
    checked_at: str
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]
    basis: tuple[Basis, ...]


def decide(checks: Iterable[Check]) -> tuple[Result, str]:
    """Conclude from the checks: what fails outweighs what is unknown; see the module."""
    worst: dict[Outcome, str] = {}
    for check in checks:
        worst.setdefault(check.outcome, check.code)
    if Outcome.FAILS in worst:
        return Result.INVALID, worst[Outcome.FAILS]
    if Outcome.UNKNOWN in worst:
        return Result.CANNOT_TELL, worst[Outcome.UNKNOWN]
    return Result.VALID, ""


class Record:
    """Writes checks down as they are made.

    Attributes:
        checks: so far.
    """

    def __init__(self) -> None:
        self.checks: list[Check] = []

    def holds(self, subject: str, name: str, text: str) -> bool:
        """Note that a check holds; returns True: the examination goes on."""
        return self._add(subject, name, Outcome.HOLDS, "", text)

    def noted(self, subject: str, name: str, code: str, text: str) -> bool:
        """Note something without weight; returns True."""
        return self._add(subject, name, Outcome.NOTED, code, text)

    def unknown(self, subject: str, name: str, code: str, text: str) -> bool:
        """Note what is missing or not understood; returns True."""
        return self._add(subject, name, Outcome.UNKNOWN, code, text)

    def fails(self, subject: str, name: str, code: str, text: str) -> bool:
        """Note what is false; returns False: what depends on it is not looked at."""
        self._add(subject, name, Outcome.FAILS, code, text)
        return False

    def _add(self, subject: str, name: str, outcome: Outcome, code: str, text: str) -> bool:
        self.checks.append(Check(len(self.checks) + 1, subject, name, outcome, code, text))
        return True


def counted(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun."""
    return f"{number} {one if number == 1 else many or one + 's'}"
