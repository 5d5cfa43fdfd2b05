"""The officer's, carrier's and guarantor's work from the command line, against real gateway processes."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from click.testing import CliRunner

from darwaza.entry.cli.main import main
from darwaza.entry.local import LocalCorridor
from darwaza.entry.sample import freight
from darwaza.services.transit.guarantee import Register

HAIRATAN = "AF-UZ/HAIRATAN"
NAMES = {"AF": "Afghanistan", "UZ": "Uzbekistan"}
WHO = {"tashkent": "UZTAS", "termez": "UZTER"}


@pytest.fixture(scope="module")
def corridor(tmp_path_factory):
    made = LocalCorridor(tmp_path_factory.mktemp("cli"), NAMES, links=[("AF", "UZ")])
    made.add_party("UZ", "customs", "customs", "supervisor")
    made.add_party("AF", "customs", "customs", "supervisor", "office AFHRT")
    for name, office in WHO.items():
        made.add_party("UZ", name, "customs", "office " + office)
    made.add_party("UZ", freight.HOLDER_PARTY.partition("/")[2], "holder")
    made.add_party("UZ", freight.CHAIN.partition("/")[2], "guarantee-chain")
    made.start()
    yield made
    made.close()


def run(corridor, who, *words, code=0):
    """Run a command as a party of a gateway; return its JSON, or what it printed to stderr when it fails."""
    member, _, party = who.partition("/")
    given = [*words, "--gateway", str(corridor.path(member)), "--as", party, "--json"]
    outcome = CliRunner().invoke(main, given)
    assert outcome.exit_code == code, (outcome.stdout, outcome.stderr)
    return json.loads(outcome.stdout if code == 0 else outcome.stderr)


def people(corridor, who, *words):
    """Run a command and return what it prints for people."""
    member, _, party = who.partition("/")
    outcome = CliRunner().invoke(main, [*words, "--gateway", str(corridor.path(member)), "--as", party])
    assert outcome.exit_code == 0, outcome.stderr
    return outcome.stdout


@pytest.fixture(scope="module")
def movement(corridor, tmp_path_factory):
    """A movement from Tashkent to Kabul, accepted from the command line."""
    folder, now = tmp_path_factory.mktemp("bodies"), datetime.now(UTC)
    terms = freight.carnet("CLI-1", now)
    (folder / "carnet.json").write_bytes(msgspec.json.encode(Register(terms, freight.HOLDER_PARTY)))
    assert run(corridor, freight.CHAIN, "guarantee", "register", "--body", str(folder / "carnet.json"))["id"]
    uz, af, _ = freight.way_to_karachi(now)
    legs = (uz, msgspec.structs.replace(af, exit_office="AFKBL", crossing=None))
    made = freight.declaration(str(uuid.uuid4()), terms, now, legs=legs)
    (folder / "made.json").write_bytes(msgspec.json.encode(made))
    lodged = run(corridor, freight.HOLDER_PARTY, "transit", "do", "declare", "-", "--body", str(folder / "made.json"))
    assert lodged["state"] == "lodged"
    seals = 'seals=[{"number":"CLI-S1"}]'
    taken = run(corridor, "UZ/tashkent", "transit", "do", "accept", made.movement, seals, "--office", "UZTAS")
    assert taken["state"] == "accepted"
    return made.movement


def test_an_officers_day(corridor, movement):
    """Start, replace a seal, terminate: fields on the command line, stamped by the office's own clock."""
    act = ("transit", "do")
    begun = ("leg=0", "operation=op-uz", "sequence=1", "--office", "UZTAS")
    assert run(corridor, "UZ/tashkent", *act, "start", movement, *begun)["state"] == "moving"
    refused = run(corridor, "UZ/tashkent", *act, "start", movement, *begun, code=1)
    assert refused["code"] == "already_started"
    wrong = run(corridor, "UZ/termez", *act, "terminate", movement, "leg", "--office", "UZTER", code=1)
    assert wrong["code"] == "body_malformed"
    change = ("action=replaced", "number=CLI-S1", "replacement.number=CLI-S2", "reason=bolt sheared")
    run(corridor, "UZ/termez", *act, "seal", movement, *change, "--office", "UZTER", "--officer", "karimov")
    chains = {chain["number"]: chain for chain in run(corridor, "UZ/termez", "transit", "seals", movement)}
    assert chains["CLI-S1"]["status"] == "replaced"
    step = chains["CLI-S1"]["steps"][-1]
    assert (step["office"], step["officer"], step["reason"]) == ("UZTER", "karimov", "bolt sheared")
    assert "bolt sheared" in people(corridor, "UZ/termez", "transit", "seals", movement)
    ended = ("leg=0", "operation=op-uz", "--office", "UZTER")
    run(corridor, "UZ/termez", *act, "terminate", movement, *ended)
    shown = run(corridor, "UZ/termez", "transit", "show", movement)
    assert [leg["status"] for leg in shown["legs"]] == ["terminated", "planned"]
    assert run(corridor, "UZ/termez", "transit", "indicators", movement, "--distance-km", "700")["border_times"] == []


def test_guarantees(corridor, movement):
    """The chain lists, sees what stands, and cannot take back what a movement uses."""
    listed = run(corridor, freight.CHAIN, "guarantee", "list")
    (known,) = [view for view in listed if view["terms"]["reference"] == "CLI-1"]
    assert run(corridor, freight.CHAIN, "guarantee", "show", known["id"]) == known
    assert "CLI-1" in people(corridor, freight.CHAIN, "guarantee", "list")
    exposed = run(corridor, freight.CHAIN, "guarantee", "exposure")
    assert {item["member"] for item in exposed} == {"UZ", "AF"}
    assert "in use" in people(corridor, freight.CHAIN, "guarantee", "exposure")
    cancelled = run(corridor, freight.CHAIN, "guarantee", "cancel", known["id"], "--reason", "given back")
    assert cancelled["state"] == "cancelling"


def test_a_closure_from_the_command_line(corridor, movement):
    """Close, see who waits and what it costs, extend, look for other ways, divert, reopen."""
    supervisor, office = "UZ/customs", ("--office", "UZTER")
    hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds")
    closed = run(corridor, supervisor, "crossing", "close", HAIRATAN, *office, "--reason", "flood", "--since", hour_ago)
    assert closed["state"] == "closed"
    (view,) = run(corridor, supervisor, "crossing", "list", "--closed")
    assert [one["reason"] for one in view["closures"]] == ["flood"]
    assert "flood" in people(corridor, supervisor, "crossing", "list", "--closed")
    costs = ("--detention-minor", "15000", "--tracker-minor", "500")
    waiting = run(corridor, supervisor, "crossing", "waiting", HAIRATAN, *costs)
    assert [item["movement"] for item in waiting["movements"]] == [movement]
    assert waiting["cost_per_day_minor"] == 15_500
    assert "1 wait" in people(corridor, supervisor, "crossing", "waiting", HAIRATAN)
    until = (datetime.now(UTC) + timedelta(days=2)).isoformat(timespec="seconds")
    run(corridor, supervisor, "crossing", "extend", HAIRATAN, *office, "--until", until, "--reason", "slow")
    assert run(corridor, supervisor, "transit", "detours", movement) == []
    diverted = run(corridor, supervisor, "crossing", "divert", HAIRATAN, *office)
    assert diverted == {"diverted": 0, "asked": 0, "no_way": 1, "refused": {}}
    assert run(corridor, supervisor, "crossing", "reopen", HAIRATAN, *office)["state"] == "open"
    nothing = run(corridor, supervisor, "crossing", "reopen", HAIRATAN, *office, code=1)
    assert nothing["code"] == "closure_unknown"
    assert run(corridor, supervisor, "crossing", "times", "--crossing", HAIRATAN) == []
    naive = run(corridor, supervisor, "crossing", "times", "--since", "2026-03-05T18:00", code=1)
    assert naive["code"] == "instant_malformed"


def test_trackers(corridor):
    """A delivery counts once, whoever repeats it; what is not there cannot be retired."""
    delivery = str(uuid.uuid4())
    for _ in range(2):
        run(corridor, "UZ/customs", "tracker", "stock", "UZTAS", "3", "--delivery", delivery)
    run(corridor, "UZ/customs", "tracker", "retire", "UZTAS", "1")
    (pool,) = run(corridor, "UZ/customs", "tracker", "list")
    assert pool == {"office": "UZTAS", "here": 2, "fitted": 0, "away": 0}
    assert "2 here" in people(corridor, "UZ/customs", "tracker", "list")
    assert run(corridor, "UZ/customs", "tracker", "retire", "UZTAS", "5", code=3)["code"] == "trackers_short"


def test_questions_between_members(corridor):
    """A question about a holder waits at the other gateway until its customs has looked it up."""
    asked = run(corridor, "UZ/termez", "enquiry", "ask", "AF", "holder", "holder=AFG/001/1")

    def waits():
        return [one["id"] for one in run(corridor, "AF/customs", "enquiry", "list", "--state", "open")]

    assert until(waits) == [asked["id"]]
    assert "AFG/001/1" in people(corridor, "AF/customs", "enquiry", "list")
    answered = run(corridor, "AF/customs", "enquiry", "answer", asked["id"], "name=Ariana Cargo", "authorised=true")
    assert answered["state"] == "answered"

    def reply():
        return [one["reply"] for one in run(corridor, "UZ/termez", "enquiry", "list") if one.get("reply")]

    assert until(reply) == [{"type": "I4", "holder": "AFG/001/1", "name": "Ariana Cargo", "authorised": True}]
    assert "Ariana Cargo" in people(corridor, "UZ/termez", "enquiry", "list")


def until(found, seconds=120):
    """Ask until there is something."""
    end = time.monotonic() + seconds
    while not (something := found()) and time.monotonic() < end:
        time.sleep(0.05)
    return something


def test_a_post_with_its_network_cut(corridor, tmp_path):
    """A key and a delegation while there is a network; acts without one; carried in by file and by QR code, once."""
    folder, now = tmp_path / "hairatan", datetime.now(UTC)
    terms = freight.carnet("CLI-2", now)
    run_body(corridor, tmp_path, freight.CHAIN, ("guarantee", "register"), Register(terms, freight.HOLDER_PARTY))
    uz, af, _ = freight.way_to_karachi(now)
    legs = (uz, msgspec.structs.replace(af, exit_office="AFKBL", crossing=None))
    made = freight.declaration(str(uuid.uuid4()), terms, now, legs=legs)
    run_body(corridor, tmp_path, freight.HOLDER_PARTY, ("transit", "do", "declare", "-"), made)
    seals = 'seals=[{"number":"CLI-S9"}]'
    run(corridor, "UZ/tashkent", "transit", "do", "accept", made.movement, seals, "--office", "UZTAS")

    begin = ("act", str(folder), "start", made.movement, "leg=1", "operation=op-af", "sequence=2")
    assert alone(*begin, code=4)["code"] == "post_not_delegated"
    run(corridor, "AF/customs", "post", "delegate", str(folder), "--office", "AFHRT")
    assert (folder / "key").stat().st_mode & 0o077 == 0
    wrong = alone("act", str(folder), "start", made.movement, "leg=one", code=1)
    assert (wrong["code"], wrong["pointer"]) == ("body_malformed", "/leg")
    begun = alone(*begin, "--officer", "nabi")
    change = ("action=broken", "number=CLI-S9", "reason=opened for inspection")
    broken = alone("act", str(folder), "seal", made.movement, *change)
    assert all(path.endswith(".png") for path in begun["codes"])
    assert len(begun["codes"]) == 2

    texts = broken["file"].removesuffix(".event") + ".txt"
    for _ in range(2):
        answers = run(corridor, "UZ/customs", "post", "carry", begun["file"], texts)
        assert [item["answer"] for item in answers] == ["valid", "valid"]
    shown = run(corridor, "UZ/customs", "transit", "show", made.movement)
    acts = [(entry["office"], entry["what"], entry["offline"]) for entry in shown["timeline"]]
    assert acts[1:] == [("AFHRT", "started", True), ("AFHRT", "seal", True)]
    (tmp_path / "forged.event").write_bytes(b"\x00" + (tmp_path / begun["file"]).read_bytes())
    command = [
        "post",
        "carry",
        str(tmp_path / "forged.event"),
        "--gateway",
        str(corridor.path("UZ")),
        "--as",
        "customs",
    ]
    outcome = CliRunner().invoke(main, command)
    assert (outcome.exit_code, "malformed" in outcome.stdout) == (1, True)


def alone(*words, code=0):
    """Run a post's command that speaks to no gateway."""
    outcome = CliRunner().invoke(main, ["post", *words, "--json"])
    assert outcome.exit_code == code, (outcome.stdout, outcome.stderr)
    return json.loads(outcome.stdout if code == 0 else outcome.stderr)


def run_body(corridor, folder, who, words, body):
    """Run a command whose body is a file."""
    file = folder / "body.json"
    file.write_bytes(msgspec.json.encode(body))
    return run(corridor, who, *words, "--body", str(file))
