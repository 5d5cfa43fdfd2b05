"""The console as an ASGI application: who comes in, which page they get, and the headers of every answer.

Paths begin with ``/console``; ``/`` leads there. Whoever is not signed in sees the sign-in page, the page that verifies
evidence, and static files. Forms are taken from this site alone (RFC 6265bis ``SameSite``, a token per session, and the
``Origin`` they came from).
"""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from darwaza import config
from darwaza.adapters.keyfile.account import Account
from darwaza.adapters.keyfile.party import Party
from darwaza.entry.api.endpoint import Endpoint
from darwaza.entry.api.party import ANY_PARTY, ANYONE, Guest
from darwaza.entry.api.problem import Problem, problem_of, whole_seconds
from darwaza.entry.console import language, static
from darwaza.entry.console.desk import DeclinedError, Desk
from darwaza.entry.console.lobby import Lobby
from darwaza.entry.console.menu import menu_of
from darwaza.entry.console.page import FAULT, Page
from darwaza.entry.console.pages import PAGES
from darwaza.entry.console.session import form_token, same_secret
from darwaza.entry.console.visit import COOKIE, LANGUAGE_COOKIE, SIGN_IN, Visit, address_of
from darwaza.entry.server import Server
from darwaza.errors import DarwazaError, ForbiddenError, MalformedError, TooLargeError

log = structlog.get_logger("darwaza.console")

ROOT = "/console"
FILES_MAX = 10

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "same-origin",
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Console:
    """See the module."""

    def __init__(self, server: Server, endpoints: Sequence[Endpoint]) -> None:
        gateway = server.gateway
        self._lobby = Lobby(server)
        self._endpoints = {(endpoint.method, endpoint.path): endpoint for endpoint in endpoints}
        self._guests: dict[str, Guest] = {}
        offices = [
            office for office in gateway.reference.register.offices.values() if office.member == gateway.config.member
        ]
        self._zone = ZoneInfo(offices[0].zone) if offices else ZoneInfo("UTC")
        routes = [Route(page.path, self._answer(page), methods=[page.method]) for page in PAGES]
        routes.append(Route(f"{ROOT}/static/{{name}}", static.serve))
        routes.append(Route(f"{ROOT}/sw.js", static.worker))
        routes.append(Route("/", _to_root))
        errors: dict[Any, Any] = {HTTPException: self._lost}
        self._routes = Starlette(routes=routes, exception_handlers=errors)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""

        async def headed(event: Any) -> None:
            if event["type"] == "http.response.start":
                given = {name for name, _ in event["headers"]}
                more = [
                    (name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in given
                ]
                if b"cache-control" not in given:
                    more.append((b"cache-control", b"no-store"))
                event["headers"] = [*event["headers"], *more]
            await send(event)

        await self._routes(scope, receive, headed)

    # --- a request ---

    def _answer(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def run(request: Request) -> Response:
            visit = self._visit(request)
            response = await self._handle(page, visit)
            if page.method == "POST" and visit.signed_in and not visit.desk.noted:
                self._note(page, visit, response)
            return response

        return run

    def _note(self, page: Page, visit: Visit, response: Response) -> None:
        """Write an act down that nothing wrote down on its way: what a page itself did, or refused to do.

        A form that only leads to a question, which is answered with a page, is no act yet.
        """
        if response.status_code == HTTPStatus.SEE_OTHER:
            visit.desk.note(f"POST {page.path}", "", "done")
        elif response.status_code >= HTTPStatus.BAD_REQUEST:
            visit.desk.note(f"POST {page.path}", "", visit.refused or "refused")

    async def _handle(self, page: Page, visit: Visit) -> Response:
        request = visit.request
        try:
            if page.role != ANYONE and not visit.signed_in:
                return self._to_sign_in(request, visit)
            if page.method == "POST":
                await self._read_form(visit, page)
            _need(page.role, visit)
            return await page.handler(visit)
        except DeclinedError as no:
            return self._fault(visit, no.problem)
        except DarwazaError as fault:
            return self._fault(visit, problem_of(fault))
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        except Exception:
            log.exception("page failed", path=page.path)
            problem = Problem(
                "urn:darwaza:problem:internal_fault", "", HTTPStatus.INTERNAL_SERVER_ERROR.value, "internal_fault", ""
            )
            return self._fault(visit, problem)
        finally:
            await visit.form.close()

    def _visit(self, request: Request) -> Visit:
        key = request.cookies.get(COOKIE, "")
        account = self._account(key) if key else None
        desk = None if account is None else self._desk(account, request)
        wanted = (request.cookies.get(LANGUAGE_COOKIE, ""), account.language if account else "")
        code = language.choose(wanted, request.headers.get("accept-language", ""))
        menu = [] if desk is None else menu_of(desk.tasks)
        reader = language.Reader(code, self._zone)
        return Visit(self._lobby, request, reader, key if desk else "", desk, menu)

    def _account(self, key: str) -> Account | None:
        session = self._lobby.sessions.find(key)
        account = None if session is None else self._lobby.accounts.find(session.login)
        return account if account is not None and session is not None and same_secret(session, account.secret) else None

    def _desk(self, account: Account, request: Request) -> Desk | None:
        party = self._party(account.party)
        if party is None:
            return None
        guest = self._guests.get(party.name)
        if guest is None or guest.party != party:
            gateway = self._lobby.server.gateway
            guest = Guest(party, gateway.address(party.name), gateway.clock.monotonic_s())
            self._guests[party.name] = guest
        return Desk(self._lobby.server, self._endpoints, account, guest, self._lobby.trail, address_of(request))

    def _party(self, name: str) -> Party | None:
        return next((party for party in self._lobby.server.gateway.parties.all() if party.name == name), None)

    async def _read_form(self, visit: Visit, page: Page) -> None:
        """Read a form and see that it is one of ours."""
        request = visit.request
        origin = request.headers.get("origin", "")
        foreign = origin and urlsplit(origin).netloc != request.headers.get("host", "")
        if foreign or request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise ForbiddenError("a form of another site", code="form_expired")
        limited = Request(request.scope, _limited(request.receive, page.form_bytes_max))
        limited.scope["path_params"] = request.path_params
        try:
            visit.form = await limited.form(
                max_files=FILES_MAX, max_fields=config.FORM_FIELDS_MAX, max_part_size=page.field_bytes_max
            )
        except (MultiPartException, HTTPException) as fault:
            raise MalformedError("the form, or a field of it, cannot be read", code="body_malformed") from fault
        if visit.signed_in and visit.field("csrf") != form_token(visit.key):
            raise ForbiddenError("the form is not of this session", code="form_expired")

    # --- what goes wrong ---

    def _to_sign_in(self, request: Request, visit: Visit) -> Response:
        if request.method == "GET" and request.headers.get("accept", "").startswith("text/html"):
            return visit.go(SIGN_IN, to=request.url.path)
        return self._fault(visit, problem_of(ForbiddenError("sign in first", code="token_missing")))

    def _fault(self, visit: Visit, problem: Problem) -> Response:
        explained = visit.explain(DeclinedError(problem))
        headers = {} if problem.retry_after_s is None else {"retry-after": whole_seconds(problem.retry_after_s)}
        return visit.page("fault.html", title=FAULT, status=problem.status, headers=headers, problem=explained)

    async def _lost(self, request: Request, fault: Exception) -> Response:
        status = fault.status_code if isinstance(fault, HTTPException) else HTTPStatus.NOT_FOUND.value
        return self._fault(self._visit(request), Problem("urn:darwaza:problem:not_found", "", status, "not_found", ""))


def _need(role: str, visit: Visit) -> None:
    if role not in {ANYONE, ANY_PARTY} and not set(role.split("|")) & visit.desk.tasks:
        raise ForbiddenError("another role is needed", code="role_missing")


def _limited(receive: Receive, bytes_max: int) -> Receive:
    total = 0

    async def run() -> Any:
        nonlocal total
        event = await receive()
        total += len(event.get("body", b""))
        if total > bytes_max:
            raise TooLargeError(f"a form here has at most {bytes_max} bytes", code="request_too_large")
        return event

    return run


async def _to_root(_: Request) -> Response:
    return RedirectResponse(ROOT + "/", status_code=HTTPStatus.SEE_OTHER.value)
