"""Several gateways in memory: the engine's part, a ledger each, and links that can be cut, doubled and shuffled.

It runs the services as the contract of ``darwaza.kernel.machine`` says: decide, then apply the decision's orders to the
ledger all or none, then store. It is small on purpose: what it checks after every step are the promises.
"""

import random
import tomllib
import uuid
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from darwaza.kernel.machine import NEW, Case, Command, Decision, Elapsed, FactStated, Received, Refusal, decide
from darwaza.ledger.book import Book
from darwaza.ledger.order import Group
from darwaza.ledger.posting import apply_group
from darwaza.services.transit import booking
from darwaza.services.transit.authorised import Authorised
from darwaza.services.transit.check import Reference
from darwaza.services.transit.closure import crossing_service
from darwaza.services.transit.crossing import load_register
from darwaza.services.transit.guarantee import Register, guarantee_service
from darwaza.services.transit.hs import load_hs
from darwaza.services.transit.leg import progress
from darwaza.services.transit.machine import movement_service
from darwaza.services.transit.message import Accept, Carried, SealChange
from darwaza.services.transit.regime import load_regimes
from darwaza.services.transit.tracker import tracker_service
from darwaza.standards.etir.internal import I9, I11, I13, I17
from darwaza.standards.etir.value import Actor, Declaration, GoodsItem, GuaranteeTerms, Leg, SealMark, Stamp, Vehicle

PROFILES = Path(__file__).parents[4] / "profiles"
START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
ROLES = frozenset({"holder", "guarantee-chain", "customs", "supervisor"})


def toml(name: str) -> dict:
    return tomllib.loads((PROFILES / name).read_text())


@cache
def reference() -> Reference:
    register = load_register(toml("carec/crossings.toml"), toml("carec/offices.toml"))
    return Reference(
        load_regimes(toml("carec/regimes.toml")),
        register,
        (load_hs(toml("hs2022.toml")),),
        authorised=Authorised(("PK/pncc",)),
    )


def uid(text: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, text))


class Stored:
    """A ledger's committed state."""

    def __init__(self):
        self.all_accounts, self.by_id, self.end_of = {}, {}, {}

    def accounts(self, ids):
        return [self.all_accounts[key] for key in ids if key in self.all_accounts]

    def answers(self, ids):
        return [self.by_id[key] for key in ids if key in self.by_id]

    def ends(self, hold_ids):
        return [self.end_of[key] for key in hold_ids if key in self.end_of]

    def commit(self, changes):
        for account in (*changes.opened, *changes.changed):
            self.all_accounts[account.id] = account
        for transfer in changes.transfers:
            self.by_id[transfer.id] = transfer
            if transfer.hold_id:
                assert transfer.hold_id not in self.end_of, "a hold ended twice"
                self.end_of[transfer.hold_id] = transfer


class Gateway:
    """One member's gateway."""

    def __init__(self, member: str, world: "World"):
        self.member, self.world = member, world
        self.services = {s.name: s for s in world.services}
        self.cases, self.stored, self.facts, self.notices = {}, Stored(), {}, []
        self.answers, self.waiting, self.sequence = {}, {}, 1

    def give(self, name, case_id, given):
        """Run one input; commit all of it, or nothing and return the refusal."""
        case = self.cases.get((name, case_id))
        book = Book(self.stored, now=self.world.now, next_sequence=self.sequence)
        context = _Context(self, case, case_id, book)
        outcome = decide(self.services[name], case, given, context)
        if isinstance(outcome, Refusal):
            return outcome
        posted = apply_group(Group(outcome.transfers, case_id), book)
        if isinstance(posted, Refusal):
            return posted
        changes = book.changes()
        self.stored.commit(changes)
        self.sequence += len(changes.transfers)
        self._store(name, case, case_id, outcome)
        return outcome

    def _store(self, name, case, case_id, outcome: Decision):
        data_type = self.services[name].data_type
        data = msgspec.msgpack.decode(msgspec.msgpack.encode(outcome.data), type=data_type)
        assert data == outcome.data, "a case survives storage unchanged"
        now = self.world.now
        ucr = outcome.ucr or (case.ucr if case else None)
        opened = case.opened_at if case else now
        assert outcome.state != NEW
        self.cases[name, case_id] = Case(case_id, outcome.state, data, ucr, opened, now)
        self.notices += outcome.notices
        self.waiting[name, case_id] = outcome.awaits
        for draft in outcome.messages:
            self.world.send(self.member, name, case_id, draft)
        for fact in outcome.facts:
            self.facts[ucr, fact.name] = fact
            for (other, other_id), names in list(self.waiting.items()):
                if fact.name in names and self.cases[other, other_id].ucr == ucr:
                    self.give(other, other_id, FactStated("fact " + fact.name, fact))

    def do(self, kind, case_id, body, *, party=None, roles=ROLES, name="transit", offices=True):
        stamp = getattr(body, "stamp", None)
        held = set(roles)
        if offices and stamp is not None:
            held.add("office " + stamp.office)
        party = party or f"{self.member}/customs"
        return self.give(name, case_id, Command(kind, party, frozenset(held), body))

    def movement(self, case_id):
        return self.cases["transit", case_id].data

    def progress(self, case_id):
        return progress(self.movement(case_id))


class _Context:
    def __init__(self, gateway, case, case_id, book):
        self.now, self.member, self.case_id = gateway.world.now, gateway.member, case_id
        self.reachable = frozenset(gateway.world.gateways) - {gateway.member}
        self.ledger, self._gateway, self._ucr = book, gateway, case.ucr if case else None

    def fact(self, name):
        return self._gateway.facts.get((self._ucr, name))

    def party_known(self, address):
        return address.startswith(self.member)


class World:
    """The corridor."""

    def __init__(self, members=("UZ", "AF", "PK"), seed=0):
        ref = reference()
        self.services = (movement_service(ref), guarantee_service(ref), crossing_service(), tracker_service())
        self.now, self.random = START, random.Random(seed)
        self.queue, self.cut, self.refused, self.log = [], set(), [], []
        self.gateways = {member: Gateway(member, self) for member in members}
        self.count = 0

    def __getattr__(self, member):
        return self.gateways[member.upper()]

    def send(self, origin, name, case_id, draft):
        destination = draft.destination[:2]
        assert destination != origin, "a gateway does not write to itself"
        self.count += 1
        received = Received(
            draft.kind, uid(f"m{self.count}"), f"{origin}/customs", draft.destination, self.now, None, None,
            draft.media_type, draft.body,
        )  # fmt: skip
        self.queue.append((origin, destination, name, case_id, received))
        self.log.append(self.queue[-1])

    def run(self, *, shuffle=False, double=False):
        """Deliver what can be delivered. Order holds within a link; shuffling mixes links."""
        while True:
            ready = [i for i, item in enumerate(self.queue) if not {item[0], item[1]} & self.cut]
            heads, seen = [], set()
            for index in ready:
                link = self.queue[index][:2]
                if link not in seen:
                    seen.add(link)
                    heads.append(index)
            if not heads:
                return
            index = self.random.choice(heads) if shuffle else heads[0]
            origin, destination, name, case_id, received = self.queue.pop(index)
            for _ in range(2 if double and self.random.random() < 0.3 else 1):
                outcome = self.gateways[destination].give(name, case_id, received)
                if isinstance(outcome, Refusal):
                    self.refused.append((origin, destination, received.kind, outcome))
            self.check()

    def run_once(self):
        """Deliver one message."""
        _, destination, name, case_id, received = self.queue.pop(0)
        return self.gateways[destination].give(name, case_id, received)

    def check(self):
        """Liabilities never exceed cover, and every asset sums to zero."""
        for gateway in self.gateways.values():
            sums = {}
            for account in gateway.stored.all_accounts.values():
                sums[account.asset] = sums.get(account.asset, 0) + account.balance.posted
                if account.id.startswith("cover:"):
                    assert account.balance.available >= 0
                    assert account.balance.debits_pending <= account.balance.posted
            assert not any(sums.values())

    def pass_time(self, **span):
        self.now += timedelta(**span)


def stamp(world, office, event=None, *, offline=False, at=None):
    at = at or world.now
    zone = reference().register.offices[office].zone
    world.count += 1
    local = at.astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")
    return Stamp(event or uid(f"e{world.count}"), office, "officer-1", at, zone, local, offline)


def terms(reference_="JX95000448", *, members=("UZ", "AF", "PK"), cover=9_000_000, holder="UZB/041/1234", **more):
    values = {
        "reference": reference_, "guarantor": "UZ", "chain": "UZ/aircuz", "holder": holder, "regime": "tir",
        "kind": "carnet", "currency": "EUR", "cover_minor": cover, "per_member": True, "single_use": True,
        "members": members, "valid_from": datetime(2026, 1, 1, tzinfo=UTC),
        "valid_until": datetime(2026, 6, 1, tzinfo=UTC),
    }  # fmt: skip
    return GuaranteeTerms(**(values | more))


def legs_karachi(liability=4_000_000):
    return (
        Leg("UZ", "UZTAS", "UZTER", "AF-UZ/HAIRATAN", liability, START + timedelta(days=3)),
        Leg("AF", "AFHRT", "AFRKH", "AF-PK/TORKHAM", liability, START + timedelta(days=6)),
        Leg("PK", "PKTOR", "PKKHI", None, liability, START + timedelta(days=9)),
    )


def declaration(name="m1", *, guarantee=None, legs=None, goods=2, **more):
    holder = Actor("UZB/041/1234", "Silk Road Trans", "UZ")
    items = tuple(
        GoodsItem(n + 1, "080620", "Dried grapes", 100, "CT", 2_000_000, keeps_h=400 if n == 0 else None)
        for n in range(goods)
    )
    values = {
        "movement": uid(name), "version": 1, "ucr": "6UZ" + uid(name)[:8].upper(), "regime": "tir", "holder": holder,
        "holder_party": "UZ/silk-road-trans", "consignor": Actor("c1", "Grower", "UZ"),
        "consignee": Actor("c2", "Buyer", "PK"), "guarantee": guarantee or terms(), "goods": items,
        "vehicles": (Vehicle("truck", "01A123BC", "UZ"),), "legs": legs or legs_karachi(),
    }  # fmt: skip
    return Declaration(**(values | more))


def register(world, guarantee, gateway="UZ"):
    body = Register(guarantee, "UZ/silk-road-trans")
    case_id = uid("g" + guarantee.reference + str(guarantee.cover_minor))
    return world.gateways[gateway].do("register", case_id, body, party=guarantee.chain, name="guarantee")


def accepted(world, name="m1", *, guarantee=None, legs=None, **more):
    """Register, lodge and accept; return the movement's id."""
    made = declaration(name, guarantee=guarantee, legs=legs, **more)
    register(world, made.guarantee)
    home = world.gateways[made.holder_party[:2]]
    assert isinstance(home.do("declare", made.movement, made, party=made.holder_party), Decision)
    world.run()
    departure = world.gateways[made.legs[0].member]
    body = Accept(stamp(world, made.legs[0].entry_office), (SealMark("S" + name),))
    outcome = departure.do("accept", made.movement, body)
    assert isinstance(outcome, Decision), outcome
    world.run()
    return made.movement


def accepted_from_abroad(world, guarantee):
    register(world, guarantee, "AF")
    made = declaration(guarantee=guarantee, holder_party="PK/khyber-freight")
    world.pk.do("declare", made.movement, made, party=made.holder_party)
    world.run()
    body = Accept(stamp(world, "UZTAS"), (SealMark("S1"),))
    assert world.uz.do("accept", made.movement, body).state == "asking"
    world.run()
    return made.movement


def states(world, movement):
    return {member: gateway.cases["transit", movement].state for member, gateway in world.gateways.items()}


def liabilities(world, guarantee):
    """Return the open liability by member, from the guarantor's ledger."""
    digest = booking.terms_digest(guarantee)
    found = {}
    for account in world.gateways[guarantee.guarantor].stored.all_accounts.values():
        if account.id.startswith(f"cover:{digest}:") and account.balance.debits_pending:
            found[account.id.rsplit(":", 1)[1]] = account.balance.debits_pending
    return found


def codes(world, movement, member="UZ"):
    return [item.what for item in world.gateways[member].progress(movement).discrepancies]


def start(world, movement, leg, office, *, offline=False, seq=None, event=None):
    return I9(movement, leg, f"op-{leg}-{office}", seq or leg + 1, stamp(world, office, event, offline=offline))


def terminate(world, movement, leg, entry, office, *, offline=False, **more):
    return I11(movement, leg, f"op-{leg}-{entry}", stamp(world, office, offline=offline), **more)


def discharge(world, movement, leg, office):
    return I13(movement, leg, f"op-{leg}-{office}", stamp(world, office))


def drive(world, movement, leg):
    """Start and terminate one leg online and let the news travel."""
    plan = next(g for g in world.gateways.values() if ("transit", movement) in g.cases).movement(movement).known().legs
    own = world.gateways[plan[leg].member]
    first = own.do("start", movement, start(world, movement, leg, plan[leg].entry_office))
    world.pass_time(hours=20)
    last = own.do("terminate", movement, terminate(world, movement, leg, plan[leg].entry_office, plan[leg].exit_office))
    world.run()
    return first, last


__all__ = [
    "I17",
    "START",
    "Accept",
    "Carried",
    "Elapsed",
    "SealChange",
    "World",
    "accepted",
    "accepted_from_abroad",
    "booking",
    "codes",
    "declaration",
    "discharge",
    "drive",
    "legs_karachi",
    "liabilities",
    "reference",
    "register",
    "stamp",
    "start",
    "states",
    "terminate",
    "terms",
    "uid",
]  # fmt: skip
