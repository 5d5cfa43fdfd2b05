"""Ranges of a document's content (RFC 9110 section 14), and a client that goes on where a download broke off."""

from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.entry.test_application import Desk, corridor, desk, send  # noqa: F401 - fixtures

from darwaza.client import Client, partial_file
from darwaza.config import CHUNK_BYTES
from darwaza.entry.api.content import wanted
from darwaza.errors import MessageError, PeerError

SMALL = b"0123456789"
LARGE = b"".join(sha256(b"%d" % number).digest() for number in range((2 * CHUNK_BYTES + 1_000) // 32))

RANGES = [
    ("", None),
    ("bytes=0-", (0, 10)),
    ("bytes=3-5", (3, 6)),
    ("Bytes= 3-5 ", (3, 6)),
    ("bytes=9-9", (9, 10)),
    ("bytes=3-999", (3, 10)),
    ("bytes=-3", (7, 10)),
    ("bytes=-999", (0, 10)),
    ("bytes=10-", (10, 10)),
    ("bytes=999999999999999999-", (10, 10)),
    ("bytes=-0", (10, 10)),
    ("bytes=5-3", None),
    ("bytes=-", None),
    ("bytes=0-1,3-4", None),
    ("bytes=a-b", None),
    ("bytes=\u0663-", None),
    ("bytes=1-2\n", None),
    ("items=0-1", None),
    ("bytes=" + "9" * 1_000 + "-", None),
]


@pytest.mark.parametrize(("header", "found"), RANGES)
def test_a_range_header_is_read(header, found):
    """What RFC 9110 allows of one range, and everything else as if it were not there."""
    assert wanted(header, 10) == found


@given(st.text(max_size=30), st.integers(0, 50))
def test_no_range_header_leads_outside(text, size):
    """Whatever stands there, what is answered lies within the document."""
    for header in (text, "bytes=" + text):
        if (found := wanted(header, size)) is not None:
            assert 0 <= found[0] <= found[1] <= size


@pytest.fixture(scope="module")
def small(desk):  # noqa: F811
    sent = send(desk, SMALL, content_type="application/octet-stream").json()
    return f"/v1/documents/{sent['id']}/content"


@pytest.fixture(scope="module")
def large(desk):  # noqa: F811
    chunks = [LARGE[at : at + CHUNK_BYTES] for at in range(0, len(LARGE), CHUNK_BYTES)]
    digests = [sha256(one).hexdigest() for one in chunks]
    manifest = {"bytes": len(LARGE), "chunks": digests, "digest": sha256(LARGE).hexdigest(), "filename": "a.bin",
                "media_type": "application/octet-stream", "title": "large"}  # fmt: skip
    opened = desk.call("fbr", "POST", "/v1/documents/uploads", json={"to": "UZ/desk", "manifest": manifest}).json()
    for digest, chunk in zip(digests, chunks, strict=True):
        assert not desk.call("fbr", "PUT", f"/v1/documents/{opened['id']}/chunks/{digest}", content=chunk).is_error
    return f"/v1/documents/{opened['id']}/content"


def test_a_part_is_answered_and_named(desk, small):  # noqa: F811
    """206 with the range, the whole length and the tag; without a range everything, and that ranges are understood."""
    tag = f'"{sha256(SMALL).hexdigest()}"'
    whole = desk.call("fbr", "GET", small)
    assert (whole.status_code, whole.content) == (200, SMALL)
    assert (whole.headers["accept-ranges"], whole.headers["etag"]) == ("bytes", tag)
    assert "content-range" not in whole.headers
    part = desk.call("fbr", "GET", small, headers={"range": "bytes=3-5"})
    assert (part.status_code, part.content) == (206, b"345")
    assert (part.headers["content-range"], part.headers["etag"]) == ("bytes 3-5/10", tag)
    assert (part.headers["content-length"], part.headers["content-type"]) == ("3", "application/octet-stream")


def test_what_cannot_be_is_refused_with_the_length(desk, small):  # noqa: F811
    """416 in the shape of all errors."""
    refused = desk.call("fbr", "GET", small, headers={"range": "bytes=10-"})
    assert (refused.status_code, refused.json()["code"]) == (416, "range_not_satisfiable")
    assert refused.headers["content-range"] == "bytes */10"


@pytest.mark.parametrize("condition", ['"another"', 'W/"TAG"', "Sun, 29 Nov 2026 07:00:00 GMT"])
def test_a_range_of_something_else_is_answered_with_the_whole(desk, small, condition):  # noqa: F811
    """If-Range compares strongly; a date is no match, for there is no other version of a document."""
    digest = sha256(SMALL).hexdigest()
    headers = {"range": "bytes=3-5", "if-range": condition.replace("TAG", digest)}
    assert desk.call("fbr", "GET", small, headers=headers).status_code == 200
    assert desk.call("fbr", "GET", small, headers=headers | {"if-range": f'"{digest}"'}).status_code == 206


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 1), (CHUNK_BYTES - 1, CHUNK_BYTES + 1), (CHUNK_BYTES, 2 * CHUNK_BYTES), (5, len(LARGE)),
     (len(LARGE) - 1, len(LARGE)), (CHUNK_BYTES // 2, 2 * CHUNK_BYTES + 7)],
)  # fmt: skip
def test_a_range_over_chunks(desk, large, start, end):  # noqa: F811
    """Wherever it begins and ends, it is those bytes."""
    part = desk.call("fbr", "GET", large, headers={"range": f"bytes={start}-{end - 1}"})
    assert part.status_code == 206
    assert part.content == LARGE[start:end]
    assert part.headers["content-length"] == str(end - start)
    assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{len(LARGE)}"


class Line(httpx.BaseTransport):
    """A gateway behind a line that breaks after so many bytes of content, as often as it is told to."""

    def __init__(self, content, *breaks, understands=True):
        self.content = content
        self.breaks = list(breaks)
        self.understands = understands
        self.asked = []
        self.sent = 0

    def handle_request(self, request):
        manifest = {"bytes": len(self.content), "digest": sha256(self.content).hexdigest()}
        if not request.url.path.endswith("/content"):
            return httpx.Response(200, json={"id": "1", "manifest": manifest})
        asked = request.headers.get("range", "")
        self.asked.append(asked)
        start, headers, status = 0, {}, 200
        if asked and self.understands:
            assert request.headers["if-range"] == f'"{manifest["digest"]}"'
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            headers["content-range"] = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
            status = 206
        return httpx.Response(status, headers=headers, stream=Broken(self, self.content[start:]))


class Broken(httpx.SyncByteStream):
    def __init__(self, line, content):
        self.line, self.content = line, content

    def __iter__(self):
        end = self.line.breaks.pop(0) if self.line.breaks else len(self.content)
        for at in range(0, min(end, len(self.content)), 1_000):
            yield self.content[at : min(at + 1_000, end)]
        if end < len(self.content):
            raise httpx.ReadError("the line is gone")
        self.line.sent += len(self.content)


def client_over(line):
    client = Client("https://gateway.example", "token")
    client._http = httpx.Client(transport=line, base_url="https://gateway.example")
    return client


@pytest.fixture
def pieces(monkeypatch):
    """Small pieces, so that what came before the line broke is written."""
    monkeypatch.setattr("darwaza.config.STREAM_BYTES", 1_000)


@pytest.mark.usefixtures("pieces")
def test_a_download_goes_on_where_it_broke_off(tmp_path: Path):
    """Only what is missing is asked for again; the file is there when it is whole, and nothing beside it."""
    content, to = LARGE[:50_000], tmp_path / "copy.pdf"
    line = Line(content, 20_000, 7_000)
    with client_over(line) as client:
        for came in (20_000, 27_000):
            with pytest.raises(PeerError):
                client.download("1", to)
            assert not to.exists()
            assert partial_file(to, sha256(content).hexdigest()).stat().st_size == came
        seen = []
        client.download("1", to, progress=lambda done, total: seen.append((done, total)))
    assert to.read_bytes() == content
    assert line.asked == ["", "bytes=20000-", "bytes=27000-"]
    assert seen[0][0] > 27_000
    assert seen[-1] == (50_000, 50_000)
    assert list(tmp_path.iterdir()) == [to]


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("left", [b"x" * 100, LARGE[:9_999] + b"x", LARGE[:20_000]])
def test_what_is_not_the_beginning_is_thrown_away(tmp_path: Path, left):
    """A partial file that was damaged, or is too long, costs a download from the start and nothing else."""
    content, to = LARGE[:10_000], tmp_path / "copy.pdf"
    partial_file(to, sha256(content).hexdigest()).write_bytes(left)
    line = Line(content)
    with client_over(line) as client:
        client.download("1", to)
    assert to.read_bytes() == content
    assert line.asked[-1] == ""
    assert list(tmp_path.iterdir()) == [to]


@pytest.mark.usefixtures("pieces")
def test_a_gateway_that_knows_no_ranges_sends_everything_again(tmp_path: Path):
    """200 instead of 206: what was there is dropped, the rest is as ever."""
    content, to = LARGE[:10_000], tmp_path / "copy.pdf"
    line = Line(content, 5_000, understands=False)
    with client_over(line) as client:
        with pytest.raises(PeerError):
            client.download("1", to)
        client.download("1", to)
    assert to.read_bytes() == content
    assert line.sent == len(content)


def test_a_whole_partial_file_needs_no_request(tmp_path: Path):
    """The power went between the last byte and the name."""
    content, to = LARGE[:10_000], tmp_path / "copy.pdf"
    partial_file(to, sha256(content).hexdigest()).write_bytes(content)
    line = Line(content)
    with client_over(line) as client:
        client.download("1", to)
    assert (to.read_bytes(), line.asked) == (content, [])


def test_what_is_not_what_was_signed_is_not_kept(tmp_path: Path):
    """A gateway that sends other bytes is told so, once from the start, and nothing stays."""

    class Liar(Line):
        def handle_request(self, request):
            answer = super().handle_request(request)
            if request.url.path.endswith("/content"):
                return httpx.Response(200, content=b"x" * len(self.content))
            return answer

    with client_over(Liar(SMALL)) as client, pytest.raises(MessageError) as refused:
        client.download("1", tmp_path / "copy.pdf")
    assert refused.value.code == "document_differs"
    assert list(tmp_path.iterdir()) == []
