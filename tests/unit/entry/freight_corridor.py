"""Three gateways on files, their applications called in process, and a courier that does as it is told."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
from tests.unit.entry.described import hold

from darwaza.bootstrap import Gateway
from darwaza.engine.desk import answer_ask, answer_fetch, cosigned_lines
from darwaza.engine.intake import Acknowledge, Arrive, Cosigned, Settle, TakeBack
from darwaza.entry.api.app import App
from darwaza.entry.clerk import Clerk
from darwaza.entry.local import LocalCorridor
from darwaza.entry.server import Server
from darwaza.kernel import batch
from darwaza.kernel.machine import Refusal
from darwaza.kernel.witness import parse_cosignatures
from darwaza.storage import STORE_FILE, create_store
from darwaza.testing.world import SetClock

NAMES = {"AF": "Afghanistan", "PK": "Pakistan", "UZ": "Uzbekistan"}
PARTIES = {
    "UZ": {
        "silk-road-trans": ("holder",),
        "other-trans": ("holder",),
        "aircuz": ("guarantee-chain",),
        "tashkent": ("customs", "office UZTAS"),
        "termez": ("customs", "office UZTER"),
        "customs": ("customs", "supervisor"),
    },
    "AF": {
        "hairatan": ("customs", "office AFHRT"),
        "torkham": ("customs", "office AFRKH"),
        "customs": ("customs", "supervisor"),
    },
    "PK": {
        "torkham": ("customs", "office PKTOR"),
        "karachi": ("customs", "office PKKHI"),
        "chaman": ("customs", "office PKCHM"),
        "customs": ("customs", "supervisor"),
    },
}


class Corridor:
    """See the module.

    Attributes:
        clock: everybody's.
        gateways: by member.
        cut: members nobody reaches.
    """

    def __init__(self, folder, codes=("AF", "PK", "UZ"), *, names=NAMES, parties=PARTIES, furnish=None):
        """Found and open the gateways; ``furnish`` may put files into their folders before."""
        links = [(one, other) for one in codes for other in codes if one < other]
        self.local = LocalCorridor(folder, {code: names[code] for code in codes}, links=links)
        for code in codes:
            for name, roles in parties[code].items():
                self.local.add_party(code, name, *roles)
            if furnish is not None:
                furnish(self.local.path(code))
        # After the corridor was founded, and far from the end of an hour and of a day: cycles are counted by the hour.
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        self.clock = SetClock(tomorrow.replace(hour=10, minute=10, second=0, microsecond=0))
        self.gateways = {code: Gateway(self.local.path(code), clock=self.clock) for code in codes}
        self.clerks = {code: Clerk(gateway.engine) for code, gateway in self.gateways.items()}
        self.cut = set()
        self._settle()

    def _settle(self):
        """Ask every reader what it holds, and take back what its author has forgotten."""
        for author, gateway in self.gateways.items():
            for reader in self.gateways:
                for lane in self.lanes(author, reader) if author != reader else ():
                    desk = self.gateways[reader].engine
                    while True:
                        (settled,) = gateway.engine.run([Settle(lane, answer_ask(desk, lane))])
                        assert not isinstance(settled, Exception), settled
                        if settled.send_from is not None:
                            break
                        lost = batch.decode(answer_fetch(desk, lane, settled.take_back_from))
                        (settled,) = gateway.engine.run([TakeBack(lost)])
                        assert not isinstance(settled, Exception), settled

    def backup(self, code):
        """Copy a gateway's store as it is now; returns the files, for ``lose``."""
        self._close(code)
        kept = {path.name: path.read_bytes() for path in self._store(code)}
        self._open(code)
        self._settle()
        return kept

    def restart(self, code):
        """Stop a gateway and start it on the same disk; it has not met its neighbours yet."""
        self._close(code)
        self._open(code)

    def meet(self):
        """Let neighbours compare what they hold; nothing is carried."""
        self._settle()

    def lose(self, code, backup=None):
        """Throw a gateway's disk away and open it on an old backup, or on an empty store.

        Its links come up again; nothing is carried yet.
        """
        self._close(code)
        for path in self._store(code):
            path.unlink()
        if backup is None:
            create_store(self.local.path(code))
        for name, raw in (backup or {}).items():
            (self.local.path(code) / name).write_bytes(raw)
        self._open(code)
        self._settle()

    def _store(self, code):
        return sorted(self.local.path(code).glob(STORE_FILE + "*"))

    def _close(self, code):
        self.gateways.pop(code).close()

    def _open(self, code):
        self.gateways[code] = gateway = Gateway(self.local.path(code), clock=self.clock)
        self.clerks[code] = Clerk(gateway.engine)

    def lanes(self, author, reader):
        return [lane.origin for lane in self.gateways[author].engine.site.trust.current.lanes(author, reader)]

    def close(self):
        for gateway in self.gateways.values():
            gateway.close()

    def call(self, who, method, path, body=None, **options):
        """Make one request of a party, ``PK/karachi``; a struct as body is sent as JSON."""
        code, _, name = who.partition("/")
        token = (self.local.path(code) / "tokens" / name).read_text().strip()
        headers = {"authorization": f"Bearer {token}"} | options.pop("headers", {})
        if body is not None:
            options["content"] = msgspec.json.encode(body)

        async def run():
            server = Server(self.gateways[code])
            transport = httpx.ASGITransport(app=App(server))
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                response = await client.request(method, path, headers=headers, **options)
            await server.transport.close()
            hold(response)
            return response

        return asyncio.run(run())

    def do(self, who, path, body):
        """Make a request that must succeed, let the news travel, return its answer."""
        answer = self.call(who, "POST", path, body)
        assert answer.is_success, answer.json()
        self.run()
        return answer.json()

    def refused(self, who, path, body):
        """Make a request that must be refused; return its code."""
        answer = self.call(who, "POST", path, body)
        assert answer.is_client_error, answer.text
        return answer.json()["code"]

    def view(self, code, movement):
        """A movement as a member's supervisor sees it."""
        answer = self.call(f"{code}/customs", "GET", f"/v1/transit/{movement}")
        assert answer.is_success, answer.json()
        return answer.json()

    def run(self, *, first=""):
        """Carry everything between members that are reached, and let the clerks work, until nothing is left.

        ``first`` is the author whose logs are carried before those of the others.
        """
        self.gateways = dict(sorted(self.gateways.items(), key=lambda item: item[0] != first))
        while any([self._carry(), self._clerks()]):
            pass

    def carry(self, author, reader):
        """Carry what one member has for another, and nothing back."""
        for origin in self.lanes(author, reader):
            self._carry_lane(self.gateways[author].engine, self.gateways[reader].engine, origin)

    def _clerks(self):
        worked = False
        for code, clerk in self.clerks.items():
            for given in [given for page in clerk.follow() for given in page]:
                (outcome,) = self.gateways[code].engine.run([given])
                assert not isinstance(outcome, Refusal | Exception), outcome
                worked = True
        return worked

    def _carry(self):
        moved = False
        for author, gateway in self.gateways.items():
            for reader in self.gateways:
                if author != reader and not {author, reader} & self.cut:
                    for origin in self.lanes(author, reader):
                        moved = self._carry_lane(gateway.engine, self.gateways[reader].engine, origin) or moved
        return moved

    def _carry_lane(self, author, reader, origin):
        row = author.find_log(origin).row
        log = reader.find_log(origin)
        held = 0 if log is None else log.row.size
        if row.size <= held:
            return False
        raw = batch.encode(origin, held, row.checkpoint, author.entries(row.id, held, row.size, 1 << 24))
        (answer,) = reader.run([Arrive(batch.decode(raw))])
        assert isinstance(answer, Cosigned), answer
        lines = parse_cosignatures(cosigned_lines(reader, answer.note))
        author.run([Acknowledge(origin, row.checkpoint, lines)])
        return True
