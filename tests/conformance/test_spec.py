"""The specification and the code say the same: limits, codes, links."""

import re
from pathlib import Path

import pytest

from darwaza import config
from darwaza.kernel import (
    carrier,
    enclosure,
    evidence,
    examination,
    exhibit,
    fork,
    link,
    merkle,
    message,
    naming,
    note,
    proof,
    sealcard,
)

SPEC = Path(__file__).parents[2] / "spec"
TEXTS = {path.name: path.read_text("utf-8") for path in SPEC.glob("*.md")}
ROW = re.compile(r"^\| `([A-Z_]+)` \| ([0-9]+) \|", re.MULTILINE)
ELSEWHERE = {
    "PATH_MEMBERS_MAX": message.PATH_MEMBERS_MAX,
    "NOTE_BYTES_MAX": note.NOTE_BYTES_MAX,
    "NOTE_SIGNATURES_MAX": note.NOTE_SIGNATURES_MAX,
    "PROOF_HASHES_MAX": merkle.PROOF_HASHES_MAX,
    "EVIDENCE_BYTES_MAX": evidence.EVIDENCE_BYTES_MAX,
    "ITEMS_MAX": evidence.ITEMS_MAX,
    "FORK_PROOF_BYTES_MAX": fork.PROOF_BYTES_MAX,
}
# What the code can answer, by the document that must name it.
CODE = re.compile(r'code="([a-z0-9_]+)"|(?:fails|unknown|noted)\([^()]*?"([a-z0-9]+_[a-z0-9_]+)"')
SPOKEN = {
    "message.md": [message],
    "link.md": [link, carrier],
    "enclosure.md": [enclosure, sealcard],
    "evidence.md": [evidence, fork, proof, examination, exhibit],
}


def test_the_table_of_limits_is_that_of_the_code():
    """Every limit both ends of a link agree on stands in the specification with its value."""
    table = {name: int(value) for name, value in ROW.findall(TEXTS["README.md"])}
    agreed = Path(config.__file__).read_text("utf-8").partition("# --- what one gateway grants itself")[0]
    names = re.findall(r"^([A-Z_]+) = ", agreed, re.MULTILINE)
    assert table == {name: getattr(config, name) for name in names} | ELSEWHERE
    assert table["LANES_MAX"] == naming.LANE_COUNT_MAX


@pytest.mark.parametrize("name", SPOKEN)
def test_every_code_is_specified(name):
    """What the kernel answers about a form stands in the document of that form."""
    codes = {
        code
        for module in SPOKEN[name]
        for found in CODE.findall(Path(module.__file__).read_text("utf-8"))
        for code in found
        if code
    }
    assert codes
    assert [code for code in sorted(codes) if f"`{code}`" not in TEXTS[name]] == []


def test_links_between_documents_lead_somewhere():
    """Every file and every section that a document points to is there."""
    for text in TEXTS.values():
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert (SPEC / target).exists(), target
        for other, section in re.findall(r"\b([a-z]+\.md) sections? ([0-9]+)", text):
            assert re.search(rf"^## {section}\. ", TEXTS[other], re.MULTILINE), (other, section)


def test_one_sentence_stands_on_a_line():
    """So that a change shows as the sentence it changes."""
    for name in ("README.md", "message.md", "link.md", "evidence.md", "enclosure.md"):
        for line in TEXTS[name].splitlines():
            if not line.startswith(("|", "#", "    ")):
                assert not re.search(r"[a-z)`]\. [A-Z]", line), (name, line)
