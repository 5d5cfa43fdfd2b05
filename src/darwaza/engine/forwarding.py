"""Takes what others routed: hands it on along its path, or opens it at its destination.

A relay checks the chain of signed links a message came by, asks the rules it can ask, and appends the message, in an
envelope with the proof of the link it came by, to its own next log: in the same transaction in which it signs for
having received it. The proofs of all messages of a batch are made together, after the batch has its place in the log.

The destination opens the body and gives it to the service once, however many copies come. Whatever is wrong with a
message of a link that is otherwise right is put into quarantine with its evidence; what is right but cannot go on is
reported to its origin.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from darwaza.engine.reporting import Owed, author_lines, with_lines
from darwaza.engine.voyage import carried_until
from darwaza.errors import DarwazaError, MessageError, SignatureError
from darwaza.kernel import instant, letter, report
from darwaza.kernel.machine import Refusal
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.message import Header, body_digest, decode_header, encode_header, member_of, message_key
from darwaza.kernel.relay import Passage, decode_envelope, forward, receive
from darwaza.kernel.report import REPORT_KIND, Outcome
from darwaza.kernel.seal import Binding
from darwaza.kernel.tile import Prover
from darwaza.kernel.trail import RELAY_KIND, ROUTE_KINDS, Hop, Logs
from darwaza.ports.store import LeafRow

if TYPE_CHECKING:
    from darwaza.engine.arrival import Arriving
    from darwaza.engine.engine import Engine
    from darwaza.engine.site import Site
    from darwaza.engine.unit import Unit

Opened = Passage | DarwazaError


def is_routed(header: Header) -> bool:
    """Whether a message that came over a link is one that travels further than that link."""
    return header.path is not None or header.kind.startswith(ROUTE_KINDS)


class Forwarding:
    """The routed messages of one batch of a neighbour; see the module."""

    def __init__(self, engine: "Engine", unit: "Unit", author: str, log_id: int) -> None:
        self._engine = engine
        self._site = engine.site
        self._unit = unit
        self._author = author
        self._log_id = log_id
        self._onward: list[tuple[int, Passage]] = []
        self._told: list[tuple[int, Passage, Outcome, Refusal | None]] = []

    def open(self, header: Header, raw: bytes, body: bytes, seen: Callable[[], bool]) -> Opened:
        """Check a routed message; what is wrong with it comes back as a value.

        Args:
            header: of the message that came over the link.
            raw: the same, encoded.
            body: of it.
            seen: whether this gateway took the batch before it lost its disk. Then it judged the links before, by the
                keys of that day; nobody else's word makes it believe a key that was renewed, perhaps for a theft.
        """
        opened = self._opened(header, raw, body, self._site.hop_logs)
        if isinstance(opened, SignatureError) and seen():
            return self._opened(header, raw, body, self._site.past_hop_logs)
        return opened

    def _opened(self, header: Header, raw: bytes, body: bytes, logs: Logs) -> Opened:
        try:
            return receive(raw, body, author=self._author, here=self._site.member, logs=logs, carrier=header)
        except DarwazaError as fault:
            return fault

    def key(self, opened: Opened, header: Header) -> str:
        """What makes the message the same one: at its destination whatever path it took, before that its copy."""
        if isinstance(opened, Passage) and opened.next is None:
            return message_key(opened.message)
        return message_key(header)

    # --- on the way ---

    def relay(self, passage: Passage, index: int) -> None:
        """Hand a message on, or note why not."""
        again = passage_mark(passage)
        known = self._unit.given_back.waiting(again) if self._engine.restoring else []
        if known:
            for key in known:
                self._unit.given_back.use(key)
            return
        refusal = self._refusal(passage)
        if refusal is not None:
            self._tell(index, passage, "undeliverable", refusal)
            return
        self._onward.append((index, passage))

    def _refusal(self, passage: Passage) -> Refusal | None:
        message = passage.message
        now, expires_at = self._unit.now_text, message.expires_at
        if expires_at is not None and expires_at <= now and carried_until(expires_at) <= now:
            return Refusal("expired", "it came after it had expired")
        if passage.next not in self._site.lanes:
            return Refusal("link_unknown", f"no running link leads from {self._site.member} to {passage.next}")
        name = message.kind.partition(".")[0]
        return self._site.routing.relay_refusal(passage.path, name, len(passage.body), passage.stage)

    def _tell(self, index: int, passage: Passage, outcome: Outcome, refusal: Refusal | None = None) -> None:
        if not passage.message.kind.startswith(ROUTE_KINDS):
            if refusal is not None:
                self._unit.tracking.blame("carrier", refusal.code)
            self._told.append((index, passage, outcome, refusal))

    # --- at the destination ---

    def arrive(self, passage: Passage, index: int, arriving: "Arriving") -> DarwazaError | None:
        """Open a message that has come to its destination and give it to its service; returns why it is put aside."""
        message = passage.message
        refusal = self._site.routing.store_refusal(member_of(message.origin), message.kind.partition(".")[0])
        if refusal is not None:
            self._tell(index, passage, "undeliverable", refusal)
            return MessageError(refusal.detail, code=refusal.code)
        try:
            plain = self._site.opened(partial(letter.read, passage.body, Binding.of(message)))
            if message.kind == REPORT_KIND:
                said = report.decode(plain)
                self._unit.tracking.reported(member_of(message.origin), message_key(message), said)
                return None
        except DarwazaError as fault:
            self._tell(index, passage, "undeliverable", Refusal(fault.code, fault.detail))
            return fault
        self._tell(index, passage, "delivered")
        self._unit.tracking.way_back = passage.path[::-1]
        put_aside = arriving.take_in_order(message, plain, (self._log_id, index))
        self._unit.tracking.way_back = ()
        return put_aside

    def again(self, passage: Passage, index: int) -> DarwazaError | None:
        """Take a further copy of a message that came before: it does nothing more, but its origin is told."""
        held = self._unit.leaf(message_key(passage.message))
        if held is not None and not self._same(passage, held):
            return MessageError("another message of this origin has the same identifier", code="message_conflict")
        self._tell(index, passage, "delivered")
        return None

    def _same(self, passage: Passage, held: LeafRow) -> bool:
        try:
            first, body = own_message(held)
        except DarwazaError:
            return True  # its envelope is no longer kept: that it came is known, and it does nothing more
        if Binding.of(first) != Binding.of(passage.message):
            return False
        if first.body_digest == passage.message.body_digest:
            return True
        return self._plain_digest(first, body) == self._plain_digest(passage.message, passage.body)

    def _plain_digest(self, header: Header, body: bytes) -> str | None:
        """Digest of what was sealed; two copies of one message may have been sealed at different times."""
        if header.path is None:
            return header.body_digest
        try:
            opened = self._site.opened(partial(letter.read, body, Binding.of(header)))
            return body_digest(opened, header.media_type)
        except DarwazaError:
            return None

    # --- when the batch has its place ---

    def finish(self, note: bytes) -> None:
        """Prove the link the messages came by, hand on what goes on, and remember what origins are to hear.

        Args:
            note: the author's checkpoint that covers the batch, which has been appended.
        """
        if not self._onward and not self._told:
            return
        log = self._unit.log(self._log_id)
        prover = Prover(log.row.size, self._engine.tile_reader(self._unit, log))
        lines = author_lines(note, log.row.origin)
        receipt = with_lines(log.row.checkpoint, (log.row.origin, self._site.trust.cosigner_name(self._site.member)))

        def hop(index: int, passage: Passage) -> Hop:
            return Hop(passage.arrived, index, b"".join(prover.inclusion(index)), lines)

        for index, passage, outcome, refusal in self._told:
            code, detail = ("", "") if refusal is None else (refusal.code, refusal.detail)
            last = hop(index, passage)
            if outcome == "delivered":
                last = msgspec.structs.replace(last, checkpoint=receipt)
            self._unit.owed.append(Owed.of(passage, last, outcome, code, detail))
        for index, passage in self._onward:
            self._hand_on(passage, hop(index, passage))

    def _hand_on(self, passage: Passage, last: Hop) -> None:
        unit = self._unit
        header, body = forward(passage, last, message_id=unit.new_id(), blind=unit.random_hex(), now=unit.now)
        log_id = self._site.lane(passage.next or "", bulk=header.body_bytes > BULK_FROM_BYTES)
        raw, key = encode_header(header), message_key(header)
        unit.queue(log_id, raw, body, key, header.case_id)
        if passage.message.kind.startswith(ROUTE_KINDS):
            return
        unit.tracking.count("relayed")
        owed = Owed.of(passage, last, "relayed")
        owed.log_id, owed.header = log_id, raw
        terms = self._site.trust.current.terms(passage.message.kind.partition(".")[0])
        owed.due_at = instant.to_text(unit.now + timedelta(seconds=terms.receipt_deadline_s))
        unit.owe(owed, key)


BULK_FROM_BYTES = 131_072
"""A larger envelope travels in the bulk lane; one round an ordinary body does not."""


def passage_mark(passage: Passage) -> str:
    """What a relay's own message, given back after a loss, is recognised by when its cause comes again."""
    return leaf_hash(passage.arrived).hex()


def own_message(row: LeafRow) -> tuple[Header, bytes]:
    """The message a stored leaf carries, and its body as it travelled: out of its envelope where it stands in one."""
    header = decode_header(row.header)
    if header.kind != RELAY_KIND:
        return header, row.body
    envelope = decode_envelope(row.body)
    return decode_header(envelope.hops[0].header), envelope.body


def opened(site: "Site", row: LeafRow) -> tuple[Header, bytes]:
    """The message that came in a stored leaf, and its body, opened.

    Raises:
        MessageError: see ``letter.read``: the key it is sealed to is not here any more.
    """
    header, body = own_message(row)
    if header.path is None:
        return header, body
    return header, site.opened(partial(letter.read, body, Binding.of(header)))


def restore(engine: "Engine", unit: "Unit", header: Header, body: bytes) -> None:
    """Remember an own message given back by which this gateway handed something on, until that comes again."""
    if header.kind != RELAY_KIND or header.relays is None:
        return
    arrived = decode_envelope(body).hops[-1]
    if not engine.holds(arrived):
        unit.given_back.wait(header.relays, message_key(header))
