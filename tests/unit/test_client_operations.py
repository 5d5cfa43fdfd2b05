"""Every operation of the OpenAPI description that is meant for programs is one method of the Python client.

Every public method is called, with what it must be given and with everything it can be given, against a transport that
knows the description: a path, a query or a body that the gateway would not read is a failure, and the answer is the
description's own example. What each call asked for is attributed to the innermost public method that asked.
"""

import inspect
import re
import sys
import types
import typing
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import pytest
from tests.unit.entry.described import description

from darwaza import client as package
from darwaza.client import INLINE_BYTES_MAX, BulkDocument, Client
from darwaza.client.caller import Caller
from darwaza.entry.api.app import ENDPOINTS
from darwaza.entry.api.document import BulkItem
from darwaza.entry.api.openapi import examples
from darwaza.errors import MessageError
from darwaza.services.transit.enquiry import Question, Reply
from darwaza.standards.etir.internal import I3, I4

BETWEEN_GATEWAYS = "gateways speak it among themselves, signed with their own keys (spec/link.md, spec/routing.md)"
NO_METHOD = {
    "POST /link/v1/batches": BETWEEN_GATEWAYS,
    "GET /link/v1/cosigned": BETWEEN_GATEWAYS,
    "GET /link/v1/leaves": BETWEEN_GATEWAYS,
    "POST /route/v1/probe": BETWEEN_GATEWAYS,
    "POST /witness/v1/add-checkpoint": "logs speak it with witnesses (C2SP tlog-witness)",
}
"""Operations that are not meant for programs, and why."""
TWO_FORMS = {
    "GET /v1/payments/statement": {"Payments.statement", "Payments.statement_document"},  # as JSON, and as camt.053
}
PLUMBING = {name for name, _ in inspect.getmembers(Caller, inspect.isfunction)}
PARTS = sorted(name for name, found in inspect.getmembers(Client) if isinstance(found, property))
CASE = "01890a5d-ac96-774b-bcce-b302099a8057"
NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
BULK = BulkDocument("k1", "UZ/customs", "Invoice", "invoice.pdf", "application/pdf", b"%PDF")
VALUES = {
    "with_": "UZ/customs", "to": "UZ/customs", "state": "open", "ucr": "UCR1", "media_type": "application/pdf",
    "path_policy": "avoid AF", "office": "PKTOR", "crossing": "AF-PK/TORKHAM", "cut": "AF", "member": "UZ",
    "party": "UZ/customs", "peer": "UZ", "path": "0/000", "documents": [BULK], "events": [b"event"],
    "public": bytes(32), "codes": ["DWZ1"], "movements": [CASE], "pieces": [b"piece"], "seal_to": None, "sealed": None,
    "keys": (), "words": [{"id": CASE}], "tiers": [{"from_amount": "1.00", "improvement_ppm": 5}],
    "improvements": {"PK/bank": 5}, "provider": "KZ/caravan-fx", "payee_bank": "KZ/bank", "amount": "5.00",
    "participant": "PK/bank", "form": "pdf", "reason": "AC04", "officer": "a.khan", "kind": "MBNO", "fee": "1.00",
    "value": "+77011234567", "account": "KZ86125KZT5004100100", "name": "Aigul", "rate": "1.8", "mid": "1.8",
    "fixed": "source", "document": b"<Document/>", "version": b"note", "key": "k1", "message_class": "payments",
    "policy": "avoid AF", "origin": "pk.example/log", "destination": examples()["MarketView"][0]["destination"],
}  # fmt: skip
"""Arguments by name; others by their type."""
OLDER = {"message": "pacs.008.001.08"}
OTHERWISE = {"Client.documents": {"state": "arrived"},
             "Operator.explain_route": {"to": "KZ"}, "Payments.pay": {"to": "KZ"},
             "Payments.document": OLDER, "Payments.credits": OLDER, "Payments.answer_credits": OLDER,
             "Payments.verify": {"to": "KZ"},
             "Payments.allocate": {"to": "KZ"}, "Payments.release_funds": {"to": "KZ"},
             "Sealing.publish": {"public": bytes(1216)}}  # fmt: skip


class Described(httpx.BaseTransport):
    """A gateway that reads every request as the real one would, and answers with the examples."""

    def __init__(self):
        self.asked = defaultdict(set)

    def handle_request(self, request):
        endpoint = find(request.method, request.url.path)
        operation = f"{endpoint.method} {endpoint.path}"
        query = dict(request.url.params)
        assert endpoint.query is not None or not query, operation
        if endpoint.query is not None:
            msgspec.convert(query, endpoint.query, strict=False)
        body = request.read()
        if endpoint.path == "/v1/documents/bulk":
            assert msgspec.msgpack.decode(body, type=list[BulkItem])[0].content == BULK.content
        elif endpoint.body is bytes:
            assert body, operation
        elif endpoint.body is not None:
            msgspec.json.decode(body, type=endpoint.body)
        else:
            assert body in {b"", b"null"}, operation
        self.asked[operation].add(innermost())
        return httpx.Response(endpoint.status, content=example(endpoint))


def find(method, path):
    """The operation a request is for; the more exact path first, as the gateway's own table has it."""
    for endpoint in sorted(ENDPOINTS, key=lambda one: one.path.count("{")):
        wanted = re.sub(r"\{\w+:path\}", ".+", endpoint.path)
        wanted = re.sub(r"\{\w+\}", "[^/]+", wanted)
        if endpoint.method == method and re.fullmatch(wanted, path):
            return endpoint
    raise AssertionError(f"there is no {method} {path}")


def example(endpoint):
    """An answer out of the description."""
    if endpoint.path == "/v1/events":
        notice = {"kind": "document.arrived", "case_id": CASE, "at": "2026-03-05T12:00:00Z", "detail": {}}
        return b"id: 7\nevent: document.arrived\ndata: " + msgspec.json.encode(notice) + b"\n\n: still here\n\n"
    path = re.sub(r"\{(\w+):\w+\}", r"{\1}", endpoint.path)
    answer = description()["paths"][path][endpoint.method.lower()]["responses"][str(endpoint.status)]
    schema = next(iter(answer["content"].values()))["schema"]
    if schema.get("format") == "binary":
        return b"bytes"
    if schema.get("type") == "array":
        inner = schema["items"]
        return msgspec.json.encode([named(inner)] if "$ref" in inner else [])
    found = named(schema) if "$ref" in schema else {}
    if endpoint.path == "/v1/documents/{id}":
        found = found | {"missing": found["manifest"]["chunks"][:1]}
    return msgspec.json.encode(found)


def named(schema):
    name = schema["$ref"].rpartition("/")[2]
    return description()["components"]["schemas"][name]["examples"][0]


def innermost():
    """The innermost public method of the client on the stack: what asks."""
    frame = sys._getframe(1)
    while frame is not None:
        module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        owner = frame.f_locals.get("self")
        ours = module.startswith(package.__name__) and owner is not None and not name.startswith("_")
        if ours and not (isinstance(owner, Caller) and name in PLUMBING):
            return f"{type(owner).__name__}.{name}"
        frame = frame.f_back
    raise AssertionError("no method of the client asks")


def methods(client):
    """Every public method of the client and its parts, bound, with its name."""
    for owner in (client, *(getattr(client, part) for part in PARTS)):
        for name, method in inspect.getmembers(owner, inspect.ismethod):
            if not name.startswith("_") and not (owner is client and name in PLUMBING):
                yield f"{type(owner).__name__}.{name}", method


def argument(method, name, kind, file):
    """A value for a parameter."""
    own = OTHERWISE.get(method, {})
    if name in own:
        return own[name]
    if kind == Question:
        return msgspec.convert(examples()["Ask"][0]["question"], I3)
    if kind == Reply:
        return msgspec.convert(examples()["AnswerBody"][0]["reply"], I4)
    union = typing.get_origin(kind) in {typing.Union, types.UnionType}
    kinds = [one for one in typing.get_args(kind) if one is not types.NoneType] if union else [kind]
    if isinstance(kinds[0], type) and issubclass(kinds[0], msgspec.Struct) and kinds[0].__name__ != "SealingCard":
        return msgspec.convert(schema_example(kinds[0]), kinds[0])
    simple = {int: 1, bool: True, Path: file, datetime: NOW}
    if kinds[0] in simple and name != "sealed":
        return simple[kinds[0]]
    if name in VALUES:
        return VALUES[name]
    if kinds[0] is str:
        return CASE
    return lambda *_: None  # progress


def schema_example(kind):
    return examples()[next(one for one in examples() if one in {kind.__name__, f"{kind.__module__}.{kind.__name__}"})][
        0
    ]


def call(name, method, file, *, everything):
    hints = typing.get_type_hints(method)
    given = {
        parameter.name: argument(name, parameter.name, hints[parameter.name], file)
        for parameter in inspect.signature(method).parameters.values()
        if everything or parameter.default is inspect.Parameter.empty
    }
    with suppress(MessageError):  # a downloaded example is not what its example of a manifest says
        found = method(**given)
        if inspect.isgenerator(found):
            next(found, None)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("client")
    small, large = folder / "small.pdf", folder / "large.pdf"
    small.write_bytes(b"%PDF")
    large.write_bytes(bytes(INLINE_BYTES_MAX + 1))
    gateway = Described()
    with Client("http://gateway", "token") as client:
        client._http = httpx.Client(base_url="http://gateway", transport=gateway)
        for name, method in methods(client):
            for everything in (False, True):
                target = folder / "written" if name in {"Client.download", "Operator.export_carrier"} else small
                call(name, method, target, everything=everything)
        call("Client.send_document", client.send_document, large, everything=True)
    return gateway.asked


def test_every_operation_for_programs_is_one_method(asked):
    """None is missing, none can be asked for in two ways, and what stands on the short list is really not there."""
    wanted = {f"{one.method} {one.path}" for one in ENDPOINTS}
    assert NO_METHOD.keys() <= wanted
    assert wanted - asked.keys() == NO_METHOD.keys()
    assert {operation: names for operation, names in asked.items() if len(names) != 1} == TWO_FORMS


def test_every_method_asks_for_something(asked):
    """A method that asks for nothing is a leftover, or looks for one thing among what another method lists."""
    with Client("http://gateway", "token") as client:
        names = {name for name, _ in methods(client)}
    asking = {name for found in asked.values() for name in found}
    assert names - asking == {"Payments.market_to", "Payments.by_uetr"}  # both look in a list


def test_methods_say_what_they_return():
    """No method hands out ``Any`` or a dictionary of anything: a program's types are checked to the end."""
    with Client("http://gateway", "token") as client:
        returned = {name: str(typing.get_type_hints(method)["return"]) for name, method in methods(client)}
    assert {name: kind for name, kind in returned.items() if re.search(r"\bAny\b|<class 'dict'>", kind)} == {}
