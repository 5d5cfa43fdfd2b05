"""Verify it yourself: one public page that checks evidence and papers in the visitor's own browser.

It is put together from the same modules that the tests run in Node, with its style, its texts and the corridor
documents inside, so that saved to a disk it works with no network. Nothing in it comes from elsewhere: its policy names
the digests of its one script and its one style.
"""

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from typing import Any

import msgspec
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from darwaza.entry.api.party import ANYONE
from darwaza.entry.console import verdict
from darwaza.entry.console.language import LANGUAGES, Reader
from darwaza.entry.console.page import Page, get
from darwaza.entry.console.render import STATIC_FOLDER, render
from darwaza.entry.console.visit import Visit
from darwaza.entry.console.word import N_

MODULES = ("mldsa.mjs", "policy.mjs", "verify.mjs", "paper.mjs", "qr.mjs", "verify-page.mjs")
OPEN = {"verify.mjs", "verify-page.mjs"}
"""Modules whose names stand open; of the others only what they export does, for the modules that follow."""
IMPORT = re.compile(r"^import .*;\n", re.MULTILINE)
TITLE = N_("Verify")


@cache
def script() -> str:
    """The modules as one, without the lines that import one from another."""
    parts = {name: IMPORT.sub("", (STATIC_FOLDER / name).read_text("utf-8")) for name in MODULES}
    return "\n".join(text if name in OPEN else _closed(text) for name, text in parts.items())


def _closed(text: str) -> str:
    """Wrap a module so that its own names do not meet those of the others."""
    exported = re.findall(r"^export (?:async )?(?:function|const) (\w+)", text, re.MULTILINE)
    inner = re.sub(r"^export ", "", text, flags=re.MULTILINE)
    return f"const {{ {', '.join(exported)} }} = (() => {{\n{inner}\nreturn {{ {', '.join(exported)} }};\n}})();"


@cache
def style() -> str:
    """The console's own style."""
    return (STATIC_FOLDER / "console.css").read_text("utf-8")


@cache
def policy() -> str:
    """What the page may do: run its own script, use its own style, look at pictures it is given."""
    run, look = (b64encode(sha256(text.encode()).digest()).decode() for text in (script(), style()))
    return (
        f"default-src 'none'; script-src 'sha256-{run}'; style-src 'sha256-{look}'; img-src data: blob:; "
        "media-src blob: mediastream:; base-uri 'none'; form-action 'none'"
    )


@cache
def _gate() -> str:
    return (STATIC_FOLDER / "gate.svg").read_text("utf-8").replace("<svg ", '<svg width="22" height="22" ')


def texts(reader: Reader) -> dict[str, dict[str, str]]:
    """What the page says, in its reader's language."""
    return {name: {code: reader.text(text) for code, text in table.items()} for name, table in verdict.TABLES.items()}


async def show(visit: Visit) -> Response:
    """The page; with ``?download=yes`` as a file to keep."""
    asked = visit.query("language")
    reader = Reader(asked, visit.reader.zone) if asked in LANGUAGES else visit.reader
    saved = visit.query("download") == "yes"
    history = visit.server.gateway.engine.site.trust.history
    given = {
        "texts": texts(reader),
        "documents": [entry.file.decode("utf-8") for entry in history.entries],
    }
    context: dict[str, Any] = {
        "lang": reader.language,
        "dir": reader.direction,
        "title": reader.text(TITLE),
        "texts": given["texts"],
        "saved": saved,
        "policy": policy(),
        # Our own files as they are; in the data only "<" could end its element, and JSON lets it be written otherwise.
        "style": Markup(style()),  # noqa: S704
        "script": Markup(script()),  # noqa: S704
        "gate": Markup(_gate()),  # noqa: S704
        "given": Markup(msgspec.json.encode(given).decode().replace("<", "\\u003c")),  # noqa: S704
    }
    headers = {"content-security-policy": policy() + "; frame-ancestors 'none'"}
    if saved:
        headers["content-disposition"] = 'attachment; filename="verify.html"'
    return HTMLResponse(render(reader.language, "verify.html", context), headers=headers)


PAGES: tuple[Page, ...] = (get("/console/verify", show, ANYONE),)
