"""Structured logs: one JSON object a line, never a body, never a secret.

What a fault says may hold what it was given (a number that does not parse, a name that is no key), so of a fault the
log has its kind and the places it came through, not its words, and of what a library says the first line.
"""

import contextlib
import logging
import sys
import traceback
from collections.abc import Iterator
from typing import Any

import structlog
from structlog.typing import EventDict

SAID_MAX = 1_000
"""Characters kept of what a library says."""
CAUSES_MAX = 8
"""Faults shown of a chain of causes."""


def set_up(level: str) -> None:
    """Log to standard error from this level on."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _trace,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_, to=sys.stderr: _Lines(to),
    )
    logging.basicConfig(handlers=[_Library()], level=logging.WARNING, force=True)


def _trace(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Put a fault's kinds and places, the first cause first, where the fault itself stood."""
    given = event.pop("exc_info", None)
    fault = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(fault, BaseException):
        event["trace"] = list(_places(fault))
    return event


def _places(fault: BaseException) -> Iterator[str]:
    chain: list[BaseException] = []
    at: BaseException | None = fault
    while at is not None and at not in chain and len(chain) < CAUSES_MAX:
        chain.append(at)
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    for one in reversed(chain):
        for frame in traceback.extract_tb(one.__traceback__):
            yield f"{frame.filename}:{frame.lineno} {frame.name}"
        yield type(one).__qualname__


class _Lines(structlog.PrintLogger):
    """Writes lines; where they go may be a disk that is full: then a line is lost or late, and no work is."""

    def msg(self, message: str) -> None:
        """Write one line."""
        with contextlib.suppress(OSError):
            super().msg(message)

    log = debug = info = warning = error = critical = msg


class _Library(logging.Handler):
    """Gives what libraries log the same form; without it they would print plain lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        trace = {"exc_info": record.exc_info} if record.exc_info else {}
        said = record.getMessage().partition("\n")[0][:SAID_MAX]
        structlog.get_logger(record.name).log(record.levelno, "library", said=said, **trace)
