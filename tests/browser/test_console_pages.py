"""The console in a real browser: each role's story, both directions and sizes, without scripts, through a restart."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.browser.steps import follow, reload_until, until

from darwaza.entry.demo.showcase import PASSWORD

pytestmark = pytest.mark.timeout(600)
FIRST_PAGE_BYTES_MAX = 150_000
SEEN = (
    ("PK/", "/console/sign-in"),
    ("PK/", "/console/story"),
    ("PK/", "/console/verify"),
    ("PK/asma", "/console/office"),
    ("PK/asma", "/console/scan"),
    ("PK/asma", "movement"),
    ("PK/nadia", "/console/overview"),
    ("PK/nadia", "/console/crossings"),
    ("PK/nadia", "/console/crossings/AF-PK/TORKHAM"),
    ("PK/nadia", "/console/consignments"),
    ("PK/nadia", "consignment"),
    ("PK/nadia", "/console/documents"),
    ("PK/bilal", "/console/bank"),
    ("PK/bilal", "/console/bank/positions"),
    ("PK/hina", "/console/operator"),
    ("PK/hina", "/console/operator/paths?to=AF&class=payments&avoid=UZ"),
    ("PK/omar", "/console/auditor"),
    ("UZ/rustam", "trip"),
)
ENTRIES = {
    "movement": ("/console/office", "#list tbody a"),
    "consignment": ("/console/consignments", "#list tbody a"),
    "trip": ("/console/trips", "#list a"),
}


def statuses(movement):
    """How far each leg is; none until the gateway knows the movement."""
    return [leg["status"] for leg in movement.get("legs", [])]


def entry(visit, who, name, **options):
    """Open a page, or the first entry of a list."""
    if name not in ENTRIES:
        return visit(who, name, **options)
    path, first = ENTRIES[name]
    seen = visit(who, path, **options)
    follow(seen.page, seen.page.locator(first).first)
    return seen


def test_no_page_has_a_serious_fault_of_accessibility(visit):
    """axe-core finds nothing serious on any page: light and dark, from left and right, on a phone and at a desk."""
    axe, found = Axe(), {}
    looks = [
        {"dark": False, "language": "en-GB", "phone": False},
        {"dark": True, "language": "ur-PK", "phone": True},
    ]
    for number, (who, path) in enumerate(SEEN):
        seen = entry(visit, who, path, **looks[number % 2])
        for violation in axe.run(seen.page).response["violations"]:
            if violation["impact"] in {"serious", "critical"}:
                found[who, path, violation["id"]] = [node["html"][:160] for node in violation["nodes"][:3]]
        assert seen.faults == [], (who, path)
        wide = seen.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 1, (who, path, "the page is wider than the screen")
        seen.context.close()
    assert found == {}


def test_urdu_pages_run_from_the_right(visit):
    """The direction, the words and the country's name are the reader's."""
    seen = visit("PK/asma", "/console/office", language="ur-PK", phone=True)
    assert seen.page.get_attribute("html", "dir") == "rtl"
    assert "پاکستان" in seen.page.inner_text("header")
    brand, who = seen.page.locator(".brand").bounding_box(), seen.page.locator(".who").bounding_box()
    assert brand["x"] > who["x"]


def test_the_first_page_is_small(visit):
    """Everything a first visit loads, compressed or not, is under 150 kB."""
    seen = visit("PK/", "/console/sign-in")
    sizes = seen.page.evaluate("performance.getEntries().map((one) => one.decodedBodySize ?? 0)")
    total = sum(sizes)
    assert 0 < total <= FIRST_PAGE_BYTES_MAX


def test_five_clicks_tell_the_story(visit):
    """From the first page, each button signs in as somebody and shows their work."""
    told = ("Needs attention", "What heads here", "heads? for it", "What does it cost", "What there is")
    seen = visit("PK/", "/")
    for number, words in enumerate(told):
        seen.page.goto("/console/story")
        follow(seen.page, seen.page.locator(".story button").nth(number))
        assert re.search(words, seen.page.inner_text("main")), words
    assert seen.faults == []


@pytest.mark.parametrize("scripts", [True, False])
def test_an_officer_clears_a_truck(visit, traffic, corridor, scripts):
    """With scripts by keys alone, without them by the same forms."""
    with corridor.client("PK", "customs") as client:
        waiting = [
            one["id"]
            for one in client.transit.movements()
            if statuses(client.transit.movement(one["id"])) == ["terminated", "terminated", "planned"]
        ]
    if not waiting:
        for _ in traffic.drive(traffic.lodge(), 4):
            pass
        waiting = traffic.movements[-1:]
        with corridor.client("PK", "customs") as client:
            until(lambda: statuses(client.transit.movement(waiting[0]))[:2] == ["terminated", "terminated"])
    seen = visit("PK/asma", f"/console/movements/{waiting[0]}", scripts=scripts, phone=not scripts)
    page = seen.page
    page.locator("form[action$='/start'] input[name=plate]").fill("")
    follow(page, page.locator("form[action$='/start'] button"))
    assert "The leg is started." in page.inner_text("main")
    page.goto("/console/office")
    if scripts:
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.name") == "q"
        page.keyboard.type("no such plate")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert "Nothing on the way has that plate" in page.inner_text("main")


PAYMENT = (
    ("payer", "Muhammad Aslam"),
    ("payer_town", "Karachi"),
    ("payer_account", "PK36SCBL0000001123456702"),
    ("payee", "Toshkent Meva OOO"),
    ("payee_town", "Toshkent"),
    ("payee_account", "20208000900123456001"),
)


def quoted(visit, amount, **options):
    """Quote a payment to Uzbekistan, take the first offer, and say who pays whom."""
    page = visit("PK/bilal", "/console/bank", **options).page
    page.locator("select[name=payee_bank]").select_option("UZ/chorsu-bank")
    page.fill("[name=amount]", amount)
    follow(page, page.locator("form[action$='/quote'] button"))
    follow(page, page.locator("form[action$='/choose'] button").first)
    for name, value in PAYMENT:
        page.fill(f"[name={name}]", value)
    return page


def ends_well(visit, page, **options):
    """Order what the page shows; the other bank credits it, and both say that it is final."""
    follow(page, page.locator("form[action$='/pay'] button"))
    assert "The payment is ordered." in page.inner_text("main"), page.inner_text("main")
    address = page.url.split("?")[0].rpartition("/console")[2]
    other = visit("UZ/malika", "/console/bank", **options)
    reload_until(other.page, lambda: other.page.locator("#credits tbody a").count())
    other.page.goto("/console" + address)
    follow(other.page, other.page.locator("form[action$='/confirm'] button"))
    reload_until(page, lambda: re.search("settled|credited", page.inner_text("main .head")))


@pytest.mark.parametrize("scripts", [True, False])
def test_a_clerk_compares_pays_and_is_paid(visit, traffic, scripts):
    """Quote, take, pay at one bank; the credit accepted at the other; final at both."""
    page = quoted(visit, "88000.00", scripts=scripts)
    assert page.locator("[name=payer_born]").count() == 0
    follow(page, page.locator("form[action$='/pay'] button"))
    assert "What will happen" in page.inner_text("main")
    ends_well(visit, page, scripts=scripts)


@pytest.mark.parametrize("kind", ["person", "organisation"])
def test_a_clerk_pays_so_much_that_more_must_be_known_of_the_payer(visit, traffic, kind):
    """What is missing is said at its field before anything is ordered; then the payment goes through."""
    page = quoted(visit, "400000.00", scripts=kind == "person")
    page.check(f"[name=payer_kind][value={kind}]")
    shown, hidden = ("payer_born", "payer_id") if kind == "person" else ("payer_id", "payer_born")
    assert page.locator(f"[name={shown}]").is_visible()
    assert not page.locator(f"[name={hidden}]").is_visible()
    follow(page, page.locator("form[action$='/pay'] button"))
    assert page.locator(f"#{shown}-wrong").inner_text() == "Please fill this in."
    assert page.locator(f"[name={shown}]").evaluate("field => field === document.activeElement")
    assert page.locator("[name=payer]").input_value() == "Muhammad Aslam"
    if kind == "person":
        page.fill("[name=payer_born]", "1980-05-17")
        page.fill("[name=payer_born_town]", "Karachi")
    else:
        page.fill("[name=payer_id]", "0012345-6")
    follow(page, page.locator("form[action$='/pay'] button"))
    assert ("born 17 May 1980" if kind == "person" else "0012345-6") in page.inner_text("main")
    ends_well(visit, page)


@pytest.mark.parametrize("scripts", [True, False])
def test_an_operator_drains_drills_and_asks_for_the_way(visit, scripts):
    """What a drain does is shown before it is done; a drill's results stand on the page; the other way is explained."""
    page = visit("PK/hina", "/console/operator", scripts=scripts).page
    follow(page, page.locator("form[action$='/drain'] button"))
    assert "send nothing new over this one" in page.inner_text("main")
    follow(page, page.locator("form[action$='/drain'] button"))
    assert "This gateway is drained" in page.inner_text("#routes")
    follow(page, page.locator("form[action$='/drain'] button"))
    assert "This gateway is drained" not in page.inner_text("#routes")
    page.locator("#drain summary").click()
    page.locator("#drain select").select_option("AF" if scripts else "UZ")
    page.fill("[name=seconds]", "2")
    follow(page, page.locator("form[action$='/drill'] button"))
    follow(page, page.locator("form[action$='/drill'] button"))
    assert "The drill has begun." in page.inner_text("main")
    over = "(Afghanistan|Uzbekistan)\\s+over"
    reload_until(page, lambda: re.search(over, page.inner_text("#drills tbody tr:first-child")))
    page.goto("/console/operator/paths")
    page.locator("select[name=to]").select_option("UZ")
    page.fill("[name=through]", "AF")
    follow(page, page.locator("main form button.main"))
    way = "Pakistan → Afghanistan → Uzbekistan"
    reload_until(page, lambda: way in page.inner_text("section h2 + p"))


@pytest.mark.parametrize("scripts", [True, False])
def test_a_supervisor_closes_and_reopens_a_crossing(visit, traffic, scripts):
    """The consequences first, both times; the overview says what is closed, and then no longer."""
    page = visit("PK/nadia", "/console/crossings/AF-PK/TORKHAM", scripts=scripts, phone=not scripts).page
    page.locator("details.act summary").click()
    page.fill("[name=reason]", "Rockfall above the river")
    follow(page, page.locator("form[action$='/close'] button"))
    assert "Everybody is told at once" in page.inner_text("main")
    follow(page, page.locator("form[action$='/close'] button.bad"))
    assert "The crossing is closed." in page.inner_text("main")
    page.goto("/console/overview")
    assert "Torkham is closed" in page.inner_text("#matters")
    page.goto("/console/crossings/AF-PK/TORKHAM")
    follow(page, page.locator("form[action$='/reopen'] button"))
    assert "run on, in every country, from now" in page.inner_text("main")
    follow(page, page.locator("form[action$='/reopen'] button.main"))
    assert "The closure has ended." in page.inner_text("main")
    page.goto("/console/overview")
    assert "Torkham is closed" not in page.inner_text("#matters")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_carrier_sees_the_next_step_and_shows_the_code(visit, traffic, scripts):
    """On a phone: one next step, what is missing, a picture for each code of the paper."""
    page = visit("UZ/rustam", f"/console/trips/{traffic.movements[-1]}", scripts=scripts, phone=True).page
    assert page.locator(".next h2").count() == 1
    pictures = page.locator(".codes img")
    assert pictures.count() >= 2
    loaded = "images => images.every((one) => one.complete && one.naturalWidth > 50)"
    page.wait_for_load_state("load")
    assert pictures.evaluate_all(loaded) if scripts else True
    page.goto("/console/trips")
    follow(page, page.locator("#list a").first)
    assert "/console/trips/" in page.url


def test_an_auditor_checks_without_trusting_the_gateway(visit, traffic, tmp_path):
    """From a step of a consignment to its evidence, and from the file to the answer of the auditor's own browser."""
    seen = visit("PK/nadia", "/console/consignments?service=transit")
    follow(seen.page, seen.page.locator("#list tbody a").first)
    message = seen.page.locator("a[href^='/console/evidence/']").last.get_attribute("href").rpartition("/")[2]
    page = visit("PK/omar", "/console/auditor").page
    follow(page, page.locator("#logs tbody a").first)
    assert "Author" in page.inner_text("aside")
    page.goto("/console/auditor")
    page.fill("[name=message]", message)
    with page.expect_download() as got:
        page.locator("form[action$='/evidence'] button").click()
    page.goto("/console/verify")
    page.wait_for_selector("body[data-ready=yes]")
    page.set_input_files("#files", got.value.path())
    page.wait_for_selector("#answer[data-result=valid]")


def test_an_officer_scans_a_paper_from_pictures(visit, traffic, corridor, tmp_path):
    """The codes' pictures become texts in the form, and the form gives the verdict."""
    with corridor.client("UZ", "customs") as client:
        movement = traffic.movements[-1]
        count = len(client.transit.paper(movement, "UZTAS", "codes").decode().splitlines())
        paths = [tmp_path / f"{number}.png" for number in range(1, count + 1)]
        for number, path in enumerate(paths, 1):
            path.write_bytes(client.transit.paper(movement, "UZTAS", "png", number))
    seen = visit("PK/asma", "/console/scan")
    seen.page.set_input_files("[data-scan] input[type=file]", paths)
    until(lambda: seen.page.inner_text("[data-count]") == str(count))
    follow(seen.page, seen.page.locator("form[action='/console/scan'] button.main"))
    assert re.search("Valid|Cannot tell", seen.page.inner_text("main"))
    assert seen.faults == []


def test_an_officer_works_by_keys_alone(visit, traffic, corridor):
    """Look up, open, fill in and start a leg with no pointer at all."""
    movement = traffic.lodge()
    for _ in traffic.drive(movement, 4):
        pass
    with corridor.client("PK", "customs") as client:
        until(lambda: statuses(client.transit.movement(movement))[:2] == ["terminated", "terminated"])
        view = client.transit.movement(movement)
    page = visit("PK/asma", "/console/office").page
    page.keyboard.press("/")
    page.keyboard.type(view["declaration"]["vehicles"][0]["registration"].lower())
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/movements/**")
    page.keyboard.press("1")
    assert page.evaluate("document.activeElement.localName") == "summary"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "plate"
    page.keyboard.type(view["declaration"]["vehicles"][0]["registration"])
    page.keyboard.press("Tab")
    page.keyboard.type(" ".join(view["seals"]))
    page.keyboard.press("Enter")
    page.wait_for_url("**said=started**")
    assert "The leg is started." in page.inner_text("main")


def test_an_open_page_outlives_its_gateway(visit, corridor):
    """A gateway is killed under an open page: the page says so, and goes on by itself, still signed in."""
    seen = visit("AF/af-customs", "/console/overview")
    page = seen.page
    page.wait_for_function("performance.getEntriesByType('resource').length > 2")
    corridor.kill("AF")
    page.wait_for_selector("#lost:not([hidden])")
    corridor.start("AF")
    page.wait_for_selector("#lost", state="hidden")
    page.goto("/console/crossings")
    assert "Hairatan" in page.inner_text("main")


def test_a_page_without_scripts_signs_in_and_out(visit):
    """The door needs no scripts."""
    seen = visit("PK/nadia", "/console/overview", scripts=False)
    assert "Needs attention" in seen.page.inner_text("main")
    follow(seen.page, seen.page.locator("form[action$='/sign-out'] button"))
    assert "You are signed out." in seen.page.inner_text("main")
    seen.page.fill("[name=login]", "nadia")
    seen.page.fill("[name=password]", PASSWORD + "!")
    follow(seen.page, seen.page.locator("button.main"))
    assert "The login or the password is wrong." in seen.page.inner_text("main")
