"""acmt.023 and acmt.024, asking who an account or alias belongs to and the answer: version 4 of both.

The payer's institution asks with an account number or an alias (phone, e-mail, merchant number); the payee's side, or
the directory that knows the alias, answers with the account, its institution and the verified name. The name to show to
the payer, masked, is the account's name; the full name is the party's, for screening.
"""

from datetime import datetime
from typing import Annotated

from darwaza.standards.iso20022.part import At, Message, Part
from darwaza.standards.iso20022.party import Account, Agent, Coded, Party, PartyOrAgent


class IdentificationAssignment(Part, frozen=True, kw_only=True):
    """Who asks whom.

    Attributes:
        message_id: 1-35 characters, unique per sender.
        created_at: when the message was made.
        creator: first asked or answered.
        first_agent: the institution at the start of the chain.
        assigner: sends the message.
        assignee: receives it.
    """

    message_id: Annotated[str, At("MsgId")]
    created_at: Annotated[datetime, At("CreDtTm")]
    creator: Annotated[PartyOrAgent | None, At("Cretr")] = None
    first_agent: Annotated[Agent | None, At("FrstAgt")] = None
    assigner: Annotated[PartyOrAgent, At("Assgnr")]
    assignee: Annotated[PartyOrAgent, At("Assgne")]


class PartyAndAccount(Part, frozen=True, kw_only=True):
    """A party with its account and institution, as far as known.

    Attributes:
        party: the holder, with the full name.
        account: number, alias and display name.
        agent: the institution that keeps it.
    """

    party: Annotated[Party | None, At("Pty")] = None
    account: Annotated[Account | None, At("Acct")] = None
    agent: Annotated[Agent | None, At("Agt")] = None


class Verification(Part, frozen=True, kw_only=True):
    """One question.

    Attributes:
        id: 1-35 characters, unique in the message.
        subject: what is known.
    """

    id: Annotated[str, At("Id")]
    subject: Annotated[PartyAndAccount, At("PtyAndAcctId")]


class VerificationRequest(Message, frozen=True, kw_only=True):
    """IdentificationVerificationRequest, acmt.023.

    Attributes:
        assignment: who asks whom.
        verifications: one or more questions.
    """

    assignment: Annotated[IdentificationAssignment, At("Assgnmt")]
    verifications: Annotated[tuple[Verification, ...], At("Vrfctn")]


class OriginalRequest(Part, frozen=True, kw_only=True):
    """The request that is answered.

    Attributes:
        message_id: its own identifier, 1-35 characters.
        created_at: when it was made.
    """

    message_id: Annotated[str | None, At("MsgId")] = None
    created_at: Annotated[datetime | None, At("CreDtTm")] = None


class Verdict(Part, frozen=True, kw_only=True):
    """One answer.

    Attributes:
        original_id: of the question, 1-35 characters.
        verified: whether party and account exist and belong together.
        reason: why not (code set ExternalVerificationReason).
        original: as asked.
        updated: as it is: the verified name, the account, its institution.
    """

    original_id: Annotated[str, At("OrgnlId")]
    verified: Annotated[bool, At("Vrfctn")]
    reason: Annotated[Coded | None, At("Rsn")] = None
    original: Annotated[PartyAndAccount | None, At("OrgnlPtyAndAcctId")] = None
    updated: Annotated[PartyAndAccount | None, At("UpdtdPtyAndAcctId")] = None


class VerificationReport(Message, frozen=True, kw_only=True):
    """IdentificationVerificationReport, acmt.024.

    Attributes:
        assignment: who answers whom.
        original: the request.
        verdicts: one or more answers.
    """

    assignment: Annotated[IdentificationAssignment, At("Assgnmt")]
    original: Annotated[OriginalRequest | None, At("OrgnlAssgnmt")] = None
    verdicts: Annotated[tuple[Verdict, ...], At("Rpt")]
