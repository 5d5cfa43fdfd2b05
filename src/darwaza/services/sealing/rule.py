"""The rules of the sealing service. Pure: see ``darwaza.kernel.machine``.

The gateway of the party answers by itself, with the key the party has published. The card in the answer carries its
own signature; whether to believe it is decided by whoever seals to it (``darwaza.kernel.sealcard.verify``), on a
machine of its own and by a corridor document of its own.
"""

from datetime import timedelta

import msgspec

from darwaza.errors import MalformedError
from darwaza.kernel.address import Address
from darwaza.kernel.machine import Case, Command, Context, Decision, Draft, Elapsed, Notice, Received, Refusal
from darwaza.kernel.message import JSON_MEDIA_TYPE, member_of
from darwaza.kernel.message import Refused as RefusedBody
from darwaza.kernel.sealcard import CARD_BYTES_MAX, CARD_MEDIA_TYPE
from darwaza.services.sealing.code import SealingRefusal
from darwaza.services.sealing.message import ASKED, CARD, Ask, Question

ANSWER_LIFE = timedelta(hours=1)
"""How long a question is waited for; an answer that comes later is taken all the same."""
DETAIL_LENGTH_MAX = 500

_refused = msgspec.json.Decoder(RefusedBody).decode
replace = msgspec.structs.replace

Outcome = Decision[Question] | Refusal
QuestionCase = Case[Question]


# --- at the gateway of who asks ---


def ask(_: None, command: Command, context: Context) -> Outcome:
    """Ask the gateway of a party for the party's card."""
    asked: Ask = command.body
    try:
        Address.parse(asked.party)
    except MalformedError as fault:
        return Refusal.of(SealingRefusal.MALFORMED, fault.detail, "/party")
    if member_of(asked.party) == context.member:
        detail = "documents go to parties of other members; one of this gateway needs no sealing card"
        return Refusal.of(SealingRefusal.MALFORMED, detail, "/party")
    question = Question(command.party, asked.party)
    draft = Draft(
        ASKED, command.party, asked.party, b"{}", JSON_MEDIA_TYPE, expires_at=context.now + ANSWER_LIFE, waits=False
    )
    return Decision("asked", question, (draft,), remind_at=context.now + ANSWER_LIFE, parties=_parties(question))


def take_card(case: QuestionCase, message: Received, context: Context) -> Outcome:
    """The card has come; it is kept as it is."""
    question = case.data
    if message.origin != question.party:
        return Refusal.of(SealingRefusal.NOT_ALLOWED, "only the party that is asked for answers")
    if len(message.body) > CARD_BYTES_MAX:
        return Refusal.of(SealingRefusal.MALFORMED, f"a sealing card has at most {CARD_BYTES_MAX} bytes")
    known = replace(question, card=message.body, code="", detail="", ended_at=context.now)
    return Decision("known", known, notices=(Notice(question.asker, "sealing.known"),))


def take_refused(case: QuestionCase, message: Received, context: Context) -> Outcome:
    """There is no card: the other gateway says why, or nobody could carry the question."""
    if message.origin != case.data.party:
        return Refusal.of(SealingRefusal.NOT_ALLOWED, "only the party that is asked for answers")
    try:
        body = _refused(message.body)
    except msgspec.MsgspecError as fault:
        return Refusal.of(SealingRefusal.MALFORMED, str(fault))
    refused = replace(case.data, code=body.code, detail=body.detail[:DETAIL_LENGTH_MAX], ended_at=context.now)
    return Decision("refused", refused, notices=(Notice(refused.asker, "sealing.refused", {"code": body.code}),))


def give_up(case: QuestionCase, _: Elapsed, context: Context) -> Outcome:
    """Nobody answered in time."""
    question = replace(case.data, code="unanswered", detail="no answer has come", ended_at=context.now)
    return Decision("unanswered", question, notices=(Notice(question.asker, "sealing.unanswered"),))


def restore_asked(_: None, message: Received, __: Context) -> Outcome:
    """Rebuild a question from its own message, given back after a loss."""
    question = Question(message.origin, message.destination)
    return Decision("asked", question, remind_at=message.created_at + ANSWER_LIFE, parties=_parties(question))


def keep(case: QuestionCase, _: Received, __: Context) -> Outcome:
    """Nothing that is not known already."""
    remind_at = case.opened_at + ANSWER_LIFE if case.state == "asked" else None
    return Decision(case.state, case.data, remind_at=remind_at)


# --- at the gateway of the party that is asked for ---


def answer(_: None, message: Received, context: Context) -> Outcome:
    """Give the card of a party of this gateway."""
    if not context.party_known(message.destination):
        return Refusal.of(SealingRefusal.UNKNOWN_PARTY, f"{message.destination} is not served here", "/destination")
    card = context.sealing_card(message.destination)
    if card is None:
        detail = f"{message.destination} has published no sealing key that is valid now"
        return Refusal.of(SealingRefusal.NO_KEY, detail, "/destination")
    question = Question(message.origin, message.destination, card, ended_at=context.now)
    draft = Draft(CARD, message.destination, message.origin, card, CARD_MEDIA_TYPE)
    return Decision("answered", question, (draft,), parties=_parties(question))


def restore_card(_: None, message: Received, __: Context) -> Outcome:
    """Rebuild an answer from its own message, given back after a loss."""
    question = Question(message.destination, message.origin, message.body, ended_at=message.created_at)
    return Decision("answered", question, parties=_parties(question))


def _parties(question: Question) -> tuple[str, ...]:
    return (question.asker, question.party)
