"""The link's errands over HTTPS: which of a peer's addresses they go to."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from darwaza import config
from darwaza.adapters.http.transport import HttpTransport
from darwaza.adapters.keyfile.certificate import self_signed, write_tls
from darwaza.entry.local import held_port
from darwaza.errors import PeerError
from darwaza.kernel.key import Ed25519PrivateKey
from darwaza.kernel.member import GatewayAddress
from darwaza.ports.transport import Ask, Held

ASK = Ask("UZ", "darwaza.example/carec/PK-to-UZ/0", 0)


class Peer:
    """A gateway that holds nothing, at as many addresses as are opened."""

    def __init__(self, folder):
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        der = self_signed(
            key, name="UZ", hosts=["127.0.0.1"], serial=7, begin=now - timedelta(days=1), end=now + timedelta(days=1)
        )
        write_tls(folder, key, der)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(folder / "tls.pem", folder / "tls.key")
        self._certificate = der
        self._ports = [held_port(self), held_port(self)]
        self.asked = [0, 0]

    @property
    def card(self):
        """What the corridor document says of it."""
        return SimpleNamespace(
            addresses=tuple(GatewayAddress(f"https://127.0.0.1:{port}", self._certificate) for port in self._ports)
        )

    async def open(self, at):
        """Listen at one of the addresses."""

        async def answer(reader, writer):
            try:
                while await reader.readuntil(b"\r\n\r\n"):
                    self.asked[at] += 1
                    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            except (OSError, asyncio.IncompleteReadError):
                writer.close()

        return await asyncio.start_server(answer, "127.0.0.1", self._ports[at], ssl=self._tls)


@pytest.fixture
def peer(tmp_path):
    return Peer(tmp_path)


def transport_to(peer, clock):
    key = Ed25519PrivateKey(bytes(32))
    return HttpTransport(
        member="PK",
        key=lambda: key,
        corridor=lambda: "darwaza.example/carec",
        card=lambda code: peer.card if code == "UZ" else None,
        now=lambda: datetime.now(UTC),
        monotonic_s=lambda: clock[0],
    )


def test_a_dead_address_is_left_for_the_next_and_tried_again_later(peer):
    """A gateway with two lines is reached while one of them is cut, and over the preferred one when it is back."""

    async def run():
        clock = [0.0]
        transport = transport_to(peer, clock)
        second = await peer.open(1)
        with pytest.raises(PeerError):
            await transport.run(ASK)
        assert await transport.run(ASK) == Held(b"")
        assert peer.asked == [0, 1]
        first = await peer.open(0)
        assert await transport.run(ASK) == Held(b"")
        assert peer.asked == [0, 2], "a line that works is not left"
        clock[0] = config.PEER_PREFER_S
        assert await transport.run(ASK) == Held(b"")
        assert peer.asked == [1, 2]
        await transport.close()
        first.close()
        second.close()

    asyncio.run(run())


def test_requests_that_fail_together_move_on_by_one_address(peer):
    """Eight errands meet the dead first address at once; the second is not skipped."""

    async def run():
        transport = transport_to(peer, [0.0])
        second = await peer.open(1)
        failed = await asyncio.gather(*(transport.run(ASK) for _ in range(8)), return_exceptions=True)
        assert any(isinstance(one, PeerError) for one in failed)
        assert await transport.run(ASK) == Held(b"")
        await transport.close()
        second.close()

    asyncio.run(run())


def test_a_member_that_is_not_in_the_corridor_is_not_looked_for(peer):
    """The card is the only thing that says where a gateway is."""
    transport = transport_to(peer, [0.0])
    with pytest.raises(PeerError) as fault:
        asyncio.run(transport.run(Ask("XX", ASK.origin, 0)))
    assert fault.value.code == "member_unknown"
