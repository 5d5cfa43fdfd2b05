"""XML Schemas, written from message definitions and compiled once.

``schema_of`` compiles on first use and keeps the outcome; ``Schema.validate`` then costs about as much as the parse
(libxml2 does the work). What libxml2 reports is translated: the caller gets a ``MalformedError`` with a code of ours
and the path of the element, never an lxml exception.

Compiled schemas are immutable, but lxml keeps the last report on the schema object, so a schema is used by one thread
at a time.
"""

from functools import cache
from typing import Final
from xml.sax.saxutils import quoteattr

from lxml import etree

from darwaza.errors import InvariantError, MalformedError
from darwaza.standards.iso20022.definition import ComplexType, Definition, Element, Text, Wildcard
from darwaza.standards.iso20022.dictionary import definition_of
from darwaza.standards.iso20022.pointer import pointer_to

_CODES: Final[dict[str, str]] = {
    "SCHEMAV_ELEMENT_CONTENT": "element_unexpected",
    "SCHEMAV_CVC_ELT_1": "element_unexpected",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": "text_unexpected",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": "attribute_unexpected",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_2": "attribute_unexpected",
    "SCHEMAV_CVC_COMPLEX_TYPE_4": "attribute_missing",
}
"""Our code for each kind of libxml2 report (its ``xmlParserErrors``); every other one is about a value."""

_MISSING = "Missing child element(s)"
_REPORT_CHARACTERS_MAX = 300


class Schema:
    """A compiled schema of one message version.

    Attributes:
        definition: what it was made from.
    """

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self._compiled = etree.XMLSchema(etree.fromstring(xsd_text(definition)))

    def validate(self, root: etree._Element) -> None:
        """Check a whole document.

        Raises:
            MalformedError: ``element_missing``, ``element_unexpected``, ``value_wrong``, ``text_unexpected``,
                ``attribute_missing`` or ``attribute_unexpected``, with the path of the element.
        """
        if self._compiled(root):
            return
        report = self._compiled.error_log[0]
        code = _CODES.get(report.type_name, "value_wrong")
        if code == "element_unexpected" and _MISSING in report.message:
            code = "element_missing"
        at = root.xpath(report.path) if report.path else []
        text = report.message.replace("{" + self.definition.namespace + "}", "")[:_REPORT_CHARACTERS_MAX]
        raise MalformedError(text, code=code, pointer=pointer_to(at[0] if at else root))


@cache
def schema_of(message: str) -> Schema:
    """Return the compiled schema of a supported message version.

    Raises:
        OperatorError: as ``dictionary.definition_of``.
    """
    return Schema(definition_of(message))


def xsd_text(definition: Definition) -> str:
    """Write a definition as XML Schema 1.0."""
    space = quoteattr(definition.namespace)
    attributes = f'xmlns={space} targetNamespace={space} elementFormDefault="qualified"'
    lines = [
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" {attributes}>',
        f"<xs:element name={quoteattr(definition.root)} type={quoteattr(definition.root_type)}/>",
    ]
    lines += [_complex(name, type_) for name, type_ in definition.reachable().items()]
    lines.append("</xs:schema>")
    return "\n".join(lines)


def _complex(name: str, type_: ComplexType) -> str:
    head = f"<xs:complexType name={quoteattr(name)}>"
    if type_.kind != "text":
        inner = "".join(_child(child) for child in type_.children)
        return f"{head}<xs:{type_.kind}>{inner}</xs:{type_.kind}></xs:complexType>"
    if type_.text is None:
        raise InvariantError(f"text type {name} without a text")
    # XML Schema wants a name for the simple type that a text with attributes extends.
    base = name + "_text"
    attributes = "".join(
        f'<xs:attribute name={quoteattr(item.name)} use="required">{_simple(item.text)}</xs:attribute>'
        for item in type_.attributes
    )
    return (
        f"<xs:simpleType name={quoteattr(base)}>{_restriction(type_.text)}</xs:simpleType>{head}<xs:simpleContent>"
        f"<xs:extension base={quoteattr(base)}>{attributes}</xs:extension></xs:simpleContent></xs:complexType>"
    )


def _child(child: Element | Wildcard) -> str:
    if isinstance(child, Wildcard):
        return f"<xs:any namespace={quoteattr(child.namespace)} processContents={quoteattr(child.process)}/>"
    count_max = "unbounded" if child.count_max is None else child.count_max
    head = f'<xs:element name={quoteattr(child.name)} minOccurs="{child.count_min}" maxOccurs="{count_max}"'
    if isinstance(child.type, str):
        return f"{head} type={quoteattr(child.type)}/>"
    return f"{head}>{_simple(child.type)}</xs:element>"


def _simple(text: Text) -> str:
    return f"<xs:simpleType>{_restriction(text)}</xs:simpleType>"


def _restriction(text: Text) -> str:
    facets = [f"<xs:enumeration value={quoteattr(value)}/>" for value in text.values]
    for facet, bound in (
        ("pattern", text.pattern),
        ("minLength", text.length_min),
        ("maxLength", text.length_max),
        ("totalDigits", text.digits_max),
        ("fractionDigits", text.fraction_digits_max),
        ("minInclusive", text.value_min),
    ):
        if bound is not None:
            facets.append(f"<xs:{facet} value={quoteattr(str(bound))}/>")
    return f'<xs:restriction base="xs:{text.base}">{"".join(facets)}</xs:restriction>'
