"""The Python client: what it refuses by itself, and what it makes of a gateway's answers."""

import httpx
import msgspec
import pytest

from darwaza.client import INLINE_BYTES_MAX, Client
from darwaza.entry.api.problem import problem_of
from darwaza.errors import ConflictError, FatalError, MessageError, PeerError, PushbackError


class Deaf(Client):
    """A client that must not speak."""

    def __init__(self):
        pass

    def call(self, *_arguments, **_options):
        raise AssertionError("nothing may be sent")


def test_a_policy_is_not_passed_over_for_a_large_document(tmp_path):
    """Whoever asks to avoid a member is told that a document in chunks cannot promise it; nothing is sent."""
    file = tmp_path / "scan.pdf"
    file.write_bytes(bytes(INLINE_BYTES_MAX + 1))
    with pytest.raises(MessageError) as fault:
        Deaf().send_document(file, to="KZ/customs", path_policy="avoid AF")
    assert (fault.value.code, fault.value.pointer) == ("policy_needs_one_piece", "/path_policy")


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
