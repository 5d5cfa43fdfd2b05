"""A bulk of real size between members that are no neighbours: sealed letters over a relay, and lost disks."""

from copy import deepcopy

import msgspec
import pytest
from tests.unit.engine.chain import Chain
from tests.unit.services.payments.desk import HALYK, HBL, PLAN, Desk, Land
from tests.unit.services.payments.test_bulk import answer, one, remit, states, transfers

from darwaza.adapters.memory.store import MemoryStore
from darwaza.config import ORDINARY_BODY_BYTES_MAX
from darwaza.kernel.message import decode_header
from darwaza.kernel.trail import RELAY_KIND
from darwaza.services import payments
from darwaza.services.payments import message
from darwaza.standards.iso20022.message import write

SIZE = 500


class Relay(Chain):
    """PK and KZ with AF between them."""

    services = (payments.service(PLAN),)


class RelayedLand(Land):
    """A gateway of the chain."""

    def __init__(self, chain, code):
        self.chain, self.world, self.code = chain, chain.world, code
        (self.service,) = chain.services

    @property
    def engine(self):
        return self.chain.engines[self.code]

    @property
    def store(self):
        return self.chain.stores[self.code]


class RelayedDesk(Desk):
    """Two gateways with money and a relay between them."""

    def found(self, screen):
        self.chain = Relay((("AF", "KZ"), ("AF", "PK")), {}, lanes=2)
        self.world = self.chain.world
        self.pk, self.kz = RelayedLand(self.chain, "PK"), RelayedLand(self.chain, "KZ")

    def meet(self):
        self.chain.settle()

    def carry(self, rounds=8):
        self.chain.carry(rounds)

    def wait(self, seconds):
        self.chain.wait(seconds)

    def lose_disk(self, code, backup):
        """Go on from an old copy of the store, and let the relay give back what it had been given."""
        self.chain.stores[code] = backup
        self.chain.start(code, seed=1)
        self.chain.restore(code)
        self.carry()


def copy(store):
    """A store as it is now."""
    made = MemoryStore()
    made._tables = deepcopy(store._tables)
    return made


@pytest.fixture
def desk():
    return RelayedDesk()


def large(desk):
    """As many payments as a salary run has."""
    (first,) = transfers(desk, size=1)
    transaction = first.transactions[0]
    made = tuple(
        msgspec.structs.replace(transaction, id=msgspec.structs.replace(transaction.id, uetr=desk.uetr()))
        for _ in range(SIZE)
    )
    return tuple(write(msgspec.structs.replace(first, transactions=(one,))) for one in made)


def test_a_large_bulk_goes_over_a_relay_and_ends(desk):
    documents = large(desk)
    assert sum(map(len, documents)) > ORDINARY_BODY_BYTES_MAX
    case_id = desk.done(remit(desk, documents)).case_id
    desk.carry()
    assert desk.kz.state(case_id) == "bulk-asked"
    desk.done(answer(desk, case_id, *range(1, 401), *((n, "AC04", "closed") for n in range(401, SIZE + 1))))
    desk.carry()
    assert states(desk.pk, case_id) == ["settled"] * 400 + ["rejected"] * 100
    desk.done(one(desk, HBL, "recall", message.AskBack("DUPL"), case_id, 7))
    desk.carry()
    desk.done(one(desk, HALYK, "refuse-recall", message.KeepIt("CUST"), case_id, 7))
    desk.carry()
    assert desk.pk.case(case_id)[1].entries[6].recall_answer == "CUST"
    desk.check()
    seen = {
        (decode_header(leaf.header).kind, row.lane)
        for row in desk.chain.stores["AF"].logs()
        for leaf in desk.chain.stores["AF"].scan_leaves(row.id)
        if decode_header(leaf.header).case_id == case_id
    }
    assert (message.BULK, 1) in seen
    assert (RELAY_KIND, 1) in seen


def balances(land):
    return {
        one.id: (one.balance.debits_posted, one.balance.credits_posted, one.balance.debits_pending)
        for one in land.accounts()
        if not one.id.startswith(("spread:", "liquidity:"))
    }


@pytest.mark.parametrize("side", ["PK", "KZ"])
def test_a_disk_lost_behind_a_relay_is_rebuilt(desk, side):
    """In the middle, when it goes on, and at the end: the same states and the same money, from letters given back."""
    kept = copy(desk.chain.stores[side])
    case_id = desk.done(remit(desk, large(desk))).case_id
    desk.carry()
    desk.done(answer(desk, case_id, *range(1, 201)))
    desk.carry()
    assert not kept.cases([case_id])
    desk.lose_disk(side, copy(kept))
    assert states(desk.kz, case_id).count("credited") == states(desk.pk, case_id).count("settled") == 200
    desk.done(answer(desk, case_id, *range(201, 301)))
    desk.done(answer(desk, case_id, *((number, "AC04", "closed") for number in range(301, 401))))
    desk.carry()
    desk.done(one(desk, HBL, "recall", message.AskBack("DUPL"), case_id, 7))
    desk.carry()
    desk.done(one(desk, HALYK, "refuse-recall", message.KeepIt("CUST"), case_id, 7))
    desk.settle_down()
    land = desk.lands[side]
    before = states(land, case_id), balances(land)
    assert states(desk.pk, case_id) == ["settled"] * 300 + ["rejected"] * 200
    desk.lose_disk(side, kept)
    assert (states(land, case_id), balances(land)) == before
    desk.check()
