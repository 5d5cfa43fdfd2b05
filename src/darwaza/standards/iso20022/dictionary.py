"""Message definitions, read from the class definitions of the ``pyiso20022`` package without running them.

The package holds one Python module per message version, generated from ISO's schemas, with every facet in the fields'
metadata. It is read as text: importing it would build thousands of classes that nothing here needs. Two things the
generator dropped are restored by rules ISO 20022 keeps everywhere: a type whose name ends in ``Choice`` (or
``Choice__n``) is a choice, and a wildcard stands exactly once.

A rebuilt definition is used only if its digest is the one in ``PINS``, taken from the schema ISO 20022 publishes. So a
changed package, or a wrong rule above, stops the process at start instead of letting other documents through.

The account identification messages (acmt) are not in the package; ``identification`` writes down the few types that
are theirs and borrows the rest.
"""

import ast
import re
from collections.abc import Iterator
from importlib import resources
from typing import Any, Final

from darwaza.errors import OperatorError
from darwaza.standards.iso20022 import identification
from darwaza.standards.iso20022.definition import Attribute, Base, ComplexType, Definition, Element, Text, Wildcard

PACKAGE = "pyiso20022"

PINS: Final[dict[str, str]] = {
    "pacs.008.001.13": "45073a455d91511356823f77f7fd68126bc12e30e590b68f2240e2876e820a89",
    "pacs.008.001.08": "818cff4feb4967ef9c6ffec0a50da82d2a832343d39194f954f31a3e9eaa27a6",
    "pacs.002.001.15": "fcb124a1c2c50ca542e3f57a1d9088a5e7fb77c0891dcbaa80cc65fc3ba30818",
    "pacs.002.001.10": "482b2a45b323d162334ebeba8511c22e9be5196bd0a0df6912207647fc5e7e5b",
    "pacs.028.001.06": "bc20f426f02c1314e63f484647ea83f3f21d94a1c0c0803c99c20a7296035ff6",
    "pacs.004.001.14": "029d3ab6b654078e914c143e923ff2bfb50159cb3f9849175e94e95ee6230cd2",
    "pacs.009.001.12": "13deff2cd88458da66a31e854f4ba542d849720723f7b44a3631b34353b5d6d9",
    "camt.056.001.11": "af9d769382e87375e95f3315179a1ac38783c0d8f6f7b8148c6c4d2a85cea95c",
    "camt.029.001.13": "6bca0d069a842c5037fc5969f798c70d5f08a85b41410281375f9b097f545090",
    "camt.053.001.12": "07fed804bd05c0d63ee0d42ff3814d8ff55e24728dbf0c5c90df9fb394fb8010",
    "camt.054.001.12": "71e9a25db10587b33849f1f51ff0e68e16b46f77bd58f2f533b3fec64490e7af",
    "pain.013.001.11": "2e6e43228f8d835f71979dc56e3400e77dc0a91f6fc42a87a7c07c648965cfe0",
    "pain.014.001.11": "464a017adcf2fafe9c347f78bd2acd5abb54665213b05092aa9f667625a6249c",
    "acmt.023.001.04": "d89b1377a30e3ba92ec5202cf97bde2eb9ba5fcc7fa3b384145f223c4946a76c",
    "acmt.024.001.04": "c71e2b2de6a01d9451c6ace066664c3d87b420cab5af534fab0ee92768d8862b",
    "admi.002.001.01": "f5e8e1d06179b8b9b73f6ad9a008b37b0561dc1a841d8aa895542e662c796990",
    "head.001.001.03": "376d154e98a1b72647294ed49a5cd9fafec4f2a5bd55245361d9c08ec0783308",
    "head.001.001.02": "602004515d6d290e2a21ea3669901c3f829ce5f3097965eb35548ef034ed9e62",
}
"""SHA-256 of the canonical form (``Definition.digest``) of each supported schema as ISO 20022 publishes it."""

_BASES: dict[str, Base] = {
    "str": "string",
    "Decimal": "decimal",
    "bool": "boolean",
    "XmlDate": "date",
    "XmlDateTime": "dateTime",
    "XmlTime": "time",
    "bytes": "base64Binary",
}
_CHOICE = re.compile(r"Choice(__\d+)?$")
_OPTIONAL_BRANCHES = {
    "MandateRelatedData3Choice": frozenset({"DrctDbtMndt", "CdtTrfMndt"}),
    "References74Choice": frozenset({"CtrPtyMktInfrstrctrTxId"}),
}
"""The few branches of a choice that may also be left out: the generator marks every branch optional."""


def definition_of(message: str) -> Definition:
    """Return the definition of a supported message version, proven to be the published one.

    Args:
        message: message definition identifier, one of ``PINS``.

    Raises:
        OperatorError: ``schema_package_missing`` if the package is not installed, ``schema_not_as_published`` if what
            it says has another digest.
    """
    if message in identification.ROOTS:
        lender = read_package(identification.LENDER)
        found = identification.define(message, lender.types)
    else:
        found = read_package(message)
    if found.digest() != PINS[message]:
        raise OperatorError(
            f"the definition of {message} in {PACKAGE} is not the published one", code="schema_not_as_published"
        )
    return found


def read_package(message: str) -> Definition:
    """Return the definition the package holds, whatever its digest.

    Raises:
        OperatorError: ``schema_package_missing``.
    """
    area, module = message.partition(".")[0], message.replace(".", "_")
    try:
        source = resources.files(PACKAGE).joinpath(area, module, module + ".py").read_text("utf-8")
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise OperatorError(f"{PACKAGE} with {message} is not installed", code="schema_package_missing") from error
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    return _Reader(message, classes).read()


class _Reader:
    """Turns the classes of one module into a definition."""

    def __init__(self, message: str, classes: list[ast.ClassDef]) -> None:
        self._message = message
        self._enums = {item.name: _enum_values(item) for item in classes if _is_enum(item)}
        self._classes = {item.name: item for item in classes if item.name not in self._enums}
        self._names = {name: _declared_name(item) for name, item in self._classes.items()}

    def read(self) -> Definition:
        types = {self._names[name]: self._complex(item) for name, item in self._classes.items()}
        if "Document" in types:
            return Definition(self._message, "Document", "Document", types)
        # The header's root class derives from its type and carries only the element's name.
        root = next(name for name, item in self._classes.items() if item.bases)
        parent = self._classes[root].bases[0]
        return Definition(self._message, self._names[root], self._names[_identifier(parent)], types)

    def _complex(self, item: ast.ClassDef) -> ComplexType:
        fields = list(_fields(item))
        kinds = {metadata.get("type") for _, metadata in fields}
        if fields and "Element" not in kinds and "Wildcard" not in kinds:
            text = next(self._text(a, m) for a, m in fields if "type" not in m)
            attributes = tuple(Attribute(m["name"], self._text(a, m)) for a, m in fields if "type" in m)
            return ComplexType("text", text=text, attributes=attributes)
        if _CHOICE.search(self._names[item.name]):
            optional = _OPTIONAL_BRANCHES.get(self._names[item.name], frozenset())
            fields = [(a, {"required": m.get("name") not in optional, "min_occurs": 1, **m}) for a, m in fields]
            return ComplexType("choice", children=tuple(self._child(a, m) for a, m in fields))
        return ComplexType("sequence", children=tuple(self._child(a, m) for a, m in fields))

    def _child(self, annotation: str, metadata: dict[str, Any]) -> Element | Wildcard:
        if metadata["type"] == "Wildcard":
            return Wildcard(metadata["namespace"], metadata.get("process_contents", "lax"))
        many = annotation.startswith("list[")
        name = metadata["name"]
        count_min = metadata.get("min_occurs", 0) if many else int(metadata.get("required", False))
        kind = annotation.removeprefix("list[").removesuffix("]")
        type_ = self._names[kind] if kind in self._names else self._text(kind, metadata)
        return Element(name, type_, count_min, metadata.get("max_occurs") if many else 1)

    def _text(self, kind: str, metadata: dict[str, Any]) -> Text:
        if kind == "XmlPeriod":
            # The generator has one class for both; only the element called Yr holds a bare year.
            return Text("gYear" if metadata["name"] == "Yr" else "gYearMonth")
        if kind in self._enums:
            return Text("string", values=self._enums[kind])
        return Text(
            _BASES[kind],
            pattern=metadata.get("pattern"),
            length_min=metadata.get("min_length"),
            length_max=metadata.get("max_length"),
            digits_max=metadata.get("total_digits"),
            fraction_digits_max=metadata.get("fraction_digits"),
            value_min=metadata.get("min_inclusive"),
        )


def _identifier(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _is_enum(item: ast.ClassDef) -> bool:
    return any(_identifier(base) == "Enum" for base in item.bases)


def _enum_values(item: ast.ClassDef) -> tuple[str, ...]:
    """Return the codes of an enumeration, in the schema's order."""
    return tuple(ast.literal_eval(line.value) for line in item.body if isinstance(line, ast.Assign))


def _declared_name(item: ast.ClassDef) -> str:
    """Return the name in the schema: ``Meta.name`` where the generator had to change it for Python."""
    for inner in item.body:
        if isinstance(inner, ast.ClassDef) and inner.name == "Meta":
            for line in inner.body:
                if isinstance(line, ast.Assign) and _identifier(line.targets[0]) == "name":
                    return str(ast.literal_eval(line.value))
    return item.name


def _fields(item: ast.ClassDef) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each field's type, ``X`` or ``list[X]``, and its metadata."""
    for line in item.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.value, ast.Call):
            metadata = next(word.value for word in line.value.keywords if word.arg == "metadata")
            annotation = ast.unparse(line.annotation).removeprefix("None | ")
            yield annotation, _literal(metadata)


def _literal(node: ast.expr) -> Any:
    """Evaluate a literal; ``Decimal("0")`` becomes its text."""
    if isinstance(node, ast.Dict):
        return {_literal(key): _literal(value) for key, value in zip(node.keys, node.values, strict=True) if key}
    if isinstance(node, ast.Call):
        return _literal(node.args[0])
    return ast.literal_eval(node)
