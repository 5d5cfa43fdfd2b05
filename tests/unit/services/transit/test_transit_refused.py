"""What becomes of a movement when another gateway refuses what was sent to it."""

import msgspec
import pytest
from tests.unit.services.transit.test_transit_table import in_state, received

from darwaza.kernel.message import Refused
from darwaza.standards.etir.codes import ErrorCode


def refuse(state, kind, code="guarantee_not_found"):
    """Give the movement in a state the word that a message of a kind was refused; return what it says then."""
    _, gateway, movement = in_state(state)
    body = msgspec.json.encode(Refused(code, "no", kind, "0" * 8, "/terms"))
    outcome = gateway.give("transit", movement, received("transit.refused", body, "AF/customs"))
    return outcome, gateway.cases["transit", movement]


def test_a_refused_question_to_the_guarantor_ends_the_waiting():
    """Customs of departure does not wait for ever: the declaration is declined, with the reason as an eTIR fault."""
    outcome, case = refuse("asking", "transit.i1")
    assert case.state == "declined"
    assert case.data.pending is None
    assert case.data.faults[0].code == ErrorCode.GUARANTEE_NOT_FOUND.value
    assert case.data.faults[0].pointer == "/terms"
    assert [notice.kind for notice in outcome.notices] == ["movement.refused", "movement.declined"]


def test_a_refused_declaration_is_declined():
    """The holder learns that the member of departure did not take its declaration."""
    assert refuse("lodged", "transit.e9", "not_in_state")[1].state == "declined"


def test_a_refused_event_changes_nothing_but_is_told():
    """What happened has happened: an accepted movement keeps its state, and customs hears of it."""
    for state in ("accepted", "moving", "ended"):
        outcome, case = refuse(state, "transit.i9", "unreadable")
        assert case.state == state
        assert outcome.notices[0].kind == "movement.refused"
        assert not outcome.messages


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("body_wrong", 100),
        ("field_missing", 101),
        ("value_not_admitted", 102),
        ("date_wrong", 103),
        ("not_an_integer", 104),
        ("value_too_long", 105),
        ("pattern_wrong", 106),
        ("order_wrong", 107),
        ("not_in_state", 200),
        ("unknown_service", 200),
    ],
)
def test_why_it_was_refused_is_an_etir_number(code, number):
    """What the other gateway could not read or do stands at the author as the eTIR number, with its pointer."""
    _, case = refuse("lodged", "transit.e9", code)
    assert [(fault.code, fault.pointer) for fault in case.data.faults] == [(number, "/terms")]
