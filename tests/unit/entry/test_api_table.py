"""The table of endpoints finds what Starlette's router finds."""

import re

import pytest
from starlette.routing import Match, Route

from darwaza.entry.api.app import ENDPOINTS
from darwaza.entry.api.table import Table

ANSWERS = [(endpoint, object()) for endpoint in ENDPOINTS]
TABLE = Table(ANSWERS)

PATHS = (
    *("", "/", "//", "/v1/transit/", "/v1/transit//start", "/v1/transit/a/b/c", "/v1/transit/scan", "/v1/nothing"),
    *("/v1/payments/x/reject", "/v1/payments/markets/x", "/v1/payments/quotes/x/accept", "/v1/documents/x/chunks/y"),
)


async def nothing(_):
    """Answer nothing."""


@pytest.mark.parametrize(("endpoint", "answer"), ANSWERS, ids=[f"{one.method} {one.path}" for one, _ in ANSWERS])
def test_every_endpoint_is_found_with_its_names(endpoint, answer):
    """What stands for a name comes back under it, whatever it is made of; only names with slashes are left out."""
    path = re.sub(r"\{(\w+)\}", r"\1 é{}", endpoint.path)
    if ":" in endpoint.path:
        assert TABLE.find(endpoint.method, path) is None
        return
    names = {name: f"{name} é{{}}" for name in re.findall(r"\{(\w+)\}", endpoint.path)}
    assert TABLE.find(endpoint.method, path) == (answer, names)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "HEAD"])
@pytest.mark.parametrize("path", PATHS)
def test_the_router_would_find_the_same(method, path):
    """A path that the table knows, the router knows as the same; what the table does not know is the router's."""
    found = TABLE.find(method, path)
    scope = {"type": "http", "method": method, "path": path}
    fits = [
        (endpoint, child.get("path_params", {}))
        for endpoint in ENDPOINTS
        for match, child in [Route(endpoint.path, nothing, methods=[endpoint.method]).matches(scope)]
        if match is Match.FULL
    ]
    if found is None:
        assert fits == [] or method == "HEAD"
    else:
        answer, names = found
        assert (dict(ANSWERS)[fits[0][0]], fits[0][1]) == (answer, names)
