"""All files of a report."""

from pathlib import Path

from darwaza.study.optical import Line
from darwaza.study.report import export, html, pdf
from darwaza.study.result import Result
from darwaza.study.scenario.model import Scenario

HTML, PDF = "report.html", "report.pdf"


def write(result: Result, scenario: Scenario, lines: dict[str, Line], out: Path) -> list[Path]:
    """Write HTML, PDF and the machine-readable files under ``out``; returns their paths, HTML first."""
    out.mkdir(parents=True, exist_ok=True)
    (out / HTML).write_text(html.render(result), encoding="utf-8")
    pdf.write(result, out / PDF)
    return [out / HTML, out / PDF, *export.write(result, scenario, lines, out)]
