"""The contract of the store's ledger, held by every adapter."""

import pytest
from tests.contract.rows import account, dump, instant, ledger, transfer

from darwaza.errors import InvariantError
from darwaza.ports.ledger import BalanceRow, RefusedOrderRow
from darwaza.ports.store import Changes

MANY = [f"none {number}" for number in range(20)]


@pytest.fixture
def money(store):
    store.commit(ledger())
    return store


class TestReading:
    @pytest.mark.parametrize("others", [[], MANY], ids=["few ids", "many ids"])
    def test_what_is_stored_is_found_by_id_and_nothing_else(self, money, others):
        """Each read gives the rows of the ids that exist, however many are asked for."""
        given = ledger()
        pairs = [(given.accounts[one], given.balances[one]) for one in "ac"]
        assert sorted(money.accounts(["a", "c", *others])) == pairs
        assert sorted(money.transfers(["t1", "t3", *others])) == [given.transfers[0], given.transfers[2]]
        assert money.ends(["t1", "t4", *others]) == [given.transfers[1]]
        assert money.refused_orders(["refused", "t1", *others]) == given.refused_orders
        assert money.accounts(others) == money.transfers(others) == money.ends(others) == []

    def test_an_owner_sees_its_own_accounts_only(self, money):
        assert [terms.id for terms, _ in money.owned_accounts("PK/bank")] == ["a", "b"]
        assert [terms.id for terms, _ in money.owned_accounts("UZ/bank")] == ["c"]
        assert money.owned_accounts("PK") == []

    def test_accounts_come_to_their_totals_by_asset_and_kind(self, money):
        """Sums are exact also where they pass what one column holds."""
        money.commit(
            Changes(
                accounts={"f": account("f", asset="KZT/2", kind="fees")}, balances={"f": BalanceRow("f", 0, 1, 2, 3, 0)}
            )
        )
        assert 3 * 2**62 > 2**63
        assert money.account_totals() == [
            ("KZT/2", "fees", 1, 0, 1, 2, 3),
            ("PKR/2", "position", 3, 15, 0, 3 * 2**62, 3),
        ]

    def test_an_accounts_history_is_read_from_its_newest_end_in_pages(self, money):
        """Each page goes on where the one before ended; together they are all transfers on the account."""
        for account_id, sequences in {"a": [3, 2, 1], "b": [4, 2, 1], "c": [4, 3], "d": []}.items():
            assert [row.sequence for row in money.history(account_id, None, 100)] == sequences
            before, paged = None, []
            while page := money.history(account_id, before, 1):
                paged += page
                before = page[-1].sequence
            assert [row.sequence for row in paged] == sequences
        assert money.history("a", None, 0) == []

    def test_holds_come_due_oldest_first(self, money):
        assert money.holds_due(instant(69), 10) == []
        assert money.holds_due(instant(70), 10) == ["gone"]
        assert money.holds_due(instant(99), 10) == ["gone", "t4"]
        assert money.holds_due(instant(99), 1) == ["gone"]
        money.commit(Changes(holds_ended=[(instant(70), "gone"), (instant(70), "never opened")]))
        assert money.holds_due(instant(99), 10) == ["t4"]

    def test_the_next_hold_to_expire_is_known(self, money):
        assert money.next_hold_at() == instant(70)
        money.commit(Changes(holds_ended=[(instant(70), "gone")]))
        (next_at,) = {at for at, hold_id in ledger().holds_opened if hold_id == "t4"}
        assert money.next_hold_at() == next_at
        money.commit(Changes(holds_ended=[(next_at, "t4")]))
        assert money.next_hold_at() is None

    def test_the_last_transfer_is_where_the_ledger_ends(self, store):
        assert store.last_transfer() is None
        store.commit(ledger())
        assert store.last_transfer() == ledger().transfers[-1]


class TestWriting:
    def test_it_is_there_after_a_restart(self, reopen):
        store = reopen()
        store.commit(ledger())
        before = dump(store)
        assert dump(reopen()) == before

    def test_terms_and_totals_are_replaced(self, money):
        money.commit(
            Changes(
                accounts={"a": account("a", floor_minor=-9, credits_blocked=1, closed_at=instant(5))},
                balances={"b": BalanceRow("b", 1, 2, 3, 4, 4)},
            )
        )
        (closed, totals), (_, replaced) = money.accounts(["a"])[0], money.accounts(["b"])[0]
        assert (closed.floor_minor, closed.credits_blocked, closed.closed_at) == (-9, 1, instant(5))
        assert totals == ledger().balances["a"]
        assert replaced == BalanceRow("b", 1, 2, 3, 4, 4)

    @pytest.mark.parametrize(
        "wrong",
        [
            pytest.param({"transfers": [transfer(5, "a", "b", id="t1")]}, id="id stored"),
            pytest.param({"transfers": [transfer(5, "a", "b"), transfer(6, "a", "b", id="t5")]}, id="id twice"),
            pytest.param({"transfers": [transfer(4, "a", "b", id="new")]}, id="sequence taken"),
            pytest.param({"transfers": [transfer(5, "a", "b", hold_id="t1")]}, id="hold ended before"),
            pytest.param({"refused_orders": [RefusedOrderRow("refused", b"other")]}, id="refused before"),
        ],
    )
    def test_what_must_be_new_is_refused_and_nothing_of_the_batch_is_written(self, money, wrong):
        before = dump(money)
        with pytest.raises(InvariantError):
            money.commit(Changes(meta={"a": b"1"}, **wrong))
        assert dump(money) == before

    def test_every_field_of_the_rows_is_kept(self, money):
        """No column is swapped with another: a row whose fields all differ comes back as it was."""
        row = transfer(
            5, "a", "b", (3, 4), phase="hold", hold_id=None, expires_at=instant(9), reference="r", case_id="x"
        )
        row = row._replace(amount_minor=2**60, released_minor=7, asset="KZT/2", applied_at=instant(8))
        terms = account("e", "KZ/x", asset="XAU/4", kind="fees", floor_minor=-(2**63) + 1, ceiling_minor=2**63 - 1)
        totals = BalanceRow("e", 1, 2, 3, 2**63 - 1, 5)
        money.commit(Changes(accounts={"e": terms}, balances={"e": totals}, transfers=[row]))
        assert money.transfers(["t5"]) == [row]
        assert money.accounts(["e"]) == [(terms, totals)]
