"""A gateway's keys in a folder, one file each: 32 bytes in hex and a newline, readable by the owner alone.

``vote.key`` is the governance key: it is made here and should then be taken off line; a gateway runs without it.

Renewal: a new key waits in ``next/`` until the corridor document names its public half (spec/corridor.md section 9: a
member uses a new key only after it has admitted the version that brings it, and from then on only that one). Then
``follow`` moves the former key to ``former/`` and the new one into its place; a crash between the two leaves a gap
that the next ``follow`` fills.
"""

import os
import stat
from functools import cached_property
from pathlib import Path

from darwaza.errors import FatalError, OperatorError
from darwaza.kernel.key import SEED_BYTES, Ed25519PrivateKey, MLDSA44PrivateKey, PrivateKey
from darwaza.kernel.member import Keys as PublicKeys
from darwaza.kernel.naming import KeyRole
from darwaza.kernel.seal import UnsealKey
from darwaza.ports.clock import Entropy

NAMES = ("vote", "log", "log_mldsa44", "witness", "seal")
NEXT, FORMER = "next", "former"
FORMER_NAME_DIGITS = 8


class KeyFiles:
    """See ``darwaza.ports.keys.Keys``.

    Attributes:
        folder: where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, folder: Path, entropy: Entropy) -> "KeyFiles":
        """Make all keys.

        Raises:
            OperatorError: ``keys_exist``.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in NAMES:
            write_secret(folder / f"{name}.key", entropy.random(SEED_BYTES).hex() + "\n")
        return cls(folder)

    def secret(self, name: str) -> bytes:
        """Read one key's 32 bytes.

        Raises:
            OperatorError: ``key_missing``, ``key_exposed``, ``key_malformed``.
        """
        return read_secret(self.folder / f"{name}.key")

    @cached_property
    def vote(self) -> PrivateKey:
        """The governance key; only for proposing and voting."""
        return Ed25519PrivateKey(self.secret("vote"))

    @cached_property
    def log(self) -> PrivateKey:
        """Signs this member's logs."""
        return Ed25519PrivateKey(self.secret("log"))

    @cached_property
    def log_mldsa44(self) -> PrivateKey | None:
        """Signs them a second time; None when there is no such file."""
        if not (self.folder / "log_mldsa44.key").exists():
            return None
        return MLDSA44PrivateKey(self.secret("log_mldsa44"))

    @cached_property
    def witness(self) -> PrivateKey:
        """Co-signs."""
        return Ed25519PrivateKey(self.secret("witness"))

    @cached_property
    def seal(self) -> UnsealKey:
        """Opens what is sealed to this member."""
        return UnsealKey.of(self.secret("seal"))

    @property
    def former_seals(self) -> tuple[UnsealKey, ...]:
        """Sealing keys that were renewed."""
        return tuple(map(UnsealKey.of, self._former(KeyRole.SEAL)))

    @property
    def former_logs(self) -> tuple[PrivateKey, ...]:
        """Log keys that were renewed."""
        return tuple(map(Ed25519PrivateKey, self._former(KeyRole.LOG)))

    def _former(self, role: KeyRole) -> list[bytes]:
        former = KeyFiles(self.folder / FORMER)
        return [former.secret(name) for name in sorted(path.stem for path in former.folder.glob(f"{role}-*.key"))]

    # --- renewal ---

    @property
    def next(self) -> "KeyFiles":
        """The keys made ready to take over."""
        return KeyFiles(self.folder / NEXT)

    def renew(self, name: str, entropy: Entropy) -> None:
        """Make the next key of a role.

        Raises:
            OperatorError: ``keys_exist``: one is waiting already.
        """
        self.next.folder.mkdir(mode=0o700, exist_ok=True)
        write_secret(self.next.folder / f"{name}.key", entropy.random(SEED_BYTES).hex() + "\n")

    def public(self, name: str) -> bytes | None:
        """The public half of a role's key; None when there is no such file."""
        if not (self.folder / f"{name}.key").exists():
            return None
        if name == KeyRole.SEAL:
            return self.seal.public
        key: PrivateKey = getattr(self, name)
        return key.public.raw

    def holds(self, public: PublicKeys) -> bool:
        """Whether the private halves of these keys are here; see the port."""
        wanted = {name: getattr(public, name) for name in NAMES if name != KeyRole.VOTE}
        return all(key is None or key in {self.public(name), self.next.public(name)} for name, key in wanted.items())

    def follow(self, public: PublicKeys) -> None:
        """Use the keys whose public halves these are; see the port."""
        if not self.holds(public):
            raise OperatorError("the corridor document names other keys than those in keys/", code="keys_differ")
        for name in NAMES:
            wanted: bytes | None = getattr(public, name)
            if wanted is not None and self.public(name) != wanted and self.next.public(name) == wanted:
                self._take_over(name)

    def _take_over(self, name: str) -> None:
        path, held = self.folder / f"{name}.key", self.public(name)
        try:
            if held is not None:
                former = self.folder / FORMER
                former.mkdir(mode=0o700, exist_ok=True)
                path.replace(former / f"{name}-{held[: FORMER_NAME_DIGITS // 2].hex()}.key")
            # A crash here leaves the role without a key and the new one in next/: the next start comes by here again.
            (self.next.folder / f"{name}.key").replace(path)
        except OSError as fault:
            raise FatalError(f"the {name} key cannot be put in place: {fault}") from fault
        self.__dict__.pop(name, None)


def read_secret(path: Path) -> bytes:
    """Read the 32 bytes of a key file.

    Raises:
        OperatorError: ``key_missing``, ``key_exposed``, ``key_malformed``.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as fault:
        raise OperatorError(f"the key {path} cannot be read: {fault}", code="key_missing") from fault
    if stat.S_IMODE(mode) & 0o077:
        raise OperatorError(f"others may read {path}; run: chmod 600 {path}", code="key_exposed")
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError:
        secret = b""
    if len(secret) != SEED_BYTES:
        raise OperatorError(f"{path} does not hold {SEED_BYTES} bytes in hex", code="key_malformed")
    return secret


def write_secret(path: Path, text: str) -> None:
    """Write a new file that only its owner can read.

    Raises:
        OperatorError: ``keys_exist``.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as fault:
        raise OperatorError(f"{path} exists already", code="keys_exist") from fault
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
