"""pacs.002, the status report of payments: versions 15 (between countries) and 10 (domestic systems).

It answers a pacs.008, pacs.004 or pacs.009, one transaction or many at a time, or the whole group. What a status means
and which reasons go with it is in ``codes``; a rejection without a reason is the service's to refuse.
"""

from datetime import datetime
from typing import Annotated

from darwaza.standards.iso20022.part import At, Message, Part
from darwaza.standards.iso20022.party import Agent
from darwaza.standards.iso20022.payment import Charge, OriginalMessage, Reason, When


class StatusHeader(Part, frozen=True, kw_only=True):
    """What holds for the whole message; also the header of pacs.028.

    Attributes:
        message_id: 1-35 characters, unique per sender.
        created_at: when the message was made.
        instructing_agent: sends the message.
        instructed_agent: receives it.
    """

    message_id: Annotated[str, At("MsgId")]
    created_at: Annotated[datetime, At("CreDtTm")]
    instructing_agent: Annotated[Agent | None, At("InstgAgt")] = None
    instructed_agent: Annotated[Agent | None, At("InstdAgt")] = None


class GroupStatus(OriginalMessage, frozen=True, kw_only=True):
    """Status of a whole message.

    Attributes:
        transaction_count: of the original message.
        status: code set ExternalPaymentGroupStatus: ``ACCP``, ``PART``, ``RJCT`` ...
        reasons: for the status.
    """

    transaction_count: Annotated[int | None, At("OrgnlNbOfTxs")] = None
    status: Annotated[str | None, At("GrpSts")] = None
    reasons: Annotated[tuple[Reason, ...], At("StsRsnInf")] = ()


class TransactionStatus(Part, frozen=True, kw_only=True):
    """Status of one transaction, named by the identifiers of the original.

    Attributes:
        status_id: of this status, 1-35 characters.
        original: the message it was in, when that differs between transactions.
        instruction: of the original, 1-35 characters.
        end_to_end: of the original, 1-35 characters.
        transaction: of the original, 1-35 characters.
        uetr: of the original, version 4 UUID in lower case.
        status: code set ExternalPaymentTransactionStatus: ``ACCC``, ``ACWP``, ``RJCT`` ... (``codes.STATUSES``).
        reasons: for the status.
        charges: taken by the agents on the way.
        accepted_at: when the payer's agent took the payment on.
        settled: when it is, or was, settled.
        account_servicer_reference: given by the payee's agent, 1-35 characters.
        clearing_reference: given by the clearing system, 1-35 characters.
        instructing_agent: of the original leg.
        instructed_agent: of the original leg.
    """

    status_id: Annotated[str | None, At("StsId")] = None
    original: Annotated[OriginalMessage | None, At("OrgnlGrpInf")] = None
    instruction: Annotated[str | None, At("OrgnlInstrId")] = None
    end_to_end: Annotated[str | None, At("OrgnlEndToEndId")] = None
    transaction: Annotated[str | None, At("OrgnlTxId")] = None
    uetr: Annotated[str | None, At("OrgnlUETR")] = None
    status: Annotated[str | None, At("TxSts")] = None
    reasons: Annotated[tuple[Reason, ...], At("StsRsnInf")] = ()
    charges: Annotated[tuple[Charge, ...], At("ChrgsInf")] = ()
    accepted_at: Annotated[datetime | None, At("AccptncDtTm")] = None
    settled: Annotated[When | None, At("FctvIntrBkSttlmDt")] = None
    account_servicer_reference: Annotated[str | None, At("AcctSvcrRef")] = None
    clearing_reference: Annotated[str | None, At("ClrSysRef")] = None
    instructing_agent: Annotated[Agent | None, At("InstgAgt")] = None
    instructed_agent: Annotated[Agent | None, At("InstdAgt")] = None


class StatusReport(Message, frozen=True, kw_only=True):
    """FIToFIPaymentStatusReport.

    Attributes:
        header: of the report.
        groups: status of whole messages.
        transactions: status of single transactions.
    """

    header: Annotated[StatusHeader, At("GrpHdr")]
    groups: Annotated[tuple[GroupStatus, ...], At("OrgnlGrpInfAndSts")] = ()
    transactions: Annotated[tuple[TransactionStatus, ...], At("TxInfAndSts")] = ()
