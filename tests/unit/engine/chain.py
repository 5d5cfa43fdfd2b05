"""Five gateways in a ring with a spur: KZ-UZ-AF-PK and KZ-CN-PK, and a courier that carries until all is quiet."""

import msgspec

from darwaza.adapters.memory.store import MemoryStore
from darwaza.engine.carry import pack
from darwaza.engine.desk import answer_ask, answer_fetch, cosigned_lines
from darwaza.engine.fsck import examine
from darwaza.engine.intake import Acknowledge, Arrive, Cosigned, Recollect, Report, Settle, Submit, TakeBack, Wake
from darwaza.kernel import batch
from darwaza.kernel.message import decode_header
from darwaza.kernel.naming import Lane
from darwaza.kernel.witness import parse_cosignatures
from darwaza.services.documents import SERVICE
from darwaza.services.documents.message import Accept, Offer
from darwaza.testing import diary
from darwaza.testing.statement import link_states
from darwaza.testing.world import World

CODES = ("AF", "CN", "KZ", "PK", "UZ")
LINKS = (("KZ", "UZ"), ("UZ", "AF"), ("AF", "PK"), ("KZ", "CN"), ("CN", "PK"))
SLOW = {("CN", "KZ"): 900_000, ("CN", "PK"): 900_000}
"""So that the way over UZ and AF is the best one while it works."""


class Chain:
    """Gateways by member code."""

    services = (SERVICE, diary.SERVICE)

    def __init__(self, links=LINKS, latencies=SLOW, **world):
        self.world = World(sorted({code for link in links for code in link}), links, **world)
        self.stores = {code: MemoryStore() for code in self.world.keys}
        self.dark = set()
        self.engines = {}
        self.states = link_states(self.world, latencies)
        for code in self.stores:
            self.start(code)

    def start(self, code, seed=0):
        """Start a gateway on what its store holds."""
        engine = self.engines[code] = self.world.engine(code, self.services, self.stores[code], seed=seed)
        for state in self.states:
            engine.site.routing.learn(state)

    def one(self, code, given):
        (outcome,) = self.engines[code].run([given])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def wish(self, sender, recipient, content=b"<bill/>", **terms):
        """The command to offer a document."""
        body = Offer(recipient, "Invoice 7", "invoice.xml", "application/xml", content, **terms)
        return Submit(sender, frozenset(), "documents", "offer", "", b"", body)

    def write(self, sender, recipient, text, case_id=None, **terms):
        """Write an entry of a diary; returns the ids of the case and of the message."""
        body = diary.Write(recipient, text, **terms)
        accepted = self.one(sender[:2], Submit(sender, frozenset(), "diary", "write", "", b"", body, case_id))
        assert not hasattr(accepted, "detail"), accepted
        return accepted.case_id, accepted.message_ids[0]

    def diary(self, code, case_id):
        row = self.stores[code].cases([case_id]).get(case_id)
        return diary.Diary() if row is None else msgspec.msgpack.decode(row.data, type=diary.Diary)

    def lose_disk(self, code):
        """Start a gateway empty, and let it take back what its readers hold."""
        self.stores[code] = MemoryStore()
        self.start(code, seed=1)
        self.restore(code)

    def restore(self, code):
        """Let a gateway that lost its disk take back what its readers hold."""
        for origin in [origin for origin in self.logs() if Lane.parse(origin).author == code]:
            while self.take_back(origin):
                pass

    def take_back(self, origin):
        """Let the author of a log take one batch back; tells whether its reader held any."""
        lane = Lane.parse(origin)
        reader = self.engines[lane.reader]
        settled = self.one(lane.author, Settle(origin, answer_ask(reader, origin)))
        if settled.send_from is None:
            self.one(lane.author, TakeBack(batch.decode(answer_fetch(reader, origin, settled.take_back_from))))
        return settled.send_from is None

    def offer(self, sender, recipient, content=b"<bill/>", **terms):
        """Offer a document; returns the ids of the case and of the message."""
        accepted = self.one(sender[:2], self.wish(sender, recipient, content, **terms))
        assert not hasattr(accepted, "detail"), accepted
        return accepted.case_id, accepted.message_ids[0]

    def accept(self, party, case_id):
        given = Submit(party, frozenset(), "documents", "accept", "", b"", Accept(), case_id)
        return self.one(party[:2], given).message_ids[0]

    def state(self, code, case_id):
        row = self.stores[code].cases([case_id]).get(case_id)
        return None if row is None else row.state

    def logs(self):
        for code, engine in self.engines.items():
            for log in engine.logs.values():
                if log.row.author == code and not {code, log.row.reader} & self.dark:
                    yield log.row.origin

    def settle(self):
        for origin in list(self.logs()):
            lane = Lane.parse(origin)
            self.one(lane.author, Settle(origin, answer_ask(self.engines[lane.reader], origin)))

    def recollect(self):
        """Tell gateways where something waits what they had signed for, as their couriers ask."""
        for origin in list(self.logs()):
            lane = Lane.parse(origin)
            reader = self.engines[lane.reader]
            if reader.site.order.ahead and reader.find_log(origin).row.id not in reader.site.signed_for:
                self.one(lane.reader, Recollect(origin, answer_ask(self.engines[lane.author], origin)))

    def carry(self, rounds=12, reports=True, altered=lambda origin, entries: entries):
        """Carry every log until nothing moves; returns how many messages arrived."""
        self.settle()
        moved = 0
        for _ in range(rounds):
            before = moved
            self.recollect()
            for origin in list(self.logs()):
                moved += self.carry_log(origin, altered)
            if reports:
                for code in self.engines:
                    if code not in self.dark:
                        self.one(code, Report())
            if moved == before:
                break
        return moved

    def carry_log(self, origin, altered=lambda origin, entries: entries):
        lane = Lane.parse(origin)
        author, reader = self.engines[lane.author], self.engines[lane.reader]
        log, held, moved = author.find_log(origin), reader.find_log(origin).row.size, 0
        while held < log.row.exposed_size:
            end, note, raw = pack(author, log, held)
            sent = batch.decode(raw)
            entries = altered(origin, list(sent.entries))
            if entries != list(sent.entries):
                sent = batch.decode(batch.encode(origin, held, note, entries))
            answer = self.one(lane.reader, Arrive(sent))
            assert isinstance(answer, Cosigned), answer
            lines = parse_cosignatures(cosigned_lines(reader, answer.note))
            self.one(lane.author, Acknowledge(origin, note, lines))
            held, moved = end, moved + len(entries)
        return moved

    def wait(self, seconds):
        """Let time pass everywhere."""
        self.world.clock.advance(seconds)
        for code in self.engines:
            if code not in self.dark:
                while self.one(code, Wake(64)) == 64:
                    pass

    def path(self, code, message_id):
        """Path of a message as its origin last sent it, or None."""
        voyage = self.engines[code].site.fleet.voyages.get(message_id)
        return None if voyage is None else voyage.path

    def headers(self, code, reader):
        """Headers in the logs a gateway writes to a neighbour."""
        return [
            decode_header(leaf.header)
            for row in self.stores[code].logs()
            if (row.author, row.reader) == (code, reader)
            for leaf in self.stores[code].scan_leaves(row.id)
        ]

    def check(self):
        """Examine every store."""
        for code, store in self.stores.items():
            trust = self.engines[code].site.trust
            found = examine(store, member=code, trust=trust, services=self.services)
            assert not found, (code, found)
