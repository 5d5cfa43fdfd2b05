"""One movement: how far it is, what may be done at this office, what was declared and what is seen."""

from typing import Any

import msgspec
from starlette.responses import Response

from darwaza.entry.api.crossing import make_stamp
from darwaza.entry.api.transit import find_case
from darwaza.entry.console.desk import DeclinedError, content_of
from darwaza.entry.console.index import plain
from darwaza.entry.console.page import Page, get, post
from darwaza.entry.console.pages.office import offices_of
from darwaza.entry.console.visit import Visit
from darwaza.entry.console.word import N_
from darwaza.entry.view.consignment import movement_steps
from darwaza.entry.view.transit import MovementDetail, read_movement, view_detail
from darwaza.errors import MalformedError
from darwaza.services.transit.leg import progress
from darwaza.services.transit.movement import Movement
from darwaza.standards.etir.internal import I9, I17

PATH = "/v1/transit/{id}/"
PLANNED = ("planned", "refused")
SEALS_MAX = 20
REASON_MAX = 280


class Possible(msgspec.Struct, frozen=True):
    """Something that may be done here now.

    Attributes:
        act: ``accept``, ``start``, ``terminate``, ``discharge``, ``refuse``, ``hold`` or ``clear``.
        leg: index.
        office: that does it.
        early: the truck is not known to have got so far; the news may still be on its way.
    """

    act: str
    leg: int
    office: str
    early: bool = False


def possible(view: MovementDetail, offices: list[str], held: frozenset[str]) -> list[Possible]:
    """What these offices may do, in the order it is usually done."""
    found: list[Possible] = []
    declared = view.declaration.legs if view.declaration else ()
    if view.state == "lodged" and declared and declared[0].entry_office in offices:
        found.append(Possible("accept", 0, declared[0].entry_office))
    for index, leg in enumerate(view.legs):
        before = view.legs[index - 1].status if index else "terminated"
        early = before not in {"terminated", "discharged"}
        if leg.entry_office in offices and leg.status in PLANNED:
            found.append(Possible("start", index, leg.entry_office, early))
            if index:
                found.append(Possible("refuse", index, leg.entry_office, early))
        if leg.exit_office in offices and leg.status == "started":
            found.append(Possible("terminate", index, leg.exit_office))
        if leg.entry_office in offices and leg.status == "terminated":
            found.append(Possible("discharge", index, leg.entry_office))
        found += [
            Possible("clear" if office in held else "hold", index, office)
            for office in dict.fromkeys((leg.entry_office, leg.exit_office))
            if office in offices and leg.status in {*PLANNED, "started"}
        ]
    order = ("accept", "start", "terminate", "discharge", "clear", "hold", "refuse")
    return sorted(found, key=lambda item: (item.early, order.index(item.act)))


def _held(movement: Movement) -> frozenset[str]:
    """Offices that hold it for inspection."""
    if movement.recorded is None:
        return frozenset()
    now = progress(movement)
    return frozenset(item.stamp.office for item in now.inspections if item.required == "yes" and item.control is None)


async def _assess(visit: Visit, acts: list[Possible]) -> Any:
    """Whether the office inspects, by its rules and the blind sample; None where it has nothing to do."""
    wanted = next((item for item in acts if item.act == "start"), None)
    if wanted is None:
        return None
    try:
        return await visit.desk.ask(PATH + "assessment", query={"office": wanted.office}, id=visit.name("id"))
    except DeclinedError:
        return None


async def show(visit: Visit, problem: dict[str, str] | None = None, status: int = 200) -> Response:
    """Everything about one movement."""
    row = find_case(visit.desk.call({"id": visit.name("id")}))
    engine = visit.server.gateway.engine
    view, movement = view_detail(engine, row), read_movement(engine, row)
    offices, held = offices_of(visit), _held(movement)
    acts = possible(view, offices, held)
    plates = tuple(item.registration for item in (progress(movement).vehicles if movement.recorded else ()))
    if not plates and view.declaration:
        plates = tuple(item.registration for item in view.declaration.vehicles)
    ours = [leg.entry_office for leg in view.legs if leg.member == visit.member]
    ours += [leg.exit_office for leg in view.legs if leg.member == visit.member]
    return visit.page(
        "movement.html",
        title=N_("Movement"),
        status=status,
        view=view,
        seen_plates=plates,
        acts=acts,
        held=held,
        assessment=await _assess(visit, acts),
        steps=movement_steps(engine, row)[::-1],
        paper_office=next((office for office in ours if office in offices), ours[0] if ours else ""),
        problem=problem,
    )


async def act(visit: Visit) -> Response:
    """Do something to a movement; what has consequences shows them first."""
    movement_id, kind, office = visit.name("id"), visit.name("act"), visit.field("office")
    row = find_case(visit.desk.call({"id": movement_id}))
    engine = visit.server.gateway.engine
    view, movement = view_detail(engine, row), read_movement(engine, row)
    wanted = visit.field("leg")
    leg = int(wanted) if wanted.isdecimal() and len(wanted) <= 2 else -1  # noqa: PLR2004 - no itinerary has a hundred legs
    allowed = possible(view, offices_of(visit), _held(movement))
    chosen = next((item for item in allowed if (item.act, item.leg, item.office) == (kind, leg, office)), None)
    if chosen is None:
        return await show(visit, visit.words("not_in_state"), 409)
    differences = _differences(visit, view, movement)
    if not visit.confirmed and (differences or kind in {"refuse", "hold"}):
        return visit.page(
            "movement-confirm.html",
            title=N_("Please confirm"),
            view=view,
            chosen=chosen,
            differences=differences,
            fields={name: visit.field(name) for name in ("office", "leg", "once", "plate", "seals", "seal", "text")},
        )
    try:
        done = await _give(visit, chosen, view, movement, intact=not differences)
    except DeclinedError as no:
        if no.problem.code == "key_reused":
            return visit.go(f"/console/movements/{movement_id}", said="already")
        return await show(visit, visit.explain(no), no.problem.status)
    said = {"accept": "accepted", "start": "started", "terminate": "terminated", "discharge": "discharged"}
    said |= {"refuse": "refused", "hold": "held", "clear": "released"}
    return visit.go(f"/console/movements/{movement_id}", said="already" if done.repeated else said[kind])


def _differences(visit: Visit, view: MovementDetail, movement: Movement) -> list[tuple[str, str, str]]:
    """What was seen that was not declared: label, declared, seen."""
    found = []
    plate, seals = visit.field("plate"), visit.field("seals")
    declared = [item.registration for item in (progress(movement).vehicles if movement.recorded else ())]
    if plate and declared and plain(plate) not in {plain(item) for item in declared}:
        found.append((N_("Vehicle"), ", ".join(declared), plate[:64]))
    if seals and view.legs:
        seen = {plain(item) for item in seals.replace(",", " ").split()}
        if seen != {plain(item) for item in view.seals}:
            found.append((N_("Seals"), ", ".join(view.seals) or "–", seals[:200]))
    return found


async def _give(visit: Visit, chosen: Possible, view: MovementDetail, movement: Movement, *, intact: bool) -> Any:
    """Give the command; the form's own number makes sure that it is carried out once."""
    desk, once, text = visit.desk, visit.field("once")[:64], visit.field("text")[:REASON_MAX]
    now = visit.server.gateway.clock.now()
    stamp = make_stamp(desk.call(), chosen.office, desk.account.login, now)
    operations = sum(isinstance(item, I9 | I17) for item in movement.events)
    about: dict[str, Any] = {"movement": view.id, "leg": chosen.leg, "stamp": stamp}
    fresh = {"operation": f"{chosen.office}-{once[:12]}", "sequence": operations + 1}
    started = view.legs[chosen.leg].operation if view.legs else ""
    seals = [{"number": number} for number in visit.field("seal").replace(",", " ").split()[:SEALS_MAX]]
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "accept": ("accept", {"stamp": stamp, "seals": seals}),
        "start": ("start", about | fresh | {"seals_intact": intact}),
        "terminate": ("terminate", about | {"operation": started, "reservations": text, "seals_intact": intact}),
        "discharge": ("discharge", about | {"operation": started, "reservations": text}),
        "refuse": ("refuse-start", about | fresh | {"reason": text}),
        "hold": ("inspect", about | {"required": "yes", "reasons": [text] if text else []}),
        "clear": (
            "inspect",
            about | {"required": "yes", "control": {"kind": "physical", "satisfactory": True, "text": text}},
        ),
    }
    path, body = bodies[chosen.act]
    return await desk.act(PATH + path, body, key=once, id=view.id)


async def paper(visit: Visit) -> Response:
    """The accompanying document, to print."""
    query = {"office": visit.query("office"), "form": "pdf"}
    answer = await visit.desk.ask(PATH + "paper", query=query, id=visit.name("id"))
    headers = {"content-disposition": f'inline; filename="paper-{visit.name("id")[:8]}.pdf"'}
    return Response(content_of(answer), headers=headers, media_type="application/pdf")


async def code(visit: Visit) -> Response:
    """One QR code of it, as a picture."""
    number = visit.name("number")
    if not number.isdecimal():
        raise MalformedError("there is no such code", code="not_found")
    query = {"office": visit.query("office"), "form": "png", "number": number}
    answer = await visit.desk.ask(PATH + "paper", query=query, id=visit.name("id"))
    return Response(content_of(answer), media_type="image/png")


PAGES: tuple[Page, ...] = (
    get("/console/movements/{id}", show),
    get("/console/movements/{id}/paper.pdf", paper),
    get("/console/movements/{id}/code/{number}.png", code),
    post("/console/movements/{id}/{act}", act, "customs|supervisor"),
)
