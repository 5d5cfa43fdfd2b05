"""Why the payments service refuses, in order of precedence, and the ISO 20022 reason that says so to a bank."""

from typing import Final

from darwaza.kernel.machine import RefusalCode


class PaymentRefusal(RefusalCode):
    """The first that applies is the answer."""

    NOT_ALLOWED = ("not_allowed", False)
    MARKET_UNKNOWN = ("market_unknown", False)
    MALFORMED = ("payment_malformed", False)
    MESSAGE_UNSUITABLE = ("message_unsuitable", False)
    DUPLICATE = ("duplicate_payment", False)
    QUOTE_OTHER = ("quote_other", False)
    QUOTE_EXPIRED = ("quote_expired", False)
    AGENT_UNKNOWN = ("agent_unknown", False)
    CURRENCY_WRONG = ("currency_wrong", False)
    AMOUNT_OTHER = ("amount_other", False)
    TIME_WRONG = ("time_wrong", False)
    OVER_CORRIDOR_LIMIT = ("over_corridor_limit", False)
    OVER_PARTICIPANT_LIMIT = ("over_participant_limit", False)
    PURPOSE_WRONG = ("purpose_wrong", False)
    DATA_MISSING = ("data_missing", False)
    GOES_ALONE = ("goes_alone", False)
    NO_OFFER = ("no_offer", True)
    TOO_LATE = ("too_late", False)
    REASON_WRONG = ("reason_wrong", False)
    ALIAS_MALFORMED = ("alias_malformed", False)
    ALIAS_TAKEN = ("alias_taken", False)
    SAME_OFFICER = ("same_officer", False)
    BLOCK_STANDS = ("block_stands", False)
    FUNDS_AWAITED = ("funds_awaited", True)


REASONS: Final = {
    "payment_malformed": "FF01",
    "message_unsuitable": "FF01",
    "duplicate_payment": "DUPL",
    "transfer_id_conflict": "DUPL",
    "key_reused": "DUPL",
    "not_found": "AB04",
    "quote_other": "AB04",
    "quote_expired": "AB04",
    "hold_expired": "AB04",
    "agent_unknown": "AGNT",
    "unknown_party": "AGNT",
    "currency_wrong": "CURR",
    "amount_other": "AM09",
    "time_wrong": "TM01",
    "over_corridor_limit": "AM02",
    "over_participant_limit": "AM14",
    "purpose_wrong": "CH16",
    "data_missing": "RR02",
    "goes_alone": "RR04",
    "no_offer": "AB04",
    "reason_wrong": "CH16",
    "floor_crossed": "AM04",
    "ceiling_crossed": "AM14",
    "debits_blocked": "AC06",
    "credits_blocked": "AC06",
    "debit_account_closed": "AC04",
    "credit_account_closed": "AC04",
    "too_late": "AB06",
    "unreachable": "AB06",
    "undeliverable": "AB06",
    "expired": "AB06",
}
"""ExternalStatusReason1Code by our code; docs/reference/payments.md lists both."""

UNNAMED_REASON: Final = "AB10"
"""Error at the instructed agent: what the other gateway refused without a reason of its own in ``REASONS``."""

NO_ANSWER_CREDITOR_AGENT: Final = "AB05"
NO_ANSWER_GATEWAY: Final = "AB06"
REGULATORY: Final = "RR04"
REGULATORY_DETAIL: Final = "regulatory reason"
"""All that is told of why compliance refused or blocked a payment."""

_MISSING: Final = (
    ("/DbtrAcct/", "RR01"),
    ("/Dbtr/Id", "RR01"),
    ("/CdtrAcct/", "AC03"),
    ("/Cdtr/", "RR03"),
)
"""Where what is missing is neither the payer's name nor its address, by the pointer to it."""


def reason_of(code: str, pointer: str = "") -> str:
    """The ISO 20022 status reason for a refusal of this service, the ledger or the engine.

    Args:
        code: of the refusal.
        pointer: of the refusal: the code lists have a reason of its own for most of what may be missing.
    """
    if code == PaymentRefusal.DATA_MISSING.code:
        return next((reason for place, reason in _MISSING if place in pointer), REASONS[code])
    return REASONS.get(code, UNNAMED_REASON)
