"""A chapter of the demo: a truck drives from Tashkent to Karachi, and Afghanistan's gateway is down during its leg."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import msgspec

from darwaza.adapters.system.clock import SystemClock, SystemEntropy
from darwaza.bootstrap import profile_folder, read_history, read_reference
from darwaza.client.answer.transit import Done, MovementDetail
from darwaza.entry import post
from darwaza.entry.cli.transit import print_movement
from darwaza.entry.demo.duty import Duty
from darwaza.entry.local import LocalCorridor
from darwaza.entry.sample import freight
from darwaza.kernel.key import Ed25519PrivateKey
from darwaza.services.transit.closure import Closure, Reopening
from darwaza.services.transit.guarantee import Register
from darwaza.services.transit.message import Accept, Event, Release, SealChange
from darwaza.services.transit.parts import join
from darwaza.services.transit.posted import SignedDelegation
from darwaza.services.transit.posted import post as sign_event
from darwaza.services.transit.scan import Scanner
from darwaza.services.transit.trust import Answer
from darwaza.standards.etir.internal import I9, I11, I13
from darwaza.standards.etir.value import SealMark, Stamp

NAMES = {"AF": "Afghanistan", "PK": "Pakistan", "UZ": "Uzbekistan"}
LINKS = [("AF", "PK"), ("AF", "UZ"), ("PK", "UZ")]
OFFICERS = {
    "UZ": {"tashkent": "UZTAS", "termez": "UZTER"},
    "AF": {"hairatan": "AFHRT", "torkham": "AFRKH"},
    "PK": {"torkham": "PKTOR", "karachi": "PKKHI"},
}
TORKHAM = "AF-PK/TORKHAM"
CLOSED_FOR = timedelta(days=1)


class Teller(Protocol):
    """Who tells the story and checks it: ``demo.Demo``."""

    def chapter(self, title: str) -> None:
        """Begin a part."""

    def held(self, text: str, *, that: bool = True) -> None:
        """Tell what was checked; raises when it did not hold."""

    def tell(self, text: str) -> None:
        """Tell what happens."""

    def until(self, what: str, found: Any) -> None:
        """Wait for something to become true."""


class TransitChapter:
    """See the module."""

    def __init__(self, teller: Teller, folder: Path, papers: Path) -> None:
        """Found three gateways in ``folder``; the truck's papers go into ``papers``."""
        self._say = teller
        self._papers = papers
        self._corridor = LocalCorridor(folder, NAMES, links=LINKS, name="darwaza.example/freight")
        for code, officers in OFFICERS.items():
            self._corridor.add_party(code, "customs", "customs", "supervisor")
            for name, office in officers.items():
                self._corridor.add_party(code, name, "customs", "office " + office)
        self._corridor.add_party("UZ", freight.HOLDER_PARTY.partition("/")[2], "holder")
        self._corridor.add_party("UZ", freight.CHAIN.partition("/")[2], "guarantee-chain")
        self._duty = Duty(self._corridor, teller.until)
        self._register = read_reference(profile_folder(folder, "carec")).register
        self._movement = str(uuid.uuid4())

    def run(self) -> None:
        """Tell it."""
        self._say.chapter("8. A truck drives from Tashkent to Karachi")
        self._corridor.start()
        try:
            self._depart()
            self._cross_offline()
            self._close_torkham()
            self._arrive()
        finally:
            self._corridor.close()

    # --- acts ---

    def _stamp(self, office: str, *, offline: bool = False, ago: timedelta = timedelta()) -> Stamp:
        return freight.stamp(self._register, office, datetime.now(UTC) - ago, offline=offline)

    def _do(self, who: str, path: str, body: Any) -> Done:
        code, _, party = who.partition("/")
        with self._corridor.client(code, party) as client:
            return client.command(path, body)

    def _act(self, who: str, kind: str, body: Any) -> Done:
        return self._do(who, f"/v1/transit/{self._movement}/{kind}", body)

    def _view(self, code: str) -> MovementDetail:
        with self._corridor.client(code, "customs") as client:
            return client.transit.movement(self._movement)

    def _wait(self, code: str, leg: int, status: str) -> None:
        self._say.until(f"{code} knows leg {leg + 1}", lambda: self._view(code)["legs"][leg]["status"] == status)

    # --- the story ---

    def _depart(self) -> None:
        now = datetime.now(UTC)
        terms = freight.carnet("JX95000448", now)
        self._do(freight.CHAIN, "/v1/guarantees", Register(terms, freight.HOLDER_PARTY))
        declared = freight.declaration(self._movement, terms, now)
        self._do(freight.HOLDER_PARTY, "/v1/transit", declared)
        self._act("UZ/tashkent", "accept", Accept(self._stamp("UZTAS"), (SealMark("UZ-0001"),)))
        for code in ("AF", "PK"):
            self._say.until(f"{code} has the data", lambda c=code: self._view(c)["state"] == "accepted")
        self._say.held("one declaration, one guarantee: Hairatan, Torkham and Karachi have it before the truck leaves")
        self._act("UZ/tashkent", "start", I9(self._movement, 0, "op-uz", 1, self._stamp("UZTAS")))
        change = SealChange(
            self._movement, self._stamp("UZTER"), "replaced", "UZ-0001", SealMark("UZ-0002"), "bolt sheared on the road"
        )
        self._act("UZ/termez", "seal", change)
        self._act("UZ/termez", "terminate", I11(self._movement, 0, "op-uz", self._stamp("UZTER")))
        self._say.held("at Termez a seal is found sheared and re-fixed", that=self._view("UZ")["seals"] == ["UZ-0002"])

    def _delegate(self, key: Ed25519PrivateKey, office: str) -> SignedDelegation:
        now = datetime.now(UTC)
        with self._corridor.client("AF", "customs") as client:
            raw = client.transit.delegate(office, key.public.raw, now, now + timedelta(days=30))
        return msgspec.msgpack.decode(raw, type=SignedDelegation)

    def _cross_offline(self) -> None:
        key = Ed25519PrivateKey(SystemEntropy().random(32))
        posts = {office: self._delegate(key, office) for office in ("AFHRT", "AFRKH")}
        codes = self._write_papers()
        self._corridor.stop("AF")
        self._say.tell("Afghanistan's gateway is off. The posts at Hairatan and Torkham have the truck's paper only.")
        trust = post.trust_of(read_history(self._corridor.path("AF"), SystemClock()))
        scanner = Scanner("AFHRT", trust, post.read_header)
        verdict = scanner.scan(join(codes[1:]), datetime.now(UTC))
        self._say.held(
            f"Hairatan scans it, one code torn off: {verdict.answer.value}, {' '.join(self._seals(verdict.paper))}",
            that=verdict.answer is Answer.VALID and verdict.may_start == 1,
        )
        begun = I9(self._movement, 1, "op-af", 2, self._stamp("AFHRT", offline=True))
        ended = I11(self._movement, 1, "op-af", self._stamp("AFRKH", offline=True))
        acts: tuple[tuple[Event, str], ...] = ((begun, "AFHRT"), (ended, "AFRKH"))
        self._carried = [sign_event(event, posts[office], key.sign) for event, office in acts]
        with self._corridor.client("PK", "torkham") as client:
            answers = client.transit.carry_in(self._carried)
        self._say.held(
            "its signed acts travel with the truck: Pakistan's Torkham takes them",
            that=[item["answer"] for item in answers] == ["valid", "valid"],
        )

    @staticmethod
    def _seals(paper: Any) -> tuple[str, ...]:
        return () if paper is None else tuple(paper.seals)

    def _write_papers(self) -> list[str]:
        with self._corridor.client("UZ", "customs") as client:
            codes = client.transit.paper(self._movement, "UZTER", "codes").decode("ascii").splitlines()
            (self._papers / "paper.pdf").write_bytes(client.transit.paper(self._movement, "UZTER", "pdf"))
            for number in range(1, len(codes) + 1):
                picture = client.transit.paper(self._movement, "UZTER", "png", number)
                (self._papers / f"code-{number}.png").write_bytes(picture)
        self._say.tell(f"The accompanying document, {len(codes)} QR codes, stays in {self._papers}/: PDF and PNG.")
        return codes

    def _close_torkham(self) -> None:
        closure = Closure(str(uuid.uuid4()), TORKHAM, self._stamp("PKTOR", ago=CLOSED_FOR), "closed by order")
        self._do("PK/customs", "/v1/crossings/close", closure)
        for code in ("PK", "UZ"):
            self._say.until(f"{code} stops the clocks", lambda c=code: self._view(c).get("stopped", False))
        self._say.held("Torkham has been closed for a day: deadlines and guarantee stand still wherever the news came")
        self._corridor.start("AF")
        self._do("PK/customs", "/v1/crossings/reopen", Reopening(closure.id, TORKHAM, self._stamp("PKTOR")))
        with self._corridor.client("AF", "hairatan") as client:
            client.transit.carry_in(self._carried)
        for code in NAMES:
            self._say.until(f"{code} runs the clocks", lambda c=code: not self._view(c).get("stopped", False))
            self._wait(code, 1, "terminated")
        self._say.held("Torkham is open again, Afghanistan is back: all three agree on a leg that was driven offline")

    def _release(self) -> None:
        """Released if and only if paid: the payment of the duty hands over the goods."""
        self._duty.fund()
        self._act("PK/karachi", "charge", self._duty.charge(self._movement, self._stamp("PKKHI")))
        asked = self._act("PK/karachi", "release", Release(self._stamp("PKKHI")))["answer"]
        self._say.held(
            "Karachi does not hand over the goods: the duty of PKR 600,000.00 is not paid",
            that=asked == {"release": "awaiting", "awaiting": ["duty paid"]},
        )
        payment = self._duty.pay(self._view("PK")["ucr"])
        self._say.until("the duty is credited in Karachi", lambda: self._duty.credited(payment))
        self._say.held(
            "a bank in Tashkent pays it to a bank in Karachi: the credit releases the goods in its own transaction",
            that=self._view("PK")["release"] == "released",
        )

    def _arrive(self) -> None:
        self._act("PK/torkham", "start", I9(self._movement, 2, "op-pk", 3, self._stamp("PKTOR")))
        self._act("PK/karachi", "terminate", I11(self._movement, 2, "op-pk", self._stamp("PKKHI")))
        self._release()
        for leg, who, office, operation in (
            (0, "UZ/tashkent", "UZTAS", "op-uz"),
            (1, "AF/hairatan", "AFHRT", "op-af"),
            (2, "PK/karachi", "PKKHI", "op-pk"),
        ):
            self._act(who, "discharge", I13(self._movement, leg, operation, self._stamp(office)))
        for code in NAMES:
            self._say.until(f"{code} is done", lambda c=code: self._view(c)["state"] == "discharged")
        views = [self._view(code) for code in NAMES]
        print_movement(views[0])
        same = all(view["timeline"] == views[0]["timeline"] for view in views)
        self._say.held("discharged: three gateways hold the same timeline, and nothing disagrees", that=same)
        with self._corridor.client("UZ", freight.CHAIN.partition("/")[2]) as chain:
            exposed = chain.call("GET", "/v1/guarantees/exposure")
        free = all(item["exposure"]["in_use_minor"] == 0 == item["exposure"]["reserved_minor"] for item in exposed)
        self._say.held("the guarantee is free in every country", that=free)
