"""Accounts: whose, of what, how much, and how far it may go.

An account's **id is text** of its service's choosing, not a UUID. Rules are pure: they cannot look an id up in a
directory and cannot draw a random one, so they must be able to compute it from what the account is
(``position:PK/hbl:PKR``). Text also says in every statement, refusal and audit what it stands for.

The **sign** is the same for every kind: ``posted = credits - debits``. What the gateway owes to a party is positive,
what the world owes to the gateway (kind ``external``) is negative, and over all accounts of one asset the sum is zero
(invariant I1). There is no debit-normal flag; the floor says what may become negative.

The **kind** is data for statements and reports, no rule of the ledger reads it. Kinds in use: ``position`` (a party's
prefunded money), ``liquidity`` (an FX provider's), ``in-transit``, ``fees``, ``spread``, ``suspense``, ``guarantee``,
``settlement``, ``external`` (the other side of what enters and leaves), ``register`` (holdings of a security).
"""

from datetime import datetime

import msgspec

from darwaza.ledger.asset import Asset

ACCOUNT_ID_CHARS_MAX = 100
OWNER_CHARS_MAX = 72
"""A full address: member code, slash, local name."""
KIND_CHARS_MAX = 40

TOTAL_MINOR_MAX = 2**63 - 1
"""What each of an account's four totals may grow to: a signed 64-bit integer, the widest SQLite stores."""


class Balance(msgspec.Struct, frozen=True, gc=False):
    """An account's four totals, in minor units of its asset, each 0 to ``TOTAL_MINOR_MAX``.

    Attributes:
        debits_posted: all that ever left; only grows.
        debits_pending: promised away by holds that have not ended.
        credits_posted: all that ever came in; only grows.
        credits_pending: promised to this account by holds that have not ended.
    """

    debits_posted: int = 0
    debits_pending: int = 0
    credits_posted: int = 0
    credits_pending: int = 0

    @property
    def posted(self) -> int:
        """What is there: credits less debits, holds aside."""
        return self.credits_posted - self.debits_posted

    @property
    def available(self) -> int:
        """What may still be promised: ``posted`` less outgoing holds. The floor bounds it."""
        return self.credits_posted - self.debits_posted - self.debits_pending

    @property
    def prospective(self) -> int:
        """What there would be if every incoming hold posted and no outgoing one did. The ceiling bounds it."""
        return self.credits_posted - self.debits_posted + self.credits_pending


class Account(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An account as it stands.

    The limits bind new transfers and holds only: ending a hold is never refused for a limit, because both sides were
    counted when it was placed. Limits may be changed to values the balance does not keep; then what would lead further
    out is refused, and what leads back is not.

    Attributes:
        id: 1 to ``ACCOUNT_ID_CHARS_MAX`` visible ASCII characters, never reused.
        owner: full address of whom it belongs to, ``PK/hbl``, 1 to ``OWNER_CHARS_MAX`` visible ASCII characters.
        asset: never changes.
        kind: lower-case letters, digits and hyphens, at most ``KIND_CHARS_MAX``.
        floor_minor: least ``balance.available`` a debit may leave, -``TOTAL_MINOR_MAX`` to ``TOTAL_MINOR_MAX``; None
            for no limit. 0 forbids overdraft.
        ceiling_minor: most ``balance.prospective`` a credit may lead to, same range, not below the floor; None for no
            limit.
        debits_blocked: no new transfer or hold may debit it (a freeze). Holds placed before still post: they were the
            commitment.
        credits_blocked: the same for credits.
        opened_at: batch time of its opening, aware UTC.
        closed_at: batch time of its closing; None while open. A closed account never opens again.
        balance: its totals.
    """

    id: str
    owner: str
    asset: Asset
    kind: str
    floor_minor: int | None
    ceiling_minor: int | None
    debits_blocked: bool = False
    credits_blocked: bool = False
    opened_at: datetime
    closed_at: datetime | None = None
    balance: Balance = Balance()
