"""Requests to be paid: the payee's bank asks (pain.013), the payer's bank answers (pain.014).

A request without an expiry is to be decided now; one with an expiry may wait until then. What is agreed is paid like
any payment, under the request's end-to-end identifier; agreeing moves no money and promises none. Silence is a no.
"""

from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

import msgspec

from darwaza.errors import MalformedError, MessageError
from darwaza.kernel import instant
from darwaza.kernel.machine import Case, Command, Context, Decision, Draft, Elapsed, Notice, Received, Refusal
from darwaza.kernel.message import member_of
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.message import (
    REQUEST_DECIDED,
    REQUESTED,
    XML_MEDIA_TYPE,
    RefuseRequest,
    RequestPayment,
    refusal_told,
)
from darwaza.services.payments.plan import Directory
from darwaza.services.payments.record import Request
from darwaza.services.payments.status import message_id
from darwaza.standards.iso20022.message import read, write
from darwaza.standards.iso20022.pain013 import (
    PaymentRequestStatus,
    RequestedPaymentStatus,
    RequestGroupStatus,
    RequestStatusHeader,
    RequestToPay,
    RequestToPayStatus,
)
from darwaza.standards.iso20022.party import Coded, Party
from darwaza.standards.iso20022.payment import Reason, When

Outcome = Decision[Any] | Refusal
RequestCase = Case[Request]
replace = msgspec.structs.replace

REQUEST_MESSAGE: Final = "pain.013.001.11"
DECISION_MESSAGE: Final = "pain.014.001.11"
NOW: Final = timedelta(seconds=60)
"""How long the payer has to decide on a request without an expiry."""
LATER_MAX: Final = timedelta(days=365)
GRACE: Final = timedelta(seconds=30)
"""How much longer the payee's gateway waits for the answer to arrive."""
ACCEPTED: Final = "ACCP"
REJECTED: Final = "RJCT"
SILENCE: Final = "AB06"
UNNAMED_GROUP: Final = "1"
"""The id of a group whose request gives it none; the answer has to have one."""
_PATH: Final = "/Document/CdtrPmtActvtnReq"
_AMOUNT: Final = _PATH + "/PmtInf/CdtTrfTx/Amt/InstdAmt"


class RequestRules:
    """See the module."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    # --- at the payee's gateway ---

    def ask(self, _: None, command: Command, context: Context) -> Outcome:
        """Pass a request on to the payer's bank."""
        body: RequestPayment = command.body
        found = self._read(body.document, context.now)
        if isinstance(found, Refusal):
            return found
        if command.party != found.payee_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "the payee's bank is another", _PATH + "/PmtInf/CdtTrfTx")
        if self._directory.corridor(member_of(found.payer_bank), context.member) is None:
            return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, "there is no corridor from the payer's member", _PATH)
        draft = Draft(REQUESTED, found.payee_bank, found.payer_bank, body.document, XML_MEDIA_TYPE)
        return Decision(
            "requested",
            found,
            messages=(draft,),
            remind_at=found.expires_at + GRACE,
            parties=(found.payee_bank, found.payer_bank),
        )

    def take_decision(self, case: RequestCase, message: Received, _: Context) -> Outcome:
        """The payer's bank has answered, perhaps after this gateway had stopped waiting."""
        if message.origin != case.data.payer_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payer's bank answers")
        try:
            given, reason = read_decision(message.body, case.data)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail, fault.pointer)
        return self._end(case.data, given, reason)

    def take_refused(self, case: RequestCase, message: Received, _: Context) -> Outcome:
        """The payer's gateway cannot act on the request."""
        if member_of(message.origin) != member_of(case.data.payer_bank):
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payer's gateway refuses")
        body = refusal_told(message)
        if isinstance(body, Refusal):
            return body
        return self._end(case.data, REJECTED, "AGNT")

    def wait_over(self, case: RequestCase, _: Elapsed, __: Context) -> Outcome:
        """Nobody has answered."""
        return self._end(case.data, REJECTED, SILENCE)

    def _end(self, request: Request, given: str, reason: str) -> Decision[Any]:
        told = {"end_to_end": request.end_to_end, "accepted": given == ACCEPTED, "reason": reason}
        notice = Notice(request.payee_bank, "request.decided", told)
        state = "request-accepted" if given == ACCEPTED else "request-refused"
        return Decision(state, replace(request, reason=reason), notices=(notice,))

    # --- at the payer's gateway ---

    def take_request(self, _: None, message: Received, context: Context) -> Outcome:
        """Show the request to the payer's bank."""
        found = self._read(message.body, message.created_at)
        if isinstance(found, Refusal):
            return found
        if (found.payee_bank, found.payer_bank) != (message.origin, message.destination):
            return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, "the agents are not those the request goes between")
        if not context.party_known(message.destination):
            return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, f"{message.destination} is not served here")
        if found.expires_at <= context.now:
            return Refusal.of(PaymentRefusal.TOO_LATE, "it came after the time to decide")
        told = {"end_to_end": found.end_to_end, "later": found.later, "expires_at": instant.to_text(found.expires_at)}
        notice = Notice(found.payer_bank, "request.asked", told)
        return Decision(
            "request-open",
            found,
            remind_at=found.expires_at,
            parties=(found.payee_bank, found.payer_bank),
            notices=(notice,),
        )

    def accept(self, case: RequestCase, command: Command, context: Context) -> Outcome:
        """The payer will pay."""
        if command.party != case.data.payer_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payer's bank decides")
        return self._decide(case, ACCEPTED, "", context)

    def refuse(self, case: RequestCase, command: Command, context: Context) -> Outcome:
        """The payer will not pay."""
        body: RefuseRequest = command.body
        if command.party != case.data.payer_bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the payer's bank decides")
        return self._decide(case, REJECTED, body.reason, context)

    def silent(self, case: RequestCase, _: Elapsed, context: Context) -> Outcome:
        """The payer has not decided in time."""
        return self._decide(case, REJECTED, SILENCE, context)

    def _decide(self, case: RequestCase, given: str, reason: str, context: Context) -> Decision[Any]:
        body = write_decision(case.data, case.id, given, reason, context.now)
        draft = Draft(REQUEST_DECIDED, case.data.payer_bank, case.data.payee_bank, body, XML_MEDIA_TYPE)
        state = "request-agreed" if given == ACCEPTED else "request-declined"
        return Decision(state, replace(case.data, reason=reason), messages=(draft,))

    # --- both ---

    def _read(self, document: bytes, asked_at: datetime) -> Request | Refusal:
        """Read a pain.013 with one payment between two banks of the plan."""
        try:
            asked = read(document)
        except MessageError as fault:
            return Refusal(PaymentRefusal.MALFORMED.code, f"{fault.code}: {fault.detail}", fault.pointer)
        if not isinstance(asked, RequestToPay) or [len(one.payments) for one in asked.requests] != [1]:
            return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, f"one payment in a {REQUEST_MESSAGE} at a time", _PATH)
        (group,) = asked.requests
        (one,) = group.payments
        payer, payee = self._directory.bank(group.debtor_agent.bic), self._directory.bank(one.creditor_agent.bic)
        if payer is None or payee is None:
            return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, "both agents are banks of the corridor, by BIC", _PATH)
        if one.amount is not None:
            sides = [self._directory.currencies[member_of(bank.address)].code for bank in (payer, payee)]
            if one.amount.currency not in sides:
                detail = f"it is asked for in {' or '.join(dict.fromkeys(sides))}"
                return Refusal.of(PaymentRefusal.CURRENCY_WRONG, detail, _AMOUNT)
            if not one.amount.minor:
                return Refusal.of(PaymentRefusal.AMOUNT_OTHER, "nothing is asked for", _AMOUNT)
        later = group.expires is not None
        until = asked_at + NOW if group.expires is None else _moment(group.expires)
        if not asked_at < until <= asked_at + LATER_MAX:
            return Refusal.of(PaymentRefusal.TIME_WRONG, "it expires within a year from now", _PATH + "/PmtInf/XpryDt")
        return Request(
            payee_bank=payee.address,
            payer_bank=payer.address,
            message_id=asked.header.message_id,
            group_id=group.id or UNNAMED_GROUP,
            end_to_end=one.end_to_end,
            document=document,
            later=later,
            expires_at=until,
        )

    # --- after a loss ---

    def restore_request(self, _: None, message: Received, context: Context) -> Outcome:
        """Rebuild a request from its own message, given back after a loss."""
        found = self._read(message.body, message.created_at)
        if isinstance(found, Refusal):
            return found
        due = max(found.expires_at, context.now) + GRACE
        return Decision("requested", found, remind_at=due, parties=(found.payee_bank, found.payer_bank))

    def restore_decision(self, case: RequestCase, message: Received, _: Context) -> Outcome:
        """Rebuild an own answer, given back after a loss."""
        try:
            given, reason = read_decision(message.body, case.data)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail)
        state = "request-agreed" if given == ACCEPTED else "request-declined"
        return Decision(state, replace(case.data, reason=reason))


def write_decision(request: Request, case_id: str, given: str, reason: str, now: datetime) -> bytes:
    """Write the pain.014 that answers a request."""
    reasons = (Reason(reason=Coded(code=reason)),) if reason else ()
    one = RequestedPaymentStatus(
        end_to_end=request.end_to_end, status=given, reasons=reasons, decided_at=now.replace(microsecond=0)
    )
    report = RequestToPayStatus(
        message=DECISION_MESSAGE,
        header=RequestStatusHeader(
            message_id=message_id(case_id, "P"),
            created_at=now.replace(microsecond=0),
            initiating_party=Party(name=request.payer_bank),
        ),
        original=RequestGroupStatus(message_id=request.message_id, message_name=REQUEST_MESSAGE),
        requests=(PaymentRequestStatus(id=request.group_id, payments=(one,)),),
    )
    return write(report)


def read_decision(body: bytes, request: Request) -> tuple[str, str]:
    """Read a pain.014 about that request: its status and the reason, which may be "".

    Raises:
        MalformedError, TooLargeError: it cannot be read, or is about something else.
    """
    report = read(body)
    if not isinstance(report, RequestToPayStatus) or report.original.message_id != request.message_id:
        raise MalformedError("an answer is a pain.014 about the one request", code="payment_malformed")
    payments = [one for group in report.requests for one in group.payments]
    if len(payments) != 1 or payments[0].status not in (ACCEPTED, REJECTED):
        raise MalformedError("an answer accepts or rejects the one payment", code="payment_malformed")
    first = payments[0].reasons[0].reason if payments[0].reasons else None
    return payments[0].status or "", "" if first is None else first.code or ""


def _moment(when: When) -> datetime:
    """The end of a day, or a moment; after the last day that can be reckoned with comes none."""
    if when.at is not None:
        return when.at
    if when.on is None:
        raise ValueError("a When has a day or a moment")
    return (
        instant.LAST if when.on >= instant.LAST.date() else datetime.combine(when.on + timedelta(days=1), time(), UTC)
    )
