"""The vectors of the corridor document: made again, judged, and read by the specification alone."""

import base64
import hashlib
import json
import re
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from tools.vectors_corridor import SCHEMA, VECTORS, generate, schema

from darwaza.errors import DarwazaError
from darwaza.kernel.admission import admit
from darwaza.kernel.corridor import read

CASES = json.loads((VECTORS / "cases.json").read_text("utf-8"))
NOW = datetime.strptime(CASES["now"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
ADMITTED = [case for case in CASES["cases"] if case["result"] == "admitted"]


def content(name: str) -> bytes:
    return (VECTORS / name).read_bytes()


def test_the_vectors_are_what_the_script_makes():
    """No file was edited by hand, none is missing and none is left over."""
    assert {path.name: path.read_bytes() for path in VECTORS.iterdir()} == generate(VECTORS)
    assert SCHEMA.read_bytes() == schema()


def test_the_vectors_come_from_their_seeds(tmp_path):
    """Made from nothing, everything is the same except the ML-DSA-44 signatures, which are hedged."""
    made = generate(tmp_path)
    for path in VECTORS.iterdir():
        lines = [
            [line for line in raw.split(b"\n") if b"/log_mldsa44 " not in line]
            for raw in (path.read_bytes(), made[path.name])
        ]
        assert lines[0] == lines[1]


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["file"])
def test_each_vector_is_judged_as_it_says(case):
    """Admitted with the digest named, or refused with the code named."""
    former = None if case["former"] is None else read(content(case["former"]))[0]
    if case["result"] == "admitted":
        assert admit(content(case["file"]), former, NOW).digest == case["digest"]
    else:
        with pytest.raises(DarwazaError) as caught:
            admit(content(case["file"]), former, NOW)
        assert caught.value.code == case["result"]


@pytest.mark.parametrize("case", ADMITTED, ids=lambda case: case["file"])
def test_the_lines_verify_by_the_specification_alone(case):
    """Sections 2, 4 and 5, read without this package: digest, key names, key identifiers and signatures."""
    text, _, lines = content(case["file"]).rpartition(b"\n\n")
    text += b"\n"
    assert hashlib.sha256(text).hexdigest() == case["digest"]
    cards = {card["code"]: card for card in json.loads(text)["members"]}
    voters = cards if case["former"] is None else cards | members_of(case["former"])
    for line in lines.decode().splitlines():
        dash, name, encoded = line.split(" ")
        corridor, code, role = name.rsplit("/", 2)
        assert (dash, corridor) == ("—", "darwaza.example/carec")
        signature = base64.b64decode(encoded, validate=True)
        key = base64.b64decode((voters if role == "vote" else cards)[code]["keys"][role])
        if role == "log_mldsa44":
            identified = b"\xff" + b"darwaza/ml-dsa-44/v1" + key
            MLDSA44PublicKey.from_public_bytes(key).verify(signature[4:], text)
        else:
            identified = b"\x01" + key
            Ed25519PublicKey.from_public_bytes(key).verify(signature[4:], text)
        assert signature[:4] == hashlib.sha256(name.encode() + b"\n" + identified).digest()[:4]


def members_of(name: str) -> dict[str, dict]:
    text, _, _ = content(name).rpartition(b"\n\n")
    return {card["code"]: card for card in json.loads(text)["members"]}


def test_the_worked_example_is_that_of_the_vectors():
    """The specification names the digests and the lines that the vectors have."""
    spec = (SCHEMA.parent / "corridor.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d) \| `([0-9a-f]{64})` \|.* (\d+) lines \|$", spec, re.MULTILINE)
    found = [(case["digest"], content(case["file"]).count("\n— ".encode())) for case in ADMITTED]
    assert [(digest, int(count)) for _, digest, count in rows] == found
    named = re.search(r"The lines of version 3 are those of (.*), each after", spec)
    assert named is not None
    lines = [line.split(" ")[1] for line in content("version-3.note").decode().splitlines() if line.startswith("— ")]
    assert [f"darwaza.example/carec/{name}" for name in re.findall(r"`([^`]+)`", named[1])] == lines
