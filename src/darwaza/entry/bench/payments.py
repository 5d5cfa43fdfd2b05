"""``darwaza bench payments``: payments from Pakistan to Kazakhstan, two gateways and the load on this machine.

Urgent payments, each in a request of its own that waits for its end: at the rate of the moment, so that quote, order
and answer are one request. Payees' banks accept credits many in a request. A run ends when the money has moved at both
ends: positions are compared with what the payments come to. Bulks are of ordinary payments, as salaries are.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from darwaza.bootstrap import PLAN_FILE, Gateway
from darwaza.client import Client
from darwaza.engine.intake import PlaceOrders
from darwaza.entry.bench import bank, cost, load
from darwaza.entry.bench.postgres import Server, servers
from darwaza.entry.local import LocalCorridor
from darwaza.entry.sample import remittance
from darwaza.errors import DarwazaError, OperatorError
from darwaza.kernel.machine import Refusal
from darwaza.ledger.asset import Asset
from darwaza.ledger.order import OpenAccount

NAMES = {"KZ": "Kazakhstan", "PK": "Pakistan"}
SIDES = {"PK": "payer", "KZ": "payee"}
ASSETS = {"PK": Asset("PKR", 2), "KZ": Asset("KZT", 2)}
RATE, MID = "1.75", "1.80"
CONNECTIONS = 512
PACED_CONNECTIONS = 256
PER_CONNECTION = 20
"""A connection is opened for so many payments, up to these."""
BULK_CONNECTIONS = 4
PACED_PER_S = 1_500
FIRST = 1_000
OPEN_PER_BATCH = 2_000
REPORT_ACCOUNTS = 100_000
READY_S_MAX = 120.0
SETTLE_S_MAX = 120.0
COMPANIES, IN_COMPANY = "darwaza_companies_total", "darwaza_payments_in_company_total"
POLL_S = 0.03
Run = Callable[[list[load.Connection]], Coroutine[Any, Any, object]]
"""What a run does on its open connections."""


class PaymentFigures(msgspec.Struct):
    """What was measured.

    Attributes:
        accounts: in each ledger, and customers' accounts that payments go between.
        payments: sent for ``payments_per_s``.
        payments_per_s: urgent payments settled at both ends, each in a request of its own.
        ordinary_per_s: the same of payments that need no decision of the payer's gateway.
        p50_ms: from the moment a request is due until both banks hold its end, at ``PACED_PER_S`` urgent ones.
        p99_ms: the same.
        payments_per_order: how many of the urgent run travelled together: payments by orders sent, a mean.
        payments_per_order_ordinary: the same of the ordinary run.
        bulk_per_s: settled at both ends, in pacs.008 of ``bank.BULK`` ordinary payments.
        rss_mb: largest resident memory of either gateway.
        cpu_us_per_payment: of the urgent run, by process, database servers too, and by stage of the engine.
        cpu_us_per_payment_ordinary: the same of the ordinary run.
        cpu_us_per_payment_paced: the same of the paced run.
        cpu_us_per_payment_bulk: the same of the bulk.
    """

    accounts: int
    payments: int
    payments_per_s: float
    ordinary_per_s: float
    payments_per_order: float
    payments_per_order_ordinary: float
    p50_ms: float
    p99_ms: float
    bulk_per_s: float
    rss_mb: float
    cpu_us_per_payment: dict[str, float]
    cpu_us_per_payment_ordinary: dict[str, float]
    cpu_us_per_payment_paced: dict[str, float]
    cpu_us_per_payment_bulk: dict[str, float]


def measure(
    *, payments: int, seconds: float, accounts: int, postgres: bool = False, report: Callable[[str], None]
) -> PaymentFigures:
    """Found a corridor of two, fill its ledgers, pay, and measure.

    Args:
        payments: to send singly, and again in bulk.
        seconds: of the paced run.
        accounts: to open in each ledger before, and customers' accounts that payments go between.
        postgres: whether each gateway keeps its store on a PostgreSQL server of its own.
        report: called with a line of text before each phase.
    """
    with servers(NAMES, wanted=postgres) as held, tempfile.TemporaryDirectory(prefix="darwaza-bench-") as folder:
        stores = {code: server.url() for code, server in held.items()}
        corridor = LocalCorridor(Path(folder), NAMES, links=[("KZ", "PK")], stores=stores)
        run = _Run(corridor, held, accounts, min(CONNECTIONS, 1 + payments // PER_CONNECTION), report)
        try:
            run.prepare()
            run.flood(FIRST, "HIGH")
            report(f"paced: {PACED_PER_S:,} a second for {seconds:.0f} s")
            latencies, cpu_paced = run.paced(seconds)
            report(f"urgent: {payments:,} payments, each in a request of its own")
            per_s, cpu, together = run.flood(payments, "HIGH")
            report(f"ordinary: {payments:,} payments")
            ordinary, cpu_ordinary, together_ordinary = run.flood(payments, "NORM")
            report(f"bulk: {payments:,} payments, {bank.BULK} in a document")
            bulk, cpu_bulk = run.bulk(payments)
            rss = cost.memory_mb(corridor)
        finally:
            run.close()
            corridor.stop()
    return PaymentFigures(
        accounts=accounts,
        payments=payments,
        payments_per_s=round(per_s),
        ordinary_per_s=round(ordinary),
        payments_per_order=round(together, 1),
        payments_per_order_ordinary=round(together_ordinary, 1),
        p50_ms=cost.percentile_ms(latencies, 0.5),
        p99_ms=cost.percentile_ms(latencies, 0.99),
        bulk_per_s=round(bulk),
        rss_mb=round(rss, 1),
        cpu_us_per_payment=cpu,
        cpu_us_per_payment_ordinary=cpu_ordinary,
        cpu_us_per_payment_paced=cpu_paced,
        cpu_us_per_payment_bulk=cpu_bulk,
    )


class _Run:
    """The phases of a measurement."""

    def __init__(
        self,
        corridor: LocalCorridor,
        servers: Mapping[str, Server],
        accounts: int,
        connections: int,
        report: Callable[[str], None],
    ) -> None:
        self._corridor = corridor
        self._servers = servers
        self._connections = connections
        self._accounts = accounts
        self._report = report
        self._tokens: dict[str, list[str]] = {}
        self._orders: bank.Orders
        self._opening: dict[str, int] = {}
        self._desks: dict[tuple[str, str], Client] = {}
        self._ended = 0

    # --- before ---

    def prepare(self) -> None:
        """Furnish the gateways, open accounts, start, pay money in, post a rate."""
        for code, names in (("PK", bank.PAYERS), ("KZ", bank.PAYEES)):
            (self._corridor.path(code) / PLAN_FILE).write_text(bank.plan(), "utf-8")
            self._tokens[code] = [self._corridor.add_party(code, name) for name in names]
            for name, roles in remittance.PARTIES[code].items():
                self._corridor.add_party(code, name, *roles)
            self._open(code)
        self._corridor.start()
        for number, name in enumerate(bank.PAYERS):
            self._call("PK/sbp", "/v1/payments/deposits", f"PK/{name}", "9000000000000.00", f"OPEN-{number}")
        self._call("KZ/nbk", "/v1/payments/deposits", "KZ/caravan-fx", "900000000000000.00", "OPEN")
        self._post("KZ/caravan-fx", "/v1/payments/funds/allocate", {"to": "PK", "amount": "900000000000000.00"})
        market = self._post("PK/sbp", "/v1/payments/markets", {"destination": "KZ", "mid": MID})["id"]
        until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        self._post("PK/caravan-fx", f"/v1/payments/markets/{market}/rate", {"rate": RATE, "valid_until": until})
        self._orders = bank.Orders(self._quote(), self._tokens["PK"], self._accounts)
        self._moved()

    def _open(self, code: str) -> None:
        """Fill a ledger with positions, in the engine's own transactions."""
        gateway = Gateway(self._corridor.path(code))
        try:
            for first in range(0, self._accounts, OPEN_PER_BATCH):
                if first % REPORT_ACCOUNTS == 0:
                    self._report(f"opening {self._accounts:,} accounts at {code}: {first:,}")
                numbers = range(first, min(first + OPEN_PER_BATCH, self._accounts))
                orders = tuple(
                    OpenAccount(f"position:{code}/{n:07}", f"{code}/{n:07}", ASSETS[code], "position", 0, None)
                    for n in numbers
                )
                outcome = gateway.engine.run([PlaceOrders(orders)])[0]
                if isinstance(outcome, Exception | Refusal):
                    raise OperatorError(f"the ledger refused: {outcome}", code="bench_refused")
        finally:
            gateway.close()

    def _post(self, who: str, path: str, body: dict[str, Any]) -> Any:
        code, _, party = who.partition("/")
        with self._corridor.client(code, party) as client:
            return client.call("POST", path, json=body)

    def _call(self, who: str, path: str, participant: str, amount: str, reference: str) -> None:
        self._post(who, path, {"participant": participant, "amount": amount, "id": reference})

    def _quote(self) -> Any:
        """A quote; the provider's money may still be on its way."""
        until_s = time.monotonic() + READY_S_MAX
        asked = {"payee_bank": f"KZ/{bank.PAYEES[0]}", "amount": "1000.00", "fee": "5.00"}
        while True:
            try:
                return self._post(f"PK/{bank.PAYERS[0]}", "/v1/payments/quotes", asked)
            except DarwazaError:
                if time.monotonic() > until_s:
                    raise
                time.sleep(POLL_S)

    def close(self) -> None:
        """Let go of the connections."""
        for client in self._desks.values():
            client.close()

    # --- runs ---

    def flood(self, count: int, priority: str) -> tuple[float, dict[str, float], float]:
        """Payments a second when each has a request of its own, CPU by process and stage, and payments an order."""
        requests = (self._orders.single(priority, bank.WAIT)[1] for _ in range(count))
        before = self._joined()
        flood = lambda opened: load.flood(opened, requests, bank.check_settled)  # noqa: E731 - a line of its own
        per_s, spent = self._settled(count, self._connections, flood)
        companies, payments = (now - then for now, then in zip(self._joined(), before, strict=True))
        return per_s, spent, count / (count - payments + companies)

    def _joined(self) -> tuple[int, int]:
        """Companies that single payments have travelled in so far, and how many payments."""
        with self._corridor.client("PK") as client:
            lines = dict(line.rsplit(" ", 1) for line in client.operator.metrics().splitlines())
        return int(float(lines[COMPANIES])), int(float(lines[IN_COMPANY]))

    def bulk(self, count: int) -> tuple[float, dict[str, float]]:
        """Payments a second in bulk, and CPU by process and stage."""
        rounds = max(1, count // bank.BULK)
        requests = (self._orders.bulk("NORM") for _ in range(rounds))
        send = lambda opened: load.flood(opened, requests, bank.check_taken)  # noqa: E731 - as above
        return self._settled(rounds * bank.BULK, BULK_CONNECTIONS, send)

    def paced(self, seconds: float) -> tuple[list[float], dict[str, float]]:
        """Seconds from due to ended at both ends, at a steady rate, and CPU by process and stage."""
        count = int(PACED_PER_S * seconds)
        hearing, timed = bank.Hearing(count), list[load.Timed]()
        # Made before the run: making them then would delay what is due.
        made = [self._orders.single("HIGH", bank.WAIT) for _ in range(count)]
        hearing.credited_s.update((uetr, 0.0) for uetr, _ in made)

        async def run(opened: list[load.Connection]) -> None:
            async with self._connected("KZ", bank.BANKS) as streams:
                pairs = zip(streams, self._tokens["KZ"], strict=True)
                async with bank.at_work(hearing.listen(*pair) for pair in pairs):
                    timed.extend(await load.pace(opened, lambda at: made[at][1], per_s=PACED_PER_S, seconds=seconds))
                    await asyncio.wait_for(hearing.all_heard.wait(), SETTLE_S_MAX)

        _, spent = self._settled(count, min(PACED_CONNECTIONS, self._connections), run)
        both = zip(timed, hearing.credited_s.values(), strict=True)
        return [max(one.answered_s, credited_s) - one.due_s for one, credited_s in both], spent

    def _connected(self, code: str, count: int) -> contextlib.AbstractAsyncContextManager[list[load.Connection]]:
        return load.connected(self._corridor.port(code), self._corridor.certificate(code), count)

    # --- counting ---

    def _settled(self, count: int, connections: int, run: Run) -> tuple[float, dict[str, float]]:
        """Let the payees' banks work, connect the payers', and pay until all is settled at both ends.

        Returns:
            Payments a second, and microseconds of CPU a payment by process and by stage of its engine.
        """
        self._ended += count

        async def whole() -> tuple[float, dict[str, float]]:
            async with self._connected("KZ", bank.BANKS) as counters, self._connected("PK", connections) as opened:
                pairs = zip(counters, self._tokens["KZ"], strict=True)
                async with bank.at_work(bank.accept_credits(*pair) for pair in pairs):
                    # Banks keep their connections: handshakes are not of this run.
                    before, began_s = self._cpu(), time.perf_counter()
                    await run(opened)
                    await asyncio.to_thread(self._wait)
                    elapsed_s, after = time.perf_counter() - began_s, self._cpu()
            return elapsed_s, cost.each_us(before, after, count)

        elapsed_s, spent = uvloop.run(whole())
        self._orders.renew()
        return count / elapsed_s, spent

    def _moved(self) -> tuple[int, int]:
        """How many payments the positions at the payer's end and at the payee's end have moved by so far."""
        moved = []
        for code, each in (("PK", -self._orders.debit_minor), ("KZ", self._orders.credit_minor)):
            held = sum(self._position(code, name) for name in (bank.PAYERS if code == "PK" else bank.PAYEES))
            moved.append((held - self._opening.setdefault(code, held)) // each)
        return moved[0], moved[1]

    def _position(self, code: str, name: str) -> int:
        if (code, name) not in self._desks:
            # Kept open: a handshake for each look would cost what is measured.
            self._desks[code, name] = self._corridor.client(code, name)
        held = self._desks[code, name].call("GET", "/v1/payments/accounts")
        return next(bank.minor(one["posted"]) for one in held if one["kind"] == "position")

    def _wait(self) -> None:
        """Wait until the money has moved at both ends, no more and no less.

        Raises:
            OperatorError: ``bench_unsettled``.
        """
        until_s = time.monotonic() + SETTLE_S_MAX
        while (moved := self._moved()) != (self._ended, self._ended):
            if time.monotonic() > until_s:
                raise OperatorError(f"{self._ended} payments moved money for {moved}", code="bench_unsettled")
            time.sleep(POLL_S)

    def _cpu(self) -> dict[str, float]:
        """Seconds of CPU so far, of the load, of database servers, and by process and by stage of its engine."""
        own_s = time.process_time()
        return {"load": own_s} | cost.spent_s(self._corridor, SIDES, self._servers)
