"""The reference, taken from the code: commands, endpoints, settings, limits, metrics, codes.

Each function gives the text of one generated part; ``check_docs.py`` puts them into the documents that ask for them.
What a reader needs to know and the code does not say (a meaning without a docstring) is mended in the code.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from inspect import cleandoc, getdoc
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import click
import msgspec

from darwaza import config, errors
from darwaza.config import ENVIRONMENT_PREFIX, GatewayConfig
from darwaza.entry.api.app import ENDPOINTS
from darwaza.entry.api.endpoint import JSON, Endpoint
from darwaza.entry.api.party import ANY_PARTY, ANYONE, PEER
from darwaza.entry.api.problem import status_of
from darwaza.entry.cli import output
from darwaza.entry.cli.main import main as command_line
from darwaza.errors import DarwazaError
from darwaza.kernel.machine import Refusal, RefusalCode
from darwaza.kernel.message import AddressText, InstantText
from darwaza.services.payments.message import MinorText, RateText

SOURCE = Path(config.__file__).parent
"""The package's folder."""
ERRORS: dict[str, type[DarwazaError]] = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, DarwazaError)
}
RAISED = re.compile(r"(\w+Error): (?:code )?((?:``[a-z0-9_]+``(?:, | or | and )?)+)")
EXIT_ROW = re.compile(r"^ ?(\d+)  +(\S.*)$", re.MULTILINE)
UPPER = re.compile(r"^[A-Z][A-Z0-9_]*$")
SHARED_LIMITS = "config.py"
WHO = {ANYONE: "anyone", ANY_PARTY: "any party", PEER: "another gateway"}


def _cell(text: str) -> str:
    """A text in one cell of a table."""
    return " ".join(text.replace("|", "\\|").replace("``", "`").split())


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


# --- commands ---


def commands(_: str) -> str:
    """Every command with its arguments and options."""
    return "\n".join(_command(command, path) for command, path in walk(command_line, ("darwaza",)) if path[1:])


def walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[click.Command, tuple[str, ...]]]:
    """A command and all under it, by name."""
    yield command, path
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from walk(command.commands[name], (*path, name))


def _command(command: click.Command, path: tuple[str, ...]) -> str:
    context = click.Context(command, info_name=" ".join(path))
    help_text = cleandoc(command.help or "").replace("\b\n", "")
    lines = [f"### {' '.join(path)}", "", *_help(help_text)]
    if isinstance(command, click.Group):
        return "\n".join(lines)
    usage = " ".join([*path, *command.collect_usage_pieces(context)])
    lines += [f"    {usage}", ""]
    rows = [found for one in command.params if (found := one.get_help_record(context)) is not None]
    if rows:
        lines += [_table(("option", "meaning"), [(f"`{name.replace('|', ', ')}`", text) for name, text in rows])]
    if command.epilog:
        lines += [f"    {command.epilog.removeprefix('Example: ')}", ""]
    return "\n".join(lines)


def _help(text: str) -> Iterator[str]:
    """Running text one sentence a line; numbered and indented lines as they are."""
    for paragraph in filter(None, text.split("\n\n")):
        listed = any(re.match(r"\d+\. |Exit codes", line) for line in paragraph.splitlines())
        lines = paragraph.splitlines() if listed else [" ".join(paragraph.split())]
        if listed and re.match(r"\d+\. ", lines[0]):
            yield from ("    " + line for line in lines)
        else:
            yield from lines
        yield ""


def exits(_: str) -> str:
    """Exit codes of every command."""
    return _table(("exit code", "meaning"), [(code, text) for code, text in EXIT_ROW.findall(output.__doc__ or "")])


# --- endpoints ---


def endpoints(_: str) -> str:
    """Every endpoint, by tag."""
    parts = []
    for tag in dict.fromkeys(endpoint.tag for endpoint in ENDPOINTS):
        rows = [_endpoint(one) for one in ENDPOINTS if one.tag == tag]
        parts.append(f"### {tag}\n\n" + _table(("request", "who", "query", "body", "answer", "what"), rows))
    return "\n".join(parts)


def _endpoint(one: Endpoint) -> tuple[str, ...]:
    query = "" if one.query is None else ", ".join(map(_field, msgspec.structs.fields(one.query)))
    who = WHO.get(one.role, f"party with role `{one.role}`")
    answer = f"{one.status} " + (_type(one.answer) if one.media_type == JSON else f"`{one.media_type}`")
    return f"`{one.method} {one.path}`", who, query, _body(one), answer, one.summary


def _field(field: Any) -> str:
    return f"`{field.encode_name}`" + ("" if field.required else "?")


def _body(one: Endpoint) -> str:
    if one.body is None:
        return ""
    kind = "bytes" if one.body is bytes else _type(one.body)
    return f"{kind}, at most {one.body_bytes_max:,} bytes"


def _type(kind: Any) -> str:
    plain = isinstance(kind, type) and not getattr(kind, "__args__", None)
    text = kind.__name__ if plain else str(kind)
    return f"`{re.sub(r'[a-z_0-9]+[.]', '', text)}`"


def statuses(_: str) -> str:
    """HTTP status and exit code by kind of error."""
    rows = []
    for name, kind in ERRORS.items():
        made = _made(name, kind.code)
        first = (getdoc(kind) or "").splitlines()[0]
        rows.append((f"`{name}`", f"`{kind.code}`", str(status_of(made).value), _exit(made), first))
    refusal = f"{output.REFUSED}; {output.LATER} when transient"
    rows.append(("refusal", "its own", str(status_of(Refusal("", "")).value), refusal, 'A business "no".'))
    return _table(("kind", "code without a closer one", "HTTP status", "exit code", "meaning"), rows)


# --- settings, limits, metrics ---


def settings(_: str) -> str:
    """What an operator sets."""
    meanings = _attributes(GatewayConfig)
    rows = [
        (f"`{one.name}`", f"`{ENVIRONMENT_PREFIX}{one.name.upper()}`", _default(one), meanings[one.name])
        for one in msgspec.structs.fields(GatewayConfig)
    ]
    return _table(("in `darwaza.toml`", "in the environment", "default", "meaning"), rows)


def _default(field: Any) -> str:
    return "none: it must be given" if field.required else f"`{field.default!r}`"


FORMS = {AddressText: "address", InstantText: "instant", MinorText: "amount", RateText: "rate"}
"""What a field of a body between gateways is called in the specification, which says once what each looks like."""


def fields_of(kind: type) -> str:
    """The fields of a body between gateways: what each is, and what it means."""
    meanings = _attributes(kind)
    hints = get_type_hints(kind, include_extras=True)
    return _table(("field", "form", "meaning"), [(f"`{name}`", _form(hints[name]), meanings[name]) for name in hints])


def _form(hint: Any) -> str:
    return " or ".join(f"`{one}`" for one in get_args(hint)) if get_origin(hint) is Literal else FORMS[hint]


def _attributes(kind: type) -> dict[str, str]:
    """The fields a docstring describes."""
    _, _, text = (getdoc(kind) or "").partition("Attributes:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n {8,}.*)*)", text, re.MULTILINE)
    return {name: " ".join(meaning.split()) for name, meaning in found}


class Constant(NamedTuple):
    """A named constant of a module.

    Attributes:
        module: path within the package.
        name: of the constant.
        text: its value as written.
        meaning: from the docstring below it or the comment beside it; "" for none.
    """

    module: str
    name: str
    text: str
    meaning: str


@cache
def constants() -> tuple[Constant, ...]:
    """Every limit in the package: a number with a name, in ``config.py``, or elsewhere with a name that ends in MAX."""
    return tuple(one for path in modules() for one in _constants(path))


def modules() -> list[Path]:
    """Every module of the package."""
    return sorted(SOURCE.rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse(path.read_text("utf-8"))


def _constants(path: Path) -> Iterator[Constant]:
    body, lines = tree(path).body, path.read_text("utf-8").splitlines()
    module = path.relative_to(SOURCE).as_posix()
    for node, following in zip(body, [*body[1:], None], strict=True):
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
            continue
        name = node.targets[0].id
        if not UPPER.match(name) or not _is_number(node.value):
            continue
        if module != SHARED_LIMITS and not name.endswith("_MAX"):
            continue
        meaning = lines[node.lineno - 1].partition("# ")[2].partition("noqa")[0]
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            meaning = str(following.value.value)
        yield Constant(module, name, ast.unparse(node.value), meaning)


def _is_number(value: ast.expr) -> bool:
    arithmetic = ast.BinOp | ast.operator | ast.UnaryOp | ast.unaryop
    return all(isinstance(node, arithmetic) or _number(node) for node in ast.walk(value))


def _number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def limits(_: str) -> str:
    """Limits of ``config.py``, which the whole program shares."""
    rows = [(f"`{one.name}`", _value(one), one.meaning) for one in constants() if one.module == SHARED_LIMITS]
    return _table(("limit", "value", "meaning"), rows)


def more_limits(_: str) -> str:
    """Limits that only one module needs."""
    rows = [
        (f"`{one.name}`", _value(one), f"`{one.module}`", one.meaning)
        for one in constants()
        if one.module != SHARED_LIMITS and not one.module.startswith(("testing/", "entry/bench/"))
    ]
    return _table(("limit", "value", "where", "meaning"), rows)


def _value(one: Constant) -> str:
    number = eval(compile(ast.parse(one.text, mode="eval"), "", "eval"), {})
    return f"{number:,}"


def metrics(_: str) -> str:
    """What Prometheus reads."""
    rows = []
    for node in ast.walk(tree(SOURCE / "entry" / "metric.py")):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("MetricFamily"):
            name, meaning = (ast.literal_eval(one) for one in node.args[:2])
            kind = node.func.id.removesuffix("MetricFamily").lower()
            labels = next((ast.literal_eval(one.value) for one in node.keywords if one.arg == "labels"), [])
            rows.append((f"`{name}{'_total' if kind == 'counter' else ''}`", kind, ", ".join(labels), meaning))
    return _table(("metric", "kind", "labels", "meaning"), rows)


# --- codes ---


class Raised(NamedTuple):
    """A place where a code is raised: the kind of error, what it says, and whether a refusal may be transient."""

    kind: str
    detail: str
    transient: bool = False


def refusals(_: str) -> str:
    """Refusals by service, in order of precedence."""
    said = _said()
    parts = []
    for kind in sorted(_refusal_enums(), key=lambda one: (one.__module__, one.__name__)):
        title = (getdoc(kind) or "").splitlines()[0]
        where = kind.__module__.removeprefix("darwaza.").rpartition(".")[0].removeprefix("services.")
        rows = [
            (f"`{one.code}`", "yes" if one.transient else "no", said.get(f"{kind.__name__}.{one.name}", ""))
            for one in kind
        ]
        table = _table(("code", "transient", "for example"), rows)
        parts.append(f"### {where}: {kind.__name__}\n\n{_cell(title)}\n\n{table}")
    return "\n".join(parts)


def _refusal_enums() -> list[type[RefusalCode]]:
    found: list[type[RefusalCode]] = []
    waiting = RefusalCode.__subclasses__()
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += one.__subclasses__()
    return [one for one in found if len(one)]


@cache
def _said() -> dict[str, str]:
    """What a refusal says where it is first made: ``Refusal.of(Enum.NAME, detail)``."""
    found: dict[str, str] = {}
    for path in modules():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and len(node.args) > 1 and isinstance(node.args[0], ast.Attribute):
                text = _text(node.args[1])
                if text:
                    found.setdefault(ast.unparse(node.args[0]), text)
    return found


def codes(_: str) -> str:
    """Codes of errors, with status and exit code."""
    rows = []
    for code, places in sorted(raised().items()):
        kinds = sorted({one.kind for one in places})
        made = [_made(kind, code) for kind in kinds]
        status = ", ".join(dict.fromkeys(str(status_of(one).value) for one in made))
        exits_ = [*map(_exit, made), *(str(output.LATER) for one in places if one.transient)]
        exit_ = ", ".join(dict.fromkeys(exits_))
        detail = next((one.detail for one in places if one.detail), "")
        rows.append((f"`{code}`", ", ".join(kinds), status, exit_, detail))
    return _table(("code", "kind", "HTTP status", "exit code", "for example"), rows)


def _made(kind: str, code: str) -> DarwazaError | Refusal:
    """An error or refusal of a kind with a code."""
    if kind == "Refusal":
        return Refusal(code, "")
    if kind == "PushbackError":
        return errors.PushbackError("", retry_after_s=1.0, code=code)
    return ERRORS[kind]("", code=code)


def _exit(fault: DarwazaError | Refusal) -> str:
    return str(output.REFUSED if isinstance(fault, Refusal) else output.exit_code(fault))


@cache
def raised() -> dict[str, list[Raised]]:
    """Every code the program raises or answers, with where from."""
    found: dict[str, list[Raised]] = {}
    for kind in ERRORS.values():
        found.setdefault(kind.code, []).append(Raised(kind.__name__, ""))
    for path in modules():
        for code, one in _raised_in(path):
            found.setdefault(code, []).append(one)
    return found


def _raised_in(path: Path) -> Iterator[tuple[str, Raised]]:
    """Codes at the places that raise them, and in docstrings (their ``Raises`` sections)."""
    handed_on, names = _handed_on(path), _named(path)
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield from _raised(node, handed_on, names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            for kind, said in RAISED.findall(ast.get_docstring(node) or ""):
                if kind in ERRORS:
                    yield from ((code, Raised(kind, "")) for code in re.findall(r"``(\w+)``", said))


def _handed_on(path: Path) -> str:
    """The error that a module raises with a code it was handed: ``OperatorError(..., code=code)``; "" for none."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
            for keyword in node.keywords:
                if keyword.arg == "code" and isinstance(keyword.value, ast.Name):
                    return node.func.id
    return ""


def _named(path: Path) -> dict[str, str]:
    """The texts that a module gives names: ``UNDELIVERABLE: Final = "undeliverable"``."""
    return {
        node.target.id: node.value.value
        for node in tree(path).body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(node.value, ast.Constant)
    }


def _raised(node: ast.Call, handed_on: str, names: dict[str, str]) -> Iterator[tuple[str, Raised]]:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    detail = _text(node.args[0]) if node.args else ""
    if name == "Refusal" and node.args:
        said = node.args[0]
        named = names.get(said.id) if isinstance(said, ast.Name) else None
        code = said.value if isinstance(said, ast.Constant) else named
        if code:
            transient = any(keyword.arg == "transient" for keyword in node.keywords)
            yield code, Raised(name, _text(node.args[1]), transient)
    for keyword in node.keywords:
        value = keyword.value
        if keyword.arg == "code" and isinstance(value, ast.Constant) and value.value:
            if name in ERRORS:
                yield value.value, Raised(name, detail)
            elif handed_on and name.startswith("_"):
                yield value.value, Raised(handed_on, "")


def _text(node: ast.expr) -> str:
    """A sentence as written, with … for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(one.value if isinstance(one, ast.Constant) else "…" for one in node.values)
    return ""


GENERATORS = {
    "commands": commands,
    "exits": exits,
    "endpoints": endpoints,
    "statuses": statuses,
    "settings": settings,
    "limits": limits,
    "more-limits": more_limits,
    "metrics": metrics,
    "refusals": refusals,
    "codes": codes,
}
