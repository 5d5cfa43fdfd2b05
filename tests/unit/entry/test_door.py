"""Who comes in: tokens, roles, rates, how soon what was taken back stops to count, and other ways to come in."""

import base64
import json
from hashlib import sha256

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.requests import Request

from darwaza.adapters.keyfile.party import OPERATOR, Party, PartyFile, new_token
from darwaza.adapters.system.clock import SystemEntropy
from darwaza.entry.api.party import ANY_PARTY, ANYONE, PEER, RATE_WINDOW_S, REFRESH_S, Door, Shown, Tokens
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
    made.bearer = Shown(f"Bearer {token}")
    return made


@pytest.fixture
def seconds():
    return Seconds()


@pytest.fixture
def door(parties, seconds):
    return Door(parties, lambda name: f"PK/{name}", seconds)


def code(door, shown, role=ANY_PARTY):
    with pytest.raises((ForbiddenError, PushbackError)) as refused:
        door.admit(shown if isinstance(shown, Shown) else Shown(shown), role)
    return refused.value.code


def test_a_token_opens_its_own_party(door, parties):
    """The address comes from the gateway's own list, never from the caller."""
    guest = door.admit(parties.bearer, ANY_PARTY)
    assert (guest.address, guest.roles) == ("PK/desk", {"agency"})
    assert door.admit(parties.bearer, "agency") is guest
    assert door.admit(Shown(""), ANYONE) is None
    assert door.admit(Shown("whatever"), PEER) is None


def test_every_refusal_has_its_code(door, parties):
    """No token, another scheme, a false token, a role that is not the party's."""
    assert code(door, "") == "token_missing"
    assert code(door, "Basic abc") == "token_missing"
    assert code(door, "Bearer ") == "token_missing"
    assert code(door, parties.bearer.authorization + "x") == "token_unknown"
    assert code(door, parties.bearer.authorization.replace("Bearer ", "Bearer \u0661")) == "token_unknown"
    assert code(door, parties.bearer, OPERATOR) == "role_missing"


def test_only_the_tokens_digest_is_kept(parties):
    """Whoever reads the file cannot come in with it."""
    assert parties.bearer.authorization.removeprefix("Bearer ") not in parties.path.read_text()


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


def test_all_tokens_of_a_party_share_its_rate(door, parties):
    """A second token is no second allowance."""
    token, digest = new_token(SystemEntropy())
    desk = parties.party("desk")
    parties.put(Party("desk", desk.roles, (*desk.tokens, digest), 2, ""))
    other = Shown(f"Bearer {token}")
    for _ in range(int(RATE_WINDOW_S)):
        assert door.admit(parties.bearer, ANY_PARTY) is door.admit(other, ANY_PARTY)
    assert code(door, other) == "too_many_requests"


class Certificates:
    """Mutual TLS (RFC 8705 section 2.2, self-signed): a party's certificate is pinned by its digest."""

    def __init__(self, pinned):
        self.pinned = pinned

    def name(self, shown):
        return self.pinned.get(sha256(shown.certificate.encode()).hexdigest()) if shown.certificate else None


class OpenId:
    """ID tokens of one issuer (OpenID Connect Core 1.0 section 3.1.3.7), signed with EdDSA (RFC 8037)."""

    def __init__(self, key, seconds):
        self.key = key
        self.seconds = seconds

    def name(self, shown):
        head, _, signature = shown.authorization.removeprefix("Bearer ").rpartition(".")
        if "." not in head:
            return None
        try:
            self.key.verify(decoded(signature), head.encode())
        except InvalidSignature as fault:
            raise ForbiddenError("the issuer did not sign this", code="token_unknown") from fault
        claims = json.loads(decoded(head.partition(".")[2]))
        if claims["exp"] <= self.seconds():
            raise ForbiddenError("the token has expired", code="token_unknown")
        return claims["sub"]


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed(key, **claims):
    head = f"{encoded(b'{}')}.{encoded(json.dumps(claims).encode())}"
    return Shown(f"Bearer {head}.{encoded(key.sign(head.encode()))}")


@pytest.fixture
def key():
    return Ed25519PrivateKey.generate()


@pytest.fixture
def open_door(parties, seconds, key):
    """Three ways in: client certificates, an identity provider, and the gateway's own tokens."""
    ways = (
        Certificates({sha256(b"PEM of the desk").hexdigest(): "desk"}),
        OpenId(key.public_key(), seconds),
        Tokens(parties),
    )
    return Door(parties, lambda name: f"PK/{name}", seconds, ways)


def test_other_ways_lead_to_the_same_party(open_door, parties, key):
    """Whichever way it comes: its address, roles and rate are those of the gateway's own list."""
    request = Request(
        {
            "type": "http",
            "headers": [],
            "extensions": {"tls": {"client_cert_chain": ["PEM of the desk", "PEM of a CA"]}},
        }
    )
    by_token = open_door.admit(parties.bearer, ANY_PARTY)
    assert open_door.admit(Shown.of(request), "agency") is by_token
    assert open_door.admit(signed(key, sub="desk", exp=2_000), "agency") is by_token


def test_other_ways_are_refused_as_tokens_are(open_door, parties, key, seconds):
    """Another issuer, a certificate nobody pinned, a name that is not served; and what expires stops to count."""
    assert code(open_door, signed(Ed25519PrivateKey.generate(), sub="desk", exp=2_000)) == "token_unknown"
    assert code(open_door, Shown("", "PEM of a stranger")) == "token_missing"
    assert code(open_door, signed(key, sub="stranger", exp=2_000)) == "party_unknown"
    short = signed(key, sub="desk", exp=seconds.now + 5)
    open_door.admit(short, ANY_PARTY)
    seconds.now += 5 + REFRESH_S
    assert code(open_door, short) == "token_unknown"
    assert code(open_door, Shown("Bearer nothing")) == "token_unknown"
