"""States of a payment that is ordered and has not ended, of its own or of a bulk; the table (``machine``) uses them."""

from typing import Final

SENT: Final = "sent"
UNKNOWN: Final = "unknown"
ORDERED: Final = (SENT, UNKNOWN)
"""At the payer's gateway: the order has left, and in the second the payee's has been asked what has become of it."""
WAITING: Final = ("checking", "screened", "asked")
"""At the payee's gateway: it waits for its bank's word, or for what has to come before that."""
ACCEPTED: Final = "accepted"
FREEZING: Final = "freezing"
PROMISED: Final = (ACCEPTED, FREEZING)
"""At the payee's gateway, of an urgent one: its bank accepts it, or compliance blocks it, if the payer's decides so."""
UNDECIDED: Final = frozenset({*ORDERED, *WAITING, *PROMISED})
"""All of them, at either gateway."""
