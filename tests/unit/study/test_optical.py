"""Optical feasibility: GNPy driven as its own examples drive it, and physics that must hold."""

import json
import math
import re
from copy import deepcopy
from pathlib import Path

import pytest

from darwaza.study import optical
from darwaza.study.scenario.model import Scenario

MODE = optical.Mode("m", 100, 12.0, 32e9, 50e9)


def test_library_modes_are_the_published_ones() -> None:
    """GNPy's example transceiver offers 100 to 400 Gbit/s, and faster modes need a cleaner signal."""
    rates = {mode.gbps: mode.osnr_db for mode in optical.modes()}
    assert set(rates) == {100, 200, 300, 400}
    assert rates[400] > rates[200] > rates[100]


def published(name: str) -> Path:
    """A file of the examples GNPy ships."""
    import gnpy

    return Path(gnpy.__file__).parent / "example-data" / name


def test_published_line_example() -> None:
    """GNPy publishes 31.17 dB for its 80 km example with one amplifier; our way of calling it gives the same."""
    topology = json.loads(published("edfa_example_network.json").read_text(encoding="utf-8"))
    channels = optical.channels_db(topology, deepcopy(optical._equipment()), "Site_A", "Site_B")
    assert len(channels) == 76
    assert sum(channels) / len(channels) == pytest.approx(31.17, abs=0.02)


def test_published_mesh_example(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests 1 and 3 of GNPy's published mesh example: 21.68 and 26.29 dB, the same within releases' drift."""
    from gnpy.tools.cli_examples import path_requests_run

    files = [str(published("meshTopologyExampleV2.json")), str(published("meshTopologyExampleV2_services.json"))]
    monkeypatch.setattr("sys.argv", ["gnpy-path-request"])
    path_requests_run(["-e", str(published("eqpt_config.json")), *files])
    printed = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    rows = {cells[1].strip(): cells for cells in (line.split("|") for line in printed.splitlines()) if len(cells) > 5}
    for request, decibels in (("1", 21.68), ("3", 26.29)):
        assert float(rows[request][4]) == pytest.approx(decibels, abs=0.1)


def test_agrees_with_gnpy_s_own_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The published command gnpy-transmission-example, given our chain as a file, prints our figure."""
    import gnpy
    from gnpy.tools.cli_examples import transmission_main_example

    # The program looks at the command line of the whole process as well.
    monkeypatch.setattr("sys.argv", ["gnpy-transmission-example"])
    topology = tmp_path / "chain.json"
    topology.write_text(json.dumps(optical.chain(5, 80.0, 0.22)), encoding="utf-8")
    equipment = Path(gnpy.__file__).parent / "example-data" / "eqpt_config.json"
    transmission_main_example(["-e", str(equipment), str(topology), "A", "B"])
    printed = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    found = re.findall(r"GSNR \(0\.1nm, dB\):\s+([0-9.]+)", printed)
    assert found
    # The program prints the mean over channels, we take the worst one.
    assert optical.gsnr_db(5, 80.0, 0.22, 32e9, 50e9) == pytest.approx(float(found[-1]), abs=0.3)


def test_longer_lines_are_noisier() -> None:
    """Every doubling of the number of spans costs close to 3 dB."""
    ratios = [optical.gsnr_db(spans, 80.0, 0.22, MODE.baud, MODE.spacing_hz) for spans in (6, 12, 24)]
    assert ratios[0] - ratios[1] == pytest.approx(3.0, abs=0.5)
    assert ratios[1] - ratios[2] == pytest.approx(3.0, abs=0.5)


def test_span_no_amplifier_can_lift() -> None:
    """A span with more loss than the library's amplifiers can lift is infeasible, not a crash."""
    assert optical.gsnr_db(2, 160.0, 0.25, MODE.baud, MODE.spacing_hz) == -math.inf


def test_sections_are_the_fewest_that_close() -> None:
    """One section fewer would miss the margin."""
    mode = next(mode for mode in optical.modes() if mode.gbps == 400)
    found = optical.sections_needed(1200.0, 80.0, 0.22, mode)
    assert found is not None
    sections, ratio = found
    assert sections > 1
    assert ratio >= mode.osnr_db + optical.MARGIN_DB
    longer = 1200.0 / (sections - 1)
    spans = math.ceil(longer / 80 - 1e-9)
    assert optical.gsnr_db(spans, round(longer / spans, 3), 0.22, mode.baud, mode.spacing_hz) < mode.osnr_db + 2


def test_every_candidate_of_the_base_scenario_is_judged(carec: Scenario) -> None:
    """Slower modes never need more sections than faster ones."""
    link = carec.links["khunjerab"]
    line = optical.line(carec, link)
    assert line.feasible
    assert line.reach[100] <= line.reach[200] <= line.reach[400]
    assert line.spans == line.huts + line.sections
