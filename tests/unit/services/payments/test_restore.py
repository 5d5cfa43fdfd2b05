"""After a loss: what a gateway said and its peer gives back rebuilds the same states and the same money."""

import json
from functools import partial

import pytest
from tests.unit.services.payments.desk import HALYK, HBL, Desk, Watched, decides_nothing

from darwaza.engine.intake import PlaceOrders
from darwaza.engine.rule import Rules
from darwaza.engine.unit import Unit
from darwaza.kernel import instant
from darwaza.kernel.machine import Received, Refusal, restored
from darwaza.ledger.order import Move
from darwaza.services.payments import message


def said(land, case_id):
    """What a gateway said about a case, oldest first."""
    own = land.own_log().id
    for log_id, index, header in land.store.case_leaves(case_id):
        if log_id == own:
            yield json.loads(header), land.store.body(log_id, index)


def give_back(land, case_id, header, body, *, own=True, refused=False):
    """Hand a message to the service as the engine does, own ones as restored."""
    engine = land.engine
    unit = Unit(engine.site, land.store, engine.logs, engine.now())
    found = unit.case(case_id)
    kind = restored(header["kind"]) if own else header["kind"]
    # One that no gateway has sent is dated now.
    sent_at = instant.from_text(header["created_at"]) if "created_at" in header else land.world.clock.now()
    given = Received(
        kind, header["id"], header["origin"], header["destination"], sent_at, None, None, header["media_type"], body
    )
    outcome = Rules(engine.site).run(unit, land.service, case_id, None if found is None else found[1], given, None)
    if refused:
        return outcome
    assert not isinstance(outcome, Refusal), outcome
    assert not own or outcome[1] == ()
    engine._commit(unit)
    return None


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
    "blocked": ["block"],
    "released": ["block", "release"],
    "given back from suspense": ["block", "refuse"],
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
        **{word: partial(desk.agree, case_id, word) for word in ("block", "release", "refuse")},
    }
    desk.world.clock.advance(0.1)
    desk.carry()
    for act in acts:
        desk.world.clock.advance(0.1)
        if act != "block" and desk.kz.state(case_id) == "screened":
            desk.agree(case_id, "release")
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
    before = Watched()
    case_id = live(before, priority, LIVES[life])
    after = Watched()
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
    # By it a payment is counted in the key figures.
    assert new.case(case_id)[1].sent_at == old.case(case_id)[1].sent_at
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


def forget(land, store):
    """Start on an older state of the disk, without having met anybody yet."""
    land.store = store
    land.engine = land.world.engine(land.code, [land.service], store, seed="again")


@pytest.mark.parametrize("side", ["PK", "KZ"])
def test_nothing_is_decided_before_the_other_side_has_said_what_it_was_told(side):
    """Neither by a bank nor by the clock: what an old backup has forgotten may have been acted upon elsewhere."""
    desk = Desk()
    case_id = desk.order()
    desk.carry()
    old = {code: land.store.copy() for code, land in desk.lands.items()}
    desk.done(desk.confirm(case_id))
    desk.carry()
    assert desk.states(case_id) == ("settled", "credited")
    land = desk.lands[side]
    forget(land, old[side])
    decides_nothing(desk, side, case_id, 600)
    desk.done(desk.pk.run(PlaceOrders((Move("in", "external:PKR", "position:PK/hbl:PKR", 1),)))[0])


def test_a_quote_in_an_old_backup_becomes_the_payment_it_was_used_for():
    """With its holds, and without the quote's."""
    desk = Desk()
    case_id = desk.done(desk.quote()).case_id
    old = desk.pk.store.copy()
    desk.done(desk.pay(case_id))
    was = {account.id: account.balance for account in desk.pk.accounts()}
    ((header, body),) = said(desk.pk, case_id)
    forget(desk.pk, old)
    assert desk.pk.state(case_id) == "reserved"
    give_back(desk.pk, case_id, header, body)
    assert desk.pk.state(case_id) == "sent"
    assert {account.id: account.balance for account in desk.pk.accounts()} == was
    assert desk.pk.case(case_id)[1].chosen.spread_minor


def test_money_set_aside_and_money_released_come_back():
    """At home from its own word; abroad a release waits for the money it gave away."""
    before, after = Desk(), Desk()
    more = before.done(before.kz.command("KZ/fx-swift", "allocate", message.Allocate("PK", "9000000.00"))).case_id
    before.carry()
    back = before.done(before.pk.command("PK/fx-swift", "release-funds", message.Release("KZ", "59000000.00"))).case_id
    ((allocated, amount),) = said(before.kz, more)
    ((released, amount_back),) = said(before.pk, back)
    give_back(after.kz, more, allocated, amount)
    assert after.kz.balance("corridor:PK/fx-swift:KZT") == 59_000_000_00
    refused = give_back(after.pk, back, released, amount_back, refused=True)
    assert (refused.code, refused.transient) == ("funds_awaited", True)
    give_back(after.pk, more, allocated, amount, own=False)
    give_back(after.pk, back, released, amount_back)
    assert after.pk.balance("abroad:PK/fx-swift:KZ:KZT") == 0
