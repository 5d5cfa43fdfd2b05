"""Writes the types of the Python client's answers out of the types the gateway answers with.

The gateway's answers are structs; a program gets them as JSON, so the client's are dictionaries with the same fields.
"""

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect as shape

from darwaza.entry.api.app import ENDPOINTS
from darwaza.entry.api.gateway import Notice

FOLDER = Path(__file__).resolve().parents[1] / "src" / "darwaza" / "client" / "answer"
PAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "gateway": (
        "Answers about documents, the gateway, its links and routes.",
        ("gateway", "operator", "documents", "sealing", "evidence", "log", "route"),
    ),
    "payment": ("A bank's answers: quotes, payments, aliases, reports.", ("payments",)),
    "transit": ("Answers about movements and their papers.", ("transit",)),
    "border": (
        "Answers about guarantees, crossings, trackers and enquiries.",
        ("guarantees", "crossings", "trackers", "enquiry"),
    ),
}
"""Module: what it holds, and the tags of its operations. A type stands in the first that needs it."""
_BESIDE: dict[str, tuple[type, ...]] = {"gateway": (Notice,)}
"""Types that come in an answer that is not JSON as a whole."""
_PLAIN: dict[type[shape.Type], str] = {
    shape.AnyType: "Any",
    shape.BoolType: "bool",
    shape.BytesType: "str",
    shape.DateTimeType: "str",
    shape.FloatType: "float",
    shape.IntType: "int",
    shape.NoneType: "None",
    shape.StrType: "str",
}
"""As JSON has them: times are RFC 3339, bytes are base64."""


def pages() -> dict[Path, str]:
    """Text of every module by its path."""
    placed: dict[str, str] = {}
    written: dict[Path, str] = {}
    for page, (about, tags) in PAGES.items():
        kinds = [one.answer for one in ENDPOINTS if one.answer is not None and one.tag in tags]
        texts: dict[str, str] = {}
        foreign: set[tuple[str, str]] = set()
        for struct in _structs(shape.multi_type_info([*kinds, *_BESIDE.get(page, ())])):
            name = name_of(struct.cls)
            if placed.setdefault(name, page) == page:
                texts[name] = _write(struct)
            else:
                foreign.add((placed[name], name))
        written[FOLDER / f"{page}.py"] = _module(about, list(texts.values()), foreign)
    return written


def name_of(cls: type) -> str:
    """The name of an answer's type: the struct's own, told apart where two services share it."""
    if cls.__name__ == "Indicators":
        return ("Payment" if "payments" in cls.__module__ else "Transit") + cls.__name__
    return cls.__name__


def _structs(kinds: Any) -> Iterator[shape.StructType]:
    """Every struct within, inner ones first."""
    for kind in kinds:
        if isinstance(kind, shape.StructType):
            if not kind.array_like:
                yield from _structs(field.type for field in kind.fields)
                yield kind
        elif isinstance(kind, shape.UnionType):
            yield from _structs(kind.types)
        elif isinstance(kind, shape.DictType):
            yield from _structs([kind.value_type])
        elif isinstance(kind, shape.CollectionType):
            yield from _structs([kind.item_type])
        elif isinstance(kind, shape.TupleType):
            yield from _structs(kind.item_types)


def _write(struct: shape.StructType) -> str:
    summary = (inspect.getdoc(struct.cls) or struct.cls.__name__).partition("\n")[0]
    base = _base(struct)
    lines = [f"class {name_of(struct.cls)}({base.__name__ if base else 'TypedDict'}):", f'    """{summary}"""', ""]
    if struct.tag_field is not None:
        lines.append(f"    {struct.tag_field}: Literal[{struct.tag!r}]")
    omits = struct.cls.__struct_config__.omit_defaults
    inherited = base.__struct_fields__ if base else ()
    for field in struct.fields:
        if field.name in inherited:
            continue
        optional = omits and not field.required
        # A null that is the default is left out too, so it never comes.
        kind = _spell(_without_null(field.type) if optional and field.default is None else field.type)
        lines.append(f"    {field.encode_name}: {f'NotRequired[{kind}]' if optional else kind}")
    return "\n".join(lines)


def _base(struct: shape.StructType) -> type[msgspec.Struct] | None:
    """The struct whose fields this one adds to, or None."""
    base = struct.cls.__base__
    return base if base is not None and getattr(base, "__struct_fields__", ()) else None


def _without_null(kind: shape.Type) -> shape.Type:
    if not isinstance(kind, shape.UnionType):
        return kind
    kinds = tuple(one for one in kind.types if not isinstance(one, shape.NoneType))
    return kinds[0] if len(kinds) == 1 else shape.UnionType(kinds)


def _spell(kind: shape.Type) -> str:
    if type(kind) in _PLAIN:
        return _PLAIN[type(kind)]
    if isinstance(kind, shape.StructType):
        return "list[Any]" if kind.array_like else name_of(kind.cls)
    if isinstance(kind, shape.EnumType):
        return f"Literal[{', '.join(repr(one.value) for one in kind.cls)}]"
    if isinstance(kind, shape.LiteralType):
        return f"Literal[{', '.join(map(repr, kind.values))}]"
    if isinstance(kind, shape.UnionType):
        return " | ".join(dict.fromkeys(_spell(one) for one in kind.types))
    if isinstance(kind, shape.DictType):
        return f"dict[{_spell(kind.key_type)}, {_spell(kind.value_type)}]"
    if isinstance(kind, shape.CollectionType):
        return f"list[{_spell(kind.item_type)}]"
    if isinstance(kind, shape.TupleType):
        return f"list[{' | '.join(dict.fromkeys(_spell(one) for one in kind.item_types))}]"
    raise TypeError(f"an answer holds {kind}, which JSON types do not have")


def _module(about: str, texts: list[str], foreign: set[tuple[str, str]]) -> str:
    body = "\n\n\n".join(texts)
    used = [one for one in ("Any", "Literal", "NotRequired") if re.search(rf"\b{one}\b", body)]
    lines = [f"from typing import {', '.join([*used, 'TypedDict'])}", ""]
    for page in PAGES:
        names = [name for where, name in sorted(foreign) if where == page and re.search(rf"\b{name}\b", body)]
        if names:
            lines += [f"from darwaza.client.answer.{page} import {', '.join(names)}", ""]
    head = f'"""{about}\n\nWritten by ``make docs`` from the types the gateway answers with; do not edit.\n"""\n'
    return _laid_out("\n".join([head, *lines, "", body, ""]))


def _laid_out(text: str) -> str:
    """Lay the text out as the project's formatter does."""
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", "answer.py", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=FOLDER).stdout
