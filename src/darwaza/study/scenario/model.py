"""The shape of a scenario, after validation. Plain values; no rule stands here.

Fields typed ``Value`` are in the canonical unit their comment names. Identifiers refer to other parts by ``id`` and
are known to resolve.
"""

from dataclasses import dataclass

from darwaza.study.scenario.value import Source, Value


@dataclass(frozen=True, slots=True)
class Site:
    """A place where routes meet.

    Attributes:
        id: short code.
        name: for people.
        country: ISO 3166-1 alpha-2.
        lat, lon: degrees, WGS 84.
        role: ``hub``, ``landing``, ``border``, ``junction`` or ``exchange``.
        source: of the coordinates.
    """

    id: str
    name: str
    country: str
    lat: float
    lon: float
    role: str
    source: str


@dataclass(frozen=True, slots=True)
class Region:
    """Where traffic goes.

    Attributes:
        id, name: of the region.
        sites: reaching any of them serves the region.
        content: relative weight in the gravity model, > 0.
        working_rtt_ms_max: a working route may not be slower.
        protection_rtt_ms_max: a protection route may not be slower.
        capture: largest share of a member's traffic to the region that new links may carry in normal times.
    """

    id: str
    name: str
    sites: tuple[str, ...]
    content: Value
    working_rtt_ms_max: Value
    protection_rtt_ms_max: Value
    capture: Value


@dataclass(frozen=True, slots=True)
class Terrain:
    """What kind of ground (or sea) a link crosses.

    Attributes:
        build: USD/km of a new cable, without line equipment.
        cuts: failures per 1,000 km and year.
        repair: hours until traffic flows again.
        span: km between amplifier sites.
        opex: yearly share of the capital cost.
        loss: dB/km, ageing and splices included.
    """

    id: str
    name: str
    build: Value
    cuts: Value
    repair: Value
    span: Value
    opex: Value
    loss: Value


@dataclass(frozen=True, slots=True)
class Link:
    """One leg of a route.

    Attributes:
        id: stable name.
        a, b: sites.
        status: ``existing`` (capacity is rented) or ``candidate`` (can be built).
        terrain: id of a ``Terrain``.
        via: sites it passes through without being open there, in order from a to b.
        length: km of fibre; None means great circle times the scenario's detour factor.
        groups: shared-risk groups beyond the countries of its ends.
        spare: Gbit/s that can be rented on an existing link; None means enough for any demand.
        lease: USD/(Gbit/s)/year paid to the owner in the base year; None on candidates.
        transit: whether traffic of countries the link does not touch may use it.
        owner: country that earns the lease or the transit fee.
        host: share of the terrain's build cost that remains because a power line, railway or road duct carries the
            cable; None means all of it.
        source: of the link's existence and course.
    """

    id: str
    a: str
    b: str
    status: str
    terrain: str
    via: tuple[str, ...]
    length: Value | None
    groups: tuple[str, ...]
    spare: Value | None
    lease: Value | None
    transit: bool
    owner: str
    host: Value | None
    source: str


@dataclass(frozen=True, slots=True)
class Group:
    """A shared risk: what fails together.

    Attributes:
        id, name: of the group.
        kind: ``country``, ``landing``, ``mountain``, ``sea``, ``basin`` or ``border``.
        country: for kind ``country``, ISO code: all links with an end there belong to it.
        rate: failures per year.
        duration: hours a failure lasts.
        protect: whether designs must survive it.
    """

    id: str
    name: str
    kind: str
    country: str
    rate: Value
    duration: Value
    protect: bool


@dataclass(frozen=True, slots=True)
class Module:
    """A size in which capacity is bought on a new link.

    Attributes:
        capacity: Gbit/s.
        cost: USD per optical section, both ends.
    """

    id: str
    capacity: Value
    cost: Value


@dataclass(frozen=True, slots=True)
class Equipment:
    """What lights a new cable.

    Attributes:
        hut: USD per amplifier site.
        node: USD per terminal site (two per link).
        line_capacity: Gbit/s a fibre pair carries at most.
        fill: share of capacity that may be used, so that traffic can be moved when something else fails.
        delay: us/km of light in fibre, one way.
        detour: fibre km per great-circle km.
        modules: sizes of capacity.
        life: years after which line equipment is replaced.
    """

    hut: Value
    node: Value
    line_capacity: Value
    fill: Value
    delay: Value
    detour: Value
    life: Value
    modules: tuple[Module, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A country that takes part.

    Attributes:
        id: ISO code.
        site: where its international traffic starts.
        demand: Gbit/s, international peak of the base year.
        growth: yearly growth at the start of the S-curve.
        price: USD/(Gbit/s)/year operators pay for international capacity in the base year.
        foreign_share: part of that price which leaves the region's members.
        protected: share of traffic that must survive every protected risk.
        competition: share by which a second route lowers the price of what stays on the old one.
        avoid: countries its traffic may not cross.
        tier: lending group of the development bank: ``A-grant``, ``A-blend``, ``B``, ``C2``, ``C3``.
    """

    id: str
    name: str
    site: str
    demand: Value
    growth: Value
    price: Value
    foreign_share: Value
    protected: Value
    competition: Value
    avoid: tuple[str, ...]
    tier: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """A contract that is signed before building starts.

    Attributes:
        member: who buys.
        name: of the buyer.
        volume: Gbit/s contracted.
        price: USD/(Gbit/s)/year, fixed.
        take_or_pay: share paid whether used or not.
        years: length.
    """

    id: str
    member: str
    name: str
    volume: Value
    price: Value
    take_or_pay: Value
    years: Value


@dataclass(frozen=True, slots=True)
class Alternative:
    """A plan to compare: which candidates may be built. ``required`` makes protection a hard constraint."""

    id: str
    name: str
    candidates: tuple[str, ...]
    required: bool


@dataclass(frozen=True, slots=True)
class Event:
    """A past event to replay.

    Attributes:
        fails: group and link ids that fail together.
        hours: how long.
        started_on: ISO date, for people.
    """

    id: str
    name: str
    started_on: str
    fails: tuple[str, ...]
    hours: Value
    source: str


@dataclass(frozen=True, slots=True)
class Economics:
    """Assumptions of the economic analysis (constant prices, world-price numeraire).

    Attributes:
        discount: minimum rate of return, per year.
        conversion: shadow factor on local costs (standard conversion factor).
        local_share: share of building cost that is local.
        tax_share: taxes and duties inside financial cost, stripped.
        elasticity: of traffic to price, negative.
        erosion: yearly fall of capacity prices without the project, at the start.
        final_erosion: the same once prices have settled.
        slowdown: years until growth and erosion reach their final rates.
        final_growth: yearly, at the end of the S-curve.
        decay: gravity, per ms of round trip.
        outage_value: USD per Gbit/s and hour of international traffic lost.
        through_volume: Gbit/s of traffic from outside the members that crosses the corridor in the opening year.
        through_price: USD/(Gbit/s)/year it pays.
        standby_share: share of the lease price paid for reserved protection capacity.
    """

    discount: Value
    conversion: Value
    local_share: Value
    tax_share: Value
    elasticity: Value
    erosion: Value
    final_erosion: Value
    slowdown: Value
    final_growth: Value
    decay: Value
    outage_value: Value
    through_volume: Value
    through_price: Value
    standby_share: Value


@dataclass(frozen=True, slots=True)
class Benefit:
    """A yearly benefit outside telecommunications.

    ``volume x saving x value x share``, growing by ``growth``; kind names which of the trade results it is.
    """

    id: str
    name: str
    kind: str
    member: str
    volume: Value
    saving: Value
    value: Value
    share: Value
    growth: Value


@dataclass(frozen=True, slots=True)
class Tranche:
    """One layer of money.

    Attributes:
        kind: ``grant``, ``concessional``, ``ordinary``, ``commercial``, ``bond`` or ``equity``.
        share: of the financing need.
        rate: real yearly cost; for equity the wanted return.
        grace: years without principal after signing.
        tenor: years to the last payment.
        fee: up-front, share of the tranche.
        commitment: yearly, on what is not yet drawn.
        tiers: lending groups that may take it; empty means all.
        repayment: ``level`` (equal principal) or ``sculpted`` (in proportion to cash).
    """

    id: str
    name: str
    kind: str
    share: Value
    rate: Value
    grace: Value
    tenor: Value
    fee: Value
    commitment: Value
    tiers: tuple[str, ...]
    repayment: str


@dataclass(frozen=True, slots=True)
class Finance:
    """Assumptions of the financial analysis of the project company.

    Attributes:
        tariff: USD/(Gbit/s)/year of a full route in the base year, before erosion.
        tariff_floor: lowest price it can fall to.
        transit_fee: share of revenue passed on to the countries crossed.
        backhaul: USD/(Gbit/s)/year the company pays for subsea and Pakistani trunk capacity, with its own erosion.
        tax: on profit.
        dscr_min, llcr_min: covenants.
        lockup: DSCR under which nothing is paid to owners.
        delay: years of slip of the opening.
        overrun: share of building cost.
        reserve_months: of debt service held in reserve.
        grant_rate: discount rate of the grant element.
    """

    tariff: Value
    tariff_floor: Value
    transit_fee: Value
    backhaul: Value
    tax: Value
    dscr_min: Value
    llcr_min: Value
    lockup: Value
    delay: Value
    overrun: Value
    reserve_months: Value
    grant_rate: Value
    tranches: tuple[Tranche, ...]


@dataclass(frozen=True, slots=True)
class Climate:
    """The climate side.

    Attributes:
        adaptation: share of building cost added to stand floods, landslides and heat.
        hazard_cut: share by which that lowers the cut rate.
        finance_share: share of the adaptation cost that climate funds may carry.
    """

    adaptation: Value
    hazard_cut: Value
    finance_share: Value


@dataclass(frozen=True, slots=True)
class Risk:
    """One uncertain driver of the Monte Carlo.

    Attributes:
        target: what it scales: one of ``risk.DRIVERS``.
        low, base, high of ``factor``: triangular.
        correlations: other risk id -> rank correlation in [-1, 1].
    """

    id: str
    name: str
    target: str
    factor: Value
    correlations: dict[str, float]


@dataclass(frozen=True, slots=True)
class Preparation:
    """One step of project preparation, for the pipeline sheet."""

    id: str
    name: str
    lead: str
    months: Value
    cost: Value
    funding: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole, validated scenario.

    Attributes:
        digest: SHA-256 of the file's bytes, hex.
        seed: of every random draw.
        base_year: prices and demand are of this year; time 0 of discounting.
        opening_year: planned first year of service.
        last_year: of the analysis.
        stages: years in which capacity is decided, first is the opening.
        avoid: countries no route of the study may cross.
        elevation: path of an ESRI ASCII grid or a GeoTIFF in degrees, beside the scenario; "" for none.
        limits: what the model cannot say, in sentences.
        values: every value by its path.
        lines: 1-based line of every key by its path; of the table where the key itself was left out.
    """

    file: str
    digest: str
    title: str
    seed: int
    base_year: int
    opening_year: int
    last_year: int
    stages: tuple[int, ...]
    candidate_paths_max: int
    runs: int
    gap: float
    time_limit_s: float
    avoid: tuple[str, ...]
    elevation: str
    sources: dict[str, Source]
    sites: dict[str, Site]
    regions: dict[str, Region]
    terrains: dict[str, Terrain]
    groups: dict[str, Group]
    equipment: Equipment
    links: dict[str, Link]
    members: dict[str, Member]
    anchors: tuple[Anchor, ...]
    alternatives: tuple[Alternative, ...]
    events: tuple[Event, ...]
    economics: Economics
    benefits: tuple[Benefit, ...]
    finance: Finance
    climate: Climate
    risks: tuple[Risk, ...]
    preparation: tuple[Preparation, ...]
    limits: tuple[str, ...]
    values: dict[str, Value]
    lines: dict[str, int]
