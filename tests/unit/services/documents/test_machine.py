"""Every pair of a state and an input: those in the table do what it says, all others are refused and change nothing."""

import itertools
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from darwaza.config import CHUNK_BYTES
from darwaza.kernel.machine import (
    ELAPSED,
    NEW,
    NOT_IN_TABLE,
    Case,
    Command,
    Decision,
    Elapsed,
    Received,
    Refusal,
    decide,
    restored,
)
from darwaza.kernel.message import Refused as RefusedBody
from darwaza.services.documents import SERVICE
from darwaza.services.documents.machine import ENDS
from darwaza.services.documents.message import (
    CHUNK,
    EXPIRED,
    HANDED_OVER,
    OFFER,
    REFUSED,
    Accept,
    AddChunk,
    Document,
    Expired,
    HandedOver,
    Manifest,
    Offer,
    Open,
    Refuse,
    digest_of,
    write_offer,
)
from darwaza.services.documents.rule import RANK, SENDER_GRACE

NOW = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SENDER, RECIPIENT, STRANGER = "PK/trader", "UZ/agency", "KZ/spy"
CASE_ID = "01900000-0000-7000-8000-000000000001"
CHUNKS = (b"first", b"second")
WHOLE = Manifest(bytes=5, digest=digest_of(b"whole"), filename="", media_type="text/plain", title="t")
PIECES = msgspec.structs.replace(WHOLE, bytes=2 * CHUNK_BYTES, chunks=tuple(map(digest_of, CHUNKS)))

STATES = (NEW, "uploading", "offered", "incomplete", "arrived", *ENDS)
MESSAGES = (OFFER, CHUNK, HANDED_OVER, REFUSED, EXPIRED)
INPUTS = (
    *("offer", "open", "add-chunk", "accept", "refuse", "steal", ELAPSED),
    *("documents.gift", *MESSAGES, *map(restored, MESSAGES)),
)
json = msgspec.json.encode


class At:
    """The context of one decision."""

    now = NOW
    member = "UZ"
    case_id = CASE_ID
    reachable = frozenset({"PK", "UZ", "KZ"})
    ledger = None

    def fact(self, name):
        return None

    def party_known(self, address):
        return not address.endswith("/nobody")

    def unsendable(self, draft, body_bytes):
        return Refusal("undeliverable", f"{body_bytes} bytes") if draft.path_policy == "avoid UZ" else None


def case_in(state):
    """A case in a state, None for none; chunked where the state says so."""
    if state == NEW:
        return None
    manifest = WHOLE if state == "arrived" else PIECES
    have = PIECES.chunks[:1] if state in {"uploading", "incomplete"} else ()
    ended_at = NOW if state in ENDS else None
    return Case(CASE_ID, state, Document(SENDER, RECIPIENT, manifest, have, LATER, "", "", ended_at), None, NOW, NOW)


def by(state):
    """Whose command or message usually comes in a state."""
    return SENDER if state in {NEW, "uploading", "offered"} else RECIPIENT


COMMANDS = {
    "offer": (SENDER, Offer(RECIPIENT, "t", "", "text/plain", b"whole")),
    "open": (SENDER, Open(RECIPIENT, PIECES)),
    "add-chunk": (SENDER, AddChunk(CHUNKS[1])),
    "accept": (RECIPIENT, Accept()),
    "refuse": (RECIPIENT, Refuse("no")),
    "steal": (SENDER, None),
}
BODIES = {
    OFFER: (SENDER, RECIPIENT, write_offer(WHOLE, b"whole")),
    CHUNK: (SENDER, RECIPIENT, CHUNKS[1]),
    HANDED_OVER: (RECIPIENT, SENDER, json(HandedOver(WHOLE.digest))),
    REFUSED: (RECIPIENT, SENDER, json(RefusedBody("refused_by_recipient", "no", OFFER, CASE_ID, ""))),
    EXPIRED: (RECIPIENT, SENDER, json(Expired(WHOLE.digest))),
    "documents.gift": (SENDER, RECIPIENT, b""),
}


def input_of(kind, origin=None):
    """A good input of a kind."""
    if kind == ELAPSED:
        return Elapsed(due_at=NOW)
    if kind in COMMANDS:
        party, body = COMMANDS[kind]
        return Command(kind, origin or party, frozenset(), body)
    sender, recipient, body = BODIES[kind.removeprefix("restored ")]
    return Received(kind, CASE_ID, origin or sender, recipient, NOW, LATER, None, "text/plain", body)


PAIRS = list(itertools.product(STATES, INPUTS))


def name(pair):
    return f"{pair[0] or 'new'}+{pair[1]}"


@pytest.mark.parametrize("pair", PAIRS, ids=name)
def test_pair(pair):
    """A pair in the table leads where its cell says; any other is refused by the one code for that."""
    state, kind = pair
    outcome = decide(SERVICE, case_in(state), input_of(kind), At())
    cell = SERVICE.table.get(pair)
    if cell is None:
        assert isinstance(outcome, Refusal)
        assert (outcome.code, outcome.transient) == (NOT_IN_TABLE, False)
    else:
        assert isinstance(outcome, Decision), outcome
        assert outcome.state in cell.next


def test_table_holds_no_other_pair():
    """Every cell of the table was tried above, and every state it leads to is one that was tried."""
    assert set(SERVICE.table) <= set(PAIRS)
    assert {state for cell in SERVICE.table.values() for state in cell.next} == set(STATES) - {NEW}


@pytest.mark.parametrize("pair", [pair for pair in SERVICE.table if pair[1] in MESSAGES and pair[0] != NEW], ids=name)
def test_stranger_moves_nothing(pair):
    """A message about a case from anybody but its other end is refused."""
    outcome = decide(SERVICE, case_in(pair[0]), input_of(pair[1], STRANGER), At())
    assert isinstance(outcome, Refusal)
    assert outcome.code == "not_allowed"


@pytest.mark.parametrize(
    "pair", [pair for pair in SERVICE.table if pair[1] in {"accept", "refuse", "add-chunk"}], ids=name
)
def test_other_party_commands_nothing(pair):
    """A command on a case by the party at its other end is refused."""
    origin = SENDER if by(pair[0]) == RECIPIENT else RECIPIENT
    outcome = decide(SERVICE, case_in(pair[0]), input_of(pair[1], origin), At())
    assert isinstance(outcome, Refusal)
    assert outcome.code == "not_allowed"


@pytest.mark.parametrize("begins", ["offered", "uploading"])
@pytest.mark.parametrize("words", list(itertools.product((HANDED_OVER, REFUSED, EXPIRED), repeat=3)))
def test_words_meet(words, begins):
    """In whatever order a recipient's words come, and come back, both ends rest in the weightiest.

    So they do when the sender's gateway is on a backup that knows the document as one that is still being uploaded.
    """
    sender, recipient = case_in(begins), case_in("arrived")
    for word in words:
        sender = moved(sender, input_of(word))
        recipient = moved(recipient, input_of(restored(word)))
    weightiest = max((word.removeprefix("documents.") for word in words), key=RANK.__getitem__)
    assert sender.state == recipient.state == weightiest


def moved(case, given):
    decision = decide(SERVICE, case, given, At())
    assert isinstance(decision, Decision)
    return Case(case.id, decision.state, decision.data, None, NOW, NOW)


@pytest.mark.parametrize("order", list(itertools.permutations((restored(OFFER), restored(CHUNK)))))
def test_sender_is_restored_in_any_order(order):
    """The lanes come back in any order; the sender waits for the recipient's word again, as long as before."""
    decision = decide(SERVICE, None, input_of(order[0]), At())
    again = decide(SERVICE, Case(CASE_ID, decision.state, decision.data, None, NOW, NOW), input_of(order[1]), At())
    assert again.state == "offered"
    assert again.remind_at == LATER + SENDER_GRACE
    assert again.messages == ()


@pytest.mark.parametrize("state", ENDS)
def test_an_end_that_came_before_the_offer_learns_what_it_is_about(state):
    """Its chunks alone came back before the recipient's word; then the offer comes back, and nothing is said anew."""
    ended = case_in(state)
    ended = msgspec.structs.replace(ended, data=msgspec.structs.replace(ended.data, manifest=None))
    decision = decide(SERVICE, ended, input_of(restored(OFFER)), At())
    assert (decision.state, decision.data.manifest, decision.messages) == (state, WHOLE, ())


@pytest.mark.parametrize("state", ["arrived", "offered"])
def test_what_changes_nothing_keeps_the_reminder(state):
    """Taking the same piece again must not make a case forget that it expires."""
    kind = OFFER if state == "arrived" else restored(OFFER)
    decision = decide(SERVICE, case_in(state), input_of(kind), At())
    assert decision.remind_at == (LATER if state == "arrived" else LATER + SENDER_GRACE)
    assert (decision.messages, decision.notices) == ((), ())


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"to": "UZ/Not An Address"}, "/to"),
        ({"to": "agency"}, "/to"),
        ({"ucr": "two words"}, "/ucr"),
        ({"ucr": ""}, "/ucr"),
    ],
)
def test_offer_that_no_header_could_carry(changes, pointer):
    """What would be unreadable at the other end is refused at this one."""
    offer = msgspec.structs.replace(COMMANDS["offer"][1], **changes)
    outcome = decide(SERVICE, None, Command("offer", SENDER, frozenset(), offer), At())
    assert isinstance(outcome, Refusal)
    assert (outcome.code, outcome.pointer) == ("document_malformed", pointer)


def test_chunk_expires_with_its_document():
    """A chunk carries the document's expiry, so that a recipient who never gets the rest does not wait for ever."""
    decision = decide(SERVICE, case_in("uploading"), input_of("add-chunk"), At())
    assert {draft.expires_at for draft in decision.messages} == {LATER}
    taken = decide(SERVICE, None, input_of(CHUNK), At())
    assert taken.remind_at == LATER


def test_chunk_for_nobody():
    """A chunk for a party nobody knows opens no case."""
    chunk = msgspec.structs.replace(input_of(CHUNK), destination="UZ/nobody")
    assert decide(SERVICE, None, chunk, At()).code == "unknown_party"


def test_policy_of_an_announced_document_binds_each_of_its_messages():
    """What the sender asked of the path stands on every chunk and on the offer, and the rest is refused at once."""
    asked = msgspec.structs.replace(COMMANDS["open"][1], path_policy="avoid AF")
    opened = decide(SERVICE, None, Command("open", SENDER, frozenset(), asked), At())
    first = moved(
        Case(CASE_ID, opened.state, opened.data, None, NOW, NOW),
        Command("add-chunk", SENDER, frozenset(), AddChunk(CHUNKS[0])),
    )
    last = decide(SERVICE, first, input_of("add-chunk"), At())
    assert [(draft.kind, draft.path_policy) for draft in last.messages] == [(CHUNK, "avoid AF"), (OFFER, "avoid AF")]
    asked = msgspec.structs.replace(asked, path_policy="avoid UZ")
    refused = decide(SERVICE, None, Command("open", SENDER, frozenset(), asked), At())
    assert (refused.code, refused.detail) == ("undeliverable", f"{CHUNK_BYTES} bytes")
