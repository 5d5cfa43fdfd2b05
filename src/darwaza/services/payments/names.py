"""Finds names in lists although they are written otherwise: another script, another order, a word more or less.

A listed name is found when its words that sound like a word each of the name at hand make two thirds of its weight,
and are at least two where it has two. A word that millions share (Muhammad, Khan) weighs a third of another. Each
finding is a sentence that shows the words that matched and how well, so that an officer can judge it. Numbers are
whole percents; there is no randomness and no clock, so the same name is always judged alike.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from darwaza.services.payments.spelling import Spelling, spell, weight

WORD_LIKE: Final = 80
"""Two words are alike from this likeness on, percent."""
NAME_LIKE: Final = 82
"""A finding needs this likeness, the mean of its words', percent."""
HITS_MAX: Final = 20
NAMES_REMEMBERED: Final = 4_096
_WORDS_MIN: Final = 2
_SHORT: Final = 2
"""Sounds of so few signs have to be equal: they have no room for a slip."""
_WHOLE: Final = 100


class Listed(NamedTuple):
    """A name of a list.

    Attributes:
        name: as the list writes it.
        entry: where it stands: list and number.
    """

    name: str
    entry: str


class _Name(NamedTuple):
    listed: Listed
    words: tuple[Spelling, ...]


class NameIndex:
    """See the module. Building it costs some 50 µs a name, a look-up some 100 µs."""

    def __init__(self, listed: Iterable[Listed]) -> None:
        self._names: list[_Name] = []
        self._by_sound: dict[str, list[int]] = {}
        for one in listed:
            words = spell(one.name)
            if not words:
                continue
            number = len(self._names)
            self._names.append(_Name(one, words))
            for key in {key for word in words for key in _keys(word.sound)}:
                self._by_sound.setdefault(key, []).append(number)
        self.find = lru_cache(NAMES_REMEMBERED)(self._find)

    def __len__(self) -> int:
        return len(self._names)

    def _find(self, name: str) -> tuple[str, ...]:
        """What of the lists a name is like, best first: a sentence each."""
        words = spell(name)
        votes: dict[int, int] = {}
        for word in words:
            for number in {number for key in _keys(word.sound) for number in self._by_sound.get(key, ())}:
                votes[number] = votes.get(number, 0) + 1
        found = []
        for number, count in votes.items():
            theirs = self._names[number].words
            if count >= min(len(theirs), _WORDS_MIN):
                likeness, pairs = _compare(theirs, words)
                if likeness >= NAME_LIKE:
                    found.append((-likeness, number, pairs))
        best: dict[str, str] = {}
        for likeness, number, pairs in sorted(found):
            listed = self._names[number].listed
            matched = ", ".join(f"{mine} ~ {other} {alike} %" for mine, other, alike in pairs)
            best.setdefault(
                listed.entry, f"«{name}» is like «{listed.name}» ({listed.entry}), {-likeness} %: {matched}"
            )
        return tuple(best.values())[:HITS_MAX]


def _compare(listed: Sequence[Spelling], words: Sequence[Spelling]) -> tuple[int, list[tuple[str, str, int]]]:
    """How alike two names are, percent, and the pairs of words that make it; 0 when too few are alike."""
    alike = sorted(
        (
            (-likeness, mine, theirs)
            for mine, word in enumerate(words)
            for theirs, other in enumerate(listed)
            if (likeness := word_likeness(word, other)) >= WORD_LIKE
        )
    )
    used_mine: set[int] = set()
    used_theirs: set[int] = set()
    pairs, found = [], 0
    for likeness, mine, theirs in alike:
        if mine not in used_mine and theirs not in used_theirs:
            used_mine.add(mine)
            used_theirs.add(theirs)
            found += weight(listed[theirs])
            pairs.append((words[mine].text, listed[theirs].text, -likeness))
    if len(pairs) < min(len(listed), _WORDS_MIN) or found * 3 < sum(map(weight, listed)) * 2:
        return 0, pairs
    return sum(likeness for _, _, likeness in pairs) // len(pairs), pairs


def word_likeness(one: Spelling, other: Spelling) -> int:
    """How alike two words are, percent."""
    if one.text == other.text:
        return _WHOLE
    sounds = _likeness(one.sound, other.sound)
    if min(len(one.sound), len(other.sound)) <= _SHORT and sounds < _WHOLE:
        return 0
    if not one.letters or not other.letters:
        return sounds
    return (sounds + _likeness(one.letters, other.letters)) // 2


def _likeness(one: str, other: str) -> int:
    longest = max(len(one), len(other))
    return _WHOLE if not longest else (longest - _distance(one, other)) * _WHOLE // longest


def _distance(one: str, other: str) -> int:
    """Levenshtein's distance: insertions, deletions and replacements from one to the other."""
    if one == other:
        return 0
    former = list(range(len(other) + 1))
    for row, mine in enumerate(one, 1):
        current = [row]
        for column, theirs in enumerate(other, 1):
            change = former[column - 1] + (mine != theirs)
            current.append(min(change, former[column] + 1, current[-1] + 1))
        former = current
    return former[-1]


def _keys(sound: str) -> set[str]:
    """By what a sound is found: itself and, where it is long enough for a slip, itself without one sign.

    Two sounds that differ in one sign share a key, whether it is missing, added or replaced.
    """
    if len(sound) <= _SHORT:
        return {sound}
    return {sound, *(sound[:at] + sound[at + 1 :] for at in range(len(sound)))}
