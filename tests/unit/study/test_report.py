"""The report and the command line: complete, self-contained, the same bytes again, readable by other programs."""

import csv
import json
import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from lxml import etree, html
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as MplFigure

from darwaza.entry.cli.study import study as command
from darwaza.study import compare, network, run, trace
from darwaza.study.design import exact
from darwaza.study.report import map_chart, summary
from darwaza.study.report.html import charts
from darwaza.study.report.page import pages
from darwaza.study.report.style import BLUE, FAINT, GRID, INK, MUTED, PAPER, look
from darwaza.study.result import Result
from darwaza.study.scenario.load import load, parse
from darwaza.study.scenario.model import Scenario
from darwaza.study.stage import Stages

SMALL = Path(__file__).parent / "small.toml"


@pytest.fixture(scope="module")
def report(small: Scenario, small_out: Path, small_result: Result) -> Path:
    """The folder of the small report."""
    assert small_result.figures
    run.report(small, small_out)
    return small_out


def test_same_scenario_same_bytes(small: Scenario, report: Path, tmp_path: Path) -> None:
    """A second run from nothing writes the same bytes into every file."""
    run.report(small, tmp_path, fresh=True)
    files = [p.relative_to(report) for p in sorted(report.rglob("*")) if p.is_file() and ".stages" not in p.parts]
    assert len(files) > 15
    for name in files:
        assert (tmp_path / name).read_bytes() == (report / name).read_bytes(), name


def test_charts_do_not_depend_on_what_was_imported(small_result: Result) -> None:
    """GNPy changes how NumPy prints numbers; a run that resumes without it must write the same bytes."""
    with np.printoptions(legacy="1.25"):
        first = charts(small_result)
    with np.printoptions(legacy=False):
        assert charts(small_result) == first


def test_html_is_self_contained(report: Path) -> None:
    """Nothing is fetched from anywhere: no script, no outside picture, style or font."""
    text = (report / "report.html").read_text(encoding="utf-8")
    page = html.fromstring(text)
    assert not page.xpath("//script | //link | //img | //iframe | //object")
    assert not re.search(r"url\(\s*['\"]?https?:", text)
    assert all(use.startswith(("#", "data:image/png;base64,")) for use in page.xpath("//@*[name()='xlink:href']"))
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids)), "ids of the charts do not clash"


def test_every_question_has_answer_and_chart(report: Path, small_result: Result) -> None:
    """Each page stands in the HTML with its answer and a labelled chart."""
    page = html.fromstring((report / "report.html").read_text(encoding="utf-8"))
    for item in pages(small_result):
        section = page.get_element_by_id(item.id)
        assert item.answer in section.text_content()
        assert section.xpath(".//*[local-name()='svg'][@role='img'][@aria-label]")


def test_first_screen_answers_the_six_questions(report: Path, small_result: Result) -> None:
    """Whether, where, how, who pays, who gains, what if: before anything else, with what speaks against it."""
    page = html.fromstring((report / "report.html").read_text(encoding="utf-8"))
    opening = page.get_element_by_id("map")
    assert [term.text for term in opening.xpath(".//dt")] == [
        "Whether?",
        "Where?",
        "How?",
        "Who pays?",
        "Who gains?",
        "What if?",
    ]
    found = summary.answers(small_result)
    assert all(item.headline in opening.text_content() and item.text in opening.text_content() for item in found)
    assert opening.xpath(".//div[@class='caution']//a[@href='#limits']")
    losing = replace(
        small_result,
        tables=small_result.tables
        | {
            "distribution": [{"country": "AA", "group": "g", "present_usd": -5e9}, *small_result.tables["distribution"]]
        },
    )
    assert "Member AA loses" in summary.answers(losing)[4].headline
    assert not summary.answers(losing)[4].good
    poor = small_result.tables["economics"] | {"eirr": 0.01}
    assert not summary.answers(replace(small_result, tables=small_result.tables | {"economics": poor}))[0].good


def test_place_names_do_not_overlap(carec: Scenario, small_result: Result) -> None:
    """On the map of the base scenario no name touches another, and all members' exchanges are named."""
    built = {"torkham", "casa-north", "dushanbe-tashkent", "chaman", "kandahar-herat", "torghundi"}
    tables = {
        "sites": [
            {"id": s.id, "name": s.name, "country": s.country, "lat": s.lat, "lon": s.lon, "role": s.role}
            for s in carec.sites.values()
        ],
        "members": [{"id": m.id, "name": m.name, "site": m.site} for m in carec.members.values()],
        "links": [
            {
                "id": link.id,
                "a": link.a,
                "b": link.b,
                "usable": True,
                "status": link.status,
                "built_from": 2029 if link.id in built else None,
                "flow": [1000.0],
                "course": network.course(carec, link),
            }
            for link in carec.links.values()
        ],
    }
    figure = MplFigure(figsize=(7.6, 7.05))
    with look():
        map_chart.route_map(figure, replace(small_result, tables=tables))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    texts = [text for text in figure.axes[0].texts if text.get_text()]
    boxes = [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in texts]
    for (first, one), (second, other) in combinations(boxes, 2):
        assert not one.overlaps(other), f"{first} and {second}"
    names = {name for name, _ in boxes}
    assert {carec.sites[m.site].name for m in carec.members.values()} <= names
    assert len(names) > 30


def test_charts_follow_light_and_dark(report: Path) -> None:
    """Ink, paper and grid of the charts are the page's own, so that none is dark on dark; colours of data stay."""
    text = (report / "report.html").read_text(encoding="utf-8")
    assert "prefers-color-scheme:dark" in text
    drawn = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    assert "var(--ink)" in drawn
    for colour in (INK, MUTED, FAINT, GRID, PAPER):
        assert colour not in drawn
    assert BLUE in drawn
    assert "var(" not in (report / "charts" / "map.svg").read_text(encoding="utf-8"), "alone, a chart has real colours"


def test_assumptions_and_sources_are_all_there(report: Path, small: Scenario) -> None:
    """No value and no source of the scenario is missing from the report."""
    text = (report / "report.html").read_text(encoding="utf-8")
    assert all(path in text for path in small.values)
    assert all(f'id="source-{name}"' in text for name in small.sources)


def test_pdf_has_all_pages(report: Path, small_result: Result) -> None:
    """One page a question, and more for text."""
    content = (report / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert content.count(b"/Type /Page ") >= len(pages(small_result)) + 2


def test_machine_files_agree_with_the_result(report: Path, small_result: Result) -> None:
    """GeoJSON, CSV and JSON carry the tables' own numbers."""
    shapes = json.loads((report / "data/network.geojson").read_text(encoding="utf-8"))
    kinds = [feature["geometry"]["type"] for feature in shapes["features"]]
    assert kinds.count("Point") == len(small_result.tables["sites"])
    assert kinds.count("LineString") == len(small_result.tables["links"])
    rows = list(csv.DictReader((report / "data/figures.csv").read_text(encoding="utf-8").splitlines()))
    eirr = next(row for row in rows if row["id"] == "economics.eirr")
    figure = small_result.figure("economics.eirr")
    assert figure is not None
    assert float(eirr["value"]) == figure.value
    whole = json.loads((report / "result.json").read_text(encoding="utf-8"))
    assert whole["digest"] == small_result.digest


def test_gnpy_reads_the_topology(report: Path) -> None:
    """The exported topology is one GNPy itself loads, with every fibre in both directions."""
    from gnpy.tools.json_io import network_from_json

    from darwaza.study.optical import _equipment

    content = json.loads((report / "data/gnpy-topology.json").read_text(encoding="utf-8"))
    nodes = len(content["elements"])
    fibres = sum(element["type"] == "Fiber" for element in content["elements"])
    loaded = network_from_json(content, _equipment())
    assert loaded.number_of_nodes() == nodes
    assert fibres
    assert fibres % 2 == 0


def test_finished_stages_are_read_again(small: Scenario, small_out: Path, small_result: Result) -> None:
    """A second run reads what the first finished; a damaged file is worked out again, not trusted."""
    assert run.study(small, small_out) == small_result
    path = Stages(small_out, small.digest).path("result")
    path.write_bytes(b"damaged")
    assert run.study(small, small_out) == small_result


def test_interrupted_run_goes_on(small: Scenario, tmp_path: Path, small_result: Result) -> None:
    """Interrupted after the designs, the next run does not design again and ends with the same result."""

    def stop(name: str, _share: float) -> None:
        if name.startswith("Resilience"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.study(small, tmp_path, progress=stop)
    seen: list[tuple[str, float]] = []
    assert run.study(small, tmp_path, progress=lambda name, share: seen.append((name, share))) == small_result
    assert not any(name.startswith("Design") and share < 1 for name, share in seen)


def test_figures_explain_themselves_down_to_sources(small: Scenario, small_result: Result) -> None:
    """Every input of every figure resolves, and the main figures reach a source."""
    for figure in small_result.figures:
        [found] = trace.explain(figure.id, small, small_result)
        assert found.method
    for name in ("economics.eirr", "finance.firr", "design.capex", "latency.AA.north.today"):
        [found] = trace.explain(name, small, small_result)
        assert trace.sources_of(found), name


def test_explaining_a_value_needs_no_run(small: Scenario) -> None:
    """A scenario value names its line, range and source; an unknown name offers near ones."""
    [found] = trace.explain("member.AA.price", small, None)
    assert found.source is not None
    assert found.line > 0
    with pytest.raises(trace.UnknownValueError, match=r"member\.AA\.price"):
        trace.explain("member.AA.pirce", small, None)


def test_compare_finds_the_one_change(small: Scenario, small_text: str, small_result: Result, tmp_path: Path) -> None:
    """One changed assumption is the only one reported, and figures that rest on it move."""
    text = small_text.replace("low = 10, base = 15, high = 20", "low = 10, base = 18, high = 20", 1)
    other = parse(text.encode(), file="other.toml")
    assert [c.id for c in compare.values(small, other)] == ["terrain.plain.build"]
    moved = {c.id for c in compare.figures(small_result, run.study(other, tmp_path))}
    assert {"economics.eirr", "finance.need"} <= moved
    assert compare.figures(small_result, small_result) == []


def invoke(*arguments: str) -> tuple[int, str]:
    """Run the command line; exit code and output."""
    outcome = CliRunner().invoke(command, list(arguments))
    return outcome.exit_code, outcome.output


def test_command_runs_and_answers_json(small_out: Path, report: Path) -> None:
    """``run --json`` prints one JSON object with files and figures."""
    code, output = invoke("run", str(SMALL), "--out", str(small_out), "--json")
    assert code == 0
    answer = json.loads(output)
    assert answer["figures"]["economics.eirr"]["unit"] == "1/year"
    assert str(report / "report.html") in answer["files"]


def test_command_prints_a_summary(small_out: Path, report: Path) -> None:
    """Without ``--json`` a person reads the main figures and where the report is."""
    code, output = invoke("run", str(SMALL), "--out", str(small_out))
    assert code == 0
    assert "Economic rate of return" in output
    assert (report / "report.html").name in output


def test_command_and_report_say_that_a_design_is_not_proven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the exact method cannot finish, terminal and report name the method that found the design, and the gap."""
    monkeypatch.setattr(exact, "ENTRIES_MAX", 0)
    code, output = invoke("run", str(SMALL), "--out", str(tmp_path))
    assert code == 0
    assert re.search(
        r"note: Plan .* did not finish .* heuristic .* at most \d+\.\d% cheaper", output.replace("\n", " ")
    )
    assert "(not finished; heuristic)" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_command_lists_faults_with_lines(tmp_path: Path, small_text: str) -> None:
    """A broken scenario exits with 2 and names file and line; as JSON with the list of problems."""
    path = tmp_path / "broken.toml"
    path.write_text(small_text.replace('unit = "ms"', 'unit = "furlong"', 1), encoding="utf-8")
    code, output = invoke("run", str(path), "--out", str(tmp_path))
    assert code == 2
    assert re.search(r"broken\.toml:\d+: region\.north\.working_rtt_max: unknown unit", output.replace("\n", ""))
    code, output = invoke("run", str(path), "--out", str(tmp_path), "--json")
    assert code == 2
    assert json.loads(output)["error"]["problems"]


def test_command_explains_infeasibility(tmp_path: Path, small_text: str) -> None:
    """Impossible rules exit with 1 and the smallest conflicting set."""
    text = small_text.replace('candidates = ["west", "east", "aa-mi"]', "candidates = []", 1)
    path = tmp_path / "impossible.toml"
    path.write_text(text, encoding="utf-8")
    code, output = invoke("run", str(path), "--out", str(tmp_path))
    assert code == 1
    assert "cannot hold together" in output
    line = text[: text.index("candidates = []", text.index('id = "best"'))].count("\n") + 1
    assert f"impossible.toml:{line}: only links of plan best are built (alternative.best.candidates)" in output


def test_command_explains_values(small_out: Path, report: Path) -> None:
    """``explain`` prints tree and sources, or JSON; unknown names exit with 1."""
    assert report.is_dir()
    code, output = invoke("explain", "economics.eirr", "--scenario", str(SMALL), "--out", str(small_out))
    assert code == 0
    assert "[published] p: A published figure" in output
    code, output = invoke("explain", "terrain.plain.build", "--scenario", str(SMALL), "--json")
    assert json.loads(output)[0]["source"]["id"] == "p"
    code, output = invoke("explain", "nonsense", "--scenario", str(SMALL), "--out", str(small_out))
    assert code == 1


def test_command_compares(small_out: Path, tmp_path: Path) -> None:
    """``compare`` of a scenario with itself finds nothing; help shows examples."""
    assert small_out.is_dir()
    code, output = invoke("compare", str(SMALL), str(SMALL), "--cache", str(tmp_path), "--json")
    assert code == 0
    answer = json.loads(output)
    assert answer["values"] == answer["figures"] == []
    for name in ("run", "compare", "explain"):
        code, output = invoke(name, "--help")
        assert code == 0
        assert "Example" in output


def test_charts_are_well_formed_xml(report: Path) -> None:
    """Every chart parses on its own."""
    text = (report / "report.html").read_text(encoding="utf-8")
    charts = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    assert len(charts) >= 15
    for chart in charts:
        etree.fromstring(chart.encode())


def test_carec_profile_loads() -> None:
    """The shipped scenario is valid and has the plans the study must compare."""
    scenario = load(Path(__file__).parents[3] / "profiles" / "carec" / "study.toml")
    assert {"today", "best", "kabul", "khunjerab", "caspian"} <= {a.id for a in scenario.alternatives}
