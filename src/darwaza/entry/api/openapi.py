"""Describes the endpoints in OpenAPI 3.1, from the same table and types that serve them."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from darwaza import __version__
from darwaza.entry.api.endpoint import JSON, Endpoint
from darwaza.entry.api.party import ANYONE, PEER
from darwaza.entry.api.problem import Problem
from darwaza.kernel.wire import PROBLEM_MEDIA_TYPE

OPENAPI_VERSION = "3.1.0"
_REF = "#/components/schemas/{name}"


def describe(endpoints: Sequence[Endpoint]) -> bytes:
    """Write the description as JSON."""
    types = [Problem]
    for endpoint in endpoints:
        types += [kind for kind in (endpoint.body, endpoint.answer) if kind not in (None, bytes)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    by_type = dict(zip(map(repr, types), schemas, strict=True))
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
    return msgspec.json.encode(document)


def _operation(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    also = {endpoint.also: {"schema": {"type": "string", "format": "binary"}}} if endpoint.also else {}
    found: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": f"{endpoint.tag}_{endpoint.handler.__name__}",
        "tags": [endpoint.tag],
        "parameters": _path_parameters(endpoint) + _query_parameters(endpoint),
        "responses": {
            str(endpoint.status): {
                "description": "done",
                "content": {endpoint.media_type: {"schema": _schema(endpoint.answer, schemas)}} | also,
            },
            "default": {
                "description": "refused, with a stable code",
                "content": {PROBLEM_MEDIA_TYPE: {"schema": schemas[repr(Problem)]}} | also,
            },
        },
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
