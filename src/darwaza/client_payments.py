"""The payments part of the Python client: ``Client(...).payments``.

Amounts go in and come out as decimal strings. ISO 20022 documents go in as bytes, byte for byte.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote as escape

XML = {"accept": "application/xml"}
Found = dict[str, Any]


class Caller(Protocol):
    """What makes the requests: ``client.Client``."""

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Make a request and return its JSON answer."""

    def fetch(self, method: str, path: str, **options: Any) -> bytes:
        """Make a request and return its body."""


class Payments:
    """Payments of one party; every method raises what ``client.Client`` says."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def _do(self, path: str, body: Any = None, *, key: str | None = None) -> Found:
        headers = {"idempotency-key": key or str(uuid.uuid4())}
        done: Found = self._caller.call("POST", "/v1/payments" + path, json=body, headers=headers)
        return done

    def _get(self, path: str, **query: Any) -> Any:
        given = {name: value for name, value in query.items() if value is not None}
        return self._caller.call("GET", "/v1/payments" + path, params=given)

    # --- the payer's bank ---

    def quote(
        self, payee_bank: str, amount: str, *, fixed: str = "source", fee: str = "0", take_best: bool = False
    ) -> Found:
        """Ask all FX providers what a payment costs in all.

        Args:
            payee_bank: address or BIC.
            amount: decimal.
            fixed: ``source``: the payer is debited the amount; ``destination``: the payee is credited it.
            fee: what the own bank takes, decimal.
            take_best: accept the best offer at once.
        """
        asked = {"payee_bank": payee_bank, "amount": amount, "fixed": fixed, "fee": fee, "take_best": take_best}
        return self._do("/quotes", asked)

    def accept_quote(self, quote: str, provider: str) -> Found:
        """Take an offer: its provider's funds are reserved until the quote lapses."""
        return self._do(f"/quotes/{_in_path(quote)}/accept", {"provider": provider})

    def cancel_quote(self, quote: str) -> Found:
        """Let a quote go that is not used."""
        return self._do(f"/quotes/{_in_path(quote)}/cancel")

    def pay(self, document: bytes, *, quote: str | None = None, to: str | None = None, wait_s: int = 0) -> Found:
        """Order the payment of a pacs.008; its UETR makes it safe to repeat.

        Args:
            document: version 13 or 8, one transaction.
            quote: id of the accepted quote; found in the document when neither this nor ``to`` is given.
            to: member of the payee's bank, for a payment at a rate of the moment.
            wait_s: wait so long for the payment's end.

        Returns:
            ``id``, ``state``, ``uetr``.
        """
        query = {name: value for name, value in (("quote", quote), ("to", to)) if value is not None}
        headers = {"prefer": f"wait={wait_s}"} if wait_s else {}
        done: Found = self._caller.call("POST", "/v1/payments", params=query, headers=headers, content=document)
        return done

    def pay_many(self, document: bytes) -> list[Found]:
        """Order the payments of a pacs.008 of many; each is answered for itself with its ``uetr``."""
        done: list[Found] = self._caller.call("POST", "/v1/payments/bulk", content=document)
        return done

    def message(self, document: bytes) -> bytes:
        """Give the gateway any ISO 20022 message it takes and return its answer in ISO 20022."""
        return self._caller.fetch("POST", "/v1/payments/messages", headers=XML, content=document)

    def payment(self, payment: str) -> Found:
        """A quote or payment as the gateway has it."""
        found: Found = self._get(f"/{_in_path(payment)}")
        return found

    def by_uetr(self, uetr: str) -> Found:
        """The payment with a UETR."""
        found: Found = self._get("", uetr=uetr)["payments"][0]
        return found

    def payments(self, state: str | None = None) -> Iterator[Found]:
        """All quotes and payments of the party, newest first."""
        page: str | None = None
        while True:
            found = self._get("", state=state, page=page)
            yield from found["payments"]
            page = found.get("next")
            if page is None:
                return

    def recall(self, payment: str, reason: str) -> Found:
        """Ask for a payment back, with an ExternalCancellationReason1Code."""
        return self._do(f"/{_in_path(payment)}/recall", {"reason": reason})

    # --- the payee's bank ---

    def credits(self, *, limit: int = 50, documents: bool = False, wait_s: int = 0) -> list[Found]:
        """Credits that wait for the party's word, those that wait longest first."""
        query = {"limit": str(limit), "documents": "true" if documents else "false"}
        headers = {"prefer": f"wait={wait_s}"} if wait_s else {}
        found: list[Found] = self._caller.call("GET", "/v1/payments/credits", params=query, headers=headers)
        return found

    def answer_credits(self, words: Sequence[Mapping[str, str]], *, limit: int = 0, documents: bool = False) -> Found:
        """Answer many credits and get the next ones.

        Args:
            words: each with ``id``, and, to refuse, ``reason`` and perhaps ``detail``.
            limit: credits wanted in return.
            documents: with their pacs.008.

        Returns:
            ``answers`` in the order of the words, and ``credits``.
        """
        return self._do("/credits", {"words": list(words), "limit": limit, "documents": documents})

    def confirm(self, payment: str) -> Found:
        """Accept a credit."""
        return self._do(f"/{_in_path(payment)}/confirm")

    def reject(self, payment: str, reason: str, detail: str = "") -> Found:
        """Refuse a credit, with an ExternalStatusReason1Code."""
        return self._do(f"/{_in_path(payment)}/reject", {"reason": reason, "detail": detail})

    def give_back(self, payment: str, reason: str) -> Found:
        """Return a credited payment, with an ExternalReturnReason1Code; ``FOCR`` on a recall."""
        return self._do(f"/{_in_path(payment)}/return", {"reason": reason})

    def refuse_recall(self, payment: str, reason: str) -> Found:
        """Keep a payment that was recalled, with an ExternalPaymentCancellationRejection1Code."""
        return self._do(f"/{_in_path(payment)}/refuse-recall", {"reason": reason})

    def document(self, payment: str) -> bytes:
        """The payment's pacs.008, byte for byte."""
        return self._caller.fetch("GET", f"/v1/payments/{_in_path(payment)}/document")

    def evidence(self, payment: str) -> bytes:
        """The order, its answers and both countries' signatures, in one file that verifies offline."""
        return self._caller.fetch("GET", f"/v1/payments/{_in_path(payment)}/evidence")

    # --- before a payment ---

    def register_alias(self, kind: str, value: str, account: str, name: str) -> Found:
        """Register what stands for one of the bank's accounts.

        Args:
            kind: ``MBNO`` mobile number, ``EMAL`` e-mail, ``SHID`` merchant number, ``EWAL`` wallet, ``ACCT`` account.
            value: the alias.
            account: IBAN or other number.
            name: of the holder, as the bank has verified it.
        """
        return self._do("/aliases", {"kind": kind, "value": value, "account": account, "name": name})

    def remove_alias(self, alias: str) -> Found:
        """Let an alias go, by its id."""
        return self._do(f"/aliases/{_in_path(alias)}/remove")

    def aliases(self) -> list[Found]:
        """Aliases of the bank's accounts."""
        found: list[Found] = self._get("/aliases")
        return found

    def verify(self, value: str, kind: str = "ACCT", *, payee_bank: str | None = None, to: str | None = None) -> Found:
        """Ask whose an account (of ``payee_bank``) or an alias (in the member ``to``) is, and wait for the answer.

        Returns:
            ``verified``, ``account``, ``bank``, ``name`` for the bank's own screening, ``shown`` for the payer.
        """
        return self._do("/verifications", {"value": value, "kind": kind, "payee_bank": payee_bank, "to": to})

    def verifications(self) -> list[Found]:
        """Questions about the bank's accounts that wait for its answer."""
        found: list[Found] = self._get("/verifications")
        return found

    def answer_verification(self, verification: str, name: str = "", reason: str = "NR01") -> Found:
        """Say whose an account is; without a name, why not (ExternalVerificationReason1Code)."""
        return self._do(f"/verifications/{_in_path(verification)}/answer", {"name": name, "reason": reason})

    def request_payment(self, document: bytes) -> Found:
        """Ask a payer to pay: a pain.013 with one payment."""
        done: Found = self._caller.call("POST", "/v1/payments/requests", content=document)
        return done

    def requests(self, *, waiting: bool = False) -> list[Found]:
        """Requests to be paid, or only those that wait for the bank's decision."""
        found: list[Found] = self._get("/requests", open="true" if waiting else "false")
        return found

    def accept_request(self, request: str) -> Found:
        """The payer will pay."""
        return self._do(f"/requests/{_in_path(request)}/accept")

    def refuse_request(self, request: str, reason: str) -> Found:
        """The payer will not pay, with an ExternalStatusReason1Code."""
        return self._do(f"/requests/{_in_path(request)}/refuse", {"reason": reason})

    # --- FX providers and operators ---

    def markets(self) -> list[Found]:
        """Markets of the gateway."""
        found: list[Found] = self._get("/markets")
        return found

    def market(self, destination: str) -> str:
        """Id of the market to a member.

        Raises:
            LookupError: there is none.
        """
        for market in self.markets():
            if market["destination"] == destination:
                return str(market["id"])
        raise LookupError(f"there is no market to {destination}")

    def open_market(self, destination: str, mid: str | None = None) -> Found:
        """Open the market to a member (settlement operators)."""
        return self._do("/markets", {"destination": destination, "mid": mid})

    def set_mid(self, destination: str, mid: str) -> Found:
        """Say the mid rate to a member's currency (settlement operators)."""
        return self._do(f"/markets/{self.market(destination)}/mid", {"mid": mid})

    def post_rate(
        self,
        destination: str,
        rate: str,
        valid_until: datetime,
        *,
        tiers: Sequence[Mapping[str, Any]] = (),
        improvements: Mapping[str, int] | None = None,
    ) -> Found:
        """Replace what the party offers (FX providers).

        Args:
            destination: member code.
            rate: destination units per source unit.
            valid_until: aware.
            tiers: each with ``from_amount`` and ``improvement_ppm``, ascending.
            improvements: parts per million by bank.
        """
        body = {
            "rate": rate,
            "valid_until": valid_until.isoformat(),
            "tiers": list(tiers),
            "improvements": dict(improvements or {}),
        }
        return self._do(f"/markets/{self.market(destination)}/rate", body)

    def withdraw_rate(self, destination: str) -> Found:
        """Take the party's rates down (FX providers)."""
        return self._do(f"/markets/{self.market(destination)}/withdraw")

    def allocate(self, to: str, amount: str) -> Found:
        """Let another gateway spend so much of the party's money (FX providers)."""
        return self._do("/funds/allocate", {"to": to, "amount": amount})

    def release_funds(self, to: str, amount: str) -> Found:
        """Give back what may be spent here and is not reserved (FX providers)."""
        return self._do("/funds/release", {"to": to, "amount": amount})

    def deposit(self, participant: str, amount: str, reference: str) -> Found:
        """Book money paid in (settlement operators); the reference makes it safe to repeat."""
        return self._do("/deposits", {"participant": participant, "amount": amount, "id": reference})

    def withdraw(self, participant: str, amount: str, reference: str) -> Found:
        """Book money taken out (settlement operators); the reference makes it safe to repeat."""
        return self._do("/withdrawals", {"participant": participant, "amount": amount, "id": reference})

    def deposits(self) -> list[Found]:
        """What was booked in and out (settlement operators): keep it, no neighbour can give it back."""
        found: list[Found] = self._get("/deposits")
        return found

    # --- compliance ---

    def held(self) -> list[Found]:
        """Payments that screening has stopped."""
        found: list[Found] = self._get("/held")
        return found

    def release(self, payment: str, officer: str) -> Found:
        """A finding is no match; the word of a second officer lets the payment go on."""
        return self._do(f"/{_in_path(payment)}/release", {"officer": officer})

    def block(self, payment: str, officer: str) -> Found:
        """A finding is a match: the payment ends."""
        return self._do(f"/{_in_path(payment)}/block", {"officer": officer})

    # --- reports ---

    def accounts(self) -> list[Found]:
        """Accounts of the party."""
        found: list[Found] = self._get("/accounts")
        return found

    def statement(self, account: str, *, after: int = 0) -> Found:
        """A statement of an account: opening and closing balance and every line between."""
        found: Found = self._get("/statement", account=account, after=after)
        return found

    def statement_document(self, account: str, *, after: int = 0, number: int = 1) -> bytes:
        """The same as camt.053."""
        query = {"account": account, "after": str(after), "number": str(number)}
        return self._caller.fetch("GET", "/v1/payments/statement", params=query, headers=XML)

    def notice(self, account: str, *, after: int = 0) -> bytes:
        """Entries since a sequence as camt.054; empty when there are none."""
        query = {"account": account, "after": str(after)}
        return self._caller.fetch("GET", "/v1/payments/notice", params=query)

    def positions(self, cycle: int | None = None) -> Found:
        """Net positions of a settlement cycle; of the last ended one when none is named."""
        found: Found = self._get("/positions", cycle=cycle)
        return found

    def settlements(self, cycle: int | None = None) -> Found:
        """The same with the pacs.009 that settle them (settlement operators)."""
        found: Found = self._get("/settlements", cycle=cycle)
        return found

    def indicators(self, since: datetime | None = None, before: datetime | None = None) -> list[Found]:
        """Time, cost and failures of every corridor that begins at the gateway."""
        times = (None if one is None else one.isoformat() for one in (since, before))
        found: list[Found] = self._get("/indicators", **dict(zip(("since", "before"), times, strict=True)))
        return found


def _in_path(text: str) -> str:
    return escape(text, safe="")
