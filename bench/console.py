"""What the console's pages cost with many consignments stored: ``python -m bench.console [--consignments 100000]``.

One gateway with so many movements and documents in its store, most of them ended, some on their way; each page is asked
for many times, in process, without TLS. Prints the median and the 95th percentile of wall-clock and processor time a
page; before that what the overview costs right after a start, while the index of running movements is still read.
"""

import argparse
import asyncio
import json
import resource
import statistics
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec

from darwaza.adapters.keyfile.account import Account, AccountFile
from darwaza.bootstrap import ACCOUNT_FILE, Gateway
from darwaza.entry.api.app import App
from darwaza.entry.console.session import SESSION_FILE, Sessions
from darwaza.entry.console.visit import COOKIE
from darwaza.entry.local import LocalCorridor
from darwaza.entry.sample import freight
from darwaza.entry.server import Server
from darwaza.ports.store import CaseRow, Changes, PartyRow
from darwaza.services.transit.movement import Movement
from darwaza.standards.etir.internal import I2, I7, I9

RUNNING = 1_000
CHUNK = 5_000
ROUNDS = 40
SLOW_ROUNDS = 5
"""For a list that matches nothing: it reads all of the party's cases (docs/roadmap.md), which takes seconds."""
START = datetime(2026, 1, 1, tzinfo=UTC)


def text(at: datetime) -> str:
    """RFC 3339 with milliseconds."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def movement(register: object, number: int, at: datetime) -> tuple[str, Movement]:
    """A movement that has crossed Uzbekistan."""
    case_id = str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))
    terms = freight.carnet(f"JX{number}", at)
    declared = msgspec.structs.replace(freight.declaration(case_id, terms, at), ucr=f"6UZ26BENCH{number:07d}")
    recorded = I7(declared, freight.stamp(register, "UZTAS", at))
    accepted = I2(case_id, terms.reference, "0" * 64, ("UZ", "AF", "PK"), at)
    started = I9(case_id, 0, "op-uz", 1, freight.stamp(register, "UZTAS", at + timedelta(hours=1)))
    return case_id, Movement(terms, declared, recorded, acceptance=accepted, events=(started,))


def fill(gateway: Gateway, consignments: int) -> None:
    """Store so many consignments; one in every so many is on its way."""
    encode, running_every = msgspec.msgpack.Encoder().encode, max(1, consignments // RUNNING)
    register = gateway.reference.register
    parties = ("PK/customs", "PK/office-pktor")
    for begin in range(0, consignments, CHUNK):
        changes = Changes()
        for number in range(begin, min(begin + CHUNK, consignments)):
            at = START + timedelta(seconds=number * 10)
            case_id, data = movement(register, number, at)
            state = "moving" if number % running_every == 0 else "discharged"
            opened = text(at)
            ucr = f"6UZ26BENCH{number:07d}"
            changes.cases[case_id] = CaseRow(case_id, "transit", state, encode(data), ucr, opened, opened, None)
            changes.parties += [PartyRow(party, "transit", opened, case_id) for party in parties]
        gateway.engine.store.commit(changes)


async def started(server: Server, client: httpx.AsyncClient, headers: dict[str, str]) -> dict[str, object]:
    """What people wait for right after a start, while the index of movements is read beside everything else."""
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tasks = [asyncio.create_task(work()) for work in server.beside]
    await asyncio.sleep(0)  # they have begun before anybody can ask
    began, walls, still = time.perf_counter(), [], True
    while still:
        wall = time.perf_counter()
        still = b'id="reading" data-live><p' in (await client.get("/console/overview", headers=headers)).content
        walls.append((time.perf_counter() - wall) * 1000)
        await asyncio.sleep(0.05)
    took_s = time.perf_counter() - began
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {
        "after a start": {
            "first_overview_ms": round(walls[0], 1),
            "overview_wall_ms_p95": round(sorted(walls)[int(len(walls) * 0.95)], 1),
            "index_read_after_s": round(took_s, 1),
            "memory_mib": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024, 1),
        }
    }


async def measure(gateway: Gateway, key: str, ucr: str, case_id: str) -> dict[str, object]:
    """Ask for each page many times."""
    server = Server(gateway)
    found: dict[str, object] = {}
    paths = {
        "office": "/console/office?office=PKTOR",
        "overview": "/console/overview",
        "crossings": "/console/crossings",
        "crossing": "/console/crossings/AF-PK/TORKHAM",
        "consignments": "/console/consignments",
        "consignment": f"/console/consignments/{ucr}",
        "movement": f"/console/movements/{case_id}",
        "documents": "/console/documents",
        "look-up": "/console/office?office=PKTOR&q=01A123BC",
    }
    transport = httpx.ASGITransport(app=App(server))
    async with httpx.AsyncClient(transport=transport, base_url="https://gateway") as client:
        headers = {"cookie": f"{COOKIE}={key}", "accept": "text/html"}
        found |= await started(server, client, headers)
        for name, path in paths.items():
            walls, cpus = [], []
            rounds = SLOW_ROUNDS if name == "documents" else ROUNDS
            for _ in range(rounds):
                wall, cpu = time.perf_counter(), time.process_time()
                answer = await client.get(path, headers=headers)
                walls.append((time.perf_counter() - wall) * 1000)
                cpus.append((time.process_time() - cpu) * 1000)
                if answer.is_error:
                    raise SystemExit(f"{path} answers {answer.status_code}")
            found[name] = {
                "bytes": len(answer.content),
                "wall_ms_p50": round(statistics.median(walls), 1),
                "wall_ms_p95": round(sorted(walls)[int(rounds * 0.95)], 1),
                "cpu_ms_p50": round(statistics.median(cpus), 1),
                "cpu_ms_p95": round(sorted(cpus)[int(rounds * 0.95)], 1),
            }
    await server.transport.close()
    return found


def main() -> None:
    """Fill a store and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--consignments", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        names = {"AF": "Afghanistan", "PK": "Pakistan", "UZ": "Uzbekistan"}
        corridor = LocalCorridor(Path(folder), names, links=[("AF", "PK"), ("AF", "UZ"), ("PK", "UZ")])
        corridor.add_party("PK", "customs", "customs", "supervisor")
        gateway = Gateway(corridor.path("PK"))
        AccountFile(gateway.folder / ACCOUNT_FILE).put(Account("nadia", "customs", "", "secret"))
        fill(gateway, given.consignments)
        key = Sessions(gateway.folder / SESSION_FILE, gateway.clock, gateway.entropy).open("nadia", "secret")
        middle = given.consignments // 2
        case_id = str(uuid.uuid5(uuid.NAMESPACE_OID, str(middle)))
        found = asyncio.run(measure(gateway, key, f"6UZ26BENCH{middle:07d}", case_id))
        gateway.close()
    print(json.dumps({"consignments": given.consignments, "pages": found}, indent=2))


if __name__ == "__main__":
    main()
