"""The log tells where and of what kind a fault was, and none of its words: those may hold what was given."""

import asyncio
import contextlib
import json
import logging
from pathlib import Path

import structlog

from darwaza.entry import journal

SECRET = "Zarafshon-7731"


@contextlib.contextmanager
def journal_kept():
    """Log as a gateway does, to what is standard error by now."""
    handlers, level = logging.root.handlers[:], logging.root.level
    logging.root.handlers = []  # set_up closes those it finds, and they are pytest's
    journal.set_up("debug")
    try:
        yield
    finally:
        structlog.reset_defaults()
        logging.root.handlers = handlers
        logging.root.setLevel(level)


def parse(text):
    try:
        return {"known": 1}[text]
    except KeyError as fault:
        raise ValueError(f"what is {text}?") from fault


def lines(capsys):
    text = capsys.readouterr().err
    assert SECRET not in text
    return [json.loads(line) for line in text.splitlines()]


def test_a_full_disk_under_the_log_stops_nothing(monkeypatch):
    """Whoever tells something goes on, whether the line could be written or not; /dev/full is a disk that is full."""
    with Path("/dev/full").open("w", buffering=1) as full:
        monkeypatch.setattr("sys.stderr", full)
        with journal_kept():
            structlog.get_logger("darwaza.api").warning("link", state="down")
            logging.getLogger("uvicorn").warning("connection lost")
        with contextlib.suppress(OSError):
            full.close()


def test_a_fault_is_told_by_kind_and_place(capsys):
    """Through every cause; the line is JSON and has no word of the input."""
    with journal_kept():
        try:
            parse(SECRET)
        except ValueError:
            structlog.get_logger("darwaza.api").exception("fault", method="GET")
    (line,) = lines(capsys)
    assert (line["event"], line["method"]) == ("fault", "GET")
    assert [one for one in line["trace"] if ":" not in one] == ["KeyError", "ValueError"]
    assert any(one.endswith(" parse") and "test_journal.py:" in one for one in line["trace"])


def test_a_library_says_its_first_line_only(capsys):
    """Asyncio spells a lost task's fault out in the lines after it; uvicorn logs the fault itself."""

    async def lose_a_task():
        asyncio.get_running_loop().set_exception_handler(None)
        task = asyncio.create_task(asyncio.to_thread(parse, SECRET))
        await asyncio.wait([task])
        del task

    with journal_kept():
        asyncio.run(lose_a_task())
        try:
            parse(SECRET)
        except ValueError:
            logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")
    lost, served = lines(capsys)
    assert lost["said"] == "Task exception was never retrieved"
    assert served["said"] == "Exception in ASGI application"
    assert lost["trace"][-1] == served["trace"][-1] == "ValueError"


def test_a_fault_that_is_its_own_cause_ends(capsys):
    """A chain that goes round is told once."""
    fault = ValueError(SECRET)
    fault.__cause__ = KeyError(SECRET)
    fault.__cause__.__cause__ = fault
    with journal_kept():
        structlog.get_logger("darwaza.api").error("fault", exc_info=fault)
    assert lines(capsys)[0]["trace"] == ["KeyError", "ValueError"]
