"""Real gateways, killed, cheated and starved for real; every test ends with both stores examined."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from darwaza.adapters.sqlite.file import backup
from darwaza.bootstrap import examine_store
from darwaza.client import Client
from darwaza.config import BATCH_BYTES_MAX
from darwaza.entry.local import LocalCorridor
from darwaza.errors import DarwazaError, MessageError, PushbackError
from darwaza.kernel import carrier
from darwaza.storage import STORE_FILE

FAULTY = "darwaza.testing.faulty"
FATAL_EXIT = 70
WAIT_S = 120.0
BOUNDARIES = 4
DOCUMENTS_MAX = 5
"""That one gateway sends until the commit that is to fail has come."""

pytestmark = pytest.mark.timeout(600)


def until(found: Callable[[], bool], seconds: float = WAIT_S) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(DarwazaError):
            if found():
                return
        time.sleep(0.02)
    raise AssertionError("it did not become true in time")


class Pair:
    """Pakistan and Uzbekistan, and whatever is sent between them."""

    def __init__(self, folder: Path, *, cables: bool = False) -> None:
        self.folder = folder
        names = {"PK": "Pakistan", "UZ": "Uzbekistan"}
        self.corridor = LocalCorridor(folder / "gateways", names, links=[("PK", "UZ")], cables=cables)
        for code in names:
            self.corridor.add_party(code, "bank", "bank")
        self.sent: dict[str, str] = {}
        self.ends: dict[str, list[int]] = {code: [] for code in names}

    def revive(self) -> None:
        """Start again whatever ended by itself; ``ends`` tells with which exit codes."""
        for code, ends in self.ends.items():
            end = self.corridor.ended(code)
            if end is not None:
                ends.append(end)
                self.corridor.start(code)

    def insist(self, code: str, act: Callable[[Client], None]) -> None:
        """Do something at a gateway until it has been done, whatever happens to the gateway."""

        def done() -> bool:
            self.revive()
            with self.corridor.client(code, "bank") as client:
                try:
                    act(client)
                except MessageError as fault:
                    # A repeated act that had been done before is answered so.
                    return fault.code == "not_in_state"
                return True

        until(done)

    def send(self, key: str) -> str:
        """Send one document from Pakistan, repeating with the same key until it is accepted."""
        paper = self.folder / f"{key}.txt"
        paper.write_text(f"document {key}")

        def act(client: Client) -> None:
            self.sent[key] = client.send_document(paper, to="UZ/bank", key=key)["id"]

        self.insist("PK", act)
        return self.sent[key]

    def send_until_refused(self, paper: Path) -> str:
        """Send until Pakistan pushes back; returns the code."""
        with self.corridor.client("PK", "bank") as client:
            for number in range(40):
                try:
                    client.send_document(paper, to="UZ/bank", key=f"full-{number}")
                except PushbackError as full:
                    return full.code
        return ""

    def stage(self, code: str, case_id: str) -> str:
        """The stage of a document as a gateway tells it."""
        self.revive()
        with self.corridor.client(code, "bank") as client:
            return str(client.document(case_id)["stage"])

    def hand_over(self, case_id: str) -> None:
        """Take a document over in Uzbekistan and wait until Pakistan knows."""
        until(lambda: self.stage("UZ", case_id) in {"arrived", "handed-over"})
        self.insist("UZ", lambda client: client.accept(case_id) and None)
        until(lambda: self.stage("PK", case_id) == "handed-over")

    def carry(self, sender: str, recipient: str, file: Path) -> list[dict[str, object]]:
        """Carry a link by file."""
        with self.corridor.client(sender) as source:
            source.operator.export_carrier(recipient, file)
        with self.corridor.client(recipient) as target, file.open("rb") as opened:
            return list(target.operator.import_carrier(carrier.split(opened, BATCH_BYTES_MAX)))

    def close(self) -> None:
        """Stop, and examine both stores."""
        self.corridor.close()
        for code in ("PK", "UZ"):
            assert examine_store(self.corridor.path(code), lambda _done, _total: None) == []

    def check_once(self) -> None:
        """Every document accepted is in Uzbekistan, once."""
        with self.corridor.client("UZ", "bank") as client:
            there = [view["id"] for view in client.documents(limit=200)]
        assert sorted(there) == sorted(set(there))
        assert set(self.sent.values()) <= set(there)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Return two gateways that do not run yet; afterwards they are stopped and examined."""
    made = Pair(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("code", ["PK", "UZ"])
@pytest.mark.parametrize("how", ["die", "late", "fail", "lie"])
def test_every_write_boundary(pair: Pair, code: str, how: str) -> None:
    """Whichever commit is cut off, or reported wrongly: nothing is lost and nothing happens twice (P1, P2)."""
    pair.corridor.start()
    for number in range(1, BOUNDARIES + 1):
        pair.corridor.stop(code)
        # The neighbour may bring it to that commit before it has answered whether it is up: it is not waited for.
        pair.corridor.launch(code, "--fail-commit", str(number), "--how", how, module=FAULTY)
        for again in range(DOCUMENTS_MAX):
            pair.hand_over(pair.send(f"{how}-{number}-{again}"))
            if len(pair.ends[code]) == number:
                break
    assert pair.ends[code] == [-signal.SIGKILL if how in {"die", "late"} else FATAL_EXIT] * BOUNDARIES
    pair.corridor.stop(code)
    pair.corridor.start(code)
    pair.check_once()


def test_a_reported_write_fault_ends_the_process(pair: Pair) -> None:
    """A gateway that does not know what reached its disk stops with exit code 70 and tells nobody anything."""
    pair.corridor.start("UZ")
    pair.corridor.launch("PK", "--fail-commit", "1", "--how", "lie", module=FAULTY)
    with contextlib.suppress(DarwazaError):
        pair.corridor.wait_until_up("PK")
        paper = pair.folder / "paper.txt"
        paper.write_text("paper")
        with pair.corridor.client("PK", "bank") as client:
            client.send_document(paper, to="UZ/bank")
    until(lambda: pair.corridor.ended("PK") == FATAL_EXIT)
    pair.corridor.start("PK")


def test_kills_at_random_moments_under_load(pair: Pair) -> None:
    """SIGKILL of either gateway in the middle of work loses nothing and doubles nothing."""
    pair.corridor.start()
    chance = random.Random(20261122)
    for round_number in range(8):
        for number in range(12):
            pair.send(f"load-{round_number}-{number}")
            if number == chance.randrange(12):
                victim = chance.choice(["PK", "UZ"])
                pair.corridor.kill(victim)
                pair.corridor.start(victim)
    pair.revive()
    pair.corridor.wait_until_delivered("PK", "UZ")
    pair.check_once()


def test_the_clock_may_jump(pair: Pair, tmp_path: Path) -> None:
    """A day forward and a day back: delivery goes on, in order, nothing is lost."""
    jump = tmp_path / "jump"
    jump.write_text("0")
    pair.corridor.start("UZ")
    pair.corridor.launch("PK", "--clock", str(jump), module=FAULTY)
    pair.corridor.wait_until_up("PK")
    pair.hand_over(pair.send("before"))
    for seconds in (86_400, -86_400, 0):
        jump.write_text(str(seconds))
        pair.hand_over(pair.send(f"jump{seconds}"))
    pair.check_once()


def test_a_document_expires_at_both_ends_by_itself(tmp_path: Path) -> None:
    """Timers: what nobody took over in time ends at the recipient and at the sender, also behind a cut cable (P5)."""
    pair = Pair(tmp_path, cables=True)
    jump = tmp_path / "jump"
    jump.write_text("0")
    for code in ("PK", "UZ"):
        pair.corridor.launch(code, "--clock", str(jump), module=FAULTY)
        pair.corridor.wait_until_up(code)
    pair.corridor.wait_until_delivered("PK", "UZ")
    paper = tmp_path / "paper.txt"
    paper.write_text("valid for a day")
    tomorrow = datetime.now(UTC) + timedelta(days=1)

    def send() -> str:
        with pair.corridor.client("PK", "bank") as client:
            return str(client.send_document(paper, to="UZ/bank", expires_at=tomorrow)["id"])

    here, late = send(), send()
    for one in (here, late):
        until(lambda one=one: pair.stage("UZ", one) == "arrived")
    pair.hand_over(here)
    for cable in pair.corridor.cables.values():
        cable.cut()
    far = send()
    jump.write_text(str(3 * 86_400))
    until(lambda: pair.stage("UZ", late) == "expired")
    until(lambda: pair.stage("PK", far) == "expired")
    for cable in pair.corridor.cables.values():
        cable.mend()
    until(lambda: pair.stage("PK", late) == "expired")
    assert pair.stage("PK", here) == pair.stage("UZ", here) == "handed-over"
    pair.corridor.wait_until_delivered("PK", "UZ")
    assert pair.stage("PK", far) == "expired"
    pair.close()


def test_a_day_without_a_network(tmp_path: Path) -> None:
    """A day of messages both ways waits at each end, through a restart; with the network they arrive by themselves."""
    pair = Pair(tmp_path, cables=True)
    jumps = {code: tmp_path / f"jump-{code}" for code in ("PK", "UZ")}

    def launch(code: str) -> None:
        pair.corridor.launch(code, "--clock", str(jumps[code]), module=FAULTY)
        pair.corridor.wait_until_up(code)

    def hour(number: int) -> None:
        for jump in jumps.values():
            jump.write_text(str(number * 3_600))

    hour(0)
    for code in jumps:
        launch(code)
    pair.corridor.wait_until_delivered("PK", "UZ")
    arrived = pair.send("before")
    until(lambda: pair.stage("UZ", arrived) == "arrived")
    for cable in pair.corridor.cables.values():
        cable.cut()
    for number in range(24):
        hour(number)
        pair.send(f"hour-{number}")
    pair.insist("UZ", lambda client: client.accept(arrived) and None)
    pair.corridor.kill("PK")
    launch("PK")
    assert pair.stage("PK", pair.sent["hour-23"]) == "accepted"
    for cable in pair.corridor.cables.values():
        cable.mend()
    pair.corridor.wait_until_delivered("PK", "UZ", 120)
    until(lambda: pair.stage("PK", arrived) == "handed-over")
    pair.check_once()
    pair.close()


def test_two_weeks_without_a_network(tmp_path: Path) -> None:
    """Two weeks of messages queue up, travel in one file, and the acknowledgement comes back in another."""
    pair = Pair(tmp_path, cables=True)
    jump = tmp_path / "jump"
    jump.write_text("0")
    pair.corridor.start("UZ")
    pair.corridor.launch("PK", "--clock", str(jump), module=FAULTY)
    pair.corridor.wait_until_up("PK")
    pair.corridor.wait_until_delivered("PK", "UZ")
    for cable in pair.corridor.cables.values():
        cable.cut()
    for day in range(14):
        jump.write_text(str(day * 86_400))
        for number in range(20):
            pair.send(f"day-{day}-{number}")
    pair.corridor.kill("PK")
    pair.corridor.launch("PK", "--clock", str(jump), module=FAULTY)
    pair.corridor.wait_until_up("PK")
    stick = tmp_path / "stick"
    for _ in range(2):
        pair.carry("PK", "UZ", stick)
    pair.carry("UZ", "PK", stick)
    pair.check_once()
    assert all(pair.stage("PK", case_id) == "delivered" for case_id in pair.sent.values())
    pair.close()


def test_an_old_backup_takes_back_what_it_forgot(pair: Pair, tmp_path: Path) -> None:
    """A gateway restored from an old backup finds what it said since, and uses no place in its log twice."""
    pair.corridor.start()
    pair.hand_over(pair.send("before"))
    copy = tmp_path / "copy.db"
    backup(pair.corridor.path("PK") / STORE_FILE, copy)
    later = [pair.send(f"after-{number}") for number in range(5)]
    pair.hand_over(later[0])
    pair.corridor.wait_until_delivered("PK", "UZ")
    pair.corridor.kill("PK")
    for old in pair.corridor.path("PK").glob(STORE_FILE + "-*"):
        old.unlink()
    shutil.copy(copy, pair.corridor.path("PK") / STORE_FILE)
    pair.corridor.start("PK")
    pair.send("new")
    until(lambda: pair.stage("PK", later[0]) == "handed-over")
    until(lambda: all(pair.stage("PK", one) == "delivered" for one in [*later[1:], pair.sent["new"]]))
    pair.check_once()


def test_an_empty_disk_comes_back_from_the_neighbour(pair: Pair) -> None:
    """With nothing but its keys a gateway gets back what it sent, and what it had received (P1)."""
    pair.corridor.start()
    cases = [pair.send(f"one-{number}") for number in range(4)]
    pair.hand_over(cases[0])
    pair.corridor.wait_until_delivered("PK", "UZ")
    for code in ("UZ", "PK"):
        pair.corridor.kill(code)
        pair.corridor.lose_disk(code)
        pair.corridor.start(code)
        until(lambda: pair.stage("PK", cases[0]) == "handed-over" and pair.stage("UZ", cases[0]) == "handed-over")
        until(lambda: all(pair.stage("UZ", one) == "arrived" for one in cases[1:]))
        until(lambda: all(pair.stage("PK", one) == "delivered" for one in cases[1:]))
    # A party that missed its answers asks again with the same keys: the messages that came back know them.
    assert [pair.send(f"one-{number}") for number in range(4)] == cases
    pair.check_once()


def test_a_restored_gateway_that_exports_first_is_convicted(tmp_path: Path) -> None:
    """Two histories exposed: the proof convicts offline, the link stops, and other links run on."""
    names = {"PK": "Pakistan", "UZ": "Uzbekistan", "KZ": "Kazakhstan"}
    corridor = LocalCorridor(
        tmp_path / "gateways", names, links=[("PK", "UZ"), ("KZ", "PK"), ("KZ", "UZ")], cables=True
    )
    for code in names:
        corridor.add_party(code, "bank", "bank")
    corridor.start()
    corridor.wait_until_delivered("PK", "UZ")
    copy = tmp_path / "copy.db"
    backup(corridor.path("PK") / STORE_FILE, copy)
    paper = tmp_path / "paper.txt"
    paper.write_text("first")
    with corridor.client("PK", "bank") as client:
        client.send_document(paper, to="UZ/bank")
    corridor.wait_until_delivered("PK", "UZ")
    corridor.kill("PK")
    for old in corridor.path("PK").glob(STORE_FILE + "-*"):
        old.unlink()
    shutil.copy(copy, corridor.path("PK") / STORE_FILE)
    for cable in corridor.cables.values():
        cable.cut()
    corridor.start("PK")
    paper.write_text("second")
    with corridor.client("PK", "bank") as client:
        client.send_document(paper, to="UZ/bank")
    stick = tmp_path / "stick"
    with corridor.client("PK") as client:
        client.operator.export_carrier("UZ", stick)
    with corridor.client("UZ") as client, stick.open("rb") as opened:
        reports = list(client.operator.import_carrier(carrier.split(opened, BATCH_BYTES_MAX)))
    assert any("fork" in line for report in reports for line in report["refused"])
    for cable in corridor.cables.values():
        cable.mend()

    def state(code: str, peer: str) -> str:
        with corridor.client(code) as client:
            return str(next(link["state"] for link in client.operator.links() if link["peer"] == peer))

    until(lambda: state("UZ", "PK") == "halted")
    until(lambda: state("UZ", "KZ") == "up" and state("PK", "KZ") == "up")
    proof, document = tmp_path / "fork.json", tmp_path / "corridor.note"
    document.write_bytes(corridor.document)
    with corridor.client("UZ") as client:
        proof.write_bytes(client.operator.fork_proofs()[0])
    command = [sys.executable, "-m", "darwaza.entry.cli.main", "evidence", "verify", str(proof)]
    command += ["--corridor", str(document), "--anchor", corridor.anchor]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    corridor.close()
    for code in names:
        assert examine_store(corridor.path(code), lambda _done, _total: None) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_pushes_back_and_goes_on(tmp_path: Path) -> None:
    """A full disk is a refusal that changes nothing; when there is room again, work goes on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        pair = Pair(disk)
        pair.corridor.start()
        pair.send("before")
        pair.corridor.wait_until_delivered("PK", "UZ")
        filler = disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(bytes(65_536))
                file.flush()
        paper = tmp_path / "paper.bin"
        paper.write_bytes(os.urandom(900_000))
        assert pair.send_until_refused(paper) == "disk_full"
        filler.unlink()
        pair.hand_over(pair.send("after"))
        pair.close()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)
