"""pacs.008, the customer credit transfer between financial institutions: versions 13 and 8.

Between countries version 13 travels: it alone can name the accepted quote and its rate (``AgreedRate``) and the moment
the offer of payment ends. Version 8 is what domestic systems speak; ``conversion`` turns one into the other.

A message carries one transaction or many. Whether a bulk may mix currencies or settlement dates is the service's rule;
here only what ISO 20022 itself says of a group is checked: the number of transactions, the control sum and the total.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.part import At, Message, Part
from darwaza.standards.iso20022.party import Account, Agent, Coded, Party
from darwaza.standards.iso20022.payment import (
    AgreedRate,
    Charge,
    ChargeBearer,
    PaymentId,
    PaymentType,
    Settlement,
    SettlementPriority,
    check_totals,
)

HEADER = "/Document/FIToFICstmrCdtTrf/GrpHdr"


class Header(Part, frozen=True, kw_only=True):
    """What holds for the whole message.

    Attributes:
        message_id: 1-35 characters, unique per sender.
        created_at: when the message was made.
        expires_at: after this moment it must not be executed; version 13 only.
        transaction_count: number of transactions.
        control_sum: sum of all settlement amounts, whatever their currency.
        total: sum of all settlement amounts when they share a currency.
        settled_on: day of settlement, when it is the same for all.
        settlement: how the agents settle.
        payment_type: of every transaction that does not name its own.
        instructing_agent: sends the message, when it is the same for all.
        instructed_agent: receives it, when it is the same for all.
    """

    message_id: Annotated[str, At("MsgId")]
    created_at: Annotated[datetime, At("CreDtTm")]
    expires_at: Annotated[datetime | None, At("XpryDtTm")] = None
    transaction_count: Annotated[int, At("NbOfTxs")]
    control_sum: Annotated[Decimal | None, At("CtrlSum")] = None
    total: Annotated[Amount | None, At("TtlIntrBkSttlmAmt")] = None
    settled_on: Annotated[date | None, At("IntrBkSttlmDt")] = None
    settlement: Annotated[Settlement, At("SttlmInf")]
    payment_type: Annotated[PaymentType | None, At("PmtTpInf")] = None
    instructing_agent: Annotated[Agent | None, At("InstgAgt")] = None
    instructed_agent: Annotated[Agent | None, At("InstdAgt")] = None


class CreditTransferTransaction(Part, frozen=True, kw_only=True):
    """One payment.

    Attributes:
        id: by what it is known.
        payment_type: what kind of payment it is.
        amount: what is settled between the agents of this leg.
        settled_on: day of settlement.
        settlement_priority: asked of the settlement system.
        accepted_at: when the payer's agent took the payment on; since version 12 under ``AddtlDtTm``.
        expires_at: after this moment it must not be executed; version 13 only.
        instructed_amount: what the payer ordered; between countries, exactly what the payer is debited.
        exchange_rate: from the currency of ``instructed_amount`` to that of ``amount``.
        agreed_rate: of the accepted quote; version 13 only.
        charge_bearer: who bears the charges.
        charges: fees taken.
        instructing_agent: sends this leg.
        instructed_agent: receives this leg.
        intermediary_1: first agent between the payer's and the payee's.
        intermediary_1_account: its account.
        intermediary_2: second agent between them.
        intermediary_2_account: its account.
        ultimate_debtor: on whose behalf the debtor pays.
        initiating_party: who gave the order, if not the debtor.
        debtor: the payer.
        debtor_account: the payer's account.
        debtor_agent: the payer's institution.
        creditor_agent: the payee's institution.
        creditor: the payee.
        creditor_account: the payee's account or alias.
        ultimate_creditor: for whom the creditor receives.
        purpose: why the payment is made (code set ExternalPurpose).
        remittance: free text for the payee, each 1-140 characters; structured remittance is in ``kept``.
    """

    id: Annotated[PaymentId, At("PmtId")]
    payment_type: Annotated[PaymentType | None, At("PmtTpInf")] = None
    amount: Annotated[Amount, At("IntrBkSttlmAmt")]
    settled_on: Annotated[date | None, At("IntrBkSttlmDt")] = None
    settlement_priority: Annotated[SettlementPriority | None, At("SttlmPrty")] = None
    accepted_at: Annotated[datetime | None, At("AddtlDtTm/AccptncDtTm", "AccptncDtTm")] = None
    expires_at: Annotated[datetime | None, At("AddtlDtTm/XpryDtTm")] = None
    instructed_amount: Annotated[Amount | None, At("InstdAmt")] = None
    exchange_rate: Annotated[Decimal | None, At("XchgRate")] = None
    agreed_rate: Annotated[AgreedRate | None, At("AgrdRate")] = None
    charge_bearer: Annotated[ChargeBearer, At("ChrgBr")]
    charges: Annotated[tuple[Charge, ...], At("ChrgsInf")] = ()
    instructing_agent: Annotated[Agent | None, At("InstgAgt")] = None
    instructed_agent: Annotated[Agent | None, At("InstdAgt")] = None
    intermediary_1: Annotated[Agent | None, At("IntrmyAgt1")] = None
    intermediary_1_account: Annotated[Account | None, At("IntrmyAgt1Acct")] = None
    intermediary_2: Annotated[Agent | None, At("IntrmyAgt2")] = None
    intermediary_2_account: Annotated[Account | None, At("IntrmyAgt2Acct")] = None
    ultimate_debtor: Annotated[Party | None, At("UltmtDbtr")] = None
    initiating_party: Annotated[Party | None, At("InitgPty")] = None
    debtor: Annotated[Party, At("Dbtr")]
    debtor_account: Annotated[Account | None, At("DbtrAcct")] = None
    debtor_agent: Annotated[Agent, At("DbtrAgt")]
    creditor_agent: Annotated[Agent, At("CdtrAgt")]
    creditor: Annotated[Party, At("Cdtr")]
    creditor_account: Annotated[Account | None, At("CdtrAcct")] = None
    ultimate_creditor: Annotated[Party | None, At("UltmtCdtr")] = None
    purpose: Annotated[Coded | None, At("Purp")] = None
    remittance: Annotated[tuple[str, ...], At("RmtInf/Ustrd")] = ()


class CreditTransfer(Message, frozen=True, kw_only=True):
    """FIToFICustomerCreditTransfer.

    Attributes:
        header: of the group.
        transactions: one or more.

    Raises:
        MalformedError: the header's counts and sums are not those of the transactions (``check_totals``).
    """

    header: Annotated[Header, At("GrpHdr")]
    transactions: Annotated[tuple[CreditTransferTransaction, ...], At("CdtTrfTxInf")]

    def __post_init__(self) -> None:
        header = self.header
        check_totals(
            HEADER,
            [transaction.amount for transaction in self.transactions],
            count=header.transaction_count,
            control_sum=header.control_sum,
            total=header.total,
        )
