"""The door: sign in, sign out, choose a language; and what every open page listens to."""

from starlette.responses import Response

from darwaza import config
from darwaza.entry.api.party import ANYONE
from darwaza.entry.api.problem import whole_seconds
from darwaza.entry.console.language import LANGUAGES
from darwaza.entry.console.menu import start_of
from darwaza.entry.console.page import Page, get, post
from darwaza.entry.console.pages.story import read_demo
from darwaza.entry.console.visit import COOKIE, LANGUAGE_COOKIE, SIGN_IN, Visit, address_of, set_cookie
from darwaza.entry.console.word import N_
from darwaza.errors import ForbiddenError, PushbackError

YEAR_S = 365 * 86_400
LOGIN_CHARACTERS_MAX = 63


async def start(visit: Visit) -> Response:
    """Lead to where this person's work begins."""
    if visit.signed_in:
        return visit.go(start_of(visit.desk.tasks))
    return visit.go("/console/story" if read_demo(visit.server.gateway.folder) else SIGN_IN)


async def show(visit: Visit) -> Response:
    """The sign-in page."""
    if visit.signed_in:
        return visit.go(start_of(visit.desk.tasks))
    return _page(visit, 200)


def _page(visit: Visit, status: int, problem: dict[str, str] | None = None, wait_s: float = 0.0) -> Response:
    headers = {"retry-after": whole_seconds(wait_s)} if wait_s else {}
    return visit.page(
        "sign-in.html",
        title=N_("Sign in"),
        status=status,
        headers=headers,
        problem=problem,
        login=visit.field("login")[:LOGIN_CHARACTERS_MAX],
        to=visit.field("to") or visit.query("to"),
    )


async def sign_in(visit: Visit) -> Response:
    """Check a password and begin a session."""
    lobby, login, address = visit.lobby, visit.field("login").lower()[:LOGIN_CHARACTERS_MAX], address_of(visit.request)
    account = lobby.accounts.find(login)
    try:
        lobby.throttle.admit(login, address)
    except PushbackError as full:
        _note(visit, login, full.code)
        return _page(visit, 429, _problem(visit, full.code), full.retry_after_s)
    password = visit.form.get("password", "")
    fits = await lobby.passwords.fits(
        None if account is None else account.secret, password if isinstance(password, str) else ""
    )
    if account is None or not fits:
        lobby.throttle.failed(login)
        _note(visit, login, "sign_in_wrong")
        return _page(visit, 403, _problem(visit, "sign_in_wrong"))
    lobby.throttle.succeeded(login)
    _note(visit, login, "done")
    target = visit.field("to")
    response = visit.go(target if target.startswith("/console/") else "/console/")
    set_cookie(response, COOKIE, lobby.sessions.open(login, account.secret), config.SESSION_S_MAX)
    return response


def _problem(visit: Visit, code: str) -> dict[str, str]:
    return visit.words(code)


def _note(visit: Visit, login: str, outcome: str) -> None:
    account = visit.lobby.accounts.find(login)
    party = "" if account is None else visit.server.gateway.address(account.party)
    known = "" if account is None else login
    visit.lobby.trail.write(
        login=known, party=party, act="sign-in", about=login, outcome=outcome, address=address_of(visit.request)
    )


async def sign_out(visit: Visit) -> Response:
    """End the session."""
    visit.desk.note("sign-out", visit.desk.account.login, "done")
    visit.lobby.sessions.close(visit.key)
    response = visit.go(SIGN_IN, said="signed-out")
    set_cookie(response, COOKIE, "", 0)
    return response


async def choose_language(visit: Visit) -> Response:
    """Keep the language a visitor chose."""
    wanted, back = visit.field("language"), visit.field("back")
    if wanted not in LANGUAGES:
        raise ForbiddenError("there are no pages in this language", code="not_found")
    response = visit.go_back(back)
    set_cookie(response, LANGUAGE_COOKIE, wanted, YEAR_S)
    return response


async def live(visit: Visit) -> Response:
    """News for an open page, as server-sent events."""
    return visit.lobby.live.stream(visit.key)


async def offline(visit: Visit) -> Response:
    """What the browser shows when the gateway cannot be reached; its service worker keeps a copy."""
    return visit.page("offline.html", title=N_("No connection"))


PAGES: tuple[Page, ...] = (
    get("/console/", start, ANYONE),
    get("/console", start, ANYONE),
    get(SIGN_IN, show, ANYONE),
    post(SIGN_IN, sign_in, ANYONE),
    post("/console/sign-out", sign_out),
    post("/console/language", choose_language, ANYONE),
    get("/console/live", live),
    get("/console/offline", offline, ANYONE),
)
