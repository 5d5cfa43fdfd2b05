"""Lists of payments: each payment of a bulk is a line of its own, with an id of its own."""

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from darwaza import config
from darwaza.entry.api import paging
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.payment import SERVICE, TAG, by_uetr, own_case, show_payment, view
from darwaza.entry.view.payment import PaymentView
from darwaza.kernel.message import UuidText
from darwaza.ports.store import CaseFilter, CaseRow
from darwaza.services.payments.bulk_destination import OPEN as BULK_ASKED
from darwaza.services.payments.entry import BULK_STATES, concerns
from darwaza.services.payments.officer import COMPLIANCE_ROLE
from darwaza.services.payments.record import Bulk, Payment

STOPPED: Final = ("parked", "screened")
"""States of a payment that waits for compliance, at the payer's and at the payee's gateway."""


class ListQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which payments, newest first; those of one bulk in the order of its document.

    Attributes:
        uetr: only this one.
        state: only in this state.
        page: the ``next`` of the former page.
        limit: items of a page.
    """

    uetr: UuidText | None = None
    state: Annotated[str, Meta(max_length=32)] | None = None
    page: Annotated[str, Meta(max_length=128)] | None = None
    limit: Annotated[int, Meta(ge=1, le=config.PAGE_ITEMS_MAX)] = 50


class PaymentPage(msgspec.Struct, omit_defaults=True):
    """Payments and how to ask for the next page, which may come before this one is full; no ``next`` on the last."""

    payments: list[PaymentView]
    next: str | None = None


async def find(call: Call) -> PaymentPage:
    """Quotes and payments of the caller."""
    query: ListQuery = call.query
    if query.uetr is not None:
        return PaymentPage([show_payment(call, by_uetr(call, query.uetr))])
    states = () if query.state is None else (query.state,)
    after, begun = _place(call, query.page)
    wanted = CaseFilter(
        party=call.party.address,
        service=SERVICE,
        states=(*states, *BULK_STATES) if states else (),
        after=after,
        items_max=query.limit,
    )
    rows, following = paging.page(call.server.store, wanted)
    lines: list[PaymentView] = []
    last = ""
    for row, number, data in _payments(call, [*begun, *((row, 0) for row in rows)], states):
        if len(lines) == query.limit:
            return PaymentPage(lines, last)
        lines.append(view(call, row, number, full=False, data=data))
        last = "~".join((row.opened_at, row.id, *([str(number)] if number else ())))
    return PaymentPage(lines, following)


async def held(call: Call) -> list[PaymentView]:
    """Payments that screening has stopped, newest first."""
    # Ended bulks, of which there may be more than a page, hold none that waits.
    states = (*STOPPED, BULK_ASKED)
    wanted = CaseFilter(party=call.party.address, service=SERVICE, states=states, items_max=config.PAGE_ITEMS_MAX)
    rows = [(row, 0) for row in call.server.store.find_cases(wanted)]
    found = [view(call, row, number, full=False, data=data) for row, number, data in _payments(call, rows, STOPPED)]
    return found[: config.PAGE_ITEMS_MAX]


def _place(call: Call, token: str | None) -> tuple[paging.Place | None, list[tuple[CaseRow, int]]]:
    """Where a page begins, and the bulk that goes on on it, with the number of the last payment that was shown."""
    place = paging.place(token)
    if place is None:
        return None, []
    case_id, _, number = place[1].partition("~")
    if not number.isascii() or not number.isdecimal():
        return place, []
    return (place[0], case_id), [(own_case(call, case_id, Bulk), int(number))]


def _payments(
    call: Call, rows: Sequence[tuple[CaseRow, int]], states: tuple[str, ...]
) -> Iterator[tuple[CaseRow, int, Any]]:
    """The payments in cases that concern the caller: the case, the number in a bulk or 0, and the case's data.

    Args:
        call: the request.
        rows: cases, each with the number in it after which to begin.
        states: of the payments; none for any.
    """
    site = call.server.gateway.engine.site
    for row, after in rows:
        data = site.decode_case(row).data
        if isinstance(data, Payment):
            yield row, 0, data
        elif isinstance(data, Bulk):
            for number, entry in enumerate(data.entries, 1):
                wanted = not states or entry.state in states
                if number > after and wanted and concerns(data, entry, call.party.address):
                    yield row, number, data


ENDPOINTS: Sequence[Endpoint] = (
    Endpoint(
        method="GET",
        path="/v1/payments",
        handler=find,
        summary="Your quotes and payments, newest first, or one by its UETR",
        refuses=(HTTPStatus.NOT_FOUND,),
        tag=TAG,
        query=ListQuery,
        answer=PaymentPage,
    ),
    Endpoint(
        method="GET",
        path="/v1/payments/held",
        handler=held,
        summary="Payments that screening has stopped, with what it found",
        tag=TAG,
        role=COMPLIANCE_ROLE,
        answer=list[PaymentView],
    ),
)
