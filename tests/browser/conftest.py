"""One browser and one corridor of real gateways for all tests here: Debian's Chromium, driven by Playwright."""

import os
import shutil
from types import SimpleNamespace

import pytest
from tests.browser.steps import follow
from tools.chromium import FLAGS

from darwaza.entry.demo.showcase import PASSWORD, Traffic, carec

CHROMIUM = shutil.which("chromium")
PATIENCE_MS = 120_000
SIGN_IN = "/console/sign-in"


# Not for the session: while Playwright runs, its event loop stands in the way of other tests of the same process.
@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is not on this machine: run: sh tools/browser.sh")
        pytest.skip("chromium is not on this machine: run: sh tools/browser.sh")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def founded(tmp_path_factory):
    made = carec(tmp_path_factory.mktemp("corridor"), ("AF", "PK", "UZ"))
    traffic = Traffic(made)
    made.start()
    yield made, traffic
    made.close()


@pytest.fixture(scope="session")
def corridor(founded):
    return founded[0]


@pytest.fixture(scope="session")
def traffic(founded):
    founded[1].populate(7, 2)
    return founded[1]


@pytest.fixture(scope="session")
def sessions():
    """Cookies of whoever has signed in: a gateway lets one address sign in thirty times a minute."""
    return {}


@pytest.fixture
def visit(chromium, corridor, traffic, sessions):
    """Open a page as somebody: ``visit("PK/asma", "/console/office", phone=True)``."""
    contexts = []

    def open_page(who, path, *, phone=False, language="en-GB", scripts=True, dark=False):
        code, _, login = who.partition("/")
        base = f"https://127.0.0.1:{corridor.port(code)}"
        context = chromium.new_context(
            base_url=base,
            storage_state=sessions.get((who, language)),
            ignore_https_errors=True,
            viewport={"width": 390, "height": 844} if phone else {"width": 1280, "height": 860},
            locale=language,
            java_script_enabled=scripts,
            color_scheme="dark" if dark else "light",
            service_workers="block",
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        faults = []
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
        page.goto(path)
        if login and SIGN_IN in page.url:
            page.fill("[name=login]", login)
            page.fill("[name=password]", PASSWORD)
            follow(page, page.locator("button.main"))
            assert SIGN_IN not in page.url, page.inner_text("main")
            sessions[who, language] = context.storage_state()
            page.goto(path)
        return SimpleNamespace(page=page, context=context, faults=faults)

    yield open_page
    for context in contexts:
        context.close()
