"""Documents sealed on to one agency, over real gateways and a relay: it alone reads them, anybody can prove them."""

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.fault.test_relay_blind import forms

from darwaza.bootstrap import examine_store
from darwaza.client import Client
from darwaza.config import CHUNK_BYTES
from darwaza.entry.cli.main import main
from darwaza.entry.local import LocalCorridor
from darwaza.errors import DarwazaError, MessageError
from darwaza.kernel import evidence
from darwaza.kernel.enclosure import ENCLOSURE_MEDIA_TYPE
from darwaza.kernel.reference import Reference
from darwaza.kernel.seal import UnsealKey
from darwaza.kernel.sealcard import verify

pytestmark = pytest.mark.timeout(600)
WAIT_S = 120.0
NAMES = {"AF": "Afghanistan", "PK": "Pakistan", "UZ": "Uzbekistan"}
FILE_NAME = "hujjat-lalazor-6613.xml"
BODY = b"Registon-2290-anor consignee Nilufar Qosimova account 55120974418"
MARKERS = (b"Registon-2290-anor", b"Nilufar Qosimova", b"55120974418", b"lalazor-6613")
SOUGHT = re.compile(b"|".join(re.escape(form) for marker in MARKERS for form in forms(marker)))


def until(found: Callable[[], Any], what: str) -> Any:
    """Ask again until something is there."""
    end = time.monotonic() + WAIT_S
    while not (answer := found()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return answer


class Desk:
    """A trader in Tashkent and customs in Karachi, at their own machines."""

    def __init__(self, corridor: LocalCorridor, home: Path) -> None:
        self.corridor = corridor
        self.home = home

    def run(self, *words: str, code: str = "UZ", party: str = "freight", exit_code: int = 0) -> Result:
        """Give a command as a party at its gateway."""
        where = ("--gateway", str(self.corridor.path(code)), "--as", party, "--json")
        result = CliRunner().invoke(main, [*words, *where])
        assert result.exit_code == exit_code, result.output + result.stderr
        return result

    def customs(self, *words: str, exit_code: int = 0) -> Result:
        return self.run(*words, code="PK", party="customs", exit_code=exit_code)

    def new_key(self, name: str) -> Path:
        file = self.home / name
        result = CliRunner().invoke(main, ["sealing", "new", str(file), "--json"])
        assert result.exit_code == 0, result.output
        assert json.loads(result.output)["fingerprint"] == sha256(key(file).public).hexdigest()
        return file

    def send(self, file: Path, *words: str) -> dict[str, Any]:
        sent: dict[str, Any] = json.loads(
            self.run("documents", "send", str(file), "--to", "PK/customs", "--seal-to", "recipient", *words).output
        )
        self.arrived(sent["id"])
        return sent

    def arrived(self, case_id: str) -> None:
        with self.corridor.client("PK", "customs") as client:
            until(lambda: [one for one in client.documents(state="arrived") if one["id"] == case_id], "not arrived")

    def get(self, case_id: str, *keys: Path, exit_code: int = 0) -> tuple[bytes, str]:
        """What customs gets, and what the command says on stderr."""
        to = self.home / f"{case_id}-{time.monotonic_ns()}"
        given = [word for file in keys for word in ("--key", str(file))]
        result = self.customs("documents", "get", case_id, "-o", str(to), *given, exit_code=exit_code)
        assert list(self.home.glob("*.part")) == []
        return (to.read_bytes() if to.exists() else b""), result.stderr


def key(file: Path) -> UnsealKey:
    return UnsealKey.of(bytes.fromhex(file.read_text().strip()))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("sealing")
    corridor = LocalCorridor(folder / "corridor", NAMES, links=[("AF", "PK"), ("AF", "UZ")])
    corridor.add_party("UZ", "freight", "agency")
    corridor.add_party("UZ", "mallory", "agency")
    corridor.add_party("PK", "customs", "agency")
    corridor.add_party("PK", "bank", "bank")
    corridor.start()
    home = folder / "home"
    home.mkdir()
    with corridor.client("UZ") as operator:
        until(lambda: operator.operator.explain_route("PK")["chosen"], "the links were not told")
    yield Desk(corridor, home)
    corridor.close()
    for code in NAMES:
        assert examine_store(corridor.path(code), lambda _done, _total: None) == []


@pytest.fixture(scope="module")
def own(desk: Desk) -> Path:
    """Customs' first key, published."""
    file = desk.new_key("customs-1.key")
    assert (file.stat().st_mode & 0o077) == 0
    told = json.loads(desk.customs("sealing", "publish", str(file), "--days", "30").output)
    assert told["party"] == "PK/customs"
    return file


def searched(desk: Desk) -> dict[str, list[str]]:
    """Where a marker stands in the gateways' folders, by member: store, write-ahead log, journal, keys, parties."""
    found: dict[str, list[str]] = {}
    for code in NAMES:
        folder = desk.corridor.path(code)
        files = [path for path in folder.rglob("*") if path.is_file()]
        found[code] = [str(path) for path in files if SOUGHT.search(path.read_bytes())]
    return found


def test_no_gateway_reads_what_is_sealed_to_an_agency(desk: Desk, own: Path) -> None:
    """Small and in chunks, over a relay: customs reads it, three gateways' folders hold no word of it."""
    small, large = desk.home / FILE_NAME, desk.home / "large.bin"
    small.write_bytes(BODY)
    large.write_bytes((BODY + b"\n") * (2 * CHUNK_BYTES // len(BODY)))
    for file in (small, large):
        sent = desk.send(file)
        assert sent["sealed_to"] == sha256(key(own).public).hexdigest()
        content, _ = desk.get(sent["id"], own)
        assert content == file.read_bytes()
        with desk.corridor.client("PK", "customs") as client:
            view = client.document(sent["id"])
        assert view["manifest"]["media_type"] == ENCLOSURE_MEDIA_TYPE
        assert (view["manifest"]["filename"], view["manifest"]["title"]) == ("", "Sealed document")
        shown = CliRunner().invoke(
            main, ["documents", "show", sent["id"], "--gateway", str(desk.corridor.path("PK")), "--as", "customs"]
        )
        assert "bytes and digest are those of the sealed document" in shown.output
    assert searched(desk) == {code: [] for code in NAMES}
    plain = json.loads(desk.run("documents", "send", str(small), "--to", "PK/customs").output)
    desk.arrived(plain["id"])
    found = searched(desk)
    assert found["UZ"], "the search finds nothing where something is"
    assert found["PK"]
    assert found["AF"] == []


def test_evidence_is_over_the_sealed_bytes(desk: Desk, own: Path) -> None:
    """A court checks the sealed document without being able to read it, and customs takes it over like any other."""
    file = desk.home / "evidence.xml"
    file.write_bytes(BODY)
    kept = desk.home / "evidence.sealed"
    sent = desk.send(file, "--sealed", str(kept))
    desk.customs("documents", "accept", sent["id"])
    with desk.corridor.client("UZ", "freight") as client:
        view = until(
            lambda: (seen := client.document(sent["id"]))["stage"] == "handed-over" and seen, "not handed over"
        )
        raw = until(lambda: _complete(client.evidence(sent["message_ids"][-1])), "no receipt")
    assert view["manifest"]["digest"] == sha256(kept.read_bytes()).hexdigest()
    proof = desk.home / "evidence.json"
    proof.write_bytes(raw)
    corridor = desk.corridor.path("UZ") / "corridor" / "1.note"
    result = CliRunner().invoke(main, ["evidence", "verify", str(proof), "--corridor", str(corridor), "--json"])
    assert (result.exit_code, json.loads(result.output)["result"]) == (0, "valid")
    assert SOUGHT.search(raw) is None


def _complete(raw: bytes) -> bytes:
    return raw if len(evidence.decode(raw).items) > 1 else b""


def test_whoever_has_another_key_reads_nothing(desk: Desk, own: Path) -> None:
    """The command says which key it wants, and leaves no file; without a key the sealed bytes come as they are."""
    file = desk.home / "wrong.xml"
    file.write_bytes(BODY)
    sent = desk.send(file)
    other = desk.new_key("stranger.key")
    content, said = desk.get(sent["id"], other, exit_code=1)
    assert content == b""
    assert json.loads(said)["code"] == "enclosure_key_missing"
    assert sha256(key(own).public).hexdigest() in said
    raw, _ = desk.get(sent["id"])
    assert raw.startswith(b'{"case_id":"' + sent["id"].encode())
    assert SOUGHT.search(raw) is None


def test_a_sealed_document_planted_under_another_message_is_refused(desk: Desk, own: Path) -> None:
    """Mallory got hold of the sealed bytes and sends them as her own: customs learns that it was not meant so."""
    file, kept = desk.home / "swap.xml", desk.home / "swap.sealed"
    file.write_bytes(BODY)
    desk.send(file, "--sealed", str(kept))
    stolen = desk.run(
        *("documents", "send", str(kept), "--to", "PK/customs", "--media-type", ENCLOSURE_MEDIA_TYPE), party="mallory"
    )
    case_id = json.loads(stolen.output)["id"]
    desk.arrived(case_id)
    content, said = desk.get(case_id, own, exit_code=1)
    assert (content, json.loads(said)["code"]) == (b"", "enclosure_misplaced")


def test_a_sender_that_repeats_sends_the_same_once(desk: Desk, own: Path) -> None:
    """With the sealed bytes kept, the same key gives the same answer; sealed anew it is a named conflict."""
    for name, content in (("again.xml", BODY), ("again.bin", BODY * (2 * CHUNK_BYTES // len(BODY)))):
        file, kept = desk.home / name, desk.home / f"{name}.sealed"
        file.write_bytes(content)
        words = ("--key", name, "--sealed", str(kept))
        first, again = desk.send(file, *words), desk.send(file, *words)
        assert again["id"] == first["id"]
        with desk.corridor.client("PK", "customs") as client:
            assert len([one for one in client.documents() if one["id"] == first["id"]]) == 1
        kept.unlink()
        words = ("documents", "send", str(file), "--to", "PK/customs", "--seal-to", "recipient", "--key", name)
        assert json.loads(desk.run(*words, exit_code=1).stderr)["code"] in {"key_reused", "not_allowed"}
        kept.write_bytes(b"something else\n")
        refused = desk.run(*words, "--sealed", str(kept), exit_code=1)
        assert json.loads(refused.stderr)["code"] == "enclosure_malformed"


def test_after_a_renewal_new_documents_go_to_the_new_key_and_old_ones_stay_readable(desk: Desk, own: Path) -> None:
    """Customs renews its key; both keys beside each other open everything; the old card says that it is old."""
    file, card = desk.home / "renewal.xml", desk.home / "customs.card"
    file.write_bytes(BODY)
    before = desk.send(file)
    desk.run("sealing", "card", "--of", "PK/customs", "-o", str(card))
    renewed = desk.new_key("customs-2.key")
    desk.customs("sealing", "publish", str(renewed))
    after = desk.send(file)
    assert (before["sealed_to"], after["sealed_to"]) == tuple(
        sha256(key(one).public).hexdigest() for one in (own, renewed)
    )
    for sent in (before, after):
        assert desk.get(sent["id"], renewed, own)[0] == BODY
    assert desk.get(before["id"], renewed, exit_code=1)[0] == b""
    # A card got earlier still holds until it expires: its key is a former one, which customs has kept.
    note = desk.corridor.path("UZ") / "corridor" / "1.note"
    shown = CliRunner().invoke(main, ["sealing", "show", str(card), "--corridor", str(note), "--json"])
    assert json.loads(shown.output)["fingerprint"] == before["sealed_to"]
    words = ("documents", "send", str(file), "--to", "PK/customs", "--seal-to", str(card))
    late = json.loads(desk.run(*words).output)
    desk.arrived(late["id"])
    assert desk.get(late["id"], renewed, own)[0] == BODY
    desk.customs("sealing", "publish", str(own))


def test_an_expired_key_is_given_to_nobody_and_sealed_to_by_nobody(desk: Desk, own: Path) -> None:
    """Its gateway does not hand it out, and a sender that still has the card refuses it."""
    corridor = desk.corridor
    with corridor.client("PK", "customs") as customs, corridor.client("UZ", "freight") as freight:
        raw, soon = published_briefly(customs, key(own).public)
        until(lambda: _code(lambda: freight.sealing.card_of("PK/customs")) == "sealing_key_missing", "still given out")
        note = (corridor.path("UZ") / "corridor" / "1.note").read_bytes()
        document = Reference.read([note], corridor.anchor, datetime.now(UTC)).latest
        assert _code(lambda: verify(raw, document, datetime.now(UTC))) == "sealing_card_expired"
        card = desk.home / "expired.card"
        card.write_bytes(raw)
        file = desk.home / "expired.xml"
        file.write_bytes(BODY)
        words = ("documents", "send", str(file), "--to", "PK/customs", "--seal-to", str(card))
        assert json.loads(desk.run(*words, exit_code=1).stderr)["code"] == "sealing_card_expired"
        customs.sealing.publish(key(own).public, soon + timedelta(days=30))


def published_briefly(customs: Client, public: bytes) -> tuple[bytes, datetime]:
    """A card that expires in some seconds, and when; a machine that stood still meanwhile is given more."""
    for seconds in (3, 15, 60):
        soon = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
        with contextlib.suppress(MessageError):
            return customs.sealing.publish(public, soon)["card"].encode(), soon
    raise AssertionError("no card was made in time")


def _code(do: Callable[[], object]) -> str:
    """With which code something is refused, once it is answered."""

    def answer() -> tuple[str] | None:
        try:
            do()
        except DarwazaError as fault:
            return None if fault.code == "sealing_unanswered" else (fault.code,)
        return ("",)

    (code,) = until(answer, "no answer")
    return str(code)


def test_what_cannot_be_a_key_or_a_question_is_refused_by_name(desk: Desk, own: Path) -> None:
    """With a code and a pointer; and nothing that was published changes."""
    now = datetime.now(UTC).replace(microsecond=0)
    soon = now + timedelta(days=1)
    public = key(own).public
    note = (desk.corridor.path("PK") / "corridor" / "1.note").read_bytes()
    document = Reference.read([note], desk.corridor.anchor, now).latest
    gateway = document.card("PK")
    assert gateway is not None
    with desk.corridor.client("PK", "customs") as customs, desk.corridor.client("UZ", "freight") as freight:
        before = customs.sealing.own()
        for bad, expires_at, code, pointer in (
            (public[:-32] + bytes(32), soon, "key_not_admitted", "/key"),
            (b"\xff" * 1184 + public[1184:], soon, "key_not_admitted", "/key"),
            (gateway.keys.seal, soon, "key_reused", "/key"),
            (public, now - timedelta(days=1), "sealing_card_malformed", "/expires_at"),
            (public, now + timedelta(days=400), "sealing_card_malformed", "/expires_at"),
            (public[:-1], soon, "body_malformed", "/key"),
        ):
            with pytest.raises(MessageError) as fault:
                customs.sealing.publish(bad, expires_at)
            assert (fault.value.code, fault.value.pointer) == (code, pointer)
        assert customs.sealing.own() == before
        for party, code in (
            ("PK/nobody", "unknown_party"),
            ("PK/bank", "sealing_key_missing"),
            ("UZ/mallory", "sealing_malformed"),
            ("XX/customs", "undeliverable"),
        ):
            assert _code(lambda party=party: freight.sealing.card_of(party)) == code, party
        customs.sealing.withdraw()
        assert _code(customs.sealing.own) == "not_found"
        assert _code(lambda: freight.sealing.card_of("PK/customs")) == "sealing_key_missing"
        customs.sealing.publish(public, soon)


@pytest.mark.parametrize(
    "case_id", ["0190f1de-7c1a-7c1a-8c1a-012345678901", "0190F1DE-7c1a-8c1a-8c1a-012345678901", "x"]
)
def test_nobody_takes_the_name_of_another_services_case(desk: Desk, case_id: str) -> None:
    """A movement's or a payment's UUID is none that a document may choose; nothing is stored."""
    with desk.corridor.client("UZ", "mallory") as client:
        before = len(list(client.documents()))
        query = {"to": "PK/customs", "title": "t", "case_id": case_id}
        with pytest.raises(MessageError) as fault:
            client.call("POST", "/v1/documents", params=query, content=b"x")
        assert (fault.value.code, fault.value.pointer) == ("query_malformed", "/case_id")
        manifest = {"bytes": 1, "chunks": ["00" * 32], "digest": "00" * 32, "filename": "", "media_type": "a/b"}
        body = {"to": "PK/customs", "manifest": manifest | {"title": "t"}, "case_id": case_id}
        with pytest.raises(MessageError) as fault:
            client.call("POST", "/v1/documents/uploads", json=body)
        assert (fault.value.code, fault.value.pointer) == ("body_malformed", "/case_id")
        assert len(list(client.documents())) == before


def test_a_lost_disk_loses_neither_keys_nor_sealed_documents(desk: Desk, own: Path) -> None:
    """Published keys stand in the gateway's own files; the sealed document comes back from its neighbours."""
    file = desk.home / "lost.xml"
    file.write_bytes(BODY)
    sent = desk.send(file)
    desk.corridor.stop("PK")
    desk.corridor.lose_disk("PK")
    desk.corridor.start("PK")
    with desk.corridor.client("PK", "customs") as customs:
        until(lambda: any(one["id"] == sent["id"] for one in customs.documents()), "it did not come back")
        until(lambda: not customs.document(sent["id"]).get("missing"), "not whole")
    assert desk.get(sent["id"], own)[0] == BODY
    with desk.corridor.client("UZ", "freight") as freight:
        assert until(lambda: not _code(lambda: freight.sealing.card_of("PK/customs")), "not given out again")
