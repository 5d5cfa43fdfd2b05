"""What reviewers would otherwise have to look for: sizes, forbidden calls, floats, SQL in Python, public names.

Import contracts are in ``pyproject.toml``; documents are held to the code by ``tools/check_docs.py``.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "darwaza"
LINES_MAX = 500
FUNCTION_LINES_MAX = 70

LONG_MODULES: dict[str, int] = {}
"""Modules that may be longer, each with its own limit; every one is a debt."""
LONG_FUNCTIONS = {
    "services/transit/machine.py:_table": 90,  # a table literal: one row a transition
}
"""Functions that may be longer, each with its own limit."""

PURE = ("kernel", "ledger", "services", "standards", "ports")
NO_FLOATS = ("kernel", "ledger", "services")
FLOATS_ALLOWED = {
    "kernel/search.py",  # rustworkx takes weights of edges as floats; costs are integers before and after
}
FOREIGN_TO_PURE = {
    "asyncio", "concurrent", "fcntl", "glob", "http.client", "httpx", "logging", "multiprocessing", "os", "pathlib",
    "psycopg", "random", "secrets", "select", "shutil", "signal", "socket", "sqlite3", "ssl", "starlette",
    "structlog", "subprocess", "sys", "tempfile", "threading", "time", "urllib.request", "uvicorn",
}  # fmt: skip
"""Modules through which a pure layer would reach the clock, chance, the disk or the network."""
FOREIGN_TO_ENGINE = FOREIGN_TO_PURE - {"asyncio", "structlog"}
CLOCK_CALLS = re.compile(r"(^|\.)(datetime|date)\.(now|utcnow|today)$|^(uuid\.)?uuid[14]$")
IO_CALLS = {"open", "input", "print", "eval", "exec", "breakpoint"}
CALLS_ALLOWED = {
    ("standards/iso20022/reading.py", "eval"),  # of our own fields' names and of numbers; nothing a document says
}
CONTAINS_FAULTS = {
    "engine/rule.py",  # a service's own fault is contained there, so that the link outlives it
    "services/payments/screening.py",  # a gateway's own screener may fail in any way: it stops that payment alone
}
SQL = re.compile(r"^\s*(SELECT\s|INSERT INTO\s|UPDATE \w+ SET\s|DELETE FROM\s|(CREATE|ALTER|DROP) (TABLE|INDEX)\s)")
SQL_ALLOWED = re.compile(r"adapters/\w+/listing\.py$")
"""The one statement that is put together at run time."""


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def name(path: Path) -> str:
    return path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else ROOT).as_posix()


def modules(*layers: str) -> list[Path]:
    folders = [PACKAGE / layer for layer in layers] or [PACKAGE]
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def calls(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, one.name) for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{one.name}") for one in node.names)


def test_modules_stay_short():
    """A module is read in one sitting: at most 500 lines."""
    everything = [*modules(), *(path for part in ("tests", "tools", "bench") for path in (ROOT / part).rglob("*.py"))]
    lengths = {name(path): path.read_text("utf-8").count("\n") for path in everything}
    assert {one: lines for one, lines in lengths.items() if lines > LONG_MODULES.get(one, LINES_MAX)} == {}
    assert set(LONG_MODULES) <= {one for one, lines in lengths.items() if lines > LINES_MAX}, (
        "an exception is not needed"
    )


def test_functions_stay_short():
    """A function fits on a screen: at most 70 lines."""
    lengths = {
        f"{name(path)}:{node.name}": node.end_lineno - node.lineno + 1
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    long = {one: lines for one, lines in lengths.items() if lines > LONG_FUNCTIONS.get(one, FUNCTION_LINES_MAX)}
    assert long == {}
    assert set(LONG_FUNCTIONS) <= {one for one, lines in lengths.items() if lines > FUNCTION_LINES_MAX}


@pytest.mark.parametrize(("layers", "foreign"), [(PURE, FOREIGN_TO_PURE), (("engine",), FOREIGN_TO_ENGINE)])
def test_lower_layers_reach_for_nothing(layers, foreign):
    """No clock, no chance, no disk, no network below the adapters: times and bytes come in as arguments."""
    found = [f"{name(p)}:{line} {what}" for p in modules(*layers) for line, what in imports(p) if what in foreign]
    found += [
        f"{name(path)}:{line} {what}()"
        for path in modules(*layers)
        for line, what in calls(path)
        if (what in IO_CALLS and (name(path), what) not in CALLS_ALLOWED) or CLOCK_CALLS.search(what)
    ]
    assert found == []


def test_money_and_order_know_no_floats():
    """Kernel, ledger and services count in integers."""
    found = [
        f"{name(path)}:{node.lineno}"
        for path in modules(*NO_FLOATS)
        if name(path) not in FLOATS_ALLOWED
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id == "float")
        or (isinstance(node, ast.Attribute) and node.attr == "float")
    ]
    assert found == []


def test_nothing_asserts_or_prints():
    """``assert`` disappears under ``-O``, and only the entry prints."""
    asserts = [
        f"{name(p)}:{node.lineno}" for p in modules() for node in ast.walk(tree(p)) if isinstance(node, ast.Assert)
    ]
    prints = [
        f"{name(path)}:{line}"
        for path in modules()
        if not name(path).startswith("entry/")
        for line, what in calls(path)
        if what == "print"
    ]
    assert asserts == [] == prints


def test_errors_are_raised_and_caught_by_name():
    """Nothing raises a bare exception, and only the entry catches whatever comes."""
    bare = {"Exception", "BaseException"}
    raised = [
        f"{name(path)}:{node.lineno}"
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Raise) and node.exc and ast.unparse(node.exc).partition("(")[0] in bare
    ]
    caught = [
        f"{name(path)}:{node.lineno}"
        for path in modules()
        if not name(path).startswith("entry/") and name(path) not in CONTAINS_FAULTS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler) and not _raises_again(node)
        if node.type is None or ast.unparse(node.type) in bare
    ]
    assert raised == [] == caught


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_sql_stands_in_sql_files():
    """Statements are named and described in ``.sql`` files."""
    found = [
        f"{name(path)}:{node.lineno}"
        for path in modules()
        if not SQL_ALLOWED.search(name(path))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
    ]
    assert found == []


def test_every_shared_limit_says_what_it_bounds():
    """Each number of ``config.py`` has a sentence, and a name that says its unit or what it counts."""
    from tools.reference import SHARED_LIMITS, constants

    shared = [one for one in constants() if one.module == SHARED_LIMITS]
    assert [one.name for one in shared if not one.meaning.strip()] == []
    assert len(shared) > 30


def reference(page: str) -> str:
    return (ROOT / "docs" / "reference" / f"{page}.md").read_text("utf-8")


def test_every_code_is_documented():
    """Whatever code a line of the program names, docs/reference/codes.md has it."""
    listed = set(
        re.findall(r"^\| `([a-z0-9_]+)` ", (ROOT / "docs/reference/codes.md").read_text("utf-8"), re.MULTILINE)
    )
    said = re.compile(r"""(?:Error|Refusal)\([^()]*(?:\([^()]*\)[^()]*)*code="([a-z0-9_]+)\"""")
    speaking = [path for path in modules() if not name(path).startswith("testing/")]
    named = {code for path in speaking for code in said.findall(path.read_text("utf-8"))}
    assert len(named) > 150
    assert named - listed == set()


def test_every_command_endpoint_and_setting_is_documented():
    """The reference names each of them."""
    from tools.reference import ENDPOINTS, GatewayConfig, command_line, walk

    pages = {page: (ROOT / f"docs/reference/{page}.md").read_text("utf-8") for page in ("commands", "http", "settings")}
    assert [
        " ".join(path) for _, path in walk(command_line, ("darwaza",)) if " ".join(path) not in pages["commands"]
    ] == []
    assert [one.path for one in ENDPOINTS if f"`{one.method} {one.path}`" not in pages["http"]] == []
    assert [one for one in GatewayConfig.__struct_fields__ if f"`{one}`" not in pages["settings"]] == []


def test_every_command_speaks_to_programs_and_shows_an_example():
    """``--json`` everywhere but at ``serve``, whose log is JSON already; every ``--help`` has one, and all options."""
    from tools.reference import command_line, walk

    leaves = [(one, path) for one, path in walk(command_line, ("darwaza",)) if not hasattr(one, "commands")]
    mute = [" ".join(path) for one, path in leaves if not any("--json" in option.opts for option in one.params)]
    assert mute == ["darwaza serve"]
    assert [" ".join(path) for one, path in leaves if not one.epilog] == []
    options = [(path, option) for one, path in leaves for option in one.params if option.opts[0].startswith("-")]
    assert [(" ".join(path), option.opts) for path, option in options if not option.help] == []


PUBLIC = {
    "darwaza": {"__version__"},
    "darwaza.errors": {
        "ConflictError", "DarwazaError", "ExtraMissingError", "FatalError", "ForbiddenError", "InvariantError",
        "MalformedError", "MessageError", "OperatorError", "PeerError", "PushbackError", "ServiceError",
        "SignatureError", "TooLargeError", "TransientError",
    },
    "darwaza.client": {
        "BulkDocument", "Client", "Event", "Progress", "INLINE_BYTES_MAX", "TIMEOUT_S", "pinned_context",
    },
}  # fmt: skip
"""What others may rely on; every other module is free to change."""


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_pinned(module):
    """A public name comes or goes only on purpose."""
    found = importlib.import_module(module)
    own = {
        one
        for node in tree(Path(found.__file__)).body
        for one in _defined(node)
        if not one.startswith("_") or one == "__version__"
    }
    assert (set(found.__all__) if hasattr(found, "__all__") else own) == PUBLIC[module]
    assert all(hasattr(found, one) for one in PUBLIC[module])


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
