"""Movements over HTTP: lodge, act, list by holder and by office, ask whether to inspect."""

from collections.abc import Sequence
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from darwaza import config
from darwaza.engine.intake import Accepted, Submit
from darwaza.entry.api import paging
from darwaza.entry.api.document import idempotency_key
from darwaza.entry.api.endpoint import Call, Endpoint, Handler
from darwaza.entry.view import transit as view
from darwaza.entry.view.transit import MovementDetail, MovementView
from darwaza.errors import DarwazaError, ForbiddenError, MalformedError
from darwaza.kernel.machine import Refusal
from darwaza.ports.store import CaseFilter, CaseRow, PartyRow
from darwaza.services.transit.codes import ROLE_SUPERVISOR, office_role
from darwaza.services.transit.leg import progress
from darwaza.services.transit.message import COMMANDS
from darwaza.services.transit.outcome import customs_of, office_party
from darwaza.services.transit.risk import Assessment, assess
from darwaza.standards.etir.value import Declaration, OfficeId
from darwaza.standards.etir.wire import BODY_BYTES_MAX

SERVICE = "transit"
TAG = "transit"
OFFICE_ROLE = "office "
SAMPLE_DOMAIN = b"darwaza risk sample v1\n"
"""Signed with the log key (Ed25519 signs the same text the same way) to make the secret of the blind sample."""


class Done(msgspec.Struct, omit_defaults=True):
    """A command was carried out.

    Attributes:
        id: of the case.
        state: of the case now.
        message_ids: of the messages it sent.
        answer: what the rule answered.
        repeated: this is the stored answer to a request that came before.
    """

    id: str
    state: str
    message_ids: tuple[str, ...] = ()
    answer: Any = None
    repeated: bool = False


class ListQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which movements, newest first.

    Attributes:
        office: those on whose way this office lies; the caller must be one of its officers or a supervisor.
        heading: only those the office still has something to do for.
        state: only in this state.
        ucr: only of this consignment.
        page: the ``next`` of the former page.
        limit: items of a page, before ``heading`` picks.
    """

    office: OfficeId | None = None
    heading: bool = False
    state: Annotated[str, Meta(max_length=32)] | None = None
    ucr: Annotated[str, Meta(min_length=1, max_length=35)] | None = None
    page: Annotated[str, Meta(max_length=128)] | None = None
    limit: Annotated[int, Meta(ge=1, le=config.PAGE_ITEMS_MAX)] = 50


class MovementPage(msgspec.Struct, omit_defaults=True):
    """Movements and how to ask for the next page, which may come before this one is full; no ``next`` on the last."""

    movements: list[MovementView]
    next: str | None = None


class AssessmentQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which office asks whether it inspects."""

    office: OfficeId


def done(outcome: Any) -> Done | DarwazaError | Refusal:
    """Word the outcome of a command."""
    if not isinstance(outcome, Accepted):
        refused: DarwazaError | Refusal = outcome
        return refused
    return Done(outcome.case_id, outcome.state, outcome.message_ids, outcome.answer, outcome.repeated)


def command(call: Call, service: str, kind: str, case_id: str, body: Any, *, opens: bool = False) -> Submit:
    """Make a command of the calling party, which acts for its offices too."""
    guest, key = call.party, idempotency_key(call)
    digest = asked_digest(service, kind, case_id, body) if key else b""
    acts_for = addresses(call)[1:]
    return Submit(guest.address, guest.roles, service, kind, key, digest, body, case_id, opens, acts_for)


async def submit(
    call: Call, service: str, kind: str, case_id: str, body: Any, *, opens: bool = False
) -> Done | DarwazaError | Refusal:
    """Give the engine a command of the calling party."""
    return done(await call.server.submit(command(call, service, kind, case_id, body, opens=opens)))


def asked_digest(service: str, kind: str, case_id: str, body: Any) -> bytes:
    """Digest everything a caller asked under an idempotency key."""
    return sha256(msgspec.msgpack.encode((service, kind, case_id, body))).digest()


# --- who may see what ---


def addresses(call: Call) -> tuple[str, ...]:
    """The addresses whose cases a caller sees: its own, its offices', and for a supervisor those of customs."""
    roles = call.party.roles
    found = [call.party.address]
    found += [office_party(role.removeprefix(OFFICE_ROLE)) for role in sorted(roles) if role.startswith(OFFICE_ROLE)]
    if ROLE_SUPERVISOR in roles:
        found.append(customs_of(call.server.gateway.config.member))
    return tuple(found)


def find_case(call: Call, service: str = SERVICE) -> CaseRow:
    """The case the path names, if the caller may see it.

    Raises:
        MalformedError: ``not_found``, whether it does not exist or is somebody else's.
    """
    case_id = call.request.path_params["id"]
    row = call.server.store.cases([case_id]).get(case_id)
    seen = row is not None and any(
        call.server.store.concerns(PartyRow(address, row.service, row.opened_at, row.id)) for address in addresses(call)
    )
    if row is None or row.service != service or not seen:
        raise MalformedError(f"there is no such {service}", code="not_found")
    return row


def need_office(call: Call, office: str) -> None:
    """Refuse who neither works at an office of this gateway nor supervises it.

    Raises:
        ForbiddenError: ``office_not_yours``.
    """
    member = call.server.gateway.config.member
    if office[:2] == member and {office_role(office), ROLE_SUPERVISOR} & call.party.roles:
        return
    raise ForbiddenError(f"you are not an officer of {office}", code="office_not_yours")


# --- handlers ---


async def declare(call: Call) -> Done | DarwazaError | Refusal:
    """Lodge a declaration."""
    body: Declaration = call.body
    return await submit(call, SERVICE, "declare", body.movement, body, opens=True)


async def find(call: Call) -> MovementPage:
    """Movements of the caller, or of an office."""
    query: ListQuery = call.query
    party = call.party.address
    if query.office is not None:
        need_office(call, query.office)
        party = office_party(query.office)
    elif ROLE_SUPERVISOR in call.party.roles:
        party = customs_of(call.server.gateway.config.member)
    wanted = CaseFilter(
        party=party,
        service=SERVICE,
        states=() if query.state is None else (query.state,),
        ucr=query.ucr,
        after=paging.place(query.page),
        items_max=query.limit,
    )
    rows, following = paging.page(call.server.store, wanted)
    engine = call.server.gateway.engine
    shown = [
        row
        for row in rows
        if not query.heading or query.office is None or view.still_heads_to(engine, row, query.office)
    ]
    return MovementPage([view.view_movement(engine, row) for row in shown], following)


async def read(call: Call) -> MovementDetail:
    """One movement: declaration, legs, seals, clocks, timeline."""
    return view.view_detail(call.server.gateway.engine, find_case(call))


async def assessment(call: Call) -> Assessment:
    """Whether an office inspects a movement, and why: its member's risk rules and the blind sample."""
    query: AssessmentQuery = call.query
    need_office(call, query.office)
    gateway = call.server.gateway
    movement = view.read_movement(gateway.engine, find_case(call))
    if movement.recorded is None:
        raise MalformedError("the movement is not accepted yet", code="not_accepted")
    secret = gateway.keys.log.sign(SAMPLE_DOMAIN)
    now = progress(movement)
    return assess(gateway.risk, movement, now, query.office, secret=secret, at=gateway.clock.now())


def _command(kind: str) -> Handler:
    """Make the handler of a command on a movement."""

    async def handler(call: Call) -> Done | DarwazaError | Refusal:
        return await submit(call, SERVICE, kind, call.request.path_params["id"], call.body)

    handler.__name__ = kind.replace("-", "_")
    return handler


_SUMMARIES = {
    "amend": "Lodge the next edition of a declaration, or ask customs for it once it is accepted",
    "withdraw": "Take back a declaration that is not accepted",
    "accept": "Accept a declaration at the office of departure, with seals and tracker",
    "start": "Start a leg (eTIR I9)",
    "terminate": "Terminate a leg, with or without reservations (eTIR I11)",
    "discharge": "Discharge a leg (eTIR I13)",
    "refuse-start": "Refuse to start a leg (eTIR I17)",
    "seal": "Record a step in a seal's custody chain",
    "report-incident": "Record an incident, or a load moved to other vehicles",
    "inspect": "Record whether an office inspects, and what it found",
    "record-activity": "Record time spent at a border",
    "tracker": "Fit or remove a tracker",
    "cancel": "Cancel a movement that has not started",
    "reroute": "Record another itinerary for what lies ahead",
    "suspend": "Stop the clocks by hand; the gateway does it by itself when a crossing closes",
    "extend": "Move the deadlines by hand; the gateway does it by itself when a crossing's customs grants more time",
    "resume": "Let the clocks run again by hand",
    "charge": "Say what must be paid before the goods are handed over: duty, fee or premium",
    "release": "Hand over the goods at destination as soon as all required facts hold",
}


def _commands() -> Sequence[Endpoint]:
    bodies = {kind: body for kind, body in COMMANDS.items() if kind != "carry-in"} | {"amend": Declaration}
    return tuple(
        Endpoint(
            method="POST",
            path=f"/v1/transit/{{id}}/{kind}",
            handler=_command(kind),
            summary=_SUMMARIES[kind],
            tag=TAG,
            body=body,
            body_bytes_max=BODY_BYTES_MAX,
            answer=Done,
        )
        for kind, body in bodies.items()
    )


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/transit",
        handler=declare,
        summary="Lodge a transit declaration",
        tag=TAG,
        body=Declaration,
        body_bytes_max=BODY_BYTES_MAX,
        answer=Done,
        status=HTTPStatus.CREATED.value,
    ),
    Endpoint(
        method="GET",
        path="/v1/transit",
        handler=find,
        summary="List movements, newest first: your own, or those of your office",
        tag=TAG,
        query=ListQuery,
        answer=MovementPage,
    ),
    Endpoint(
        method="GET",
        path="/v1/transit/{id}",
        handler=read,
        summary="A movement: declaration, legs, seals, clocks, timeline",
        tag=TAG,
        answer=MovementDetail,
    ),
    Endpoint(
        method="GET",
        path="/v1/transit/{id}/assessment",
        handler=assessment,
        summary="Whether an office inspects a movement, and by which rules",
        tag=TAG,
        query=AssessmentQuery,
        answer=Assessment,
    ),
    *_commands(),
)
