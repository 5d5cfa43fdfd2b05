"""``make demo``: a corridor of three countries on this machine, and what happens to it when things break.

Every line that begins with a tick was checked, not assumed. ``--once`` ends after the story with exit code 0 if every
step held; without it the corridor stays up until it is interrupted.
"""

import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import click

from darwaza.bootstrap import examine_store
from darwaza.client import Client
from darwaza.client.answer.gateway import Sent
from darwaza.config import BATCH_BYTES_MAX
from darwaza.entry.cli.output import console
from darwaza.entry.demo import showcase
from darwaza.entry.demo.payments import PaymentsChapter
from darwaza.entry.demo.routing import RoutingChapter
from darwaza.entry.demo.transit import TransitChapter
from darwaza.entry.local import LocalCorridor
from darwaza.entry.sample import document as sample
from darwaza.errors import DarwazaError
from darwaza.kernel import carrier

NAMES = {"PK": "Pakistan", "UZ": "Uzbekistan", "KZ": "Kazakhstan"}
LINKS = [("PK", "UZ"), ("KZ", "PK"), ("KZ", "UZ")]
UCR = "26PKDEMO-APRICOTS-0001"
WAIT_S = 120.0
POLL_S = 0.05
BURST = 300
TRUCK_PAPERS = Path("demo")
"""Where the truck's accompanying document stays after the demo, as PDF and PNG; git ignores it."""


class StepFailedError(Exception):
    """A step of the demo did not hold."""


class Demo:
    """The story, step by step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.began = time.monotonic()
        self._papers = folder / "papers"
        self._papers.mkdir()

    # --- telling ---

    def chapter(self, title: str) -> None:
        """Begin a part of the story."""
        seconds = time.monotonic() - self.began
        console.print(f"\n[bold]{title}[/] [dim]{seconds:5.1f} s[/]")

    def held(self, text: str, *, that: bool = True) -> None:
        """Tell what was checked.

        Raises:
            StepFailedError: it did not hold.
        """
        if not that:
            console.print(f"  [red]✗[/] {text}")
            raise StepFailedError(text)
        console.print(f"  [green]✓[/] {text}")

    def tell(self, text: str) -> None:
        """Tell what happens."""
        console.print(f"    {text}")

    # --- waiting ---

    def until(self, what: str, found: Callable[[], bool]) -> None:
        """Wait for something to become true.

        Raises:
            StepFailedError: it did not in time.
        """
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            try:
                if found():
                    return
            except DarwazaError:
                pass
            time.sleep(POLL_S)
        self.held(f"{what} (waited {WAIT_S:.0f} s)", that=False)

    def stage(self, client: Client, case_id: str) -> str:
        """The stage of a document at its sender's."""
        return str(client.document(case_id)["stage"])

    # --- the story ---

    def run(self) -> LocalCorridor:
        """Tell it; returns the corridor, still running."""
        corridor = self.found()
        try:
            sent = self.exchange(corridor)
            self.kill(corridor)
            self.cut(corridor)
            self.lose_disk(corridor)
            self.prove(corridor, sent)
            self.audit(corridor)
            self.journey()
            self.money()
            self.detour()
        except BaseException:
            corridor.close()
            raise
        return corridor

    def found(self) -> LocalCorridor:
        """Found the corridor and start its gateways."""
        self.chapter("1. Three countries found a corridor")
        corridor = LocalCorridor(
            self.folder / "gateways",
            NAMES,
            links=LINKS,
            witnesses=1,
            name="darwaza.example/demo",
            cables=True,
        )
        corridor.add_party("PK", "bank", "bank")
        corridor.add_party("UZ", "bank", "bank")
        corridor.add_party("PK", "customs", "agency")
        corridor.add_party("UZ", "plant-protection", "agency")
        self.tell("Each made its own keys; all three signed the document that says who is in and on what terms.")
        corridor.start()
        for code, name in NAMES.items():
            self.held(f"{name}'s gateway runs ({code}, port {corridor.port(code)}), on a database of its own")
        return corridor

    def exchange(self, corridor: LocalCorridor) -> Sent:
        """Send real documents both ways and take one over."""
        self.chapter("2. Documents cross the border, both ways")
        with corridor.client("PK", "bank") as pk_bank, corridor.client("UZ", "plant-protection") as uz_plants:
            pacs = self._paper("payment.xml", sample.payment(1, uuid4()))
            certificate = self._paper("ephyto.xml", sample.phytosanitary_certificate("UZ-2026-000123"))
            lines = ["Invoice 17", "Dried apricots, 20 t", "Tashkent to Karachi", f"UCR {UCR}"]
            invoice = self._paper("invoice.pdf", sample.invoice(lines))
            payment = pk_bank.send_document(pacs, to="UZ/bank", title="Payment for apricots", ucr=UCR)
            phyto = uz_plants.send_document(certificate, to="PK/customs", title="Phytosanitary certificate", ucr=UCR)
            paper = uz_plants.send_document(invoice, to="PK/customs", title="Invoice 17", ucr=UCR)
            for client, one, name in (
                (pk_bank, payment, "ISO 20022 payment"),
                (uz_plants, phyto, "ePhyto certificate"),
            ):
                self.until(f"the {name} is delivered", lambda c=client, s=one: self.stage(c, s["id"]) == "delivered")  # type: ignore[misc]
                self.held(f"the {name} is delivered: it is on both disks and both countries have signed for it")
            with corridor.client("PK", "customs") as customs:
                self.until("the invoice arrived", lambda: customs.document(paper["id"])["stage"] == "arrived")
                copy = customs.download(paper["id"], self._papers / "invoice-in-karachi.pdf")
                self.held(
                    "the PDF that Karachi customs opens is, byte for byte, the one Tashkent sent",
                    that=_same(copy, invoice),
                )
                customs.accept(paper["id"])
            self.until("the receipt is back", lambda: self.stage(uz_plants, paper["id"]) == "handed-over")
            self.held("Karachi customs took it over, and Tashkent holds the signed receipt")
        return payment

    def kill(self, corridor: LocalCorridor) -> None:
        """Kill a gateway in the middle of its work."""
        self.chapter("3. A gateway is killed in the middle of its work")
        accepted = []
        with corridor.client("PK", "bank") as bank:
            for number in range(BURST):
                if number == BURST // 3:
                    corridor.kill("UZ")
                    self.tell(
                        "Uzbekistan's gateway is killed (SIGKILL, as by a power cut). Pakistan goes on accepting."
                    )
                paper = self._paper("burst.xml", sample.payment(1_000 + number, uuid4()))
                accepted.append(bank.send_document(paper, to="UZ/bank", title=f"Payment {number}")["id"])
        corridor.start("UZ")
        self.tell("It starts again and asks for what it has not signed yet.")
        corridor.wait_until_delivered("PK", "UZ")
        with corridor.client("UZ", "bank") as bank:
            arrived = [view["id"] for view in bank.documents(limit=200)]
        self.held(f"all {BURST} payments accepted meanwhile arrived", that=set(accepted) <= set(arrived))
        self.held("each of them once", that=len(arrived) == len(set(arrived)))

    def cut(self, corridor: LocalCorridor) -> None:
        """Cut the network and carry a batch by file."""
        self.chapter("4. The network is cut; a stick carries the batch")
        for cable in corridor.cables.values():
            cable.cut()
        with corridor.client("PK", "bank") as bank:
            paper = self._paper("urgent.xml", sample.payment(9_000, uuid4()))
            urgent = bank.send_document(paper, to="UZ/bank", title="Urgent payment")
            time.sleep(1)
            self.held(
                "with no network Pakistan still accepts, and says no more than it knows: "
                f"{self.stage(bank, urgent['id'])}",
                that=self.stage(bank, urgent["id"]) == "accepted",
            )
            to_uz, to_pk = self.folder / "to-uz.carrier", self.folder / "to-pk.carrier"
            self._carry(corridor, "PK", "UZ", to_uz)
            with corridor.client("UZ", "bank") as other:
                self.held(
                    "carried to Tashkent on a stick, it arrived",
                    that=other.document(urgent["id"])["stage"] == "arrived",
                )
            self._carry(corridor, "UZ", "PK", to_pk)
            self.held(
                "the stick brought Tashkent's signature back: delivered",
                that=self.stage(bank, urgent["id"]) == "delivered",
            )
        for cable in corridor.cables.values():
            cable.mend()
        corridor.wait_until_delivered("PK", "UZ")
        self._carry(corridor, "PK", "UZ", to_uz)
        with corridor.client("UZ", "bank") as other:
            seen = sum(view["id"] == urgent["id"] for view in other.documents(limit=200))
        self.held("the network is back, the stick is plugged in once more by mistake: still there once", that=seen == 1)

    def _carry(self, corridor: LocalCorridor, sender: str, recipient: str, file: Path) -> None:
        with corridor.client(sender) as source:
            source.operator.export_carrier(recipient, file)
        with corridor.client(recipient) as target, file.open("rb") as opened:
            reports = list(target.operator.import_carrier(carrier.split(opened, BATCH_BYTES_MAX)))
        self.tell(f"{file.name}: {file.stat().st_size:,} bytes, {sum(one['taken'] for one in reports)} batch(es) taken")

    def lose_disk(self, corridor: LocalCorridor) -> None:
        """Throw a gateway's disk away and get it back from its neighbours."""
        self.chapter("5. Pakistan's disk is lost")
        corridor.wait_until_delivered("PK", "UZ")
        with corridor.client("PK", "bank") as bank:
            before = {view["id"]: view["stage"] for view in bank.documents(limit=200)}
        with corridor.client("PK", "customs") as customs:
            before |= {view["id"]: view["stage"] for view in customs.documents(limit=200)}
        corridor.stop("PK")
        corridor.lose_disk("PK")
        self.tell(f"The store with {len(before)} cases is deleted. Only the keys are left. An empty gateway starts.")
        corridor.start("PK")

        def back() -> bool:
            after: dict[str, str] = {}
            for party in ("bank", "customs"):
                with corridor.client("PK", party) as client:
                    after |= {view["id"]: view["stage"] for view in client.documents(limit=200)}
            return after == before

        self.until("everything is back", back)
        self.held(
            f"its neighbours gave back what it had sent, and sent theirs again: all {len(before)} cases, as they were"
        )
        with corridor.client("PK", "bank") as bank:
            paper = self._paper("after.xml", sample.payment(9_999, uuid4()))
            sent = bank.send_document(paper, to="UZ/bank", title="After the loss")
            self.until("a new payment is delivered", lambda: self.stage(bank, sent["id"]) == "delivered")
        self.held("and it goes on where it had stopped: a new payment is delivered, no place in the log is used twice")

    def prove(self, corridor: LocalCorridor, payment: Sent) -> None:
        """Verify a document's evidence offline."""
        self.chapter("6. A court in a third country checks one payment, with no network")
        evidence, document = self.folder / "payment.evidence.json", self.folder / "corridor.note"
        document.write_bytes(corridor.document)

        def witnessed() -> bool:
            with corridor.client("PK", "bank") as bank:
                evidence.write_bytes(bank.evidence(payment["message_ids"][0]))
            return "witnessed 1 of 1" in _verify(evidence, document, corridor.anchor)[1]

        self.until("a third country has witnessed it", witnessed)
        self.tell(f"{evidence.name} ({evidence.stat().st_size:,} bytes) and {document.name} are all it needs:")
        code, text = _verify(evidence, document, corridor.anchor)
        for line in text.splitlines():
            if "cannot deny" in line or "Grade" in line:
                self.tell("[dim]" + line.strip() + "[/]")
        self.held("the answer is: valid", that=code == 0)
        forged = self.folder / "forged.evidence.json"
        forged.write_bytes(evidence.read_bytes().replace(b"UZ/bank", b"UZ/bnak", 1))
        code, _ = _verify(forged, document, corridor.anchor)
        self.held("one letter of it changed, and the answer is: invalid", that=code == 1)

    def audit(self, corridor: LocalCorridor) -> None:
        """Check all stores from the evidence in them."""
        self.chapter("7. Every store is checked against the evidence in it")
        corridor.wait_until_delivered("PK", "UZ")
        corridor.stop()
        for code, name in NAMES.items():
            findings = examine_store(corridor.path(code), lambda _done, _total: None)
            self.held(f"{name}: every leaf, proof, signature and case agrees", that=not findings)
        corridor.start()

    def journey(self) -> None:
        """Drive a truck from Tashkent to Karachi, over three gateways of its own."""
        TRUCK_PAPERS.mkdir(parents=True, exist_ok=True)
        TransitChapter(self, self.folder / "freight", TRUCK_PAPERS).run()

    def money(self) -> None:
        """Pay across two borders, over three gateways of their own."""
        PaymentsChapter(self, self.folder / "money").run()

    def detour(self) -> None:
        """Send from Almaty to Karachi over whoever is there, over five gateways of their own."""
        RoutingChapter(self, self.folder / "caravan").run()

    def _paper(self, name: str, content: bytes) -> Path:
        path = self._papers / name
        path.write_bytes(content)
        return path


def _same(one: Path, other: Path) -> bool:
    return hashlib.sha256(one.read_bytes()).digest() == hashlib.sha256(other.read_bytes()).digest()


def _verify(evidence: Path, document: Path, anchor: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "darwaza.entry.cli.main", "evidence", "verify", str(evidence)]
    command += ["--corridor", str(document), "--anchor", anchor]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    return done.returncode, done.stdout


@click.command()
@click.option("--once", is_flag=True, help="End after the story; exit code 0 only if every step held.")
def main(*, once: bool) -> None:
    """Tell the story of a corridor, with real gateways on this machine."""
    with tempfile.TemporaryDirectory(prefix="darwaza-demo-", ignore_cleanup_errors=True) as folder:
        demo = Demo(Path(folder))
        try:
            corridor = demo.run()
        except (StepFailedError, DarwazaError) as fault:
            console.print(f"\n[bold red]The demo stopped:[/] {fault}")
            raise SystemExit(1) from fault
        seconds = time.monotonic() - demo.began
        console.print(f"\n[bold green]Every step held[/], in {seconds:.0f} seconds.")
        corridor.close()
        if not once:
            showcase.stay(Path(folder) / "carec")
