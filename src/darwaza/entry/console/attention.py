"""What needs somebody's attention, the most urgent first: what is lost by waiting comes before what is only untidy."""

from collections.abc import Iterator
from datetime import timedelta

import msgspec

from darwaza.entry.api.paging import page
from darwaza.entry.console.visit import Visit
from darwaza.entry.console.word import N_
from darwaza.entry.view.link import LinkView
from darwaza.ports.store import CaseFilter
from darwaza.services.transit.closure import CrossingStatus

SPOILS_SOON = timedelta(days=2)
EXPIRES_SOON = timedelta(days=30)
SHOWN_MAX = 30
QUARANTINE_MAX = 200
DOCUMENTS_MAX = 100
"""Documents counted at a look: whoever has more is told that there are more."""
DOCUMENTS = "documents"
ARRIVED = "arrived"


class Matter(msgspec.Struct, frozen=True):
    """Something to look at.

    Attributes:
        rank: the smaller, the more urgent.
        tone: ``bad`` or ``warn``.
        text: untranslated, with ``%(name)s``.
        values: for the text.
        path: where to look.
    """

    rank: int
    tone: str
    text: str
    values: dict[str, str]
    path: str


def matters(visit: Visit, links: list[LinkView], closed: list[CrossingStatus]) -> list[Matter]:
    """What needs attention, by what whoever is signed in may see."""
    found = [
        *_links(visit, links),
        *_crossings(visit, closed),
        *_movements(visit),
        *_keeping(visit),
        *_documents(visit),
    ]
    return sorted(found, key=lambda item: item.rank)[:SHOWN_MAX]


def _links(visit: Visit, links: list[LinkView]) -> Iterator[Matter]:
    country = visit.reader.country
    path = "/console/operator" if "operator" in visit.desk.roles else "/console/overview"
    for link in links:
        values = {"country": country(link.peer), "count": visit.reader.number(link.queue)}
        if link.state == "halted":
            yield Matter(0, "bad", N_("The link to %(country)s has stopped: somebody must decide"), values, path)
        elif link.state == "down" and link.queue:
            text = N_("The link to %(country)s is down; messages waiting: %(count)s")
            yield Matter(4, "bad", text, values, path)
        elif link.state == "down":
            yield Matter(7, "warn", N_("The link to %(country)s is down"), values, path)


def _crossings(visit: Visit, closed: list[CrossingStatus]) -> Iterator[Matter]:
    now = visit.server.gateway.clock.now()
    for status in closed:
        waiting = visit.lobby.index.before(status.crossing)
        crossing = visit.register.crossings.get(status.crossing)
        name = status.crossing if crossing is None else crossing.sides[0].name
        soon = [item for item in waiting if item.spoils_at is not None and item.spoils_at - now < SPOILS_SOON]
        values = {
            "crossing": name,
            "count": visit.reader.number(len(waiting)),
            "spoil": visit.reader.number(len(soon)),
        }
        path = f"/console/crossings/{status.crossing}"
        if soon:
            text = N_("%(crossing)s is closed; trucks whose goods spoil within two days: %(spoil)s")
            yield Matter(1, "bad", text, values, path)
        else:
            yield Matter(2, "bad", N_("%(crossing)s is closed; trucks waiting: %(count)s"), values, path)


def _movements(visit: Visit) -> Iterator[Matter]:
    if not {"customs", "supervisor"} & visit.desk.roles:
        return
    now = visit.server.gateway.clock.now()
    bound = visit.lobby.index.bound.values()
    late = [item for item in bound if item.due_at is not None and item.due_at < now and item.under_way]
    refused = [item for item in bound if item.state == "held"]
    wrong = [item for item in bound if item.wrong]
    for rank, items, text in (
        (3, refused, N_("Trucks that were refused entry: %(count)s")),
        (5, late, N_("Trucks past their deadline: %(count)s")),
        (6, wrong, N_("Movements whose records do not agree: %(count)s")),
    ):
        if items:
            path = f"/console/movements/{items[0].id}" if len(items) == 1 else "/console/office"
            yield Matter(rank, "warn", text, {"count": visit.reader.number(len(items))}, path)


def _keeping(visit: Visit) -> Iterator[Matter]:
    if not {"operator", "auditor"} & visit.desk.roles:
        return
    engine, now = visit.server.gateway.engine, visit.server.gateway.clock.now()
    path = "/console/operator" if "operator" in visit.desk.roles else "/console/auditor"
    forks = len(engine.store.forks())
    if forks:
        text = N_("Proofs that a log has two histories: %(count)s")
        yield Matter(0, "bad", text, {"count": visit.reader.number(forks)}, path)
    quarantined = len(engine.store.quarantined(QUARANTINE_MAX))
    if quarantined:
        text = N_("Messages in quarantine: %(count)s")
        yield Matter(5, "warn", text, {"count": visit.reader.number(quarantined)}, path)
    document = engine.site.trust.current
    if document.not_after - now < EXPIRES_SOON:
        text = N_("The corridor document expires on %(day)s")
        yield Matter(2, "bad", text, {"day": visit.reader.day(document.not_after)}, path)
    for card in document.members:
        if card.valid_until - now < EXPIRES_SOON:
            values = {"country": visit.reader.country(card.code), "day": visit.reader.day(card.valid_until)}
            tone = "bad" if card.code == visit.member else "warn"
            yield Matter(3, tone, N_("The keys of %(country)s expire on %(day)s"), values, path)


def _documents(visit: Visit) -> Iterator[Matter]:
    address = visit.desk.guest.address
    wanted = CaseFilter(party=address, service=DOCUMENTS, states=(ARRIVED,), items_max=DOCUMENTS_MAX)
    rows, behind = page(visit.server.store, wanted)
    decode = visit.server.gateway.engine.site.decode_case
    waiting = sum(decode(row).data.recipient == address for row in rows)
    if waiting:
        text = N_("Documents that wait to be taken over: %(count)s")
        count = visit.reader.number(waiting) + ("+" if behind else "")
        yield Matter(8, "warn", text, {"count": count}, "/console/documents?state=arrived")
