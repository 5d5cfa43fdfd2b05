"""What a relay holds of a letter, searched for: nothing of its content, anywhere, while its destination has it all."""

import base64
import os
import re
import sqlite3
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from darwaza.entry.local import LocalCorridor
from darwaza.errors import DarwazaError

NAMES = {"AF": "Afghanistan", "PK": "Pakistan", "UZ": "Uzbekistan"}
RELAY, DESTINATION = "AF", "PK"
BODY = b"Zarafshon-7731-qalampir consignee Gulnora Ergasheva account 90817263544"
FILE_NAME = "hujjat-zarghun-5582.xml"
TITLE = "Marjona-4419 invoice"
MARKERS = (b"Zarafshon-7731-qalampir", b"Gulnora Ergasheva", b"90817263544", b"zarghun-5582", b"Marjona-4419")
WAIT_S = 120.0


def forms(marker: bytes) -> Iterator[bytes]:
    """A text as it is, in UTF-16, in hex, escaped, and in the middle of base64 at each of the three alignments."""
    yield marker
    yield marker.decode().encode("utf-16-le")
    yield marker.hex().encode()
    yield marker.hex().upper().encode()
    yield urllib.parse.quote(marker).encode()
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + marker)
        # The first and last groups depend on what stands beside the marker.
        yield whole[4 if shift else 0 : len(whole) // 4 * 4 - 4]


SOUGHT = re.compile(b"|".join(re.escape(form) for marker in MARKERS for form in forms(marker)))


def on_disk(folder: Path) -> list[str]:
    """Files of a gateway in which a marker stands: store, write-ahead log, shared memory, logs, keys, tokens."""
    return [str(path) for path in folder.rglob("*") if path.is_file() and SOUGHT.search(path.read_bytes())]


def in_memory(pid: int) -> list[str]:
    """Writable regions of a process's memory in which a marker stands."""
    found = []
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            if not rights.startswith("rw"):
                continue
            start, end = (int(one, 16) for one in span.split("-"))
            try:
                raw = os.pread(memory.fileno(), end - start, start)
            except OSError:
                continue  # device memory, and what was unmapped meanwhile
            if SOUGHT.search(raw):
                found.append(line)
    return found


def told(corridor: LocalCorridor, code: str, message_id: str) -> bytes:
    """Everything that a gateway's interface tells its operator: each page there is without a name in its address.

    And the evidence of the message, which is refused: it is none of the relay's.
    """
    said, refused = [], 0
    with corridor.client(code) as operator:
        paths = operator.call("GET", "/openapi.json")["paths"]
        pages = [path for path, ways in paths.items() if "get" in ways and "{" not in path]
        for page in (*pages, f"/v1/evidence/{message_id}"):
            try:
                said.append(operator.fetch("GET", page))
            except DarwazaError as fault:
                said.append(repr(fault).encode())
                refused += 1
    assert len(said) - refused >= 5, said
    assert any(b"darwaza_" in page for page in said), "no metrics"
    return b"\n".join(said)


def back_up(folder: Path, target: Path) -> None:
    """Copy a running gateway's store as its operator does."""
    command = [sys.executable, "-m", "darwaza.entry.cli.main", "backup", str(folder), "--output", str(target)]
    subprocess.run(command, check=True, capture_output=True, timeout=WAIT_S)


@pytest.mark.timeout(600)
def test_a_relay_holds_nothing_of_what_it_carries(tmp_path: Path) -> None:
    """Disk, backup, log, memory, metrics and pages of the relay hold no word of a letter; its destination does.

    Names, numbers, the title and the name of the file are sought as they are, in UTF-16, hex, URL and base64.
    """
    corridor = LocalCorridor(tmp_path, NAMES, links=[("AF", "PK"), ("AF", "UZ")])
    corridor.add_party("UZ", "freight", "agency")
    corridor.add_party("PK", "customs", "agency")
    paper = tmp_path / FILE_NAME
    paper.write_bytes(BODY)
    corridor.start()
    try:
        until = time.monotonic() + WAIT_S
        with corridor.client("UZ") as operator:
            while operator.operator.explain_route("PK")["chosen"] is None:
                assert time.monotonic() < until, "the links were not told"
                time.sleep(0.1)
        with corridor.client("UZ", "freight") as client:
            message_id = client.send_document(paper, to="PK/customs", title=TITLE)["message_ids"][0]
        with corridor.client("PK", "customs") as client:
            while not any(client.documents()):
                assert time.monotonic() < until, "it did not arrive"
                time.sleep(0.1)
        relay, destination = corridor.path(RELAY), corridor.path(DESTINATION)
        with sqlite3.connect(f"file:{relay / 'darwaza.db'}?mode=ro", uri=True) as store:
            carried = store.execute("SELECT count(*) FROM leaf WHERE CAST(header AS TEXT) LIKE '%route.relay%'")
            assert carried.fetchone()[0] >= 1, "it did not carry the letter"
        back_up(relay, tmp_path / "relay.backup")
        back_up(destination, tmp_path / "destination.backup")
        assert not SOUGHT.search(told(corridor, RELAY, message_id))
        assert not SOUGHT.search((tmp_path / "relay.backup").read_bytes())
        assert on_disk(relay) == []
        assert in_memory(corridor.pid(RELAY)) == []
        assert SOUGHT.search((tmp_path / "destination.backup").read_bytes())
        assert on_disk(destination)
        assert in_memory(corridor.pid(DESTINATION))
    finally:
        corridor.close()
