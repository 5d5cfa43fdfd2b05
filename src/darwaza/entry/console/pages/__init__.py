"""Every page of the console."""

from collections.abc import Sequence

from darwaza.entry.console.page import Page
from darwaza.entry.console.pages import door

PAGES: Sequence[Page] = (*door.PAGES,)
