"""Two countries with their gateways, banks and FX providers, in one process on a clock that is set.

Messages move when ``carry`` says so, one gateway's whole log at a time; ``cut`` keeps a direction from moving.
"""

from datetime import timedelta

import msgspec

from darwaza.adapters.memory.store import MemoryStore
from darwaza.engine.desk import answer_ask
from darwaza.engine.fsck import examine
from darwaza.engine.intake import Acknowledge, Arrive, Cosigned, PlaceOrders, Recollect, Settle, Submit, Wake
from darwaza.engine.ledger import account_from, transfer_from
from darwaza.errors import PushbackError
from darwaza.kernel import batch
from darwaza.kernel.machine import Refusal
from darwaza.kernel.note import parse
from darwaza.ledger.audit import audit
from darwaza.ledger.order import Move
from darwaza.services import payments
from darwaza.services.payments import message
from darwaza.services.payments.entry import entry_id
from darwaza.services.payments.machine import DESTINATION_ENDS, SOURCE_ENDS
from darwaza.services.payments.market import market_id
from darwaza.services.payments.officer import Block, Clear, Refuse
from darwaza.services.payments.plan import external, liquidity, position
from darwaza.services.payments.record import Board, Bulk, Payment, Record, Tier
from darwaza.services.payments.screening import nobody_listed
from darwaza.standards.iso20022.message import write
from darwaza.testing.trade import (  # noqa: F401 - the tests take them from here
    BANKS,
    HALYK,
    HBL,
    KASPI,
    KZT,
    OPERATOR,
    PKR,
    PLAN,
    SLOW_FX,
    SWIFT_FX,
    UBL,
    pacs008,
    uetr_of,
)
from darwaza.testing.world import World

FUNDS = {HBL: 90_000_000_00, UBL: 1_000_00, HALYK: 5_000_00}


class Land:
    """One gateway."""

    def __init__(self, world, code, screen):
        self.world, self.code = world, code
        self.service = payments.service(PLAN, screen)
        self.store = MemoryStore()
        self.starts = 0
        self.engine = world.engine(code, [self.service], self.store)

    def run(self, *given):
        return self.engine.run(list(given))

    def restart(self):
        """Forget everything that is not stored."""
        self.starts += 1  # so that its randomness is not that of its former life
        self.engine = self.world.engine(self.code, [self.service], self.store, seed=self.starts)
        self.meet()

    def meet(self):
        """Hear from the neighbour what it holds of the own logs, and what was signed for of its own."""
        for row in self.store.logs():
            met = Settle if row.author == self.code else Recollect
            self.run(met(row.origin, answer_ask(self.peer.engine, row.origin)))

    def command(self, party, kind, body, case_id=None, *, roles=(), key="", opens=False):
        given = Submit(party, frozenset(roles), "payments", kind, key, key.encode(), body, case_id, opens=opens)
        return self.run(given)[0]

    def case(self, case_id):
        row = self.store.cases([case_id])[case_id]
        return row.state, msgspec.msgpack.decode(row.data, type=Record)

    def state(self, case_id):
        found = self.store.cases([case_id])
        return found[case_id].state if found else None

    def account(self, account_id):
        ((terms, totals),) = self.store.accounts([account_id])
        return account_from(terms, totals)

    def balance(self, account_id):
        return self.account(account_id).balance.posted

    def available(self, account_id):
        return self.account(account_id).balance.available

    def notices(self, party):
        return [row.kind for row in self.store.notices(party, 0, 1_000)]

    def accounts(self):
        return [account_from(*row) for row in self.store.scan_accounts()]

    def own_log(self):
        (row,) = (row for row in self.store.logs() if row.author == self.code and row.lane == 0)
        return row


class Desk:
    """Both gateways, funded, with a market from PK to KZ."""

    mid: str | None = "1.80"

    def __init__(self, screen=nobody_listed):
        self.cut = set()
        self.found(screen)
        self.lands = {"PK": self.pk, "KZ": self.kz}
        self.meet()
        self.payments = 0
        for land in self.lands.values():
            orders = list(payments.opening(payments.Directory(PLAN), land.code))
            own = PLAN.currencies[land.code]
            banks = [bank for bank in FUNDS if bank.startswith(land.code)]
            orders += [
                Move(f"fund {n}".replace(" ", "-"), external(own), position(bank, own), FUNDS[bank])
                for n, bank in enumerate(banks)
            ]
            if land.code == "KZ":
                orders += [
                    Move(f"fund-{fx}", external(KZT), liquidity(f"KZ/{fx}", KZT), 60_000_000_00)
                    for fx in ("fx-swift", "fx-slow")
                ]
            assert not isinstance(land.run(PlaceOrders(tuple(orders)))[0], Refusal)
        for fx in ("KZ/fx-swift", "KZ/fx-slow"):
            self.done(self.kz.command(fx, "allocate", message.Allocate("PK", "50000000.00")))
        self.carry()
        self.market = market_id("PK", "KZ")
        self.done(self.pk.command(OPERATOR, "open-market", message.OpenMarket("KZ", self.mid), self.market, opens=True))
        self.post_rate(SWIFT_FX, "1.75", tiers=(Tier(1_000_000_00, 2_000),), improvements={UBL: 1_000})
        self.post_rate(SLOW_FX, "1.70")

    def found(self, screen):
        """Make the two gateways."""
        self.world = World(["KZ", "PK"])
        self.pk, self.kz = Land(self.world, "PK", screen), Land(self.world, "KZ", screen)
        self.pk.peer, self.kz.peer = self.kz, self.pk

    def meet(self):
        """Let both hear what the other holds."""
        for land in self.lands.values():
            land.meet()

    def done(self, outcome):
        """The outcome of something that must succeed."""
        assert not isinstance(outcome, Refusal | Exception), outcome
        return outcome

    def post_rate(self, provider, rate, **fields):
        board = Board(rate, self.world.clock.now() + timedelta(days=30), **fields)
        return self.done(self.pk.command(provider, "post-rate", message.PostRate(board), self.market))

    # --- the network ---

    def carry(self, rounds=8):
        """Move everything that may move, back and forth until nothing is left."""
        for _ in range(rounds):
            moved = [self.move(author, reader) for author, reader in (("PK", "KZ"), ("KZ", "PK"))]
            if not any(moved):
                return

    def move(self, author, reader):
        """Bring one gateway's log to the other and the cosignature back."""
        writer, hearer = self.lands[author], self.lands[reader]
        row = writer.own_log()
        if author in self.cut or row.cosigned_size == row.size:
            return False
        entries = writer.store.leaves(row.id, row.cosigned_size, row.size, 1 << 30)
        raw = batch.encode(row.origin, row.cosigned_size, row.checkpoint, entries)
        (taken,) = hearer.run(Arrive(batch.decode(raw)))
        assert isinstance(taken, Cosigned), taken
        note = parse(taken.note)
        lines = tuple(line for line in note.signatures if line not in parse(row.checkpoint).signatures)
        self.done(writer.run(Acknowledge(row.origin, row.checkpoint, lines))[0])
        return True

    def wait(self, seconds):
        """Let time pass, and wake whoever asked for it, without moving messages."""
        self.world.clock.advance(seconds)
        for land in self.lands.values():
            assert land.run(Wake(512)) is not None

    # --- banks ---

    def quote(self, bank=HBL, amount="100100.00", payee=HALYK, **fields):
        fields = {"fee": "100.00", "take_best": True} | fields
        return self.pk.command(bank, "quote", message.Ask(self.market, payee, amount, **fields))

    def document(self, case_id, *, priority="HIGH", uetr=None, **changes):
        """The payer's bank's pacs.008 under the accepted quote."""
        _, payment = self.pk.case(case_id)
        return write(pacs008(case_id, payment, self.world.clock.now(), priority, uetr or self.uetr(), changes))

    def uetr(self):
        self.payments += 1
        return uetr_of(self.payments)

    def order(self, bank=HBL, **fields):
        """Quote, accept and pay; returns the case's id."""
        document = {name: fields.pop(name) for name in ("priority", "uetr") if name in fields}
        case_id = self.done(self.quote(bank, **fields)).case_id
        self.done(self.pay(case_id, bank, **document))
        return case_id

    def pay(self, case_id, bank=HBL, **document):
        return self.pk.command(bank, "pay", message.Pay(self.document(case_id, **document)), case_id)

    def confirm(self, case_id, bank=HALYK):
        return self.kz.command(bank, "confirm", message.Confirm(), case_id)

    def reject(self, case_id, reason="AC04", bank=HALYK):
        return self.kz.command(bank, "reject", message.Reject(reason, "closed"), case_id)

    def states(self, case_id):
        return self.pk.state(case_id), self.kz.state(case_id)

    # --- what must be true ---

    def settle_down(self):
        """Mend the network and let time pass until nothing more happens."""
        self.cut.clear()
        for _ in range(40):
            self.carry()
            self.wait(30)
        self.carry()

    def check(self, *, at_rest=True):
        """Both ledgers are sound and agree; at rest every payment and every hold has ended."""
        for land in self.lands.values():
            assert audit(land.accounts(), map(transfer_from, land.store.scan_transfers())) == []
            if at_rest:
                trust, services = land.engine.site.trust, [land.service]
                assert examine(land.store, member=land.code, trust=trust, services=services) == []
            if at_rest:
                for account in land.accounts():
                    assert account.balance.debits_pending == account.balance.credits_pending == 0, account
        if not at_rest:
            return
        assert self.pk.balance("transit:KZ:PKR") == self.kz.balance("transit:PK:KZT") == 0
        for fx in ("fx-swift", "fx-slow"):
            assert self.pk.balance(f"abroad:PK/{fx}:KZ:KZT") == self.kz.balance(f"corridor:PK/{fx}:KZT")
        for case_id, (here, there) in self.cases().items():
            assert here in SOURCE_ENDS, case_id
            assert there in (*DESTINATION_ENDS, None), case_id
            assert (here == "settled") == (there == "credited"), case_id
            assert (here == "returned") == (there == "given-back"), case_id
            assert (here == "blocked") == (there == "frozen"), case_id

    def cases(self):
        """States at both ends of every payment, by case."""
        found = {}
        for case_id in [row.id for row in self.pk.store.scan_cases() if row.service == "payments"]:
            _, data = self.pk.case(case_id)
            if isinstance(data, Payment):
                found[case_id] = self.states(case_id)
            elif isinstance(data, Bulk):
                there = self.kz.state(case_id) and self.kz.case(case_id)[1]
                for number, entry in enumerate(data.entries, 1):
                    other = there.entries[number - 1].state if there else None
                    found[entry_id(case_id, number)] = (entry.state, other)
        return found


class Watched(Desk):
    """Whose gateway in KZ, and no other, stops every payment at screening."""

    def found(self, screen):
        super().found(screen)
        self.kz = self.pk.peer = Land(self.world, "KZ", lambda names: ("it is the name",))
        self.kz.peer = self.pk

    def stopped(self, **fields):
        """Order a payment and bring it to compliance in KZ; returns the case's id."""
        case_id = self.order(**fields)
        self.carry()
        assert self.kz.state(case_id) == "screened"
        return case_id

    def say(self, case_id, word, officer):
        """One officer's word in KZ."""
        body = {"release": Clear, "refuse": Refuse, "block": Block}[word](officer)
        return self.kz.command("KZ/nbk", word, body, case_id, roles=("compliance",))

    def agree(self, case_id, word):
        """Two officers' word in KZ."""
        for officer in ("dana", "erlan"):
            self.done(self.say(case_id, word, officer))


def decides_nothing(desk, side, case_id, seconds):
    """A gateway that has not heard everything ends no payment by its clock, and takes no word from its bank."""
    land = desk.lands[side]
    kept = land.state(case_id)
    desk.world.clock.advance(seconds)
    land.run(Wake(512))
    assert land.state(case_id) == kept
    words = {"KZ": lambda: desk.reject(case_id), "PK": desk.quote}
    refused = words[side]()
    assert isinstance(refused, PushbackError)
    assert refused.code == "catching_up"
