"""camt.029, the resolution of an investigation: version 13. It answers a camt.056."""

from datetime import date
from typing import Annotated

from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.camt056 import Assignment, Investigation
from darwaza.standards.iso20022.part import At, Message, Part
from darwaza.standards.iso20022.payment import OriginalMessage, Reason


class GroupCancellationStatus(OriginalMessage, frozen=True, kw_only=True):
    """Outcome for a whole message.

    Attributes:
        cancellation_id: of the request, 1-35 characters.
        transaction_count: of the original message.
        status: ``ACCR`` accepted, ``PACR`` in part, ``PDCR`` pending, ``RJCR`` refused.
        reasons: for the status (``codes.CANCELLATION_STATUS_REASONS``).
    """

    cancellation_id: Annotated[str | None, At("OrgnlGrpCxlId")] = None
    transaction_count: Annotated[int | None, At("OrgnlNbOfTxs")] = None
    status: Annotated[str | None, At("GrpCxlSts")] = None
    reasons: Annotated[tuple[Reason, ...], At("CxlStsRsnInf")] = ()


class TransactionCancellationStatus(Part, frozen=True, kw_only=True):
    """Outcome for one transaction, named by the identifiers of the original.

    Attributes:
        status_id: of this answer, 1-35 characters.
        investigation: it belongs to, when that differs between transactions.
        original: the message it was in.
        instruction: of the original, 1-35 characters.
        end_to_end: of the original, 1-35 characters.
        transaction: of the original, 1-35 characters.
        uetr: of the original, version 4 UUID in lower case.
        status: ``ACCR`` accepted, ``PDCR`` pending, ``RJCR`` refused.
        reasons: for the status (``codes.CANCELLATION_STATUS_REASONS``).
        original_amount: what was, or was to be, settled.
        original_settled_on: when.
    """

    status_id: Annotated[str | None, At("CxlStsId")] = None
    investigation: Annotated[Investigation | None, At("RslvdCase")] = None
    original: Annotated[OriginalMessage | None, At("OrgnlGrpInf")] = None
    instruction: Annotated[str | None, At("OrgnlInstrId")] = None
    end_to_end: Annotated[str | None, At("OrgnlEndToEndId")] = None
    transaction: Annotated[str | None, At("OrgnlTxId")] = None
    uetr: Annotated[str | None, At("OrgnlUETR")] = None
    status: Annotated[str | None, At("TxCxlSts")] = None
    reasons: Annotated[tuple[Reason, ...], At("CxlStsRsnInf")] = ()
    original_amount: Annotated[Amount | None, At("OrgnlIntrBkSttlmAmt")] = None
    original_settled_on: Annotated[date | None, At("OrgnlIntrBkSttlmDt")] = None


class CancellationOutcome(Part, frozen=True, kw_only=True):
    """What became of a request to cancel.

    Attributes:
        group: for a whole message.
        transactions: for single transactions.
    """

    group: Annotated[GroupCancellationStatus | None, At("OrgnlGrpInfAndSts")] = None
    transactions: Annotated[tuple[TransactionCancellationStatus, ...], At("TxInfAndSts")] = ()


class Resolution(Message, frozen=True, kw_only=True):
    """ResolutionOfInvestigation.

    Attributes:
        assignment: who answers whom.
        investigation: it belongs to.
        confirmation: the answer in one code: ``CNCL`` cancelled, ``RJCR`` refused, ``PDCR`` pending ... (code set
            ExternalInvestigationExecutionConfirmation); None when the answer is of another kind, then in ``kept``.
        outcomes: in detail.
    """

    assignment: Annotated[Assignment, At("Assgnmt")]
    investigation: Annotated[Investigation | None, At("RslvdCase")] = None
    confirmation: Annotated[str | None, At("Sts/Conf")] = None
    outcomes: Annotated[tuple[CancellationOutcome, ...], At("CxlDtls")] = ()
