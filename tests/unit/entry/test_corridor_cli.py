"""Keys that could later be denied come into no draft, and no member votes for one that has them."""

import base64
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from darwaza.entry.cli.main import main
from darwaza.entry.cli.output import reports_errors

WEAK = {
    "low order": bytes([1]) + bytes(31),
    "low order 8": bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    "non-canonical": b"\xff" * 32,
}


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [*map(str, words), "--json"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two gateways and a good draft."""
    made = tmp_path_factory.mktemp("corridor")
    for code in ("PK", "UZ"):
        init = ("init", made / code, "--member", code, "--name", code, "--url", "https://127.0.0.1:9411")
        assert run(*init).exit_code == 0
    assert found(made, made / "UZ" / "card.json", made / "draft").exit_code == 0
    return made


def found(folder: Path, card: Path, output: Path) -> Result:
    cards = ("--card", folder / "PK" / "card.json", "--card", card)
    return run("corridor", "found", "--name", "test.example/c", "--link", "PK-UZ", *cards, "-o", output)


def refused(done: Result, output: Path) -> None:
    """It names the key, and nothing is written."""
    assert (done.exit_code, done.stdout, output.exists()) == (1, "", False)
    problem = json.loads(done.stderr)
    assert (problem["code"], problem["pointer"]) == ("key_not_admitted", "/members/1/keys/log")


@pytest.mark.parametrize("weak", WEAK)
def test_a_weak_key_comes_into_no_draft(folder: Path, tmp_path: Path, weak: str) -> None:
    """Who drafts learns it at once, not when all have voted."""
    card = json.loads((folder / "UZ" / "card.json").read_text())
    card["keys"]["log"] = base64.b64encode(WEAK[weak]).decode()
    (tmp_path / "card.json").write_text(json.dumps(card))
    refused(found(folder, tmp_path / "card.json", tmp_path / "draft"), tmp_path / "draft")


@pytest.mark.parametrize("weak", WEAK)
def test_nobody_votes_for_a_weak_key(folder: Path, tmp_path: Path, weak: str) -> None:
    """The draft is another member's, and was made by another program."""
    draft, votes = tmp_path / "draft", tmp_path / "pk.votes"
    good = json.loads((folder / "UZ" / "card.json").read_text())["keys"]["log"]
    draft.write_text((folder / "draft").read_text().replace(good, base64.b64encode(WEAK[weak]).decode()))
    refused(run("corridor", "vote", folder / "PK", draft, "-o", votes), votes)
    assert run("corridor", "vote", folder / "PK", folder / "draft", "-o", votes).exit_code == 0


def test_a_file_that_cannot_be_written_is_told_in_words(folder: Path, tmp_path: Path) -> None:
    """A folder that is not there, on any command: an operator must act, and no trace of the program is shown."""
    done = found(folder, folder / "UZ" / "card.json", tmp_path / "missing" / "draft")
    assert (done.exit_code, done.stdout, json.loads(done.stderr)["code"]) == (4, "", "file_unusable")


def test_a_reader_that_has_had_enough_is_no_file_that_cannot_be_used() -> None:
    """``darwaza … | head`` ends in silence: the pipe's end is left to click."""

    def prints() -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        reports_errors(prints)()
