"""Relaying: the way a message took is proven by each member's own log, and by nothing less."""

from datetime import UTC, datetime
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from darwaza.config import BODY_BYTES_MAX, HEADER_BYTES_MAX
from darwaza.errors import DarwazaError, MalformedError, SignatureError
from darwaza.kernel import relay, report, trail
from darwaza.kernel.checkpoint import Checkpoint
from darwaza.kernel.key import Ed25519PrivateKey
from darwaza.kernel.merkle import leaf_hash, node_hash
from darwaza.kernel.message import Header, body_digest, encode_header
from darwaza.kernel.naming import Lane
from darwaza.kernel.note import Note, Signer, Verifier, signed
from darwaza.kernel.proof import Proof, format_proof, parse_proof
from darwaza.kernel.relay import Envelope, Passage, forward, receive, same_message
from darwaza.kernel.report import Item
from darwaza.kernel.trail import Hop, Logs, check_hops, check_path

NOW = datetime(2026, 11, 22, 2, 28, 23, tzinfo=UTC)
CORRIDOR = "darwaza.example/carec"
PATH = ("KZ", "UZ", "AF", "PK")
BODY = b"sealed for Karachi"
KEYS = {code: Ed25519PrivateKey(sha256(code.encode()).digest()) for code in ("KZ", "UZ", "AF", "PK", "CN", "TM")}


def root_of(hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, written again here as an independent oracle."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node_hash(root_of(hashes[:split]), root_of(hashes[split:]))


def path_of(index: int, hashes: list[bytes]) -> list[bytes]:
    """RFC 6962 section 2.1.1: the audit path, from the leaf up."""
    if len(hashes) == 1:
        return []
    split = 1 << (len(hashes) - 1).bit_length() - 1
    if index < split:
        return [*path_of(index, hashes[:split]), root_of(hashes[split:])]
    return [*path_of(index - split, hashes[split:]), root_of(hashes[:split])]


class Log:
    """One member's log to another, with other messages around the one of interest."""

    def __init__(self, author: str, reader: str, lane: int = 0) -> None:
        self.origin = Lane(CORRIDOR, author, reader, lane).origin
        self.signer = Signer(self.origin, KEYS[author])
        self.leaves = [leaf_hash(b"earlier %d" % number) for number in range(5)]

    def hold(self, raw: bytes) -> bytes:
        """Append a header and prove it."""
        index = len(self.leaves)
        self.leaves += [leaf_hash(raw), leaf_hash(b"later")]
        point = Checkpoint(self.origin, len(self.leaves), root_of(self.leaves))
        return format_proof(Proof(index, tuple(path_of(index, self.leaves)), signed(point.text, self.signer)))


def verifiers(origin: str) -> tuple[Verifier, ...]:
    lane = Lane.parse(origin)
    return (Verifier(origin, KEYS[lane.author].public),) if lane.corridor == CORRIDOR else ()


LOGS = Logs(CORRIDOR, verifiers)
MESSAGE = Header(
    blind="0f" * 16,
    body_bytes=len(BODY),
    body_digest=body_digest(BODY),
    case_id="6f0b1f4e-0000-4000-8000-000000000001",
    created_at="2026-11-22T02:28:23.123Z",
    destination="PK/customs",
    expires_at="2026-11-29T00:00:00.000Z",
    id="6f0b1f4e-0000-4000-8000-000000000002",
    kind="documents.offer",
    media_type="application/pdf",
    origin="KZ/freight",
    path=PATH,
    version=1,
)


def relayed(passage: Passage, **changes) -> tuple[bytes, bytes]:
    """Let the member at which a passage stands forward it; its header may be changed as a liar would."""
    author, here = passage.path[passage.stage - 1 : passage.stage + 1]
    proof = Log(author, here).hold(passage.arrived)
    header, body = forward(
        passage, proof, message_id=f"6f0b1f4e-0000-4000-8000-{passage.stage:012}", blind="1e" * 16, now=NOW
    )
    return encode_header(replace(header, **changes)), body


def at_af() -> tuple[bytes, bytes]:
    """What UZ sends to AF."""
    return relayed(receive(encode_header(MESSAGE), BODY, author="KZ", here="UZ", logs=LOGS))


def at_pk() -> tuple[bytes, bytes]:
    """What AF sends to PK."""
    return relayed(receive(*at_af(), author="UZ", here="AF", logs=LOGS))


def arrive(raw: bytes, body: bytes, author: str = "AF", here: str = "PK") -> Passage:
    return receive(raw, body, author=author, here=here, logs=LOGS)


def opened(body: bytes) -> Envelope:
    return relay.decode_envelope(body)


def closed(envelope: Envelope, **changes) -> bytes:
    return msgspec.msgpack.encode(replace(envelope, **changes))


def test_a_message_arrives_with_its_whole_way():
    """At each stage the message is the origin's, untouched, and the evidence grows by one link."""
    first = receive(encode_header(MESSAGE), BODY, author="KZ", here="UZ", logs=LOGS)
    assert (first.message, first.stage, first.next, first.hops) == (MESSAGE, 1, "AF", ())
    second = receive(*at_af(), author="UZ", here="AF", logs=LOGS)
    assert (second.message, second.body, second.stage, second.next, len(second.hops)) == (MESSAGE, BODY, 2, "PK", 1)
    last = arrive(*at_pk())
    assert (last.message, last.body, last.stage, last.next, len(last.hops)) == (MESSAGE, BODY, 3, None, 2)


def test_a_relay_forwards_in_its_own_name():
    """A relay's header is its own: new identity, neighbour's address, the case and expiry of what it forwards."""
    raw, body = at_af()
    header = msgspec.json.decode(raw, type=Header)
    assert (header.origin, header.destination, header.path) == ("UZ/gateway", "AF/gateway", None)
    assert (header.case_id, header.expires_at, header.cause_id) == (MESSAGE.case_id, MESSAGE.expires_at, MESSAGE.id)
    assert (header.relays, header.body_digest) == (leaf_hash(encode_header(MESSAGE)).hex(), body_digest(body))


PATHS = [
    ("no path", {"path": None}, "path_missing"),
    ("a stranger at its start", {"path": ("CN", "UZ", "PK")}, "path_end_wrong"),
    ("a stranger at its end", {"path": ("KZ", "UZ", "CN")}, "path_end_wrong"),
    ("a loop", {"path": ("KZ", "UZ", "AF", "UZ", "PK")}, "path_loop"),
    ("a loop to itself", {"path": ("KZ", "UZ", "UZ", "PK")}, "path_loop"),
]


@pytest.mark.parametrize(("name", "changes", "code"), PATHS)
def test_a_path_that_is_none_is_refused(name, changes, code):
    """A path leads from the origin to the destination and passes nobody twice."""
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
    ("at a member off the path", lambda: arrive(encode_header(MESSAGE), BODY, "KZ", "CN"), "path_not_here"),
    ("back at its origin", lambda: arrive(encode_header(MESSAGE), BODY, "UZ", "KZ"), "path_not_here"),
    ("from another member", lambda: arrive(encode_header(MESSAGE), BODY, "TM", "UZ"), "path_order_wrong"),
    ("past a member", lambda: arrive(encode_header(MESSAGE), BODY, "KZ", "AF"), "path_order_wrong"),
    ("without its evidence", lambda: arrive(encode_header(MESSAGE), BODY, "UZ", "AF"), "path_length_wrong"),
    ("an envelope at the wrong stage", lambda: arrive(*at_af(), "AF", "PK"), "path_length_wrong"),
    ("an envelope off its path", lambda: arrive(*at_af(), "UZ", "CN"), "path_not_here"),
    ("an envelope by a stranger", lambda: arrive(*at_af(), "TM", "AF"), "path_order_wrong"),
    ("a message that claims to relay", lambda: arrive(encode_header(replace(MESSAGE, relays="00" * 32)), BODY, "KZ",
                                                     "UZ"), "hop_header_wrong"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "happens", "code"), ARRIVALS)
def test_each_member_checks_that_it_is_next(name, happens, code):
    """A message is taken only from the member before and only by the one whose turn it is."""
    with pytest.raises(MalformedError) as caught:
        happens()
    assert caught.value.code == code


def forged_message() -> tuple[bytes, bytes]:
    """AF invents a message of KZ, in a log that AF signs itself."""
    raw, body = at_pk()
    envelope = opened(body)
    invented = encode_header(replace(MESSAGE, id="6f0b1f4e-0000-4000-8000-00000000000f"))
    log = Log("KZ", "UZ")
    log.signer = Signer(log.origin, KEYS["AF"])
    return raw, closed(envelope, hops=(Hop(invented, log.hold(invented)), envelope.hops[1]))


def other_path() -> tuple[bytes, bytes]:
    """AF rewrites the path in the message's header."""
    raw, body = at_pk()
    envelope = opened(body)
    changed = encode_header(replace(MESSAGE, path=("KZ", "UZ", "TM", "PK")))
    return raw, closed(envelope, hops=(replace(envelope.hops[0], header=changed), envelope.hops[1]))


def shortened() -> tuple[bytes, bytes]:
    """AF drops the link by which UZ is on record."""
    raw, body = at_pk()
    return raw, closed(opened(body), hops=opened(body).hops[:1])


def extended() -> tuple[bytes, bytes]:
    """AF adds a link that never was."""
    raw, body = at_pk()
    envelope = opened(body)
    return raw, closed(envelope, hops=(*envelope.hops, envelope.hops[1]))


def swapped() -> tuple[bytes, bytes]:
    """AF puts the links in another order."""
    raw, body = at_pk()
    return raw, closed(opened(body), hops=opened(body).hops[::-1])


def other_log() -> tuple[bytes, bytes]:
    """UZ's leaf is proven in its log to TM: UZ never handed it to AF."""
    raw, body = at_pk()
    envelope = opened(body)
    header = envelope.hops[1].header
    return raw, closed(envelope, hops=(envelope.hops[0], Hop(header, Log("UZ", "TM").hold(header))))


def not_in_log() -> tuple[bytes, bytes]:
    """The proof is of another leaf of the same log."""
    raw, body = at_pk()
    envelope = opened(body)
    return raw, closed(
        envelope, hops=(replace(envelope.hops[0], proof=Log("KZ", "UZ").hold(b"another")), envelope.hops[1])
    )


def unsigned() -> tuple[bytes, bytes]:
    """The checkpoint is signed by nobody who counts."""
    raw, body = at_pk()
    envelope, log = opened(body), Log("KZ", "UZ")
    log.signer = Signer("somebody.example", KEYS["CN"])
    header = envelope.hops[0].header
    return raw, closed(envelope, hops=(Hop(header, log.hold(header)), envelope.hops[1]))


def unlinked() -> tuple[bytes, bytes]:
    """AF signs that it forwards something else than what it shows."""
    passage = receive(*at_af(), author="UZ", here="AF", logs=LOGS)
    return relayed(passage, relays="ab" * 32)


def as_another() -> tuple[bytes, bytes]:
    """AF sends under the name of UZ."""
    passage = receive(*at_af(), author="UZ", here="AF", logs=LOGS)
    return relayed(passage, origin="UZ/gateway")


def other_body() -> tuple[bytes, bytes]:
    """AF changes the body."""
    raw, body = at_pk()
    return raw, closed(opened(body), body=b"sealed for someone!")


def nested() -> tuple[bytes, bytes]:
    """UZ wraps a relay's message as if it were a message with a path."""
    raw, body = at_pk()
    envelope = opened(body)
    odd = encode_header(replace(MESSAGE, kind="route.relay"))
    return raw, closed(envelope, hops=(Hop(odd, Log("KZ", "UZ").hold(odd)), envelope.hops[1]))


LIES = [
    (forged_message, "signature_missing", "/hops/0"),
    (other_path, "path_order_wrong", "/path"),
    (shortened, "path_length_wrong", "/hops"),
    (extended, "path_length_wrong", "/hops"),
    (swapped, "path_missing", "/path"),
    (other_log, "hop_log_wrong", "/hops/1"),
    (not_in_log, "hop_proof_false", "/hops/0"),
    (unsigned, "signature_missing", "/hops/0"),
    (unlinked, "hop_chain_broken", ""),
    (as_another, "hop_header_wrong", ""),
    (other_body, "body_differs", "/body_digest"),
    (nested, "hop_header_wrong", "/hops/0"),
]


@pytest.mark.parametrize(("lie", "code", "pointer"), LIES, ids=[lie.__name__ for lie, _, _ in LIES])
def test_a_lying_relay_is_found_out(lie, code, pointer):
    """Whatever a relay forges, drops, adds or alters, the next member refuses it and says what is wrong."""
    with pytest.raises((MalformedError, SignatureError)) as caught:
        arrive(*lie())
    assert (caught.value.code, caught.value.pointer) == (code, pointer)


def test_a_path_changed_by_a_stage_that_fits_is_found_by_the_signature():
    """A rewritten path in which every member is in its place still is not what the origin's log holds."""
    raw, body = at_pk()
    envelope = opened(body)
    changed = encode_header(replace(MESSAGE, path=("KZ", "CN", "AF", "PK")))
    lied = closed(envelope, hops=(replace(envelope.hops[0], header=changed), envelope.hops[1]))
    with pytest.raises(MalformedError) as caught:
        arrive(raw, lied)
    assert caught.value.code == "hop_log_wrong"


def test_the_checks_run_in_their_documented_order():
    """Of several faults the first in the order is named: form, header, path, place, length, links, arrival, body."""
    raw, body = at_pk()
    envelope = opened(body)
    looped = encode_header(replace(MESSAGE, path=("KZ", "UZ", "UZ", "PK")))
    bad_link = replace(envelope.hops[0], proof=b"no proof")
    stages = [
        (raw, b"\x00", "PK", "relay_malformed"),
        (raw, closed(envelope, hops=(Hop(b"{}", b""),)), "CN", "header_malformed"),
        (raw, closed(envelope, hops=(Hop(looped, b""),)), "CN", "path_loop"),
        (raw, closed(envelope, hops=envelope.hops[:1]), "CN", "path_not_here"),
        (raw, closed(envelope, hops=(bad_link,)), "PK", "path_length_wrong"),
        (unlinked()[0], closed(envelope, hops=(bad_link, envelope.hops[1]), body=b""), "PK", "proof_malformed"),
        (unlinked()[0], closed(envelope, body=b""), "PK", "hop_chain_broken"),
        (raw, closed(envelope, body=b""), "PK", "body_differs"),
    ]
    for arrived, lied, here, code in stages:
        with pytest.raises(DarwazaError) as caught:
            arrive(arrived, lied, here=here)
        assert caught.value.code == code


def test_signatures_are_verified_once_for_all_messages_of_a_batch():
    """The same checkpoint is not verified again, and another one is, however often."""
    asked = []
    logs = Logs(CORRIDOR, lambda origin: asked.append(origin) or verifiers(origin))
    raw, body = at_pk()
    for _ in range(3):
        receive(raw, body, author="AF", here="PK", logs=logs)
    assert len(asked) == 2
    for number in range(trail.NOTES_REMEMBERED + 5):
        message = encode_header(replace(MESSAGE, blind=f"{number:032x}"))
        check_hops(PATH, (Hop(message, Log("KZ", "UZ").hold(message)),), logs)
    assert len(logs._seen) == trail.NOTES_REMEMBERED


def test_a_required_second_signature_is_missed():
    """A corridor that asks for post-quantum signatures gets none by silence."""
    strict = Logs(CORRIDOR, verifiers, frozenset({1, 6}))
    with pytest.raises(SignatureError) as caught:
        receive(*at_pk(), author="AF", here="PK", logs=strict)
    assert caught.value.code == "signature_weak"


def test_the_largest_message_fits_on_the_longest_path():
    """A body at its bound, with evidence at its bound for every link, still is a body that links carry."""
    hop = Hop(b"h" * HEADER_BYTES_MAX, b"p" * trail.HOP_PROOF_BYTES_MAX)
    full = Envelope(1, b"b" * relay.ROUTED_BODY_BYTES_MAX, (hop,) * trail.HOPS_MAX)
    raw = msgspec.msgpack.encode(full)
    assert len(raw) <= BODY_BYTES_MAX
    assert opened(raw) == full


@given(st.binary(max_size=400) | st.lists(st.binary(max_size=9) | st.integers(0, 99)).map(msgspec.msgpack.encode))
def test_junk_is_refused_with_a_code(junk):
    """No body makes the readers raise anything but their own errors."""
    raw, _ = at_af()
    for read in (lambda: arrive(raw, junk, "UZ", "AF"), lambda: report.decode(junk)):
        with pytest.raises(DarwazaError):
            read()


RAW_PK, BODY_PK = at_pk()


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


RAW = encode_header(MESSAGE)


def links() -> tuple[Hop, Hop]:
    """Proof of the second and the third link, as UZ's and AF's logs give it."""
    second, third = at_af()[0], at_pk()[0]
    return Hop(second, Log("UZ", "AF").hold(second)), Hop(third, Log("AF", "PK").hold(third))


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


def test_a_note_without_the_authors_line_proves_nothing():
    """A proof whose checkpoint carries only a reader's line is not the author's word."""
    second = links()[0]
    proof = parse_proof(second.proof)
    reader = Signer(Lane(CORRIDOR, "UZ", "AF", 0).origin, KEYS["AF"])
    alone = replace(proof, note=Note(proof.note.text, (reader.sign(proof.note.text.encode()),)))
    with pytest.raises(SignatureError) as caught:
        report.check(item("relayed", Hop(second.header, format_proof(alone))), RAW, "UZ", LOGS)
    assert caught.value.code == "signature_missing"
