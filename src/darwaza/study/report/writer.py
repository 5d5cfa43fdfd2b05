"""All files of a report."""

from pathlib import Path

from darwaza.study.optical import Line
from darwaza.study.report import export, html, pdf
from darwaza.study.report.page import pages
from darwaza.study.report.style import look
from darwaza.study.result import Result
from darwaza.study.scenario.model import Scenario

HTML, PDF = "report.html", "report.pdf"


def write(result: Result, scenario: Scenario, lines: dict[str, Line], out: Path) -> list[Path]:
    """Write HTML, PDF and the machine-readable files under ``out``; returns their paths, HTML first."""
    out.mkdir(parents=True, exist_ok=True)
    (out / HTML).write_text(html.render(result), encoding="utf-8")
    pdf.write(result, out / PDF)
    charts = out / "charts"
    charts.mkdir(exist_ok=True)
    drawn = []
    with look():
        for page in pages(result):
            drawn.append(charts / f"{page.id}.svg")
            drawn[-1].write_text(html.chart_svg(result, page) + "\n", encoding="utf-8")
    return [out / HTML, out / PDF, *drawn, *export.write(result, scenario, lines, out)]
