"""The judge: whether a file is the version of the corridor document that follows the one before.

The checks run in this order, and the first that fails names the result. Nothing depends on who brings the file, or on
when, except that it must not come from the future: whoever holds the former version decides the same.

1. Form, see ``corridor.read``.
2. Chain: ``name_differs``, ``version_old``, ``version_skipped``, ``previous_differs``.
3. Validity: ``window_wrong``, ``created_before_previous``, ``created_in_future``.
4. Keys, see ``enrolment.admit_keys``: ``key_not_admitted``, ``key_reused``.
5. Authority, see ``amendment.check_authority``: ``nothing_changed``, ``vote_unknown``, ``vote_missing``,
   ``quorum_missing``, ``own_vote_missing``.
6. Signatures: ``signature_false`` for a line of a vote or of a new key that is not true, ``signature_missing`` for one
   that is not there. Lines by other keys are ignored; they can neither add to the document nor take from it.

A former version that has expired still admits the next, and an expired version is admitted too: whoever was away for
long catches up version by version. Expiry is a question to the document, ``Corridor.state_at``.
"""

from datetime import datetime, timedelta

from darwaza.errors import ConflictError, MalformedError, SignatureError, TransientError
from darwaza.kernel.amendment import check_authority, required_lines
from darwaza.kernel.corridor import Corridor, read
from darwaza.kernel.enrolment import admit_keys
from darwaza.kernel.note import Note, verified

LIFETIME_DAYS_MAX = 366
"""A year, leap day included."""

CLOCK_SKEW_S_MAX = 300
"""How far the clock of whoever wrote a document may be ahead of ours."""


def admit(raw: bytes, former: Corridor | None, now: datetime) -> Corridor:
    """Judge a document.

    Args:
        raw: the file.
        former: the version before, admitted; None when the file must be version 1. Version 1 proves only that its own
            keys agree on it: whether they are the members' must be known by other means.
        now: the time, aware.

    Returns:
        The admitted document.

    Raises:
        TooLargeError: step 1.
        MalformedError: step 1 or ``window_wrong``.
        ConflictError: step 2 or ``created_before_previous``.
        TransientError: ``created_in_future``; the same file may be admitted later.
        SignatureError: step 4, 5 or 6.
        MessageError: ``nothing_changed``.
    """
    document, note = read(raw)
    _check_chain(former, document)
    _check_window(former, document, now)
    admit_keys(document.members, "/members")
    check_authority(former, document)
    _check_signatures(former, document, note)
    return document


def _check_chain(former: Corridor | None, document: Corridor) -> None:
    number, digest = (0, None) if former is None else (former.version, former.digest)
    if former is not None and document.name != former.name:
        raise ConflictError("the document is that of another corridor", code="name_differs", pointer="/name")
    if document.version <= number:
        raise ConflictError(
            f"version {document.version} came after version {number}", code="version_old", pointer="/version"
        )
    if document.version != number + 1:
        raise ConflictError(
            f"version {document.version} came where version {number + 1} must",
            code="version_skipped",
            pointer="/version",
        )
    if document.previous != digest:
        raise ConflictError("the document follows another former version", code="previous_differs", pointer="/previous")


def _check_window(former: Corridor | None, document: Corridor, now: datetime) -> None:
    lifetime = document.not_after - document.created_at
    if not timedelta(0) < lifetime <= timedelta(days=LIFETIME_DAYS_MAX):
        raise MalformedError(
            f"a document lives for more than nothing and at most {LIFETIME_DAYS_MAX} days",
            code="window_wrong",
            pointer="/not_after",
        )
    if former is not None and document.created_at < former.created_at:
        raise ConflictError(
            "the document is older than its former version", code="created_before_previous", pointer="/created_at"
        )
    # Without this, one member alone could make a routine version that nothing may follow before some far day.
    if document.created_at - now > timedelta(seconds=CLOCK_SKEW_S_MAX):
        raise TransientError("the document is from the future", code="created_in_future")


def _check_signatures(former: Corridor | None, document: Corridor, note: Note) -> None:
    lines = required_lines(former, document)
    verifiers = [line.verifier() for line in lines]
    signed = set(verified(note, verifiers))
    for line, verifier in zip(lines, verifiers, strict=True):
        if verifier not in signed:
            raise SignatureError(f"{line.signer} did not sign", code="signature_missing")
