"""Urgent payments of a bulk: nobody is credited before the payers' gateway has decided, and silence is a rejection."""

import re

import pytest
from tests.unit.services.payments.desk import HALYK, HBL, KASPI, Desk
from tests.unit.services.payments.test_bulk import answer, documents, one, order, remit, states
from tests.unit.services.payments.test_restore import give_back, pay_in, replay, said

from darwaza.engine.intake import Wake
from darwaza.engine.ledger import read_statement
from darwaza.kernel import parts
from darwaza.kernel.instant import from_text
from darwaza.kernel.message import decode_header
from darwaza.services.payments import answers, check, message, status
from darwaza.services.payments.entry import payment_of
from darwaza.services.payments.statement import shares_of
from darwaza.standards.iso20022.payment import PaymentType

SIZE = 5
PAYEES = "position:KZ/halyk:KZT"
PAYERS = "position:PK/hbl:PKR"
NO_DECISION = "the payer's gateway has signed later messages and no decision"


@pytest.fixture
def desk():
    return Desk()


def urgent(desk, **fields):
    return order(desk, priority="HIGH", **fields)


def kinds(land, case_id):
    """Of the messages of a case that a gateway holds, oldest first."""
    return [decode_header(raw).kind for _, _, raw in land.store.case_leaves(case_id)]


def ends(land, case_id):
    return [(entry.state, entry.reason, entry.detail) for entry in land.case(case_id)[1].entries]


def held(land, account):
    return land.account(account).balance.debits_pending


def test_an_acceptance_moves_nothing_and_the_decision_credits(desk):
    before = desk.pk.balance(PAYERS), desk.kz.balance(PAYEES)
    case_id = urgent(desk)
    funds, whole = "corridor:PK/fx-swift:KZT", held(desk.kz, "corridor:PK/fx-swift:KZT")
    done = desk.done(answer(desk, case_id, 1, (2, "AC04", "closed"), 3))
    assert done.answer == {"refused": [], "taken": "accepted"}
    assert states(desk.kz, case_id) == ["accepted", "refused", "accepted", "asked", "asked"]
    amounts = [entry.amounts for entry in desk.kz.case(case_id)[1].entries]
    assert desk.kz.balance(PAYEES) == before[1]
    assert held(desk.kz, funds) == whole - amounts[1][3]
    desk.move("KZ", "PK")
    assert states(desk.pk, case_id) == ["settled", "rejected", "settled", "sent", "sent"]
    assert desk.pk.balance(PAYERS) == before[0] - amounts[0][0] - amounts[2][0]
    assert desk.kz.balance(PAYEES) == before[1]
    desk.move("PK", "KZ")
    assert states(desk.kz, case_id) == ["credited", "refused", "credited", "asked", "asked"]
    assert desk.kz.balance(PAYEES) == before[1] + amounts[0][5] + amounts[2][5]
    desk.check(at_rest=False)
    desk.done(answer(desk, case_id, 4, 5))
    desk.carry()
    assert desk.states(case_id) == ("bulk-ended", "bulk-answered")
    assert desk.kz.notices(HALYK).count("payment.bulk-credited") == 2
    assert desk.pk.notices(HBL).count("payment.bulk-settled") == 2
    desk.check()


def test_an_acceptance_that_comes_too_late_is_rejected_and_told(desk):
    """Also when nobody has looked at the clock yet."""
    case_id = urgent(desk)
    desk.done(answer(desk, case_id, 1, 2))
    desk.world.clock.advance(26)
    desk.move("KZ", "PK")
    assert states(desk.pk, case_id) == ["rejected", "rejected", "sent", "sent", "sent"]
    assert ends(desk.pk, case_id)[0] == ("rejected", "AB06", "too late")
    desk.move("PK", "KZ")
    assert ends(desk.kz, case_id)[0] == ("refused", "AB06", "too late")
    desk.settle_down()
    desk.check()


def test_silence_is_rejected_at_once_and_told_and_asked_about_by_nobody(desk):
    done = desk.done(remit(desk, documents(desk, priority="HIGH")))
    case_id = done.case_id
    desk.move("PK", "KZ")
    desk.done(answer(desk, case_id, 1))
    desk.cut = {"KZ"}
    desk.wait(26)
    assert ends(desk.pk, case_id) == [("rejected", "AB06", "no answer")] * SIZE
    assert desk.pk.state(case_id) == "bulk-ended"
    assert kinds(desk.pk, case_id) == [message.BULK, message.DECISIONS]
    desk.move("PK", "KZ")
    assert desk.kz.case(case_id)[1].entries[0].state == "refused"
    desk.settle_down()
    desk.check()


def test_the_payees_banks_silence_refuses_and_leaves_what_is_accepted(desk):
    case_id = urgent(desk)
    desk.done(answer(desk, case_id, 2))
    desk.cut = {"PK", "KZ"}
    desk.wait(21)
    assert states(desk.kz, case_id) == ["refused", "accepted", "refused", "refused", "refused"]
    desk.cut = set()
    desk.carry()
    assert states(desk.pk, case_id) == ["rejected", "settled", "rejected", "rejected", "rejected"]
    assert ends(desk.pk, case_id)[0][1] == "AB05"
    desk.check()


def test_no_clock_alone_ends_what_is_accepted(desk):
    """Its payer may have paid: the payees' gateway waits for the decision, or for the proof that there is none."""
    case_id = urgent(desk)
    desk.done(answer(desk, case_id, 1, 2, 3, 4, 5))
    desk.move("KZ", "PK")
    desk.cut = {"PK"}
    desk.wait(3_600)
    desk.wait(3_600)
    assert states(desk.kz, case_id) == ["accepted"] * SIZE
    desk.settle_down()
    assert states(desk.kz, case_id) == ["credited"] * SIZE
    desk.check()


def test_a_decision_that_was_provably_never_made_is_a_rejection(desk):
    """The payers' gateway says something later, and its log holds no decision."""
    case_id = urgent(desk)
    desk.done(answer(desk, case_id, 1, 2, 3, 4, 5))
    desk.world.clock.advance(26)
    alone = desk.done(desk.quote()).case_id
    desk.done(desk.pay(alone))
    desk.move("PK", "KZ")
    desk.kz.run(Wake(512))
    assert ends(desk.kz, case_id) == [("refused", "AB06", NO_DECISION)] * SIZE
    desk.move("KZ", "PK")
    assert states(desk.pk, case_id) == ["rejected"] * SIZE
    desk.settle_down()
    assert desk.pk.state(case_id) == "bulk-ended"
    desk.check()


def test_all_payments_of_a_bulk_have_the_priority_of_the_first_that_is_right(desk):
    other = {2: {"payment_type": PaymentType(priority="NORM")}, 4: {"payment_type": None}}
    done = desk.done(remit(desk, documents(desk, other, priority="HIGH")))
    assert [(code, detail) for _, code, detail, _ in done.answer["refused"]] == [
        ("message_unsuitable", "all payments of a bulk have the same priority")
    ]
    assert desk.pk.case(done.case_id)[1].urgent
    desk.settle_down()
    desk.check()


def test_the_payees_gateway_refuses_by_itself_what_has_another_priority(desk, monkeypatch):
    given = documents(desk, {2: {"payment_type": PaymentType(priority="NORM")}}, priority="HIGH")
    with monkeypatch.context() as patch:
        patch.setattr(check, "bulk_problem", lambda *_: None)
        case_id = desk.done(remit(desk, given)).case_id
    desk.carry()
    assert states(desk.kz, case_id) == ["asked", "refused", "asked", "asked", "asked"]
    desk.done(answer(desk, case_id, 1, 3, 4, 5))
    desk.carry()
    assert ends(desk.pk, case_id)[1] == ("rejected", "FF01", "all payments of a bulk have the same priority")
    desk.check()


def statuses(desk, case_id, given, numbers, reason=""):
    """A body with a pacs.002 on each of some payments of a bulk."""
    _, bulk = desk.kz.case(case_id)
    now = desk.world.clock.now()
    told_of = [payment_of(bulk, bulk.entries[n - 1]) for n in numbers]
    return parts.join([status.write_status(one, case_id, given, now, reason=reason) for one in told_of])


def told(desk, side, case_id, kind, body, *, origin=None, media_type=parts.PARTS_MEDIA_TYPE):
    """Hand a message that no gateway of ours has sent to one, and see what it answers; nothing is kept."""
    origin, destination = (origin or HBL, HALYK) if side == "KZ" else (origin or HALYK, HBL)
    header = {"kind": kind, "id": "0" * 36, "origin": origin, "destination": destination, "media_type": media_type}
    return give_back(desk.lands[side], case_id, header, body, own=False, refused=True)


def test_a_decision_that_decides_nothing_is_refused_as_a_whole(desk):
    case_id = urgent(desk)
    desk.done(answer(desk, case_id, 1, 2))
    uetr = desk.kz.case(case_id)[1].entries[0].uetr.encode()
    strange = statuses(desk, case_id, status.SETTLED, (1,)).replace(uetr, b"f" * 8 + uetr[8:])
    for body, origin, code in (
        (statuses(desk, case_id, status.SETTLED, (1, 3)), HBL, "message_unsuitable"),
        (statuses(desk, case_id, status.CREDITED, (1,)), HBL, "message_unsuitable"),
        (strange, HBL, "message_unsuitable"),
        (statuses(desk, case_id, status.SETTLED, (1,)), KASPI, "not_allowed"),
        (b"<Document/>", HBL, "payment_malformed"),
    ):
        assert told(desk, "KZ", case_id, message.DECISIONS, body, origin=origin).code == code
    assert states(desk.kz, case_id)[:3] == ["accepted", "accepted", "asked"]


def test_a_word_on_a_bulk_that_is_not_in_parts_is_refused(desk):
    """Its digest would be over the whole: the evidence of one payment could not show it without the others."""
    case_id = urgent(desk)
    desk.done(answer(desk, case_id, 1))
    for side, kind, given in (("KZ", message.DECISIONS, status.SETTLED), ("PK", message.ANSWERS, status.ACCEPTED)):
        body = statuses(desk, case_id, given, (1,))
        refused = told(desk, side, case_id, kind, body, media_type="application/xml")
        assert (refused.code, refused.detail) == ("payment_malformed", "the body is not in parts")
    asked = answers.draft_inquiry(case_id, desk.pk.case(case_id)[1], [1], desk.world.clock.now()).body
    refused = told(desk, "KZ", case_id, message.BULK_INQUIRY, asked, media_type="application/xml")
    assert refused.code == "payment_malformed"
    assert states(desk.kz, case_id)[0] == "accepted"


def test_a_word_on_what_has_ended_changes_nothing(desk):
    case_id = urgent(desk)
    desk.done(answer(desk, case_id, 1, (2, "AC04", "")))
    desk.carry()
    turned = (
        ("KZ", message.DECISIONS, statuses(desk, case_id, status.REJECTED, (1,), "AB06")),
        ("KZ", message.DECISIONS, statuses(desk, case_id, status.SETTLED, (2,))),
        ("PK", message.ANSWERS, statuses(desk, case_id, status.REJECTED, (1,), "AB06")),
        ("PK", message.ANSWERS, statuses(desk, case_id, status.ACCEPTED, (2,))),
    )
    kept = ends(desk.pk, case_id), ends(desk.kz, case_id)
    for side, kind, body in turned:
        told(desk, side, case_id, kind, body)
        assert (ends(desk.pk, case_id), ends(desk.kz, case_id)) == kept
    desk.done(answer(desk, case_id, 3, 4, 5))
    desk.carry()
    assert told(desk, "KZ", case_id, message.DECISIONS, b"", origin=KASPI).code == "not_allowed"


@pytest.mark.parametrize(("priority", "given"), [("HIGH", status.CREDITED), ("NORM", status.ACCEPTED)])
def test_an_answer_of_the_other_priority_is_refused(desk, priority, given):
    case_id = order(desk, priority=priority)
    body = statuses(desk, case_id, given, (1,))
    assert told(desk, "PK", case_id, message.ANSWERS, body).code == "message_unsuitable"
    assert states(desk.pk, case_id) == ["sent"] * SIZE


def test_no_two_documents_of_a_gateway_have_one_id(desk):
    case_id = urgent(desk)
    for word in (1, 2, (3, "AC04", ""), 4):
        desk.done(answer(desk, case_id, word))
    desk.carry()
    desk.settle_down()
    told_in = [(one[0], desk.pk.store.body(*one[:2])) for one in desk.pk.store.case_leaves(case_id)][1:]
    ids = [(log_id, one) for log_id, body in told_in for one in re.findall(rb"<MsgId>([^<]+)</MsgId>", body)]
    assert len(set(ids)) == len(ids) == 9


def test_more_decisions_than_a_message_holds(desk, monkeypatch):
    monkeypatch.setattr(answers, "ANSWERS_BYTES_MAX", 1_500)
    case_id = urgent(desk)
    desk.done(answer(desk, case_id, 1, 2, 3, 4, 5))
    desk.cut = {"KZ"}
    desk.wait(26)
    desk.settle_down()
    assert kinds(desk.pk, case_id).count(message.DECISIONS) == 3
    assert set(states(desk.kz, case_id)) == {"refused"}
    desk.check()


def test_one_is_recalled_while_others_wait_for_their_decision(desk):
    case_id = urgent(desk)
    desk.done(answer(desk, case_id, 1))
    desk.carry()
    desk.done(answer(desk, case_id, 2))
    desk.done(one(desk, HBL, "recall", message.AskBack("DUPL"), case_id, 1))
    desk.carry()
    assert states(desk.kz, case_id)[:2] == ["recalled", "credited"]
    desk.done(one(desk, HALYK, "return", message.GiveBack("FOCR"), case_id, 1))
    desk.carry()
    assert states(desk.pk, case_id)[:2] == ["returned", "settled"]
    desk.settle_down()
    desk.check()


@pytest.mark.parametrize("side", ["PK", "KZ"])
def test_a_lost_side_is_rebuilt_with_the_same_payments_and_the_same_balances(side):
    """Settled, refused, accepted too late, silent and returned ones alike, from what it said and was told."""
    before, after = Desk(), Desk()
    for desk in (before, after):
        pay_in(desk)
    case_id = urgent(before)
    kz, pk = before.kz, before.pk

    def late():
        before.world.clock.advance(8)
        return True

    acts = [
        lambda: answer(before, case_id, 1, (2, "AC04", "closed")),
        lambda: one(before, HALYK, "return", message.GiveBack("AC04"), case_id, 1),
        lambda: answer(before, case_id, 3),
        lambda: before.world.clock.advance(17) or answer(before, case_id, 4),
        late,
        lambda: before.wait(1) or True,
    ]
    for number, act in enumerate(acts):
        before.world.clock.advance(0.1)
        before.done(act())
        for author, reader in () if number == 3 else (("PK", "KZ"), ("KZ", "PK")) * 2:
            before.world.clock.advance(0.1)
            before.move(author, reader)
    assert states(pk, case_id) == ["returned", "rejected", "settled", "rejected", "rejected"]
    assert {"too late", "no answer"} <= {detail for _, _, detail in ends(pk, case_id)}
    old, new, peer = before.lands[side], after.lands[side], pk if side == "KZ" else kz
    answered_at = {header["cause_id"]: header["created_at"] for header, _ in said(old, case_id) if "cause_id" in header}
    for at, _, header, body, own in replay(case_id, old, peer):
        # What was answered is decided again by the rule, as of the moment it was.
        after.world.clock.at = from_text(answered_at.get(header["id"], at))
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
        lines, bulks = read_statement(new.store, account.id).lines, {case_id: new.case(case_id)[1]}
        of_it = [line for line in lines if line.posted_minor and line.transfer.case_id == case_id]
        assert all(sum(one.amount_minor for one in shares_of(line, bulks)) == abs(line.posted_minor) for line in of_it)


@pytest.mark.parametrize("side", ["PK", "KZ"])
def test_what_both_sides_said_of_one_at_once_may_come_back_in_either_order(side):
    """After a loss the other's word has ended it when the own comes back; nothing waits for ever because of that."""
    before, after = Desk(), Desk()
    for desk in (before, after):
        pay_in(desk)
    case_id = urgent(before)
    before.world.clock.advance(0.1)
    before.done(answer(before, case_id, 1))
    before.world.clock.advance(0.1)
    before.carry()
    before.cut = {"PK", "KZ"}
    before.wait(26)
    before.cut = set()
    before.carry()
    assert states(before.pk, case_id) == ["settled", "rejected", "rejected", "rejected", "rejected"]
    old, new, peer = before.lands[side], after.lands[side], before.lands["KZ" if side == "PK" else "PK"]
    words = [(header, body, own) for _, _, header, body, own in replay(case_id, old, peer)]
    after.world.clock.at = from_text(words[0][0]["created_at"])
    silence = [word for word in words if word[2] and word[0]["kind"] in (message.ANSWERS, message.DECISIONS)][-1:]
    for header, body, own in (*(word for word in words if word not in silence), *silence):
        give_back(new, case_id, header, body, own=own)
    assert new.state(case_id) == old.state(case_id)
    assert states(new, case_id) == states(old, case_id)
