"""Structured logs: one JSON object a line, never a body, never a secret."""

import logging
import sys

import structlog

SAID_MAX = 1_000
"""Characters kept of what a library says."""


def set_up(level: str) -> None:
    """Log to standard error from this level on."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(handlers=[_Library()], level=logging.WARNING, force=True)


class _Library(logging.Handler):
    """Gives what libraries log the same form; without it they would print plain lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        trace = {"exc_info": record.exc_info} if record.exc_info else {}
        structlog.get_logger(record.name).log(record.levelno, "library", said=record.getMessage()[:SAID_MAX], **trace)
