"""A verifier in another language, made from the specification, agrees with ours: the specification is enough."""

import json
import random
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tools.vectors_evidence import evidence_cases, fork_cases
from tools.vectors_link import FOLDER
from tools.vectors_parts import parts_cases

from darwaza.kernel.examination import verify
from darwaza.kernel.reference import Reference

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not on this machine: the second verifier cannot run")
SCRIPT = Path(__file__).with_name("verify.mjs")
FLIPS_PER_FILE = 12


def answers(cases: Path) -> dict[str, list[str]]:
    done = subprocess.run([NODE, SCRIPT, cases], capture_output=True, check=True, timeout=400)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("folder", ["evidence", "route", "fork"])
def test_it_gives_every_vector_its_answer(folder):
    """The same result and the same code for every file."""
    cases = FOLDER / folder / "cases.json"
    wanted = {case["file"]: [case["result"], case["code"]] for case in json.loads(cases.read_bytes())}
    assert answers(cases) == wanted


def test_it_agrees_on_damaged_files(tmp_path):
    """Whatever bit of whatever vector is flipped, both give the same answer with the same code."""
    chance = random.Random(7)
    entries, wanted = [], {}
    for case in evidence_cases() + parts_cases() + fork_cases():
        documents = [(FOLDER / "evidence" / name).resolve() for name in case.more["documents"]]
        now = datetime.strptime(case.more["now"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        reference = Reference.read([path.read_bytes() for path in documents], None, now)
        for flip in range(FLIPS_PER_FILE):
            raw = bytearray(case.content)
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
            name = f"{flip} {case.name}"
            (tmp_path / name).write_bytes(raw)
            relative = [str(Path("..", *([".."] * len(tmp_path.parts)), *path.parts[1:])) for path in documents]
            entries.append({"file": name, "documents": relative, "now": case.more["now"]})
            verdict = verify(bytes(raw), reference, now)
            wanted[name] = [verdict.result.value, verdict.code]
    (tmp_path / "cases.json").write_text(json.dumps(entries))
    assert answers(tmp_path / "cases.json") == wanted
