"""A network that loses, repeats, reorders, delays, cuts and damages what it carries; decided by a seed alone.

It runs couriers' errands against other gateways' engines the way the HTTP adapter does, through ``engine.desk``. Every
errand is answered exactly once: with the first reply that comes, or with ``PeerError`` after ``TIMEOUT_S``.
"""

import random
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from darwaza.engine import desk
from darwaza.engine.engine import Engine
from darwaza.engine.intake import Arrive, Cosigned, Expected, Forked, Outcome, Witness
from darwaza.errors import DarwazaError, PeerError
from darwaza.kernel import batch
from darwaza.kernel.encoding import parse_decimal
from darwaza.kernel.witness import Verdict, parse_cosignatures, parse_request
from darwaza.ports.transport import Ask, AskWitness, Errand, Fetch, ForkFound, Held, Reply, Send, Signed, Wanted

if TYPE_CHECKING:
    from darwaza.testing.node import Node
    from darwaza.testing.simulation import Simulation

TIMEOUT_S = 2.0
DELAY_S_MAX = 1.5
"""Less than ``TIMEOUT_S`` and than any restore takes: nothing a lost gateway sent is on its way when it comes back."""

Told = Callable[[Reply], None]


class Weather(msgspec.Struct):
    """How bad the network is; probabilities for each message.

    Attributes:
        drop: it never comes.
        repeat: it comes twice.
        damage: bits flip, or the end is missing.
        slow: it takes up to ``DELAY_S_MAX`` instead of some milliseconds.
    """

    drop: float = 0.0
    repeat: float = 0.0
    damage: float = 0.0
    slow: float = 0.0


class Network:
    """See the module.

    Attributes:
        weather: how bad it is now.
        cuts: (from, to) pairs of members that nothing passes between.
    """

    def __init__(self, simulation: "Simulation", rng: random.Random, weather: Weather) -> None:
        self.weather = weather
        self.cuts: set[tuple[str, str]] = set()
        self._simulation = simulation
        self._rng = rng

    # --- bytes on the way ---

    def _carry(self, origin: str, destination: str, payload: bytes, arrive: Callable[[bytes], None]) -> None:
        self._simulation.happened(payload)
        rng, weather = self._rng, self.weather
        copies = 2 if rng.random() < weather.repeat else 1
        for _ in range(copies):
            if rng.random() < weather.drop:
                continue
            slow = rng.random() < weather.slow
            delay_s = rng.uniform(0.0, DELAY_S_MAX) if slow else rng.uniform(0.001, 0.02)
            carried = self._damaged(payload) if rng.random() < weather.damage else payload
            self._simulation.after(delay_s, partial(self._land, origin, destination, carried, arrive))

    def _land(self, origin: str, destination: str, payload: bytes, arrive: Callable[[bytes], None]) -> None:
        if (origin, destination) not in self.cuts:
            arrive(payload)

    def _damaged(self, payload: bytes) -> bytes:
        if not payload:
            return b"\x00"
        at = self._rng.randrange(len(payload))
        if self._rng.random() < 0.3:  # noqa: PLR2004 - a third of all damage is a missing end
            return payload[:at]
        return payload[:at] + bytes([payload[at] ^ 1 << self._rng.randrange(8)]) + payload[at + 1 :]

    # --- errands ---

    def run(self, sender: "Node", errand: Errand, told: Told) -> None:
        """Run an errand; ``told`` gets the reply unless the sender has died by then."""
        life = sender.life
        open_ = [True]

        def answer(reply: Reply) -> None:
            if open_[0] and sender.life == life:
                open_[0] = False
                told(reply)

        self._simulation.after(TIMEOUT_S, partial(answer, PeerError("no answer")))
        peer = self._simulation.nodes[errand.peer]
        payload = errand.raw if isinstance(errand, Send | AskWitness) else b""

        def back(form: bytes) -> None:
            self._carry(peer.code, sender.code, form, lambda raw: answer(_read_reply(errand, raw)))

        self._carry(sender.code, peer.code, payload, lambda raw: self._serve(peer, errand, raw, back))

    def _serve(self, peer: "Node", errand: Errand, raw: bytes, back: Callable[[bytes], None]) -> None:
        if not peer.is_up:
            return
        try:
            if isinstance(errand, Ask):
                note = desk.answer_ask(peer.engine, errand.origin)
                self._simulation.auditor.note_left(note)
                back(b"H" + note)
            elif isinstance(errand, Fetch):
                back(b"B" + desk.answer_fetch(peer.engine, errand.origin, errand.start))
            elif isinstance(errand, Send):
                peer.submit(Arrive(batch.decode(raw)), lambda outcome: back(_write_outcome(peer.engine, outcome)))
            else:
                peer.submit(Witness(parse_request(raw)), lambda outcome: back(_write_outcome(peer.engine, outcome)))
        except DarwazaError as fault:
            back(_write_error(fault))


def _write_outcome(engine: Engine, outcome: Outcome) -> bytes:
    """A reply as bytes, so that it can be damaged on its way."""
    if isinstance(outcome, Cosigned):
        return b"S" + desk.cosigned_lines(engine, outcome.note)
    if isinstance(outcome, Expected):
        return b"W%d" % outcome.index
    if isinstance(outcome, Forked):
        return b"F" + outcome.proof
    if isinstance(outcome, Verdict):
        kind = {HTTPStatus.OK: b"S", HTTPStatus.CONFLICT: b"W"}.get(outcome.status, b"E")
        return kind + outcome.body.removesuffix(b"\n") + (b"\n" if kind == b"S" else b"")
    return _write_error(outcome)


def _write_error(fault: DarwazaError) -> bytes:
    return b"E" + fault.code.encode()


def _read_reply(errand: Errand, raw: bytes) -> Reply:
    kind, form = raw[:1], raw[1:]
    try:
        if kind == b"H" and isinstance(errand, Ask):
            return Held(form)
        if kind == b"B" and isinstance(errand, Fetch):
            return batch.decode(form)
        if kind == b"S":
            return Signed(parse_cosignatures(form))
        if kind == b"W":
            return Wanted(parse_decimal(form.decode("ascii", "replace")))
        if kind == b"F":
            return ForkFound(form)
    except DarwazaError as fault:
        return fault
    return PeerError(f"the answer was {raw[:40]!r}", code="peer_answer")
