"""Files that are there only when they are whole."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def written_whole(to: Path, opener: Callable[[str, int], int] | None = None) -> Iterator[BinaryIO]:
    """Write a file beside its place, and move it there at the end of a ``with``; if that fails, nothing has changed.

    Args:
        to: its place; what stood there stays until then.
        opener: see ``open``.
    """
    beside = to.with_name(to.name + ".part")
    beside.unlink(missing_ok=True)
    try:
        with open(beside, "wb", opener=opener) as target:
            yield target
        beside.replace(to)
    finally:
        beside.unlink(missing_ok=True)
