"""Every page of the console."""

from collections.abc import Sequence

from darwaza.entry.console.page import Page
from darwaza.entry.console.pages import (
    auditor,
    bank,
    consignment,
    crossing,
    document,
    door,
    keeper,
    movement,
    office,
    overview,
    route,
    story,
    trip,
    verify,
)

PAGES: Sequence[Page] = (
    *door.PAGES,
    *overview.PAGES,
    *office.PAGES,
    *movement.PAGES,
    *crossing.PAGES,
    *consignment.PAGES,
    *document.PAGES,
    *trip.PAGES,
    *story.PAGES,
    *bank.PAGES,
    *keeper.PAGES,
    *route.PAGES,
    *auditor.PAGES,
    *verify.PAGES,
)
