"""A journey whose guarantor and destination are no neighbours of the departure: Afghanistan's gateway relays."""

import json
import os
import shutil
import subprocess
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from darwaza.bootstrap import examine_store, profile_folder, read_reference
from darwaza.entry import post
from darwaza.entry.local import LocalCorridor
from darwaza.entry.sample import freight
from darwaza.errors import DarwazaError
from darwaza.kernel.history import History
from darwaza.services.transit.enquiry import Ask
from darwaza.services.transit.guarantee import Register
from darwaza.services.transit.message import Accept
from darwaza.services.transit.paper import read_paper, written
from darwaza.services.transit.parts import split
from darwaza.services.transit.scan import Scanner
from darwaza.services.transit.trust import Answer
from darwaza.standards.etir.external import E5
from darwaza.standards.etir.internal import I9, I11, I13
from darwaza.standards.etir.value import SealMark

NAMES = {"AF": "Afghanistan", "PK": "Pakistan", "UZ": "Uzbekistan"}
OFFICES = {"UZ": ("UZTAS", "UZTER"), "AF": ("AFHRT", "AFRKH"), "PK": ("PKTOR", "PKKHI")}
CHAIN = "UZ/aircuz"
WAIT_S = 120.0
NODE = shutil.which("node")


class Relayed:
    """Three gateways in a row, each a process; Uzbekistan and Pakistan have no link."""

    def __init__(self, folder: Path) -> None:
        self.corridor = LocalCorridor(folder, NAMES, links=[("AF", "PK"), ("AF", "UZ")])
        for code, offices in OFFICES.items():
            self.corridor.add_party(code, "customs", "customs", "supervisor", *("office " + one for one in offices))
        self.corridor.add_party("UZ", "silk-road-trans", "holder")
        self.corridor.add_party("UZ", "aircuz", "guarantee-chain")
        (self.corridor.path("PK") / "authorised.toml").write_text(f'chains = ["{CHAIN}"]\n')
        self.register = read_reference(profile_folder(folder, "carec")).register
        self.movement = str(uuid.uuid4())
        self.folder = folder

    def call(self, who, path):
        code, _, party = who.partition("/")
        with self.corridor.client(code, party) as client:
            return client.call("GET", path)

    def do(self, who, path, body):
        code, _, party = who.partition("/")
        with self.corridor.client(code, party) as client:
            return client.command(path, body)

    def act(self, office, kind, body):
        return self.do(f"{office[:2]}/customs", f"/v1/transit/{self.movement}/{kind}", body)

    def stamp(self, office):
        return freight.stamp(self.register, office, datetime.now(UTC))

    def until(self, who, path, state):
        """Wait until a case has a state, on a machine that may be busy."""
        until = time.monotonic() + WAIT_S
        while (found := self.call(who, path))["state"] != state:
            assert time.monotonic() < until, (who, path, state, found)
            time.sleep(0.1)
        return found

    def register_guarantee(self, terms):
        """Register the guarantee as soon as the chain's gateway knows a way to Pakistan."""
        until = time.monotonic() + WAIT_S
        while True:
            try:
                return self.do(CHAIN, "/v1/guarantees", Register(terms, freight.HOLDER_PARTY))
            except DarwazaError as error:
                if error.code != "nobody_to_forward_to" or time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def everywhere(self, state):
        """Wait until every member's gateway has a state; until it knows the movement, it says there is none."""
        for code in NAMES:
            until = time.monotonic() + WAIT_S
            while self.states(code) != [state]:
                assert time.monotonic() < until, (code, state, self.states(code))
                time.sleep(0.1)

    def check_paper(self):
        """The paper carries the guarantor's own signed word, and a post in Afghanistan verifies it with no network.

        In the browser's code too; and whatever is changed about the letter, the word or the key is found out.
        """
        with self.corridor.client("UZ", "customs") as client:
            raw = client.transit.paper(self.movement, "UZTAS")
            codes = client.transit.paper(self.movement, "UZTAS", "codes")
            assert client.transit.paper(self.movement, "UZTAS", "pdf").startswith(b"%PDF")
        (self.folder / "codes.txt").write_bytes(codes)
        now = datetime.now(UTC)
        note = self.corridor.path("AF") / "corridor" / "1.note"
        history = History.begin(note.read_bytes(), self.corridor.anchor, now)
        scanner = Scanner("AFHRT", post.trust_of(history), post.read_header)
        signed, _ = read_paper(raw)
        letter, key = signed.evidence.revealed
        judged = scanner.scan(raw, now)
        assert (judged.answer, judged.reasons) == (Answer.VALID, ()), judged.reasons
        altered = {
            "letter": (letter[:-1] + bytes([letter[-1] ^ 1]), key),
            "key": (letter, bytes(32)),
            "cut": (letter[:100], key),
        }
        replace = msgspec.structs.replace
        wrong = {
            name: replace(signed, evidence=replace(signed.evidence, revealed=one)) for name, one in altered.items()
        }
        wrong["unrevealed"] = replace(signed, evidence=replace(signed.evidence, revealed=None))
        for name, one in wrong.items():
            verdict = scanner.scan(written(one), now)
            assert verdict.answer is Answer.INVALID, name
            assert verdict.reasons[0].code in {"guarantee-proof-false", "guarantee-proof-other"}, name
            (self.folder / f"{name}.txt").write_text("\n".join(split(written(one))))
        if NODE is not None:
            at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
            files = ["codes.txt", *(f"{name}.txt" for name in wrong)]
            cases = [{"file": name, "document": os.path.relpath(note, self.folder), "now": at} for name in files]
            (self.folder / "cases.json").write_text(json.dumps(cases))
            script = Path(__file__).parents[1] / "conformance" / "paper.mjs"
            done = subprocess.run(
                [NODE, script, self.folder / "cases.json"], capture_output=True, check=True, timeout=400
            )
            told = {name: result for name, (result, _) in json.loads(done.stdout).items()}
            assert told == {name: "valid" if name == "codes.txt" else "invalid" for name in files}

    def states(self, code):
        page = self.call(f"{code}/customs", "/v1/transit")
        return [view["state"] for view in page["movements"]]


@pytest.fixture
def relayed(tmp_path):
    made = Relayed(tmp_path / "row")
    made.corridor.start()
    yield made
    made.corridor.close()


def test_guarantor_and_destination_are_no_neighbours(relayed):
    """Pakistan guarantees for a chain in Tashkent and is the destination; all of it goes through Kabul, sealed."""
    now = datetime.now(UTC)
    terms = msgspec.structs.replace(freight.carnet("PK-1", now), guarantor="PK", chain=CHAIN)
    asked = relayed.register_guarantee(terms)
    guarantee = f"/v1/guarantees/{asked['id']}"
    relayed.until(CHAIN, guarantee, "registered")

    relayed.do("UZ/silk-road-trans", "/v1/transit", freight.declaration(relayed.movement, terms, now))
    relayed.act("UZTAS", "accept", Accept(relayed.stamp("UZTAS"), (SealMark("UZ-1"),)))
    relayed.everywhere("accepted")
    relayed.check_paper()
    for leg, (entry, leave) in enumerate(OFFICES.values()):
        relayed.act(entry, "start", I9(relayed.movement, leg, f"op-{leg}", leg + 1, relayed.stamp(entry)))
        relayed.act(leave, "terminate", I11(relayed.movement, leg, f"op-{leg}", relayed.stamp(leave)))
        relayed.everywhere("ended" if leg == len(OFFICES) - 1 else "moving")
    for leg, (entry, _) in enumerate(OFFICES.values()):
        relayed.act(entry, "discharge", I13(relayed.movement, leg, f"op-{leg}", relayed.stamp(entry)))
    relayed.everywhere("discharged")

    question = relayed.do(CHAIN, "/v1/enquiries", Ask("PK", E5("PK-1")))
    reply = relayed.until(CHAIN, f"/v1/enquiries/{question['id']}", "answered")["reply"]
    assert [(use["movement"], use["state"]) for use in reply["uses"]] == [(relayed.movement, "released")]
    relayed.corridor.stop()
    for code in NAMES:
        assert examine_store(relayed.corridor.path(code), lambda _done, _total: None) == []
