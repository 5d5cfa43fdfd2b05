"""The people who sign in to a gateway's console, in one JSON file: logins and password hashes, never passwords.

An account acts for one party of the gateway and has that party's roles, no others. The file may be changed while the
gateway runs (``darwaza account``); it is read again when it has changed.
"""

import os
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from darwaza.adapters.keyfile.party import PartyName
from darwaza.errors import OperatorError

Login = Annotated[str, Meta(max_length=63, pattern=r"^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$(?!\n)")]


class Account(msgspec.Struct, frozen=True):
    """Someone who may sign in.

    Attributes:
        login: what they type; it also stands in the stamps of what they do, so it is never used again for another.
        party: the name of the party they act for.
        name: for people.
        secret: of their password, argon2id in PHC string form (RFC 9106).
        language: of their pages, as in BCP 47; "" for what their browser asks for.
    """

    login: Login
    party: PartyName
    name: Annotated[str, Meta(max_length=100)]
    secret: str
    language: Annotated[str, Meta(max_length=16)] = ""


class AccountFile:
    """See the module.

    Attributes:
        path: the file; an absent one holds no accounts.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int] | None = None
        self._accounts: dict[str, Account] = {}

    def _refresh(self) -> None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._accounts, self._stamp = {}, None
            return
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp == self._stamp:
            return
        try:
            accounts = msgspec.json.decode(self.path.read_bytes(), type=list[Account])
        except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
            raise OperatorError(f"{self.path} cannot be read: {fault}", code="accounts_malformed") from fault
        self._accounts = {account.login: account for account in accounts}
        self._stamp = stamp

    def all(self) -> list[Account]:
        """Every account, by login.

        Raises:
            OperatorError: ``accounts_malformed``.
        """
        self._refresh()
        return [self._accounts[login] for login in sorted(self._accounts)]

    def find(self, login: str) -> Account | None:
        """The account of a login; raises as ``all``."""
        self._refresh()
        return self._accounts.get(login)

    def put(self, account: Account) -> None:
        """Add an account, or replace the one of its login."""
        self._refresh()
        self._write({**self._accounts, account.login: account})

    def remove(self, login: str) -> None:
        """Remove an account; whoever is signed in with it is out with the next request."""
        self._refresh()
        self._write({name: account for name, account in self._accounts.items() if name != login})

    def _write(self, accounts: dict[str, Account]) -> None:
        ordered = [accounts[login] for login in sorted(accounts)]
        write_private(self.path, msgspec.json.format(msgspec.json.encode(ordered, order="sorted")) + b"\n")
        self._refresh()


def write_private(path: Path, data: bytes) -> None:
    """Put a file that only this user reads into the place of another, all of it or nothing."""
    beside = path.with_suffix(".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
