"""The wire form: RFC 8785 canonical JSON of the message structs, and strict reading of it.

Between gateways a message body is canonical JSON, so that a digest names one text. The structs hold only strings
without lone surrogates, integers within +-(2**53 - 1), booleans, null, lists and objects with ASCII names; for these
msgspec's sorted encoding *is* RFC 8785 (a property test compares it with an independent implementation). Reading
refuses every text that is not the canonical one, and names the field that is wrong.
"""

import re
from typing import Any, TypeVar

import msgspec

from darwaza.errors import MalformedError, TooLargeError
from darwaza.kernel.instant import check_read
from darwaza.standards.etir.codes import ErrorCode
from darwaza.standards.etir.value import Body

BODY_BYTES_MAX = 1_000_000
"""Longest body: a declaration of 999 goods items with full texts stays under it."""

MEDIA_TYPE = "application/json"

_ENCODER = msgspec.json.Encoder(order="sorted")

Message = TypeVar("Message", bound=Body)


def encode(message: Body) -> bytes:
    """Write the canonical JSON of a message."""
    return _ENCODER.encode(message)


def decode(body: bytes, kind: type[Message]) -> Message:
    """Read a message of a kind.

    Raises:
        TooLargeError: code ``body_too_large``.
        MalformedError: with the pointer to the field: ``body_wrong``; ``order_wrong`` where the names of an object are
            not in canonical order; ``not_canonical`` for every other text that is not the canonical one;
            ``instant_malformed`` for a date at the edge of the calendar.
    """
    if len(body) > BODY_BYTES_MAX:
        raise TooLargeError(f"the body has {len(body)} bytes, over {BODY_BYTES_MAX}", code="body_too_large")
    try:
        message = msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:  # ValidationError is one of these
        raise MalformedError(str(error), code="body_wrong", pointer=pointer_of(str(error))) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise MalformedError("the body is not readable JSON", code="body_wrong") from error
    if encode(message) != body:
        disordered = _disordered(body)
        if disordered is not None:
            text = "the names of an object are not in the order of RFC 8785"
            raise MalformedError(text, code="order_wrong", pointer=disordered)
        raise MalformedError("the body is not in canonical form (RFC 8785)", code="not_canonical")
    check_read(message, body)
    return message


def pointer_of(text: str) -> str:
    """Turn the path msgspec names (``$.goods[3].hs``) into an RFC 6901 pointer (``/goods/3/hs``).

    A field that is missing or unknown is part of the pointer: that is where it should be, or should not.
    """
    match = re.search(r"at `(?:key in )?\$([^`]*)`", text)
    pointer = "" if match is None else re.sub(r"\[(\d+|\.\.\.)\]", r"/\1", match[1]).replace(".", "/")
    pointer = pointer.replace("////", "/-")
    field = re.search(r"(?:missing required|unknown) field `([^`]*)`", text)
    return pointer if field is None else f"{pointer}/{field[1].replace('~', '~0').replace('/', '~1')}"


_LIST = re.compile(r"matching regex '\^\([\w |-]+\)\\\\Z'")
"""How msgspec names a closed list: a pattern of nothing but words."""

_FAULTS = (
    (re.compile("missing required field"), ErrorCode.MISSING_FIELD),
    (re.compile("of length >="), ErrorCode.MISSING_FIELD),
    (re.compile("of length <="), ErrorCode.TOO_LONG),
    (_LIST, ErrorCode.VALUE_OUTSIDE_LIST),
    (re.compile("Expected `int` [<>]=|Invalid enum value"), ErrorCode.VALUE_OUTSIDE_LIST),
    (re.compile("matching regex"), ErrorCode.PATTERN),
    (re.compile("datetime"), ErrorCode.BAD_DATE),
    (re.compile("Expected `int"), ErrorCode.NOT_AN_INTEGER),
)
"""What msgspec says to the code of eTIR; the first that fits. JSON has no attributes, so 108 and 109 never arise."""


def code_of(error: MalformedError) -> ErrorCode:
    """Name the eTIR validation code of a reading error; 100 where none is closer.

    An empty text or list counts as missing, and a number outside its bounds as a value outside the list of admitted
    ones: XML, for which the codes were made, tells these apart by schema facets that eTIR gives no codes of their own.
    """
    if error.code == "order_wrong":
        return ErrorCode.ELEMENT_OUT_OF_ORDER
    detail = error.detail.partition(" - at `$")[0]
    return next((code for words, code in _FAULTS if words.search(detail)), ErrorCode.INVALID_MESSAGE)


def _disordered(body: bytes) -> str | None:
    """Point at the first object whose names are out of order; None when all are in order.

    Args:
        body: readable as one of the messages, so its depth is bounded.
    """

    def search(value: Any, at: str) -> str | None:
        if isinstance(value, dict):
            if list(value) != sorted(value):
                return at
            inner = [(item, f"{at}/{name}") for name, item in value.items()]
        elif isinstance(value, list):
            inner = [(item, f"{at}/{index}") for index, item in enumerate(value)]
        else:
            return None
        return next((found for item, place in inner if (found := search(item, place)) is not None), None)

    return search(msgspec.json.decode(body), "")
