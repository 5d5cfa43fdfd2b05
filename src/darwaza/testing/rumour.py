"""Statements about links in a simulation: what a hostile member spreads, and a book of what members truly said.

The book is told of every text that a member's log key signs as a statement, and asked whenever a gateway believes one:
it must be what all its authors said, in time, newer than what was believed before, and shown to nobody else.
"""

import random
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace

from darwaza.engine.probe import ProbeBody, encode
from darwaza.engine.probe import read as read_probe
from darwaza.engine.site import Site
from darwaza.engine.watch import Watch
from darwaza.kernel.linkstate import (
    LINK_HEALTH_LIFE_S,
    PROBE_STATEMENTS_MAX,
    HomeStatement,
    LinkHealth,
    LinkState,
    Statement,
    ends_of,
    read,
    state,
    subject,
    text_of,
)
from darwaza.kernel.note import Note, Signature, Signer, format_note
from darwaza.testing.auditor import BrokenError

KEPT_MAX: Final = 200
"""Statements of others that a hostile member keeps, to say them again later."""
TRIED_MAX: Final = 8
"""Of these so many are looked at for one of the kind that is wanted."""


class Book:
    """See the module."""

    def __init__(self) -> None:
        self._said: dict[str, set[str]] = {}

    def attend(self, member: str, site: Site, liars: frozenset[str]) -> None:
        """Write down what a gateway says from now on, and judge what it believes unless it lies itself."""
        book: Any = site
        signer, learn = site.statement_signer, site.routing.learn
        believed: dict[tuple[str, ...], Statement] = {}

        def learn_truth(statement: Statement) -> None:
            if member not in liars:
                self._judge(member, statement, believed.get(subject(statement)), liars, site.clock.now())
            believed[subject(statement)] = statement
            learn(statement)

        book.statement_signer = lambda: _Writing(signer(), self._said.setdefault(member, set()))
        book.routing.learn = learn_truth

    def _judge(
        self, viewer: str, statement: Statement, former: Statement | None, liars: frozenset[str], now: datetime
    ) -> None:
        text = text_of(statement)
        for author in set(statement.authors) - liars:
            if text not in self._said.get(author, ()):
                raise BrokenError(f"{viewer} believes {text.strip()}, which {author} never said")
        if statement.expires_at <= now:
            raise BrokenError(f"{viewer} believes {text.strip()}, which has expired")
        if former is not None and statement.serial < former.serial:
            raise BrokenError(f"{viewer} believes {text.strip()} after a newer one")
        told_by_liar = isinstance(statement, LinkState) and any(map(statement.shown_to, liars))
        if isinstance(statement, LinkState) and not statement.shown_to(viewer) and not told_by_liar:
            raise BrokenError(f"{viewer} was told {text.strip()}")


class _Writing(Signer):
    """Signs, and writes down what."""

    def __init__(self, real: Signer, said: set[str]) -> None:
        self._real, self._said = real, said
        self.verifier = real.verifier

    def sign(self, text: bytes) -> Signature:
        """See ``Signer``."""
        self._said.add(text.decode())
        return self._real.sign(text)


class FalseWatch(Watch):
    """The watch of a liar: whatever its links are like, it says that they are the best there are."""

    def _take(self, raw: bytes, source: str | None) -> None:
        said, _ = read(raw)
        if source is None and isinstance(said, LinkHealth):
            raw = state(replace(said, condition="up", latency_us=1, loss_ppm=0), self._site.statement_signer())
        super()._take(raw, source)


class Forger:
    """A hostile member: with its probes it spreads states and healths that are forged, expired, or said long ago.

    Attributes:
        member: code.
        spread: how many it has spread, by kind.
    """

    def __init__(self, member: str, codes: tuple[str, ...], rng: random.Random) -> None:
        self.member = member
        self.spread: dict[str, int] = {}
        self._codes = codes
        self._rng = rng
        self._heard: list[bytes] = []

    def hear(self, raw: bytes) -> None:
        """Keep what others say; it may be of use when it is no longer true."""
        fresh = [one for one in read_probe(raw).statements if one not in self._heard]
        self._heard = [*self._heard, *fresh][-KEPT_MAX:]

    def poison(self, raw: bytes, site: Site) -> bytes:
        """Add to a probe what is not so."""
        body = read_probe(raw)
        kinds = self._rng.sample(("forged", "one-sided", "slander", "replayed", "expired", "junk"), 2)
        added = []
        for kind in kinds:
            made = self._make(kind, site)
            if made:
                self.spread[kind] = self.spread.get(kind, 0) + 1
                added.append(made)
        statements = (*added, *body.statements)[:PROBE_STATEMENTS_MAX]
        return encode(ProbeBody(body.version, body.life, statements, body.proposal))

    def _make(self, kind: str, site: Site) -> bytes:
        if kind == "junk":
            return self._rng.randbytes(self._rng.randrange(200))
        if kind == "replayed":
            return self._rng.choice(self._heard) if self._heard else b""
        if kind == "expired":
            return self._stale(site)
        statement = self._some(LinkHealth if kind == "slander" else None)
        if statement is None:
            return b""
        changes: dict[str, Any] = {"serial": statement.serial + 2}
        if isinstance(statement, LinkState):
            changes["drained"] = True
            if kind == "one-sided":  # a link it does not have, signed by itself alone
                other = self._rng.choice([code for code in self._codes if code != self.member])
                changes = {"serial": statement.serial, "ends": tuple(sorted((self.member, other)))}
                return state(replace(statement, **changes), site.statement_signer())
        elif isinstance(statement, LinkHealth):
            changes["condition"] = "down"
        elif isinstance(statement, HomeStatement):
            changes["rules"] = ""
        return self._signed(replace(statement, **changes), site)

    def _stale(self, site: Site) -> bytes:
        """A health of its own that it signs with its own key, and that expired an hour ago."""
        issued_at = site.clock.now().replace(microsecond=0) - timedelta(hours=1)
        said = LinkHealth(
            author=self.member,
            condition="down",
            corridor=site.trust.current.name,
            ends=ends_of(self.member, self._rng.choice(site.trust.neighbours(self.member))),
            issued_at=issued_at,
            expires_at=issued_at + timedelta(seconds=LINK_HEALTH_LIFE_S),
            latency_us=1,
            loss_ppm=0,
            serial=self._rng.randrange(1 << 52, 1 << 53),
        )
        return state(said, site.statement_signer())

    def _some(self, kind: type | None) -> Statement | None:
        """A statement of others that it has heard."""
        for raw in self._rng.sample(self._heard, min(len(self._heard), TRIED_MAX)):
            said, _ = read(raw)
            if self.member not in said.authors and (kind is None or isinstance(said, kind)):
                return said
        return None

    def _signed(self, statement: Statement, site: Site) -> bytes:
        """In the authors' names, by their key numbers, with its own key."""
        text, own = text_of(statement), site.statement_signer()
        value = own.sign(text.encode()).value
        lines = []
        for author in statement.authors:
            verifier = site.trust.request_verifiers(author)[0]
            lines.append(Signature(verifier.name, verifier.key_id, value))
        return format_note(Note(text, tuple(lines)))
