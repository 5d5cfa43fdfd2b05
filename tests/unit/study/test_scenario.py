"""Reading scenarios: what is right is read, what is wrong is named with its line, all of it at once."""

import re
from pathlib import Path

import pytest

from darwaza.study.scenario.load import load, parse
from darwaza.study.scenario.model import Scenario
from darwaza.study.scenario.reader import ScenarioError, locate


def broken(text: str, old: str, new: str, count: int = 1) -> str:
    """``text`` with ``old`` replaced; the test is wrong when it is not there."""
    assert old in text
    return text.replace(old, new, count)


def problems(text: str) -> list[tuple[int, str, str]]:
    """The faults of a scenario text."""
    with pytest.raises(ScenarioError) as caught:
        parse(text.encode(), file="x.toml")
    return [(p.line, p.path, p.detail) for p in caught.value.problems]


def line_of(text: str, needle: str) -> int:
    """1-based line of the first occurrence."""
    return text[: text.index(needle)].count("\n") + 1


def test_units_are_converted_to_one(small: Scenario) -> None:
    """Prices written per Mbit/s and month, costs in thousands and shares in percent arrive in one unit each."""
    assert small.members["AA"].price.base == pytest.approx(6 * 12_000)
    assert small.terrains["plain"].build.base == pytest.approx(15_000)
    assert small.equipment.fill.base == pytest.approx(0.7)
    assert small.equipment.line_capacity.base == pytest.approx(20_000)


def test_base_scenario_is_sourced_throughout(carec: Scenario) -> None:
    """Every value of the shipped scenario has a range and a known source, and every published source an address."""
    assert len(carec.values) > 300
    for value in carec.values.values():
        assert value.low <= value.base <= value.high
        assert value.source in carec.sources, value.path
        assert value.line > 0
    assert all(source.url for source in carec.sources.values() if source.confidence == "published")


def test_base_scenario_gives_a_reason_for_every_opinion(carec: Scenario) -> None:
    """What no publication gives, and what is derived from one, says how it was come by."""
    for value in carec.values.values():
        confidence = value.confidence or carec.sources[value.source].confidence
        if confidence in ("judgement", "choice") or value.confidence == "derived":
            assert value.note, value.path


@pytest.mark.parametrize(
    ("old", "new", "path", "wanted"),
    [
        ('unit = "ms"', 'unit = "furlong"', "region.north.working_rtt_max", "unknown unit 'furlong'"),
        ('unit = "ms"', 'unit = "km"', "region.north.working_rtt_max", "does not measure this"),
        (', source = "p" }', "}", "terrain.plain.build", "has no source"),
        ('source = "p" }', 'source = "pp" }', "terrain.plain.build", "did you mean 'p'"),
        ("low = 10, base = 15, high = 20", "low = -10, base = 15, high = 20", "terrain.plain.build", "at least 0"),
        (
            "low = 10, base = 15, high = 20",
            "low = 16, base = 15, high = 20",
            "terrain.plain.build",
            "low <= base <= high",
        ),
        ("low = 10, base = 15, high = 20", "base = 15, high = 20", "terrain.plain.build", "has no 'low'"),
        ("low = 10, base = 15, high = 20", "low = 10, base = nan, high = 20", "terrain.plain.build", "finite"),
        ('terrain = "plain"', 'terrain = "plane"', "link.MA-NO.terrain", "did you mean 'plain'"),
        ('a = "MA"', 'a = "XX"', "link.MA-NO.a", "is no site"),
        ('kind = "mountain"', 'kind = "hill"', "group.pass.kind", "not one of"),
        ('title = "Small corridor"', 'tittle = "Small corridor"', "study.title", "is missing"),
        ('title = "Small corridor"', 'title = "S"\ntypo = 1', "study.typo", "unknown key"),
        ("correlation = { delay", "correlation = { dealy", "risk.capex", "no other risk"),
        ("low = 0.4, base = 0.4", "low = 0.3, base = 0.3", "finance.tranche", "add up to 0.9"),
        ("last_year = 2045", "last_year = 2027", "study", "does not hold"),
        ("stages = [2028, 2034]", "stages = [2029, 2034]", "study.stages", "start with opening_year"),
        ('url = "https://example.org/figure"', "", "sources.p.url", "needs an address"),
    ],
)
def test_fault_is_named(small_text: str, old: str, new: str, path: str, wanted: str) -> None:
    """Each kind of bad input gives a message that says where and what would be right."""
    found = problems(broken(small_text, old, new))
    assert any(p == path and wanted in d for _, p, d in found), found
    assert all(line > 0 for line, p, _ in found if p == path)


def test_line_is_the_one_of_the_value(small_text: str) -> None:
    """The line named is the line of the faulty value, not of its section."""
    text = broken(small_text, "low = 10, base = 15, high = 20", "low = 10, base = 15, high = 2")
    line = next(line for line, path, _ in problems(text) if path == "terrain.plain.build")
    assert line == line_of(text, "build = {")


def test_all_faults_at_once(small_text: str) -> None:
    """Three unrelated faults are reported in one go."""
    text = broken(small_text, 'unit = "ms"', 'unit = "furlong"')
    text = broken(text, 'kind = "mountain"', 'kind = "hill"')
    text = broken(text, "low = 10, base = 15, high = 20", "low = 16, base = 15, high = 20")
    assert len(problems(text)) >= 3


def test_disconnected_demand_is_named(small_text: str) -> None:
    """A member no chain of links joins to a region is an error of the scenario, with the region's name."""
    text = re.sub(r'\[\[link\]\]\nid = "NO-SO".*?(?=\[\[link\]\])', "", small_text, flags=re.DOTALL)
    text = broken(text, "avoid = []", "") if "avoid = []" in text else text
    text = broken(text, "time_limit_s = 250", 'time_limit_s = 250\navoid = ["CC", "DD"]')
    assert any("no chain of links" in detail and "south" in detail for _, _, detail in problems(text))


def test_syntax_fault_has_its_line() -> None:
    """TOML that does not parse is reported with the parser's line."""
    assert problems("[study]\ntitle = \n")[0][0] == 2


def test_not_utf8() -> None:
    """Bytes that are no UTF-8 are refused, not crashed upon."""
    with pytest.raises(ScenarioError, match="UTF-8"):
        parse(b"\xff\xfe", file="x.toml")


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there raises OSError for the caller to show."""
    with pytest.raises(OSError, match="nothing"):
        load(tmp_path / "nothing.toml")


def test_locate_counts_array_tables() -> None:
    """Tables of an array are told apart, inner tables belong to the last of them."""
    lines = locate("[[a]]\nx = 1\n[[a]]\nx = 2\n[a.b]\ny = 3\n")
    assert (lines["a.0.x"], lines["a.1.x"], lines["a.1.b.y"]) == (2, 4, 6)
