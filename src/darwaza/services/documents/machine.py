"""The table of registered delivery. docs/concepts/engine.md shows it as a diagram made from this table."""

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
    ("uploading", HANDED_OVER): Transition(rule.take_handed_over, ("handed-over",)),
    ("offered", REFUSED): Transition(rule.take_refused, ("refused", "expired")),
    ("uploading", REFUSED): Transition(rule.take_refused, ("refused", "expired")),
    ("offered", EXPIRED): Transition(rule.take_expired, ("expired",)),
    ("uploading", EXPIRED): Transition(rule.take_expired, ("expired",)),
    ("offered", ELAPSED): Transition(rule.give_up, ("expired",)),
    # the recipient's word may come after the sender gave up, or twice after a loss; the weightiest counts
    ("expired", HANDED_OVER): Transition(rule.take_handed_over, ("handed-over",)),
    ("expired", REFUSED): Transition(rule.take_refused, ("refused", "expired")),
    ("expired", EXPIRED): Transition(rule.take_expired, ("expired",)),
    ("refused", HANDED_OVER): Transition(rule.take_handed_over, ("handed-over",)),
    ("refused", REFUSED): Transition(rule.take_refused, ("refused",)),
    ("refused", EXPIRED): Transition(rule.take_expired, ("refused",)),
    ("handed-over", HANDED_OVER): Transition(rule.take_handed_over, ("handed-over",)),
    ("handed-over", REFUSED): Transition(rule.take_refused, ("handed-over",)),
    ("handed-over", EXPIRED): Transition(rule.take_expired, ("handed-over",)),
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
    # pieces that were under way when the recipient ended the case, or that the sender said twice after a loss
    ("arrived", OFFER): Transition(rule.take_late, ("arrived",)),
    ("arrived", CHUNK): Transition(rule.take_late, ("arrived",)),
    ("handed-over", OFFER): Transition(rule.take_late, ("handed-over",)),
    ("handed-over", CHUNK): Transition(rule.take_late, ("handed-over",)),
    ("refused", OFFER): Transition(rule.take_late, ("refused",)),
    ("refused", CHUNK): Transition(rule.take_late, ("refused",)),
    ("expired", OFFER): Transition(rule.take_late, ("expired",)),
    ("expired", CHUNK): Transition(rule.take_late, ("expired",)),
    # after a loss, at the sender's gateway; the lanes come back in any order, and the party announces again
    ("uploading", "open"): Transition(rule.reopen, ("uploading", "offered")),
    ("offered", "open"): Transition(rule.reopen, ("offered",)),
    ("handed-over", "open"): Transition(rule.reopen, ("handed-over",)),
    ("refused", "open"): Transition(rule.reopen, ("refused",)),
    ("expired", "open"): Transition(rule.reopen, ("expired",)),
    (NEW, restored(CHUNK)): Transition(rule.restore_chunk, ("uploading",)),
    ("uploading", restored(CHUNK)): Transition(rule.restore_chunk, ("uploading",)),
    (NEW, restored(OFFER)): Transition(rule.restore_offer, ("offered",)),
    ("uploading", restored(OFFER)): Transition(rule.restore_offer, ("offered",)),
    ("offered", restored(CHUNK)): Transition(rule.restore_chunk, ("offered",)),
    ("offered", restored(OFFER)): Transition(rule.restore_nothing, ("offered",)),
    ("handed-over", restored(CHUNK)): Transition(rule.restore_nothing, ("handed-over",)),
    ("handed-over", restored(OFFER)): Transition(rule.restore_manifest, ("handed-over",)),
    ("refused", restored(CHUNK)): Transition(rule.restore_nothing, ("refused",)),
    ("refused", restored(OFFER)): Transition(rule.restore_manifest, ("refused",)),
    ("expired", restored(CHUNK)): Transition(rule.restore_nothing, ("expired",)),
    ("expired", restored(OFFER)): Transition(rule.restore_manifest, ("expired",)),
    # after a loss, at the recipient's gateway
    ("arrived", restored(HANDED_OVER)): Transition(rule.restore_end("handed-over"), ("handed-over",)),
    ("arrived", restored(REFUSED)): Transition(rule.restore_end("refused"), ("refused",)),
    ("incomplete", restored(REFUSED)): Transition(rule.restore_end("refused"), ("refused",)),
    ("arrived", restored(EXPIRED)): Transition(rule.restore_end("expired"), ("expired",)),
    ("incomplete", restored(EXPIRED)): Transition(rule.restore_end("expired"), ("expired",)),
    ("expired", restored(HANDED_OVER)): Transition(rule.restore_end("handed-over"), ("handed-over",)),
    ("expired", restored(REFUSED)): Transition(rule.restore_end("refused"), ("refused",)),
    ("expired", restored(EXPIRED)): Transition(rule.restore_end("expired"), ("expired",)),
    ("refused", restored(HANDED_OVER)): Transition(rule.restore_end("handed-over"), ("handed-over",)),
    ("refused", restored(REFUSED)): Transition(rule.restore_end("refused"), ("refused",)),
    ("refused", restored(EXPIRED)): Transition(rule.restore_end("expired"), ("refused",)),
    ("handed-over", restored(HANDED_OVER)): Transition(rule.restore_end("handed-over"), ("handed-over",)),
    ("handed-over", restored(REFUSED)): Transition(rule.restore_end("refused"), ("handed-over",)),
    ("handed-over", restored(EXPIRED)): Transition(rule.restore_end("expired"), ("handed-over",)),
}

SERVICE = Service(
    name="documents",
    data_type=Document,
    table=TABLE,
    ended=frozenset({"handed-over", "refused", "expired"}),
    goes_on=False,
)
