"""The wire form: RFC 8785 canonical JSON of the message structs, and strict reading of it.

Between gateways a message body is canonical JSON, so that a digest names one text. The structs hold only strings
without lone surrogates, integers within +-(2**53 - 1), booleans, null, lists and objects with ASCII names; for these
msgspec's sorted encoding *is* RFC 8785 (a property test compares it with an independent implementation). Reading
refuses every text that is not the canonical one, and names the field that is wrong.
"""

import re
from typing import TypeVar

import msgspec

from darwaza.errors import MalformedError, TooLargeError
from darwaza.standards.etir.codes import ErrorCode, Fault
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
        MalformedError: code ``body_wrong`` with the pointer to the field, or ``not_canonical``.
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
        raise MalformedError("the body is not in canonical form (RFC 8785)", code="not_canonical")
    return message


def pointer_of(text: str) -> str:
    """Turn the path msgspec names (``$.goods[3].hs``) into an RFC 6901 pointer (``/goods/3/hs``)."""
    match = re.search(r"at `(?:key in )?\$([^`]*)`", text)
    if match is None:
        return ""
    return re.sub(r"\[(\d+|\.\.\.)\]", r"/\1", match[1]).replace(".", "/").replace("////", "/-")


def fault_of(error: MalformedError) -> Fault:
    """Turn a reading error into the eTIR validation error nearest to it."""
    rules = (
        ("missing required field", ErrorCode.MISSING_FIELD),
        ("matching regex", ErrorCode.PATTERN),
        ("of length <=", ErrorCode.TOO_LONG),
        ("Expected `int`", ErrorCode.NOT_AN_INTEGER),
        ("datetime", ErrorCode.BAD_DATE),
        ("Invalid enum value", ErrorCode.VALUE_OUTSIDE_LIST),
    )
    code = next((code for words, code in rules if words in error.detail), ErrorCode.INVALID_MESSAGE)
    return Fault.of(code, error.detail, error.pointer)
