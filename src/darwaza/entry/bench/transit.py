"""``darwaza bench transit``: what one gateway does with movements, on a disk that is really written to.

Events are measured twice: through HTTP, each in a request of its own to a gateway process over TLS, with the load on
the same machine; and given to the engine in this process, in batches. The members that are told are not up meanwhile,
so their messages queue: in life their gateways have machines of their own.
"""

import tempfile
import time
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from darwaza.bootstrap import Gateway
from darwaza.engine.desk import answer_ask
from darwaza.engine.intake import Accepted, Settle, Submit
from darwaza.entry import post
from darwaza.entry.bench import load
from darwaza.entry.bench.cost import cpu_s
from darwaza.entry.local import LocalCorridor
from darwaza.entry.sample import freight
from darwaza.entry.view.transit import read_movement
from darwaza.errors import OperatorError
from darwaza.services.transit.diversion import Ways, detours, headed_for
from darwaza.services.transit.guarantee import Register
from darwaza.services.transit.message import Accept, Activity
from darwaza.services.transit.movement import Movement
from darwaza.services.transit.outcome import customs_of
from darwaza.services.transit.parts import join, split
from darwaza.services.transit.scan import Scanner
from darwaza.standards.etir.internal import I7, I9
from darwaza.standards.etir.value import Leg, SealMark

NAMES = {"AF": "Afghanistan", "PK": "Pakistan", "UZ": "Uzbekistan"}
LINKS = [("AF", "PK"), ("AF", "UZ"), ("PK", "UZ")]
ROLES = frozenset({"holder", "guarantee-chain", "customs", "supervisor", "office UZTAS", "office UZTER"})
BATCH = 500
SCANS = 300
GOODS = 100
TORKHAM = "AF-PK/TORKHAM"
SIX = {
    "AF": "Afghanistan",
    "KG": "Kyrgyzstan",
    "KZ": "Kazakhstan",
    "TJ": "Tajikistan",
    "TM": "Turkmenistan",
    "UZ": "Uzbekistan",
}
WAY = (
    ("UZ", "UZTAS", "UZ-ALAT", "TM-UZ/FARAP"),
    ("TM", "TMFAR", "TMKUK", "AF-TM/TORGHUNDI"),
    ("AF", "AFTGH", "AFSHE", "AF-TJ/SHERKHAN-BANDAR"),
    ("TJ", "TJ-PANJI-POYON", "TJ-TOJVARON", "KG-TJ/KARAMYK"),
    ("KG", "KG-KARAMYK", "KG-AK-ZHOL", "KG-KZ/AK-ZHOL"),
    ("KZ", "KZKOR", "KZALA", None),
)
"""Six legs: Tashkent, round by Turkmenistan, Afghanistan, Tajikistan and Kyrgyzstan, to Almaty."""
JSON = ("content-type", "application/json")
CONNECTIONS = 128
IDLE_CHECKS_MAX = 60
IDLE_CHECK_S = 0.5
IDLE_SHARE = 0.2


class TransitFigures(msgspec.Struct):
    """What was measured.

    Attributes:
        movements: accepted and diverted.
        events_per_s: events an office enters through HTTP, one a request, each told to two members, committed to disk.
        cpu_us_per_event: CPU of the gateway process for one of them, microseconds.
        events_in_process_per_s: the same events given to the engine in this process.
        scan_ms_p99: judging a paper of 100 goods items and 6 legs, joined from its codes, all signatures and proofs
            checked.
        divert_s: finding and recording another itinerary for every movement, and telling the other members.
        qr_codes: of that paper, the spare one included. Its issuer is the guarantor, so no other member's word is in it
            with its proof; with them it takes up to four (``test_a_hundred_items_and_six_legs_fit_four_codes``).
    """

    movements: int
    events_per_s: float
    cpu_us_per_event: float
    events_in_process_per_s: float
    scan_ms_p99: float
    divert_s: float
    qr_codes: int


def measure(*, movements: int, report: Any) -> TransitFigures:
    """Found a corridor of three, load one gateway, and measure.

    Args:
        movements: to accept, act on and divert.
        report: called with a line of text before each phase.
    """
    with tempfile.TemporaryDirectory(prefix="darwaza-bench-") as folder:
        corridor = LocalCorridor(Path(folder) / "three", NAMES, links=LINKS)
        token = corridor.add_party("UZ", "officer", *sorted(ROLES))
        gateways = {code: Gateway(corridor.path(code)) for code in NAMES}
        try:
            run = _Run(gateways)
            report(f"accepting {movements:,} movements")
            ids = run.accept_many(movements)
            report("events, in process")
            half = len(ids) // 2
            in_process = run.events(ids[:half])
            report("scans")
            scan_ms, codes = _scans(Path(folder) / "six")
            report("diverting")
            divert_s = run.divert(ids)
            events = run.acts(ids[half:])
        finally:
            for gateway in gateways.values():
                gateway.close()
        report("events, through HTTP")
        events_per_s, cpu_us = _through_http(corridor, token, events)
    return TransitFigures(
        movements=movements,
        events_per_s=round(events_per_s),
        cpu_us_per_event=round(cpu_us, 1),
        events_in_process_per_s=round(in_process),
        scan_ms_p99=round(scan_ms, 2),
        divert_s=round(divert_s, 2),
        qr_codes=codes,
    )


def _through_http(corridor: LocalCorridor, token: str, events: list[tuple[str, str, Any]]) -> tuple[float, float]:
    """Events a second of a gateway process, and its CPU for each in microseconds."""
    encode = msgspec.json.encode
    asked = [
        load.request("POST", f"/v1/transit/{movement}/{kind}", token, encode(body), JSON)
        for movement, kind, body in events
    ]
    corridor.start("UZ")
    try:
        _wait_until_idle(corridor)

        async def run() -> float:
            async with load.connected(corridor.port("UZ"), corridor.certificate("UZ"), CONNECTIONS) as opened:
                began = time.perf_counter()
                sent = await load.flood(opened, iter(asked))
                spent = time.perf_counter() - began
            if sent != len(asked):
                raise OperatorError(f"only {sent} of {len(asked)} events were taken", code="bench_refused")
            return spent

        before = cpu_s(corridor.pid("UZ"))
        seconds = uvloop.run(run())
        cpu = cpu_s(corridor.pid("UZ")) - before
    finally:
        corridor.stop()
    return len(asked) / seconds, cpu / len(asked) * 1e6


def _wait_until_idle(corridor: LocalCorridor) -> None:
    """Wait while the gateway looks at its movements, as it does once when it starts."""
    for _ in range(IDLE_CHECKS_MAX):
        before = cpu_s(corridor.pid("UZ"))
        time.sleep(IDLE_CHECK_S)
        if cpu_s(corridor.pid("UZ")) - before < IDLE_CHECK_S * IDLE_SHARE:
            return


def _scans(folder: Path) -> tuple[float, int]:
    """Milliseconds of a scan at the first border, 99th percentile; and the number of codes of the paper."""
    corridor = LocalCorridor(folder, SIX, links=[("AF", "UZ"), *((code, "UZ") for code in ("KG", "KZ", "TJ", "TM"))])
    gateways = {code: Gateway(corridor.path(code)) for code in ("UZ", "TM")}
    home, neighbour = gateways["UZ"], gateways["TM"]
    try:
        run, now = _Run(gateways), home.clock.now()
        legs = [
            Leg(member, entry, leave, crossing, freight.LIABILITY_MINOR, now + timedelta(days=3 * (number + 1)))
            for number, (member, entry, leave, crossing) in enumerate(WAY)
        ]
        (movement,) = run.accept_many(1, GOODS, legs)
        _, raw = post.issue_paper(home, run.read(movement), WAY[0][2])
        codes, times = split(raw), []
        scanner = Scanner(WAY[1][1], post.gateway_trust(neighbour), post.read_header)
        for _ in range(SCANS):
            began = time.perf_counter()
            verdict = scanner.scan(join(codes[1:]), home.clock.now())
            times.append(time.perf_counter() - began)
            if verdict.reasons:
                raise OperatorError(f"the scan found {verdict.reasons}", code="bench_refused")
    finally:
        for gateway in gateways.values():
            gateway.close()
    return sorted(times)[int(SCANS * 0.99)] * 1_000, len(codes)


class _Run:
    """The phases of a measurement, at Uzbekistan's gateway."""

    def __init__(self, gateways: dict[str, Gateway]) -> None:
        self._gateway = gateways["UZ"]
        engine = self._gateway.engine
        for reader in gateways.keys() - {"UZ"}:
            for lane in engine.site.trust.current.lanes("UZ", reader):
                engine.run([Settle(lane.origin, answer_ask(gateways[reader].engine, lane.origin))])

    def _submit(self, service: str, kind: str, case_id: str, body: Any, party: str = "") -> Submit:
        return Submit(
            party or customs_of("UZ"),
            ROLES,
            service,
            kind,
            "",
            b"",
            body,
            case_id,
            opens=True,
            acts_for=(customs_of("UZ"),),
        )

    def _give(self, given: Sequence[Submit]) -> None:
        for start in range(0, len(given), BATCH):
            for outcome in self._gateway.engine.run(given[start : start + BATCH]):
                if not isinstance(outcome, Accepted):
                    raise OperatorError(f"the gateway refused: {outcome}", code="bench_refused")

    def _stamp(self, office: str) -> Any:
        return freight.stamp(self._gateway.reference.register, office, self._gateway.clock.now())

    def accept_many(self, count: int, goods: int = 3, legs: Sequence[Leg] = ()) -> list[str]:
        """Register guarantees, lodge and accept movements, to Karachi unless other legs are given."""
        now, ids = self._gateway.clock.now(), [str(uuid.uuid4()) for _ in range(count)]
        registered, lodged, accepted = [], [], []
        for movement in ids:
            members = tuple(leg.member for leg in legs or freight.way_to_karachi(now))
            terms = freight.carnet("B" + movement[:13], now, members=members)
            body = Register(terms, freight.HOLDER_PARTY)
            registered.append(self._submit("guarantee", "register", str(uuid.uuid4()), body, freight.CHAIN))
            made = freight.declaration(movement, terms, now, goods=goods, legs=legs)
            lodged.append(self._submit("transit", "declare", movement, made, freight.HOLDER_PARTY))
            seal = Accept(self._stamp("UZTAS"), (SealMark("S" + movement[:13]),))
            accepted.append(self._submit("transit", "accept", movement, seal))
        for given in (registered, lodged, accepted):
            self._give(given)
        return ids

    def events(self, ids: list[str]) -> float:
        """Events a second, in process."""
        given = [self._submit("transit", kind, movement, body) for movement, kind, body in self.acts(ids)]
        began = time.perf_counter()
        self._give(given)
        return len(given) / (time.perf_counter() - began)

    def acts(self, ids: list[str]) -> list[tuple[str, str, Any]]:
        """A start and then a border activity for each movement: its id, the command, its body."""
        found: list[tuple[str, str, Any]] = []
        for movement in ids:
            start = I9(movement, 0, "op-" + movement, 1, self._stamp("UZTAS"))
            found.append((movement, "start", start))
        for movement in ids:
            at: datetime = self._gateway.clock.now()
            found.append((movement, "record-activity", Activity(movement, self._stamp("UZTER"), 0, "customs", at)))
        return found

    def read(self, case_id: str) -> Movement:
        """A movement as the gateway holds it."""
        engine = self._gateway.engine
        return read_movement(engine, engine.store.cases([case_id])[case_id])

    def divert(self, ids: list[str]) -> float:
        """Seconds to give every movement another itinerary around Torkham."""
        began = time.perf_counter()
        movements = {movement: self.read(movement) for movement in ids}
        ways = Ways(self._gateway.reference.register, frozenset({TORKHAM}), frozenset(NAMES))
        given = []
        for item in headed_for(movements.values(), TORKHAM):
            declaration = movements[item.movement].known()
            way = detours(movements[item.movement], ways)[0]
            edition = msgspec.structs.replace(declaration, version=declaration.version + 1, legs=way)
            given.append(self._submit("transit", "reroute", item.movement, I7(edition, self._stamp("UZTER"))))
        self._give(given)
        if len(given) != len(ids):
            raise OperatorError(f"only {len(given)} of {len(ids)} were diverted", code="bench_refused")
        return time.perf_counter() - began
