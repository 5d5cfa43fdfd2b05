"""The parties of a simulation: they send documents whole and in chunks, repeat themselves, accept and refuse."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from darwaza.config import CHUNK_BYTES
from darwaza.engine.intake import Accepted, Outcome, Submit
from darwaza.errors import TransientError
from darwaza.kernel.machine import Refusal
from darwaza.kernel.message import member_of
from darwaza.ports.store import CaseFilter, CaseRow, Store
from darwaza.services.documents.message import Accept, AddChunk, Document, Manifest, Offer, Open, Refuse, digest_of
from darwaza.testing.auditor import BrokenError, parties

if TYPE_CHECKING:
    from darwaza.testing.simulation import Simulation

POLL_S = 0.4
PATIENCE_S = (0.3, 1.5)
FINAL = frozenset({"handed-over", "refused", "expired"})

_decode = msgspec.msgpack.Decoder(Document).decode


class Wish(msgspec.Struct):
    """One command a party wants done, repeated under one key until it is answered.

    Attributes:
        member: whose party it is.
        given: the command.
        then: what follows the acceptance.
        case_id: what the first acceptance said; forgotten when the gateway loses its disk.
        done: answered for good.
    """

    member: str
    given: Submit
    then: Callable[[Accepted], None]
    case_id: str | None = None
    done: bool = False


class Parties:
    """See the module."""

    def __init__(self, simulation: "Simulation", rng: random.Random) -> None:
        self._simulation = simulation
        self._rng = rng
        self._keys = 0
        self._wishes: list[Wish] = []
        self._decided: set[str] = set()
        self._handed_over: dict[str, str] = {}

    def begin(self) -> None:
        """Start to send and to look for what came."""
        for code in self._simulation.nodes:
            self._simulation.after(self._rng.uniform(0.0, 0.5), partial(self._send_on, code))
            self._simulation.after(self._rng.uniform(0.0, POLL_S), partial(self._poll, code))

    def _send_on(self, code: str) -> None:
        if self._simulation.mean:
            self.send(code)
            self._simulation.after(self._rng.uniform(0.1, 1.0), partial(self._send_on, code))

    def send(self, code: str) -> None:
        """A party sends something to somebody its gateway has a link with."""
        rng = self._rng
        peers = self._simulation.peers_of(code)
        to = rng.choice(peers) + rng.choice(("/agency", "/agency", "/agency", "/agency", "/nobody"))
        now = self._simulation.nodes[code].clock.now()
        lasts_s = rng.choice((0.5, 2.0, 8.0))
        expires_at = now + timedelta(seconds=lasts_s)
        if rng.random() < 0.3:  # noqa: PLR2004
            chunks = [rng.randbytes(40) for _ in range(rng.randrange(1, 4))]
            manifest = Manifest(
                bytes=len(chunks) * CHUNK_BYTES,
                chunks=tuple(digest_of(chunk) for chunk in chunks),
                digest="0" * 64,
                filename="map.tif",
                media_type="image/tiff",
                title="A map",
            )
            self._wish(code, "open", Open(to, manifest, None, expires_at), then=partial(self._add_chunks, code, chunks))
            return
        self.offer(code, to, rng.choice((None, expires_at)))

    def offer(self, code: str, to: str, expires_at: datetime | None = None) -> None:
        """A party sends a document that fits into one message."""
        offer = Offer(to, "A bill", "bill.xml", "application/xml", self._rng.randbytes(40), None, expires_at)
        self._wish(code, "offer", offer)

    def _add_chunks(self, code: str, chunks: list[bytes], opened: Accepted) -> None:
        if self._rng.random() < 0.15:  # noqa: PLR2004 - somebody gives up half way
            chunks = chunks[:-1]
        for chunk in self._rng.sample(chunks, len(chunks)):
            later_s = self._rng.uniform(0.0, 0.5)
            add = partial(self._wish, code, "add-chunk", AddChunk(chunk), opened.case_id)
            self._simulation.after(later_s, add)

    # --- wishing ---

    def _wish(
        self,
        code: str,
        kind: str,
        body: Any,
        case_id: str | None = None,
        then: Callable[[Accepted], None] = lambda _: None,
        *,
        party: str = "trader",
    ) -> None:
        self._keys += 1
        key = f"k{self._keys}"
        digest = sha256(key.encode()).digest()
        opens = kind == "open"
        given = Submit(f"{code}/{party}", frozenset(), "documents", kind, key, digest, body, case_id, opens=opens)
        wish = Wish(code, given, then)
        self._wishes.append(wish)
        self._try(wish)

    def _try(self, wish: Wish) -> None:
        if wish.done:
            return
        node = self._simulation.nodes[wish.member]
        node.submit(wish.given, partial(self._told, wish))
        self._simulation.after(self._rng.uniform(*PATIENCE_S), partial(self._try, wish))

    def _told(self, wish: Wish, outcome: Outcome) -> None:
        if isinstance(outcome, Refusal):
            wish.done = wish.done or not outcome.transient
            return
        if isinstance(outcome, TransientError):
            return
        if not isinstance(outcome, Accepted):
            raise BrokenError(f"{wish.given.kind} was answered {outcome!r}") from outcome
        first, wish.done = not wish.done, True
        self._simulation.auditor.accepted(wish.member, outcome.case_id, outcome.message_ids)
        if wish.case_id is not None and (wish.case_id != outcome.case_id or not outcome.repeated):
            raise BrokenError(f"P2: the key {wish.given.key} opened two cases")
        wish.case_id = outcome.case_id
        if wish.given.kind == "accept":
            self._handed_over.update(dict.fromkeys(outcome.message_ids, outcome.case_id))
        if first:
            wish.then(outcome)
            if self._rng.random() < 0.15:  # noqa: PLR2004 - a party that forgot that it was answered
                again = partial(self._simulation.nodes[wish.member].submit, wish.given, partial(self._told, wish))
                self._simulation.after(self._rng.uniform(0.0, 2.0), again)

    def lost_disk(self, code: str) -> None:
        """What a gateway answered is forgotten with its disk."""
        for wish in self._wishes:
            if wish.member == code:
                wish.case_id = None

    # --- receiving ---

    def _poll(self, code: str) -> None:
        node = self._simulation.nodes[code]
        if node.is_up:
            for row in node.store.find_cases(CaseFilter(party=f"{code}/agency", states=("arrived", "incomplete"))):
                self._decide(code, row)
        self._simulation.after(POLL_S, partial(self._poll, code))

    def _decide(self, code: str, row: CaseRow) -> None:
        if row.id in self._decided and self._rng.random() < 0.7:  # noqa: PLR2004
            return
        self._decided.add(row.id)
        drawn = self._rng.random()
        if row.state == "arrived" and (drawn < 0.6 or not self._simulation.mean):  # noqa: PLR2004
            self._wish(code, "accept", Accept(), row.id, party="agency")
        elif drawn < 0.7:  # noqa: PLR2004
            self._wish(code, "refuse", Refuse("not for us"), row.id, party="agency")

    # --- the end ---

    def open_ends(self) -> list[str]:
        """Cases that have not ended, anywhere."""
        return [
            f"{code}: {row.id} is {row.state}"
            for code, node in self._simulation.nodes.items()
            for row in node.store.scan_cases()
            if row.service == "documents" and row.state not in FINAL and not self._is_cut_off(_decode(row.data))
        ]

    def _is_cut_off(self, document: Document) -> bool:
        """Whether a fork has stopped the link between its ends."""
        ends = {member_of(document.sender), member_of(document.recipient)}
        return any(set(parties(origin)) == ends for origin in self._simulation.auditor.forked)

    def check_agreed(self) -> None:
        """Both ends of every case agree, and what was handed over stays so.

        Raises:
            Broken: they do not.
        """
        stores = {code: node.store for code, node in self._simulation.nodes.items()}
        for code, store in stores.items():
            for row in store.scan_cases():
                if row.service != "documents":
                    continue
                document = _decode(row.data)
                if self._is_cut_off(document):
                    continue
                sender, recipient = member_of(document.sender), member_of(document.recipient)
                other = recipient if code == sender else sender
                self._check_pair(code, row, stores[other], gone_may_be=code == sender and row.state != "handed-over")
        memories = {} if self._simulation.auditor.forked else self._simulation.auditor.memories
        for code, memory in memories.items():
            for message_id, case_id in memory.accepted.items():
                ended = stores[code].cases([case_id])[case_id].state
                if self._handed_over.get(message_id) == case_id and ended != "handed-over":
                    raise BrokenError(f"P1: {case_id} was handed over at {code} and is {ended}")

    def _check_pair(self, code: str, row: CaseRow, other: Store, *, gone_may_be: bool) -> None:
        twin = other.cases([row.id]).get(row.id)
        if twin is None and not gone_may_be:
            raise BrokenError(f"P1: the other end of {row.id}, {row.state} at {code}, is gone")
        if twin is not None and twin.state != row.state:
            raise BrokenError(f"the ends of {row.id} disagree: {row.state} at {code}, {twin.state} at the other")
