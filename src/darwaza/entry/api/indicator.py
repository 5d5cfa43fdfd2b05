"""Indicators over HTTP: how long borders take, from both sides' own events (CPMM TFI1, TFI4 and its activities)."""

import asyncio
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from darwaza.entry.api.crossing import TAG
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.entry.api.transit import find_case
from darwaza.entry.clerk import pages
from darwaza.entry.view import transit as view
from darwaza.errors import MalformedError
from darwaza.services.transit.codes import ROLE_SUPERVISOR
from darwaza.services.transit.indicator import BorderTime, CrossingTimes, Speed, border_times, speed, summarise
from darwaza.services.transit.leg import progress
from darwaza.services.transit.machine import AFTER
from darwaza.services.transit.outcome import customs_of
from darwaza.standards.etir.value import CrossingId, Instant


class TimesQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which crossings.

    Attributes:
        crossing: only this one.
        since: only those whose entry side was done at or after it.
        until: only those whose entry side was done before it.
    """

    crossing: CrossingId | None = None
    since: Instant | None = None
    until: Instant | None = None


class IndicatorQuery(msgspec.Struct, forbid_unknown_fields=True):
    """How long the whole journey is, metres, for the speeds; without it they are left out."""

    distance_m: Annotated[int, Meta(ge=1, le=50_000_000)] | None = None


class Indicators(msgspec.Struct, omit_defaults=True):
    """Indicators of one movement: border times, and its speeds once it has ended."""

    border_times: tuple[BorderTime, ...]
    speed: Speed | None = None


async def times(call: Call) -> list[CrossingTimes]:
    """Border times of the movements this gateway knows, by crossing and direction."""
    query: TimesQuery = call.query
    engine, found = call.server.gateway.engine, list[BorderTime]()
    for page in pages(engine, customs_of(engine.site.member), "transit", AFTER):
        for row in page:
            movement = view.read_movement(engine, row)
            found += [item for item in border_times(movement, progress(movement)) if _wanted(item, query)]
        await asyncio.sleep(0)
    return list(summarise(found))


def _wanted(item: BorderTime, query: TimesQuery) -> bool:
    done: datetime = item.entry_done_at
    return (
        query.crossing in {None, item.crossing}
        and (query.since is None or done >= query.since)
        and (query.until is None or done < query.until)
    )


async def indicators(call: Call) -> Indicators:
    """Border times and speeds of one movement."""
    query: IndicatorQuery = call.query
    movement = view.read_movement(call.server.gateway.engine, find_case(call))
    if movement.recorded is None:
        raise MalformedError("the movement is not accepted yet", code="not_accepted")
    now = progress(movement)
    borders = border_times(movement, now)
    return Indicators(borders, None if query.distance_m is None else speed(now, borders, query.distance_m))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/crossings/times",
        handler=times,
        summary="How long crossings take, both sides and the gap between (CPMM TFI1), by direction",
        tag=TAG,
        role=ROLE_SUPERVISOR,
        query=TimesQuery,
        answer=list[CrossingTimes],
    ),
    Endpoint(
        method="GET",
        path="/v1/transit/{id}/indicators",
        handler=indicators,
        summary="Border times and speeds of a movement (CPMM TFI1, TFI4)",
        tag="transit",
        query=IndicatorQuery,
        answer=Indicators,
    ),
)
