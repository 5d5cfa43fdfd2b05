"""Single payments that wait for the same transaction of the engine travel together: one bulk, each answered for itself.

A payment that comes while the engine rests goes alone and at once. What comes while an earlier transaction is decided
and written waits for the next one as every input does; of that, the payments that could stand in one bulk are given to
the engine as one. So nobody waits for company, and the busier a gateway is, the larger its companies are.

Whatever does not pass in company goes alone then, so that its outcome is the one it would have had by itself: a bulk is
only the cheaper way for what is in order.
"""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Final, NamedTuple

from darwaza import config
from darwaza.engine.intake import Accepted, Outcome, Submit
from darwaza.engine.loop import QUEUE_RETRY_S, Loop
from darwaza.errors import PushbackError
from darwaza.kernel.letter import LETTER_OVERHEAD_BYTES
from darwaza.services.payments.bulk_source import unsuitable
from darwaza.services.payments.check import read_transfer
from darwaza.services.payments.entry import SOURCE_OPEN, entry_id
from darwaza.services.payments.message import TERMS_BYTES_MAX, RemitBulk
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
        payee_bank: BIC.
        rate: agreed.
        urgent: whether the payer's gateway confirms each end.
    """

    party: str
    roles: frozenset[str]
    market: str
    payee_bank: str
    rate: Decimal
    urgent: bool


class Fellow(NamedTuple):
    """A payment that waits for the next transaction.

    Attributes:
        way: see ``Way``.
        key: its idempotency key, by which an answer may be stored.
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


def way_of(
    document: bytes, transfer: CreditTransfer, party: str, roles: frozenset[str], market: str, uetr: str
) -> Way | None:
    """The way a payment goes together with others, or None for one that goes alone.

    Args:
        document: as it came.
        transfer: what it says.
        party: address of the bank that orders it.
        roles: the bank's.
        market: id of the market's case.
        uetr: by which the bank's request knows it.
    """
    if len(document) > COMPANY_BYTES_MAX:
        return None
    ordered = read_transfer(document, transfer)
    if not isinstance(ordered, tuple) or unsuitable(ordered) is not None:
        return None
    rate, bank = ordered.transaction.agreed_rate, ordered.transaction.creditor_agent.bic
    if rate is None or rate.quote_id or bank is None or ordered.transaction.id.uetr != uetr:
        return None
    return Way(party, roles, market, bank, rate.rate, ordered.urgent)


class Company:
    """Gathers payments between the engine's transactions; see the module.

    Attributes:
        companies: given to the engine so far.
        payments: in them.
    """

    def __init__(self, loop: Loop) -> None:
        self.companies = self.payments = 0
        self._loop = loop
        self._gathered: dict[Way, dict[str, Waiting]] = {}
        self._bytes: dict[Way, int] = {}
        loop.gather(self._give)

    def join(self, fellow: Fellow) -> "asyncio.Future[Outcome | None] | None":
        """Let a payment travel with the others of its way.

        Returns:
            A future that gives, after the commit, what became of it, or None when it has to go alone; None in its
            place when it cannot even wait with the others, because one of its key does.

        Raises:
            PushbackError: ``overloaded``: too much waits already.
        """
        if self._loop.queued >= config.ENGINE_QUEUE_MAX:
            raise PushbackError("too many requests are waiting", retry_after_s=QUEUE_RETRY_S)
        way = fellow.way
        together = self._gathered.get(way, {})
        if fellow.key in together:
            return None
        if (
            len(together) >= COMPANY_PAYMENTS_MAX
            or self._bytes.get(way, 0) + len(fellow.document) > COMPANY_BYTES_MAX
        ):
            self._give_one(way)
        future: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()
        self._gathered.setdefault(way, {})[fellow.key] = fellow, future
        self._bytes[way] = self._bytes.get(way, 0) + len(fellow.document)
        self._loop.expect()
        return future

    def _give(self) -> None:
        """Give the engine all that has gathered."""
        for way in list(self._gathered):
            self._give_one(way)

    def _give_one(self, way: Way) -> None:
        waiting, held = list(self._gathered.pop(way).values()), self._bytes.pop(way)
        alone = self._known(way, waiting) if len(waiting) > 1 else set[str]()
        together = [one for one in waiting if one[0].key not in alone]
        for fellow, future in waiting:
            if fellow.key in alone:
                self._submit([(fellow, future)], fellow.alone(), len(fellow.document))
        if len(together) == 1:
            self._submit(together, together[0][0].alone(), held)
        elif together:
            documents = tuple(fellow.document for fellow, _ in together)
            transfers = tuple(fellow.transfer for fellow, _ in together)
            body = _shim(way.market, documents, transfers)
            given = Submit(way.party, way.roles, SERVICE, "remit-bulk", "", b"", body)
            self._submit(together, given, held)
            self.companies += 1
            self.payments += len(together)

    def _known(self, way: Way, waiting: list[Waiting]) -> set[str]:
        """Keys of those that were taken before, alone: what was answered then is the answer."""
        asked = [(way.party, fellow.key) for fellow, _ in waiting]
        return {key for _, key in self._loop.engine.store.answers(asked)}

    def _submit(self, waiting: list[Waiting], given: Submit, bytes_held: int) -> None:
        try:
            outcome = self._loop.submit(given, bytes_held)
        except PushbackError as full:
            for _, future in waiting:
                _tell(future, full)
            return
        outcome.add_done_callback(partial(_share, waiting))


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
        if refused is None or fellow.transfer.transactions[0].id.uetr in refused:
            _tell(future, None)
            continue
        number += 1
        _tell(future, Accepted(entry_id(outcome.case_id, number), SOURCE_OPEN, outcome.message_ids))


def _tell(future: "asyncio.Future[Outcome | None]", outcome: Outcome | None) -> None:
    if not future.done():
        future.set_result(outcome)


def _shim(market, documents, transfers):
    import msgspec
    from darwaza.services.payments.bulk import Part
    from darwaza.standards.iso20022.message import write
    first = transfers[0]
    header = msgspec.structs.replace(first.header, transaction_count=len(transfers), control_sum=None, total=None)
    whole = write(msgspec.structs.replace(first, header=header, transactions=tuple(t.transactions[0] for t in transfers)), verify=False)
    return RemitBulk(market, whole, [Part(t.transactions[0].id.uetr, d, t) for d, t in zip(documents, transfers)])
