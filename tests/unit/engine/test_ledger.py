"""Money in the engine's one transaction: orders of decisions, holds that expire, an operator's own orders."""

from datetime import timedelta

import msgspec
import pytest

from darwaza.adapters.memory.store import MemoryStore
from darwaza.engine.fsck import examine
from darwaza.engine.intake import PlaceOrders, Submit
from darwaza.engine.ledger import account_from, read_statement, transfer_from
from darwaza.errors import PushbackError, ServiceError
from darwaza.kernel.machine import NEW, Decision, Draft, Refusal, Service, Transition
from darwaza.ledger.asset import Asset
from darwaza.ledger.audit import audit
from darwaza.ledger.order import Hold, Move, OpenAccount, Post, Void
from darwaza.ports.store import Changes
from darwaza.testing.world import World

RUPEE = Asset("PKR", 2)


class Till(msgspec.Struct, frozen=True):
    """Available at the time of the decision."""

    available: int


def order(case, command, context):
    """Do what the command says, and tell the neighbour."""
    account = context.ledger.account("bank")
    draft = Draft("till.done", "PK/bank", "UZ/bank", b"x", "text/plain")
    if command.body == ("fail late",):
        transfers, facts = (Move(context.case_id, "bank", "shop", 5),), ("not a fact",)
        return Decision("open", Till(0), transfers=transfers, facts=facts, messages=(draft,))
    return Decision("open", Till(account.balance.available), transfers=command.body, messages=(draft,))


SERVICE = Service(
    "till",
    Till,
    {(NEW, "order"): Transition(order, ("open",)), ("open", "order"): Transition(order, ("open",))},
)


def opening(floor=0):
    return (
        OpenAccount("bank", "PK/bank", RUPEE, "position", floor, None),
        OpenAccount("shop", "PK/shop", RUPEE, "position", None, None),
        OpenAccount("world", "PK/gateway", RUPEE, "external", None, None),
        Move("fund", "world", "bank", 100),
    )


class Desk:
    """A gateway with a till."""

    def __init__(self):
        self.world = World(["PK", "UZ"])
        self.store = MemoryStore()
        self.engine = self.world.engine("PK", [SERVICE], self.store)

    def place(self, *orders):
        return self.engine.run([PlaceOrders(orders)])[0]

    def submit(self, *bodies):
        return self.engine.run([self.asked(body) for body in bodies])

    def asked(self, body):
        return Submit("PK/bank", frozenset(), "till", "order", "", b"", body)

    def balance(self, account_id):
        ((terms, totals),) = self.store.accounts([account_id])
        return account_from(terms, totals).balance

    def check(self):
        accounts = [account_from(*row) for row in self.store.scan_accounts()]
        assert audit(accounts, map(transfer_from, self.store.scan_transfers())) == []

    def leaves(self):
        return sum(row.size for row in self.store.logs())


@pytest.fixture
def desk():
    made = Desk()
    assert made.place(*opening()) == 1
    yield made
    made.check()


class TestDecisions:
    def test_transfers_are_stored_with_the_case_that_decided(self, desk):
        (done,) = desk.submit((Move("m1", "bank", "shop", 30, "tea"),))
        (row,) = desk.store.transfers(["m1"])
        assert (row.sequence, row.case_id, row.reference) == (2, done.case_id, "tea")
        assert (desk.balance("bank").posted, desk.balance("shop").posted) == (70, 30)

    def test_a_refused_order_withdraws_the_whole_decision(self, desk):
        """No case, no message, no other order of the same decision; the refusal points at nothing of the request."""
        leaves = desk.leaves()
        (refused,) = desk.submit((Move("m1", "bank", "shop", 30), Move("m2", "bank", "shop", 71)))
        assert refused.code == "floor_crossed"
        assert (refused.pointer, refused.transient) == ("", True)
        assert (desk.balance("bank").posted, desk.leaves(), list(desk.store.scan_cases())) == (100, leaves, [])

    def test_a_later_decision_of_the_batch_sees_the_earlier_one(self, desk):
        first, refused, third = desk.submit(
            (Move("m1", "bank", "shop", 60),), (Move("m2", "bank", "shop", 60),), (Move("m3", "bank", "shop", 40),)
        )
        assert refused.code == "floor_crossed"
        data = {row.id: msgspec.msgpack.decode(row.data, type=Till) for row in desk.store.scan_cases()}
        assert (data[first.case_id].available, data[third.case_id].available) == (100, 40)

    def test_a_rule_that_fails_after_its_transfers_leaves_no_transfer(self, desk):
        failed, done = desk.submit(("fail late",), (Move("m2", "bank", "shop", 100),))
        assert isinstance(failed, ServiceError)
        assert done.state == "open"
        assert desk.balance("shop").posted == 100

    def test_a_final_refusal_is_remembered_though_nothing_else_is(self, desk):
        order = Move("m1", "bank", "shop", 101, refusal_final=True)
        desk.place(order)
        desk.place(Move("more", "world", "bank", 50))
        assert desk.place(order).code == "floor_crossed"

    def test_a_store_that_pushes_back_leaves_the_ledger_where_it_was(self, desk):
        """The next transfer takes the number the lost one would have had."""
        desk.store.fail_next(PushbackError("full", retry_after_s=1))
        (full,) = desk.submit((Move("m1", "bank", "shop", 30),))
        assert isinstance(full, PushbackError)
        desk.submit((Move("m2", "bank", "shop", 30),))
        assert [row.id for row in desk.store.scan_transfers()] == ["fund", "m2"]

    def test_a_restarted_engine_goes_on_with_the_numbers(self, desk):
        desk.submit((Move("m1", "bank", "shop", 30),))
        engine = desk.world.engine("PK", [SERVICE], desk.store, seed=1)
        engine.run([desk.asked((Move("m2", "shop", "bank", 10),))])
        assert [(row.sequence, row.id) for row in desk.store.scan_transfers()] == [(1, "fund"), (2, "m1"), (3, "m2")]
        assert [row.id for row in desk.store.history("bank", None, 9)] == ["m2", "m1", "fund"]


class TestHolds:
    def hold(self, desk, seconds):
        expires_at = desk.world.clock.now() + timedelta(seconds=seconds)
        desk.submit((Hold("h", "bank", "shop", 80, expires_at),))

    def test_a_due_hold_expires_at_the_start_of_the_next_batch(self, desk):
        """So that batch can spend what was held, whatever it is about."""
        self.hold(desk, 60)
        assert desk.submit((Move("m1", "bank", "shop", 100),))[0].code == "floor_crossed"
        desk.world.clock.advance(60)
        (done,) = desk.submit((Move("m1", "bank", "shop", 100),))
        assert done.state == "open"
        assert [row.phase for row in desk.store.scan_transfers()] == ["move", "hold", "expire", "move"]
        assert desk.store.holds_due("9999", 10) == []

    @pytest.mark.parametrize("end", [Post("e", "h", 80), Post("e", "h", 5), Void("e", "h")])
    def test_a_hold_that_has_ended_does_not_expire(self, desk, end):
        self.hold(desk, 60)
        desk.submit((end,))
        assert desk.store.holds_due("9999", 10) == []
        desk.world.clock.advance(600)
        desk.submit((Move("m1", "world", "bank", 1),))
        assert [row.phase for row in desk.store.scan_transfers()][2:] == [end.__class__.__name__.lower(), "move"]

    def test_a_hold_that_comes_and_goes_in_one_batch_is_never_open(self, desk):
        expires_at = desk.world.clock.now() + timedelta(seconds=60)
        desk.submit((Hold("h", "bank", "shop", 80, expires_at),), (Void("v", "h"),))
        assert desk.store.holds_due("9999", 10) == []

    def test_a_clock_set_back_does_not_set_the_ledger_back(self, desk):
        self.hold(desk, 60)
        desk.world.clock.advance(-3_600)
        desk.submit((Post("p", "h", 80),))
        assert len({row.applied_at for row in desk.store.scan_transfers()}) == 1


class TestOperator:
    def test_the_same_orders_again_change_nothing(self, desk):
        assert desk.place(*opening()) == 1
        assert desk.balance("bank").posted == 100

    def test_refused_orders_are_refused_together(self, desk):
        refused = desk.place(OpenAccount("new", "PK/new", RUPEE, "position", 0, None), Move("m1", "nobody", "new", 5))
        assert isinstance(refused, Refusal)
        assert refused.code == "debit_account_unknown"
        assert desk.store.accounts(["new"]) == []

    def test_amended_terms_are_stored(self, desk):
        from darwaza.ledger.order import AmendAccount

        desk.place(AmendAccount("bank", -50, None, credits_blocked=True))
        ((terms, totals),) = desk.store.accounts(["bank"])
        assert (terms.floor_minor, terms.credits_blocked, totals.credits_posted) == (-50, 1, 100)


class TestStatement:
    def test_it_starts_and_ends_with_the_balances_of_its_moments(self, desk):
        """From any sequence on, the opening balance and the lines lead to what the account has."""
        expires_at = desk.world.clock.now() + timedelta(seconds=60)
        desk.submit(
            (Hold("h", "bank", "shop", 30, expires_at),), (Move("m1", "shop", "bank", 7),), (Post("p", "h", 20),)
        )
        whole = read_statement(desk.store, "bank")
        assert [line.transfer.id for line in whole.lines] == ["fund", "h", "m1", "p"]
        assert [line.balance.posted for line in whole.lines] == [100, 100, 107, 87]
        for after in range(7):
            part = read_statement(desk.store, "bank", after)
            lines = [line for line in whole.lines if line.transfer.sequence > after]
            assert part.lines == tuple(lines)
            assert part.closing == desk.balance("bank")
            earlier = [line.balance for line in whole.lines if line.transfer.sequence <= after]
            assert part.opening == (earlier[-1] if earlier else whole.opening)
            for before in range(1, 7):
                within = read_statement(desk.store, "bank", after, before)
                assert within.lines == tuple(line for line in lines if line.transfer.sequence < before)
                known = [line.balance for line in whole.lines if line.transfer.sequence < max(before, after + 1)]
                assert within.closing == (known[-1] if known else whole.opening)
        assert read_statement(desk.store, "nobody") is None

    def test_long_histories_are_read_in_pages(self, desk):
        for first in (0, 400):
            desk.submit(*((Move(f"m{n}", "world", "bank", 1),) for n in range(first, first + 400)))
        said = read_statement(desk.store, "bank")
        assert [line.transfer.sequence for line in said.lines] == list(range(1, 802))
        assert len(read_statement(desk.store, "bank", 300).lines) == 501
        old = read_statement(desk.store, "bank", before=101, lines_max=40)
        assert old.lines == said.lines[:100]
        assert old.closing == said.lines[99].balance


def test_fsck_finds_a_balance_that_is_not_the_sum_of_its_transfers(desk):
    """One unit too many in a stored total is found, with the account's name."""
    found = fsck(desk)
    assert found == []
    ((_, totals),) = desk.store.accounts(["bank"])
    desk.store.commit(Changes(balances={"bank": totals._replace(credits_posted=101)}))
    assert {finding.code for finding in fsck(desk)} == {"ledger_balance_differs", "ledger_not_balanced"}
    desk.store.commit(Changes(balances={"bank": totals}))


def fsck(desk):
    return examine(desk.store, member="PK", trust=desk.engine.site.trust, services=[SERVICE])
