"""The judge of corridor documents."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darwaza.errors import ConflictError, DarwazaError, MessageError, SignatureError, TransientError
from darwaza.kernel.admission import CLOCK_SKEW_S_MAX, LIFETIME_DAYS_MAX, admit
from darwaza.kernel.amendment import propose
from darwaza.kernel.canonical import canonical
from darwaza.kernel.corridor import Corridor, Terms
from darwaza.kernel.key import Ed25519PrivateKey
from darwaza.kernel.naming import SIGNING_ROLES, KeyRole, SignerName
from darwaza.kernel.note import Note, Signature, Signer, format_note, parse, signed
from darwaza.testing.cast import CORRIDOR_NAME, CREATED_AT, LIFETIME, Keyring, corridor_of, sign_document

AF, PK, UZ = (Keyring(code) for code in ("AF", "PK", "UZ"))
RENEWED = PK.rotated("witness")
RINGS = [AF, PK, RENEWED, UZ]
NOW = CREATED_AT + timedelta(days=31)
DAY = timedelta(days=1)

FORMER = corridor_of([AF, PK, UZ])
DOCUMENT = propose(
    FORMER,
    created_at=NOW - DAY,
    votes=["AF", "PK"],
    cards=[RENEWED.card()],
    classes=(Terms("default", "", 3600),),
)
FILE = sign_document(DOCUMENT, FORMER, RINGS)


def all_lines(text: str) -> Note:
    """Sign a text with every key there is: what is wrong with the note is then only what the text says."""
    return signed(
        text,
        *(
            Signer(str(SignerName(CORRIDOR_NAME, ring.code, role)), ring.signing_key(role))
            for ring in RINGS
            for role in SIGNING_ROLES
            if role is not KeyRole.LOG_MLDSA44
        ),
    )


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong with the file, at one level, and the code it must get."""

    code: str
    edit: Callable = lambda document: None
    retext: Callable = lambda text: text
    resign: Callable = lambda note: note
    rewrite: Callable = lambda raw: raw


def instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def created(moment: datetime) -> Callable:
    return lambda d: d.update(created_at=instant(moment), not_after=instant(moment + LIFETIME))


def base64_zeros(count: int) -> str:
    return "A" * (4 * count // 3 + 1) + "="


def falsify(note: Note) -> Note:
    """Put the signature of the last line under the name of PK's vote."""
    lines = [
        msgspec.structs.replace(line, value=note.signatures[-1].value) if line.name.endswith("PK/vote") else line
        for line in note.signatures
    ]
    return msgspec.structs.replace(note, signatures=tuple(lines))


def strip(name: str) -> Callable[[Note], Note]:
    return lambda note: msgspec.structs.replace(
        note, signatures=tuple(line for line in note.signatures if not line.name.endswith(name))
    )


def share_log_key(document) -> None:
    document["members"][2]["keys"]["log"] = document["members"][0]["keys"]["log"]


# In the documented order. Where two touch the same field, the first of them prevails in the test of precedence.
FAULTS = [
    Fault("note_malformed", rewrite=lambda raw: raw[:-1]),
    Fault("corridor_malformed", edit=lambda d: d.update(colour="green")),
    Fault("not_canonical", retext=lambda text: text.replace('","', '", "', 1)),
    Fault("instant_wrong", edit=lambda d: d.update(created_at="2026-12-31T05:00:00+05:00")),
    Fault("list_unordered", edit=lambda d: d["links"].insert(0, d["links"][0])),
    Fault("card_window_wrong", edit=lambda d: d["members"][1].update(valid_until="2020-01-01T00:00:00Z")),
    Fault("url_wrong", edit=lambda d: d["members"][1]["addresses"][0].update(url="https://a.example:99999")),
    Fault("quorum_wrong", edit=lambda d: d.update(quorum=1)),
    Fault("link_wrong", edit=lambda d: d["links"][-1].update(members=["PK", "ZZ"])),
    Fault("witness_quorum_wrong", edit=lambda d: d.update(witness_quorum=2)),
    Fault("default_class_missing", edit=lambda d: d["classes"][0].update(name="money")),
    Fault("mldsa44_missing", edit=lambda d: d.update(mldsa44_required=True)),
    Fault("name_differs", edit=lambda d: d.update(name="darwaza.example/other")),
    Fault("version_old", edit=lambda d: d.update(version=1)),
    Fault("version_skipped", edit=lambda d: d.update(version=3)),
    Fault("previous_differs", edit=lambda d: d.update(previous="0" * 64)),
    Fault("window_wrong", edit=lambda d: d.update(not_after="2026-11-01T00:00:00Z")),
    Fault("created_before_previous", edit=created(CREATED_AT - DAY)),
    Fault("created_in_future", edit=created(NOW + DAY)),
    Fault("key_not_admitted", edit=lambda d: d["members"][0]["keys"].update(witness=base64_zeros(32))),
    Fault("key_reused", edit=share_log_key),
    Fault("vote_unknown", edit=lambda d: d.update(votes=["ZZ"])),
    Fault("quorum_missing", edit=lambda d: d.update(votes=["PK"])),
    Fault("own_vote_missing", edit=lambda d: d.update(votes=["AF", "UZ"])),
    Fault("signature_false", resign=falsify),
    Fault("signature_missing", resign=strip("AF/vote")),
]


def build(faults: list[Fault]) -> bytes:
    """Make a file with all these faults. The last ones are put in first, so that the first ones prevail."""
    document = json.loads(DOCUMENT.text)
    for fault in reversed(faults):
        fault.edit(document)
    text = canonical(document).decode() + "\n"
    for fault in reversed(faults):
        text = fault.retext(text)
    note = all_lines(text)
    for fault in faults:
        note = fault.resign(note)
    raw = format_note(note)
    for fault in reversed(faults):
        raw = fault.rewrite(raw)
    return raw


def test_the_document_without_faults_is_admitted():
    """What the faults are put into is right, with just the lines it needs and with more of them."""
    assert admit(FILE, FORMER, NOW) == DOCUMENT
    assert admit(build([]), FORMER, NOW) == DOCUMENT


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.code)
def test_each_fault_has_its_code(fault):
    """One fault alone is refused with its code."""
    with pytest.raises(DarwazaError) as caught:
        admit(build([fault]), FORMER, NOW)
    assert caught.value.code == fault.code


@pytest.mark.parametrize("index", range(len(FAULTS)), ids=lambda index: FAULTS[index].code)
def test_the_first_of_many_faults_names_the_result(index):
    """A file with a fault and every later one too is refused with the code of the first."""
    with pytest.raises(DarwazaError) as caught:
        admit(build(FAULTS[index:]), FORMER, NOW)
    assert caught.value.code == FAULTS[index].code


def first_version(**changes) -> Corridor:
    return msgspec.structs.replace(FORMER, **changes)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (first_version(), None),
        (first_version(version=2), "version_skipped"),
        (first_version(previous="0" * 64), "previous_differs"),
        (first_version(not_after=CREATED_AT), "window_wrong"),
        (first_version(not_after=CREATED_AT + timedelta(days=LIFETIME_DAYS_MAX, seconds=1)), "window_wrong"),
        (first_version(not_after=CREATED_AT + timedelta(days=LIFETIME_DAYS_MAX)), None),
        (first_version(votes=("AF", "UZ")), "vote_missing"),
    ],
)
def test_rules_of_the_first_version(document, code):
    """Version 1 follows nothing and is voted by all."""
    raw = format_note(all_lines(document.text))
    if code is None:
        assert admit(raw, None, NOW) == document
    else:
        with pytest.raises(MessageError) as caught:
            admit(raw, None, NOW)
        assert caught.value.code == code


def test_a_version_that_changes_nothing_is_refused():
    """Nobody makes versions for their own sake."""
    same = propose(FORMER, created_at=NOW, votes=["AF", "PK", "UZ"])
    with pytest.raises(MessageError) as caught:
        admit(sign_document(same, FORMER, RINGS), FORMER, NOW)
    assert caught.value.code == "nothing_changed"


def test_one_key_that_votes_twice_counts_once():
    """Neither a code listed twice nor a line written twice makes two votes."""
    twice = json.loads(DOCUMENT.text) | {"votes": ["PK", "PK"]}
    with pytest.raises(MessageError) as caught:
        admit(format_note(all_lines(canonical(twice).decode() + "\n")), FORMER, NOW)
    assert caught.value.code == "list_unordered"
    alone = propose(FORMER, created_at=NOW, votes=["PK"], quorum=3)
    note = parse(sign_document(alone, FORMER, RINGS))
    with pytest.raises(SignatureError) as caught:
        admit(format_note(msgspec.structs.replace(note, signatures=note.signatures * 2)), FORMER, NOW)
    assert caught.value.code == "quorum_missing"


def test_two_members_cannot_share_the_key_that_votes():
    """Else one holder would have two votes."""
    shared = msgspec.structs.replace(UZ.card(), keys=msgspec.structs.replace(UZ.card().keys, vote=AF.card().keys.vote))
    document = propose(FORMER, created_at=NOW, votes=["AF", "PK"], cards=[shared])
    with pytest.raises(SignatureError) as caught:
        admit(sign_document(document, FORMER, RINGS), FORMER, NOW)
    assert caught.value.code == "key_reused"


@pytest.mark.parametrize("name", ["AF/vote", "PK/vote", "PK/witness"])
def test_no_line_can_be_stripped(name):
    """Every vote the text lists and every proof of possession must be there, also when enough others are."""
    with pytest.raises(SignatureError) as caught:
        admit(format_note(strip(name)(parse(FILE))), FORMER, NOW)
    assert caught.value.code == "signature_missing"
    assert name in caught.value.detail


def test_a_listed_vote_beyond_the_quorum_cannot_be_stripped():
    """A member that voted cannot be made to look as if it had not."""
    document = propose(FORMER, created_at=NOW, votes=["AF", "PK", "UZ"], quorum=3)
    note = parse(sign_document(document, FORMER, RINGS))
    assert admit(format_note(note), FORMER, NOW) == document
    with pytest.raises(SignatureError):
        admit(format_note(strip("UZ/vote")(note)), FORMER, NOW)


def test_lines_of_others_neither_help_nor_harm():
    """A line by an unknown key, even under a voter's name, and a false vote nobody counts, change nothing."""
    note = parse(FILE)
    stranger = Signer(f"{CORRIDOR_NAME}/UZ/vote", Ed25519PrivateKey(bytes(32))).sign(note.text.encode())
    uncounted = Signature(f"{CORRIDOR_NAME}/UZ/vote", b"abcd", bytes(64))
    more = msgspec.structs.replace(note, signatures=(stranger, uncounted, *note.signatures))
    assert admit(format_note(more), FORMER, NOW) == DOCUMENT


def test_a_possession_is_proved_with_the_new_key():
    """A log line by the old key under the same name is not enough."""
    document = propose(FORMER, created_at=NOW, votes=["PK"], cards=[PK.rotated("log").card()])
    with pytest.raises(SignatureError) as caught:
        admit(sign_document(document, FORMER, [AF, PK, UZ]), FORMER, NOW)
    assert caught.value.code == "signature_missing"


def test_an_mldsa44_key_proves_its_possession():
    """A post-quantum key enters with a true line of its own, and not without it."""
    quantum = Keyring("PK", post_quantum=True)
    document = propose(FORMER, created_at=NOW, votes=["PK"], cards=[quantum.card()])
    raw = sign_document(document, FORMER, [quantum])
    assert admit(raw, FORMER, NOW) == document
    for note in (strip("log_mldsa44")(parse(raw)), parse(raw.replace(b"log_mldsa44 ", b"log_mldsa44x "))):
        with pytest.raises(MessageError):
            admit(format_note(note), FORMER, NOW)


def test_a_vote_signed_with_the_key_it_introduces_is_no_vote():
    """A member that changes its vote key votes with the former one."""
    renewed = PK.rotated("vote")
    document = propose(FORMER, created_at=NOW, votes=["AF", "PK"], cards=[renewed.card()])
    with pytest.raises(SignatureError) as caught:
        admit(sign_document(document, FORMER, [AF, renewed]), FORMER, NOW)
    assert caught.value.code == "signature_missing"
    assert admit(sign_document(document, FORMER, [AF, PK, renewed]), FORMER, NOW) == document


def test_an_expired_version_still_admits_the_next():
    """A corridor that slept past its expiry wakes up by a vote, not by a new beginning."""
    late = CREATED_AT + 3 * LIFETIME
    renewal = propose(FORMER, created_at=late, not_after=late + LIFETIME, votes=["AF", "PK"])
    assert admit(sign_document(renewal, FORMER, RINGS), FORMER, late) == renewal


def test_an_expired_version_is_admitted():
    """Whoever was away for years catches up version by version."""
    assert admit(FILE, FORMER, CREATED_AT + 10 * LIFETIME) == DOCUMENT


def test_a_clock_may_be_a_little_behind():
    """A document from a moment ahead is admitted; one from further ahead may be admitted later."""
    ahead = timedelta(seconds=CLOCK_SKEW_S_MAX)
    assert admit(FILE, FORMER, DOCUMENT.created_at - ahead) == DOCUMENT
    with pytest.raises(TransientError):
        admit(FILE, FORMER, DOCUMENT.created_at - ahead - timedelta(seconds=1))


def test_the_ends_of_time_break_nothing():
    """Instants at the limits of the calendar are refused like others."""
    for moment in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(microsecond=0, tzinfo=UTC)):
        document = msgspec.structs.replace(DOCUMENT, created_at=moment, not_after=moment)
        with pytest.raises(MessageError) as caught:
            admit(format_note(all_lines(document.text)), FORMER, NOW)
        assert caught.value.code == "window_wrong"


def test_the_same_text_in_another_corridor_is_nothing():
    """Votes carry the corridor's name: what was signed for one cannot be used in another."""
    other = msgspec.structs.replace(FORMER, name="darwaza.example/other")
    note = parse(sign_document(FORMER, None, RINGS))
    with pytest.raises(SignatureError) as caught:
        admit(format_note(msgspec.structs.replace(note, text=other.text)), None, NOW)
    assert caught.value.code == "signature_missing"


@settings(max_examples=400)
@given(st.integers(0, len(FILE) - 1), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_changes_nothing(index, value):
    """Whatever byte of an admitted file becomes whatever other one, no other document is ever admitted."""
    mutant = bytearray(FILE)
    mutant[index] = value
    try:
        assert admit(bytes(mutant), FORMER, NOW) == DOCUMENT
    except MessageError:
        assert bytes(mutant) != FILE


def test_every_changed_character_of_a_line_is_refused():
    """In the signature lines, where a change might go unread, every byte matters."""
    start = FILE.index(b"\n\n")
    for index in range(start, len(FILE)):
        mutant = bytearray(FILE)
        mutant[index] ^= 1
        with pytest.raises(MessageError):
            admit(bytes(mutant), FORMER, NOW)


def test_errors_of_the_chain_are_conflicts():
    """Who is told of a rollback, a gap or a foreign chain can act on the class."""
    for code in ("name_differs", "version_old", "version_skipped", "previous_differs", "created_before_previous"):
        fault = next(fault for fault in FAULTS if fault.code == code)
        with pytest.raises(ConflictError):
            admit(build([fault]), FORMER, NOW)


def test_the_specification_lists_the_codes_in_the_order_they_are_checked():
    """The table of spec/corridor.md, section 7, holds every code in precedence order."""
    spec = (Path(__file__).parents[3] / "spec" / "corridor.md").read_text("utf-8")
    rows = re.findall(r"^\| [1-6] \| (`[a-z][^|]*`) \| ", spec.partition("## 8")[0], re.MULTILINE)
    listed = [code for row in rows for code in re.findall(r"`(\w+)`", row)]
    tested = [fault.code for fault in FAULTS]
    assert [code for code in listed if code in tested] == tested
    assert set(listed) - set(tested) == {"note_too_large", "base64_wrong", "nothing_changed", "vote_missing"}
