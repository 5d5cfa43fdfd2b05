"""What a witness answers (C2SP tlog-witness v1.0.0)."""

from http import HTTPStatus

import pytest

from darwaza.errors import InvariantError, MalformedError, TooLargeError
from darwaza.kernel.checkpoint import Checkpoint, Cosigner, parse_checkpoint
from darwaza.kernel.key import Ed25519PrivateKey, Ed25519PublicKey
from darwaza.kernel.merkle import EMPTY, EMPTY_ROOT, leaf_hash
from darwaza.kernel.note import Note, Signature, Signer, Verifier, format_note, signed, verified
from darwaza.kernel.tile import append_to_tiles, consistency_proof
from darwaza.kernel.witness import (
    REQUEST_BYTES_MAX,
    Verdict,
    format_cosignatures,
    format_request,
    judge,
    parse_cosignatures,
    parse_request,
)

ORIGIN = "example.com/log"
LOG = Signer(ORIGIN, Ed25519PrivateKey(b"\x01" * 32))
STRANGER = Signer("example.com/stranger", Ed25519PrivateKey(b"\x02" * 32))
WITNESS = Cosigner("witness.example/w1", Ed25519PrivateKey(b"\x03" * 32))
LEAVES = [leaf_hash(b"%d" % at) for at in range(9)]
ROWS = append_to_tiles(EMPTY, LEAVES, {})[1]
OTHER = leaf_hash(b"other")
TRUSTED = (LOG.verifier,)


def root(size: int) -> bytes:
    return EMPTY.append_all(LEAVES[:size]).root()


def point(size: int, root_hash: bytes | None = None) -> Checkpoint:
    return Checkpoint(ORIGIN, size, root(size) if root_hash is None else root_hash)


def proof(old: int, new: int) -> tuple[bytes, ...]:
    return consistency_proof(old, new, lambda level, number: ROWS[0].hashes) if old else ()


def ask(old: int, new: Checkpoint, hashes: tuple[bytes, ...] | None = None, *signers: Signer):
    hashes = proof(old, new.size) if hashes is None else hashes
    return parse_request(format_request(old, hashes, signed(new.text, *(signers or (LOG,)))))


@pytest.mark.parametrize("held_size", range(10))
@pytest.mark.parametrize("new_size", range(10))
def test_honest_logs_are_cosigned(held_size, new_size):
    """Any step forward, or none, with the true proof is accepted; nothing held is like size 0."""
    if new_size >= held_size:
        held = point(held_size) if held_size else None
        assert judge(held, ask(held_size, point(new_size)), TRUSTED) == Verdict(HTTPStatus(200))


UNSIGNED = (STRANGER,)
FALSE = Signature(ORIGIN, LOG.key_id, bytes(64))


@pytest.mark.parametrize(
    ("held", "request_", "status"),
    [
        pytest.param(None, ask(0, point(0)), 200, id="empty tree"),
        pytest.param(point(0), ask(0, point(0)), 200, id="empty tree again"),
        pytest.param(None, ask(0, point(0, OTHER)), 422, id="empty tree with another root"),
        pytest.param(point(0), ask(0, point(0, bytes(32))), 422, id="empty tree with zero root"),
        pytest.param(None, ask(0, point(0), (OTHER,)), 422, id="empty tree with proof"),
        pytest.param(None, ask(0, point(1)), 200, id="first tree"),
        pytest.param(point(0), ask(0, point(1), (OTHER,)), 422, id="first tree with proof"),
        pytest.param(point(5), ask(5, point(5), ()), 200, id="same tree"),
        pytest.param(point(5), ask(5, point(5), (OTHER,)), 422, id="same tree with proof"),
        pytest.param(point(5), ask(5, point(8), (OTHER,)), 422, id="false proof"),
        pytest.param(point(5), ask(5, point(8), ()), 422, id="missing proof"),
        pytest.param(point(5), ask(5, point(8, OTHER)), 422, id="proof of another root"),
        pytest.param(point(5, OTHER), ask(5, point(8)), 422, id="held another root: a fork"),
        pytest.param(point(5), ask(4, point(8)), 409, id="behind"),
        pytest.param(point(5), ask(6, point(8)), 409, id="ahead"),
        pytest.param(None, ask(4, point(8)), 409, id="nothing held"),
        pytest.param(point(1), ask(0, point(1), (OTHER,)), 409, id="conflict comes before the proof"),
        pytest.param(point(5), ask(0, point(0, OTHER)), 409, id="conflict comes before the empty root"),
        pytest.param(point(1), ask(1, point(0), ()), 400, id="backwards"),
        pytest.param(point(5), ask(8, point(6), ()), 400, id="backwards comes before the conflict"),
        pytest.param(point(5), ask(5, point(8), None, STRANGER), 403, id="signed by a stranger only"),
        pytest.param(point(5), ask(8, point(6), (), STRANGER), 403, id="signature comes before sizes"),
    ],
)
def test_verdicts(held, request_, status):
    """The first failing check names the status."""
    verdict = judge(held, request_, TRUSTED)
    assert verdict.status == status
    if status == 409:
        assert verdict.body == b"%d\n" % (held.size if held else 0)
        assert verdict.media_type == "text/x.tlog.size"
    else:
        assert (verdict.body, verdict.media_type) == (b"", "")


def test_another_root_for_the_same_size():
    """C2SP tlog-witness: 409, and no size to go on from, for there is none: the log has signed two histories."""
    held, request = point(5), ask(5, point(5, OTHER), ())
    assert judge(held, request, TRUSTED) == Verdict(HTTPStatus.CONFLICT)
    assert judge(held, ask(5, point(5, OTHER), (OTHER,)), TRUSTED).status == 422


def test_unknown_origins_are_not_found():
    """Without a trusted key the origin is unknown, whatever else is wrong."""
    assert judge(None, ask(8, point(6), (), STRANGER), ()).status == 404


def test_strangers_beside_the_log_are_ignored_and_a_false_line_is_not():
    """Signatures of unknown keys do no harm; a false one of a trusted key does, even beside a true one."""
    good = signed(point(1).text, STRANGER, LOG)
    bad = Note(good.text, (*good.signatures, FALSE))
    assert judge(None, parse_request(format_request(0, (), good)), TRUSTED).status == 200
    assert judge(None, parse_request(format_request(0, (), bad)), TRUSTED).status == 403


def test_a_checkpoint_of_another_log_is_never_held_against():
    """The caller looks up what it holds by origin; a mix-up is a fault of the program."""
    with pytest.raises(InvariantError):
        judge(Checkpoint("other", 1, OTHER), ask(1, point(1)), TRUSTED)


# A log of Sigsum's tests, with its signatures: FiloSottile/torchwood internal/witness/witness_test.go, TestRace.
SIGSUM = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562"
SIGSUM_KEY = bytes.fromhex("ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f")
SIGSUM_REQUESTS = {
    1: f"""old 0

{SIGSUM}
1
KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

— {SIGSUM} UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=
""",
    3: f"""old 1
KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

{SIGSUM}
3
RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=

— {SIGSUM} UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=
""",
    5: f"""old 1
KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
+fUDV+k970B4I3uKrqJM4aP1lloPZP8mvr2Z4wRw2LI=
KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

{SIGSUM}
5
QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=

— {SIGSUM} UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww=
""",
}


def test_requests_of_another_implementation():
    """Three true requests: 1 first, then either of 3 and 5; after 5, the one for 3 starts from the wrong size."""
    trusted = (Verifier(SIGSUM, Ed25519PublicKey(SIGSUM_KEY)),)
    requests = {size: parse_request(raw.encode()) for size, raw in SIGSUM_REQUESTS.items()}
    for size, request in requests.items():
        assert format_request(request.old_size, request.proof, request.note) == SIGSUM_REQUESTS[size].encode()
    assert judge(None, requests[1], trusted).status == 200
    held = requests[1].checkpoint
    assert judge(held, requests[3], trusted).status == 200
    assert judge(held, requests[5], trusted).status == 200
    assert judge(requests[5].checkpoint, requests[3], trusted) == Verdict(HTTPStatus(409), b"5\n", "text/x.tlog.size")
    assert judge(requests[3].checkpoint, requests[5], trusted) == Verdict(HTTPStatus(409), b"3\n", "text/x.tlog.size")


@pytest.mark.parametrize(
    ("find", "replace"),
    [
        pytest.param("old 1\n", "old 01\n", id="leading zero"),
        pytest.param("old 1\n", "old -1\n", id="negative"),
        pytest.param("old 1\n", "old  1\n", id="two spaces"),
        pytest.param("old 1\n", "1\n", id="no keyword"),
        pytest.param("old 1\n", "", id="no old size"),
        pytest.param("old 1\n", "old 1\n\n", id="blank line before the proof"),
        pytest.param("KgEA", "KgE", id="proof line cut"),
        pytest.param("KgEA", "KgEAKgEA", id="proof line too long"),
        pytest.param("\n3\n", "\n", id="checkpoint without size"),
        pytest.param("KgEAAAAA", "KgEé", id="not ASCII"),
    ],
)
def test_malformed_requests(find, replace):
    """What is not exactly a request is refused; the caller answers 400."""
    raw = SIGSUM_REQUESTS[3]
    assert find in raw
    with pytest.raises(MalformedError):
        parse_request(raw.replace(find, replace, 1).encode())


def test_request_limits():
    """At most 63 proof lines, and a limited size."""
    note = signed(point(1).text, LOG)
    assert len(parse_request(format_request(0, [OTHER] * 63, note)).proof) == 63
    with pytest.raises(MalformedError):
        parse_request(format_request(0, [OTHER] * 64, note))
    with pytest.raises(TooLargeError):
        parse_request(b"old 0" + b"\n" * REQUEST_BYTES_MAX)


def test_cosignatures_travel_back():
    """The answer's lines read back, and belong under the checkpoint."""
    note = signed(point(5).text, LOG)
    lines = format_cosignatures([WITNESS.sign(note.text.encode(), 7), WITNESS.sign(note.text.encode(), 8)])
    signatures = parse_cosignatures(lines)
    assert len(signatures) == 2
    _, joined = parse_checkpoint(format_note(note) + lines)
    assert verified(joined, [LOG.verifier, WITNESS.verifier]) == (LOG.verifier, WITNESS.verifier)


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"\xff\n", "— w AAAAAAA=".encode(), b"error\n", "— w AAAAAAA=\n\n".encode()]
)
def test_malformed_cosignatures(raw):
    """An answer that is not signature lines is refused."""
    with pytest.raises(MalformedError):
        parse_cosignatures(raw)


def test_cosignature_limits():
    """An answer has a limited number of lines and bytes."""
    with pytest.raises(TooLargeError):
        parse_cosignatures(format_cosignatures([FALSE] * 65))
    with pytest.raises(TooLargeError):
        parse_cosignatures(b"x" * 300_000)


def test_the_empty_tree_has_one_root():
    """The constant behind the check of empty trees."""
    assert point(0).root == EMPTY_ROOT
