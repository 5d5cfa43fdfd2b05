"""Checkpoints and cosignatures (C2SP tlog-checkpoint v1.0.0, tlog-cosignature v1.1.0)."""

import struct
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.kernel import mldsa_answer

from darwaza.errors import MalformedError, SignatureError
from darwaza.kernel.checkpoint import (
    Checkpoint,
    Cosigner,
    MLDSA44CosignatureVerifier,
    MLDSA44Cosigner,
    Subtree,
    cosigned_at,
    parse_checkpoint,
    parse_text,
    verifier_of,
)
from darwaza.kernel.encoding import parse_base64, to_base64
from darwaza.kernel.key import Ed25519PrivateKey, MLDSA44PrivateKey
from darwaza.kernel.merkle import EMPTY_ROOT, leaf_hash
from darwaza.kernel.note import Note, Signature, Signer, format_note, parse_vkey, signed, verified

# The example of both specifications; its keys are not published.
SPECIFIED = """\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""  # noqa: E501 - two signature lines of the standard

LOG = Signer("example.com/log", Ed25519PrivateKey(b"\x01" * 32))
LOG_PQ = MLDSA44Cosigner("example.com/log", MLDSA44PrivateKey(b"\x02" * 32))
WITNESS = Cosigner("witness.example/w1", Ed25519PrivateKey(b"\x03" * 32))
WITNESS_PQ = MLDSA44Cosigner("witness.example/w1", MLDSA44PrivateKey(b"\x04" * 32))
POINT = Checkpoint("example.com/log", 5, leaf_hash(b"root"))
TEXT = POINT.text.encode()


def test_the_specified_example_parses_and_formats_back():
    """Origin, size, root and the witness's time are those of the specification."""
    point, note = parse_checkpoint(SPECIFIED.encode())
    assert (point.origin, point.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert to_base64(point.root) == "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
    assert point.text == note.text
    assert cosigned_at(note.signatures[1]) == 1_679_315_147
    assert format_note(note) == SPECIFIED.encode()


def test_the_go_tree_text():
    """The text of golang.org/x/mod sumdb/tlog, whose root is the leaf hash of ``hello world``."""
    text = "go.sum database tree\n123456789012\nTszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=\n"
    assert parse_text(text) == Checkpoint("go.sum database tree", 123_456_789_012, leaf_hash(b"hello world"))


@given(
    st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=60),
    st.integers(0, 2**63 - 1),
)
def test_texts_round_trip(origin, size):
    """Every checkpoint reads back from its text."""
    point = Checkpoint(origin, size, EMPTY_ROOT)
    assert parse_text(point.text) == point


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(POINT.text[:-1], id="no final newline"),
        pytest.param(POINT.text + "extension\n", id="extension line"),
        pytest.param(POINT.text + "\n", id="empty line"),
        pytest.param("\n" + POINT.text, id="empty origin"),
        pytest.param("x" * 256 + "\n5\n" + POINT.text.split("\n")[2] + "\n", id="long origin"),
        pytest.param(POINT.text.replace("\n5\n", "\n05\n"), id="leading zero"),
        pytest.param(POINT.text.replace("\n5\n", "\n+5\n"), id="sign"),
        pytest.param(POINT.text.replace("\n5\n", "\n٥\n"), id="digit of another script"),
        pytest.param(POINT.text.replace("\n5\n", "\n0x5\n"), id="hexadecimal"),
        pytest.param(POINT.text.replace("\n5\n", "\n9223372036854775808\n"), id="size over 63 bits"),
        pytest.param(POINT.text.replace("\n5\n", "\n\n"), id="no size"),
        pytest.param("o\n5\n" + to_base64(bytes(31)) + "\n", id="root of 31 bytes"),
        pytest.param("o\n5\n" + to_base64(bytes(33)) + "\n", id="root of 33 bytes"),
        pytest.param("o\n5\n\n", id="no root"),
        pytest.param(POINT.text.replace("log", "log\x00"), id="control character"),
        pytest.param(POINT.text.replace("log", "log\ud800"), id="lone surrogate"),
        pytest.param("", id="nothing"),
    ],
)
def test_malformed_texts(text):
    """What is not exactly three lines in canonical form is no checkpoint."""
    with pytest.raises(MalformedError):
        parse_text(text)


def note_by(*signatures: Signature) -> Note:
    return Note(POINT.text, signatures)


def test_all_four_lines_on_one_checkpoint():
    """A log signs twice and a witness cosigns twice; each verifier finds its own line, read back from text."""
    note = Note(
        POINT.text, (*signed(POINT.text, LOG, LOG_PQ).signatures, WITNESS.sign(TEXT, 17), WITNESS_PQ.sign(TEXT, 18))
    )
    verifiers = tuple(verifier_of(one.verifier.vkey) for one in (LOG, LOG_PQ, WITNESS, WITNESS_PQ))
    assert [one.type for one in verifiers] == [1, 6, 4, 6]
    _, reread = parse_checkpoint(format_note(note))
    assert verified(reread, verifiers) == verifiers
    assert [cosigned_at(one) for one in reread.signatures[1:]] == [0, 17, 18]


@pytest.mark.parametrize("cosigner", [WITNESS, WITNESS_PQ])
def test_a_cosignature_binds_text_time_and_key(cosigner):
    """Another text, another time, a cut value or another key make it false."""
    value = cosigner.sign(TEXT, 1_700_000_000).value
    assert cosigner.verifier.verify(TEXT, value)
    later = (1_700_000_001).to_bytes(8, "big") + value[8:]
    for wrong in (later, value[:-1], value + b"\x00", value[8:], value[:8], b""):
        assert not cosigner.verifier.verify(TEXT, wrong)
    for text in (TEXT.replace(b"\n5\n", b"\n6\n"), b"x" + TEXT, TEXT + b"extension\n", TEXT[:-1], b"", b"\xff"):
        assert not cosigner.verifier.verify(text, value)
    over = (2**63).to_bytes(8, "big")
    assert not cosigner.verifier.verify(TEXT, over + value[8:])
    with pytest.raises(SignatureError):
        verified(note_by(Signature(cosigner.verifier.name, cosigner.verifier.key_id, later)), [cosigner.verifier])


def test_the_cosigner_name_is_bound_by_mldsa_only():
    """The stated difference of the two types: the Ed25519 message has no name in it."""
    ed = type(WITNESS.verifier)("other.example", WITNESS.verifier.public)
    pq = type(WITNESS_PQ.verifier)("other.example", WITNESS_PQ.verifier.public)
    assert ed.verify(TEXT, WITNESS.sign(TEXT, 1).value)
    assert not pq.verify(TEXT, WITNESS_PQ.sign(TEXT, 1).value)


def test_types_do_not_stand_in_for_one_another():
    """The same Ed25519 key under types 1 and 4 has two identifiers, and a signature of one is none of the other."""
    key = Ed25519PrivateKey(b"\x01" * 32)
    plain, cosigner = Signer("name", key), Cosigner("name", key)
    assert plain.key_id != cosigner.verifier.key_id
    assert not plain.verifier.verify(TEXT, cosigner.sign(TEXT, 1).value)
    assert not cosigner.verifier.verify(TEXT, bytes(8) + plain.sign(TEXT).value)


def test_the_ed25519_message_is_the_specified_one():
    """Header line, time line, then the text of the checkpoint."""
    value = WITNESS.sign(TEXT, 1_679_315_147).value
    message = b"cosignature/v1\ntime 1679315147\n" + TEXT
    assert value == struct.pack(">Q", 1_679_315_147) + Ed25519PrivateKey(b"\x03" * 32).sign(message)


def test_the_mldsa44_message_is_the_specified_one():
    """``cosigned_message`` packed here by hand: label, name, time, origin, range and root."""
    expected = struct.pack(
        ">12s B18s Q B15s QQ 32s",
        *(b"subtree/v1\n\x00", 18, b"witness.example/w1", 7, 15, b"example.com/log", 0, 5, POINT.root),
    )
    assert Subtree(POINT.origin, 0, POINT.size, POINT.root).message("witness.example/w1", 7) == expected
    assert WITNESS_PQ.verifier.public.verify(WITNESS_PQ.sign(TEXT, 7).value[8:], expected)


def test_a_range_signed_by_another_implementation():
    """A key and a signature made by filippo.io/torchwood verify here, and for no other range, root or origin."""
    verifier = verifier_of(mldsa_answer.VKEY)
    assert isinstance(verifier, MLDSA44CosignatureVerifier)
    assert verifier.vkey == mldsa_answer.VKEY
    raw, root = parse_base64(mldsa_answer.SIGNATURE), parse_base64(mldsa_answer.ROOT)
    assert raw[:4] == verifier.key_id
    right = Subtree(mldsa_answer.ORIGIN, mldsa_answer.START, mldsa_answer.END, root)
    assert verifier.verify_subtree(right, raw[4:])
    for wrong in (
        Subtree("example.com/other", 8, 13, root),
        Subtree(right.origin, 8, 12, root),
        Subtree(right.origin, 4, 12, root),
        Subtree(right.origin, 8, 13, leaf_hash(b"")),
    ):
        assert not verifier.verify_subtree(wrong, raw[4:])
    assert not verifier.verify_subtree(right, raw[4:-1] + b"\x00")


@dataclass
class Wrong:
    subtree: Subtree
    name: str = "name"
    seconds: int = 0


@pytest.mark.parametrize(
    "wrong",
    [
        Wrong(Subtree("", 0, 5, POINT.root)),
        Wrong(Subtree("o" * 256, 0, 5, POINT.root)),
        Wrong(Subtree("o", 0, 5, POINT.root), name=""),
        Wrong(Subtree("o", 0, 5, POINT.root), name="n" * 256),
        Wrong(Subtree("o", 0, 5, POINT.root), seconds=-1),
        Wrong(Subtree("o", 0, 5, POINT.root), seconds=2**63),
        Wrong(Subtree("o", 8, 9, POINT.root), seconds=1),
        Wrong(Subtree("o", 8, 7, POINT.root)),
        Wrong(Subtree("o", 1, 3, POINT.root)),
        Wrong(Subtree("o", -1, 0, POINT.root)),
        Wrong(Subtree("o", 0, 2**63, POINT.root)),
        Wrong(Subtree("o", 0, 5, POINT.root[1:])),
        Wrong(Subtree("o", 0, 0, POINT.root)),
    ],
)
def test_ranges_that_cannot_be_cosigned(wrong):
    """A range outside the structure's bounds, or that no tree has, is not signed."""
    with pytest.raises(MalformedError):
        wrong.subtree.message(wrong.name, wrong.seconds)


def test_a_time_is_read_from_cosignatures_only():
    """A plain signature carries no time, nor does one that is too late for a signed 64-bit integer."""
    # The signature of transparency-dev/formats, note/note_cosigv1_test.go.
    text = "ZGhGuQAAAABm/qTPeyKXD+R2rzyQsxPiP8mXum7qq/iF0u4vanlqJyocWODBt97w9uL+8qT7S5gxEHWWOworDcFiEBYJXORmnFBOBA=="
    raw = parse_base64(text)
    assert cosigned_at(Signature("name", raw[:4], raw[4:])) == 1_727_964_367
    for value in (LOG.sign(TEXT).value, (2**63).to_bytes(8, "big") + bytes(64), b""):
        with pytest.raises(SignatureError) as caught:
            cosigned_at(Signature("name", b"1234", value))
        assert caught.value.code == "cosignature_malformed"


def test_a_published_cosigner_key():
    """A type 4 key of a public witness reads as such (transparency-dev/formats, note/note_cosigv1_test.go)."""
    vkey = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
    assert (parse_vkey(vkey).type, verifier_of(vkey).vkey) == (4, vkey)
