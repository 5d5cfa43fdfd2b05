"""Who comes in: tokens, roles, rates, and how soon a token that was taken back stops to count."""

from hashlib import sha256

import pytest

from darwaza.adapters.keyfile.party import OPERATOR, Party, PartyFile, new_token
from darwaza.entry.api.party import ANY_PARTY, ANYONE, PEER, RATE_WINDOW_S, REFRESH_S, Door
from darwaza.errors import ForbiddenError, PushbackError


class Seconds:
    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


class Entropy:
    def random(self, size):
        return sha256(b"token").digest()[:size]


@pytest.fixture
def parties(tmp_path):
    made = PartyFile(tmp_path / "parties.json")
    token, digest = new_token(Entropy())
    made.put(Party("desk", frozenset({"agency"}), (digest,), 2, ""))
    made.refresh()
    made.bearer = f"Bearer {token}"
    return made


@pytest.fixture
def seconds():
    return Seconds()


@pytest.fixture
def door(parties, seconds):
    return Door(parties, lambda name: f"PK/{name}", seconds)


def code(door, authorization, role=ANY_PARTY):
    with pytest.raises((ForbiddenError, PushbackError)) as refused:
        door.admit(authorization, role)
    return refused.value.code


def test_a_token_opens_its_own_party(door, parties):
    """The address comes from the gateway's own list, never from the caller."""
    guest = door.admit(parties.bearer, ANY_PARTY)
    assert (guest.address, guest.roles) == ("PK/desk", {"agency"})
    assert door.admit(parties.bearer, "agency") is guest
    assert door.admit("", ANYONE) is None
    assert door.admit("whatever", PEER) is None


def test_every_refusal_has_its_code(door, parties):
    """No token, another scheme, a false token, a role that is not the party's."""
    assert code(door, "") == "token_missing"
    assert code(door, "Basic abc") == "token_missing"
    assert code(door, "Bearer ") == "token_missing"
    assert code(door, parties.bearer + "x") == "token_unknown"
    assert code(door, parties.bearer.replace("Bearer ", "Bearer \u0661")) == "token_unknown"
    assert code(door, parties.bearer, OPERATOR) == "role_missing"


def test_only_the_tokens_digest_is_kept(parties):
    """Whoever reads the file cannot come in with it."""
    assert parties.bearer.removeprefix("Bearer ") not in parties.path.read_text()


def test_a_party_has_a_rate(door, parties, seconds):
    """Bursts of ten seconds' worth, then its rate; the answer says when to come again."""
    for _ in range(int(2 * RATE_WINDOW_S)):
        door.admit(parties.bearer, ANY_PARTY)
    with pytest.raises(PushbackError) as full:
        door.admit(parties.bearer, ANY_PARTY)
    assert full.value.code == "too_many_requests"
    assert 0 < full.value.retry_after_s <= 0.5
    seconds.now += full.value.retry_after_s
    door.admit(parties.bearer, ANY_PARTY)
    assert code(door, parties.bearer) == "too_many_requests"
    seconds.now += 10 * RATE_WINDOW_S
    for _ in range(int(2 * RATE_WINDOW_S)):
        door.admit(parties.bearer, ANY_PARTY)
    assert code(door, parties.bearer) == "too_many_requests"


def test_a_token_that_was_taken_back_stops_to_count(door, parties, seconds):
    """Another process rewrites the list; the running gateway follows within a second."""
    door.admit(parties.bearer, ANY_PARTY)
    PartyFile(parties.path).put(Party("desk", frozenset({"agency"}), (), 2, ""))
    seconds.now += REFRESH_S + 0.1
    assert code(door, parties.bearer) == "token_unknown"
