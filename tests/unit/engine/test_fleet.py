"""What is under way is known after a restart in the order it was sent."""

from datetime import timedelta

import msgspec

from darwaza.adapters.memory.store import MemoryStore
from darwaza.engine.voyage import ROUTE, UNDER_WAY, Fleet, Voyage
from darwaza.kernel import instant
from darwaza.kernel.message import Header, body_digest, encode_header
from darwaza.ports.store import CaseRow, Changes
from darwaza.testing.world import START


def sent(number):
    """The id and voyage of a case's message: the later it was sent, the smaller its id."""
    message_id = f"00000000-0000-7000-8000-{99 - number:012}"
    at = instant.to_text(START + timedelta(seconds=number))
    header = Header(
        blind="0" * 32,
        body_bytes=0,
        body_digest=body_digest(b"", "application/json"),
        case_id="case",
        created_at=at,
        destination="PK/bank",
        id=message_id,
        kind="documents.offer",
        media_type="application/json",
        origin="KZ/bank",
        path=("KZ", "UZ", "PK"),
        version=1,
    )
    return message_id, at, Voyage("case", "PK/bank", at, None, "documents", "", (encode_header(header),))


def test_the_newest_message_of_a_case_is_the_newest_after_a_restart():
    store = MemoryStore()
    voyages = [sent(number) for number in range(3)]
    rows = {
        message_id: CaseRow(message_id, ROUTE, UNDER_WAY, msgspec.msgpack.encode(voyage), None, at, at, None)
        for message_id, at, voyage in voyages
    }
    store.commit(Changes(cases=rows))
    fleet = Fleet.load(store)
    assert list(fleet.voyages) == [message_id for message_id, _, _ in voyages]
    assert fleet.of_case("case", "PK") == [message_id for message_id, _, _ in voyages]
    assert fleet.before("case", "PK") == voyages[-1][2]
