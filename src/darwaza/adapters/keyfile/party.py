"""The parties a gateway serves, in one JSON file: names, roles, and digests of their tokens, never the tokens.

The file may be changed while the gateway runs (``darwaza party``); it is read again when it has changed.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from darwaza.config import REQUESTS_PER_S_MAX, TOKEN_BYTES
from darwaza.errors import MalformedError, OperatorError
from darwaza.kernel.sealcard import Published
from darwaza.ports.clock import Entropy

TOKEN_PREFIX = "dz_"  # noqa: S105 - what tokens begin with, so that one can be found where it must not be
OPERATOR = "operator"
AUDITOR = "auditor"
PartyName = Annotated[str, Meta(max_length=63, pattern=r"^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$(?!\n)")]


class Party(msgspec.Struct, frozen=True):
    """Someone the gateway serves.

    Attributes:
        name: the party part of its address.
        roles: what it may do; services name theirs, ``operator`` and ``auditor`` are the gateway's own.
        tokens: SHA-256 of each valid token, lower-case hex. A token holds 256 random bits, so a plain digest is enough.
        requests_per_s_max: averaged over ten seconds.
        about: for people.
        webhook: address its notices are posted to (``entry.webhook``); "" for none.
        webhook_message: version of the pacs.008 that calls bring of credits that wait for its word; "" for none.
        sealing: the public key that documents for it are sealed to, as it published it; None when it has none.
    """

    name: PartyName
    roles: frozenset[str] = frozenset()
    tokens: tuple[str, ...] = ()
    requests_per_s_max: Annotated[int, Meta(ge=1)] = REQUESTS_PER_S_MAX
    about: str = ""
    webhook: Annotated[str, Meta(pattern=r"^(https?://[!-~]{1,1000})?$(?!\n)")] = ""
    sealing: Published | None = None
    webhook_message: Annotated[str, Meta(pattern=r"^(pacs\.008\.001\.(13|08))?$(?!\n)")] = ""


_FORMS = {
    "/name": "a party's name has at most 63 lower-case letters, digits, hyphens and full stops, none of them at an end",
    "/webhook": "a webhook is an address such as https://bank.example/darwaza, of at most 1,000 characters",
    "/webhook_message": "a webhook brings pacs.008.001.13 or pacs.008.001.08",
    "/requests_per_s_max": "a party may make at least one request a second",
}


class PartyFile:
    """See the module.

    Attributes:
        path: the file; an absent one holds no parties.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int] | None = None
        self._parties: dict[str, Party] = {}
        self._by_digest: dict[str, Party] = {}

    def refresh(self) -> None:
        """Read the file again if it has changed.

        Raises:
            OperatorError: ``parties_malformed``.
        """
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._parties, self._by_digest, self._stamp = {}, {}, None
            return
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp == self._stamp:
            return
        try:
            parties = msgspec.json.decode(self.path.read_bytes(), type=list[Party])
        except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
            raise OperatorError(f"{self.path} cannot be read: {fault}", code="parties_malformed") from fault
        self._parties = {party.name: party for party in parties}
        self._by_digest = {digest: party for party in parties for digest in party.tokens}
        self._stamp = stamp

    def all(self) -> list[Party]:
        """Every party, by name."""
        self.refresh()
        return [self._parties[name] for name in sorted(self._parties)]

    def known(self, name: str) -> bool:
        """Whether there is a party of this name."""
        return name in self._parties

    def party(self, name: str) -> Party | None:
        """The party of this name."""
        return self._parties.get(name)

    def by_token(self, token: str) -> Party | None:
        """The party a token belongs to."""
        return self._by_digest.get(sha256(token.encode()).hexdigest())

    def put(self, party: Party) -> None:
        """Add a party, or replace the one of its name.

        Raises:
            MalformedError: ``party_malformed``: a field is not of its form; nothing was written.
            OperatorError: ``parties_malformed``.
        """
        try:
            msgspec.convert(msgspec.to_builtins(party), Party)
        except msgspec.ValidationError as fault:
            pointer = str(fault).rpartition("`$")[2].rstrip("`").replace(".", "/")
            detail = f"a party is not of its form: {_FORMS.get(pointer, fault)}"
            raise MalformedError(detail, code="party_malformed", pointer=pointer) from fault
        with self._alone():
            self.refresh()
            self._write({**self._parties, party.name: party})

    def publish(self, name: str, sealing: Published | None) -> None:
        """Give a party another sealing key, or none.

        Raises:
            OperatorError: ``parties_malformed``: the file cannot be read, or the party is not in it any more.
        """
        with self._alone():
            self.refresh()
            held = self._parties.get(name)
            if held is None:
                raise OperatorError(f"{self.path} has no party {name} any more", code="parties_malformed")
            self._write({**self._parties, name: msgspec.structs.replace(held, sealing=sealing)})

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from writing: the gateway and ``darwaza party`` both do."""
        handle = os.open(self.path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _write(self, parties: dict[str, Party]) -> None:
        data = msgspec.json.format(msgspec.json.encode([parties[name] for name in sorted(parties)], order="sorted"))
        beside = self.path.with_suffix(".new")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data + b"\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
        self.refresh()


def new_token(entropy: Entropy) -> tuple[str, str]:
    """Make a token; returns it and the digest to keep."""
    token = TOKEN_PREFIX + entropy.random(TOKEN_BYTES).hex()
    return token, sha256(token.encode()).hexdigest()
