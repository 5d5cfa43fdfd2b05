"""The evidence of a payment that went over a relay shows at either end, offline, what the letters on the way said."""

from base64 import b64encode

import msgspec
import pytest
from msgspec.structs import replace
from tests.unit.services.payments.desk import HALYK, HBL
from tests.unit.services.payments.test_bulk import answer, documents, remit, states
from tests.unit.services.payments.test_bulk_relay import RelayedDesk

from darwaza.engine import forwarding
from darwaza.engine.export import collect
from darwaza.engine.routed import read_at
from darwaza.entry.cli.proof import proofs_of
from darwaza.errors import MalformedError
from darwaza.kernel import evidence
from darwaza.kernel.examination import verify
from darwaza.kernel.message import decode_header, encode_header, message_key, sealed_digest
from darwaza.kernel.relay import decode_envelope
from darwaza.kernel.verdict import Result
from darwaza.services.payments import message
from darwaza.services.payments.proof import about_one

ENDS = ("PK", "KZ")


@pytest.fixture
def desk():
    return RelayedDesk()


def order_of(desk, code, case_id):
    """Header of the order, as a gateway has it."""
    engine = desk.chain.engines[code]
    found = [read_at(engine, place)[0] for place in engine.store.case_leaves(case_id)]
    return next(header for header in found if header.kind in {message.ORDER, message.BULK})


def file_of(desk, code, case_id, **options):
    return collect(desk.chain.engines[code], message_key(order_of(desk, code, case_id)), **options)


def judged(desk, raw):
    return verify(raw, desk.world.history, desk.world.clock.now())


def settled(desk):
    case_id = desk.order()
    desk.carry()
    desk.done(desk.confirm(case_id))
    desk.carry()
    assert desk.states(case_id) == ("settled", "credited")
    return case_id


def spoilt(raw, number=0, **changes):
    """The file with one of its items changed."""
    file = evidence.decode(raw)
    items = [replace(item, **changes) if at == number else item for at, item in enumerate(file.items)]
    return evidence.encode(evidence.Evidence(evidence.FORMAT, tuple(items)))


@pytest.mark.parametrize("code", ENDS)
def test_either_end_proves_who_paid_whom_what_and_how_it_ended(desk, code):
    """The order with its pacs.008, the answer with its pacs.002 and the decision, each opened with its own key."""
    case_id = settled(desk)
    raw = file_of(desk, code, case_id)
    verdict = judged(desk, raw)
    assert verdict.result is Result.VALID, [check.text for check in verdict.checks]
    (proven,) = proofs_of(raw)
    assert (proven.payer_bank, proven.payee_bank, proven.end) == (HBL, HALYK, "settled")
    assert proven.debit == "100100.00 PKR"
    assert {step.who for step in proven.steps} == {HBL, HALYK}
    shown = [item for item in evidence.decode(raw).items if item.body is not None]
    assert len({item.key for item in shown}) == len(shown) >= 3
    assert not any(b"<Document" in item.body for item in shown)


def test_both_ends_give_the_same_keys(desk):
    """The sender's copy of a letter's key is the one that was sealed to the destination."""
    case_id = settled(desk)
    items = [evidence.decode(file_of(desk, code, case_id)).items for code in ENDS]
    here, there = ({item.header: item.key for item in given if item.body is not None} for given in items)
    assert here == there


@pytest.mark.parametrize("code", ENDS)
def test_a_rejection_is_proven_with_its_reason(desk, code):
    case_id = desk.order()
    desk.carry()
    desk.done(desk.reject(case_id))
    desk.carry()
    raw = file_of(desk, code, case_id)
    assert judged(desk, raw).result is Result.VALID
    (proven,) = proofs_of(raw)
    assert (proven.end, proven.reason) == ("rejected", "AC04")


@pytest.mark.parametrize("code", ENDS)
def test_without_bodies_there_are_no_keys(desk, code):
    raw = file_of(desk, code, settled(desk), with_body=False)
    assert {(item.body, item.key) for item in evidence.decode(raw).items} == {(None, None)}
    assert judged(desk, raw).result is Result.VALID


def test_a_relay_has_no_key(desk):
    """What it exports of a message that it carried stays sealed, and proves no payment."""
    case_id = settled(desk)
    key = message_key(order_of(desk, "PK", case_id))
    raw = collect(desk.chain.engines["AF"], key)
    assert {item.key for item in evidence.decode(raw).items} == {None}
    with pytest.raises(MalformedError):
        proofs_of(raw)


def test_a_wrong_key_is_refused(desk):
    """Of another letter, with a flipped bit, without a body, or with a body that is not sealed."""
    raw = file_of(desk, "PK", settled(desk))
    items = evidence.decode(raw).items
    other = next(item.key for item in items[1:] if item.key is not None)
    key, body = items[0].key, items[0].body
    flipped = bytes((key[0] ^ 1, *key[1:]))
    hop = next(at for at, item in enumerate(items) if item.role == evidence.HOP)
    assert judged(desk, spoilt(raw, key=other)).code == "unseal_failed"
    assert judged(desk, spoilt(raw, key=flipped)).code == "unseal_failed"
    assert judged(desk, spoilt(raw, body=bytes((body[0] ^ 1, *body[1:])))).code == "body_differs"
    assert judged(desk, spoilt(raw, key=key[1:])).code == "evidence_malformed"
    assert judged(desk, spoilt(raw, body=None)).code == "evidence_malformed"
    assert judged(desk, raw.replace(b64encode(key), b64encode(key)[:-2] + b"/=")).result is Result.INVALID
    assert judged(desk, raw).result is Result.VALID
    with_key_on_hop = spoilt(raw, hop, body=b"", key=key)
    assert judged(desk, with_key_on_hop).code == "evidence_malformed"


def test_a_letter_that_cannot_be_opened_stays_sealed(desk):
    """A gateway that has lost its sealing keys still proves that the message came, and says no more."""
    case_id = settled(desk)
    key = message_key(order_of(desk, "PK", case_id))
    desk.chain.engines["KZ"].site._unseal = (desk.chain.engines["AF"].site.unseal_key,)
    raw = collect(desk.chain.engines["KZ"], key)
    assert judged(desk, raw).result is Result.VALID
    assert {item.key for item in evidence.decode(raw).items} == {None}


def another(raw):
    """The envelope with a message in it that its origin never sent."""
    envelope = decode_envelope(raw)
    first = envelope.hops[0]
    header = decode_header(first.header)
    invented = replace(first, header=encode_header(replace(header, id=header.id[:-4] + "f0f0")))
    return msgspec.msgpack.encode(replace(envelope, hops=(invented, *envelope.hops[1:])))


@pytest.mark.parametrize("lie", [another, lambda _: b"\x00"], ids=["another message", "not an envelope"])
def test_what_a_relay_invents_spoils_no_evidence(desk, monkeypatch, lie):
    """It stands in the case at the end it was handed to, refused; the file of the payment leaves it out."""
    honest = forwarding.forward

    def lying(passage, arrival, **made):
        header, body = honest(passage, arrival, **made)
        if passage.message.kind != message.STATUS:
            return header, body
        wrong = lie(body)
        return replace(header, body_bytes=len(wrong), body_digest=sealed_digest(wrong)), wrong

    monkeypatch.setattr(forwarding, "forward", lying)
    case_id = desk.order()
    desk.carry()
    key = message_key(order_of(desk, "PK", case_id))
    desk.done(desk.confirm(case_id))
    desk.carry()
    assert len(desk.chain.stores["PK"].quarantined(9)) == 1
    raw = collect(desk.chain.engines["PK"], key)
    assert judged(desk, raw).result is Result.VALID
    assert proofs_of(raw)[0].end == "open"


@pytest.mark.parametrize("code", ENDS)
def test_the_file_of_one_payment_of_a_bulk_opens_no_letter_of_many(desk, code):
    """Its key would show the others; the file of the whole order opens it and proves each."""
    case_id = desk.done(remit(desk, documents(desk))).case_id
    desk.carry()
    desk.done(answer(desk, case_id, 1, (2, "AC04", "closed"), 3, 4, 5))
    desk.carry()
    assert states(desk.pk, case_id) == ["settled", "rejected", "settled", "settled", "settled"]
    order, (_, bulk) = order_of(desk, code, case_id), desk.lands[code].case(case_id)
    one = file_of(desk, code, case_id, about=about_one(order, bulk.entries[1].uetr, 2))
    assert judged(desk, one).result is Result.VALID
    assert {item.key for item in evidence.decode(one).items} == {None}
    with pytest.raises(MalformedError):
        proofs_of(one)
    whole = file_of(desk, code, case_id)
    assert judged(desk, whole).result is Result.VALID
    assert [one.end for one in proofs_of(whole)] == [entry_end(entry) for entry in bulk.entries]


def entry_end(entry):
    return "rejected" if entry.state in {"rejected", "refused"} else "settled"
