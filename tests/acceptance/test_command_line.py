"""The command line against real gateways: exit codes, what programs and people read, bars on long work.

The corridor asks for a second, post-quantum signature under every checkpoint, so all of this holds there too.
"""

import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from darwaza.entry.cli.main import main
from darwaza.entry.local import LocalCorridor
from darwaza.kernel.checkpoint import CosignatureVerifier, MLDSA44CosignatureVerifier
from darwaza.kernel.corridor import read
from darwaza.kernel.key import Ed25519PublicKey, MLDSA44PublicKey
from darwaza.kernel.note import Verifier, parse, verified
from darwaza.storage import STORE_FILE
from darwaza.testing.world import World

pytestmark = pytest.mark.timeout(600)

BAR, ESCAPE = "━", "\x1b"
NOBODY = "01900000-0000-7000-8000-000000000000"


class Desk:
    """A corridor of two, its documents, and a folder for what is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = {"PK": "Pakistan", "UZ": "Uzbekistan"}
        self.corridor = LocalCorridor(folder / "gateways", names, links=[("PK", "UZ")], post_quantum=True)
        for code in names:
            self.corridor.add_party(code, "desk", "agency")
        self.document = folder / "1.note"
        self.document.write_bytes(self.corridor.document)
        self.paper = folder / "paper.txt"
        self.paper.write_text("a bill")
        self.stick = folder / "stick"

    def line(self, *words: object) -> list[str]:
        """The words of a command line."""
        paths = {code.lower(): str(self.corridor.path(code)) for code in self.corridor.names}
        return [paths.get(str(word), str(word)) for word in words]

    def on_a_terminal(self, *words: object) -> str:
        """Run it as a process of its own on a real (pseudo) terminal; what that shows."""
        ours, theirs = os.openpty()
        command = [sys.executable, "-m", "darwaza.entry.cli.main", *self.line(*words)]
        environment = {**os.environ, "TERM": "xterm-256color"}
        with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
            os.close(theirs)
            shown = b""
            with contextlib.suppress(OSError):  # how Linux says that the other end is closed
                while piece := os.read(ours, 65_536):
                    shown += piece
            os.close(ours)
        assert process.returncode == 0, shown
        return shown.decode()

    def run(self, *words: object, exits: int = 0) -> Result:
        """Run a command line; ``pk`` and ``uz`` in it stand for their folders."""
        line = self.line(*words)
        done = CliRunner().invoke(main, line)
        assert done.exit_code == exits, (line, done.output, done.stderr, done.exception)
        return done


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("line"))
    made.corridor.start()
    made.corridor.wait_until_delivered("PK", "UZ")
    yield made
    made.corridor.close()


AT = ("--gateway", "pk", "--as", "desk")


def test_commands_speak_to_people_and_to_programs(desk: Desk) -> None:
    """JSON and nothing else on standard output with ``--json``; no escape code away from a terminal."""
    sent = json.loads(desk.run("documents", "send", desk.paper, *AT, "--to", "UZ/desk", "--json").stdout)
    desk.corridor.wait_until_delivered("PK", "UZ")
    for words in (("documents", "list", *AT), ("documents", "show", sent["id"], *AT), ("link", "show", *AT[:2])):
        for_people = desk.run(*words)
        assert ESCAPE not in for_people.stdout + for_people.stderr
        assert json.loads(desk.run(*words, "--json").stdout)
    words = ("evidence", "verify", evidence(desk, sent), "--corridor", desk.document)
    assert ESCAPE not in desk.run(*words).stdout
    assert "\x1b[1;32mvalid" in desk.on_a_terminal(*words)


def evidence(desk: Desk, sent: dict[str, list[str]]) -> Path:
    to = desk.folder / "evidence.json"
    desk.run("evidence", "export", *AT, "--message", sent["message_ids"][0], "-o", to)
    return to


def test_every_checkpoint_has_its_second_signature(desk: Desk) -> None:
    """Real gateways under the policy: the log signs twice, the reader once, and evidence tells of it."""
    sent = json.loads(desk.run("documents", "send", desk.paper, *AT, "--to", "UZ/desk", "--json").stdout)
    desk.corridor.wait_until_delivered("PK", "UZ")
    document, _ = read(desk.corridor.document)
    pk, uz = document.card("PK"), document.card("UZ")
    assert pk is not None
    assert uz is not None
    assert pk.keys.log_mldsa44 is not None
    verdict = json.loads(
        desk.run("evidence", "verify", evidence(desk, sent), "--corridor", desk.document, "--json").stdout
    )
    assert verdict["result"] == "valid"
    assert any("ML-DSA-44" in check["text"] and check["outcome"] == "holds" for check in verdict["checks"])
    with desk.corridor.client("PK") as client:
        log = next(one for one in client.call("GET", "/log/v1") if one["origin"].endswith("PK-to-UZ/0"))
    raw = (desk.folder / "evidence.json").read_text()
    proof = json.loads(raw)["items"][0]["proof"]
    note = parse(proof[proof.index(log["origin"]) :].encode())
    signers = (
        Verifier(log["origin"], Ed25519PublicKey(pk.keys.log)),
        MLDSA44CosignatureVerifier(log["origin"], MLDSA44PublicKey(pk.keys.log_mldsa44)),
        CosignatureVerifier(f"{document.name}/UZ", Ed25519PublicKey(uz.keys.witness)),
    )
    assert set(verified(note, signers)) == set(signers)


def stored(desk: Desk, name: str) -> Path:
    """A gateway's folder of which nobody runs: keys, document, and a copy of Pakistan's store."""
    folder = desk.folder / name
    shutil.copytree(desk.corridor.path("PK"), folder, ignore=shutil.ignore_patterns(STORE_FILE + "*", "log"))
    desk.run("backup", "pk", "-o", folder / STORE_FILE)
    return folder


def test_whatever_may_take_long_shows_that_it_goes_on(desk: Desk) -> None:
    """A bar on a terminal; none for programs, and none in a pipe."""
    sent = json.loads(desk.run("documents", "send", desk.paper, *AT, "--to", "UZ/desk", "--json").stdout)
    folder, new = stored(desk, "long"), iter(range(100))
    for words in (
        ("documents", "send", desk.paper, *AT, "--to", "UZ/desk"),
        ("documents", "get", sent["id"], *AT, "-o", lambda: desk.folder / f"got-{next(new)}"),
        ("link", "export", *AT[:2], "UZ", "-o", desk.stick),
        ("link", "import", "--gateway", "uz", desk.stick),
        ("backup", folder, "-o", lambda: desk.folder / f"copy-{next(new)}.db"),
        ("migrate", folder),
        ("forget", folder, "--days", "1", "--dry-run"),
        ("fsck", folder),
        ("bench", "ledger", "--accounts", "50", "--transfers", "2000"),
    ):
        line = [[word() if callable(word) else word for word in words] for _ in range(2)]
        assert BAR in desk.on_a_terminal(*line[0]), words
        piped = desk.run(*line[1])
        assert not {BAR, ESCAPE} & set(piped.stdout + piped.stderr), words
    assert json.loads(desk.on_a_terminal("fsck", folder, "--json")) == []
    assert json.loads(desk.on_a_terminal("link", "import", "--gateway", "uz", desk.stick, "--json"))["refused"] == []


def test_every_exit_code_is_told_and_given(desk: Desk) -> None:
    """0, 1, 2, 3 and 4 by what provokes each; 70 has a test among the faults of processes."""
    told = dict(re.findall(r"(\d+) ([a-z ]+)", CliRunner().invoke(main, ["--help"]).stdout.partition("codes:")[2]))
    assert set(told) == {"0", "1", "2", "3", "4", "70"}
    sent = json.loads(desk.run("documents", "send", desk.paper, *AT, "--to", "UZ/desk", "--json").stdout)
    desk.corridor.wait_until_delivered("PK", "UZ")
    proof, corridor = evidence(desk, sent), ("--corridor", desk.document)
    damaged = stored(desk, "damaged")
    with closing(sqlite3.connect(damaged / STORE_FILE)) as db, db:
        db.execute("UPDATE leaf SET body = X'00' WHERE length(body) > 100")
    false = desk.folder / "false.json"
    held = json.loads(proof.read_text())
    proven = held["items"][0]["proof"]
    index = int(re.search(r"^index (\d+)$", proven, re.MULTILINE)[1])
    held["items"][0]["proof"] = proven.replace(f"index {index}\n", f"index {index + 1}\n")
    false.write_text(json.dumps(held, separators=(",", ":"), ensure_ascii=False) + "\n")
    junk = desk.folder / "junk.carrier"
    junk.write_bytes(b"junk")
    other = desk.folder / "other.note"
    other.write_bytes(World(("KZ", "AF")).file)
    nowhere = ("--url", "https://127.0.0.1:1", "--certificate", desk.corridor.certificate("PK"))
    for exits, code, words in (
        (0, "", ("documents", "list", *AT)),
        (0, "", ("evidence", "verify", proof, *corridor)),
        (1, "not_found", ("documents", "show", NOBODY, *AT)),
        (3, "undeliverable", ("documents", "send", desk.paper, *AT, "--to", "KZ/desk")),
        (1, "role_missing", ("link", "show", *AT)),
        (1, "carrier_malformed", ("link", "import", *AT[:2], junk)),
        (1, "", ("evidence", "verify", false, *corridor)),
        (1, "", ("fsck", damaged)),
        (2, "", ("evidence", "verify", proof, "--corridor", other)),
        (2, "", ("documents", "send", desk.paper, *AT)),
        (2, "", ("documents", "nothing")),
        (3, "peer_unreachable", ("documents", "list", *nowhere)),
        (4, "gateway_unknown", ("documents", "list")),
        (4, "token_missing", ("documents", "list", "--gateway", "pk", "--as", "nobody")),
        (4, "config_missing", ("fsck", desk.folder / "nowhere")),
        (4, "store_in_use", ("fsck", "pk")),
        (4, "store_exists", ("backup", "pk", "-o", desk.paper)),
    ):
        for_people = desk.run(*words, exits=exits)
        assert "Traceback" not in for_people.stderr, words
        if code:
            assert f"[{code}]" in for_people.stderr, words
            problem = json.loads(desk.run(*words, "--json", exits=exits).stderr)
            assert (problem["code"], set(problem)) == (code, {"code", "detail", "pointer"})


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield (*path, name)
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", [(), *leaves(main)], ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    """``--help`` of each ends well, within the width of a terminal."""
    done = CliRunner().invoke(main, [*path, "--help"], prog_name="darwaza")
    assert done.exit_code == 0
    assert done.stdout.startswith(" ".join(("Usage: darwaza", *path)))
    assert max(map(len, done.stdout.splitlines())) <= 110
