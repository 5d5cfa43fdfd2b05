"""From a TOML file to a validated ``Scenario``, or every fault at once.

Order: bytes, TOML syntax, sources, then each section; references are checked while reading because the ids of all
sections are gathered first. Rules that need the whole (connected demand, ...) stand in ``check``.
"""

import hashlib
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from darwaza.errors import TooLargeError
from darwaza.study.geotiff import SUFFIXES, read_geotiff
from darwaza.study.scenario import model
from darwaza.study.scenario.check import check
from darwaza.study.scenario.reader import Notes, Problem, Reader, ScenarioError, locate
from darwaza.study.scenario.value import CONFIDENCES, Source
from darwaza.study.terrain import read_raster, with_courses

SHARES_TOLERANCE = 1e-6
SCENARIO_BYTES_MAX = 8 * 1024 * 1024
PRICE = "USD/(Gbit/s)/year"
TIERS = ("A-grant", "A-blend", "B", "C2", "C3", "none")
REPAYMENTS = ("level", "sculpted")
TRANCHE_KINDS = ("grant", "concessional", "ordinary", "commercial", "bond", "equity")
GROUP_KINDS = ("country", "landing", "mountain", "sea", "basin", "border")
ROLES = ("hub", "landing", "border", "junction", "exchange")
DRIVERS = ("capex", "opex", "demand", "price", "delay", "hazard", "competition", "benefit", "volume_captured")
"""What a risk may scale."""

Part = TypeVar("Part")


def load(path: Path) -> model.Scenario:
    """Read and validate the scenario at ``path``.

    Raises:
        ScenarioError: anything is wrong with the content; lists every problem with file and line.
        TooLargeError: over ``SCENARIO_BYTES_MAX``.
        OSError: the file cannot be read.
    """
    raw = path.read_bytes()
    if len(raw) > SCENARIO_BYTES_MAX:
        raise TooLargeError(f"{path}: larger than {SCENARIO_BYTES_MAX} bytes", code="scenario_too_large")
    scenario = parse(raw, file=str(path))
    if not scenario.elevation:
        return scenario
    raster = path.parent / scenario.elevation
    digest = hashlib.sha256(raw + raster.read_bytes()).hexdigest()
    geotiff = raster.suffix.lower() in SUFFIXES
    grid = read_geotiff(raster) if geotiff else read_raster(raster, degrees=True)
    return with_courses(replace(scenario, digest=digest), grid)


def parse(raw: bytes, *, file: str) -> model.Scenario:
    """As ``load``, from bytes; ``file`` names them in messages."""
    try:
        text = raw.decode("utf-8")
        table = tomllib.loads(text)
    except UnicodeDecodeError as cause:
        raise ScenarioError(file, [Problem(0, "file", "is not UTF-8")]) from cause
    except tomllib.TOMLDecodeError as cause:
        found = re.search(r"line (\d+)", str(cause))
        line = int(found.group(1)) if found else 0
        raise ScenarioError(file, [Problem(line, "syntax", str(cause))]) from cause
    notes = Notes(locate(text))
    scenario = _Loader(table, notes, file, hashlib.sha256(raw).hexdigest()).scenario()
    if not notes.problems:
        notes.problems.extend(check(scenario, notes.lines))
    if notes.problems:
        raise ScenarioError(file, notes.problems)
    return scenario


class _Loader:
    """Reads the sections in dependency order."""

    def __init__(self, table: dict[str, Any], notes: Notes, file: str, digest: str) -> None:
        self.notes, self.file, self.digest = notes, file, digest
        found = table.get("sources")
        known = frozenset(found) if isinstance(found, dict) else frozenset()
        self.root = Reader(table, position="", path="", notes=notes, sources=known)
        self.site_ids = _ids(table, "site")
        self.link_ids = _ids(table, "link")
        self.group_ids = _ids(table, "group")
        self.member_ids = _ids(table, "member")
        self.terrain_ids = _ids(table, "terrain")
        self.countries = frozenset(str(site.get("country")) for site in table.get("site", []) if isinstance(site, dict))

    def scenario(self) -> model.Scenario:
        root, study = self.root, self.root.sub("study")
        stages = tuple(item for item in study.table.get("stages", []) if isinstance(item, int))
        study.texts("stages") if not stages else study._seen.add("stages")  # noqa: SLF001 - read just above
        sources = self._sources()
        scenario = model.Scenario(
            file=self.file,
            digest=self.digest,
            title=study.text("title"),
            seed=study.whole("seed", low=0, high=2**31 - 1),
            base_year=study.whole("base_year", low=2000, high=2100),
            opening_year=study.whole("opening_year", low=2000, high=2100),
            last_year=study.whole("last_year", low=2000, high=2150),
            stages=stages,
            candidate_paths_max=study.whole("candidate_paths_max", low=2, high=64, default=14),
            runs=study.whole("runs", low=100, high=1_000_000, default=10_000),
            gap=study.number("gap", low=0.0, high=0.5, default=0.01),
            time_limit_s=study.number("time_limit_s", low=1, high=3600, default=60),
            avoid=study.refer_many("avoid", self.countries, "country of a site"),
            elevation=study.text("elevation", default=""),
            sources=sources,
            sites={s.id: s for s in map(self._site, root.each("site"))},
            regions={r.id: r for r in map(self._region, root.each("region"))},
            terrains={t.id: t for t in map(self._terrain, root.each("terrain"))},
            groups={g.id: g for g in map(self._group, root.each("group"))},
            equipment=self._equipment(root.sub("equipment")),
            links={link.id: link for link in map(self._link, root.each("link"))},
            members={m.id: m for m in map(self._member, root.each("member"))},
            anchors=tuple(map(self._anchor, root.each("anchor"))),
            alternatives=tuple(map(self._alternative, root.each("alternative"))),
            events=tuple(map(self._event, root.each("event"))),
            economics=self._economics(root.sub("economics")),
            benefits=tuple(map(self._benefit, root.each("benefit"))),
            finance=self._finance(root.sub("finance")),
            climate=self._climate(root.sub("climate")),
            risks=tuple(map(self._risk, root.each("risk"))),
            preparation=tuple(map(self._preparation, root.each("preparation"))),
            limits=root.texts("limits"),
            values=self.notes.values,
            lines=self.notes.places,
        )
        study.done()
        root.done()
        return scenario

    def _sources(self) -> dict[str, Source]:
        holder = self.root.sub("sources")
        sources = {}
        for key in holder.table:
            reader = holder.sub(key)
            sources[key] = Source(
                key,
                reader.text("title"),
                reader.text("url", default=""),
                reader.text("date", default=""),
                reader.text("confidence", choices=CONFIDENCES),
            )
            if sources[key].confidence == "published" and not sources[key].url:
                reader.problem("url", "a published source needs an address")
            reader.done()
        return sources

    def _site(self, r: Reader) -> model.Site:
        return _closed(
            r,
            model.Site(
                r.id,
                r.text("name"),
                r.text("country"),
                r.number("lat", low=-90, high=90),
                r.number("lon", low=-180, high=180),
                r.text("role", choices=ROLES),
                r.source(),
            ),
        )

    def _region(self, r: Reader) -> model.Region:
        return _closed(
            r,
            model.Region(
                r.id,
                r.text("name"),
                r.refer_many("sites", self.site_ids, "site"),
                r.value("content", "1"),
                r.value("working_rtt_max", "ms"),
                r.value("protection_rtt_max", "ms"),
                r.value("capture", "1", high=1),
            ),
        )

    def _terrain(self, r: Reader) -> model.Terrain:
        return _closed(
            r,
            model.Terrain(
                r.id,
                r.text("name"),
                r.value("build", "USD/km"),
                r.value("cuts", "1/(1000 km)/year"),
                r.value("repair", "h"),
                r.value("span", "km", low=1),
                r.value("opex", "1", high=1),
                r.value("loss", "dB/km"),
            ),
        )

    def _group(self, r: Reader) -> model.Group:
        kind = r.text("kind", choices=GROUP_KINDS)
        country = r.refer("country", self.countries, "country of a site", default="")
        if kind == "country" and not country:
            r.problem("country", "a group of kind 'country' must name one")
        return _closed(
            r,
            model.Group(
                r.id,
                r.text("name"),
                kind,
                country,
                r.value("rate", "1/year"),
                r.value("duration", "h"),
                r.flag("protect", default=True),
            ),
        )

    def _equipment(self, r: Reader) -> model.Equipment:
        modules = tuple(
            _closed(m, model.Module(m.id, m.value("capacity", "Gbit/s", low=1e-3), m.value("cost", "USD")))
            for m in r.each("module")
        )
        if not modules:
            r.problem("module", "at least one [[equipment.module]] is needed")
        return _closed(
            r,
            model.Equipment(
                r.value("hut", "USD"),
                r.value("node", "USD"),
                r.value("line_capacity", "Gbit/s"),
                r.value("fill", "1", low=0.01, high=1),
                r.value("delay", "us/km", low=3.3),
                r.value("detour", "1", low=1),
                r.value("life", "year", low=1),
                modules,
            ),
        )

    def _link(self, r: Reader) -> model.Link:
        status = r.text("status", choices=("existing", "candidate"))
        lease = r.value_or_none("lease", PRICE)
        if status == "existing" and lease is None:
            r.problem("lease", "an existing link needs the price of renting capacity on it")
        if status == "candidate" and (lease is not None or "spare" in r.table):
            r.problem("status", "a candidate has no lease and no spare capacity: it is not there yet")
        a, b = (r.refer(end, self.site_ids, "site") for end in ("a", "b"))
        if a and a == b:
            r.problem("b", "both ends are the same site")
        return _closed(
            r,
            model.Link(
                r.id,
                a,
                b,
                status,
                r.refer("terrain", self.terrain_ids, "terrain"),
                r.refer_many("via", self.site_ids, "site"),
                r.value_or_none("length", "km", low=0.1),
                r.refer_many("groups", self.group_ids, "group"),
                r.value_or_none("spare", "Gbit/s"),
                lease,
                r.flag("transit", default=True),
                r.refer("owner", self.countries, "country of a site", default=""),
                r.value_or_none("host", "1", high=1),
                r.source(),
            ),
        )

    def _member(self, r: Reader) -> model.Member:
        return _closed(
            r,
            model.Member(
                r.id,
                r.text("name"),
                r.refer("site", self.site_ids, "site"),
                r.value("demand", "Gbit/s"),
                r.value("growth", "1/year", low=-0.5, high=3),
                r.value("price", PRICE),
                r.value("foreign_share", "1", high=1),
                r.value("protected", "1", high=1),
                r.value("competition", "1", high=0.95),
                r.refer_many("avoid", self.countries, "country of a site"),
                r.text("tier", choices=TIERS),
            ),
        )

    def _anchor(self, r: Reader) -> model.Anchor:
        return _closed(
            r,
            model.Anchor(
                r.id,
                r.refer("member", self.member_ids, "member"),
                r.text("name"),
                r.value("volume", "Gbit/s"),
                r.value("price", PRICE),
                r.value("take_or_pay", "1", high=1),
                r.value("years", "year"),
            ),
        )

    def _alternative(self, r: Reader) -> model.Alternative:
        return _closed(
            r,
            model.Alternative(
                r.id,
                r.text("name"),
                r.refer_many("candidates", self.link_ids, "link"),
                r.flag("required", default=False),
            ),
        )

    def _event(self, r: Reader) -> model.Event:
        return _closed(
            r,
            model.Event(
                r.id,
                r.text("name"),
                r.text("started_on"),
                r.refer_many("fails", (*self.group_ids, *self.link_ids), "group or link"),
                r.value("hours", "h"),
                r.source(),
            ),
        )

    def _economics(self, r: Reader) -> model.Economics:
        return _closed(
            r,
            model.Economics(
                discount=r.value("discount", "1/year", high=1),
                conversion=r.value("conversion", "1", low=0.1, high=2),
                local_share=r.value("local_share", "1", high=1),
                tax_share=r.value("tax_share", "1", high=0.9),
                elasticity=r.value("elasticity", "1", low=-5, high=0),
                erosion=r.value("erosion", "1/year", high=0.9),
                final_erosion=r.value("final_erosion", "1/year", high=0.9),
                slowdown=r.value("slowdown", "year", low=1),
                final_growth=r.value("final_growth", "1/year", low=-0.5, high=1),
                decay=r.value("decay", "1", high=1),
                outage_value=r.value("outage_value", "USD/(Gbit/s)/h"),
                through_volume=r.value("through_volume", "Gbit/s"),
                through_price=r.value("through_price", PRICE),
                standby_share=r.value("standby_share", "1", high=1),
            ),
        )

    def _benefit(self, r: Reader) -> model.Benefit:
        kind = r.text("kind", choices=("border-time", "remittance", "digital-trade"))
        units = {"border-time": ("truck/year", "h/truck", "USD/h")}.get(kind, ("USD/year", "1", "1"))
        return _closed(
            r,
            model.Benefit(
                r.id,
                r.text("name"),
                kind,
                r.refer("member", self.member_ids, "member"),
                r.value("volume", units[0]),
                r.value("saving", units[1]),
                r.value("value", units[2]),
                r.value("share", "1", high=1),
                r.value("growth", "1/year", low=-0.5, high=1),
            ),
        )

    def _finance(self, r: Reader) -> model.Finance:
        finance = model.Finance(
            tariff=r.value("tariff", PRICE),
            tariff_floor=r.value("tariff_floor", PRICE),
            transit_fee=r.value("transit_fee", "1", high=0.9),
            backhaul=r.value("backhaul", PRICE),
            tax=r.value("tax", "1", high=0.9),
            dscr_min=r.value("dscr_min", "1"),
            llcr_min=r.value("llcr_min", "1"),
            lockup=r.value("lockup", "1"),
            delay=r.value("delay", "year", high=20),
            overrun=r.value("overrun", "1", low=-0.5, high=3),
            reserve_months=r.value("reserve_months", "1", high=24),
            grant_rate=r.value("grant_rate", "1/year", high=1),
            tranches=tuple(map(self._tranche, r.each("tranche"))),
        )
        total = sum(tranche.share.base for tranche in finance.tranches)
        if finance.tranches and abs(total - 1) > SHARES_TOLERANCE:
            r.problem("tranche", f"the base shares of the tranches add up to {total:.4g}, not 1")
        return _closed(r, finance)

    def _tranche(self, r: Reader) -> model.Tranche:
        tiers = r.texts("tiers")
        for tier in tiers:
            if tier not in TIERS:
                r.problem("tiers", f"{tier!r} is not one of {', '.join(TIERS)}")
        return _closed(
            r,
            model.Tranche(
                r.id,
                r.text("name"),
                r.text("kind", choices=TRANCHE_KINDS),
                r.value("share", "1", high=1),
                r.value("rate", "1/year", high=1),
                r.value("grace", "year"),
                r.value("tenor", "year"),
                r.value("fee", "1", high=0.2),
                r.value("commitment", "1/year", high=0.2),
                tiers,
                r.text("repayment", default=REPAYMENTS[0], choices=REPAYMENTS),
            ),
        )

    def _climate(self, r: Reader) -> model.Climate:
        return _closed(
            r,
            model.Climate(
                r.value("adaptation", "1", high=2),
                r.value("hazard_cut", "1", high=1),
                r.value("finance_share", "1", high=1),
            ),
        )

    def _risk(self, r: Reader) -> model.Risk:
        target = r.text("target", choices=DRIVERS)
        unit = "year" if target == "delay" else "1"
        correlations: dict[str, float] = {}
        found = r.table.get("correlation", {})
        r._seen.add("correlation")  # noqa: SLF001 - read just above
        if not isinstance(found, dict):
            r.problem("correlation", "must be a table of risk id = number")
            found = {}
        for other, number in found.items():
            if not isinstance(number, int | float) or not -1 <= number <= 1:
                r.problem("correlation", f"{other} must be a number from -1 to 1, not {number!r}")
            else:
                correlations[other] = float(number)
        return _closed(r, model.Risk(r.id, r.text("name"), target, r.value("factor", unit, low=0), correlations))

    def _preparation(self, r: Reader) -> model.Preparation:
        return _closed(
            r,
            model.Preparation(
                r.id, r.text("name"), r.text("lead"), r.value("months", "1"), r.value("cost", "USD"), r.text("funding")
            ),
        )


def _closed(reader: Reader, part: Part) -> Part:
    """Report the keys nobody read, then hand ``part`` on."""
    reader.done()
    return part


def _ids(table: dict[str, Any], key: str) -> tuple[str, ...]:
    found = table.get(key)
    if not isinstance(found, list):
        return ()
    return tuple(str(item["id"]) for item in found if isinstance(item, dict) and "id" in item)
