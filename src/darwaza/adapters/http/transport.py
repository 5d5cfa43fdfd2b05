"""Runs the courier's errands over HTTPS, as spec/link.md describes the requests.

The peer's certificate is pinned: the one in its card is the only trust anchor, so neither a certificate authority nor
DNS has a say. Pinning keeps the content confidential; what makes it true are the signatures inside.
"""

import ssl
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

import httpx

from darwaza import config
from darwaza.errors import DarwazaError, MalformedError, PeerError, PushbackError
from darwaza.kernel import batch
from darwaza.kernel.encoding import parse_decimal
from darwaza.kernel.fork import PROOF_BYTES_MAX
from darwaza.kernel.key import PrivateKey
from darwaza.kernel.member import Card
from darwaza.kernel.request import authorize
from darwaza.kernel.wire import (
    BATCH_MEDIA_TYPE,
    BATCHES_PATH,
    CODE_HEADER,
    COSIGNED_PATH,
    FORK_MEDIA_TYPE,
    LEAVES_PATH,
    NOTE_MEDIA_TYPE,
    SIZE_MEDIA_TYPE,
    WITNESS_PATH,
)
from darwaza.kernel.witness import parse_cosignatures
from darwaza.ports.transport import Ask, AskWitness, Errand, Fetch, ForkFound, Held, Reply, Send, Signed, Wanted

OK, NO_CONTENT, CONFLICT, TOO_MANY, UNAVAILABLE = 200, 204, 409, 429, 503


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
    ) -> None:
        """Prepare; connections are made when they are needed.

        Args:
            member: whose gateway this is.
            key: its log key of now, which signs the requests that must be signed.
            corridor: the corridor's name.
            card: a member's card as of now.
            now: the time.
        """
        self._member = member
        self._key = key
        self._corridor = corridor
        self._card = card
        self._now = now
        self._clients: dict[str, tuple[tuple[str, bytes], httpx.AsyncClient]] = {}

    async def close(self) -> None:
        """Close all connections."""
        for _, client in self._clients.values():
            await client.aclose()
        self._clients = {}

    async def run(self, errand: Errand) -> Reply:
        """Run an errand; see the port."""
        if isinstance(errand, Send):
            headers = {"content-type": BATCH_MEDIA_TYPE}
            return _send_reply(await self._call(errand.peer, "POST", BATCHES_PATH, headers, errand.raw))
        if isinstance(errand, AskWitness):
            headers = {"content-type": NOTE_MEDIA_TYPE}
            return _witness_reply(await self._call(errand.peer, "POST", WITNESS_PATH, headers, errand.raw))
        if isinstance(errand, Ask):
            response = await self._signed_get(errand.peer, f"{COSIGNED_PATH}?origin={quote(errand.origin, safe='')}")
            return Held(b"" if response.status_code == NO_CONTENT else response.content)
        if isinstance(errand, Fetch):
            target = f"{LEAVES_PATH}?origin={quote(errand.origin, safe='')}&start={errand.start}"
            return batch.decode((await self._signed_get(errand.peer, target)).content)
        raise MalformedError(f"there is no errand {type(errand).__name__}", code="errand_unknown")

    async def _signed_get(self, peer: str, target: str) -> httpx.Response:
        value = authorize("GET", target, self._now(), corridor=self._corridor(), member=self._member, key=self._key())
        response = await self._call(peer, "GET", target, {"authorization": value}, None)
        if response.status_code not in {OK, NO_CONTENT}:
            raise _refusal(response)
        return response

    async def _call(
        self, peer: str, method: str, target: str, headers: dict[str, str], content: bytes | None
    ) -> httpx.Response:
        client = await self._client(peer)
        try:
            return await client.request(method, target, headers=headers, content=content)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as fault:
            raise PeerError(f"{peer} cannot be reached: {type(fault).__name__}: {fault}") from fault

    async def _client(self, peer: str) -> httpx.AsyncClient:
        """The connections to a peer; made anew when its card names another address or certificate."""
        card = self._card(peer)
        if card is None:
            raise PeerError(f"{peer} is not in the corridor", code="member_unknown")
        address = card.addresses[0]
        pin = (address.url, address.tls_certificate)
        held = self._clients.get(peer)
        if held is not None and held[0] == pin:
            return held[1]
        if held is not None:
            await held[1].aclose()
        client = httpx.AsyncClient(
            base_url=address.url,
            verify=pinned(address.tls_certificate),
            timeout=config.PEER_TIMEOUT_S,
            limits=httpx.Limits(max_connections=16, max_keepalive_connections=16, keepalive_expiry=120),
            trust_env=False,
        )
        self._clients[peer] = (pin, client)
        return client


def pinned(certificate: bytes) -> ssl.SSLContext:
    """A TLS context that trusts one certificate and nothing else, whatever names stand in it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=certificate)
    return context


def _media_type(response: httpx.Response) -> str:
    content_type: str = response.headers.get("content-type", "")
    return content_type.partition(";")[0].strip()


def _size(response: httpx.Response) -> Wanted:
    return Wanted(parse_decimal(response.text.removesuffix("\n")))


def _send_reply(response: httpx.Response) -> Reply:
    if response.status_code == OK:
        return Signed(parse_cosignatures(response.content))
    if response.status_code == CONFLICT and _media_type(response) == SIZE_MEDIA_TYPE:
        return _size(response)
    if response.status_code == CONFLICT and _media_type(response) == FORK_MEDIA_TYPE:
        return ForkFound(response.content[: PROOF_BYTES_MAX + 1])
    raise _refusal(response)


def _witness_reply(response: httpx.Response) -> Reply:
    if response.status_code == OK:
        return Signed(parse_cosignatures(response.content))
    if response.status_code == CONFLICT and _media_type(response) == SIZE_MEDIA_TYPE:
        return _size(response)
    raise _refusal(response)


def _refusal(response: httpx.Response) -> DarwazaError:
    """Turn a peer's refusal into an error with the peer's code."""
    code = response.headers.get(CODE_HEADER, "peer_refused")[:64]
    detail = f"the peer answered {response.status_code}: {response.text[:300]}"
    if response.status_code in {TOO_MANY, UNAVAILABLE}:
        try:
            retry_after_s = float(response.headers.get("retry-after", "1"))
        except ValueError:
            retry_after_s = 1.0
        return PushbackError(detail, retry_after_s=max(0.1, min(retry_after_s, 3_600.0)), code=code)
    return PeerError(detail, code=code)
