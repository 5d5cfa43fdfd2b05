"""An error over HTTP says in its head when to try again, and never too early."""

import json

import pytest

from darwaza.entry.api.problem import respond
from darwaza.errors import PushbackError


@pytest.mark.parametrize(("wait_s", "told"), [(0.02, "1"), (0.5, "1"), (1.0, "1"), (1.2, "2"), (14.4, "15")])
def test_retry_after_is_never_too_early(wait_s: float, told: str) -> None:
    """Whole seconds, rounded up (RFC 9110, section 10.2.3); the body has the exact wait."""
    answer = respond(PushbackError("too many requests are waiting", retry_after_s=wait_s))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, told)
    assert json.loads(bytes(answer.body))["retry_after_s"] == wait_s
