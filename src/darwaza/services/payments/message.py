"""What the payments service says: commands of parties and messages between gateways.

An order's body is its terms, one line of RFC 8785 JSON, then LF, then the payer's bank's pacs.008 byte for byte, so
that the evidence of a payment holds the very document its payer's bank gave. Statuses are pacs.002, inquiries pacs.028.
Messages of a bulk have bodies in parts (``kernel.parts``): the terms, and a document for each payment.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from darwaza.errors import MalformedError
from darwaza.kernel import parts
from darwaza.kernel.machine import Received, Refusal
from darwaza.kernel.message import AddressText, InstantText, Refused
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.record import Board, Fixed
from darwaza.standards.iso20022.pacs008 import CreditTransfer

ALLOCATED = "payments.allocated"
RELEASED = "payments.released"
ORDER = "payments.order"
BULK = "payments.bulk"
ANSWERS = "payments.answers"
DECISIONS = "payments.decisions"
BULK_INQUIRY = "payments.bulk-inquiry"
STATUS = "payments.status"
DECIDED = "payments.decided"
INQUIRY = "payments.inquiry"
RECALL = "payments.recall"
RESOLVED = "payments.resolved"
RETURNED = "payments.returned"
REFUNDED = "payments.refunded"
VERIFY = "payments.verify"
VERIFIED = "payments.verified"
REQUESTED = "payments.requested"
REQUEST_DECIDED = "payments.request-decided"

ORDER_MEDIA_TYPE = "application/vnd.darwaza.payment"
XML_MEDIA_TYPE = "application/xml"
TERMS_BYTES_MAX = 4_096
Kind = TypeVar("Kind")

AmountText = Annotated[str, Meta(max_length=40)]
MinorText = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,17}$(?!\n)")]
"""An amount in minor units, as decimal digits."""
RateText = Annotated[str, Meta(pattern=r"^[0-9]{1,11}(?:\.[0-9]{1,10})?$(?!\n)")]
"""An agreed rate, as a decimal."""
ReasonText = Annotated[str, Meta(pattern=r"^[A-Z0-9]{4}$(?!\n)")]
Text = Annotated[str, Meta(min_length=1, max_length=500)]


# --- commands ---


class OpenMarket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``open-market`` of a settlement operator: rates from its member's currency to another's.

    Attributes:
        destination: member code.
        mid: mid rate, or None.
    """

    destination: str
    mid: str | None = None


class SetMid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``set-mid`` of a settlement operator."""

    mid: str


class PostRate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``post-rate`` of an FXP: replaces what it offered."""

    board: Board


class WithdrawRate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``withdraw-rate`` of an FXP: it offers nothing any more. Accepted quotes stand."""


class Allocate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``allocate`` of an FXP at home: let another gateway spend so much.

    Attributes:
        to: member code.
        amount: decimal, in the home currency.
    """

    to: str
    amount: AmountText


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``release-funds`` of an FXP where its money abroad may be spent: give so much back.

    Attributes:
        to: member code of the home.
        amount: decimal, in that member's currency.
    """

    to: str
    amount: AmountText


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``quote`` of a PSP.

    Attributes:
        market: id of the market's case.
        payee_bank: address of the payee's PSP.
        amount: decimal, in the currency of the fixed side.
        fixed: whether the amount is what the payer is debited or what the payee is credited.
        fee: decimal: what the asking PSP takes, in the source currency.
        take_best: accept the best offer at once.
    """

    market: str
    payee_bank: AddressText
    amount: AmountText
    fixed: Fixed = "source"
    fee: AmountText = "0"
    take_best: bool = False


class Choose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``accept-quote``: take one FXP's offer; its funds are reserved until the quote expires."""

    provider: AddressText


class Cancel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``cancel-quote``: the quote is not used; its funds are free."""


class Pay(msgspec.Struct, frozen=True):
    """Command ``pay``: one payment under an accepted quote.

    Attributes:
        document: pacs.008.001.13 with one transaction.
    """

    document: bytes


class Remit(msgspec.Struct, frozen=True, omit_defaults=True):
    """Command ``remit``: one payment at the rate it names, without a quote, if an FX provider still offers that rate.

    Attributes:
        market: id of the market's case.
        document: pacs.008.001.13 with one transaction and an agreed rate without a quote.
        transfer: what the document says, where it has been read already.
    """

    market: str
    document: bytes
    transfer: CreditTransfer | None = None


class RemitBulk(msgspec.Struct, frozen=True, omit_defaults=True):
    """Command ``remit-bulk``: many payments to one bank at the rate they name, as ``Remit``; all urgent or none.

    Attributes:
        market: id of the market's case.
        documents: pacs.008.001.13 with one transaction each, 1 to ``bulk.BULK_TRANSACTIONS_MAX``.
        transfers: what the documents say, where they have been read already.
        apart: as single payments, which go alone when refused here: where none passes, nothing is kept.
    """

    market: str
    documents: tuple[bytes, ...]
    transfers: tuple[CreditTransfer, ...] | None = None
    apart: bool = False


class Said(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The payees' bank's word on one payment of a bulk.

    Attributes:
        number: of the payment.
        reason: ExternalStatusReason1Code when it is refused; "" when it is accepted.
        detail: one sentence.
    """

    number: int
    reason: Annotated[str, Meta(pattern=r"^(?:[A-Z0-9]{4})?$(?!\n)")] = ""
    detail: Annotated[str, Meta(max_length=105)] = ""


class AnswerBulk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``answer-bulk`` of the payees' PSP: on payments of a bulk, answered one by one in the same order.

    Attributes:
        words: on different payments.
    """

    words: Annotated[tuple[Said, ...], Meta(min_length=1, max_length=1_000)]


class OfBulk(msgspec.Struct, frozen=True):
    """A command on one payment of a bulk; its kind is the single payment's and ``-one``.

    Attributes:
        number: of the payment.
        body: the single payment's.
    """

    number: int
    body: Any


class Confirm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``confirm`` of the payee's PSP: it credits, or will once an urgent payment is decided."""


class Reject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``reject`` of the payee's PSP.

    Attributes:
        reason: ExternalStatusReason1Code.
        detail: one sentence.
    """

    reason: ReasonText
    detail: Annotated[str, Meta(max_length=105)] = ""


class Vetted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``vetted`` of the gateway itself: what a screener that answers later has found.

    Attributes:
        hits: a sentence each; none when nothing was found.
    """

    hits: tuple[str, ...] = ()


class AskBack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``recall`` of the payer's PSP.

    Attributes:
        reason: ExternalCancellationReason1Code.
    """

    reason: ReasonText


class GiveBack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``return`` of the payee's PSP.

    Attributes:
        reason: ExternalReturnReason1Code; ``FOCR`` on a recall and only then.
    """

    reason: ReasonText


class KeepIt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``refuse-recall`` of the payee's PSP.

    Attributes:
        reason: ExternalPaymentCancellationRejection1Code.
    """

    reason: ReasonText


AliasKind = Literal["MBNO", "EMAL", "SHID", "EWAL", "ACCT"]
"""Mobile number, e-mail, merchant number, wallet (ExternalProxyAccountType1Code), or an account's own number."""
AliasValue = Annotated[str, Meta(min_length=1, max_length=256)]
AccountText = Annotated[str, Meta(min_length=1, max_length=34)]
NameText = Annotated[str, Meta(min_length=1, max_length=140)]


class RegisterAlias(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``register-alias`` of a bank: what stands for one of its accounts.

    Attributes:
        kind: see ``AliasKind``.
        value: phone numbers as ITU-T E.164 with a plus sign.
        account: IBAN or other number.
        name: of the holder, as the bank has verified it.
    """

    kind: AliasKind
    value: AliasValue
    account: AccountText
    name: NameText


class RemoveAlias(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``remove-alias`` of the bank that registered it."""


class Verify(msgspec.Struct, frozen=True):
    """Command ``verify`` of a bank: whose is this?

    Attributes:
        document: acmt.023.001.04 with one question. Its assignee is the payee's bank by BIC, for an account, or the
            payee's member by its code as other identification, for an alias.
    """

    document: bytes


class AnswerVerification(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``answer-verification`` of the payee's bank: with a name it confirms the account.

    Attributes:
        name: of the holder, or "".
        reason: ExternalVerificationReason1Code when there is no name.
    """

    name: Annotated[str, Meta(max_length=140)] = ""
    reason: Annotated[str, Meta(pattern=r"^[A-Z0-9]{4}$(?!\n)")] = "NR01"


class RequestPayment(msgspec.Struct, frozen=True):
    """Command ``request-payment`` of the payee's bank.

    Attributes:
        document: pain.013.001.11 with one payment.
    """

    document: bytes


class AcceptRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``accept-request`` of the payer's bank: the payer will pay."""


class RefuseRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``refuse-request`` of the payer's bank.

    Attributes:
        reason: ExternalStatusReason1Code.
    """

    reason: ReasonText


# --- messages ---


class Funds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``payments.allocated`` and ``payments.released``.

    Attributes:
        amount_minor: in minor units of the home's currency, as decimal digits.
    """

    amount_minor: MinorText


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line of an order. Fields in RFC 8785 order; amounts in minor units, as decimal digits.

    Attributes:
        answer_by: until then the payee's bank may accept.
        credit: what the payee is credited.
        debit: what the payer is debited.
        decide_by: until then an acceptance counts for an urgent payment; from then on the payee's gateway is asked.
        destination: what leaves the FXP's funds at the payee's gateway.
        priority: of the instruction; none given is ``HIGH``.
        provider: the FXP's address at the payer's gateway.
        rate: agreed.
        source: what the FXP gets at the payer's gateway.
    """

    answer_by: InstantText
    credit: MinorText
    debit: MinorText
    decide_by: InstantText
    destination: MinorText
    priority: Literal["HIGH", "NORM"]
    provider: AddressText
    rate: RateText
    source: MinorText


class BulkTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first part of a bulk's order; see ``Terms``. The amounts of each payment follow from its document and rate.

    Attributes:
        answer_by: until then the payees' bank may accept.
        decide_by: until then an acceptance of urgent payments counts; of others the payees' gateway is asked after it.
        priority: of every payment; see ``Terms``.
        provider: the FXP's address at the payers' gateway.
        rate: agreed.
    """

    answer_by: InstantText
    decide_by: InstantText
    priority: Literal["HIGH", "NORM"]
    provider: AddressText
    rate: RateText


_encode = msgspec.json.Encoder().encode
_decode_bulk = msgspec.json.Decoder(BulkTerms).decode
_decode_terms = msgspec.json.Decoder(Terms).decode
_decode_funds = msgspec.json.Decoder(Funds).decode
_decode_refused = msgspec.json.Decoder(Refused).decode


def write_order(terms: Terms, document: bytes) -> bytes:
    """Write an order's body."""
    return _encode(terms) + b"\n" + document


def read_order(body: bytes) -> tuple[Terms, bytes]:
    """Read an order's body.

    Raises:
        MalformedError: ``payment_malformed``.
    """
    line, newline, document = body.partition(b"\n")
    if not newline:
        raise MalformedError("an order begins with one line of JSON", code="payment_malformed")
    return _read_terms(line, _decode_terms), document


def write_bulk(terms: BulkTerms, documents: Sequence[bytes]) -> bytes:
    """Write the body of a bulk's order: a pacs.008 with one transaction for each payment."""
    return parts.join((_encode(terms), *documents))


def read_bulk(body: bytes) -> tuple[BulkTerms, list[bytes]]:
    """Read the body of a bulk's order.

    Raises:
        MalformedError: ``payment_malformed``, or ``parts_malformed``.
    """
    line, *documents = parts.split(body)
    if not documents:
        raise MalformedError("a bulk orders a payment", code="payment_malformed")
    return _read_terms(line, _decode_bulk), documents


def write_funds(amount_minor: int) -> bytes:
    """Write the body of a message about funds."""
    return _encode(Funds(str(amount_minor)))


def read_funds(body: bytes) -> int:
    """Read the body of a message about funds.

    Raises:
        MalformedError: ``payment_malformed``.
    """
    return int(_read(body, _decode_funds, "the amount").amount_minor)


def read_refused(body: bytes) -> Refused:
    """Read what another gateway says of a message it cannot act on.

    Raises:
        MalformedError: ``payment_malformed``.
    """
    return _read(body, _decode_refused, "the refusal")


def refusal_told(message: Received) -> Refused | Refusal:
    """What another gateway says of a message it cannot act on; a refusal when that cannot be read."""
    try:
        return read_refused(message.body)
    except MalformedError as fault:
        return Refusal.of(PaymentRefusal.MALFORMED, fault.detail)


def _read_terms(line: bytes, decode: Callable[[bytes], Kind]) -> Kind:
    if len(line) > TERMS_BYTES_MAX:
        raise MalformedError(f"terms have at most {TERMS_BYTES_MAX} bytes", code="payment_malformed")
    terms = _read(line, decode, "the terms")
    if _encode(terms) != line:
        raise MalformedError("the terms are not in RFC 8785 form", code="payment_malformed")
    return terms


def _read(body: bytes, decode: Callable[[bytes], Kind], what: str) -> Kind:
    try:
        return decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise MalformedError(f"{what} cannot be read: {fault}", code="payment_malformed") from fault
