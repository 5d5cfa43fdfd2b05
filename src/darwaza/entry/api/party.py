"""Who may come in: tokens, roles and rates."""

from collections.abc import Callable

from darwaza.adapters.keyfile.party import Party, PartyFile
from darwaza.errors import ForbiddenError, PushbackError

ANYONE = ""
PEER = "peer"
ANY_PARTY = "party"
RATE_WINDOW_S = 10.0
REFRESH_S = 1.0


class Guest:
    """A party that showed a valid token.

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

    def __init__(self, parties: PartyFile, address: Callable[[str], str], monotonic_s: Callable[[], float]) -> None:
        """Prepare.

        Args:
            parties: whom the gateway serves.
            address: full address of a party's name.
            monotonic_s: the clock for rates.
        """
        self._parties = parties
        self._address = address
        self._monotonic_s = monotonic_s
        self._guests: dict[str, Guest] = {}
        self._refreshed_s = monotonic_s()

    def admit(self, authorization: str, role: str) -> Guest | None:
        """Admit a caller.

        Args:
            authorization: the header's value.
            role: see ``Endpoint.role``.

        Raises:
            ForbiddenError: ``token_missing``, ``token_unknown``, ``role_missing``.
            PushbackError: ``too_many_requests``.
        """
        if role in {ANYONE, PEER}:
            return None
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise ForbiddenError("a token is needed: Authorization: Bearer …", code="token_missing")
        now_s = self._monotonic_s()
        guest = self._guest(token, now_s)
        if role not in {ANY_PARTY, *guest.roles}:
            raise ForbiddenError(f"this needs the role {role}", code="role_missing")
        guest.spend(now_s)
        return guest

    def _guest(self, token: str, now_s: float) -> Guest:
        if now_s - self._refreshed_s > REFRESH_S:
            self._refreshed_s = now_s
            self._parties.refresh()
            known = {party.name: party for party in self._parties.all()}
            # A token that was taken back, or a party whose entry changed, has to show itself anew.
            self._guests = {
                held: guest for held, guest in self._guests.items() if known.get(guest.party.name) == guest.party
            }
        guest = self._guests.get(token)
        if guest is None:
            party = self._parties.by_token(token)
            if party is None:
                raise ForbiddenError("the token is not valid here", code="token_unknown")
            guest = self._guests[token] = Guest(party, self._address(party.name), now_s)
        return guest
