"""pacs.009, the credit transfer of financial institutions on their own account: version 12.

Here it is the settlement instruction of a netting cycle: what one member's settlement bank pays another's.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.part import At, Message, Part
from darwaza.standards.iso20022.party import Account, Agent, Coded
from darwaza.standards.iso20022.payment import PaymentId, PaymentType, Settlement, SettlementPriority, check_totals

HEADER = "/Document/FICdtTrf/GrpHdr"


class InstitutionHeader(Part, frozen=True, kw_only=True):
    """What holds for the whole message.

    Attributes:
        message_id: 1-35 characters, unique per sender.
        created_at: when the message was made.
        transaction_count: number of transactions.
        control_sum: sum of all settlement amounts, whatever their currency.
        total: sum of all settlement amounts when they share a currency.
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
    total: Annotated[Amount | None, At("TtlIntrBkSttlmAmt")] = None
    settled_on: Annotated[date | None, At("IntrBkSttlmDt")] = None
    settlement: Annotated[Settlement, At("SttlmInf")]
    payment_type: Annotated[PaymentType | None, At("PmtTpInf")] = None
    instructing_agent: Annotated[Agent | None, At("InstgAgt")] = None
    instructed_agent: Annotated[Agent | None, At("InstdAgt")] = None


class InstitutionTransaction(Part, frozen=True, kw_only=True):
    """One payment between institutions.

    Attributes:
        id: by what it is known.
        payment_type: what kind of payment it is.
        amount: what is settled.
        settled_on: day of settlement.
        settlement_priority: asked of the settlement system.
        expires_at: after this moment it must not be executed.
        instructing_agent: sends this leg.
        instructed_agent: receives this leg.
        debtor: pays.
        debtor_account: its account.
        debtor_agent: the institution that keeps the debtor's account.
        creditor_agent: the institution that keeps the creditor's account.
        creditor: is paid.
        creditor_account: its account.
        purpose: why the payment is made (code set ExternalPurpose).
        remittance: free text, each 1-140 characters.
    """

    id: Annotated[PaymentId, At("PmtId")]
    payment_type: Annotated[PaymentType | None, At("PmtTpInf")] = None
    amount: Annotated[Amount, At("IntrBkSttlmAmt")]
    settled_on: Annotated[date | None, At("IntrBkSttlmDt")] = None
    settlement_priority: Annotated[SettlementPriority | None, At("SttlmPrty")] = None
    expires_at: Annotated[datetime | None, At("XpryDtTm")] = None
    instructing_agent: Annotated[Agent | None, At("InstgAgt")] = None
    instructed_agent: Annotated[Agent | None, At("InstdAgt")] = None
    debtor: Annotated[Agent, At("Dbtr")]
    debtor_account: Annotated[Account | None, At("DbtrAcct")] = None
    debtor_agent: Annotated[Agent | None, At("DbtrAgt")] = None
    creditor_agent: Annotated[Agent | None, At("CdtrAgt")] = None
    creditor: Annotated[Agent, At("Cdtr")]
    creditor_account: Annotated[Account | None, At("CdtrAcct")] = None
    purpose: Annotated[Coded | None, At("Purp")] = None
    remittance: Annotated[tuple[str, ...], At("RmtInf/Ustrd")] = ()


class InstitutionTransfer(Message, frozen=True, kw_only=True):
    """FinancialInstitutionCreditTransfer.

    Attributes:
        header: of the group.
        transactions: one or more.

    Raises:
        MalformedError: the header's counts and sums are not those of the transactions (``check_totals``).
    """

    header: Annotated[InstitutionHeader, At("GrpHdr")]
    transactions: Annotated[tuple[InstitutionTransaction, ...], At("CdtTrfTxInf")]

    def __post_init__(self) -> None:
        header = self.header
        check_totals(
            HEADER,
            [transaction.amount for transaction in self.transactions],
            count=header.transaction_count,
            control_sum=header.control_sum,
            total=header.total,
        )
