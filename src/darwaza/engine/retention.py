"""Forgets the bodies of what has long ended; headers, logs, proofs and receipts stay for ever.

A body may be forgotten when its case has been in an ending state of its service (``Service.ended``) and unchanged for
the time the operator set, and when both sides have signed for the message. What is forgotten here is not deleted at
the neighbour: each member keeps its own data as long as its own law says.

What it costs: the header's digest still proves a body that somebody else shows, but this gateway cannot show it, and
cannot give it back to a neighbour that lost its disk. A log does not stop over that: an entry whose header names a body
and that comes without one is *withheld* (spec/link.md section 7). It is taken where the checkpoint it leads to bears
the signature of whoever takes it, who therefore had the body once.

Messages that travel inside relays keep their bodies: those hold the evidence of the links before.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from darwaza.engine.intake import Forget, Forgotten
from darwaza.engine.unit import Unit
from darwaza.kernel import instant
from darwaza.kernel.message import decode_header, message_key
from darwaza.ports.store import CaseRow, Store

if TYPE_CHECKING:
    from darwaza.engine.engine import Engine

PAGE_CASES = 200
"""Cases looked at in one transaction."""


class Place(msgspec.Struct, frozen=True):
    """A body that may be forgotten.

    Attributes:
        log_id: where it is.
        index: of its leaf.
        bytes: its length.
    """

    log_id: int
    index: int
    bytes: int


def forget(engine: "Engine", unit: Unit, given: Forget) -> Forgotten:
    """Look at one page of cases and forget what may be forgotten."""
    before = instant.to_text(unit.now - timedelta(days=given.days))
    rows = engine.store.cases_after(given.after, PAGE_CASES)
    places = [place for row in rows for place in _places(engine, row, before)]
    if not given.dry_run:
        unit.changes.forgotten += [(place.log_id, place.index) for place in places]
    following = rows[-1].id if len(rows) == PAGE_CASES else None
    return Forgotten(following, len(places), sum(place.bytes for place in places))


def _places(engine: "Engine", row: CaseRow, before: str) -> Iterator[Place]:
    service = engine.site.services.get(row.service)
    if service is None or row.state not in service.ended or row.changed_at >= before:
        return
    for log_id, index, raw in engine.store.case_leaves(row.id):
        header = decode_header(raw)
        waits = message_key(header) in engine.site.order.early
        own_kind = header.kind.startswith(row.service + ".") and not waits
        if not own_kind or header.path is not None or index >= engine.logs[log_id].row.cosigned_size:
            continue
        if header.body_bytes and _is_kept(engine.store, log_id, index):
            yield Place(log_id, index, header.body_bytes)


def _is_kept(store: Store, log_id: int, index: int) -> bool:
    return bool(store.body(log_id, index))
