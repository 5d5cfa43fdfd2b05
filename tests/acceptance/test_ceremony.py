"""Two countries found a corridor on the command line, run it, take in a third, and renew keys: real processes only."""

import contextlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from darwaza.client import Client
from darwaza.entry.cli.connection import Connection
from darwaza.entry.cli.main import main as darwaza
from darwaza.entry.local import held_port
from darwaza.errors import TransientError

pytestmark = pytest.mark.timeout(600)
WAIT_S = 120.0
COMMAND = [sys.executable, "-m", "darwaza.entry.cli.main"]


class Table:
    """Where the members sit: a folder, and the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, *words: str, code: int = 0) -> str:
        """Run a command in a process of its own and hold its exit code; returns what it printed."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DARWAZA_")}
        done = subprocess.run(
            [*COMMAND, *words], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout if code in {0, 1, 2} and done.stdout else done.stderr

    def here(self, *words: str, code: int = 0) -> str:
        """The same in this process, which saves the start of an interpreter for each of many commands."""
        printed, said = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(said),
            pytest.raises(SystemExit) as ended,
        ):
            darwaza(list(words), prog_name="darwaza")
        assert ended.value.code == code, f"{words}\n{printed.getvalue()}\n{said.getvalue()}"
        return printed.getvalue() or said.getvalue()

    def ask(self, *words: str, code: int = 0) -> Any:
        """The same with ``--json``."""
        return json.loads(self.here(*words, "--json", code=code))

    def init(self, code: str, name: str) -> None:
        port = held_port(self)
        words = (
            "--member",
            code,
            "--name",
            name,
            "--url",
            f"https://127.0.0.1:{port}",
            "--listen",
            f"127.0.0.1:{port}",
        )
        self.ask("init", code.lower(), *words)

    def amend(self, number: int, votes: list[str], *changes: str) -> dict[str, Any]:
        """Draft, vote and assemble the version after ``number``; every member named signs."""
        former, draft = f"{number}.note", f"draft{number + 1}"
        voters = [word for code in votes for word in ("--vote", code)]
        self.ask("corridor", "propose", "--former", former, *voters, *changes, "-o", draft)
        return self.collect(number + 1, votes, "--former", former)

    def collect(self, version: int, codes: list[str], *former: str) -> dict[str, Any]:
        draft, files = f"draft{version}", []
        for code in codes:
            files.append(f"{code}.votes{version}")
            self.ask("corridor", "vote", code.lower(), draft, *former, "-o", files[-1])
        made: dict[str, Any] = self.ask("corridor", "assemble", draft, *files, *former, "-o", f"{version}.note")
        return made

    def serve(self, code: str) -> None:
        with (self.folder / f"{code}.log").open("ab") as log:
            command = [*COMMAND, "serve", code.lower()]
            self.running[code] = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)

    def stop(self, code: str) -> int:
        """SIGTERM, and the exit code."""
        process = self.running.pop(code)
        process.terminate()
        return process.wait(30)

    def until(self, code: str, party: str, seen: Callable[[Client], bool]) -> None:
        """Look until something is so; gateways start and deliver in their own time."""
        end = time.monotonic() + WAIT_S
        with Connection(self.folder / code.lower(), None, party, None, None).client() as client:
            while time.monotonic() < end:
                with contextlib.suppress(TransientError):
                    if seen(client):
                        return
                time.sleep(0.05)
        raise AssertionError(f"{code} did not come so far")

    def flows(self, code: str, *peers: str) -> None:
        """Wait until the links with these peers are up and nothing waits."""

        def up(client: Client) -> bool:
            state = {one["peer"]: one["state"] == "up" and not one["queue"] for one in client.operator.links()}
            return all(state.get(peer) for peer in peers)

        self.until(code, "operator", up)

    def deliver(self, source: str, target: str, content: str) -> str:
        """Send a document, take it over, and wait for the receipt; returns the offer's message id."""
        paper = self.folder / "paper.txt"
        paper.write_text(content)
        with self.desk(source) as here, self.desk(target) as there:
            sent = here.send_document(paper, to=f"{target}/desk")
            self.until(target, "desk", lambda _: any(one["id"] == sent["id"] for one in there.documents()))
            there.accept(sent["id"])
            self.until(source, "desk", lambda _: here.document(sent["id"])["stage"] == "handed-over")
        return str(sent["message_ids"][0])

    def desk(self, code: str) -> Client:
        """Connect as the party that sends and receives documents."""
        return Connection(self.folder / code.lower(), None, "desk", None, None).client()


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    made = Table(tmp_path)
    yield made
    for process in made.running.values():
        process.kill()
        process.wait()


def test_a_corridor_from_first_vote_to_renewed_keys(table: Table) -> None:
    """The ceremony of docs/start.md and docs/operating.md, word for word, with what must be refused on the way."""
    for code, name in (("PK", "Pakistan"), ("UZ", "Uzbekistan"), ("KZ", "Kazakhstan")):
        table.init(code, name)
    anchor = found_corridor(table)
    first = begin_work(table, anchor)
    take_in_a_third(table, anchor)
    second = renew_keys(table)
    check_evidence(table, anchor, (first, second))


def found_corridor(table: Table) -> str:
    """All vote; one vote less is no corridor; the digest must be the one the others read out."""
    table.run("init", "pk", "--member", "PK", "--name", "x", "--url", "https://127.0.0.1:1", code=4)

    cards = ("--card", "pk/card.json", "--card", "uz/card.json")
    found = table.ask("corridor", "found", "--name", "test.example/c", "--link", "PK-UZ", *cards, "-o", "draft1")
    assert found["votes"] == ["PK", "UZ"]
    table.ask("corridor", "vote", "pk", "draft1", "-o", "PK.votes1")
    problem = table.here("corridor", "assemble", "draft1", "PK.votes1", "-o", "no.note", "--json", code=1)
    assert json.loads(problem)["code"] == "signature_missing"
    table.collect(1, ["PK", "UZ"])
    table.here("corridor", "admit", "pk", "1.note", code=2)
    problem = table.here("corridor", "admit", "pk", "1.note", "--anchor", "0" * 64, "--json", code=1)
    assert json.loads(problem)["code"] == "anchor_differs"
    assert not (table.folder / "pk" / "darwaza.db").exists()
    for code in ("pk", "uz"):
        table.ask("corridor", "admit", code, "1.note", "--anchor", found["digest"])
    return str(found["digest"])


def begin_work(table: Table, anchor: str) -> str:
    """Parties, processes, a document; returns its message."""
    for code in ("pk", "uz", "kz"):
        table.ask("party", "add", code, "desk", "--role", "agency", "--keep")
    table.run("documents", "list", "--gateway", "pk", "--as", "desk", code=3)
    table.serve("PK")
    table.serve("UZ")
    table.flows("PK", "UZ")
    table.run("serve", "pk", code=4)
    (table.folder / "paper.txt").write_text("under the first version")
    here, there = ("--gateway", "pk", "--as", "desk"), ("--gateway", "uz", "--as", "desk")
    sent = json.loads(table.run("documents", "send", "paper.txt", *here, "--to", "UZ/desk", "--title", "a", "--json"))
    table.flows("PK", "UZ")
    assert [one["id"] for one in table.ask("documents", "list", *there)] == [sent["id"]]
    table.ask("documents", "get", sent["id"], *there, "-o", "copy.txt")
    assert (table.folder / "copy.txt").read_text() == "under the first version"
    table.ask("documents", "accept", sent["id"], *there)
    table.until("PK", "desk", lambda client: client.document(sent["id"])["stage"] == "handed-over")
    assert table.ask("documents", "show", sent["id"], *here)["stage"] == "handed-over"
    view = table.ask("corridor", "show", "--gateway", "uz")
    assert (view["version"], view["digest"]) == (1, anchor)
    return str(sent["message_ids"][0])


def take_in_a_third(table: Table, anchor: str) -> None:
    """A sensitive change takes a quorum of the former votes, and the new member proves its keys."""
    third = ("--card", "kz/card.json", "--link", "KZ-PK", "--link", "KZ-UZ")
    table.here("corridor", "propose", "--former", "1.note", "--vote", "PK", *third, "-o", "draft2")
    table.ask("corridor", "vote", "pk", "draft2", "--former", "1.note", "-o", "PK.alone")
    table.ask("corridor", "vote", "kz", "draft2", "--former", "1.note", "-o", "KZ.alone")
    few = ("PK.alone", "KZ.alone", "--former", "1.note", "-o", "no.note", "--json")
    assert json.loads(table.here("corridor", "assemble", "draft2", *few, code=1))["code"] == "quorum_missing"
    table.here("corridor", "propose", "--former", "1.note", "--vote", "PK", "--vote", "UZ", *third, "-o", "draft2")
    table.collect(2, ["PK", "UZ", "KZ"], "--former", "1.note")
    assert table.ask("corridor", "admit", "pk", "2.note")["running"] is True
    assert table.ask("corridor", "admit", "uz", "2.note")["running"] is True
    table.ask("corridor", "admit", "kz", "1.note", "--anchor", anchor)
    assert table.ask("corridor", "admit", "kz", "2.note")["running"] is False
    table.serve("KZ")
    table.flows("PK", "UZ", "KZ")
    table.deliver("KZ", "PK", "from the third member")


def renew_keys(table: Table) -> str:
    """Pakistan renews its keys and certificate by its own vote; they count from the version that names them."""
    roles = ("--role", "log", "--role", "witness", "--role", "tls")
    table.ask("key", "renew", "pk", *roles)
    assert json.loads(table.here("key", "renew", "pk", "--role", "log", "--json", code=4))["code"] == "keys_exist"
    before = (table.folder / "pk/keys/log.key").read_text()
    table.amend(2, ["PK"], "--card", "pk/card.json")
    for code in ("pk", "uz", "kz"):
        assert table.ask("corridor", "admit", code, "3.note")["running"] is True
    assert (table.folder / "pk/keys/log.key").read_text() != before
    table.flows("PK", "UZ", "KZ")
    table.flows("UZ", "PK", "KZ")
    second = table.deliver("PK", "UZ", "under new keys")
    table.deliver("UZ", "PK", "read under new keys")
    assert table.stop("PK") == 0
    table.serve("PK")
    table.flows("PK", "UZ", "KZ")
    table.deliver("PK", "KZ", "after a restart")
    return second


def check_evidence(table: Table, anchor: str, messages: tuple[str, ...]) -> None:
    """Evidence of both times stands, offline; what was changed does not, and what cannot be known is said so."""
    versions = [word for number in (1, 2, 3) for word in ("--corridor", f"{number}.note")]
    for number, message in enumerate(messages):
        at = ("--gateway", "pk", "--as", "desk", "--message", message, "-o", f"{number}.evidence")
        table.ask("evidence", "export", *at)
    for code in ("PK", "UZ", "KZ"):
        assert table.stop(code) == 0
    for number in (0, 1):
        verdict = table.ask("evidence", "verify", f"{number}.evidence", *versions, "--anchor", anchor)
        assert verdict["result"] == "valid"
    forged = (table.folder / "0.evidence").read_text().replace('"first', '"other')
    altered = table.folder / "altered.evidence"
    altered.write_text(forged[:-40] + ("0" if forged[-40] != "0" else "1") + forged[-39:])
    table.run("evidence", "verify", "altered.evidence", *versions, code=1)
    table.run("evidence", "verify", "1.evidence", "--corridor", "1.note", code=2)
    for code in ("pk", "uz", "kz"):
        assert table.ask("fsck", code) == []
    # Everything here is of today: nothing is old enough to go, and a store of this program needs no migration.
    counted = table.ask("forget", "pk", "--days", "1", "--dry-run")
    assert counted == {"bodies": 0, "bytes": 0, "dry_run": True}
    migrated = table.ask("migrate", "pk")
    assert migrated["before"] == migrated["after"]
    table.ask("backup", "pk", "-o", "pk-copy.db")
    assert json.loads(table.here("backup", "pk", "-o", "pk-copy.db", "--json", code=4))["code"] == "store_exists"
