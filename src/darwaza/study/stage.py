"""Finished stages kept on disk, so that an interrupted study goes on where it stopped.

A stage's file is named by what its result depends on: the scenario's bytes, the code of this package and the stage's
name. A changed scenario or a new version never reads an old file. A file appears under its name only when complete
(written beside and moved), so a crash leaves at most a stray temporary file, which the next run overwrites.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import msgspec

Part = TypeVar("Part")
FOLDER = ".stages"


@lru_cache(maxsize=1)
def code_digest() -> str:
    """SHA-256 over the source of this package."""
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Stages:
    """The stages of one scenario under one output folder.

    Args:
        out: the study's output folder; created when missing.
        digest: of the scenario.
        fresh: ignore what is there.
    """

    def __init__(self, out: Path, digest: str, *, fresh: bool = False) -> None:
        self.folder = out / FOLDER
        self.folder.mkdir(parents=True, exist_ok=True)
        self.digest, self.fresh = digest, fresh

    def path(self, name: str) -> Path:
        """Where the stage's result is or will be."""
        key = hashlib.sha256(f"{self.digest}\n{code_digest()}\n{name}".encode()).hexdigest()
        return self.folder / f"{name}-{key[:16]}.msgpack"

    def run(self, name: str, kind: type[Part], work: Callable[[], Part]) -> Part:
        """The stage's result: read when it is there, else worked out and kept."""
        path = self.path(name)
        if not self.fresh and path.is_file():
            try:
                return msgspec.msgpack.decode(path.read_bytes(), type=kind)
            except (msgspec.DecodeError, msgspec.ValidationError):
                pass  # a damaged file is as good as none: the stage is worked out again below
        content = msgspec.msgpack.encode(work())
        scratch = path.with_suffix(".part")
        scratch.write_bytes(content)
        scratch.replace(path)
        # Decoded again, so that a first run hands on exactly what a later one will read (1 comes back as 1.0).
        return msgspec.msgpack.decode(content, type=kind)
