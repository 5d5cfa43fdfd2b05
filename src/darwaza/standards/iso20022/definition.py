"""The shape of an ISO 20022 message as data: its types, their elements in order, and what a text may be.

A message definition is all that an XML Schema of ISO 20022 says, without its spelling. ``dictionary`` reads
definitions from an installed package, ``schema`` writes them out as XML Schema, ``binding`` walks them to join typed
values to elements. ``digest`` names a definition by content, so that two sources can be compared and a source pinned.

Only what ISO 20022 uses is here (ISO 20022-4:2013, the XML Schema generation rules): a complex type is a sequence, a
choice, or a text with attributes; elements are qualified and never nillable; facets are those of ``Text``.
"""

import hashlib
from typing import Literal

import msgspec

Base = Literal["string", "decimal", "boolean", "date", "dateTime", "time", "gYear", "gYearMonth", "base64Binary"]
"""The XML Schema datatypes ISO 20022 messages use (XML Schema 1.0 part 2)."""


class Text(msgspec.Struct, frozen=True):
    """What the text of an element or attribute may be.

    Attributes:
        base: the XML Schema datatype.
        values: the closed list of codes; empty when the list is open.
        pattern: regular expression in XML Schema's syntax, matching the whole text; None for any.
        length_min: least length in characters, None for no bound.
        length_max: greatest length in characters (octets for ``base64Binary``), None for no bound.
        digits_max: greatest count of digits of a decimal.
        fraction_digits_max: greatest count of digits after the point.
        value_min: least value of a decimal, as written.
    """

    base: Base
    values: tuple[str, ...] = ()
    pattern: str | None = None
    length_min: int | None = None
    length_max: int | None = None
    digits_max: int | None = None
    fraction_digits_max: int | None = None
    value_min: str | None = None


class Attribute(msgspec.Struct, frozen=True):
    """A required attribute of a text (in these messages always ``Ccy``)."""

    name: str
    text: Text


class Wildcard(msgspec.Struct, frozen=True):
    """Exactly one foreign element: the content of a supplementary data envelope, or a signature.

    Attributes:
        namespace: ``##any`` or the one namespace allowed.
        process: ``lax`` or ``skip``, as in XML Schema.
    """

    namespace: str
    process: str


class Element(msgspec.Struct, frozen=True):
    """A child element.

    Attributes:
        name: local name.
        type: name of a complex type, or the text it holds.
        count_min: 0 or more.
        count_max: 1 or more; None for no bound.
    """

    name: str
    type: str | Text
    count_min: int
    count_max: int | None


class ComplexType(msgspec.Struct, frozen=True):
    """A type with children, or a text with attributes.

    Attributes:
        kind: ``sequence`` (children in this order), ``choice`` (exactly one of them) or ``text``.
        children: of a sequence or choice.
        text: of a text.
        attributes: of a text.
    """

    kind: Literal["sequence", "choice", "text"]
    children: tuple[Element | Wildcard, ...] = ()
    text: Text | None = None
    attributes: tuple[Attribute, ...] = ()

    def child(self, name: str) -> Element | None:
        """Return the child element of this local name, or None."""
        for child in self.children:
            if isinstance(child, Element) and child.name == name:
                return child
        return None


class Definition(msgspec.Struct, frozen=True):
    """A whole message.

    Attributes:
        message: message definition identifier, ``pacs.008.001.13``.
        root: local name of the outermost element, ``Document`` or ``AppHdr``.
        root_type: its type.
        types: complex types by name; may hold more than the message uses.
    """

    message: str
    root: str
    root_type: str
    types: dict[str, ComplexType]

    @property
    def namespace(self) -> str:
        """The XML namespace of every element."""
        return namespace_of(self.message)

    def reachable(self) -> dict[str, ComplexType]:
        """Return the types the message uses, sorted by name."""
        found: dict[str, ComplexType] = {}
        wanted = [self.root_type]
        while wanted:
            name = wanted.pop()
            if name in found:
                continue
            found[name] = self.types[name]
            wanted += [
                child.type
                for child in found[name].children
                if isinstance(child, Element) and isinstance(child.type, str)
            ]
        return dict(sorted(found.items()))

    def digest(self) -> str:
        """Return SHA-256, in lower-case hex, over the canonical form of everything the message uses.

        Two XML Schemas have the same digest exactly when they allow the same documents by the same named types; names
        of simple types, annotations and the order of declarations do not count.
        """
        canonical = msgspec.json.encode((self.message, self.root, self.root_type, self.reachable()), order="sorted")
        return hashlib.sha256(canonical).hexdigest()


NAMESPACE_PREFIX = "urn:iso:std:iso:20022:tech:xsd:"


def namespace_of(message: str) -> str:
    """Return the XML namespace of a message definition (ISO 20022-4:2013)."""
    return NAMESPACE_PREFIX + message
