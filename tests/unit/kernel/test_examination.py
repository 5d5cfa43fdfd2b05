"""The examination of evidence: order of the checks, strength of the form, and what the answer says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tools.vectors_corridor import AF, ONE, PK, PK_2, RINGS, THREE, TWO
from tools.vectors_evidence import ANSWER, ITEM, evidence_cases, fork_cases
from tools.vectors_parts import parts_cases
from tools.vectors_stage import BOTH, DAY, FORTH_LOG, NOW, WITNESSED, falsified

from darwaza.errors import ConflictError, DarwazaError, MalformedError
from darwaza.kernel import evidence, fork
from darwaza.kernel.amendment import propose
from darwaza.kernel.encoding import to_base64
from darwaza.kernel.evidence import EVIDENCE_BYTES_MAX, ITEMS_MAX, RELATED, Evidence, Item
from darwaza.kernel.examination import verify
from darwaza.kernel.history import History
from darwaza.kernel.note import Note
from darwaza.kernel.proof import format_proof
from darwaza.kernel.reference import Reference
from darwaza.kernel.verdict import Outcome, Result
from darwaza.testing.cast import sign_document

FILE_1 = sign_document(ONE, None, RINGS)
FILE_2 = sign_document(TWO, ONE, RINGS)
FILE_3 = sign_document(THREE, TWO, RINGS)
LATER = THREE.created_at + DAY
REFERENCE = Reference.read([FILE_1], None, NOW)


def file_of(*items: Item) -> bytes:
    return evidence.encode(Evidence(evidence.FORMAT, items))


def answer(raw: bytes, reference: Reference | History = REFERENCE, now: datetime = NOW) -> tuple[str, str]:
    verdict = verify(raw, reference, now)
    return verdict.result.value, verdict.code


def spoilt(**changes: Any) -> Item:
    return msgspec.structs.replace(ITEM, **changes)


BAD_HEADER = ITEM.header.replace('"blind":', '"blind": ')
BAD_BODY = b"another"
BAD_PLACE = ITEM.proof.replace("index 1", "index 2")
BAD_LANE = msgspec.structs.replace(ITEM.corridor, name="darwaza.example/other")
BAD_DOCUMENT = msgspec.structs.replace(ITEM.corridor, digest=TWO.digest)


def proof_with(note: Note) -> str:
    return format_proof(FORTH_LOG.proof(1, note)).decode()


NO_AUTHOR = falsified(falsified(WITNESSED, 0), 1)
# Each row spoils what its check looks at and everything that is checked later: the first one must give the code.
ORDER = [
    (
        "header",
        "header_not_canonical",
        {"header": BAD_HEADER, "body": BAD_BODY, "proof": BAD_PLACE, "corridor": BAD_LANE},
    ),
    ("body", "body_differs", {"body": BAD_BODY, "proof": BAD_PLACE, "corridor": BAD_LANE}),
    ("place", "inclusion_false", {"proof": BAD_PLACE, "corridor": BAD_LANE}),
    ("lane", "lane_differs", {"corridor": msgspec.structs.replace(BAD_LANE, digest=TWO.digest)}),
    ("document", "document_differs", {"corridor": BAD_DOCUMENT, "proof": proof_with(NO_AUTHOR)}),
    ("origin", "signature_false", {"proof": proof_with(NO_AUTHOR)}),
    ("receipt", "signature_false", {"proof": proof_with(falsified(falsified(WITNESSED, 1), 2))}),
    ("witnesses", "signature_false", {"proof": proof_with(falsified(WITNESSED, 2))}),
]


@pytest.mark.parametrize(("name", "code", "changes"), ORDER, ids=[row[0] for row in ORDER])
def test_checks_run_in_the_documented_order(name, code, changes):
    """The first check that fails ends the item and names the answer, whatever else is wrong behind it."""
    verdict = verify(file_of(spoilt(**changes)), REFERENCE, NOW)
    assert (verdict.result, verdict.code) == (Result.INVALID, code)
    failed = [check for check in verdict.checks if check.outcome is Outcome.FAILS]
    assert [(check.subject, check.name) for check in failed] == [("message", name)]
    assert verdict.checks[-1].name == "knowledge"
    assert verdict.findings == ()


def test_a_false_item_outweighs_one_that_cannot_be_told():
    """Invalid wins over cannot tell, in whatever order the items stand, and the good item keeps its finding."""
    untold = msgspec.structs.replace(ANSWER, corridor=msgspec.structs.replace(ANSWER.corridor, version=7))
    false = msgspec.structs.replace(ANSWER, body=b"")
    assert answer(file_of(ITEM, untold)) == ("cannot_tell", "version_unknown")
    assert answer(file_of(ITEM, false)) == ("invalid", "body_differs")
    assert answer(file_of(spoilt(corridor=untold.corridor), false)) == ("invalid", "body_differs")
    assert [one.subject for one in verify(file_of(ITEM, false), REFERENCE, NOW).findings] == ["message"]


def test_the_answer_says_who_signed_what_and_how_strong_it_is():
    """A finding names log, place, document version, time of receipt and grade; the checks name the keys."""
    verdict = verify(file_of(spoilt(proof=proof_with(WITNESSED))), REFERENCE, NOW)
    (found,) = verdict.findings
    assert (found.author, found.reader, found.index, found.size, found.version) == ("PK", "UZ", 1, 5, 1)
    assert found.received_at == "2026-12-21T00:01:00Z"
    assert [(one.member, one.at) for one in found.witnesses] == [("AF", "2026-12-21T00:02:00Z")]
    assert (found.grade, found.witnesses_possible, found.body) == ("witnessed 1 of 1", 1, True)
    assert verify(file_of(ITEM), REFERENCE, NOW).findings[0].grade == "bilateral"
    texts = {check.name: check.text for check in verdict.checks}
    for name, code, role in (("origin", "PK", "log"), ("receipt", "UZ", "witness")):
        assert to_base64(getattr(ONE.card(code).keys, role)) in texts[name]
    assert ONE.digest in texts["document"]
    assert "compare its digest" in texts["knowledge"]


def test_the_answer_says_how_old_its_knowledge_is():
    """In force, expired or not yet: the answer stays, the basis tells."""
    for now, code, state in (
        (NOW, "document_in_force", "in_force"),
        (ONE.not_after + 3 * DAY, "document_expired", "expired"),
    ):
        verdict = verify(file_of(ITEM), REFERENCE, now)
        assert verdict.result is Result.VALID
        assert verdict.checks[-1].code == code
        assert [(one.version, one.digest, one.state) for one in verdict.basis] == [(1, ONE.digest, state)]
    early = verify(file_of(ITEM), REFERENCE, ONE.created_at - DAY)
    assert early.checks[-1].code == "document_not_yet"
    assert early.code == "receipt_in_future"


def test_a_witness_with_a_replaced_key_does_not_count():
    """Who holds a key that a witness gave up cannot raise the grade with it."""
    two = propose(ONE, created_at=NOW - 10 * DAY, votes=["AF"], cards=[AF.rotated("witness").card()])
    rings = [*RINGS, AF.rotated("witness")]
    reference = Reference.read([FILE_1, sign_document(two, ONE, rings)], None, NOW)
    verdict = verify(file_of(spoilt(proof=proof_with(WITNESSED))), reference, NOW)
    assert (verdict.result, verdict.findings[0].grade) == (Result.VALID, "bilateral")
    assert "witness_key_retired" in {check.code for check in verdict.checks}


def test_a_history_serves_as_well():
    """A gateway checks with its own admitted versions; that is an anchored basis."""
    history = History.begin(FILE_1, ONE.digest, NOW)
    verdict = verify(file_of(ITEM), history, NOW)
    assert verdict.result is Result.VALID
    assert verdict.basis[0].anchored


# --- strength of the form ---

BY_COUNT = {1: REFERENCE, 2: Reference.read([FILE_1, FILE_2], None, LATER)}
FLIPPED = [case for case in evidence_cases() + parts_cases() + fork_cases() if case.result == "valid"]


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_no_flipped_bit_is_ever_valid(data):
    """A valid evidence file or fork proof with any one bit changed is not valid."""
    case = data.draw(st.sampled_from(FLIPPED))
    at = data.draw(st.integers(0, len(case.content) * 8 - 1))
    raw = bytearray(case.content)
    raw[at // 8] ^= 1 << at % 8
    now = datetime.strptime(case.more["now"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    verdict = verify(bytes(raw), BY_COUNT[len(case.more["documents"])], now)
    assert verdict.result is not Result.VALID, (case.name, at)


def test_every_flipped_bit_of_one_file():
    """The same, without chance, for every bit of one file."""
    good = file_of(spoilt(proof=proof_with(BOTH)))
    for at in range(len(good) * 8):
        raw = bytearray(good)
        raw[at // 8] ^= 1 << at % 8
        assert answer(bytes(raw))[0] != "valid", at


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=300) | JSON.map(msgspec.json.encode))
def test_whatever_comes_is_read_or_refused_with_a_code(raw):
    """The parsers give a value or a coded error for any bytes, and there is a verdict for any bytes."""
    for decode in (evidence.decode, fork.decode):
        with pytest.raises(DarwazaError) as refused:
            decode(raw)
        assert refused.value.code
    assert verify(raw, REFERENCE, NOW).result is not Result.VALID


FIELDS = {
    "body": st.binary(max_size=8),
    "header": st.text(min_size=2, max_size=40) | st.just(ITEM.header),
    "proof": st.text(min_size=1, max_size=40) | st.just(ITEM.proof) | st.just("c2sp.org/tlog-proof@v1\nindex 1\n\n"),
    "role": st.sampled_from(["message", "related", "hop"]),
}


@given(st.lists(st.fixed_dictionaries({}, optional=FIELDS), min_size=1, max_size=3))
def test_well_formed_nonsense_gets_a_verdict(many):
    """Items of right form with anything in them never raise, and never pass for more than they are."""
    items = [msgspec.structs.replace(ITEM, **fields) for fields in many]
    raw = file_of(*items)
    verdict = verify(raw, REFERENCE, NOW)
    if verdict.result is Result.VALID:
        assert len(items) == 1
        assert (items[0].header, items[0].proof) == (ITEM.header, ITEM.proof)


def test_limits():
    """Too many items and too many bytes are refused, also when they are in good form."""
    related = msgspec.structs.replace(ITEM, role=RELATED)
    with pytest.raises(MalformedError, match="evidence"):
        evidence.decode(file_of(ITEM, *[related] * ITEMS_MAX))
    with pytest.raises(DarwazaError) as refused:
        evidence.decode(b" " * (EVIDENCE_BYTES_MAX + 1))
    assert refused.value.code == "evidence_too_large"
    assert answer(b" " * (EVIDENCE_BYTES_MAX + 1)) == ("invalid", "evidence_too_large")
    assert answer(b"[" * 100_000) == ("invalid", "evidence_malformed")


# --- the documents ---


def test_an_anchor_reaches_versions_before_and_after_it():
    """From one digest known by other means the chain is followed both ways."""
    for anchor in (ONE.digest, TWO.digest, THREE.digest):
        reference = Reference.read([FILE_3, FILE_1, FILE_2], anchor, LATER)
        assert [document.version for document in reference.documents] == [1, 2, 3]
        assert all(one.anchored for one in reference.basis(LATER))


REFUSED = [
    ("corridor_missing", [], None),
    ("anchor_differs", [FILE_1, FILE_2], THREE.digest),
    ("version_skipped", [FILE_1, FILE_3], ONE.digest),
    ("note_malformed", [b"no note"], None),
    ("signature_missing", [FILE_1, FILE_2.rpartition(b"\n\xe2\x80\x94 ")[0] + b"\n"], None),
]


@pytest.mark.parametrize(("code", "files", "anchor"), REFUSED, ids=[row[0] for row in REFUSED])
def test_documents_that_are_refused(code, files, anchor):
    """Documents that are not what they must be are refused with a code; nothing is judged by them."""
    with pytest.raises(DarwazaError) as refused:
        Reference.read(files, anchor, LATER)
    assert refused.value.code == code


def test_two_documents_of_one_version_are_a_fork():
    """Neither is preferred: the check is refused."""
    other = msgspec.structs.replace(TWO, created_at=TWO.created_at + timedelta(seconds=1))
    with pytest.raises(ConflictError) as refused:
        Reference.read([FILE_2, sign_document(other, ONE, RINGS)], None, LATER)
    assert refused.value.code == "corridor_fork"


def test_without_an_anchor_single_versions_serve():
    """A court may hold only the version it needs, and is told that it was taken as given."""
    reference = Reference.read([FILE_1, FILE_3], None, LATER)
    assert [document.version for document in reference.documents] == [1, 3]
    assert not any(one.anchored for one in reference.basis(LATER))
    assert answer(file_of(ITEM), reference, LATER)[0] == "valid"
    assert PK.card().keys.log != PK_2.card().keys.log
