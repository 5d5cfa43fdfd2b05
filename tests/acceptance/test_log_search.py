"""A busy day of three real gateways that log all they can, and then every line they wrote, searched.

Documents (sealed on the way, and sealed to a party), payments, transit, refusals, and whatever is wrong enough to be
logged: bad input of every kind, wrong passwords and tokens, a screener and a webhook that fail, a gateway killed. No
token, private key, body, title, account number or name may stand in a log, a metric or a page for operators.
"""

import base64
import contextlib
import json
import re
import socket
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import msgspec
import pytest
from tests.fault.test_relay_blind import forms

from darwaza.adapters.keyfile.party import PartyFile
from darwaza.adapters.system.clock import SystemEntropy
from darwaza.bootstrap import PARTY_FILE, profile_folder, read_reference
from darwaza.client import pinned_context
from darwaza.config import CONFIG_FILE
from darwaza.entry.demo.banks import SUSPECT, SampleBanks
from darwaza.entry.local import LocalCorridor
from darwaza.entry.sample import freight, remittance
from darwaza.errors import DarwazaError
from darwaza.kernel import sealcard
from darwaza.kernel.reference import Reference
from darwaza.kernel.seal import UnsealKey
from darwaza.services.transit.guarantee import Register
from darwaza.services.transit.message import Accept
from darwaza.standards.etir.value import SealMark

pytestmark = pytest.mark.timeout(600)
NAMES = {"AF": "Afghanistan", "PK": "Pakistan", "UZ": "Uzbekistan"}
WAIT_S = 120.0
BODY = "Zarafshon-7731-qalampir consignee Gulnora Ergasheva account 90817263544"
PAYER, PAYEE = remittance.PAYER.name, remittance.PAYEES["UZ/chorsu-bank"].name
PAYER_ACCOUNT, PAYEE_ACCOUNT = remittance.IBANS["PK/indus-bank"], "20208000900123456001"
MARKERS = [
    "Zarafshon-7731-qalampir", "Gulnora Ergasheva", "90817263544", "Marjona-4419 invoice", "hujjat-5582.xml",
    "too late for Rustam-6610", PAYER, PAYEE, PAYER_ACCOUNT, PAYEE_ACCOUNT, SUSPECT, "apricots", "+998901234567",
    "Silk Road Trans", "Karachi Dry Fruit Traders", "01A123BC", "mistyped-token-3381", "wrong-password-9917",
    "secret-of-the-webhook", "secret-of-the-screener",
]  # fmt: skip
"""Bodies, names of files, titles, reasons, names and accounts, passwords: what this day is made of."""


def until(what, found):
    end = time.monotonic() + WAIT_S
    while not (answer := found()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return answer


class Service(ThreadingHTTPServer):
    """The bank's webhook and the screener: each fails, then answers what cannot be read, then answers."""

    ANSWERS = {  # noqa: RUF012 - a table
        "/hook": [(500, PAYEE), (200, f"{BODY} is no JSON"), (200, json.dumps({"words": PAYEE_ACCOUNT})), (200, "")],
        "/screen": [(500, PAYER), (200, PAYER), (200, json.dumps({"hits": PAYER})), (200, '{"hits": []}')],
    }

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.left = {path: list(answers) for path, answers in self.ANSWERS.items()}
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        left = self.server.left[self.path.partition("?")[0]]
        status, said = left.pop(0) if len(left) > 1 else left[0]
        self.send_response(status)
        self.send_header("content-length", str(len(said.encode())))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(said.encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def service():
    made = Service()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture(scope="module")
def corridor(tmp_path_factory, service):
    made = LocalCorridor(tmp_path_factory.mktemp("corridor"), NAMES, links=[("AF", "PK"), ("AF", "UZ")])
    made.banks = SampleBanks(made)
    made.add_party("PK", "fbr", "agency")
    made.add_party("UZ", "customs", "agency", "customs", "office UZTAS")
    made.add_party("UZ", "silk-road-trans", "holder")
    made.add_party("UZ", "aircuz", "guarantee-chain")
    parties = PartyFile(made.path("UZ") / PARTY_FILE)
    bank = next(one for one in parties.all() if one.name == "chorsu-bank")
    parties.put(msgspec.structs.replace(bank, webhook=f"{service.url}/hook?key=secret-of-the-webhook"))
    settings = made.path("PK") / CONFIG_FILE
    screener = f'screener_url = "{service.url}/screen?key=secret-of-the-screener"'
    settings.write_text(settings.read_text().replace('screener_url = ""', screener))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DARWAZA_LOG_LEVEL", "debug")
            made.start()
        with made.client("PK") as pk, made.client("UZ") as uz:
            for what in ("documents", "payments"):
                for client, to in ((pk, "UZ"), (uz, "PK")):
                    until("no way", lambda c=client, t=to, s=what: c.operator.explain_route(t, s)["chosen"])
        yield made
    finally:
        made.close()


# --- the day ---


def send_documents(corridor, folder):
    """An open document, a refused one, and one sealed to the recipient's own key."""
    paper = folder / "hujjat-5582.xml"
    paper.write_text(BODY)
    key = UnsealKey.of(SystemEntropy().random(32))
    with corridor.client("PK", "fbr") as fbr, corridor.client("UZ", "customs") as customs:
        customs.sealing.publish(key.public, datetime.now(UTC).replace(microsecond=0) + timedelta(days=30))
        now = datetime.now(UTC)
        document = Reference.read([corridor.document], corridor.anchor, now).latest
        card = until("no card", lambda: _quiet(lambda: fbr.sealing.card_of("UZ/customs")))
        card = sealcard.verify(card, document, now)
        for sealed_to in (None, None, card):
            fbr.send_document(paper, to="UZ/customs", title="Marjona-4419 invoice", seal_to=sealed_to)
        arrived = until("not arrived", lambda: len(found := list(customs.documents(state="arrived"))) == 3 and found)
        for number, view in enumerate(arrived):
            customs.download(view["id"], folder / f"came-{number}")
        customs.refuse(arrived[1]["id"], "too late for Rustam-6610")
        for view in (arrived[0], arrived[2]):
            customs.accept(view["id"])
        until("not told", lambda: {one["stage"] for one in fbr.documents()} == {"handed-over", "refused"})


def _quiet(call):
    with contextlib.suppress(DarwazaError):
        return call()
    return None


def pay(corridor):
    """A payment that settles, one that its bank refuses, one that screening stops; an alias; orders full of faults."""
    corridor.banks.open()
    with corridor.client("PK", "indus-bank") as bank, corridor.client("UZ", "chorsu-bank") as payee:

        def quote():
            found = bank.payments.quote("UZ/chorsu-bank", "120000.00", fee="250.00", take_best=True)
            return found if "chosen" in found else None

        payee.payments.register_alias("MBNO", "+998901234567", PAYEE_ACCOUNT, PAYEE)
        bank.payments.verify("+998901234567", "MBNO", to="UZ")
        for answer in ("confirm", "reject"):
            offered = until("no rates", lambda: _quiet(quote))
            order = remittance.payment(offered, datetime.now(UTC))
            paid = bank.payments.pay(order, quote=offered["id"])["id"]
            credit = until("not asked", lambda: payee.payments.credits(wait_s=5))[0]
            if answer == "confirm":
                payee.payments.confirm(credit["id"])
            else:
                payee.payments.reject(credit["id"], "AC04", f"{PAYEE} has closed {PAYEE_ACCOUNT}")
            end = {"confirm": "settled", "reject": "rejected"}[answer]
            until(end, lambda p=paid, e=end: bank.payments.payment(p)["state"] == e)
        offered = until("no rates", lambda: _quiet(quote))
        suspect = msgspec.structs.replace(remittance.PAYER, name=SUSPECT)
        stopped = bank.payments.pay(remittance.payment(offered, datetime.now(UTC), debtor=suspect), quote=offered["id"])
        with corridor.client("PK", "sbp") as compliance:
            until("not held", compliance.payments.held)
            compliance.payments.refuse(stopped["id"], "a.khan")
        offered = until("no rates", lambda: _quiet(quote))
        order = remittance.payment(offered, datetime.now(UTC))
        for wrong in (
            order.replace(PAYER_ACCOUNT.encode(), b"PK00" + b"90817263544" * 3),
            order.replace(b"<Cdtr>", b"<Cdtr><Nm>Gulnora Ergasheva</Nm>"),
            order[: len(order) // 2],
            order.replace(PAYER.encode(), b"\xff\xfe90817263544"),
            BODY.encode(),
        ):
            for give in (bank.payments.pay, bank.payments.pay_many, bank.payments.message):
                assert _refused(lambda g=give, w=wrong: g(w))


def _refused(call):
    try:
        answer = call()
    except DarwazaError:
        return True
    return b"RJCT" in answer if isinstance(answer, bytes) else any(one.get("code") for one in answer)


def move(corridor, folder):
    """A movement that is declared and accepted, and commands that nobody can take."""
    now, movement = datetime.now(UTC), str(uuid.uuid4())
    terms = freight.carnet("JX95000448", now)
    register = read_reference(profile_folder(folder, "carec")).register
    with corridor.client("UZ", "aircuz") as chain:
        chain.guarantees.register(Register(terms, freight.HOLDER_PARTY))
    declared = freight.declaration(movement, terms, now)
    with corridor.client("UZ", "silk-road-trans") as holder, corridor.client("UZ", "customs") as office:
        holder.transit.declare(declared)
        stamp = freight.stamp(register, "UZTAS", now)
        office.transit.accept(movement, Accept(stamp, (SealMark("UZ-0001"),)))
        assert _refused(lambda: office.transit.accept(movement, Accept(stamp, (SealMark("UZ-0002"),))))
        for body in ({"movement": BODY}, msgspec.to_builtins(declared) | {"goods": BODY}, BODY):
            assert _refused(lambda b=body: holder.command("/v1/transit", b))
        assert _refused(lambda: office.transit.scan("UZTAS", [BODY]))
        assert office.transit.carry_in([BODY.encode()])[0]["answer"] != "valid"


def knock(corridor, code):
    """Everything wrong that may come in from outside, each with something in it that must not be repeated."""
    folder = corridor.path(code)
    token = (folder / "tokens" / "operator").read_text().strip()
    context = pinned_context(folder / "keys" / "tls.pem")
    text = BODY.encode()
    options = {
        "base_url": f"https://127.0.0.1:{corridor.port(code)}",
        "verify": context,
        "trust_env": False,
        "timeout": WAIT_S,
    }
    with httpx.Client(**options) as web:
        own = {"authorization": f"Bearer {token}"}
        for method, path, given in (
            ("GET", "/v1/documents", {"headers": {"authorization": "Bearer mistyped-token-3381"}}),
            ("GET", "/v1/documents", {"headers": {"authorization": "Basic bWlzdHlwZWQtdG9rZW4tMzM4MQ=="}}),
            ("GET", f"/v1/documents/{BODY}", {"headers": own}),
            ("GET", "/v1/documents", {"headers": own, "params": {"ucr": BODY, "account": "90817263544"}}),
            ("GET", f"/nothing/{BODY}", {"headers": own}),
            ("POST", "/v1/documents", {"headers": own, "content": text, "params": {"to": BODY}}),
            ("POST", "/v1/documents/uploads", {"headers": own, "json": {"to": BODY, "manifest": BODY}}),
            ("POST", "/v1/documents/bulk", {"headers": own, "content": text}),
            ("PUT", f"/v1/documents/{uuid.uuid4()}/chunks/{'0' * 64}", {"headers": own, "content": text}),
            ("POST", "/v1/payments/aliases", {"headers": own, "json": {"kind": 7, "account": "90817263544"}}),
            ("POST", "/v1/payments/aliases", {"headers": own, "content": text + b"[" * 5_000}),
            ("POST", "/v1/operator/corridor", {"headers": own, "content": text}),
            ("POST", "/v1/operator/carrier", {"headers": own, "content": text}),
            ("POST", "/v1/operator/resume", {"headers": own, "json": {"origin": BODY}}),
            ("POST", "/link/v1/batches", {"headers": {"authorization": f"Darwaza-Ed25519 {BODY}"}, "content": text}),
            ("POST", "/route/v1/probe", {"content": text}),
            ("POST", "/witness/v1/add-checkpoint", {"content": text}),
            ("POST", "/console/sign-in", {"data": {"name": "asma", "password": "wrong-password-9917"}}),
            ("GET", f"/console/documents?ucr={BODY}", {}),
        ):
            assert web.request(method, path, **given).status_code < 500, path
    for raw in (
        f"GET / HTTP/1.1\r\nAuthorization: Bearer {token}\r\nno header {BODY}\r\n\r\n".encode(),
        f"{BODY}\r\n\r\n".encode(),
        f"GET / HTTP/1.1\r\nCookie: {BODY * 2_000}\r\n\r\n".encode(),
        f"POST / HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Length: 9999\r\n\r\n{BODY}".encode(),
    ):
        _say(corridor.port(code), context, raw)
        _say(corridor.port(code), None, raw)


def _say(port, context, raw):
    """Write to a gateway's port, with TLS or without it, and hang up."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(OSError))
        wire = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
        if context is not None:
            wire = stack.enter_context(context.wrap_socket(wire, server_hostname="gateway"))
        wire.sendall(raw)
        wire.settimeout(0.5)
        wire.recv(4_096)


# --- the search ---


def secrets(corridor):
    """Every token and private key of the gateways, as they are kept and in base64."""
    for code in NAMES:
        for path in (corridor.path(code) / "tokens").iterdir():
            yield path.read_text().strip()
        for path in (corridor.path(code) / "keys").glob("*.key"):
            for line in path.read_text().split():
                if len(line) >= 32 and "-" not in line:
                    yield line
                    if re.fullmatch("[0-9a-f]+", line):
                        yield base64.b64encode(bytes.fromhex(line)).decode().rstrip("=")


def told(corridor, code):
    """Metrics, health, and every page for operators that has no name in its address."""
    with corridor.client(code) as operator:
        paths = operator.call("GET", "/openapi.json")["paths"]
        asked = [path for path, ways in paths.items() if "get" in ways and "{" not in path]
        for path in asked:
            if path in {"/health", "/metrics"} or path.startswith("/v1/operator/"):
                with contextlib.suppress(DarwazaError):  # some need a query
                    yield path, operator.fetch("GET", path)


def test_a_busy_day_leaves_no_secret_in_what_gateways_say(corridor, service, tmp_path):
    """Searched as they are, in UTF-16, in hex, escaped and in base64; what should be logged is there, and is JSON."""
    send_documents(corridor, tmp_path)
    move(corridor, tmp_path)
    pay(corridor)
    for code in NAMES:
        knock(corridor, code)
    logs = {code: corridor.path(code) / "log" for code in NAMES}
    for code, event in (("UZ", "webhook"), ("PK", "screener")):
        until(f"no {event}", lambda c=code, e=event: logs[c].read_text().count(f'"event": "{e}"') >= 3)
    pages = {f"{code} {path}": raw for code in NAMES for path, raw in told(corridor, code)}
    corridor.kill("AF")
    corridor.start("AF")
    corridor.stop()
    said = {code: path.read_bytes() for code, path in logs.items()}
    lines = {code: [json.loads(line) for line in raw.splitlines()] for code, raw in said.items()}
    events = {code: {line["event"] for line in found} for code, found in lines.items()}
    assert all({"serving", "stopped", "library"} <= found for found in events.values()), events
    assert "webhook" in events["UZ"]
    assert "screener" in events["PK"]
    assert {"PK /metrics", "PK /health", "AF /v1/operator/routes", "UZ /v1/operator/quarantine"} <= pages.keys()
    sought = [*MARKERS, *secrets(corridor)]
    assert len(sought) > 50
    kinds = {marker: re.compile(b"|".join(re.escape(form) for form in forms(marker.encode()))) for marker in sought}
    held = b"".join(path.read_bytes() for path in [*corridor.path("UZ").glob("darwaza.db*"), *tmp_path.glob("came-*")])
    for marker in ("Zarafshon-7731-qalampir", "Marjona-4419 invoice", PAYEE_ACCOUNT):
        assert kinds[marker].search(held), f"the search does not find {marker} where it is"
    found = [
        (marker, place)
        for place, raw in [*said.items(), *pages.items()]
        for marker, kind in kinds.items()
        if kind.search(raw)
    ]
    assert found == []
