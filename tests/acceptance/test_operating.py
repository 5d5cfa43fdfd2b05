"""The commands of docs/operating.md, all of them, in the order of the page, on real gateways; and what they do.

Of a command only the digest is filled in, and the address of a new member's gateway is one of this machine.
"""

import contextlib
import io
import re
import shlex
import subprocess
import textwrap
import time
import tomllib
from pathlib import Path

import pytest

from darwaza.bootstrap import PLAN_FILE, examine_store
from darwaza.entry.cli.main import main as darwaza
from darwaza.entry.local import LocalCorridor, held_port
from darwaza.entry.sample import remittance
from darwaza.errors import DarwazaError

pytestmark = pytest.mark.timeout(900)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "operating.md"
NAMES = {"AF": "Afghanistan", "PK": "Pakistan", "UZ": "Uzbekistan"}
LINKS = [("AF", "PK"), ("AF", "UZ"), ("PK", "UZ")]
WAIT_S = 120.0
STOP, START, INSTALL = "# stop the gateway", "# start the gateway", "# install the new program"
KNOWN = ("darwaza", "cp", "rm")


def sections():
    """The page's commands by section, each line as it stands; and its sample of a configuration file."""
    found, samples = {}, []
    for section in re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        blocks = re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", text, re.MULTILINE)
        samples += [textwrap.dedent(block) for block in blocks if _is_toml(block)]
        lines = [line[4:].strip() for block in blocks if not _is_toml(block) for line in block.splitlines()]
        found[title] = [line for line in lines if line]
    (sample,) = samples
    return {title: lines for title, lines in found.items() if lines}, sample


def _is_toml(block):
    with contextlib.suppress(tomllib.TOMLDecodeError):
        return bool(tomllib.loads(block))
    return False


class Office:
    """Pakistan's operator at the page, with two neighbours that run."""

    def __init__(self, folder):
        self.corridor = LocalCorridor(folder, NAMES, links=LINKS)
        self.folder = folder
        self.printed = ""
        (folder / "1.note").write_bytes(self.corridor.document)
        for code in NAMES:
            self.corridor.add_party(code, "desk", "agency")
        (self.corridor.path("PK") / PLAN_FILE).write_text(remittance.PLAN)
        self.corridor.add_party("PK", "sbp", "compliance")
        self.corridor.start()

    def follow(self, lines):
        """Do what lines of the page say."""
        self.printed = ""
        for line in lines:
            if line == STOP:
                self.corridor.stop("PK")
            elif line == START:
                self.corridor.start("PK")
            elif line != INSTALL:
                self.run(line)

    def run(self, line):
        line = line.replace("DIGEST", self.corridor.anchor)
        if line.startswith("darwaza init"):
            port = held_port(self)
            line = re.sub(r"https://127\.0\.0\.1:\d+", f"https://127.0.0.1:{port} --listen 127.0.0.1:{port}", line)
        words = shlex.split(line, comments=True)
        assert words[0] in KNOWN, line
        if words[0] != "darwaza":
            subprocess.run(words, cwd=self.folder, check=True)
            return
        said, complaint = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(complaint),
            pytest.raises(SystemExit) as ended,
        ):
            darwaza(words[1:], prog_name="darwaza")
        assert ended.value.code == 0, f"{line}\n{said.getvalue()}\n{complaint.getvalue()}"
        self.printed += said.getvalue()

    def send(self, title, to="UZ"):
        """Send a document and wait until both have signed for it; returns its case."""
        paper = self.folder / "paper.txt"
        paper.write_text(title)
        with self.corridor.client("PK", "desk") as desk:
            sent = desk.send_document(paper, to=f"{to}/desk", title=title)["id"]
            self.until(title, lambda: desk.document(sent)["stage"] != "accepted")
        return sent

    def until(self, what, found):
        end = time.monotonic() + WAIT_S
        while True:
            with contextlib.suppress(DarwazaError):
                if answer := found():
                    return answer
            assert time.monotonic() < end, what
            time.sleep(0.05)

    def known(self, *cases):
        """Wait until Pakistan's gateway knows documents, which may be coming back, and its links are up."""
        with self.corridor.client("PK", "desk") as desk, self.corridor.client("PK") as operator:
            self.until("not back", lambda: {one["id"] for one in desk.documents()} >= set(cases))
            self.until(
                "links", lambda: all(one["state"] == "up" for one in operator.operator.links() if one["peer"] in NAMES)
            )
            self.until("ways", lambda: operator.operator.explain_route("UZ", policy="avoid AF")["chosen"])

    def versions(self):
        """The version each member's gateway goes by."""
        found = {}
        for code in NAMES:
            with self.corridor.client(code) as client:
                found[code] = client.corridor()["version"]
        return set(found.values())

    def close(self):
        self.corridor.close()


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path)
    yield made
    made.close()


def copies(office, pages):
    """A restored copy is older than what was sent; the neighbours give that back."""
    title = "Back up"
    lines = pages[title]
    before = office.send("before the copy")
    office.follow(lines[:1])
    after = office.send("after the copy")
    office.follow(lines[1:])
    office.known(before, after)
    office.follow(pages["Update the program"])
    office.known(before, after)
    return before, after


def lost(office, pages, cases):
    """The disk goes; documents come back from the neighbours, deposits from the list."""
    with office.corridor.client("PK", "sbp") as sbp:
        sbp.payments.deposit("PK/indus-bank", "9000000.00", "SBP-1")
    office.follow(pages["Lose a disk"])
    office.known(*cases)
    with office.corridor.client("PK", "sbp") as sbp:
        assert [one["amount"] for one in office.until("no list", sbp.payments.deposits)] == ["9000000.00"]
    office.send("after the loss")


def watched(office, pages, terms):
    """Everyday commands print what the page says of them; terms of links are read at a start; a drain is taken back."""
    office.follow(pages["Forget what is old"])
    office.known()
    office.follow(pages["Watch the routes"])
    assert "under way" in office.printed
    (office.corridor.path("PK") / "routing.toml").write_text(terms)
    office.follow(pages["Take a gateway out of service"])
    office.known()
    with office.corridor.client("PK") as operator:
        shown = operator.operator.routes()
        assert shown["drained"] is False
        assert [one["price_class"] for one in shown["links"] if set(one["ends"]) == {"PK", "UZ"}] == [2]
    office.follow(pages["Hold a drill"])
    with office.corridor.client("PK") as operator:
        assert [one["cut"] for one in operator.operator.drills()] == ["AF"]


def carried(office, pages):
    """Files are made and taken in; nothing comes twice."""
    case = office.send("sent before the stick")
    office.follow(pages["Carry a link by file"])
    assert "batch(es) taken" in office.printed
    with office.corridor.client("UZ", "desk") as desk:
        assert [one["id"] for one in desk.documents()].count(case) == 1


def amended(office, pages):
    """New keys sign from the version that names them; a member comes and goes, at every gateway."""
    keys = office.corridor.path("PK") / "keys"
    former = (keys / "log.key").read_text()
    office.follow(pages["Renew keys"])
    assert (keys / "log.key").read_text() != former
    assert office.versions() == {2}
    office.known()
    office.send("under new keys")
    for line in pages["Take in a member, let one go"]:
        office.follow([line])
        if admitted := re.match(r"darwaza corridor admit pk (\d\.note)", line):
            for other in ("uz", "af"):
                office.run(f"darwaza corridor admit {other} {admitted[1]}")
            assert office.versions() == {int(admitted[1][0])}
    with office.corridor.client("PK") as operator:
        assert [one["code"] for one in operator.corridor()["members"]] == sorted(NAMES)
        assert [one["peer"] for one in operator.operator.links() if one["state"] == "left"] == ["KZ"]
    office.send("after a member has gone")


def test_the_page_of_operators_does_what_it_says(office):
    """From the first copy to the last examination; every store is whole at the end, and no section is left out."""
    pages, terms = sections()
    cases = copies(office, pages)
    lost(office, pages, cases)
    watched(office, pages, terms)
    carried(office, pages)
    amended(office, pages)
    office.follow(pages["When a link has stopped"])
    assert "Nothing is in quarantine." in office.printed
    assert "There is no proof of a fork." in office.printed
    office.follow(pages["Examine a store"])
    office.known(*cases)
    office.close()
    for code in NAMES:
        assert examine_store(office.corridor.path(code), lambda _done, _total: None) == []
    done = [*("Back up", "Update the program", "Lose a disk", "Forget what is old", "Watch the routes"),
            *("Take a gateway out of service", "Hold a drill", "Carry a link by file", "Renew keys"),
            *("Take in a member, let one go", "When a link has stopped", "Examine a store")]  # fmt: skip
    assert list(pages) == done
