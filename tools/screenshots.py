"""Pictures of every page of the console, of the CAREC corridor with sample traffic: ``make screenshots``.

``python -m tools.screenshots --out var/screenshots [--url https://127.0.0.1:8443 --only office]``
"""

import argparse
import tempfile
import time
import tomllib
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, StorageState, sync_playwright
from tools.chromium import FLAGS

from darwaza.entry.demo.showcase import PASSWORD, Traffic, carec
from darwaza.entry.local import LocalCorridor
from darwaza.entry.sample.remittance import PLAN
from darwaza.services.payments.planfile import load_plan

COLOURS = 96
CYCLE = int(time.time()) // load_plan(tomllib.loads(PLAN)).cycle_s
"""The settlement cycle of now."""
SIZES = {"desktop": (1280, 860), "phone": (390, 844)}
PAGES = (
    ("PK", "", "story", "/console/story"),
    ("PK", "", "sign-in", "/console/sign-in"),
    ("PK", "asma", "office", "/console/office"),
    ("PK", "asma", "office+movement", "/console/office"),
    ("PK", "asma", "scan", "/console/scan"),
    ("PK", "asma", "lost", "/console/movements/nothing"),
    ("PK", "nadia", "overview", "/console/overview"),
    ("PK", "nadia", "crossings", "/console/crossings"),
    ("PK", "nadia", "crossing", "/console/crossings/AF-PK/TORKHAM"),
    ("PK", "nadia", "consignments", "/console/consignments"),
    ("PK", "nadia", "consignments+consignment", "/console/consignments"),
    ("PK", "bilal", "consignments+paid", "/console/consignments?service=payments"),
    ("PK", "nadia", "documents", "/console/documents"),
    ("PK", "nadia", "documents+document", "/console/documents"),
    ("PK", "nadia", "document-send", "/console/documents/send"),
    ("UZ", "rustam", "trips", "/console/trips"),
    ("UZ", "rustam", "trips+trip", "/console/trips"),
    ("PK", "bilal", "bank", "/console/bank"),
    ("PK", "bilal", "bank+payment", "/console/bank"),
    ("PK", "bilal", "positions", f"/console/bank/positions?cycle={CYCLE}"),
    ("UZ", "malika", "bank-there", "/console/bank"),
    ("PK", "saima", "screening", "/console/bank"),
    ("PK", "", "verify", "/console/verify"),
    ("PK", "hina", "operator", "/console/operator"),
    ("PK", "hina", "operator-paths", "/console/operator/paths?to=KZ&class=payments&avoid=AF"),
    ("PK", "hina", "operator+drain", "/console/operator"),
    ("PK", "omar", "auditor", "/console/auditor"),
)
FOLLOW = {
    "movement": "#list tbody a",
    "consignment": "#list tbody a",
    "document": "#list tbody a",
    "payment": "#payments tbody a",
    "trip": "#list a",
    "drain": "form[action$='/drain'] button",
    "paid": "#list tbody tr:is(:has-text('Payments'), :has-text('Платежи'), :has-text('ادائیگیاں')) a",
}
"""What is clicked on a list to come to one of its entries."""


def shoot(browser: Browser, urls: dict[str, str], out: Path, only: str, looks: list[str]) -> None:
    """Take the pictures: every page in every look (size-theme-language; ``print`` is a theme)."""
    # Signed in once for each person and language: an address may sign in only so often a minute.
    signed_in: dict[tuple[str, str, str], StorageState] = {}
    for look in looks:
        size, theme, language = look.split("-")
        for code, login, name, path in PAGES:
            if only and only not in name:
                continue
            who = (code, login, language)
            page = opened(browser, urls[code], login, size, theme, language, signed_in.get(who))
            signed_in[who] = page.context.storage_state()
            page.goto(urls[code] + path)
            for step in name.split("+")[1:]:
                page.locator(FOLLOW[step]).first.click()
                page.wait_for_load_state()
            if theme == "print":
                page.emulate_media(media="print")
            page.screenshot(path=out / f"{name}-{look}.png", full_page=True)
            page.context.close()


def opened(
    browser: Browser,
    url: str,
    login: str,
    size: str,
    theme: str,
    language: str,
    signed_in: StorageState | None = None,
) -> Page:
    """A browser of somebody's, signed in; ``signed_in`` is what one of theirs kept that was before."""
    width, height = SIZES[size]
    context = browser.new_context(
        ignore_https_errors=True,
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        locale=language,
        storage_state=signed_in,
    )
    page = context.new_page()
    if login and signed_in is None:
        page.goto(url + "/console/sign-in")
        page.fill("[name=login]", login)
        page.fill("[name=password]", PASSWORD)
        page.click("button.main")
        page.wait_for_load_state()
    return page


def feature(browser: Browser, corridor: LocalCorridor, out: Path) -> None:
    """Take the three pictures of the README, on a day when a crossing is closed and a neighbour is down."""
    urls = {code: f"https://127.0.0.1:{corridor.port(code)}" for code in corridor.names}
    corridor.kill("CN")
    with corridor.client("TJ") as client:
        client.operator.drain(drained=True)
    page = opened(browser, urls["PK"], "nadia", "desktop", "light", "en")
    page.goto(urls["PK"] + "/console/crossings/AF-PK/TORKHAM")
    page.locator("details.act summary").click()
    page.fill("[name=reason]", "Rockfall above the river")
    page.locator("form[action$='/close'] button").click()
    page.locator("form[action$='/close'] button.bad").click()
    page.goto(urls["PK"] + "/console/overview")
    for state in ("#links .mark.bad", "#map .tie.drained", "#map .tie.down"):
        page.locator(state).first.wait_for(state="attached", timeout=120_000)
    keep(page, out / "console-overview.png")
    page = opened(browser, urls["PK"], "asma", "phone", "dark", "ur")
    page.goto(urls["PK"] + "/console/office")
    page.locator("#list tbody a").first.click()
    page.wait_for_load_state()
    keep(page, out / "console-office.png")
    page = opened(browser, urls["PK"], "nadia", "desktop", "light", "en")
    page.goto(urls["PK"] + "/console/consignments")
    page.locator("#list tbody a").first.click()
    page.wait_for_load_state()
    with page.expect_download() as got:
        page.locator("a[href^='/console/evidence/']").last.click()
    page.goto(urls["PK"] + "/console/verify?language=en")
    page.wait_for_selector("body[data-ready=yes]")
    page.set_input_files("#files", got.value.path())
    page.wait_for_selector("#answer[data-result]")
    page.evaluate("scrollTo(0, 0)")
    keep(page, out / "console-verify.png")


def keep(page: Page, path: Path) -> None:
    """Write what the window shows, in few enough colours to be small."""
    page.screenshot(path=path)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Found the corridor, fill it, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("var/screenshots"))
    parser.add_argument("--url", action="append", default=[], help="CODE=URL of a running gateway")
    parser.add_argument("--only", default="", help="part of the name of the pages wanted")
    parser.add_argument("--docs", type=Path, help="folder for the pictures of the README, and no others")
    parser.add_argument("--look", action="append", default=[])
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    looks = given.look or [
        f"{size}-{theme}-{code}" for size in SIZES for theme in ("light", "dark") for code in ("en", "ur")
    ] + ["desktop-light-ru", "desktop-print-en"]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        corridor = None
        urls = dict(one.split("=", 1) for one in given.url)
        if not urls:
            corridor = carec(Path(folder))
            traffic = Traffic(corridor)
            corridor.start()
            traffic.populate()
            urls = {code: f"https://127.0.0.1:{corridor.port(code)}" for code in corridor.names}
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        try:
            if given.docs is not None and corridor is not None:
                feature(browser, corridor, given.docs)
            else:
                shoot(browser, urls, given.out, given.only, looks)
        finally:
            browser.close()
            if corridor is not None:
                corridor.close()


if __name__ == "__main__":
    main()
