"""What a version changes, and what that takes."""

from datetime import timedelta

import msgspec
import pytest

from darwaza.errors import MalformedError, MessageError, SignatureError
from darwaza.kernel.amendment import (
    MLDSA44TextVerifier,
    check_authority,
    compare,
    document_signer,
    propose,
    required_lines,
)
from darwaza.kernel.corridor import Corridor, Link, Terms
from darwaza.kernel.key import MLDSA44PrivateKey, MLDSA44PublicKey
from darwaza.kernel.member import GatewayAddress, Role
from darwaza.kernel.naming import KeyRole, SignerName
from darwaza.kernel.note import key_id, signed, verified
from darwaza.testing.cast import CORRIDOR_NAME, CREATED_AT, LIFETIME, Keyring, corridor_of

AF, PK, UZ, TJ = (Keyring(code) for code in ("AF", "PK", "UZ", "TJ"))
FORMER = corridor_of([AF, PK, UZ])
LATER = CREATED_AT + timedelta(days=30)


def next_version(**changes) -> Corridor:
    return propose(FORMER, **({"created_at": LATER, "votes": ["AF"]} | changes))


ELSEWHERE = (GatewayAddress("https://192.0.2.7", PK.certificate()),)

# name, changes, sensitive, routine
ROWS = [
    ("only the date", {}, (), ()),
    ("log key", {"cards": [PK.rotated("log").card()]}, (), ("PK",)),
    ("witness key", {"cards": [PK.rotated("witness").card()]}, (), ("PK",)),
    ("seal key", {"cards": [PK.rotated("seal").card()]}, (), ("PK",)),
    ("ML-DSA-44 key", {"cards": [Keyring("PK", post_quantum=True).card()]}, (), ("PK",)),
    ("certificate", {"cards": [PK.rotated("tls").card()]}, (), ("PK",)),
    ("address", {"cards": [PK.card(addresses=ELSEWHERE)]}, (), ("PK",)),
    ("two members", {"cards": [PK.rotated("log").card(), UZ.rotated("seal").card()]}, (), ("PK", "UZ")),
    ("vote key", {"cards": [PK.rotated("vote").card()]}, ("members/PK/keys/vote",), ()),
    ("both", {"cards": [PK.rotated("vote").rotated("log").card()]}, ("members/PK/keys/vote",), ("PK",)),
    ("name of a member", {"cards": [PK.card(name="Pakistan")]}, ("members/PK/name",), ()),
    ("roles", {"cards": [AF.card(roles=(Role.RELAY, Role.WITNESS))]}, ("members/AF/roles",), ()),
    ("from", {"cards": [PK.card(valid_from=LATER)]}, ("members/PK/valid_from",), ()),
    ("until", {"cards": [PK.card(valid_until=LATER)]}, ("members/PK/valid_until",), ()),
    ("a member more", {"cards": [TJ.card()], "quorum": 3}, ("quorum", "members/TJ"), ()),
    ("a member less", {"removed": ["UZ"], "links": FORMER.links[:1], "witness_quorum": 0}, None, ()),
    ("quorum", {"quorum": 3}, ("quorum",), ()),
    ("expiry", {"not_after": LATER + LIFETIME}, ("not_after",), ()),
    ("links", {"links": (Link.between("AF", "UZ"),)}, ("links",), ()),
    ("lanes", {"links": (Link.between("AF", "PK", 3), FORMER.links[1])}, ("links",), ()),
    ("witness quorum", {"witness_quorum": 0}, ("witness_quorum",), ()),
    ("terms", {"classes": (Terms("default", "", 60),)}, ("classes",), ()),
]


@pytest.mark.parametrize(("changes", "sensitive", "routine"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_each_change_is_routine_or_sensitive(changes, sensitive, routine):
    """A member's own keys and addresses are routine; everything else needs the others."""
    amendment = compare(FORMER, next_version(**changes))
    expected = ("links", "witness_quorum", "members/UZ") if sensitive is None else sensitive
    assert set(amendment.sensitive) == set(expected)
    assert amendment.routine == routine


def test_every_field_is_accounted_for():
    """A field added to the document later is sensitive unless somebody decides otherwise."""
    first = compare(None, FORMER)
    follows = {"name", "version", "previous", "created_at", "votes", "members"}
    assert set(first.sensitive) == (set(Corridor.__struct_fields__) - follows) | {f"members/{c}" for c in FORMER.codes}
    assert first.routine == ()


def test_requiring_mldsa44_is_sensitive():
    """The floor of algorithms is the members' common decision."""
    rings = [Keyring(code, post_quantum=True) for code in ("AF", "PK", "UZ")]
    former = corridor_of(rings)
    required = propose(former, created_at=LATER, votes=["AF"], mldsa44_required=True)
    assert compare(former, required).sensitive == ("mldsa44_required",)


PROPOSALS = [
    ("first by all", None, FORMER, None),
    ("first without one", None, msgspec.structs.replace(FORMER, votes=("AF", "PK")), "vote_missing"),
    ("first with a stranger", None, msgspec.structs.replace(FORMER, votes=("AF", "PK", "ZZ")), "vote_unknown"),
    ("nothing", FORMER, next_version(votes=["AF", "PK", "UZ"]), "nothing_changed"),
    ("nothing, by a stranger", FORMER, next_version(votes=["ZZ"]), "nothing_changed"),
    ("a stranger more than enough", FORMER, next_version(quorum=3, votes=["AF", "PK", "ZZ"]), "vote_unknown"),
    ("quorum", FORMER, next_version(quorum=3, votes=["AF", "UZ"]), None),
    ("quorum less one", FORMER, next_version(quorum=3, votes=["UZ"]), "quorum_missing"),
    ("own", FORMER, next_version(cards=[PK.rotated("log").card()], votes=["PK"]), None),
    ("own and a witness", FORMER, next_version(cards=[PK.rotated("log").card()], votes=["AF", "PK"]), None),
    ("others", FORMER, next_version(cards=[PK.rotated("log").card()], votes=["AF", "UZ"]), "own_vote_missing"),
    ("own vote key", FORMER, next_version(cards=[PK.rotated("vote").card()], votes=["PK"]), "quorum_missing"),
    ("vote key by the others", FORMER, next_version(cards=[PK.rotated("vote").card()], votes=["AF", "UZ"]), None),
    (
        "vote and log key by the others",
        FORMER,
        next_version(cards=[PK.rotated("vote").rotated("log").card()], votes=["AF", "UZ"]),
        "own_vote_missing",
    ),
    ("own life", FORMER, next_version(not_after=LATER + LIFETIME, votes=["PK"]), "quorum_missing"),
    (
        "newcomer votes",
        FORMER,
        next_version(cards=[TJ.card()], quorum=3, votes=["AF", "PK", "TJ"]),
        "vote_unknown",
    ),
    ("newcomer", FORMER, next_version(cards=[TJ.card()], quorum=3, votes=["AF", "PK"]), None),
    (
        "quorum and own",
        FORMER,
        next_version(cards=[PK.rotated("log").card()], quorum=3, votes=["AF", "PK"]),
        None,
    ),
]


@pytest.mark.parametrize(
    ("former", "document", "code"), [row[1:] for row in PROPOSALS], ids=[row[0] for row in PROPOSALS]
)
def test_who_must_vote(former, document, code):
    """Each row is enough, or fails with the first rule it breaks."""
    if code is None:
        check_authority(former, document)
    else:
        with pytest.raises(MessageError) as caught:
            check_authority(former, document)
        assert caught.value.code == code


def test_the_quorum_is_that_of_the_former_version():
    """A version that lowers the quorum does not profit from it, and one that raises it does not suffer."""
    strict = msgspec.structs.replace(FORMER, quorum=3)
    lower = propose(strict, created_at=LATER, votes=["AF", "PK"], quorum=2)
    with pytest.raises(SignatureError) as caught:
        check_authority(strict, lower)
    assert caught.value.code == "quorum_missing"
    check_authority(FORMER, next_version(quorum=3, votes=["AF", "PK"]))


def names(former, document) -> list[str]:
    return [str(line.signer).removeprefix(CORRIDOR_NAME + "/") for line in required_lines(former, document)]


def test_a_first_version_carries_every_key():
    """Votes first, then the keys that sign; a vote is the proof of its own key."""
    votes = ["AF/vote", "PK/vote", "UZ/vote"]
    assert names(None, FORMER) == [*votes, "AF/log", "AF/witness", "PK/log", "PK/witness", "UZ/log", "UZ/witness"]


@pytest.mark.parametrize(
    ("card", "lines"),
    [
        (PK.rotated("log").card(), ["PK/vote", "PK/log"]),
        (PK.rotated("witness").card(), ["PK/vote", "PK/witness"]),
        (PK.rotated("seal").card(), ["PK/vote", "PK/log"]),
        (PK.rotated("seal").rotated("log").card(), ["PK/vote", "PK/log"]),
        (PK.rotated("tls").card(), ["PK/vote"]),
        (Keyring("PK", post_quantum=True).card(), ["PK/vote", "PK/log_mldsa44"]),
        (PK.rotated("vote").card(), ["PK/vote", "PK/vote"]),
    ],
)
def test_each_new_key_needs_a_line(card, lines):
    """A new key signs for itself, a sealing key is vouched for by the log key, a TLS key by the vote alone."""
    document = next_version(cards=[card], votes=["PK"])
    assert names(FORMER, document) == lines


def test_a_vote_is_made_with_the_former_key_and_proved_with_the_new_one():
    """Who changes the vote key signs with both."""
    renewed = PK.rotated("vote")
    lines = required_lines(FORMER, next_version(cards=[renewed.card()], votes=["PK"]))
    assert [line.key for line in lines] == [PK.card().keys.vote, renewed.card().keys.vote]


def test_a_key_that_moves_to_another_role_proves_itself_there():
    """Two keys of one card that change places are both new."""
    keys = PK.card().keys
    swapped = PK.card(keys=msgspec.structs.replace(keys, log=keys.witness, witness=keys.log))
    assert compare(FORMER, next_version(cards=[swapped])).enrolled == (("PK", KeyRole.LOG), ("PK", KeyRole.WITNESS))


def test_a_member_that_comes_back_proves_its_keys_again():
    """What a former version knew does not count for a card that is new."""
    without = propose(
        FORMER, created_at=LATER, votes=["AF", "PK"], removed=["UZ"], links=FORMER.links[:1], witness_quorum=0
    )
    back = propose(without, created_at=LATER, votes=["AF", "PK"], cards=[UZ.card()])
    assert names(without, back) == ["AF/vote", "PK/vote", "UZ/vote", "UZ/log", "UZ/witness"]


def test_a_line_of_an_unknown_voter_is_not_left_out():
    """Asking for the lines of a document with a foreign vote fails instead of asking for less."""
    with pytest.raises(SignatureError) as caught:
        required_lines(FORMER, next_version(votes=["ZZ"]))
    assert caught.value.code == "vote_unknown"


def test_an_mldsa44_key_signs_a_text():
    """Its line has the identifier the specification documents, verifies over the text, and over no other."""
    key = MLDSA44PrivateKey(bytes(32))
    signer = document_signer(SignerName(CORRIDOR_NAME, "PK", KeyRole.LOG_MLDSA44), key)
    name = f"{CORRIDOR_NAME}/PK/log_mldsa44"
    note = signed("{}\n", signer)
    verifier = MLDSA44TextVerifier(name, MLDSA44PublicKey(key.public.raw))
    assert verified(note, [verifier]) == (verifier,)
    assert note.signatures[0].key_id == key_id(name, 0xFF, b"darwaza/ml-dsa-44/v1" + key.public.raw)
    with pytest.raises(SignatureError):
        verified(msgspec.structs.replace(note, text="[]\n"), [verifier])


def test_a_proposal_of_wrong_form_is_refused_when_it_is_made():
    """Nobody is asked to sign what cannot be admitted."""
    with pytest.raises(MalformedError) as caught:
        next_version(removed=["UZ"])
    assert caught.value.code == "link_wrong"
