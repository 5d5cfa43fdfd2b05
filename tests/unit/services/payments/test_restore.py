"""After a loss: what a gateway said and its peer gives back rebuilds the same states and the same money."""

import json

import pytest
from tests.unit.services.payments.desk import HALYK, HBL, Desk

from darwaza.engine.intake import PlaceOrders
from darwaza.engine.rule import Rules
from darwaza.engine.unit import Unit
from darwaza.kernel.machine import Received, Refusal, restored
from darwaza.ledger.order import Move
from darwaza.services.payments import message


def said(land, case_id):
    """What a gateway said about a case, oldest first."""
    own = land.own_log().id
    for log_id, index, header in land.store.case_leaves(case_id):
        if log_id == own:
            yield json.loads(header), land.store.body(log_id, index)


def give_back(land, case_id, header, body, *, own=True):
    """Hand a message to the service as the engine does, own ones as restored."""
    engine = land.engine
    unit = Unit(engine.site, land.store, engine.logs, engine._now())
    found = unit.case(case_id)
    kind = restored(header["kind"]) if own else header["kind"]
    now = land.world.clock.now()
    given = Received(
        kind, header["id"], header["origin"], header["destination"], now, None, None, header["media_type"], body
    )
    outcome = Rules(engine.site).run(unit, land.service, case_id, None if found is None else found[1], given, None)
    assert not isinstance(outcome, Refusal), outcome
    assert not own or outcome[1] == ()
    engine._commit(unit)


def replay(case_id, old, peer):
    """What one side said of its own accord and what it was told, in order of time.

    What it said in answer to a message is not given to the service again: the engine runs the answered message's rule.
    """
    own = ((header, body) for header, body in said(old, case_id) if header.get("cause_id") is None)
    words = [(header["created_at"], 0, header, body, True) for header, body in own]
    words += [(header["created_at"], 1, header, body, False) for header, body in said(peer, case_id)]
    return sorted(words, key=lambda word: word[0])


def pay_in(desk):
    fund = Move("pay-in", "external:PKR", "liquidity:PK/fx-swift:PKR", 10_000_000_00)
    desk.done(desk.pk.run(PlaceOrders((fund,)))[0])


LIVES = {
    "settled": ["confirm"],
    "rejected": ["reject"],
    "returned": ["confirm", "return"],
    "recalled and kept": ["confirm", "recall", "keep"],
    "recalled and returned": ["confirm", "recall", "focr"],
    "silent": ["wait"],
}


def live(desk, priority, acts):
    pay_in(desk)
    case_id = desk.order(priority=priority)
    doings = {
        "confirm": lambda: desk.confirm(case_id),
        "reject": lambda: desk.reject(case_id),
        "return": lambda: desk.kz.command(HALYK, "return", message.GiveBack("AC04"), case_id),
        "recall": lambda: desk.pk.command(HBL, "recall", message.AskBack("DUPL"), case_id),
        "keep": lambda: desk.kz.command(HALYK, "refuse-recall", message.KeepIt("CUST"), case_id),
        "focr": lambda: desk.kz.command(HALYK, "return", message.GiveBack("FOCR"), case_id),
        "wait": lambda: desk.wait(21),
    }
    desk.world.clock.advance(0.1)
    desk.carry()
    for act in acts:
        desk.world.clock.advance(0.1)
        desk.done(doings[act]())
        for author, reader in (("PK", "KZ"), ("KZ", "PK")) * 2:
            desk.world.clock.advance(0.1)
            desk.move(author, reader)
    return case_id


@pytest.mark.parametrize("priority", ["HIGH", "NORM"])
@pytest.mark.parametrize("life", LIVES, ids=str)
@pytest.mark.parametrize("side", ["PK", "KZ"])
def test_a_lost_side_is_rebuilt_with_the_same_state_and_the_same_balances(side, life, priority):
    """The quote that came before is gone with the disk; the payment, its holds and its end are not."""
    before = Desk()
    case_id = live(before, priority, LIVES[life])
    after = Desk()
    pay_in(after)
    old, new, peer = before.lands[side], after.lands[side], before.lands["KZ" if side == "PK" else "PK"]
    for _, _, header, body, own in replay(case_id, old, peer):
        row = new.store.cases([case_id]).get(case_id)
        if not own and row is not None and row.state in ("settled", "rejected", "credited", "refused"):
            ends = (message.RECALL, message.RETURNED, message.RESOLVED)
            if header["kind"] not in ends:
                continue  # it is told what it rebuilt from its own words already
        give_back(new, case_id, header, body, own=own)
    assert new.state(case_id) == old.state(case_id)
    was = {account.id: account.balance for account in old.accounts()}
    now = {account.id: account.balance for account in new.accounts()}
    earned = before.pk.case(case_id)[1].chosen.spread_minor
    assert set(now) == set(was)
    for account_id, balance in now.items():
        # What the provider earned over the mid rate is known to the payer's gateway only and stays in one account.
        off = earned if account_id.endswith("fx-swift:PKR") and was["spread:PK/fx-swift:PKR"].posted else 0
        assert abs(balance.posted - was[account_id].posted) in (0, off), account_id
        assert (balance.debits_pending, balance.credits_pending) == (
            was[account_id].debits_pending,
            was[account_id].credits_pending,
        )
