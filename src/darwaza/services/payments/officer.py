"""What compliance officers say of a payment that screening has stopped, and when their words decide.

Three words: ``release``, it is no match: the payment goes on to the payee; ``refuse``: it goes back to the payer;
``block``: it goes nowhere, and its money is kept here. Two officers of one mind decide (four eyes). An officer's later
word takes the place of the earlier one. Only a payment of which nothing has moved yet is refused by one officer alone.

While one officer's ``block`` stands, nobody else may say anything but the same: what the law may demand is not settled
by whoever speaks next. It stands until its officer says otherwise, or the time to answer is over. Of money that is
blocked already two may be of another mind than a third: no time ends that, so nobody's word alone keeps it there.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final, Literal, TypeVar
from unicodedata import normalize

import msgspec

from darwaza.kernel.machine import Command, Refusal
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.message import Text
from darwaza.services.payments.names import says
from darwaza.services.payments.record import Check, Entry, Payment

COMPLIANCE_ROLE: Final = "compliance"
OFFICER_CHARS_MAX: Final = 140
"""Of an officer's name with the address of the party, as it is kept."""
OFFICERS_MIN: Final = 2
"""Whose word it takes that money moves, or may move."""


class Clear(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``release`` of a compliance officer; a second officer's word lets the payment go on to the payee.

    Attributes:
        officer: who decides, within the party.
    """

    officer: Text
    said: ClassVar[Literal["release"]] = "release"


class Refuse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``refuse`` of a compliance officer: the money goes back to the payer; from suspense it takes two.

    Attributes:
        officer: who decides, within the party.
    """

    officer: Text
    said: ClassVar[Literal["refuse"]] = "refuse"


class Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Command ``block`` of a compliance officer at the payee's gateway; a second officer's word freezes the money.

    Attributes:
        officer: who decides, within the party.
    """

    officer: Text
    said: ClassVar[Literal["block"]] = "block"


Word = Clear | Refuse | Block
Stopped = TypeVar("Stopped", bound=Payment | Entry)
"""What officers speak of: a payment by itself, or one of a bulk."""


def heard(stopped: Stopped, command: Command, word: Word, now: datetime) -> Stopped | Refusal:
    """A payment with one word more.

    Blanks, invisible characters and capital letters make no second officer of the one who has spoken.

    Args:
        stopped: with what was said before; of a payment that is blocked, with what was said since alone.
        command: of the officer's party.
        word: the officer's.
        now: when it is said.

    Returns:
        The payment; or a refusal, the first that applies: ``not_allowed``, ``same_officer``, ``block_stands``.
    """
    if COMPLIANCE_ROLE not in command.roles:
        return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only compliance decides on what screening has stopped")
    name = "".join(filter(str.isprintable, " ".join(normalize("NFKC", word.officer).split()))).strip()
    if not says(name):
        return Refusal.of(PaymentRefusal.NOT_ALLOWED, "the officer who decides has a name", "/officer")
    officer = f"{command.party}:{name}"[:OFFICER_CHARS_MAX]
    before = [one for one in stopped.checks if one.officer.casefold() == officer.casefold()]
    if any(one.word == word.said for one in before):
        return Refusal.of(PaymentRefusal.SAME_OFFICER, "a second officer has to look at it", "/officer")
    others = tuple(one for one in stopped.checks if one not in before)
    blocks = next((one for one in others if one.word == "block"), None)
    if blocks is not None and word.said != "block":
        detail = f"{blocks.officer} has said block: until that is taken back, another officer may only say the same"
        return Refusal.of(PaymentRefusal.BLOCK_STANDS, detail, "/officer")
    return msgspec.structs.replace(stopped, checks=(*others, Check(officer, now, word.said)))


def decides(checks: Sequence[Check]) -> bool:
    """Whether the last word has made officers enough of one mind."""
    return sum(one.word == checks[-1].word for one in checks) >= OFFICERS_MIN


def since_block(checks: tuple[Check, ...]) -> tuple[tuple[Check, ...], tuple[Check, ...]]:
    """The words on a payment that is blocked: by which it was blocked, and what was said since."""
    last = max((place for place, one in enumerate(checks, 1) if one.word == "block"), default=0)
    return checks[:last], checks[last:]
