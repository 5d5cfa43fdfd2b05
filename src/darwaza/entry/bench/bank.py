"""Banks of the payments bench: orders of the payers' banks, and payees' banks that accept what they are asked.

Documents are cut from one written by ``entry.sample.remittance``, so that making an order costs the load next to
nothing. Each payment has a UETR nobody else has, and goes from one customer's account to another's, of as many as there
are accounts.
"""

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from darwaza.entry.bench import load
from darwaza.entry.bench.load import Connection
from darwaza.entry.sample import remittance
from darwaza.errors import OperatorError
from darwaza.standards.iso20022.party import Account, Agent
from darwaza.standards.iso20022.payment import PaymentId

BANKS: Final = 4
"""Payers' banks, and as many payees' banks."""
PAYERS: Final = tuple(f"payer-{number}" for number in range(BANKS))
PAYEES: Final = tuple(f"payee-{number}" for number in range(BANKS))
BULK: Final = 500
CREDITS_MAX: Final = 1_000
WAIT_S: Final = 20
XML: Final = ("content-type", "application/xml")
JSON: Final = ("content-type", "application/json")
WAIT: Final = ("prefer", f"wait={WAIT_S}")
_UETR, _END_TO_END = "00000000-0000-4000-8000-000000000000", "REFERENCE"
_OPEN, _CLOSE = b"<CdtTrfTxInf>", b"</CdtTrfTxInf>"
_ENDED = b'"state":"settled"'
_encode = msgspec.json.Encoder().encode


class Asked(msgspec.Struct):
    """What of a credit a payee's bank needs to accept it."""

    id: str


class Word(msgspec.Struct, omit_defaults=True):
    """What became of a credit that was accepted."""

    id: str = ""
    code: str = ""


class Counter(msgspec.Struct):
    """What a payee's bank gets for its words."""

    answers: list[Word]
    credits: list[Asked]


_decode_counter = msgspec.json.Decoder(Counter).decode
_decode_words = msgspec.json.Decoder(list[Word]).decode


def bic(name: str) -> str:
    """The BIC of a bank of this bench, by its local name."""
    number = int(name.rpartition("-")[2])
    return f"PAYR{'PK'}{number:02}" if name in PAYERS else f"PAYE{'KZ'}{number:02}"


def plan() -> str:
    """The sample plan with these banks."""
    banks = [("PK", name) for name in PAYERS] + [("KZ", name) for name in PAYEES]
    entries = (
        f'[[participants]]\naddress = "{code}/{name}"\nrole = "psp"\nname = "{name}"\nbic = "{bic(name)}"\n'
        for code, name in banks
    )
    head, mark, corridors = remittance.PLAN.partition("[[corridors]]")
    return head + "\n".join(entries) + "\n" + mark + corridors


def iban(head: str, digits: str) -> str:
    """An IBAN with its check digits (ISO 13616-1, ISO 7064 MOD 97-10)."""
    country = head[:2]
    number = "".join(str(int(sign, 36)) for sign in head[2:] + digits + country + "00")
    return f"{country}{98 - int(number) % 97:02}{head[2:]}{digits}"


class Orders:
    """Makes requests that order payments, each of another UETR; see the module."""

    def __init__(self, quote: Mapping[str, Any], tokens: Sequence[str], accounts: int) -> None:
        """Prepare.

        Args:
            quote: as a payer's bank was shown it; its first offer is what all payments go by.
            tokens: of the payers' banks, in order.
            accounts: customers' accounts on either side that payments go between.
        """
        self._offer = quote["offers"][0]
        self._tokens = tokens
        self._accounts = accounts
        self._numbers = itertools.count()
        self._parts: dict[tuple[int, int, str, int], list[bytes]] = {}

    @property
    def debit_minor(self) -> int:
        """What each payment takes from its payer's bank."""
        return minor(self._offer["debit"])

    @property
    def credit_minor(self) -> int:
        """What each payment gives its payee's bank."""
        return minor(self._offer["credit"])

    def renew(self) -> None:
        """Write documents anew: one that its bank took on ten minutes ago is too old."""
        self._parts.clear()

    def single(self, priority: str, *headers: tuple[str, str]) -> tuple[str, bytes]:
        """One payment: its UETR and the request."""
        number = next(self._numbers)
        payer, payee = number % BANKS, number // BANKS % BANKS
        uetr = _new_uetr()
        document = b"".join(self._filled(self._template(payer, payee, priority, 1), [(number, uetr)]))
        return uetr, load.request("POST", "/v1/payments?to=KZ", self._tokens[payer], document, XML, *headers)

    def bulk(self, priority: str) -> bytes:
        """``BULK`` payments of one payer's bank in one document."""
        first = next(self._numbers) * BULK
        payer, payee = first // BULK % BANKS, first // BULK // BANKS % BANKS
        named = [(number, _new_uetr()) for number in range(first, first + BULK)]
        document = b"".join(self._filled(self._template(payer, payee, priority, BULK), named))
        return load.request("POST", "/v1/payments/bulk?to=KZ", self._tokens[payer], document, XML)

    def _filled(self, template: list[bytes], named: list[tuple[int, str]]) -> Iterator[bytes]:
        head, transaction, tail = template
        yield head % (named[0][1][:12].encode(),)
        for number, uetr in named:
            yield transaction % self._values(number, uetr)
        yield tail

    def _values(self, number: int, uetr: str) -> tuple[bytes, ...]:
        customer = number % self._accounts
        supplier = number * 7_919 % self._accounts
        payer, payee = iban("PKSCBL", f"{customer:016}"), iban("KZ125", f"{supplier:013}")
        return f"INV-{number:012}".encode(), uetr.encode(), payer.encode(), payee.encode()

    def _template(self, payer: int, payee: int, priority: str, count: int) -> list[bytes]:
        key = (payer, payee, priority, count)
        if key not in self._parts:
            self._parts[key] = self._cut(PAYERS[payer], PAYEES[payee], priority, count)
        return self._parts[key]

    def _cut(self, payer: str, payee: str, priority: str, count: int) -> list[bytes]:
        """Head, one transaction and tail of a document, with places to be filled in."""
        now = datetime.now(UTC)
        mine, theirs = iban("PKSCBL", "0" * 16), iban("KZ125", "0" * 13)
        fees = {"source_fee": bic(payer), "destination_fee": bic(payee)}
        quote = {"chosen": self._offer, "payer_bank": "PK/indus-bank", "payee_bank": "KZ/alatau-bank"}
        sample = remittance.transaction(quote, now, uetr=_UETR, priority=priority)
        charges = tuple(
            msgspec.structs.replace(one, agent=Agent(bic=code))
            for one, code in zip(sample.charges, fees.values(), strict=True)
        )
        one = msgspec.structs.replace(
            sample,
            id=PaymentId(end_to_end=_END_TO_END, transaction="TX-1", uetr=_UETR),
            charges=charges,
            debtor_account=Account(iban=mine),
            debtor_agent=Agent(bic=bic(payer)),
            creditor_agent=Agent(bic=bic(payee)),
            creditor_account=Account(iban=theirs),
        )
        document = remittance.document(one, now=now).replace(b"%", b"%%")
        head, tail = document[: document.index(_OPEN)], document[document.rindex(_CLOSE) + len(_CLOSE) :]
        transaction = document[document.index(_OPEN) : document.index(_CLOSE) + len(_CLOSE)]
        for text in (_END_TO_END, _UETR, mine, theirs):
            transaction = transaction.replace(text.encode(), b"%b", 1)
        head = head.replace(b"<NbOfTxs>1<", b"<NbOfTxs>%d<" % count)
        return [head.replace(_UETR[:8].encode() + b"-MSG", b"%b"), transaction, tail]


def _new_uetr() -> str:
    noise = os.urandom(16).hex()
    return f"{noise[:8]}-{noise[8:12]}-4{noise[13:16]}-8{noise[17:20]}-{noise[20:]}"


def minor(money: Mapping[str, str]) -> int:
    """Minor units of an amount as it is shown."""
    return int(money["amount"].replace(".", ""))


def check_settled(answer: bytes) -> None:
    """Hold that a payment ended well.

    Raises:
        OperatorError: ``bench_refused``.
    """
    if _ENDED not in answer:
        raise OperatorError(f"a payment ended otherwise: {answer[:300].decode()}", code="bench_refused")


def check_taken(answer: bytes) -> None:
    """Hold that every payment of a bulk was taken.

    Raises:
        OperatorError: ``bench_refused``.
    """
    refused = next((word for word in _decode_words(answer) if word.code), None)
    if refused is not None:
        raise OperatorError(f"a payment of a bulk was refused: {refused.code}", code="bench_refused")


async def accept_credits(connection: Connection, token: str) -> None:
    """Accept every credit of a payee's bank, many in a request, until cancelled.

    Raises:
        OperatorError: ``bench_refused``.
    """
    body: dict[str, Any] = {"words": [], "limit": CREDITS_MAX}
    while True:
        asked = load.request("POST", "/v1/payments/credits", token, _encode(body), JSON, WAIT)
        counter = _decode_counter(await connection.exchange(asked))
        refused = next((word for word in counter.answers if word.code), None)
        if refused is not None:
            raise OperatorError(f"a word of the payee's bank was refused: {refused.code}", code="bench_refused")
        body["words"] = [{"id": one.id} for one in counter.credits]


_CREDITED: Final = frozenset({"payment.credited", "payment.bulk-credited"})
"""Of one credit, or of many."""


class Hearing:
    """When payees' banks heard of credits, by their streams of events.

    Attributes:
        credited_s: by UETR, in the order they are to be heard of; 0 before.
        all_heard: set when all of them were.
    """

    def __init__(self, count: int) -> None:
        self.credited_s: dict[str, float] = {}
        self.all_heard = asyncio.Event()
        self._left = count

    async def listen(self, connection: Connection, token: str) -> None:
        """Follow one bank's stream, until cancelled."""
        async for at_s, notice in load.events(connection, "/v1/events", token):
            # The stream begins with what came before this run.
            if notice["kind"] in _CREDITED:
                self._hear(notice["detail"].get("uetrs") or [notice["detail"]["uetr"]], at_s)

    def _hear(self, uetrs: Iterable[str], at_s: float) -> None:
        heard = self.credited_s.keys() & uetrs
        self.credited_s.update(dict.fromkeys(heard, at_s))
        self._left -= len(heard)
        if not self._left:
            self.all_heard.set()


@contextlib.asynccontextmanager
async def at_work(jobs: Iterable[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Let banks work beside the body of an ``async with``; the first that fails ends it."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
            yield
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None
