"""Connections that dawdle are closed; those that rest or wait for an answer are not."""

from types import SimpleNamespace

import pytest

from darwaza import config
from darwaza.entry.guard import GuardedProtocol


def connection(*, head: bool, since_s: float = 0.0, resting: bool = False, more_body: bool = False, done: bool = False):
    made = GuardedProtocol.__new__(GuardedProtocol)
    made._head, made.since_s = head, since_s
    made.timeout_keep_alive_task = object() if resting else None
    made.cycle = SimpleNamespace(more_body=more_body, response_complete=done)
    return made


@pytest.mark.parametrize(
    ("what", "late_after_s"),
    [
        ({"head": True}, config.REQUEST_HEAD_S_MAX),
        ({"head": False, "more_body": True}, config.REQUEST_BODY_S_MAX),
        ({"head": True, "resting": True}, None),
        ({"head": False}, None),
        ({"head": False, "more_body": True, "done": True}, None),
    ],
)
def test_who_is_late(what, late_after_s):
    """A head has its time, a body has its own; an answer that takes long, such as an event stream, has none."""
    one = connection(**what)
    assert not one.is_late(10.0)
    assert one.is_late(1_000_000.0) is (late_after_s is not None)
    if late_after_s is not None:
        assert not one.is_late(late_after_s)
        assert one.is_late(late_after_s + 1)
