"""Reads an XML Schema of ISO 20022 into a definition, to compare published schemas with what the package says."""

from pathlib import Path
from typing import Any

from lxml import etree

from darwaza.standards.iso20022.definition import Attribute, ComplexType, Definition, Element, Text, Wildcard

_XS = "{http://www.w3.org/2001/XMLSchema}"
_FACETS = {
    "pattern": "pattern",
    "minLength": "length_min",
    "maxLength": "length_max",
    "totalDigits": "digits_max",
    "fractionDigits": "fraction_digits_max",
    "minInclusive": "value_min",
}


def definition_from(source: Path | str) -> Definition:
    """Read a schema from a file, or from its text."""
    text = source.read_bytes() if isinstance(source, Path) else source.encode()
    root = etree.fromstring(text)
    simple = {item.get("name"): item[-1] for item in root.findall(_XS + "simpleType")}
    types = {item.get("name"): _complex(item, simple) for item in root.findall(_XS + "complexType")}
    element = root.find(_XS + "element")
    return Definition(root.get("targetNamespace").rpartition(":")[2], element.get("name"), element.get("type"), types)


def _complex(item: Any, simple: dict[str, Any]) -> ComplexType:
    body = item[0]
    if body.tag == _XS + "simpleContent":
        extension = body[0]
        attributes = tuple(Attribute(one.get("name"), _type(one, simple)) for one in extension)
        return ComplexType("text", text=_text(simple[extension.get("base")]), attributes=attributes)
    return ComplexType(body.tag.removeprefix(_XS), children=tuple(_child(child, simple) for child in body))


def _child(child: Any, simple: dict[str, Any]) -> Element | Wildcard:
    if child.tag == _XS + "any":
        return Wildcard(child.get("namespace"), child.get("processContents"))
    most = child.get("maxOccurs", "1")
    count_max = None if most == "unbounded" else int(most)
    return Element(child.get("name"), _type(child, simple), int(child.get("minOccurs", "1")), count_max)


def _type(item: Any, simple: dict[str, Any]) -> Any:
    if item.get("type") is None:
        return _text(item[0][-1])
    return _text(simple[item.get("type")]) if item.get("type") in simple else item.get("type")


def _text(restriction: Any) -> Text:
    facets: dict[str, Any] = {}
    values = []
    for facet in restriction:
        name, value = facet.tag.removeprefix(_XS), facet.get("value")
        if name == "enumeration":
            values.append(value)
        else:
            facets[_FACETS[name]] = value if name in {"pattern", "minInclusive"} else int(value)
    return Text(restriction.get("base").removeprefix("xs:"), values=tuple(values), **facets)
