"""What the newest batches have committed is known without the store, and never says what the store does not."""

from tests.unit.engine.corridor import Corridor
from tests.unit.services.payments.desk import HALYK, HBL, Desk

from darwaza.engine import recent
from darwaza.engine.intake import Submit
from darwaza.engine.ledger import account_from
from darwaza.services.payments import message
from darwaza.services.payments.record import Payment

READS = ("cases", "concerns", "transfers", "refused_orders", "ends", "accounts")


def count_reads(land):
    """Names of what a gateway's store is asked, as they come."""
    asked = []
    for name in READS:
        read = getattr(land.store, name)

        def reading(given, read=read, name=name):
            asked.append(name)
            return read(given)

        setattr(land.store, name, reading)
    return asked


def ordered(desk):
    """A payment whose order has come to the payee's gateway."""
    case_id = desk.done(desk.quote(amount="1000.00", fee="100.00")).case_id
    desk.pk.run(Submit(HBL, frozenset(), "payments", "pay", "", b"", message.Pay(desk.document(case_id)), case_id))
    desk.carry()
    return case_id


def credit(desk, case_id):
    desk.kz.run(Submit(HALYK, frozenset(), "payments", "confirm", "", b"", message.Confirm(), case_id))
    desk.carry()


def test_a_payment_that_goes_on_at_once_asks_the_store_nothing():
    desk = Desk()
    case_id = ordered(desk)
    asked = count_reads(desk.kz), count_reads(desk.pk)
    credit(desk, case_id)
    assert asked == ([], [])
    assert desk.states(case_id) == ("settled", "credited")


def test_what_was_forgotten_is_read_and_ends_the_same(monkeypatch):
    desk, kept = Desk(), ("ACCOUNTS_KEPT", "CASES_KEPT", "HOLDS_KEPT", "PARTIES_KEPT")
    for name in kept:
        monkeypatch.setattr(recent, name, 1)
    first, second = ordered(desk), ordered(desk)
    asked = count_reads(desk.kz)
    for case_id in (second, first):
        credit(desk, case_id)
        assert desk.states(case_id) == ("settled", "credited")
    assert set(asked) >= {"accounts", "cases", "concerns", "transfers", "ends"}
    held = desk.kz.engine.site.recent
    assert (len(held.accounts), len(held.cases), len(held.holds), len(held.parties)) == (1, 1, 0, 1)


def test_what_is_kept_is_what_the_store_has():
    desk = Desk()
    case_id = ordered(desk)
    for _ in range(2):
        for land in desk.lands.values():
            held = land.engine.site.recent
            for one, (service, case) in held.cases.items():
                row = land.store.cases([one])[one]
                assert (service, case) == (row.service, land.engine.site.decode_case(row))
            assert not land.store.ends(list(held.holds))
            stored = {
                terms.id: (account_from(terms, totals), totals.last_sequence)
                for terms, totals in land.store.accounts(held.accounts)
            }
            assert held.accounts == stored != {}
            assert all(land.store.concerns(row) for row in held.parties)
        credit(desk, case_id)
    assert isinstance(held.cases[case_id][1].data, Payment)


def test_nothing_is_kept_of_documents_for_each_is_one_message(tmp_path):
    corridor = Corridor(tmp_path)
    case_id, _ = corridor.offer("PK/exporter", "UZ/customs")
    corridor.carry("PK", "UZ")
    for code in ("PK", "UZ"):
        engine = corridor.engines[code]
        assert engine.store.cases([case_id])
        assert (engine.site.recent.cases, engine.site.recent.parties) == ({}, {})
