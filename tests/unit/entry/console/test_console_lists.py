"""Every list filters, sorts, pages and is a file too, with the same rows in the same order."""

import csv
import io
import re
from decimal import Decimal

import pytest
from tests.unit.entry.console.people import Browser, add_account
from tests.unit.entry.console.test_console_office import World
from tests.unit.entry.payment_corridor import INDUS, PaymentCorridor
from tests.unit.entry.test_payment_bulk import bulk

from darwaza import config
from darwaza.entry.console import listing

LISTS = (
    ("UZ/customs", "/console/consignments", "ucr"),
    ("PK/customs", "/console/documents", "title"),
    ("UZ/silk-road-trans", "/console/trips", "ucr"),
    ("PK/torkham", "/console/office?office=PKTOR", "ucr"),
    ("PK/customs", "/console/crossings", "id"),
    ("PK/customs", "/console/crossings/AF-PK/TORKHAM", "ucr"),
    ("PK/audit", "/console/auditor", "act"),
    ("bank", "/console/bank", "reference"),
    ("bank", "statement", "reference"),
    ("bank", "bulk", "id"),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("lists"))
    add_account(made.gateways["PK"], "audit", "operator")
    for number in range(3):
        made.drive(made.truck(f"LS{number}"), number)
    sender = made.at("UZ/silk-road-trans")
    for title in ("Beta", "alpha", "=Gamma"):
        sender.get("/console/documents/send")
        fields = sender.form("/documents/send") | {"to": "PK/customs", "title": title, "ucr": ""}
        fields.pop("file", None)
        sender.send("POST", "/console/documents/send", fields, files={"file": ("a.txt", title.encode())})
    made.run()
    reader = made.at("PK/customs")
    reader.get("/console/documents")
    for link in reader.page.xpath("//section[@id='list']//td[1]/a/@href"):
        reader.get(link)
        reader.submit("/accept")
    yield made
    made.close()


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    made = PaymentCorridor(tmp_path_factory.mktemp("bank"))
    add_account(made.gateways["PK"], "bilal", "indus-bank")
    for _ in range(3):
        made.settled()
    made.call(INDUS, "POST", "/v1/payments/bulk", content=bulk(made))
    yield made
    made.close()


@pytest.fixture
def visitor(request):
    """Somebody before a list, and its address with a query begun."""

    def go(who, path):
        if who != "bank":
            browser = request.getfixturevalue("world").at(who)
        else:
            browser = Browser(request.getfixturevalue("bank").gateways["PK"], "bilal")
        if path == "statement":
            browser.get("/console/bank")
            path = next(one for one in browser.page.xpath("//a/@href") if "statement" in one and "position" in one)
        if path == "bulk":
            (case_id,) = (row["id"] for row in rows_of(browser, "/console/bank?") if row["payments"])
            browser.get(f"/console/payments/{case_id}")
            path = browser.answer.headers["location"]
        return browser, path + ("&" if "?" in path else "?")

    return go


def rows_of(browser, path):
    answer = browser.get(path + "&form=csv")
    assert answer.headers["content-type"].startswith("text/csv"), path
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def in_order(values):
    """As lists sort: what is missing last, numbers as numbers."""
    there = [value for value in values if value]
    if all(re.fullmatch(r"-?\d+(\.\d+)?", value) for value in there):
        return sorted(there, key=Decimal) + [value for value in values if not value]
    return sorted(there) + [value for value in values if not value]


@pytest.mark.parametrize(("who", "path", "named"), LISTS)
def test_every_list_does_all_four(visitor, monkeypatch, who, path, named):
    """The page offers a filter, ways to sort, pages and a file; each does what it says."""
    browser, base = visitor(who, path)
    browser.get(base)
    assert browser.page.xpath("//form[@method='get' or not(@method)]//input[@name='filter']"), "no filter"
    assert browser.page.xpath("//a[contains(@href, 'form=csv')]"), "no file"
    sorts = set(re.findall(r"[?&;]sort=(\w+)", browser.answer.text))
    assert len(sorts) >= 3
    rows = rows_of(browser, base)
    assert len(rows) >= 3
    for column in sorts & rows[0].keys():
        told = [row[column] for row in rows_of(browser, f"{base}sort={column}")]
        assert told == in_order(told), column
        down = [row[column] for row in rows_of(browser, f"{base}sort=-{column}")]
        assert [value for value in down if value] == [value for value in told if value][::-1], column
        assert down[len([value for value in told if value]) :] == [value for value in told if not value], column
    wanted = rows[0][named].removeprefix("'")
    assert wanted
    found = rows_of(browser, f"{base}filter={wanted.replace('=', '%3D').upper()}")
    assert found
    assert all(any(wanted.casefold() in value.casefold() for value in row.values()) for row in found)
    browser.get(base + "filter=no-such-thing-anywhere")
    assert "0 entries" in browser.text()
    monkeypatch.setattr(listing, "PAGE_ROWS", 1)
    browser.get(base + "sort=" + named)
    turn = browser.page.xpath("//a[@rel='next']/@href")[0]
    first = browser.page.xpath("string(//*[@id='list'] | //*[@id='payments'] | //*[@id='trail'] | //main)")
    browser.get(turn if turn.startswith("/") else base.partition("?")[0] + turn)
    assert "page 2 of" in browser.text()
    assert browser.page.xpath("string(//*[@id='list'] | //*[@id='payments'] | //*[@id='trail'] | //main)") != first


def test_what_does_not_fit_is_one_click_away_and_in_the_file(visitor, monkeypatch):
    """A list of more cases than one stretch holds goes on behind it, and its file holds all of them."""
    browser, base = visitor("PK/customs", "/console/documents")
    everything = rows_of(browser, base)
    monkeypatch.setattr(config, "LIST_CASES_MAX", 2)
    assert rows_of(browser, base) == everything
    seen = []
    address = base
    for _ in range(10):
        browser.get(address)
        seen += browser.page.xpath("//section[@id='list']//td[1]//bdi/text()")
        older = [one for one in browser.page.xpath("//a/@href") if "after=" in one and "form" not in one]
        older = [one for one in older if browser.page.xpath(f"//a[@href='{one}'][text()='Older']")]
        if not older:
            break
        address = "/console/documents" + older[0]
    assert sorted(seen) == sorted(row["title"].removeprefix("'") for row in everything)


def test_days_are_the_readers_and_a_wrong_one_is_refused(visitor):
    """From and to are days of the reader's zone, both inside; what is no day is refused by its code."""
    browser, base = visitor("PK/customs", "/console/documents")
    day = rows_of(browser, base)[0]["opened_at"][:10]
    assert rows_of(browser, f"{base}until=2000-01-01&since=1999-01-01") == []
    near = [f"{base}since={day}", f"{base}until={day[:8]}{int(day[8:]):02}"]
    assert any(rows_of(browser, one) for one in near)
    for wrong in ("2026-13-01", "x", "0001-01-01", "9999-12-31"):
        for name in ("since", "until"):
            assert browser.get(f"{base}{name}={wrong}").status_code in {200, 400}, (name, wrong)
    assert browser.get(base + "since=2026-13-01").status_code == 400
    assert "query_malformed" in browser.text()


@pytest.mark.parametrize(
    "query",
    ["page=%C2%B2", "page=-1", "page=9999999", "sort=--", "sort=%00", "after=~", "after=x~y", "after=%00~%00",
     "state=%27%20OR%201", "with=%3Cb%3E", "filter=%00", "direction=up", "service=x", "form=pdf"],
)  # fmt: skip
def test_no_address_of_a_list_breaks_it(visitor, query):
    """Whatever stands in an address, the list is a page."""
    for who, path, _ in LISTS:
        browser, base = visitor(who, path)
        assert browser.get(base + query).status_code == 200, (path, query)
