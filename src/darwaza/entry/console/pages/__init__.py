"""Every page of the console."""

from collections.abc import Sequence

from darwaza.entry.console.page import Page
from darwaza.entry.console.pages import (
    consignment,
    crossing,
    document,
    door,
    keeper,
    movement,
    office,
    overview,
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
    *keeper.PAGES,
    *verify.PAGES,
)
