"""A sample movement for the demo, the benchmark and tests: dried fruit, Tashkent to Karachi, under a TIR carnet."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from darwaza.services.transit.crossing import Register
from darwaza.standards.etir.value import Actor, Declaration, GoodsItem, GuaranteeTerms, Leg, Stamp, Vehicle

HOLDER_ID = "UZB/041/1234"
HOLDER_PARTY = "UZ/silk-road-trans"
CHAIN = "UZ/aircuz"
COVER_MINOR = 9_000_000
"""EUR 90,000 a member; the TIR Convention recommends up to EUR 100,000 (Annex 6, Explanatory Note 0.8.3)."""
LIABILITY_MINOR = 4_000_000
VALID_DAYS = 120
LEG_DAYS = 3
DATES, RAISINS, APRICOTS = "080410", "080620", "081310"


def stamp(register: Register, office: str, at: datetime, *, officer: str = "officer-1", offline: bool = False) -> Stamp:
    """Stamp an act at an office, with a new event id and the office's own clock."""
    zone = register.offices[office].zone
    local = at.astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")
    return Stamp(str(uuid.uuid4()), office, officer, at, zone, local, offline)


def carnet(reference: str, now: datetime, *, members: tuple[str, ...] = ("UZ", "AF", "PK")) -> GuaranteeTerms:
    """Terms of a TIR carnet of the sample chain, valid from the day before ``now``."""
    begin = (now - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return GuaranteeTerms(
        reference=reference,
        guarantor="UZ",
        chain=CHAIN,
        holder=HOLDER_ID,
        regime="tir",
        kind="carnet",
        currency="EUR",
        cover_minor=COVER_MINOR,
        per_member=True,
        single_use=True,
        members=members,
        valid_from=begin,
        valid_until=begin + timedelta(days=VALID_DAYS),
    )


def way_to_karachi(now: datetime) -> tuple[Leg, ...]:
    """Tashkent, Termez, Hairatan, Kabul, Torkham, Karachi: three members, two crossings."""
    days = [now + timedelta(days=LEG_DAYS * number) for number in (1, 2, 3)]
    return (
        Leg("UZ", "UZTAS", "UZTER", "AF-UZ/HAIRATAN", LIABILITY_MINOR, days[0]),
        Leg("AF", "AFHRT", "AFRKH", "AF-PK/TORKHAM", LIABILITY_MINOR, days[1]),
        Leg("PK", "PKTOR", "PKKHI", None, LIABILITY_MINOR, days[2]),
    )


def declaration(
    movement: str, guarantee: GuaranteeTerms, now: datetime, *, goods: int = 3, legs: Sequence[Leg] = ()
) -> Declaration:
    """Declare dried fruit; the first item spoils after 400 hours."""
    items = tuple(
        GoodsItem(
            number=number + 1,
            hs=(RAISINS, APRICOTS, DATES)[number % 3],
            description=("Dried grapes", "Dried apricots", "Dates")[number % 3],
            packages=100,
            package_kind="CT",
            gross_g=2_000_000,
            keeps_h=400 if number == 0 else None,
        )
        for number in range(goods)
    )
    return Declaration(
        movement=movement,
        version=1,
        ucr="6UZ" + movement.replace("-", "")[:20].upper(),
        regime="tir",
        holder=Actor(HOLDER_ID, "Silk Road Trans", "UZ"),
        holder_party=HOLDER_PARTY,
        consignor=Actor("UZ-301002", "Toshkent Meva OOO", "UZ"),
        consignee=Actor("PK-4210101", "Karachi Dry Fruit Traders", "PK"),
        guarantee=guarantee,
        goods=items,
        vehicles=(Vehicle("truck", "01A123BC", "UZ"), Vehicle("trailer", "01B4567", "UZ")),
        legs=tuple(legs) or way_to_karachi(now),
    )
