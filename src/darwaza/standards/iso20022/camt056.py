"""camt.056, the request to cancel payments (recall): version 11.

Before the payment is final it may stop it; afterwards it asks the payee's side to give the money back. The answer is a
camt.029, and a pacs.004 when money comes back.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from darwaza.errors import MalformedError
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.part import At, Message, Part
from darwaza.standards.iso20022.party import PartyOrAgent
from darwaza.standards.iso20022.payment import OriginalMessage, Reason

CONTROL = "/Document/FIToFIPmtCxlReq/CtrlData"


class Assignment(Part, frozen=True, kw_only=True):
    """Who asks whom to investigate; also in camt.029.

    Attributes:
        id: of the message, 1-35 characters, unique per sender.
        assigner: sends it.
        assignee: receives it.
        created_at: when it was made.
    """

    id: Annotated[str, At("Id")]
    assigner: Annotated[PartyOrAgent, At("Assgnr")]
    assignee: Annotated[PartyOrAgent, At("Assgne")]
    created_at: Annotated[datetime, At("CreDtTm")]


class Investigation(Part, frozen=True, kw_only=True):
    """The investigation a message belongs to.

    Attributes:
        id: 1-35 characters, given by ``creator`` and kept to the end.
        creator: who opened it.
        reopened: it had been closed before.
    """

    id: Annotated[str, At("Id")]
    creator: Annotated[PartyOrAgent, At("Cretr")]
    reopened: Annotated[bool | None, At("ReopCaseIndctn")] = None


class GroupCancellation(OriginalMessage, frozen=True, kw_only=True):
    """A whole message to be cancelled.

    Attributes:
        cancellation_id: of this request, 1-35 characters.
        transaction_count: of the original message.
        whole_group: every transaction of it is meant.
        reasons: why (``codes.CANCELLATION_REASONS``).
    """

    cancellation_id: Annotated[str | None, At("GrpCxlId")] = None
    transaction_count: Annotated[int | None, At("NbOfTxs")] = None
    whole_group: Annotated[bool | None, At("GrpCxl")] = None
    reasons: Annotated[tuple[Reason, ...], At("CxlRsnInf")] = ()


class TransactionCancellation(Part, frozen=True, kw_only=True):
    """One transaction to be cancelled, named by the identifiers of the original.

    Attributes:
        cancellation_id: of this request, 1-35 characters.
        investigation: it belongs to, when that differs between transactions.
        original: the message it was in.
        instruction: of the original, 1-35 characters.
        end_to_end: of the original, 1-35 characters.
        transaction: of the original, 1-35 characters.
        uetr: of the original, version 4 UUID in lower case.
        original_amount: what was, or was to be, settled.
        original_settled_on: when.
        reasons: why (``codes.CANCELLATION_REASONS``).
    """

    cancellation_id: Annotated[str | None, At("CxlId")] = None
    investigation: Annotated[Investigation | None, At("Case")] = None
    original: Annotated[OriginalMessage | None, At("OrgnlGrpInf")] = None
    instruction: Annotated[str | None, At("OrgnlInstrId")] = None
    end_to_end: Annotated[str | None, At("OrgnlEndToEndId")] = None
    transaction: Annotated[str | None, At("OrgnlTxId")] = None
    uetr: Annotated[str | None, At("OrgnlUETR")] = None
    original_amount: Annotated[Amount | None, At("OrgnlIntrBkSttlmAmt")] = None
    original_settled_on: Annotated[date | None, At("OrgnlIntrBkSttlmDt")] = None
    reasons: Annotated[tuple[Reason, ...], At("CxlRsnInf")] = ()


class Cancellation(Part, frozen=True, kw_only=True):
    """What is to be cancelled.

    Attributes:
        group: a whole message.
        transactions: single transactions.
    """

    group: Annotated[GroupCancellation | None, At("OrgnlGrpInfAndCxl")] = None
    transactions: Annotated[tuple[TransactionCancellation, ...], At("TxInf")] = ()


class Control(Part, frozen=True, kw_only=True):
    """How much is to be cancelled in all.

    Attributes:
        transaction_count: number of transactions listed.
        control_sum: sum of the listed original amounts, whatever their currency.
    """

    transaction_count: Annotated[int, At("NbOfTxs")]
    control_sum: Annotated[Decimal | None, At("CtrlSum")] = None


class CancellationRequest(Message, frozen=True, kw_only=True):
    """FIToFIPaymentCancellationRequest.

    Attributes:
        assignment: who asks whom.
        investigation: it belongs to.
        control: how much in all.
        underlying: one or more.

    Raises:
        MalformedError: ``transaction_count_wrong`` when only single transactions are listed and their number is not
            the one announced.
    """

    assignment: Annotated[Assignment, At("Assgnmt")]
    investigation: Annotated[Investigation | None, At("Case")] = None
    control: Annotated[Control | None, At("CtrlData")] = None
    underlying: Annotated[tuple[Cancellation, ...], At("Undrlyg")]

    def __post_init__(self) -> None:
        if self.control is None or any(item.group is not None for item in self.underlying):
            return
        listed = sum(len(item.transactions) for item in self.underlying)
        if self.control.transaction_count != listed:
            raise MalformedError(
                f"{self.control.transaction_count} transactions announced, {listed} found",
                code="transaction_count_wrong",
                pointer=CONTROL + "/NbOfTxs",
            )
