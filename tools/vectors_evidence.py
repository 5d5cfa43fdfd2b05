"""The test vectors of evidence files and fork proofs; written by ``tools.vectors_link``."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from tools.vectors_corridor import AF, ONE, PK, PK_2, TWO, UZ
from tools.vectors_stage import (
    BACK_LOG,
    BODY,
    BOTH,
    DAY,
    FORTH,
    FORTH_LOG,
    NOW,
    RECEIPT,
    RECEIVED_AT,
    SENT,
    WITNESSED,
    WITNESSED_AT,
    Case,
    Log,
    falsified,
    header,
    retimed,
)

from darwaza.kernel import evidence, fork
from darwaza.kernel.corridor import Corridor
from darwaza.kernel.evidence import MESSAGE, RELATED, DocumentRef, Evidence, Item
from darwaza.kernel.fork import ForkProof
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.message import Header, body_digest
from darwaza.kernel.naming import KeyRole, Lane
from darwaza.kernel.note import Note, Signer, format_note
from darwaza.kernel.proof import Proof, format_proof
from darwaza.testing.cast import Keyring

VERSION_1, VERSION_2 = "../corridor/version-1.note", "../corridor/version-2.note"
BOTH_VERSIONS = (VERSION_1, VERSION_2)


def _ref(document: Corridor, **changes: Any) -> DocumentRef:
    return msgspec.structs.replace(DocumentRef(document.digest, document.name, document.version), **changes)


def _item(log: Log, index: int, note: Note, **changes: Any) -> Item:
    fields: dict[str, Any] = {
        "body": BODY,
        "corridor": _ref(ONE),
        "header": log.entries[index].decode(),
        "proof": format_proof(log.proof(index, note)).decode(),
        "role": MESSAGE,
    }
    return Item(**(fields | changes))


def item_of(entry: Header | bytes, *, lane: Lane = FORTH, author: Keyring = PK, **changes: Any) -> Item:
    """An item for a header that stands at index 1 of a log of its own, acknowledged by UZ."""
    first = Log.of(lane, SENT[:1], author)
    raw = entry if isinstance(entry, bytes) else Log.of(lane, [entry], author).entries[0]
    log = Log(lane, [*first.entries, raw], author)
    return _item(log, 1, log.note(2, RECEIPT), **changes)


def file_of(*items: Item) -> bytes:
    """An evidence file of these items."""
    return evidence.encode(Evidence(evidence.FORMAT, items))


ITEM = _item(FORTH_LOG, 1, BOTH)
ANSWER = _item(BACK_LOG, 1, BACK_LOG.note(2, (PK, WITNESSED_AT)), role=RELATED)
GOOD = file_of(ITEM)


def case_of(
    result: str,
    name: str,
    code: str,
    about: str,
    content: bytes | Item,
    *,
    documents: Sequence[str] = (VERSION_1,),
    now: datetime = NOW,
) -> Case:
    """A vector of an evidence file, or of an item that stands alone in one."""
    raw = file_of(content) if isinstance(content, Item) else content
    more = {"code": code, "documents": list(documents), "now": now.strftime("%Y-%m-%dT%H:%M:%SZ")}
    return Case(f"{result.replace('_', '-')}-{name}.evidence.json", raw, result, about, more)


def evidence_cases() -> list[Case]:
    """All evidence files."""
    return [*_valid(), *_malformed(), *_invalid(), *_untellable()]


def _valid() -> list[Case]:
    def case(name: str, about: str, content: bytes | Item, **more: Any) -> Case:
        return case_of("valid", name, "", about, content, **more)

    rotated = Log.of(FORTH, SENT, PK_2)
    new = _item(rotated, 1, rotated.note(5, (UZ, TWO.created_at + DAY)), corridor=_ref(TWO))
    later = TWO.created_at + 2 * DAY
    empty = item_of(header(1, body_bytes=0, body_digest=body_digest(b"", "application/xml")), body=b"")
    alone = _item(FORTH_LOG, 0, FORTH_LOG.note(1, RECEIPT))
    return [
        case("bilateral", "Signed by PK and UZ.", ITEM),
        case("witnessed", "And co-signed by AF, as the quorum asks.", _item(FORTH_LOG, 1, WITNESSED)),
        case("body-withheld", "Without its body.", msgspec.structs.replace(ITEM, body=None)),
        case("body-empty", "With a body of no bytes.", empty),
        case("answered", "With the answer, from the other log.", file_of(ITEM, ANSWER)),
        case("last", "The last entry of a log that is no complete tree.", _item(FORTH_LOG, 4, BOTH)),
        case("genesis", "The only entry of a log: the proof has no hashes.", alone),
        case(
            "former-key", "Signed with a key that a later version replaced.", ITEM, documents=BOTH_VERSIONS, now=later
        ),
        case("new-key", "Signed with the key that replaced it.", new, documents=BOTH_VERSIONS, now=later),
        case("expired", "Checked when the document had expired.", ITEM, now=ONE.not_after + 40 * DAY),
    ]


def _malformed() -> list[Case]:
    def case(name: str, code: str, about: str, content: bytes) -> Case:
        return case_of("invalid", name, code, about, content)

    related = msgspec.structs.replace(ITEM, role=RELATED)
    null_body = file_of(msgspec.structs.replace(ITEM, body=None)).replace(b'"items":[{', b'"items":[{"body":null,')
    reordered = b'{"items":' + GOOD.partition(b'"items":')[2][:-1] + b',"format":"%b"}' % evidence.FORMAT.encode()
    return [
        case("not-json", "evidence_malformed", "Cut off at its end.", GOOD[:-1]),
        case("no-format", "evidence_malformed", "Says nowhere what it is.", b"{}"),
        case("field-unknown", "evidence_malformed", "A field that is not specified.", GOOD[:-1] + b',"more":1}'),
        case("no-items", "evidence_malformed", "No items.", file_of()),
        case("no-message", "evidence_malformed", "The first item is not the message.", file_of(related)),
        case("two-messages", "evidence_malformed", "Two items are the message.", file_of(ITEM, ITEM)),
        case(
            "body-no-base64", "evidence_malformed", "A body that is no base64.", GOOD.replace(b'"body":"', b'"body":"!')
        ),
        case("newline", "evidence_not_canonical", "A newline after the object.", GOOD + b"\n"),
        case("unordered", "evidence_not_canonical", "Fields in another order.", reordered),
        case("body-null", "evidence_not_canonical", "A body that is null.", null_body),
        case(
            "format-twice",
            "evidence_not_canonical",
            "A field that stands twice.",
            GOOD.replace(b"{", b'{"format":"%b",' % evidence.FORMAT.encode(), 1),
        ),
    ]


def _invalid() -> list[Case]:
    def case(name: str, code: str, about: str, content: bytes | Item) -> Case:
        return case_of("invalid", name, code, about, content)

    def with_proof(old: str, new: str) -> Item:
        return msgspec.structs.replace(ITEM, proof=ITEM.proof.replace(old, new, 1))

    def with_note(note: Note, index: int = 1) -> Item:
        return _item(FORTH_LOG, index, note)

    one_extra = format_proof(Proof(1, FORTH_LOG.proof(1, BOTH).hashes, BOTH, b"more")).decode()
    lane_9 = Lane(ONE.name, "PK", "UZ", 9)
    other_case = msgspec.structs.replace(_item(FORTH_LOG, 2, BOTH), role=RELATED)
    in_other_lane = item_of(header(1), lane=Lane(ONE.name, "PK", "UZ", 1), role=RELATED)
    spoilt_answer = msgspec.structs.replace(ANSWER, body=b"")
    spaced = FORTH_LOG.entries[1].replace(b'"blind":', b'"blind": ')
    return [
        case("header", "header_malformed", "A header in the log that is none.", item_of(b'{"version":1}')),
        case("header-space", "header_not_canonical", "A header in the log with a space.", item_of(spaced)),
        case("body", "body_differs", "Another body.", msgspec.structs.replace(ITEM, body=BODY + b" ")),
        case("proof-index", "proof_malformed", "A proof without its index.", with_proof("index 1\n", "")),
        case(
            "proof-extra", "proof_malformed", "A proof with extra data.", msgspec.structs.replace(ITEM, proof=one_extra)
        ),
        case("proof-number", "number_wrong", "An index with a leading zero.", with_proof("index 1", "index 01")),
        case("proof-hash", "base64_wrong", "A hash of the proof is cut.", with_proof("=\n", "\n")),
        case("note", "note_malformed", "A checkpoint with a control character.", with_proof("\n5\n", "\n5\t\n")),
        case("checkpoint", "checkpoint_malformed", "A checkpoint with a fourth line.", with_proof("\n5\n", "\n5\n\n")),
        case("inclusion-index", "inclusion_false", "Another index.", with_proof("index 1", "index 2")),
        case("inclusion-size", "inclusion_false", "Another size.", with_proof("\n5\n", "\n4\n")),
        case(
            "inclusion-header",
            "inclusion_false",
            "Another header.",
            msgspec.structs.replace(ITEM, header=FORTH_LOG.entries[2].decode()),
        ),
        case("origin-line", "origin_malformed", "An origin line that names no lane.", with_proof("PK-to-UZ", "PK-UZ")),
        case(
            "lane-sender", "lane_differs", "From a member whose log it is not.", item_of(header(1, origin="AF/customs"))
        ),
        case(
            "lane-recipient",
            "lane_differs",
            "For a member that does not read the log.",
            item_of(header(1, destination="AF/x")),
        ),
        case("lane-path", "lane_differs", "A path that ends elsewhere.", item_of(header(1, path=("PK", "UZ", "TJ")))),
        case(
            "lane-corridor",
            "lane_differs",
            "The log of another corridor than the item names.",
            msgspec.structs.replace(ITEM, corridor=_ref(ONE, name="darwaza.example/other")),
        ),
        case("case", "case_differs", "A related message of another case.", file_of(ITEM, other_case)),
        case(
            "repeated",
            "item_repeated",
            "The message again, from another lane.",
            file_of(item_of(header(1)), in_other_lane),
        ),
        case(
            "document",
            "document_differs",
            "Another digest for the document's version.",
            msgspec.structs.replace(ITEM, corridor=_ref(ONE, digest=TWO.digest)),
        ),
        case("origin-unknown", "origin_unknown", "A lane the document does not have.", item_of(header(1), lane=lane_9)),
        case("signature-author", "signature_false", "The author's signature is false.", with_note(falsified(BOTH, 0))),
        case(
            "signature-reader", "signature_false", "The reader's co-signature is false.", with_note(falsified(BOTH, 1))
        ),
        case("signature-time", "signature_false", "The reader's time was changed.", with_note(retimed(BOTH, 1))),
        case("signature-witness", "signature_false", "A witness's is false.", with_note(falsified(WITNESSED, 2))),
        case(
            "related",
            "body_differs",
            "The message is good, the answer's body is not its own.",
            file_of(ITEM, spoilt_answer),
        ),
        case(
            "outweighs",
            "body_differs",
            "Something is false, and the document is unknown.",
            msgspec.structs.replace(ITEM, body=b"", corridor=_ref(ONE, version=9)),
        ),
    ]


def _untellable() -> list[Case]:
    def case(name: str, code: str, about: str, content: bytes | Item, **more: Any) -> Case:
        return case_of("cannot_tell", name, code, about, content, **more)

    def received(at: datetime) -> Item:
        return _item(FORTH_LOG, 1, FORTH_LOG.note(5, (UZ, at)))

    later = TWO.created_at + 2 * DAY
    version_2 = FORTH_LOG.entries[1].replace(b'"version":1', b'"version":2')
    routed = header(1, destination="TJ/customs", path=("PK", "UZ", "TJ"))
    strange = msgspec.structs.replace(ANSWER, role="stamp")
    by_other_key = Log.of(FORTH, SENT, PK_2).note(5, RECEIPT)
    stranger = Signer(FORTH.origin, AF.signing_key(KeyRole.LOG)).sign(BOTH.text.encode())
    one_more = Note(BOTH.text, (*BOTH.signatures, stranger))
    return [
        case("format", "format_unknown", "A later format.", GOOD.replace(b"evidence/v1", b"evidence/v2")),
        case("role", "role_unknown", "An item of a role that is not specified.", file_of(ITEM, strange)),
        case("header-version", "header_version_unknown", "A header of a later version.", item_of(version_2)),
        case(
            "corridor",
            "corridor_unknown",
            "Another corridor.",
            item_of(
                header(1),
                lane=Lane("darwaza.example/other", "PK", "UZ", 0),
                corridor=_ref(ONE, name="darwaza.example/other"),
            ),
        ),
        case("version", "version_unknown", "The version is not given.", ITEM, documents=(VERSION_2,), now=later),
        case(
            "unsigned",
            "signature_missing",
            "The author's line is missing.",
            _item(FORTH_LOG, 1, Note(BOTH.text, BOTH.signatures[1:])),
        ),
        case(
            "other-key",
            "signature_missing",
            "Signed with a key that is not the author's yet.",
            _item(FORTH_LOG, 1, by_other_key),
        ),
        case("no-receipt", "receipt_missing", "Not yet acknowledged.", _item(FORTH_LOG, 1, FORTH_LOG.note(5))),
        case(
            "receipt-future",
            "receipt_in_future",
            "Acknowledged ten minutes from now.",
            received(NOW + timedelta(minutes=10)),
        ),
        case(
            "receipt-early",
            "receipt_before_document",
            "Acknowledged before the document.",
            received(ONE.created_at - DAY),
        ),
        case(
            "key-retired",
            "key_retired",
            "Acknowledged when the author's key had been replaced.",
            received(TWO.created_at + DAY),
            documents=BOTH_VERSIONS,
            now=later,
        ),
        case(
            "line-unknown",
            "signature_unknown",
            "A line that these documents cannot check.",
            _item(FORTH_LOG, 1, one_more),
        ),
        case("hops", "hops_missing", "Goes on to a third member.", item_of(routed)),
        case(
            "related",
            "receipt_missing",
            "The message is good, the answer is not acknowledged.",
            file_of(ITEM, _item(BACK_LOG, 1, BACK_LOG.note(2), role=RELATED)),
        ),
    ]


# --- fork proofs ---

OTHER_LOG = Log.of(FORTH, [SENT[0], header(7), *SENT[2:4]], PK)


def _leaf_proof(held: tuple[Log, int, Note], given: tuple[Log, int, Note], /, **changes: Any) -> bytes:
    texts = [format_proof(log.proof(index, note)).decode() for log, index, note in (held, given)]
    leaves = [leaf_hash(log.entries[index]).hex() for log, index, _ in (held, given)]
    proof = ForkProof(fork.FORMAT, texts[1], leaves[1], texts[0], leaves[0], FORTH.origin)
    return fork.encode(msgspec.structs.replace(proof, **changes))


def _root_proof(held: Note, given: Note) -> bytes:
    texts = [format_note(note).decode() for note in (held, given)]
    return fork.encode(ForkProof(fork.FORMAT, texts[1], "", texts[0], "", FORTH.origin))


def _fork_case(result: str, name: str, code: str, about: str, content: bytes, **more: Any) -> Case:
    case = case_of(result, name, code, about, content, **more)
    return case._replace(name=f"{result.replace('_', '-')}-{name}.fork.json")


def fork_cases() -> list[Case]:
    """All fork proofs."""
    held, given = FORTH_LOG.note(5), OTHER_LOG.note(4)
    one, other = (FORTH_LOG, 1, held), (OTHER_LOG, 1, given)
    good = _leaf_proof(one, other)
    rotated = Log.of(FORTH, [SENT[0], header(7)], PK_2)
    later = TWO.created_at + 2 * DAY
    elsewhere = "darwaza.example/other/PK-to-UZ/0"
    foreign = Log.of(Lane.parse(elsewhere), SENT, PK), Log.of(Lane.parse(elsewhere), [SENT[0], header(7)], PK)
    lane_9 = [Log.of(Lane(ONE.name, "PK", "UZ", 9), headers, PK) for headers in (SENT[:2], [SENT[0], header(7)])]

    def of_logs(logs: Sequence[Log]) -> bytes:
        held_log, given_log = logs
        origin = held_log.lane.origin
        return _leaf_proof((held_log, 1, held_log.note(2)), (given_log, 1, given_log.note(2)), origin=origin)

    def case(result: str, name: str, code: str, about: str, content: bytes, **more: Any) -> Case:
        return _fork_case(result, name, code, about, content, **more)

    return [
        case("valid", "leaves", "", "Two entries 1 of one log.", good),
        case("valid", "roots", "", "Two roots for one size.", _root_proof(FORTH_LOG.note(4), given)),
        case(
            "valid",
            "keys",
            "",
            "Signed with a former and a present key.",
            _leaf_proof(one, (rotated, 1, rotated.note(2))),
            documents=BOTH_VERSIONS,
            now=later,
        ),
        case("invalid", "not-json", "evidence_malformed", "Cut off at its end.", good[:-1]),
        case("invalid", "newline", "fork_proof_malformed", "A newline after the object.", good + b"\n"),
        case(
            "invalid",
            "leaf-upper",
            "fork_proof_malformed",
            "A leaf in upper case.",
            _leaf_proof(one, other, held_leaf=leaf_hash(FORTH_LOG.entries[1]).hex().upper()),
        ),
        case(
            "invalid",
            "mixed",
            "fork_proof_malformed",
            "A leaf and a root.",
            _leaf_proof(one, other, held=format_note(held).decode(), held_leaf=""),
        ),
        case(
            "invalid",
            "origin",
            "fork_proof_malformed",
            "Statements about another log.",
            _leaf_proof(one, other, origin=elsewhere),
        ),
        case(
            "invalid",
            "inclusion",
            "inclusion_false",
            "A leaf that the log does not hold.",
            _leaf_proof(one, other, given_leaf="00" * 32),
        ),
        case(
            "invalid",
            "signature",
            "signature_false",
            "A signature is false.",
            _leaf_proof(one, (OTHER_LOG, 1, falsified(given, 0))),
        ),
        case(
            "invalid",
            "same-leaf",
            "contradiction_missing",
            "Twice the same leaf.",
            _leaf_proof(one, (FORTH_LOG, 1, FORTH_LOG.note(3))),
        ),
        case(
            "invalid",
            "other-index",
            "contradiction_missing",
            "Leaves at two indexes.",
            _leaf_proof(one, (OTHER_LOG, 2, given)),
        ),
        case("invalid", "other-size", "contradiction_missing", "Roots for two sizes.", _root_proof(held, given)),
        case("cannot_tell", "corridor", "corridor_unknown", "A log of another corridor.", of_logs(foreign)),
        case("cannot_tell", "lane", "origin_unknown", "A lane the document does not have.", of_logs(lane_9)),
        case(
            "cannot_tell",
            "key",
            "signature_missing",
            "Signed with a key that the documents given do not have.",
            _leaf_proof(one, (rotated, 1, rotated.note(2))),
        ),
        case(
            "cannot_tell",
            "line-unknown",
            "signature_unknown",
            "A line of the reader too.",
            _leaf_proof((FORTH_LOG, 1, FORTH_LOG.note(5, (UZ, RECEIVED_AT))), other),
        ),
    ]
