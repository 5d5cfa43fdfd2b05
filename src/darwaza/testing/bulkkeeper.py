"""An independent bookkeeper of bulks: what each payment of one must have done to money, read from the messages alone.

It takes every pacs.008 of a bulk and every pacs.002 and pacs.004 about its payments apart with a plain XML parser,
works out the amounts by plain sums, and asks at every commit and at the end whether either ledger shows them.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Container, Iterable
from decimal import Decimal
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import msgspec

from darwaza.engine.order import EARLY, ORDER, Early
from darwaza.kernel.message import decode_header
from darwaza.ports.store import Changes, LeafRow, Store
from darwaza.testing.auditor import BrokenError, Memory
from darwaza.testing.bookkeeper import Book, MoneyAuditor


class Leg(NamedTuple):
    """What one payment of a bulk takes and gives, in minor units.

    Attributes:
        number: in the document.
        debit: leaves the payer's bank.
        bought: comes from the provider.
        credit: reaches the payee's bank.
    """

    number: int
    debit: int
    bought: int
    credit: int


class Said(NamedTuple):
    """A message in a member's store, opened.

    Attributes:
        key: of the message.
        kind: see ``Header``.
        case_id: see ``Header``.
        at: when its origin made it, RFC 3339.
        body: plain.
    """

    key: str
    kind: str
    case_id: str
    at: str
    body: bytes


class Told:
    """What the messages in one gateway's store say of payments of bulks.

    Attributes:
        terms: of each bulk's order.
        legs: by case and UETR.
        accepted: UETRs of urgent ones that the payees' bank accepts, by case.
        ends: whether it is credited, by case and UETR.
        answers: which of them a message tells, by case and the message's key.
        blocks: which of them a message blocks, by case, kind of the message and its key.
        returned: (case, UETR) of those that were given back.
    """

    def __init__(self) -> None:
        self.terms: dict[str, dict[str, str]] = {}
        self.legs: dict[str, dict[str, Leg]] = defaultdict(dict)
        self.accepted: dict[str, set[str]] = defaultdict(set)
        self.ends: dict[str, dict[str, bool]] = defaultdict(dict)
        self.answers: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.blocks: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.returned: set[tuple[str, str]] = set()

    def take(self, said: Said) -> None:
        """Read one more; a message of another kind says nothing."""
        if said.kind == "payments.bulk":
            terms, *documents = said.body.split(b"\x1e")
            self._order(said.case_id, json.loads(terms), documents)
        elif said.kind in ("payments.answers", "payments.decisions"):
            self._statuses(said)
        elif said.kind == "payments.returned":
            self.returned |= {(said.case_id, uetr) for uetr in _texts(said.body, "OrgnlUETR")}

    def is_urgent(self, case_id: str) -> bool:
        """Whether nobody of a bulk is credited before the payers' gateway has decided."""
        return case_id in self.terms and self.terms[case_id]["priority"] == "HIGH"

    def _order(self, case_id: str, terms: dict[str, str], documents: list[bytes]) -> None:
        self.terms[case_id] = terms
        for number, document in enumerate(documents, 1):
            (one,) = _all(document, "CdtTrfTxInf")
            debit, source = _minor(one, "InstdAmt"), _minor(one, "IntrBkSttlmAmt")
            fee = [_minor(charge, "Amt") for charge in one.iterfind("{*}ChrgsInf")][1]
            bought = int(source * Decimal(terms["rate"]))
            self.legs[case_id][_text(one.find(".//{*}UETR"))] = Leg(number, debit, bought, bought - fee)

    def _statuses(self, said: Said) -> None:
        case_id = said.case_id
        for document in said.body.split(b"\x1e"):
            (one,) = _all(document, "TxInfAndSts")
            uetr, given = _text(one.find("{*}OrgnlUETR")), _text(one.find("{*}TxSts"))
            if given in ("ACTC", "BLCK") and said.kind == "payments.answers":
                self.accepted[case_id].add(uetr)
            if given == "BLCK":
                self.blocks[case_id, said.kind][said.key].add(uetr)
            if given not in ("ACCC", "ACSC", "RJCT"):
                continue
            if self.ends[case_id].setdefault(uetr, given != "RJCT") != (given != "RJCT"):
                raise BrokenError(f"I8: {uetr} of {case_id} was told to have ended both ways")
            self.answers[case_id][said.key].add(uetr)

    def check_words(self, said: Said) -> None:
        """Who may say what of a payment, and when, by the terms of the order; which may come back after its answers."""
        if said.kind not in ("payments.answers", "payments.decisions") or said.case_id not in self.terms:
            return
        terms, urgent = self.terms[said.case_id], self.is_urgent(said.case_id)
        given = _texts(said.body, "TxSts")
        if said.kind == "payments.decisions":
            right = urgent and given <= ({"RJCT"} if said.at > terms["decide_by"] else {"ACSC", "BLCK"})
        elif urgent:
            well = set() if said.at > terms["answer_by"] else {"ACTC", "BLCK"}
            right = given <= {"RJCT", "PDNG"} | well or (given == {"ACCC"} and self._were_blocked(said))
        else:
            right = given <= {"ACCC", "RJCT", "PDNG", "BLCK"}
        if not right:
            raise BrokenError(f"I8: {said.kind} on {said.case_id} at {said.at} says {sorted(given)}")

    def _were_blocked(self, said: Said) -> bool:
        """Whether all that a message is about were blocked before."""
        uetrs = _texts(said.body, "OrgnlUETR")
        return uetrs <= set().union(*self.blocks[said.case_id, said.kind].values())

    def kept(self, case_id: str, waiting: Container[str] = ()) -> set[str]:
        """UETRs of those that were blocked by who decides, but for what was told in messages that wait."""
        kind = "payments.decisions" if self.is_urgent(case_id) else "payments.answers"
        told = (uetrs for key, uetrs in self.blocks[case_id, kind].items() if key not in waiting)
        return set().union(*told)

    def ended(self, case_id: str, waiting: Container[str] = ()) -> set[str]:
        """UETRs of those that were told to have ended, but for what was told in messages that wait."""
        told = (uetrs for key, uetrs in self.answers[case_id].items() if key not in waiting)
        return self.kept(case_id, waiting).union(*told)

    def settled(self, case_id: str) -> set[str]:
        """UETRs of those that were told to be credited or blocked: their payers have paid."""
        return {uetr for uetr, _ in self.credited(case_id)} | self.kept(case_id)

    def credited(self, case_id: str) -> list[tuple[str, Leg]]:
        """UETR and amounts of those that were told to be credited."""
        ends = self.ends[case_id]
        return [(uetr, leg) for uetr, leg in self.legs[case_id].items() if ends.get(uetr)]


class BulkAuditor(MoneyAuditor):
    """The auditor with both members' books, and with what was told of payments of bulks."""

    def __init__(self, *given: Any, read: Callable[[str, LeafRow], Said]) -> None:
        """See ``MoneyAuditor``.

        Args:
            given: as there.
            read: a message in a member's store, opened.
        """
        super().__init__(*given)
        self._read = read
        self.told = {code: Told() for code in self.books}
        self._heard_until = ""

    def committed(self, member: str, changes: Changes, store: Store) -> None:
        """A batch is on the disk."""
        super().committed(member, changes, store)
        if member not in self.told:
            return
        for leaf in changes.leaves:
            said = self._read(member, leaf)
            self.told[member].take(said)
            self.told[member].check_words(said)
        self._hear(member, changes.leaves, store)
        if not self._is_whole():
            return
        for case_id in {row.case_id for row in changes.transfers if row.case_id in self.told[member].legs}:
            moved, right = self._moved(member, case_id), self._right(member, case_id)
            if abs(moved) > abs(right):
                raise BrokenError(f"I9: {case_id} moved {moved} at {member}; what was told comes to {right}")
            # A message that overtook another is stored, and acted upon only after that one (docs/adr/0016).
            if not self._held_rightly(member, case_id) and not self._held_rightly(member, case_id, early(store)):
                raise BrokenError(f"I4: {self._held(member, case_id)} is held for {case_id} at {member}")
            self._check_decided(case_id)

    def _check_decided(self, case_id: str) -> None:
        """Nobody of an urgent bulk is credited whose bank's acceptance the payers' gateway has not settled."""
        here, there = self.told[self.payer], self.told[self.payee]
        if there.is_urgent(case_id):
            unsettled = {uetr for uetr, _ in there.credited(case_id)} - here.settled(case_id)
            if unsettled:
                raise BrokenError(f"I9: {sorted(unsettled)} of {case_id} are credited, and not settled")

    def _hear(self, member: str, leaves: Iterable[LeafRow], store: Store) -> None:
        """Up to when the payees' gateway holds all ordinary messages of the payers', when they are neighbours."""
        if member == self.payee:
            direct = {row.id for row in store.logs() if row.author == self.payer and row.lane == 0}
            dates = [decode_header(leaf.header).created_at for leaf in leaves if leaf.log_id in direct]
            self._heard_until = max((self._heard_until, *dates))

    def _held_rightly(self, member: str, case_id: str, waiting: Container[str] = ()) -> bool:
        """What is held for a case is the money of those of its payments that have not ended, to the unit.

        Those that are accepted and provably not decided end at the payees' gateway without a word.
        """
        told = self.told[member]
        ended = told.ended(case_id, waiting)
        left = {uetr: leg for uetr, leg in told.legs[case_id].items() if uetr not in ended}
        silent = told.accepted[case_id] & left.keys() if member == self.payee else set()
        if not silent or self._heard_until <= told.terms[case_id]["decide_by"]:
            silent = set()
        held = self._held(member, case_id)
        debit, bought = sum(leg.debit for leg in left.values()), sum(leg.bought for leg in left.values())
        freed = {0}
        for uetr in silent:
            freed |= {amount + left[uetr].bought for amount in freed}
        return held["debit"] in (0, debit) and (held["fx"] == 0 or bought - held["fx"] in freed)

    def _held(self, member: str, case_id: str) -> dict[str, int]:
        held = {"debit": 0, "fx": 0}
        for hold in self.books[member].holds.values():
            if hold.case_id == case_id:
                held[hold.id.rpartition("/")[2].partition(".")[0]] += hold.amount_minor
        return held

    def lost_disk(self, member: str, memory: Memory, store: Store, stores: dict[str, Store]) -> None:
        """A gateway starts from an older state of its disk, and what it knows was told with it."""
        super().lost_disk(member, memory, store, stores)
        if member == self.payee:
            self._heard_until = ""
        if member in self.told:
            self.told[member] = told = Told()
            for row in store.logs():
                leaves = list(store.scan_leaves(row.id))
                for leaf in leaves:
                    told.take(self._read(member, leaf))
                self._hear(member, leaves, store)

    def check_money(self, stores: dict[str, Store]) -> None:
        """At the end: what moved at either side is what the messages come to, and each was paid once."""
        super().check_money(stores)
        here, there = self.told[self.payer], self.told[self.payee]
        paid: set[str] = set()
        for case_id, legs in here.legs.items():
            if here.ends[case_id] != there.ends[case_id] and there.ends[case_id].keys() >= here.ends[case_id].keys():
                raise BrokenError(f"I9: {case_id}: the two sides hold other answers")
            for member in self.books:
                moved, right = self._moved(member, case_id), self._right(member, case_id)
                if moved != right:
                    raise BrokenError(f"I7: {case_id} moved {moved} at {member}, not {right}")
            unready = {uetr for uetr, _ in here.credited(case_id)} - here.accepted[case_id]
            if here.is_urgent(case_id) and unready:
                raise BrokenError(f"I9: {sorted(unready)} of {case_id} were settled, and never accepted")
            twice = paid & {uetr for uetr, _ in there.credited(case_id)}
            if twice:
                raise BrokenError(f"I5: {sorted(twice)} were paid twice")
            paid |= {uetr for uetr, _ in there.credited(case_id)}
            for uetr, leg in legs.items():
                self._check_return(case_id, uetr, leg.number)
            self._check_suspense(case_id)

    def _check_return(self, case_id: str, uetr: str, number: int) -> None:
        told = (case_id, uetr) in self.told[self.payee].returned
        given, got = (
            f"{case_id}.{number}/return" in self._there,
            f"{case_id}.{number}/refund" in self._here,
        )
        if {told, given, got} == {True, False}:
            raise BrokenError(f"I9: {case_id}.{number}: told {told}, returned {given}, refunded {got}")

    def _check_suspense(self, case_id: str) -> None:
        """What was blocked, and neither credited nor given back since, stands in suspense, to the unit."""
        told = self.told[self.payee]
        gone = {uetr for uetr, _ in told.credited(case_id)} | {uetr for of, uetr in told.returned if of == case_id}
        right = sum(told.legs[case_id][uetr].bought for uetr in told.kept(case_id) - gone)
        stands = self.books[self.payee].suspended(case_id)
        if stands != right:
            raise BrokenError(f"I7: {stands} of {case_id} in suspense, not {right}")

    def _moved(self, member: str, case_id: str) -> int:
        """What a case has brought its bank at one side, but for what was given back since."""
        book = self.books[member]
        return book.brought(case_id) + self._given_back(book, case_id)

    def _given_back(self, book: Book, case_id: str) -> int:
        """Returns took it from the payee's bank and refunds gave it to the payer's; as much the other way round."""
        name, sign = ("return", 1) if book is self.books[self.payee] else ("refund", -1)
        numbers = [leg.number for leg in self.told[self.payer].legs[case_id].values()]
        rows = [book.done.get(f"{case_id}.{number}/{name}") for number in numbers]
        banks = (row for row in rows if row is not None and not row.debit_account.startswith("suspense:"))
        return sign * sum(row.amount_minor for row in banks)

    def _right(self, member: str, case_id: str) -> int:
        """What the messages at one side come to."""
        told = self.told[member]
        if member == self.payee:
            return sum(leg.credit for _, leg in told.credited(case_id))
        return -sum(told.legs[case_id][uetr].debit for uetr in told.settled(case_id))


def early(store: Store) -> set[str]:
    """Keys of the messages that wait for the one they follow."""
    rows = (row for row in store.scan_cases() if row.service == ORDER and row.state == EARLY)
    return {msgspec.msgpack.decode(row.data, type=Early).key for row in rows}


def _all(document: bytes, name: str) -> list[ET.Element]:
    found = ET.fromstring(document).findall(".//{*}" + name)  # noqa: S314 - written by our own gateways
    if not found:
        raise BrokenError(f"a message has no {name}: {document[:200]!r}")
    return found


def _texts(body: bytes, name: str) -> set[str]:
    """What the elements of a name say in all parts of a body."""
    return {_text(one) for document in body.split(b"\x1e") for one in _all(document, name)}


def _text(element: ET.Element | None) -> str:
    return "" if element is None or element.text is None else element.text.strip()


def _minor(element: ET.Element, name: str) -> int:
    return int(Decimal(_text(element.find("{*}" + name))) * 100)
