"""camt.053, the account statement, and camt.054, the notice of entries: version 12 of both.

A statement has a gap-free number, opening and closing balances and every entry between them; a notice tells of entries
as they are made. Both describe an entry the same way.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.part import At, Message, Part
from darwaza.standards.iso20022.party import Account, Agent, Coded, Party, PartyOrAgent
from darwaza.standards.iso20022.payment import Direction, Reason, When


class ReportHeader(Part, frozen=True, kw_only=True):
    """What holds for the whole message.

    Attributes:
        message_id: 1-35 characters, unique per sender.
        created_at: when the message was made.
        recipient: for whom, if not the account's owner.
        page: 1 and up, when the message is split.
        last_page: whether more follow.
    """

    message_id: Annotated[str, At("MsgId")]
    created_at: Annotated[datetime, At("CreDtTm")]
    recipient: Annotated[Party | None, At("MsgRcpt")] = None
    page: Annotated[int | None, At("MsgPgntn/PgNb")] = None
    last_page: Annotated[bool | None, At("MsgPgntn/LastPgInd")] = None


class ReportedAccount(Account, frozen=True, kw_only=True):
    """The account reported on.

    Attributes:
        owner: whose it is.
        servicer: the institution that keeps it.
    """

    owner: Annotated[Party | None, At("Ownr")] = None
    servicer: Annotated[Agent | None, At("Svcr")] = None


class BankTransactionCode(Part, frozen=True, kw_only=True):
    """What kind of entry it is, by ISO's tree of bank transaction codes or one's own.

    Attributes:
        domain: ``PMNT`` payments, ``FORX`` foreign exchange ...
        family: ``RCDT`` received, ``ICDT`` issued credit transfers ...
        sub_family: ``XBCT`` cross-border, ``BOOK`` internal ...
        proprietary: 1-35 characters, instead of the three.
    """

    domain: Annotated[str | None, At("Domn/Cd")] = None
    family: Annotated[str | None, At("Domn/Fmly/Cd")] = None
    sub_family: Annotated[str | None, At("Domn/Fmly/SubFmlyCd")] = None
    proprietary: Annotated[str | None, At("Prtry/Cd")] = None


class Balance(Part, frozen=True, kw_only=True):
    """A balance at a time.

    Attributes:
        type: ``OPBD`` opening booked, ``CLBD`` closing booked, ``CLAV`` closing available ...
        amount: without a sign.
        direction: ``CRDT`` when the owner has money, ``DBIT`` when it owes.
        at: when.
    """

    type: Annotated[Coded, At("Tp/CdOrPrtry")]
    amount: Annotated[Amount, At("Amt")]
    direction: Annotated[Direction, At("CdtDbtInd")]
    at: Annotated[When, At("Dt")]


class EntryTransaction(Part, frozen=True, kw_only=True):
    """One payment behind an entry.

    Attributes:
        message_id: of the message that caused it, 1-35 characters.
        servicer_reference: given by the account's institution, 1-35 characters.
        instruction: of the payment, 1-35 characters.
        end_to_end: of the payment, 1-35 characters.
        uetr: of the payment, version 4 UUID in lower case.
        transaction: of the payment, 1-35 characters.
        clearing_reference: given by the clearing system, 1-35 characters.
        amount: of the payment in the account's currency.
        direction: of the payment.
        instructed_amount: as ordered by the payer.
        debtor: the payer.
        debtor_account: the payer's account.
        creditor: the payee.
        creditor_account: the payee's account.
        debtor_agent: the payer's institution.
        creditor_agent: the payee's institution.
        purpose: why the payment was made.
        remittance: free text, each 1-140 characters.
        return_reason: why it came back, when it is a return.
        text: additional information, 1-500 characters.
    """

    message_id: Annotated[str | None, At("Refs/MsgId")] = None
    servicer_reference: Annotated[str | None, At("Refs/AcctSvcrRef")] = None
    instruction: Annotated[str | None, At("Refs/InstrId")] = None
    end_to_end: Annotated[str | None, At("Refs/EndToEndId")] = None
    uetr: Annotated[str | None, At("Refs/UETR")] = None
    transaction: Annotated[str | None, At("Refs/TxId")] = None
    clearing_reference: Annotated[str | None, At("Refs/ClrSysRef")] = None
    amount: Annotated[Amount | None, At("Amt")] = None
    direction: Annotated[Direction | None, At("CdtDbtInd")] = None
    instructed_amount: Annotated[Amount | None, At("AmtDtls/InstdAmt/Amt")] = None
    debtor: Annotated[PartyOrAgent | None, At("RltdPties/Dbtr")] = None
    debtor_account: Annotated[Account | None, At("RltdPties/DbtrAcct")] = None
    creditor: Annotated[PartyOrAgent | None, At("RltdPties/Cdtr")] = None
    creditor_account: Annotated[Account | None, At("RltdPties/CdtrAcct")] = None
    debtor_agent: Annotated[Agent | None, At("RltdAgts/DbtrAgt")] = None
    creditor_agent: Annotated[Agent | None, At("RltdAgts/CdtrAgt")] = None
    purpose: Annotated[Coded | None, At("Purp")] = None
    remittance: Annotated[tuple[str, ...], At("RmtInf/Ustrd")] = ()
    return_reason: Annotated[Reason | None, At("RtrInf")] = None
    text: Annotated[str | None, At("AddtlTxInf")] = None


class EntryDetails(Part, frozen=True, kw_only=True):
    """The payments behind an entry; where they were booked as a batch, with what the batch comes to.

    Attributes:
        message_id: of the message that the batch came in, 1-35 characters.
        transaction_count: payments in the batch.
        total: of the batch, in the account's currency.
        direction: of the batch.
        transactions: in any number.
    """

    message_id: Annotated[str | None, At("Btch/MsgId")] = None
    transaction_count: Annotated[int | None, At("Btch/NbOfTxs")] = None
    total: Annotated[Amount | None, At("Btch/TtlAmt")] = None
    direction: Annotated[Direction | None, At("Btch/CdtDbtInd")] = None
    transactions: Annotated[tuple[EntryTransaction, ...], At("TxDtls")] = ()


class Entry(Part, frozen=True, kw_only=True):
    """One booking on the account.

    Attributes:
        reference: unique in the report, 1-35 characters.
        amount: without a sign, in the account's currency.
        direction: ``CRDT`` adds to the account, ``DBIT`` takes from it.
        reversal: it undoes an earlier entry.
        status: ``BOOK`` booked, ``PDNG`` pending, ``INFO`` for information.
        booked: when it was booked.
        value: when it counts for interest and availability.
        servicer_reference: given by the account's institution, 1-35 characters.
        code: what kind of entry it is.
        details: the payments behind it.
        text: additional information, 1-500 characters.
    """

    reference: Annotated[str | None, At("NtryRef")] = None
    amount: Annotated[Amount, At("Amt")]
    direction: Annotated[Direction, At("CdtDbtInd")]
    reversal: Annotated[bool | None, At("RvslInd")] = None
    status: Annotated[Coded, At("Sts")]
    booked: Annotated[When | None, At("BookgDt")] = None
    value: Annotated[When | None, At("ValDt")] = None
    servicer_reference: Annotated[str | None, At("AcctSvcrRef")] = None
    code: Annotated[BankTransactionCode, At("BkTxCd")]
    details: Annotated[tuple[EntryDetails, ...], At("NtryDtls")] = ()
    text: Annotated[str | None, At("AddtlNtryInf")] = None


class Report(Part, frozen=True, kw_only=True):
    """What a statement and a notice have in common.

    Attributes:
        id: 1-35 characters, unique per account.
        sequence: electronic sequence number, without gaps per account.
        created_at: when it was made.
        since: start of the period reported on.
        until: end of it.
        account: reported on.
        entries: bookings, oldest first.
    """

    id: Annotated[str, At("Id")]
    sequence: Annotated[Decimal | None, At("ElctrncSeqNb")] = None
    created_at: Annotated[datetime | None, At("CreDtTm")] = None
    since: Annotated[datetime | None, At("FrToDt/FrDtTm")] = None
    until: Annotated[datetime | None, At("FrToDt/ToDtTm")] = None
    account: Annotated[ReportedAccount, At("Acct")]
    entries: Annotated[tuple[Entry, ...], At("Ntry")] = ()


class AccountStatement(Report, frozen=True, kw_only=True):
    """The statement of one account.

    Attributes:
        balances: one or more.
        text: additional information, 1-500 characters.
    """

    balances: Annotated[tuple[Balance, ...], At("Bal")]
    text: Annotated[str | None, At("AddtlStmtInf")] = None


class Statement(Message, frozen=True, kw_only=True):
    """BankToCustomerStatement, camt.053.

    Attributes:
        header: of the message.
        statements: one or more.
    """

    header: Annotated[ReportHeader, At("GrpHdr")]
    statements: Annotated[tuple[AccountStatement, ...], At("Stmt")]


class AccountNotification(Report, frozen=True, kw_only=True):
    """The notice of entries on one account.

    Attributes:
        text: additional information, 1-500 characters.
    """

    text: Annotated[str | None, At("AddtlNtfctnInf")] = None


class Notification(Message, frozen=True, kw_only=True):
    """BankToCustomerDebitCreditNotification, camt.054.

    Attributes:
        header: of the message.
        notifications: one or more.
    """

    header: Annotated[ReportHeader, At("GrpHdr")]
    notifications: Annotated[tuple[AccountNotification, ...], At("Ntfctn")]
