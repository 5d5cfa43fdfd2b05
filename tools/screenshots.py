"""Pictures of every page of the console, of the CAREC corridor with sample traffic: ``make screenshots``.

``python tools/screenshots.py --out var/screenshots [--url https://127.0.0.1:8443 --only office]``
"""

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from darwaza.entry.showcase import PASSWORD, Traffic, carec

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
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
    ("PK", "nadia", "documents", "/console/documents"),
    ("PK", "nadia", "documents+document", "/console/documents"),
    ("PK", "nadia", "document-send", "/console/documents/send"),
    ("UZ", "rustam", "trips", "/console/trips"),
    ("UZ", "rustam", "trips+trip", "/console/trips"),
    ("PK", "bilal", "bank", "/console/bank"),
    ("PK", "bilal", "bank+payment", "/console/bank"),
    ("UZ", "malika", "bank-there", "/console/bank"),
    ("PK", "saima", "screening", "/console/bank"),
    ("PK", "", "verify", "/console/verify"),
    ("PK", "hina", "operator", "/console/operator"),
    ("PK", "omar", "auditor", "/console/auditor"),
)
FOLLOW = {
    "movement": "#list tbody a",
    "consignment": "#list tbody a",
    "document": "#list tbody a",
    "payment": "#payments tbody a",
    "trip": "#list a",
}
"""What is clicked on a list to come to one of its entries."""


def shoot(browser: Browser, urls: dict[str, str], out: Path, only: str, looks: list[str]) -> None:
    """Take the pictures: every page in every look (size-theme-language)."""
    for look in looks:
        size, theme, language = look.split("-")
        width, height = SIZES[size]
        for code, login, name, path in PAGES:
            if only and only not in name:
                continue
            context = browser.new_context(
                ignore_https_errors=True,
                viewport={"width": width, "height": height},
                color_scheme=theme,
                locale=language,
                device_scale_factor=1,
            )
            page = context.new_page()
            if login:
                page.goto(urls[code] + "/console/sign-in")
                page.fill("[name=login]", login)
                page.fill("[name=password]", PASSWORD)
                page.click("button.main")
            page.goto(urls[code] + path)
            for step in name.split("+")[1:]:
                page.locator(FOLLOW[step]).first.click()
                page.wait_for_load_state()
            page.screenshot(path=out / f"{name}-{look}.png", full_page=True)
            context.close()


def main() -> None:
    """Found the corridor, fill it, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("var/screenshots"))
    parser.add_argument("--url", action="append", default=[], help="CODE=URL of a running gateway")
    parser.add_argument("--only", default="")
    parser.add_argument("--look", action="append", default=[])
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    looks = given.look or [
        f"{size}-{theme}-{code}" for size in SIZES for theme in ("light", "dark") for code in ("en", "ur")
    ]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        corridor = None
        urls = dict(one.split("=", 1) for one in given.url)
        if not urls:
            corridor = carec(Path(folder), ("AF", "PK", "UZ"))
            traffic = Traffic(corridor)
            corridor.start()
            traffic.populate()
            urls = {code: f"https://127.0.0.1:{corridor.port(code)}" for code in corridor.names}
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        try:
            shoot(browser, urls, given.out, given.only, looks)
        finally:
            browser.close()
            if corridor is not None:
                corridor.close()


if __name__ == "__main__":
    main()
