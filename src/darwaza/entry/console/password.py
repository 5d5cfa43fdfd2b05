"""Passwords: argon2id with the parameters of RFC 9106, section 4 (second recommended option), off the engine's thread.

A hash takes a tenth of a second by intent. The library lets the interpreter go meanwhile, so the gateway goes on with
its work; no more than ``CONSOLE_HASHES_MAX`` are computed at a time.
"""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from argon2.profiles import RFC_9106_LOW_MEMORY

from darwaza import config

PASSWORD_CHARACTERS_MIN = 12
PASSWORD_CHARACTERS_MAX = 200

_hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
_NOBODY = _hasher.hash("nobody signs in with this")
"""An unknown login costs as much as a known one, so the time of an answer does not tell which there are."""


def hash_password(password: str) -> str:
    """Hash a password for ``Account.secret``.

    Raises:
        ValueError: it is too short or too long.
    """
    if not PASSWORD_CHARACTERS_MIN <= len(password) <= PASSWORD_CHARACTERS_MAX:
        raise ValueError(f"a password has {PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX} characters")
    return _hasher.hash(password)


class Passwords:
    """Checks passwords, a few at a time."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(config.CONSOLE_HASHES_MAX)

    async def fits(self, secret: str | None, password: str) -> bool:
        """Tell whether a password is the one; ``secret`` is None for an unknown login."""
        if len(password) > PASSWORD_CHARACTERS_MAX:
            return False
        async with self._places:
            known = await asyncio.to_thread(_verify, _NOBODY if secret is None else secret, password)
        return known and secret is not None


def _verify(secret: str, password: str) -> bool:
    try:
        return _hasher.verify(secret, password)
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False
