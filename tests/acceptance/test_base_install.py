"""A gateway runs from the base installation alone, and what an extra would bring says which one to install.

The environment is a real one (``venv``), with links to what ``pip install darwaza`` without extras brings.
"""

import json
import re
import subprocess
import sysconfig
import time
import venv
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from darwaza.entry.local import held_port

pytestmark = pytest.mark.timeout(600)
ROOT = Path(__file__).resolve().parents[2]
SITE = Path(sysconfig.get_path("purelib"))
WAIT_S = 120.0
MARKS = {"extra": ""}


def needed(name: str, found: set[str]) -> set[str]:
    """A distribution and all it requires without extras."""
    if name not in found:
        found.add(name)
        for line in distribution(name).requires or ():
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate(MARKS):
                needed(re.sub(r"[-_.]+", "-", wanted.name).lower(), found)
    return found


def top_levels(name: str) -> set[str]:
    """What a distribution puts beside others: its packages, modules and metadata."""
    return {path.parts[0] for path in distribution(name).files or () if path.parts[0] not in {"..", "__pycache__"}}


class Base:
    """The environment, and commands run in it."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder / "venv", with_pip=False)
        self.folder = folder
        self.python = folder / "venv" / "bin" / "python"
        site = next((folder / "venv" / "lib").glob("python*")) / "site-packages"
        for name in needed("darwaza", set()) - {"darwaza"}:
            for part in top_levels(name):
                if not (site / part).exists():
                    (site / part).symlink_to(SITE / part)
        (site / "darwaza.pth").write_text(str(ROOT / "src"))

    def command(self, *words: object) -> list[str]:
        """A command line of ``darwaza``."""
        return [str(self.python), "-P", "-m", "darwaza.entry.cli.main", *map(str, words)]

    def run(self, *words: object, exits: int = 0) -> str:
        """Run one; returns what it says."""
        command = self.command(*words)
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == exits, (words, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def json(self, *words: object) -> object:
        """Run one and read what it answers."""
        return json.loads(self.run(*words, "--json"))

    def until_taken(self, *words: object) -> str:
        """Run one again until a gateway has started."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            done = subprocess.run(
                self.command(*words), cwd=self.folder, capture_output=True, text=True, check=False, timeout=120
            )
            if done.returncode == 0:
                return done.stdout
            time.sleep(0.5)
        raise AssertionError(f"{words}: {done.stderr}")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return Base(tmp_path_factory.mktemp("base"))


def test_the_extras_are_not_there(base: Base) -> None:
    """Otherwise the rest of this file would prove nothing."""
    code = "import importlib.util as u; print([n for n in %r if u.find_spec(n)])"
    names = ["argon2", "babel", "jinja2", "fpdf", "segno", "psycopg", "highspy", "gnpy", "scipy", "pytest", "mypy"]
    done = subprocess.run([str(base.python), "-c", code % names], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_two_gateways_exchange_and_prove_a_document(base: Base) -> None:
    """docs/start.md, from the keys to the evidence checked with no network."""
    for code, name in (("PK", "Pakistan"), ("UZ", "Uzbekistan")):
        port = held_port(base)
        base.run("init", code.lower(), "--member", code, "--name", name, "--url", f"https://127.0.0.1:{port}")
    cards = ("--card", "pk/card.json", "--card", "uz/card.json")
    base.run("corridor", "found", "--name", "example.org/corridor", "--link", "PK-UZ", *cards, "-o", "draft")
    for folder in ("pk", "uz"):
        base.run("corridor", "vote", folder, "draft", "-o", f"{folder}.votes")
    said = base.run("corridor", "assemble", "draft", "pk.votes", "uz.votes", "-o", "1.note")
    anchor = re.findall(r"[0-9a-f]{64}", said)[0]
    for folder, party in (("pk", "fbr"), ("uz", "customs")):
        base.run("corridor", "admit", folder, "1.note", "--anchor", anchor)
        base.run("party", "add", folder, party, "--role", "agency", "--keep")
    (base.folder / "invoice.pdf").write_bytes(b"invoice")
    running = [
        subprocess.Popen(base.command("serve", folder), cwd=base.folder, stderr=subprocess.DEVNULL)
        for folder in ("pk", "uz")
    ]
    try:
        sent = json.loads(
            base.until_taken(
                *("documents", "send", "invoice.pdf", "--gateway", "pk", "--as", "fbr", "--to", "UZ/customs"),
                *("--title", "Invoice 17", "--json"),
            )
        )
        base.until_taken("documents", "accept", sent["id"], "--gateway", "uz", "--as", "customs")
        message = sent["message_ids"][0]
        base.until_taken("evidence", "export", "--gateway", "pk", "--as", "fbr", "--message", message, "-o", "e.json")
    finally:
        for one in running:
            one.terminate()
        codes = [one.wait(WAIT_S) for one in running]
    assert codes == [0, 0]
    assert "valid" in base.run("evidence", "verify", "e.json", "--corridor", "1.note", "--anchor", anchor)
    assert base.json("fsck", "pk") == base.json("fsck", "uz") == []


def test_what_an_extra_would_bring_says_which(base: Base) -> None:
    """Code 4: an operator must act; the words are the command to run."""
    base.run("init", "solo", "--member", "KZ", "--name", "Kazakhstan", "--url", "https://127.0.0.1:1")
    base.run("party", "add", "solo", "desk", "--role", "agency", "--keep")
    scenario = ROOT / "profiles" / "carec" / "study.toml"
    for extra, words in (
        ("study", ("study", "run", scenario, "--out", "report")),
        ("console", ("account", "add", "solo", "asma", "--party", "desk", "--generate")),
    ):
        assert f"pip install 'darwaza[{extra}]'" in base.run(*words, exits=4)
        assert json.loads(base.run(*words, "--json", exits=4))["code"] == "extra_missing"
    for extra, call in (
        ("print", "from darwaza.entry.post import barcodes as call"),
        ("postgres", "from darwaza.storage import _postgres as call"),
    ):
        code = f"{call}\ntry:\n    call()\nexcept Exception as fault:\n    print(fault.code, fault)"
        done = subprocess.run([str(base.python), "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.startswith("extra_missing")
        assert f"darwaza[{extra}]" in done.stdout
