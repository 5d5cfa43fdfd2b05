"""The report as a PDF: one landscape page a question, the answer above its chart."""

import textwrap
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from darwaza.study.report.page import Page, pages
from darwaza.study.report.style import BAD, BLUE, INK, MUTED, look
from darwaza.study.report.summary import answers, cautions
from darwaza.study.result import Result

A4_LANDSCAPE = (11.69, 8.27)
ANSWER_COLUMNS, NOTE_COLUMNS, ROWS_A_PAGE = 92, 150, 30
HEAD_COLUMNS, TEXT_COLUMNS, QUOTE_COLUMNS, CONTENT_COLUMNS = 50, 78, 155, 3


def write(result: Result, path: Path) -> None:
    """Write the PDF; the same result gives the same bytes (no dates are stored)."""
    metadata = {"Title": result.title, "CreationDate": None, "ModDate": None, "Creator": None, "Producer": None}
    items = pages(result)
    with look(), PdfPages(path, metadata=metadata) as book:
        book.savefig(_cover(result, items))
        for number, page in enumerate(items, start=2):
            book.savefig(_page(result, page, number))
        for number, sheet in enumerate(_text_pages(result), start=len(items) + 2):
            _footer(sheet, result, number)
            book.savefig(sheet)


def _footer(figure: Figure, result: Result, number: int) -> None:
    figure.text(
        0.05, 0.025, f"{result.title} · scenario {result.digest[:16]} · seed {result.seed}", fontsize=7.5, color=MUTED
    )
    figure.text(0.95, 0.025, str(number), fontsize=8.5, color=MUTED, ha="right")


def _cover(result: Result, items: list[Page]) -> Figure:
    """The six answers, what to keep in mind, and the list of pages."""
    figure = Figure(figsize=A4_LANDSCAPE)
    figure.text(0.05, 0.945, result.title, fontsize=20, fontweight="bold", va="top")
    figure.text(
        0.05,
        0.893,
        "Feasibility, design and financing from one scenario file in which every number has a source and a range.",
        fontsize=10.5,
        color=MUTED,
        va="top",
    )
    for at, item in enumerate(answers(result)):
        left, top = 0.05 + 0.47 * (at % 2), 0.835 - 0.168 * (at // 2)
        colour = BLUE if item.good else BAD
        figure.add_artist(Line2D([left, left], [top - 0.137, top], color=colour, lw=3))
        figure.text(left + 0.012, top, f"{item.word}?", fontsize=9, color=MUTED, va="top")
        head = textwrap.fill(item.headline, HEAD_COLUMNS)
        figure.text(left + 0.012, top - 0.022, head, fontsize=12, fontweight="bold", va="top", linespacing=1.2)
        down = top - 0.052 - 0.026 * head.count("\n")
        figure.text(left + 0.012, down, textwrap.fill(item.text, TEXT_COLUMNS), fontsize=9, va="top", linespacing=1.3)
    figure.text(0.05, 0.315, "Before you quote this", fontsize=10.5, fontweight="bold", color=BAD)
    quote = textwrap.fill(" ".join(cautions(result)), QUOTE_COLUMNS)
    figure.text(0.05, 0.302, quote, fontsize=9, va="top", linespacing=1.3)
    figure.text(0.05, 0.215, "In this report", fontsize=10.5, fontweight="bold")
    rows = -(-len(items) // CONTENT_COLUMNS)
    for number, page in enumerate(items):
        column, row = divmod(number, rows)
        figure.text(0.05 + column * 0.31, 0.19 - row * 0.0265, f"{number + 2:>2}   {page.question}", fontsize=9)
    _footer(figure, result, 1)
    return figure


def _page(result: Result, page: Page, number: int) -> Figure:
    figure = Figure(figsize=A4_LANDSCAPE)
    figure.text(0.05, 0.945, page.question, fontsize=11, color=BLUE, fontweight="bold")
    figure.text(
        0.05,
        0.925,
        textwrap.fill(page.answer, ANSWER_COLUMNS),
        fontsize=13.5,
        fontweight="bold",
        va="top",
        linespacing=1.35,
    )
    figure.text(0.05, 0.06, textwrap.fill(page.note, NOTE_COLUMNS), fontsize=8.5, color=MUTED)
    room = 8.27 * 0.70
    share = min(1.0, page.height * 1.06 / room)
    outer: Any = figure.subfigures(3, 1, height_ratios=[0.2, 0.70 * share, 0.1 + 0.70 * (1 - share)])
    inner = outer[1].subfigures(1, 3, width_ratios=[0.04, 0.92, 0.04])[1]
    page.draw(inner, result)
    _footer(figure, result, number)
    return figure


def _text_pages(result: Result) -> list[Figure]:
    lines: list[tuple[str, str]] = [("head", "What the model cannot say")]
    for text in (*result.tables["limits"], *result.notes):
        wrapped = textwrap.wrap(text, 135)
        lines += [("item" if i == 0 else "more", part) for i, part in enumerate(wrapped)]
    lines.append(("head", "Sources"))
    for source in result.tables["sources"]:
        text = (
            f"{source['id']}: {source['title']}"
            + (f" ({source['date']})" if source["date"] else "")
            + f" [{source['confidence']}]"
        )
        lines += [("item" if i == 0 else "more", part) for i, part in enumerate(textwrap.wrap(text, 135))]
        if source["url"]:
            lines.append(("link", source["url"][:150]))
    lines.append(("head", "Assumptions"))
    for row in result.tables["assumptions"]:
        numbers = f"{row['base']:,.6g} ({row['low']:,.6g} to {row['high']:,.6g}) {row['unit']}"
        lines.append(("item", f"{row['path']}: {numbers} [{row['source']}, {row['confidence']}]"))
    sheets = []
    for start in range(0, len(lines), ROWS_A_PAGE):
        figure = Figure(figsize=A4_LANDSCAPE)
        for row, (kind, text) in enumerate(lines[start : start + ROWS_A_PAGE]):
            height = 0.94 - row * 0.0295
            if kind == "head":
                figure.text(0.05, height, text, fontsize=13, fontweight="bold", color=BLUE)
            else:
                mark = "•  " if kind == "item" else "    "
                figure.text(
                    0.05,
                    height,
                    mark + text,
                    fontsize=9 if kind != "link" else 7.5,
                    color=INK if kind != "link" else MUTED,
                )
        sheets.append(figure)
    return sheets
