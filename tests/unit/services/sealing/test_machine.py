"""Every pair of a state and an input: those in the table do what it says, all others are refused and change nothing."""

import itertools
from datetime import UTC, datetime

import msgspec
import pytest

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
from darwaza.kernel.sealcard import CARD_BYTES_MAX
from darwaza.services.sealing import SERVICE
from darwaza.services.sealing.message import ASKED, CARD, REFUSED, Ask, Question
from darwaza.services.sealing.rule import ANSWER_LIFE

NOW = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
ASKER, PARTY = "PK/fbr", "UZ/customs"
CASE_ID = "01900000-0000-7000-8000-000000000001"
STATES = (NEW, "asked", "known", "refused", "unanswered", "answered")
MESSAGES = (ASKED, CARD, REFUSED)
INPUTS = ("ask", "steal", ELAPSED, *MESSAGES, *map(restored, MESSAGES))
NOTE = b"a card"


class At:
    """The context of one decision."""

    now = NOW
    case_id = CASE_ID
    reachable = frozenset({"PK", "UZ"})

    def __init__(self, member="UZ", card=NOTE):
        self.member = member
        self.card = card

    def party_known(self, address):
        return not address.endswith("/nobody")

    def sealing_card(self, address):
        return self.card


def case_in(state):
    return None if state == NEW else Case(CASE_ID, state, Question(ASKER, PARTY), None, NOW, NOW)


def given(kind, **changes):
    if kind == ELAPSED:
        return Elapsed(NOW)
    if kind in {"ask", "steal"}:
        return Command(kind, ASKER, frozenset(), Ask(changes.get("party", PARTY)))
    plain = kind.removeprefix("restored ")
    body = {
        ASKED: b"{}",
        CARD: NOTE,
        REFUSED: msgspec.json.encode(RefusedBody("sealing_key_missing", "", ASKED, CASE_ID, "")),
    }
    ends = (ASKER, PARTY) if plain == ASKED else (PARTY, ASKER)
    fields = {"origin": ends[0], "destination": ends[1], "body": body[plain]} | changes
    return Received(kind, CASE_ID, created_at=NOW, expires_at=None, ucr=None, media_type="", **fields)


def run(state, kind, context=None, **changes):
    member = "PK" if kind in {"ask", CARD, REFUSED, restored(ASKED)} else "UZ"
    return decide(SERVICE, case_in(state), given(kind, **changes), context or At(member))


@pytest.mark.parametrize(("state", "kind"), list(itertools.product(STATES, INPUTS)))
def test_every_pair(state, kind):
    outcome = run(state, kind)
    if (state, kind) not in SERVICE.table:
        assert isinstance(outcome, Refusal)
        assert outcome.code == NOT_IN_TABLE
        return
    assert isinstance(outcome, Decision)
    assert (outcome.remind_at is not None) is (outcome.state == "asked")


def test_a_question_goes_to_the_party_and_is_answered_with_its_card():
    """The answer goes back to whoever asked, in the name of whom was asked."""
    asked = run(NEW, "ask")
    (question,) = asked.messages
    assert (question.kind, question.origin, question.destination) == (ASKED, ASKER, PARTY)
    assert question.expires_at == asked.remind_at == NOW + ANSWER_LIFE
    answered = run(NEW, ASKED)
    (card,) = answered.messages
    assert (card.kind, card.origin, card.destination, card.body) == (CARD, PARTY, ASKER, NOTE)
    known = run("asked", CARD)
    assert (known.state, known.data.card) == ("known", NOTE)
    assert [notice.party for notice in known.notices] == [ASKER]


def test_who_has_no_key_or_is_not_served_is_refused_with_its_code():
    """The other gateway says which; nothing is stored there."""
    assert run(NEW, ASKED, At(card=None)).code == "sealing_key_missing"
    assert run(NEW, ASKED, destination="UZ/nobody").code == "unknown_party"
    refused = run("asked", REFUSED)
    assert (refused.state, refused.data.code) == ("refused", "sealing_key_missing")


@pytest.mark.parametrize("kind", [CARD, REFUSED])
@pytest.mark.parametrize("state", ["asked", "unanswered"])
def test_nobody_else_answers(state, kind):
    """A card from another party of that member changes nothing."""
    assert run(state, kind, origin="UZ/bank").code == "not_allowed"


def test_a_card_over_its_limit_is_not_kept():
    """What a client could not read is not stored for it."""
    assert run("asked", CARD, body=bytes(CARD_BYTES_MAX + 1)).code == "sealing_malformed"


@pytest.mark.parametrize("party", ["", "UZ", "UZ/", "uz/customs", "PK/other"])
def test_whom_to_ask_is_checked(party):
    """Nobody of the own member, and only a full address."""
    refusal = run(NEW, "ask", party=party)
    assert (refusal.code, refusal.pointer) == ("sealing_malformed", "/party")


def test_a_late_card_is_taken_all_the_same():
    """The wait was given up, the answer is still good."""
    given_up = run("asked", ELAPSED)
    assert (given_up.state, given_up.data.ended_at) == ("unanswered", NOW)
    assert run("unanswered", CARD).state == "known"
    assert run("unanswered", restored(ASKED)).remind_at is None
