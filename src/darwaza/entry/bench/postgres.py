"""PostgreSQL servers for benches and tests: as the package comes, in temporary folders, over Unix sockets only."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from darwaza.errors import OperatorError

DEBIAN = "/usr/lib/postgresql"
SERVER_USER = "postgres"
"""Whom Debian's package makes; the server refuses to run as root."""
START_S_MAX = 180
SETTINGS = "-c listen_addresses=''"


def why_not() -> str:
    """Why this machine cannot run a server; "" when it can."""
    if _program("initdb") is None:
        return "PostgreSQL is not on this machine (Debian: apt-get install postgresql, or make test as root)"
    if os.geteuid() == 0 and _user() is None:
        return f"PostgreSQL does not run as root, and there is no user {SERVER_USER}"
    return ""


def _program(name: str) -> str | None:
    for folder in sorted(Path(DEBIAN).glob("*/bin"), reverse=True):
        if (folder / name).exists():
            return str(folder / name)
    return shutil.which(name)


def _user() -> str | None:
    try:
        return pwd.getpwnam(SERVER_USER).pw_name
    except KeyError:
        return None


class Server:
    """One server; stopped and removed by ``close``.

    Attributes:
        folder: of its data and its socket.
    """

    def __init__(self) -> None:
        """Make a cluster and start it."""
        self._user = SERVER_USER if os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="darwaza-pg-"))
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        data = self.folder / "data"
        self._run("initdb", "-D", str(data), "-A", "trust", "-U", SERVER_USER, "--no-sync", "--locale=C.UTF-8")
        options = f"-k {self.folder} {SETTINGS}"
        self._pg_ctl = ("pg_ctl", "-D", str(data), "-l", str(self.folder / "log"), "-w", "-t", str(START_S_MAX))
        self._run(*self._pg_ctl, "-o", options, "start")

    def _run(self, program: str, *words: str) -> None:
        found = _program(program)
        subprocess.run(  # noqa: S603 - the server's own programs
            [found or program, *words],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._user,
            cwd=self.folder,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
        )

    @property
    def pid(self) -> int:
        """The process that all others of the server descend from."""
        return int((self.folder / "data" / "postmaster.pid").read_text("ascii").split()[0])

    def url(self, schema: str = "public") -> str:
        """The URL of a store in a schema; there is one, others must be made."""
        return f"postgresql://{SERVER_USER}@/postgres?host={self.folder}&options=-csearch_path%3D{schema}"

    def stop(self) -> None:
        """End the server as a power cut would."""
        self._run(*self._pg_ctl, "-m", "immediate", "stop")

    def start(self) -> None:
        """Start it again: it recovers by itself."""
        self._run(*self._pg_ctl, "-o", f"-k {self.folder} {SETTINGS}", "start")

    def close(self) -> None:
        """Stop it and remove everything."""
        self._run(*self._pg_ctl, "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def servers(codes: Iterable[str], *, wanted: bool) -> Iterator[Mapping[str, Server]]:
    """Run a server for each of some members for the time of a ``with``; none at all when they are not wanted.

    Raises:
        OperatorError: ``no_postgres``.
    """
    reason = why_not() if wanted else ""
    if reason:
        raise OperatorError(f"no server can be started: {reason}", code="no_postgres")
    with ExitStack() as stack:
        yield {code: stack.enter_context(closing(Server())) for code in codes if wanted}
