"""The bank desk: quotes with their full cost, paying, credits to answer, statements, positions, screening."""

from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from darwaza.entry.api.cycle import CycleView
from darwaza.entry.api.problem import problem_of
from darwaza.entry.api.report import LineView, StatementView
from darwaza.entry.console import word
from darwaza.entry.console.account import bulk_line, find_bulk, list_bulk, list_payments
from darwaza.entry.console.desk import DeclinedError
from darwaza.entry.console.listing import Column, Listing
from darwaza.entry.console.order import Form, IncompleteError, fields_at, identifies, write_order
from darwaza.entry.console.page import Page, get, post
from darwaza.entry.console.visit import Visit
from darwaza.entry.console.word import N_
from darwaza.entry.view.consignment import grade_of
from darwaza.entry.view.payment import PaymentView
from darwaza.errors import MalformedError, MessageError
from darwaza.services.payments.netting import cycle_of

BANK = "bank|compliance"
NAME_MAX = 140
REASONS = ("AC04", "AC06", "AM05", "BE01", "MD07", "RR04", "MS03")
"""Reasons a clerk may give for refusing a credit (ISO 20022, ExternalStatusReason1Code)."""
LATE = frozenset({"quoting", "quoted", "reserved", "lapsed"})


async def show(visit: Visit, problem: dict[str, str] | None = None, status: int = 200) -> Response:
    """What a bank clerk starts with."""
    desk, directory = visit.desk, visit.server.gateway.directory
    listing = await list_payments(visit)
    if listing.as_file:
        return listing.file("payments")
    held = await desk.ask("/v1/payments/held") if "compliance" in desk.roles else []
    frozen = await desk.ask("/v1/payments", query={"state": "frozen"})
    others = set(visit.server.gateway.engine.site.trust.current.codes) - {visit.member}
    banks = [one for one in directory.plan.participants if one.role == "psp" and one.member in others]
    reachable = [one for one in banks if directory.corridor(visit.member, one.member) is not None]
    return visit.page(
        "bank.html",
        title=N_("Bank"),
        status=status,
        listing=listing,
        states=word.PAYMENT_STATE,
        credits=await desk.ask("/v1/payments/credits"),
        accounts=await desk.ask("/v1/payments/accounts"),
        held=held,
        suspended=frozen.payments,
        banks=reachable,
        asks=bool(reachable) and directory.participant(desk.guest.address, "psp") is not None,
        given={name: visit.field(name) for name in ("payee_bank", "amount", "fixed", "fee")},
        own=desk.guest.address,
        problem=problem,
    )


async def quote(visit: Visit) -> Response:
    """Ask all providers what a payment costs."""
    fields = ("payee_bank", "amount", "fixed", "fee")
    body = {name: visit.field(name).replace(",", "") for name in fields if visit.field(name)}
    try:
        asked: PaymentView = await visit.desk.act("/v1/payments/quotes", body, key=visit.field("once"))
    except DeclinedError as no:
        return await show(visit, visit.explain(no), no.problem.status)
    return visit.go(f"/console/payments/{asked.id}")


async def show_payment(visit: Visit, problem: dict[str, str] | None = None, status: int = 200) -> Response:
    """One quote or payment; a bulk has a page of its own."""
    if find_bulk(visit, visit.name("id")) is not None:
        return visit.go(f"/console/bulks/{visit.name('id')}")
    view: PaymentView = await visit.desk.ask("/v1/payments/{id}", id=visit.name("id"))
    engine, own = visit.server.gateway.engine, visit.desk.guest.address
    grades = {}
    for message in view.messages:
        log = engine.find_log(message.log)
        if log is not None:
            grades[message.id] = grade_of(engine, log.row.id, message.index, message.id)
    directory = visit.server.gateway.directory
    corridor = directory.corridor(view.payer_bank.partition("/")[0], view.payee_bank.partition("/")[0])
    typed = _typed(visit)
    at = problem.get("elements", problem["pointer"]).split() if problem else []
    offers = view.offers or ([view.chosen] if view.chosen else [])
    return visit.page(
        "payment.html",
        title=N_("Payment"),
        status=status,
        view=view,
        offers=offers,
        grades=grades,
        ours=view.payer_bank == own,
        theirs=view.payee_bank == own,
        acts=word.OFFICER_ACTS.get(view.state, {}),
        purposes=sorted(corridor.purposes) if corridor else [],
        identified=identifies(view, directory),
        wrong=fields_at(typed, at) if "payer" in visit.form else [],
        reasons=REASONS,
        given=typed,
        problem=problem,
    )


def _typed(visit: Visit) -> dict[str, str]:
    """What stands in the form of an order, by field."""
    return {name: visit.field(name)[:NAME_MAX] for name in Form.__struct_fields__}


async def show_bulk(visit: Visit) -> Response:
    """A bulk, with each of its payments."""
    case_id, own = visit.name("id"), visit.desk.guest.address
    # Who may see the first of its payments, as both banks and their provider may, may see them all.
    await visit.desk.ask("/v1/payments/{id}", id=f"{case_id}.1")
    found = find_bulk(visit, case_id)
    if found is None:
        raise MalformedError("there is no such bulk", code="not_found")
    row, bulk = found
    listing = list_bulk(visit, row, bulk)
    if listing.as_file:
        return listing.file("bulk")
    return visit.page(
        "bulk.html",
        title=N_("Bulk"),
        whole=bulk_line(visit.server.gateway.directory, row, bulk, own),
        bulk=bulk,
        listing=listing,
        states=Counter(entry.state for entry in bulk.entries),
    )


async def choose(visit: Visit) -> Response:
    """Take one offer."""
    return await _do(visit, "/v1/payments/quotes/{id}/accept", {"provider": visit.field("provider")}, "chosen")


async def pay(visit: Visit) -> Response:
    """Order the payment; shows first what leaves and what arrives."""
    view: PaymentView = await visit.desk.ask("/v1/payments/{id}", id=visit.name("id"))
    typed, gateway = _typed(visit), visit.server.gateway
    form = Form(**{name: text for name, text in typed.items() if name != "urgent"}, urgent=typed["urgent"] == "yes")
    try:
        document = write_order(form, view, gateway.directory, gateway.clock.now(), visit.field("once"))
    except MessageError as fault:
        elements = fault.elements if isinstance(fault, IncompleteError) else [fault.pointer]
        told = visit.explain(DeclinedError(problem_of(fault))) | {"elements": " ".join(elements)}
        return await show_payment(visit, told, 400)
    if not visit.confirmed:
        identified = identifies(view, gateway.directory)
        person = identified and form.payer_kind != "organisation"
        return visit.page(
            "payment-confirm.html",
            title=N_("Pay?"),
            view=view,
            fields=typed | {"once": visit.field("once")},
            identified=identified,
            born=visit.reader.birthday(date.fromisoformat(form.payer_born)) if person else "",
        )
    query = {"quote": view.id}
    try:
        done = await visit.desk.act("/v1/payments", document, query=query, key=visit.field("once"))
    except DeclinedError as no:
        if no.problem.code in {"key_reused", "not_in_state"} and view.uetr:
            return visit.go(f"/console/payments/{view.id}", said="already")
        return await show_payment(visit, visit.explain(no), no.problem.status)
    return visit.go(f"/console/payments/{view.id}", said="already" if done.repeated else "paid")


async def confirm(visit: Visit) -> Response:
    """Accept a credit."""
    return await _do(visit, "/v1/payments/{id}/confirm", None, "confirmed")


async def reject(visit: Visit) -> Response:
    """Refuse a credit; shows first what that does."""
    if not visit.confirmed:
        return await _ask_first(visit, "reject", {"reason": visit.field("reason"), "detail": visit.field("detail")})
    body = {"reason": visit.field("reason"), "detail": visit.field("detail")[:105]}
    return await _do(visit, "/v1/payments/{id}/reject", body, "rejected")


async def release(visit: Visit) -> Response:
    """One officer's word that it may go on; a second officer's lets it."""
    return await _say(visit, "release")


async def refuse(visit: Visit) -> Response:
    """One officer's word that it goes back to the payer."""
    return await _say(visit, "refuse")


async def block(visit: Visit) -> Response:
    """One officer's word that it goes neither on nor back; a second officer's puts the money into suspense."""
    return await _say(visit, "block")


async def _say(visit: Visit, kind: str) -> Response:
    """An officer's word; what is no release is shown first, with what it does."""
    if kind != "release" and not visit.confirmed:
        return await _ask_first(visit, kind, {})
    return await _do(visit, f"/v1/payments/{{id}}/{kind}", {"officer": visit.desk.account.login}, "looked-at")


async def _ask_first(visit: Visit, kind: str, fields: dict[str, str]) -> Response:
    view = await visit.desk.ask("/v1/payments/{id}", id=visit.name("id"))
    act = word.OFFICER_ACTS.get(view.state, {}).get(kind)
    return visit.page("payment-end.html", title=N_("Please confirm"), view=view, kind=kind, act=act, fields=fields)


async def _do(visit: Visit, path: str, body: Any, said: str) -> Response:
    payment = visit.name("id")
    try:
        done = await visit.desk.act(path, body, id=payment)
    except DeclinedError as no:
        return await show_payment(visit, visit.explain(no), no.problem.status)
    return visit.go(f"/console/payments/{payment}", said="already" if done.repeated else said)


LINES: tuple[Column[LineView], ...] = (
    Column("sequence", "#", lambda line: line.sequence),
    Column("at", N_("Date"), lambda line: line.at),
    Column("phase", N_("Kind"), lambda line: line.phase, words=word.PHASE),
    Column("amount", N_("Amount"), lambda line: line.amount, order=lambda line: Decimal(line.amount)),
    Column("booked", N_("Booked"), lambda line: line.booked, order=lambda line: Decimal(line.booked)),
    Column("available", N_("Available"), lambda line: line.available, order=lambda line: Decimal(line.available)),
    Column("reference", N_("Reference"), lambda line: line.reference),
    Column("payment", N_("Payment"), lambda line: line.payment),
)


async def statement(visit: Visit) -> Response:
    """A statement of one account, newest line first until it is sorted otherwise, on the page or as a file."""
    found: StatementView = await visit.desk.ask("/v1/payments/statement", query={"account": visit.query("account")})
    listing = Listing(visit, found.lines[::-1], LINES)
    if listing.as_file:
        return listing.file("statement")
    return visit.page("statement.html", title=N_("Statement"), found=found, listing=listing)


async def positions(visit: Visit) -> Response:
    """Who owes whom after a settlement cycle, the last that has ended unless one is named."""
    found: CycleView = await visit.desk.ask("/v1/payments/positions", query={"cycle": visit.query("cycle")})
    gateway = visit.server.gateway
    now = cycle_of(gateway.directory, gateway.clock.now())
    return visit.page(
        "positions.html",
        title=N_("Settlement positions"),
        found=found,
        running=found.cycle >= now,
        earlier=found.cycle - 1 if found.cycle else None,
        later=found.cycle + 1 if found.cycle < now else None,
    )


PAGES: tuple[Page, ...] = (
    get("/console/bank", show, BANK),
    post("/console/bank/quote", quote, BANK),
    get("/console/bank/statement", statement, BANK),
    get("/console/bank/positions", positions, BANK),
    get("/console/payments/{id}", show_payment),
    get("/console/bulks/{id}", show_bulk),
    post("/console/payments/{id}/choose", choose, BANK),
    post("/console/payments/{id}/pay", pay, BANK),
    post("/console/payments/{id}/confirm", confirm, BANK),
    post("/console/payments/{id}/reject", reject, BANK),
    post("/console/payments/{id}/release", release, "compliance"),
    post("/console/payments/{id}/refuse", refuse, "compliance"),
    post("/console/payments/{id}/block", block, "compliance"),
)
