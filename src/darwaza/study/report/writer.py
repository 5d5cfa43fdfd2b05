"""All files of a report."""

from pathlib import Path

from darwaza.study.optical import Line
from darwaza.study.report import export, html, pdf
from darwaza.study.result import Result
from darwaza.study.scenario.model import Scenario

HTML, PDF = "report.html", "report.pdf"


def write(result: Result, scenario: Scenario, lines: dict[str, Line], out: Path) -> list[Path]:
    """Write HTML, PDF and the machine-readable files under ``out``; returns their paths, HTML first."""
    folder = out / "charts"
    folder.mkdir(parents=True, exist_ok=True)
    drawn = html.charts(result)
    (out / HTML).write_text(html.render(result, drawn), encoding="utf-8")
    pdf.write(result, out / PDF)
    for name, chart in drawn.items():
        (folder / f"{name}.svg").write_text(chart + "\n", encoding="utf-8")
    pictures = [folder / f"{name}.svg" for name in drawn]
    return [out / HTML, out / PDF, *pictures, *export.write(result, scenario, lines, out)]
