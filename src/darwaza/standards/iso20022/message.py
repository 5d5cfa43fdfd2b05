"""Messages from bytes to values and back: the module's front door.

``read`` parses, finds the message version by its namespace, validates by schema and extracts; ``write`` does the
reverse and, unless told otherwise, has the outcome validated too. Every supported version is in ``MESSAGES``.

Example::

    transfer = read(body)                      # CreditTransfer
    report = StatusReport(message="pacs.002.001.15", header=..., transactions=(...))
    body = write(report)

The first message of a version costs about 0.1 s, for its schema is built and compiled; ``prepare`` does that ahead.
"""

from functools import cache
from typing import Any, Final

from lxml import etree

from darwaza.errors import InvariantError, MalformedError
from darwaza.standards.iso20022.acmt023 import VerificationReport, VerificationRequest
from darwaza.standards.iso20022.admi002 import MessageReject
from darwaza.standards.iso20022.camt029 import Resolution
from darwaza.standards.iso20022.camt053 import Notification, Statement
from darwaza.standards.iso20022.camt056 import CancellationRequest
from darwaza.standards.iso20022.definition import Definition, Element
from darwaza.standards.iso20022.document import message_of, parse_document
from darwaza.standards.iso20022.form import Forms
from darwaza.standards.iso20022.head001 import BusinessHeader
from darwaza.standards.iso20022.pacs002 import StatusReport
from darwaza.standards.iso20022.pacs004 import PaymentReturn
from darwaza.standards.iso20022.pacs008 import CreditTransfer
from darwaza.standards.iso20022.pacs009 import InstitutionTransfer
from darwaza.standards.iso20022.pacs028 import StatusRequest
from darwaza.standards.iso20022.pain013 import RequestToPay, RequestToPayStatus
from darwaza.standards.iso20022.part import Message
from darwaza.standards.iso20022.reading import reader_of
from darwaza.standards.iso20022.schema import schema_of
from darwaza.standards.iso20022.shape import shape_of
from darwaza.standards.iso20022.writing import writer_of

MESSAGES: Final[dict[str, type[Message]]] = {
    "pacs.008.001.13": CreditTransfer,
    "pacs.008.001.08": CreditTransfer,
    "pacs.002.001.15": StatusReport,
    "pacs.002.001.10": StatusReport,
    "pacs.028.001.06": StatusRequest,
    "pacs.004.001.14": PaymentReturn,
    "pacs.009.001.12": InstitutionTransfer,
    "camt.056.001.11": CancellationRequest,
    "camt.029.001.13": Resolution,
    "camt.053.001.12": Statement,
    "camt.054.001.12": Notification,
    "pain.013.001.11": RequestToPay,
    "pain.014.001.11": RequestToPayStatus,
    "acmt.023.001.04": VerificationRequest,
    "acmt.024.001.04": VerificationReport,
    "admi.002.001.01": MessageReject,
    "head.001.001.03": BusinessHeader,
    "head.001.001.02": BusinessHeader,
}
"""Every message version read and written, with the class of its values."""


_FORMS: Final = Forms()


class Codec:
    """One message version, compiled.

    Attributes:
        schema: its schema.
        shape: its class joined to its definition.
        reader: from the message's element to its value.
    """

    def __init__(self, message: str) -> None:
        self.schema = schema_of(message)
        definition = self.schema.definition
        wrapper, type_name = _content(definition)
        self.shape = shape_of(MESSAGES[message], definition, type_name)
        self._wrapped = wrapper is not None
        self.reader = reader_of(self.shape, definition.namespace, {"message": message})
        self._write = writer_of(self.shape)
        inner = f"<{wrapper}>" if wrapper else ""
        self._start = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<{definition.root} xmlns="{definition.namespace}">{inner}'
        )
        self._end = (f"</{wrapper}>" if wrapper else "") + f"</{definition.root}>"
        self._path = f"/{definition.root}" + (f"/{wrapper}" if wrapper else "")

    def read(self, root: etree._Element) -> Any:
        """Validate a parsed document and extract its value; raises ``MalformedError``."""
        self.schema.validate(root)
        return self.reader(root[0] if self._wrapped else root)

    def write(self, value: Message) -> bytes:
        """Write a value without validating; raises ``MalformedError``."""
        out = [self._start]
        try:
            self._write(value, out)
        except MalformedError as error:
            error.pointer = self._path + error.pointer
            raise
        out.append(self._end)
        return "".join(out).encode()


def _content(definition: Definition) -> tuple[str | None, str]:
    """Return the one element inside ``Document`` and its type; a header has no such wrapper."""
    if definition.root != "Document":
        return None, definition.root_type
    child = definition.types[definition.root_type].children[0]
    if not isinstance(child, Element):
        raise InvariantError(f"{definition.message} holds a wildcard only")
    return child.name, str(child.type)


@cache
def codec_of(message: str) -> Codec:
    """Return the compiled codec of a message version in ``MESSAGES``."""
    return Codec(message)


def prepare(*messages: str) -> None:
    """Compile these versions now, so that the first message does not wait; all of them when none is named.

    Raises:
        OperatorError: a schema is missing or not the published one; the process should not start.
    """
    for message in messages or MESSAGES:
        codec_of(message)


def read(data: bytes) -> Message:
    """Read a document.

    Args:
        data: UTF-8 XML, at most ``document.DOCUMENT_BYTES_MAX`` bytes.

    Returns:
        A value of the class ``MESSAGES`` names for the document's version.

    Raises:
        TooLargeError: over a named limit.
        MalformedError: with a code of docs/reference/iso20022.md and, where the document can be parsed, the path of
            the element at fault.
    """
    known: Message | None = _FORMS.read(data)
    if known is not None:
        return known
    root = parse_document(data)
    message = message_of(root)
    if message not in MESSAGES:
        raise MalformedError(f"{message[:40]!r} is not a supported message", code="message_unsupported", pointer="/")
    codec = codec_of(message)
    value: Message = codec.read(root)
    _FORMS.learn(data, root, codec.schema.definition, codec.reader, value)
    return value


def write(value: Message, *, verify: bool = True) -> bytes:
    """Write a value as a document of the version it names.

    Args:
        value: of a class in ``MESSAGES``.
        verify: have the schema check the outcome. Without it a caller must know that every text is within bounds.

    Returns:
        UTF-8 XML with a declaration.

    Raises:
        MalformedError: the value does not make a valid document; the pointer names the element.
    """
    if MESSAGES.get(value.message) is not type(value):
        raise MalformedError(f"no {value.message[:40]!r} of {type(value).__name__}", code="message_unsupported")
    codec = codec_of(value.message)
    data = codec.write(value)
    if verify:
        codec.schema.validate(parse_document(data))
    return data
