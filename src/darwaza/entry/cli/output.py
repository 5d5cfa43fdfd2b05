"""What commands print: for people by default, JSON with ``--json``; and the exit codes, which are interface.

====  ==========================================================================================
 0    done; a verification that found ``valid``
 1    refused, or a verification that found ``invalid``; the same command fails again
 2    the command line is wrong, or a verification that ``cannot tell``
 3    not now: a gateway cannot be reached or is at a limit; the same command may succeed later
 4    an operator must act: configuration, keys, files
 70   the gateway stopped because it does not know what reached the disk; start it again
====  ==========================================================================================
"""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from darwaza.errors import DarwazaError, FatalError, OperatorError, TransientError

P = ParamSpec("P")
R = TypeVar("R")

REFUSED, CANNOT_TELL, LATER, OPERATOR, FATAL = 1, 2, 3, 4, 70
EXITS: tuple[tuple[type[DarwazaError], int], ...] = (
    (FatalError, FATAL),
    (OperatorError, OPERATOR),
    (TransientError, LATER),
    (DarwazaError, REFUSED),
)

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def show(value: Any, *, as_json: bool, human: Callable[[], None]) -> None:
    """Print a value as JSON, or let ``human`` print it for people."""
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
    else:
        human()


def duration(seconds: int) -> str:
    """Word a number of seconds in hours and minutes."""
    return f"{seconds // 3600}:{seconds % 3600 // 60:02} h"


def transfer_bar(*, quiet: bool) -> Progress:
    """A bar for bytes on their way; none with ``--json`` or away from a terminal."""
    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)


@contextmanager
def work_bar(text: str, *, quiet: bool) -> Iterator[Callable[[int, int | None], None]]:
    """A bar for long work; none with ``--json`` or away from a terminal.

    Gives what is to be called with how much is done and how much there is, None where nobody knows; until then, and
    where it never is, the bar shows that work goes on, and for how long.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        task = progress.add_task(text, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def show_file(path: Path, *, as_json: bool) -> None:
    """Tell what was written to a file."""
    size = path.stat().st_size
    written = {"file": str(path), "bytes": size}
    show(written, as_json=as_json, human=lambda: console.print(f"{path}: {size:,} bytes"))


def exit_code(fault: DarwazaError) -> int:
    """The exit code of an error."""
    return next(code for kind, code in EXITS if isinstance(fault, kind))


def fail(fault: DarwazaError, *, as_json: bool = False, code: int | None = None) -> NoReturn:
    """Print an error and end with its exit code, or with another one given."""
    if as_json:
        problem = {"code": fault.code, "detail": fault.detail, "pointer": fault.pointer}
        sys.stderr.write(msgspec.json.encode(problem).decode() + "\n")
    else:
        where = f" (at {fault.pointer})" if fault.pointer else ""
        errors.print(f"[bold red]darwaza:[/] {_escape(fault.detail)}{_escape(where)} [dim]\\[{fault.code}][/]")
    raise SystemExit(exit_code(fault) if code is None else code)


def _escape(text: str) -> str:
    return text.replace("[", "\\[")


def reports_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn the errors a command raises into a message and an exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except DarwazaError as fault:
            fail(fault, as_json=bool(kwargs.get("as_json")))
        except BrokenPipeError:
            raise  # who read what this prints has had enough, which click ends in silence
        except OSError as fault:
            # A file to read or write: a folder that is not there, a stick that is full, a name that may not be used.
            wrong = OperatorError(f"a file cannot be used: {fault}", code="file_unusable")
            fail(wrong, as_json=bool(kwargs.get("as_json")))

    return run
