"""Printing: turn a sheet of plain values into a PDF, and a text into a QR picture.

A service says *what* stands on a paper (``Sheet``); an adapter decides how it looks. Both calls are pure computation:
they keep nothing, touch no network and may be called from several threads at once.
"""

from typing import Protocol

import msgspec

ROWS_MAX = 2_000
"""Rows of one sheet, all tables together."""

PICTURES_MAX = 16


class Field(msgspec.Struct, frozen=True):
    """A label and its value.

    Attributes:
        label: short.
        value: any script, left-to-right or right-to-left.
    """

    label: str
    value: str


class Grid(msgspec.Struct, frozen=True):
    """A table.

    Attributes:
        heading: above it.
        columns: headings.
        widths: of the columns, as shares of their sum.
        rows: one text for each column.
    """

    heading: str
    columns: tuple[str, ...]
    widths: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]


class Picture(msgspec.Struct, frozen=True):
    """A picture to print.

    Attributes:
        caption: under it.
        png: its bytes.
    """

    caption: str
    png: bytes


class Sheet(msgspec.Struct, frozen=True):
    """What stands on a printed document.

    Attributes:
        title: large, at the top.
        subtitle: under it.
        fields: label and value pairs.
        grids: tables, in order.
        pictures: in order, at most ``PICTURES_MAX``.
        footer: on every page, before its number.
        titles: the title in other languages, under it.
        forms: tables with room to write by hand, after the pictures.
    """

    title: str
    subtitle: str
    fields: tuple[Field, ...]
    grids: tuple[Grid, ...]
    pictures: tuple[Picture, ...]
    footer: str
    titles: tuple[str, ...] = ()
    forms: tuple[Grid, ...] = ()


class Printer(Protocol):
    """Makes PDF documents."""

    def pdf(self, sheet: Sheet) -> bytes:
        """Lay a sheet out on A4 pages.

        The same sheet gives the same bytes.

        Raises:
            TooLargeError: code ``sheet_too_large``.
        """


class Barcodes(Protocol):
    """Draws QR codes (ISO/IEC 18004)."""

    def png(self, text: str) -> bytes:
        """Draw a text as a PNG picture.

        Raises:
            TooLargeError: code ``qr_too_large``; it does not fit the largest version allowed.
        """

    def svg(self, text: str) -> bytes:
        """Draw a text as an SVG picture; raises as ``png``."""

    def version(self, text: str) -> int:
        """Return the version (size class 1 to 40) a text takes; raises as ``png``."""
