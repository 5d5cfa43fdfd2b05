"""The ledger against a naive one that works everything out anew: seeded programs, and Hypothesis' own search."""

from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.unit.ledger import program
from tests.unit.ledger.program import ACCOUNTS
from tests.unit.ledger.twin import Twin

from darwaza.ledger.order import AmendAccount, CloseAccount, Hold, Move, Post, Void

ids = st.sampled_from([f"t{number}" for number in range(12)])
account_ids = st.sampled_from(ACCOUNTS)
amounts = st.one_of(st.integers(1, 30), st.sampled_from((0, -1, 10**18 - 1, 10**18)))
moves = st.builds(Move, ids, account_ids, account_ids, amounts, refusal_final=st.booleans())
posts = st.builds(Post, ids, ids, amounts, refusal_final=st.booleans())
voids = st.builds(Void, ids, ids, refusal_final=st.booleans())
openings = st.builds(program.open_order, account_ids.filter(lambda account_id: account_id != "ghost"))
floors = st.sampled_from((None, 0, -20, 5))
amendments = st.builds(AmendAccount, account_ids, floors, st.sampled_from((None, 60)), st.booleans(), st.booleans())
closings = st.builds(CloseAccount, account_ids)


@pytest.mark.parametrize("seed", range(program.SEEDS))
def test_seeded_programs_end_as_the_naive_ledger_does(seed):
    """Every answer, every balance and every commit of a random program is what the naive ledger says."""
    assert program.run(seed).store.transfers


class LedgerMachine(RuleBasedStateMachine):
    """Decisions, batches, withdrawals, commits and crashes in any order Hypothesis thinks of."""

    @initialize()
    def begin(self):
        self.twin = Twin()
        program.opening(self.twin)

    def holds(self, seconds):
        times = st.none() if seconds is None else st.just(self.twin.now + timedelta(seconds=seconds))
        return st.builds(Hold, ids, account_ids, account_ids, amounts, times, refusal_final=st.booleans())

    @rule(data=st.data(), seconds=st.one_of(st.none(), st.integers(0, 30)), case_id=st.sampled_from((None, "case")))
    def decide(self, data, seconds, case_id):
        orders = st.one_of(moves, self.holds(seconds), posts, voids, openings, amendments, closings)
        self.twin.group(data.draw(st.lists(orders, max_size=3)), case_id)

    @rule(data=st.data(), orders=st.lists(st.one_of(moves, posts, voids), min_size=1, max_size=4))
    def apply_batch(self, data, orders):
        self.twin.batch([((order,), None) for order in orders])

    @rule(orders=st.lists(st.one_of(moves, posts, voids, openings, amendments), max_size=3))
    def withdraw(self, orders):
        self.twin.withdrawn(orders)

    @rule(seconds=st.integers(0, 30))
    def commit(self, seconds):
        self.twin.commit(seconds)

    @rule()
    def crash(self):
        self.twin.crash()

    @invariant()
    def balances_agree(self):
        self.twin.check_balances()


LedgerMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestLedgerMachine = LedgerMachine.TestCase
