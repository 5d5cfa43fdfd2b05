"""Lays out sheets with fpdf2: maintained, pure Python, shapes right-to-left scripts, no native toolkit.

Fonts come from packages (Noto Sans and Noto Sans Arabic), so that Urdu, Pashto, Dari, Uzbek and Russian names print as
they are written. Nothing in the document depends on the clock: the same sheet gives the same bytes.
"""

import io
from datetime import UTC, datetime

import fontpkg_noto_sans
import fontpkg_noto_sans_arabic
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace

from darwaza.errors import TooLargeError
from darwaza.ports.printing import PICTURES_MAX, ROWS_MAX, Grid, Picture, Sheet

_FONT = "noto"
_FALLBACK = "noto-arabic"
_INK = (30, 30, 30)
_GREY = (110, 110, 110)
_RULE = (200, 205, 212)
_SHADE = (235, 238, 242)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_PICTURE_MM = 84
_MARGIN_MM = 15
_KEEP_MM = 22
"""A heading stays with the first rows of its table."""
_HAND_MM = 9
"""Tall enough for a hand."""


class Fpdf2Printer:
    """Implements ``darwaza.ports.printing.Printer``."""

    def pdf(self, sheet: Sheet) -> bytes:
        """See the port."""
        rows = sum(len(grid.rows) for grid in (*sheet.grids, *sheet.forms))
        if rows > ROWS_MAX or len(sheet.pictures) > PICTURES_MAX:
            raise TooLargeError(f"{rows} rows and {len(sheet.pictures)} pictures are too many", code="sheet_too_large")
        document = _Document(sheet)
        document.head()
        document.fields()
        for grid in sheet.grids:
            document.grid(grid)
        document.pictures(sheet.pictures)
        for form in sheet.forms:
            document.grid(form, _HAND_MM)
        return bytes(document.output())


class _Document(FPDF):
    """One document being laid out."""

    def __init__(self, sheet: Sheet) -> None:
        super().__init__(format="A4")
        self._sheet = sheet
        self.set_creation_date(_EPOCH)
        self.set_title(sheet.title)
        self.set_margin(_MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=_MARGIN_MM + 5)
        latin = str(fontpkg_noto_sans.ROOT / "files" / "NotoSans[wdth,wght].ttf")
        self.add_font(_FONT, fname=latin)
        self.add_font(_FONT, style="B", fname=latin, variations={"wght": 650.0})
        self.add_font(_FALLBACK, fname=str(fontpkg_noto_sans_arabic.ROOT / "files" / "NotoSansArabic[wdth,wght].ttf"))
        self.set_fallback_fonts([_FALLBACK])
        self.set_text_shaping(use_shaping_engine=True)
        self.add_page()

    def footer(self) -> None:
        """Print the footer of a page."""
        self.set_y(-_MARGIN_MM)
        self.set_font(_FONT, size=7)
        self.set_text_color(*_GREY)
        self.cell(0, 4, f"{self._sheet.footer}   page {self.page_no()} of {{nb}}", align="C")

    def head(self) -> None:
        """Print the title, the same in other languages, a rule, and the subtitle."""
        self.set_text_color(*_INK)
        self.set_font(_FONT, style="B", size=17)
        self.multi_cell(0, 9, self._sheet.title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        if self._sheet.titles:
            self.set_font(_FONT, size=10)
            self.multi_cell(0, 6, "   ·   ".join(self._sheet.titles), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_draw_color(*_INK)
        self.set_line_width(0.6)
        self.line(_MARGIN_MM, self.get_y() + 1, self.w - _MARGIN_MM, self.get_y() + 1)
        self.set_line_width(0.2)
        self.ln(3)
        self.set_font(_FONT, size=9)
        self.set_text_color(*_GREY)
        self.multi_cell(0, 5, self._sheet.subtitle, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(3)

    def fields(self) -> None:
        """Print the fields as two columns of label and value."""
        pairs = [field for field in self._sheet.fields if field.value]
        self.set_font(_FONT, size=9)
        self.set_text_color(*_INK)
        label = FontFace(color=_GREY)
        with self.table(
            borders_layout="NONE",
            first_row_as_headings=False,
            col_widths=(15, 37, 15, 33),
            line_height=5,
            text_align="LEFT",
        ) as table:
            for at in range(0, len(pairs), 2):
                row = table.row()
                for field in pairs[at : at + 2]:
                    row.cell(field.label, style=label)
                    row.cell(field.value)
                for _ in range(2 - len(pairs[at : at + 2])):
                    row.cell("")
                    row.cell("")
        self.ln(2)

    def grid(self, grid: Grid, row_mm: float | None = None) -> None:
        """Print a table under its heading; ``row_mm`` is the least height of a row."""
        self.set_font(_FONT, style="B", size=11)
        self.set_text_color(*_INK)
        if self.get_y() + _KEEP_MM + (row_mm or 0) > self.h - _MARGIN_MM - 5:
            self.add_page()
        self.ln(2)
        self.cell(0, 7, grid.heading, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_font(_FONT, size=8)
        self.set_draw_color(*_RULE)
        heading = FontFace(fill_color=_SHADE, color=_INK)
        with self.table(
            borders_layout="HORIZONTAL_LINES",
            col_widths=grid.widths,
            headings_style=heading,
            line_height=4.6,
            text_align="LEFT",
        ) as table:
            for values in (grid.columns, *grid.rows):
                row = table.row(min_height=None if values is grid.columns else row_mm)
                for value in values:
                    row.cell(value)

    def pictures(self, pictures: tuple[Picture, ...]) -> None:
        """Print the pictures two to a line, never across a page break."""
        self.set_font(_FONT, size=8)
        self.set_text_color(*_GREY)
        for number, picture in enumerate(pictures):
            left = _MARGIN_MM + (number % 2) * (_PICTURE_MM + 8)
            if number % 2 == 0:
                if self.get_y() + _PICTURE_MM + 10 > self.h - _MARGIN_MM - 5:
                    self.add_page()
                else:
                    self.ln(5)
                top = self.get_y()
            self.image(io.BytesIO(picture.png), x=left, y=top, w=_PICTURE_MM)
            self.set_xy(left, top + _PICTURE_MM)
            self.cell(_PICTURE_MM, 5, picture.caption, align="C")
            last = number == len(pictures) - 1
            self.set_xy(_MARGIN_MM, top + (_PICTURE_MM + 6 if number % 2 or last else 0))
