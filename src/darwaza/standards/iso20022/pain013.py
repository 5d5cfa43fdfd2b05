"""pain.013, a payee's request to be paid, and pain.014, what becomes of it: version 11 of both.

A request without an expiry is to be decided at once ("now"); with one, or with an execution day ahead, until then
("later"). Accepting it lets the payer's institution start an ordinary payment under the same end-to-end identifier.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.part import At, Message, Part
from darwaza.standards.iso20022.party import Account, Agent, Coded, Party
from darwaza.standards.iso20022.payment import ChargeBearer, OriginalMessage, Priority, Reason, When, check_totals

HEADER = "/Document/CdtrPmtActvtnReq/GrpHdr"


class RequestHeader(Part, frozen=True, kw_only=True):
    """What holds for the whole message.

    Attributes:
        message_id: 1-35 characters, unique per sender.
        created_at: when the message was made.
        transaction_count: number of requests.
        control_sum: sum of all amounts, whatever their currency.
        initiating_party: who asks.
        forwarding_agent: passes the request on.
    """

    message_id: Annotated[str, At("MsgId")]
    created_at: Annotated[datetime, At("CreDtTm")]
    transaction_count: Annotated[int, At("NbOfTxs")]
    control_sum: Annotated[Decimal | None, At("CtrlSum")] = None
    initiating_party: Annotated[Party, At("InitgPty")]
    forwarding_agent: Annotated[Agent | None, At("FwdgAgt")] = None


class RequestedPayment(Part, frozen=True, kw_only=True):
    """One payment asked for.

    Attributes:
        instruction: point to point, 1-35 characters.
        end_to_end: from payee to payer and back with the payment, 1-35 characters.
        uetr: version 4 UUID in lower case.
        amount: asked for; an amount to be converted from another currency is in ``kept``.
        amount_may_change: the payer may pay another amount.
        charge_bearer: who bears the charges.
        ultimate_debtor: on whose behalf the debtor is to pay.
        creditor_agent: the payee's institution.
        creditor: the payee.
        creditor_account: the payee's account.
        ultimate_creditor: for whom the creditor receives.
        purpose: why (code set ExternalPurpose).
        remittance: free text, each 1-140 characters.
    """

    instruction: Annotated[str | None, At("PmtId/InstrId")] = None
    end_to_end: Annotated[str, At("PmtId/EndToEndId")]
    uetr: Annotated[str | None, At("PmtId/UETR")] = None
    amount: Annotated[Amount | None, At("Amt/InstdAmt")] = None
    amount_may_change: Annotated[bool | None, At("PmtCond/AmtModAllwd")] = None
    charge_bearer: Annotated[ChargeBearer | None, At("ChrgBr")] = None
    ultimate_debtor: Annotated[Party | None, At("UltmtDbtr")] = None
    creditor_agent: Annotated[Agent, At("CdtrAgt")]
    creditor: Annotated[Party, At("Cdtr")]
    creditor_account: Annotated[Account | None, At("CdtrAcct")] = None
    ultimate_creditor: Annotated[Party | None, At("UltmtCdtr")] = None
    purpose: Annotated[Coded | None, At("Purp")] = None
    remittance: Annotated[tuple[str, ...], At("RmtInf/Ustrd")] = ()


class PaymentRequest(Part, frozen=True, kw_only=True):
    """What is asked of one payer.

    Attributes:
        id: of the group of payments, 1-35 characters.
        method: ``TRF`` transfer or ``CHK`` cheque.
        priority: of the payments.
        execute: when the payer is to pay.
        expires: until when the payer may decide.
        debtor: the payer.
        debtor_account: the payer's account or alias.
        debtor_agent: the payer's institution.
        charge_bearer: who bears the charges of all of them.
        payments: one or more.
    """

    id: Annotated[str | None, At("PmtInfId")] = None
    method: Annotated[Literal["TRF", "CHK"], At("PmtMtd")]
    priority: Annotated[Priority | None, At("PmtTpInf/InstrPrty")] = None
    execute: Annotated[When | None, At("ReqdExctnDt")] = None
    expires: Annotated[When | None, At("XpryDt")] = None
    debtor: Annotated[Party, At("Dbtr")]
    debtor_account: Annotated[Account | None, At("DbtrAcct")] = None
    debtor_agent: Annotated[Agent, At("DbtrAgt")]
    charge_bearer: Annotated[ChargeBearer | None, At("ChrgBr")] = None
    payments: Annotated[tuple[RequestedPayment, ...], At("CdtTrfTx")]


class RequestToPay(Message, frozen=True, kw_only=True):
    """CreditorPaymentActivationRequest, pain.013.

    Attributes:
        header: of the message.
        requests: one or more payers.

    Raises:
        MalformedError: ``transaction_count_wrong``, or ``control_sum_wrong`` when every amount is stated.
    """

    header: Annotated[RequestHeader, At("GrpHdr")]
    requests: Annotated[tuple[PaymentRequest, ...], At("PmtInf")]

    def __post_init__(self) -> None:
        payments = [payment for request in self.requests for payment in request.payments]
        amounts = [payment.amount for payment in payments if payment.amount is not None]
        header = self.header
        # An amount still to be converted from another currency is not ours to add up.
        control_sum = header.control_sum if len(amounts) == len(payments) else None
        check_totals(HEADER, amounts, count=header.transaction_count, found=len(payments), control_sum=control_sum)


class RequestStatusHeader(Part, frozen=True, kw_only=True):
    """What holds for the whole report.

    Attributes:
        message_id: 1-35 characters, unique per sender.
        created_at: when the message was made.
        initiating_party: who reports.
        forwarding_agent: passes the report on.
        debtor_agent: the payer's institution.
        creditor_agent: the payee's institution.
    """

    message_id: Annotated[str, At("MsgId")]
    created_at: Annotated[datetime, At("CreDtTm")]
    initiating_party: Annotated[Party, At("InitgPty")]
    forwarding_agent: Annotated[Agent | None, At("FwdgAgt")] = None
    debtor_agent: Annotated[Agent | None, At("DbtrAgt")] = None
    creditor_agent: Annotated[Agent | None, At("CdtrAgt")] = None


class RequestGroupStatus(OriginalMessage, frozen=True, kw_only=True):
    """The request reported on, and its status as a whole.

    Attributes:
        status: code set ExternalPaymentGroupStatus.
        reasons: for the status.
    """

    status: Annotated[str | None, At("GrpSts")] = None
    reasons: Annotated[tuple[Reason, ...], At("StsRsnInf")] = ()


class RequestedPaymentStatus(Part, frozen=True, kw_only=True):
    """Status of one payment asked for.

    Attributes:
        status_id: of this status, 1-35 characters.
        instruction: of the request, 1-35 characters.
        end_to_end: of the request, 1-35 characters.
        uetr: of the request, version 4 UUID in lower case.
        status: code set ExternalPaymentTransactionStatus.
        reasons: for the status.
        accepted_amount: what the payer agreed to pay.
        decided_at: when the payer decided.
        accepted_at: when the payer's institution took the payment on.
    """

    status_id: Annotated[str | None, At("StsId")] = None
    instruction: Annotated[str | None, At("OrgnlInstrId")] = None
    end_to_end: Annotated[str | None, At("OrgnlEndToEndId")] = None
    uetr: Annotated[str | None, At("OrgnlUETR")] = None
    status: Annotated[str | None, At("TxSts")] = None
    reasons: Annotated[tuple[Reason, ...], At("StsRsnInf")] = ()
    accepted_amount: Annotated[Amount | None, At("PmtCondSts/AccptdAmt")] = None
    decided_at: Annotated[datetime | None, At("DbtrDcsnDtTm")] = None
    accepted_at: Annotated[datetime | None, At("AccptncDtTm")] = None


class PaymentRequestStatus(Part, frozen=True, kw_only=True):
    """Status of what was asked of one payer.

    Attributes:
        id: of the group of payments, 1-35 characters.
        status: of all of them, code set ExternalPaymentGroupStatus.
        reasons: for the status.
        payments: one by one.
    """

    id: Annotated[str, At("OrgnlPmtInfId")]
    status: Annotated[str | None, At("PmtInfSts")] = None
    reasons: Annotated[tuple[Reason, ...], At("StsRsnInf")] = ()
    payments: Annotated[tuple[RequestedPaymentStatus, ...], At("TxInfAndSts")] = ()


class RequestToPayStatus(Message, frozen=True, kw_only=True):
    """CreditorPaymentActivationRequestStatusReport, pain.014.

    Attributes:
        header: of the report.
        original: the request.
        requests: payer by payer.
    """

    header: Annotated[RequestStatusHeader, At("GrpHdr")]
    original: Annotated[RequestGroupStatus, At("OrgnlGrpInfAndSts")]
    requests: Annotated[tuple[PaymentRequestStatus, ...], At("OrgnlPmtInfAndSts")] = ()
