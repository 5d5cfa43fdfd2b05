"""pacs.028, the request for the status of payments: version 6.

It asks again when the answer to a pacs.008 is missing, on rails that are not gateways; the answer is a pacs.002.
"""

from datetime import datetime
from typing import Annotated

from darwaza.standards.iso20022.pacs002 import StatusHeader
from darwaza.standards.iso20022.part import At, Message, Part
from darwaza.standards.iso20022.party import Agent
from darwaza.standards.iso20022.payment import OriginalMessage


class StatusQuery(Part, frozen=True, kw_only=True):
    """The transaction whose status is asked, named by the identifiers of the original.

    Attributes:
        query_id: of this question, 1-35 characters.
        original: the message it was in, when that differs between transactions.
        instruction: of the original, 1-35 characters.
        end_to_end: of the original, 1-35 characters.
        transaction: of the original, 1-35 characters.
        uetr: of the original, version 4 UUID in lower case.
        accepted_at: when the payer's agent took the payment on.
        clearing_reference: given by the clearing system, 1-35 characters.
        instructing_agent: of the original leg.
        instructed_agent: of the original leg.
    """

    query_id: Annotated[str | None, At("StsReqId")] = None
    original: Annotated[OriginalMessage | None, At("OrgnlGrpInf")] = None
    instruction: Annotated[str | None, At("OrgnlInstrId")] = None
    end_to_end: Annotated[str | None, At("OrgnlEndToEndId")] = None
    transaction: Annotated[str | None, At("OrgnlTxId")] = None
    uetr: Annotated[str | None, At("OrgnlUETR")] = None
    accepted_at: Annotated[datetime | None, At("AccptncDtTm")] = None
    clearing_reference: Annotated[str | None, At("ClrSysRef")] = None
    instructing_agent: Annotated[Agent | None, At("InstgAgt")] = None
    instructed_agent: Annotated[Agent | None, At("InstdAgt")] = None


class StatusRequest(Message, frozen=True, kw_only=True):
    """FIToFIPaymentStatusRequest.

    Attributes:
        header: of the request.
        originals: the messages asked about.
        transactions: the transactions asked about.
    """

    header: Annotated[StatusHeader, At("GrpHdr")]
    originals: Annotated[tuple[OriginalMessage, ...], At("OrgnlGrpInf")] = ()
    transactions: Annotated[tuple[StatusQuery, ...], At("TxInf")] = ()
