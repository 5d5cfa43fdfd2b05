"""The demo, whole, as ``make demo ONCE=1`` runs it: what a visitor sees first is what is tested."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHAPTERS = 10
"""Chapters the demo tells at least; a chapter that is lost would be lost in silence."""
STEPS = 55
"""Steps it checks at least."""


@pytest.mark.timeout(900)
def test_every_step_of_the_demo_holds_and_nothing_stays_behind(tmp_path: Path) -> None:
    """It ends with 0 and every step held; its gateways are gone, and so is what they wrote."""
    scratch, here = tmp_path / "scratch", tmp_path / "here"
    scratch.mkdir()
    here.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "darwaza.entry.demo", "--once"],
        cwd=here,
        env={**os.environ, "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "Every step held" in done.stdout, said
    assert "✗" not in said
    assert "Traceback" not in said
    assert done.stdout.count("✓") >= STEPS
    chapters = [int(number) for number in re.findall(r"^(\d+)\. ", done.stdout, re.MULTILINE)]
    assert chapters == list(range(1, len(chapters) + 1)), said
    assert len(chapters) >= CHAPTERS
    assert list(scratch.iterdir()) == []
    assert [line for line in commands() if str(tmp_path) in line] == []


def commands() -> list[str]:
    """The command line of every process."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:  # it has ended meanwhile, or is no process
            continue
    return found
