"""Whose account is this? A bank asks before it pays (acmt.023), the payee's side answers (acmt.024).

An alias is answered by the gateway that keeps it, at once. An account number that nobody registered is put to the bank
that keeps it, which has some seconds; its silence is answered as such. The verified name is for the asking bank, which
screens it; the payer is shown a masked one. Nothing is learned about an account but what was asked.
"""

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from darwaza.errors import MalformedError, MessageError
from darwaza.kernel.machine import Case, Command, Context, Decision, Draft, Elapsed, Notice, Received, Refusal
from darwaza.kernel.message import GATEWAY_PARTY, member_of
from darwaza.services.payments.alias import account_of, find_alias, masked, normal
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.message import VERIFIED, VERIFY, XML_MEDIA_TYPE, AnswerVerification, Verify, refusal_told
from darwaza.services.payments.names import says
from darwaza.services.payments.plan import Directory
from darwaza.services.payments.record import Verification
from darwaza.services.payments.status import message_id
from darwaza.standards.iso20022.acmt023 import (
    IdentificationAssignment,
    OriginalRequest,
    PartyAndAccount,
    Verdict,
    VerificationReport,
    VerificationRequest,
)
from darwaza.standards.iso20022.acmt023 import Verification as Question
from darwaza.standards.iso20022.message import read, write
from darwaza.standards.iso20022.party import Account, Agent, Coded, Party, PartyOrAgent

Outcome = Decision[Any] | Refusal
VerificationCase = Case[Verification]
replace = msgspec.structs.replace

QUESTION_MESSAGE: Final = "acmt.023.001.04"
ANSWER_MESSAGE: Final = "acmt.024.001.04"
ANSWER_TIME: Final = timedelta(seconds=20)
"""How long the payee's bank has to say whose an account is."""
WAIT_TIME: Final = timedelta(seconds=30)
"""After so long without an answer the asking gateway stops waiting; a late answer is still taken."""
UNKNOWN: Final = "AC01"
NO_ANSWER: Final = "NORR"
_ALIAS_KINDS: Final = frozenset({"MBNO", "EMAL", "SHID", "EWAL"})
_PATH: Final = "/Document/IdVrfctnReq"


class Asked(NamedTuple):
    """What a acmt.023 asks.

    Attributes:
        message_id: of the message.
        question_id: of its one question.
        kind: see ``record.Alias``.
        value: normal form.
        bic: of the bank that is asked, or None.
        member: code of the member whose gateway is asked, or None.
    """

    message_id: str
    question_id: str
    kind: str
    value: str
    bic: str | None
    member: str | None


class VerificationRules:
    """See the module."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    # --- at the asking bank's gateway ---

    def ask(self, _: None, command: Command, context: Context) -> Outcome:
        """Pass a bank's question on."""
        body: Verify = command.body
        if self._directory.participant(command.party, "psp") is None:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only a bank asks whose an account is")
        asked = _read(body.document)
        if isinstance(asked, Refusal):
            return asked
        bank = self._directory.bank(asked.bic)
        member = asked.member if bank is None else bank.member
        if member is None or self._directory.corridor(context.member, member) is None:
            return Refusal.of(PaymentRefusal.AGENT_UNKNOWN, "there is no corridor to the assignee", _PATH + "/Assgnmt")
        to = f"{member}/{GATEWAY_PARTY}" if bank is None else bank.address
        held = _verification(asked, command.party, to)
        draft = Draft(VERIFY, command.party, to, body.document, XML_MEDIA_TYPE)
        return Decision(
            "verifying", held, messages=(draft,), remind_at=context.now + WAIT_TIME, parties=(command.party,)
        )

    def take_answer(self, case: VerificationCase, message: Received, _: Context) -> Outcome:
        """The other side says whose it is."""
        if member_of(message.origin) != member_of(case.data.asked):
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only who was asked answers")
        try:
            told = read_answer(message.body, case.data)
        except MessageError as fault:
            return Refusal.of(PaymentRefusal.MALFORMED, fault.detail, fault.pointer)
        bank = self._directory.bank(told.bank)
        return self._end(replace(told, bank="" if bank is None else bank.address))

    def take_refused(self, case: VerificationCase, message: Received, _: Context) -> Outcome:
        """The other gateway cannot answer."""
        if member_of(message.origin) != member_of(case.data.asked):
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only who was asked answers")
        body = refusal_told(message)
        if isinstance(body, Refusal):
            return body
        return self._end(replace(case.data, reason="AGNT"))

    def wait_over(self, case: VerificationCase, _: Elapsed, __: Context) -> Outcome:
        """Nobody has answered."""
        return self._end(replace(case.data, reason=NO_ANSWER))

    def _end(self, told: Verification) -> Decision[Any]:
        notice = Notice(told.asker, "verification.ended", {"verified": told.verified, "reason": told.reason})
        return Decision("verified" if told.verified else "unverified", told, notices=(notice,))

    # --- at the payee's gateway ---

    def take_question(self, _: None, message: Received, context: Context) -> Outcome:
        """Answer from the aliases, or ask the bank."""
        asked = _read(message.body)
        if isinstance(asked, Refusal):
            return asked
        held = _verification(asked, message.origin, message.destination)
        alias = find_alias(context, asked.kind, asked.value)
        if alias is not None and held.asked in (alias.bank, f"{context.member}/{GATEWAY_PARTY}"):
            told = replace(held, verified=True, bank=alias.bank, account=alias.account, name=alias.name)
            return self._answer(told, context)
        bank = self._directory.participant(message.destination, "psp")
        if asked.kind in _ALIAS_KINDS or bank is None or not context.party_known(message.destination):
            return self._answer(replace(held, reason=UNKNOWN), context)
        until = context.now + ANSWER_TIME
        notice = Notice(bank.address, "verification.asked", {"kind": held.kind, "value": held.value})
        return Decision(
            "verification-asked",
            replace(held, answer_by=until, bank=bank.address, account=asked.value),
            remind_at=until,
            parties=(bank.address,),
            notices=(notice,),
        )

    def bank_answers(self, case: VerificationCase, command: Command, context: Context) -> Outcome:
        """The payee's bank says whose the account is."""
        body: AnswerVerification = command.body
        if command.party != case.data.bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only the bank that was asked answers")
        if not says(body.name):
            return self._answer(replace(case.data, reason=body.reason, account=""), context)
        return self._answer(replace(case.data, verified=True, name=body.name.strip()), context)

    def bank_silent(self, case: VerificationCase, _: Elapsed, context: Context) -> Outcome:
        """The payee's bank was silent."""
        return self._answer(replace(case.data, reason=NO_ANSWER, account=""), context)

    def _answer(self, told: Verification, context: Context) -> Decision[Any]:
        told = replace(told, shown=masked(told.name))
        bank = self._directory.participant(told.bank, "psp")
        body = write_answer(told, context.case_id, None if bank is None else bank.bic, context.now)
        draft = Draft(VERIFIED, told.asked, told.asker, body, XML_MEDIA_TYPE)
        # What was told stays with who asked: here only that it was told.
        kept = replace(told, name="", shown="", account="")
        return Decision("verification-answered", kept, messages=(draft,), parties=(told.asker, told.asked))

    # --- after a loss ---

    def restore_question(self, _: None, message: Received, context: Context) -> Outcome:
        """Rebuild a question from its own message, given back after a loss."""
        asked = _read(message.body)
        if isinstance(asked, Refusal):
            return asked
        held = _verification(asked, message.origin, message.destination)
        return Decision("verifying", held, remind_at=context.now + WAIT_TIME, parties=(message.origin,))

    def restore_answer(self, case: VerificationCase, _: Received, __: Context) -> Outcome:
        """An own answer that was given before a loss is the answer."""
        return Decision("verification-answered", replace(case.data, account="", reason=""))


# --- documents ---


def write_question(kind: str, value: str, to: Agent, asker_bic: str, name: str, now: datetime) -> bytes:
    """Write an acmt.023 with one question.

    Args:
        kind: see ``record.Alias``.
        value: the alias or account number.
        to: the payee's bank by BIC, or the payee's member by its code as other identification.
        asker_bic: of the bank that asks.
        name: identifier of the message, 1-35 characters.
        now: when it is written.
    """
    request = VerificationRequest(
        message=QUESTION_MESSAGE,
        assignment=_assignment(name, Agent(bic=asker_bic), to, now),
        verifications=(Question(id="1", subject=PartyAndAccount(account=_account(kind, value))),),
    )
    return write(request)


def _account(kind: str, value: str) -> Account:
    if kind != "ACCT":
        return Account(proxy_type=Coded(code=kind), proxy=value)
    return account_of(value)


def _read(document: bytes) -> Asked | Refusal:
    """Read an acmt.023 with one question."""
    try:
        request = read(document)
    except MessageError as fault:
        return Refusal(PaymentRefusal.MALFORMED.code, f"{fault.code}: {fault.detail}", fault.pointer)
    if not isinstance(request, VerificationRequest) or len(request.verifications) != 1:
        detail = f"one question in an {QUESTION_MESSAGE} at a time"
        return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, detail, _PATH + "/Vrfctn")
    question, to = request.verifications[0], request.assignment.assignee.agent
    account = question.subject.account
    if to is None or account is None:
        return Refusal.of(PaymentRefusal.MESSAGE_UNSUITABLE, "it names an assignee and an account", _PATH)
    kind, value = "ACCT", account.iban or account.other_id or ""
    if account.proxy is not None:
        kind, value = (account.proxy_type.code if account.proxy_type else None) or "", account.proxy
    plain = normal(kind, value)
    if plain is None:
        return Refusal.of(PaymentRefusal.ALIAS_MALFORMED, "it has not the form of its kind", _PATH + "/Vrfctn")
    return Asked(request.assignment.message_id, question.id, kind, plain, to.bic, to.other_id)


def _verification(asked: Asked, asker: str, to: str) -> Verification:
    return Verification(
        asker=asker,
        asked=to,
        kind=asked.kind,
        value=asked.value,
        message_id=asked.message_id,
        question_id=asked.question_id,
    )


def write_answer(told: Verification, case_id: str, bank_bic: str | None, now: datetime) -> bytes:
    """Write the acmt.024 that answers: the full name for the bank, the masked one as the account's name."""
    updated = None
    if told.verified:
        number = account_of(told.account)
        updated = PartyAndAccount(
            party=Party(name=told.name), account=replace(number, name=told.shown), agent=Agent(bic=bank_bic)
        )
    report = VerificationReport(
        message=ANSWER_MESSAGE,
        assignment=_assignment(
            message_id(case_id, "V"), Agent(other_id=told.asked[:35]), Agent(other_id=told.asker[:35]), now
        ),
        original=OriginalRequest(message_id=told.message_id),
        verdicts=(
            Verdict(
                original_id=told.question_id,
                verified=told.verified,
                reason=None if told.verified else Coded(code=told.reason),
                updated=updated,
            ),
        ),
    )
    return write(report)


def read_answer(body: bytes, held: Verification) -> Verification:
    """Read an acmt.024 about that question; ``bank`` of the outcome is a BIC.

    Raises:
        MalformedError, TooLargeError: it cannot be read, or is about something else.
    """
    report = read(body)
    if not isinstance(report, VerificationReport) or [one.original_id for one in report.verdicts] != [held.question_id]:
        raise MalformedError("an answer is an acmt.024 about the one question", code="payment_malformed")
    (verdict,) = report.verdicts
    if not verdict.verified:
        reason = None if verdict.reason is None else verdict.reason.code
        return replace(held, reason=reason or "NR01")
    updated = verdict.updated
    if updated is None or updated.party is None or updated.account is None or updated.agent is None:
        raise MalformedError("an answer names holder, account and institution", code="payment_malformed")
    return replace(
        held,
        verified=True,
        bank=updated.agent.bic or "",
        account=updated.account.iban or updated.account.other_id or "",
        name=updated.party.name or "",
        shown=updated.account.name or "",
    )


def _assignment(name: str, assigner: Agent, assignee: Agent, now: datetime) -> IdentificationAssignment:
    return IdentificationAssignment(
        message_id=name,
        created_at=now.replace(microsecond=0),
        assigner=PartyOrAgent(agent=assigner),
        assignee=PartyOrAgent(agent=assignee),
    )
