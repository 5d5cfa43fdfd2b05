"""Somebody at a browser without scripts: keeps cookies, reads and sends forms; the application runs in process."""

import asyncio
import re
from urllib.parse import urlencode

import httpx
from lxml import html

from darwaza.adapters.keyfile.account import Account, AccountFile
from darwaza.bootstrap import ACCOUNT_FILE
from darwaza.entry.api.app import App
from darwaza.entry.console.password import hash_password
from darwaza.entry.console.session import SESSION_FILE, Sessions
from darwaza.entry.console.visit import COOKIE
from darwaza.entry.server import Server

PASSWORD = "caravan of the silk road"
SECRET = hash_password(PASSWORD)


def add_account(gateway, login, party, name="", language=""):
    AccountFile(gateway.folder / ACCOUNT_FILE).put(Account(login, party, name, SECRET, language))


class Browser:
    """See the module.

    Attributes:
        cookies: kept.
        page: the last answer's page, parsed; None when it was no page.
        answer: the last answer.
    """

    def __init__(self, gateway, login="", language="en"):
        self.gateway = gateway
        self.cookies = {}
        self.language = language
        self.page = self.answer = None
        if login:
            # Straight to the session: what signing in does has tests of its own, and a hash costs a tenth of a second.
            sessions = Sessions(gateway.folder / SESSION_FILE, gateway.clock, gateway.entropy)
            self.cookies[COOKIE] = sessions.open(login, SECRET)

    def send(self, method, path, data=None, headers=None, files=None):
        async def run():
            server = Server(self.gateway)
            running = asyncio.create_task(server.loop.run())
            transport = httpx.ASGITransport(app=App(server))
            given = {"accept-language": self.language, "accept": "text/html", **(headers or {})}
            given["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            content = None
            if data is not None and files is None:
                content = urlencode(data, doseq=True)
                given.setdefault("content-type", "application/x-www-form-urlencoded")
            async with httpx.AsyncClient(transport=transport, base_url="https://gateway") as client:
                answer = await client.request(
                    method, path, content=content, headers=given, files=files, data=data if files else None
                )
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await server.transport.close()
            self.gateway.engine.site.watchers.clear()
            return answer

        answer = asyncio.run(run())
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
            if "Max-Age=0" in line:
                del self.cookies[name]
        self.answer = answer
        shown = answer.headers.get("content-type", "").startswith("text/html") and answer.content
        self.page = html.fromstring(answer.text) if shown else None
        return answer

    def get(self, path, **headers):
        return self.send("GET", path, headers=headers or None)

    def follow(self):
        assert self.answer.status_code == 303, self.text()
        return self.get(self.answer.headers["location"])

    def form(self, action):
        """The fields of the page's form that goes to an address."""
        for form in self.page.forms:
            if (form.action or "").endswith(action):
                return dict(form.form_values())
        raise AssertionError(f"no form goes to {action}; there are {[form.action for form in self.page.forms]}")

    def submit(self, action, **fields):
        """Fill the page's form and send it as a browser would."""
        values = self.form(action)
        values.update(fields)
        target = next(form.action for form in self.page.forms if (form.action or "").endswith(action))
        return self.send("POST", target, values)

    def text(self):
        return "" if self.page is None else re.sub(r"\s+", " ", self.page.text_content())
