"""Papers that travel: valid, invalid, or cannot tell, with the corridor document alone."""

import json
import time
from datetime import timedelta
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.services.transit.world import START, World, accepted, drive, legs_karachi, start, terms

from darwaza.errors import ConflictError, MalformedError, TooLargeError
from darwaza.kernel.checkpoint import Checkpoint
from darwaza.kernel.key import Ed25519PrivateKey
from darwaza.kernel.merkle import EMPTY, leaf_hash
from darwaza.kernel.note import Signer, Verifier, signed
from darwaza.kernel.proof import Proof
from darwaza.services.transit import paper as papers
from darwaza.services.transit.parts import PREFIX, from_base45, join, split, to_base45
from darwaza.services.transit.scan import Memory, Scanner
from darwaza.services.transit.trust import Answer, Trust, TrustedKey
from darwaza.standards.etir.wire import encode

KEYS = {member: Ed25519PrivateKey(member.encode().ljust(32, b"k")) for member in ("UZ", "AF", "PK", "KZ")}
LOG = Signer("darwaza/UZ/log", Ed25519PrivateKey(b"l" * 32))
NOW = START + timedelta(hours=30)


def read_header(entry):
    """Read the header of this test's log entries."""
    try:
        header = json.loads(entry)
        return header["kind"], header["case"], bytes.fromhex(header["body"])
    except (ValueError, KeyError, TypeError) as error:
        raise MalformedError("no header", code="header") from error


def trust(**changes):
    keys = {member: (TrustedKey(key.public.raw, START - timedelta(days=1)),) for member, key in KEYS.items()}
    values = {
        "keys": keys,
        "logs": {"UZ": (Verifier(LOG.name, LOG_KEY.public),)},
        "as_of": START + timedelta(days=2),
        "expires_at": START + timedelta(days=90),
    }
    return Trust(**(values | changes))


LOG_KEY = Ed25519PrivateKey(b"l" * 32)


def evidence(movement, *, body=None, leaves=700_000):
    """Put the guarantor's I2 into a log of some size and prove it."""
    body = body or encode(movement.acceptance)
    header = {
        "blind": "b" * 44, "body": sha256(body).hexdigest(), "case": movement.known().movement,
        "created_at": "2026-03-02T06:00:00Z", "destination": "UZ/customs", "id": "i" * 36, "kind": "transit.i2",
        "media_type": "application/json", "origin": "UZ/customs", "ucr": movement.known().ucr, "version": 1,
    }  # fmt: skip
    entry = json.dumps(header, separators=(",", ":"), sort_keys=True).encode()
    # A log whose other subtrees are made up: the proof has the length a real log of that size would give.
    depth = leaves.bit_length()
    hashes, node = [], leaf_hash(entry)
    for level in range(depth):
        sibling = sha256(b"sibling %d" % level).digest()
        hashes.append(sibling)
        node = sha256(b"\x01" + node + sibling).digest()
    checkpoint = Checkpoint("darwaza/UZ/log", 2**depth, node)
    return papers.evidence_of(entry, Proof(0, tuple(hashes), signed(checkpoint.text, LOG)))


@pytest.fixture(scope="module")
def journey():
    """A movement whose first leg is driven, with its paper and evidence."""
    world = World()
    movement = accepted(world, goods=3)
    drive(world, movement, 0)
    return world, world.uz.movement(movement)


def issue(movement, member="UZ", office="UZTER", *, at=NOW, key=None, proof=True, **changes):
    body = papers.write_paper(movement, issuer=member, office=office, issued_at=at)
    body = msgspec.structs.replace(body, **changes)
    return papers.sign_paper(body, (key or KEYS[member]).sign, evidence(movement) if proof else None)


def scan(raw, office="AFHRT", *, now=NOW, memory=None, **changes):
    return Scanner(office, trust(**changes), read_header).scan(raw, now, memory)


def reasons(verdict):
    return [reason.code for reason in verdict.reasons]


class TestValid:
    def test_a_true_paper_says_what_may_be_done(self, journey):
        """At the next office the leg may be started, at its exit terminated; the knowledge has its age."""
        raw = issue(journey[1])
        here = scan(raw)
        assert (here.answer, here.reasons, here.as_of) == (Answer.VALID, (), NOW)
        assert (here.may_start, here.may_terminate) == (1, None)
        leave = scan(raw, "AFRKH", memory=None)
        assert (leave.may_start, leave.may_terminate) == (None, 1)
        assert here.paper.movement_id == journey[1].known().movement
        assert here.paper.seals == ("Sm1",)
        assert here.paper.goods.items == 3

    def test_the_goods_are_bound_whole_and_in_parts(self, journey):
        """The root on the paper is that of these goods and of no others."""
        goods = journey[1].known().goods
        raw = issue(journey[1])
        root = scan(raw).paper.goods.root
        assert papers.goods_root(goods) == root
        assert papers.goods_root(goods[:-1]) != root
        changed = (*goods[:-1], msgspec.structs.replace(goods[-1], packages=99))
        assert papers.goods_root(changed) != root
        tree = EMPTY.append_all([leaf_hash(encode(item)) for item in goods])
        assert tree.root() == root

    def test_it_takes_less_than_fifty_milliseconds(self, journey):
        """An officer's scan and decision, evidence included, is far under 50 ms."""
        raw = issue(journey[1])
        texts = split(raw)
        began = time.process_time()
        for _ in range(20):
            assert scan(join(texts)).answer is Answer.VALID
        assert (time.process_time() - began) / 20 < 0.05


class TestInvalid:
    def test_forged(self, journey):
        """A paper signed by nobody's key, or by another member's, is invalid."""
        stranger = Ed25519PrivateKey(b"x" * 32)
        assert reasons(scan(issue(journey[1], key=stranger))) == ["signature-false"]
        verdict = scan(issue(journey[1], key=KEYS["PK"]))
        assert (verdict.answer, verdict.may_start) == (Answer.INVALID, None)

    def test_altered_anywhere(self, journey):
        """Whichever byte of the signed paper is changed, it is not valid any more."""
        raw = issue(journey[1])
        signed_paper, _ = papers.read_paper(raw)
        body = signed_paper.paper
        for at in range(0, len(body), 7):
            broken = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
            forged = msgspec.msgpack.encode(msgspec.structs.replace(signed_paper, paper=broken))
            assert scan(forged).answer is Answer.INVALID, at

    def test_truncated(self, journey):
        """A paper cut short anywhere is invalid, and says so without a crash."""
        raw = issue(journey[1])
        for end in range(0, len(raw), 11):
            assert reasons(scan(raw[:end])) == ["malformed"]
        assert reasons(scan(raw + b"\0")) == ["malformed"]
        assert reasons(scan(b"\x93" * 20_000)) == ["malformed"]

    def test_wrong_member_and_wrong_place(self, journey):
        """A paper whose issuer is not on the way, or whose way does not pass here, is invalid here."""
        assert "issuer-not-concerned" in reasons(scan(issue(journey[1], "KZ", "KZALA")))
        assert "issuer-not-concerned" in reasons(scan(issue(journey[1], "UZ", "AFHRT")))
        assert "not-for-here" in reasons(scan(issue(journey[1]), "AFSBK"))
        abroad = scan(issue(journey[1]), "TMFAR")
        assert reasons(abroad) == ["not-for-here", "guarantee-not-here"]

    def test_replayed(self, journey):
        """A paper shown again where its leg was done, or after a newer edition, is invalid."""
        raw = issue(journey[1])
        assert reasons(scan(raw, memory=Memory(started=frozenset({1})))) == ["replayed"]
        assert reasons(scan(raw, "AFRKH", memory=Memory(terminated=frozenset({1})))) == ["replayed"]
        assert reasons(scan(raw, memory=Memory(edition=2))) == ["superseded"]
        assert scan(raw, memory=Memory(edition=1)).answer is Answer.VALID

    def test_guarantee_proof_must_say_what_the_paper_says(self, journey):
        """A proof of another acceptance, of another movement, or a broken one is invalid."""
        movement = journey[1]
        other = msgspec.structs.replace(movement.acceptance, reference="JX1")
        body = papers.write_paper(movement, issuer="UZ", office="UZTER", issued_at=NOW)
        raw = papers.sign_paper(body, KEYS["UZ"].sign, evidence(movement, body=encode(other)))
        assert reasons(scan(raw)) == ["guarantee-proof-other"]
        proof = evidence(movement)
        bad = msgspec.structs.replace(proof, index=1)
        assert reasons(scan(papers.sign_paper(body, KEYS["UZ"].sign, bad))) == ["guarantee-proof-false"]
        bad = msgspec.structs.replace(proof, entry=proof.entry + b" ")
        assert reasons(scan(papers.sign_paper(body, KEYS["UZ"].sign, bad))) == ["guarantee-proof-false"]

    def test_key_not_valid_then(self, journey):
        """A key that was not yet, or no longer, valid when the paper was issued makes it invalid."""
        raw = issue(journey[1])
        for since, until in ((START + timedelta(days=40), None), (START - timedelta(days=9), START)):
            keys = {"UZ": (TrustedKey(KEYS["UZ"].public.raw, since, until),)}
            assert reasons(scan(raw, keys=keys)) == ["key-not-valid"]

    def test_guarantee_that_ended(self, journey):
        """Past its validity the guarantee is no guarantee, unless a closure had stopped its clock."""
        late = terms().valid_until + timedelta(days=1)
        raw = issue(journey[1], at=late)
        far = {"as_of": late, "expires_at": late + timedelta(days=1)}
        assert reasons(scan(raw, now=late, **far)) == ["guarantee-ended"]
        end = terms().valid_until
        for now, expected in ((end, ["guarantee-ended"]), (end - timedelta(seconds=1), [])):
            assert reasons(scan(issue(journey[1], at=now), now=now, as_of=end, expires_at=late)) == expected
        raw = issue(journey[1], at=late, stopped=True)
        verdict = scan(raw, now=late, **far)
        assert (verdict.answer, reasons(verdict)) == (Answer.CANNOT_TELL, ["guarantee-clock-stopped"])


class TestCannotTell:
    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"keys": {}}, "member-unknown"),
            ({"expires_at": NOW}, "corridor-document-expired"),
            ({"logs": {}}, "guarantor-unknown"),
        ],
    )
    def test_missing_knowledge_is_not_forgery(self, journey, changes, code):
        """What the post does not know makes it unsure; it still says what the paper would allow, and how old it is."""
        verdict = scan(issue(journey[1]), **changes)
        assert (verdict.answer, reasons(verdict)) == (Answer.CANNOT_TELL, [code])
        assert verdict.may_start == 1
        assert verdict.as_of == NOW

    def test_a_key_newer_than_the_posts_knowledge(self, journey):
        """A signature by no key the post knows, on a paper newer than its knowledge, may be a new key."""
        raw = issue(journey[1], key=Ed25519PrivateKey(b"n" * 32))
        verdict = scan(raw, as_of=START)
        assert (verdict.answer, reasons(verdict)) == (Answer.CANNOT_TELL, ["key-unknown"])
        assert "2026-03-02 06:00" in verdict.reasons[0].text

    def test_stale(self, journey):
        """A paper older than the allowed age is not called false."""
        verdict = scan(issue(journey[1]), now=NOW + timedelta(days=10, seconds=1))
        assert (verdict.answer, reasons(verdict)) == (Answer.CANNOT_TELL, ["stale"])
        assert scan(issue(journey[1]), now=NOW - timedelta(hours=1)).answer is Answer.CANNOT_TELL

    def test_without_the_guarantors_word(self, journey):
        """A paper of another member than the guarantor needs the guarantor's proof; the guarantor's own does not."""
        assert scan(issue(journey[1], proof=False)).answer is Answer.VALID
        verdict = scan(issue(journey[1], "AF", "AFHRT", proof=False), "AFRKH")
        assert reasons(verdict) == ["guarantee-unproved"]
        assert scan(issue(journey[1], "AF", "AFHRT"), "AFRKH").answer is Answer.VALID

    def test_a_movement_that_is_not_accepted_has_no_paper(self):
        """Nothing is signed before declaration and guarantee are accepted."""
        from darwaza.services.transit.movement import Movement

        with pytest.raises(MalformedError, match="not accepted"):
            papers.write_paper(Movement(), issuer="UZ", office="UZTAS", issued_at=NOW)


class TestParts:
    def test_a_hundred_items_and_six_legs_fit_four_codes(self):
        """With the guarantor's proof from a log of 700,000 entries: at most four codes of version 25."""
        segno = pytest.importorskip("segno")
        leg = type(legs_karachi()[0])
        way = (
            leg("KZ", "KZALA", "KZ-KONYSBAYEV", "KZ-UZ/KONYSBAYEV", 4_000_000, START + timedelta(days=2)),
            leg("UZ", "UZ-YALLAMA", "UZ-ALAT", "TM-UZ/FARAP", 4_000_000, START + timedelta(days=4)),
            leg("TM", "TMFAR", "TMKUK", "AF-TM/TORGHUNDI", 4_000_000, START + timedelta(days=6)),
            leg("AF", "AFTGH", "AFSHE", "AF-TJ/SHERKHAN-BANDAR", 4_000_000, START + timedelta(days=8)),
            leg("TJ", "TJ-PANJI-POYON", "TJDYU", None, 4_000_000, START + timedelta(days=9)),
        )
        world = World(("KZ", "UZ", "TM", "AF", "TJ", "PK"))
        members = ("KZ", "UZ", "TM", "AF", "TJ")
        movement = accepted(world, goods=100, legs=way, guarantee=terms(members=members))
        data = world.kz.movement(movement)
        body = papers.write_paper(data, issuer="KZ", office="KZALA", issued_at=NOW)
        six = (*body.legs, msgspec.structs.replace(body.legs[-1], entry="PK-GHULAM-KHAN", exit="PKKHI"))
        body = msgspec.structs.replace(body, legs=six, seals=tuple(f"RFID-2026-{n:08}" for n in range(6)))
        raw = papers.sign_paper(body, KEYS["KZ"].sign, evidence(data))
        texts = split(raw)
        versions = [segno.make_qr(text, error="m", boost_error=False).version for text in texts]
        assert len(body.legs) == 6
        assert body.goods.items == 100
        assert len(texts) <= 4
        assert max(versions) <= 25
        assert join(texts[1:]) == raw

    @given(st.binary(max_size=3_000), st.randoms(use_true_random=False))
    @settings(max_examples=60, deadline=None)
    def test_any_order_repeats_and_one_missing(self, data, chance):
        """All codes but any one, in any order, with repeats, give the bytes back."""
        texts = list(split(data))
        lost = chance.randrange(len(texts))
        kept = texts[:lost] + texts[lost + 1 :]
        scanned = [*kept, *chance.choices(kept, k=2)]
        chance.shuffle(scanned)
        assert join(scanned) == data
        assert all(text.startswith(PREFIX) for text in texts)

    def test_two_missing_are_named(self):
        """With two codes missing the officer is told which."""
        texts = split(b"a" * 2_500)
        with pytest.raises(MalformedError, match="of 4 codes, 1, 3 are missing") as raised:
            join([texts[1], texts[3]])
        assert raised.value.code == "parts_missing"
        with pytest.raises(MalformedError, match="no code"):
            join([])

    def test_codes_of_two_papers_are_never_mixed(self):
        """Mixed codes are a conflict; a code that claims another's number is too."""
        one, two = split(b"a" * 2_000), split(b"b" * 2_000)
        with pytest.raises(ConflictError):
            join([one[0], two[1], one[2]])
        raw = from_base45(one[1].removeprefix(PREFIX))
        fake = PREFIX + to_base45(raw[:-1] + b"z")
        with pytest.raises(ConflictError):
            join([*one, fake])
        with pytest.raises(MalformedError, match="do not make up"):
            join([one[0], fake, one[2]])

    @pytest.mark.parametrize(
        "text", ["", "DWZ1", "DWZ1:", "DWZ1:::", "dwz1:00", "DWZ1:É", "DWZ1:0000000000000", "A" * 99]
    )
    def test_other_codes_are_refused(self, text):
        """What is not a code of a paper is malformed."""
        with pytest.raises(MalformedError):
            join([text])

    def test_a_paper_too_large_is_refused(self):
        """More than fifteen codes are no paper for a driver."""
        with pytest.raises(TooLargeError):
            split(b"a" * 15_000)

    def test_base45_vectors(self):
        """The examples of RFC 9285, section 4.3 and 4.4; and what no encoder writes is refused."""
        for data, text in (
            (b"AB", "BB8"),
            (b"Hello!!", "%69 VD92EX0"),
            (b"base-45", "UJCLQE7W581"),
            (b"ietf!", "QED8WEX0"),
        ):
            assert to_base45(data) == text
            assert from_base45(text) == data
        for text in ("GGW", "BB8B", "ZZ", ":::"):
            with pytest.raises(MalformedError):
                from_base45(text)


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_reading_never_fails_otherwise(data):
    """Whatever bytes a scanner gives, the answer is a verdict."""
    assert Scanner("AFHRT", trust(), read_header).scan(data, NOW).answer is Answer.INVALID


def test_post_knows_a_leg_started_offline_elsewhere():
    """A paper printed before a leg started (network cut) still lets its exit office terminate the leg."""
    world = World()
    movement = accepted(world)
    raw = issue(world.uz.movement(movement), office="UZTAS")
    world.uz.do("start", movement, start(world, movement, 0, "UZTAS"))
    verdict = scan(raw, "UZTER")
    assert (verdict.answer, verdict.may_terminate) == (Answer.VALID, 0)
