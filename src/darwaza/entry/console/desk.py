"""How a page acts: as the party of whoever is signed in, through the endpoints of the HTTP interface.

A page may do nothing that the interface would not let the same party do, and there is one place where a role is asked
for, a body is checked and a refusal is worded. Every act leaves a line in the audit trail.
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from darwaza.adapters.keyfile.account import Account
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.party import ANY_PARTY, ANYONE, Guest
from darwaza.entry.api.problem import Problem, problem_of
from darwaza.entry.console.audit import Trail
from darwaza.entry.server import Server
from darwaza.errors import DarwazaError, ForbiddenError, MalformedError
from darwaza.kernel.machine import Refusal


class DeclinedError(Exception):
    """The gateway said no.

    Attributes:
        problem: as the HTTP interface would answer it.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class Desk:
    """One signed-in person.

    Attributes:
        server: the running gateway.
        account: theirs.
        guest: the party they act for.
        noted: how many of their acts have been written into the trail.
    """

    def __init__(
        self,
        server: Server,
        endpoints: dict[tuple[str, str], Endpoint],
        account: Account,
        guest: Guest,
        trail: Trail,
        address: str,
    ) -> None:
        self.server = server
        self.account = account
        self.guest = guest
        self._endpoints = endpoints
        self.noted = 0
        self._trail = trail
        self._address = address

    @property
    def roles(self) -> frozenset[str]:
        """What the party may do."""
        return self.guest.roles

    @property
    def tasks(self) -> frozenset[str]:
        """The party's roles, and ``bank`` for one that the payments plan names."""
        directory, address = self.server.gateway.directory, self.guest.address
        named = any(directory.participant(address, role) for role in ("psp", "fxp", "operator"))
        return self.roles | {"bank"} if named else self.roles

    def may(self, method: str, path: str) -> bool:
        """Tell whether the party's roles open an endpoint; an endpoint that does not exist is closed."""
        endpoint = self._endpoints.get((method, path))
        return endpoint is not None and endpoint.role in {ANYONE, ANY_PARTY, *self.roles}

    async def ask(self, path: str, *, query: dict[str, Any] | None = None, **names: str) -> Any:
        """Ask a question (GET).

        Args:
            path: of the endpoint, with ``{names}``.
            query: its query parameters; those that are None or "" are left out.
            names: in the path.

        Returns:
            A value of the endpoint's answer type, or a finished response.

        Raises:
            DeclinedError: the gateway said no.
        """
        return await self._run("GET", path, query, None, "", names)

    async def act(
        self,
        path: str,
        body: Any = None,
        *,
        query: dict[str, Any] | None = None,
        key: str = "",
        method: str = "POST",
        headers: dict[str, str] | None = None,
        **names: str,
    ) -> Any:
        """Do something; see ``ask``.

        Args:
            path: of the endpoint.
            body: a value of its body type, or plain values to be checked against it.
            query: its query parameters.
            key: idempotency key: the same form sent twice acts once.
            method: of HTTP.
            headers: more of them.
            names: in the path.
        """
        about = next(iter(names.values()), "")
        try:
            answer = await self._run(method, path, query, body, key, names, headers)
        except DeclinedError as no:
            self.note(f"{method} {path}", about, no.problem.code)
            raise
        self.note(f"{method} {path}", about or str(getattr(answer, "id", "")), "done")
        return answer

    def note(self, act: str, about: str, outcome: str) -> None:
        """Write an act into the audit trail."""
        self.noted += 1
        self._trail.write(
            login=self.account.login,
            party=self.guest.address,
            act=act,
            about=about[:200],
            outcome=outcome,
            address=self._address,
        )

    def call(self, names: dict[str, str] | None = None, key: str = "", headers: dict[str, str] | None = None) -> Call:
        """What a handler gets."""
        raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        if key:
            raw.append((b"idempotency-key", key.encode()))
        scope = {
            "type": "http",
            "method": "POST",
            "path": "",
            "headers": raw,
            "query_string": b"",
            "path_params": names or {},
        }
        return Call(self.server, Request(scope), self.guest)

    async def _run(
        self,
        method: str,
        path: str,
        query: dict[str, Any] | None,
        body: Any,
        key: str,
        names: dict[str, str],
        headers: dict[str, str] | None = None,
    ) -> Any:
        endpoint = self._endpoints[method, path]
        try:
            if endpoint.role not in {ANYONE, ANY_PARTY, *self.roles}:
                raise ForbiddenError(f"this needs the role {endpoint.role}", code="role_missing")
            self.guest.spend(self.server.gateway.clock.monotonic_s())
            call = self.call(names, key, headers)
            if endpoint.query is not None:
                given = {name: value for name, value in (query or {}).items() if value not in {None, ""}}
                call.query = _convert(given, endpoint.query)
            if endpoint.body is not None:
                call.body = body if endpoint.body is bytes else _convert(body, endpoint.body)
            answer = await endpoint.handler(call)
        except DarwazaError as fault:
            raise DeclinedError(problem_of(fault)) from fault
        if isinstance(answer, DarwazaError | Refusal):
            raise DeclinedError(problem_of(answer))
        return answer


def _convert(value: Any, kind: Any) -> Any:
    """Check values as the HTTP interface checks a request."""
    try:
        return msgspec.convert(msgspec.to_builtins(value), kind, strict=False)
    except msgspec.ValidationError as fault:
        text, _, path = str(fault).partition(" - at `$")
        pointer = path.rstrip("`").replace("[", "/").replace("]", "").replace(".", "/")
        raise MalformedError(text, code="body_malformed", pointer=pointer) from fault


def content_of(answer: Any) -> bytes:
    """The bytes of a finished response that is no stream."""
    if not isinstance(answer, Response):
        raise TypeError("the endpoint answers with a value")
    return bytes(answer.body)
