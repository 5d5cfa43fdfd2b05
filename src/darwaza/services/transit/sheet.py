"""What is printed on the accompanying document, for people; the machine reads the QR codes on it.

Everything printed is also in the signed paper or derived from it, so that a printed line that was tampered with differs
from what a scan shows. Times are printed as the clock on the wall of the place shows them, with their offset.
"""

from datetime import UTC, datetime

from darwaza.ports.printing import Field, Grid, Picture, Sheet
from darwaza.services.transit.civil import zone_of
from darwaza.services.transit.crossing import Register
from darwaza.services.transit.leg import DISCHARGED, PLANNED, REFUSED, TERMINATED
from darwaza.services.transit.movement import Movement
from darwaza.services.transit.paper import Paper

TITLES = ("Транзитный сопроводительный документ", "سند همراه ترانزیت")
"""The title in Russian and in Dari: between them and English, an officer of any member reads one."""

GOODS_ROWS_MAX = 40
"""Goods items printed; the rest is counted, and all of them are bound by the root."""


def sheet_of(movement: Movement, paper: Paper, register: Register, pictures: tuple[bytes, ...]) -> Sheet:
    """Word the accompanying document.

    Args:
        movement: an accepted one.
        paper: as signed.
        register: for the names and zones of offices.
        pictures: PNG of each QR code, in order; the last one is the spare.
    """
    declaration = movement.known()
    guarantee = paper.guarantee
    fields = (
        Field("Movement", paper.movement_id),
        Field("Reference (UCR)", paper.ucr),
        Field("Regime", paper.regime.upper()),
        Field("Holder", f"{paper.holder[1]} ({paper.holder[0]})"),
        Field("Consignor", declaration.consignor.name),
        Field("Consignee", declaration.consignee.name),
        Field("Vehicles", ", ".join(f"{kind} {plate}" for kind, plate in paper.vehicles)),
        Field("Seals", ", ".join(paper.seals) or "none"),
        Field("Trackers", ", ".join(paper.tracker)),
        Field(
            "Goods", f"{paper.goods.items} items, {paper.goods.packages} packages, {_kilograms(paper.goods.gross_g)}"
        ),
        Field("Goods root", paper.goods.root.hex(" ", 4)),
        Field(
            "Guarantee",
            f"{guarantee.kind} {guarantee.reference}, {_amount(guarantee.cover_minor)} {guarantee.currency}",
        ),
        Field("Guarantor", f"{guarantee.guarantor}; accepted for {', '.join(guarantee.members)}"),
        Field("Keeps for", f"{paper.goods.keeps_h} h" if paper.goods.keeps_h else ""),
    )
    codes = tuple(
        Picture(f"code {number} of {len(pictures)}" + (", spare" if number == len(pictures) else ""), png)
        for number, png in enumerate(pictures, start=1)
    )
    return Sheet(
        title="Transit accompanying document",
        subtitle=(
            f"As of {_local(paper.issued_s, paper.office, register)}, issued by {_office(paper.office, register)}; "
            f"edition {paper.edition}. {_instruction(len(pictures))}"
        ),
        fields=fields,
        grids=(_itinerary(paper, register), _goods(movement)),
        pictures=codes,
        footer=f"{paper.ucr}   {paper.movement_id}",
        titles=TITLES,
        forms=(_by_hand(paper, register),),
    )


def _instruction(codes: int) -> str:
    """Say how many codes have to be scanned; one is a spare."""
    enough = codes - 1
    which = "either code" if enough == 1 else f"any {enough} of the {codes} codes"
    return f"Scan {which}: they verify with no network."


def _by_hand(paper: Paper, register: Register) -> Grid:
    """Leave room for what an office writes by hand when it can neither scan nor print."""
    rows = [
        (f"{index + 1} {word}", _office(office, register), "", "", "")
        for index, leg in enumerate(paper.legs)
        for word, office, done in (
            ("start", leg.entry, leg.status not in {PLANNED, REFUSED}),
            ("end", leg.exit, leg.status in {TERMINATED, DISCHARGED}),
        )
        if not done
    ]
    columns = ("Leg", "Office", "Date and time", "Seals found", "Officer, stamp")
    return Grid("For the offices, by hand where scanning fails", columns, (9, 24, 20, 22, 25), tuple(rows))


def _itinerary(paper: Paper, register: Register) -> Grid:
    """Word the itinerary."""
    rows = tuple(
        (
            str(index + 1),
            leg.member,
            _office(leg.entry, register),
            _office(leg.exit, register),
            leg.crossing or "destination",
            _local(leg.deadline_s, leg.exit, register) if leg.deadline_s else "",
            leg.status,
        )
        for index, leg in enumerate(paper.legs)
    )
    columns = ("Leg", "Member", "Starts at", "Ends at", "Leaves through", "Until", "Status")
    return Grid("Itinerary", columns, (5, 8, 20, 20, 19, 19, 11), rows)


def _goods(movement: Movement) -> Grid:
    """Word the goods."""
    goods = movement.known().goods
    rows = [
        (str(item.number), item.hs, item.description, f"{item.packages} {item.package_kind}", _kilograms(item.gross_g))
        for item in goods[:GOODS_ROWS_MAX]
    ]
    if len(goods) > GOODS_ROWS_MAX:
        rows.append(("", "", f"and {len(goods) - GOODS_ROWS_MAX} more items, bound by the goods root", "", ""))
    return Grid("Goods", ("No.", "HS", "Description", "Packages", "Gross mass"), (6, 10, 54, 14, 16), tuple(rows))


def _office(office: str, register: Register) -> str:
    """Name an office with its id."""
    known = register.offices.get(office)
    return office if known is None else f"{known.name} ({office})"


def _local(seconds: int, office: str, register: Register) -> str:
    """Word an instant as the clock at an office shows it, with the offset; in UTC where the office is not known."""
    known = register.offices.get(office)
    zone = UTC if known is None else zone_of(known.zone)
    return f"{datetime.fromtimestamp(seconds, UTC).astimezone(zone):%Y-%m-%d %H:%M %z}"


def _kilograms(grams: int) -> str:
    """Word a mass in kilograms without rounding."""
    whole, rest = divmod(grams, 1000)
    return f"{whole:,} kg" if rest == 0 else f"{whole:,}.{rest:03} kg"


def _amount(minor: int) -> str:
    """Word an amount given in hundredths."""
    whole, rest = divmod(minor, 100)
    return f"{whole:,}.{rest:02}"
