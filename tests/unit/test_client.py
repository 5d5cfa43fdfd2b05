"""The Python client: what it asks of the gateway, and what it makes of the answers."""

import httpx
import msgspec
import pytest

from darwaza.client import INLINE_BYTES_MAX, Client
from darwaza.entry.api.problem import problem_of
from darwaza.errors import ConflictError, FatalError, MessageError, PeerError, PushbackError


class Recorder(Client):
    """A client whose gateway only listens."""

    def __init__(self):
        self.asked = []

    def call(self, method, path, **options):
        self.asked.append((method, path, options))
        return {"id": "1", "state": "offered", "stage": "offered", "manifest": {"chunks": [], "bytes": 0}}


def test_a_policy_goes_with_a_document_of_any_length(tmp_path):
    """Whoever asks to avoid a member is never passed over, whether the document is sent at once or in chunks."""
    for length, path, place in (
        (3, "/v1/documents", "params"),
        (INLINE_BYTES_MAX + 1, "/v1/documents/uploads", "json"),
    ):
        file = tmp_path / "scan.pdf"
        file.write_bytes(bytes(length))
        client = Recorder()
        client.send_document(file, to="KZ/customs", path_policy="avoid AF", waits=False)
        assert client.asked[0][:2] == ("POST", path)
        assert client.asked[0][2][place]["path_policy"] == "avoid AF"
        assert client.asked[0][2][place]["waits"] is False


class Told(Client):
    """A client of a gateway that answers with one problem, whatever it is asked."""

    def __init__(self, fault):
        problem = problem_of(fault)
        answer = httpx.Response(problem.status, json=msgspec.to_builtins(problem))
        self._http = httpx.Client(base_url="http://gateway", transport=httpx.MockTransport(lambda _: answer))


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (FatalError("a write failed"), PeerError),
        (PeerError("nobody answers"), PeerError),
        (PushbackError("the disk is full", retry_after_s=1.0), PushbackError),
        (ConflictError("another body", code="key_reused"), MessageError),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else "",
)
def test_what_may_have_been_written_is_no_refusal(fault, kind):
    """Only a refusal says that nothing was stored; after a failed write the caller has to ask again."""
    with Told(fault) as client, pytest.raises(kind) as told:
        client.health()
    assert told.value.code == fault.code
