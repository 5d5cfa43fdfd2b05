"""The table of the sealing service."""

from darwaza.kernel.machine import ELAPSED, NEW, Service, Transition, restored
from darwaza.services.sealing import rule
from darwaza.services.sealing.message import ASKED, CARD, REFUSED, Question

_KEPT = {
    (state, kind): Transition(rule.keep, (state,))
    for state, kinds in {
        "asked": (restored(ASKED),),
        "known": (CARD, REFUSED, restored(ASKED)),
        "refused": (REFUSED, restored(ASKED)),
        "unanswered": (restored(ASKED),),
        "answered": (ASKED, REFUSED, restored(CARD)),
    }.items()
    for kind in kinds
}
"""What is said twice, or comes back after a loss."""

TABLE = {
    # at the gateway of who asks
    (NEW, "ask"): Transition(rule.ask, ("asked",)),
    ("asked", CARD): Transition(rule.take_card, ("known",)),
    ("asked", REFUSED): Transition(rule.take_refused, ("refused",)),
    ("asked", ELAPSED): Transition(rule.give_up, ("unanswered",)),
    ("unanswered", CARD): Transition(rule.take_card, ("known",)),
    ("unanswered", REFUSED): Transition(rule.take_refused, ("refused",)),
    ("refused", CARD): Transition(rule.take_card, ("known",)),
    (NEW, restored(ASKED)): Transition(rule.restore_asked, ("asked",)),
    # at the gateway of the party that is asked for
    (NEW, ASKED): Transition(rule.answer, ("answered",)),
    (NEW, restored(CARD)): Transition(rule.restore_card, ("answered",)),
    **_KEPT,
}

SERVICE = Service(
    name="sealing",
    data_type=Question,
    table=TABLE,
    ended=frozenset({"known", "refused", "unanswered", "answered"}),
)
