"""The HTTP application, in process: what auditors, parties and strangers get."""

import asyncio
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from tests.unit.entry.described import hold

from darwaza.bootstrap import Gateway
from darwaza.entry.api.app import App
from darwaza.entry.api.document import Stage
from darwaza.entry.local import LocalCorridor
from darwaza.entry.server import Server
from darwaza.kernel.checkpoint import parse_checkpoint
from darwaza.kernel.merkle import leaf_hash
from darwaza.services.documents import SERVICE


class Desk:
    """One gateway's application, called without a network."""

    def __init__(self, corridor: LocalCorridor, code: str) -> None:
        self.gateway = Gateway(corridor.path(code))
        self.tokens = {path.name: path.read_text().strip() for path in (corridor.path(code) / "tokens").iterdir()}

    def call(self, party: str, method: str, path: str, **options: Any) -> httpx.Response:
        """Make one request."""

        async def run() -> httpx.Response:
            server = Server(self.gateway)
            transport = httpx.ASGITransport(app=App(server))
            headers = {"authorization": f"Bearer {self.tokens[party]}"} if party else {}
            headers |= options.pop("headers", {})
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                response = await client.request(method, path, headers=headers, **options)
            hold(response)
            await server.transport.close()
            return response

        return asyncio.run(run())


@pytest.fixture(scope="module")
def corridor(tmp_path_factory: pytest.TempPathFactory) -> LocalCorridor:
    """Return two founded members; no process runs."""
    folder: Path = tmp_path_factory.mktemp("corridor")
    made = LocalCorridor(folder, {"PK": "Pakistan", "UZ": "Uzbekistan"}, links=[("PK", "UZ")])
    made.add_party("PK", "fbr", "agency")
    made.add_party("PK", "bank", "bank")
    return made


@pytest.fixture(scope="module")
def desk(corridor: LocalCorridor) -> Iterator[Desk]:
    """Return Pakistan's application."""
    opened = Desk(corridor, "PK")
    yield opened
    opened.gateway.close()


def send(desk: Desk, content: bytes = b"<a/>", **headers: str) -> httpx.Response:
    """Send one document as the FBR."""
    query = {"to": "UZ/customs", "title": "Invoice"}
    kept = {"content-type": "application/xml", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return desk.call("fbr", "POST", "/v1/documents", params=query, content=content, headers=kept)


def test_an_accepted_document_is_answered_with_its_case(desk: Desk) -> None:
    """A document is accepted with no neighbour in reach."""
    answer = send(desk)
    assert answer.status_code == 201
    view = desk.call("fbr", "GET", f"/v1/documents/{answer.json()['id']}").json()
    assert view["stage"] == "accepted"
    assert view["manifest"]["digest"] == sha256(b"<a/>").hexdigest()


def test_documents_are_found_by_the_stage_that_is_shown(desk: Desk) -> None:
    """What is shown as accepted is found as accepted; a word that is no stage is refused instead of finding none."""
    sent = send(desk).json()["id"]

    def found(stage: str) -> list[str]:
        page = desk.call("fbr", "GET", "/v1/documents", params={"state": stage, "limit": 200}).json()
        return [one["id"] for one in page["documents"]]

    assert sent in found("accepted")
    assert sent in found("offered")
    assert all(sent not in found(stage) for stage in ("delivered", "arrived", "handed-over"))
    refused = desk.call("fbr", "GET", "/v1/documents", params={"state": "sent"})
    assert (refused.status_code, refused.json()["code"], refused.json()["pointer"]) == (
        400,
        "query_malformed",
        "/state",
    )
    states = {state for cell in SERVICE.table.values() for state in cell.next}
    assert set(get_args(Stage)) == states | {"accepted", "delivered"}


def test_the_same_key_gets_the_stored_answer_and_another_request_a_conflict(desk: Desk) -> None:
    """An idempotency key belongs to one request for ever."""
    first = send(desk, idempotency_key="k1").json()
    again = send(desk, idempotency_key="k1").json()
    other = send(desk, b"<b/>", idempotency_key="k1")
    assert (again["id"], again["repeated"]) == (first["id"], True)
    assert (other.status_code, other.json()["code"]) == (409, "key_reused")


def test_another_party_does_not_learn_that_a_case_exists(desk: Desk) -> None:
    """A case that is somebody else's and one that does not exist are answered alike."""
    case_id = send(desk).json()["id"]
    strange = desk.call("bank", "GET", f"/v1/documents/{case_id}")
    absent = desk.call("bank", "GET", "/v1/documents/00000000-0000-7000-8000-000000000000")
    assert strange.status_code == absent.status_code == 404
    assert strange.json() == absent.json()


def test_documents_are_found_by_case_consignment_party_state_and_time(desk: Desk) -> None:
    """Each filter alone and all together; only the caller's own; pages lead to every match once, newest first."""
    found: dict[str, str] = {}
    for name, to, ucr in (("a", "UZ/customs", "UCR-1"), ("b", "UZ/bank", "UCR-1"), ("c", "UZ/customs", "UCR-2")):
        query = {"to": to, "title": name, "ucr": ucr}
        found[desk.call("fbr", "POST", "/v1/documents", params=query, content=b"x").json()["id"]] = name
    opened = {
        name: desk.call("fbr", "GET", f"/v1/documents/{case_id}").json()["opened_at"] for case_id, name in found.items()
    }

    def search(party: str = "fbr", **query: str) -> str:
        page = desk.call(party, "GET", "/v1/documents", params={"limit": "200", **query}).json()
        return "".join(found.get(one["id"], "") for one in page["documents"])

    assert search(ucr="UCR-1") == "ba"
    assert search(ucr="UCR-2") == "c"
    assert search(ucr="UCR-3") == ""
    assert search(**{"with": "UZ/customs"}) == "ca"
    assert search(**{"with": "UZ/customs", "ucr": "UCR-1", "state": "offered"}) == "a"
    assert search(state="handed-over") == ""
    assert search(since=opened["b"]) == "cb"
    assert search(before=opened["b"], since=opened["a"]) == "a"
    assert search(since="2040-01-01T00:00:00Z") == search(before="2020-01-01T05:00:00+05:00") == ""
    for wrong in ("2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        for name in ("since", "before"):
            problem = desk.call("fbr", "GET", "/v1/documents", params={name: wrong}).json()
            assert (problem["status"], problem["code"], problem["pointer"]) == (400, "instant_malformed", f"/{name}")
    assert search("bank", ucr="UCR-1") == ""
    first = desk.call("fbr", "GET", "/v1/documents", params={"ucr": "UCR-1", "limit": "1"}).json()
    second = desk.call("fbr", "GET", "/v1/documents", params={"ucr": "UCR-1", "page": first["next"]}).json()
    assert [found[one["id"]] for page in (first, second) for one in page["documents"]] == ["b", "a"]


@pytest.mark.parametrize(
    ("method", "path", "party", "options", "status", "code"),
    [
        ("GET", "/v1/documents", "", {}, 401, "token_missing"),
        ("GET", "/v1/operator/links", "fbr", {}, 403, "role_missing"),
        ("GET", "/v1/nothing", "fbr", {}, 404, "not_found"),
        ("PATCH", "/v1/documents", "fbr", {}, 405, "method_not_allowed"),
        ("GET", "/v1/documents?limit=0", "fbr", {}, 400, "query_malformed"),
        ("GET", "/v1/documents?limit=1&limit=2", "fbr", {}, 400, "query_malformed"),
        ("GET", "/v1/documents?color=red", "fbr", {}, 400, "query_malformed"),
        ("POST", "/v1/documents?to=nowhere&title=x", "fbr", {"content": b"x"}, 400, "query_malformed"),
        ("POST", "/v1/documents?to=KZ/x&title=x", "fbr", {"content": b"x"}, 422, "undeliverable"),
        ("POST", "/v1/documents?to=UZ/x&title=x", "fbr", {"content": b"x" * 1_000_001}, 413, "request_too_large"),
        ("POST", "/v1/documents/bulk", "fbr", {"content": b"\xc1"}, 400, "body_malformed"),
        ("POST", "/v1/documents/uploads", "fbr", {"content": b"{"}, 400, "body_malformed"),
        ("POST", "/link/v1/batches", "", {"content": b"junk"}, 400, "batch_malformed"),
        ("GET", "/link/v1/cosigned?origin=x", "", {}, 404, "log_unknown"),
        ("POST", "/witness/v1/add-checkpoint", "", {"content": b"old 0\n\n"}, 400, "note_malformed"),
    ],
)
def test_every_refusal_is_a_problem_with_a_code(
    desk: Desk, method: str, path: str, party: str, options: dict[str, Any], status: int, code: str
) -> None:
    """One shape for all errors (RFC 9457)."""
    answer = desk.call(party, method, path, **options)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"] == f"urn:darwaza:problem:{code}"
    assert problem["status"] == status


def test_an_auditor_rebuilds_the_tree_from_tiles_and_entries(desk: Desk) -> None:
    """Tiles and entry bundles (C2SP tlog-tiles) lead to the signed root, and hold no body."""
    secret = b"<nobody-but-the-addressee/>"
    send(desk, secret)
    rows = desk.call("operator", "GET", "/log/v1").json()
    log = next(row for row in rows if row["origin"].endswith("PK-to-UZ/0"))
    size = log["size"]
    checkpoint, _ = parse_checkpoint(desk.call("operator", "GET", f"/log/v1/{log['log']}/checkpoint").content)
    tile = desk.call("operator", "GET", f"/log/v1/{log['log']}/tile/0/000.p/{size}").content
    bundle = desk.call("operator", "GET", f"/log/v1/{log['log']}/tile/entries/000.p/{size}").content
    headers = []
    while bundle:
        length = int.from_bytes(bundle[:2], "big")
        headers.append(bundle[2 : 2 + length])
        bundle = bundle[2 + length :]
    assert b"".join(map(leaf_hash, headers)) == tile
    assert checkpoint.size == size
    assert secret not in b"".join(headers)


def test_the_description_names_every_path(desk: Desk) -> None:
    """OpenAPI is made from the table that serves."""
    described = desk.call("", "GET", "/openapi.json").json()
    assert "/v1/documents" in described["paths"]
    assert described["paths"]["/v1/documents"]["post"]["operationId"] == "documents_offer"


def test_metrics_need_the_operator_and_tell_the_logs(desk: Desk) -> None:
    """Prometheus reads sizes by origin."""
    text = desk.call("operator", "GET", "/metrics").text
    assert "darwaza_log_size" in text
    assert desk.call("fbr", "GET", "/metrics").status_code == 403


def test_many_documents_go_in_one_request_and_each_is_answered(desk: Desk) -> None:
    """A bad one among many stops none."""
    import msgspec

    good = ["k-a", "UZ/customs", "one", "a.xml", "application/xml", b"<a/>"]
    bad = ["k-b", "KZ/customs", "two", "b.xml", "application/xml", b"<b/>"]
    answer = desk.call("fbr", "POST", "/v1/documents/bulk", content=msgspec.msgpack.encode([good, bad])).json()
    assert answer[0]["state"] == "offered"
    assert answer[1]["code"] == "undeliverable"
