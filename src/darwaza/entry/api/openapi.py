"""Describes the endpoints in OpenAPI 3.1, from the same table and types that serve them.

Every type has an example out of ``examples.json``, which tests read with the type itself; every operation names each
status it answers with. What the server itself refuses, before it knows the operation (no HTTP, a head too large), has
the same shape and stands in docs/reference/http.md.
"""

import re
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from darwaza import __version__
from darwaza.entry.api.endpoint import JSON, Endpoint, reads
from darwaza.entry.api.party import ANYONE, PEER
from darwaza.entry.api.problem import Problem
from darwaza.kernel.wire import CODE_HEADER, PROBLEM_MEDIA_TYPE

OPENAPI_VERSION = "3.1.0"
EXAMPLES = Path(__file__).with_name("examples.json")
_REF = "#/components/schemas/{name}"


class Refused(NamedTuple):
    """What an answer with an error status means.

    Attributes:
        means: for people.
        code: one of the codes it comes with.
        detail: as that code says it.
    """

    means: str
    code: str
    detail: str


REFUSED: dict[int, Refused] = {
    400: Refused(
        "The request is not as described; the pointer leads to the field.",
        "query_malformed",
        "the query is wrong: Expected `int` >= 1 - at `$.limit`",
    ),
    401: Refused("Who asks has not shown who it is.", "token_missing", "a token is needed: Authorization: Bearer …"),
    403: Refused("Who asks may not do this.", "role_missing", "this needs the role operator"),
    404: Refused(
        "There is no such thing, or it is not the caller's to see.", "not_found", "there is no such thing here"
    ),
    409: Refused(
        "It contradicts what is there: a key used for another request, a state that does not allow it.",
        "key_reused",
        "this key was used for another request",
    ),
    410: Refused("The body was forgotten after its time.", "body_forgotten", "the body was forgotten"),
    413: Refused(
        "The body is over its limit.", "request_too_large", "the body has 70000 bytes, the limit here is 65536"
    ),
    416: Refused(
        "The range lies past the end; the header `content-range` tells the length.",
        "range_not_satisfiable",
        "there are 1204 bytes",
    ),
    422: Refused(
        "A business rule says no; nothing has changed.", "undeliverable", "no path leads to KZ that may be taken"
    ),
    429: Refused(
        "The party makes too many requests; try again after `retry_after_s`.",
        "too_many_requests",
        "this party makes too many requests",
    ),
    500: Refused(
        "The gateway failed; whether it wrote what it was given is not known.",
        "internal_fault",
        "the gateway failed at this request; its log says where",
    ),
    502: Refused("Another gateway cannot be reached.", "peer_unreachable", "the gateway of UZ cannot be reached"),
    503: Refused(
        "The gateway is at a limit; nothing was stored; try again after `retry_after_s`.",
        "overloaded",
        "the queue is full",
    ),
}
"""Every status an error is answered with (docs/reference/codes.md has the codes)."""
HEADERS: dict[str, tuple[str, str]] = {
    "accept": ("application/xml", "application/xml asks for ISO 20022, in a good answer and in a refusal."),
    "authorization": ("Darwaza-Ed25519 …", "The request, signed by a member of the corridor (spec/link.md)."),
    "content-type": ("application/pdf", "Media type of the body."),
    "idempotency-key": (
        "order-2026-117",
        "At most 64 printable ASCII characters. The same key with the same request gets the stored answer.",
    ),
    "if-range": ('"9f86…"', "Answer the range only if this is the content's entity tag (RFC 9110 section 13.1.5)."),
    "last-event-id": ("17", "Sequence of the last notice seen."),
    "prefer": ("wait=5", "Wait up to so many seconds (RFC 7240)."),
    "range": ("bytes=786432-", "One range of bytes (RFC 9110 section 14.2); of several the whole is answered."),
}
"""Request headers that operations read: an example, and what it does."""
_SECURED = {"authorization"}


def statuses(endpoint: Endpoint) -> list[int]:
    """Every error status an operation answers with, ascending."""
    found = {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE, *endpoint.refuses}
    if endpoint.role != ANYONE:
        found |= {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    if endpoint.role not in {ANYONE, PEER}:
        found.add(HTTPStatus.TOO_MANY_REQUESTS)
    if endpoint.query is not None or endpoint.body is not None:
        found.add(HTTPStatus.BAD_REQUEST)
    if "{" in endpoint.path:
        found |= {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}
    if endpoint.body is not None:
        found.add(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if endpoint.method != "GET" and endpoint.role not in {ANYONE, PEER}:
        found |= {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}
    return sorted(int(status) for status in found)


def examples() -> dict[str, list[Any]]:
    """Examples of each type, by its name among the schemas; in the file words behind the name tell several apart."""
    read: dict[str, Any] = msgspec.json.decode(EXAMPLES.read_bytes())
    found: dict[str, list[Any]] = {}
    for name, example in read.items():
        found.setdefault(re.split(r"[ ,]", name)[0], []).append(example)
    return found


@cache
def describe(endpoints: tuple[Endpoint, ...]) -> bytes:
    """Write the description as JSON."""
    types = [Problem]
    for endpoint in endpoints:
        types += [kind for kind in (endpoint.body, endpoint.answer) if kind not in (None, bytes)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    by_type = dict(zip(map(repr, types), schemas, strict=True))
    for name, each in examples().items():
        components[name]["examples"] = each
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        path = re.sub(r"\{(\w+):\w+\}", r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, by_type)
    document = {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": "Darwaza gateway",
            "version": __version__,
            "description": "One member's gateway of a digital corridor.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {str(status): _refusal(status, by_type) for status in REFUSED},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token of a party of this gateway."},
                "member": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "A request signed by a member of the corridor (spec/link.md).",
                },
            },
        },
    }
    return msgspec.json.encode(_portable(document))


def _portable(value: Any) -> Any:
    """Write patterns as JSON Schema has them: ECMA-262 has no end-of-text mark but ``$``, which is strict there."""
    if isinstance(value, dict):
        return {
            name: of.replace(r"\Z", "$") if name == "pattern" and isinstance(of, str) else _portable(of)
            for name, of in value.items()
        }
    return [_portable(one) for one in value] if isinstance(value, list) else value


def _operation(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    also = {endpoint.also: {"schema": {"type": "string", "format": "binary"}}} if endpoint.also else {}
    content = {endpoint.media_type: {"schema": _schema(endpoint.answer, schemas)}} | also
    content |= {form: {"schema": _schema(None, schemas)} for form in endpoint.forms}
    answers: dict[str, Any] = {str(endpoint.status): {"description": "done", "content": content}}
    for status in endpoint.statuses:
        empty = status == HTTPStatus.NO_CONTENT
        answers[str(status)] = {"description": HTTPStatus(status).phrase} | ({} if empty else {"content": content})
    for status in statuses(endpoint):
        own = also
        if status == HTTPStatus.CONFLICT:
            own = also | {form: {"schema": _schema(None, schemas)} for form in endpoint.refuses_as}
        answers[str(status)] = _refusal(status, schemas, own) if own else {"$ref": f"#/components/responses/{status}"}
    found: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": f"{endpoint.tag}_{endpoint.handler.__name__}",
        "tags": [endpoint.tag],
        "parameters": [*_path_parameters(endpoint), *_query_parameters(endpoint), *_header_parameters(endpoint)],
        "responses": answers,
    }
    if endpoint.role == PEER:
        found["security"] = [{"member": []}, {}]
    elif endpoint.role != ANYONE:
        found["security"] = [{"token": []}]
    if endpoint.body is bytes:
        raw = {"schema": {"type": "string", "format": "binary", "maxLength": endpoint.body_bytes_max}}
        found["requestBody"] = {"required": True, "content": {"*/*": raw}}
    elif endpoint.body is not None:
        found["requestBody"] = {"required": True, "content": {JSON: {"schema": _schema(endpoint.body, schemas)}}}
    return found


def _refusal(status: int, schemas: dict[str, Any], also: dict[str, Any] | None = None) -> dict[str, Any]:
    refused = REFUSED[status]
    problem: dict[str, Any] = {
        "type": f"urn:darwaza:problem:{refused.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": refused.code,
        "detail": refused.detail,
    }
    headers: dict[str, Any] = {CODE_HEADER: {"schema": {"type": "string"}, "description": "The problem's code."}}
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        problem["retry_after_s"] = 1.0
        headers["retry-after"] = {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds."}
    return {
        "description": refused.means,
        "headers": headers,
        "content": {PROBLEM_MEDIA_TYPE: {"schema": schemas[repr(Problem)], "example": problem}} | (also or {}),
    }


def _schema(kind: Any, schemas: dict[str, Any]) -> Any:
    if kind is None:
        return {"type": "string", "format": "binary"}
    return schemas[repr(kind)]


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    names = re.findall(r"\{(\w+)", endpoint.path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    if endpoint.query is None:
        return []
    _, components = msgspec.json.schema_components([endpoint.query], ref_template=_REF)
    schema = components[endpoint.query.__name__]
    required = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": of}
        for name, of in schema["properties"].items()
    ]


def _header_parameters(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    # OpenAPI has its own places for what says who asks and for the body's media type.
    for name in reads(endpoint):
        if name not in _SECURED | {"content-type", "accept"}:
            example, means = HEADERS[name]
            yield {
                "name": name,
                "in": "header",
                "required": False,
                "description": means,
                "schema": {"type": "string"},
                "example": example,
            }
