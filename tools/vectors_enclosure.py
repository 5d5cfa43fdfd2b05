"""Write the test vectors of sealing cards and enclosures: ``spec/vectors/enclosure``.

Run ``python -m tools.vectors_enclosure`` from the top of the repository. Keys come from seeds, so every run writes the
same bytes, but for what is sealed: HPKE draws a fresh key each time, so a good enclosure on disk that still opens is
kept, and the bad ones are made from it.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from darwaza.errors import DarwazaError
from darwaza.kernel.corridor import Corridor
from darwaza.kernel.enclosure import SEGMENT_BYTES, Bound, Inside, read_head, seal, unseal
from darwaza.kernel.naming import KeyRole, SignerName
from darwaza.kernel.note import Signer, format_note, signed
from darwaza.kernel.seal import SealKey, UnsealKey
from darwaza.kernel.sealcard import SealingCard, fingerprint, issue, verify
from darwaza.testing.cast import CREATED_AT, Keyring, corridor_of, sign_document

FOLDER = Path(__file__).parents[1] / "spec" / "vectors" / "enclosure"
SECRETS = ("07" * 32, "08" * 32)
OWN, FORMER = (UnsealKey.of(bytes.fromhex(secret)) for secret in SECRETS)
START = CREATED_AT + timedelta(days=1)
NOW = START
BOUND = Bound(
    case_id="6f0b1f4e-0000-4000-8000-000000000001",
    destination="UZ/customs",
    expires_at="2026-12-31T00:00:00.000Z",
    origin="PK/fbr",
    ucr="UCR-7",
)
INSIDE = Inside(filename="invoice.pdf", media_type="application/pdf")
SHORT = b"what only Tashkent's customs may read"
LONG = bytes(range(256)) * (SEGMENT_BYTES // 256)
_HEAD = msgspec.json.Encoder(order="sorted").encode


class Cast:
    """Who speaks in the cards."""

    def __init__(self) -> None:
        rings = [Keyring(code) for code in ("AF", "PK", "UZ")]
        self.document: Corridor = corridor_of(rings)
        self.file = sign_document(self.document, None, rings)

    def signer(self, code: str) -> Signer:
        """The log key of a member, as it signs cards."""
        name = str(SignerName(self.document.name, code, KeyRole.LOG))
        return Signer(name, Keyring(code).signing_key(KeyRole.LOG))

    def card(self, **changes: Any) -> SealingCard:
        """A good card, but for what is changed."""
        fields: dict[str, Any] = {
            "corridor": self.document.name,
            "expires_at": START + timedelta(days=365),
            "issued_at": START,
            "key": OWN.public,
            "party": "UZ/customs",
        }
        return SealingCard(**(fields | changes))

    def gateway_key(self, code: str) -> bytes:
        """The sealing key of a member."""
        card = self.document.card(code)
        if card is None:
            raise ValueError(code)
        return card.keys.seal


def cards(cast: Cast) -> dict[str, bytes]:
    """Cards by name of file."""
    by_uz = cast.signer("UZ")
    good = cast.card()

    def noted(text: str) -> bytes:
        return format_note(signed(text, by_uz))

    return {
        "good.card": issue(good, by_uz),
        "bad-early.card": issue(cast.card(issued_at=START + timedelta(hours=1)), by_uz),
        "bad-expired.card": issue(cast.card(issued_at=START - timedelta(days=2), expires_at=START), by_uz),
        "bad-field-unknown.card": noted(good.text.replace('{"corridor"', '{"about":"","corridor"')),
        "bad-foreign.card": issue(cast.card(corridor="elsewhere.example/test"), by_uz),
        "bad-gateway.card": noted(cast.card(party="UZ/gateway").text),
        "bad-instant.card": noted(good.text.replace(_text(START), "2026-12-02T00:00:00.5Z")),
        "bad-key-low-order.card": noted(cast.card(key=OWN.public[:-32] + bytes(32)).text),
        "bad-key-of-gateway.card": issue(cast.card(key=cast.gateway_key("PK")), by_uz),
        "bad-key-half-of-gateway.card": issue(cast.card(key=OWN.public[:-32] + cast.gateway_key("UZ")[-32:]), by_uz),
        "bad-key-long.card": noted(good.text.replace('"key":"', '"key":"AAAA')),
        "bad-life.card": noted(cast.card(expires_at=START + timedelta(days=367)).text),
        "bad-member.card": issue(cast.card(party="KZ/customs"), by_uz),
        "bad-order.card": noted('{"party":"UZ/customs",' + good.text.replace(',"party":"UZ/customs"', "")[1:]),
        "bad-signature.card": issue(good, by_uz).replace(b'"UZ/customs"', b'"UZ/customz"'),
        "bad-signer.card": issue(good, cast.signer("PK")),
        "bad-too-large.card": issue(good, by_uz) + b"x" * 4_096,
    }


def _good(name: str, content: bytes) -> bytes:
    kept = FOLDER / name
    if kept.exists():
        try:
            inside, pieces = unseal([kept.read_bytes()], BOUND, [OWN])
            if (inside, b"".join(pieces)) == (INSIDE, content):
                return kept.read_bytes()
        except DarwazaError:
            pass
    return b"".join(seal([content], BOUND, INSIDE, SealKey.of(OWN.public)))


def enclosures() -> dict[str, bytes]:
    """Enclosures by name of file."""
    good, long = _good("good.enclosure", SHORT), _good("good-long.enclosure", LONG)
    head = read_head(good)
    start = len(head.line) + 1
    segments, sealed = start + 1_179, SEGMENT_BYTES + 16
    fields = msgspec.json.decode(head.line)

    def planted(**changes: Any) -> bytes:
        return _HEAD({name: value for name, value in (fields | changes).items() if value}) + good[start - 1 :]

    def flipped(raw: bytes, at: int) -> bytes:
        return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]

    body = long[segments:]
    return {
        "good.enclosure": good,
        "good-long.enclosure": long,
        "bad-case.enclosure": planted(case_id="6f0b1f4e-0000-4000-8000-000000000002"),
        "bad-cut.enclosure": good[:-1],
        "bad-cut-at-segment.enclosure": long[: segments + sealed],
        "bad-destination.enclosure": planted(destination="UZ/bank"),
        "bad-empty.enclosure": good[:segments],
        "bad-field-unknown.enclosure": planted(about="me"),
        "bad-flipped-key.enclosure": flipped(good, start + 20),
        "bad-flipped-last.enclosure": flipped(good, len(good) - 1),
        "bad-format.enclosure": planted(format="darwaza/enclosure/v2"),
        "bad-key-other.enclosure": planted(key="00" * 32),
        "bad-key-former.enclosure": planted(key=fingerprint(FORMER.public)),
        "bad-layer.enclosure": good[: start + 10] + b"\x01" + good[start + 11 :],
        "bad-longer.enclosure": good + b"\x00",
        "bad-no-head.enclosure": good[start:],
        "bad-no-ucr.enclosure": planted(ucr=None),
        "bad-origin.enclosure": planted(origin="PK/bank"),
        "bad-segments-swapped.enclosure": long[:segments] + body[sealed:] + body[:sealed],
        "bad-white-space.enclosure": good.replace(b'{"case_id"', b'{ "case_id"', 1),
    }


def judge(name: str, raw: bytes, cast: Cast) -> str:
    """What a reader answers: ``valid``, or the code."""
    try:
        if name.endswith(".card"):
            verify(raw, cast.document, NOW)
        else:
            _, pieces = unseal([raw], BOUND, [OWN, FORMER])
            for _ in pieces:
                pass
    except DarwazaError as fault:
        return fault.code
    return "valid"


def make() -> dict[str, bytes]:
    """All files by name."""
    cast = Cast()
    files = {**cards(cast), **enclosures()}
    found = [{"file": name, "code": judge(name, files[name], cast)} for name in sorted(files)]
    told: dict[str, Any] = {
        "about": "Cards are verified by corridor.note at the instant now; enclosures came in the message bound.",
        "bound": msgspec.to_builtins(BOUND),
        "cases": found,
        "inside": msgspec.to_builtins(INSIDE),
        "now": _text(NOW),
        "secrets": list(SECRETS),
    }
    lines = [f"- `{one['file']}`: {one['code']}" for one in found]
    readme = [
        "# Sealing cards and enclosures",
        "",
        "For spec/enclosure.md; bad ones are named by their defect.",
        "",
        *lines,
        "",
    ]
    return {
        **files,
        "corridor.note": cast.file,
        "cases.json": json.dumps(told, indent=1).encode() + b"\n",
        "README.md": "\n".join(readme).encode(),
    }


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, content in make().items():
        (FOLDER / name).write_bytes(content)
