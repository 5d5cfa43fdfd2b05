"""Pieces that payment messages share: identifiers, kind of payment, rates, charges, reasons, references."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from darwaza.errors import MalformedError
from darwaza.standards.iso20022.amount import Amount
from darwaza.standards.iso20022.part import At, Part
from darwaza.standards.iso20022.party import Account, Agent, Coded, Party

Priority = Literal["HIGH", "NORM"]
ChargeBearer = Literal["DEBT", "CRED", "SHAR", "SLEV"]
SettlementMethod = Literal["INDA", "INGA", "COVE", "CLRG"]
SettlementPriority = Literal["URGT", "HIGH", "NORM"]
Direction = Literal["CRDT", "DBIT"]


class PaymentId(Part, frozen=True, kw_only=True):
    """By what a payment is known, to whom.

    Attributes:
        instruction: point to point, 1-35 characters.
        end_to_end: from payer to payee, unchanged, 1-35 characters; ``NOTPROVIDED`` when the payer gave none.
        transaction: from first agent to last, unchanged, 1-35 characters.
        uetr: unique for ever and everywhere: a version 4 UUID in lower case.
        clearing_reference: given by the clearing system, 1-35 characters.
    """

    instruction: Annotated[str | None, At("InstrId")] = None
    end_to_end: Annotated[str, At("EndToEndId")]
    transaction: Annotated[str | None, At("TxId")] = None
    uetr: Annotated[str | None, At("UETR")] = None
    clearing_reference: Annotated[str | None, At("ClrSysRef")] = None


class PaymentType(Part, frozen=True, kw_only=True):
    """What kind of payment it is.

    Attributes:
        priority: ``HIGH`` is time-critical.
        service_levels: agreed services.
        local_instrument: a kind of payment of one community.
        category_purpose: for the agents' handling (code set ExternalCategoryPurpose).
    """

    priority: Annotated[Priority | None, At("InstrPrty")] = None
    service_levels: Annotated[tuple[Coded, ...], At("SvcLvl")] = ()
    local_instrument: Annotated[Coded | None, At("LclInstrm")] = None
    category_purpose: Annotated[Coded | None, At("CtgyPurp")] = None


class Settlement(Part, frozen=True, kw_only=True):
    """How the agents settle between them.

    Attributes:
        method: ``CLRG`` through a clearing system, ``INDA``/``INGA`` on an account at the instructed or instructing
            agent, ``COVE`` by a separate cover payment.
        account: the account used.
        clearing_system: the system used.
    """

    method: Annotated[SettlementMethod, At("SttlmMtd")]
    account: Annotated[Account | None, At("SttlmAcct")] = None
    clearing_system: Annotated[Coded | None, At("ClrSys")] = None


class AgreedRate(Part, frozen=True, kw_only=True):
    """The exchange rate of an accepted quote; in pacs.008 only since version 13 of the message.

    Attributes:
        unit_currency: one unit of it costs ``rate`` of the quoted currency; ISO 4217.
        quoted_currency: ISO 4217.
        rate: at most 11 digits, 10 of them after the point.
        quoted_at: when the quote was given.
        quote_id: the quote, a version 4 UUID in lower case.
        provider: the institution that exchanges.
    """

    unit_currency: Annotated[str | None, At("UnitCcy")] = None
    quoted_currency: Annotated[str | None, At("QtdCcy")] = None
    rate: Annotated[Decimal, At("PreAgrdXchgRate")]
    quoted_at: Annotated[datetime | None, At("QtnDtTm")] = None
    quote_id: Annotated[str | None, At("QtId")] = None
    provider: Annotated[Agent | None, At("FXAgt")] = None


class Charge(Part, frozen=True, kw_only=True):
    """A fee, and who took it.

    Attributes:
        amount: in the currency it was taken in.
        agent: who took it.
    """

    amount: Annotated[Amount, At("Amt")]
    agent: Annotated[Agent, At("Agt")]


class When(Part, frozen=True, kw_only=True):
    """A day or a moment. Exactly one is set.

    Attributes:
        on: the day.
        at: the moment, aware UTC.
    """

    on: Annotated[date | None, At("Dt")] = None
    at: Annotated[datetime | None, At("DtTm")] = None


class Reason(Part, frozen=True, kw_only=True):
    """Why a status, a return or a cancellation was given.

    Attributes:
        originator: who gave the reason.
        reason: the code (``codes``).
        texts: additional information, each 1-105 characters.
    """

    originator: Annotated[Party | None, At("Orgtr")] = None
    reason: Annotated[Coded | None, At("Rsn")] = None
    texts: Annotated[tuple[str, ...], At("AddtlInf")] = ()


class OriginalMessage(Part, frozen=True, kw_only=True):
    """The message that another one is about.

    Attributes:
        message_id: its own identifier, 1-35 characters.
        message_name: its message definition identifier, ``pacs.008.001.13``.
        created_at: when it was made.
    """

    message_id: Annotated[str, At("OrgnlMsgId")]
    message_name: Annotated[str, At("OrgnlMsgNmId")]
    created_at: Annotated[datetime | None, At("OrgnlCreDtTm")] = None


def check_totals(
    pointer: str,
    amounts: list[Amount],
    *,
    count: int,
    found: int | None = None,
    control_sum: Decimal | None,
    total: Amount | None = None,
) -> None:
    """Compare what a group header says of its transactions with the transactions (ISO 20022 message rules).

    Args:
        pointer: path of the group header.
        amounts: of the transactions.
        count: number of transactions announced.
        found: number of transactions there are, when some have no amount.
        control_sum: sum of all amounts whatever their currency, if given.
        total: sum of all amounts, which then share its currency, if given.

    Raises:
        MalformedError: ``transaction_count_wrong``, ``control_sum_wrong`` or ``total_wrong``.
    """
    found = len(amounts) if found is None else found
    if count != found:
        raise MalformedError(
            f"{count} transactions announced, {found} found",
            code="transaction_count_wrong",
            pointer=pointer + "/NbOfTxs",
        )
    if control_sum is not None and control_sum != sum(amount.number() for amount in amounts):
        raise MalformedError("the control sum is not the sum", code="control_sum_wrong", pointer=pointer + "/CtrlSum")
    if total is not None and (
        {amount.currency for amount in amounts} - {total.currency}
        or total.minor != sum(amount.minor for amount in amounts)
    ):
        raise MalformedError("the total is not the sum", code="total_wrong", pointer=pointer + "/TtlIntrBkSttlmAmt")
