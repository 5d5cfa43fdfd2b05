"""A gateway that itself holds a false history: operators settle it by docs/operating.md, on real gateways.

Pakistan's gateway speaks to Uzbekistan by a stick, comes back from an older disk, and speaks again without asking: its
disk then holds other entries, under its own true signature, than those Uzbekistan has signed for. Its link with
Afghanistan runs on all the time.
"""

import pytest
from tests.acceptance.test_operating import NAMES, Office, sections

from darwaza.bootstrap import examine_store
from darwaza.entry.local import LocalCorridor

pytestmark = pytest.mark.timeout(600)
TITLE = "When a link has stopped"


class Parted(Office):
    """Pakistan's operator, with two neighbours and no way around a link that has stopped."""

    def __init__(self, folder):
        self.folder = folder
        self.printed = ""
        self.corridor = LocalCorridor(folder, NAMES, links=[("AF", "PK"), ("PK", "UZ")], lanes=1)
        (folder / "1.note").write_bytes(self.corridor.document)
        for code in NAMES:
            self.corridor.add_party(code, "desk", "agency")
        self.corridor.start()
        self.corridor.wait_until_delivered("PK", "UZ")
        self.corridor.wait_until_delivered("PK", "AF")

    def accept(self, title):
        """Hand in a document that cannot be delivered now; returns its case."""
        paper = self.folder / "paper.txt"
        paper.write_text(title)
        with self.corridor.client("PK", "desk") as desk:
            return desk.send_document(paper, to="UZ/desk", title=title)["id"]

    def part(self, number):
        """Sign two histories; returns the documents of the true one and of the false one."""
        self.corridor.stop("UZ")
        self.run(f"darwaza backup pk -o before-{number}.backup")
        true = self.accept("said by stick")
        self.run(f"darwaza link export --gateway pk UZ -o true-{number}.carrier")
        self.corridor.stop("PK")
        self.run("rm -f pk/darwaza.db-wal pk/darwaza.db-shm")
        self.run(f"cp before-{number}.backup pk/darwaza.db")
        self.corridor.start("PK")
        false = self.accept("said after a restore")
        self.run(f"darwaza link export --gateway pk UZ -o false-{number}.carrier")
        self.corridor.stop("PK")
        self.corridor.start("UZ")
        self.run(f"darwaza link import --gateway uz true-{number}.carrier")
        self.corridor.start("PK")
        self.until("stopped", lambda: self.states() == {"halted"})
        return true, false

    def states(self):
        """How either end sees the link."""
        found = set()
        for code, peer in (("PK", "UZ"), ("UZ", "PK")):
            with self.corridor.client(code) as client:
                found |= {one["state"] for one in client.operator.links() if one["peer"] == peer}
        return found

    def stages(self, code):
        """What a desk knows, by title."""
        with self.corridor.client(code, "desk") as desk:
            return {one["id"]: one["stage"] for one in desk.documents()}

    def proofs(self, code):
        with self.corridor.client(code) as client:
            return client.operator.fork_proofs()


@pytest.fixture
def office(tmp_path):
    made = Parted(tmp_path)
    yield made
    made.close()


def test_operators_of_both_ends_settle_a_fork(office):
    """The page is followed once with the disk as it is and once with an empty one; nothing is lost, all is proven."""
    pages, _ = sections()
    true, false = office.part(1)
    assert office.proofs("PK") == office.proofs("UZ")
    assert len(office.proofs("PK")) == 1
    office.send("while the other link stands still", to="AF")
    office.follow(pages[TITLE])
    office.until("up", lambda: office.states() == {"up"})
    office.until("arrived", lambda: {true, false} <= office.stages("UZ").keys())
    office.until("delivered", lambda: office.stages("PK").get(true) == office.stages("PK").get(false) == "delivered")
    office.run("darwaza evidence verify proofs/fork-1.json --corridor 1.note")
    settled(office)

    true, false = office.part(2)
    office.corridor.stop("PK")
    office.run("cp pk/darwaza.db wrong-disk.db")
    office.corridor.lose_disk("PK")
    office.corridor.start("PK")
    office.send("with an empty disk", to="AF")
    office.follow([line for line in pages[TITLE] if "resume" in line])
    office.until("up again", lambda: office.states() == {"up"})
    office.until("back", lambda: office.stages("PK").get(true) == "delivered")
    assert false not in office.stages("UZ")
    office.send("on the mended link")
    assert len(office.proofs("UZ")) == 2
    office.close()
    for code in NAMES:
        assert examine_store(office.corridor.path(code), lambda _done, _total: None) == []


def settled(office):
    """Both operators' acts stand on record at both gateways, as messages that prove themselves."""
    shown = []
    for code in ("PK", "UZ"):
        with office.corridor.client(code) as client:
            office.until("record", lambda client=client: len(client.operator.settlements()) == 2)
            shown.append({one["act"]: one for one in client.operator.settlements()})
    assert shown[0] == shown[1]
    withdrawn, kept = shown[0]["withdrawn"], shown[0]["kept"]
    assert (withdrawn["by"], kept["by"]) == ("PK/operator", "UZ/operator")
    assert withdrawn["reason"] == kept["reason"] == "an old disk was put back, letter 17"
    assert withdrawn["withdrawn"] >= 1
    assert withdrawn["proofs"] == kept["proofs"]
    office.run(f"darwaza evidence export --message {withdrawn['message_id']} -o record.json --gateway pk --as operator")
    office.run("darwaza evidence verify record.json --corridor 1.note")
