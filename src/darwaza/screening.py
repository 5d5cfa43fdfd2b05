"""Reads the lists in a gateway's folder into the screener that payments are held against at once."""

from collections.abc import Sequence
from pathlib import Path

import structlog

from darwaza.errors import OperatorError
from darwaza.services.payments.lists import read_list
from darwaza.services.payments.screening import Screener, names_listed, nobody_listed

LIST_FOLDER = "lists"

log = structlog.get_logger("darwaza.screening")


def read_lists(folder: Path) -> Screener:
    """Make a screener of the lists in a gateway's folder; one that knows nobody when there are none.

    Its faults are told in the log; compliance is told of each payment by its finding (``screening.contained``).

    Raises:
        OperatorError: ``list_wrong``, ``list_missing``.
    """
    listed = []
    for path in sorted((folder / LIST_FOLDER).glob("*")):
        try:
            listed += read_list(path.name, path.read_bytes())
        except OSError as fault:
            raise OperatorError(f"{path} cannot be read: {fault.strerror}", code="list_missing") from fault
    return _told(names_listed(listed)) if listed else nobody_listed


def _told(screen: Screener) -> Screener:
    def at_once(names: Sequence[str]) -> tuple[str, ...] | None:
        try:
            return screen(names)
        except Exception:
            log.exception("screening failed")
            raise

    return at_once
