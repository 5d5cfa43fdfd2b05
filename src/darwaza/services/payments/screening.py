"""Screening of names against lists: the seam where a gateway's own screener goes in.

A screener is a function from names to what it found, each finding a sentence that explains the match. It is given to
the service when that is built, must answer at once and always the same (rules are pure): lists are loaded before.
``names_listed`` makes one for exact matches of names as sets of words, whatever their order, case and marks.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from darwaza.standards.iso20022.pacs008 import CreditTransferTransaction

Screener = Callable[[Sequence[str]], tuple[str, ...]]

HITS_MAX = 20
_WORD = re.compile(r"\w+")


def nobody_listed(names: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG001 - the seam's form
    """The screener of a gateway that has no lists."""
    return ()


def names_listed(listed: Iterable[tuple[str, str]]) -> Screener:
    """Make a screener.

    Args:
        listed: (name, list entry it stands for); a person with names in several scripts has an entry for each.
    """
    entries: dict[frozenset[str], str] = {_words(name): f"{name} ({entry})" for name, entry in listed}
    entries.pop(frozenset(), None)

    def screen(names: Sequence[str]) -> tuple[str, ...]:
        found = (f"{name}: {entries[words]}" for name in names if (words := _words(name)) in entries)
        return tuple(found)[:HITS_MAX]

    return screen


def names_of(transaction: CreditTransferTransaction) -> tuple[str, ...]:
    """Every name a payment carries."""
    parties = (
        transaction.debtor,
        transaction.creditor,
        transaction.ultimate_debtor,
        transaction.ultimate_creditor,
        transaction.initiating_party,
    )
    return tuple(party.name for party in parties if party is not None and party.name)


def _words(name: str) -> frozenset[str]:
    plain = unicodedata.normalize("NFKD", name).casefold()
    return frozenset(_WORD.findall("".join(sign for sign in plain if not unicodedata.combining(sign))))
