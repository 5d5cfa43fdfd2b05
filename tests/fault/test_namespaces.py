"""Two gateways in two network namespaces, joined by one cable that is really unplugged.

Unlike a forwarder that closes connections, an interface that goes down says nothing to anybody: packets vanish, and
connections hang until somebody's patience ends.
"""

import contextlib
import ctypes
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from darwaza.bootstrap import examine_store, found_gateway
from darwaza.client import Client
from darwaza.entry.cli.connection import Connection
from darwaza.entry.local import LocalCorridor
from darwaza.errors import TransientError
from darwaza.kernel.member import Card

pytestmark = pytest.mark.timeout(600)
WAIT_S = 180.0
PORT = 8443
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def sweep() -> None:
    """Remove namespaces that runs of this test left behind when they were killed."""
    listed = subprocess.run(["ip", "netns", "list"], check=False, capture_output=True, text=True).stdout
    for name, pid in re.findall(r"^(dw(\d+)(?:pk|uz|probe))\b", listed, re.MULTILINE):
        if not Path("/proc", pid).exists():
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def why_not() -> str:
    """Why this machine cannot make namespaces; "" when it can."""
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    if shutil.which("ip") is None:
        return "the ip command (Debian: iproute2) is not on this machine"
    sweep()
    name = f"dw{os.getpid()}probe"
    if subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True).returncode:
        return "this machine lets nobody make network namespaces"
    ip("netns", "delete", name)
    return ""


class Apart(LocalCorridor):
    """A corridor whose members live in namespaces of their own, joined by a veth pair."""

    def __init__(self, folder: Path) -> None:
        self.spaces = {code: f"dw{os.getpid()}{code.lower()}" for code in ("PK", "UZ")}
        self.addresses = {"PK": "10.77.7.1", "UZ": "10.77.7.2"}
        try:
            self._plug()
            super().__init__(folder, {"PK": "Pakistan", "UZ": "Uzbekistan"}, links=[("PK", "UZ")])
        except BaseException:
            self.tear_down()
            raise

    def _plug(self) -> None:
        for space in self.spaces.values():
            ip("netns", "add", space)
            ip("-n", space, "link", "set", "lo", "up")
        one, other = self.spaces.values()
        ip("-n", one, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", other)
        for code, space in self.spaces.items():
            ip("-n", space, "address", "add", f"{self.addresses[code]}/24", "dev", "cable")
            ip("-n", space, "link", "set", "cable", "up")

    def unplug(self) -> None:
        ip("-n", self.spaces["UZ"], "link", "set", "cable", "down")

    def plug_in(self) -> None:
        ip("-n", self.spaces["UZ"], "link", "set", "cable", "up")

    def tear_down(self) -> None:
        for space in self.spaces.values():
            subprocess.run(["ip", "netns", "delete", space], check=False, capture_output=True)

    def _found(self, code: str) -> Card:
        address = self.addresses[code]
        url = f"https://{address}:{PORT}"
        card = found_gateway(self.path(code), member=code, name=code, urls=[url], host=address, port=PORT)
        self.add_party(code, "operator", "operator")
        self.add_party(code, "desk", "agency")
        return msgspec.json.decode(card.read_bytes(), type=Card)

    def launch(self, code: str, *_: str, **__: Any) -> None:
        space = ["ip", "netns", "exec", self.spaces[code]]
        command = [*space, sys.executable, "-m", "darwaza.entry.cli.main", "serve", str(self.path(code))]
        with (self.path(code) / "log").open("ab") as log:
            self._processes[code] = subprocess.Popen(command, stdout=log, stderr=log)

    def ask(self, code: str, party: str, act: Callable[[Client], Any]) -> Any:
        """Do something at a gateway, from inside its namespace."""

        def inside() -> Any:
            # A thread enters the namespace alone; the sockets it makes belong there.
            with Path("/var/run/netns", self.spaces[code]).open() as space:
                if LIBC.setns(space.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            with Connection(self.path(code), None, party, None, None).client() as client:
                return act(client)

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(inside).result()

    def until(self, code: str, seen: Callable[[Any], bool]) -> None:
        """Look at the links of a gateway until they are as wanted; it may still be starting."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            with contextlib.suppress(TransientError):
                if seen(self.ask(code, "operator", lambda client: client.operator.links())):
                    return
            time.sleep(0.1)
        raise AssertionError(f"the links of {code} did not come so far")

    def send(self, code: str, to: str, paper: Path) -> str:
        sent = self.ask(code, "desk", lambda client: client.send_document(paper, to=f"{to}/desk"))
        return str(sent["id"])

    def documents(self, code: str) -> list[dict[str, Any]]:
        return list(self.ask(code, "desk", lambda client: list(client.documents())))


def is_up(links: list[dict[str, Any]]) -> bool:
    return bool(links) and links[0]["state"] == "up" and links[0]["queue"] == 0


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Apart]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    made = Apart(tmp_path / "gateways")
    try:
        yield made
    finally:
        made.stop()
        made.tear_down()


def test_a_cable_is_unplugged_and_plugged_in_again(apart: Apart, tmp_path: Path) -> None:
    """Work goes on at both ends, one end is even killed meanwhile; after it everything is there, once, both ways."""
    paper = tmp_path / "paper.txt"
    paper.write_text("paper")
    for code in ("PK", "UZ"):
        apart.launch(code)
    apart.until("PK", is_up)
    apart.until("UZ", is_up)
    sent = [apart.send("PK", "UZ", paper)]
    apart.until("PK", is_up)

    apart.unplug()
    sent += [apart.send("PK", "UZ", paper) for _ in range(2)]
    back = [apart.send("UZ", "PK", paper) for _ in range(2)]
    apart.until("PK", lambda links: links[0]["queue"] > 0 and links[0]["state"] != "up")
    apart.kill("PK")
    apart.launch("PK")
    apart.until("PK", lambda links: links[0]["queue"] > 0)
    sent.append(apart.send("PK", "UZ", paper))
    assert {one["id"]: one["stage"] for one in apart.documents("PK")}[sent[-1]] == "accepted"

    apart.plug_in()
    for code in ("PK", "UZ"):
        apart.until(code, is_up)
    for code in ("PK", "UZ"):
        found = apart.documents(code)
        assert sorted(one["id"] for one in found) == sorted(sent + back)
        assert {one["stage"] for one in found if one["sender"] == f"{code}/desk"} == {"delivered"}
        apart.stop(code)
        assert examine_store(apart.path(code), lambda _done, _total: None) == []
