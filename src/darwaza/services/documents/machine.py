"""The table of registered delivery. docs/reference/documents.md shows it as a diagram made from this table."""

from darwaza.kernel.machine import ELAPSED, NEW, Service, Transition, restored
from darwaza.services.documents import rule
from darwaza.services.documents.message import CHUNK, EXPIRED, HANDED_OVER, OFFER, REFUSED, Document

ENDS = ("handed-over", "refused", "expired")

TABLE = {
    # the sender's gateway
    (NEW, "offer"): Transition(rule.offer, ("offered",)),
    (NEW, "open"): Transition(rule.open_upload, ("uploading",)),
    ("uploading", "add-chunk"): Transition(rule.add_chunk, ("uploading", "offered")),
    ("offered", "add-chunk"): Transition(rule.add_chunk, ("offered",)),
    ("uploading", ELAPSED): Transition(rule.give_up, ("expired",)),
    ("offered", HANDED_OVER): Transition(rule.take_handed_over, ("handed-over",)),
    ("offered", REFUSED): Transition(rule.take_refused, ("refused", "expired")),
    ("uploading", REFUSED): Transition(rule.take_refused, ("refused", "expired")),
    ("offered", EXPIRED): Transition(rule.take_expired, ("expired",)),
    ("offered", ELAPSED): Transition(rule.give_up, ("expired",)),
    # the recipient's word may come after the sender gave up; it counts
    ("expired", HANDED_OVER): Transition(rule.take_handed_over, ("handed-over",)),
    ("expired", REFUSED): Transition(rule.take_refused, ("refused", "expired")),
    ("expired", EXPIRED): Transition(rule.take_expired, ("expired",)),
    # the recipient's gateway
    (NEW, OFFER): Transition(rule.take_offer, ("arrived", "incomplete")),
    (NEW, CHUNK): Transition(rule.take_chunk, ("incomplete",)),
    ("incomplete", OFFER): Transition(rule.take_offer, ("arrived", "incomplete")),
    ("incomplete", CHUNK): Transition(rule.take_chunk, ("arrived", "incomplete")),
    ("arrived", "accept"): Transition(rule.accept, ("handed-over",)),
    ("arrived", "refuse"): Transition(rule.refuse, ("refused",)),
    ("incomplete", "refuse"): Transition(rule.refuse, ("refused",)),
    ("arrived", ELAPSED): Transition(rule.expire, ("expired",)),
    ("incomplete", ELAPSED): Transition(rule.expire, ("expired",)),
    # after a loss
    (NEW, restored(CHUNK)): Transition(rule.restore_chunk, ("uploading",)),
    ("uploading", restored(CHUNK)): Transition(rule.restore_chunk, ("uploading",)),
    (NEW, restored(OFFER)): Transition(rule.restore_offer, ("offered",)),
    ("uploading", restored(OFFER)): Transition(rule.restore_offer, ("offered",)),
    ("arrived", restored(HANDED_OVER)): Transition(rule.restore_end("handed-over"), ("handed-over",)),
    ("arrived", restored(REFUSED)): Transition(rule.restore_end("refused"), ("refused",)),
    ("incomplete", restored(REFUSED)): Transition(rule.restore_end("refused"), ("refused",)),
    ("arrived", restored(EXPIRED)): Transition(rule.restore_end("expired"), ("expired",)),
    ("incomplete", restored(EXPIRED)): Transition(rule.restore_end("expired"), ("expired",)),
}

SERVICE = Service(name="documents", data_type=Document, table=TABLE)
