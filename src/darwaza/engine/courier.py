"""Carries own logs to their readers: what to ask and send next, and what to make of the answers.

No I/O here: the courier hands out *errands* and takes *replies*; who runs them (``darwaza.engine.loop`` over HTTPS, the
simulation over a network that fails) decides nothing. It keeps no durable state either: after a restart every lane
starts by asking its reader how much it holds.

While something waits that is ahead of what may come back (``engine.order``), the authors of the logs that are read here
are asked how much of them was signed for.

A lane goes through three phases: ``ask`` (how much does the reader hold?), ``restore`` (take back what was forgotten
here), ``flow`` (send what the reader lacks, several batches in flight). Whatever fails waits, longer each time, and
then goes on from what is known to be held.
"""

from functools import partial
from typing import Literal

import msgspec

from darwaza import config
from darwaza.engine import settlement
from darwaza.engine.carry import pack
from darwaza.engine.engine import Engine
from darwaza.engine.intake import (
    AcceptFork,
    Acknowledge,
    Attest,
    Delivered,
    Forked,
    Given,
    Outcome,
    Recollect,
    Settle,
    Settled,
    TakeBack,
)
from darwaza.errors import DarwazaError, PeerError
from darwaza.kernel import batch
from darwaza.kernel.checkpoint import parse_checkpoint
from darwaza.kernel.tile import consistency_proof
from darwaza.kernel.witness import format_request
from darwaza.ports.store import LogRow
from darwaza.ports.transport import Ask, AskWitness, Errand, Fetch, ForkFound, Held, Reply, Send, Signed, Wanted

Phase = Literal["ask", "restore", "flow"]


class Lane(msgspec.Struct):
    """Where the courier is with one own log.

    Attributes:
        log_id: of the log.
        peer: its reader.
        phase: see the module.
        next_index: index of the first leaf to send.
        flying: (start, end) of batches sent and not answered.
        epoch: replies to errands of an earlier one no longer steer the lane.
        retry_at_s: do nothing before, on the monotonic clock.
        retry_s: the next wait.
        fault: code of the last failure, or "".
        sent_at_s: when the last batch went.
        heard_at_s: when the reader last answered; None before.
        round_trip_s: of the last answered errand.
        has_shown: whether the reader has seen the fork for which the log stands still.
    """

    log_id: int
    peer: str
    phase: Phase = "ask"
    next_index: int = 0
    flying: list[tuple[int, int]] = []
    epoch: int = 0
    asking: bool = False
    retry_at_s: float = 0.0
    retry_s: float = config.RETRY_FIRST_S
    fault: str = ""
    sent_at_s: float = 0.0
    heard_at_s: float | None = None
    round_trip_s: float = 0.0
    has_shown: bool = False


def _has_seen(reply: Reply) -> bool:
    """Whether a reader that was shown a fork knows of it, and has perhaps settled it."""
    return isinstance(reply, ForkFound) or (
        isinstance(reply, DarwazaError) and reply.code in {"link_halted", "fork_settled"}
    )


class WitnessLane(msgspec.Struct):
    """Where the courier is with one witness of one own log."""

    held: int = 0
    witnessed: int = 0
    asking: bool = False
    due_at_s: float = 0.0


class Recollection(msgspec.Struct):
    """Where the courier is with what was signed for of one neighbour's log."""

    asking: bool = False
    due_at_s: float = 0.0

    def rest(self, now_s: float) -> None:
        """Ask again only after a while, if that is needed."""
        self.asking, self.due_at_s = False, now_s + config.RETRY_LAST_S


class Courier:
    """See the module.

    Attributes:
        lanes: by the log's origin.
    """

    def __init__(self, engine: Engine) -> None:
        """Begin with every lane of an engine asking."""
        self._engine = engine
        self.lanes: dict[str, Lane] = {}
        self._witnesses: dict[tuple[str, str], WitnessLane] = {}
        self._recollections: dict[str, Recollection] = {}

    # --- handing out ---

    def errands(self, now_s: float) -> list[Errand]:
        """What to do now; each errand is handed out once and must be answered by ``replied``."""
        self._follow_engine()
        found: list[Errand] = []
        for origin, lane in self.lanes.items():
            row = self._engine.logs[lane.log_id].row
            if now_s < lane.retry_at_s:
                continue
            if row.halted:
                self._show_fork(origin, lane, row, found)
                continue
            lane.has_shown = False
            if lane.phase == "flow" and (
                lane.log_id not in self._engine.site.heard or self._is_quiet(lane, row, now_s)
            ):
                lane.phase = "ask"
            if lane.phase == "flow":
                self._fill(origin, lane, row, now_s, found)
            elif not lane.asking:
                lane.asking = True
                if lane.phase == "ask":
                    found.append(Ask(lane.peer, origin, lane.epoch))
                else:
                    found.append(Fetch(lane.peer, origin, lane.epoch, lane.next_index))
            self._ask_witnesses(origin, row, now_s, found)
        if self._engine.site.order.ahead:
            self._ask_authors(now_s, found)
        return found

    def _show_fork(self, origin: str, lane: Lane, row: LogRow, found: list[Errand]) -> None:
        """Let the reader see that an own log has two histories: whoever finds a fork, both sides stop and prove it."""
        if lane.has_shown or lane.flying:
            return
        index = settlement.parted_at(self._engine, origin)
        if index is None or index >= row.exposed_size:
            lane.has_shown = True
            return
        end, note, raw = pack(self._engine, self._engine.logs[lane.log_id], index, row.exposed_size)
        lane.flying.append((index, end))
        found.append(Send(lane.peer, origin, lane.epoch, index, end, note, raw))

    def pause_s(self, now_s: float) -> float:
        """How long nothing has to be done if nothing happens: until what gathers behind a batch in flight may go."""
        due_s = [one.sent_at_s + config.BATCH_GATHER_S_MAX for one in self.lanes.values() if self._is_gathering(one)]
        if not due_s:
            return config.RETRY_FIRST_S
        left_s = min(due_s) - now_s
        return left_s if left_s > 0 else config.BATCH_GATHER_S_MAX

    def _is_gathering(self, lane: Lane) -> bool:
        return 0 < len(lane.flying) < config.BATCHES_IN_FLIGHT_MAX and lane.next_index < self._size(lane)

    def _is_quiet(self, lane: Lane, row: LogRow, now_s: float) -> bool:
        """Whether there is nothing to send and nothing was heard for a while."""
        heard_at_s = now_s if lane.heard_at_s is None else lane.heard_at_s
        return not lane.flying and lane.next_index >= row.size and now_s - heard_at_s >= config.ASK_AGAIN_S

    def _size(self, lane: Lane) -> int:
        return self._engine.logs[lane.log_id].row.size

    def _follow_engine(self) -> None:
        """Know every own log; new ones appear with a new corridor document."""
        if len(self.lanes) * 2 == len(self._engine.logs):
            return
        for log in self._engine.logs.values():
            if log.row.author == self._engine.site.member and log.row.origin not in self.lanes:
                self.lanes[log.row.origin] = Lane(log.row.id, log.row.reader)

    def _fill(self, origin: str, lane: Lane, row: LogRow, now_s: float, found: list[Errand]) -> None:
        """Send what the reader lacks.

        With nothing in flight a single message goes at once. While something is, small amounts gather for a moment: on
        a near link the next answer comes first and takes them all, on a far one they go ahead of it.
        """
        while len(lane.flying) < config.BATCHES_IN_FLIGHT_MAX and lane.next_index < row.size:
            gathered = row.size - lane.next_index >= config.BATCH_GATHER_MESSAGES
            if lane.flying and not gathered and now_s - lane.sent_at_s < config.BATCH_GATHER_S_MAX:
                return
            send = self._pack(origin, lane)
            lane.flying.append((send.start, send.end))
            lane.next_index, lane.sent_at_s = send.end, now_s
            found.append(send)

    def _pack(self, origin: str, lane: Lane) -> Send:
        start = lane.next_index
        end, note, raw = pack(self._engine, self._engine.logs[lane.log_id], start)
        return Send(lane.peer, origin, lane.epoch, start, end, note, raw)

    def _ask_witnesses(self, origin: str, row: LogRow, now_s: float, found: list[Errand]) -> None:
        for peer in self._engine.site.trust.witnesses(origin):
            lane = self._witnesses.setdefault((origin, peer), WitnessLane())
            if lane.asking or now_s < lane.due_at_s or row.cosigned_size <= lane.witnessed:
                continue
            lane.due_at_s = now_s + config.WITNESS_INTERVAL_S
            held = self._engine.store.checkpoint_from(row.id, row.cosigned_size)
            if held is None or held.size < lane.held:
                continue
            lane.asking = True
            _, note = parse_checkpoint(held.note)
            read_tile = partial(self._engine.store.tile, row.id)
            proof = consistency_proof(lane.held, held.size, read_tile) if lane.held else ()
            raw = format_request(lane.held, proof, note)
            found.append(AskWitness(peer, origin, held.size, held.note, raw))

    def _ask_authors(self, now_s: float, found: list[Errand]) -> None:
        site = self._engine.site
        for log in self._engine.logs.values():
            if log.row.author == site.member or log.row.halted or log.row.id in site.signed_for:
                continue
            asked = self._recollections.setdefault(log.row.origin, Recollection())
            if not asked.asking and now_s >= asked.due_at_s:
                asked.asking = True
                found.append(Ask(log.row.author, log.row.origin, 0))

    # --- taking replies ---

    def replied(self, errand: Errand, reply: Reply, now_s: float) -> Given | None:
        """Take a reply; returns what the engine must be given, whose outcome then goes to ``decided``."""
        if isinstance(errand, AskWitness):
            return self._witness_replied(errand, reply)
        recollection = self._recollections.get(errand.origin)
        if recollection is not None:
            return self._author_replied(recollection, errand, reply, now_s)
        lane = self.lanes[errand.origin]
        if not isinstance(reply, DarwazaError):
            lane.heard_at_s, lane.fault = now_s, ""
        if isinstance(reply, Signed):
            lane.retry_s = config.RETRY_FIRST_S
        if isinstance(errand, Ask) and isinstance(reply, Held):
            return Settle(errand.origin, reply.note)
        if isinstance(errand, Fetch) and isinstance(reply, batch.Batch):
            return TakeBack(reply)
        if isinstance(errand, Send) and self._engine.logs[lane.log_id].row.halted and _has_seen(reply):
            lane.has_shown = True
            self._reset(lane)
            return None
        if isinstance(errand, Send) and isinstance(reply, Signed | ForkFound | Wanted):
            return self._send_replied(lane, errand, reply, now_s)
        fault = reply if isinstance(reply, DarwazaError) else PeerError("the answer makes no sense", code="peer_answer")
        self._failed(lane, errand, fault, now_s)
        return None

    def decided(self, errand: Errand, outcome: Outcome, now_s: float) -> None:
        """Take what the engine made of a reply."""
        if isinstance(errand, AskWitness):
            lane_of = self._witnesses[errand.origin, errand.peer]
            lane_of.asking = False
            if isinstance(outcome, Delivered):
                lane_of.held = lane_of.witnessed = errand.size
            return
        recollection = self._recollections.get(errand.origin)
        if recollection is not None:
            recollection.rest(now_s)
            return
        lane = self.lanes[errand.origin]
        if isinstance(outcome, Settled):
            self._settled(lane, errand, outcome)
        elif isinstance(outcome, Delivered) and isinstance(errand, Send):
            self._landed(lane, errand)
        elif isinstance(outcome, Forked):
            self._reset(lane)
            lane.phase = "ask"
        else:
            fault = outcome if isinstance(outcome, DarwazaError) else PeerError("unexpected", code="peer_answer")
            self._failed(lane, errand, fault, now_s)

    def _send_replied(self, lane: Lane, errand: Send, reply: Signed | ForkFound | Wanted, now_s: float) -> Given | None:
        if isinstance(reply, Signed):
            return Acknowledge(errand.origin, errand.note, reply.lines)
        if isinstance(reply, ForkFound):
            return AcceptFork(errand.origin, reply.proof)
        self._landed(lane, errand)
        self._go_on_from(lane, errand, reply.index, now_s)
        return None

    def _author_replied(self, recollection: Recollection, errand: Errand, reply: Reply, now_s: float) -> Given | None:
        if isinstance(reply, Held):
            return Recollect(errand.origin, reply.note)
        recollection.rest(now_s)
        return None

    def _settled(self, lane: Lane, errand: Ask | Fetch | Send, outcome: Settled) -> None:
        lane.asking = False
        if errand.epoch != lane.epoch:
            return
        if outcome.send_from is not None:
            lane.phase, lane.next_index = "flow", outcome.send_from
        elif isinstance(errand, Ask) and outcome.take_back_from is not None:
            lane.phase, lane.next_index = "restore", outcome.take_back_from
        else:
            # One batch is back, or one piece was moved; ask again whether that was all.
            lane.phase = "ask"

    def _landed(self, lane: Lane, errand: Send) -> None:
        if (errand.start, errand.end) in lane.flying and errand.epoch == lane.epoch:
            lane.flying.remove((errand.start, errand.end))

    def _go_on_from(self, lane: Lane, errand: Send, index: int, now_s: float) -> None:
        if errand.epoch != lane.epoch:
            return
        if index <= errand.start:
            # It wants what it was just given, or less: once is a loss, again and again is a peer that wastes our time.
            lane.retry_at_s = now_s + lane.retry_s
            lane.retry_s = min(lane.retry_s * 2, config.RETRY_LAST_S)
        self._reset(lane)
        if index > self._engine.logs[lane.log_id].row.size:
            lane.phase = "ask"
        else:
            lane.next_index = index

    def _reset(self, lane: Lane) -> None:
        lane.epoch += 1
        lane.flying = []
        lane.asking = False

    def _failed(self, lane: Lane, errand: Ask | Fetch | Send, fault: DarwazaError, now_s: float) -> None:
        """Wait, then ask the reader anew where it stands: whatever happened, that answer is right."""
        if errand.epoch != lane.epoch:
            return
        self._reset(lane)
        lane.phase, lane.fault = "ask", fault.code
        lane.retry_at_s = now_s + lane.retry_s
        lane.retry_s = min(lane.retry_s * 2, config.RETRY_LAST_S)

    def _witness_replied(self, errand: AskWitness, reply: Reply) -> Given | None:
        lane = self._witnesses[errand.origin, errand.peer]
        if isinstance(reply, Signed):
            return Attest(errand.origin, errand.peer, errand.note, reply.lines)
        lane.asking = False
        if isinstance(reply, Wanted):
            lane.held, lane.due_at_s = reply.index, 0.0
        return None
