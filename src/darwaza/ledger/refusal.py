"""Why the ledger says no, in order of precedence.

If several reasons apply to one order, the one that stands first is the answer. docs/concepts/ledger.md tells each; a
test holds the two lists together, and another tests every pair of neighbours.

A reason is *transient* when the same order may succeed later without being changed: money comes in, a block is lifted,
an account is opened. The others are as final as the records they rest on.
"""

from darwaza.kernel.machine import RefusalCode


class TransferRefusal(RefusalCode):
    """Of ``Move``, ``Hold``, ``Post`` and ``Void``; the first also of whole groups."""

    GROUP_TOO_LARGE = ("group_too_large", False)
    TRANSFER_ID_MALFORMED = ("transfer_id_malformed", False)
    TRANSFER_ID_CONFLICT = ("transfer_id_conflict", False)
    REFERENCE_TOO_LONG = ("reference_too_long", False)
    AMOUNT_NOT_POSITIVE = ("amount_not_positive", False)
    AMOUNT_TOO_LARGE = ("amount_too_large", False)
    ACCOUNTS_SAME = ("accounts_same", False)
    EXPIRY_PASSED = ("expiry_passed", False)
    DEBIT_ACCOUNT_UNKNOWN = ("debit_account_unknown", True)
    CREDIT_ACCOUNT_UNKNOWN = ("credit_account_unknown", True)
    ASSETS_DIFFER = ("assets_differ", False)
    HOLD_UNKNOWN = ("hold_unknown", True)
    NOT_A_HOLD = ("not_a_hold", False)
    HOLD_POSTED = ("hold_posted", False)
    HOLD_VOIDED = ("hold_voided", False)
    HOLD_EXPIRED = ("hold_expired", False)
    AMOUNT_OVER_HOLD = ("amount_over_hold", False)
    DEBIT_ACCOUNT_CLOSED = ("debit_account_closed", False)
    CREDIT_ACCOUNT_CLOSED = ("credit_account_closed", False)
    DEBITS_BLOCKED = ("debits_blocked", True)
    CREDITS_BLOCKED = ("credits_blocked", True)
    DEBITS_OVERFLOW = ("debits_overflow", True)
    CREDITS_OVERFLOW = ("credits_overflow", True)
    FLOOR_CROSSED = ("floor_crossed", True)
    CEILING_CROSSED = ("ceiling_crossed", True)


class AccountRefusal(RefusalCode):
    """Of ``OpenAccount``, ``AmendAccount`` and ``CloseAccount``."""

    ACCOUNT_MALFORMED = ("account_malformed", False)
    ACCOUNT_CONFLICT = ("account_conflict", False)
    ACCOUNT_UNKNOWN = ("account_unknown", True)
    ACCOUNT_CLOSED = ("account_closed", False)
    ACCOUNT_NOT_EMPTY = ("account_not_empty", True)
