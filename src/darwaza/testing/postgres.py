"""A PostgreSQL server for tests: made in a temporary folder from Debian's package, reached over a Unix socket only."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

DEBIAN = "/usr/lib/postgresql"
SERVER_USER = "postgres"
"""Whom Debian's package makes; the server refuses to run as root."""
START_S_MAX = 180
SETTINGS = "-c listen_addresses='' -c shared_buffers=32MB -c max_connections=40"


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

    def url(self, schema: str) -> str:
        """The URL of a store in a schema of its own."""
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
