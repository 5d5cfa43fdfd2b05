"""A corridor of gateways on one machine, each a process of its own: for the demo, the benches and the fault tests."""

import os
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from darwaza.adapters.keyfile.keys import KeyFiles, write_secret
from darwaza.adapters.keyfile.party import AUDITOR, OPERATOR, Party, PartyFile, new_token
from darwaza.adapters.system.clock import SystemEntropy
from darwaza.bootstrap import ANCHOR_FILE, CORRIDOR_FOLDER, KEY_FOLDER, PARTY_FILE, found_gateway
from darwaza.client import Client
from darwaza.entry.cable import Cable
from darwaza.entry.cli.connection import OPERATOR_TOKEN, TOKEN_FOLDER, Connection
from darwaza.errors import DarwazaError, OperatorError
from darwaza.kernel.amendment import document_signer, found, required_lines
from darwaza.kernel.corridor import DEFAULT_CLASS, Link, Terms
from darwaza.kernel.key import PrivateKey
from darwaza.kernel.member import Card
from darwaza.kernel.note import format_note, signed
from darwaza.storage import STORE_FILE, create_store

START_S_MAX = 120.0
STOP_S_MAX = 60.0
DELIVER_S_MAX = 120.0
POLL_S = 0.02
RATE = 1_000_000


class LocalCorridor:
    """See the module.

    Attributes:
        folder: holds one folder a member, named by its code in lower case.
        names: of the members by code.
        cables: by the member they lead to.
    """

    def __init__(
        self,
        folder: Path,
        names: Mapping[str, str],
        *,
        links: Iterable[tuple[str, str]],
        witnesses: int = 0,
        lanes: int = 2,
        name: str = "local.example/corridor",
        cables: bool = False,
        path_policy: str = "",
        post_quantum: bool = False,
        stores: Mapping[str, str] | None = None,
    ) -> None:
        """Found the corridor: folders, keys, cards, and a document that all members voted.

        Args:
            folder: new or empty.
            names: of the members by code.
            links: pairs of neighbours.
            witnesses: members that must co-sign before evidence is witnessed.
            lanes: of each link.
            name: of the corridor.
            cables: whether gateways reach one another over cables that can be cut.
            path_policy: of the corridor, for every class of messages.
            post_quantum: whether checkpoints count only with an ML-DSA-44 line too.
            stores: URLs of PostgreSQL databases by member; the others keep a file.
        """
        self.folder = folder
        self.names = dict(names)
        self._ports = {code: held_port(self) for code in names}
        self.cables = {code: Cable(port) for code, port in self._ports.items()} if cables else {}
        self._stores = dict(stores or {})
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        cards = [self._found(code) for code in sorted(names)]
        now = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)
        document = found(
            cards=cards,
            name=name,
            created_at=now,
            not_after=now + timedelta(days=365),
            quorum=len(cards) // 2 + 1,
            links=tuple(sorted((Link.between(*pair, lanes) for pair in links), key=lambda link: link.members)),
            witness_quorum=witnesses,
            mldsa44_required=post_quantum,
            classes=(Terms(DEFAULT_CLASS, path_policy, 3_600),),
        )
        signers = [
            document_signer(line.signer, self._key(line.signer.member, str(line.signer.role)))
            for line in required_lines(None, document)
        ]
        self.document = format_note(signed(document.text, *signers))
        self.anchor = document.digest
        for code in names:
            self.give_document(code)
            create_store(self.path(code))

    def path(self, code: str) -> Path:
        """The folder of a member's gateway."""
        return self.folder / code.lower()

    def certificate(self, code: str) -> Path:
        """A gateway's own TLS certificate, PEM."""
        return self.path(code) / KEY_FOLDER / "tls.pem"

    def _found(self, code: str) -> Card:
        port = self._ports[code]
        outer = self.cables[code].port if code in self.cables else port
        url = f"https://127.0.0.1:{outer}"
        card = found_gateway(
            self.path(code),
            member=code,
            name=self.names[code],
            urls=[url],
            host="127.0.0.1",
            port=port,
            store=self._stores.get(code, ""),
        )
        self.add_party(code, OPERATOR_TOKEN, OPERATOR, AUDITOR)
        return msgspec.json.decode(card.read_bytes(), type=Card)

    def _key(self, code: str, role: str) -> PrivateKey:
        key: PrivateKey = getattr(KeyFiles(self.path(code) / KEY_FOLDER), role)
        return key

    def give_document(self, code: str) -> None:
        """Put the corridor document into a member's folder."""
        folder = self.path(code) / CORRIDOR_FOLDER
        folder.mkdir(exist_ok=True)
        (folder / "1.note").write_bytes(self.document)
        (folder / ANCHOR_FILE).write_text(self.anchor + "\n", "ascii")

    def add_party(self, code: str, name: str, *roles: str) -> str:
        """Add a party to a gateway; returns its token, which is kept in the folder too."""
        token, digest = new_token(SystemEntropy())
        PartyFile(self.path(code) / PARTY_FILE).put(Party(name, frozenset(roles), (digest,), RATE))
        tokens = self.path(code) / TOKEN_FOLDER
        tokens.mkdir(mode=0o700, exist_ok=True)
        write_secret(tokens / name, token + "\n")
        return token

    # --- processes ---

    def start(self, *codes: str) -> None:
        """Start gateways and wait until each takes work; all of them without codes."""
        for code in codes or self.names:
            self.launch(code)
        for code in codes or self.names:
            self.wait_until_up(code)

    def launch(self, code: str, *options: str, module: str = "darwaza.entry.cli.main") -> None:
        """Start a gateway without waiting for it.

        Args:
            code: of the member.
            options: for the module, after the folder.
            module: that serves; tests name ``darwaza.testing.faulty``.
        """
        command = [sys.executable, "-m", module, "serve", str(self.path(code)), *options]
        with (self.path(code) / "log").open("ab") as log:
            self._processes[code] = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - our own modules

    def wait_until_up(self, code: str) -> None:
        """Wait until a gateway answers.

        Raises:
            OperatorError: ``gateway_silent``.
        """
        until = time.monotonic() + START_S_MAX
        with self.client(code) as client:
            while time.monotonic() < until:
                try:
                    client.health()
                except DarwazaError:
                    if self._processes[code].poll() is not None:
                        break
                    time.sleep(POLL_S)
                else:
                    return
        tail = (self.path(code) / "log").read_text("utf-8", "replace")[-2_000:]
        raise OperatorError(f"the gateway of {code} did not start:\n{tail}", code="gateway_silent")

    def port(self, code: str) -> int:
        """The port a member's gateway listens on."""
        return self._ports[code]

    def pid(self, code: str) -> int:
        """The process of a running gateway."""
        return self._processes[code].pid

    def kill(self, code: str) -> None:
        """End a gateway as a power cut would: SIGKILL."""
        self._end(code, signal.SIGKILL)

    def stop(self, *codes: str) -> None:
        """End gateways in good order; all of them without codes."""
        for code in codes or tuple(self._processes):
            self._end(code, signal.SIGTERM)

    def close(self) -> None:
        """End everything."""
        self.stop()
        for cable in self.cables.values():
            cable.close()

    def _end(self, code: str, how: signal.Signals) -> None:
        process = self._processes.pop(code, None)
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def ended(self, code: str) -> int | None:
        """Exit code of a gateway that ended by itself, None while it runs."""
        return self._processes[code].poll()

    def lose_disk(self, code: str) -> None:
        """Throw a stopped gateway's store away and give it an empty one; its keys were kept elsewhere."""
        for path in self.path(code).glob(STORE_FILE + "*"):
            path.unlink()
        create_store(self.path(code))

    # --- talking ---

    def client(self, code: str, party: str = OPERATOR_TOKEN) -> Client:
        """Connect to a gateway as one of its parties."""
        return Connection(self.path(code), None, party, None, None).client()

    def wait_until_delivered(self, code: str, peer: str, seconds: float = DELIVER_S_MAX) -> None:
        """Wait until a neighbour has co-signed everything.

        Raises:
            OperatorError: ``not_delivered``.
        """
        until = time.monotonic() + seconds
        with self.client(code) as client:
            while time.monotonic() < until:
                link = next(one for one in client.operator.links() if one["peer"] == peer)
                if link["queue"] == 0 and link["state"] == "up":
                    return
                time.sleep(POLL_S)
        raise OperatorError(f"{peer} did not acknowledge everything of {code} in {seconds} s", code="not_delivered")


def held_port(owner: object) -> int:
    """Choose a port of this machine that nobody else is given for as long as ``owner`` lives.

    A free port that is let go again may be given to whoever asks next: to another gateway of the same corridor, or,
    while its gateway is down, to another program. So it stays bound, with no one listening, and connections to it are
    refused. A gateway binds it all the same, since both sides set SO_REUSEADDR (socket(7)).
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        weakref.finalize(owner, os.close, held.detach())
    return port
