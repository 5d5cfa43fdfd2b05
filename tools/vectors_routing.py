"""Write the test vectors of routing: ``spec/vectors/routing/messages.json``.

Run ``python -m tools.vectors_routing`` from the top of the repository. Keys come from seeds, so every run writes the
same bytes, but for the sealed body: HPKE draws a fresh key each time, so one on disk that still opens is kept.
``hpke.json`` and ``policies.json`` beside it are written by hand.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from darwaza.config import BODY_BYTES_MAX
from darwaza.errors import DarwazaError
from darwaza.kernel import report
from darwaza.kernel.encoding import parse_base64, to_base64
from darwaza.kernel.linkstate import LinkHealth, LinkState, accept, state
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.note import Signer
from darwaza.kernel.relay import receive
from darwaza.kernel.report import Item
from darwaza.kernel.seal import Binding, SealKey, UnsealKey
from darwaza.testing.cast import CORRIDOR_NAME, Keyring
from darwaza.testing.routed import LIES, LOGS, MESSAGE, NOW, PATH, RAW, hop, log_signer, sent

FILE = Path(__file__).parents[1] / "spec" / "vectors" / "routing" / "messages.json"

SECRET = Keyring("PK").seed("seal")
PLAIN = b"what only Karachi may read"
STATE = LinkState(
    body_bytes_max=BODY_BYTES_MAX,
    capacity_class=4,
    corridor=CORRIDOR_NAME,
    drained=False,
    ends=("AF", "UZ"),
    expires_at=NOW + timedelta(hours=1),
    issued_at=NOW,
    latency_us=6_271,
    price_class=1,
    serial=7,
    visible_to=("KZ", "PK"),
)
HEALTH = LinkHealth(
    author="UZ",
    condition="degraded",
    corridor=CORRIDOR_NAME,
    ends=("AF", "UZ"),
    expires_at=NOW + timedelta(seconds=150),
    issued_at=NOW,
    latency_us=12_000,
    loss_ppm=60_000,
    serial=7,
)


def outcome(judge: Callable[[], object]) -> dict[str, str]:
    """Say how something is judged: ``valid``, or the code and pointer of the fault."""
    try:
        judge()
    except DarwazaError as fault:
        return {"code": fault.code, "pointer": fault.pointer}
    return {"code": "valid", "pointer": ""}


def _speaker(member: str) -> Signer:
    return log_signer(f"{CORRIDOR_NAME}/{member}/log", member)


def _statements() -> list[dict[str, Any]]:
    old = replace(STATE, issued_at=NOW - timedelta(hours=2), expires_at=NOW - timedelta(hours=1))
    notes = {
        "a link state": state(STATE, _speaker("AF"), _speaker("UZ")),
        "a link health": state(HEALTH, _speaker("UZ")),
        "a link state signed by one end": state(STATE, _speaker("AF")),
        "a link state signed by a third": state(STATE, _speaker("AF"), _speaker("PK")),
        "a link health signed by the other end": state(HEALTH, _speaker("AF")),
        "a link state that has expired": state(old, _speaker("AF"), _speaker("UZ")),
    }
    known = {member: _speaker(member).verifier for member in ("AF", "PK", "UZ")}
    return [
        {"name": name, "note": raw.decode()}
        | outcome(lambda raw=raw: accept(raw, corridor=CORRIDOR_NAME, verifiers=known, now=NOW))
        for name, raw in notes.items()
    ]


def _passages() -> list[dict[str, Any]]:
    given = [(f"arrives at {PATH[stage]}", sent(stage - 1), stage) for stage in range(1, len(PATH))]
    given += [(f"AF lies: {name}", lie(), 3) for name, lie in LIES.items()]
    return [
        {
            "name": name,
            "author": PATH[stage - 1],
            "here": PATH[stage],
            "header": raw.decode(),
            "body": to_base64(body),
        }
        | outcome(
            lambda raw=raw, body=body, stage=stage: receive(
                raw, body, author=PATH[stage - 1], here=PATH[stage], logs=LOGS
            )
        )
        for name, (raw, body), stage in given
    ]


def _reports() -> list[dict[str, Any]]:
    leaf = leaf_hash(RAW)
    given = [
        ("UZ has forwarded", "UZ", Item(leaf, "relayed", "", "", (hop(1),))),
        ("PK has it", "PK", Item(leaf, "delivered", "", "", (hop(1), hop(2)))),
        ("AF gives up", "AF", Item(leaf, "undeliverable", "link_down", "the link AF-PK is down", (hop(1),))),
        ("AF says PK has it", "AF", Item(leaf, "delivered", "", "", (hop(1), hop(2)))),
        ("PK proves too little", "PK", Item(leaf, "delivered", "", "", (hop(2),))),
    ]
    return [
        {"name": name, "reporter": reporter, "body": to_base64(report.encode((item,)))}
        | outcome(lambda item=item, reporter=reporter: report.check(item, RAW, reporter, LOGS))
        for name, reporter, item in given
    ]


def _sealed(kept: str | None) -> dict[str, str]:
    own, binding = UnsealKey.of(SECRET), Binding.of(MESSAGE)
    sealed = to_base64(SealKey.of(own.public).seal(PLAIN, binding)) if kept is None else kept
    if own.unseal(parse_base64(sealed), binding) != PLAIN:
        raise SystemExit("the sealed body on disk does not open to what it should: delete it")
    return {
        "secret": SECRET.hex(),
        "key": to_base64(own.public),
        "header": RAW.decode(),
        "binding": msgspec.json.encode(binding).decode(),
        "body": PLAIN.decode(),
        "sealed": sealed,
    }


def make(kept: dict[str, Any] | None) -> dict[str, Any]:
    """Make all vectors.

    Args:
        kept: those on disk, for the sealed body; None when there are none.
    """
    members = {member: to_base64(_speaker(member).verifier.public.raw) for member in ("AF", "CN", "KZ", "PK", "UZ")}
    return {
        "about": "Messages of routing (spec/routing.md): each is judged as its code says, at the instant now.",
        "now": NOW.isoformat().replace("+00:00", "Z"),
        "corridor": CORRIDOR_NAME,
        "log_keys": members,
        "sealed": _sealed(None if kept is None else kept["sealed"]["sealed"]),
        "statements": _statements(),
        "passages": _passages(),
        "message": RAW.decode(),
        "reports": _reports(),
    }


def main() -> None:
    """Write the file."""
    kept = json.loads(FILE.read_text()) if FILE.exists() else None
    FILE.write_text(json.dumps(make(kept), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
