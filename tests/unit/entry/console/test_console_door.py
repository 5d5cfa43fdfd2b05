"""The door: who comes in, how long, from where, and what every answer carries."""

import json
from base64 import b64encode
from hashlib import sha256

import pytest
from tests.unit.entry.console.people import PASSWORD, Browser, add_account

from darwaza import config
from darwaza.adapters.keyfile.account import AccountFile
from darwaza.bootstrap import ACCOUNT_FILE, Gateway
from darwaza.entry.console.audit import AUDIT_FILE, Trail
from darwaza.entry.console.pages import PAGES
from darwaza.entry.console.session import Throttle
from darwaza.entry.console.visit import COOKIE, LANGUAGE_COOKIE
from darwaza.entry.local import LocalCorridor
from darwaza.errors import PushbackError


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    corridor = LocalCorridor(
        tmp_path_factory.mktemp("door"), {"PK": "Pakistan", "UZ": "Uzbekistan"}, links=[("PK", "UZ")]
    )
    corridor.add_party("PK", "customs", "customs", "supervisor")
    corridor.add_party("PK", "bank", "bank")
    opened = Gateway(corridor.path("PK"))
    add_account(opened, "nadia", "customs", "Nadia Malik")
    add_account(opened, "bilal", "bank")
    add_account(opened, "hina", "operator")
    yield opened
    opened.close()


def entries(gateway):
    return [json.loads(line) for line in (gateway.folder / AUDIT_FILE).read_text().splitlines()]


def test_signing_in_gives_a_cookie_that_no_script_reads(gateway):
    """The session's cookie is bound to this host, to TLS, hidden from scripts, and kept from other sites' forms."""
    browser = Browser(gateway)
    browser.get("/console/sign-in")
    answer = browser.submit("/console/sign-in", login="nadia", password=PASSWORD)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-")
    for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert part in cookie
    browser.follow()
    assert browser.follow().status_code == 200
    assert "Nadia Malik" in browser.text()
    assert entries(gateway)[-1] | {"at": "", "before": ""} == {
        "at": "", "login": "nadia", "party": "PK/customs", "act": "sign-in", "about": "nadia", "outcome": "done",
        "address": "127.0.0.1", "before": "",
    }  # fmt: skip


def test_a_wrong_password_and_an_unknown_login_look_the_same(gateway):
    """Nobody learns from an answer which logins there are."""
    told = []
    for login in ("bilal", "nobody"):
        browser = Browser(gateway)
        browser.get("/console/sign-in")
        answer = browser.submit("/console/sign-in", login=login, password="a wrong password")
        assert answer.status_code == 403
        told.append(browser.text().replace(login, ""))
        assert COOKIE not in browser.cookies
    assert told[0] == told[1]


def test_a_login_is_locked_after_wrong_passwords_and_longer_each_time():
    """Guessing costs time that doubles; a right password does not open a locked login."""
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    for _ in range(config.SIGN_IN_FAILURES_MAX):
        throttle.admit("asma", "10.0.0.1")
        throttle.failed("asma")
    with pytest.raises(PushbackError) as locked:
        throttle.admit("asma", "10.0.0.2")
    assert locked.value.code == "account_locked"
    now[0] += config.LOCK_S_FIRST + 1
    throttle.admit("asma", "10.0.0.2")
    throttle.failed("asma")
    now[0] += config.LOCK_S_FIRST + 1
    with pytest.raises(PushbackError):
        throttle.admit("asma", "10.0.0.2")
    now[0] += config.LOCK_S_FIRST + 1
    throttle.admit("asma", "10.0.0.2")


def test_an_address_may_try_only_so_often():
    """Trying many logins from one place ends too."""
    throttle = Throttle(lambda: 0.0)
    for number in range(config.SIGN_INS_PER_ADDRESS_MAX):
        throttle.admit(f"login{number}", "10.0.0.1")
    with pytest.raises(PushbackError) as full:
        throttle.admit("another", "10.0.0.1")
    assert full.value.code == "too_many_requests"
    throttle.admit("another", "10.0.0.2")


def test_signing_out_ends_the_session_at_the_gateway(gateway):
    """A copied cookie is worth nothing afterwards."""
    browser = Browser(gateway, "nadia")
    copied = dict(browser.cookies)
    browser.get("/console/overview")
    browser.submit("/console/sign-out")
    browser.cookies = copied
    assert browser.get("/console/overview").headers["location"].startswith("/console/sign-in")


def test_a_session_outlives_the_process(gateway):
    """Whoever was at work goes on after the gateway was killed and started again."""
    browser = Browser(gateway, "nadia")
    assert browser.get("/console/overview").status_code == 200
    assert browser.get("/console/overview").status_code == 200  # each request makes the application anew


def test_another_password_or_no_account_ends_the_session(gateway):
    """Taking an account away works at once."""
    add_account(gateway, "gone", "bank")
    browser = Browser(gateway, "gone")
    assert browser.get("/console/overview").status_code == 200
    AccountFile(gateway.folder / ACCOUNT_FILE).remove("gone")
    assert browser.get("/console/overview").status_code == 303


@pytest.mark.parametrize(
    ("headers", "change"),
    [
        ({}, {"csrf": "0" * 64}),
        ({}, {"csrf": ""}),
        ({"origin": "https://elsewhere.example"}, {}),
        ({"sec-fetch-site": "cross-site"}, {}),
    ],
)
def test_forms_of_other_sites_do_nothing(gateway, headers, change):
    """A form counts with this session's token and from this site alone."""
    browser = Browser(gateway, "nadia")
    browser.get("/console/overview")
    fields = browser.form("/console/sign-out") | change
    answer = browser.send("POST", "/console/sign-out", fields, headers)
    assert answer.status_code == 403
    assert "form_expired" in browser.text()
    assert browser.get("/console/overview").status_code == 200


def test_every_answer_has_its_headers_and_nothing_inline(gateway):
    """No page runs or shows anything that is not a file of this site."""
    paths = ["/console/sign-in", "/console/nothing", "/console/static/console.css", "/console/offline"]
    paths += [
        page.path for page in PAGES if page.method == "GET" and "{" not in page.path and page.path != "/console/live"
    ]
    for login in ("", "nadia", "hina", "bilal"):
        browser = Browser(gateway, login)
        for path in paths:
            answer = browser.get(path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy, path
            assert "unsafe" not in policy, path
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "DENY"
            assert "cache-control" in answer.headers
            if browser.page is not None and path != "/console/verify":
                assert not browser.page.xpath("//*[@style] | //style | //script[not(@src)] | //*[@onclick] | //base")
                for source in browser.page.xpath("//script/@src | //link/@href | //img/@src"):
                    assert source.startswith(("/console/", "data:")), source


def test_the_page_that_verifies_runs_only_the_script_its_policy_names(gateway):
    """One file with its script and style inside, each named by its digest; nothing in the data can end its element."""
    browser = Browser(gateway)
    answer = browser.get("/console/verify")
    policy = answer.headers["content-security-policy"]
    assert browser.page.xpath("//meta[@http-equiv]/@content")[0] in policy
    for text in browser.page.xpath("//script[@type='module']/text() | //style/text()"):
        assert f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" in policy
    assert len(browser.page.xpath("//script")) == 2
    given = json.loads(browser.page.xpath("//script[@id='given']/text()")[0])
    assert given["documents"]


def test_what_needs_a_role_is_closed_without_it(gateway):
    """A bank does not see the operator's page, nor does anybody without signing in."""
    assert Browser(gateway, "bilal").get("/console/operator").status_code == 403
    assert Browser(gateway, "bilal").get("/console/office").status_code == 403
    assert Browser(gateway, "hina").get("/console/operator").status_code == 200
    for page in PAGES:
        if page.role and page.method == "GET":
            answer = Browser(gateway).get(page.path.replace("{", "").replace("}", "").replace(":path", ""))
            assert answer.status_code in {303, 403, 404}, page.path


def test_a_language_is_kept_and_decides_the_direction(gateway):
    """A visitor's own choice outweighs the browser's."""
    browser = Browser(gateway, language="de, ru;q=0.8, en;q=0.5")
    browser.get("/console/sign-in")
    assert browser.page.get("lang") == "ru"
    browser.send("POST", "/console/language", {"language": "ur", "back": "/console/sign-in"})
    assert LANGUAGE_COOKIE in browser.cookies
    browser.follow()
    assert (browser.page.get("lang"), browser.page.get("dir")) == ("ur", "rtl")
    browser.send("POST", "/console/language", {"language": "xx", "back": "//elsewhere.example/"})
    assert browser.answer.status_code == 404
    browser.send("POST", "/console/language", {"language": "en", "back": "//elsewhere.example/"})
    assert browser.answer.headers["location"] == "/console/"


def test_the_trail_shows_where_it_was_changed(gateway, tmp_path):
    """Each line names the one before it, so nothing can be changed or taken out unseen."""
    path = tmp_path / AUDIT_FILE
    trail = Trail(path, gateway.clock)
    for number in range(5):
        trail.write(login="a", party="PK/a", act="x", about=str(number), outcome="done", address="")
    assert trail.check() is None
    assert Trail(path, gateway.clock).check() is None
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2] + lines[3:]))
    assert Trail(path, gateway.clock).check() == 3
    path.write_bytes(b"".join([lines[0].replace(b"PK/a", b"PK/b"), *lines[1:]]))
    assert Trail(path, gateway.clock).check() == 2
