"""Screening of names against lists: the seam where a gateway's own screener goes in.

A screener is a function from names to what it found, each finding a sentence that explains the match. It is given to
the service when that is built and must answer at once and always the same (rules are pure): lists are loaded before.
One that cannot answer at once answers ``None``: then the payment waits, nothing else does, and what was found comes
later as a command of the gateway itself. A fault of one stops the payment as a finding does (``contained``).
``names_listed`` makes a screener of lists, across scripts.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from html import unescape
from typing import Final

from darwaza.services.payments.names import HITS_MAX, Listed, NameIndex
from darwaza.standards.iso20022.pacs008 import CreditTransferTransaction

Screener = Callable[[Sequence[str]], tuple[str, ...] | None]

_NAME: Final = re.compile(r"<(?:[\w.-]+:)?(?:Nm|CareOf)(?:\s[^>]*)?>([^<]+)<")
SCREENING: Final = "payment.screening"
"""Notice to the gateway itself: a payment waits for a screener that answers later."""


def nobody_listed(names: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG001 - the seam's form
    """The screener of a gateway that has no lists."""
    return ()


def contained(screen: Screener) -> Screener:
    """Make a screener of which a fault stops only the payment that it fails on, and leaves that to compliance.

    Otherwise it would stop every payment that came in the same order.
    """

    def at_once(names: Sequence[str]) -> tuple[str, ...] | None:
        try:
            return screen(names)
        except Exception as fault:  # noqa: BLE001 - whatever it is, a payment nobody looked at must not go on
            return (f"screening failed ({type(fault).__name__}): these names were compared with no list",)

    return at_once


def then_later(screen: Screener) -> Screener:
    """Make a screener that stops what ``screen`` finds at once and leaves everything else to one that answers later."""

    def at_once(names: Sequence[str]) -> tuple[str, ...] | None:
        return screen(names) or None

    return at_once


def names_listed(listed: Iterable[Listed]) -> Screener:
    """Make a screener of lists; see ``names``."""
    index = NameIndex(listed)

    def screen(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(hit for name in dict.fromkeys(names) for hit in index.find(name))[:HITS_MAX]

    return screen


def names_of(transaction: CreditTransferTransaction) -> tuple[str, ...]:
    """Every name a payment carries: of parties, of accounts and their owners, of agents, and of whoever else it names.

    Free text is not looked at.
    """
    parties = (
        transaction.debtor,
        transaction.creditor,
        transaction.ultimate_debtor,
        transaction.ultimate_creditor,
        transaction.initiating_party,
    )
    others = (
        transaction.debtor_account,
        transaction.creditor_account,
        transaction.debtor_agent,
        transaction.creditor_agent,
        transaction.instructing_agent,
        transaction.instructed_agent,
        transaction.intermediary_1,
        transaction.intermediary_1_account,
        transaction.intermediary_2,
        transaction.intermediary_2_account,
    )
    named = [one for one in (*parties, *others) if one is not None]
    addresses = [party.address for party in parties if party is not None and party.address is not None]
    # Whatever no field names: somebody to be contacted, to whose care it goes, who is invoiced.
    rest = [kept.xml for one in (transaction, *named, *addresses) for kept in one.kept]
    return (*(one.name for one in named if one.name), *(unescape(name) for xml in rest for name in _NAME.findall(xml)))
