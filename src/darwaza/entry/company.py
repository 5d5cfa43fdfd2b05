"""Single payments of one moment travel together: one bulk, each answered for itself.

The first payment of a bank to another goes with the next transaction: alone and at once when the engine rests. What
comes after it gathers until its answer is here, for ``COMPANY_GATHER_S_MAX`` at most, and is then given to the engine
as one (Nagle's algorithm, RFC 896, in spirit). So who pays one after the other waits for nobody, and the more two banks
pay one another, the larger their companies are.

Whatever does not pass in company goes alone then, so that its outcome is the one it would have had by itself: a bulk is
only the cheaper way for what is in order.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from darwaza import config
from darwaza.engine.intake import Accepted, Outcome, Submit
from darwaza.engine.loop import Loop
from darwaza.errors import PushbackError
from darwaza.kernel.letter import LETTER_OVERHEAD_BYTES
from darwaza.kernel.machine import Refusal
from darwaza.kernel.parts import SEPARATOR
from darwaza.ports.store import Changes
from darwaza.services.payments.check import Alike, alike, read_transfer
from darwaza.services.payments.entry import entry_id
from darwaza.services.payments.message import TERMS_BYTES_MAX, RemitBulk
from darwaza.services.payments.state import SENT
from darwaza.standards.iso20022.pacs008 import CreditTransfer

COMPANY_PAYMENTS_MAX: Final = 100
COMPANY_BYTES_MAX: Final = config.ORDINARY_BODY_BYTES_MAX - TERMS_BYTES_MAX - LETTER_OVERHEAD_BYTES
"""Of the documents of one company: their order stays an ordinary message, which no later one overtakes."""
SERVICE: Final = "payments"


class Way(NamedTuple):
    """What payments have in common that travel together.

    Attributes:
        party: address of the payer's bank.
        roles: the bank's.
        market: id of the market's case.
        common: as in any bulk.
    """

    party: str
    roles: frozenset[str]
    market: str
    common: Alike


class Fellow(NamedTuple):
    """A payment that waits for the next transaction.

    Attributes:
        way: see ``Way``.
        key: its UETR.
        document: pacs.008.001.13 of this payment alone.
        transfer: what the document says.
        alone: makes the command it is by itself.
    """

    way: Way
    key: str
    document: bytes
    transfer: CreditTransfer
    alone: Callable[[], Submit]


Waiting = tuple[Fellow, "asyncio.Future[Outcome | None]"]


class Group:
    """Payments of one way that wait.

    Attributes:
        waiting: by their keys.
        bytes: of their documents as the parts of one body.
        is_due: they go with the next transaction; until then they gather behind an order of their way.
    """

    __slots__ = ("bytes", "is_due", "waiting")

    def __init__(self, *, is_due: bool) -> None:
        self.waiting: dict[str, Waiting] = {}
        self.bytes = 0
        self.is_due = is_due

    def has_room(self, size: int) -> bool:
        """Whether one more document can travel with these."""
        return len(self.waiting) < COMPANY_PAYMENTS_MAX and self.bytes + size <= COMPANY_BYTES_MAX


def way_of(document: bytes, transfer: CreditTransfer, party: str, roles: frozenset[str], market: str) -> Way | None:
    """The way a payment goes together with others, or None for one that goes alone.

    Args:
        document: as it came.
        transfer: what it says.
        party: address of the bank that orders it.
        roles: the bank's.
        market: id of the market's case.
    """
    if len(document) > COMPANY_BYTES_MAX:
        return None
    ordered = read_transfer(document, transfer)
    if isinstance(ordered, Refusal):
        return None
    common = alike(ordered)
    if common is None or common.payee_bank is None:
        return None
    return Way(party, roles, market, common)


class Company:
    """Gathers payments for the engine's transactions; see the module.

    Attributes:
        companies: given to the engine so far.
        payments: in them.
    """

    def __init__(self, loop: Loop) -> None:
        self.companies = self.payments = 0
        self._loop = loop
        self._groups: dict[Way, Group] = {}
        self._waiting = self._waiting_bytes = 0
        self._behind: dict[str, tuple[Way, Group]] = {}
        self._answered: list[tuple[Way, Group]] = []
        loop.gather(lambda: self._give([way for way, group in self._groups.items() if group.is_due]))
        loop.engine.site.watchers.append(self._follow)
        loop.listen(self._go_on)

    def join(self, fellow: Fellow) -> "asyncio.Future[Outcome | None] | None":
        """Let a payment travel with the others of its way.

        Returns:
            A future that gives, after the commit, what became of it, or None when it has to go alone; None in its
            place when it cannot even wait with the others, because one of its key does.

        Raises:
            PushbackError: ``overloaded``: too much waits already.
        """
        way, size = fellow.way, len(fellow.document)
        self._loop.admit(self._waiting, self._waiting_bytes + size)
        group = self._groups.get(way)
        if group is not None and fellow.key in group.waiting:
            return None
        if group is not None and not group.has_room(size):
            self._give([way])
            group = self._groups[way]
        if group is None:
            group = self._groups[way] = Group(is_due=True)
            self._loop.expect()
        future: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()
        group.waiting[fellow.key] = fellow, future
        group.bytes += size + len(SEPARATOR)
        self._waiting += 1
        self._waiting_bytes += size
        return future

    def _give(self, ways: list[Way]) -> None:
        """Give the engine what has gathered of these ways."""
        groups = [(way, self._groups[way].waiting) for way in ways]
        keys = [(way.party, key) for way, together in groups if len(together) > 1 for key in together]
        # One that was taken before, alone, has a stored answer, which only the command it was finds.
        answered = self._loop.engine.store.answers(keys) if keys else {}
        for way, together in groups:
            self._gather(way)
            self._waiting -= len(together)
            self._waiting_bytes -= sum(len(fellow.document) for fellow, _ in together.values())
            for key in [key for key in together if (way.party, key) in answered]:
                self._send_alone(together.pop(key))
            if len(together) == 1:
                self._send_alone(*together.values())
            elif together:
                self._send_together(way, list(together.values()))

    def _gather(self, way: Way) -> None:
        """Let what comes of a way gather behind the order of it that goes now."""
        group = self._groups[way] = Group(is_due=False)
        asyncio.get_running_loop().call_later(config.COMPANY_GATHER_S_MAX, self._gathered, way, group)

    def _ordered(self, way: Way, group: Group, decided: "asyncio.Future[Outcome]") -> None:
        """Note of which case the next word ends the gathering."""
        outcome = None if decided.cancelled() else decided.result()
        if isinstance(outcome, Accepted) and not outcome.repeated:
            self._behind[outcome.case_id] = way, group

    def _follow(self, changes: Changes) -> None:
        """Learn from a commit which orders were answered."""
        self._answered += [self._behind.pop(case_id) for case_id in self._behind.keys() & changes.cases.keys()]

    def _go_on(self) -> None:
        """Send what has gathered behind orders that were answered."""
        for way, group in self._answered:
            self._gathered(way, group)
        self._answered = []

    def _gathered(self, way: Way, group: Group) -> None:
        """Send what has gathered, unless it has gone before; after nothing the way is idle."""
        if self._groups.get(way) is not group:
            return
        if group.waiting:
            group.is_due = True
            self._loop.expect()
        else:
            del self._groups[way]

    def _send_alone(self, one: Waiting) -> None:
        self._submit(one[0].way, [one], one[0].alone())

    def _send_together(self, way: Way, waiting: list[Waiting]) -> None:
        documents = tuple(fellow.document for fellow, _ in waiting)
        transfers = tuple(fellow.transfer for fellow, _ in waiting)
        body = RemitBulk(way.market, documents, transfers, apart=True)
        self._submit(way, waiting, Submit(way.party, way.roles, SERVICE, "remit-bulk", "", b"", body))
        self.companies += 1
        self.payments += len(waiting)

    def _submit(self, way: Way, waiting: list[Waiting], given: Submit) -> None:
        try:
            outcome = self._loop.submit(given, sum(len(fellow.document) for fellow, _ in waiting))
        except PushbackError as full:
            for _, future in waiting:
                _tell(future, full)
            return
        outcome.add_done_callback(partial(_share, waiting))
        outcome.add_done_callback(partial(self._ordered, way, self._groups[way]))


def _share(waiting: list[Waiting], decided: "asyncio.Future[Outcome]") -> None:
    """Tell everybody of a company what became of its payment; who was refused with others goes alone."""
    if decided.cancelled():
        for _, future in waiting:
            future.cancel()
        return
    outcome = decided.result()
    if len(waiting) == 1 or isinstance(outcome, PushbackError):
        for _, future in waiting:
            _tell(future, outcome)
        return
    refused = {uetr for uetr, *_ in outcome.answer["refused"]} if isinstance(outcome, Accepted) else None
    number = 0
    for fellow, future in waiting:
        if refused is None or fellow.key in refused:
            _tell(future, None)
            continue
        number += 1
        _tell(future, Accepted(entry_id(outcome.case_id, number), SENT, outcome.message_ids))


def _tell(future: "asyncio.Future[Outcome | None]", outcome: Outcome | None) -> None:
    if not future.done():
        future.set_result(outcome)
