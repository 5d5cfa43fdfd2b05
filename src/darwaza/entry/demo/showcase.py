"""The corridor as people meet it: gateways of the CAREC profile on this machine, sample parties, logins and traffic.

The demo ends with it, the screenshots are taken of it, and the browser tests click through it. Everything goes through
the gateways' HTTP interface, as it would come from the parties' own systems.
"""

import itertools
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from darwaza import profile
from darwaza.adapters.keyfile.account import Account, AccountFile
from darwaza.bootstrap import ACCOUNT_FILE, profile_folder, read_reference
from darwaza.client.answer.transit import Done
from darwaza.entry.cli.connection import TOKEN_FOLDER
from darwaza.entry.cli.output import console
from darwaza.entry.console.pages.story import DEMO_FILE
from darwaza.entry.console.password import hash_password
from darwaza.entry.demo.banks import SUSPECT, SampleBanks
from darwaza.entry.local import LocalCorridor
from darwaza.entry.sample import document as sample
from darwaza.entry.sample import freight
from darwaza.services.transit.guarantee import Register
from darwaza.services.transit.message import Accept
from darwaza.standards.etir.internal import I9, I11, I13
from darwaza.standards.etir.value import Actor, Declaration, SealMark, Vehicle
from darwaza.standards.iso20022.party import Address, Party

PASSWORD = "caravan of the silk road"  # noqa: S105 - of sample accounts on this machine, printed beside each
UCR_PREFIX = "6UZ"
DIRECT = (("KZ", "PK"), ("PK", "UZ"))
"""Links of the sample over leased capacity, beside those over the profile's crossings: the payments go over them."""


class Person(msgspec.Struct, frozen=True):
    """A sample account: login, party, roles of the party, name."""

    login: str
    party: str
    roles: tuple[str, ...]
    name: str


PEOPLE: dict[str, tuple[Person, ...]] = {
    "PK": (
        Person("asma", "torkham", ("customs", "office PKTOR"), "Asma Khan"),
        Person("imran", "karachi", ("customs", "office PKKHI"), "Imran Siddiqui"),
        Person("nadia", "customs", ("customs", "supervisor"), "Nadia Malik"),
        Person("bilal", "indus-bank", (), "Bilal Ahmed"),
        Person("saima", "sbp", ("compliance",), "Saima Qureshi"),
        Person("hamid", "sbp", ("compliance",), "Hamid Butt"),
        Person("hina", "operator", ("operator", "auditor"), "Hina Raza"),
        Person("omar", "audit", ("auditor",), "Omar Farooq"),
        Person("sana", "plant-protection", ("agency",), "Sana Tariq"),
    ),
    "UZ": (
        Person("dilnoza", "tashkent", ("customs", "office UZTAS"), "Dilnoza Yusupova"),
        Person("jasur", "termez", ("customs", "office UZTER"), "Jasur Tashkentov"),
        Person("customs", "customs", ("customs", "supervisor"), "Rustam Aliev"),
        Person("rustam", "silk-road-trans", ("holder",), "Rustam Karimov"),
        Person("aircuz", "aircuz", ("guarantee-chain",), "AIRCUZ"),
        Person("malika", "chorsu-bank", (), "Malika Saidova"),
        Person("uz-operator", "operator", ("operator", "auditor"), "Aziz Rahimov"),
    ),
    "AF": (
        Person("farid", "hairatan", ("customs", "office AFHRT"), "Farid Noori"),
        Person("zahra", "torkham", ("customs", "office AFRKH"), "Zahra Ahmadi"),
        Person("af-customs", "customs", ("customs", "supervisor"), "Wali Khan"),
        Person("af-operator", "operator", ("operator", "auditor"), "Najib Safi"),
    ),
}
OTHERS = (
    Person("operator", "operator", ("operator", "auditor"), ""),
    Person("customs", "customs", ("customs", "supervisor"), ""),
)

WAIT_S = 0.2
TRUCKS_MAX = 12
"""Trucks under way at a time in steady traffic."""
ACTS_BETWEEN = 5
PACE_S = 2.0

GOODS = (
    ("Toshkent Meva OOO", "Karachi Dry Fruit Traders"),
    ("Samarqand Ipak", "Lahore Textiles Ltd"),
    ("Farg'ona Pista", "Rawalpindi Nut House"),
)


def carec(folder: Path, codes: Iterable[str] = (), *, cables: bool = False) -> LocalCorridor:
    """Found the CAREC corridor, or the part of it between some of its members, with sample parties and accounts."""
    base = profile_folder(folder, "carec")
    known = profile.parse((base / "corridor.toml").read_text("utf-8"))
    wanted = set(codes) or {member.code for member in known.members}
    names = {member.code: member.name for member in known.members if member.code in wanted}
    links = {link.ends for link in known.links if set(link.ends) <= wanted}
    links |= {ends for ends in DIRECT if set(ends) <= wanted}
    corridor = LocalCorridor(folder, names, links=sorted(links), witnesses=1, name=known.name, cables=cables)
    secret = hash_password(PASSWORD)
    for code in names:
        accounts = AccountFile(corridor.path(code) / ACCOUNT_FILE)
        for person in PEOPLE.get(code, OTHERS):
            if not (corridor.path(code) / TOKEN_FOLDER / person.party).exists():
                corridor.add_party(code, person.party, *person.roles)
            accounts.put(Account(person.login, person.party, person.name, secret))
    tell_story(corridor)
    return corridor


def tell_story(corridor: LocalCorridor) -> None:
    """Write what the guided first page of each gateway shows."""
    people = [
        {"member": code, "login": person.login, "name": person.name, "party": person.party}
        for code in corridor.names
        for person in PEOPLE.get(code, OTHERS)
    ]
    urls = {code: f"https://127.0.0.1:{corridor.port(code)}" for code in corridor.names}
    for code in corridor.names:
        path = corridor.path(code) / DEMO_FILE
        path.write_bytes(msgspec.json.encode({"password": PASSWORD, "people": people, "urls": urls}))


def stay(folder: Path) -> None:
    """Run the whole corridor with sample traffic until Ctrl-C; prints where its pages are and who may sign in."""
    console.print("\nNow the CAREC corridor starts, with sample parties and trucks (half a minute) …")
    corridor = carec(folder)
    traffic = Traffic(corridor)
    try:
        corridor.start()
        traffic.populate()
        console.print("\n[bold]Open in a browser[/] (each gateway certifies itself, so the browser warns once):\n")
        console.print(f"    [bold]https://127.0.0.1:{corridor.port('PK')}/[/]    the corridor in five clicks\n")
        for code, people in PEOPLE.items():
            url = f"https://127.0.0.1:{corridor.port(code)}/"
            console.print(f"  {code}  {url}  " + ", ".join(f"{one.login} ({one.party})" for one in people))
        console.print(f"\nPassword of all of them: [bold]{PASSWORD}[/]\nThe corridor stays up until you press Ctrl-C.")
        traffic.run(lambda: False)
    except KeyboardInterrupt:
        console.print("\nStopped.")
    finally:
        corridor.close()


class Traffic:
    """Trucks and papers on the way, driven one act at a time.

    Attributes:
        movements: ids of those begun, oldest first.
    """

    def __init__(self, corridor: LocalCorridor) -> None:
        self._corridor = corridor
        base = profile_folder(corridor.folder, "carec")
        self._register = read_reference(base).register
        self._count = itertools.count(1)
        self.movements: list[str] = []
        self._jobs: list[Iterator[None]] = []
        self._payments = 0
        self._banks = SampleBanks(corridor)

    # --- talking ---

    def _do(self, who: str, path: str, body: Any) -> Done:
        code, _, party = who.partition("/")
        with self._corridor.client(code, party) as client:
            return client.command(path, body)

    def _act(self, who: str, movement: str, kind: str, body: Any) -> Done:
        return self._do(who, f"/v1/transit/{movement}/{kind}", body)

    def _status(self, code: str, movement: str, leg: int) -> str:
        with self._corridor.client(code, "customs") as client:
            legs = client.transit.movement(movement).get("legs", [])
        return str(legs[leg]["status"]) if leg < len(legs) else ""

    def _stamp(self, office: str, ago: timedelta = timedelta()) -> Any:
        return freight.stamp(self._register, office, datetime.now(UTC) - ago)

    # --- trucks ---

    def declaration(self) -> tuple[str, Declaration]:
        """Register a guarantee and write the declaration of the next truck under it."""
        number, now, movement = next(self._count), datetime.now(UTC), str(uuid.uuid4())
        consignor, consignee = GOODS[number % len(GOODS)]
        terms = freight.carnet(f"JX{95_000_000 + number}", now)
        self._do(freight.CHAIN, "/v1/guarantees", Register(terms, freight.HOLDER_PARTY))
        declared = msgspec.structs.replace(
            freight.declaration(movement, terms, now, goods=1 + number % 3),
            ucr=f"{UCR_PREFIX}{now:%y}DRYFRUIT{number:06d}",
            consignor=Actor("UZ-301002", consignor, "UZ"),
            consignee=Actor("PK-4210101", consignee, "PK"),
            vehicles=(
                Vehicle("truck", f"01{'ABCDEFGH'[number % 8]}{120 + number}BC", "UZ"),
                Vehicle("trailer", f"01{4500 + number}AA", "UZ"),
            ),
        )
        return movement, declared

    def lodge(self) -> str:
        """Let the next truck's declaration be lodged and accepted; returns the movement."""
        movement, declared = self.declaration()
        self._do(freight.HOLDER_PARTY, "/v1/transit", declared)
        seal = SealMark(f"UZ-{len(self.movements) + 1:04d}")
        self._act("UZ/tashkent", movement, "accept", Accept(self._stamp("UZTAS"), (seal,)))
        self.movements.append(movement)
        return movement

    def drive(self, movement: str, stops: int) -> Iterator[None]:
        """Drive a truck, one act at a time; at each act it waits until the next office has heard of it.

        Args:
            movement: accepted.
            stops: after so many acts, of six.
        """
        acts = (
            ("UZ/tashkent", "start", lambda: I9(movement, 0, "op-uz-" + movement[:8], 1, self._stamp("UZTAS"))),
            ("UZ/termez", "terminate", lambda: I11(movement, 0, "op-uz-" + movement[:8], self._stamp("UZTER"))),
            ("AF/hairatan", "start", lambda: I9(movement, 1, "op-af-" + movement[:8], 2, self._stamp("AFHRT"))),
            ("AF/torkham", "terminate", lambda: I11(movement, 1, "op-af-" + movement[:8], self._stamp("AFRKH"))),
            ("PK/torkham", "start", lambda: I9(movement, 2, "op-pk-" + movement[:8], 3, self._stamp("PKTOR"))),
            ("PK/karachi", "terminate", lambda: I11(movement, 2, "op-pk-" + movement[:8], self._stamp("PKKHI"))),
        )
        for number, (who, kind, body) in enumerate(acts[:stops]):
            leg = number // 2
            while self._status(who[:2], movement, 0) == "":
                yield
            while kind == "start" and leg and self._status(who[:2], movement, leg - 1) != "terminated":
                yield
            self._act(who, movement, kind, body())
            yield
        if stops >= len(acts):
            for leg, who, office in (
                (0, "UZ/tashkent", "UZTAS"),
                (1, "AF/hairatan", "AFHRT"),
                (2, "PK/karachi", "PKKHI"),
            ):
                while self._status(who[:2], movement, leg) != "terminated":
                    yield
                operation = f"op-{who[:2].lower()}-{movement[:8]}"
                self._act(who, movement, "discharge", I13(movement, leg, operation, self._stamp(office)))
                yield

    # --- papers ---

    def send_paper(self, movement: str, ucr: str) -> None:
        """Send an invoice that goes with a consignment from the carrier's side to customs at the destination."""
        folder = self._corridor.folder / "papers"
        folder.mkdir(exist_ok=True)
        path = folder / f"invoice-{movement[:8]}.pdf"
        path.write_bytes(sample.invoice(["Invoice", "Dried fruit", f"UCR {ucr}"]))
        with self._corridor.client("UZ", "silk-road-trans") as client:
            client.send_document(path, to="PK/customs", title=f"Invoice {movement[:8]}", ucr=ucr)
        certificate = folder / f"ephyto-{movement[:8]}.xml"
        certificate.write_bytes(sample.phytosanitary_certificate(f"UZ-{movement[:8].upper()}"))
        with self._corridor.client("UZ", "silk-road-trans") as client:
            client.send_document(certificate, to="PK/plant-protection", title="Phytosanitary certificate", ucr=ucr)

    # --- all together ---

    def populate(self, trucks: int = 9, payments: int = 6) -> None:
        """Put trucks everywhere on the way, with their papers, and payments in every state."""
        self._banks.open()
        for number in range(trucks):
            movement = self.lodge()
            self.send_paper(movement, f"{UCR_PREFIX}{datetime.now(UTC):%y}DRYFRUIT{number + 1:06d}")
            self._jobs.append(self.drive(movement, number % 7))
        while self._jobs:
            self.step()
        while self._payments < payments:
            self._pay()
        self._banks.pay(99, confirm=False, debtor=Party(name=SUSPECT, address=Address(town="Karachi", country="PK")))

    def _pay(self) -> None:
        if self._banks.pay(self._payments, remittance=(self._purpose(),)):
            self._payments += 1
        else:
            time.sleep(WAIT_S)  # the providers' money is still on its way over the link

    def _purpose(self) -> str:
        """What a payment says it is for: the goods of one of the trucks, by their UCR and the invoice's number."""
        number = 1 + self._payments % max(1, len(self.movements))
        return f"/UCR/{UCR_PREFIX}{datetime.now(UTC):%y}DRYFRUIT{number:06d}/REF/INV-{number:04d}"

    def step(self) -> None:
        """Let one act of every truck under way happen."""
        for job in list(self._jobs):
            if next(job, StopIteration) is StopIteration:
                self._jobs.remove(job)

    def run(self, until: Callable[[], bool]) -> None:
        """Go on: a truck sets off now and then, each goes on act by act, and a payment goes with each."""
        while not until():
            if len(self._jobs) < TRUCKS_MAX:
                movement = self.lodge()
                self.send_paper(movement, f"{UCR_PREFIX}{datetime.now(UTC):%y}DRYFRUIT{len(self.movements):06d}")
                self._jobs.append(self.drive(movement, 6))
            self._banks.pay(self._payments, remittance=(self._purpose(),))
            self._payments += 1
            for _ in range(ACTS_BETWEEN):
                self.step()
                time.sleep(PACE_S)
                if until():
                    return
