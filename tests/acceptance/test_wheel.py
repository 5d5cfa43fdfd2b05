"""What is released works without the source: the wheel is built, installed elsewhere, and a gateway runs from it."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from darwaza.entry.local import LocalCorridor

pytestmark = pytest.mark.timeout(600)
ROOT = Path(__file__).resolve().parents[2]
NOT_IN_THE_PACKAGE = {".pyc", ".part"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("darwaza-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--target",
        str(target),
        str(wheel),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return target


def python(installed: Path, *words: str) -> str:
    """Run Python with the installed package before everything else, away from the source."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=installed,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_everything_and_nothing_else(wheel: Path) -> None:
    """Code, SQL, profiles, the type marker, the licence; no test, no cache."""
    names = set(zipfile.ZipFile(wheel).namelist())
    source = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src" / "darwaza").rglob("*")
        if path.is_file() and path.suffix not in NOT_IN_THE_PACKAGE and "__pycache__" not in path.parts
    }
    assert source - names == set()
    assert {f"darwaza/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "profiles").rglob("*.toml")} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name for name in names if not name.startswith(("darwaza/", "darwaza-"))} == set()


def test_nothing_reaches_for_the_source(installed: Path) -> None:
    """Every module imports from the installed place, and so do the data it reads."""
    code = """
import importlib, json, pkgutil, sys, darwaza
names = [one.name for one in pkgutil.walk_packages(darwaza.__path__, 'darwaza.')]
for name in names:
    importlib.import_module(name)
files = [m.__file__ for n, m in sys.modules.items() if n.startswith('darwaza') and getattr(m, '__file__', None)]
from darwaza.bootstrap import profile_folder
from pathlib import Path
print(json.dumps([len(names), files, str(profile_folder(Path('.'), 'carec'))]))
"""
    count, files, profile = json.loads(python(installed, "-c", code))
    assert count > 200
    assert [name for name in files if not name.startswith(str(installed))] == []
    assert profile.startswith(str(installed))


def test_a_gateway_runs_from_the_wheel(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts, takes a document, and its store is found in order by the installed command."""
    monkeypatch.setenv("PYTHONPATH", str(installed))
    corridor = LocalCorridor(tmp_path / "gateways", {"PK": "Pakistan", "UZ": "Uzbekistan"}, links=[("PK", "UZ")])
    corridor.add_party("PK", "desk", "agency")
    corridor.start("PK")
    try:
        maps = Path(f"/proc/{corridor.pid('PK')}/environ").read_bytes()
        assert str(installed).encode() in maps
        paper = tmp_path / "paper.txt"
        paper.write_text("paper")
        with corridor.client("PK", "desk") as client:
            assert client.send_document(paper, to="UZ/desk")["state"] == "offered"
    finally:
        corridor.close()
    command = ("-m", "darwaza.entry.cli.main")
    assert json.loads(python(installed, *command, "fsck", str(corridor.path("PK")), "--json")) == []
    assert "Usage" in python(installed, *command, "--help")
