"""The specification and the code say the same: limits, codes, links."""

import re
from datetime import timedelta
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
    parts,
    proof,
    sealcard,
)
from darwaza.services.payments import (
    bulk_destination,
    code,
    destination,
    investigation,
    request,
    reversal,
    status,
    verification,
)
from darwaza.services.payments import message as payments
from darwaza.services.payments.bulk import BULK_TRANSACTIONS_MAX

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


def test_every_message_of_payments_is_specified():
    """Each kind stands in the table of messages with the document that the code writes, and nothing else does."""
    text = TEXTS["payments.md"]
    table = dict(re.findall(r"^\| `(payments\.[a-z-]+)` \| [^|]+ \| ([^|]+) \|", text, re.MULTILINE))
    kinds = {
        one for name in dir(payments) if name.isupper() and (one := str(getattr(payments, name)))[:9] == "payments."
    }
    assert table.keys() == kinds | {"payments" + message.REFUSED}
    written = {
        payments.STATUS: status.STATUS_MESSAGE,
        payments.DECIDED: status.STATUS_MESSAGE,
        payments.ANSWERS: f"section 5, {status.STATUS_MESSAGE}",
        payments.DECISIONS: f"section 5, {status.STATUS_MESSAGE}",
        payments.INQUIRY: status.INQUIRY_MESSAGE,
        payments.BULK_INQUIRY: f"section 5, {status.INQUIRY_MESSAGE}",
        payments.RECALL: investigation.RECALL_MESSAGE,
        payments.RESOLVED: f"{investigation.RESOLUTION_MESSAGE}, `{investigation.REFUSED_RECALL}`",
        payments.RETURNED: investigation.RETURN_MESSAGE,
        payments.VERIFY: verification.QUESTION_MESSAGE,
        payments.VERIFIED: verification.ANSWER_MESSAGE,
        payments.REQUESTED: request.REQUEST_MESSAGE,
        payments.REQUEST_DECIDED: request.DECISION_MESSAGE,
    }
    assert {kind: table[kind] for kind in written} == written
    assert text.count(status.TRANSFER_MESSAGE) >= 2


def test_the_limits_and_statuses_of_payments_are_those_of_the_code():
    """Whoever builds it anew takes as much as we send, and speaks of the same ends."""
    text = TEXTS["payments.md"]
    for said in (
        f"of at most {payments.TERMS_BYTES_MAX} bytes",
        f"each of 1 to {BULK_TRANSACTIONS_MAX} payments",
        f"at most {config.ORDINARY_BODY_BYTES_MAX} bytes, sealed or not",
        f"`{parts.PARTS_MEDIA_TYPE}`",
        f"within {reversal.RECALL_ANSWER.days} days",
        f"`{reversal.ON_RECALL}`",
        f"`{reversal.NO_ANSWER}`",
        f"`{payments.ORDER_MEDIA_TYPE}`",
        f"`{code.NO_ANSWER_CREDITOR_AGENT}`",
        f"`{code.NO_ANSWER_GATEWAY}`",
        f"`{code.UNNAMED_REASON}` for every other code",
    ):
        assert said in text, said
    assert timedelta(hours=1) == destination.DECISION_WITHIN
    assert "at most an hour ahead" in text
    statuses = re.findall(r"^\| `([A-Z]{4})` \|", text, re.MULTILINE)
    ends = {status.CREDITED, status.SETTLED, status.BLOCKED, status.REJECTED}
    assert set(statuses) == ends | {status.ACCEPTED, status.PENDING}


def test_every_code_that_refuses_an_order_is_specified():
    """What the rules of orders can answer at the payee's gateway stands among their checks."""
    text = TEXTS["payments.md"]
    checks = text.partition("## 2. ")[2].partition("## 6. ")[0]
    for module in (destination, bulk_destination):
        source = Path(module.__file__).read_text("utf-8")
        after = "# --- screening" if module is bulk_destination else "def release"
        rules = source[source.index("def take_order") : source.index(after)]
        for name in re.findall(r"PaymentRefusal\.([A-Z_]+)", rules):
            assert f"`{code.PaymentRefusal[name].code}`" in checks, name


def test_links_between_documents_lead_somewhere():
    """Every file and every section that a document points to is there."""
    for text in TEXTS.values():
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert (SPEC / target).exists(), target
        for other, section in re.findall(r"\b([a-z]+\.md) sections? ([0-9]+)", text):
            assert re.search(rf"^## {section}\. ", TEXTS[other], re.MULTILINE), (other, section)


def test_one_sentence_stands_on_a_line():
    """So that a change shows as the sentence it changes."""
    for name in ("README.md", "message.md", "link.md", "evidence.md", "enclosure.md", "payments.md"):
        for line in TEXTS[name].splitlines():
            if not line.startswith(("|", "#", "    ")):
                assert not re.search(r"[a-z)`]\. [A-Z]", line), (name, line)
