"""Clauses: the shape that path policies and home rules share.

A clause is a word and what belongs to it; clauses are separated by semicolons or line ends, words by spaces; ``#``
starts a comment that ends with the line::

    avoid AF; hops 3; latency 400ms    # money

This module splits text and says where something is; what the words mean is left to ``darwaza.kernel.policy`` and
``darwaza.kernel.locality``. The grammar is written out in spec/routing.md.
"""

import re
from typing import NamedTuple

from darwaza.errors import MalformedError, TooLargeError

TEXT_BYTES_MAX = 4_096
CLAUSE_MEMBERS_MAX = 64
"""Members one clause may name."""

_MEMBER = re.compile(r"[A-Z0-9]{2,8}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_WORD = re.compile(r"[A-Za-z0-9*][A-Za-z0-9.-]*|[:;]")
_SPACE = re.compile(r"[ \t]*")


class Word(NamedTuple):
    """A word of the text and where it stands.

    Attributes:
        text: the word, or ":" or ";", or "" for the end of the line.
        line: from 0.
        column: characters before it, from 0.
    """

    text: str
    line: int
    column: int

    def fault(self, code: str, detail: str) -> MalformedError:
        """Describe what is wrong at this word.

        The pointer takes the text as an array of lines, each an array of characters: ``/0/14``. The sentence counts
        from one, as editors do.
        """
        place = f"line {self.line + 1}, column {self.column + 1}"
        return MalformedError(f"{place}: {detail}", code=code, pointer=f"/{self.line}/{self.column}")


Clause = tuple[Word, ...]
"""At least one word."""


def lines(text: str) -> list[list[Word]]:
    """Split a text into lines of words; each ends with the word "", and lines without another word are left out.

    Raises:
        TooLargeError: ``policy_too_large``, over ``TEXT_BYTES_MAX``.
        MalformedError: ``policy_character``, for a character that has no place here.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > TEXT_BYTES_MAX:
        raise TooLargeError(f"the text has {size} bytes, the limit is {TEXT_BYTES_MAX}", code="policy_too_large")
    found = (_words(raw.partition("#")[0], number) for number, raw in enumerate(text.split("\n")))
    return [words for words in found if len(words) > 1]


def _words(raw: str, line: int) -> list[Word]:
    words: list[Word] = []
    at = _skip(raw, 0)
    while at < len(raw):
        found = _WORD.match(raw, at)
        if found is None:
            raise Word("", line, at).fault("policy_character", f"{raw[at]!r} has no place here")
        words.append(Word(found.group(), line, at))
        at = _skip(raw, found.end())
    words.append(Word("", line, len(raw)))
    return words


def _skip(raw: str, at: int) -> int:
    space = _SPACE.match(raw, at)
    return space.end() if space else at


def clauses(words: list[Word]) -> list[Clause]:
    """Split the words of a line, up to the end word, into clauses; none when there is only the end word.

    Raises:
        MalformedError: ``policy_clause_expected``, for an empty clause beside a semicolon.
    """
    found: list[Clause] = []
    clause: list[Word] = []
    for word in words:
        if word.text not in {";", ""}:
            clause.append(word)
        elif clause:
            found.append(tuple(clause))
            clause = []
        elif len(words) > 1:
            raise word.fault("policy_clause_expected", "a clause is missing here")
    return found


def check_distinct(given: list[Clause]) -> None:
    """Check that no two clauses begin with the same word.

    Raises:
        MalformedError: ``policy_clause_twice``.
    """
    seen: set[str] = set()
    for first, *_ in given:
        if first.text in seen:
            raise first.fault("policy_clause_twice", f"{first.text} stands here already")
        seen.add(first.text)


def members(clause: Clause) -> tuple[str, ...]:
    """Read the member codes that follow a clause's first word.

    Raises:
        MalformedError: ``policy_member_expected``, ``policy_member_twice``.
        TooLargeError: ``policy_too_large``, more than ``CLAUSE_MEMBERS_MAX``.
    """
    first, *named = clause
    if not named:
        raise first.fault("policy_member_expected", f"{first.text} needs at least one member")
    if len(named) > CLAUSE_MEMBERS_MAX:
        raise TooLargeError(f"a clause names more than {CLAUSE_MEMBERS_MAX} members", code="policy_too_large")
    found: dict[str, None] = {}
    for word in named:
        if not _MEMBER.fullmatch(word.text):
            raise word.fault("policy_member_expected", f"{word.text!r} is not a member's code, such as PK")
        if word.text in found:
            raise word.fault("policy_member_twice", f"{word.text} stands here already")
        found[word.text] = None
    return tuple(found)


def number(clause: Clause, *, unit: str, least: int, most: int) -> int:
    """Read the one number, with its unit, that follows a clause's first word.

    Args:
        clause: the whole clause.
        unit: letters that must follow the digits without a space, or "".
        least: smallest value allowed.
        most: largest value allowed.

    Raises:
        MalformedError: ``policy_number_expected``, ``policy_number_range``.
    """
    first, *rest = clause
    shown = f"a number from {least} to {most}{unit}"
    if len(rest) != 1:
        wrong = rest[1] if rest else first
        raise wrong.fault("policy_number_expected", f"after {first.text} stands {shown} and nothing else")
    word = rest[0]
    digits = word.text.removesuffix(unit)
    if not _NUMBER.fullmatch(digits) or digits + unit != word.text:
        raise word.fault("policy_number_expected", f"{word.text!r} is not {shown}")
    if not least <= int(digits) <= most:
        raise word.fault("policy_number_range", f"{word.text} is not {shown}")
    return int(digits)
