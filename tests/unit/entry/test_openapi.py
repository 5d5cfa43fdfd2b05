"""The OpenAPI description is whole: every type has an example, every operation its refusals, all as it really answers.

What ``described.hold`` checks beside this: tests of the interface and the fuzzer hold every answer against it.
"""

import asyncio
import json
import re
from http import HTTPStatus

import httpx
import msgspec
import pytest
from starlette.routing import Route
from tests.unit.entry.described import description, hold, operation, schema
from tests.unit.entry.test_application import corridor, desk  # noqa: F401 - fixtures

from darwaza.entry.api.app import ENDPOINTS, App
from darwaza.entry.api.openapi import examples
from darwaza.entry.server import Server
from darwaza.kernel.wire import PROBLEM_MEDIA_TYPE

TYPES = [kind for one in ENDPOINTS for kind in (one.body, one.answer) if kind not in (None, bytes)]
SCHEMAS, _ = msgspec.json.schema_components(TYPES, ref_template="{name}")


def named(found):
    """The name of a struct among the schemas, of a list's items too; "" for what has none."""
    return found.get("$ref") or found.get("items", {}).get("$ref") or ""


def test_every_type_has_an_example():
    """Nobody has to guess what a body or an answer looks like; nothing stands there that nothing uses."""
    assert examples().keys() == {name for found in SCHEMAS if (name := named(found))} | {"Problem"}


@pytest.mark.parametrize("name", sorted(examples()))
def test_an_example_is_what_its_type_reads(name):
    """By the published schema, and by the type that reads requests."""
    for example in examples()[name]:
        schema({"$ref": f"#/components/schemas/{name}"}).validate(example)
        for kind, found in zip(TYPES, SCHEMAS, strict=True):
            if found.get("$ref") == name:
                msgspec.convert(example, kind)


@pytest.mark.parametrize("name", ["Ordered", "Credit", "Words", "Counter", "PaymentView", "StatementView"])
def test_payments_of_a_bulk_have_examples(name):
    """An id with a number behind it is nothing anybody has to guess."""
    ids = re.compile(r'"id": "[0-9a-f-]{36}\.[1-9][0-9]*"')
    assert any(ids.search(json.dumps(example)) for example in examples()[name])


def test_every_operation_says_how_it_refuses():
    """By status, never "anything else"; a limit with the time after which to ask again."""
    operations = [one for path in description()["paths"].values() for one in path.values()]
    assert len({one["operationId"] for one in operations}) == len(operations) == len(ENDPOINTS)
    for one in operations:
        assert "default" not in one["responses"]
        assert {"500", "503"} <= one["responses"].keys()
    refusals = description()["components"]["responses"]
    assert all("retry-after" in refusals[status]["headers"] for status in ("429", "503"))
    assert all(PROBLEM_MEDIA_TYPE in refusal["content"] for refusal in refusals.values())


def test_patterns_are_those_of_json_schema():
    """ECMA-262 reads Python's end-of-text mark as the letter Z, and then nothing matches."""
    assert b"\\\\Z" not in msgspec.json.encode(description())


def test_headers_that_are_read_are_described():
    """An operation that reads a header says so; one that reads none says nothing."""
    offer, accept = operation("POST", "/v1/documents"), operation("POST", "/v1/documents/1/accept")
    names = [one["name"] for one in offer["parameters"] if one["in"] == "header"]
    assert names == ["idempotency-key", "prefer"]
    assert [one for one in accept["parameters"] if one["in"] == "header"] == []


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("PATCH", "/v1/documents", 405, "GET, HEAD, POST"),
        ("OPTIONS", "/v1/documents/1/accept", 405, "POST"),
        ("DELETE", "/log/v1/1/tile/0/000", 405, "GET, HEAD"),
        ("GET", "/v1/documents/", 404, None),
        ("GET", "/v1", 404, None),
        ("GET", "/link/v2/batches", 404, None),
        ("BREW", "/health", 405, "GET, HEAD"),
    ],
)
def test_what_is_not_there_is_a_problem_too(desk, method, path, status, allow):  # noqa: F811
    """RFC 9110 section 15.5.6: 405 says what works. An address has one spelling."""
    answer = desk.call("fbr", method, path)
    assert (answer.status_code, answer.headers.get("allow")) == (status, allow)
    assert answer.headers["content-type"] == PROBLEM_MEDIA_TYPE
    assert answer.json()["status"] == status


def test_what_nobody_expected_is_a_problem_too(desk):  # noqa: F811
    """Outside of any operation as well; the caller learns nothing about the inside."""

    async def fail(_request):
        raise ZeroDivisionError("secret")

    async def run():
        app = App(Server(desk.gateway))
        app._rest.router.routes.append(Route("/nothing", fail))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.get("/nothing")

    answer = asyncio.run(run())
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_fault")
    assert answer.headers["content-type"] == PROBLEM_MEDIA_TYPE
    assert "secret" not in answer.text


def test_a_witness_refuses_with_a_problem(desk):  # noqa: F811
    """C2SP tlog-witness fixes the status and leaves the body open; here it is that of every error."""
    note = f"old 0\n\nexample.org/unknown\n0\n{'A' * 43}=\n\n\u2014 example.org/unknown {'A' * 92}\n"
    answer = desk.call("", "POST", "/witness/v1/add-checkpoint", content=note.encode())
    hold(answer)
    assert (answer.status_code, answer.json()["code"]) == (HTTPStatus.NOT_FOUND, "log_unknown")
