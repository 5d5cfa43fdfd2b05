"""eTIR-shaped messages: one canonical text each, strict reading, errors with code and pointer."""

import inspect

import msgspec
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.services.transit.world import START, World, declaration, stamp, terms, uid

from darwaza.errors import MalformedError, TooLargeError
from darwaza.standards.etir import external, internal, wire
from darwaza.standards.etir.codes import ErrorClass, ErrorCode, Fault
from darwaza.standards.etir.value import Actor, Body, GoodsItem, Stamp

MESSAGES = {
    name: kind
    for module in (internal, external)
    for name, kind in inspect.getmembers(module, inspect.isclass)
    if issubclass(kind, Body) and name[0] in "EI" and name[1:].isdigit()
}


def test_all_pairs_are_there():
    """I1 to I20 and E1 to E14, each with its own name as the tag on the wire."""
    assert set(MESSAGES) == {f"I{n}" for n in range(1, 21)} | {f"E{n}" for n in range(1, 15)}
    for name, kind in MESSAGES.items():
        assert kind.__struct_config__.tag == name
        assert kind.__struct_config__.forbid_unknown_fields
        assert kind.__doc__


def samples():
    world, made = World(), declaration()
    mark, movement = stamp(world, "UZTAS"), made.movement
    digest = "0" * 64
    fault = (Fault.of(ErrorCode.HOLDER_MISMATCH, "other holder", "/holder"),)
    acceptance = internal.I2(movement, "JX1", digest, ("UZ",), START, fault)
    recorded = internal.I7(made, mark)
    begun = internal.I9(movement, 0, "op", 1, mark)
    use = internal.Use(movement, "reserved", (internal.Share("UZ", 5),))
    return [
        internal.I1(movement, terms(), "h", "UZTAS", (internal.Share("UZ", 5),), START),
        acceptance,
        internal.I3("h"),
        internal.I4("h", "name", True),
        internal.I5("JX1"),
        internal.I6("JX1", "registered", 7, (use,)),
        recorded,
        *(kind(movement, uid("e"), fault) for kind in (
            internal.I8, internal.I10, internal.I12, internal.I14, internal.I16, internal.I18
        )),
        begun,
        internal.I11(movement, 0, "op", mark),
        internal.I13(movement, 0, "op", mark),
        internal.I15(recorded, acceptance, (begun,)),
        internal.I17(movement, 1, "op", 2, mark, "no"),
        internal.I19(("UZTAS", "TJ-PANJI-POYON")),
        internal.I20(("UZTAS",), fault),
        external.E1(terms()),
        external.E2("JX1", digest),
        external.E3("JX1", "h", "sold"),
        external.E4("JX1", "cancelling"),
        external.E5("JX1"),
        external.E6("JX1", "unknown"),
        external.E7("JX1", movement, "released", START),
        external.E8("JX1", movement),
        external.E9(made),
        external.E10(movement),
        external.E11(made),
        external.E12(movement, fault),
        external.E13(movement, "sold"),
        external.E14(movement),
    ]  # fmt: skip


def test_samples_cover_every_message():
    """No message type goes untested."""
    assert {type(sample).__name__ for sample in samples()} == set(MESSAGES)


@pytest.mark.parametrize("message", samples(), ids=lambda message: type(message).__name__)
def test_round_trip_is_canonical(message):
    """Every message has one text, the one RFC 8785 prescribes, and reads back as it was."""
    text = wire.encode(message)
    assert text == rfc8785.dumps(msgspec.json.decode(text))
    assert wire.decode(text, type(message)) == message


texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40)


@given(texts, texts, st.integers(1, 10**12), st.integers(1, 10**9))
@settings(max_examples=200, deadline=None)
def test_canonical_for_any_text(description, marks, gross_g, packages):
    """Any script, control characters and line separators included, is written as RFC 8785 writes it."""
    item = GoodsItem(1, "080620", description, packages, "CT", gross_g, marks)
    text = wire.encode(item)
    assert text == rfc8785.dumps(msgspec.to_builtins(item) if marks else {})
    assert wire.decode(text, GoodsItem) == item


class TestReading:
    def test_only_the_canonical_text_is_read(self):
        """White space, other order, escapes and repeated names are refused: a digest names one text."""
        text = wire.encode(internal.I3("abc"))
        assert text == b'{"holder":"abc","type":"I3"}'
        for other, code in (
            (b'{"type":"I3","holder":"abc"}', "order_wrong"),
            (b'{"holder": "abc","type":"I3"}', "not_canonical"),
            (b'{"holder":"\\u0061bc","type":"I3"}', "not_canonical"),
            (b'{"holder":"x","holder":"abc","type":"I3"}', "not_canonical"),
        ):
            with pytest.raises(MalformedError) as raised:
                wire.decode(other, internal.I3)
            assert raised.value.code == code

    @pytest.mark.parametrize(
        ("change", "code", "pointer"),
        [
            ((b',"packages":100', b""), 101, "/declaration/goods/0/packages"),
            ((b'"description":"Dried grapes"', b'"description":""'), 101, "/declaration/goods/0/description"),
            ((b'"kind":"truck"', b'"kind":"tank"'), 102, "/declaration/vehicles/0/kind"),
            ((b'"packages":100', b'"packages":0'), 102, "/declaration/goods/0/packages"),
            ((b"2026-01-01T00:00:00Z", b"2026-13-01T00:00:00Z"), 103, "/declaration/guarantee/valid_from"),
            ((b"2026-01-01T00:00:00Z", b"2026-01-01T00:00:00"), 103, "/declaration/guarantee/valid_from"),
            ((b'"packages":100', b'"packages":"100"'), 104, "/declaration/goods/0/packages"),
            ((b'"packages":100', b'"packages":100.5'), 104, "/declaration/goods/0/packages"),
            ((b'"Grower"', b'"' + b"G" * 281 + b'"'), 105, "/declaration/consignor/name"),
            ((b'"hs":"080620"', b'"hs":"08062"'), 106, "/declaration/goods/0/hs"),
            ((b'"gross_g":2000000,"hs":"080620"', b'"hs":"080620","gross_g":2000000'), 107, "/declaration/goods/0"),
            ((b'"type":"E9"', b'"type":"E8"'), 100, "/type"),
            ((b'"legs":', b'"extra":1,"legs":'), 100, "/declaration/extra"),
            ((b'"packages":100', b'"packages": 100'), 100, ""),
        ],
    )
    def test_what_is_wrong_is_named_with_code_and_pointer(self, change, code, pointer):
        """A reading error gives the eTIR validation code, 100 to 107, and the place of the field."""
        text = wire.encode(external.E9(declaration(goods=1)))
        assert change[0] in text
        with pytest.raises(MalformedError) as raised:
            wire.decode(text.replace(*change, 1), external.E9)
        assert (wire.code_of(raised.value), raised.value.pointer) == (code, pointer)

    @given(st.binary(max_size=200))
    @settings(max_examples=300, deadline=None)
    def test_any_bytes_are_malformed(self, data):
        """No input leaks another exception."""
        with pytest.raises(MalformedError):
            wire.decode(data, internal.I9)

    def test_limits(self):
        """Too long and too deep bodies are refused."""
        with pytest.raises(TooLargeError):
            wire.decode(b" " * (wire.BODY_BYTES_MAX + 1), internal.I3)
        with pytest.raises(MalformedError):
            wire.decode(b"[" * 100_000, internal.I3)
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"id": "", "name": "x", "member": "UZ"}, Actor)
        naive = {"event": uid("e"), "office": "UZTAS", "officer": "o", "at": "2026-03-02T06:00:00", "zone": "UTC"}
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(naive | {"local": "2026-03-02T06:00:00+00:00"}, Stamp)


def test_codes_belong_to_their_classes():
    """The hundreds digit is the class; 4xx is the international system and 5xx the national, unlike HTTP."""
    assert ErrorCode.ALREADY_STARTED.error_class is ErrorClass.WORKFLOW
    assert ErrorCode.INTERNAL.error_class is ErrorClass.INTERNAL
    assert ErrorCode.CUSTOMS_COULD_NOT_PROCESS.error_class is ErrorClass.CUSTOMS
    assert {code.error_class for code in ErrorCode} == set(ErrorClass)
    assert len({code.value for code in ErrorCode}) == len(ErrorCode)


STAMP = Stamp(uid("e1"), "PK-CHAMAN", "officer-1", START, "Asia/Karachi", "2026-11-01T11:00:00+05:00", offline=False)


@pytest.mark.parametrize(
    "at",
    ["9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+05:00", "1899-12-31T23:59:59Z",
     "9899-12-31T23:59:59-01:00", "1900-01-01T00:00:00+01:00", "10000-01-01T00:00:00Z", "0000-01-01T00:00:00Z",
     "2026-12-31T23:59:60Z", "2026-02-30T00:00:00Z", "2026-03-01T24:00:01Z"],
)  # fmt: skip
def test_an_instant_nobody_can_reckon_with_is_refused_where_it_stands(at):
    """Terms and local times are made of instants: at the edge of the calendar they would fail, far from the field."""
    body = msgspec.json.encode(msgspec.json.decode(wire.encode(STAMP)) | {"at": at}, order="sorted")
    with pytest.raises(MalformedError) as refused:
        wire.decode(body, Stamp)
    assert refused.value.pointer == "/at"
    assert wire.code_of(refused.value) is ErrorCode.BAD_DATE


@pytest.mark.parametrize("at", ["1900-01-01T00:00:00Z", "9899-12-31T23:59:59Z", "2026-11-01T06:00:00+05:00"])
def test_every_instant_between_is_read(at):
    """The first and the last that are admitted, and one with an offset."""
    text = msgspec.json.decode(wire.encode(STAMP)) | {"at": at}
    assert wire.decode(msgspec.json.encode(text, order="sorted"), Stamp).at.isoformat().replace("+00:00", "Z") == at
