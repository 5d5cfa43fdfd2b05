"""Reads a corridor's payments plan from TOML: who takes part and on what terms, amounts as people write them.

::

    cycle_s = 3600                    # a settlement cycle, an hour without it; the same for ever

    [currencies]
    PK = "PKR/2"
    KZ = "KZT/2"

    [[participants]]
    address = "PK/hbl"
    role = "psp"                      # psp, fxp or operator
    name = "Habib Bank"
    bic = "HABBPKKA"
    limit = "50000000.00"             # most it may send in one payment
    low = "1000000.00"                # below this its owner is told
    floor = "-1000.00"                # how far its position may fall; 0 without it
    fee = { fixed = "100.00", share_ppm = 500, least = "0.00", most = "5000.00" }

    [[corridors]]
    source = "PK"
    destination = "KZ"
    limit = "20000000.00"
    identify_from = "280000.00"       # FATF Recommendation 16: about USD 1,000
    purposes = ["SUPP", "GDDS", "FAMI"]
    subsidy = "1500.00"               # what a state pays so that the payer does not …
    subsidy_from = "56000.00"         # … from this amount on
    answer_s = 20

Every amount is in the currency of its participant's member, of a corridor in that of its source.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from darwaza.errors import MalformedError, OperatorError
from darwaza.kernel.machine import Refusal
from darwaza.kernel.message import AddressText, MemberText, member_of
from darwaza.ledger.asset import Asset, asset_from_text
from darwaza.ledger.exchange import Fee
from darwaza.ledger.money import to_minor
from darwaza.services.payments.plan import HOUR_S, Corridor, Directory, Participant, ParticipantRole, Plan
from darwaza.standards.iso20022.identifier import check_bic

TIME_S_MAX = 1_000
"""Each time of a corridor; so a payment's answer is due within the hour of its quote, in which cycles look for it."""
CYCLE_S_MIN = 600
CYCLE_S_MAX = 86_400
"""A settlement cycle; it divides a day, so that each day has whole cycles."""
NO_PLAN = Plan(currencies={}, participants=(), corridors=())
"""The plan of a gateway that takes no part in payments: every payment is refused."""


class FeeEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See ``ledger.exchange.Fee``; amounts are decimals."""

    fixed: str = "0"
    share_ppm: int = 0
    least: str = "0"
    most: str | None = None


class ParticipantEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See ``plan.Participant``; amounts are decimals."""

    address: AddressText
    role: ParticipantRole
    name: str
    bic: str | None = None
    limit: str | None = None
    floor: str = "0"
    low: str | None = None
    fee: FeeEntry = FeeEntry()


class CorridorEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See ``plan.Corridor``; amounts are decimals."""

    source: MemberText
    destination: MemberText
    limit: str
    identify_from: str
    purposes: frozenset[Annotated[str, Meta(pattern=r"^[A-Z0-9]{4}$(?!\n)")]] = frozenset()
    answer_s: Annotated[int, Meta(ge=1, le=TIME_S_MAX)] = 20
    grace_s: Annotated[int, Meta(ge=1, le=TIME_S_MAX)] = 5
    quote_s: Annotated[int, Meta(ge=1, le=TIME_S_MAX)] = 600
    subsidy: str = "0"
    subsidy_from: str = "0"


class PlanEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file; see ``plan.Plan``."""

    currencies: dict[MemberText, str]
    participants: tuple[ParticipantEntry, ...] = ()
    corridors: tuple[CorridorEntry, ...] = ()
    cycle_s: Annotated[int, Meta(ge=CYCLE_S_MIN, le=CYCLE_S_MAX)] = HOUR_S


def load_plan(values: Any) -> Plan:
    """Build a plan from the parsed file.

    Raises:
        OperatorError: ``plan_wrong``; the sentence says what and where.
    """
    try:
        entry = msgspec.convert(values, PlanEntry)
        currencies = {member: asset_from_text(text) for member, text in entry.currencies.items()}
        plan = Plan(
            currencies=currencies,
            participants=tuple(_participant(one, currencies) for one in entry.participants),
            corridors=tuple(_corridor(one, currencies) for one in entry.corridors),
            cycle_s=_whole_in_a_day(entry.cycle_s),
        )
        Directory(plan)
    except (msgspec.ValidationError, MalformedError, ValueError) as fault:
        raise _wrong(str(fault)) from fault
    return plan


def _participant(entry: ParticipantEntry, currencies: dict[str, Asset]) -> Participant:
    asset = _asset(member_of(entry.address), currencies)
    if entry.bic is not None:
        check_bic(entry.bic)
    if entry.role == "psp" and entry.bic is None:
        raise ValueError(f"{entry.address} is a psp and needs a bic")
    floor = -_minor(entry.floor.removeprefix("-"), asset) if entry.floor.startswith("-") else _minor(entry.floor, asset)
    return Participant(
        address=entry.address,
        role=entry.role,
        name=entry.name,
        bic=entry.bic,
        limit_minor=None if entry.limit is None else _minor(entry.limit, asset),
        floor_minor=floor,
        low_minor=None if entry.low is None else _minor(entry.low, asset),
        fee=Fee(
            fixed_minor=_minor(entry.fee.fixed, asset),
            share_ppm=entry.fee.share_ppm,
            least_minor=_minor(entry.fee.least, asset),
            most_minor=None if entry.fee.most is None else _minor(entry.fee.most, asset),
        ),
    )


def _corridor(entry: CorridorEntry, currencies: dict[str, Asset]) -> Corridor:
    asset = _asset(entry.source, currencies)
    _asset(entry.destination, currencies)
    if entry.source == entry.destination:
        raise ValueError(f"the corridor {entry.source}-{entry.destination} leads nowhere")
    return Corridor(
        source=entry.source,
        destination=entry.destination,
        limit_minor=_minor(entry.limit, asset),
        identify_from_minor=_minor(entry.identify_from, asset),
        purposes=entry.purposes,
        answer_s=entry.answer_s,
        grace_s=entry.grace_s,
        quote_s=entry.quote_s,
        subsidy_minor=_minor(entry.subsidy, asset),
        subsidy_from_minor=_minor(entry.subsidy_from, asset),
    )


def _whole_in_a_day(cycle_s: int) -> int:
    if CYCLE_S_MAX % cycle_s:
        raise ValueError(f"{cycle_s} s do not divide a day - at `$.cycle_s`")
    return cycle_s


def _asset(member: str, currencies: dict[str, Asset]) -> Asset:
    if member not in currencies:
        raise ValueError(f"{member} has no currency")
    return currencies[member]


def _minor(text: str, asset: Asset) -> int:
    amount = to_minor(text, asset)
    if isinstance(amount, Refusal):
        raise ValueError(f"{text!r}: {amount.detail}")  # noqa: TRY004 - the refusal is the value that is wrong
    return amount


def _wrong(detail: str) -> OperatorError:
    return OperatorError(f"the payments plan cannot be used: {detail}", code="plan_wrong")
