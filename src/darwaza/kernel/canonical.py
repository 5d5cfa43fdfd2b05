"""Canonical JSON (RFC 8785): one sequence of bytes for each value, so that digests and signatures agree.

Two makers of the same bytes:

- ``canonical`` takes any JSON value. It is exact and slow.
- ``msgspec.json.encode`` of a Struct gives the same bytes, some fifty times faster, when (1) the Struct's fields, and
  those of every Struct in it, are declared in the order of their encoded names, (2) it holds only strings without lone
  surrogates, booleans, None, integers within ``INTEGER_MAX``, tuples or lists of these, and such Structs. It does *not*
  when there are dicts (kept in insertion order), floats (written differently, 1e+21 for one), larger integers, or the
  types msgspec writes as strings of its own (datetime, UUID, bytes: canonical in themselves, but ``canonical`` does not
  know them). The message header relies on this; a property test holds it.

Example::

    parse_canonical(canonical({"b": 1, "a": [True]}))
"""

from typing import Any

import msgspec
import rfc8785

from darwaza.errors import MalformedError, TooLargeError

CANONICAL_BYTES_MAX = 1_048_576
CANONICAL_DEPTH_MAX = 32
"""Levels of arrays and objects within one another."""

INTEGER_MAX = 2**53 - 1
"""Largest magnitude of an integer; above it, RFC 8785 section 3.2.2.3 knows only floating-point numbers."""


def _not_canonical(detail: str) -> MalformedError:
    return MalformedError(detail, code="not_canonical")


def canonical(value: Any) -> bytes:
    """Write a JSON value in its canonical form.

    Args:
        value: None, bool, int within ``INTEGER_MAX``, finite float, str, and lists, tuples and dicts of these.

    Raises:
        MalformedError: ``not_canonical``; the value has no canonical form.
        TooLargeError: ``canonical_too_deep``; over ``CANONICAL_DEPTH_MAX``.
    """
    _check_depth(value)
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise _not_canonical("the value has no canonical JSON form") from error


def parse_canonical(raw: bytes, bytes_max: int = CANONICAL_BYTES_MAX) -> Any:
    """Read JSON that must already be in canonical form.

    Repeated names, white space, other spellings of numbers or strings and unsorted names all fail the same way: the
    value does not write back to the same bytes. Integers beyond ``INTEGER_MAX`` are refused as well (RFC 7493 section
    2.2), although ``canonical`` writes whole floats from there up to 1e21 as such.

    Args:
        raw: the JSON text in UTF-8.
        bytes_max: most bytes it may have.

    Raises:
        MalformedError: ``not_canonical``.
        TooLargeError: ``canonical_too_large`` or ``canonical_too_deep``.
    """
    if len(raw) > bytes_max:
        raise TooLargeError(f"the JSON text has more than {bytes_max} bytes", code="canonical_too_large")
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _not_canonical("the text is not JSON in UTF-8") from error
    except RecursionError as error:
        raise _too_deep() from error
    if canonical(value) != raw:
        raise _not_canonical("the JSON text is not in canonical form")
    return value


def _too_deep() -> TooLargeError:
    return TooLargeError(f"the JSON value is nested over {CANONICAL_DEPTH_MAX} deep", code="canonical_too_deep")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(CANONICAL_DEPTH_MAX + 1):
        containers = [one for one in level if isinstance(one, dict | list | tuple)]
        if not containers:
            return
        level = [child for one in containers for child in (one.values() if isinstance(one, dict) else one)]
    raise _too_deep()
