"""Two gateways in two network namespaces, joined by one cable that is really unplugged.

Unlike a forwarder that closes connections, an interface that goes down says nothing to anybody: packets vanish, and
connections hang until somebody's patience ends.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from darwaza.bootstrap import examine_store, found_gateway
from darwaza.entry.local import LocalCorridor
from darwaza.kernel.member import Card

pytestmark = pytest.mark.timeout(300)
WAIT_S = 90.0
PORT = 8443


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def why_not() -> str:
    """Why this machine cannot make namespaces; "" when it can."""
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    if shutil.which("ip") is None:
        return "the ip command (Debian: iproute2) is not on this machine"
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
        command = [*self.inside(code), "serve", str(self.path(code))]
        with (self.path(code) / "log").open("ab") as log:
            self._processes[code] = subprocess.Popen(command, stdout=log, stderr=log)

    def inside(self, code: str) -> list[str]:
        space = ["ip", "netns", "exec", self.spaces[code]]
        return [*space, sys.executable, "-m", "darwaza.entry.cli.main"]

    def ask(self, code: str, *words: str) -> Any:
        """Run a command beside a gateway; None when it is not to be had now."""
        command = [*self.inside(code), *words, "--gateway", str(self.path(code)), "--json"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def until(self, code: str, *words: str, seen: Callable[[Any], bool]) -> Any:
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            answer = self.ask(code, *words)
            if answer is not None and seen(answer):
                return answer
            time.sleep(0.2)
        raise AssertionError((code, words))

    def send(self, code: str, to: str, paper: Path) -> str:
        answer = self.until(code, "documents", "send", str(paper), "--as", "desk", "--to", f"{to}/desk", seen=bool)
        return str(answer["id"])

    def stage(self, code: str, stage: str) -> Callable[[Any], bool]:
        return lambda answer: all(one["stage"] == stage for one in answer if one["sender"] == f"{code}/desk")

    def is_up(self, links: Any) -> bool:
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
    apart.until("PK", "link", "show", seen=apart.is_up)
    sent = [apart.send("PK", "UZ", paper)]
    apart.until("PK", "link", "show", seen=apart.is_up)

    apart.unplug()
    sent += [apart.send("PK", "UZ", paper) for _ in range(2)]
    back = [apart.send("UZ", "PK", paper) for _ in range(2)]
    apart.until("PK", "link", "show", seen=lambda links: links[0]["queue"] > 0 and links[0]["state"] != "up")
    apart.kill("PK")
    apart.launch("PK")
    sent.append(apart.send("PK", "UZ", paper))
    shown = apart.ask("PK", "documents", "list", "--as", "desk")
    assert {one["id"]: one["stage"] for one in shown}[sent[-1]] == "accepted"

    apart.plug_in()
    for code in ("PK", "UZ"):
        apart.until(code, "link", "show", seen=apart.is_up)
    assert sorted(one["id"] for one in apart.ask("UZ", "documents", "list", "--as", "desk")) == sorted(sent + back)
    assert sorted(one["id"] for one in apart.ask("PK", "documents", "list", "--as", "desk")) == sorted(sent + back)
    for code in ("PK", "UZ"):
        assert apart.stage(code, "delivered")(apart.ask(code, "documents", "list", "--as", "desk"))
        apart.stop(code)
        assert examine_store(apart.path(code), lambda _done, _total: None) == []
