"""Whatever is thrown at a gateway's HTTP interface, it answers with a code, never with a fault of its own, and lives.

Requests are made from the OpenAPI description by schemathesis, right ones and wrong ones, for every operation; what no
HTTP client would send goes through bare TLS sockets. The gateway is a real process; its store is examined at the end.
"""

import base64
import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from tests.unit.entry.described import hold

from darwaza.bootstrap import examine_store
from darwaza.client import pinned_context
from darwaza.entry.local import LocalCorridor
from darwaza.kernel.wire import CODE_HEADER, PROBLEM_MEDIA_TYPE
from darwaza.services.payments.message import XML_MEDIA_TYPE

EXAMPLES = 4
ENDLESS = {"/v1/events"}
"""Answers that do not end by themselves; ``tests/acceptance/test_service.py`` reads them."""
ROLES = ("agency", "bank", "operator", "auditor", "supervisor", "customs", "holder", "guarantor", "carrier")
TIMEOUT_S = 60.0
SILENCE_S = 1.0

pytestmark = pytest.mark.timeout(900)


class Target:
    """A running gateway and a party that may do everything."""

    def __init__(self, folder: Path) -> None:
        self.corridor = LocalCorridor(folder, {"PK": "Pakistan", "UZ": "Uzbekistan"}, links=[("PK", "UZ")])
        self.token = self.corridor.add_party("PK", "all", *ROLES)
        self.corridor.start("PK")
        self.port = self.corridor.port("PK")
        self.context = pinned_context(self.corridor.path("PK") / "keys" / "tls.pem")
        self.http = httpx.Client(
            base_url=f"https://127.0.0.1:{self.port}", verify=self.context, trust_env=False, timeout=TIMEOUT_S
        )
        self.http.headers["authorization"] = f"Bearer {self.token}"
        query = {"to": "UZ/x", "title": "a document that is there"}
        sent = self.http.post("/v1/documents", params=query, content=b"x").json()
        self.known = {"id": sent["id"], "log": "1", "peer": "UZ"}
        self.message = sent["message_ids"][0]

    def lives(self) -> bool:
        """Whether the process runs and takes work."""
        return self.corridor.ended("PK") is None and self.http.get("/health").json()["status"] == "ok"

    def raw(self, data: bytes, *, close: bool = False, answer_s: float = SILENCE_S) -> bytes:
        """Send bytes over TLS and read what comes until the gateway closes or is silent; an answer has so long."""
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S) as plain,
            self.context.wrap_socket(plain, server_hostname="127.0.0.1") as wire,
        ):
            found = b""
            with contextlib.suppress(OSError):  # the gateway may have had enough, and what it said can be read
                wire.sendall(data)
            with contextlib.suppress(OSError):
                wire.settimeout(answer_s)
                while not close and (piece := wire.recv(65_536)) and len(found) < 1_000_000:
                    found += piece
                    wire.settimeout(SILENCE_S)
            return found

    def memory_kib(self) -> int:
        """Resident memory of the process."""
        text = Path(f"/proc/{self.corridor.pid('PK')}/status").read_text()
        return int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1])


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    made = Target(tmp_path_factory.mktemp("fuzz"))
    yield made
    assert made.lives()
    made.http.close()
    made.corridor.close()
    assert examine_store(made.corridor.path("PK"), lambda _done, _total: None) == []
    assert "Traceback" not in (made.corridor.path("PK") / "log").read_text("utf-8", "replace")


def send(target: Target, case: Any) -> httpx.Response | None:
    """Send a generated request as schemathesis would; None for one that HTTP cannot express."""
    options = case.as_transport_kwargs(base_url=str(target.http.base_url))
    kept = {name: options[name] for name in ("method", "url", "headers", "params", "json", "data") if name in options}
    try:
        made = requests.Request(**kept).prepare()
        headers = {name: value for name, value in made.headers.items() if name.lower() != "authorization"}
        return target.http.request(made.method, made.url, headers=headers, content=made.body)
    except (UnicodeError, ValueError, requests.RequestException, httpx.InvalidURL, httpx.LocalProtocolError):
        return None


def check(case: Any, response: httpx.Response) -> None:
    """Hold an answer against the promise: a problem with a code, and in any case what the description says."""
    request = f"{case.as_curl_command()[:500]} -> {response.status_code} {response.text[:300]}"
    assert response.status_code < 500 or response.json()["code"] in {"overloaded", "too_many_requests"}, request
    media_type = response.headers.get("content-type", "")
    if response.status_code >= 400 and media_type == XML_MEDIA_TYPE:
        # An operation may refuse in its own language, as ISO 20022 does; the code is in the header all the same.
        assert response.headers[CODE_HEADER], request
    elif response.status_code >= 400:
        assert media_type == PROBLEM_MEDIA_TYPE, request
        problem = response.json()
        assert problem["status"] == response.status_code, request
        assert problem["code"], request
        assert problem["detail"], request
    hold(response)


def test_every_operation_takes_anything(target: Target) -> None:
    """Right and wrong values of every parameter and body; known identifiers in the path, and unknown ones."""
    schema = schemathesis.openapi.from_dict(target.http.get("/openapi.json").json())
    count = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path in ENDLESS:
            continue
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):

            @seed(20261128)
            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate],
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def run(case: Any) -> None:
                nonlocal count
                count += 1
                if count % 2 and case.path_parameters:
                    case.path_parameters = {**case.path_parameters, **_known(target, case)}
                response = send(target, case)
                if response is not None:
                    check(case, response)

            # An operation without parameters has no wrong request.
            with contextlib.suppress(Unsatisfiable):
                run()
    assert count > 500
    assert target.lives()


def _known(target: Target, case: Any) -> dict[str, str]:
    known = {**target.known, "id": target.message} if "/evidence/" in case.operation.path else target.known
    return {name: value for name, value in known.items() if name in case.path_parameters}


DEEP = b"[" * 200_000 + b"]" * 200_000
HOSTILE_BODIES = {
    "deep JSON": DEEP[:60_000],
    "deep object": b'{"to":' * 9_000,
    "one long string": b'"' + b"a" * 60_000 + b'"',
    "a number of sixty thousand digits": b"9" * 60_000,
    "infinity": b"1e999999",
    "not UTF-8": b'{"to": "\xff\xfe"}',
    "a lone surrogate": b'{"to": "\\ud800"}',
    "NUL": b'{"to": "UZ/x\\u0000", "manifest": null}',
    "twice the same key": b'{"reason": "a", "reason": "b"}',
    "ten thousand keys": b"{" + b",".join(b'"k%d":1' % number for number in range(5_000)) + b"}",
    "nothing": b"",
    "null": b"null",
    "an array for an object": b"[]",
    "deep MessagePack": b"\x91" * 60_000,
    "MessagePack that promises four billion items": b"\xdd\xff\xff\xff\xff",
    "MessagePack that promises four billion bytes": b"\xc6\xff\xff\xff\xff",
    "MessagePack extension": b"\xc7\xff\x01" + b"x" * 255,
    "zeros": bytes(60_000),
}


@pytest.mark.parametrize("name", HOSTILE_BODIES)
def test_hostile_bodies(target: Target, name: str) -> None:
    """Depth, size, broken text and false promises of length, at every endpoint that reads a body."""
    described = target.http.get("/openapi.json").json()["paths"]
    for path, operations in described.items():
        for method, operation in operations.items():
            if "requestBody" not in operation:
                continue
            url = path
            for parameter in operation["parameters"]:
                if parameter["in"] == "path":
                    url = url.replace("{" + parameter["name"] + "}", target.known.get(parameter["name"], "0" * 64))
            query = {"to": "UZ/x", "title": "x"} if path == "/v1/documents" else {}
            response = target.http.request(method.upper(), url, params=query, content=HOSTILE_BODIES[name])
            assert response.status_code < 500, (name, method, path, response.text[:300])


def test_sizes_are_refused_before_they_are_read(target: Target) -> None:
    """A body over the limit is refused by its declared length; one without a length when the limit is passed."""
    head = f"POST /v1/documents?to=UZ/x&title=x HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {target.token}\r\n"
    declared = target.raw(head.encode() + b"content-length: 99999999999\r\n\r\n", answer_s=TIMEOUT_S)
    assert b" 413 " in declared.splitlines()[0]
    assert b"request_too_large" in declared
    chunk = b"%x\r\n" % 600_000 + b"x" * 600_000 + b"\r\n"
    pieces = b"transfer-encoding: chunked\r\n\r\n" + chunk * 2 + b"0\r\n\r\n"
    chunked = target.raw(head.encode() + pieces, answer_s=TIMEOUT_S)
    assert b" 413 " in chunked.splitlines()[0]
    stranger = target.http.post(
        "/v1/operator/carrier", content=bytes(8_000_000), headers={"authorization": "Bearer no"}
    )
    assert stranger.json()["code"] == "token_unknown"


BASIC = base64.b64encode(b"user:password")
HEAD = b"GET /health HTTP/1.1\r\nhost: x\r\n"
HOSTILE_BYTES = {
    "not HTTP": b"\x16\x03\x01" + bytes(range(256)) * 4,
    "an endless request line": b"GET /" + b"a" * 1_000_000,
    "an endless header": HEAD + b"x: " + b"a" * 1_000_000,
    "ten thousand headers": HEAD + b"".join(b"x-%d: y\r\n" % number for number in range(10_000)) + b"\r\n",
    "a negative length": HEAD + b"content-length: -1\r\n\r\n",
    "two lengths": HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "length and chunks": HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk of all the world": HEAD + b"transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
    "NUL in the path": b"GET /\x00 HTTP/1.1\r\nhost: x\r\n\r\n",
    "percent NUL": b"GET /v1/documents/%00 HTTP/1.1\r\nhost: x\r\n\r\n",
    "percent nonsense": b"GET /v1/%zz%ff HTTP/1.1\r\nhost: x\r\n\r\n",
    "climbing": b"GET /v1/../../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n",
    "an unknown method": b"BREW /health HTTP/1.1\r\nhost: x\r\n\r\n",
    "a version to come": b"GET /health HTTP/9.9\r\nhost: x\r\n\r\n",
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "a header of bytes": HEAD + b"authorization: Bearer \xff\xfe\r\n\r\n",
    "basic authorization": HEAD.replace(b"/health", b"/v1/documents") + b"authorization: Basic " + BASIC + b"\r\n\r\n",
    "a websocket": HEAD + b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: x\r\n\r\n",
    "HTTP/2 without asking": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a hundred requests at once": (HEAD + b"\r\n") * 100,
    "line feeds alone": b"GET /health HTTP/1.1\nhost: x\n\n",
}


@pytest.mark.parametrize("name", HOSTILE_BYTES)
def test_hostile_bytes(target: Target, name: str) -> None:
    """What no HTTP client sends: the gateway answers below 500 or closes, and goes on."""
    answer = target.raw(HOSTILE_BYTES[name])
    statuses = [line.split(b" ")[1] for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.")]
    assert all(status < b"500" for status in statuses), answer[:300]
    if statuses[:1] == [b"400"]:
        assert b"application/problem+json" in answer
    assert target.lives()


def test_connections_that_go_away(target: Target) -> None:
    """Cut off anywhere: in the handshake, in the head, in the body, before the answer."""
    whole = HEAD + b"authorization: Bearer " + target.token.encode() + b"\r\ncontent-length: 100\r\n\r\n" + b"x" * 50
    for end in range(0, len(whole), 17):
        target.raw(whole[:end], close=True)
    for _ in range(20):
        socket.create_connection(("127.0.0.1", target.port), timeout=TIMEOUT_S).close()
    plain = socket.create_connection(("127.0.0.1", target.port), timeout=TIMEOUT_S)
    plain.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
    plain.close()
    assert target.lives()


def test_old_tls_is_refused(target: Target) -> None:
    """TLS 1.3 or nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(("127.0.0.1", target.port), timeout=TIMEOUT_S) as plain,
        pytest.raises((ssl.SSLError, OSError)),
    ):
        context.wrap_socket(plain)


def test_bulk_items_are_judged_one_by_one(target: Target) -> None:
    """An array of ten thousand is over the limit; a thousand good ones are taken or pushed back, each answered."""
    item = ["key", "UZ/x", "title", "a.xml", "application/xml", b"<a/>"]
    many = msgspec.msgpack.encode([[f"k{number}", *item[1:]] for number in range(1_001)])
    refused = target.http.post("/v1/documents/bulk", content=many)
    assert (refused.status_code, refused.json()["code"]) == (400, "too_many_items")
    some = msgspec.msgpack.encode([[f"k{number % 7}", *item[1:]] for number in range(100)])
    answers = target.http.post("/v1/documents/bulk", content=some).json()
    assert len(answers) == 100
    assert len({one["id"] for one in answers}) == 7
