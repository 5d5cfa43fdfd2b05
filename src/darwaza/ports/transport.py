"""How errands reach other gateways: what the courier may ask of a peer, and what may come back."""

from typing import Protocol

import msgspec

from darwaza.errors import DarwazaError
from darwaza.kernel.batch import Batch
from darwaza.kernel.note import Signature


class Ask(msgspec.Struct, frozen=True):
    """Ask a reader for the newest checkpoint of a log that it co-signed. Reply: ``Held``."""

    peer: str
    origin: str
    epoch: int


class Fetch(msgspec.Struct, frozen=True):
    """Ask a reader for leaves of our log, from ``start`` on. Reply: ``Batch``."""

    peer: str
    origin: str
    epoch: int
    start: int


class Send(msgspec.Struct, frozen=True):
    """Send a batch. Reply: ``Signed``, ``Wanted``, ``ForkFound``."""

    peer: str
    origin: str
    epoch: int
    start: int
    end: int
    note: bytes
    raw: bytes


class AskWitness(msgspec.Struct, frozen=True):
    """Ask a third member to co-sign a checkpoint. Reply: ``Signed``, ``Wanted``."""

    peer: str
    origin: str
    size: int
    note: bytes
    raw: bytes


class Probe(msgspec.Struct, frozen=True):
    """See whether a neighbour answers, and tell it news of routing on the way. Reply: ``Probed`` or ``Busy``."""

    peer: str
    raw: bytes


class Probed(msgspec.Struct, frozen=True):
    """What the neighbour answered."""

    raw: bytes


class Busy(msgspec.Struct, frozen=True):
    """The neighbour's machine takes connections, but its gateway has not answered in time."""


class Held(msgspec.Struct, frozen=True):
    """The note a reader last co-signed; empty for none."""

    note: bytes


class Signed(msgspec.Struct, frozen=True):
    """Co-signature lines."""

    lines: tuple[Signature, ...]


class Wanted(msgspec.Struct, frozen=True):
    """The index, or size, the other side wants to go on from."""

    index: int


class ForkFound(msgspec.Struct, frozen=True):
    """The reader's proof that our log has two histories."""

    proof: bytes


Errand = Ask | Fetch | Send | AskWitness
Reply = Held | Batch | Signed | Wanted | ForkFound | DarwazaError
ProbeReply = Probed | Busy | DarwazaError


class Transport(Protocol):
    """Runs one errand of the courier.

    Safe to call concurrently. Errands are idempotent: an answer that is lost is asked for again by a new errand.
    """

    async def run(self, errand: Errand) -> Reply:
        """Run an errand and return the reply its class names.

        Raises:
            PeerError: the gateway cannot be reached, took too long, or answered what cannot be understood.
            DarwazaError: the gateway refused, with its code.
        """

    async def probe(self, probe: Probe) -> ProbeReply:
        """Send a probe, on a connection of its own so that it waits behind nothing, and return the reply.

        Raises:
            PeerError: nothing answers there.
            DarwazaError: the gateway refused, with its code.
        """
