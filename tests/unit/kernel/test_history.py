"""The versions a gateway admitted, and what they verify."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from darwaza.errors import ConflictError, DarwazaError, MalformedError, SignatureError, TransientError
from darwaza.kernel.amendment import propose
from darwaza.kernel.checkpoint import Checkpoint, Cosigner, MLDSA44Cosigner
from darwaza.kernel.corridor import Corridor, Link, State, Terms
from darwaza.kernel.history import ForkError, History
from darwaza.kernel.naming import KeyRole, Lane, SignerName
from darwaza.kernel.note import Note, Signer, signed, verified
from darwaza.testing.cast import CORRIDOR_NAME, CREATED_AT, LIFETIME, Keyring, corridor_of, sign_document

AF, PK, UZ = (Keyring(code) for code in ("AF", "PK", "UZ"))
NEW_PK = PK.rotated("log")
RINGS = [AF, PK, NEW_PK, UZ]
NOW = CREATED_AT + timedelta(days=60)
ORIGIN = Lane(CORRIDOR_NAME, "PK", "UZ", 0).origin


def version(former: Corridor, days: int, **changes) -> Corridor:
    return propose(former, **({"created_at": CREATED_AT + timedelta(days=days), "votes": ["AF", "PK"]} | changes))


def file(former: Corridor | None, document: Corridor) -> bytes:
    return sign_document(document, former, RINGS)


ONE = corridor_of([AF, PK, UZ])
TWO = version(ONE, 10, cards=[NEW_PK.card()], votes=["PK"])
THREE = version(TWO, 20, classes=(Terms("default", "", 60),))
FILES = [file(None, ONE), file(ONE, TWO), file(TWO, THREE)]


def history(count: int = 3) -> History:
    held = History.begin(FILES[0], ONE.digest, NOW)
    for raw in FILES[1:count]:
        held = held.admit(raw, NOW)
    return held


def checkpoint_by(ring: Keyring, origin: str = ORIGIN) -> Note:
    """A checkpoint as the ring's member signs it."""
    return signed(Checkpoint(origin, 1, bytes(32)).text, Signer(origin, ring.signing_key(KeyRole.LOG)))


def test_versions_come_one_after_the_other():
    """Each version is there under its number, with the file it came in, and the last is the newest."""
    held = history()
    assert [entry.document for entry in held.entries] == [ONE, TWO, THREE]
    assert [entry.file for entry in held.entries] == FILES
    assert [held.version(number) for number in (1, 2, 3)] == [ONE, TWO, THREE]
    assert held.latest == THREE


@pytest.mark.parametrize("number", [-1, 0, 4])
def test_a_version_that_is_not_here_may_come(number):
    """Evidence made under a version this gateway does not have is neither right nor wrong."""
    with pytest.raises(TransientError) as caught:
        history().version(number)
    assert caught.value.code == "version_unknown"


def test_the_anchor_decides_which_corridor_it_is():
    """A first version that is right in itself is refused when it is not the agreed one."""
    with pytest.raises(ConflictError) as caught:
        History.begin(FILES[0], TWO.digest, NOW)
    assert caught.value.code == "anchor_differs"


def test_a_version_that_is_there_changes_nothing():
    """The same document again, old or newest, gives the same history: a replay is no rollback."""
    held = history()
    for raw in FILES:
        assert held.admit(raw, NOW) is held


def test_a_gap_is_refused_and_then_filled():
    """A version that is ahead waits for the one in between."""
    held = history(1)
    with pytest.raises(ConflictError) as caught:
        held.admit(FILES[2], NOW)
    assert caught.value.code == "version_skipped"
    assert held.admit(FILES[1], NOW).admit(FILES[2], NOW) == history()


@pytest.mark.parametrize("count", [2, 3])
def test_two_documents_of_one_version_are_a_fork(count):
    """Two rightly voted documents of one version are both handed over as proof, whatever came after."""
    other = file(ONE, version(ONE, 11, quorum=3))
    held = history(count)
    with pytest.raises(ForkError) as caught:
        held.admit(other, NOW)
    assert (caught.value.held, caught.value.other) == (FILES[1], other)
    assert caught.value.code == "corridor_fork"
    assert isinstance(caught.value, ConflictError)


def test_an_operator_gives_up_one_side_of_a_fork():
    """Going back before the fork lets the agreed version in; going back before the beginning is refused."""
    agreed = version(ONE, 11, quorum=3)
    held = history().before(2).admit(file(ONE, agreed), NOW)
    assert held.latest == agreed
    with pytest.raises(ConflictError):
        held.before(1)
    with pytest.raises(TransientError):
        held.before(3)


def test_what_was_not_voted_is_no_fork():
    """A made-up document of an old version is refused for what it lacks; it accuses nobody."""
    for fake, code in [
        (file(ONE, version(ONE, 11, quorum=3, votes=["PK"])), "quorum_missing"),
        (sign_document(version(ONE, 11, quorum=3), ONE, [PK]), "signature_missing"),
        (file(None, msgspec.structs.replace(ONE, quorum=3)), "anchor_differs"),
        (file(None, msgspec.structs.replace(ONE, name="darwaza.example/other")), "name_differs"),
    ]:
        with pytest.raises(DarwazaError) as caught:
            history().admit(fake, NOW)
        assert caught.value.code == code
        assert not isinstance(caught.value, ForkError)


@pytest.mark.parametrize(
    ("days", "expected"), [(-1, None), (0, ONE), (9, ONE), (10, TWO), (19, TWO), (20, THREE), (900, THREE)]
)
def test_a_moment_has_its_version(days, expected):
    """The newest version that was in force from then on, also after it expired."""
    assert history().at(CREATED_AT + timedelta(days=days)) == expected


def test_past_its_expiry_a_document_says_so():
    """A gateway asks the newest version whether it may send."""
    assert history().latest.state_at(CREATED_AT + 2 * LIFETIME) is State.EXPIRED


def test_a_rotated_away_key_verifies_what_it_signed_then_and_nothing_new():
    """Each version verifies with its own keys only."""
    held = history()
    old, new = checkpoint_by(PK), checkpoint_by(NEW_PK)
    verified(old, [held.lane_keys(ORIGIN, 1).log])
    verified(new, [held.lane_keys(ORIGIN, 2).log])
    for note, number in ((old, 2), (old, 3), (new, 1)):
        with pytest.raises(SignatureError) as caught:
            verified(note, [held.lane_keys(ORIGIN, number).log])
        assert caught.value.code == "signature_missing"


def test_a_lane_has_an_author_a_reader_and_witnesses():
    """Each verifier takes the line of its own member and of nobody else."""
    keys = history().lane_keys(ORIGIN, 1)
    text = Checkpoint(ORIGIN, 1, bytes(32)).text
    lines = {
        ring.code: Cosigner(f"{CORRIDOR_NAME}/{ring.code}", ring.signing_key(KeyRole.WITNESS)).sign(text.encode(), 1)
        for ring in (AF, PK, UZ)
    }
    note = Note(text, tuple(lines.values()))
    assert verified(note, [keys.reader]) == (keys.reader,)
    assert [SignerName.parse(verifier.name).member for verifier in keys.witnesses] == ["AF"]
    assert verified(note, keys.witnesses) == keys.witnesses
    assert (keys.witness_quorum, keys.log_mldsa44, keys.mldsa44_required) == (1, None, False)
    with pytest.raises(SignatureError):
        verified(Note(text, (lines["PK"],)), [keys.reader, *keys.witnesses])


def test_a_lane_of_an_author_with_an_mldsa44_key_has_a_second_line():
    """The second line is named like the first, and required when the document says so."""
    rings = [Keyring(code, post_quantum=True) for code in ("AF", "PK", "UZ")]
    document = corridor_of(rings, mldsa44_required=True)
    keys = History.begin(sign_document(document, None, rings), document.digest, NOW).lane_keys(ORIGIN, 1)
    text = Checkpoint(ORIGIN, 1, bytes(32)).text
    line = MLDSA44Cosigner(ORIGIN, rings[1].signing_key(KeyRole.LOG_MLDSA44)).sign(text.encode(), 0)
    assert keys.mldsa44_required
    assert keys.log_mldsa44 is not None
    assert verified(Note(text, (line,)), [keys.log_mldsa44]) == (keys.log_mldsa44,)


@pytest.mark.parametrize(
    ("origin", "error", "code"),
    [
        (f"{CORRIDOR_NAME}/AF-to-UZ/0", SignatureError, "origin_unknown"),
        (f"{CORRIDOR_NAME}/PK-to-ZZ/0", SignatureError, "origin_unknown"),
        (f"{CORRIDOR_NAME}/PK-to-UZ/2", SignatureError, "origin_unknown"),
        ("darwaza.example/other/PK-to-UZ/0", SignatureError, "origin_unknown"),
        (f"{CORRIDOR_NAME}/PK", MalformedError, "origin_malformed"),
    ],
)
def test_there_are_keys_only_for_lanes_that_exist(origin, error, code):
    """Not for members that are no neighbours, for strangers, for lanes beyond the number, or for other corridors."""
    with pytest.raises(error) as caught:
        history().lane_keys(origin, 1)
    assert caught.value.code == code


class Chain(RuleBasedStateMachine):
    """Random versions that are rightly voted, against a list of what was signed under each."""

    @initialize()
    def begin(self):
        self.rings = {code: Keyring(code) for code in ("AF", "PK", "UZ")}
        self.all_rings = list(self.rings.values())
        document = corridor_of(self.all_rings)
        self.anchor = document.digest
        self.files = [sign_document(document, None, self.all_rings)]
        self.history = History.begin(self.files[0], self.anchor, CREATED_AT)
        self.now = CREATED_AT
        self.signed_under = {1: self.checkpoints()}

    def checkpoints(self) -> list[tuple[str, Note]]:
        """A checkpoint of every lane, as signed today."""
        latest = self.history.latest
        lanes = [lane for link in latest.links for lane in latest.lanes(*link.members)[:1]]
        return [(lane.origin, checkpoint_by(self.rings[lane.author], lane.origin)) for lane in lanes]

    def follow(self, votes, **changes):
        """Draft, sign and admit the next version."""
        self.now += timedelta(days=7)
        former = self.history.latest
        document = propose(former, created_at=self.now, votes=votes, **changes)
        self.files.append(sign_document(document, former, [*self.all_rings, *self.rings.values()]))
        self.all_rings = [*self.all_rings, *self.rings.values()][-12:]
        self.history = self.history.admit(self.files[-1], self.now)
        assert self.history.latest == document
        self.signed_under[document.version] = self.checkpoints()

    def quorum(self) -> tuple[str, ...]:
        latest = self.history.latest
        return latest.codes[: latest.quorum]

    @rule(data=st.data(), role=st.sampled_from(["log", "witness", "seal", "tls"]))
    def rotate(self, data, role):
        code = data.draw(st.sampled_from(self.history.latest.codes))
        self.rings[code] = self.rings[code].rotated(role)
        self.follow([code], cards=[self.rings[code].card()])

    @rule(data=st.data())
    def replace_vote_key(self, data):
        code = data.draw(st.sampled_from(self.history.latest.codes))
        self.rings[code] = self.rings[code].rotated("vote")
        self.follow(self.quorum(), cards=[self.rings[code].card()])

    @rule()
    def renew(self):
        self.follow(self.quorum(), not_after=self.now + LIFETIME + timedelta(days=1))

    @precondition(lambda self: len(self.history.latest.codes) < 5)
    @rule()
    def add(self):
        former = self.history.latest
        code = next(code for code in ("KG", "KZ", "TJ", "TM", "AF", "PK", "UZ") if code not in former.codes)
        self.rings.setdefault(code, Keyring(code))
        links = sorted({*former.links, Link.between(code, former.codes[0])}, key=lambda link: link.members)
        count = len(former.codes) + 1
        self.follow(
            self.quorum(),
            cards=[self.rings[code].card()],
            links=tuple(links),
            quorum=max(former.quorum, count // 2 + 1),
        )

    @precondition(lambda self: len(self.history.latest.codes) > 2)
    @rule(data=st.data())
    def remove(self, data):
        former = self.history.latest
        code = data.draw(st.sampled_from(former.codes))
        left = [one for one in former.codes if one != code]
        links = tuple(Link.between(left[0], other) for other in left[1:])
        quorum = len(left) // 2 + 1
        self.follow(self.quorum(), removed=[code], links=links, quorum=quorum, witness_quorum=0)

    @invariant()
    def every_day_verifies_by_its_own_version(self):
        for number, notes in self.signed_under.items():
            for origin, note in notes:
                verified(note, [self.history.lane_keys(origin, number).log])

    def teardown(self):
        held = History.begin(self.files[0], self.anchor, self.now)
        for raw in self.files[1:]:
            held = held.admit(raw, self.now)
        assert held == self.history


TestChain = Chain.TestCase
TestChain.settings = settings(max_examples=12, stateful_step_count=8, deadline=None)
