"""Which way documents went, read from signed evidence and from the destination's store, before a bench says so."""

from collections import Counter
from itertools import pairwise

import msgspec

from darwaza.adapters.sqlite.store import SqliteStore
from darwaza.client import Client
from darwaza.entry.local import LocalCorridor
from darwaza.errors import OperatorError
from darwaza.kernel.evidence import HOP, decode
from darwaza.kernel.message import decode_header, member_of
from darwaza.kernel.relay import decode_envelope
from darwaza.kernel.trail import RELAY_KIND
from darwaza.services.documents.message import OFFER
from darwaza.storage import STORE_FILE

NOTICES_MAX = 1_000_000
ARRIVED = "document.arrived"

Path = tuple[str, ...]


class Arrivals(msgspec.Struct):
    """What a destination's store says when its gateway has stopped.

    Attributes:
        noticed: how often the receiver was told that a document has arrived, by case.
        paths: paths of the copies that came, by case.
    """

    noticed: Counter[str]
    paths: dict[str, set[Path]]


def unproven(detail: str) -> OperatorError:
    """Why there is no figure."""
    return OperatorError(f"there is no figure: {detail}", code="bench_unproven")


def arrivals(corridor: LocalCorridor, code: str, receiver: str) -> Arrivals:
    """Read the store of a stopped gateway.

    Args:
        corridor: whose.
        code: the destination.
        receiver: name of its party.
    """
    found = Arrivals(Counter(), {})
    store = SqliteStore(corridor.path(code) / STORE_FILE)
    try:
        for notice in store.notices(f"{code}/{receiver}", 0, NOTICES_MAX):
            found.noticed[notice.case_id] += notice.kind == ARRIVED
        for row in store.logs():
            for leaf in store.scan_leaves(row.id) if row.reader == code else ():
                header = decode_header(leaf.header)
                if header.kind == RELAY_KIND:
                    header = decode_header(decode_envelope(leaf.body).hops[0].header)
                if header.kind == OFFER:
                    path = header.path or (row.author, row.reader)
                    found.paths.setdefault(header.case_id, set()).add(path)
    finally:
        store.close()
    return found


def carried_by(client: Client, message_id: str) -> Path:
    """Members from origin to destination, each of which has signed for its link of a delivered message.

    Raises:
        OperatorError: ``bench_unproven``.
    """
    items = decode(client.evidence(message_id, body=False)).items
    links = [decode_header(item.header.encode()) for item in items if item.role == HOP]
    first = decode_header(items[0].header.encode())
    path = first.path or (member_of(first.origin), member_of(first.destination))
    if [(member_of(link.origin), member_of(link.destination)) for link in links] != list(pairwise(path[1:])):
        raise unproven(f"the evidence of {message_id} does not show every link of {'-'.join(path)}")
    return path
