"""The guided first page of a demonstration: the corridor in five clicks, each as somebody who works in it.

It exists only where the gateway's folder holds ``demo.json``, which the demo writes and nobody else: it shows logins.
"""

from pathlib import Path
from typing import Any

import msgspec
from starlette.responses import Response

from darwaza.entry.api.party import ANYONE
from darwaza.entry.console.page import Page, get
from darwaza.entry.console.visit import Visit
from darwaza.entry.console.word import N_
from darwaza.errors import MalformedError

DEMO_FILE = "demo.json"


class Guest(msgspec.Struct, frozen=True):
    """A sample account: its gateway's member, login, name, party."""

    member: str
    login: str
    name: str
    party: str


class Demo(msgspec.Struct, frozen=True):
    """What the page shows.

    Attributes:
        password: of all sample accounts.
        people: by gateway.
        urls: of the gateways' consoles by member.
    """

    password: str
    people: tuple[Guest, ...]
    urls: dict[str, str]


class Chapter(msgspec.Struct, frozen=True):
    """One of the five clicks: whose page, where it leads, what to look at."""

    login: str
    path: str
    title: str
    text: str


CHAPTERS = (
    Chapter(
        "nadia",
        "/console/overview",
        N_("See the corridor"),
        N_("Who is reached, what waits, which crossing is open. It changes as you look: the sample trucks drive."),
    ),
    Chapter(
        "asma",
        "/console/office",
        N_("Clear a truck"),
        N_("Open the first one on the list, compare what you see with what was declared, start its leg."),
    ),
    Chapter(
        "nadia",
        "/console/crossings/AF-PK/TORKHAM",
        N_("Close a crossing"),
        N_("See who waits and what spoils before anything is done. Then look at the overview again."),
    ),
    Chapter(
        "bilal",
        "/console/bank",
        N_("Pay a supplier abroad"),
        N_("Ask what it costs, take the cheapest offer, pay; see the other bank's answer arrive."),
    ),
    Chapter(
        "nadia",
        "/console/consignments",
        N_("Prove it to a stranger"),
        N_("Open a consignment, take the evidence of one step, and drop it onto the page that verifies."),
    ),
)


def read_demo(folder: Path) -> Demo | None:
    """What the demo wrote, None where there is no demonstration."""
    try:
        return msgspec.json.decode((folder / DEMO_FILE).read_bytes(), type=Demo)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


async def show(visit: Visit) -> Response:
    """The page."""
    demo = read_demo(visit.server.gateway.folder)
    if demo is None:
        raise MalformedError("there is no demonstration here", code="not_found")
    here = {guest.login for guest in demo.people if guest.member == visit.member}
    context: dict[str, Any] = {
        "chapters": [chapter for chapter in CHAPTERS if chapter.login in here],
        "names": {guest.login: guest.name for guest in demo.people if guest.member == visit.member},
        "demo": demo,
        "others": [code for code in demo.urls if code != visit.member],
    }
    return visit.page("story.html", title=N_("The corridor in five clicks"), **context)


PAGES: tuple[Page, ...] = (get("/console/story", show, ANYONE),)
