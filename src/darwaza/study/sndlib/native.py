"""The SNDlib native format, version 1.0: networks and models.

A network file holds sections ``NAME ( ... )`` (META, NODES, LINKS, DEMANDS, ADMISSIBLE_PATHS); a model file holds
``NAME = VALUE`` lines. Comments run from ``#`` to the end of the line. The reader takes any file of that grammar and
names the line of the first thing it does not understand.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from darwaza.errors import MalformedError, TooLargeError

FILE_BYTES_MAX = 64 * 1024 * 1024
"""Largest instance file read."""

_OPEN, _CLOSE = "(", ")"


@dataclass(frozen=True, slots=True)
class Module:
    """A unit of capacity one can buy, any number of times (or once, in the explicit model)."""

    capacity: float
    cost: float


@dataclass(frozen=True, slots=True)
class Link:
    """One link.

    Attributes:
        id: unique in its network.
        source, target: node ids; the direction matters only in directed models.
        installed: capacity that is there already, in the network's unit, >= 0.
        installed_cost: cost of that capacity; counts in the objective whatever is built.
        routing_cost: per unit of flow.
        setup_cost: once, when the link is used at all (fixed-charge models).
        modules: what can be bought.
    """

    id: str
    source: str
    target: str
    installed: float
    installed_cost: float
    routing_cost: float
    setup_cost: float
    modules: tuple[Module, ...]


@dataclass(frozen=True, slots=True)
class Demand:
    """One demand.

    Attributes:
        id: unique in its network.
        source, target: node ids.
        routing_unit: a unit of flow takes this much capacity, > 0.
        value: units of flow wanted, >= 0.
        hops_max: longest path in links; None without a limit.
        paths: admissible paths as tuples of link ids; empty when the file lists none.
    """

    id: str
    source: str
    target: str
    routing_unit: float
    value: float
    hops_max: int | None
    paths: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Network:
    """One instance: nodes with coordinates (or None), links and demands."""

    name: str
    nodes: dict[str, tuple[float, float] | None]
    links: tuple[Link, ...]
    demands: tuple[Demand, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """Which problem to solve on a network; field values are the words of the format."""

    link: str = "UNDIRECTED"
    demand: str = "UNDIRECTED"
    capacity: str = "MODULAR_LINK_CAPACITIES"
    fixed_charge: str = "NO"
    routing: str = "CONTINUOUS"
    paths: str = "ALL_PATHS"
    hop_limit: str = "IGNORE_HOP_LIMITS"
    survivability: str = "NO_SURVIVABILITY"
    node: str = "NO_NODE_HARDWARE"
    objective: str = "MINIMIZE_TOTAL_COST"


_MODEL_FIELDS = {
    "LINK_MODEL": "link",
    "DEMAND_MODEL": "demand",
    "LINK_CAPACITY_MODEL": "capacity",
    "FIXED_CHARGE_MODEL": "fixed_charge",
    "ROUTING_MODEL": "routing",
    "ADMISSIBLE_PATH_MODEL": "paths",
    "HOP_LIMIT_MODEL": "hop_limit",
    "SURVIVABILITY_MODEL": "survivability",
    "NODE_MODEL": "node",
    "OBJECTIVE_MODEL": "objective",
}


class _Tokens:
    """The words of a file with their lines; brackets are words of their own."""

    def __init__(self, text: str, where: str) -> None:
        self.where = where
        self.line = 0
        self._words = self._split(text)
        self._ahead: tuple[str, int] | None = next(self._words, None)

    @staticmethod
    def _split(text: str) -> Iterator[tuple[str, int]]:
        for number, line in enumerate(text.splitlines(), start=1):
            bare = line.split("#", 1)[0]
            if bare.lstrip().startswith("?"):
                continue
            for word in bare.replace(_OPEN, " ( ").replace(_CLOSE, " ) ").split():
                yield word, number

    def peek(self) -> str | None:
        return None if self._ahead is None else self._ahead[0]

    def take(self, expected: str | None = None) -> str:
        if self._ahead is None:
            raise self.wrong(f"ends where {expected or 'more'} was expected")
        word, self.line = self._ahead
        self._ahead = next(self._words, None)
        if expected is not None and word != expected:
            raise self.wrong(f"{expected!r} was expected, not {word!r}")
        return word

    def number(self, what: str) -> float:
        word = self.take()
        try:
            value = float(word)
        except ValueError as cause:
            raise self.wrong(f"{what} must be a number, not {word!r}") from cause
        if value < 0 or not math.isfinite(value):
            raise self.wrong(f"{what} must be finite and not negative, not {word}")
        return value

    def wrong(self, detail: str) -> MalformedError:
        return MalformedError(f"{self.where}:{self.line}: {detail}", code="sndlib_malformed", pointer=f"/{self.line}")


def read_network(path: Path) -> Network:
    """Read a network file.

    Raises:
        MalformedError: not the native format, with file and line.
        TooLargeError: over ``FILE_BYTES_MAX``.
        OSError: the file cannot be read.
    """
    return parse_network(_text(path), name=path.stem, where=str(path))


def parse_network(text: str, *, name: str, where: str = "network") -> Network:
    """Read a network from ``text``; ``where`` names it in error messages."""
    tokens = _Tokens(text, where)
    nodes: dict[str, tuple[float, float] | None] = {}
    links: list[Link] = []
    demands: list[Demand] = []
    paths: dict[str, tuple[tuple[str, ...], ...]] = {}
    while tokens.peek() is not None:
        section = tokens.take()
        tokens.take(_OPEN)
        if section == "NODES":
            nodes = _nodes(tokens)
        elif section == "LINKS":
            links = list(_links(tokens, nodes))
        elif section == "DEMANDS":
            demands = list(_demands(tokens, nodes))
        elif section == "ADMISSIBLE_PATHS":
            paths = _paths(tokens)
        else:
            _skip(tokens)
    if not nodes or not links:
        raise tokens.wrong("no NODES or no LINKS section")
    _check_paths(tokens, paths, {link.id for link in links}, {demand.id for demand in demands})
    complete = tuple(
        Demand(d.id, d.source, d.target, d.routing_unit, d.value, d.hops_max, paths.get(d.id, ())) for d in demands
    )
    return Network(name, nodes, tuple(links), complete)


def read_model(path: Path) -> Model:
    """Read a model file; see ``read_network`` for what it raises."""
    text = _text(path)
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.split("#", 1)[0].strip()
        if not bare or bare.startswith("?"):
            continue
        key, equals, value = (part.strip() for part in bare.partition("="))
        if not equals or key not in _MODEL_FIELDS:
            raise MalformedError(f"{path}:{number}: {bare!r} is no setting of a model", code="sndlib_malformed")
        found[_MODEL_FIELDS[key]] = value
    return Model(**found)


def _text(path: Path) -> str:
    if path.stat().st_size > FILE_BYTES_MAX:
        raise TooLargeError(f"{path}: larger than {FILE_BYTES_MAX} bytes", code="sndlib_too_large")
    return path.read_text(encoding="utf-8", errors="replace")


def _skip(tokens: _Tokens) -> None:
    depth = 1
    while depth:
        word = tokens.take()
        depth += (word == _OPEN) - (word == _CLOSE)


def _nodes(tokens: _Tokens) -> dict[str, tuple[float, float] | None]:
    nodes: dict[str, tuple[float, float] | None] = {}
    while tokens.peek() != _CLOSE:
        name = tokens.take()
        if name in nodes:
            raise tokens.wrong(f"node {name!r} stands twice")
        nodes[name] = None
        if tokens.peek() == _OPEN:
            tokens.take()
            longitude, latitude = float(tokens.take()), float(tokens.take())
            nodes[name] = (longitude, latitude)
            tokens.take(_CLOSE)
    tokens.take(_CLOSE)
    return nodes


def _ends(tokens: _Tokens, nodes: dict[str, tuple[float, float] | None]) -> tuple[str, str]:
    tokens.take(_OPEN)
    ends = tokens.take(), tokens.take()
    for end in ends:
        if end not in nodes:
            raise tokens.wrong(f"{end!r} is no node")
    if ends[0] == ends[1]:
        raise tokens.wrong("both ends are the same node")
    tokens.take(_CLOSE)
    return ends


def _links(tokens: _Tokens, nodes: dict[str, tuple[float, float] | None]) -> Iterator[Link]:
    seen: set[str] = set()
    while tokens.peek() != _CLOSE:
        name = tokens.take()
        if name in seen:
            raise tokens.wrong(f"link {name!r} stands twice")
        seen.add(name)
        source, target = _ends(tokens, nodes)
        numbers = [tokens.number(f"a number of link {name}") for _ in range(4)]
        tokens.take(_OPEN)
        modules = []
        while tokens.peek() != _CLOSE:
            modules.append(Module(tokens.number("module capacity"), tokens.number("module cost")))
        tokens.take(_CLOSE)
        yield Link(name, source, target, numbers[0], numbers[1], numbers[2], numbers[3], tuple(modules))
    tokens.take(_CLOSE)


def _demands(tokens: _Tokens, nodes: dict[str, tuple[float, float] | None]) -> Iterator[Demand]:
    seen: set[str] = set()
    while tokens.peek() != _CLOSE:
        name = tokens.take()
        if name in seen:
            raise tokens.wrong(f"demand {name!r} stands twice")
        seen.add(name)
        source, target = _ends(tokens, nodes)
        unit, value = tokens.number("routing unit"), tokens.number("demand value")
        limit = tokens.take()
        if limit != "UNLIMITED" and not limit.isdigit():
            raise tokens.wrong(f"longest path must be a whole number or UNLIMITED, not {limit!r}")
        yield Demand(name, source, target, unit, value, None if limit == "UNLIMITED" else int(limit))
    tokens.take(_CLOSE)


def _paths(tokens: _Tokens) -> dict[str, tuple[tuple[str, ...], ...]]:
    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    while tokens.peek() != _CLOSE:
        demand = tokens.take()
        tokens.take(_OPEN)
        routes = []
        while tokens.peek() != _CLOSE:
            tokens.take()
            tokens.take(_OPEN)
            route = []
            while tokens.peek() != _CLOSE:
                route.append(tokens.take())
            tokens.take(_CLOSE)
            routes.append(tuple(route))
        tokens.take(_CLOSE)
        found[demand] = tuple(routes)
    tokens.take(_CLOSE)
    return found


def _check_paths(
    tokens: _Tokens, paths: dict[str, tuple[tuple[str, ...], ...]], links: set[str], demands: set[str]
) -> None:
    for demand, routes in paths.items():
        if demand not in demands:
            raise tokens.wrong(f"admissible paths of {demand!r}, which is no demand")
        for route in routes:
            unknown = [link for link in route if link not in links]
            if unknown:
                raise tokens.wrong(f"an admissible path of {demand} uses {unknown[0]!r}, which is no link")
