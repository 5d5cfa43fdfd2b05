"""The test vectors of evidence of routed messages: proofs of path, and path policies judged from them.

A message from PK to UZ over AF and TJ, in a corridor whose classes have policies that allow and forbid that way.
Written by ``tools.vectors_link``.
"""

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec.structs import replace
from tools.vectors_corridor import AF, PK, TJ, UZ
from tools.vectors_stage import BODY, NOW, SENT_AT, Case, Log, falsified, genesis, header

from darwaza.kernel import evidence
from darwaza.kernel.corridor import Link, Terms
from darwaza.kernel.evidence import HOP, MESSAGE, DocumentRef, Evidence, Item
from darwaza.kernel.letter import LETTER_OVERHEAD_BYTES
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.message import GATEWAY_PARTY, Header, body_digest
from darwaza.kernel.naming import Lane
from darwaza.kernel.note import Note
from darwaza.kernel.parts import PARTS_MEDIA_TYPE
from darwaza.kernel.proof import format_proof
from darwaza.kernel.seal import Binding
from darwaza.kernel.trail import RELAY_KIND, RELAY_MEDIA_TYPE
from darwaza.testing.cast import CREATED_AT, corridor_of, sign_document

DEADLINE_S = 86_400
POLICIES = {
    "avoiding": "avoid KZ TJ",
    "default": "# anywhere, but not far\nhops 3",
    "documents": "only AF TJ; hops 3; latency 1ms; prefer latency 1",
    "free": "",
    "narrow": "only AF CN",
    "ordered": "through TJ AF",
    "short": "hops 2",
    "torn": "avoid",
}
"""The corridor's policy of each class; the last one cannot be read."""
DOCUMENT = corridor_of(
    [AF, PK, TJ, UZ],
    created_at=CREATED_AT,
    links=tuple(Link.between(*ends) for ends in (("AF", "PK"), ("AF", "TJ"), ("AF", "UZ"), ("TJ", "UZ"))),
    classes=tuple(Terms(name, text, DEADLINE_S) for name, text in POLICIES.items()),
)
CORRIDOR = "corridor.note"
RINGS = {ring.code: ring for ring in (AF, PK, TJ, UZ)}
LONG, SHORT = ("PK", "AF", "TJ", "UZ"), ("PK", "AF", "UZ")
RECEIVED_AT = SENT_AT + timedelta(minutes=1)


def corridor_note() -> bytes:
    """The corridor document that all files here are checked with, signed by all."""
    return sign_document(DOCUMENT, None, RINGS.values())


def message(path: Sequence[str] | None = LONG, kind: str = "documents.offer", **changes: Any) -> Header:
    """Make the header of the message, as PK sends it."""
    return header(1, kind=kind, path=None if path is None else tuple(path), **changes)


def relayed(before: Header, sent: Header, author: str, reader: str, **changes: Any) -> Header:
    """Make the header by which a relay hands a message on."""
    raw = Log.of(Lane(DOCUMENT.name, author, reader, 0), [before], RINGS[author]).entries[0]
    fields: dict[str, Any] = {
        "kind": RELAY_KIND,
        "media_type": RELAY_MEDIA_TYPE,
        "origin": f"{author}/{GATEWAY_PARTY}",
        "destination": f"{reader}/{GATEWAY_PARTY}",
        "cause_id": before.id,
        "case_id": sent.case_id,
        "expires_at": sent.expires_at,
        "relays": leaf_hash(raw).hex(),
        "body_bytes": len(BODY),
        "body_digest": body_digest(BODY, RELAY_MEDIA_TYPE),
    }
    return header(20 + list(RINGS).index(author), **(fields | changes))


def item(
    one: Header, author: str, reader: str, *, role: str = HOP, signs: bool = False, number: int = 0, by: str = "",
    **changes: Any,
) -> Item:  # fmt: skip
    """Make an item for a header that stands at index 1 of a log.

    Args:
        one: the header.
        author: of the log.
        reader: of the log.
        role: of the item.
        signs: whether the reader has co-signed.
        number: of the lane.
        by: who signs the log, when it is not its author.
        changes: to the item, by field name.
    """
    lane = Lane(DOCUMENT.name, author, reader, number)
    log = Log.of(lane, [genesis(lane, 30), one], RINGS[by or author])
    note = log.note(2, (RINGS[reader], RECEIVED_AT)) if signs else log.note(2)
    fields: dict[str, Any] = {
        "corridor": DocumentRef(DOCUMENT.digest, DOCUMENT.name, DOCUMENT.version),
        "header": log.entries[1].decode(),
        "proof": format_proof(log.proof(1, note)).decode(),
        "role": role,
    }
    return Item(**(fields | changes))


def items(path: Sequence[str] = LONG, kind: str = "documents.offer", *, handed: bool = False) -> list[Item]:
    """Make the message and its further links, the last one with the receipt of the destination.

    Args:
        path: of the message.
        kind: of the message.
        handed: whether relays have co-signed too.
    """
    sent = one = message(path, kind)
    made = [item(sent, *path[:2], role=MESSAGE, signs=handed, body=BODY)]
    for author, reader in pairwise(path[1:]):
        one = relayed(one, sent, author, reader)
        made.append(item(one, author, reader, signs=handed or reader == path[-1]))
    return made


SENT = message()
BY_AF = relayed(SENT, SENT, "AF", "TJ")
BY_TJ = relayed(BY_AF, SENT, "TJ", "UZ")
FIRST, SECOND, THIRD = items()


def _case(result: str, name: str, code: str, about: str, content: Sequence[Item], policy: str = "") -> Case:
    raw = evidence.encode(Evidence(evidence.FORMAT, tuple(content)))
    more = {"code": code, "documents": [CORRIDOR], "now": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"), "policy": policy}
    return Case(f"{result.replace('_', '-')}-{name}.evidence.json", raw, result, about, more)


def route_cases() -> list[Case]:
    """All evidence files of routed messages."""
    return [*_valid(), *_excluded(), *_false(), *_untellable(), *_opened()]


def _valid() -> list[Case]:
    def case(name: str, about: str, content: Sequence[Item], policy: str = "") -> Case:
        return _case("valid", name, "", about, content, policy)

    straight = [item(message(None, destination="AF/customs"), "PK", "AF", role=MESSAGE, signs=True)]
    asked = "avoid CN\nthrough AF TJ; hops 3; prefer hops 0 price 10000 # as agreed"
    return [
        case("relayed", "Over AF and TJ, as the corridor's policy of its class allows.", items()),
        case("relayed-once", "Over AF.", items(SHORT)),
        case("handed", "And each relay has co-signed what it received.", items(handed=True)),
        case("default", "Its class has no terms of its own; those of the class `default` allow the path.",
             items(kind="other.note")),
        case("free", "No policy says anything.", items(kind="free.note")),
        case("asked", "A policy given with the check allows the path too.", items(), asked),
        case("latency", "A limit of latency, which no evidence holds, stands against nothing.", items(), "latency 1ms"),
        case("straight", "Nobody carried a message between neighbours.", straight, "avoid AF PK; only CN; hops 1"),
    ]  # fmt: skip


def _excluded() -> list[Case]:
    def by_class(name: str, code: str, about: str) -> Case:
        return _case("invalid", f"class-{name}", code, about, items(kind=f"{name}.note"))

    def asked(name: str, code: str, about: str, policy: str, path: Sequence[str] = LONG) -> Case:
        return _case("invalid", f"asked-{name}", code, about, items(path), policy)

    return [
        by_class("avoiding", "policy_avoid", "The corridor's policy of its class excludes TJ."),
        by_class("narrow", "policy_only", "It allows AF and CN alone."),
        by_class("ordered", "policy_through", "It wants TJ before AF."),
        by_class("short", "policy_hops", "It allows two links."),
        asked("avoid", "policy_avoid", "The policy given with the check excludes AF.", "avoid AF"),
        asked("only", "policy_only", "It allows TJ alone.", "only TJ"),
        asked("through", "policy_through", "It wants TJ on the path.", "through TJ", SHORT),
        asked("order", "policy_through", "It wants TJ before AF.", "through TJ AF"),
        asked("hops", "policy_hops", "It allows two links.", "hops 2"),
        asked("first", "policy_avoid", "It objects four times; the first objection names the answer.",
              "hops 1; through TJ AF; only AF; avoid TJ"),
        asked("carrier", "policy_only", "Of two carriers the one that comes first is judged first.",
              "avoid TJ; only TJ"),
        _case("invalid", "class-before-asked", "policy_hops", "The corridor's policy is asked before the one given.",
              items(kind="short.note"), "avoid AF"),
    ]  # fmt: skip


def _false() -> list[Case]:
    def case(name: str, code: str, about: str, *content: Item, policy: str = "") -> Case:
        return _case("invalid", name, code, about, content, policy)

    def by_af(**changes: Any) -> Item:
        return item(replace(BY_AF, **changes), "AF", "TJ")

    def signed(note: Note) -> Item:
        lane = Lane(DOCUMENT.name, "TJ", "UZ", 0)
        proof = Log.of(lane, [genesis(lane, 30), BY_TJ], TJ).proof(1, note)
        return replace(THIRD, proof=format_proof(proof).decode())

    lane = Lane(DOCUMENT.name, "TJ", "UZ", 0)
    last = Log.of(lane, [genesis(lane, 30), BY_TJ], TJ).note(2, (UZ, RECEIVED_AT))
    nobody = item(message(None, destination="AF/customs"), "PK", "AF", role=MESSAGE, signs=True)
    return [
        case("relays-other", "hop_chain_broken", "AF hands on another entry than the one that came.", FIRST,
             by_af(relays="00" * 32), THIRD),
        case("cause-other", "hop_header_wrong", "AF names another cause.", FIRST,
             by_af(cause_id="0193b5c1-0000-7000-8000-0000000000ff"), THIRD),
        case("case-other", "hop_header_wrong", "AF hands it on in another case.", FIRST,
             by_af(case_id="0193b5c1-0000-7000-8000-0000000000ff"), THIRD),
        case("kind-other", "hop_header_wrong", "What AF hands on is no relay's message.", FIRST,
             by_af(kind="documents.offer"), THIRD),
        case("party-other", "hop_header_wrong", "A party of AF hands it on, and not its gateway.", FIRST,
             by_af(origin="AF/customs"), THIRD),
        case("expiry-other", "hop_header_wrong", "AF gives it an expiry.", FIRST,
             by_af(expires_at="2027-01-31T00:00:00.000Z"), THIRD),
        case("follows", "hop_header_wrong", "AF lets it follow another message.", FIRST,
             by_af(follows="0193b5c1-0000-7000-8000-0000000000ff"), THIRD),
        case("left-out", "hop_header_wrong", "The link of AF is left out.", FIRST, THIRD),
        case("swapped", "hop_header_wrong", "The links stand in another order.", FIRST, THIRD, SECOND),
        case("too-many", "path_length_wrong", "The last link stands there twice.", FIRST, SECOND, THIRD, THIRD),
        case("no-path", "path_length_wrong", "A further link of a message between neighbours.", nobody, SECOND),
        case("log-other", "lane_differs", "AF's message stands in its log to UZ.", FIRST,
             item(BY_AF, "AF", "UZ"), THIRD),
        case("header-other", "inclusion_false", "A header that the log does not hold.", FIRST,
             replace(SECOND, header=THIRD.header), THIRD),
        case("author-false", "signature_false", "TJ's signature is false.", FIRST, SECOND, signed(falsified(last, 0))),
        case("receipt-false", "signature_false", "The co-signature of UZ is false.", FIRST, SECOND,
             signed(falsified(last, 1))),
        case("outweighs", "signature_false", "A link is false, and what is left satisfies the policy.", FIRST, SECOND,
             signed(falsified(last, 0)), policy="avoid CN"),
    ]  # fmt: skip


def _untellable() -> list[Case]:
    def case(name: str, code: str, about: str, content: Sequence[Item], policy: str = "") -> Case:
        return _case("cannot_tell", name, code, about, content, policy)

    unread = replace(SECOND, corridor=replace(SECOND.corridor, version=9))
    return [
        case("hops", "hops_missing", "The file ends at TJ.", [FIRST, SECOND]),
        case("hops-none", "hops_missing", "The file ends at AF; what carried it further is not judged.", [FIRST],
             "avoid TJ"),
        case("no-receipt", "receipt_missing", "UZ has not co-signed.", [FIRST, SECOND, item(BY_TJ, "TJ", "UZ")]),
        case("version", "version_unknown", "A link names a version that is not given.", [FIRST, unread, THIRD]),
        case("author-other", "signature_missing", "TJ's log is signed by AF.",
             [FIRST, SECOND, item(BY_TJ, "TJ", "UZ", by="AF", signs=True)]),
        case("policy", "policy_member_expected", "The corridor's policy of its class cannot be read.",
             items(kind="torn.note")),
    ]  # fmt: skip


KEY, OTHER_KEY = (sha256(f"darwaza vector letter {number}".encode()).digest() for number in range(2))


def _letter(sent: Header) -> bytes:
    """A letter as whoever has its key sees it: both copies of the key in front are zeros, which only its ends read."""
    front = bytes(LETTER_OVERHEAD_BYTES - 16)
    bound = b"darwaza/letter/v1" + sha256(msgspec.json.encode(Binding.of(sent))).digest()
    return front + AESGCM(KEY).encrypt(bytes(12), BODY, bound)


def _opened() -> list[Case]:
    """Letters with keys, over AF."""

    def case(result: str, name: str, code: str, about: str, *content: Item) -> Case:
        return _case(result, f"key-{name}", code, about, content)

    def sent(body: bytes | None = None, **changes: Any) -> tuple[Header, bytes]:
        draft = message(SHORT, **changes)
        letter = _letter(draft) if body is None else body
        return replace(draft, body_bytes=len(letter), body_digest=sha256(letter).hexdigest()), letter

    def way(one: Header, body: bytes | None, key: bytes = KEY) -> tuple[Item, Item]:
        handed = item(relayed(one, one, "AF", "UZ"), "AF", "UZ", signs=True)
        return item(one, "PK", "AF", role=MESSAGE, body=body, key=key), handed

    bound = {"expires_at": "2027-01-31T00:00:00.000Z", "ucr": "26PK0000000000000007"}
    one, letter = sent()
    first, second = way(one, letter)
    short = sent(letter[: LETTER_OVERHEAD_BYTES - 1])
    neighbours = item(message(None, destination="AF/customs"), "PK", "AF", role=MESSAGE, signs=True, body=BODY, key=KEY)
    return [
        case("valid", "opens", "", "The letter opens with its key.", first, second),
        case("valid", "opens-bound", "", "And is bound to an expiry and a consignment.", *way(*sent(**bound))),
        case("valid", "opens-parts", "", "What it says is in parts.", *way(*sent(media_type=PARTS_MEDIA_TYPE))),
        case("invalid", "other", "unseal_failed", "The key of another letter.", *way(one, letter, OTHER_KEY)),
        case("invalid", "message-other", "unseal_failed", "A letter that is bound to another message.",
             *way(*sent(letter, kind="documents.accept"))),
        case("invalid", "letter-other", "body_differs", "A bit of the letter is flipped.",
             *way(one, letter[:-1] + bytes((letter[-1] ^ 1,)))),
        case("invalid", "letter-short", "sealed_malformed", "What the key stands with is too short for a letter.",
             *way(*short)),
        case("invalid", "letter-none", "sealed_malformed", "A key with the body of a message between neighbours.",
             neighbours),
        case("invalid", "body-none", "evidence_malformed", "A key without a body.", *way(one, None)),
        case("invalid", "hop", "evidence_malformed", "A key with a further link.", first,
             replace(second, body=BODY, key=KEY)),
        case("invalid", "short", "evidence_malformed", "A key of 31 bytes.", *way(one, letter, KEY[:-1])),
    ]  # fmt: skip
