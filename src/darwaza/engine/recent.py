"""What the newest batches have committed, kept in memory: who goes on with it need not ask the store.

Nearly every input is about a case of a moment ago. What is kept here is true because nobody but this engine writes to
its store, and because it is learnt only after the commit: transfers never change, parties of a case are only added, and
a case is replaced here by every batch that changes it. What is not here may still be in the store.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from darwaza.engine.order import ORDER
from darwaza.engine.voyage import ROUTE
from darwaza.kernel.machine import Case
from darwaza.ledger.transfer import Phase, Transfer
from darwaza.ports.store import Changes, PartyRow

OWN = frozenset({ORDER, ROUTE})
CASES_KEPT = 4_096
HOLDS_KEPT = 8_192
PARTIES_KEPT = 16_384

Held = tuple[str, Case[Any]]
"""The service's name and the case."""


class Recent:
    """See the module.

    Attributes:
        cases: by id; those that changed last.
        holds: of the ledger by id; the newest that still stand.
        parties: whom the newest cases concern.
    """

    def __init__(self) -> None:
        self.cases: dict[str, Held] = {}
        self.holds: dict[str, Transfer] = {}
        self.parties: dict[PartyRow, None] = {}

    def follow_cases(self, changes: Changes, cases: Mapping[str, Held | None]) -> None:
        """Learn which cases a committed batch has changed, and whom they concern.

        Args:
            changes: of the batch.
            cases: as it left them, those it changed among them; those of the gateway's own change by their rows alone.
        """
        kept = self.cases
        for case_id, row in changes.cases.items():
            kept.pop(case_id, None)
            case = cases.get(case_id)
            if case is not None and row.service not in OWN:
                kept[case_id] = case
        self.parties.update(dict.fromkeys(changes.parties))
        _shorten(kept, CASES_KEPT)
        _shorten(self.parties, PARTIES_KEPT)

    def follow_ledger(self, transfers: Iterable[Transfer]) -> None:
        """Learn which holds a committed batch has placed and ended."""
        holds = self.holds
        for transfer in transfers:
            if transfer.hold_id is not None:
                holds.pop(transfer.hold_id, None)
            elif transfer.phase is Phase.HOLD:
                holds[transfer.id] = transfer
        _shorten(holds, HOLDS_KEPT)


def _shorten(kept: dict[Any, Any], items_max: int) -> None:
    """Drop what was put in first."""
    for key in list(islice(kept, max(0, len(kept) - items_max))):
        del kept[key]
