"""The Python client: what it refuses by itself, before anything leaves."""

import pytest

from darwaza.client import INLINE_BYTES_MAX, Client
from darwaza.errors import MessageError


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
