"""The parts eTIR-shaped messages are made of.

Data elements follow the WCO Data Model as eTIR uses it; ``docs/reference/transit-messages.md`` maps every field to its
name there. Weights are whole grams and money whole minor units, so that canonical JSON needs no fraction. Instants are
aware UTC. Every text has a bound, so a message has one.
"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

TEXT_CHARS_MAX = 280
Text = Annotated[str, Meta(min_length=1, max_length=TEXT_CHARS_MAX)]
"""Free text of 1 to 280 characters."""
OptionalText = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
Member = Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")]
"""Code of a corridor member: ISO 3166-1 alpha-2 or a user-assigned pair."""
OfficeId = Annotated[str, Meta(pattern=r"^[A-Z]{2}([A-Z0-9]{3}|-[A-Z0-9]{1,12}(-[A-Z0-9]{1,12}){0,2})\Z")]
"""A customs office: UN/LOCODE, or the member's code, a hyphen and a name; it begins with its member's code."""
CrossingId = Annotated[str, Meta(pattern=r"^[A-Z]{2}-[A-Z]{2}/[A-Z0-9]+(-[A-Z0-9]+)*\Z", max_length=48)]
"""A border crossing of the register: ``AF-PK/TORKHAM``."""
Key = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9./_-]{0,63}\Z")]
"""An identifier given by a party: guarantee reference, holder id, seal number, vehicle registration without spaces."""
Uuid = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
Address = Annotated[str, Meta(pattern=r"^[A-Z]{2}/[a-z0-9][a-z0-9-]{0,62}\Z")]
"""Full address of a party at its own gateway: ``UZ/silk-road-trans``."""
HsCode = Annotated[str, Meta(pattern=r"^[0-9]{6}\Z")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]
Instant = Annotated[datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=1, le=10**9)]
Amount = Annotated[int, Meta(ge=0, le=10**15)]

GOODS_ITEMS_MAX = 999
"""Goods items of one declaration, the bound of common transit practice."""
LEGS_MAX = 20
VEHICLES_MAX = 20
SEALS_MAX = 99
DOCUMENTS_MAX = 99


class Body(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """Root of everything here: immutable, absent when default, an unknown field refused."""


class Actor(Body, frozen=True):
    """A person or company.

    Attributes:
        id: as its authority registered it, for a TIR holder the holder's id number.
        name: for people.
        member: where it is registered.
    """

    id: Key
    name: Text
    member: Member


class GoodsItem(Body, frozen=True):
    """One line of the goods.

    Attributes:
        number: from 1, without gaps.
        hs: six digits of the Harmonized System.
        description: in words.
        packages: how many.
        package_kind: UN/ECE Recommendation 21 code, two characters.
        gross_g: gross mass in grams.
        marks: on the packages.
        keeps_h: hours after departure until the goods spoil; None for goods that keep.
        ucr: unique consignment reference of this line where it differs from the movement's.
    """

    number: Annotated[int, Meta(ge=1, le=GOODS_ITEMS_MAX)]
    hs: HsCode
    description: Text
    packages: Count
    package_kind: Annotated[str, Meta(pattern=r"^[0-9A-Z]{2}\Z")]
    gross_g: Annotated[int, Meta(ge=1, le=10**12)]
    marks: OptionalText = ""
    keeps_h: Annotated[int, Meta(ge=1, le=24 * 365)] | None = None
    ucr: Annotated[str, Meta(min_length=1, max_length=35)] | None = None


class Vehicle(Body, frozen=True):
    """A means of transport or a container.

    Attributes:
        kind: truck, trailer, container, wagon or vessel.
        registration: plate or container number (ISO 6346), without spaces.
        member: where it is registered; None for a container.
    """

    kind: Annotated[str, Meta(pattern=r"^(truck|trailer|container|wagon|vessel)\Z")]
    registration: Key
    member: Member | None = None


class Document(Body, frozen=True):
    """A paper that goes with the goods.

    Attributes:
        kind: UN/ECE document name code (UNTDED 1001).
        reference: its number.
        digest: SHA-256 of the document's bytes, hex; None when it is on paper only.
    """

    kind: Annotated[str, Meta(pattern=r"^[0-9]{1,3}\Z")]
    reference: Text
    digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")] | None = None


class GuaranteeTerms(Body, frozen=True):
    """A guarantee as its chain registered it. The digest of this value names its ledger account.

    Attributes:
        reference: the guarantee's number.
        guarantor: member whose gateway registered it and is the authority on it.
        chain: the guarantee chain.
        holder: holder id it was issued to.
        regime: id of the transit regime.
        kind: one of the kinds the regime admits.
        currency: of the cover.
        cover_minor: the cover, per member when ``per_member``, else for everything at once.
        per_member: the cover stands anew for each member.
        single_use: covers one journey and is then spent.
        members: where it is valid.
        valid_from: first instant.
        valid_until: first instant at which it no longer is.
    """

    reference: Key
    guarantor: Member
    chain: Address
    holder: Key
    regime: Key
    kind: Key
    currency: Currency
    cover_minor: Annotated[int, Meta(ge=1, le=10**15)]
    per_member: bool
    single_use: bool
    members: Annotated[tuple[Member, ...], Meta(min_length=1, max_length=LEGS_MAX)]
    valid_from: Instant
    valid_until: Instant


class Leg(Body, frozen=True):
    """One member's part of the way: one TIR operation.

    Attributes:
        member: whose customs is the authority on it.
        entry_office: where it starts.
        exit_office: where it is terminated.
        crossing: the crossing it leaves through; None on the last leg.
        liability_minor: duties and taxes at risk in this member, minor units of the guarantee's currency.
        deadline_at: until when it must be terminated; None when no limit is set.
    """

    member: Member
    entry_office: OfficeId
    exit_office: OfficeId
    crossing: CrossingId | None
    liability_minor: Amount
    deadline_at: Instant | None = None


class Declaration(Body, frozen=True):
    """The declaration of one movement. It is lodged once and travels to everyone concerned.

    Attributes:
        movement: the movement's UUID, which is the case's id.
        version: 1, and one more with each accepted amendment or new itinerary.
        ucr: unique consignment reference.
        regime: id of the transit regime.
        holder: who answers for the movement.
        holder_party: address of the holder at its own gateway.
        consignor: who sends.
        consignee: who receives.
        guarantee: the guarantee it moves under.
        goods: at least one item.
        vehicles: at least one.
        legs: the itinerary.
        documents: that go with the goods.
        release_requires: names of facts that must hold before the goods are released at destination: ``duty paid``.
    """

    movement: Uuid
    version: Annotated[int, Meta(ge=1, le=10_000)]
    ucr: Annotated[str, Meta(pattern=r"^[A-Z0-9()/-]{1,35}\Z")]
    regime: Key
    holder: Actor
    holder_party: Address
    consignor: Actor
    consignee: Actor
    guarantee: GuaranteeTerms
    goods: Annotated[tuple[GoodsItem, ...], Meta(min_length=1, max_length=GOODS_ITEMS_MAX)]
    vehicles: Annotated[tuple[Vehicle, ...], Meta(min_length=1, max_length=VEHICLES_MAX)]
    legs: Annotated[tuple[Leg, ...], Meta(min_length=1, max_length=LEGS_MAX)]
    documents: Annotated[tuple[Document, ...], Meta(max_length=DOCUMENTS_MAX)] = ()
    release_requires: Annotated[tuple[Text, ...], Meta(max_length=10)] = ()


class Stamp(Body, frozen=True):
    """Who did something, where and when.

    Attributes:
        event: the event's own UUID, made where it happened; the same event keeps it on every way it travels.
        office: where.
        officer: who, an id of that office.
        at: the instant.
        zone: IANA time zone of the office.
        local: what the clock on its wall showed, with offset.
        offline: entered with no connection to the member's gateway.
    """

    event: Uuid
    office: OfficeId
    officer: Key
    at: Instant
    zone: Annotated[str, Meta(min_length=1, max_length=64)]
    local: Annotated[str, Meta(min_length=25, max_length=25)]
    offline: bool = False


class SealMark(Body, frozen=True):
    """A seal on a load compartment.

    Attributes:
        number: as it is printed or read by radio.
        kind: what it is.
    """

    number: Key
    kind: Annotated[str, Meta(pattern=r"^(bolt|cable|strap|electronic)\Z")] = "bolt"


class Unloaded(Body, frozen=True):
    """Packages taken off before the end of the journey.

    Attributes:
        item: number of the goods item.
        packages: how many packages of it.
    """

    item: Annotated[int, Meta(ge=1, le=GOODS_ITEMS_MAX)]
    packages: Count


class Control(Body, frozen=True):
    """The result of a control.

    Attributes:
        kind: documents, seals, scan, weight or physical.
        satisfactory: nothing was found.
        text: what was found.
    """

    kind: Annotated[str, Meta(pattern=r"^(documents|seals|scan|weight|physical)\Z")]
    satisfactory: bool
    text: OptionalText = ""
