"""A party's retry after its gateway lost the disk is the same command, not a second delivery (P2)."""

from datetime import timedelta

import msgspec
import pytest
from tests.unit.engine.corridor import Corridor

from darwaza.adapters.memory.store import MemoryStore
from darwaza.config import CHUNK_BYTES
from darwaza.engine.desk import answer_fetch
from darwaza.engine.intake import Accepted, Adopt, Arrive, Settled, Submit, TakeBack
from darwaza.engine.repeat import blind_of
from darwaza.errors import ConflictError
from darwaza.kernel import batch
from darwaza.kernel.instant import from_fine_text
from darwaza.kernel.machine import Refusal
from darwaza.kernel.message import decode_header
from darwaza.ports.store import CaseFilter
from darwaza.services.documents.machine import SERVICE
from darwaza.services.documents.message import AddChunk, Manifest, Offer, Open, digest_of

SECOND = timedelta(seconds=1)


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
    take_back(corridor)


def take_back(corridor):
    """Pakistan meets Uzbekistan and takes back what that holds."""
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


PIECES = (b"one", b"two")
MANIFEST = Manifest(
    bytes=2 * CHUNK_BYTES,
    chunks=tuple(map(digest_of, PIECES)),
    digest="0" * 64,
    filename="m.tif",
    media_type="image/tiff",
    title="A map",
)


def announced(corridor, manifest=MANIFEST, key="up", party="PK/fbr"):
    """Announce a large document under a key."""
    digest = digest_of(manifest.title.encode()).encode()[:32]
    given = Submit(party, frozenset(), "documents", "open", key, digest, Open("UZ/customs", manifest), None, opens=True)
    return corridor.one("PK", given)


def added(corridor, case_id, piece):
    given = Submit("PK/fbr", frozenset(), "documents", "add-chunk", "", b"", AddChunk(piece), case_id)
    return corridor.one("PK", given)


@pytest.mark.parametrize("held", range(3))
def test_an_upload_is_announced_once(corridor, held):
    """However many of its chunks reached the neighbour: the same case, and only what is not back is missing."""
    first = announced(corridor)
    assert announced(corridor).repeated
    for piece in PIECES[:held]:
        added(corridor, first.case_id, piece)
    corridor.carry("PK", "UZ", 1)
    lose_the_disk(corridor)
    again = announced(corridor)
    assert again.case_id == first.case_id
    assert set(again.answer["missing"]) == set(MANIFEST.chunks[held:])
    for piece in PIECES[held:]:
        added(corridor, first.case_id, piece)
    for lane in (0,) if held == len(PIECES) else (0, 1):
        corridor.carry("PK", "UZ", lane)
    (row,) = corridor.engines["UZ"].store.find_cases(CaseFilter(party="UZ/customs"))
    assert (row.id, row.state) == (first.case_id, "arrived")


def test_a_backup_of_an_upload_takes_the_recipients_word(corridor):
    """The backup knows one of two chunks; a stick brings the word before anybody was met, then the rest comes back."""
    corridor.engines["PK"].store.close()
    store = MemoryStore()
    corridor.engines["PK"] = corridor.world.engine("PK", [SERVICE], store)
    for lane in range(2):
        corridor.settle(corridor.origin("PK", "UZ", lane))
    case_id = announced(corridor).case_id
    added(corridor, case_id, PIECES[0])
    backup = store.copy()
    added(corridor, case_id, PIECES[1])
    for lane in range(2):
        corridor.carry("PK", "UZ", lane)
    corridor.accept("UZ/customs", case_id)
    corridor.world.clock.advance(1)
    corridor.engines["PK"] = corridor.world.engine("PK", [SERVICE], backup)
    uz, origin = corridor.engines["UZ"], corridor.origin("UZ", "PK")
    row = uz.find_log(origin).row
    entries = uz.entries(row.id, 0, row.size, 1 << 24)
    corridor.one("PK", Arrive(batch.decode(batch.encode(origin, 0, row.checkpoint, entries)), carried=True))
    assert backup.cases([case_id])[case_id].state == "handed-over"
    take_back(corridor)
    assert backup.cases([case_id])[case_id].state == "handed-over"
    assert backup.given_back_count() == 0


def test_an_upload_is_not_taken_for_another(corridor):
    """Another key and another party have cases of their own; another manifest under the key is refused."""
    first = announced(corridor)
    assert announced(corridor, key="other").case_id != first.case_id
    assert announced(corridor, party="PK/other").case_id != first.case_id
    added(corridor, first.case_id, PIECES[0])
    added(corridor, first.case_id, PIECES[1])
    for lane in range(2):
        corridor.carry("PK", "UZ", lane)
    lose_the_disk(corridor)
    other = announced(corridor, msgspec.structs.replace(MANIFEST, title="Another map"))
    assert isinstance(other, Refusal)
    assert announced(corridor).answer == {"missing": ()}


def renew_the_log_key(corridor):
    """Pakistan's log key is renewed, and everybody goes by the version that says so."""
    corridor.world.clock.advance(60)
    raw = corridor.world.renew_log_key("PK")
    for code in corridor.engines:
        corridor.one(code, Adopt(raw))


@pytest.mark.parametrize("renewals", [1, 2])
def test_a_retry_is_known_over_a_renewed_log_key(corridor, renewals):
    """A command, a renewal, a loss, a retry: the first answer, another request under the key refused as ever."""
    first = corridor.one("PK", command())
    corridor.carry("PK", "UZ")
    for number in range(renewals):
        renew_the_log_key(corridor)
        between = corridor.one("PK", command(f"between {number}"))
        corridor.carry("PK", "UZ")
    lose_the_disk(corridor)
    size = corridor.engines["PK"].find_log(corridor.origin("PK", "UZ")).row.size
    again = corridor.one("PK", command())
    assert (again.case_id, again.message_ids, again.repeated) == (first.case_id, first.message_ids, True)
    assert corridor.one("PK", command(f"between {renewals - 1}")).case_id == between.case_id
    with pytest.raises(ConflictError) as refused:
        corridor.one("PK", command(content=b"<other/>"))
    assert refused.value.code == "key_reused"
    assert corridor.engines["PK"].find_log(corridor.origin("PK", "UZ")).row.size == size
    assert not corridor.one("PK", command("new")).repeated


def test_a_retry_after_a_renewal_needs_the_former_key(corridor):
    """Whoever throws ``keys/former/`` away is told nothing false: the command is then taken for a new one."""
    first = corridor.one("PK", command())
    corridor.carry("PK", "UZ")
    renew_the_log_key(corridor)
    corridor.world.keys["PK"].former_logs = ()
    lose_the_disk(corridor)
    assert corridor.one("PK", command()).case_id != first.case_id


@pytest.mark.parametrize("held", [1, 2])
def test_an_upload_goes_on_over_a_renewed_log_key(corridor, held):
    """The case has the name that the former key gave it, and only what is not back is missing."""
    first = announced(corridor)
    for piece in PIECES[:held]:
        added(corridor, first.case_id, piece)
    corridor.carry("PK", "UZ", 1)
    renew_the_log_key(corridor)
    assert announced(corridor).case_id == first.case_id
    lose_the_disk(corridor)
    again = announced(corridor)
    assert again.case_id == first.case_id
    assert set(again.answer["missing"]) == set(MANIFEST.chunks[held:])


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
    secret = corridor.engines["PK"].site.blind_secrets[0]
    variants = [command(), command("k2"), command(content=b"<b/>"), command(party="PK/x")]
    blinds = {blind_of(secret, one) for one in variants} | {blind_of(bytes(32), command())}
    assert len(blinds) == 5
    assert corridor.engines["UZ"].site.blind_secrets[0] != secret
    case, message = corridor.offer("PK/fbr", "UZ/customs")
    header = decode_header(corridor.engines["PK"].store.leaf(f"PK {message}").header)
    assert header.blind not in blinds
    assert (len(header.blind), header.case_id) == (32, case)


def test_a_document_that_comes_back_keeps_its_day(corridor):
    """Lists and searches by time find it where it was, not on the day the disk was lost."""
    first = corridor.one("PK", command())
    corridor.world.clock.advance(3_600)
    second = corridor.one("PK", command("k2", b"<b/>"))
    days = {row.id: row.opened_at for row in corridor.engines["PK"].store.find_cases(CaseFilter(party="PK/fbr"))}
    corridor.carry("PK", "UZ")
    corridor.world.clock.advance(86_400)
    lose_the_disk(corridor)
    third = corridor.one("PK", command("k3", b"<c/>"))
    rows = corridor.engines["PK"].store.find_cases(CaseFilter(party="PK/fbr"))
    assert [row.id for row in rows] == [third.case_id, second.case_id, first.case_id]
    assert all(abs(from_fine_text(row.opened_at) - from_fine_text(days[row.id])) < SECOND for row in rows[1:])
