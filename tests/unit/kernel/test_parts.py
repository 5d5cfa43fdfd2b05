"""Bodies in parts: any parts are held against one digest, with or without those that are withheld."""

from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darwaza.errors import MalformedError
from darwaza.kernel import parts
from darwaza.kernel.message import Header, body_digest, check_body, check_parts

PART = st.binary(max_size=20).map(lambda part: part.replace(parts.SEPARATOR, b""))
PARTS = st.lists(PART, min_size=1, max_size=6)


def header(body, **changes):
    """Of a message with this body in parts."""
    fields = {
        "blind": "00" * 16,
        "body_bytes": len(body),
        "body_digest": body_digest(body, parts.PARTS_MEDIA_TYPE),
        "case_id": "6f0b1f4e-0000-4000-8000-000000000001",
        "created_at": "2026-12-02T02:28:23.123Z",
        "destination": "KZ/bank",
        "id": "6f0b1f4e-0000-4000-8000-000000000002",
        "kind": "payments.bulk",
        "media_type": parts.PARTS_MEDIA_TYPE,
        "origin": "PK/bank",
        "version": 1,
    }
    return Header(**(fields | changes))


def digests(all_parts):
    return [sha256(part).digest() for part in all_parts]


@given(PARTS)
def test_a_body_is_its_parts(all_parts):
    body = parts.join(all_parts)
    assert parts.split(body) == all_parts
    assert parts.body_digest(body) == parts.digest_of(digests(all_parts))
    assert parts.body_digest(body) != sha256(body).hexdigest()
    check_body(header(body), body)


@given(PARTS, st.data())
def test_any_choice_of_parts_holds_and_no_other_part_does(all_parts, data):
    head = header(parts.join(all_parts))
    chosen = data.draw(st.lists(st.booleans(), min_size=len(all_parts), max_size=len(all_parts)))
    shown = [part if is_shown else None for part, is_shown in zip(all_parts, chosen, strict=True)]
    check_parts(head, shown, digests(all_parts))
    at = data.draw(st.integers(0, len(all_parts) - 1))
    if shown[at] is None:
        other = digests(all_parts)
        other[at] = b"\0" * 32
        wrong = shown, other
    else:
        wrong = [*shown[:at], all_parts[at] + b"x", *shown[at + 1 :]], digests(all_parts)
    for one in (wrong, (shown[1:], digests(all_parts)[1:]), ([*shown, None], [*digests(all_parts), b"\0" * 32])):
        with pytest.raises(MalformedError) as caught:
            check_parts(head, *one)
        assert caught.value.code == "body_differs"


def code_of(check, *given):
    with pytest.raises(MalformedError) as caught:
        check(*given)
    return caught.value.code


def test_what_is_no_body_in_parts_is_refused():
    most = [b"a"] * parts.PARTS_MAX
    assert parts.split(parts.join(most)) == most
    too_many = parts.SEPARATOR.join([*most, b"a"])
    assert code_of(parts.join, [*most, b"a"]) == "parts_malformed"
    assert code_of(parts.join, [b"a", b"b\x1ec"]) == "parts_malformed"
    assert code_of(parts.join, []) == "parts_malformed"
    assert code_of(parts.split, too_many) == "parts_malformed"
    assert code_of(check_body, header(b"", body_bytes=len(too_many)), too_many) == "parts_malformed"


def test_parts_are_not_shown_of_another_body():
    """One that is not in parts, or is sealed; nor is one part shown that is two."""
    whole = [b"a", b"b"]
    head = header(parts.join(whole))
    for changes in ({"media_type": "application/xml"}, {"path": ("PK", "AF", "KZ")}):
        assert (
            code_of(check_parts, msgspec.structs.replace(head, **changes), whole, digests(whole)) == "parts_malformed"
        )
    joined = [parts.join(whole)]
    other = msgspec.structs.replace(head, body_digest=parts.digest_of(digests(joined)))
    assert code_of(check_parts, other, joined, digests(joined)) == "parts_malformed"


def test_a_sealed_body_has_the_digest_of_its_bytes():
    """Whatever is inside: nobody on the way sees parts."""
    sealed = b"\x1e" * (parts.PARTS_MAX + 5)
    digest = sha256(sealed).hexdigest()
    check_body(header(b"", body_bytes=len(sealed), body_digest=digest, path=("PK", "AF", "KZ")), sealed)
