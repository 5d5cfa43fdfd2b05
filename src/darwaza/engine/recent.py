"""What the newest batches have committed, kept in memory: who goes on with it need not ask the store.

Nearly every input of a service whose cases go on (``Service.goes_on``) is about a case of a moment ago. What is kept
here is true because nobody but this engine writes to its store, and because it is learnt only after the commit:
transfers never change, parties of a case are only added, and a case or an account is replaced here by every batch that
changes it.
What is not here may still be in the store.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from darwaza.kernel.machine import Case
from darwaza.ledger.account import Account
from darwaza.ledger.transfer import Phase, Transfer
from darwaza.ports.store import CaseRow, Changes, PartyRow, Store

ACCOUNTS_KEPT = 8_192
CASES_KEPT = 4_096
HOLDS_KEPT = 8_192
PARTIES_KEPT = 16_384
SLACK = 8
"""Up to one in so many more are kept, until they are dropped together."""

Held = tuple[str, Case[Any]]
"""The service's name and the case."""
Standing = tuple[Account, int]
"""An account as committed, and the sequence of the newest transfer on it."""


class Recent:
    """See the module.

    Attributes:
        accounts: of the ledger by id; those that changed last.
        cases: by id; those that changed last, of services whose cases go on.
        holds: of the ledger by id; the newest that still stand.
        parties: whom the newest cases concern.
    """

    def __init__(self, services: Iterable[str]) -> None:
        """Begin empty.

        Args:
            services: names of those whose cases go on.
        """
        self._services = frozenset(services)
        self.accounts: dict[str, Standing] = {}
        self.cases: dict[str, Held] = {}
        self.holds: dict[str, Transfer] = {}
        self.parties: dict[PartyRow, None] = {}

    def find(self, ids: Iterable[str], store: Store, decode: Callable[[CaseRow], Case[Any]]) -> dict[str, Held]:
        """The cases among ``ids`` that exist, as committed: those kept here, the others from the store.

        Args:
            ids: of cases.
            store: what is committed.
            decode: reads a stored case.
        """
        kept, found, others = self.cases, dict[str, Held](), []
        for case_id in ids:
            held = kept.get(case_id)
            if held is None:
                others.append(case_id)
            else:
                found[case_id] = held
        if others:
            found.update({row.id: (row.service, decode(row)) for row in store.cases(others).values()})
        return found

    def follow_cases(self, changes: Changes, cases: Mapping[str, Held | None]) -> None:
        """Learn which cases a committed batch has changed, and whom they concern.

        Args:
            changes: of the batch.
            cases: as it left them, those it changed among them.
        """
        kept, services = self.cases, self._services
        for case_id, row in changes.cases.items():
            if row.service not in services:
                continue
            kept.pop(case_id, None)
            case = cases.get(case_id)
            if case is not None:
                kept[case_id] = case
        self.parties.update({row: None for row in changes.parties if row.service in services})
        _shorten(kept, CASES_KEPT)
        _shorten(self.parties, PARTIES_KEPT)

    def follow_ledger(self, transfers: Iterable[Transfer], accounts: Mapping[str, Standing]) -> None:
        """Learn which holds a committed batch has placed and ended, and how the accounts stand that it changed."""
        holds, kept = self.holds, self.accounts
        for account_id, standing in accounts.items():
            kept.pop(account_id, None)
            kept[account_id] = standing
        _shorten(kept, ACCOUNTS_KEPT)
        for transfer in transfers:
            if transfer.hold_id is not None:
                holds.pop(transfer.hold_id, None)
            elif transfer.phase is Phase.HOLD:
                holds[transfer.id] = transfer
        _shorten(holds, HOLDS_KEPT)


def _shorten(kept: dict[Any, Any], items_max: int) -> None:
    """Drop what was put in first; many at a time, because finding the first means passing all that have gone."""
    if len(kept) <= items_max + items_max // SLACK:
        return
    for key in list(islice(kept, len(kept) - items_max)):
        del kept[key]
