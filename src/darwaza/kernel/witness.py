"""The pure part of a witness: reading an ``add-checkpoint`` request and judging it (C2SP tlog-witness v1.0.0).

A witness cosigns a log's checkpoint when it is consistent with the last one it cosigned. ``judge`` compares; storing
the new checkpoint durably *before* the cosignature leaves, and doing both for one log at a time, is the caller's duty:
else two requests at once could roll the witness back.

A checkpoint of the same size with another root, and one of size 0 that is not the empty tree's, get status 422, as the
specification has it since its pull request 280 (July 2026); before it was 409.

Example::

    request = parse_request(body)
    verdict = judge(held, request, verifiers_of(request.checkpoint.origin))
    if verdict.status is HTTPStatus.OK:
        ...  # store request.checkpoint, then answer format_cosignatures([cosigner.sign(...)])
"""

from collections.abc import Iterable, Sequence
from http import HTTPStatus

import msgspec

from darwaza.errors import InvariantError, MalformedError, SignatureError, TooLargeError
from darwaza.kernel.checkpoint import Checkpoint, parse_text
from darwaza.kernel.encoding import parse_base64, parse_decimal, to_base64
from darwaza.kernel.merkle import EMPTY_ROOT, HASH_BYTES, PROOF_HASHES_MAX, verify_consistency
from darwaza.kernel.note import (
    NOTE_BYTES_MAX,
    NOTE_SIGNATURES_MAX,
    Note,
    Signature,
    Verifier,
    format_note,
    parse,
    parse_signature,
    verified,
)

REQUEST_BYTES_MAX = NOTE_BYTES_MAX + 4096
"""Room for a note and the proof lines."""

SIZE_MEDIA_TYPE = "text/x.tlog.size"
"""Content type of the body that goes with status 409."""


class Request(msgspec.Struct, frozen=True):
    """What a log asks of a witness.

    Attributes:
        old_size: size of the checkpoint the log believes the witness cosigned last; 0 for none.
        proof: consistency proof from ``old_size`` to the checkpoint, 32 bytes a hash; empty when ``old_size`` is 0.
        checkpoint: the new one.
        note: the note it came in, with signatures not yet verified.
    """

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: Checkpoint
    note: Note


class Verdict(msgspec.Struct, frozen=True):
    """How to answer.

    Attributes:
        status: HTTP status; 200 means: store, then cosign.
        body: of the answer; for 200 the cosignatures the caller makes take its place.
        media_type: of the body, "" when there is none.
    """

    status: HTTPStatus
    body: bytes = b""
    media_type: str = ""


def _malformed(detail: str) -> MalformedError:
    return MalformedError(detail, code="request_malformed")


def format_request(old_size: int, proof: Iterable[bytes], note: Note) -> bytes:
    """Write the body of an ``add-checkpoint`` request."""
    lines = [f"old {old_size}", *map(to_base64, proof)]
    return ("\n".join(lines) + "\n\n").encode("ascii") + format_note(note)


def parse_request(raw: bytes) -> Request:
    """Read the body of an ``add-checkpoint`` request; what it raises is answered with status 400.

    Raises:
        TooLargeError: ``request_too_large``, over ``REQUEST_BYTES_MAX``; or see ``note.parse``.
        MalformedError: ``request_malformed``; or see ``note.parse`` and ``checkpoint.parse_text``.
    """
    if len(raw) > REQUEST_BYTES_MAX:
        raise TooLargeError(f"a request has at most {REQUEST_BYTES_MAX} bytes", code="request_too_large")
    head, blank, rest = raw.partition(b"\n\n")
    if not blank or not head.startswith(b"old ") or not head.isascii():
        raise _malformed("a request has an old size line, proof lines, a blank line and a checkpoint")
    old, *proof = head.decode("ascii").split("\n")
    if len(proof) > PROOF_HASHES_MAX:
        raise _malformed(f"a request has at most {PROOF_HASHES_MAX} proof lines")
    note = parse(rest)
    return Request(
        parse_decimal(old.removeprefix("old ")),
        tuple(parse_base64(line, HASH_BYTES) for line in proof),
        parse_text(note.text),
        note,
    )


def judge(held: Checkpoint | None, request: Request, verifiers: Sequence[Verifier]) -> Verdict:
    """Decide whether to cosign. The first failing check, in the order of the labels, names the status.

    Args:
        held: the checkpoint last cosigned for the request's origin, None if never.
        request: as parsed.
        verifiers: the trusted keys of the log with the request's origin; empty when the origin is unknown.

    Raises:
        InvariantError: ``held`` is of another log.
    """
    new = request.checkpoint
    if held is not None and held.origin != new.origin:
        raise InvariantError(f"a checkpoint of {held.origin} was held against one of {new.origin}")
    # 1. The origin is known.
    if not verifiers:
        return Verdict(HTTPStatus.NOT_FOUND)
    # 2. A trusted key signed, and no signature by a trusted key is false.
    try:
        verified(request.note, verifiers)
    except SignatureError:
        return Verdict(HTTPStatus.FORBIDDEN)
    # 3. The log does not ask to go back.
    if request.old_size > new.size:
        return Verdict(HTTPStatus.BAD_REQUEST)
    # 4. It starts from what this witness holds; otherwise it is told where to start.
    held_size = 0 if held is None else held.size
    if request.old_size != held_size:
        return Verdict(HTTPStatus.CONFLICT, b"%d\n" % held_size, SIZE_MEDIA_TYPE)
    # 5. An empty log has the empty tree's root.
    if new.size == 0 and new.root != EMPTY_ROOT:
        return Verdict(HTTPStatus.UNPROCESSABLE_ENTITY)
    # 6. The new tree continues the held one; every tree continues the empty one, without a proof.
    if held is None or held.size == 0:
        consistent = not request.proof
    elif new.size == held.size and not request.proof:
        # Nothing is to be proven: it is the same tree, or the log has signed two histories.
        return Verdict(HTTPStatus.OK if new.root == held.root else HTTPStatus.CONFLICT)
    else:
        consistent = verify_consistency(held.size, new.size, old_root=held.root, new_root=new.root, proof=request.proof)
    return Verdict(HTTPStatus.OK) if consistent else Verdict(HTTPStatus.UNPROCESSABLE_ENTITY)


def format_cosignatures(signatures: Iterable[Signature]) -> bytes:
    """Write the body of the answer with status 200."""
    return "".join(signature.line for signature in signatures).encode("utf-8")


def parse_cosignatures(raw: bytes) -> tuple[Signature, ...]:
    """Read the body of an answer with status 200; the signatures are not yet verified.

    Raises:
        TooLargeError: ``note_too_large``.
        MalformedError: ``request_malformed``, ``note_malformed`` or ``base64_wrong``.
    """
    if len(raw) > NOTE_BYTES_MAX:
        raise TooLargeError(f"an answer has at most {NOTE_BYTES_MAX} bytes", code="note_too_large")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed("the cosignatures are not UTF-8") from error
    if not text.endswith("\n"):
        raise _malformed("the cosignatures do not end in a newline")
    lines = text[:-1].split("\n")
    if len(lines) > NOTE_SIGNATURES_MAX:
        raise TooLargeError(f"an answer has at most {NOTE_SIGNATURES_MAX} lines", code="note_too_large")
    return tuple(map(parse_signature, lines))
