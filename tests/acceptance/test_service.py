"""What parties and auditors see of real gateways over TLS: notices, waiting for delivery, tiles, large documents."""

import json
import random
import threading
import time
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from darwaza.bootstrap import examine_store
from darwaza.client import pinned_context
from darwaza.config import CHUNK_BYTES, CHUNKS_MAX, DOCUMENT_BYTES_MAX, EVENT_STREAMS_PER_PARTY_MAX
from darwaza.entry.local import LocalCorridor
from darwaza.errors import MessageError
from darwaza.kernel.checkpoint import CosignatureVerifier
from darwaza.kernel.corridor import read
from darwaza.kernel.key import Ed25519PublicKey
from darwaza.kernel.link import read_cosigned
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.message import decode_header
from darwaza.kernel.note import Verifier
from darwaza.kernel.tile import root_at

pytestmark = pytest.mark.timeout(600)
WAIT_S = 120.0
RSS_KB_MAX = 200_000


@pytest.fixture(scope="module")
def corridor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCorridor]:
    names = {"PK": "Pakistan", "UZ": "Uzbekistan"}
    made = LocalCorridor(tmp_path_factory.mktemp("service"), names, links=[("PK", "UZ")], cables=True)
    for code in names:
        made.add_party(code, "desk", "agency")
        made.add_party(code, "other", "agency")
        made.add_party(code, "court", "auditor")
    made.start()
    made.wait_until_delivered("PK", "UZ")
    yield made
    made.close()
    for code in names:
        check_journal(made.path(code))
        assert examine_store(made.path(code), lambda _done, _total: None) == []


def check_journal(folder: Path) -> None:
    """One JSON object a line; no token and no content in it."""
    text = (folder / "log").read_text("utf-8")
    assert all("event" in json.loads(line) for line in text.splitlines())
    tokens = [path.read_text().strip() for path in (folder / "tokens").iterdir()]
    assert [one for one in [*tokens, "secret 7", "Bearer"] if one in text] == []


def http(corridor: LocalCorridor, code: str, party: str) -> httpx.Client:
    folder = corridor.path(code)
    token = (folder / "tokens" / party).read_text().strip()
    return httpx.Client(
        base_url=f"https://127.0.0.1:{corridor.port(code)}",
        headers={"authorization": f"Bearer {token}"},
        verify=pinned_context(folder / "keys" / "tls.pem"),
        trust_env=False,
        timeout=WAIT_S,
    )


def offer(client: httpx.Client, to: str, title: str, **headers: str) -> dict[str, Any]:
    query = {"to": to, "title": title}
    answer = client.post("/v1/documents", params=query, content=title.encode(), headers=headers)
    assert answer.status_code == 201, answer.text
    sent: dict[str, Any] = answer.json()
    return sent


def events(client: httpx.Client, count: int, **headers: str) -> list[dict[str, Any]]:
    """Read that many server-sent events, as a browser would."""
    found: list[dict[str, Any]] = []
    with client.stream("GET", "/v1/events", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in response.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                found.append({**fields, "data": json.loads(fields["data"])})
                fields = {}
                if len(found) == count:
                    break
    return found


def test_a_party_hears_of_its_documents_as_they_come(corridor: LocalCorridor) -> None:
    """Notices arrive while the stream is open; Last-Event-ID goes on behind a break; nobody hears another's."""
    with http(corridor, "PK", "desk") as sender, http(corridor, "UZ", "desk") as reader:
        first = offer(sender, "UZ/desk", "first")
        heard: list[dict[str, Any]] = []
        listening = threading.Thread(target=lambda: heard.extend(events(reader, 2)))
        listening.start()
        second = offer(sender, "UZ/desk", "second")
        listening.join(WAIT_S)
        assert [one["event"] for one in heard] == ["document.arrived"] * 2
        assert [one["data"]["case_id"] for one in heard] == [first["id"], second["id"]]
        offer(sender, "UZ/other", "for another party")
        third = offer(sender, "UZ/desk", "third")
        after = events(reader, 1, **{"last-event-id": heard[-1]["id"]})
        assert after[0]["data"]["case_id"] == third["id"]
        reader.post(f"/v1/documents/{first['id']}/accept")
        told = events(sender, 1)
        assert (told[0]["event"], told[0]["data"]["case_id"]) == ("document.handed-over", first["id"])


def test_event_streams_are_bounded_and_given_back(corridor: LocalCorridor) -> None:
    """A party has so many streams; one that ends makes room."""
    with http(corridor, "PK", "other") as client:
        streams = [client.send(client.build_request("GET", "/v1/events"), stream=True) for _ in range(9)]
        refused = streams.pop()
        assert len(streams) == EVENT_STREAMS_PER_PARTY_MAX
        assert (refused.status_code, json.loads(refused.read())["code"]) == (429, "too_many_requests")
        for one in streams:
            one.close()
    end = time.monotonic() + WAIT_S
    with http(corridor, "PK", "other") as client:
        while time.monotonic() < end:
            with client.stream("GET", "/v1/events") as again:
                if again.status_code == 200:
                    return
            time.sleep(0.1)
    raise AssertionError("no stream was given back")


def test_a_request_may_wait_for_the_signature(corridor: LocalCorridor) -> None:
    """``Prefer: wait`` answers when both have signed, or says that they have not; the message is kept either way."""
    with http(corridor, "PK", "desk") as client:
        assert offer(client, "UZ/desk", "near", prefer="wait=30")["delivered"] is True
        for cable in corridor.cables.values():
            cable.cut()
        try:
            began = time.monotonic()
            late = offer(client, "UZ/desk", "cut off", prefer="wait=1")
            assert time.monotonic() - began >= 0.9
            assert "delivered" not in late
            assert client.get(f"/v1/documents/{late['id']}").json()["stage"] == "accepted"
            assert (late["id"] in at_stage(client, "accepted"), late["id"] in at_stage(client, "delivered")) == (
                True,
                False,
            )
        finally:
            for cable in corridor.cables.values():
                cable.mend()
        end = time.monotonic() + WAIT_S
        while client.get(f"/v1/documents/{late['id']}").json()["stage"] != "delivered":
            assert time.monotonic() < end
            time.sleep(0.05)
        assert (late["id"] in at_stage(client, "accepted"), late["id"] in at_stage(client, "delivered")) == (
            False,
            True,
        )


def at_stage(client: httpx.Client, stage: str) -> list[str]:
    """The ids of the documents that a list shows at a stage."""
    page = client.get("/v1/documents", params={"state": stage, "limit": 200}).json()
    return [one["id"] for one in page["documents"]]


def test_an_auditor_checks_a_log_from_tiles_alone(corridor: LocalCorridor) -> None:
    """At both ends: tiles and entries lead to the root that both members signed; no body is to be had."""
    document, _ = read(corridor.document)
    with http(corridor, "PK", "desk") as sender:
        for number in range(300):
            offer(sender, "UZ/desk", f"secret {number}")
    corridor.wait_until_delivered("PK", "UZ", WAIT_S)
    for code in ("PK", "UZ"):
        with http(corridor, code, "court") as court:
            log = next(one for one in court.get("/log/v1").json() if one["origin"].endswith("PK-to-UZ/0"))
            base = f"/log/v1/{log['log']}"
            raw = court.get(f"{base}/checkpoint").content
            authors = (Verifier(log["origin"], Ed25519PublicKey(document.card("PK").keys.log)),)
            reader = CosignatureVerifier(f"{document.name}/UZ", Ed25519PublicKey(document.card("UZ").keys.witness))
            checkpoint, _ = read_cosigned(raw, origin=log["origin"], authors=authors, cosigners=(reader,))
            size = checkpoint.size
            assert size > 300
            read_tile = partial(tile, court, base, size)
            assert root_at(size, read_tile) == checkpoint.root
            headers = entries(court, base, size)
            hashes = b"".join(read_tile(0, number) for number in range(-(-size // 256)))
            assert b"".join(map(leaf_hash, headers)) == hashes
            assert all(decode_header(header).origin.startswith("PK/") for header in headers)
            assert not any(b"secret" in header for header in headers)
            assert court.get("/v1/documents").json()["documents"] == []
            assert court.get(f"{base}/tile/0/999").status_code == 404
        with http(corridor, code, "desk") as desk:
            assert desk.get(f"{base}/checkpoint").json()["code"] == "role_missing"


def width(number: int, level: int, size: int) -> int:
    return min(256, (size >> (8 * level)) - number * 256)


def tile(court: httpx.Client, base: str, size: int, level: int, number: int) -> bytes:
    wide = width(number, level, size)
    part = "" if wide == 256 else f".p/{wide}"
    answer = court.get(f"{base}/tile/{level}/{number:03}{part}")
    assert answer.status_code == 200, answer.text
    return answer.content


def entries(court: httpx.Client, base: str, size: int) -> list[bytes]:
    found: list[bytes] = []
    for number in range(-(-size // 256)):
        wide = width(number, 0, size)
        bundle = court.get(f"{base}/tile/entries/{number:03}" + ("" if wide == 256 else f".p/{wide}")).content
        while bundle:
            length = int.from_bytes(bundle[:2], "big")
            found.append(bundle[2 : 2 + length])
            bundle = bundle[2 + length :]
    return found


def test_a_large_document_survives_a_kill_of_either_gateway(corridor: LocalCorridor, tmp_path: Path) -> None:
    """Chunks go by content address: what was there stays, only what is missing is sent, and the digest is held."""
    whole = b"".join(sha256(b"%d" % number).digest() * 4 for number in range(5 * CHUNK_BYTES // 128))
    chunks = [whole[at : at + CHUNK_BYTES] for at in range(0, len(whole), CHUNK_BYTES)]
    manifest = {
        "bytes": len(whole),
        "chunks": [sha256(one).hexdigest() for one in chunks],
        "digest": sha256(whole).hexdigest(),
        "filename": "a.bin",
        "media_type": "application/octet-stream",
        "title": "large",
    }
    paper = tmp_path / "a.bin"
    paper.write_bytes(whole)
    with http(corridor, "PK", "desk") as client:
        opened = client.post("/v1/documents/uploads", json={"to": "UZ/desk", "manifest": manifest}).json()
        for chunk in chunks[:3]:
            client.put(f"/v1/documents/{opened['id']}/chunks/{sha256(chunk).hexdigest()}", content=chunk)
    for code in ("PK", "UZ"):
        corridor.kill(code)
        corridor.start(code)
    with corridor.client("PK", "desk") as sender, corridor.client("UZ", "desk") as reader:
        assert set(sender.document(opened["id"])["missing"]) == {sha256(one).hexdigest() for one in chunks[3:]}
        sender.resume_upload(paper, opened["id"])
        end = time.monotonic() + WAIT_S
        while not any(one["id"] == opened["id"] and one["stage"] == "arrived" for one in reader.documents()):
            assert time.monotonic() < end
            time.sleep(0.05)
        assert reader.download(opened["id"], tmp_path / "copy.bin").read_bytes() == whole


def test_the_largest_document_passes_in_bounded_memory(corridor: LocalCorridor, tmp_path: Path) -> None:
    """100 MB, broken off in the middle and resumed, arrive whole; no gateway ever holds them; a byte more fails."""
    whole = random.Random(20261129).randbytes(DOCUMENT_BYTES_MAX)
    paper = tmp_path / "largest.bin"
    paper.write_bytes(whole + b"x")
    with corridor.client("PK", "desk") as sender, pytest.raises(MessageError) as refused:
        sender.send_document(paper, to="UZ/desk", key="too large")
    assert refused.value.code == "body_malformed"
    paper.write_bytes(whole)

    def break_off(done: int, total: int) -> None:
        if done > total // 2:
            raise BrokenOffError

    with corridor.client("PK", "desk") as sender, pytest.raises(BrokenOffError):
        sender.send_document(paper, to="UZ/desk", key="largest", progress=break_off)
    with corridor.client("PK", "desk") as sender, corridor.client("UZ", "desk") as reader:
        begun = next(one for one in sender.documents(state="uploading"))
        assert 0 < len(sender.document(begun["id"])["missing"]) <= CHUNKS_MAX // 2
        sent = sender.send_document(paper, to="UZ/desk", key="largest")
        assert sent["id"] == begun["id"]
        end = time.monotonic() + WAIT_S
        while not any(one["id"] == sent["id"] and one["stage"] == "arrived" for one in reader.documents()):
            assert time.monotonic() < end
            time.sleep(0.05)
        with pytest.raises(BrokenOffError):
            reader.download(sent["id"], tmp_path / "copy.bin", progress=break_off)
        (part,) = tmp_path.glob("copy.bin.*.part")
        came = part.stat().st_size
        assert DOCUMENT_BYTES_MAX // 2 < came < DOCUMENT_BYTES_MAX
        seen: list[int] = []
        copy = reader.download(sent["id"], tmp_path / "copy.bin", progress=lambda done, _: seen.append(done))
        assert copy.read_bytes() == whole
        assert min(seen) > came
    for code in ("PK", "UZ"):
        status = Path(f"/proc/{corridor.pid(code)}/status").read_text()
        assert int(status.partition("VmHWM:")[2].split()[0]) <= RSS_KB_MAX, status


class BrokenOffError(Exception):
    """Somebody pulled the plug."""
