"""Seeded mutants: a named fault is put into a copy of the source, and a check of the suite must fail on the copy.

A check is a module run as ``python -m <check>`` that ends with status 0 when all is well. It runs in its own process
with the copy first on the path; the rest of the package is linked, not copied.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import darwaza

CHECK_S_MAX = 60
"""A check that does not end in time has noticed the mutant (an endless loop is a failure)."""

_SOURCE = Path(darwaza.__file__).parent
_REPOSITORY = Path(__file__).parents[2]


class Mutant(NamedTuple):
    """One fault.

    Attributes:
        name: what is wrong with it, in words.
        module: path of the changed file below ``src/darwaza``.
        before: source text that stands there exactly once.
        after: what stands there instead.
    """

    name: str
    module: str
    before: str
    after: str


def plant(mutant: Mutant, folder: Path) -> Path:
    """Make a copy of the package with the fault in it, and return the folder that holds the package."""
    copy = folder / "darwaza"
    module = Path(mutant.module)
    _link(_SOURCE, copy, {_SOURCE / parent for parent in [*module.parents]} | {_SOURCE / module})
    text = (_SOURCE / module).read_text(encoding="utf-8")
    if text.count(mutant.before) != 1:
        raise ValueError(f"{mutant.name}: {mutant.before!r} stands {text.count(mutant.before)} times in {module}")
    (copy / module).write_text(text.replace(mutant.before, mutant.after), encoding="utf-8")
    return folder


def passes(check: str, source: Path | None = None) -> bool:
    """Run a check on the package below ``source``, or on the real one."""
    path = os.pathsep.join(str(folder) for folder in (source, _REPOSITORY) if folder)
    try:
        ended = subprocess.run(
            [sys.executable, "-B", "-m", check],
            env=os.environ | {"PYTHONPATH": path},
            cwd=_REPOSITORY,
            capture_output=True,
            timeout=CHECK_S_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return ended.returncode == 0


def _link(source: Path, copy: Path, opened: set[Path]) -> None:
    """Link everything below ``source`` but what is to be opened: folders are made, the module is left out."""
    copy.mkdir()
    for entry in source.iterdir():
        if entry in opened and entry.is_dir():
            _link(entry, copy / entry.name, opened)
        elif entry not in opened:
            (copy / entry.name).symlink_to(entry)
