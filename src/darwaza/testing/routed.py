"""A routed message on paper: logs without gateways, one message from KZ over UZ and AF to PK, and relays that lie.

Everything is made from the keys of ``darwaza.testing.cast`` and fixed texts, so it is the same in every run. Tests and
the makers of test vectors share it.

Example::

    arrived, envelope = sent(2)                     # what AF sends to PK
    receive(arrived, envelope, author="AF", here="PK", logs=LOGS)
    liar = LIES["body changed"]                     # AF changes the body
    receive(*liar(), author="AF", here="PK", logs=LOGS)   # raises
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from darwaza.kernel.checkpoint import Checkpoint
from darwaza.kernel.merkle import leaf_hash, node_hash
from darwaza.kernel.message import Header, encode_header, sealed_digest
from darwaza.kernel.naming import KeyRole, Lane
from darwaza.kernel.note import Signer, Verifier, signed
from darwaza.kernel.proof import Proof
from darwaza.kernel.relay import Envelope, Passage, decode_envelope, forward, receive
from darwaza.kernel.trail import RELAY_KIND, Hop, Logs
from darwaza.testing.cast import CORRIDOR_NAME, Keyring

NOW = datetime(2026, 12, 2, 2, 28, 23, tzinfo=UTC)
PATH = ("KZ", "UZ", "AF", "PK")
BODY = b"sealed for Karachi"
MESSAGE = Header(
    blind="0f" * 16,
    body_bytes=len(BODY),
    body_digest=sealed_digest(BODY),
    case_id="6f0b1f4e-0000-4000-8000-000000000001",
    created_at="2026-12-02T02:28:23.123Z",
    destination="PK/customs",
    expires_at="2026-12-09T00:00:00.000Z",
    id="6f0b1f4e-0000-4000-8000-000000000002",
    kind="documents.offer",
    media_type="application/pdf",
    origin="KZ/freight",
    path=PATH,
    version=1,
)
RAW = encode_header(MESSAGE)


def log_signer(origin: str, member: str) -> Signer:
    """A member's log key under the name of a log, its own or one it has no business with."""
    return Signer(origin, Keyring(member).signing_key(KeyRole.LOG))


def verifiers(origin: str) -> tuple[Verifier, ...]:
    """The keys of a log of this corridor; none for another's."""
    lane = Lane.parse(origin)
    return (log_signer(origin, lane.author).verifier,) if lane.corridor == CORRIDOR_NAME else ()


LOGS: Final = Logs(CORRIDOR_NAME, verifiers)


class PaperLog:
    """One lane's log: a list of leaves, and proofs by the definitions of RFC 6962 section 2.1.

    Args:
        author: member whose log it is.
        reader: member it is to.
        signer: member that signs its checkpoints; the author when None.
    """

    def __init__(self, author: str, reader: str, *, signer: str | None = None) -> None:
        self.origin = Lane(CORRIDOR_NAME, author, reader, 0).origin
        self.leaves = [leaf_hash(b"earlier %d" % number) for number in range(5)]
        self._signer = log_signer(self.origin, signer or author)

    def hold(self, raw: bytes) -> Proof:
        """Append a header, and another leaf; return the proof of the header."""
        index = len(self.leaves)
        self.leaves += [leaf_hash(raw), leaf_hash(b"later")]
        point = Checkpoint(self.origin, len(self.leaves), _root(self.leaves))
        return Proof(index, tuple(_audit_path(index, self.leaves)), signed(point.text, self._signer))


def _root(hashes: list[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node_hash(_root(hashes[:split]), _root(hashes[split:]))


def _audit_path(index: int, hashes: list[bytes]) -> list[bytes]:
    if len(hashes) == 1:
        return []
    split = 1 << (len(hashes) - 1).bit_length() - 1
    if index < split:
        return [*_audit_path(index, hashes[:split]), _root(hashes[split:])]
    return [*_audit_path(index - split, hashes[split:]), _root(hashes[:split])]


def relayed(passage: Passage, **changes: Any) -> tuple[bytes, bytes]:
    """Let the member at which a passage stands forward it; ``changes`` to its header are those of a liar."""
    author, here = passage.path[passage.stage - 1 : passage.stage + 1]
    proof = PaperLog(author, here).hold(passage.arrived)
    name = f"6f0b1f4e-0000-4000-8000-00000000001{passage.stage}"
    header, body = forward(passage, proof, message_id=name, blind="1e" * 16, now=NOW)
    return encode_header(replace(header, **changes)), body


def sent(stage: int) -> tuple[bytes, bytes]:
    """What the member at a place of the path sends on: header and body; 0 is the origin."""
    return (RAW, BODY) if stage == 0 else relayed(at(stage))


def at(stage: int) -> Passage:
    """The message as it stands at a place of the path, from 1."""
    return receive(*sent(stage - 1), author=PATH[stage - 1], here=PATH[stage], logs=LOGS)


def hop(link: int) -> Hop:
    """Proof of a link of the path, from 0, by its author's log."""
    header, _ = sent(link)
    return Hop.of(header, PaperLog(PATH[link], PATH[link + 1]).hold(header))


def opened() -> Envelope:
    """The envelope that AF sends to PK when it does not lie."""
    return decode_envelope(sent(2)[1])


def lying(**changes: Any) -> tuple[bytes, bytes]:
    """What AF sends to PK with a changed envelope."""
    return sent(2)[0], msgspec.msgpack.encode(replace(opened(), **changes))


def _first(changed: Hop) -> tuple[bytes, bytes]:
    return lying(hops=(changed, opened().hops[1]))


def _forged() -> tuple[bytes, bytes]:
    header = encode_header(replace(MESSAGE, id="6f0b1f4e-0000-4000-8000-00000000000f"))
    return _first(Hop.of(header, PaperLog("KZ", "UZ", signer="AF").hold(header)))


def _rerouted(*path: str) -> tuple[bytes, bytes]:
    return _first(replace(opened().hops[0], header=encode_header(replace(MESSAGE, path=path))))


def _other_log() -> tuple[bytes, bytes]:
    header = opened().hops[1].header
    return lying(hops=(opened().hops[0], Hop.of(header, PaperLog("UZ", "TM").hold(header))))


def _nested() -> tuple[bytes, bytes]:
    header = encode_header(replace(MESSAGE, kind=RELAY_KIND, origin="KZ/gateway", destination="PK/gateway"))
    return _first(Hop.of(header, PaperLog("KZ", "UZ").hold(header)))


LIES: Final[Mapping[str, Callable[[], tuple[bytes, bytes]]]] = {
    "message invented": _forged,
    "path changed": lambda: _rerouted("KZ", "UZ", "TM", "PK"),
    "path changed, every place fitting": lambda: _rerouted("KZ", "CN", "AF", "PK"),
    "link left out": lambda: lying(hops=opened().hops[:1]),
    "link added": lambda: lying(hops=(*opened().hops, opened().hops[1])),
    "links swapped": lambda: lying(hops=opened().hops[::-1]),
    "link of another log": _other_log,
    "proof of another leaf": lambda: _first(Hop.of(RAW, PaperLog("KZ", "UZ").hold(b"another"))),
    "checkpoint signed by another": lambda: _first(Hop.of(RAW, PaperLog("KZ", "UZ", signer="CN").hold(RAW))),
    "forwards something else": lambda: relayed(at(2), relays="ab" * 32),
    "under another's name": lambda: relayed(at(2), origin="UZ/gateway"),
    "body changed": lambda: lying(body=b"sealed for someone!"),
    "relay's message as a message": _nested,
    "no envelope": lambda: (sent(2)[0], BODY),
}
"""What AF may send to PK instead of the truth, by what it does."""
