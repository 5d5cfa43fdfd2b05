"""The movement's state table: all a transit case takes, at whichever gateway it stands.

One table serves every part a gateway plays: the holder's own, departure, guarantor, those on the way. The states after
the acceptance are what ``leg.progress`` computes; the engine checks that a rule chose one its cell names.

    ""         -> lodged | declined | reserved | heard | accepted ...
    heard      events came before the declaration
    lodged     the declaration is here, not accepted
    declined   customs or the guarantor said no; an amendment may follow
    asking     customs of departure waits for the guarantor
    reserved   the guarantor has accepted and waits for the declaration
    accepted   declaration and guarantee stand, nothing has started
    moving     a leg is under way, or between two legs
    held       an office refused to start its leg
    ended      every leg is terminated
    discharged every leg is discharged: the guarantee is free
    withdrawn  taken back by the holder before the acceptance; if customs had accepted meanwhile, that prevails
    cancelled  cancelled by customs of departure before it started
"""

from collections.abc import Mapping

from darwaza.kernel.machine import ELAPSED, NEW, Service, Transition, restored
from darwaza.services.transit import acts, handover
from darwaza.services.transit.binding import ASKING, RESERVED, Binding
from darwaza.services.transit.check import Reference
from darwaza.services.transit.closure import crossing_service
from darwaza.services.transit.enquiry import enquiry_service
from darwaza.services.transit.guarantee import guarantee_service
from darwaza.services.transit.lodging import DECLINED, HEARD, LODGED, WITHDRAWN, Lodging
from darwaza.services.transit.movement import Movement
from darwaza.services.transit.tracker import tracker_service

ACCEPTED, MOVING, HELD = "accepted", "moving", "held"
ENDED, DISCHARGED, CANCELLED = "ended", "discharged", "cancelled"

AFTER = (ACCEPTED, MOVING, HELD, ENDED, DISCHARGED, CANCELLED)
"""States of an accepted movement; any of them may follow from any other, because late events may come."""

_ACTS = (
    "start",
    "terminate",
    "discharge",
    "refuse-start",
    "seal",
    "report-incident",
    "inspect",
    "record-activity",
    "tracker",
    "cancel",
)
_EVENTS = ("transit.i9", "transit.i11", "transit.i13", "transit.i17", "transit.event")
_ANSWERS = ("transit.i8", "transit.i10", "transit.i12", "transit.i14", "transit.i16", "transit.i18")
_HOLDER_ANSWERS = ("transit.e10", "transit.e12", "transit.e14")
_CHAIN_ANSWERS = ("transit.e8", restored("transit.e7"), restored("transit.e8"))


def movement_service(reference: Reference) -> Service:
    """Build the service of movements.

    Args:
        reference: regimes, register, HS editions and release facts of this gateway.
    """
    return Service("transit", Movement, _table(Lodging(reference), Binding(reference), reference.release_facts))


def services(reference: Reference) -> tuple[Service, ...]:
    """Build every service of this package: movements, guarantees, crossings, tracker pools, enquiries.

    Args:
        reference: regimes, register, HS editions and release facts of this gateway.
    """
    return (
        movement_service(reference),
        guarantee_service(reference),
        crossing_service(),
        tracker_service(),
        enquiry_service(reference),
    )


def _table(lodging: Lodging, binding: Binding, release_facts: tuple[str, ...]) -> Mapping[tuple[str, str], Transition]:
    """Write the table."""
    before: dict[tuple[str, str], Transition] = {
        (NEW, "declare"): Transition(lodging.declare, (LODGED,)),
        (NEW, "transit.e9"): Transition(lodging.hear_e9, (LODGED, DECLINED)),
        (NEW, "transit.i1"): Transition(binding.hear_i1, (RESERVED, DECLINED)),
        (NEW, "transit.i7"): Transition(binding.hear_i7, AFTER),
        (NEW, "transit.i15"): Transition(binding.hear_i15, AFTER),
        (NEW, restored("transit.e9")): Transition(lodging.restore, (LODGED,)),
        (NEW, restored("transit.i1")): Transition(binding.restore_asking, (HEARD,)),
        (NEW, restored("transit.i2")): Transition(binding.restore_i2, (RESERVED, DECLINED)),
        (NEW, restored("transit.i7")): Transition(binding.hear_i7, AFTER),
        (NEW, restored("transit.i15")): Transition(binding.hear_i15, AFTER),
        (HEARD, "transit.i1"): Transition(binding.hear_i1, (RESERVED, HEARD)),
        (HEARD, "transit.i2"): Transition(binding.hear_i2, (HEARD,)),
        (HEARD, restored("transit.i1")): Transition(binding.restore_asking, (HEARD,)),
        (HEARD, restored("transit.i2")): Transition(binding.restore_i2, (RESERVED, HEARD)),
        (HEARD, restored("transit.e9")): Transition(lodging.restore, (LODGED,)),
        (HEARD, "transit.i7"): Transition(binding.hear_i7, AFTER),
        (HEARD, "transit.i15"): Transition(binding.hear_i15, AFTER),
        (HEARD, restored("transit.i7")): Transition(binding.hear_i7, AFTER),
        (HEARD, restored("transit.i15")): Transition(binding.hear_i15, AFTER),
        (LODGED, "amend"): Transition(lodging.amend, (LODGED,)),
        (LODGED, "withdraw"): Transition(lodging.withdraw, (WITHDRAWN,)),
        (LODGED, "accept"): Transition(binding.accept, (ASKING, ACCEPTED)),
        (LODGED, "transit.e11"): Transition(lodging.hear_e11, (LODGED, DECLINED)),
        (LODGED, "transit.e13"): Transition(lodging.hear_e13, (WITHDRAWN,)),
        (LODGED, "transit.e10"): Transition(lodging.hear_answer, (LODGED, DECLINED)),
        (LODGED, "transit.e12"): Transition(lodging.hear_answer, (LODGED, DECLINED)),
        (LODGED, "transit.i1"): Transition(binding.hear_i1, (LODGED,)),
        (LODGED, "transit.i2"): Transition(binding.hear_i2, (LODGED,)),
        (LODGED, "transit.i7"): Transition(binding.hear_i7, AFTER),
        (LODGED, "transit.i15"): Transition(binding.hear_i15, AFTER),
        (LODGED, restored("transit.e11")): Transition(lodging.restore, (LODGED,)),
        (LODGED, restored("transit.e13")): Transition(lodging.restore_withdrawal, (WITHDRAWN,)),
        (LODGED, restored("transit.i1")): Transition(binding.restore_asking, (LODGED,)),
        (LODGED, restored("transit.i2")): Transition(binding.restore_i2, (LODGED,)),
        (LODGED, restored("transit.i7")): Transition(binding.hear_i7, AFTER),
        (LODGED, restored("transit.i15")): Transition(binding.hear_i15, AFTER),
        (DECLINED, "amend"): Transition(lodging.amend, (LODGED,)),
        (DECLINED, "withdraw"): Transition(lodging.withdraw, (WITHDRAWN,)),
        (DECLINED, "transit.e11"): Transition(lodging.hear_e11, (LODGED, DECLINED)),
        (DECLINED, "transit.e12"): Transition(lodging.hear_answer, (DECLINED,)),
        (DECLINED, "transit.e13"): Transition(lodging.hear_e13, (WITHDRAWN,)),
        (DECLINED, "transit.i1"): Transition(binding.hear_i1, (RESERVED, DECLINED)),
        (DECLINED, restored("transit.e11")): Transition(lodging.restore, (LODGED,)),
        (DECLINED, restored("transit.e13")): Transition(lodging.restore_withdrawal, (WITHDRAWN,)),
        (DECLINED, "transit.i7"): Transition(binding.hear_i7, AFTER),
        (DECLINED, "transit.i15"): Transition(binding.hear_i15, AFTER),
        (DECLINED, restored("transit.i2")): Transition(binding.restore_i2, (RESERVED, DECLINED)),
        (DECLINED, restored("transit.i7")): Transition(binding.hear_i7, AFTER),
        (DECLINED, restored("transit.i15")): Transition(binding.hear_i15, AFTER),
        (ASKING, "transit.i2"): Transition(binding.hear_i2, (*AFTER, DECLINED)),
        (RESERVED, "transit.i1"): Transition(binding.hear_i1, (RESERVED,)),
        (RESERVED, "transit.i7"): Transition(binding.hear_i7, AFTER),
        (RESERVED, "transit.i15"): Transition(binding.hear_i15, AFTER),
        (RESERVED, restored("transit.i2")): Transition(binding.restore_i2, (RESERVED,)),
        (RESERVED, restored("transit.i7")): Transition(binding.hear_i7, AFTER),
        (RESERVED, restored("transit.i15")): Transition(binding.hear_i15, AFTER),
        (WITHDRAWN, "transit.e14"): Transition(lodging.hear_nothing_new, (WITHDRAWN,)),
        (WITHDRAWN, "transit.i1"): Transition(binding.hear_i1, (WITHDRAWN,)),
        (WITHDRAWN, "transit.i7"): Transition(binding.hear_i7, AFTER),
        (WITHDRAWN, "transit.i15"): Transition(binding.hear_i15, AFTER),
    }
    early = {
        (state, kind): Transition(acts.hear, (HEARD,) if state == NEW else (state,))
        for state in (NEW, HEARD, LODGED, DECLINED, RESERVED)
        for event in _EVENTS
        for kind in (event, restored(event))
    }
    early |= {
        (state, kind): Transition(handover.hear_charge, (HEARD,) if state == NEW else (state,))
        for state in (NEW, HEARD, LODGED, DECLINED, RESERVED)
        for kind in ("transit.charge", restored("transit.charge"))
    }
    chain = {(NEW, "transit.e7"): Transition(lodging.hear_e7, (HEARD,))}
    for state in (HEARD, LODGED, DECLINED, ASKING, RESERVED, WITHDRAWN, *AFTER):
        chain[state, "transit.e7"] = Transition(lodging.hear_e7, (state,))
        chain |= {(state, kind): Transition(lodging.hear_nothing_new, (state,)) for kind in _CHAIN_ANSWERS}
    # Own answers that come back after a lost disk say nothing the questions and events do not say.
    echoes = {
        (state, restored(kind)): Transition(lodging.hear_nothing_new, (state,))
        for state in (HEARD, LODGED, DECLINED, WITHDRAWN, RESERVED, *AFTER)
        for kind in (*_ANSWERS, *_HOLDER_ANSWERS, "transit.refused")
    }
    refusals = {
        (state, "transit.refused"): Transition(lodging.hear_refused, (state, DECLINED))
        for state in (HEARD, LODGED, DECLINED, ASKING, RESERVED, WITHDRAWN, *AFTER)
    }
    return before | early | chain | echoes | refusals | _after(lodging, binding, release_facts)


def _after(lodging: Lodging, binding: Binding, release_facts: tuple[str, ...]) -> dict[tuple[str, str], Transition]:
    """Write the cells of accepted movements. A cancelled one takes what others say, and no act of its own."""
    cells: dict[tuple[str, str], Transition] = {}
    for state in AFTER:
        cells |= {(state, kind): Transition(acts.hear, AFTER) for kind in _EVENTS}
        cells |= {(state, restored(kind)): Transition(acts.hear, AFTER) for kind in _EVENTS}
        cells |= {(state, kind): Transition(acts.hear_answer, (state,)) for kind in _ANSWERS}
        cells |= {(state, kind): Transition(lodging.hear_nothing_new, (state,)) for kind in _HOLDER_ANSWERS}
        cells |= {
            (state, "transit.i7"): Transition(binding.hear_i7, AFTER),
            (state, "transit.i15"): Transition(binding.hear_i15, AFTER),
            (state, restored("transit.i7")): Transition(binding.hear_i7, AFTER),
            (state, restored("transit.i15")): Transition(binding.hear_i15, AFTER),
            (state, restored("transit.i2")): Transition(binding.restore_i2, (state,)),
            (state, "transit.charge"): Transition(handover.hear_charge, AFTER),
            (state, restored("transit.charge")): Transition(handover.hear_charge, AFTER),
            (state, "carry-in"): Transition(acts.carry_in, AFTER),
            (state, "resume"): Transition(acts.resume, AFTER),
            (state, ELAPSED): Transition(acts.elapsed, AFTER),
        }
    for state in (ACCEPTED, MOVING, HELD, ENDED):
        cells |= {(state, kind): Transition(acts.act, AFTER) for kind in _ACTS}
        cells |= {
            (state, "amend"): Transition(lodging.request, (state,)),
            (state, "transit.e11"): Transition(lodging.hear_request, (state,)),
            (state, "reroute"): Transition(binding.reroute, AFTER),
            (state, "suspend"): Transition(acts.suspend, AFTER),
            (state, "extend"): Transition(acts.extend, AFTER),
            (state, "transit.i1"): Transition(binding.hear_i1, (state,)),
            (state, "transit.i2"): Transition(binding.hear_i2, AFTER),
            (state, restored("transit.i1")): Transition(binding.restore_asking, (state,)),
        }
    # Every leg is discharged, so the leg's own table refuses these, each with its eTIR number (210 to 212, 216).
    cells |= {(DISCHARGED, kind): Transition(acts.act, AFTER) for kind in _ACTS[:4]}
    for state in (ACCEPTED, MOVING, HELD, ENDED, DISCHARGED):
        cells[state, "charge"] = Transition(handover.charge, AFTER)
    for state in (ENDED, DISCHARGED):
        cells |= {(state, "fact " + name): Transition(handover.fact_stated, AFTER) for name in release_facts}
        cells[state, "release"] = Transition(handover.release, AFTER)
    return cells
