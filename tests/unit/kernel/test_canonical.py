"""Canonical JSON (RFC 8785)."""

import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darwaza.errors import MalformedError, TooLargeError
from darwaza.kernel.canonical import CANONICAL_DEPTH_MAX, INTEGER_MAX, canonical, parse_canonical

texts = st.text(st.characters(exclude_categories=["Cs"]))
integers = st.integers(-INTEGER_MAX, INTEGER_MAX)
floats = st.floats(allow_nan=False, allow_infinity=False).filter(lambda one: not INTEGER_MAX < abs(one) < 1e21)
scalars = st.none() | st.booleans() | integers | floats | texts
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20)


def test_vectors(shared_data):
    """All vectors of cyberphone/json-canonicalization come out as they say, and only the output reads back."""
    files = sorted((shared_data / "jcs" / "input").glob("*.json"))
    assert len(files) == 6
    for file in files:
        expected = (shared_data / "jcs" / "output" / file.name).read_bytes()
        value = json.loads(file.read_text("utf-8"))
        assert canonical(value) == expected, file.name
        assert bytes.fromhex((shared_data / "jcs" / "outhex" / file.name).with_suffix(".txt").read_text()) == expected
        assert parse_canonical(expected) == value
        with pytest.raises(MalformedError):
            parse_canonical(file.read_bytes())


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        # RFC 8785 appendix B.
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_numbers(bits, expected):
    """Floating-point numbers are written as ECMAScript writes them."""
    assert canonical(msgspec.msgpack.decode(b"\xcb" + bytes.fromhex(bits))) == expected.encode()


@given(values)
def test_round_trip(value):
    """What is written reads back as the same value, and writes the same bytes again."""
    raw = canonical(value)
    again = parse_canonical(raw)
    assert again == value
    assert canonical(again) == raw


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" 1",
        b"1 ",
        b"1.0",
        b"1e1",
        b"-0",
        b"01",
        b"NaN",
        b"1e400",
        b"9007199254740993",
        b"9007199254740992",
        b"123456789012345678901234567890",
        b'{"b":1,"a":1}',
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1,}',
        b"[1,]",
        b"{'a':1}",
        b'"\\u0041"',
        b'"\\/"',
        b'"\\u000A"',
        b'"\\u001F"',
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b"\xef\xbb\xbf1",
        b"1\n",
        b"nul",
        b'{"\xf0\x9f\x98\x80":1,"\xef\xac\xb3":2}'[::-1],
        '{"\ufb33":1,"\U0001f600":2}'.encode(),
    ],
)
def test_other_spellings_are_refused(raw):
    """One value, one text: every other spelling is malformed, repeated names and code-point order included."""
    with pytest.raises(MalformedError) as caught:
        parse_canonical(raw)
    assert caught.value.code == "not_canonical"


def test_names_are_ordered_by_utf_16():
    """RFC 8785 section 3.2.3: a character outside the basic plane sorts by its surrogates, before U+FB33."""
    assert canonical({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'.encode()


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, 2**53, -(2**53), "\ud800", {"\ud800": 1}, {1: 2}, b"x", {1, 2}, [object()]]
)
def test_values_without_a_canonical_form(value):
    """What JSON cannot say exactly is refused, not rounded."""
    with pytest.raises(MalformedError) as caught:
        canonical(value)
    assert caught.value.code == "not_canonical"


def test_limits():
    """Depth and size are limited, also where the decoder itself would give up."""
    deep = b"[" * CANONICAL_DEPTH_MAX + b"]" * CANONICAL_DEPTH_MAX
    assert canonical(parse_canonical(deep)) == deep
    for depth in (CANONICAL_DEPTH_MAX + 1, 100_000):
        with pytest.raises(TooLargeError) as caught:
            parse_canonical(b"[" * depth + b"]" * depth)
        assert caught.value.code == "canonical_too_deep"
    with pytest.raises(TooLargeError):
        canonical([json.loads(deep)])
    with pytest.raises(TooLargeError) as caught:
        parse_canonical(b'"12"', bytes_max=3)
    assert caught.value.code == "canonical_too_large"
    assert parse_canonical(b'"1"', bytes_max=3) == "1"


def test_large_whole_floats_are_written_but_not_read():
    """The stated gap: from 2**53 up to 1e21 RFC 8785 writes floats as integers, and such integers are refused."""
    for value in (2.0**53, -(2.0**53), 1e20):
        with pytest.raises(MalformedError):
            parse_canonical(canonical(value))
    assert parse_canonical(canonical(1e21)) == 1e21


class Inner(msgspec.Struct, frozen=True):
    a: str
    b: bool
    c: int


class Outer(msgspec.Struct, frozen=True):
    """Fields in the order of their names, as the message header has them."""

    alpha: str
    beta: int
    gamma: bool
    inner: Inner
    many: tuple[Inner, ...]
    nothing: str | None
    words: tuple[str, ...]


inners = st.builds(Inner, texts, st.booleans(), integers)
outers = st.builds(
    Outer,
    *(texts, integers, st.booleans(), inners),
    *(st.lists(inners).map(tuple), st.none() | texts, st.lists(texts).map(tuple)),
)


@given(outers)
def test_msgspec_writes_sorted_structs_canonically(value):
    """Strings, integers, booleans, None, tuples and nested structs with sorted fields: the same bytes, always."""
    raw = msgspec.json.encode(value)
    assert raw == canonical(msgspec.to_builtins(value))
    assert msgspec.json.decode(msgspec.json.encode(parse_canonical(raw)), type=Outer) == value


@given(st.characters(exclude_categories=["Cs"]))
def test_msgspec_escapes_as_rfc_8785_does(character):
    """Character by character."""
    assert msgspec.json.encode(character) == canonical(character)


class Unsorted(msgspec.Struct):
    b: int
    a: int


@pytest.mark.parametrize(
    "value", [Unsorted(1, 2), {"b": 1, "a": 2}, 1e21, 1.0, 0.000001, -0.0, {"\ufb33": 1, "\U0001f600": 2}]
)
def test_where_msgspec_is_not_canonical(value):
    """The stated exceptions are real: unsorted fields, dicts, and floats."""
    assert msgspec.json.encode(value) != canonical(msgspec.to_builtins(value))


def test_msgspec_has_no_bound_on_integers():
    """And larger integers, which have no canonical form at all."""
    assert msgspec.json.encode(2**53) == b"9007199254740992"
    with pytest.raises(MalformedError):
        canonical(2**53)
