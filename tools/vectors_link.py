"""Write the test vectors of messages, links and evidence: ``spec/vectors/header``, ``batch``, ``checkpoint``, ….

Run ``python -m tools.vectors_link`` from the top of the repository. Keys and random values come from seeds and no
ML-DSA-44 key signs, so every run writes the same bytes. Each folder has a ``cases.json`` for programs and a
``README.md`` for people, with one line for each file.
"""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from tools.vectors_corridor import AF, ONE, PK, UZ
from tools.vectors_evidence import evidence_cases, fork_cases
from tools.vectors_parts import parts_cases
from tools.vectors_route import CORRIDOR, corridor_note, route_cases
from tools.vectors_stage import (
    BACK_LOG,
    BODY,
    BOTH,
    FORTH,
    FORTH_LOG,
    OFFER,
    SENT,
    SENT_AT,
    TAKEN,
    WITNESSED,
    WITNESSED_AT,
    Case,
    Log,
    falsified,
    header,
    retimed,
)

from darwaza.kernel import batch, carrier, instant
from darwaza.kernel.evidence import Evidence
from darwaza.kernel.fork import ForkProof
from darwaza.kernel.message import Header, body_digest, encode_header
from darwaza.kernel.naming import KeyRole, Lane
from darwaza.kernel.note import Note, Signer, format_note
from darwaza.kernel.request import authorize
from darwaza.testing.cast import Keyring

FOLDER = Path(__file__).parents[1] / "spec" / "vectors"


# --- headers ---


def _headers() -> list[Case]:
    good = encode_header(OFFER)
    value = msgspec.json.decode(good)

    def bad(name: str, code: str, about: str, raw: bytes) -> Case:
        return Case(f"bad-{name}.json", raw, code, about)

    def changed(name: str, about: str, **changes: Any) -> Case:
        fields = dict(sorted((value | changes).items()))
        return bad(name, "header_malformed", about, msgspec.json.encode(fields))

    routed = header(3, path=("PK", "UZ", "TJ"), destination="TJ/customs")
    asked = header(3, path=("PK", "UZ", "TJ"), path_policy="avoid AF; hops 3", destination="TJ/customs")
    without = msgspec.json.encode({name: one for name, one in value.items() if name != "blind"})
    return [
        Case("good-full.json", good, "good", "A consignment and an expiry."),
        Case("good-minimal.json", encode_header(header(2)), "good", "Only what every header has."),
        Case("good-answer.json", encode_header(TAKEN), "good", "Names the message that caused it."),
        Case("good-follows.json", encode_header(header(3, follows=OFFER.id)), "good", "Follows another of its case."),
        Case("good-routed.json", encode_header(routed), "good", "Travels over a third member."),
        Case("good-path-policy.json", encode_header(asked), "good", "Its sender wants a member avoided."),
        Case(
            "good-empty-body.json",
            encode_header(header(4, body_bytes=0, body_digest=body_digest(b"", "application/xml"))),
            "good",
            "A body of no bytes.",
        ),
        bad("field-missing", "header_malformed", "`blind` is not there.", without),
        changed("field-unknown", "A field that is not specified.", priority="high"),
        changed("version-2", "A version that is not specified.", version=2),
        changed("blind-short", "`blind` has 31 digits.", blind=OFFER.blind[:-1]),
        changed("blind-upper", "`blind` has upper-case digits.", blind=OFFER.blind.upper()),
        changed("body-bytes-negative", "A negative length.", body_bytes=-1),
        changed("body-bytes-too-large", "A body over the limit.", body_bytes=1_048_577),
        changed("body-bytes-fraction", "A length that is no integer.", body_bytes=1.5),
        changed("body-digest-upper", "A digest in upper case.", body_digest=OFFER.body_digest.upper()),
        changed("id-no-uuid", "`id` without hyphens.", id=OFFER.id.replace("-", "")),
        changed("instant-seconds", "An instant without milliseconds.", created_at="2026-12-21T00:00:00Z"),
        changed("instant-zone", "An instant with an offset.", created_at="2026-12-21T00:00:00.00+05"),
        changed("instant-month-13", "An instant that no calendar has.", created_at="2026-13-01T00:00:00.000Z"),
        changed("instant-leap-second", "Second 60.", expires_at="2026-12-31T23:59:60.000Z"),
        changed("origin-lower", "A member's code in lower case.", origin="pk/fbr"),
        changed("destination-no-party", "An address without a party.", destination="UZ"),
        changed("destination-dot-end", "A party's name that ends with a dot.", destination="UZ/customs."),
        changed("kind-no-dot", "A kind without its service.", kind="offer"),
        changed("media-type-no-slash", "A media type of one part.", media_type="xml"),
        changed("follows-no-uuid", "`follows` with a digit too many.", follows=OFFER.id + "0"),
        changed("ucr-empty", "An empty consignment reference.", ucr=""),
        changed("ucr-space", "A consignment reference with a space.", ucr="26PK 7"),
        changed("ucr-36", "A consignment reference of 36 characters.", ucr="7" * 36),
        changed("path-policy-empty", "A path policy that says nothing.", path_policy=""),
        changed("path-policy-513", "A path policy of 513 characters.", path_policy="avoid " + "AF " * 168 + "AFG"),
        changed("path-policy-lines", "A path policy of two lines.", path_policy="avoid AF\nhops 3"),
        changed("path-one", "A path of one member.", path=["PK"]),
        changed("path-17", "A path of 17 members.", path=[f"A{at}" for at in range(17)]),
        bad("not-an-object", "header_malformed", "An array.", b"[" + good + b"]"),
        bad("not-json", "header_malformed", "Cut off at its end.", good[:-1]),
        bad("not-utf8", "header_malformed", "A byte that is no UTF-8.", good.replace(b"26PK", b"26P\xff")),
        bad(
            "unordered",
            "header_not_canonical",
            "Fields in another order.",
            msgspec.json.encode(dict(reversed(value.items()))),
        ),
        bad("white-space", "header_not_canonical", "A space after a colon.", good.replace(b'"blind":', b'"blind": ')),
        bad("newline-at-end", "header_not_canonical", "A newline after the object.", good + b"\n"),
        bad("escape", "header_not_canonical", "A letter as an escape.", good.replace(b"PK/fbr", b"PK/f\\u0062r")),
        bad(
            "field-twice",
            "header_not_canonical",
            "The same field twice.",
            good.replace(b'"version":1', b'"version":1,"version":1'),
        ),
        bad(
            "field-null",
            "header_not_canonical",
            "An optional field that is null.",
            good.replace(b',"created_at"', b',"cause_id":null,"created_at"'),
        ),
        bad("too-large", "header_too_large", "4097 bytes.", good + b" " * (4_097 - len(good))),
    ]


# --- batches ---


def _batches() -> list[Case]:
    bodies = [(entry, BODY) for entry in FORTH_LOG.entries]
    origin = FORTH.origin

    def made(
        start: int, end: int, note: Note | None = None, entries: Sequence[tuple[bytes, bytes]] | None = None
    ) -> bytes:
        signed = FORTH_LOG.note(end) if note is None else note
        return batch.encode(origin, start, format_note(signed), entries or bodies[start:end])

    first, second = made(0, 2), made(2, 5)
    other = Log.of(FORTH, [SENT[0], header(7)], PK)
    forked = [(entry, BODY) for entry in other.entries]
    wrong_author = Log.of(FORTH, SENT, AF).note(5)
    unknown_lines = Note(BOTH.text, BOTH.signatures[1:])
    foreign = Log.of(Lane(ONE.name, "UZ", "PK", 0), SENT, UZ)

    def case(name: str, raw: bytes, result: str, about: str, *, after: bool = True, **more: Any) -> Case:
        return Case(f"{name}.batch", raw, result, about, {"after": ["good-first.batch"] if after else [], **more})

    return [
        case("good-first", first, "fresh", "The first two entries of a log.", after=False, size=2),
        case("good-second", second, "fresh", "Three further entries.", size=5),
        case("good-overlap", made(1, 5), "fresh", "Three further entries and one that is held.", size=5),
        case("good-repeat", first, "repeat", "What is held already.", size=2),
        case("good-repeat-inner", made(1, 2), "repeat", "A part of what is held already.", size=2),
        case("gap", made(3, 5), "gap", "Starts past what is held.", expected=2),
        case("fork", made(0, 2, other.note(2), forked), "fork", "Another entry 1, also signed by the author."),
        case("bad-root", made(2, 5, entries=bodies[1:4]), "root_wrong", "Entries that lead to another root."),
        case("bad-order", made(2, 5, entries=bodies[4:1:-1]), "root_wrong", "Entries in another order."),
        case("bad-size", made(2, 4, FORTH_LOG.note(5)), "batch_size_wrong", "A checkpoint of another size."),
        case("bad-origin", made(2, 5, foreign.note(5)), "origin_wrong", "A checkpoint of another log."),
        case(
            "bad-signature",
            made(2, 5, falsified(FORTH_LOG.note(5), 0)),
            "signature_false",
            "The author's line is false.",
        ),
        case("bad-author", made(2, 5, wrong_author), "signature_missing", "Signed with another member's key."),
        case("bad-unsigned", made(2, 5, unknown_lines), "signature_missing", "Only a co-signature."),
        case(
            "bad-checkpoint",
            batch.encode(origin, 2, b"no note", bodies[2:5]),
            "note_malformed",
            "A checkpoint that is no signed note.",
        ),
        case("bad-version", b"\x95\x02" + second[2:], "batch_malformed", "A version that is not specified."),
        case("bad-empty", batch.encode(origin, 2, b"no note", []), "batch_malformed", "No entries."),
        case("bad-cut", second[:-1], "batch_malformed", "Cut off at its end."),
        case("bad-longer", second + b"\x00", "batch_malformed", "A byte after its end."),
        case("bad-six-elements", b"\x96" + second[1:] + b"\xc0", "batch_malformed", "An element too many."),
    ]


# --- checkpoints ---


def _checkpoints() -> list[Case]:
    good = format_note(WITNESSED)
    text, lines = BOTH.text, BOTH.signatures
    one, size, root, _ = text.split("\n")

    def raw(name: str, content: bytes, result: str, about: str) -> Case:
        return Case(f"{name}.note", content, result, about)

    def signed(name: str, changed: str, result: str, about: str) -> Case:
        key = PK.signing_key(KeyRole.LOG)
        line = Signer(FORTH.origin, key).sign(changed.encode())
        return raw(name, format_note(Note(changed, (line,))), result, about)

    return [
        raw("good-signed", format_note(FORTH_LOG.note(5)), "good", "Signed by the author alone."),
        raw("good-cosigned", format_note(BOTH), "good", "And co-signed by the reader: acknowledged."),
        raw("good-witnessed", good, "good", "And co-signed by a witness."),
        raw("good-empty", format_note(FORTH_LOG.note(0)), "good", "A log without entries."),
        signed("bad-extension", text + "more\n", "checkpoint_malformed", "A fourth line."),
        signed("bad-origin-empty", f"\n{size}\n{root}\n", "checkpoint_malformed", "An empty origin line."),
        signed("bad-size-zero", f"{one}\n05\n{root}\n", "number_wrong", "A size with a leading zero."),
        signed("bad-size-large", f"{one}\n{1 << 63}\n{root}\n", "number_wrong", "A size of 2^63."),
        signed("bad-root-short", f"{one}\n{size}\n{root[:-4]}\n", "base64_wrong", "A root of too few characters."),
        signed("bad-origin", text.replace("/0\n", "/1\n"), "origin_wrong", "Another lane."),
        raw("bad-no-lines", text.encode(), "note_malformed", "No signatures."),
        raw("bad-crlf", good.replace(b"\n", b"\r\n"), "note_malformed", "Windows line ends."),
        raw("bad-signature", format_note(falsified(BOTH, 0)), "signature_false", "The author's line is false."),
        raw("bad-cosignature", format_note(falsified(BOTH, 1)), "signature_false", "The reader's line is false."),
        raw("bad-time", format_note(retimed(BOTH, 1)), "signature_false", "The reader's time was changed."),
        raw("bad-unsigned", format_note(Note(text, lines[1:])), "signature_missing", "The author's line is missing."),
    ]


# --- signed requests and carrier files ---


def _requests() -> list[Case]:
    target = "/link/v1/leaves?origin=darwaza.example%2Fcarec%2FPK-to-UZ%2F0&start=17"
    sent_s = instant.to_seconds(SENT_AT)

    def authorization(member: str, ring: Keyring) -> str:
        return authorize("GET", target, SENT_AT, corridor=ONE.name, member=member, key=ring.signing_key(KeyRole.LOG))

    good = authorization("PK", PK)

    def case(name: str, result: str, about: str, value: str = good, **changes: Any) -> Case:
        more = {"method": "GET", "target": target, "now_s": sent_s} | changes
        return Case(f"{name}.txt", value.encode(), result, about, more)

    return [
        case("good", "good", "Signed by PK for this request at this second."),
        case("good-late", "good", "300 seconds later.", now_s=sent_s + 300),
        case("good-early", "good", "300 seconds before.", now_s=sent_s - 300),
        case("bad-late", "request_stale", "301 seconds later.", now_s=sent_s + 301),
        case("bad-early", "request_stale", "301 seconds before.", now_s=sent_s - 301),
        case("bad-method", "request_unsigned", "For another method.", method="POST"),
        case("bad-target", "request_unsigned", "For another index.", target=target.replace("17", "18")),
        case("bad-key", "request_unsigned", "With another member's key.", authorization("PK", UZ)),
        case("bad-member", "request_unsigned", "By another member.", authorization("UZ", UZ)),
        case("bad-scheme", "request_unsigned", "Another scheme.", good.replace("Darwaza ", "Bearer ")),
        case("bad-base64", "request_unsigned", "No base64.", good[:-2] + "!!"),
        case("bad-note", "request_unsigned", "No signed note.", "Darwaza bm8gbm90ZQ=="),
    ]


def _carriers() -> list[Case]:
    file = io.BytesIO()
    carrier.write(file, carrier.Head(ONE.name, "PK", "UZ", instant.to_text(SENT_AT)))
    head = file.getvalue()
    first = batch.encode(
        FORTH.origin, 0, format_note(FORTH_LOG.note(2)), [(one, BODY) for one in FORTH_LOG.entries[:2]]
    )
    carrier.write(file, carrier.Item(carrier.BATCH, first))
    carrier.write(file, carrier.Item(carrier.NOTE, format_note(BACK_LOG.note(2, (PK, WITNESSED_AT)))))
    good = file.getvalue()

    def case(name: str, raw: bytes, result: str, about: str, *items: str) -> Case:
        return Case(f"{name}.carrier", raw, result, about, {"items": list(items)})

    def longer(piece: bytes) -> bytes:
        return good + len(piece).to_bytes(4, "big") + piece

    return [
        case("good", good, "good", "A batch of PK's log and a receipt for UZ's.", "batch", "note"),
        case("good-empty", head, "good", "A head and nothing else."),
        case("bad-magic", good[1:], "carrier_malformed", "Does not begin as it must."),
        case("bad-no-head", carrier.MAGIC, "carrier_malformed", "Ends before its head."),
        case("bad-head", carrier.MAGIC + b"\x00\x00\x00\x01\x90", "carrier_malformed", "A head without fields."),
        case("bad-cut", good[:-1], "carrier_malformed", "Cut off in its second item.", "batch"),
        case("bad-cut-length", good + b"\x00\x00", "carrier_malformed", "Cut off in a length.", "batch", "note"),
        case("bad-item", longer(b"\x90"), "carrier_malformed", "An item without fields.", "batch", "note"),
        case("bad-length", good + b"\xff" * 4, "carrier_item_too_large", "A length over the limit.", "batch", "note"),
    ]


# --- writing ---

_BY_KEYS = "judged by the keys of `../corridor/version-1.note`"
_POLICY = "The path is held against `policy` besides that of the corridor."
_CHECKED = "checked at `now` with the corridor documents in `documents`, without an anchor. `result` is the answer."

FOLDERS = {
    "header": (_headers, "Headers, for spec/message.md. `result` is `good` or the code of the refusal."),
    "batch": (
        _batches,
        f"Batches of one log, for spec/link.md, {_BY_KEYS}. `after` names what the reader took before.",
    ),
    "checkpoint": (_checkpoints, f"Checkpoints, for spec/link.md, {_BY_KEYS} as of the log `{FORTH.origin}`."),
    "request": (_requests, f"Authorization headers of signed requests, for spec/link.md, {_BY_KEYS} as of PK."),
    "carrier": (_carriers, "Carrier files, for spec/link.md. `items` are the kinds of those that can be read."),
    "evidence": (lambda: evidence_cases() + parts_cases(), f"Evidence files, for spec/evidence.md, {_CHECKED}"),
    "route": (
        route_cases,
        f"Evidence files of routed messages, for spec/evidence.md and spec/routing.md, {_CHECKED} {_POLICY}",
    ),
    "fork": (fork_cases, f"Fork proofs, for spec/evidence.md, {_CHECKED}"),
}
"""What makes the vectors of each folder, and the first line of its README.md."""


def generate() -> dict[str, bytes]:
    """Make all vectors; content by path below ``spec/vectors``."""
    files = {f"route/{CORRIDOR}": corridor_note()}
    for name, (make, about) in FOLDERS.items():
        cases = make()
        entries = [{"file": case.name, "result": case.result, **case.more} for case in cases]
        text = json.dumps(entries, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        lines = [f"| `{case.name}` | {_outcome(case)} | {case.about} |" for case in cases]
        table = "\n".join(("| file | result | what it is |", "|---|---|---|", *lines))
        files |= {f"{name}/{case.name}": case.content for case in cases}
        files[f"{name}/cases.json"] = text.encode()
        files[f"{name}/README.md"] = f"{about}\n\n{table}\n".encode()
    return files


def _outcome(case: Case) -> str:
    code = case.more.get("code", "")
    return f"`{case.result}` `{code}`" if code else f"`{case.result}`"


def schemas() -> dict[str, bytes]:
    """Make the JSON Schemas of the forms: shapes, types and limits of fields; content by name below ``spec``."""
    return {
        f"{name}.schema.json": (json.dumps(msgspec.json.schema(shape), indent=1, sort_keys=True) + "\n").encode()
        for name, shape in {"message": Header, "evidence": Evidence, "fork": ForkProof}.items()
    }


def main() -> None:
    """Write all files, and remove vectors that are no longer made."""
    files = generate()
    for name in FOLDERS:
        (FOLDER / name).mkdir(parents=True, exist_ok=True)
        for path in (FOLDER / name).iterdir():
            if f"{name}/{path.name}" not in files:
                path.unlink()
    for name, content in files.items():
        (FOLDER / name).write_bytes(content)
    for name, content in schemas().items():
        (FOLDER.parent / name).write_bytes(content)


if __name__ == "__main__":
    main()
