"""Finds names in lists although they are written otherwise: another script, another order, a word more or less.

A listed name is found when its words that sound like a word each of the name at hand make two thirds of its weight,
and are at least two where it has two. A word that millions share (Muhammad, Khan) weighs a third of another. Each
finding is a sentence that shows the words that matched and how well, so that an officer can judge it. Numbers are
whole percents; there is no randomness and no clock, so the same name is always judged alike.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from darwaza.services.payments.spelling import WORDS_MAX, Spelling, spell, weight

WORD_LIKE: Final = 80
"""Two words are alike from this likeness on, percent."""
NAME_LIKE: Final = 82
"""A finding needs this likeness, the mean of its words', percent."""
HITS_MAX: Final = 20
NAMES_REMEMBERED: Final = 4_096
WORDS_REMEMBERED: Final = 65_536
_WORDS_MIN: Final = 2
_UNSLIPPED: Final = 3
"""Sounds of so few signs have no room for a slip."""
_WHOLE: Final = 100


def says(name: str | None) -> bool:
    """Whether there is a letter or a digit of any script: a blank or a full stop is no name."""
    return name is not None and any(map(str.isalnum, name))


class Listed(NamedTuple):
    """A name of a list.

    Attributes:
        name: as the list writes it.
        entry: where it stands: list and number.
    """

    name: str
    entry: str


class _Name(NamedTuple):
    """A listed name, taken apart.

    Attributes:
        listed: as given.
        words: of it.
        weights: of the words.
        needed: weight that has to be found, times three.
        common: sounds of its words that millions share, each with its weight.
    """

    listed: Listed
    words: tuple[Spelling, ...]
    weights: tuple[int, ...]
    needed: int
    common: tuple[str, ...]


class NameIndex:
    """See the module.

    Names are found by their rarer words; a word that millions share only counts once one of the others is found. So a
    look-up costs what is like the name and not what the lists hold: some 2 ms for a name never seen, with 30,000 names,
    which take 40 µs each to index. Names and words seen before are remembered.
    """

    def __init__(self, listed: Iterable[Listed]) -> None:
        self._names: list[_Name] = []
        self._by_sound: dict[str, list[int]] = {}
        self._lenient: set[int] = set()
        for one in listed:
            words = spell(one.name)
            if words:
                self._add(one, words)
        self.find = lru_cache(NAMES_REMEMBERED)(self._find)

    def __len__(self) -> int:
        return len(self._names)

    def _add(self, listed: Listed, words: tuple[Spelling, ...]) -> None:
        weights = tuple(map(weight, words))
        rare = [at for at, one in enumerate(weights) if one > 1]
        common = tuple(word.sound for word, one in zip(words, weights, strict=True) if one == 1) if rare else ()
        number = len(self._names)
        self._names.append(_Name(listed, words, weights, 2 * sum(weights), common))
        if common or len(words) == 1:
            self._lenient.add(number)
        for at in rare or range(len(words)):
            for key in _keys(words[at].sound):
                self._by_sound.setdefault(key, []).append(number * WORDS_MAX + at)

    def _candidates(self, words: Sequence[Spelling]) -> Iterator[_Name]:
        """Listed names of which enough words may be alike."""
        found: dict[int, int] = {}
        reach = found.get
        for key in {key for word in words for key in _keys(word.sound)}:
            for posting in self._by_sound.get(key, ()):
                number = posting // WORDS_MAX
                found[number] = reach(number, 0) | 1 << posting % WORDS_MAX
        # One word of several is most of what is found, and never enough unless the others are common ones.
        several = [number for number, bits in found.items() if bits & (bits - 1) or number in self._lenient]
        sounds = {word.sound for word in words}
        for number in several:
            name, bits = self._names[number], found[number]
            shared = sum(sound in sounds for sound in name.common)
            reached = shared + sum(one for at, one in enumerate(name.weights) if bits >> at & 1)
            if reached * 3 >= name.needed and bits.bit_count() + shared >= min(len(name.words), _WORDS_MIN):
                yield name

    def _find(self, name: str) -> tuple[str, ...]:
        """What of the lists a name is like, best first: a sentence each."""
        words, found = spell(name), []
        for order, one in enumerate(self._candidates(words)):
            likeness, pairs = _compare(one.words, words)
            if likeness >= NAME_LIKE:
                found.append((-likeness, one.listed.entry, order, one.listed, pairs))
        best: dict[str, str] = {}
        for likeness, entry, _, listed, pairs in sorted(found):
            matched = ", ".join(f"{mine} ~ {other} {alike} %" for mine, other, alike in pairs)
            best.setdefault(entry, f"«{name}» is like «{listed.name}» ({entry}), {-likeness} %: {matched}")
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


@lru_cache(WORDS_REMEMBERED)
def word_likeness(one: Spelling, other: Spelling) -> int:
    """How alike two words are, percent; 0 for sounds that differ in more than a slip."""
    if one.text == other.text:
        return _WHOLE
    if one.sound != other.sound and not _keys(one.sound) & _keys(other.sound):
        return 0
    sounds = _likeness(one.sound, other.sound)
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

    Two sounds that differ in one sign share a key, whether it is missing, added or replaced. A slip in a sound of three
    signs makes it another: ``WORD_LIKE`` is never reached.
    """
    if len(sound) <= _UNSLIPPED:
        return {sound}
    return {sound, *(sound[:at] + sound[at + 1 :] for at in range(len(sound)))}
