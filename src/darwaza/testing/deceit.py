"""What a gateway does that lies about traffic: it drops, alters, invents, refuses, leads astray, and claims receipts.

Each lie replaces one step of the engine, for the members that lie alone. Reports of others pass through a liar, or
nobody would notice anything; its own probes and statements are the matter of ``darwaza.testing.rumour``.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest.mock import patch

import msgspec
from msgspec.structs import replace

from darwaza.engine import forwarding
from darwaza.engine.forwarding import Forwarding
from darwaza.engine.reporting import Owed
from darwaza.engine.routing import Routing
from darwaza.engine.site import Site
from darwaza.engine.tracking import Tracking
from darwaza.kernel.checkpoint import Checkpoint
from darwaza.kernel.machine import Refusal
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.message import PATH_MEMBERS_MAX, Header, decode_header, encode_header, sealed_digest
from darwaza.kernel.naming import Lane
from darwaza.kernel.note import Note, Signature, format_note
from darwaza.kernel.relay import Envelope, Passage, decode_envelope, forward
from darwaza.kernel.trail import ROUTE_KINDS, Hop

Liars = frozenset[str]
STRANGERS: Final = tuple(f"X{number}" for number in range(PATH_MEMBERS_MAX))
"""Codes of nobody."""
PRETEXT: Final = Refusal(code="home_carry", detail="it says")
"""Why a liar does not carry."""


def false_hop(site: Site, author: str, reader: str, header: bytes) -> Hop:
    """Proof of a link that the author never gave: its name and key number under a log of one leaf, our signature."""
    origin = Lane(site.trust.current.name, author, reader, 0).origin
    text = Checkpoint(origin, 1, leaf_hash(header)).text
    key_id = site.trust.author_verifiers(origin)[0].key_id
    signature = Signature(origin, key_id, site.statement_signer().sign(text.encode()).value)
    return Hop(header, 0, b"", format_note(Note(text, (signature,))))


# --- in place of what is handed on ---


def _altered(_site: Site, header: Header, envelope: Envelope) -> tuple[Header, Envelope]:
    body = envelope.body
    return header, replace(envelope, body=bytes([body[0] ^ 1]) + body[1:])


def _invented(_site: Site, header: Header, envelope: Envelope) -> tuple[Header, Envelope]:
    return header, replace(envelope, hops=(*envelope.hops, envelope.hops[-1]))


def _left_out(_site: Site, header: Header, envelope: Envelope) -> tuple[Header, Envelope]:
    return header, replace(envelope, hops=envelope.hops[1:] or envelope.hops * 2)


def _forged(site: Site, header: Header, envelope: Envelope) -> tuple[Header, Envelope]:
    """Another message of the same origin, which it never sent."""
    message = decode_header(envelope.hops[0].header)
    path = message.path or ()
    if len(envelope.hops) > 1:
        return header, envelope
    message = replace(message, id=message.id[:-4] + "f0f0")
    raw = encode_header(message)
    hop = false_hop(site, path[0], path[1], raw)
    return replace(header, cause_id=message.id, relays=leaf_hash(raw).hex()), replace(envelope, hops=(hop,))


def _stretched(_site: Site, header: Header, envelope: Envelope) -> tuple[Header, Envelope]:
    """A path of one member more than a header may name."""
    first = envelope.hops[0]
    message = decode_header(first.header)
    path = message.path or ()
    longer = (*path[:-1], *STRANGERS, path[-1])[-PATH_MEMBERS_MAX:]
    raw = encode_header(replace(message, path=(path[0], *longer)))
    return header, replace(envelope, hops=(replace(first, header=raw), *envelope.hops[1:]))


HANDED_ON: Final[dict[str, Callable[[Site, Header, Envelope], tuple[Header, Envelope]]]] = {
    "alters": _altered,
    "forges": _forged,
    "invents": _invented,
    "leaves out": _left_out,
    "stretches": _stretched,
}

# --- in the paths of own letters ---


def _looping(path: tuple[str, ...], neighbour: str) -> tuple[str, ...]:
    return (*path[:2], neighbour, *path[1:])


def _astray(path: tuple[str, ...], _neighbour: str) -> tuple[str, ...]:
    return (*path[:2], *STRANGERS, path[-1])[: PATH_MEMBERS_MAX - 1] + path[-1:]


LED: Final[dict[str, Callable[[tuple[str, ...], str], tuple[str, ...]]]] = {"loops": _looping, "leads astray": _astray}

LIES: Final = ("claims", "disobeys", "drops", "refuses", *HANDED_ON, *LED)
"""What a liar does to traffic."""


@contextmanager
def lying(liars: Liars, lie: str) -> Iterator[None]:
    """Let members lie; ``lie`` is one of ``LIES``, or "" for nobody."""
    with ExitStack() as stack:
        if lie in HANDED_ON:
            stack.enter_context(patch.object(forwarding, "forward", _false_forward(liars, lie)))
            stack.enter_context(patch.object(Forwarding, "_hand_on", _named(Forwarding._hand_on)))  # noqa: SLF001
        elif lie in LED:
            stack.enter_context(patch.object(Tracking, "_sealed", _false_sealed(liars, lie)))
        elif lie == "claims":
            stack.enter_context(patch.object(Forwarding, "_hand_on", _claiming(liars)))
        elif lie == "disobeys":
            stack.enter_context(patch.object(Routing, "_corridor_policy", _disobeying(liars)))
        elif lie:
            stack.enter_context(patch.object(Forwarding, "relay", _false_relay(liars, lie)))
        yield


def _lies(liars: Liars, passage: Passage) -> bool:
    return passage.path[passage.stage] in liars and not passage.message.kind.startswith(ROUTE_KINDS)


_acting: list[Site] = []
"""Whose gateway hands something on now."""


def _named(hand_on: Callable[..., None]) -> Callable[..., None]:
    def named(self: Any, passage: Passage, last: Hop) -> None:
        _acting.append(self._site)
        try:
            hand_on(self, passage, last)
        finally:
            _acting.pop()

    return named


def _false_forward(liars: Liars, lie: str) -> Callable[..., tuple[Header, bytes]]:
    def false_forward(passage: Passage, arrival: Hop, **made: Any) -> tuple[Header, bytes]:
        header, body = forward(passage, arrival, **made)
        if not _lies(liars, passage):
            return header, body
        header, envelope = HANDED_ON[lie](_acting[-1], header, decode_envelope(body))
        wrong = msgspec.msgpack.encode(envelope)
        return replace(header, body_bytes=len(wrong), body_digest=sealed_digest(wrong)), wrong

    return false_forward


def _false_sealed(liars: Liars, lie: str) -> Callable[..., tuple[bytes, bytes]]:
    sealed = Tracking._sealed  # noqa: SLF001

    def false_sealed(self: Any, header: Header, body: bytes, path: tuple[str, ...]) -> tuple[bytes, bytes]:
        if path[0] in liars and not header.kind.startswith(ROUTE_KINDS):
            near = {end for ends in self._site.routing.topology.links if path[1] in ends for end in ends}
            path = LED[lie](path, min(near - {*path[:2]}, default=path[-1]))
        return sealed(self, header, body, path)

    return false_sealed


def _false_relay(liars: Liars, lie: str) -> Callable[..., None]:
    relay = Forwarding.relay

    def false_relay(self: Any, passage: Passage, index: int) -> None:
        if not _lies(liars, passage):
            relay(self, passage, index)
        elif lie == "refuses":
            self._tell(index, passage, "undeliverable", PRETEXT)

    return false_relay


def _disobeying(liars: Liars) -> Callable[..., str]:
    policy = Routing._corridor_policy  # noqa: SLF001

    def disobeying(self: Any, message_class: str) -> str:
        return "" if self.member in liars else policy(self, message_class)

    return disobeying


def _claiming(liars: Liars) -> Callable[..., None]:
    hand_on = Forwarding._hand_on  # noqa: SLF001

    def claiming(self: Any, passage: Passage, last: Hop) -> None:
        """Hand nothing on, and say that the destination has it."""
        if not _lies(liars, passage):
            hand_on(self, passage, last)
            return
        hops, at = [*passage.hops, last], passage
        while at.next is not None:
            header, _ = forward(
                at, hops[-1], message_id=self._unit.new_id(), blind=self._unit.random_hex(), now=self._unit.now
            )
            raw = encode_header(header)
            hops.append(false_hop(self._site, at.path[at.stage], at.next, raw))
            at = Passage(passage.message, passage.body, tuple(hops[:-1]), raw, header.id, at.stage + 1)
        way_back = passage.path[passage.stage :: -1]
        self._unit.owed.append(Owed(passage.leaf, way_back, "delivered", "", "", tuple(hops[1:])))

    return claiming
