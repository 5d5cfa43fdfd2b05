"""The report as one HTML file that needs nothing else: no script, no font, no picture from outside.

Readable without colour, on paper and by a screen reader: charts carry their message as text, tables are real tables.
"""

import io
import re
from collections.abc import Mapping
from html import escape

from matplotlib.figure import Figure

from darwaza.study.report import map_chart
from darwaza.study.report.detail import details
from darwaza.study.report.page import Page, pages
from darwaza.study.report.style import FAINT, GRID, INK, MUTED, PAPER, look
from darwaza.study.report.summary import answers
from darwaza.study.report.summary import cautions as cautions_of
from darwaza.study.result import Result

FONT = "'DejaVu Sans', Verdana, sans-serif"
"""Of charts that stand alone; in the page they take the page's font."""

_THEMED = {
    INK: "ink",
    MUTED: "muted",
    FAINT: "faint",
    PAPER: "paper",
    GRID: "grid",
    map_chart.GROUND: "ground",
    map_chart.RENTED: "rented",
    map_chart.QUIET: "quiet",
}
"""Colours of the charts that follow the reader's light or dark setting."""

_CSS = """
:root{color-scheme:light dark;--ink:#1d2b36;--muted:#5f6f7b;--faint:#c9d1d7;--grid:#e8ecef;--accent:#2563a8;
--paper:#fff;--back:#eef2f5;--ground:#f4f7fa;--rented:#a9b6c0;--quiet:#8a9aa6;--bad:#b4541a;--code:#f2f5f7;
--sans:system-ui,-apple-system,"Segoe UI","Noto Sans","DejaVu Sans",sans-serif}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf2;--muted:#a3b2be;--faint:#44525e;--grid:#2c3742;
--accent:#7db4ee;--paper:#161e26;--back:#0e141a;--ground:#1b2530;--rented:#5c6c79;--quiet:#748593;--bad:#f0a36b;
--code:#222d38}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:16px/1.5 var(--sans)}
main{max-width:1180px;margin:0 auto;background:var(--paper);padding:0 44px 64px}
header{padding:26px 0 14px}
h1{font-size:27px;line-height:1.2;margin:0;letter-spacing:-.01em}
h2{font-size:15px;margin:0;color:var(--accent);font-weight:600}
.lead{color:var(--muted);margin:4px 0 0;font-size:15px}
#map{display:grid;grid-template-columns:minmax(0,57fr) minmax(0,43fr);gap:10px 28px;padding:0;margin:0;border:0}
#map>div{grid-column:1/-1}
dl{margin:0;display:grid;align-content:space-between;gap:10px}
dl div{border-left:4px solid var(--accent);padding:0 0 0 12px}
dl div.bad{border-color:var(--bad)}
dt{font-size:13px;color:var(--muted);line-height:1.3}
dd{margin:0;font-size:14px;line-height:1.4}
dd b{display:block;font-size:17px;line-height:1.3}
.caution{border:1px solid var(--faint);border-radius:4px;padding:8px 14px;font-size:14px}
.caution b{color:var(--bad)}
.answer{font-size:20px;line-height:1.4;margin:2px 0 14px;font-weight:600;max-width:54em}
section{padding:36px 0 8px;border-top:1px solid var(--faint);margin-top:28px;break-inside:avoid}
figure{margin:0}figure svg{width:100%;height:auto;display:block}
figcaption{color:var(--muted);font-size:13px;margin-top:6px}
nav{columns:3;column-gap:32px;font-size:15px;margin:24px 0 0;padding-top:16px;border-top:1px solid var(--faint)}
nav a{display:block;color:var(--ink);padding:2px 0;text-decoration:none}
nav a:hover,nav a:focus{text-decoration:underline}a{color:var(--accent)}
details{margin:12px 0}summary{cursor:pointer;color:var(--accent)}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:13px;width:100%;margin:8px 0}
th,td{text-align:left;padding:4px 10px 4px 0;border-bottom:1px solid var(--faint);vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.judgement,.weak{color:var(--bad)}.choice{color:var(--muted)}
code{font-size:12.5px;background:var(--code);padding:1px 4px;overflow-wrap:anywhere}
ul.plain{padding-left:20px}
@media print{:root{--ink:#1d2b36;--muted:#5f6f7b;--faint:#c9d1d7;--grid:#e8ecef;--accent:#2563a8;--paper:#fff;
--back:#fff;--ground:#f4f7fa;--rented:#a9b6c0;--quiet:#8a9aa6;--bad:#b4541a;--code:#f2f5f7}
@page{size:A4 landscape;margin:12mm}main{max-width:none;padding:0}header{padding:0 0 8px}
nav,details:not([open]){display:none}
h1{font-size:22px}#map{break-inside:auto;grid-template-columns:minmax(0,52fr) minmax(0,48fr)}
dl{gap:5px}dd{font-size:11.5px;line-height:1.3}dd b{font-size:13.5px}dt{font-size:11px}
.caution{font-size:11px;padding:4px 10px}
section{margin:0;padding:0;border:0;break-before:page}#map,#sources,#limits{break-before:auto}
section+section{padding-top:12px}h2,.answer{break-after:avoid}tr{break-inside:avoid}}
@media screen and (max-width:820px){main{padding:0 18px 40px}h1{font-size:23px}.answer{font-size:17px}
nav{columns:1}#map{grid-template-columns:minmax(0,1fr)}}
"""


def charts(result: Result) -> dict[str, str]:
    """Every chart as an ``svg`` element, by page."""
    with look():
        return {page.id: chart_svg(result, page) for page in pages(result)}


def render(result: Result, drawn: Mapping[str, str]) -> str:
    """The whole file as text; the same result gives the same text.

    Args:
        result: to report.
        drawn: its ``charts``.
    """
    items = pages(result)
    first, *others = items
    body = [_opening(result, first, themed(drawn[first.id])), _contents(items)]
    body.extend(_section(result, page, themed(drawn[page.id])) for page in others)
    body += [_assumptions(result), _sources(result), _limits(result)]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(result.title)}</title><style>{_CSS}</style></head><body><main>\n"
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )


def chart_svg(result: Result, page: Page) -> str:
    """One chart as an ``svg`` element, ids made unique by the page's name."""
    figure = Figure(figsize=(page.width, page.height))
    page.draw(figure, result)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # The library names shared parts by a hash over printed numbers, and importing GNPy changes how numbers print.
    for number, name in enumerate(dict.fromkeys(re.findall(r'id="([a-z]+[0-9a-f]{10})"', text))):
        text = re.sub(rf"\b{name}\b", f"part{number}", text)
    text = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{page.id}-", text)
    text = text.replace("'DejaVu Sans'", FONT)
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(page.question + " " + page.answer)}" ', 1)


def themed(chart: str) -> str:
    """The chart with the page's font, and with ink and paper that follow the reader's light or dark setting."""
    for colour, name in _THEMED.items():
        chart = chart.replace(colour, f"var(--{name})")
    return chart.replace(FONT, "var(--sans)")


def _trail(result: Result, page: Page) -> str:
    """How to follow the page's numbers to their sources."""
    names = [name for name in page.figures if result.figure(name)]
    if not names:
        return ""
    lines = "<br>".join(f"<code>darwaza study explain {escape(name)}</code>" for name in names)
    return f"<details><summary>Where these numbers come from</summary>{lines}</details>"


def _section(result: Result, page: Page, chart: str) -> str:
    return (
        f'<section id="{page.id}"><h2>{escape(page.question)}</h2><p class="answer">{escape(page.answer)}</p>'
        f"<figure>{chart}<figcaption>{escape(page.note)}</figcaption></figure>"
        f"{''.join(details(result, name) for name in (page.id, page.id + ' more'))}{_trail(result, page)}</section>"
    )


def _opening(result: Result, page: Page, chart: str) -> str:
    """The first screen: title, map, the six answers, what to keep in mind."""
    items = "".join(
        f'<div class="{"good" if item.good else "bad"}"><dt>{item.word}?</dt>'
        f"<dd><b>{escape(item.headline)}.</b> {escape(item.text)}</dd></div>"
        for item in answers(result)
    )
    cautions = " ".join(escape(text) for text in cautions_of(result))
    notes = "".join(f"<li>{escape(note)}</li>" for note in result.notes)
    return (
        f'<header><h1>{escape(result.title)}</h1><p class="lead">Feasibility, design and financing from one scenario '
        "file in which every number has a source and a range.</p></header>"
        f'<section id="map"><figure>{chart}<figcaption>{escape(page.note)}</figcaption></figure><dl>{items}</dl>'
        f'<div class="caution"><b>Before you quote this.</b> {cautions} <a href="#limits">All limits</a></div>'
        "</section>"
        f"<details><summary>{len(result.notes)} notes on this run; scenario <code>{result.digest[:16]}</code>, seed "
        f'{result.seed}</summary><ul class="plain">{notes}<li>The same scenario and seed give this report again, byte '
        "for byte.</li></ul></details>"
    )


def _contents(items: list[Page]) -> str:
    links = "".join(f'<a href="#{page.id}">{escape(page.question)}</a>' for page in items[1:])
    extra = (
        '<a href="#assumptions">What is assumed?</a><a href="#sources">Who says so?</a>'
        '<a href="#limits">What can the model not say?</a>'
    )
    return f'<nav aria-label="Contents">{links}{extra}</nav>'


def _assumptions(result: Result) -> str:
    rows = result.tables["assumptions"]
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["confidence"]] = counts.get(row["confidence"], 0) + 1
    share = ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda item: -item[1]))
    lines = []
    for r in rows:
        numbers = "".join(f'<td class="n">{r[key]:,.6g}</td>' for key in ("low", "base", "high"))
        lines.append(
            f"<tr><td><code>{escape(r['path'])}</code></td>{numbers}<td>{escape(r['unit'])}</td>"
            f'<td class="{r["confidence"]}"><a href="#source-{escape(r["source"])}">{escape(r["source"])}</a></td>'
            f"<td>{escape(r['note'])}</td></tr>"
        )
    return (
        '<section id="assumptions"><h2>What is assumed?</h2>'
        f'<p class="answer">{len(rows)} numbers, each with a range and a source: {share}. Judgements are the '
        "first to replace.</p>"
        "<details><summary>All of them</summary><div class='wide'><table><thead><tr><th>value</th>"
        "<th class='n'>low</th><th class='n'>base</th><th class='n'>high</th>"
        "<th>unit</th><th>source</th><th>note</th></tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div></details></section>"
    )


def _sources(result: Result) -> str:
    lines = []
    for s in result.tables["sources"]:
        title = escape(s["title"])
        linked = f'<a href="{escape(s["url"])}">{title}</a>' if s["url"] else title
        lines.append(
            f'<tr id="source-{escape(s["id"])}"><td><code>{escape(s["id"])}</code></td><td>{linked}</td>'
            f'<td>{escape(s["date"])}</td><td class="{s["confidence"]}">{s["confidence"]}</td></tr>'
        )
    return (
        f'<section id="sources"><h2>Who says so?</h2><p class="answer">{len(lines)} sources.</p>'
        "<details open><summary>List</summary>"
        "<div class='wide'><table><thead><tr><th>id</th><th>source</th><th>date</th><th>confidence</th></tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div></details></section>"
    )


def _limits(result: Result) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in result.tables["limits"])
    return f'<section id="limits"><h2>What can the model not say?</h2><ul class="plain">{items}</ul></section>'
