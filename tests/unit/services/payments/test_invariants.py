"""The invariants of payments, I1 to I14, a test each, on lives of two gateways in which everything goes wrong.

I6 needs real processes and is in ``tests/fault/test_payment_process.py``. docs/concepts/payments.md lists all of them;
the simulation (``tests/simulation/test_payment_seeds.py``) holds I1 to I5 and I7 to I10 for a thousand more lives.
"""

import random
import re
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from lxml import etree
from tests.unit.services.payments.desk import HALYK, HBL, OPERATOR, PLAN, UBL, Desk
from tests.unit.services.payments.test_bulk_chaos import BulkLife
from tests.unit.services.payments.test_chaos import Life

from darwaza.engine.fsck import examine
from darwaza.engine.ledger import transfer_from
from darwaza.kernel import parts
from darwaza.kernel.machine import Refusal
from darwaza.kernel.message import decode_header
from darwaza.kernel.parts import PARTS_MEDIA_TYPE
from darwaza.ledger.statement import rederive, statement
from darwaza.ledger.transfer import Phase
from darwaza.services.payments import Directory, message
from darwaza.services.payments.entry import exchange_of, payments_of, split_id
from darwaza.services.payments.machine import DESTINATION_ENDS, SOURCE_ENDS
from darwaza.services.payments.message import BULK, ORDER, XML_MEDIA_TYPE, read_bulk, read_order
from darwaza.services.payments.names import Listed
from darwaza.services.payments.netting import bilateral, cycle_of, legs, multilateral, write_instruction
from darwaza.services.payments.officer import Clear, Refuse
from darwaza.services.payments.record import Bulk
from darwaza.services.payments.screening import names_listed
from darwaza.standards.iso20022.message import read, write

ROOT = Path(__file__).parents[4]
SEEDS = (0, 7, 31)
BULK_SEEDS = (1, 3)
FLOORS = {f"position:{UBL}:PKR": -1_000_00}
BOTTOMLESS = ("external:", "mirror:")
ENDS = {*SOURCE_ENDS, *DESTINATION_ENDS}
FOLLOWS = {("settled", "returned"), ("credited", "given-back")}
"""What a return makes of an end. On the way to it: a recall, and money that has to come first."""
UNDER_WAY = {"recalling", "returning", "recalled"}


class Watched(Life):
    """A life whose states are written down at every step."""

    def __init__(self, seed):
        super().__init__(seed)
        self.paths = defaultdict(list)
        check = self.desk.check

        def watch(*, at_rest=True):
            check(at_rest=at_rest)
            for case_id, states in self.desk.cases().items():
                for side, state in zip(("PK", "KZ"), states, strict=True):
                    path = self.paths[side, case_id]
                    if path[-1:] != [state]:
                        path.append(state)

        self.desk.check = watch


class WatchedBulks(Watched, BulkLife):
    """The same, with bulks."""


@pytest.fixture(scope="module")
def lives():
    made = [*map(Watched, SEEDS), *map(WatchedBulks, BULK_SEEDS)]
    for life in made:
        life.run()
    states = Counter(state for life in made for pair in life.desk.cases().values() for state in pair)
    assert states.keys() >= {"settled", "credited", "rejected", "refused", "expired", "returned", "given-back"}, states
    return made


@pytest.fixture(scope="module")
def lands(lives):
    return [land for life in lives for land in life.desk.lands.values()]


def transfers(land):
    return list(map(transfer_from, land.store.scan_transfers()))


def payments(land):
    cases = (land.case(row.id) for row in land.store.scan_cases())
    return [one for state, data in cases for one in payments_of(state, data)]


def bulks(land):
    """By case."""
    cases = ((row.id, land.case(row.id)[1]) for row in land.store.scan_cases())
    return {case_id: data for case_id, data in cases if isinstance(data, Bulk)}


def test_i01_every_currency_adds_up_at_every_sequence_number(lands):
    """Debits equal credits, currency by currency, after each single transfer."""
    for land in lands:
        sums = Counter()
        for transfer in transfers(land):
            if transfer.phase in (Phase.MOVE, Phase.POST):
                for account, sign in ((transfer.debit_account, -1), (transfer.credit_account, 1)):
                    sums[account.rpartition(":")[2]] += sign * transfer.amount_minor
            assert not any(sums.values()), transfer


def test_i02_a_balance_is_the_fold_of_its_entries_and_each_entry_goes_on_from_the_one_before(lands):
    """Also at a sequence number in the middle, and where the store keeps the total."""
    for land in lands:
        entries = transfers(land)
        middle = entries[: len(entries) // 2]
        for account in land.accounts():
            said = statement(account.id, entries)
            running = 0
            for line in said.lines:
                running += line.posted_minor
                assert line.balance.posted == running
            assert said.closing == account.balance == rederive(entries).get(account.id, account.balance)
            assert (
                statement(account.id, middle).closing.posted
                == rederive(entries, len(middle)).get(account.id, statement(account.id, ()).closing).posted
            )


def test_i03_nothing_is_promised_or_spent_that_is_not_there(lands):
    """What is posted less what is held never falls below the floor, after any transfer."""
    for land in lands:
        posted, held, holds = Counter(), Counter(), {}
        for transfer in transfers(land):
            if transfer.phase is Phase.HOLD:
                holds[transfer.id] = transfer
                held[transfer.debit_account] += transfer.amount_minor
            elif transfer.phase is not Phase.MOVE:
                held[transfer.debit_account] -= holds[transfer.hold_id].amount_minor
            if transfer.phase in (Phase.MOVE, Phase.POST):
                posted[transfer.debit_account] -= transfer.amount_minor
                posted[transfer.credit_account] += transfer.amount_minor
            account = transfer.debit_account
            if not account.startswith(BOTTOMLESS):
                assert posted[account] - held[account] >= FLOORS.get(account, 0), transfer


def test_i04_every_hold_ends_exactly_once(lands):
    """By a post, a void or its expiry: at most one ever, and at rest one."""
    for land in lands:
        entries = transfers(land)
        ends = Counter(one.hold_id for one in entries if one.hold_id)
        assert ends == dict.fromkeys((one.id for one in entries if one.phase is Phase.HOLD), 1)


def test_i05_the_same_again_is_answered_alike_and_another_body_is_refused():
    """Under one key; neither has a second effect."""
    desk = Desk()
    case_id = desk.done(desk.quote()).case_id
    body = message.Pay(desk.document(case_id))
    first = desk.done(desk.pk.command(HBL, "pay", body, case_id, key="k1"))
    before = transfers(desk.pk), desk.pk.own_log()
    again = desk.done(desk.pk.command(HBL, "pay", body, case_id, key="k1"))
    assert (again.message_ids, again.repeated) == (first.message_ids, True)
    assert isinstance(desk.pk.command(HBL, "pay", message.Pay(body.document + b" "), case_id, key="k2"), Refusal)
    used = desk.done(desk.quote(UBL, amount="100.00", fee="0")).case_id
    uetr = read(body.document).transactions[0].id.uetr
    after = transfers(desk.pk)[len(before[0]) :]
    assert desk.pay(used, UBL, uetr=uetr).code == "duplicate_payment"
    assert [one.id for one in after] == [f"{used}/quote"]
    assert transfers(desk.pk) == before[0] + after
    assert desk.pk.own_log() == before[1]


def test_i07_both_legs_or_none_with_the_spread_apart_and_less_than_a_unit_lost(lives):
    """A payment's transfers are there at both gateways or at neither; rounding favours the provider, by under 1."""
    for life in lives:
        here, there = ({one.id: one for one in transfers(land)} for land in life.desk.lands.values())
        of_bulks = bulks(life.desk.pk)
        for case_id, bulk in of_bulks.items():
            check_legs_of_bulk(case_id, bulk, here, there)
        for case_id, (state, _) in life.desk.cases().items():
            if split_id(case_id)[0] in of_bulks:
                continue
            legs_of = [
                f"{case_id}/{name}" in side
                for side, name in ((here, "debit"), (here, "fxed"), (there, "fxed"), (there, "credit"))
            ]
            assert legs_of == [state in ("settled", "returned")] * 4
            if not legs_of[0]:
                continue
            chosen = life.desk.pk.case(case_id)[1].chosen
            exact = chosen.exchange.source_minor * Decimal(chosen.rate)
            assert 0 <= exact - chosen.exchange.destination_minor < 1
            parts = {name: here.get(f"{case_id}/{name}") for name in ("exchange", "spread", "fee")}
            assert sum(one.amount_minor for one in parts.values() if one) == here[f"{case_id}/debit"].amount_minor
            assert (parts["spread"].amount_minor if parts["spread"] else 0) == chosen.spread_minor


def check_legs_of_bulk(case_id, bulk, here, there):
    """What was posted in parts is, leg by leg, the sum of the payments that were paid; no bulk has half a leg."""
    paid = [exchange_of(entry) for entry in bulk.entries if entry.state in ("settled", "returned")]
    for exchange in paid:
        exact = exchange.source_minor * Decimal(bulk.rate)
        assert 0 <= exact - exchange.destination_minor < 1

    def posted(side, *names):
        found = (one for one in side.values() if one.phase in (Phase.POST, Phase.MOVE))
        wanted = re.compile(rf"{case_id}/(?:{'|'.join(names)})\.\d+").fullmatch
        return sum(one.amount_minor for one in found if wanted(one.id))

    assert posted(here, "debit-posted") == posted(here, "exchange", "spread", "fee")
    assert posted(here, "debit-posted") == sum(one.debit_minor for one in paid)
    assert posted(here, "fee") == sum(one.source_fee_minor for one in paid)
    assert posted(here, "fx-posted") == posted(there, "fx-posted") == sum(one.destination_minor for one in paid)
    assert posted(there, "credit") == sum(one.credit_minor for one in paid)
    assert posted(there, "credit", "fee") == posted(there, "fx-posted")


def test_i08_an_end_is_final_and_is_reached(lives):
    """From an end nothing leads on but a return; once the network is mended every payment has ended."""
    for life in lives:
        for (side, case_id), path in life.paths.items():
            ended = [state for state in path if state in ENDS]
            later = path[path.index(ended[0]) :] if ended else []
            assert set(later) <= ENDS | UNDER_WAY, (side, case_id, path)
            distinct = list(dict.fromkeys(ended))
            assert len(distinct) <= 1 or tuple(distinct) in FOLLOWS, (side, case_id, path)
            assert path[-1] in {*ENDS, None}, (side, case_id, path)


def test_i09_both_sides_end_alike(lives):
    """Never a payer refunded and a payee credited, never neither."""
    alike = {("settled", "credited"), ("rejected", "refused"), ("returned", "given-back"), ("expired", None)}
    alike.add(("rejected", None))
    for life in lives:
        assert set(life.desk.cases().values()) <= alike


def test_i10_the_logs_are_whole_and_both_countries_hold_the_same(lives):
    """Fsck finds each log's tree and signatures in order; both ends hold it byte for byte; shared accounts agree."""
    for life in lives:
        desk = life.desk
        for land, peer in ((desk.pk, desk.kz), (desk.kz, desk.pk)):
            services = [land.service]
            assert examine(land.store, member=land.code, trust=land.engine.site.trust, services=services) == []
            own = land.own_log()
            twin = next(row for row in peer.store.logs() if row.origin == own.origin)
            held = [(leaf.header, leaf.body) for leaf in peer.store.scan_leaves(twin.id)]
            assert held == [(leaf.header, leaf.body) for leaf in land.store.scan_leaves(own.id)]
        for provider in ("fx-swift", "fx-slow"):
            shared = desk.pk.balance(f"abroad:PK/{provider}:KZ:KZT"), desk.kz.balance(f"corridor:PK/{provider}:KZT")
            assert shared[0] == shared[1]


def test_i11_net_positions_add_up_to_zero_and_are_the_same_whoever_computes_them_and_whenever(lives):
    """Each payment stands in one cycle, a return in one; again gives the same, byte for byte."""
    directory = Directory(PLAN)
    for life in lives:
        here, there = (sorted(legs(directory, payments(land))) for land in life.desk.lands.values())
        assert here == there
        done = [one for state, one in payments(life.desk.pk) if state in ("settled", "returned")]
        assert len(here) == len(done) + sum(one.returned_at is not None for one in done)
        cycles = {leg.cycle for leg in here}
        assert sum(len([leg for leg in here if leg.cycle == cycle]) for cycle in cycles) == len(here)
        now = life.desk.world.clock.now()
        for cycle in cycles:
            assert not any(Counter(_by_currency(multilateral(here, cycle))).values())
            twice = [
                [write_instruction(directory, one, cycle, now) for one in bilateral(side, cycle)]
                for side in (here, there)
            ]
            assert twice[0] == twice[1]
        assert cycle_of(directory, now) >= max(cycles)


def _by_currency(positions):
    sums = Counter()
    for (_, currency), amount in positions.items():
        sums[currency] += amount
    return sums


def test_i12_no_payment_goes_over_the_cap_with_what_is_in_flight():
    """The position and its credit line, less every payment that has not ended; when one ends badly there is room."""
    desk = Desk()  # UBL has 1,000.00 and may fall to -1,000.00
    flying = [desk.order(UBL, amount="900.00", fee="0") for _ in range(2)]
    third = desk.done(desk.quote(UBL, amount="900.00", fee="0")).case_id
    assert desk.pay(third, UBL).code == "floor_crossed"
    desk.carry()
    assert desk.pay(third, UBL).code == "floor_crossed"
    desk.done(desk.reject(flying[0]))
    desk.carry()
    desk.done(desk.pay(third, UBL))
    assert desk.pk.available(f"position:{UBL}:PKR") == 1_000_00 - 2 * 900_00


@pytest.mark.parametrize("seed", range(12))
def test_i13_nobody_on_a_list_is_credited_without_two_recorded_releases(seed):
    """At each gateway, whatever officers and banks do and in whatever order."""
    chance = random.Random(seed)
    desk = Desk(names_listed((Listed("Aslam, MUHAMMAD", "UN 1"),)))
    case_id = desk.order(priority=chance.choice(("HIGH", "NORM")))
    watchers = {"PK": OPERATOR, "KZ": "KZ/nbk"}
    for _ in range(30):
        code = chance.choice(("PK", "KZ"))
        drawn, officer = chance.random(), chance.choice(("amna", "bilal"))
        if drawn < 0.5:
            body, roles = Clear(officer), chance.choice((("compliance",), ("compliance",), ()))
            desk.lands[code].command(watchers[code], "release", body, case_id, roles=roles)
        elif drawn < 0.53:
            desk.lands[code].command(watchers[code], "refuse", Refuse(officer), case_id, roles=("compliance",))
        elif drawn < 0.8:
            desk.confirm(case_id)
        else:
            desk.wait(chance.choice((0.1, 1)))
        desk.carry()
        if desk.kz.state(case_id) == "credited":
            for land in desk.lands.values():
                assert len({one.officer for one in land.case(case_id)[1].checks}) == 2
                assert land.case(case_id)[1].hits
    desk.settle_down()
    desk.check()


def test_i14_every_message_reads_back_as_it_was_written_and_is_valid_by_the_published_schema(lands, shared_data):
    """Of everything the gateways said in these lives."""
    seen, schemas = set(), {}
    for land in (*lands, *recalled_and_kept().lands.values()):
        for leaf in land.store.scan_leaves(land.own_log().id):
            header = decode_header(leaf.header)
            for body in documents_of(header, leaf.body):
                value = read(body)
                assert write(value) == body
                assert read(write(value)) == value
                seen.add(value.message)
                if value.message not in schemas:
                    file = shared_data / "iso20022" / "xsd" / f"{value.message}.xsd"
                    schemas[value.message] = etree.XMLSchema(etree.parse(file))
                schemas[value.message].assertValid(etree.fromstring(body))
    assert seen >= {"pacs.008.001.13", "pacs.002.001.15", "pacs.004.001.14", "pacs.028.001.06"}
    assert seen >= {"camt.056.001.11", "camt.029.001.13"}


def documents_of(header, body):
    """The ISO 20022 messages that a body has."""
    if header.kind == ORDER:
        return [read_order(body)[1]]
    if header.kind == BULK:
        return read_bulk(body)[1]
    if header.media_type == PARTS_MEDIA_TYPE:
        return parts.split(body)
    return [body] if header.media_type == XML_MEDIA_TYPE else []


def recalled_and_kept():
    """A desk with a payment that was asked back in vain."""
    desk = Desk()
    case_id = desk.order()
    desk.carry()
    desk.done(desk.confirm(case_id))
    desk.carry()
    desk.done(desk.pk.command(HBL, "recall", message.AskBack("DUPL"), case_id))
    desk.carry()
    desk.done(desk.kz.command(HALYK, "refuse-recall", message.KeepIt("CUST"), case_id))
    desk.carry()
    return desk


def test_the_list_of_invariants_names_tests_that_exist():
    """docs/concepts/payments.md has I1 to I14, each with its test."""
    named = re.findall(
        r"\| I(\d+) \|.*\| `(test_i(\d\d)_\w+)` \|", (ROOT / "docs/concepts/payments.md").read_text("utf-8")
    )
    assert [int(number) for number, _, _ in named] == list(range(1, 15))
    assert all(int(number) == int(again) for number, _, again in named)
    sources = Path(__file__).read_text("utf-8") + (ROOT / "tests/fault/test_payment_process.py").read_text("utf-8")
    assert all(f"def {name}(" in sources for _, name, _ in named)
