"""A service for tests of order: a case to which one party writes entry after entry, and another reads them in turn.

Its rules take whatever comes, but for an addition to a diary that is not there, so that what they were given, in what
order, is all there is to see.
"""

from datetime import datetime

import msgspec

from darwaza.kernel.machine import NEW, Case, Command, Context, Decision, Draft, Received, Service, Transition, restored
from darwaza.kernel.message import REFUSED

ENTRY = "diary.entry"
ADDITION = "diary.addition"
"""An entry that opens no diary: it is refused where there is none."""


class Write(msgspec.Struct, frozen=True):
    """A command: send one more entry.

    Attributes:
        recipient: full address.
        text: of the entry.
        bulk: whether it travels among the large ones.
        expires_at: see ``Draft``.
        path_policy: see ``Draft``.
        adds: whether it goes only into a diary that is there.
    """

    recipient: str
    text: str
    bulk: bool = False
    expires_at: datetime | None = None
    path_policy: str = ""
    adds: bool = False


class Diary(msgspec.Struct, frozen=True):
    """A case.

    Attributes:
        written: entries sent from here, in order.
        read: entries that came, in the order they were given to the service.
        returned: texts of refusals of entries sent from here, and of entries nobody carried.
    """

    written: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()


def _data(case: Case[Diary] | None) -> Diary:
    return Diary() if case is None else case.data


def _write(case: Case[Diary] | None, given: Command, _context: Context) -> Decision[Diary]:
    body: Write = given.body
    draft = Draft(
        kind=ADDITION if body.adds else ENTRY,
        origin=given.party,
        destination=body.recipient,
        body=body.text.encode(),
        media_type="text/plain",
        expires_at=body.expires_at,
        bulk=body.bulk,
        path_policy=body.path_policy,
    )
    data = _data(case)
    data = msgspec.structs.replace(data, written=(*data.written, body.text))
    return Decision("open", data, messages=(draft,), parties=(given.party, body.recipient))


def _read(case: Case[Diary] | None, given: Received, _context: Context) -> Decision[Diary]:
    data = _data(case)
    data = msgspec.structs.replace(data, read=(*data.read, given.body.decode()))
    return Decision("open", data, parties=(given.destination,))


def _hear(case: Case[Diary] | None, given: Received, _context: Context) -> Decision[Diary]:
    data = _data(case)
    code = msgspec.json.decode(given.body)["code"]
    return Decision("open", msgspec.structs.replace(data, returned=(*data.returned, code)))


def _restore(case: Case[Diary] | None, given: Received, _context: Context) -> Decision[Diary]:
    data = _data(case)
    data = msgspec.structs.replace(data, written=(*data.written, given.body.decode()))
    return Decision("open", data, parties=(given.origin, given.destination))


SERVICE = Service(
    name="diary",
    data_type=Diary,
    table={
        (NEW, "write"): Transition(_write, ("open",)),
        ("open", "write"): Transition(_write, ("open",)),
        (NEW, ENTRY): Transition(_read, ("open",)),
        ("open", ENTRY): Transition(_read, ("open",)),
        ("open", ADDITION): Transition(_read, ("open",)),
        ("open", "diary" + REFUSED): Transition(_hear, ("open",)),
        (NEW, restored(ENTRY)): Transition(_restore, ("open",)),
        ("open", restored(ENTRY)): Transition(_restore, ("open",)),
        (NEW, restored(ADDITION)): Transition(_restore, ("open",)),
        ("open", restored(ADDITION)): Transition(_restore, ("open",)),
    },
)
