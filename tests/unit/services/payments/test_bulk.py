"""A bulk at both gateways: one order, one hold, and an end for each payment."""

from collections import Counter
from decimal import Decimal

import msgspec
import pytest
from tests.unit.services.payments.desk import HALYK, HBL, KASPI, Desk
from tests.unit.services.payments.test_restore import forget, give_back, pay_in, replay

from darwaza.engine.desk import answer_ask, answer_fetch
from darwaza.engine.intake import Arrive, PlaceOrders, Settle, TakeBack, Wake
from darwaza.engine.ledger import read_statement
from darwaza.errors import PushbackError
from darwaza.kernel import batch
from darwaza.kernel.machine import Refusal
from darwaza.ledger.order import Move
from darwaza.services.payments import message
from darwaza.services.payments.entry import entry_id, split_id
from darwaza.services.payments.statement import shares_of
from darwaza.standards.iso20022.message import write
from darwaza.standards.iso20022.party import Coded
from darwaza.standards.iso20022.payment import AgreedRate
from darwaza.testing.paying import awaits_cause
from darwaza.testing.trade import pacs008

SIZE = 5
RATE = {"agreed_rate": AgreedRate(unit_currency="PKR", quoted_currency="KZT", rate=Decimal("1.75"))}


@pytest.fixture
def desk():
    return Desk()


def transfers(desk, changes=None, size=SIZE, uetrs=None, priority="NORM"):
    """As many payments, each of another amount; ``changes`` of the transaction by number."""
    made = []
    for number in range(1, size + 1):
        quoted = desk.done(desk.quote(HBL, f"{1000 + number}.01", fee="0.01", take_best=False)).case_id
        _, payment = desk.pk.case(quoted)
        desk.done(desk.pk.command(HBL, "cancel-quote", message.Cancel(), quoted))
        swift = next(one for one in payment.offers if one.provider == "PK/fx-swift")
        payment = msgspec.structs.replace(payment, chosen=swift)
        given = RATE | (changes or {}).get(number, {})
        uetr = desk.uetr() if uetrs is None else uetrs[number - 1]
        made.append(pacs008(quoted, payment, desk.world.clock.now(), priority, uetr, given))
    return made


def documents(desk, *args, **fields):
    return tuple(map(write, transfers(desk, *args, **fields)))


def remit(desk, given):
    return desk.pk.command(HBL, "remit-bulk", message.RemitBulk(desk.market, given))


def order(desk, *args, **fields):
    done = desk.done(remit(desk, documents(desk, *args, **fields)))
    desk.carry()
    return done.case_id


def answer(desk, case_id, *words):
    said = tuple(message.Said(*word) if isinstance(word, tuple) else message.Said(word) for word in words)
    return desk.kz.command(HALYK, "answer-bulk", message.AnswerBulk(said), case_id)


def states(land, case_id):
    return [entry.state for entry in land.case(case_id)[1].entries]


def one(desk, party, kind, body, case_id, number, **fields):
    land = desk.lands[party[:2]]
    return land.command(party, kind + "-one", message.OfBulk(number, body), case_id, **fields)


def test_each_ends_by_itself_and_the_money_with_it(desk):
    before = desk.pk.balance("position:PK/hbl:PKR"), desk.kz.balance("position:KZ/halyk:KZT")
    case_id = order(desk)
    assert states(desk.pk, case_id) == ["sent"] * SIZE
    assert states(desk.kz, case_id) == ["asked"] * SIZE
    assert desk.done(answer(desk, case_id, 1, (2, "AC04", "closed"), 3)).answer["refused"] == []
    desk.carry()
    assert states(desk.pk, case_id) == ["settled", "rejected", "settled", "sent", "sent"]
    desk.check(at_rest=False)
    desk.done(answer(desk, case_id, 4))
    desk.done(answer(desk, case_id, 5))
    desk.carry()
    assert states(desk.kz, case_id) == ["credited", "refused", "credited", "credited", "credited"]
    _, bulk = desk.pk.case(case_id)
    assert states(desk.pk, case_id) == ["settled", "rejected", "settled", "settled", "settled"]
    assert bulk.entries[1].reason == "AC04"
    paid = [entry for entry in bulk.entries if entry.state == "settled"]
    assert desk.pk.balance("position:PK/hbl:PKR") == before[0] - sum(entry.amounts[0] for entry in paid)
    assert desk.kz.balance("position:KZ/halyk:KZT") == before[1] + sum(entry.amounts[5] for entry in paid)
    desk.check()


def test_what_is_wrong_is_left_out_and_stops_no_other(desk):
    wrong = {2: {"purpose": Coded(code="XXXX")}, 4: {"payment_type": None}}
    done = desk.done(remit(desk, documents(desk, wrong)))
    assert [one[1] for one in done.answer["refused"]] == ["purpose_wrong", "message_unsuitable"]
    desk.carry()
    assert states(desk.kz, done.case_id) == ["asked"] * 3
    desk.done(answer(desk, done.case_id, 1, 2, 3))
    desk.carry()
    desk.check()


def test_a_uetr_is_taken_once_in_a_bulk_or_alone(desk):
    uetrs = [desk.uetr() for _ in range(SIZE)]
    case_id = order(desk, uetrs=uetrs)
    again = desk.done(remit(desk, documents(desk, uetrs=uetrs)))
    assert {one[1] for one in again.answer["refused"]} == {"duplicate_payment"}
    quoted = desk.done(desk.quote()).case_id
    assert desk.pay(quoted, uetr=uetrs[0]).code == "duplicate_payment"
    alone = desk.order(uetr=desk.uetr(), priority="NORM")
    single = desk.pk.case(alone)[1].uetr
    beside = desk.done(remit(desk, documents(desk, uetrs=[single, *(desk.uetr() for _ in range(SIZE - 1))])))
    assert [one[1] for one in beside.answer["refused"]] == ["duplicate_payment"]
    assert desk.pk.store.named(uetrs) == dict.fromkeys(uetrs, case_id)


def test_silence_of_the_payees_bank_refuses_what_is_unanswered(desk):
    case_id = order(desk)
    desk.done(answer(desk, case_id, 2))
    desk.settle_down()
    assert states(desk.pk, case_id) == ["rejected", "settled", "rejected", "rejected", "rejected"]
    assert {entry.reason for entry in desk.pk.case(case_id)[1].entries} == {"AB05", ""}
    desk.check()


def test_silence_of_the_payees_gateway_is_asked_about_and_ends(desk):
    done = desk.done(remit(desk, documents(desk)))
    desk.cut = {"PK"}
    desk.wait(26)
    assert desk.pk.state(done.case_id) == "bulk-unknown"
    assert states(desk.pk, done.case_id) == ["unknown"] * SIZE
    desk.settle_down()
    assert set(states(desk.pk, done.case_id)) == {"rejected"}
    desk.check()


def test_a_lost_answer_is_asked_for_again(desk):
    case_id = order(desk)
    desk.cut = {"KZ"}
    desk.done(answer(desk, case_id, 1, 2, 3, 4, 5))
    desk.wait(26)
    assert desk.pk.state(case_id) == "bulk-unknown"
    desk.settle_down()
    assert set(states(desk.pk, case_id)) == {"settled"}
    desk.check()


def test_a_word_that_comes_twice_or_too_late_changes_nothing(desk):
    case_id = order(desk)
    desk.done(answer(desk, case_id, 1))
    assert desk.done(answer(desk, case_id, 1, 9)).answer["refused"] == [(1, "not_in_state"), (9, "not_in_state")]
    assert answer(desk, case_id, 2).answer["refused"] == []
    desk.world.clock.advance(30)
    assert desk.done(answer(desk, case_id, 3)).answer["refused"] == [(3, "too_late")]
    desk.settle_down()
    desk.check()


def test_only_the_payees_bank_answers(desk):
    case_id = order(desk)
    refused = desk.kz.command(KASPI, "answer-bulk", message.AnswerBulk((message.Said(1),)), case_id)
    assert isinstance(refused, Refusal)
    assert refused.code == "not_found"


def test_one_is_recalled_and_given_back_and_another_kept(desk):
    case_id = order(desk)
    desk.done(answer(desk, case_id, 1, 2, 3, 4, 5))
    desk.carry()
    for number in (2, 3):
        desk.done(one(desk, HBL, "recall", message.AskBack("DUPL"), case_id, number))
    desk.carry()
    assert states(desk.kz, case_id) == ["credited", "recalled", "recalled", "credited", "credited"]
    desk.done(one(desk, HALYK, "return", message.GiveBack("FOCR"), case_id, 2))
    desk.done(one(desk, HALYK, "refuse-recall", message.KeepIt("CUST"), case_id, 3))
    desk.done(one(desk, HALYK, "return", message.GiveBack("AC04"), case_id, 5))
    desk.carry()
    assert states(desk.pk, case_id) == ["settled", "returned", "settled", "settled", "returned"]
    _, bulk = desk.pk.case(case_id)
    assert bulk.entries[2].recall_answer == "CUST"
    assert bulk.entries[4].refund_minor == bulk.entries[4].amounts[2]
    desk.check()


def test_a_recall_that_is_not_answered_ends_in_bounded_time(desk):
    case_id = order(desk)
    desk.done(answer(desk, case_id, 1, 2, 3, 4, 5))
    desk.carry()
    desk.done(one(desk, HBL, "recall", message.AskBack("DUPL"), case_id, 4))
    desk.carry()
    desk.wait(15 * 86_400)
    desk.carry()
    assert desk.pk.case(case_id)[1].entries[3].recall_answer == "NOAS"
    desk.check()


def test_returns_wait_for_the_providers_money_and_take_no_more_than_there_is(desk):
    """Many of one bulk that wait at once; there comes enough for one and a half, then for all."""
    case_id = order(desk)
    desk.done(answer(desk, case_id, 1, 2, 3, 4, 5))
    desk.carry()
    funds, outside = "liquidity:PK/fx-swift:PKR", "external:PKR"
    spent = desk.pk.available(funds)
    desk.done(desk.pk.run(PlaceOrders((Move("out", funds, outside, spent),)))[0])
    for number in (1, 2, 3):
        desk.done(one(desk, HALYK, "return", message.GiveBack("AC04"), case_id, number))
    desk.carry()
    assert states(desk.pk, case_id) == ["returning"] * 3 + ["settled"] * 2
    refund = desk.pk.case(case_id)[1].entries[0].refund_minor
    desk.done(desk.pk.run(PlaceOrders((Move("in", outside, funds, refund * 3 // 2),)))[0])
    desk.wait(3_600)
    desk.carry()
    assert Counter(states(desk.pk, case_id)) == {"returned": 1, "returning": 2, "settled": 2}
    desk.done(desk.pk.run(PlaceOrders((Move("more", outside, funds, spent),)))[0])
    desk.settle_down()
    assert states(desk.pk, case_id) == ["returned"] * 3 + ["settled"] * 2
    desk.check()


def test_what_was_asked_about_is_unknown_again_after_the_disk_is_lost():
    """And only that: what had ended before stays as it was."""
    before, after = Desk(), Desk()
    for desk in (before, after):
        pay_in(desk)
    case_id = order(before)
    before.done(answer(before, case_id, 2))
    before.carry()
    before.cut = {"KZ"}
    before.wait(26)
    assert states(before.pk, case_id) == ["unknown", "settled", "unknown", "unknown", "unknown"]
    for _, _, header, body, own in replay(case_id, before.pk, before.kz):
        give_back(after.pk, case_id, header, body, own=own)
        if header["kind"] == message.BULK_INQUIRY:
            break
    assert after.pk.state(case_id) == "bulk-unknown"
    assert states(after.pk, case_id) == states(before.pk, case_id)


def test_ids_of_payments():
    assert split_id(entry_id("case", 7)) == ("case", 7)
    assert split_id("case") == ("case", 0)


@pytest.mark.parametrize("side", ["PK", "KZ"])
def test_a_lost_side_is_rebuilt_with_the_same_payments_and_the_same_balances(side):
    """From what it said and was told: settled, refused, silent, recalled and returned ones alike."""
    before, after = Desk(), Desk()
    for desk in (before, after):
        pay_in(desk)
    case_id = order(before)
    kz, pk = before.kz, before.pk
    acts = [
        lambda: answer(before, case_id, 1, (2, "AC04", "closed"), 3),
        lambda: one(before, HBL, "recall", message.AskBack("DUPL"), case_id, 1),
        lambda: one(before, HALYK, "return", message.GiveBack("FOCR"), case_id, 1),
        lambda: one(before, HALYK, "return", message.GiveBack("AC04"), case_id, 3),
        lambda: answer(before, case_id, 4),
        lambda: before.wait(21) or True,
    ]
    for act in acts:
        before.world.clock.advance(0.1)
        before.done(act())
        for author, reader in (("PK", "KZ"), ("KZ", "PK")) * 2:
            before.world.clock.advance(0.1)
            before.move(author, reader)
    assert states(pk, case_id) == ["returned", "rejected", "returned", "settled", "rejected"]
    old, new, peer = before.lands[side], after.lands[side], pk if side == "KZ" else kz
    for _, _, header, body, own in replay(case_id, old, peer):
        give_back(new, case_id, header, body, own=own)
    assert states(new, case_id) == states(old, case_id)
    was = {account.id: account.balance.posted for account in old.accounts()}
    now = {account.id: account.balance.posted for account in new.accounts()}
    earned = was["spread:PK/fx-swift:PKR"] if side == "PK" else 0
    for account_id, posted in now.items():
        off = earned if account_id.endswith("fx-swift:PKR") else 0
        assert abs(posted - was[account_id]) in (0, off), account_id
    assert all(not account.balance.debits_pending for account in new.accounts())
    for account in new.accounts():
        # Statements name the payments behind what was rebuilt too.
        said, bulks = read_statement(new.store, account.id), {case_id: new.case(case_id)[1]}
        of_it = [line for line in said.lines if line.posted_minor and line.transfer.case_id == case_id]
        assert all(sum(one.amount_minor for one in shares_of(line, bulks)) == abs(line.posted_minor) for line in of_it)


def test_no_bulk_is_taken_before_the_other_side_has_said_what_it_was_told(desk):
    """What an old backup has forgotten has spent the money already: its holds have to come back first."""
    old, given = desk.pk.store.copy(), documents(desk)
    order(desk)
    forget(desk.pk, old)
    refused = remit(desk, given)
    assert isinstance(refused, PushbackError)
    assert refused.code == "catching_up"
    desk.pk.meet()


def test_nothing_ends_before_the_question_is_back_that_was_answered(desk):
    """KZ has its answer back, and not yet what was asked: it knows not what it had decided by then."""
    case_id = order(desk)
    old = desk.kz.store.copy()
    desk.world.clock.advance(60)
    desk.pk.run(Wake(512))
    assert desk.pk.state(case_id) == "bulk-unknown"
    desk.move("PK", "KZ")
    desk.move("KZ", "PK")
    forget(desk.kz, old)
    origin = desk.kz.own_log().origin
    settled = desk.done(desk.kz.run(Settle(origin, answer_ask(desk.pk.engine, origin)))[0])
    lost = answer_fetch(desk.pk.engine, origin, settled.take_back_from)
    desk.done(desk.kz.run(TakeBack(batch.decode(lost)))[0])
    desk.kz.meet()
    desk.kz.run(Wake(512))
    assert desk.kz.state(case_id) == "bulk-asked"
    assert awaits_cause("KZ", desk.kz.store, case_id)
    again(desk)
    assert not awaits_cause("KZ", desk.kz.store, case_id)
    desk.wait(5)
    assert desk.kz.state(case_id) == "bulk-answered"
    desk.settle_down()
    desk.check()


def again(desk):
    """Let PK send what KZ has lost of its log."""
    row = desk.pk.own_log()
    (held,) = (one.size for one in desk.kz.store.logs() if one.origin == row.origin)
    entries = desk.pk.store.leaves(row.id, held, row.size, 1 << 30)
    desk.done(desk.kz.run(Arrive(batch.decode(batch.encode(row.origin, held, row.checkpoint, entries))))[0])
