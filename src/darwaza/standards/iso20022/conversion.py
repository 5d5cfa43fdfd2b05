"""pacs.008.001.13 to pacs.008.001.08 and back, without loss.

Between countries version 13 travels, domestic systems speak version 8. Most elements are the same in both. For the
rest, in this order:

1. *Moved.* The acceptance and pooling times stand in ``AddtlDtTm`` in version 13 and directly in the transaction in
   version 8; they move.
2. *Carried.* An element the other version does not have (the agreed rate with its quote, the expiry, a mandate, the
   kind of a charge, care-of lines, the amounts of structured remittance ...) travels in ``SplmtryData`` of its
   transaction, or of the message for the group header. That is what ISO 20022 has supplementary data for: ``PlcAndNm``
   says where the element belongs, ``pacs.008.001.13/AgrdRate``, and ``Envlp`` holds it in its own namespace. Coming
   back, it returns to its place.
3. *Refused.* What fits neither way (a street name of over 70 characters, an account without a number) is
   ``not_in_version`` with the path. Nothing is cut off.

So converting there and back gives the same document, and a converted document is valid by its schema. A domestic system
that drops supplementary data loses the quote's identifier on its leg only: the payment's UETR, in both versions, still
ties it to the quote.
"""

import copy
import re
from itertools import islice
from typing import Final, NamedTuple

from lxml import etree

from darwaza.errors import MalformedError
from darwaza.standards.iso20022.definition import ComplexType, Definition
from darwaza.standards.iso20022.document import message_of, parse_document
from darwaza.standards.iso20022.schema import schema_of

NEWER: Final = "pacs.008.001.13"
OLDER: Final = "pacs.008.001.08"

_TRANSACTION: Final = "CdtTrfTxInf"
_SUPPLEMENT: Final = "SplmtryData"
_MOVES: Final = {
    NEWER: {"AddtlDtTm/AccptncDtTm": "AccptncDtTm", "AddtlDtTm/PoolgAdjstmntDt": "PoolgAdjstmntDt"},
    OLDER: {"AccptncDtTm": "AddtlDtTm/AccptncDtTm", "PoolgAdjstmntDt": "AddtlDtTm/PoolgAdjstmntDt"},
}
"""By source version: paths within a transaction, from and to."""

_STEP: Final = re.compile(r"([A-Za-z0-9]{1,35})(?:\[([1-9][0-9]{0,4})\])?", re.ASCII)


def convert(data: bytes, to: str) -> bytes:
    """Turn a pacs.008 of one version into the other.

    Args:
        data: a document of version 13 or 8.
        to: ``NEWER`` or ``OLDER``; a document of that version already is only checked.

    Returns:
        A document valid by the schema of ``to``.

    Raises:
        TooLargeError, MalformedError: as ``message.read``; ``message_unsupported`` when it is neither version;
            ``not_in_version`` when something can neither be placed nor carried; ``supplement_wrong`` when supplementary
            data of an earlier conversion names a place that does not exist.
    """
    root = parse_document(data)
    source = message_of(root)
    if {source, to} - {NEWER, OLDER}:
        raise MalformedError(f"{source[:40]!r} to {to[:40]!r} is not a conversion", code="message_unsupported")
    schema_of(source).validate(root)
    if source == to:
        return data
    root = _Converter(schema_of(source).definition, schema_of(to).definition).document(root)
    try:
        schema_of(to).validate(root)
    except MalformedError as error:
        raise MalformedError(error.detail, code="not_in_version", pointer=error.pointer) from error
    data = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return bytes(data)


class _Found(NamedTuple):
    """What was found on the way and is not in place yet.

    Attributes:
        carried: elements the target does not have, by their path in the source.
        placed: elements to put into the target, by their path in the target.
    """

    carried: list[tuple[str, etree._Element]]
    placed: list[tuple[str, etree._Element]]


class _Converter:
    def __init__(self, source: Definition, target: Definition) -> None:
        self._source = source
        self._target = target
        self._prefix = "{" + target.namespace + "}"
        self._moves = _MOVES[source.message]

    def document(self, root: etree._Element) -> etree._Element:
        new_root = etree.Element(self._prefix + "Document", nsmap={None: self._target.namespace})
        old, old_type = root[0], _only(self._source, self._source.root_type)
        new_type = _only(self._target, self._target.root_type)
        new = etree.SubElement(new_root, self._prefix + _local(old))
        self._fill(old, new, old_type, new_type)
        return new_root

    def _fill(self, old: etree._Element, new: etree._Element, old_type: ComplexType, new_type: ComplexType) -> None:
        """Convert the message, or one transaction: a place that has supplementary data of its own."""
        found = _Found([], [])
        self._copy(old, new, (old_type, new_type), "", found)
        for path, element in found.placed:
            self._place(new, new_type, path, element)
        for path, element in found.carried:
            self._carry(new, path, element)

    def _copy(
        self,
        old: etree._Element,
        new: etree._Element | None,
        types: tuple[ComplexType, ComplexType | None],
        path: str,
        found: _Found,
    ) -> None:
        """Copy children that both versions have; note the others. ``new`` is None inside what the target lacks."""
        for index, child in _numbered(old):
            name = _local(child)
            at = f"{path}{name}"
            inner_old = self._source.types.get(_type_name(types[0], name))
            known = None if types[1] is None else types[1].child(name)
            inner_new = None if known is None else self._target.types.get(str(known.type))
            if name == _SUPPLEMENT and new is not None:
                self._supplement(child, new, found)
            elif at in self._moves:
                found.placed.append((self._moves[at], self._leaf(child)))
            elif any(source.startswith(at + "/") for source in self._moves) and inner_old is not None:
                self._copy(child, None, (inner_old, None), at + "/", found)
            elif new is None or known is None or _is_text(inner_old) != _is_text(inner_new):
                found.carried.append((at, child))
            elif inner_old is None or inner_new is None or inner_old.kind == "text":
                new.append(self._leaf(child))
            elif name == _TRANSACTION:
                self._fill(child, etree.SubElement(new, self._prefix + name), inner_old, inner_new)
            else:
                inner = etree.SubElement(new, self._prefix + name)
                self._copy(child, inner, (inner_old, inner_new), f"{path}{name}{index}/", found)

    def _leaf(self, old: etree._Element) -> etree._Element:
        new = etree.Element(self._prefix + _local(old), dict(old.attrib), nsmap={None: self._target.namespace})
        new.text = old.text
        return new

    def _supplement(self, old: etree._Element, new: etree._Element, found: _Found) -> None:
        """Keep foreign supplementary data as it is; note for its place what an earlier conversion carried."""
        place = old.findtext(f"{{{self._source.namespace}}}PlcAndNm") or ""
        envelope = old.find(f"{{{self._source.namespace}}}Envlp")
        content = copy.deepcopy(envelope[0]) if envelope is not None else None
        if content is not None and place.startswith(self._target.message + "/"):
            path = place.removeprefix(self._target.message + "/")
            if content.tag != self._prefix + path.rpartition("/")[2]:
                raise MalformedError(f"{place[:80]!r} holds another element", code="supplement_wrong")
            found.placed.append((path, content))
            return
        kept = etree.SubElement(new, self._prefix + _SUPPLEMENT)
        if place:
            etree.SubElement(kept, self._prefix + "PlcAndNm").text = place
        if content is not None:
            etree.SubElement(kept, self._prefix + "Envlp").append(content)

    def _carry(self, new: etree._Element, path: str, element: etree._Element) -> None:
        supplement = etree.SubElement(new, self._prefix + _SUPPLEMENT)
        etree.SubElement(supplement, self._prefix + "PlcAndNm").text = f"{self._source.message}/{path}"
        etree.SubElement(supplement, self._prefix + "Envlp").append(copy.deepcopy(element))

    def _place(self, new: etree._Element, type_: ComplexType, path: str, element: etree._Element) -> None:
        """Insert an element at a path, in the order of the definition; parents that lack are made."""
        parent, parent_type = new, type_
        for step in path.split("/")[:-1]:
            match = _STEP.fullmatch(step)
            inner = None if match is None else self._target.types.get(_type_name(parent_type, match[1]))
            if match is None or inner is None:
                raise MalformedError(f"there is no {path[:80]!r}", code="supplement_wrong")
            position = int(match[2] or 1)
            tag = self._prefix + match[1]
            sibling = next(islice(parent.iterchildren(tag), position - 1, None), None)
            if sibling is None:
                if position > 1:
                    raise MalformedError(f"there is no {path[:80]!r}", code="supplement_wrong")
                sibling = etree.Element(tag)
                _insert(parent, parent_type, sibling)
            parent, parent_type = sibling, inner
        if parent_type.child(_local(element)) is None:
            raise MalformedError(f"there is no {path[:80]!r}", code="supplement_wrong")
        element.tail = None
        _insert(parent, parent_type, element)


def _local(element: etree._Element) -> str:
    return str(etree.QName(element).localname)


def _is_text(type_: ComplexType | None) -> bool:
    return type_ is None or type_.kind == "text"


def _only(definition: Definition, name: str) -> ComplexType:
    """Return the type of the one element inside ``Document``."""
    child = definition.types[name].children[0]
    return definition.types[_type_name(definition.types[name], getattr(child, "name", ""))]


def _type_name(type_: ComplexType, name: str) -> str:
    child = type_.child(name)
    return child.type if child is not None and isinstance(child.type, str) else ""


def _numbered(parent: etree._Element) -> list[tuple[str, etree._Element]]:
    """Return the children, each with its position among those of its name: "" for the first, ``[2]`` ..."""
    seen: dict[str, int] = {}
    numbered = []
    for child in parent:
        seen[child.tag] = seen.get(child.tag, 0) + 1
        numbered.append((f"[{seen[child.tag]}]" if seen[child.tag] > 1 else "", child))
    return numbered


def _insert(parent: etree._Element, type_: ComplexType, element: etree._Element) -> None:
    """Insert a child after those that come before it, or share its name, in the definition's order."""
    order = [getattr(child, "name", "") for child in type_.children]
    later = set(order[order.index(_local(element)) + 1 :])
    before = parent[-1] if len(parent) else None
    while before is not None and _local(before) in later:
        before = before.getprevious()
    if before is None:
        parent.insert(0, element)
    else:
        before.addnext(element)
