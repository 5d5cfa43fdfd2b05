"""pacs.004, the return of payments that had been settled: version 14.

A return moves money back under an identifier of its own and names the original. On whose account the exchange goes is
the service's rule; the message carries what is returned, at which rate, and why.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.part import At, Message, Part
from darwaza.standards.iso20022.party import Account, Agent, PartyOrAgent
from darwaza.standards.iso20022.payment import (
    AgreedRate,
    Charge,
    ChargeBearer,
    OriginalMessage,
    PaymentType,
    Reason,
    Settlement,
    SettlementPriority,
    check_totals,
)

HEADER = "/Document/PmtRtr/GrpHdr"


class ReturnHeader(Part, frozen=True, kw_only=True):
    """What holds for the whole message.

    Attributes:
        message_id: 1-35 characters, unique per sender.
        created_at: when the message was made.
        transaction_count: number of transactions; of the original message when ``whole_group``.
        control_sum: sum of all returned amounts, whatever their currency.
        whole_group: the whole original message is returned, and no transaction is listed.
        total: sum of all returned amounts when they share a currency.
        settled_on: day of settlement, when it is the same for all.
        settlement: how the agents settle.
        payment_type: of every transaction that does not name its own.
        instructing_agent: sends the message.
        instructed_agent: receives it.
    """

    message_id: Annotated[str, At("MsgId")]
    created_at: Annotated[datetime, At("CreDtTm")]
    transaction_count: Annotated[int, At("NbOfTxs")]
    control_sum: Annotated[Decimal | None, At("CtrlSum")] = None
    whole_group: Annotated[bool | None, At("GrpRtr")] = None
    total: Annotated[Amount | None, At("TtlRtrdIntrBkSttlmAmt")] = None
    settled_on: Annotated[date | None, At("IntrBkSttlmDt")] = None
    settlement: Annotated[Settlement, At("SttlmInf")]
    payment_type: Annotated[PaymentType | None, At("PmtTpInf")] = None
    instructing_agent: Annotated[Agent | None, At("InstgAgt")] = None
    instructed_agent: Annotated[Agent | None, At("InstdAgt")] = None


class ReturnChain(Part, frozen=True, kw_only=True):
    """Who pays the return to whom: the original's creditor is its debtor.

    Attributes:
        debtor: pays back.
        debtor_account: its account.
        debtor_agent: its institution.
        intermediary_1: first agent between the two institutions.
        intermediary_2: second agent between them.
        creditor_agent: the institution of who is paid back.
        creditor: is paid back.
        creditor_account: its account.
    """

    debtor: Annotated[PartyOrAgent, At("Dbtr")]
    debtor_account: Annotated[Account | None, At("DbtrAcct")] = None
    debtor_agent: Annotated[Agent | None, At("DbtrAgt")] = None
    intermediary_1: Annotated[Agent | None, At("IntrmyAgt1")] = None
    intermediary_2: Annotated[Agent | None, At("IntrmyAgt2")] = None
    creditor_agent: Annotated[Agent | None, At("CdtrAgt")] = None
    creditor: Annotated[PartyOrAgent, At("Cdtr")]
    creditor_account: Annotated[Account | None, At("CdtrAcct")] = None


class ReturnTransaction(Part, frozen=True, kw_only=True):
    """One payment returned.

    Attributes:
        return_id: of this return, 1-35 characters.
        original: the message the payment was in, when that differs between transactions.
        instruction: of the original, 1-35 characters.
        end_to_end: of the original, 1-35 characters.
        transaction: of the original, 1-35 characters.
        uetr: of the original, version 4 UUID in lower case.
        original_amount: what had been settled.
        original_settled_on: when it had been settled.
        payment_type: of the return.
        amount: what is settled now.
        settled_on: day of settlement of the return.
        settlement_priority: asked of the settlement system.
        returned_amount: before charges and exchange, in the currency of the order.
        exchange_rate: applied to ``returned_amount``.
        agreed_rate: of an accepted quote.
        charge_bearer: who bears the charges of the return.
        charges: fees taken from the return.
        clearing_reference: given by the clearing system, 1-35 characters.
        instructing_agent: sends this leg.
        instructed_agent: receives this leg.
        chain: who pays whom.
        reasons: why (``codes.RETURN_REASONS``).
    """

    return_id: Annotated[str | None, At("RtrId")] = None
    original: Annotated[OriginalMessage | None, At("OrgnlGrpInf")] = None
    instruction: Annotated[str | None, At("OrgnlInstrId")] = None
    end_to_end: Annotated[str | None, At("OrgnlEndToEndId")] = None
    transaction: Annotated[str | None, At("OrgnlTxId")] = None
    uetr: Annotated[str | None, At("OrgnlUETR")] = None
    original_amount: Annotated[Amount | None, At("OrgnlIntrBkSttlmAmt")] = None
    original_settled_on: Annotated[date | None, At("OrgnlIntrBkSttlmDt")] = None
    payment_type: Annotated[PaymentType | None, At("PmtTpInf")] = None
    amount: Annotated[Amount, At("RtrdIntrBkSttlmAmt")]
    settled_on: Annotated[date | None, At("IntrBkSttlmDt")] = None
    settlement_priority: Annotated[SettlementPriority | None, At("SttlmPrty")] = None
    returned_amount: Annotated[Amount | None, At("RtrdInstdAmt")] = None
    exchange_rate: Annotated[Decimal | None, At("XchgRate")] = None
    agreed_rate: Annotated[AgreedRate | None, At("AgrdRate")] = None
    charge_bearer: Annotated[ChargeBearer | None, At("ChrgBr")] = None
    charges: Annotated[tuple[Charge, ...], At("ChrgsInf")] = ()
    clearing_reference: Annotated[str | None, At("ClrSysRef")] = None
    instructing_agent: Annotated[Agent | None, At("InstgAgt")] = None
    instructed_agent: Annotated[Agent | None, At("InstdAgt")] = None
    chain: Annotated[ReturnChain | None, At("RtrChain")] = None
    reasons: Annotated[tuple[Reason, ...], At("RtrRsnInf")] = ()


class OriginalGroup(OriginalMessage, frozen=True, kw_only=True):
    """The message whose payments are returned.

    Attributes:
        reasons: why, when it is the same for all.
    """

    reasons: Annotated[tuple[Reason, ...], At("RtrRsnInf")] = ()


class PaymentReturn(Message, frozen=True, kw_only=True):
    """PaymentReturn.

    Attributes:
        header: of the message.
        original: the message whose payments are returned, when it is the same for all.
        transactions: those returned; none when ``header.whole_group``.

    Raises:
        MalformedError: the header's counts and sums are not those of the transactions (``check_totals``).
    """

    header: Annotated[ReturnHeader, At("GrpHdr")]
    original: Annotated[OriginalGroup | None, At("OrgnlGrpInf")] = None
    transactions: Annotated[tuple[ReturnTransaction, ...], At("TxInf")] = ()

    def __post_init__(self) -> None:
        header = self.header
        if header.whole_group and not self.transactions:
            return
        check_totals(
            HEADER,
            [transaction.amount for transaction in self.transactions],
            count=header.transaction_count,
            control_sum=header.control_sum,
            total=header.total,
        )
