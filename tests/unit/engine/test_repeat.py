"""A party's retry after its gateway lost the disk is the same command, not a second delivery (P2)."""

import pytest
from tests.unit.engine.corridor import Corridor

from darwaza.adapters.memory.store import MemoryStore
from darwaza.engine.desk import answer_fetch
from darwaza.engine.intake import Accepted, Settled, Submit, TakeBack
from darwaza.engine.repeat import blind_of
from darwaza.errors import ConflictError
from darwaza.kernel import batch
from darwaza.kernel.message import decode_header
from darwaza.services.documents.machine import SERVICE
from darwaza.services.documents.message import Offer


def command(key="k1", content=b"<a/>", party="PK/fbr"):
    body = Offer("UZ/customs", "Invoice", "a.xml", "application/xml", content)
    return Submit(party, frozenset(), "documents", "offer", key, content.rjust(32), body)


@pytest.fixture
def corridor(tmp_path):
    made = Corridor(tmp_path)
    yield made
    for engine in made.engines.values():
        engine.store.close()


def lose_the_disk(corridor):
    """Pakistan starts empty with its keys and takes back what Uzbekistan holds."""
    corridor.world.clock.advance(1)  # identifiers are drawn anew
    corridor.engines["PK"].store.close()
    corridor.engines["PK"] = corridor.world.engine("PK", [SERVICE], MemoryStore())
    for lane in range(2):
        origin = corridor.origin("PK", "UZ", lane)
        settled = corridor.settle(origin)
        while settled.take_back_from is not None:
            raw = answer_fetch(corridor.engines["UZ"], origin, settled.take_back_from)
            assert isinstance(corridor.one("PK", TakeBack(batch.decode(raw))), Settled)
            settled = corridor.settle(origin)


def test_a_retry_after_a_loss_gets_the_first_answer(corridor):
    """The same key and request: the same case and message, nothing new in the log."""
    first = corridor.one("PK", command())
    corridor.one("PK", command("k2", b"<b/>"))
    corridor.carry("PK", "UZ")
    lose_the_disk(corridor)
    again = corridor.one("PK", command())
    assert again == Accepted(first.case_id, "offered", first.message_ids, None, repeated=True)
    size = corridor.engines["PK"].find_log(corridor.origin("PK", "UZ")).row.size
    with pytest.raises(ConflictError) as refused:
        corridor.one("PK", command(content=b"<other/>"))
    assert refused.value.code == "key_reused"
    assert corridor.engines["PK"].find_log(corridor.origin("PK", "UZ")).row.size == size


def test_what_had_not_reached_a_neighbour_is_sent_anew(corridor):
    """A key of which nobody holds a message is new, and so is the key of another party."""
    corridor.one("PK", command())
    corridor.carry("PK", "UZ")
    corridor.one("PK", command("k2"))
    lose_the_disk(corridor)
    assert not corridor.one("PK", command("k2")).repeated
    assert not corridor.one("PK", command("k1", party="PK/other")).repeated
    assert corridor.one("PK", command("k2")).repeated


def test_a_second_loss_changes_nothing(corridor):
    """What was given back once can be given back again."""
    first = corridor.one("PK", command())
    corridor.carry("PK", "UZ")
    for _ in range(2):
        lose_the_disk(corridor)
        assert corridor.one("PK", command()).case_id == first.case_id


def test_a_blind_tells_strangers_nothing(corridor):
    """It differs by party, key, request and secret, and a command without a key gets a random one."""
    secret = corridor.engines["PK"].site.blind_secret
    variants = [command(), command("k2"), command(content=b"<b/>"), command(party="PK/x")]
    blinds = {blind_of(secret, one) for one in variants} | {blind_of(bytes(32), command())}
    assert len(blinds) == 5
    assert corridor.engines["UZ"].site.blind_secret != secret
    case, message = corridor.offer("PK/fbr", "UZ/customs")
    header = decode_header(corridor.engines["PK"].store.leaf(f"PK {message}").header)
    assert header.blind not in blinds
    assert (len(header.blind), header.case_id) == (32, case)
