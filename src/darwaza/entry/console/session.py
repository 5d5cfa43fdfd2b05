"""Who is signed in, and how often somebody may try.

A session is 32 random bytes in a cookie; the gateway keeps their digest alone, in a file, so that a gateway that was
killed and started again still knows who was at work. What is written is when a session began; when it was last used is
remembered in memory only, and counts from the start of the gateway after one.
"""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec

from darwaza import config
from darwaza.adapters.keyfile.account import write_private
from darwaza.errors import PushbackError
from darwaza.ports.clock import Clock, Entropy

SESSION_FILE = "sessions.json"


class Session(msgspec.Struct, frozen=True):
    """One signed-in person at one browser.

    Attributes:
        login: whose.
        secret_digest: SHA-256 of the account's password hash at sign-in: another password ends the session.
        began_s: POSIX seconds.
    """

    login: str
    secret_digest: str
    began_s: float


class Sessions:
    """See the module."""

    def __init__(self, path: Path, clock: Clock, entropy: Entropy) -> None:
        self._path = path
        self._clock = clock
        self._entropy = entropy
        self._sessions: dict[str, Session] = self._read()
        self._used_s: dict[str, float] = {}
        self._began_s = clock.monotonic_s()

    def _read(self) -> dict[str, Session]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Session])
        except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
            return {}  # at worst people sign in again

    def _write(self) -> None:
        write_private(self._path, msgspec.json.encode(self._sessions))

    def open(self, login: str, secret: str) -> str:
        """Begin a session; returns what goes into the cookie."""
        key = self._entropy.random(config.TOKEN_BYTES).hex()
        now_s = self._clock.now().timestamp()
        kept = sorted(
            (item for item in self._sessions.items() if now_s - item[1].began_s < config.SESSION_S_MAX),
            key=lambda item: item[1].began_s,
        )
        self._sessions = dict(kept[-config.SESSIONS_MAX + 1 :])
        self._sessions[_digest(key)] = Session(login, _digest(secret), now_s)
        self._write()
        return key

    def find(self, key: str) -> Session | None:
        """The session of a cookie, if it still runs; counts as use."""
        digest = _digest(key)
        session = self._sessions.get(digest)
        if session is None:
            return None
        now_s = self._clock.monotonic_s()
        idle_s = now_s - self._used_s.get(digest, self._began_s)
        age_s = self._clock.now().timestamp() - session.began_s
        if idle_s > config.SESSION_IDLE_S_MAX or age_s > config.SESSION_S_MAX:
            self.close(key)
            return None
        self._used_s[digest] = now_s
        return session

    def close(self, key: str) -> None:
        """End a session."""
        digest = _digest(key)
        self._used_s.pop(digest, None)
        if self._sessions.pop(digest, None) is not None:
            self._write()


def same_secret(session: Session, secret: str) -> bool:
    """Tell whether an account's password is still the one of the sign-in."""
    return session.secret_digest == _digest(secret)


def form_token(key: str) -> str:
    """What a session's forms carry: another site can neither read nor guess it (protection against CSRF)."""
    return sha256(b"darwaza console form\n" + key.encode()).hexdigest()


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


class Throttle:
    """Counts failed sign-ins per login and attempts per network address; both tables are bounded."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._attempts: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def admit(self, login: str, address: str) -> None:
        """Count an attempt.

        Raises:
            PushbackError: ``too_many_requests``: too many attempts from an address in a minute; ``account_locked``:
                too many wrong passwords for a login.
        """
        now_s = self._monotonic_s()
        count, since_s = self._attempts.get(address, (0, now_s))
        if now_s - since_s >= config.SIGN_IN_WINDOW_S:
            count, since_s = 0, now_s
        _put(self._attempts, address, (count + 1, since_s))
        if count >= config.SIGN_INS_PER_ADDRESS_MAX:
            wait_s = since_s + config.SIGN_IN_WINDOW_S - now_s
            raise PushbackError("too many attempts from here", retry_after_s=wait_s, code="too_many_requests")
        failures, last_s = self._failed.get(login, (0, now_s))
        wait_s = last_s + _lock_s(failures) - now_s
        if failures >= config.SIGN_IN_FAILURES_MAX and wait_s > 0:
            raise PushbackError("the account is locked for a while", retry_after_s=wait_s, code="account_locked")

    def failed(self, login: str) -> None:
        """Count a wrong password."""
        failures, _ = self._failed.get(login, (0, 0.0))
        _put(self._failed, login, (failures + 1, self._monotonic_s()))

    def succeeded(self, login: str) -> None:
        """Forget the wrong passwords of a login."""
        self._failed.pop(login, None)


def _lock_s(failures: int) -> float:
    """How long a login stays locked: twice as long with every further wrong password."""
    doubled = config.LOCK_S_FIRST * 2 ** min(16, max(0, failures - config.SIGN_IN_FAILURES_MAX))
    return min(float(doubled), config.LOCK_S_MAX)


def _put(table: OrderedDict[str, tuple[int, float]], name: str, value: tuple[int, float]) -> None:
    table[name] = value
    table.move_to_end(name)
    while len(table) > config.THROTTLED_MAX:
        table.popitem(last=False)
