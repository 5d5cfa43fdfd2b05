"""Printed papers: QR codes and PDF, looked at with independent readers."""

import io

import msgspec
import pytest

from darwaza.errors import TooLargeError
from darwaza.ports.printing import Field, Grid, Sheet
from darwaza.services.transit.parts import join, split

pytest.importorskip("segno")
pytest.importorskip("fpdf")
zxingcpp = pytest.importorskip("zxingcpp")
pdfium = pytest.importorskip("pypdfium2")
image = pytest.importorskip("PIL.Image")

from tests.unit.services.transit.world import World, accepted, drive, reference  # noqa: E402

from darwaza.adapters.fpdf2.printing import Fpdf2Printer  # noqa: E402
from darwaza.adapters.segno.barcode import VERSION_MAX, SegnoBarcodes  # noqa: E402
from darwaza.services.transit import paper as papers  # noqa: E402
from darwaza.services.transit.sheet import sheet_of  # noqa: E402

pytestmark = pytest.mark.timeout(600)
BARCODES = SegnoBarcodes()


def decoded(picture):
    return [result.text for result in zxingcpp.read_barcodes(picture)]


@pytest.fixture(scope="module")
def printed():
    """A movement, its signed bytes, the sheet and the PDF."""
    world = World()
    movement = world.uz.movement(accepted(world, goods=100))
    body = papers.write_paper(movement, issuer="UZ", office="UZTAS", issued_at=world.now)
    raw = papers.sign_paper(body, lambda data: data[:64].ljust(64, b"\0"))
    pictures = tuple(BARCODES.png(text) for text in split(raw + b"\0" * 1_500))
    sheet = sheet_of(movement, body, reference().register, pictures)
    return movement, raw, sheet, Fpdf2Printer().pdf(sheet)


class TestBarcodes:
    def test_png_reads_back(self):
        """An independent decoder reads from the picture what was drawn."""
        for text in split(bytes(range(256)) * 9):
            assert decoded(image.open(io.BytesIO(BARCODES.png(text)))) == [text]

    def test_svg_is_a_picture_too(self):
        """The SVG holds one drawing with a viewing box and no script."""
        svg = BARCODES.svg("DWZ1:ABC").decode()
        assert svg.startswith("<svg")
        assert "<path" in svg
        assert "script" not in svg

    def test_sizes(self):
        """A full part takes version 25 and no more; what is larger is refused."""
        full = split(b"\xff" * 950)[0]
        assert BARCODES.version(full) <= VERSION_MAX
        with pytest.raises(TooLargeError):
            BARCODES.png("A" * 1_600)
        with pytest.raises(TooLargeError):
            BARCODES.png("A" * 9_000)


class TestPdf:
    def test_codes_on_the_page_read_back(self, printed):
        """Rendered as a printer would, the page's QR codes give the paper back, even with one torn off."""
        _, raw, sheet, pdf = printed
        texts = []
        for page in pdfium.PdfDocument(pdf):
            texts += decoded(page.render(scale=3).to_pil())
        assert len(texts) == len(sheet.pictures)
        assert join(texts[1:])[: len(raw)] == raw

    def test_what_people_read(self, printed):
        """The text layer names reference, offices, local deadlines, seals and the goods."""
        movement, _, _, pdf = printed
        document = pdfium.PdfDocument(pdf)
        text = "".join(page.get_textpage().get_text_bounded() for page in document)
        for word in (movement.known().ucr, "Torkham (PKTOR)", "+0430", "Sm1", "080620", "and 60 more items"):
            assert word in text

    def test_room_for_a_hand(self):
        """Where nothing scans, an office writes by hand: a row for each start and end that is still to come."""
        world = World()
        movement = accepted(world)
        drive(world, movement, 0)
        data = world.uz.movement(movement)
        body = papers.write_paper(data, issuer="UZ", office="UZTER", issued_at=world.now)
        sheet = sheet_of(data, body, reference().register, (BARCODES.png("A"), BARCODES.png("B")))
        (form,) = sheet.forms
        assert [row[0] for row in form.rows] == ["2 start", "2 end", "3 start", "3 end"]
        assert "either code" in sheet.subtitle
        pages = pdfium.PdfDocument(Fpdf2Printer().pdf(sheet))
        texts = [page.get_textpage().get_text_bounded() for page in pages]
        (written,) = [text for text in texts if form.heading in text]
        assert "2 start" in written  # the heading stands on the page of its first row
        assert f"page 1 of {len(texts)}" in texts[0]
        assert all(title in texts[0] for title in sheet.titles[:1])

    def test_the_same_sheet_gives_the_same_bytes(self, printed):
        """Nothing in the document depends on when or where it was printed."""
        _, _, sheet, pdf = printed
        assert Fpdf2Printer().pdf(sheet) == pdf

    def test_names_in_the_scripts_of_the_corridor(self):
        """Urdu, Pashto, Dari, Uzbek and Russian names are drawn, each with its own letters."""
        names = ("محمد رفیق", "ګل محمد", "Ўткир Каримов", "Иванов")

        def drawn(value):
            pdf = Fpdf2Printer().pdf(Sheet("T", "s", (Field("Driver", value),), (), (), "f"))
            return pdfium.PdfDocument(pdf)[0].render(scale=2).to_pil().tobytes()

        pages = [drawn(name) for name in names]
        assert len(set(pages)) == len(names)
        assert drawn("\ue000\ue000") not in pages

    def test_limits(self):
        """A sheet with too many rows is refused, not printed for hours."""
        grid = Grid("g", ("a",), (1,), (("x",),) * 2_001)
        with pytest.raises(TooLargeError):
            Fpdf2Printer().pdf(Sheet("T", "s", (), (grid,), (), "f"))
        empty = msgspec.structs.replace(grid, rows=())
        assert Fpdf2Printer().pdf(Sheet("T", "s", (), (empty,), (), "f")).startswith(b"%PDF")
