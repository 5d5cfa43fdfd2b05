"""Puts a gateway together from its folder. With ``storage`` the only file that names concrete adapters.

A gateway's folder::

    darwaza.toml      configuration, see ``darwaza.config.GatewayConfig``
    card.json         this member's entry for the corridor document
    corridor/         the corridor document, one file a version: 1.note, 2.note, …, and ``anchor``
    keys/             log, witness, seal and TLS keys; the vote key until it is taken off line
    parties.json      who is served
    accounts.json     who signs in to the console; beside it the console's sessions and its audit trail
    routing.toml      what is said of the links, and the home rules (``RoutingConfig``); may be absent
    authorised.toml   holders of this member, and chains served elsewhere; may be absent
    risk.toml         which movements its customs inspect (``services.transit.risk``); may be absent
    payments.toml     who takes part in payments and on what terms (``services.payments.planfile``); may be absent
    deposits.csv      money booked in and out, to be booked again after a loss (``services.payments.deposit``)
    lists/            names that payments are screened against (``services.payments.lists``); may be absent
    darwaza.db        everything the gateway knows, unless a PostgreSQL database holds it
"""

import asyncio
import sqlite3
import ssl
import tomllib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from darwaza.adapters.http.screening import HttpScreening
from darwaza.adapters.http.transport import HttpTransport
from darwaza.adapters.http.webhook import HttpWebhook
from darwaza.adapters.keyfile.certificate import follow_certificate, self_signed, write_tls
from darwaza.adapters.keyfile.keys import KeyFiles
from darwaza.adapters.keyfile.party import PartyFile
from darwaza.adapters.sqlite.connection import Connect
from darwaza.adapters.system.clock import SystemClock, SystemEntropy
from darwaza.config import CONFIG_FILE, GatewayConfig
from darwaza.engine.engine import Engine
from darwaza.engine.fsck import Finding, examine
from darwaza.engine.intake import Keep, PlaceOrders
from darwaza.engine.loop import Loop
from darwaza.engine.probe import LinkTerms
from darwaza.engine.site import Site
from darwaza.engine.trust import Trust
from darwaza.engine.watch import DRAINED, KEPT, Watch
from darwaza.errors import DarwazaError, MessageError, OperatorError
from darwaza.kernel.history import History
from darwaza.kernel.machine import Refusal, Service
from darwaza.kernel.member import Card, GatewayAddress, Keys, Role, check_card
from darwaza.kernel.sealcard import Published
from darwaza.ledger.order import AmendAccount, Order
from darwaza.ports.clock import Clock
from darwaza.screening import read_lists
from darwaza.services import documents, payments, sealing
from darwaza.services.payments.cycle import netting_service
from darwaza.services.payments.deposit import read_deposits
from darwaza.services.payments.plan import Directory, Plan, opening
from darwaza.services.payments.planfile import NO_PLAN, load_plan
from darwaza.services.payments.screening import Screener, nobody_listed, then_later
from darwaza.services.transit.authorised import NOBODY, Authorised, load_authorised
from darwaza.services.transit.check import Reference
from darwaza.services.transit.crossing import load_register
from darwaza.services.transit.hs import load_hs
from darwaza.services.transit.machine import services as transit_services
from darwaza.services.transit.regime import load_regimes
from darwaza.services.transit.risk import RiskProfile, load_risk
from darwaza.storage import open_store

PARTY_FILE = "parties.json"
KEY_FOLDER = "keys"
CORRIDOR_FOLDER = "corridor"
CARD_FILE = "card.json"
CERTIFICATE_DAYS = 3_650
TLS_ROLE = "tls"
ANCHOR_FILE = "anchor"
RISK_FILE = "risk.toml"
AUTHORISED_FILE = "authorised.toml"
ACCOUNT_FILE = "accounts.json"
ROUTING_FILE = "routing.toml"
PLAN_FILE = "payments.toml"
DEPOSIT_FILE = "deposits.csv"
CYCLE_META = "cycle_s"
"""Where the store keeps how long the settlement cycles are that the gateway counts."""
PROFILES = "profiles"
"""Folder of the packaged profiles: inside the package in an installed wheel, at the top of a checkout."""

SERVICES: Sequence[Service] = (documents.SERVICE, sealing.SERVICE)
"""Services that need no data of the corridor; ``services_of`` gives all."""


def profile_folder(folder: Path, name: str) -> Path:
    """Where a gateway's corridor data lie; see ``GatewayConfig.profile``."""
    if "/" in name:
        return folder / name
    packaged = Path(__file__).parent / PROFILES / name
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / PROFILES / name


def read_reference(profile: Path, folder: Path | None = None) -> Reference:
    """Read the data the transit rules refer to: regimes, crossings, offices, editions of the Harmonized System.

    The editions lie in the profile's folder, or beside it where several profiles share them; whom the member authorises
    in ``folder``, the gateway's own.

    Raises:
        OperatorError: ``profile_missing``; ``register_wrong``, naming every problem of a file.
    """
    register = load_register(_read_toml(profile / "crossings.toml"), _read_toml(profile / "offices.toml"))
    editions = sorted(profile.glob("hs*.toml")) or sorted(profile.parent.glob("hs*.toml"))
    hs = tuple(load_hs(_read_toml(path)) for path in editions)
    allowed = NOBODY if folder is None else read_authorised(folder)
    return Reference(load_regimes(_read_toml(profile / "regimes.toml")), register, hs, authorised=allowed)


def read_authorised(folder: Path) -> Authorised:
    """Read ``authorised.toml`` of a gateway's folder, which may be absent."""
    path = folder / AUTHORISED_FILE
    return load_authorised(_read_toml(path)) if path.exists() else NOBODY


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as fault:
        raise OperatorError(f"{path} cannot be read: {fault.strerror}", code="profile_missing") from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise OperatorError(f"{path} is not TOML: {fault}", code="register_wrong") from fault


def services_of(reference: Reference, plan: Plan, screen: Screener = nobody_listed) -> tuple[Service, ...]:
    """Return every service of a gateway with these data."""
    return (*SERVICES, payments.service(plan, screen), netting_service(plan), *transit_services(reference))


def read_plan(folder: Path) -> Plan:
    """Read a gateway's payments plan; one that nobody takes part in when there is no file.

    Raises:
        OperatorError: ``plan_wrong`` and others.
    """
    path = folder / PLAN_FILE
    return load_plan(_read_toml(path)) if path.exists() else NO_PLAN


class RoutingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator says about routing, in ``routing.toml``.

    Attributes:
        home_rules: what may be done with this member's data and its gateway, see ``kernel.locality``.
        links: terms of the own links, by neighbour.
    """

    home_rules: str = ""
    links: dict[str, LinkTerms] = {}


class Gateway:
    """One member's gateway, put together.

    Attributes:
        folder: where it lives.
        config: as read.
        keys: its keys.
        parties: whom it serves.
        reference: data of its corridor that the transit rules refer to.
        risk: rules by which its customs inspects; none without a ``risk.toml``.
        directory: who takes part in payments; nobody without a ``payments.toml``.
        engine: what decides and remembers.
        watch: what watches its links.
    """

    def __init__(self, folder: Path, *, clock: Clock | None = None, connect: Connect = sqlite3.connect) -> None:
        """Open the gateway in a folder.

        Args:
            folder: see the module.
            clock: tells the time; the machine's if not given.
            connect: opens the database; tests give one that fails on purpose.

        Raises:
            OperatorError: something in the folder is missing, wrong or in use.
        """
        self.folder = folder
        self.config = GatewayConfig.load(folder / CONFIG_FILE)
        self.keys = KeyFiles(folder / KEY_FOLDER)
        self.parties = PartyFile(folder / PARTY_FILE)
        self.parties.refresh()
        self.reference = read_reference(profile_folder(folder, self.config.profile), folder)
        risk = folder / RISK_FILE
        self.risk = load_risk(_read_toml(risk)) if risk.exists() else RiskProfile((), 0)
        self.directory = Directory(read_plan(folder))
        self.clock = clock or SystemClock()
        self.entropy = SystemEntropy()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._store = open_store(folder, self.config, connect)
        try:
            self.engine = Engine(self._site(), self._store)
            self.watch = self._watch()
            self._open_accounts()
        except BaseException:
            self._store.close()
            raise

    def _site(self) -> Site:
        trust = Trust(read_history(self.folder, self.clock, [note for _, note in self._store.documents()]))
        card = trust.current.card(self.config.member)
        if card is None:
            raise OperatorError(f"{self.config.member} is not in the corridor document", code="not_a_member")
        follow_certificate(self.folder / KEY_FOLDER, card)
        return Site(
            member=self.config.member,
            keys=self.keys,
            clock=self.clock,
            entropy=self.entropy,
            services=services_of(self.reference, self.directory.plan, self._screener()),
            party_known=self._party_known,
            trust=trust,
            published=self._published,
        )

    def _screener(self) -> Screener:
        listed = read_lists(self.folder)
        return then_later(listed) if self.config.screener_url else listed

    def screening(self) -> HttpScreening | None:
        """The screener outside the gateway, if it has one."""
        return HttpScreening(self.config.screener_url) if self.config.screener_url else None

    def webhook(self) -> HttpWebhook:
        """Calls parties at their addresses."""
        return HttpWebhook()

    def _open_accounts(self) -> None:
        """Open the accounts that the payments plan asks for and that do not exist, and follow changed limits."""
        if self.config.member not in self.directory.currencies:
            return
        self._keep_cycles()
        wanted = {order.id: order for order in opening(self.directory, self.config.member)}
        held = {terms.id: terms for terms, _ in self._store.accounts(wanted)}
        orders: list[Order] = [order for order in wanted.values() if order.id not in held]
        orders += [
            AmendAccount(order.id, order.floor_minor, order.ceiling_minor)
            for order in wanted.values()
            if order.id in held and held[order.id].floor_minor != order.floor_minor
        ]
        if orders:
            (outcome,) = self.engine.run([PlaceOrders(tuple(orders))])
            if isinstance(outcome, Refusal | DarwazaError):
                raise OperatorError(f"the accounts of payments cannot be opened: {outcome.detail}", code=outcome.code)
        self._book_deposits()

    def _keep_cycles(self) -> None:
        """Hold the plan to the length of the first cycle: with another, numbers told before would mean other times."""
        wanted = str(self.directory.plan.cycle_s).encode()
        kept = self._store.meta(CYCLE_META)
        if kept is None:
            self.engine.run([Keep({CYCLE_META: wanted})])
        elif kept != wanted:
            detail = f"cycle_s is {wanted.decode()} and has been {kept.decode()}: it stays as it was"
            raise OperatorError(f"the payments plan cannot be used: {detail}", code="plan_wrong")

    def _book_deposits(self) -> None:
        """Book the list in the folder before any neighbour is heard; what is booked already changes nothing.

        A withdrawal of money that a payment brought is refused here: the operator books it again when that is back.
        """
        path = self.folder / DEPOSIT_FILE
        if path.exists():
            text = path.read_text("utf-8")
            orders = [(order,) for order in read_deposits(text, self.directory, self.config.member)]
            self.engine.run([PlaceOrders(one) for one in orders])

    def _party_known(self, address: str) -> bool:
        member, _, name = address.partition("/")
        return member == self.config.member and self.parties.known(name)

    def _published(self, address: str) -> Published | None:
        member, _, name = address.partition("/")
        party = self.parties.party(name) if member == self.config.member else None
        return None if party is None else party.sealing

    def address(self, party_name: str) -> str:
        """The full address of a party served here."""
        return f"{self.config.member}/{party_name}"

    def transport(self) -> HttpTransport:
        """Connections to the other gateways."""
        return HttpTransport(
            member=self.config.member,
            key=lambda: self.keys.log,
            corridor=lambda: self.engine.site.trust.current.name,
            card=self.card,
            now=self.clock.now,
        )

    def card(self, code: str) -> Card | None:
        """A member's card as of now."""
        return self.engine.site.trust.current.card(code)

    def loop(self, transport: HttpTransport) -> Loop:
        """The engine inside the running asyncio program."""
        asyncio.get_running_loop()
        return Loop(self.engine, transport, self.watch)

    def _watch(self) -> Watch:
        """What watches the links, with what the operator says of them in ``routing.toml``."""
        file = self.folder / ROUTING_FILE
        try:
            said = msgspec.convert(_read_toml(file) if file.exists() else {}, RoutingConfig)
            return Watch(
                self.engine.site,
                terms=said.links,
                home=said.home_rules if file.exists() else None,
                kept=self._store.meta(KEPT),
                drained=self._store.meta(DRAINED) == b"1",
            )
        except (msgspec.ValidationError, MessageError) as fault:
            raise OperatorError(f"{file}: {fault}", code="routing_wrong") from fault

    def tls(self) -> ssl.SSLContext:
        """How the gateway shows itself to whoever connects."""
        self._context.minimum_version = ssl.TLSVersion.TLSv1_3
        folder = self.folder / KEY_FOLDER
        try:
            self._context.load_cert_chain(folder / "tls.pem", folder / "tls.key")
        except OSError as fault:
            raise OperatorError(f"the TLS key or certificate cannot be used: {fault}", code="tls_missing") from fault
        return self._context

    def renew_tls(self) -> None:
        """Show a renewed certificate from the next connection on, if the card in force names one."""
        card = self.card(self.config.member)
        if card is not None and follow_certificate(self.folder / KEY_FOLDER, card):
            self.tls()

    def close(self) -> None:
        """Release the folder."""
        self._store.close()


def read_history(folder: Path, clock: Clock, stored: Sequence[bytes] = ()) -> History:
    """Read the corridor document's versions: those the store admitted, else those in the folder.

    Raises:
        OperatorError: ``corridor_missing``, ``corridor_wrong``.
    """
    corridor = folder / CORRIDOR_FOLDER
    files = sorted(corridor.glob("*.note"), key=lambda path: int(path.stem) if path.stem.isdigit() else 0)
    try:
        anchor = (corridor / ANCHOR_FILE).read_text("ascii").strip()
        notes = [path.read_bytes() for path in files]
    except OSError as fault:
        raise OperatorError(f"the corridor document cannot be read: {fault}", code="corridor_missing") from fault
    if not notes:
        raise OperatorError(f"there is no corridor document in {corridor}", code="corridor_missing")
    try:
        history = History.begin(notes[0], anchor, clock.now())
        for note in [*notes[1:], *stored]:
            history = history.admit(note, clock.now())
    except MessageError as fault:
        raise OperatorError(
            f"the corridor document in {corridor} is wrong: {fault.detail}", code="corridor_wrong"
        ) from fault
    return history


def found_gateway(
    folder: Path, *, member: str, name: str, urls: Sequence[str], host: str, port: int, store: str = ""
) -> Path:
    """Make the folder of a new gateway: configuration, keys, certificate, card.

    Args:
        folder: to be made.
        member: its code.
        name: of the member, for people.
        urls: where other gateways reach this one, the preferred one first; several where it has several lines.
        host: to listen on.
        port: to listen on.
        store: URL of a PostgreSQL database; "" for a file in the folder.

    Returns:
        The card's file, for whoever drafts the corridor document.

    Raises:
        OperatorError: ``keys_exist`` and others; what exists is never overwritten.
    """
    entropy, now = SystemEntropy(), SystemClock().now().replace(microsecond=0)
    config_file = folder / CONFIG_FILE
    if config_file.exists():
        raise OperatorError(f"{folder} holds a gateway already", code="gateway_exists")
    keys = KeyFiles.create(folder / KEY_FOLDER, entropy)
    end = now + timedelta(days=CERTIFICATE_DAYS)
    certificate = _write_certificate(folder / KEY_FOLDER, member=member, urls=urls, now=now)
    second = keys.log_mldsa44
    card = Card(
        code=member,
        name=name,
        roles=(Role.ENDPOINT, Role.RELAY, Role.WITNESS),
        valid_from=now,
        valid_until=end,
        addresses=tuple(GatewayAddress(url, certificate) for url in urls),
        keys=Keys(
            vote=keys.vote.public.raw,
            log=keys.log.public.raw,
            witness=keys.witness.public.raw,
            seal=keys.seal.public,
            log_mldsa44=None if second is None else second.public.raw,
        ),
    )
    check_card(card, "")
    card_file = _write_card(folder, card)
    GatewayConfig(member=member, host=host, port=port, store=store).save(config_file)
    return card_file


def _write_certificate(folder: Path, *, member: str, urls: Sequence[str], now: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    serial = int.from_bytes(SystemEntropy().random(16), "big") | 1
    hosts = list(dict.fromkeys(urlsplit(url).hostname or "localhost" for url in urls))
    end = now + timedelta(days=CERTIFICATE_DAYS)
    certificate = self_signed(key, name=member, hosts=hosts, serial=serial, begin=now, end=end)
    write_tls(folder, key, certificate)
    return certificate


def _write_card(folder: Path, card: Card) -> Path:
    path = folder / CARD_FILE
    path.write_bytes(msgspec.json.format(msgspec.json.encode(card)) + b"\n")
    return path


def renew_keys(folder: Path, roles: Sequence[str]) -> Path:
    """Make new keys ready beside those in use, and a card that names them.

    Args:
        folder: of the gateway, which may run.
        roles: of ``KeyRole``, or ``tls``.

    Returns:
        The card's file, for ``darwaza corridor propose``.

    Raises:
        OperatorError: ``keys_exist``: such a key waits already; ``corridor_missing``, ``not_a_member``.
    """
    member = GatewayConfig.load(folder / CONFIG_FILE).member
    keys, now = KeyFiles(folder / KEY_FOLDER), SystemClock().now().replace(microsecond=0)
    card = read_history(folder, SystemClock()).latest.card(member)
    if card is None:
        raise OperatorError(f"{member} is not in the corridor document", code="not_a_member")
    public: dict[str, bytes | None] = {}
    for role in roles:
        if role != TLS_ROLE:
            keys.renew(role, SystemEntropy())
            public[role] = keys.next.public(role)
            continue
        keys.next.folder.mkdir(mode=0o700, exist_ok=True)
        urls = [address.url for address in card.addresses]
        certificate = _write_certificate(keys.next.folder, member=member, urls=urls, now=now)
        card = msgspec.structs.replace(card, addresses=tuple(GatewayAddress(url, certificate) for url in urls))
    card = msgspec.structs.replace(card, keys=msgspec.structs.replace(card.keys, **public))
    check_card(card, "")
    return _write_card(folder, card)


def examine_store(folder: Path, progress: Callable[[int, int], None]) -> list[Finding]:
    """Examine the store of a stopped gateway; see ``engine.fsck``.

    Raises:
        OperatorError: ``store_in_use`` and others.
    """
    settings = GatewayConfig.load(folder / CONFIG_FILE)
    store = open_store(folder, settings)
    try:
        notes = [note for _, note in store.documents()]
        trust = Trust(read_history(folder, SystemClock(), notes))
        reference = read_reference(profile_folder(folder, settings.profile), folder)
        services = services_of(reference, read_plan(folder))
        return examine(store, member=settings.member, trust=trust, services=services, progress=progress)
    finally:
        store.close()
