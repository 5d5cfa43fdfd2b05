"""Holds answers of a gateway against its own OpenAPI description."""

import re
from functools import cache
from http import HTTPStatus
from typing import Any

import httpx
import jsonschema_rs
import msgspec

from darwaza.entry.api.app import ENDPOINTS
from darwaza.entry.api.openapi import describe


@cache
def description() -> dict[str, Any]:
    """What every gateway answers at /openapi.json."""
    found: dict[str, Any] = msgspec.json.decode(describe(ENDPOINTS))
    return found


def operation(method: str, path: str) -> dict[str, Any] | None:
    """The operation a request comes to; a path without names goes before one with names."""
    method = "get" if method == "HEAD" else method.lower()
    for template, operations in sorted(description()["paths"].items(), key=lambda pair: pair[0].count("{")):
        pattern = re.sub(r"\\{rest\\}", ".+", re.escape(template))
        if method in operations and re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", pattern), path):
            found: dict[str, Any] = operations[method]
            return found
    return None


def schema(of: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """What checks values against a schema of the description."""
    return jsonschema_rs.Draft202012Validator({**of, "components": description()["components"]})


@cache
def _checker(operation_id: str, status: str, media_type: str) -> jsonschema_rs.Draft202012Validator:
    operations = (one for operations in description()["paths"].values() for one in operations.values())
    answers = next(one for one in operations if one["operationId"] == operation_id)["responses"]
    return schema(_resolve(answers[status])["content"][media_type]["schema"])


def _resolve(answer: dict[str, Any]) -> dict[str, Any]:
    reference = answer.get("$ref")
    if reference is None:
        return answer
    found: dict[str, Any] = description()["components"]["responses"][reference.rpartition("/")[2]]
    return found


def hold(response: httpx.Response) -> None:
    """Hold an answer's status, media type and content against the description of its operation.

    Raises:
        AssertionError: it says what is not as described.
    """
    method, path = response.request.method, response.request.url.raw_path.partition(b"?")[0].decode("latin-1")
    found = operation(method, path)
    if found is None:
        return
    where = f"{method} {path} -> {response.status_code}"
    answer = found["responses"].get(str(response.status_code))
    if answer is None:
        raise AssertionError(f"{where}: the status is not described; {response.text[:200]}")
    if response.status_code == HTTPStatus.NO_CONTENT:
        return
    content = {name.partition(";")[0]: of for name, of in _resolve(answer)["content"].items()}
    media_type = response.headers.get("content-type", "").partition(";")[0]
    if media_type not in content:
        raise AssertionError(f"{where}: {media_type} is not described, {list(content)} is")
    if media_type.endswith("json") and content[media_type]["schema"].get("format") != "binary":
        checker = _checker(found["operationId"], str(response.status_code), media_type)
        for fault in checker.iter_errors(response.json()):
            raise AssertionError(f"{where}: {fault.message} at {fault.instance_path}")
