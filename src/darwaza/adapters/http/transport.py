"""Runs the courier's errands over HTTPS, as spec/link.md describes the requests.

The peer's certificate is pinned: the one in its card is the only trust anchor, so neither a certificate authority nor
DNS has a say. Pinning keeps the content confidential; what makes it true are the signatures inside.

A card may name several addresses in order of preference. When one fails, the next errand goes to the next; after
``PEER_PREFER_S`` the first is tried again, so that a satellite line does not stay in use when the fibre is whole again.
"""

import time
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

import msgspec

from darwaza import config
from darwaza.adapters.http.connection import Answer, Connections
from darwaza.adapters.http.prober import Prober
from darwaza.errors import DarwazaError, MalformedError, PeerError, PushbackError
from darwaza.kernel import batch
from darwaza.kernel.encoding import parse_decimal
from darwaza.kernel.fork import PROOF_BYTES_MAX
from darwaza.kernel.key import PrivateKey
from darwaza.kernel.member import Card, GatewayAddress
from darwaza.kernel.request import authorize
from darwaza.kernel.wire import (
    BATCH_MEDIA_TYPE,
    BATCHES_PATH,
    CODE_HEADER,
    COSIGNED_PATH,
    FORK_MEDIA_TYPE,
    LEAVES_PATH,
    NOTE_MEDIA_TYPE,
    PROBE_MEDIA_TYPE,
    PROBE_PATH,
    SIZE_MEDIA_TYPE,
    WITNESS_PATH,
)
from darwaza.kernel.witness import parse_cosignatures
from darwaza.ports.transport import (
    Ask,
    AskWitness,
    Busy,
    Errand,
    Fetch,
    ForkFound,
    Held,
    Probe,
    Probed,
    ProbeReply,
    Reply,
    Send,
    Signed,
    Wanted,
)

OK, NO_CONTENT, CONFLICT, TOO_MANY, UNAVAILABLE = 200, 204, 409, 429, 503


class _Peer(msgspec.Struct):
    """How a peer is reached now.

    Attributes:
        addresses: as its card has them.
        at: index of the one in use.
        since_s: when it came into use, on the monotonic clock.
        connections: to that address.
    """

    addresses: tuple[GatewayAddress, ...]
    at: int
    since_s: float
    connections: Connections


class HttpTransport:
    """See ``darwaza.ports.transport.Transport``."""

    def __init__(
        self,
        *,
        member: str,
        key: Callable[[], PrivateKey],
        corridor: Callable[[], str],
        card: Callable[[str], Card | None],
        now: Callable[[], datetime],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; connections are made when they are needed.

        Args:
            member: whose gateway this is.
            key: its log key of now, which signs the requests that must be signed.
            corridor: the corridor's name.
            card: a member's card as of now.
            now: the time.
            monotonic_s: a clock that never goes back.
        """
        self._member = member
        self._key = key
        self._corridor = corridor
        self._card = card
        self._now = now
        self._monotonic_s = monotonic_s
        self._peers: dict[str, _Peer] = {}
        self._probers: dict[str, Prober] = {}

    async def close(self) -> None:
        """Close all connections."""
        for prober in self._probers.values():
            prober.close()
        for peer in self._peers.values():
            peer.connections.close()
        self._peers = {}

    async def run(self, errand: Errand) -> Reply:
        """Run an errand; see the port."""
        if isinstance(errand, Send):
            headers = {"content-type": BATCH_MEDIA_TYPE}
            return _send_reply(await self._call(errand.peer, "POST", BATCHES_PATH, headers, errand.raw))
        if isinstance(errand, AskWitness):
            headers = {"content-type": NOTE_MEDIA_TYPE}
            return _witness_reply(await self._call(errand.peer, "POST", WITNESS_PATH, headers, errand.raw))
        if isinstance(errand, Ask):
            answer = await self._signed_get(errand.peer, f"{COSIGNED_PATH}?origin={quote(errand.origin, safe='')}")
            return Held(b"" if answer.status == NO_CONTENT else answer.content)
        if isinstance(errand, Fetch):
            target = f"{LEAVES_PATH}?origin={quote(errand.origin, safe='')}&start={errand.start}"
            return batch.decode((await self._signed_get(errand.peer, target)).content)
        raise MalformedError(f"there is no errand {type(errand).__name__}", code="errand_unknown")

    async def probe(self, probe: Probe) -> ProbeReply:
        """Send a probe; see the port."""
        address = self._address(probe.peer)
        held = self._probers.get(probe.peer)
        if held is None or held.pin != (address.url, address.tls_certificate):
            if held is not None:
                held.close()
            held = self._probers[probe.peer] = Prober(probe.peer, address.url, address.tls_certificate)
        headers = {"content-type": PROBE_MEDIA_TYPE, "authorization": self._authorization("POST", PROBE_PATH)}
        answer = await held.call(PROBE_PATH, headers, probe.raw)
        if answer is None:
            return Busy()
        if answer.status != OK:
            raise _refusal(answer)
        return Probed(answer.content)

    def _address(self, peer: str) -> GatewayAddress:
        """The address in use for a peer, or its first."""
        card = self._card(peer)
        if card is None:
            raise PeerError(f"{peer} is not in the corridor", code="member_unknown")
        held = self._peers.get(peer)
        return card.addresses[0 if held is None or held.addresses != card.addresses else held.at]

    def _authorization(self, method: str, target: str) -> str:
        return authorize(method, target, self._now(), corridor=self._corridor(), member=self._member, key=self._key())

    async def _signed_get(self, peer: str, target: str) -> Answer:
        value = self._authorization("GET", target)
        answer = await self._call(peer, "GET", target, {"authorization": value}, b"")
        if answer.status not in {OK, NO_CONTENT}:
            raise _refusal(answer)
        return answer

    async def _call(self, peer: str, method: str, target: str, headers: dict[str, str], content: bytes) -> Answer:
        connections = self._connections(peer)
        try:
            return await connections.call(method, target, headers, content)
        except (OSError, UnicodeError) as fault:
            self._failed(peer, connections)
            raise PeerError(f"{peer} cannot be reached: {type(fault).__name__}: {fault}") from fault

    def _connections(self, peer: str) -> Connections:
        """The connections to a peer; made anew when its card has other addresses, or its first is to be tried again."""
        card = self._card(peer)
        if card is None:
            raise PeerError(f"{peer} is not in the corridor", code="member_unknown")
        held = self._peers.get(peer)
        if held is None or held.addresses != card.addresses:
            return self._connect(peer, card.addresses, 0)
        if held.at > 0 and self._monotonic_s() - held.since_s >= config.PEER_PREFER_S:
            return self._connect(peer, card.addresses, 0)
        return held.connections

    def _connect(self, peer: str, addresses: tuple[GatewayAddress, ...], at: int) -> Connections:
        """Use one of a peer's addresses from now on."""
        held = self._peers.get(peer)
        if held is not None:
            held.connections.close()
        connections = Connections(
            addresses[at].url,
            addresses[at].tls_certificate,
            count_max=config.PEER_CONNECTIONS_MAX,
            answer_bytes_max=config.BATCH_BYTES_MAX,
        )
        self._peers[peer] = _Peer(addresses, at, self._monotonic_s(), connections)
        return connections

    def _failed(self, peer: str, connections: Connections) -> None:
        """Go on to the next address; of several requests that failed together only the first one counts."""
        held = self._peers.get(peer)
        if held is not None and held.connections is connections and len(held.addresses) > 1:
            self._connect(peer, held.addresses, (held.at + 1) % len(held.addresses))


def _size(answer: Answer) -> Wanted:
    return Wanted(parse_decimal(answer.text.removesuffix("\n")))


def _send_reply(answer: Answer) -> Reply:
    if answer.status == OK:
        return Signed(parse_cosignatures(answer.content))
    if answer.status == CONFLICT and answer.media_type == SIZE_MEDIA_TYPE:
        return _size(answer)
    if answer.status == CONFLICT and answer.media_type == FORK_MEDIA_TYPE:
        return ForkFound(answer.content[: PROOF_BYTES_MAX + 1])
    raise _refusal(answer)


def _witness_reply(answer: Answer) -> Reply:
    if answer.status == OK:
        return Signed(parse_cosignatures(answer.content))
    if answer.status == CONFLICT and answer.media_type == SIZE_MEDIA_TYPE:
        return _size(answer)
    raise _refusal(answer)


def _refusal(answer: Answer) -> DarwazaError:
    """Turn a peer's refusal into an error with the peer's code."""
    code = answer.headers.get(CODE_HEADER, "peer_refused")[:64]
    detail = f"the peer answered {answer.status}: {answer.text[:300]}"
    if answer.status in {TOO_MANY, UNAVAILABLE}:
        try:
            retry_after_s = float(answer.headers.get("retry-after", "1"))
        except ValueError:
            retry_after_s = 1.0
        return PushbackError(detail, retry_after_s=max(0.1, min(retry_after_s, 3_600.0)), code=code)
    return PeerError(detail, code=code)
