"""The examination of an evidence file or a fork proof: offline, with the corridor documents alone.

The checks, in this order: ``file``, that its form is known and right; then, for an evidence file, those of each item
(``darwaza.kernel.exhibit``), and for a fork proof those of its two statements; last ``knowledge``, which notes how old
the documents are. ``darwaza.kernel.verdict`` says what follows from the checks.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from darwaza.errors import MessageError, SignatureError
from darwaza.kernel import evidence, fork
from darwaza.kernel.chain import OF_HOP, conclude
from darwaza.kernel.corridor import Corridor, State
from darwaza.kernel.encoding import to_base64
from darwaza.kernel.evidence import Evidence
from darwaza.kernel.exhibit import OF_MESSAGE, OF_RELATED, Check, Exhibit, Trail, signed_by
from darwaza.kernel.history import History, LaneKeys, keys_of
from darwaza.kernel.naming import Lane
from darwaza.kernel.note import Verifier
from darwaza.kernel.policy import ANY, PathPolicy
from darwaza.kernel.reference import INSTANT_FORMAT, Reference
from darwaza.kernel.verdict import Finding, Record, Verdict, counted, decide

FILE: Final = "file"


class _Format(msgspec.Struct):
    """The one field every file of ours has."""

    format: str


_format_of = msgspec.json.Decoder(_Format).decode


def verify(raw: bytes, reference: Reference | History, now: datetime, asked: PathPolicy = ANY) -> Verdict:
    """Examine an evidence file or a fork proof.

    Args:
        raw: the file.
        reference: the corridor documents to go by.
        now: the time, aware; only to say how old the knowledge is, and to find receipts from the future.
        asked: policy that the message's path is held against, besides that of the corridor.

    Returns:
        The verdict; whatever the bytes are, there is one.
    """
    known = Reference.of(reference) if isinstance(reference, History) else reference
    record = Record()
    findings: tuple[Finding, ...] = ()
    found = _format(raw, record)
    if found:
        findings = _examine(raw, found, known, now, record, asked)
    _knowledge(known, now, record)
    result, code = decide(record.checks)
    at = now.strftime(INSTANT_FORMAT)
    return Verdict(result, code, found, at, tuple(record.checks), findings, known.basis(now))


def _format(raw: bytes, record: Record) -> str:
    """What the file says it is; "" when it says nothing, which is then written down."""
    if len(raw) > evidence.EVIDENCE_BYTES_MAX:
        text = f"The file has {len(raw)} bytes; none of a known format has over {evidence.EVIDENCE_BYTES_MAX}."
        record.fails(FILE, FILE, "evidence_too_large", text)
        return ""
    try:
        # As text: from bytes, the decoder would pass over fields it does not look for even when they are no UTF-8.
        found = _format_of(raw.decode()).format
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = ""
    if not found:
        record.fails(FILE, FILE, "evidence_malformed", "This is not an evidence file, or it is damaged.")
    return found


def _examine(
    raw: bytes, found: str, known: Reference, now: datetime, record: Record, asked: PathPolicy
) -> tuple[Finding, ...]:
    try:
        if found == evidence.FORMAT:
            file = evidence.decode(raw)
            record.holds(FILE, FILE, f"The file is an evidence file with {counted(len(file.items), 'message')}.")
            return _examine_items(file, known, now, record, asked)
        if found == fork.FORMAT:
            statements = fork.statements(fork.decode(raw))
            record.holds(FILE, FILE, "The file is a fork proof: two signed statements about one log.")
            _examine_fork(statements, known, record)
            return ()
    except MessageError as fault:
        record.fails(FILE, FILE, fault.code, f"The file is not in the form its format asks for: {fault.detail}.")
        return ()
    record.unknown(FILE, FILE, "format_unknown", f"This program does not know the format {found[:64]!r}.")
    return ()


def _knowledge(known: Reference, now: datetime, record: Record) -> None:
    """Say how old the knowledge is."""
    latest = known.latest
    until = f"{latest.not_after:{INSTANT_FORMAT}}"
    text = (
        f"The newest corridor document given is version {latest.version} of {latest.name}, SHA-256 {latest.digest}, "
        f"in force from {latest.created_at:{INSTANT_FORMAT}} until {until}. "
    )
    trust = (
        "It was reached from a digest given for this check."
        if known.anchored
        else "It was taken as given: this answer is worth what that file is worth, so compare its digest."
    )
    state = latest.state_at(now)
    if state is State.IN_FORCE:
        record.noted(FILE, "knowledge", "document_in_force", text + trust)
    elif state is State.EXPIRED:
        days = (now - latest.not_after).days
        aged = f"It expired {counted(days, 'day')} before this check: later versions may exist. "
        record.noted(FILE, "knowledge", "document_expired", text + aged + trust)
    else:
        record.noted(FILE, "knowledge", "document_not_yet", text + "By this clock that is still to come. " + trust)


# --- evidence files ---


_CHECKS: Final[Mapping[str, tuple[Check, ...]]] = {
    evidence.MESSAGE: OF_MESSAGE,
    evidence.HOP: OF_HOP,
    evidence.RELATED: OF_RELATED,
}
"""What is checked of an item, in order, by its role."""


def _examine_items(
    file: Evidence, known: Reference, now: datetime, record: Record, asked: PathPolicy
) -> tuple[Finding, ...]:
    seen: dict[str, str] = {}
    trail = Trail()
    findings = []
    for number, item in enumerate(file.items):
        subject = item.role if number == 0 else f"{item.role} {number}"
        checks = _CHECKS.get(item.role)
        if checks is None:
            text = f"This program does not know what an item of the role {item.role!r} is."
            record.unknown(subject, "role", "role_unknown", text)
            continue
        one = Exhibit(item, subject, seen, known, now, record, trail)
        if all(check(one) for check in checks) and one.complete:
            findings.append(one.finding())
    if trail.document is not None and (len(trail.path) > 2 or trail.path_policy or asked != ANY):  # noqa: PLR2004
        conclude(trail, trail.document, asked, record)
    return tuple(findings)


# --- fork proofs ---


def _examine_fork(statements: Iterable[fork.Statement], known: Reference, record: Record) -> None:
    """Examine a fork proof. It is valid when it convicts.

    The checks, in this order: the log is one of the corridor; for each statement, the leaf is included and the author
    signed it; the two contradict each other.
    """
    held, given = statements
    origin = held.checkpoint.origin
    try:
        lane = Lane.parse(origin)
    except MessageError as fault:
        record.fails(FILE, "lane", fault.code, f"The log's origin line is none of a corridor: {fault.detail}.")
        return
    if lane.corridor != known.name:
        text = f"The documents given are of the corridor {known.name}, not of {lane.corridor}."
        record.unknown(FILE, "document", "corridor_unknown", text)
        return
    keys = [keys for document in known.documents if (keys := _keys_or_none(document, origin))]
    if not keys:
        record.unknown(FILE, "document", "origin_unknown", f"No document given knows the log {origin}.")
        return
    record.holds(FILE, "document", f"The log {origin} is one that {lane.author} writes for {lane.reader}.")
    for subject, statement in (("held", held), ("given", given)):
        if not _examine_statement(subject, statement, lane.author, keys, record):
            return
    if not held.contradicts(given):
        text = "Both statements can be true of one log: the file proves nothing against its author."
        record.fails(FILE, "contradiction", "contradiction_missing", text)
        return
    text = f"No log can be as both statements say. {lane.author} signed two histories of {origin}."
    record.holds(FILE, "contradiction", text)


def _keys_or_none(document: Corridor, origin: str) -> LaneKeys | None:
    try:
        return keys_of(document, origin)
    except SignatureError:
        return None


def _examine_statement(
    subject: str, statement: fork.Statement, author: str, keys: Sequence[LaneKeys], record: Record
) -> bool:
    """Examine one statement; the keys are those the author has in any of the documents."""
    if not statement.included():
        return record.fails(
            subject, "place", "inclusion_false", "The proof does not show that the log holds this leaf."
        )
    first = _signers(statement, [one.log for one in keys])
    second = _signers(statement, [one.log_mldsa44 for one in keys if one.log_mldsa44 is not None])
    if first is None or second is None:
        text = f"The signature given as that of {author} is false."
        return record.fails(subject, "origin", "signature_false", text)
    if not first:
        text = f"None of the keys that {author} has in the documents given signed this statement."
        return record.unknown(subject, "origin", "signature_missing", text)
    if len(statement.note.signatures) > len(first) + len(second):
        text = "Under the statement stands a signature that cannot be checked with these documents."
        return record.unknown(subject, "origin", "signature_unknown", text)
    point = statement.checkpoint
    what = f"with {counted(point.size, 'entry', 'entries')} and the root {to_base64(point.root)}"
    if statement.leaf is not None and statement.proof is not None:
        what += f", and in it at index {statement.proof.index} the leaf {statement.leaf.hex()}"
    key = to_base64(first[0].public.raw)
    return record.holds(subject, "origin", f"{author} signed its log {what}, with its log key {key} (Ed25519).")


def _signers(statement: fork.Statement, verifiers: Iterable[Verifier]) -> list[Verifier] | None:
    """Those of the keys that signed; None when a signature is false."""
    distinct = {verifier.key_id: verifier for verifier in verifiers}
    signed = {key_id: signed_by(statement.note, verifier) for key_id, verifier in distinct.items()}
    if False in signed.values():
        return None
    return [distinct[key_id] for key_id, one in signed.items() if one]
