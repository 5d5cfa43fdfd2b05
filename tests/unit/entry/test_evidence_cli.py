"""What ``evidence verify`` and ``payments verify-evidence`` end with, by the vectors of the specification."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from darwaza.adapters.system.clock import SystemClock
from darwaza.entry.cli.main import main

VECTORS = Path(__file__).resolve().parents[3] / "spec" / "vectors"
FILE = str(VECTORS / "evidence" / "valid-bilateral.evidence.json")
FALSE = str(VECTORS / "evidence" / "invalid-signature-author.evidence.json")
FIRST, SECOND, THIRD = (str(VECTORS / "corridor" / f"version-{number}.note") for number in (1, 2, 3))


@pytest.fixture(autouse=True)
def the_time_of_the_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _: datetime(2027, 3, 1, tzinfo=UTC))


def verify(*words: str, command: tuple[str, str] = ("evidence", "verify")) -> Result:
    return CliRunner().invoke(main, [*command, *words, "--json"])


def test_the_three_answers():
    """0 valid, 1 invalid, 2 cannot tell."""
    for file, document, code, result in (
        (FILE, FIRST, 0, "valid"),
        (FALSE, FIRST, 1, "invalid"),
        (FILE, THIRD, 2, "cannot_tell"),
    ):
        done = verify(file, "--corridor", document)
        assert (done.exit_code, json.loads(done.stdout)["result"]) == (code, result)


UNFIT = [
    ("anchor_differs", ("--corridor", FIRST, "--anchor", "0" * 64)),
    ("note_malformed", ("--corridor", FILE)),
    ("name_differs", ("--corridor", FIRST, "--corridor", str(VECTORS / "corridor" / "refused-name_differs.note"))),
    (
        "signature_missing",
        ("--corridor", SECOND, "--corridor", str(VECTORS / "corridor" / "refused-signature_missing.note")),
    ),
]


@pytest.mark.parametrize("command", [("evidence", "verify"), ("payments", "verify-evidence")], ids=" ".join)
@pytest.mark.parametrize(("code", "words"), UNFIT, ids=[row[0] for row in UNFIT])
def test_documents_that_will_not_serve_make_no_file_invalid(code: str, words: tuple[str, ...], command):
    """An exit code 1 would say that a good file is false, when only the wrong corridor document was at hand."""
    done = verify(FILE, *words, command=command)
    assert (done.exit_code, done.stdout) == (2, "")
    assert json.loads(done.stderr)["code"] == code


def test_a_path_policy_that_does_not_read_makes_no_file_invalid():
    """It is a fault of the command line."""
    done = verify(FILE, "--corridor", FIRST, "--policy", "go home")
    assert (done.exit_code, done.stdout) == (2, "")
    assert json.loads(done.stderr)["code"] == "policy_clause_unknown"
