"""A chapter of the demo: Almaty writes to Karachi, which is no neighbour, and Afghanistan goes dark on the way."""

import subprocess
import sys
import time
from pathlib import Path

from darwaza.bootstrap import examine_store
from darwaza.client.answer.gateway import Sent
from darwaza.entry.demo.transit import Teller
from darwaza.entry.local import LocalCorridor

NAMES = {"AF": "Afghanistan", "CN": "China", "KZ": "Kazakhstan", "PK": "Pakistan", "UZ": "Uzbekistan"}
LINKS = [("AF", "PK"), ("AF", "UZ"), ("CN", "KZ"), ("CN", "PK"), ("KZ", "UZ")]
POLICY = "prefer hops 1 loss 1 price 100"
"""The corridor would rather pay less than go fast: the way over Tashkent and Kabul is the cheap one."""
DEAR = {("CN", "KZ"), ("CN", "PK")}
CHEAP_WAY = ["KZ", "UZ", "AF", "PK"]
DEAR_WAY = ["KZ", "CN", "PK"]
LETTERS = 40
SECRET = b"price list that only Karachi may read"


class RoutingChapter:
    """See the module."""

    def __init__(self, teller: Teller, folder: Path) -> None:
        """Found five gateways in ``folder``."""
        self._say = teller
        self._folder = folder
        self._corridor = LocalCorridor(folder, NAMES, links=LINKS, name="darwaza.example/caravan", path_policy=POLICY)
        for code in NAMES:
            self._write_terms(code)
        self._corridor.add_party("KZ", "freight", "agency")
        self._corridor.add_party("PK", "customs", "agency")

    def _write_terms(self, code: str) -> None:
        """Say what the links of a gateway cost."""
        lines = []
        for link in LINKS:
            if code in link:
                peer = link[link[0] == code]
                lines.append(f"[links.{peer}]\nprice_class = {9 if link in DEAR else 1}\ncapacity_class = 4\n")
        (self._corridor.path(code) / "routing.toml").write_text("".join(lines), "utf-8")

    def run(self) -> None:
        """Tell it."""
        self._say.chapter("10. Almaty writes to Karachi over Tashkent and Kabul")
        self._corridor.start()
        try:
            first = self._travel()
            self._go_dark()
            self._prove(first)
            self._come_back()
            self._audit()
        finally:
            self._corridor.close()

    # --- doing ---

    def _send(self, number: int, path_policy: str = "") -> Sent:
        paper = self._folder / f"letter-{number}.txt"
        paper.write_bytes(SECRET + b" %d" % number)
        with self._corridor.client("KZ", "freight") as client:
            return client.send_document(paper, to="PK/customs", title=f"Letter {number}", path_policy=path_policy)

    def _way(self, policy: str = "") -> list[str] | None:
        with self._corridor.client("KZ") as client:
            found: list[str] | None = client.operator.explain_route("PK", policy=policy)["chosen"]
        return found

    def _under_way(self) -> int:
        with self._corridor.client("KZ") as client:
            return int(client.operator.routes()["under_way"])

    def _arrived(self) -> int:
        with self._corridor.client("PK", "customs") as client:
            return sum(1 for _ in client.documents())

    def _judge(self, sent: Sent, *options: str) -> tuple[int, str]:
        """Export a letter's evidence in Almaty and check it with no network."""
        file = self._folder / f"{sent['message_ids'][0]}.evidence.json"
        with self._corridor.client("KZ", "freight") as client:
            file.write_bytes(client.evidence(sent["message_ids"][0]))
        document = self._corridor.path("KZ") / "corridor" / "1.note"
        command = [sys.executable, "-m", "darwaza.entry.cli.main", "evidence", "verify", str(file)]
        command += ["--corridor", str(document), "--anchor", self._corridor.anchor, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        return done.returncode, done.stdout

    # --- telling ---

    def _travel(self) -> Sent:
        say = self._say
        say.until("the gateways have told each other of their links", lambda: self._way() == CHEAP_WAY)
        say.tell(
            "Kazakhstan and Pakistan share no link. China is nearer, but dear; the corridor prefers what is cheap."
        )
        sent = self._send(0)
        say.until("Karachi has signed for it", lambda: self._under_way() == 0)
        code, text = self._judge(sent)
        say.held("It went KZ - UZ - AF - PK, and each member signed for its link", that=code == 0 and "UZ, AF" in text)
        files = [path for relay in ("UZ", "AF") for path in self._corridor.path(relay).glob("darwaza.db*")]
        say.held(
            "On the disks of Tashkent and Kabul stands not a word of it",
            that=bool(files) and not any(SECRET in path.read_bytes() for path in files),
        )
        return sent

    def _go_dark(self) -> None:
        say = self._say
        say.tell(f"{LETTERS} letters are on their way when Afghanistan goes dark.")
        for number in range(1, LETTERS + 1):
            self._send(number)
            if number == LETTERS // 2:
                self._corridor.kill("AF")
                began = time.monotonic()
        say.until("all have arrived", lambda: self._arrived() == LETTERS + 1)
        seconds = time.monotonic() - began
        say.held(f"All {LETTERS} are in Karachi {seconds:.1f} s after the lights went out, each of them once")
        say.until("Almaty has heard that the cheap way is closed", lambda: self._way() == DEAR_WAY)
        say.held("The way is now KZ - CN - PK")

    def _prove(self, first: Sent) -> None:
        say = self._say
        last = self._send(LETTERS + 1, "avoid AF")
        say.until("Karachi has signed for it", lambda: self._under_way() == 0)
        say.held("A letter sent with 'avoid AF' proves that Afghanistan did not carry it",
                 that=self._judge(last, "--avoid", "AF")[0] == 0)  # fmt: skip
        code, text = self._judge(first, "--avoid", "AF")
        say.held("The first letter proves the contrary, and is told so", that=code == 1 and "wants AF avoided" in text)

    def _come_back(self) -> None:
        say = self._say
        self._corridor.start("AF")
        say.tell("Afghanistan is back. Its links must prove themselves for some seconds before they are believed.")
        say.until("the cheap way is open again, and a letter goes over it", self._is_cheap_again)
        say.held("The next letter goes over Kabul again")

    def _is_cheap_again(self) -> bool:
        """Send a letter once the cheap way is open; on a busy machine that may close again before the letter goes."""
        if self._way() != CHEAP_WAY:
            return False
        sent = self._send(LETTERS + 2)
        self._say.until("Karachi has signed for it", lambda: self._under_way() == 0)
        return "UZ, AF" in self._judge(sent)[1]

    def _audit(self) -> None:
        self._corridor.stop()
        for code, name in NAMES.items():
            findings = examine_store(self._corridor.path(code), lambda _done, _total: None)
            self._say.held(f"{name}: every leaf, proof, signature and case agrees", that=not findings)
