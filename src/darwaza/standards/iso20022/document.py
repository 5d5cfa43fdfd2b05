"""Parsing bytes that anyone may have sent.

A document is UTF-8, has no document type and so no entities of its own, loads nothing, and stays within the named
limits; whatever else arrives is a ``MalformedError`` or ``TooLargeError``, never an exception of lxml. Comments and
processing instructions are dropped: they carry no meaning here, and text around them is joined.
"""

import re
from typing import Final

from lxml import etree

from darwaza.errors import MalformedError, TooLargeError
from darwaza.standards.iso20022.definition import NAMESPACE_PREFIX

DOCUMENT_BYTES_MAX: Final = 1_048_576
"""Largest document in bytes: what a message between gateways can carry, and a bulk of 500 payments at least."""

DOCUMENT_DEPTH_MAX: Final = 32
"""Deepest nesting of elements. The messages themselves reach 12; only supplementary data can go deeper."""

DOCUMENT_CHILDREN_MAX: Final = 4_096
"""Most children of one element. A schema's report on a wrong element counts the siblings before it; without a bound,
a document of nothing but wrong elements would cost its size squared."""

_ENCODING: Final = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([^\"'>]{1,40})[\"']")
_TOO_DEEP: Final = etree.XPath(f"boolean({'/*' * (DOCUMENT_DEPTH_MAX + 1)})")
_TOO_WIDE: Final = etree.XPath(f"boolean(//*[*[{DOCUMENT_CHILDREN_MAX + 1}]])")
_BYTES_PER_CHILD_MIN: Final = len("<a/>")
_DETAIL_CHARACTERS_MAX: Final = 200
_PARSER: Final = etree.XMLParser(
    encoding="utf-8",  # stated, so that a byte order mark or declaration cannot choose another one
    resolve_entities=False,
    load_dtd=False,
    no_network=True,
    huge_tree=False,
    collect_ids=False,
    remove_comments=True,
    remove_pis=True,
)


def parse_document(data: bytes) -> etree._Element:
    """Parse a document and return its root element.

    Args:
        data: as received, at most ``DOCUMENT_BYTES_MAX`` bytes.

    Raises:
        TooLargeError: ``document_too_large``.
        MalformedError: ``encoding_wrong`` (not UTF-8), ``doctype_forbidden``, ``xml_wrong`` (not well-formed),
            ``document_too_deep`` or ``document_too_wide``.
    """
    if len(data) > DOCUMENT_BYTES_MAX:
        raise TooLargeError(f"over {DOCUMENT_BYTES_MAX} bytes", code="document_too_large")
    declared = _ENCODING.match(data)
    if declared is not None and declared[1].lower() != b"utf-8":
        raise MalformedError("the document is not in UTF-8", code="encoding_wrong")
    # In UTF-8 a document type can only be written with these bytes. Refusing it here, before the parser sees the
    # document, closes entities and external subsets at once.
    if b"<!DOCTYPE" in data:
        raise MalformedError("a document type is not allowed", code="doctype_forbidden")
    try:
        root = etree.fromstring(data, _PARSER)
    except etree.XMLSyntaxError as error:
        raise MalformedError(str(error.msg)[:_DETAIL_CHARACTERS_MAX], code="xml_wrong") from error
    if _TOO_DEEP(root):
        raise MalformedError(f"over {DOCUMENT_DEPTH_MAX} elements deep", code="document_too_deep")
    if len(data) > DOCUMENT_CHILDREN_MAX * _BYTES_PER_CHILD_MIN and _TOO_WIDE(root):
        raise MalformedError(f"over {DOCUMENT_CHILDREN_MAX} children of one element", code="document_too_wide")
    return root


def message_of(root: etree._Element) -> str:
    """Return the message definition identifier a root element's namespace names, ``pacs.008.001.13``.

    Raises:
        MalformedError: ``namespace_wrong`` when the namespace is not one of ISO 20022 messages.
    """
    namespace = etree.QName(root).namespace or ""
    if not namespace.startswith(NAMESPACE_PREFIX):
        raise MalformedError(f"namespace {namespace[:80]!r} is not of ISO 20022", code="namespace_wrong", pointer="/")
    return namespace[len(NAMESPACE_PREFIX) :]
