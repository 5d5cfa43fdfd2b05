"""Write the test vectors of the corridor document: ``spec/vectors/corridor`` and ``spec/corridor.schema.json``.

Run ``python -m tools.vectors_corridor`` from the top of the repository. Keys come from seeds, so every run writes the
same bytes. ML-DSA-44 signatures are hedged, no two the same: one that is on disk and still true is kept.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from darwaza.kernel.amendment import propose, required_lines
from darwaza.kernel.corridor import Corridor, Link, Terms
from darwaza.kernel.encoding import to_base64
from darwaza.kernel.naming import SIGNING_ROLES, KeyRole
from darwaza.kernel.note import Note, format_note, parse, signed, verified
from darwaza.testing.cast import CREATED_AT, LIFETIME, Keyring, corridor_of, sign_document, signers_of

SPEC = Path(__file__).parents[1] / "spec"
VECTORS = SPEC / "vectors" / "corridor"
SCHEMA = SPEC / "corridor.schema.json"

NOW = CREATED_AT + timedelta(days=90)
"""When the vectors are judged."""

AF, PK, UZ, TJ = (Keyring(code) for code in ("AF", "PK", "UZ", "TJ"))
PK_2 = PK.rotated("log").rotated("seal")
UZ_3 = Keyring("UZ", post_quantum=True)
RINGS = (AF, PK, PK_2, UZ, UZ_3, TJ)

ONE = corridor_of([AF, PK, UZ])
TWO = propose(ONE, created_at=CREATED_AT + timedelta(days=30), votes=["PK"], cards=[PK_2.card()])
THREE = propose(
    TWO,
    created_at=CREATED_AT + timedelta(days=60),
    not_after=CREATED_AT + timedelta(days=60) + LIFETIME,
    votes=["AF", "UZ"],
    cards=[TJ.card(), UZ_3.card()],
    quorum=3,
    links=(*TWO.links, Link.between("TJ", "UZ", lanes=4)),
    classes=(TWO.classes[0], Terms("money", "", 600)),
)
CHAIN = {"version-1.note": (None, ONE), "version-2.note": (ONE, TWO), "version-3.note": (TWO, THREE)}


def _third(**changes: Any) -> Corridor:
    """A third version that would be admitted if it were not for ``changes``, unchecked."""
    good = propose(TWO, created_at=CREATED_AT + timedelta(days=60), votes=["AF", "PK"], quorum=3)
    return msgspec.structs.replace(good, **changes)


def _weak(document: Corridor) -> Corridor:
    """Give the first member a witness key of low order."""
    return _with_key(document, 0, "witness", (1).to_bytes(32, "little"))


def _with_key(document: Corridor, index: int, role: str, raw: bytes) -> Corridor:
    card = document.members[index]
    card = msgspec.structs.replace(card, keys=msgspec.structs.replace(card.keys, **{role: raw}))
    members = (*document.members[:index], card, *document.members[index + 1 :])
    return msgspec.structs.replace(document, members=members)


def _stripped(note: Note) -> Note:
    return msgspec.structs.replace(note, signatures=note.signatures[1:])


def _falsified(note: Note) -> Note:
    first, second, *rest = note.signatures
    return msgspec.structs.replace(note, signatures=(msgspec.structs.replace(first, value=second.value), second, *rest))


def _as_is(note: Note) -> Note:
    return note


# Documents in place of version 3, each named by the code it gets, with what is done to the note after signing.
REFUSED: dict[str, tuple[Corridor, Callable[[Note], Note]]] = {
    "quorum_wrong": (_third(quorum=1), _as_is),
    "link_wrong": (_third(links=(Link.between("PK", "ZZ"),)), _as_is),
    "name_differs": (_third(name="darwaza.example/other"), _as_is),
    "version_old": (_third(version=2), _as_is),
    "version_skipped": (_third(version=4), _as_is),
    "previous_differs": (_third(previous=ONE.digest), _as_is),
    "window_wrong": (_third(not_after=CREATED_AT + timedelta(days=427)), _as_is),
    "created_before_previous": (_third(created_at=CREATED_AT + timedelta(days=29)), _as_is),
    "created_in_future": (_third(created_at=NOW + timedelta(seconds=301)), _as_is),
    "key_not_admitted": (_weak(_third()), _as_is),
    "key_reused": (_with_key(_third(), 2, "log", AF.card().keys.log), _as_is),
    "nothing_changed": (_third(quorum=2), _as_is),
    "vote_unknown": (_third(votes=("AF", "TJ")), _as_is),
    "quorum_missing": (_third(votes=("AF",)), _as_is),
    "own_vote_missing": (_third(members=(AF.card(), PK_2.card(), UZ.rotated("witness").card())), _as_is),
    "signature_false": (_third(), _falsified),
    "signature_missing": (_third(), _stripped),
}


def generate(folder: Path) -> dict[str, bytes]:
    """Make all vectors.

    Args:
        folder: where former ones stand, for the ML-DSA-44 signatures to keep.

    Returns:
        Content by file name.
    """
    files, cases = {}, []
    for name, (former, document) in CHAIN.items():
        note = parse(sign_document(document, former, RINGS))
        files[name] = format_note(_with_kept_lines(note, former, document, folder / name))
        cases.append({"file": name, "former": _file_of(former), "result": "admitted", "digest": document.digest})
    for code, (document, spoil) in REFUSED.items():
        name = f"refused-{code}.note"
        # Nobody can sign for a voter that does not exist.
        signable = msgspec.structs.replace(document, votes=tuple(vote for vote in document.votes if vote in TWO.codes))
        note = signed(document.text, *signers_of(required_lines(TWO, signable), RINGS))
        files[name] = format_note(spoil(note))
        cases.append({"file": name, "former": _file_of(TWO), "result": code})
    files["cases.json"] = _json({"now": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"), "cases": cases})
    files["seeds.json"] = _json(_seeds())
    return files


def schema() -> bytes:
    """Make the JSON Schema of the document: shapes, types and limits of fields, nothing that joins two of them."""
    return _json(msgspec.json.schema(Corridor))


def _with_kept_lines(note: Note, former: Corridor | None, document: Corridor, path: Path) -> Note:
    if not path.exists():
        return note
    hedged = [line.verifier() for line in required_lines(former, document) if line.signer.role is KeyRole.LOG_MLDSA44]
    kept = parse(path.read_bytes())
    if not hedged or kept.text != note.text:
        return note
    verified(kept, hedged)
    by_key = {(line.name, line.key_id): line for line in kept.signatures}
    names = {verifier.name for verifier in hedged}
    lines = tuple(by_key[line.name, line.key_id] if line.name in names else line for line in note.signatures)
    return Note(note.text, lines)


def _file_of(document: Corridor | None) -> str | None:
    return next((name for name, (_, made) in CHAIN.items() if made is document), None)


def _seeds() -> dict[str, str]:
    """The seeds of all keys, hexadecimal, by the key's public half in base64."""
    return {
        to_base64(ring.signing_key(role).public.raw): ring.seed(role).hex()
        for ring in RINGS
        for role in SIGNING_ROLES
        if role is not KeyRole.LOG_MLDSA44 or ring.post_quantum
    }


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")


def main() -> None:
    """Write all files, and remove vectors that are no longer made."""
    files = generate(VECTORS)
    VECTORS.mkdir(parents=True, exist_ok=True)
    for stale in {path.name for path in VECTORS.iterdir()} - files.keys():
        (VECTORS / stale).unlink()
    for name, content in files.items():
        (VECTORS / name).write_bytes(content)
    SCHEMA.write_bytes(schema())


if __name__ == "__main__":
    main()
