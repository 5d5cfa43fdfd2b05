"""Routing for operators, in process: the map, explanations, a drain that outlives a restart, drills, a probe."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from tests.unit.entry.test_application import Desk

from darwaza.bootstrap import Gateway
from darwaza.entry.cli import route
from darwaza.entry.cli.main import main
from darwaza.entry.cli.output import LATER, REFUSED
from darwaza.entry.local import LocalCorridor
from darwaza.errors import OperatorError

ROUTING = """
home_rules = "payments: leave not UZ"

[links.UZ]
price_class = 3
"""


@pytest.fixture
def corridor(tmp_path: Path) -> LocalCorridor:
    """Return three founded members in a row; no process runs."""
    names = {"KZ": "Kazakhstan", "PK": "Pakistan", "UZ": "Uzbekistan"}
    made = LocalCorridor(tmp_path, names, links=[("PK", "UZ"), ("KZ", "UZ")])
    made.add_party("PK", "fbr", "agency")
    (made.path("PK") / "routing.toml").write_text(ROUTING, "utf-8")
    return made


@pytest.fixture
def desk(corridor: LocalCorridor) -> Iterator[Desk]:
    """Return Pakistan's application."""
    opened = Desk(corridor, "PK")
    yield opened
    opened.gateway.close()


def test_the_map_and_the_rules_are_shown(desk: Desk) -> None:
    """An operator sees own links, even when no neighbour has spoken yet, and the home rules; a party sees nothing."""
    found = desk.call("operator", "GET", "/v1/operator/routes").json()
    assert [(link["ends"], link["own"]) for link in found["links"]] == [(["PK", "UZ"], True)]
    assert found["home_rules"] == {"PK": "payments: leave not UZ\n"}
    assert desk.call("fbr", "GET", "/v1/operator/routes").status_code == 403


def test_explanations_name_the_rule(desk: Desk) -> None:
    """Allowed, forbidden by a home rule, unreadable, and about nobody: each is answered as what it is."""

    def explain(**query: str) -> tuple[int, object]:
        answer = desk.call("operator", "GET", "/v1/operator/routes/explain", params=query)
        return answer.status_code, answer.json()

    assert explain(to="UZ")[1]["chosen"] == ["PK", "UZ"]  # type: ignore[index]
    status, found = explain(to="UZ", **{"class": "payments"})
    objections = found["paths"][0]["objections"]  # type: ignore[index]
    assert (status, found["chosen"], objections[0]["code"]) == (200, None, "home_leave")  # type: ignore[index]
    assert objections[0]["rule"] == "payments: leave not UZ"
    status, found = explain(to="UZ", policy="avoid af")
    assert (status, found["code"], found["pointer"]) == (400, "policy_member_expected", "/0/6")  # type: ignore[index]
    assert explain(to="PK")[0] == explain(to="XX")[0] == 400
    status, found = explain(to="UZ", **{"class": "paymnts"})
    assert (status, found["pointer"]) == (400, "/class"), "a service that nobody has is no class with no rules"  # type: ignore[index]


def test_a_drain_outlives_a_restart(corridor: LocalCorridor, desk: Desk) -> None:
    """What an operator asked for holds until it is taken back."""
    assert desk.call("operator", "PUT", "/v1/operator/routes/drain", json={"drained": True}).json()["drained"]
    desk.gateway.close()
    desk.gateway = Gateway(corridor.path("PK"))
    assert desk.gateway.watch.drained
    assert not desk.call("operator", "PUT", "/v1/operator/routes/drain", json={"drained": False}).json()["drained"]


def test_a_drill_darkens_the_map_for_a_while(desk: Desk) -> None:
    """A drill with a member there is begins; one with oneself, a stranger or for too long does not."""
    begun = desk.call("operator", "POST", "/v1/operator/drills", json={"cut": "UZ", "seconds": 60})
    assert (begun.status_code, begun.json()["state"]) == (201, "running")
    found = desk.call("operator", "GET", "/v1/operator/routes").json()
    assert (found["links"][0]["condition"], list(found["cuts"])) == ("down", ["UZ"])
    for wrong in ({"cut": "PK", "seconds": 60}, {"cut": "XX", "seconds": 60}, {"cut": "UZ", "seconds": 0}):
        assert desk.call("operator", "POST", "/v1/operator/drills", json=wrong).status_code == 400


def test_a_probe_is_answered_to_neighbours_alone(desk: Desk) -> None:
    """Without a neighbour's signature nobody learns anything."""
    answer = desk.call("", "POST", "/route/v1/probe", content=b"\x94\x01\xa1x\x90\xc4\x00")
    assert (answer.status_code, answer.json()["code"]) == (401, "request_unsigned")


def test_what_the_operator_wrote_wrongly_stops_the_start(corridor: LocalCorridor) -> None:
    """A mistake in routing.toml is named before anything runs."""
    for text in ('home_rules = "payments: leave"', "[links.UZ]\nprice_class = 10", "colour = 1"):
        (corridor.path("PK") / "routing.toml").write_text(text, "utf-8")
        with pytest.raises(OperatorError) as caught:
            Gateway(corridor.path("PK"))
        assert caught.value.code == "routing_wrong"


@pytest.mark.parametrize(
    ("policy", "status", "code"),
    [("through KZ", 422, "undeliverable"), ("avoid uz", 422, "policy_member_expected"), ("avoid AF", 201, None)],
)
def test_a_large_document_is_announced_with_its_policy(desk: Desk, policy: str, status: int, code: str | None) -> None:
    """What no path satisfies is refused when the document is announced, before anybody uploads a chunk."""
    manifest = {"bytes": 5, "chunks": ["0" * 64], "digest": "1" * 64, "media_type": "text/plain", "title": "Scan"}
    body = {"to": "UZ/agency", "manifest": {**manifest, "filename": ""}, "path_policy": policy}
    answer = desk.call("fbr", "POST", "/v1/documents/uploads", json=body)
    assert (answer.status_code, answer.json().get("code")) == (status, code)


def test_a_refusal_that_may_pass_is_told_from_one_that_stays(corridor: LocalCorridor, tmp_path: Path) -> None:
    """Nobody who leads to KZ has been heard: exit 3, try again later. A policy that nothing satisfies: exit 1."""
    paper = tmp_path / "bill.txt"
    paper.write_text("a bill", "utf-8")

    def send(*words: str) -> tuple[int, dict[str, object]]:
        given = ["documents", "send", str(paper), "--gateway", str(corridor.path("PK")), "--as", "fbr", "--json"]
        done = CliRunner().invoke(main, [*given, *words])
        return done.exit_code, json.loads(done.stderr)

    corridor.start("PK")
    try:
        code, found = send("--to", "KZ/agency")
        assert (code, found["code"]) == (LATER, "undeliverable"), found
        code, found = send("--to", "UZ/agency", "--path-policy", "through KZ")
        assert (code, found["code"]) == (REFUSED, "undeliverable"), found
    finally:
        corridor.close()


def test_the_live_table_outlives_its_gateway(corridor: LocalCorridor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway dies while somebody watches: what was last heard stays, with the reason; an interrupt ends well."""
    corridor.start("PK")
    events = [lambda: corridor.kill("PK"), lambda: None]

    def sleep(_seconds: float) -> None:
        if not events:
            raise KeyboardInterrupt
        events.pop(0)()

    monkeypatch.setattr(route, "time", SimpleNamespace(sleep=sleep))
    try:
        done = CliRunner().invoke(main, ["route", "show", "--watch", "--gateway", str(corridor.path("PK"))])
    finally:
        corridor.close()
    assert (done.exit_code, done.exception) == (0, None), done.output
    assert "PK-UZ" in done.output
    assert "as last heard: the gateway cannot be reached" in done.output


def test_a_problem_says_whether_it_may_pass(desk: Desk) -> None:
    """A program sees it in the problem itself."""
    query = {"to": "KZ/agency", "title": "Bill"}
    answer = desk.call("fbr", "POST", "/v1/documents", params=query, content=b"x")
    assert (answer.status_code, answer.json()["transient"]) == (422, True)
    answer = desk.call(
        "fbr", "POST", "/v1/documents", params={**query, "to": "UZ/agency", "path_policy": "through KZ"}, content=b"x"
    )
    assert (answer.status_code, answer.json().get("transient", False)) == (422, False)
