"""A small corridor every study test can use; working it out takes a second or two."""

from pathlib import Path

import pytest

from darwaza.study import run
from darwaza.study.found import Found
from darwaza.study.result import Result
from darwaza.study.scenario.load import load
from darwaza.study.scenario.model import Scenario
from darwaza.study.stage import Stages

SMALL = Path(__file__).parent / "small.toml"
CAREC = Path(__file__).parents[3] / "profiles" / "carec" / "study.toml"


@pytest.fixture(scope="session")
def small_text() -> str:
    """The small scenario as text, to be broken by tests."""
    return SMALL.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def small() -> Scenario:
    """The small scenario."""
    return load(SMALL)


@pytest.fixture(scope="session")
def carec() -> Scenario:
    """The base scenario of the first corridor."""
    return load(CAREC)


@pytest.fixture(scope="session")
def small_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the small study keeps its stages."""
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="session")
def small_result(small: Scenario, small_out: Path) -> Result:
    """The small study, run once."""
    return run.study(small, small_out)


@pytest.fixture(scope="session")
def small_found(small: Scenario, small_result: Result, small_out: Path) -> Found:
    """What the stages of the small study found."""
    return run.work(small, Stages(small_out, small.digest), lambda _name, _share: None)
