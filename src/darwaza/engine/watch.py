"""Watches the links: probes neighbours, agrees on link states with them, and passes on what members say of theirs.

No I/O here, as in ``darwaza.engine.courier``: the watch hands out *probes* and takes replies, and answers those of
others. A probe carries what the neighbour has not heard yet, so news travels with the next probe, which goes at once
when there is news. A neighbour that was told may have refused it (damaged on the way, or from the future while a clock
is wrong): so everything is told anew every ``config.TOLD_ANEW_S``. Nothing here waits for the engine's transactions: a
gateway that writes a long batch is busy, not dead, and whoever was kept from probing by its own work does not count
that time as the neighbours' silence.

Who ends what: a link state is proposed by one end and signed by the other when it is at least as careful as its own
terms; otherwise the other answers with the terms of both together, which the first then signs. So two gateways agree in
one exchange, and a drain by one end binds both.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from darwaza.config import TOLD_ANEW_S
from darwaza.engine.probe import PROBE_VERSION, LinkTerms, ProbeBody, encode
from darwaza.engine.probe import read as read_probe
from darwaza.engine.site import Site
from darwaza.engine.trust import Trust
from darwaza.errors import DarwazaError, MalformedError
from darwaza.kernel import locality
from darwaza.kernel.health import PROBE_INTERVAL_US, Condition, Health
from darwaza.kernel.linkstate import (
    HOME_STATEMENT_LIFE_S_MAX,
    LINK_HEALTH_LIFE_S,
    LINK_STATE_LIFE_S,
    LINK_STATE_RENEWED_S,
    PROBE_STATEMENTS_MAX,
    HomeStatement,
    LinkHealth,
    LinkState,
    Statement,
    accept,
    countersign,
    ends_of,
    read,
    state,
    subject,
)
from darwaza.kernel.note import Verifier, verified
from darwaza.ports.transport import Busy, Probe, Probed, ProbeReply

PROBE_INTERVAL_S: Final = PROBE_INTERVAL_US / 1_000_000
TICK_US_MAX: Final = 750_000
"""Longer between two looks at the clock this gateway was busy itself; no neighbour is blamed for that time."""
BUSY_US_MAX: Final = 20_000_000
"""So long a neighbour that takes connections may answer no probe before it counts as down."""
HEALTH_RENEWED: Final = timedelta(seconds=60)
HOME_RENEWED: Final = timedelta(days=30)
HEALTH_CORRECTED: Final = timedelta(seconds=10)
"""A latency that was told and is far from true any more is told anew so often at most."""
KEPT: Final = "route.statements"
"""Name under which link states and home rules outlive a restart."""
DRAINED: Final = "route.drained"
"""Name under which is kept whether this gateway is drained: ``1`` or ``0``."""


class Peer(msgspec.Struct):
    """A neighbour.

    Attributes:
        health: of the link.
        pending: what it has not been told, by subject.
        life: of its gateway, as last heard.
        asking: a probe is under way.
        next_s: when the next goes.
        anew_s: when it is told everything again; 0 before its first probe.
        told: health last stated of the link.
        proposed: the own terms last proposed.
        answered_us: when it last answered truly, on the watch's clock.
        fault: code of the last failure, or "".
    """

    health: Health
    pending: dict[tuple[str, ...], bytes] = {}
    life: str = ""
    asking: bool = False
    next_s: float = 0.0
    anew_s: float = 0.0
    told: LinkHealth | None = None
    proposed: LinkTerms | None = None
    answered_us: int = 0
    fault: str = ""


class Watch:
    """See the module.

    Attributes:
        peers: neighbours by code.
        refused: statements that were refused, by code.
    """

    def __init__(
        self,
        site: Site,
        *,
        terms: Mapping[str, LinkTerms] | None = None,
        home: str | None = None,
        kept: bytes | None = None,
        drained: bool = False,
    ) -> None:
        """Begin with what outlived the restart.

        Args:
            site: whose links are watched; its map is told.
            terms: of own links, by neighbour; the others have the usual ones.
            home: this member's home rules, as text; None leaves those of before.
            kept: see ``kept``.
            drained: whether it was drained before.

        Raises:
            MalformedError, TooLargeError: the home rules cannot be read; see ``locality.parse``.
        """
        self.peers: dict[str, Peer] = {}
        self.refused: dict[str, int] = {}
        self._site = site
        self._terms = dict(terms or {})
        self._drained = drained
        self._raw: dict[tuple[str, ...], bytes] = {}
        self._life = site.entropy.random(8).hex()
        self._now_us = 0
        self._looked_us: int | None = None
        self._kept = b""
        self._verified_by: tuple[Trust, Mapping[str, Verifier]] | None = None
        for raw in _kept(kept):
            self._take(raw, None)
        if home is not None:
            self._state_home(home)
        self._kept = self.kept()

    # --- terms of the own links ---

    def drain(self, *, drained: bool) -> None:
        """Ask everybody to send no new messages over this gateway's links, or that no longer."""
        self._drained = drained
        for peer in self.peers.values():
            peer.next_s = 0.0

    @property
    def drained(self) -> bool:
        """Whether this gateway is drained."""
        return self._drained

    def _own_terms(self, code: str) -> LinkTerms:
        terms = self._terms.get(code, LinkTerms())
        return msgspec.structs.replace(terms, drained=True) if self._drained else terms

    def _proposal(self, code: str, peer: Peer) -> bytes:
        """A state to propose to a neighbour: when there is none, when the own terms have changed, and in good time."""
        now, terms = self._now(), self._own_terms(code)
        known = self._site.routing.state_of(self._site.member, code)
        first = self._site.member < code
        if known is not None and terms == peer.proposed and now < known.issued_at + timedelta(
            seconds=LINK_STATE_RENEWED_S * (1 if first else 2)
        ):  # fmt: skip
            return b""
        if known is None and not first and peer.proposed == terms and now.second % 10:
            return b""
        peer.proposed = terms
        return self._signed_state(code, terms, known)

    def _signed_state(self, code: str, terms: LinkTerms, known: LinkState | None) -> bytes:
        now = self._now()
        fields = msgspec.structs.asdict(terms)
        return state(
            LinkState(
                corridor=self._site.trust.current.name,
                ends=ends_of(self._site.member, code),
                issued_at=now,
                expires_at=now + timedelta(seconds=LINK_STATE_LIFE_S),
                serial=self._serial(known, self._site.member < code),
                **fields,
            ),
            self._site.statement_signer(),
        )

    def _serial(self, known: Statement | None, even: bool = True) -> int:
        now_ms = int(self._site.clock.now().timestamp() * 1_000)
        serial = max(now_ms, 0 if known is None else known.serial + 1) + 1
        return serial + (serial % 2 == int(even))

    def _now(self) -> datetime:
        return self._site.clock.now().replace(microsecond=0)

    def _state_home(self, text: str) -> None:
        rules = locality.format_rules(locality.parse(text))
        former = self._site.routing.homes.get(self._site.member)
        if (former is None and not rules) or (former is not None and locality.format_rules(former) == rules):
            return
        self._say_home(rules)

    def _renew_home(self) -> None:
        """Say the own home rules again in good time, so that who starts later hears them too."""
        said = self._site.routing.home_of(self._site.member)
        if said is not None and said.rules and self._site.clock.now() >= said.issued_at + HOME_RENEWED:
            self._say_home(said.rules)

    def _say_home(self, rules: str) -> None:
        now, known = self._now(), self._site.routing.home_of(self._site.member)
        said = HomeStatement(
            author=self._site.member,
            corridor=self._site.trust.current.name,
            issued_at=now,
            expires_at=now + timedelta(seconds=HOME_STATEMENT_LIFE_S_MAX),
            rules=rules,
            serial=self._serial(known),
        )
        self._take(state(said, self._site.statement_signer()), None)

    # --- statements ---

    def _verifiers(self) -> Mapping[str, Verifier]:
        trust = self._site.trust
        if self._verified_by is None or self._verified_by[0] is not trust:
            keys = {code: trust.request_verifiers(code) for code in trust.current.codes}
            self._verified_by = trust, {code: found[0] for code, found in keys.items() if found}
        return self._verified_by[1]

    def _take(self, raw: bytes, source: str | None) -> None:
        """Accept a statement, or count why not; what is new is passed on."""
        try:
            statement, _ = read(raw)
            key = subject(statement)
            if self._raw.get(key) == raw:
                return
            known = self._site.routing.known(statement)
            accepted = accept(
                raw,
                corridor=self._site.trust.current.name,
                verifiers=self._verifiers(),
                now=self._site.clock.now(),
                known=known,
            )
        except DarwazaError as fault:
            self.refused[fault.code] = self.refused.get(fault.code, 0) + 1
            return
        self._raw[key] = raw
        self._site.routing.learn(accepted)
        self._share(key, accepted, raw, source)

    def _share(self, key: tuple[str, ...], statement: Statement, raw: bytes, source: str | None) -> None:
        for code, peer in self.peers.items():
            if code != source and self._may_know(code, statement):
                peer.pending[key] = raw
                peer.next_s = 0.0

    def _may_know(self, code: str, statement: Statement) -> bool:
        if isinstance(statement, HomeStatement):
            return True
        if isinstance(statement, LinkState):
            return statement.shown_to(code)
        said = self._site.routing.state_of(*statement.ends)
        return said is not None and said.shown_to(code)

    def _tell_all(self, code: str, peer: Peer) -> None:
        """Tell a neighbour everything anew: its gateway has started again, or is heard for the first time."""
        for key, raw in self._raw.items():
            statement, _ = read(raw)
            if statement.expires_at > self._site.clock.now() and self._may_know(code, statement):
                peer.pending[key] = raw

    def _tell_anew(self, code: str, peer: Peer, now_s: float) -> None:
        """Tell a neighbour everything again in good time: that it answered does not say that it accepted."""
        if now_s < peer.anew_s:
            return
        if peer.anew_s:
            self._tell_all(code, peer)
        peer.anew_s = now_s + TOLD_ANEW_S

    def kept(self) -> bytes:
        """What must outlive a restart: link states and home rules."""
        return encode([raw for key, raw in sorted(self._raw.items()) if key[0] != "health"])

    def to_keep(self) -> bytes | None:
        """What must be kept anew, or None when nothing has changed since this was last asked."""
        kept = self.kept()
        if kept == self._kept:
            return None
        self._kept = kept
        return kept

    # --- probing ---

    def probes(self, now_s: float) -> list[Probe]:
        """Probes to send now; each must be answered by ``replied``."""
        self._look(now_s)
        self._follow()
        self._renew_home()
        found = []
        for code, peer in self.peers.items():
            self._observe(code, peer)
            if peer.asking or now_s < peer.next_s:
                continue
            peer.asking, peer.next_s = True, now_s + PROBE_INTERVAL_S
            self._tell_anew(code, peer, now_s)
            statements = tuple(peer.pending.values())[:PROBE_STATEMENTS_MAX]
            body = ProbeBody(PROBE_VERSION, self._life, statements, self._proposal(code, peer))
            found.append(Probe(code, encode(body)))
        return found

    def _look(self, now_s: float) -> None:
        now_us = int(now_s * 1_000_000)
        passed_us = 0 if self._looked_us is None else now_us - self._looked_us
        self._looked_us = now_us
        self._now_us += max(0, min(passed_us, TICK_US_MAX))

    def _follow(self) -> None:
        """Watch those who are neighbours by the corridor document."""
        neighbours = self._site.trust.neighbours(self._site.member)
        for code in neighbours:
            if code not in self.peers:
                self.peers[code] = Peer(Health.start(self._now_us), answered_us=self._now_us)
        for code in self.peers.keys() - set(neighbours):
            del self.peers[code]

    def replied(self, probe: Probe, reply: ProbeReply, now_s: float, took_s: float) -> None:
        """Take the reply to a probe.

        Args:
            probe: as handed out.
            reply: what came.
            now_s: monotonic.
            took_s: how long it took.
        """
        self._look(now_s)
        peer = self.peers.get(probe.peer)
        if peer is None:
            return
        peer.asking = False
        took_us = int(took_s * 1_000_000)
        if isinstance(reply, Probed):
            try:
                body = read_probe(reply.raw)
            except MalformedError as fault:
                reply = fault
            else:
                self._heard(probe, peer, body)
                peer.answered_us, peer.fault = self._now_us, ""
                self._observe(probe.peer, peer, rtt_us=took_us)
                return
        if isinstance(reply, Busy) and self._now_us - peer.answered_us < BUSY_US_MAX:
            peer.fault = "busy"
            self._observe(probe.peer, peer, rtt_us=max(took_us, PROBE_INTERVAL_US))
            return
        peer.fault = reply.code if isinstance(reply, DarwazaError) else "busy"
        self._observe(probe.peer, peer, lost=1)

    def _heard(self, probe: Probe, peer: Peer, body: ProbeBody) -> None:
        sent = read_probe(probe.raw).statements
        for key, raw in list(peer.pending.items()):
            if raw in sent:
                del peer.pending[key]
        if body.life != peer.life:
            peer.life = body.life
            self._tell_all(probe.peer, peer)
        if body.proposal:
            self._agree(probe.peer, body.proposal)
        for raw in body.statements:
            self._take(raw, probe.peer)
        if peer.pending:
            peer.next_s = 0.0

    def _observe(self, code: str, peer: Peer, *, rtt_us: int | None = None, lost: int = 0) -> None:
        peer.health = peer.health.observe(self._now_us, rtt_us=rtt_us, lost=lost)
        measure = peer.health.measure
        if rtt_us is None and peer.health.answered_us is None and not peer.health.silent:
            return
        if peer.health.answered_us is None and self._now_us < DOWN_FIRST_US:
            return  # just started: nobody has had time to answer
        self._site.routing.measured(code, measure)
        now = self._site.clock.now()
        told = peer.told
        changed = told is None or told.condition != measure.condition.word
        if told is not None and abs(told.latency_us - measure.latency_us) > 5_000 + told.latency_us // 2:
            changed = changed or now >= told.issued_at + HEALTH_CORRECTED
        if changed or now >= told.issued_at + HEALTH_RENEWED:  # type: ignore[union-attr]  # changed without it
            at = self._now()
            peer.told = LinkHealth(
                author=self._site.member,
                condition=_WORDS[measure.condition],
                corridor=self._site.trust.current.name,
                ends=ends_of(self._site.member, code),
                issued_at=at,
                expires_at=at + timedelta(seconds=LINK_HEALTH_LIFE_S),
                latency_us=measure.latency_us,
                loss_ppm=measure.loss_ppm,
                serial=self._serial(told),
            )
            self._take(state(peer.told, self._site.statement_signer()), None)

    # --- answering ---

    def answer(self, source: str, raw: bytes) -> bytes:
        """Answer a neighbour's probe.

        Args:
            source: the neighbour, whose signature over the request has been checked.
            raw: what it sent.

        Raises:
            MalformedError: ``probe_malformed``.
        """
        body = read_probe(raw)
        self._follow()
        peer = self.peers.get(source)
        if peer is None:
            raise MalformedError(f"{source} is no neighbour", code="probe_malformed")
        if body.life != peer.life:
            peer.life = body.life
            self._tell_all(source, peer)
        for statement in body.statements:
            self._take(statement, source)
        reply = self._agree(source, body.proposal) if body.proposal else b""
        return encode(ProbeBody(PROBE_VERSION, self._life, (), reply))

    def _agree(self, source: str, raw: bytes) -> bytes:
        """Sign a proposal that is as careful as the own terms; else answer with the terms of both.

        Returns:
            What the other end is to be answered: the state signed by both, or a proposal of this end; "" when the
            other's is no proposal for the common link.
        """
        try:
            said, note = read(raw)
            mine = isinstance(said, LinkState) and said.ends == ends_of(self._site.member, source)
            if not isinstance(said, LinkState) or not mine:
                raise MalformedError("the proposal is not for the common link", code="link_statement_foreign")
            verified(note, (self._verifiers()[source],))
            if len(note.signatures) > 1:
                self._take(raw, source)
                return b""
        except DarwazaError as fault:
            self.refused[fault.code] = self.refused.get(fault.code, 0) + 1
            return b""
        terms = LinkTerms.of(said).with_both(self._own_terms(source))
        known = self._site.routing.state_of(self._site.member, source)
        if terms != LinkTerms.of(said) or (known is not None and said.serial <= known.serial):
            return self._signed_state(source, terms, known)
        both = countersign(raw, self._site.statement_signer())
        self._take(both, source)
        if self._raw.get(("state", *said.ends)) == both:
            self.peers[source].pending[("state", *said.ends)] = both  # it has not seen this end's signature
            self.peers[source].next_s = 0.0
        return both


DOWN_FIRST_US: Final = 2_000_000
_WORDS: Final[Mapping[Condition, Literal["up", "degraded", "down"]]] = {
    Condition.UP: "up",
    Condition.DEGRADED: "degraded",
    Condition.DOWN: "down",
}


def _kept(raw: bytes | None) -> Iterable[bytes]:
    if not raw:
        return []
    try:
        return msgspec.msgpack.decode(raw, type=list[bytes])
    except msgspec.MsgspecError as fault:
        raise MalformedError(f"the kept statements cannot be read: {fault}", code="probe_malformed") from fault
