"""Every form there is: fuzzed in every field its pages have, harmless whatever comes, and each act in the trail."""

import re
import uuid
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.entry.console.people import Browser, add_account
from tests.unit.entry.console.test_console_office import EVIL, World
from tests.unit.entry.payment_corridor import INDUS, PaymentCorridor

from darwaza.entry.console.audit import AUDIT_FILE, Trail
from darwaza.entry.console.pages import PAGES
from darwaza.entry.console.render import TEMPLATE_FOLDER
from darwaza.entry.console.session import form_token
from darwaza.entry.console.visit import COOKIE
from darwaza.standards.iso20022.payment import PaymentId

POSTS = [page for page in PAGES if page.method == "POST"]
NAMES = sorted(
    {
        name
        for path in Path(TEMPLATE_FOLDER).glob("*.html")
        for name in re.findall(r'name="([a-z_]+)"', path.read_text("utf-8"))
    }
    - {"csrf", "viewport"}
)
ACTS = ("accept", "start", "terminate", "discharge", "refuse", "hold", "clear", "nothing")
ODD = (EVIL, "PKTOR", "AF-PK/TORKHAM", "AF", "UZ/customs", "PK/indus-bank", "0", "-1", "9" * 20, "\x00", "²", "٣",
       "\N{COLLISION SYMBOL}" * 50, "../../x", "yes", "2026-13-45T99:99", "' OR 1=1 --", "a" * 5_000, "1e9", "100.00",
       "AC04", "en", "destination")  # fmt: skip
TRICKY = st.one_of(st.text(max_size=40), st.sampled_from(ODD))
HARM = "//img[@src='x'] | //script[not(@src) and not(@type='application/json')] | //*[@onerror]"
PEOPLE = {"customs|supervisor": "torkham", "supervisor": "customs", "customs": "customs", "operator": "operator",
          "auditor": "operator", "bank|compliance": "bilal", "compliance": "saima"}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("forms"))
    add_account(made.gateways["PK"], "operator", "operator")
    made.movement = made.truck("CC1", holder=EVIL, goods=EVIL)
    made.drive(made.movement, 2)
    made.run()
    yield made
    made.close()


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    made = PaymentCorridor(tmp_path_factory.mktemp("bank"))
    for login, party in (("bilal", "indus-bank"), ("saima", "sbp")):
        add_account(made.gateways["PK"], login, party)
    identity = PaymentId(end_to_end="<img src=x onerror=alert(1)>", transaction="TX-1", uetr=str(uuid.uuid4()))
    made.payment = made.ordered(id=identity)
    yield made
    made.close()


def place(page, world, bank):
    """Who may send a form, at which gateway, and its address with a thing of theirs in it."""
    login = PEOPLE.get(page.role, "" if page.role == "" else "customs")
    at = bank if login in {"bilal", "saima"} else world
    thing = bank.payment if at is bank else world.movement
    return at.gateways["PK"], login, page.path.replace("{id}", thing)


def newest(gateway):
    return Trail(gateway.folder / AUDIT_FILE, gateway.clock).newest(1)


def test_every_form_of_a_page_has_an_address_and_a_way_there():
    """No form leads nowhere, and every address for forms has a form that leads there."""
    actions = set()
    for path in Path(TEMPLATE_FOLDER).glob("*.html"):
        actions |= set(re.findall(r'method="post" action="([^"]+)"', path.read_text("utf-8")))
    patterns = [re.compile(re.sub(r"\{\{[^}]*\}\}", "[^/]+", action)) for action in actions]
    paths = [re.sub(r"\{[a-z]+\}", "x", page.path) for page in POSTS]
    for pattern in patterns:
        assert any(pattern.fullmatch(path) for path in paths), pattern.pattern
    for path in paths:
        assert any(pattern.fullmatch(path) for pattern in patterns), path


@pytest.mark.timeout(600)
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    page=st.sampled_from([page for page in POSTS if page.path != "/console/operator/backup"]),  # it has no field
    act=st.sampled_from(ACTS),
    fields=st.dictionaries(st.sampled_from(NAMES), TRICKY, max_size=8),
)
def test_no_field_of_any_form_breaks_a_page(world, bank, page, act, fields):
    """The answer is a page of this site, never an error of the program; what was done or refused is in the trail."""
    gateway, login, path = place(page, world, bank)
    visitor = Browser(gateway, login)
    csrf = {"csrf": form_token(visitor.cookies[COOKIE])} if login else {}
    before = newest(gateway)
    fields.pop("password", None)  # each try at signing in costs a hash; the door has tests of its own
    answer = visitor.send("POST", path.replace("{act}", act), fields | csrf)
    assert answer.status_code < 500, (path, fields, visitor.text())
    assert visitor.page is None or not visitor.page.xpath(HARM), path
    if login and (answer.status_code == 303 or answer.status_code >= 400):
        assert newest(gateway) != before, (path, answer.status_code)


@pytest.mark.parametrize("page", POSTS, ids=lambda page: page.path)
def test_no_form_counts_without_its_token(world, bank, page):
    """Whoever is signed in: a form without this session's token does nothing, says so, and leaves an entry."""
    gateway, login, path = place(page, world, bank)
    if not login:
        return
    visitor = Browser(gateway, login)
    answer = visitor.send("POST", path.replace("{act}", "start"), {"confirmed": "yes"})
    assert answer.status_code == 403
    assert "form_expired" in visitor.text()
    entry = newest(gateway)[0]
    assert (entry.login, entry.act, entry.outcome) == (login, f"POST {page.path}", "form_expired")


@pytest.mark.parametrize("page", POSTS, ids=lambda page: page.path)
def test_nobody_acts_without_signing_in(world, bank, page):
    """A form of somebody who is not signed in is no act."""
    gateway, login, path = place(page, world, bank)
    if login:
        answer = Browser(gateway).send("POST", path.replace("{act}", "start"), {"confirmed": "yes", "csrf": ""})
        assert answer.status_code in {303, 401}
        assert "/sign-in" in answer.headers.get("location", "/sign-in")


def test_scripts_in_a_payments_names_and_references_stay_text(bank):
    """What the other side wrote into its order is shown at both banks, and never run."""
    assert bank.show(INDUS, bank.payment)["end_to_end"].startswith("<img")
    add_account(bank.gateways["KZ"], "aigul", "alatau-bank")
    for code, login in (("PK", "bilal"), ("KZ", "aigul")):
        for path in ("/console/bank", f"/console/payments/{bank.payment}", "/console/consignments"):
            visitor = Browser(bank.gateways[code], login)
            assert visitor.get(path).status_code == 200
            assert not visitor.page.xpath(HARM), path
