"""Knows a command that a party gives again, even when the disk that held its answer is lost.

While the store lives, the answer stands in it under the party and its key. What comes back from the neighbours after a
loss are messages. So the first message of a keyed command says which command it was, to this gateway alone: its
``blind``, which only has to be unguessable, is not drawn at random but computed from party, key and request under a
secret that the log key gives, and that so survives the disk. When the message is given back, the blind is kept as the
answer to that command; the party's retry computes the same blind and finds it. Without this a retry after a loss would
be a second delivery (P2).

A command that sends no message by itself, the announcement of a large document, is known by its case instead: under a
key its case has an id computed from party and key (``case_of``), which comes back in the headers of the chunks.

Log keys are renewed: commands given in the time of a former one are known as long as ``keys/former/`` holds it.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from darwaza.engine.intake import Accepted, Submit
from darwaza.engine.unit import Unit
from darwaza.errors import ConflictError
from darwaza.kernel.message import Header, uuid_of

if TYPE_CHECKING:
    from darwaza.engine.engine import Engine

TAG_BYTES = 8
"""Half of a blind names the command, the other half what was asked."""
GIVEN_BACK = "\n"
"""Begins the keys of answers made from what was given back; no party's key holds it."""
META = "commands_given_back"
"""Set in the store once such an answer is kept: until then nobody looks for one."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Accepted).decode


def blind_of(secret: bytes, given: Submit) -> str:
    """The blind of a command's first message, 32 hex digits."""
    command = f"{given.party}\n{given.key}".encode()
    tag = blake2b(command, digest_size=TAG_BYTES, key=secret)
    asked = blake2b(command + given.digest, digest_size=TAG_BYTES, key=secret)
    return tag.hexdigest() + asked.hexdigest()


def case_of(engine: "Engine", unit: Unit, given: Submit) -> str:
    """The case a keyed command opens, or has opened, under its own name: a UUID of version 8 (RFC 9562 section 5.8)."""
    command = f"case\n{given.party}\n{given.key}".encode()
    first, *former = (uuid_of(blake2b(command, digest_size=16, key=one).digest()) for one in engine.site.blind_secrets)
    if not engine.commands_given_back:
        return first
    return next((one for one in (first, *former) if unit.case(one) is not None), first)


def wanted(engine: "Engine", given: Submit) -> list[tuple[str, str]]:
    """Keys of the stored answers that may be this command's."""
    return [(given.party, given.key), *(place for place, _ in _given_back(engine, given))]


def _given_back(engine: "Engine", given: Submit) -> Iterator[tuple[tuple[str, str], bytes]]:
    """Under which keys the answer may stand if the command came back, and what it then asked."""
    if engine.commands_given_back:
        for secret in engine.site.blind_secrets:
            blind = blind_of(secret, given)
            yield (given.party, GIVEN_BACK + blind[: 2 * TAG_BYTES]), bytes.fromhex(blind)[TAG_BYTES:]


def stored(engine: "Engine", unit: Unit, given: Submit) -> Accepted | None:
    """The answer to a command that came before, or None.

    Raises:
        ConflictError: ``key_reused``: the same key came with another request.
    """
    row = unit.answer(given.party, given.key)
    asked = given.digest
    if row is None:
        back = ((unit.answer(*place), digest) for place, digest in _given_back(engine, given))
        row, asked = next(((found, digest) for found, digest in back if found is not None), (None, b""))
    if row is None:
        return None
    if row.digest != asked:
        raise ConflictError("this key was used for another request", code="key_reused")
    answer = _decode(row.answer)
    if answer.state:
        return msgspec.structs.replace(answer, repeated=True)
    case = unit.case(answer.case_id)
    return msgspec.structs.replace(answer, repeated=True, state="" if case is None else case[1].state)


def keep(unit: Unit, given: Submit, accepted: Accepted) -> None:
    """Keep the answer to a keyed command."""
    unit.keep_answer(given.party, given.key, given.digest, _encode(accepted))


def keep_given_back(engine: "Engine", unit: Unit, header: Header) -> None:
    """Keep what an own message that came back says about the command that sent it."""
    place = (header.origin, GIVEN_BACK + header.blind[: 2 * TAG_BYTES])
    if unit.answer(*place) is not None or engine.store.answers([place]):
        return
    asked = bytes.fromhex(header.blind)[TAG_BYTES:]
    unit.keep_answer(*place, asked, _encode(Accepted(header.case_id, "", (header.id,))))
    unit.changes.meta[META] = b"1"
