"""A simulation of routing: eight members linked as in the CAREC profile, partitions, dark gateways, members that lie.

On top of what every life of ``darwaza.testing.simulation`` suffers (losses of messages, crashes, full disks, old
backups, wrong clocks), parties send to members that are no neighbours, some under path policies, gateways watch their
links with probes that the network loses too, and links flap. In some lives members have home rules. In others one
member lies, in one of the ways of ``darwaza.testing.deceit``, while it says that all its links are well and spreads the
rumours of ``darwaza.testing.rumour``. The auditor asks what it always asks, and besides that nobody honest hands on
what its origin never sent, or sent by a path that is none, or that a policy forbids, or a home rule that it knows. At
the end every message under way has an end, none came back that somebody could have carried, and everybody knows
everybody's home rules.

To see what one seed does: ``python -m darwaza.testing.routing 42``.
"""

import json
import random
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from darwaza.engine.intake import Outcome
from darwaza.engine.probe import LinkTerms
from darwaza.engine.voyage import ROUTE, UNDER_WAY, Voyage
from darwaza.engine.watch import Watch
from darwaza.errors import TransientError
from darwaza.kernel.machine import Refusal
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.message import PATH_MEMBERS_MAX
from darwaza.ports.store import Changes, Store
from darwaza.ports.transport import Probe
from darwaza.services.documents.message import Offer
from darwaza.testing.auditor import Auditor, BrokenError
from darwaza.testing.deceit import LIES, lying
from darwaza.testing.node import Node
from darwaza.testing.party import Parties, Wish
from darwaza.testing.probing import ProbingNode, ProbingSimulation
from darwaza.testing.rumour import Book, FalseWatch, Forger

CODES: Final = ("AF", "CN", "KG", "KZ", "PK", "TJ", "TM", "UZ")
LINKS: Final = (
    ("AF", "PK"), ("AF", "TJ"), ("AF", "TM"), ("AF", "UZ"), ("CN", "KG"), ("CN", "KZ"), ("CN", "PK"),
    ("KG", "KZ"), ("KG", "TJ"), ("KZ", "TM"), ("KZ", "UZ"), ("TJ", "UZ"), ("TM", "UZ"),
)  # fmt: skip
"""As in profiles/carec/corridor.toml; a test compares them."""
BARRED: Final = "TM"
"""Whom the corridor's policy bars from carrying, in some lives."""


HIDDEN: Final = ("KG", "TJ")
"""Ends of a link that is shown to nobody but them and ``SHOWN_TO``."""
SHOWN_TO: Final = ("AF", "KZ", "PK", "UZ")


class Ban(NamedTuple):
    """A home rule: what a member does not allow, and to whom.

    Attributes:
        owner: member.
        verb: ``leave``, ``transit``, ``carry`` or ``store``.
        other: member.
    """

    owner: str
    verb: str
    other: str

    @property
    def text(self) -> str:
        """As it is written in home rules."""
        return f"documents: {self.verb} not {self.other}"

    def narrows(self, one: str, other: str) -> bool:
        """Whether fewer may carry what goes between two members: then all who may can have given it up."""
        return (self.owner if self.verb == "transit" else self.other) in {one, other}

    def breaks(self, path: Sequence[str]) -> bool:
        """Whether a document that takes a path is sent or carried against it."""
        ends, carriers = {path[0], path[-1]}, path[1:-1]
        if self.verb == "carry":
            return self.owner in carriers and self.other in ends
        if self.verb == "transit":
            return self.owner in ends and self.other in carriers
        return (path[0], path[-1]) == (self.owner, self.other)


class RoutedAuditor(Auditor):
    """The auditor, who also reads what relays hand on.

    Attributes:
        liars: whose doings are not audited.
        barred: whom the corridor's policy bars from carrying; "" for nobody.
        bans: home rules.
        knows: whether a member has heard of another's home rules.
    """

    def __init__(self, members: Iterable[str]) -> None:
        super().__init__(members)
        self.liars: frozenset[str] = frozenset()
        self.barred = ""
        self.bans: tuple[Ban, ...] = ()
        self.knows: Callable[[str, str], bool] = lambda viewer, owner: viewer == owner
        self._sent: set[bytes] = set()

    def batch_left(self, origin: str, start: int, headers: Iterable[bytes]) -> None:
        """See ``Auditor``."""
        headers = list(headers)
        self._sent.update(map(leaf_hash, headers))
        super().batch_left(origin, start, headers)

    def committed(self, member: str, changes: Changes, store: Store) -> None:
        """See ``Auditor``."""
        super().committed(member, changes, store)
        own = {row.id for row in store.logs() if row.author == member}
        for leaf in () if member in self.liars else changes.leaves:
            known = " " in leaf.message_key  # what is put aside stands under its place in the log
            if known and json.loads(leaf.header)["kind"] == "route.relay":
                raw = msgspec.msgpack.decode(leaf.body)[2][0][0]
                header = json.loads(raw)
                origin = header["origin"].partition("/")[0]
                if origin not in self.liars and leaf_hash(raw) not in self._sent:
                    raise BrokenError(f"P3: {member} takes {header['id']}, which {origin} never sent")
                if leaf.log_id in own:
                    self._handed_on(member, header, origin)
                    self._obeyed(member, header, leaf.header)
            elif known and leaf.log_id in own:
                self._obeyed(member, json.loads(leaf.header), leaf.header)

    def _obeyed(self, member: str, header: dict[str, Any], raw: bytes) -> None:
        """Hold what somebody honest sends or hands on against the home rules that it knows."""
        if not header["kind"].startswith("documents.") or leaf_hash(raw) in self._sent:
            return  # what it had sent before it lost its disk it had sent knowing less
        path = header.get("path") or [header[end].partition("/")[0] for end in ("origin", "destination")]
        for ban in self.bans:
            if ban.breaks(path) and self.knows(member, ban.owner):
                raise BrokenError(f"{member} sends {header['id']} by {path}; {ban.owner} says {ban.text}")

    def _handed_on(self, member: str, header: dict[str, Any], origin: str) -> None:
        """Judge the header of a letter that somebody honest carries."""
        path = header["path"]
        if len(path) > PATH_MEMBERS_MAX or len(set(path)) < len(path) or not set(path) <= set(CODES):
            raise BrokenError(f"{member} hands on {header['id']} by the path {path}")
        if header["kind"].startswith("route."):
            return
        if self.barred in path[1:-1]:
            raise BrokenError(f"{member} hands on {header['id']} by the path {path} against the corridor's policy")
        asked = header.get("path_policy", "")
        if origin not in self.liars and not _obeys(path, asked):
            raise BrokenError(f"{member} hands on {header['id']} by the path {path}, asked was {asked}")


def _obeys(path: list[str], policy: str) -> bool:
    """Whether a path satisfies the clauses that the parties here use."""
    for clause in filter(None, policy.replace("\n", ";").split(";")):
        name, *words = clause.split()
        if name == "avoid" and set(words) & set(path[1:-1]):
            return False
        if name == "through" and not set(words) <= set(path[1:-1]):
            return False
        if name == "hops" and len(path) - 1 > int(words[0]):
            return False
    return True


class RoutedParties(Parties):
    """They ask for paths, sometimes for one that there cannot be.

    Attributes:
        hopeless: whether each such wish has been refused, by its key.
    """

    def __init__(self, simulation: "RoutedSimulation") -> None:
        super().__init__(simulation, simulation.rng)
        self._routed = simulation
        self.hopeless: dict[str, bool] = {}

    def offer(self, code: str, to: str, expires_at: datetime | None = None) -> None:
        """See ``Parties``."""
        rng, ends = self._rng, {code, to.partition("/")[0]}
        others = [one for one in CODES if one not in ends]
        asked, hopeless, neighbours = "", False, tuple(sorted(ends)) in LINKS
        drawn, liars = rng.random(), self._simulation.liars
        if drawn < 0.15:  # noqa: PLR2004 - who avoids others beside a liar may leave nobody else to carry it
            asked = f"avoid {min(liars) if liars else rng.choice(others)}"
        elif drawn < 0.2 and not liars:  # noqa: PLR2004
            asked = f"through {rng.choice(others)}"
        elif drawn < 0.3:  # noqa: PLR2004
            asked, hopeless = rng.choice(("hops 1", "avoid " + " ".join(others))), not neighbours
        waits = rng.random() < 0.8  # noqa: PLR2004
        body = Offer(to, "A bill", "bill.xml", "application/xml", rng.randbytes(40), None, expires_at, asked, waits)
        path = (code, to.partition("/")[0])
        hopeless = hopeless or any(ban.breaks(path) for ban in self._routed.auditor.bans)
        if hopeless:
            self.hopeless[f"k{self._keys + 1}"] = False
        self._wish(code, "offer", body)

    def _told(self, wish: Wish, outcome: Outcome) -> None:
        key = wish.given.key
        if key in self.hopeless and not isinstance(outcome, TransientError):
            if not isinstance(outcome, Refusal):
                raise BrokenError(f"{wish.member} answers {outcome!r} to what nobody may carry")
            self.hopeless[key] = True
        super()._told(wish, outcome)


class RoutedNode(ProbingNode):
    """A gateway that watches its links, under home rules; a liar's says that all is well."""

    def make_watch(self, kept: bytes | None) -> Watch:
        """See ``ProbingNode``."""
        simulation = self._simulation
        liars = simulation.liars
        simulation.book.attend(self.code, self.engine.site, liars)
        terms = {end: LinkTerms(visible_to=SHOWN_TO) for end in HIDDEN if self.code in HIDDEN and end != self.code}
        home = "\n".join(ban.text for ban in simulation.auditor.bans if ban.owner == self.code) or None
        watch = FalseWatch if self.code in liars else Watch
        return watch(self.engine.site, terms=terms, home=home, kept=kept)

    _simulation: "RoutedSimulation"


class RoutedSimulation(ProbingSimulation):
    """See the module.

    Attributes:
        lie: what the liar does, "" when there is none.
        forger: who spreads rumours; None when nobody does.
        book: what members said of their links.
    """

    auditor: RoutedAuditor
    parties: RoutedParties

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.book = Book()
        self.lie = ""
        self.forger: Forger | None = None
        if self.rng.random() < 0.4:  # noqa: PLR2004
            self.let_lie(self.rng.choice(CODES), self.rng.choice(LIES))
        elif random.Random(f"home rules {seed}").random() < 0.5:  # noqa: PLR2004, S311 - it must be predictable
            self.let_rule()

    def let_rule(self) -> None:
        """Let members have home rules: one who may not carry for another, or two who do not write to each other."""
        rng = random.Random(f"home rule {self.seed}")  # noqa: S311 - it must be predictable
        verb = rng.choice(("leave", "transit", "carry", "store"))
        owner, other = rng.sample(CODES, 2)
        bans = [Ban(owner, verb, other)]
        if verb in {"leave", "store"}:
            bans.append(Ban(other, rng.choice(("leave", "store")), owner))  # else it could not answer
        self.auditor.bans = tuple(bans)
        self.auditor.knows = lambda viewer, owner: owner in self.nodes[viewer].engine.site.routing.homes

    def let_lie(self, member: str, lie: str) -> None:
        """Let a member lie from the start."""
        self.lie, self.liars = lie, frozenset({member})
        self.auditor.liars = self.liars
        self.forger = Forger(member, CODES, self.rng)

    def mischief(self) -> tuple[Callable[[], None], ...]:
        """Links flap, too."""
        return (*super().mischief(), self._flap)

    def _flap(self) -> None:
        """A link works and does not, in turn, about as often as it is probed."""
        one, other = self.rng.choice(LINKS)
        period_s = self.rng.uniform(0.2, 1.5)
        for turn in range(self.rng.randrange(2, 6)):
            self.after(turn * 2 * period_s, partial(self._cut_while_mean, {(one, other), (other, one)}, period_s))

    def _cut_while_mean(self, cut: set[tuple[str, str]], lasts_s: float) -> None:
        if self.mean:
            self.cut_for(cut, lasts_s)

    def make_auditor(self, codes: tuple[str, ...]) -> RoutedAuditor:
        """One who reads what relays hand on."""
        auditor = RoutedAuditor(codes)
        auditor.barred = BARRED if self.path_policy else ""
        return auditor

    def make_parties(self) -> RoutedParties:
        """Parties that ask for paths."""
        return RoutedParties(self)

    def draw_corridor(self) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
        """Always the same eight; now and then one of them may not carry."""
        if self.rng.random() < 0.5:  # noqa: PLR2004
            self.path_policy = f"avoid {BARRED}"
        return CODES, list(LINKS)

    def make_node(self, code: str) -> Node:
        """A gateway that watches its links."""
        return RoutedNode(self, code)

    def peers_of(self, code: str) -> list[str]:
        """Everybody; a liar's own affairs are nobody else's."""
        return [one for one in CODES if one != code and one not in self.liars]

    def probe_leaves(self, sender: ProbingNode, probe: Probe) -> bytes:
        """The forger alters what it sends, and hears what is sent to it."""
        raw = probe.raw
        if self.forger is not None and sender.code == self.forger.member:
            raw = self.forger.poison(raw, sender.engine.site)
        elif self.forger is not None and probe.peer == self.forger.member:
            self.forger.hear(raw)
        return raw

    def run(self) -> None:
        """Live, with the liar lying from the start; it goes on when everything else is mended."""
        with lying(self.liars, self.lie):
            super().run()
        if not self.auditor.forked:
            self._check_voyages()
            self._check_heard()

    def _check_heard(self) -> None:
        """Everybody knows everybody's home rules."""
        for code in CODES:
            for ban in self.auditor.bans:
                if code not in self.liars and not self.auditor.knows(code, ban.owner):
                    raise BrokenError(f"{code} has never heard that {ban.owner} says {ban.text}")

    def _check_voyages(self) -> None:
        """No message is still under way; what its origin believes delivered is; what came back nobody could carry."""
        stores: dict[str, Store] = {code: node.store for code, node in self.nodes.items()}
        for code, store in stores.items():
            for row in store.scan_cases():
                if row.service != ROUTE or code in self.liars:
                    continue
                if row.state == UNDER_WAY:
                    raise BrokenError(f"{code}: {row.id} is under way for ever")
                voyage = msgspec.msgpack.decode(row.data, type=Voyage)
                destination = voyage.destination.partition("/")[0]
                if row.state == "delivered" and stores[destination].leaf(f"{code} {row.id}") is None:
                    raise BrokenError(f"P1: {code} believes {row.id} delivered, {destination} does not hold it")
                narrow = voyage.policy or any(ban.narrows(code, destination) for ban in self.auditor.bans)
                if row.state == "undeliverable" and not narrow:
                    raise BrokenError(f"{code}: {row.id} came back: {voyage.code}, {voyage.detail}")


if __name__ == "__main__":
    RoutedSimulation.show()
