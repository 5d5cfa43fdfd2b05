"""Relaying: the way a message took is proven by each member's own log, and by nothing less."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from darwaza.config import BODY_BYTES_MAX, HEADER_BYTES_MAX
from darwaza.errors import DarwazaError, MalformedError, SignatureError
from darwaza.kernel import relay, report, trail
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.message import Header, body_digest, encode_header
from darwaza.kernel.note import Note
from darwaza.kernel.proof import format_proof, parse_proof, verify
from darwaza.kernel.relay import Envelope, Passage, decode_envelope, receive, same_message
from darwaza.kernel.report import Item
from darwaza.kernel.trail import RELAY_MEDIA_TYPE, Hop, Logs, check_hops, check_path
from darwaza.testing.cast import CORRIDOR_NAME
from darwaza.testing.routed import (
    BODY,
    LIES,
    LOGS,
    MESSAGE,
    PATH,
    RAW,
    PaperLog,
    at,
    hop,
    log_signer,
    opened,
    sent,
    verifiers,
)

RAW_PK, BODY_PK = sent(2)


def arrive(raw: bytes, body: bytes, author: str = "AF", here: str = "PK") -> Passage:
    return receive(raw, body, author=author, here=here, logs=LOGS)


def test_a_message_arrives_with_its_whole_way():
    """At each stage the message is the origin's, untouched, and the evidence grows by one link."""
    first = at(1)
    assert (first.message, first.stage, first.next, first.hops) == (MESSAGE, 1, "AF", ())
    second = at(2)
    assert (second.message, second.body, second.stage, second.next, len(second.hops)) == (MESSAGE, BODY, 2, "PK", 1)
    last = at(3)
    assert (last.message, last.body, last.stage, last.next, len(last.hops)) == (MESSAGE, BODY, 3, None, 2)


def test_a_relay_forwards_in_its_own_name():
    """A relay's header is its own: new identity, neighbour's address, the case and expiry of what it forwards."""
    raw, body = sent(1)
    header = msgspec.json.decode(raw, type=Header)
    assert (header.origin, header.destination, header.path) == ("UZ/gateway", "AF/gateway", None)
    assert (header.case_id, header.expires_at, header.cause_id) == (MESSAGE.case_id, MESSAGE.expires_at, MESSAGE.id)
    assert (header.relays, header.body_digest) == (leaf_hash(RAW).hex(), body_digest(body, RELAY_MEDIA_TYPE))


PATHS = [
    ("no path", {"path": None}, "path_missing"),
    ("a stranger at its start", {"path": ("CN", "UZ", "PK")}, "path_end_wrong"),
    ("a stranger at its end", {"path": ("KZ", "UZ", "CN")}, "path_end_wrong"),
    ("a loop", {"path": ("KZ", "UZ", "AF", "UZ", "PK")}, "path_loop"),
    ("a loop to itself", {"path": ("KZ", "UZ", "UZ", "PK")}, "path_loop"),
    ("a party that reports", {"kind": "route.report"}, "route_party_wrong"),
    ("a report to a party", {"kind": "route.report", "origin": "KZ/gateway"}, "route_party_wrong"),
]


@pytest.mark.parametrize(("name", "changes", "code"), PATHS)
def test_a_path_that_is_none_is_refused(name, changes, code):
    """A path leads from the origin to the destination and passes nobody twice; only gateways are free of rules."""
    with pytest.raises(MalformedError) as caught:
        check_path(replace(MESSAGE, **changes))
    assert caught.value.code == code


def test_a_path_longer_than_a_header_holds_is_refused():
    """The header's form bounds the path."""
    long = replace(MESSAGE, path=("KZ", *(f"A{number}" for number in range(15)), "PK"))
    with pytest.raises(MalformedError) as caught:
        receive(encode_header(long), BODY, author="KZ", here="A0", logs=LOGS)
    assert caught.value.code == "header_malformed"


ARRIVALS = [
    ("at a member off the path", lambda: arrive(RAW, BODY, "KZ", "CN"), "path_not_here"),
    ("back at its origin", lambda: arrive(RAW, BODY, "UZ", "KZ"), "path_not_here"),
    ("from another member", lambda: arrive(RAW, BODY, "TM", "UZ"), "path_order_wrong"),
    ("past a member", lambda: arrive(RAW, BODY, "KZ", "AF"), "path_order_wrong"),
    ("without its evidence", lambda: arrive(RAW, BODY, "UZ", "AF"), "path_length_wrong"),
    ("an envelope at the wrong stage", lambda: arrive(*sent(1), "AF", "PK"), "path_length_wrong"),
    ("an envelope off its path", lambda: arrive(*sent(1), "UZ", "CN"), "path_not_here"),
    ("an envelope by a stranger", lambda: arrive(*sent(1), "TM", "AF"), "path_order_wrong"),
    ("a message that claims to relay", lambda: arrive(encode_header(replace(MESSAGE, relays="00" * 32)), BODY, "KZ",
                                                     "UZ"), "hop_header_wrong"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "happens", "code"), ARRIVALS)
def test_each_member_checks_that_it_is_next(name, happens, code):
    """A message is taken only from the member before and only by the one whose turn it is."""
    with pytest.raises(MalformedError) as caught:
        happens()
    assert caught.value.code == code


LIES_FOUND = {
    "message invented": ("signature_missing", "/hops/0"),
    "path changed": ("path_order_wrong", "/path"),
    "path changed, every place fitting": ("hop_log_wrong", "/hops/0"),
    "link left out": ("path_length_wrong", "/hops"),
    "link added": ("path_length_wrong", "/hops"),
    "links swapped": ("path_missing", "/path"),
    "link of another log": ("hop_log_wrong", "/hops/1"),
    "proof of another leaf": ("hop_proof_false", "/hops/0"),
    "checkpoint signed by another": ("signature_missing", "/hops/0"),
    "forwards something else": ("hop_chain_broken", ""),
    "under another's name": ("hop_header_wrong", ""),
    "body changed": ("body_differs", "/body_digest"),
    "relay's message as a message": ("hop_header_wrong", "/hops/0"),
    "no envelope": ("relay_malformed", ""),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lying_relay_is_found_out(name):
    """Whatever a relay forges, drops, adds or alters, the next member refuses it and says what is wrong."""
    with pytest.raises((MalformedError, SignatureError)) as caught:
        arrive(*LIES[name]())
    assert (caught.value.code, caught.value.pointer) == LIES_FOUND[name]


def test_the_checks_run_in_their_documented_order():
    """Of several faults the first in the order is named: form, header, path, place, length, links, arrival, body."""
    raw, envelope = RAW_PK, opened()
    looped = encode_header(replace(MESSAGE, path=("KZ", "UZ", "UZ", "PK")))
    bad_link = replace(envelope.hops[0], hashes=b"not whole")

    def lied(**changes) -> bytes:
        return msgspec.msgpack.encode(replace(envelope, **changes))

    forwarded_else = LIES["forwards something else"]()[0]
    stages = [
        (raw, b"\x00", "PK", "relay_malformed"),
        (raw, lied(hops=(Hop(b"{}", 0, b"", b""),)), "CN", "header_malformed"),
        (raw, lied(hops=(Hop(looped, 0, b"", b""),)), "CN", "path_loop"),
        (raw, lied(hops=envelope.hops[:1]), "CN", "path_not_here"),
        (raw, lied(hops=(bad_link,)), "PK", "path_length_wrong"),
        (
            LIES["forwards something else"]()[0],
            lied(hops=(bad_link, envelope.hops[1]), body=b""),
            "PK",
            "hop_proof_malformed",
        ),
        (forwarded_else, lied(body=b""), "PK", "hop_chain_broken"),
        (raw, lied(body=b""), "PK", "body_differs"),
    ]
    for arrived, body, here, code in stages:
        with pytest.raises(DarwazaError) as caught:
            arrive(arrived, body, here=here)
        assert caught.value.code == code


def test_signatures_are_verified_once_for_all_messages_of_a_batch():
    """The same checkpoint is not verified again, and another one is, however often."""
    asked = []
    logs = Logs(CORRIDOR_NAME, lambda origin: asked.append(origin) or verifiers(origin))
    for _ in range(3):
        receive(RAW_PK, BODY_PK, author="AF", here="PK", logs=logs)
    assert len(asked) == 2
    for number in range(trail.NOTES_REMEMBERED + 5):
        message = encode_header(replace(MESSAGE, blind=f"{number:032x}"))
        check_hops(PATH, (Hop.of(message, PaperLog("KZ", "UZ").hold(message)),), logs)
    assert len(logs._seen) == trail.NOTES_REMEMBERED


def test_a_required_second_signature_is_missed():
    """A corridor that asks for post-quantum signatures gets none by silence."""
    strict = Logs(CORRIDOR_NAME, verifiers, frozenset({1, 6}))
    with pytest.raises(SignatureError) as caught:
        receive(*sent(2), author="AF", here="PK", logs=strict)
    assert caught.value.code == "signature_weak"


def test_the_largest_message_fits_on_the_longest_path():
    """A body at its bound, with evidence at its bound for every link, still is a body that links carry."""
    checkpoint = b"c" * trail.HOP_CHECKPOINT_BYTES_MAX
    largest = Hop(b"h" * HEADER_BYTES_MAX, 2**40 - 1, b"s" * trail.HOP_HASHES_BYTES_MAX, checkpoint)
    full = Envelope(1, b"b" * relay.ROUTED_BODY_BYTES_MAX, (largest,) * trail.HOPS_MAX)
    raw = msgspec.msgpack.encode(full)
    assert len(raw) <= BODY_BYTES_MAX
    assert decode_envelope(raw) == full


@given(st.binary(max_size=400) | st.lists(st.binary(max_size=9) | st.integers(0, 99)).map(msgspec.msgpack.encode))
def test_junk_is_refused_with_a_code(junk):
    """No body makes the readers raise anything but their own errors."""
    raw, _ = sent(1)
    for read in (lambda: arrive(raw, junk, "UZ", "AF"), lambda: report.decode(junk)):
        with pytest.raises(DarwazaError):
            read()


@given(st.integers(min_value=0), st.integers(0, 7))
def test_no_flipped_bit_goes_unnoticed(position, bit):
    """Whichever bit of an envelope flips, it is refused."""
    body = bytearray(BODY_PK)
    body[position % len(body)] ^= 1 << bit
    with pytest.raises(DarwazaError):
        arrive(RAW_PK, bytes(body))


def test_one_message_on_two_paths_is_one_message():
    """Another path, blind and instant do not make another message; another body or destination does."""
    again = replace(MESSAGE, path=("KZ", "CN", "PK"), blind="aa" * 16, created_at="2026-11-22T03:00:00.000Z")
    assert same_message(MESSAGE, again)
    assert not same_message(MESSAGE, replace(again, body_digest="00" * 32))
    assert not same_message(MESSAGE, replace(again, destination="PK/bank"))


def links() -> tuple[Hop, Hop]:
    """Proof of the second and the third link, as UZ's and AF's logs give it."""
    return hop(1), hop(2)


def item(outcome: str, *hops: Hop, leaf: bytes | None = None, code: str = "") -> Item:
    return Item(leaf or leaf_hash(RAW), outcome, code, "", hops)


def test_reports_prove_how_far_a_message_came():
    """A relay proves that it forwarded, the destination proves the whole path, whoever gave it up how far it came."""
    second, third = links()
    assert report.check(item("relayed", second), RAW, "UZ", LOGS) == ("KZ", "UZ", "AF")
    assert report.check(item("relayed", second, third), RAW, "AF", LOGS) == PATH
    assert report.check(item("delivered", second, third), RAW, "PK", LOGS) == PATH
    assert report.check(item("undeliverable", code="link_down"), RAW, "UZ", LOGS) == ("KZ", "UZ")
    assert report.check(item("undeliverable", second, code="expired"), RAW, "AF", LOGS) == ("KZ", "UZ", "AF")
    assert report.check(item("undeliverable", second, third, code="home_store"), RAW, "PK", LOGS) == PATH


def test_reports_are_read_back_as_they_were_written():
    """One report may speak of many messages."""
    items = (item("relayed", links()[0]), item("undeliverable", code="expired"))
    assert report.decode(report.encode(items)).items == items


FALSE_REPORTS = [
    ("of another message", lambda: item("relayed", links()[0], leaf=b"\0" * 32), "UZ", "report_leaf_wrong"),
    ("by a stranger", lambda: item("undeliverable"), "CN", "report_not_on_path"),
    ("by the origin", lambda: item("undeliverable"), "KZ", "report_not_on_path"),
    ("delivered, says a relay", lambda: item("delivered", *links()), "AF", "report_length_wrong"),
    ("relayed, says the destination", lambda: item("relayed", *links()), "PK", "report_length_wrong"),
    ("delivered with a link missing", lambda: item("delivered", links()[1]), "PK", "report_length_wrong"),
    ("delivered with the links swapped", lambda: item("delivered", *reversed(links())), "PK", "hop_header_wrong"),
    ("relayed without proof", lambda: item("relayed"), "UZ", "report_length_wrong"),
    ("relayed with another's proof", lambda: item("relayed", links()[1]), "UZ", "hop_header_wrong"),
]


@pytest.mark.parametrize(("name", "said", "reporter", "code"), FALSE_REPORTS)
def test_a_false_report_is_found_out(name, said, reporter, code):
    """Nobody reports what its own log, and those before it, do not prove."""
    with pytest.raises(MalformedError) as caught:
        report.check(said(), RAW, reporter, LOGS)
    assert caught.value.code == code


def test_a_hop_is_a_tlog_proof():
    """What a hop holds is written as a tlog-proof and verifies as one, by the kernel's own reader."""
    second = links()[0]
    proof = parse_proof(format_proof(second.proof))
    checkpoint, _ = verify(proof, leaf_hash(second.header), verifiers(PaperLog("UZ", "AF").origin))
    assert checkpoint.origin == PaperLog("UZ", "AF").origin
    assert Hop.of(second.header, proof) == second


def test_a_note_without_the_authors_line_proves_nothing():
    """A proof whose checkpoint carries only a reader's line is not the author's word."""
    second = links()[0]
    proof = second.proof
    reader = log_signer(PaperLog("UZ", "AF").origin, "AF")
    alone = replace(proof, note=Note(proof.note.text, (reader.sign(proof.note.text.encode()),)))
    with pytest.raises(SignatureError) as caught:
        report.check(item("relayed", Hop.of(second.header, alone)), RAW, "UZ", LOGS)
    assert caught.value.code == "signature_missing"
