"""What the engine takes in and what it answers. Every input of a batch gets exactly one outcome."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from darwaza.errors import DarwazaError
from darwaza.kernel.batch import Batch
from darwaza.kernel.machine import LedgerView, Notice, Refusal
from darwaza.kernel.note import Signature
from darwaza.kernel.witness import Request
from darwaza.ledger.order import Order


class Submit(msgspec.Struct, frozen=True, gc=False):
    """A party's command. Outcome: ``Accepted``, ``Refusal``, or an error.

    Attributes:
        party: full address, authenticated.
        roles: the party's.
        service: which kind of case.
        kind: of the command.
        key: the party's idempotency key, 1 to 64 characters; "" for a command that may be repeated freely.
        digest: SHA-256 over everything the party asked; another one under the same key is a conflict.
        body: the command's value.
        case_id: the case it is about, or None to open one.
        opens: the command opens the case under ``case_id`` if it does not exist yet; without one, under the name its
            key gives (``repeat.case_of``).
        acts_for: addresses the party's roles let it act for, besides its own: an officer's office.
    """

    party: str
    roles: frozenset[str]
    service: str
    kind: str
    key: str
    digest: bytes
    body: Any
    case_id: str | None = None
    opens: bool = False
    acts_for: tuple[str, ...] = ()


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The command is decided and on the disk.

    Attributes:
        case_id: of the case it opened or changed.
        state: of the case now.
        message_ids: of the messages it sent.
        answer: what the rule answered.
        repeated: the stored answer to a command that came before.
    """

    case_id: str
    state: str
    message_ids: tuple[str, ...] = ()
    answer: Any = None
    repeated: bool = False


class Arrive(msgspec.Struct, frozen=True):
    """A batch from a neighbour, by whatever carrier. Outcome: ``Cosigned``, ``Expected``, ``Forked`` or an error.

    Attributes:
        batch: as decoded.
        carried: it came by a way on which nobody can be asked first (a file). Over the network a batch is not taken
            before its author has said what it holds of the own logs: see ``darwaza.engine.recovery``.
    """

    batch: Batch
    carried: bool = False


class Cosigned(msgspec.Struct, frozen=True):
    """Everything up to ``size`` is on the disk; ``note`` is the author's checkpoint with our cosignature."""

    size: int
    note: bytes


class Expected(msgspec.Struct, frozen=True):
    """Nothing was stored; the author should go on from this index."""

    index: int


class Forked(msgspec.Struct, frozen=True):
    """The author signed two histories; the proof is kept and the link has stopped.

    Attributes:
        proof: encoded ``evidence.ForkProof``.
    """

    proof: bytes


class Acknowledge(msgspec.Struct, frozen=True):
    """A reader's cosignature. Outcome: ``Delivered`` or an error.

    Attributes:
        origin: of the own log.
        note: the own signed checkpoint that was sent.
        reply: signature lines that came back.
    """

    origin: str
    note: bytes
    reply: tuple[Signature, ...]


class Attest(msgspec.Struct, frozen=True):
    """A witness's cosignature of an own checkpoint. Outcome: ``Delivered`` or an error.

    Attributes:
        origin: of the own log.
        witness: member that co-signed.
        note: the own signed checkpoint that was shown.
        reply: signature lines that came back.
    """

    origin: str
    witness: str
    note: bytes
    reply: tuple[Signature, ...]


class Delivered(msgspec.Struct, frozen=True):
    """The reader holds everything below ``size``."""

    size: int


class Settle(msgspec.Struct, frozen=True):
    """A reader's word, at the start of a connection, on how much of an own log it holds. Outcome: ``Settled``.

    Attributes:
        origin: of the own log.
        note: the newest note the reader co-signed; empty when it holds nothing.
    """

    origin: str
    note: bytes


class Settled(msgspec.Struct, frozen=True):
    """How to go on.

    Attributes:
        send_from: index to send from; None when leaves must be taken back first.
        take_back_from: index from which the reader holds leaves that were forgotten here; None when there are none, or
            when the same must be given again first.
    """

    send_from: int | None
    take_back_from: int | None = None


class Recollect(msgspec.Struct, frozen=True):
    """An author's word on how much of its log this gateway has signed for. Outcome: the size, an int.

    Attributes:
        origin: of the neighbour's log.
        note: the newest note that this gateway co-signed, as the author keeps it; empty when it has none.
    """

    origin: str
    note: bytes


class TakeBack(msgspec.Struct, frozen=True):
    """Leaves of an own log that a reader gives back. Outcome: ``Settled`` with the next step, ``Forked``, an error."""

    batch: Batch


class AcceptFork(msgspec.Struct, frozen=True):
    """A reader's proof that an own log has two histories. Outcome: ``Forked`` or an error."""

    origin: str
    proof: bytes


class Expose(msgspec.Struct, frozen=True):
    """An own log's leaves are about to leave by a way that cannot be asked first (a file). Outcome: ``Delivered``."""

    origin: str


class Wake(msgspec.Struct, frozen=True):
    """Handle reminders that have come. Outcome: how many were handled, an int."""

    items_max: int


class Witness(msgspec.Struct, frozen=True):
    """A request to co-sign somebody's checkpoint (C2SP tlog-witness). Outcome: ``witness.Verdict``."""

    request: Request


class PlaceOrders(msgspec.Struct, frozen=True):
    """An operator's own orders for the ledger: accounts to open, money that enters or leaves. All of them or none.

    Outcome: the sequence of the last transfer, an int, or a ``Refusal``.

    Attributes:
        orders: of ``darwaza.ledger.order``; the same orders again change nothing.
        told: who hears of it, by the ledger as it stands before; nobody when nothing changes.
    """

    orders: tuple[Order, ...]
    told: Callable[[LedgerView], tuple[Notice, ...]] = lambda _: ()


class Adopt(msgspec.Struct, frozen=True):
    """A corridor document to admit. Outcome: its version, an int, or an error."""

    note: bytes


class Reroute(msgspec.Struct, frozen=True):
    """The map has changed: send what is under way over broken links another way. Outcome: how many moved, an int."""


class Report(msgspec.Struct, frozen=True):
    """Tell origins what became of their messages. Outcome: how many were told of, an int."""


class Keep(msgspec.Struct, frozen=True):
    """Small named values that must outlive a restart. Outcome: how many, an int."""

    values: dict[str, bytes]


class Resume(msgspec.Struct, frozen=True):
    """An operator lets a halted link go on. Outcome: ``Delivered`` or an error.

    Attributes:
        origin: of any log of the link.
        by: address of the operator.
        reason: what people decided.
    """

    origin: str
    by: str = ""
    reason: str = ""


class Forget(msgspec.Struct, frozen=True):
    """Forget bodies of cases that ended long ago, one page of cases at a time. Outcome: ``Forgotten``.

    Attributes:
        days: a case that changed within so many days is left alone.
        after: id of the last case of the former page; "" to begin.
        dry_run: only count.
    """

    days: int
    after: str = ""
    dry_run: bool = False


class Forgotten(msgspec.Struct, frozen=True):
    """What one page came to.

    Attributes:
        after: where the next page begins; None when this was the last.
        bodies: forgotten, or to be.
        bytes: their length.
    """

    after: str | None
    bodies: int
    bytes: int


Given = (
    Submit
    | Arrive
    | Acknowledge
    | Attest
    | Settle
    | Recollect
    | TakeBack
    | AcceptFork
    | Expose
    | Wake
    | Witness
    | PlaceOrders
    | Adopt
    | Resume
    | Forget
    | Reroute
    | Report
    | Keep
)
Outcome = Any
"""The outcome named at the input, or a ``DarwazaError`` as a value."""

Refused = Refusal | DarwazaError


def transactions(inputs: Sequence[Given]) -> Iterator[Sequence[Given]]:
    """Split inputs at what is taken back: whatever follows must find that in the store."""
    start = 0
    for at, given in enumerate(inputs):
        if type(given) is TakeBack:
            if start < at:
                yield inputs[start:at]
            yield inputs[at : at + 1]
            start = at + 1
    if start < len(inputs):
        yield inputs[start:]
