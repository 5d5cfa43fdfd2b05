"""The test vectors of evidence of bodies in parts; written by ``tools.vectors_link``."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from tools.vectors_evidence import case_of, file_of, item_of
from tools.vectors_stage import Case, header

from darwaza.kernel import parts
from darwaza.kernel.evidence import Item, Part
from darwaza.kernel.message import Header

PARTS = (b'{"of":"all"}', b"<Document>the one</Document>", b"<Document>another</Document>")


def _in_parts(given: Sequence[bytes] = PARTS, **changes: Any) -> Header:
    """A message with a body in parts."""
    fields = {
        "body_bytes": sum(map(len, given)) + len(given) - 1,
        "body_digest": parts.digest_of([sha256(part).digest() for part in given]),
        "media_type": parts.PARTS_MEDIA_TYPE,
    }
    return header(1, **(fields | changes))


def _shown(*numbers: int, given: Sequence[bytes] = PARTS) -> tuple[Part, ...]:
    """Parts of these numbers, and of the others the digests."""
    return tuple(
        Part(body=part) if at in numbers else Part(digest=sha256(part).hexdigest()) for at, part in enumerate(given)
    )


def parts_cases() -> list[Case]:
    """Bodies in parts, whole and with parts withheld."""

    def case(result: str, name: str, code: str, about: str, content: bytes | Item) -> Case:
        return case_of(result, f"parts-{name}", code, about, content)

    def item(given: tuple[Part, ...] | None, head: Header | None = None, body: bytes | None = None) -> Item:
        return item_of(head or _in_parts(), body=body, parts=given)

    split_other = (PARTS[0] + parts.SEPARATOR + PARTS[1], PARTS[2])
    exchanged = (_shown(0)[0], *reversed(_shown(1)[1:]))
    return [
        case("valid", "whole", "", "A body in parts, whole.", item(None, body=parts.join(PARTS))),
        case("valid", "withheld", "", "One part for all and one of two others.", item(_shown(0, 1))),
        case("valid", "all", "", "Every part by itself.", item(_shown(0, 1, 2))),
        case("valid", "none", "", "Digests alone.", item(_shown())),
        case(
            "invalid",
            "not-so-digested",
            "body_differs",
            "A body in parts under a digest of the whole.",
            item(None, _in_parts(body_digest=sha256(parts.join(PARTS)).hexdigest()), parts.join(PARTS)),
        ),
        case("invalid", "other", "body_differs", "Another part.", item((Part(body=b"x"), *_shown(0)[1:]))),
        case(
            "invalid",
            "other-digest",
            "body_differs",
            "Another digest of a part that is withheld.",
            item((*_shown(0, 1)[:2], Part(digest="0" * 64))),
        ),
        case("invalid", "exchanged", "body_differs", "Two parts in each other's place.", item(exchanged)),
        case("invalid", "left-out", "body_differs", "A part is left out.", item(_shown(0, 1)[:2])),
        case(
            "invalid",
            "too-long",
            "body_differs",
            "The parts shown are longer than the body.",
            item(_shown(0, 1), _in_parts(body_bytes=20)),
        ),
        case(
            "invalid",
            "too-short",
            "body_differs",
            "All parts are shown, and shorter than the body.",
            item(_shown(0, 1, 2), _in_parts(body_bytes=100)),
        ),
        case(
            "invalid",
            "separator",
            "parts_malformed",
            "A part that is two.",
            item(_shown(0, given=split_other), _in_parts(split_other)),
        ),
        case(
            "invalid",
            "too-many",
            "parts_malformed",
            "More parts than a body has.",
            item(None, _in_parts([b""] * (parts.PARTS_MAX + 1)), parts.SEPARATOR * parts.PARTS_MAX),
        ),
        case(
            "invalid",
            "media-type",
            "parts_malformed",
            "Of a body that is not in parts.",
            item(_shown(0, 1), _in_parts(media_type="application/xml")),
        ),
        case(
            "invalid",
            "beside-body",
            "evidence_malformed",
            "The body and its parts.",
            item(_shown(0), body=parts.join(PARTS)),
        ),
        case("invalid", "empty", "evidence_malformed", "No parts.", item(())),
        case("invalid", "no-part", "evidence_malformed", "A part that is not there.", item((Part(),))),
        case(
            "invalid",
            "and-digest",
            "evidence_malformed",
            "A part and its digest.",
            item((Part(body=PARTS[0], digest=sha256(PARTS[0]).hexdigest()), *_shown(0)[1:])),
        ),
        case(
            "invalid",
            "null",
            "evidence_not_canonical",
            "A part with a digest that is null.",
            file_of(item(_shown(0))).replace(b'"parts":[{"body":', b'"parts":[{"digest":null,"body":', 1),
        ),
    ]
