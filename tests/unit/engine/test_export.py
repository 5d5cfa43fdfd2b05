"""Evidence made from a gateway's store: what stands in the file, and that strangers agree with it."""

import re
import time
from pathlib import Path

import msgspec
import pytest
import scitt_cose
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.unit.engine.corridor import Corridor

from darwaza.adapters.sqlite.store import SqliteStore
from darwaza.engine.desk import answer_fetch
from darwaza.engine.export import collect, receipt
from darwaza.engine.intake import Acknowledge, Settled, TakeBack
from darwaza.engine.unit import Unit
from darwaza.errors import DarwazaError
from darwaza.kernel import batch, evidence
from darwaza.kernel.checkpoint import Cosigner
from darwaza.kernel.corridor import Corridor as Document
from darwaza.kernel.examination import verify
from darwaza.kernel.merkle import EMPTY, leaf_hash
from darwaza.kernel.message import decode_header
from darwaza.kernel.note import Note, format_note, parse
from darwaza.kernel.reference import Reference
from darwaza.kernel.tile import append_to_tiles, inclusion_proof
from darwaza.kernel.verdict import Result, Verdict
from darwaza.services.documents.machine import SERVICE
from darwaza.testing.world import CORRIDOR_NAME


@pytest.fixture
def corridor(tmp_path):
    made = Corridor(tmp_path, witness_quorum=1)
    yield made
    for engine in made.engines.values():
        engine.store.close()


def checked(corridor: Corridor, raw: bytes) -> Verdict:
    now = corridor.world.clock.now()
    return verify(raw, Reference.read([corridor.world.file], corridor.world.document.digest, now), now)


def code_of(call) -> str:
    with pytest.raises(DarwazaError) as refused:
        call()
    return refused.value.code


def test_evidence_grows_from_unacknowledged_to_witnessed(corridor):
    """The same message exports with what is known of it at the time: nothing, the receipt, the witness."""
    pk = corridor.engines["PK"]
    _, message_id = corridor.offer("PK/fbr", "UZ/customs")
    verdict = checked(corridor, collect(pk, message_id))
    assert (verdict.result, verdict.code) == (Result.CANNOT_TELL, "receipt_missing")
    assert verdict.findings[0].grade == "unacknowledged"
    corridor.carry("PK", "UZ")
    verdict = checked(corridor, collect(pk, message_id))
    assert (verdict.result, verdict.findings[0].grade) == (Result.VALID, "bilateral")
    corridor.one("PK", corridor.attestation("PK", "UZ", "KZ"))
    verdict = checked(corridor, collect(pk, message_id))
    assert (verdict.result, verdict.findings[0].grade) == (Result.VALID, "witnessed 1 of 1")


def test_both_sides_export_the_message_with_its_answer(corridor):
    """The sender and the recipient each hold all of it: offer and handed-over, both signed both ways."""
    case_id, message_id = corridor.offer("PK/fbr", "UZ/customs")
    corridor.carry("PK", "UZ")
    answer_id = corridor.accept("UZ/customs", case_id)
    corridor.carry("UZ", "PK")
    for code in ("PK", "UZ"):
        verdict = checked(corridor, collect(corridor.engines[code], message_id))
        assert verdict.result is Result.VALID
        found = [(one.id, one.kind, one.author, one.reader) for one in verdict.findings]
        assert found == [
            (message_id, "documents.offer", "PK", "UZ"),
            (answer_id, "documents.handed-over", "UZ", "PK"),
        ]
    (first, _) = checked(corridor, collect(corridor.engines["PK"], answer_id)).findings
    assert first.id == answer_id


def test_an_answer_that_is_not_acknowledged_is_left_out(corridor):
    """What would only weaken the file is not in it: the answer is exported when its receipt has come."""
    case_id, message_id = corridor.offer("PK/fbr", "UZ/customs")
    corridor.carry("PK", "UZ")
    corridor.accept("UZ/customs", case_id)
    verdict = checked(corridor, collect(corridor.engines["UZ"], message_id))
    assert (verdict.result, len(verdict.findings)) == (Result.VALID, 1)


def test_bodies_can_be_withheld(corridor):
    """Without bodies the file is as valid, and says what the body must be."""
    _, message_id = corridor.offer("PK/fbr", "UZ/customs", b"secret" * 40)
    corridor.carry("PK", "UZ")
    raw = collect(corridor.engines["PK"], message_id, with_body=False)
    verdict = checked(corridor, raw)
    assert (verdict.result, verdict.findings[0].body) == (Result.VALID, False)
    assert [item.body for item in evidence.decode(raw).items] == [None]
    assert len(raw) < len(collect(corridor.engines["PK"], message_id))


def test_a_witnessed_checkpoint_further_on_is_preferred(corridor):
    """The message's own checkpoint has no witness, a later one has: that one is shown."""
    pk = corridor.engines["PK"]
    _, message_id = corridor.offer("PK/fbr", "UZ/customs")
    corridor.carry("PK", "UZ")
    for _ in range(3):
        corridor.offer("PK/fbr", "UZ/customs")
        corridor.carry("PK", "UZ")
    assert checked(corridor, collect(pk, message_id)).findings[0].size == 2
    corridor.one("PK", corridor.attestation("PK", "UZ", "KZ"))
    (found,) = checked(corridor, collect(pk, message_id)).findings
    assert (found.size, found.grade) == (5, "witnessed 1 of 1")


def test_witnesses_are_not_lost(tmp_path):
    """A new connection, a repeated receipt, and two witnesses in one batch all leave every signature in place."""
    corridor = Corridor(tmp_path, ("AF", "KZ", "PK", "UZ"), witness_quorum=2)
    pk = corridor.engines["PK"]
    _, message_id = corridor.offer("PK/fbr", "UZ/customs")
    corridor.carry("PK", "UZ")
    both = [corridor.attestation("PK", "UZ", code) for code in ("AF", "KZ")]
    assert not any(isinstance(outcome, Exception) for outcome in pk.run(both))
    corridor.settle(corridor.origin("PK", "UZ"))
    (found,) = checked(corridor, collect(pk, message_id)).findings
    assert [one.member for one in found.witnesses] == ["AF", "KZ"]
    for engine in corridor.engines.values():
        engine.store.close()


def test_what_cannot_be_exported_is_refused_with_a_code(corridor):
    """No such message; and a receipt for a log that is not ours."""
    _, message_id = corridor.offer("PK/fbr", "UZ/customs")
    corridor.carry("PK", "UZ")
    assert code_of(lambda: collect(corridor.engines["KZ"], message_id)) == "not_found"
    assert code_of(lambda: collect(corridor.engines["PK"], "PK nothing")) == "not_found"
    assert code_of(lambda: receipt(corridor.engines["UZ"], message_id)) == "log_not_ours"
    assert collect(corridor.engines["PK"], f"PK {message_id}") == collect(corridor.engines["PK"], message_id)


def test_an_independent_verifier_takes_the_receipt(corridor):
    """The COSE receipt verifies in scitt-cose with the key of the corridor document, and for no other entry."""
    pk = corridor.engines["PK"]
    _, message_id = corridor.offer("PK/fbr", "UZ/customs")
    corridor.carry("PK", "UZ")
    (item,) = evidence.decode(collect(pk, message_id)).items
    document: Document = corridor.world.document
    public = ed25519.Ed25519PublicKey.from_public_bytes(document.card("PK").keys.log)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    raw = receipt(pk, message_id)
    result = scitt_cose.verify_receipt(raw, leaf_entry_hex=item.header.encode().hex(), log_public_key_pem=pem)
    assert result.ok, result.errors
    assert (result.leaf_index, result.tree_size) == (1, 2)
    assert (result.issuer, result.subject) == (corridor.origin("PK", "UZ"), f"urn:uuid:{message_id}")
    assert decode_header(item.header.encode()).id == message_id
    wrong = scitt_cose.verify_receipt(raw, leaf_entry_hex=b"another".hex(), log_public_key_pem=pem)
    assert not wrong.ok


def test_a_proof_from_a_million_leaves_is_quick():
    """Making an inclusion proof from the tiles of a log of 1,000,000 messages takes at most 5 ms of work."""
    size = 1_000_000
    leaves = [leaf_hash(b"%d" % at) for at in range(size)]
    _, rows = append_to_tiles(EMPTY, leaves, {})
    tiles = {(row.level, row.number): row.hashes for row in rows}
    durations = []
    for index in range(0, size, 99_991):
        start = time.process_time()
        inclusion_proof(index, size, lambda level, number: tiles[level, number])
        durations.append(time.process_time() - start)
    assert sorted(durations)[len(durations) // 2] < 0.005


def test_the_second_signature_counts_where_the_corridor_asks_for_it(tmp_path):
    """With ML-DSA-44 required, evidence is valid with both lines and cannot be told without the second."""
    corridor = Corridor(tmp_path, ("PK", "UZ"), post_quantum=True)
    _, message_id = corridor.offer("PK/fbr", "UZ/customs")
    corridor.carry("PK", "UZ")
    file = evidence.decode(collect(corridor.engines["PK"], message_id))
    assert checked(corridor, evidence.encode(file)).result is Result.VALID
    (item,) = file.items
    first, second, reader = item.proof.rstrip("\n").rsplit("\n", 3)[1:]
    assert len(second) > len(first)
    weak = msgspec.structs.replace(item, proof=item.proof.replace(second + "\n", ""))
    verdict = checked(corridor, evidence.encode(msgspec.structs.replace(file, items=(weak,))))
    assert (verdict.result, verdict.code) == (Result.CANNOT_TELL, "signature_weak")
    assert reader in weak.proof
    for engine in corridor.engines.values():
        engine.store.close()


def lose(corridor: Corridor, folder: Path) -> None:
    """PK comes back with its keys and an empty disk."""
    corridor.engines["PK"].store.close()
    store = SqliteStore.create(folder / "new.db")
    corridor.engines["PK"] = corridor.world.engine("PK", [SERVICE], store, seed=1)


def test_evidence_survives_the_loss_of_a_disk(corridor, tmp_path):
    """What the reader gives back carries its receipt again, so the author proves it as before."""
    _, message_id = corridor.offer("PK/fbr", "UZ/customs")
    corridor.carry("PK", "UZ")
    lose(corridor, tmp_path)
    origin = corridor.origin("PK", "UZ")
    pk, uz = corridor.engines["PK"], corridor.engines["UZ"]
    assert corridor.settle(origin) == Settled(None, 0)
    given = batch.decode(answer_fetch(uz, origin, 0))
    note = parse(given.checkpoint)
    alone = format_note(Note(note.text, note.signatures[:1]))
    unsigned = msgspec.structs.replace(given, checkpoint=alone)
    assert code_of(lambda: corridor.one("PK", TakeBack(unsigned))) == "signature_missing"
    assert code_of(lambda: collect(pk, message_id)) == "not_found"
    corridor.one("PK", TakeBack(given))
    verdict = checked(corridor, collect(pk, message_id))
    assert (verdict.result, verdict.findings[0].grade) == (Result.VALID, "bilateral")


def slip_in(corridor: Corridor, header: bytes) -> None:
    """Make PK append what its engine would not make: the offer's header with changes, under another id."""
    pk = corridor.engines["PK"]
    log = pk.find_log(corridor.origin("PK", "UZ"))
    (good, body) = pk.entries(log.row.id, 1, 2, 1 << 20)[0]
    case_id = decode_header(good).case_id
    unit = Unit(pk.site, pk.store, pk.logs, corridor.world.clock.now())
    unit.queue(log.row.id, re.sub(rb'"id":"[0-9a-f]{8}', b'"id":"00000000', header), body, "PK other", case_id)
    pk.store.commit(unit.finish())
    pk.logs.update(unit.logs)


def test_messages_of_other_parties_stay_out(corridor):
    """Whoever may see one message of a case does not get those of others that name the same case."""
    _, message_id = corridor.offer("PK/fbr", "UZ/customs")
    pk = corridor.engines["PK"]
    (good, _) = pk.entries(pk.find_log(corridor.origin("PK", "UZ")).row.id, 1, 2, 1 << 20)[0]
    slip_in(corridor, good.replace(b"UZ/customs", b"UZ/police"))
    corridor.carry("PK", "UZ")
    for code in ("PK", "UZ"):
        assert len(evidence.decode(collect(corridor.engines[code], message_id)).items) == 1


def test_a_header_with_an_impossible_date_stops_nothing(corridor):
    """It goes into quarantine, its neighbours in the batch are handled once, and the link lives."""
    case_id, _ = corridor.offer("PK/fbr", "UZ/customs")
    pk = corridor.engines["PK"]
    log = pk.find_log(corridor.origin("PK", "UZ"))
    (good, _) = pk.entries(log.row.id, 1, 2, 1 << 20)[0]
    slip_in(corridor, re.sub(rb'"created_at":"2026-11', b'"created_at":"2026-13', good))
    corridor.carry("PK", "UZ")
    uz = corridor.engines["UZ"]
    assert [row.code for row in uz.store.quarantined(9)] == ["header_malformed"]
    assert uz.store.cases([case_id])[case_id].state == "arrived"
    corridor.offer("PK/fbr", "UZ/customs")
    corridor.carry("PK", "UZ")
    assert uz.find_log(corridor.origin("PK", "UZ")).row.size == 4


@pytest.mark.parametrize("seconds", [0, 2**33, 2**63 - 1])
def test_a_receipt_with_an_absurd_time_is_told_as_such(corridor, seconds):
    """Whatever time a reader signs, the export does not stumble over it and the verdict says that it does not fit."""
    _, message_id = corridor.offer("PK/fbr", "UZ/customs")
    origin = corridor.origin("PK", "UZ")
    note = corridor.engines["PK"].find_log(origin).row.checkpoint
    cosigner = Cosigner(f"{CORRIDOR_NAME}/UZ", corridor.world.keys["UZ"].witness)
    line = cosigner.sign(parse(note).text.encode(), seconds)
    corridor.one("PK", Acknowledge(origin, note, (line,)))
    verdict = checked(corridor, collect(corridor.engines["PK"], message_id))
    code = "receipt_in_future" if seconds else "receipt_before_document"
    assert (verdict.result, verdict.code) == (Result.CANNOT_TELL, code)
