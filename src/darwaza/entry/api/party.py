"""Who may come in: ways to show who one is, roles and rates.

A way names a party; whom the gateway serves, and what each may do, stands in the gateway's own list alone. Tokens are
one way. Another one (OpenID Connect, client certificates) is another ``Way``, added in ``entry.api.app``.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from starlette.requests import Request

from darwaza.adapters.keyfile.party import Party, PartyFile
from darwaza.entry.api.request import header_of
from darwaza.errors import ForbiddenError, PushbackError

ANYONE = ""
PEER = "peer"
ANY_PARTY = "party"
_UNASKED: Final = frozenset({ANYONE, PEER})
RATE_WINDOW_S = 10.0
REFRESH_S = 1.0


class Shown(NamedTuple):
    """What a caller shows of itself.

    Attributes:
        authorization: the header's value, "" when it is absent.
        certificate: PEM of the client certificate TLS has checked the key of, as the server tells it (ASGI TLS
            extension 0.2, ``client_cert_chain``); "" when there is none.
    """

    authorization: str
    certificate: str = ""

    @classmethod
    def of(cls, request: Request) -> "Shown":
        """Read a request."""
        tls = request.scope.get("extensions", {}).get("tls")
        chain = () if tls is None else tuple(tls.get("client_cert_chain", ()))
        return cls(header_of(request, b"authorization"), chain[0] if chain else "")


class Way(Protocol):
    """One way to show who one is; asked again every ``REFRESH_S`` while its caller goes on."""

    def name(self, shown: Shown) -> str | None:
        """Name the party that is shown, or None when nothing is shown in this way.

        Raises:
            ForbiddenError: what is shown in this way is not valid.
        """


class Tokens:
    """Tokens of the gateway's own list: ``Authorization: Bearer …`` (RFC 6750 section 2.1)."""

    def __init__(self, parties: PartyFile) -> None:
        self._parties = parties

    def name(self, shown: Shown) -> str | None:
        """See ``Way``.

        Raises:
            ForbiddenError: ``token_unknown``.
        """
        scheme, _, token = shown.authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        party = self._parties.by_token(token)
        if party is None:
            raise ForbiddenError("the token is not valid here", code="token_unknown")
        return party.name


class Guest:
    """A party that showed who it is.

    Attributes:
        address: full address.
        roles: what it may do.
    """

    __slots__ = ("_allowance", "_at_s", "address", "party", "roles")

    def __init__(self, party: Party, address: str, now_s: float) -> None:
        self.party = party
        self.address = address
        self.roles = party.roles
        self._allowance = party.requests_per_s_max * RATE_WINDOW_S
        self._at_s = now_s

    def spend(self, now_s: float) -> None:
        """Count one request.

        Raises:
            PushbackError: ``too_many_requests``.
        """
        full = self.party.requests_per_s_max * RATE_WINDOW_S
        self._allowance = min(full, self._allowance + (now_s - self._at_s) * self.party.requests_per_s_max)
        self._at_s = now_s
        if self._allowance < 1:
            wait_s = (1 - self._allowance) / self.party.requests_per_s_max
            raise PushbackError("this party makes too many requests", retry_after_s=wait_s, code="too_many_requests")
        self._allowance -= 1


class Door:
    """See the module."""

    def __init__(
        self,
        parties: PartyFile,
        address: Callable[[str], str],
        monotonic_s: Callable[[], float],
        ways: Sequence[Way] = (),
    ) -> None:
        """Prepare.

        Args:
            parties: whom the gateway serves.
            address: full address of a party's name.
            monotonic_s: the clock for rates.
            ways: asked in order; only tokens when there are none.
        """
        self._parties = parties
        self._address = address
        self._monotonic_s = monotonic_s
        self._ways = ways or (Tokens(parties),)
        self._guests: dict[str, Guest] = {}
        self._shown: dict[Shown, Guest] = {}
        self._refreshed_s = monotonic_s()

    def admit(self, shown: Shown, role: str) -> Guest | None:
        """Admit a caller.

        Args:
            shown: what the caller shows of itself.
            role: see ``Endpoint.role``.

        Raises:
            ForbiddenError: ``token_missing``, ``token_unknown``, ``party_unknown``, ``role_missing``.
            PushbackError: ``too_many_requests``.
        """
        if role in _UNASKED:
            return None
        now_s = self._monotonic_s()
        if now_s - self._refreshed_s > REFRESH_S:
            # What was taken back, has expired, or belongs to a party whose entry changed must be shown anew.
            self._refreshed_s = now_s
            self._parties.refresh()
            self._shown = {}
        guest = self._shown.get(shown)
        if guest is None:
            guest = self._shown[shown] = self._guest(shown, now_s)
        if role != ANY_PARTY and role not in guest.roles:
            raise ForbiddenError(f"this needs the role {role}", code="role_missing")
        guest.spend(now_s)
        return guest

    def _guest(self, shown: Shown, now_s: float) -> Guest:
        name = next((found for way in self._ways if (found := way.name(shown)) is not None), None)
        if name is None:
            raise ForbiddenError("a token is needed: Authorization: Bearer …", code="token_missing")
        party = self._parties.party(name)
        if party is None:
            raise ForbiddenError(f"{name[:64]} is not served here", code="party_unknown")
        guest = self._guests.get(name)
        if guest is None or guest.party != party:
            # One for a party, however it shows itself: its rate is the party's.
            guest = self._guests[name] = Guest(party, self._address(name), now_s)
        return guest
