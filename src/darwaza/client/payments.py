"""The payments part of the Python client: ``Client(...).payments``.

Amounts go in and come out as decimal strings. ISO 20022 documents go in as bytes, byte for byte. ``key`` is an
idempotency key: give the same one to repeat a command after a failure; orders have their UETR for that.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from darwaza.client.answer.payment import (
    AccountView,
    AliasView,
    Booked,
    Counter,
    Credit,
    CycleView,
    DepositView,
    IndicatorView,
    MarketView,
    Ordered,
    PaymentView,
    RequestView,
    StatementView,
    TrialBalanceView,
    VerificationView,
)
from darwaza.client.caller import Caller, given, in_path
from darwaza.errors import MessageError

XML = {"accept": "application/xml"}


class Payments:
    """Payments of one party; every method raises what ``client.Client`` says."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def _do(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        headers = {"idempotency-key": key or str(uuid.uuid4())}
        return self._caller.call("POST", "/v1/payments" + path, json=body, headers=headers)

    def _get(self, path: str, **query: Any) -> Any:
        return self._caller.call("GET", "/v1/payments" + path, params=given(query))

    # --- the payer's bank ---

    def quote(
        self,
        payee_bank: str,
        amount: str,
        *,
        fixed: str = "source",
        fee: str = "0",
        take_best: bool = False,
        key: str | None = None,
    ) -> PaymentView:
        """Ask all FX providers what a payment costs in all.

        Args:
            payee_bank: address or BIC.
            amount: decimal.
            fixed: ``source``: the payer is debited the amount; ``destination``: the payee is credited it.
            fee: what the own bank takes, decimal.
            take_best: accept the best offer at once.
            key: idempotency key.
        """
        asked = {"payee_bank": payee_bank, "amount": amount, "fixed": fixed, "fee": fee, "take_best": take_best}
        done: PaymentView = self._do("/quotes", asked, key=key)
        return done

    def accept_quote(self, quote: str, provider: str, *, key: str | None = None) -> Ordered:
        """Take an offer: its provider's funds are reserved until the quote lapses."""
        done: Ordered = self._do(f"/quotes/{in_path(quote)}/accept", {"provider": provider}, key=key)
        return done

    def cancel_quote(self, quote: str, *, key: str | None = None) -> Ordered:
        """Let a quote go that is not used."""
        done: Ordered = self._do(f"/quotes/{in_path(quote)}/cancel", key=key)
        return done

    def pay(self, document: bytes, *, quote: str | None = None, to: str | None = None, wait_s: int = 0) -> Ordered:
        """Order the payment of a pacs.008; its UETR makes it safe to repeat.

        Args:
            document: version 13 or 8, one transaction.
            quote: id of the accepted quote; found in the document when neither this nor ``to`` is given.
            to: member of the payee's bank, for a payment at a rate of the moment.
            wait_s: wait so long for the payment's end.

        Returns:
            ``id``, ``state``, ``uetr``.
        """
        query = given({"quote": quote, "to": to})
        headers = {"prefer": f"wait={wait_s}"} if wait_s else {}
        done: Ordered = self._caller.call("POST", "/v1/payments", params=query, headers=headers, content=document)
        return done

    def pay_many(self, document: bytes) -> list[Ordered]:
        """Order the payments of a pacs.008 of many; each is answered for itself with its ``uetr``, in their order.

        It is safe to repeat: the same document is answered with what its payments have become. A UETR that was used
        for another payment is refused, with ``key_reused`` or, in a bulk, with ``duplicate_payment``.

        Returns:
            ``id`` and ``state``, or ``code`` and ``detail`` of one that is refused. Ordinary payments to one bank at
            one rate travel as a bulk; their ids, such as ``0199….17``, are taken by every method as any other.
        """
        done: list[Ordered] = self._caller.call("POST", "/v1/payments/bulk", content=document)
        return done

    def message(self, document: bytes) -> bytes:
        """Give the gateway any ISO 20022 message it takes and return its answer in ISO 20022."""
        return self._caller.fetch("POST", "/v1/payments/messages", headers=XML, content=document)

    def payment(self, payment: str) -> PaymentView:
        """A quote or payment as the gateway has it."""
        found: PaymentView = self._get(f"/{in_path(payment)}")
        return found

    def by_uetr(self, uetr: str) -> PaymentView:
        """The payment with a UETR; ``MessageError`` with the code ``not_found`` when there is none."""
        found = next(self.payments(uetr=uetr), None)
        if found is None:
            raise MessageError(f"there is no payment with the UETR {uetr}", code="not_found")
        return found

    def payments(self, state: str | None = None, *, uetr: str | None = None) -> Iterator[PaymentView]:
        """All quotes and payments of the party, newest first; the pages are asked for as they are needed."""
        yield from self._caller.pages("/v1/payments", "payments", {"state": state, "uetr": uetr})

    def recall(self, payment: str, reason: str, *, key: str | None = None) -> Ordered:
        """Ask for a payment back, with an ExternalCancellationReason1Code."""
        done: Ordered = self._do(f"/{in_path(payment)}/recall", {"reason": reason}, key=key)
        return done

    # --- the payee's bank ---

    def credits(
        self, *, limit: int = 50, documents: bool = False, message: str | None = None, wait_s: int = 0
    ) -> list[Credit]:
        """Credits that wait for the party's word, those that wait longest first.

        Args:
            limit: at most so many.
            documents: with their pacs.008.
            message: its version: ``pacs.008.001.13``, also when none is given, or ``pacs.008.001.08``; one that does
                not fit into it has a ``code``, ``detail`` and ``pointer`` instead of a ``document``.
            wait_s: wait so long for one.
        """
        query = given({"limit": str(limit), "documents": "true" if documents else "false", "message": message})
        headers = {"prefer": f"wait={wait_s}"} if wait_s else {}
        found: list[Credit] = self._caller.call("GET", "/v1/payments/credits", params=query, headers=headers)
        return found

    def answer_credits(
        self,
        words: Sequence[Mapping[str, str]],
        *,
        limit: int = 0,
        documents: bool = False,
        message: str | None = None,
        key: str | None = None,
    ) -> Counter:
        """Answer many credits and get the next ones.

        Args:
            words: each with ``id``, and, to refuse, ``reason`` and perhaps ``detail``.
            limit: credits wanted in return.
            documents: with their pacs.008.
            message: its version; see ``credits``.
            key: idempotency key.

        Returns:
            ``answers`` in the order of the words, and ``credits``.
        """
        asked = {"words": list(words), "limit": limit, "documents": documents} | given({"message": message})
        done: Counter = self._do("/credits", asked, key=key)
        return done

    def confirm(self, payment: str, *, key: str | None = None) -> Ordered:
        """Accept a credit."""
        done: Ordered = self._do(f"/{in_path(payment)}/confirm", key=key)
        return done

    def reject(self, payment: str, reason: str, detail: str = "", *, key: str | None = None) -> Ordered:
        """Refuse a credit, with an ExternalStatusReason1Code."""
        done: Ordered = self._do(f"/{in_path(payment)}/reject", {"reason": reason, "detail": detail}, key=key)
        return done

    def give_back(self, payment: str, reason: str, *, key: str | None = None) -> Ordered:
        """Return a credited payment, with an ExternalReturnReason1Code; ``FOCR`` on a recall."""
        done: Ordered = self._do(f"/{in_path(payment)}/return", {"reason": reason}, key=key)
        return done

    def refuse_recall(self, payment: str, reason: str, *, key: str | None = None) -> Ordered:
        """Keep a payment that was recalled, with an ExternalPaymentCancellationRejection1Code."""
        done: Ordered = self._do(f"/{in_path(payment)}/refuse-recall", {"reason": reason}, key=key)
        return done

    def document(self, payment: str, *, message: str | None = None) -> bytes:
        """The payment's pacs.008, byte for byte, or, for a domestic system, in the version ``pacs.008.001.08``."""
        query = given({"message": message})
        return self._caller.fetch("GET", f"/v1/payments/{in_path(payment)}/document", params=query)

    def evidence(self, payment: str) -> bytes:
        """The order, its answers and both countries' signatures, in one file that verifies offline."""
        return self._caller.fetch("GET", f"/v1/payments/{in_path(payment)}/evidence")

    # --- before a payment ---

    def register_alias(self, kind: str, value: str, account: str, name: str, *, key: str | None = None) -> Ordered:
        """Register what stands for one of the bank's accounts.

        Args:
            kind: ``MBNO`` mobile number, ``EMAL`` e-mail, ``SHID`` merchant number, ``EWAL`` wallet, ``ACCT`` account.
            value: the alias.
            account: IBAN or other number.
            name: of the holder, as the bank has verified it.
            key: idempotency key.
        """
        done: Ordered = self._do("/aliases", {"kind": kind, "value": value, "account": account, "name": name}, key=key)
        return done

    def remove_alias(self, alias: str, *, key: str | None = None) -> Ordered:
        """Let an alias go, by its id."""
        done: Ordered = self._do(f"/aliases/{in_path(alias)}/remove", key=key)
        return done

    def aliases(self) -> list[AliasView]:
        """Aliases of the bank's accounts."""
        found: list[AliasView] = self._get("/aliases")
        return found

    def verify(
        self,
        value: str,
        kind: str = "ACCT",
        *,
        payee_bank: str | None = None,
        to: str | None = None,
        key: str | None = None,
    ) -> VerificationView:
        """Ask whose an account (of ``payee_bank``) or an alias (in the member ``to``) is, and wait for the answer.

        Returns:
            ``verified``, ``account``, ``bank``, ``name`` for the bank's own screening, ``shown`` for the payer.
        """
        done: VerificationView = self._do(
            "/verifications", {"value": value, "kind": kind, "payee_bank": payee_bank, "to": to}, key=key
        )
        return done

    def verifications(self) -> list[VerificationView]:
        """Questions about the bank's accounts that wait for its answer."""
        found: list[VerificationView] = self._get("/verifications")
        return found

    def verification(self, verification: str) -> VerificationView:
        """A question about an account and its answer, which may have come after ``verify`` gave up waiting."""
        found: VerificationView = self._get(f"/verifications/{in_path(verification)}")
        return found

    def answer_verification(
        self, verification: str, name: str = "", reason: str = "NR01", *, key: str | None = None
    ) -> Ordered:
        """Say whose an account is; without a name, why not (ExternalVerificationReason1Code)."""
        done: Ordered = self._do(
            f"/verifications/{in_path(verification)}/answer", {"name": name, "reason": reason}, key=key
        )
        return done

    def request_payment(self, document: bytes, *, key: str | None = None) -> Ordered:
        """Ask a payer to pay: a pain.013 with one payment.

        Args:
            document: the pain.013.
            key: idempotency key; give the same one to repeat after a failure.
        """
        headers = {"idempotency-key": key or str(uuid.uuid4())}
        done: Ordered = self._caller.call("POST", "/v1/payments/requests", content=document, headers=headers)
        return done

    def requests(self, *, waiting: bool = False) -> list[RequestView]:
        """Requests to be paid, or only those that wait for the bank's decision."""
        found: list[RequestView] = self._get("/requests", open="true" if waiting else "false")
        return found

    def request(self, request: str) -> RequestView:
        """A request to be paid, and what became of it."""
        found: RequestView = self._get(f"/requests/{in_path(request)}")
        return found

    def request_document(self, request: str) -> bytes:
        """The request's pain.013, byte for byte."""
        return self._caller.fetch("GET", f"/v1/payments/requests/{in_path(request)}/document")

    def accept_request(self, request: str, *, key: str | None = None) -> Ordered:
        """The payer will pay."""
        done: Ordered = self._do(f"/requests/{in_path(request)}/accept", key=key)
        return done

    def refuse_request(self, request: str, reason: str, *, key: str | None = None) -> Ordered:
        """The payer will not pay, with an ExternalStatusReason1Code."""
        done: Ordered = self._do(f"/requests/{in_path(request)}/refuse", {"reason": reason}, key=key)
        return done

    # --- FX providers and operators ---

    def markets(self) -> list[MarketView]:
        """Markets of the gateway."""
        found: list[MarketView] = self._get("/markets")
        return found

    def market(self, market: str) -> MarketView:
        """A market by its id, with the rates that stand there."""
        found: MarketView = self._get(f"/markets/{in_path(market)}")
        return found

    def market_to(self, destination: str) -> str:
        """Id of the market to a member.

        Raises:
            MessageError: ``market_unknown``: there is none.
        """
        for market in self.markets():
            if market["destination"] == destination:
                return str(market["id"])
        raise MessageError(f"there is no market to {destination}", code="market_unknown")

    def open_market(self, destination: str, mid: str | None = None, *, key: str | None = None) -> Ordered:
        """Open the market to a member (settlement operators)."""
        done: Ordered = self._do("/markets", {"destination": destination, "mid": mid}, key=key)
        return done

    def set_mid(self, destination: str, mid: str, *, key: str | None = None) -> Ordered:
        """Say the mid rate to a member's currency (settlement operators)."""
        done: Ordered = self._do(f"/markets/{self.market_to(destination)}/mid", {"mid": mid}, key=key)
        return done

    def post_rate(
        self,
        destination: str,
        rate: str,
        valid_until: datetime,
        *,
        tiers: Sequence[Mapping[str, Any]] = (),
        improvements: Mapping[str, int] | None = None,
        key: str | None = None,
    ) -> Ordered:
        """Replace what the party offers (FX providers).

        Args:
            destination: member code.
            rate: destination units per source unit.
            valid_until: aware.
            tiers: each with ``from_amount`` and ``improvement_ppm``, ascending.
            improvements: parts per million by bank.
            key: idempotency key.
        """
        body = {
            "rate": rate,
            "valid_until": valid_until.isoformat(),
            "tiers": list(tiers),
            "improvements": dict(improvements or {}),
        }
        done: Ordered = self._do(f"/markets/{self.market_to(destination)}/rate", body, key=key)
        return done

    def withdraw_rate(self, destination: str, *, key: str | None = None) -> Ordered:
        """Take the party's rates down (FX providers)."""
        done: Ordered = self._do(f"/markets/{self.market_to(destination)}/withdraw", key=key)
        return done

    def allocate(self, to: str, amount: str, *, key: str | None = None) -> Ordered:
        """Let another gateway spend so much of the party's money (FX providers)."""
        done: Ordered = self._do("/funds/allocate", {"to": to, "amount": amount}, key=key)
        return done

    def release_funds(self, to: str, amount: str, *, key: str | None = None) -> Ordered:
        """Give back what may be spent here and is not reserved (FX providers)."""
        done: Ordered = self._do("/funds/release", {"to": to, "amount": amount}, key=key)
        return done

    def deposit(self, participant: str, amount: str, reference: str) -> Booked:
        """Book money paid in (settlement operators); the reference makes it safe to repeat."""
        done: Booked = self._do("/deposits", {"participant": participant, "amount": amount, "id": reference})
        return done

    def withdraw(self, participant: str, amount: str, reference: str) -> Booked:
        """Book money taken out (settlement operators); the reference makes it safe to repeat."""
        done: Booked = self._do("/withdrawals", {"participant": participant, "amount": amount, "id": reference})
        return done

    def deposits(self) -> list[DepositView]:
        """What was booked in and out (settlement operators): keep it, no neighbour can give it back."""
        found: list[DepositView] = self._get("/deposits")
        return found

    # --- compliance ---

    def held(self) -> list[PaymentView]:
        """Payments that screening has stopped."""
        found: list[PaymentView] = self._get("/held")
        return found

    def release(self, payment: str, officer: str, *, key: str | None = None) -> Ordered:
        """It may go on to the payee, also out of suspense: the word of a second officer lets it."""
        done: Ordered = self._do(f"/{in_path(payment)}/release", {"officer": officer}, key=key)
        return done

    def refuse(self, payment: str, officer: str, *, key: str | None = None) -> Ordered:
        """It goes back to the payer; out of suspense the word of a second officer sends it back."""
        done: Ordered = self._do(f"/{in_path(payment)}/refuse", {"officer": officer}, key=key)
        return done

    def block(self, payment: str, officer: str, *, key: str | None = None) -> Ordered:
        """It goes neither on nor back: the word of a second officer puts its money into suspense."""
        done: Ordered = self._do(f"/{in_path(payment)}/block", {"officer": officer}, key=key)
        return done

    # --- reports ---

    def accounts(self) -> list[AccountView]:
        """Accounts of the party."""
        found: list[AccountView] = self._get("/accounts")
        return found

    def trial_balance(self) -> list[TrialBalanceView]:
        """What all accounts of the gateway's ledger come to, by currency and kind (settlement operators)."""
        found: list[TrialBalanceView] = self._get("/trial-balance")
        return found

    def statement(self, account: str, *, after: int = 0, before: int | None = None) -> StatementView:
        """A statement of an account: opening and closing balance and the lines between, newest if there are many.

        Args:
            account: id of one of the party's accounts.
            after: sequence of the last line that is not wanted any more.
            before: sequence of the first one that is not; for the lines before those of a statement that has
                ``earlier`` ones the sequence of its first.
        """
        found: StatementView = self._get("/statement", account=account, after=after, before=before)
        return found

    def statement_document(self, account: str, *, after: int = 0, before: int | None = None, number: int = 1) -> bytes:
        """The same as camt.053."""
        query = {"account": account, "after": str(after), "number": str(number)}
        if before is not None:
            query["before"] = str(before)
        return self._caller.fetch("GET", "/v1/payments/statement", params=query, headers=XML)

    def notice(self, account: str, *, after: int = 0) -> bytes:
        """Entries since a sequence as camt.054; empty when there are none."""
        query = {"account": account, "after": str(after)}
        return self._caller.fetch("GET", "/v1/payments/notice", params=query)

    def positions(self, cycle: int | None = None) -> CycleView:
        """Net positions of a settlement cycle; of the last ended one when none is named."""
        found: CycleView = self._get("/positions", cycle=cycle)
        return found

    def settlements(self, cycle: int | None = None) -> CycleView:
        """The same with the pacs.009 that settle them (settlement operators)."""
        found: CycleView = self._get("/settlements", cycle=cycle)
        return found

    def indicators(self, since: datetime | None = None, before: datetime | None = None) -> list[IndicatorView]:
        """Time, cost and failures of every corridor that begins at the gateway."""
        times = (None if one is None else one.isoformat() for one in (since, before))
        found: list[IndicatorView] = self._get("/indicators", **dict(zip(("since", "before"), times, strict=True)))
        return found
