"""One request of a person: who they are, what they sent, and the page they get."""

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from darwaza.entry.console import word
from darwaza.entry.console.desk import DeclinedError, Desk
from darwaza.entry.console.language import Reader
from darwaza.entry.console.lobby import Lobby
from darwaza.entry.console.menu import Item
from darwaza.entry.console.render import apart, isolated, render
from darwaza.entry.console.session import form_token
from darwaza.errors import ForbiddenError
from darwaza.services.transit.crossing import Register

SIGN_IN = "/console/sign-in"
COOKIE = "__Host-darwaza"
LANGUAGE_COOKIE = "__Host-language"


class Visit:
    """See the module.

    Attributes:
        lobby: what all pages share.
        server: the running gateway.
        request: Starlette's.
        reader: how they read.
        key: of their session, "" when they are not signed in.
        form: what they sent; empty for a GET.
        refused: code of the refusal that was shown to them, "" for none.
    """

    def __init__(
        self, lobby: Lobby, request: Request, reader: Reader, key: str, desk: Desk | None, menu: list[Item]
    ) -> None:
        self.lobby = lobby
        self.server = lobby.server
        self.request = request
        self.reader = reader
        self.key = key
        self.form = FormData()
        self.refused = ""
        self._desk = desk
        self._menu = menu

    @property
    def desk(self) -> Desk:
        """Theirs, on a page for which people sign in."""
        if self._desk is None:
            raise ForbiddenError("sign in first", code="token_missing")
        return self._desk

    @property
    def signed_in(self) -> bool:
        """Whether somebody is signed in."""
        return self._desk is not None

    @property
    def register(self) -> Register:
        """Crossings and offices of the corridor."""
        return self.server.gateway.reference.register

    @property
    def member(self) -> str:
        """Code of the member whose gateway this is."""
        return self.server.gateway.config.member

    # --- what was sent ---

    def name(self, key: str) -> str:
        """A name in the path."""
        return str(self.request.path_params[key])

    def query(self, key: str) -> str:
        """A query parameter, "" when it is absent."""
        value: str = self.request.query_params.get(key, "")
        return value.strip()

    def field(self, key: str) -> str:
        """A form field, "" when it is absent."""
        value = self.form.get(key, "")
        return "" if isinstance(value, UploadFile) else value.strip()

    def fields(self, key: str) -> list[str]:
        """All values of a form field."""
        return [value.strip() for value in self.form.getlist(key) if isinstance(value, str)]

    def upload(self, key: str) -> UploadFile | None:
        """A file, if one was chosen."""
        value = self.form.get(key)
        return value if isinstance(value, UploadFile) and value.filename else None

    @property
    def confirmed(self) -> bool:
        """Whether they have seen what will happen and said yes."""
        return self.field("confirmed") == "yes"

    # --- answers ---

    def page(
        self, template: str, *, title: str, status: int = 200, headers: Mapping[str, str] | None = None, **context: Any
    ) -> Response:
        """Answer with a page.

        Args:
            template: file name.
            title: untranslated.
            status: of HTTP.
            headers: more of them.
            context: for the template.
        """
        common = self._context(title)
        self.refused = (context.get("problem") or {}).get("code", "")
        if taken := common.keys() & context.keys():
            raise TypeError(f"{template} gives {sorted(taken)} another meaning than every page does")
        return HTMLResponse(render(self.reader.language, template, common | context), status, dict(headers or {}))

    def _context(self, title: str) -> dict[str, Any]:
        reader, register = self.reader, self.register

        def call(table: Mapping[str, str], code: str) -> str:
            return reader.text(word.label(table, code))

        def office_text(code: str) -> str:
            return register.offices[code].name if code in register.offices else code

        said = self.query("said")
        return {
            "reader": reader,
            "lang": reader.language,
            "dir": reader.direction,
            "arrow": "←" if reader.direction == "rtl" else "→",
            "title": reader.text(title),
            "member": self.member,
            "menu": self._menu,
            "path": self.request.url.path,
            "here": self.request.url.path + (f"?{self.request.url.query}" if self.request.url.query else ""),
            "reading": self.lobby.index.seen if self.lobby.index.incomplete else None,
            "account": self._desk.account if self._desk else None,
            "party": self._desk.guest.address if self._desk else "",
            "roles": self._desk.tasks if self._desk else frozenset(),
            "csrf": form_token(self.key) if self.key else "",
            "once": secrets.token_hex(16),
            "now": self.server.gateway.clock.now(),
            "said": reader.text(word.SAID[said]) if said in word.SAID else "",
            "at": lambda value, zone="": apart(reader.at(value, zone)),
            "day": lambda value: apart(reader.day(value)),
            "ago": lambda value: reader.ago(value, self.server.gateway.clock.now()),
            "number": reader.number,
            "measure": lambda value, unit: isolated(f"{reader.number(value)}\u00a0{unit}"),
            "money": lambda minor, currency: isolated(reader.money(minor, currency)),
            "amount": lambda text: isolated(reader.amount(text)),
            "country": reader.country,
            "office_name": lambda code: apart(office_text(code)),
            "office_text": office_text,
            "zone_of": lambda code: register.offices[code].zone if code in register.offices else "",
            "state": lambda code: call(word.STATE, code),
            "event": lambda code: call(word.EVENT, code),
            "message_kind": lambda code: call(word.MESSAGE, code),
            "grade": lambda code: call(word.GRADE, code),
            "objection": lambda code: call(word.OBJECTION, code),
            "role_name": lambda code: call(word.ROLE, code),
            "activity": lambda code: call(word.ACTIVITY, code),
            "detail": lambda code: call(word.DETAIL, code),
            "pay_state": lambda code: call(word.PAYMENT_STATE, code),
            "officer_word": lambda code: call(word.OFFICER_WORD, code),
            "account_kind": lambda code: call(word.ACCOUNT_KIND, code),
            "phase": lambda code: call(word.PHASE, code),
            "reason_code": lambda code: call(word.REASON_CODE, code),
            "decimal": lambda money: isolated(reader.decimal(money.amount, money.currency)),
            "service": lambda code: call(word.SERVICE, code),
            "act_name": lambda code: call(word.ACT, code),
            "next_name": lambda code: call(word.NEXT, code),
            "fact_name": lambda code: call(word.FACT, code),
            "answer_name": lambda code: call(word.ANSWER, code),
            "reason_name": lambda code: call(word.REASON, code),
            "happened": lambda code: call(word.EVENT if code in word.EVENT else word.MESSAGE, code),
            "may": self._desk.may if self._desk else (lambda _method, _path: False),
        }

    def decline(self, no: DeclinedError, template: str, *, title: str, **context: Any) -> Response:
        """Show a page again with what the gateway said no to, and why."""
        return self.page(template, title=title, status=no.problem.status, problem=self.explain(no), **context)

    def explain(self, no: DeclinedError, words: Mapping[str, str] = word.NO) -> dict[str, str]:
        """Word a refusal: in the reader's language where the code has words, with the detail as it was given."""
        problem = no.problem
        text = self.reader.text(words[problem.code]) if problem.code in words else problem.detail
        detail = problem.detail if problem.code in words else ""
        return {"text": text, "detail": detail, "code": problem.code, "pointer": problem.pointer}

    def words(self, code: str) -> dict[str, str]:
        """Word a code of this console's own."""
        return {"text": self.reader.text(word.label(word.NO, code)), "detail": "", "code": code, "pointer": ""}

    def go_back(self, path: str) -> Response:
        """Send the browser back to a page of the console it came from."""
        safe = path if path.startswith("/console") and not urlsplit(path).netloc else "/console/"
        return RedirectResponse(quote(safe, safe="/%-._~?=&"), status_code=303)

    @staticmethod
    def go(path: str, *, said: str = "", **query: str) -> Response:
        """Send the browser on after a form, so that loading the page again does nothing again."""
        more = {name: value for name, value in {**query, "said": said}.items() if value}
        target = quote(path, safe="/%-._~") + (f"?{urlencode(more)}" if more else "")
        return RedirectResponse(target, status_code=303)


def address_of(request: Request) -> str:
    """The network address a request came from."""
    return request.client.host if request.client else ""


def set_cookie(response: Response, name: str, value: str, age_s: int) -> None:
    """Set a cookie that no script reads and that travels over TLS alone, or remove it with an age of 0."""
    response.set_cookie(name, value, max_age=age_s, path="/", secure=True, httponly=True, samesite="lax")
