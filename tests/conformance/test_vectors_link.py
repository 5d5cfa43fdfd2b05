"""The vectors for other implementers: made anew they are the same, and our own code answers what they say."""

import json
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from tools.vectors_link import FOLDER, FOLDERS, generate, schemas
from tools.vectors_stage import FORTH

from darwaza.errors import DarwazaError
from darwaza.kernel import batch, carrier, instant, policy
from darwaza.kernel.checkpoint import Checkpoint
from darwaza.kernel.corridor import read
from darwaza.kernel.examination import verify
from darwaza.kernel.history import LaneKeys, keys_of
from darwaza.kernel.key import Ed25519PublicKey
from darwaza.kernel.link import Fork, Fresh, Gap, Repeat, judge, read_checkpoint
from darwaza.kernel.merkle import EMPTY
from darwaza.kernel.message import decode_header
from darwaza.kernel.note import TYPE_ED25519, Verifier, parse, verified
from darwaza.kernel.reference import Reference
from darwaza.kernel.request import authorized_by, signer_name
from darwaza.kernel.tile import append_to_tiles

MADE = generate()


def cases(folder: str) -> list[Any]:
    found = json.loads((FOLDER / folder / "cases.json").read_bytes())
    return [pytest.param(case, id=case["file"]) for case in found]


def content(folder: str, name: str) -> bytes:
    return (FOLDER / folder / name).read_bytes()


def lane_keys() -> LaneKeys:
    return keys_of(read(content("corridor", "version-1.note"))[0], FORTH.origin)


def test_generating_again_gives_the_same_files():
    """The files on disk are what the generator makes, byte for byte, and there are no others."""
    on_disk = {f"{folder}/{path.name}": path.read_bytes() for folder in FOLDERS for path in (FOLDER / folder).iterdir()}
    assert MADE.keys() == on_disk.keys()
    assert [name for name in MADE if MADE[name] != on_disk[name]] == []


def test_the_schemas_are_those_of_the_code():
    """The JSON Schemas on disk are made from the shapes the parsers use."""
    assert {name: (FOLDER.parent / name).read_bytes() for name in schemas()} == schemas()


def test_every_file_has_its_line_and_its_case():
    """The README of a folder and its cases.json name every file there is."""
    for folder in FOLDERS:
        names = {path.name for path in (FOLDER / folder).iterdir()} - {"README.md", "cases.json", "corridor.note"}
        assert {case.values[0]["file"] for case in cases(folder)} == names
        assert all(f"| `{name}` |" in content(folder, "README.md").decode() for name in names)


@pytest.mark.parametrize("case", cases("header"))
def test_headers(case):
    """A good header is read, a bad one refused with its code."""
    raw = content("header", case["file"])
    if case["result"] == "good":
        assert decode_header(raw)
        return
    with pytest.raises(DarwazaError) as refused:
        decode_header(raw)
    assert refused.value.code == case["result"]


@pytest.mark.parametrize("case", cases("checkpoint"))
def test_checkpoints(case):
    """A good checkpoint verifies with the author's key, and every line by another member's key with that one's."""
    keys, raw = lane_keys(), content("checkpoint", case["file"])

    def judged() -> Checkpoint:
        found, _ = read_checkpoint(raw, origin=FORTH.origin, verifiers=[keys.log], required=frozenset({TYPE_ED25519}))
        verified(parse(raw), [keys.log, keys.reader, *keys.witnesses])
        return found

    if case["result"] == "good":
        assert judged().origin == FORTH.origin
        return
    with pytest.raises(DarwazaError) as refused:
        judged()
    assert refused.value.code == case["result"]


class Reader:
    """What one reader holds of the log."""

    def __init__(self) -> None:
        self.held, self.note, self.tiles = EMPTY, b"", {}

    def take(self, raw: bytes) -> Any:
        given = batch.decode(raw)
        keys = lane_keys()
        found = judge(
            given,
            held=self.held,
            held_note=self.note,
            read_tile=lambda level, number: self.tiles.get((level, number), b""),
            verifiers=[keys.log],
            required=frozenset({TYPE_ED25519}),
        )
        if isinstance(found, Fresh):
            partial = {level: hashes for (level, number), hashes in self.tiles.items() if number == 0}
            self.held, rows = append_to_tiles(self.held, found.hashes, partial)
            self.tiles.update({(row.level, row.number): row.hashes for row in rows})
            self.note = given.checkpoint
        return found


@pytest.mark.parametrize("case", cases("batch"))
def test_batches(case):
    """The judge says of each batch what it must, and takes nothing from a bad one."""
    reader = Reader()
    for name in case["after"]:
        reader.take(content("batch", name))
    before = reader.held
    raw = content("batch", case["file"])
    match case["result"]:
        case "fresh":
            assert isinstance(reader.take(raw), Fresh)
            assert reader.held.size == case["size"]
        case "repeat":
            assert reader.take(raw) == Repeat(case["size"])
        case "gap":
            assert reader.take(raw) == Gap(case["expected"])
        case "fork":
            assert isinstance(reader.take(raw), Fork)
        case code:
            with pytest.raises(DarwazaError) as refused:
                reader.take(raw)
            assert refused.value.code == code
    if case["result"] != "fresh":
        assert reader.held == before


@pytest.mark.parametrize(
    ("folder", "case"),
    [pytest.param(one, *case.values, id=case.id) for one in ("evidence", "route", "fork") for case in cases(one)],
)
def test_verdicts(folder, case):
    """Each evidence file and fork proof gets its answer with its code, and its reasons are numbered and complete."""
    now = datetime.strptime(case["now"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    documents = [(FOLDER / folder / Path(name)).read_bytes() for name in case["documents"]]
    verdict = verify(
        content(folder, case["file"]), Reference.read(documents, None, now), now, policy.parse(case.get("policy", ""))
    )
    assert (verdict.result, verdict.code) == (case["result"], case["code"]), verdict.checks
    assert [check.number for check in verdict.checks] == list(range(1, len(verdict.checks) + 1))
    assert all(check.text.endswith(".") for check in verdict.checks)
    assert all(bool(check.code) != (check.outcome == "holds") for check in verdict.checks)


@pytest.mark.parametrize("case", cases("request"))
def test_signed_requests(case):
    """A request counts when PK signed this very one not long ago, and is refused with its code otherwise."""
    name, card = signer_name(FORTH.corridor, "PK"), read(content("corridor", "version-1.note"))[0].card("PK")
    value, now = content("request", case["file"]).decode(), instant.from_seconds(case["now_s"])

    def judged() -> str:
        known = [Verifier(name, Ed25519PublicKey(card.keys.log))]
        return authorized_by(value, case["method"], case["target"], now, known)

    if case["result"] == "good":
        assert judged() == name
        return
    with pytest.raises(DarwazaError) as refused:
        judged()
    assert refused.value.code == case["result"]


@pytest.mark.parametrize("case", cases("carrier"))
def test_carrier_files(case):
    """What can be read of a file is read, and its end or its fault is told."""
    file, found, result = BytesIO(content("carrier", case["file"])), [], "good"
    try:
        carrier.read_head(file)
        found.extend(item.kind for item in carrier.read_items(file))
    except DarwazaError as fault:
        result = fault.code
    assert (result, found) == (case["result"], case["items"])
