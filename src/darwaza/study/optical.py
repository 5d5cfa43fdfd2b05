"""Does light get through: optical feasibility of each candidate line with GNPy 3.

For each line GNPy designs the amplifiers of a chain of equal spans and propagates a full spectrum; the worst
channel's generalised signal-to-noise ratio (amplifier noise and fibre non-linearity, in 0.1 nm) is compared with what
the wanted modulation needs plus a margin. A line too long for one optical section is cut into the fewest equal
sections that work, each with its own terminals; the design then pays for them.

The equipment is the example library GNPy itself publishes ("Voyager" transceiver modes, standard fibre and
amplifiers), so that anyone can repeat the figures with the exported topology. GNPy agrees with measurement within
1 dB for most lines; ``MARGIN_DB`` covers that and unknown connectors.
"""

import logging
import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from darwaza.errors import InvariantError
from darwaza.study.network import amplifier_sites, fibre_km
from darwaza.study.scenario.model import Link, Scenario

MARGIN_DB = 2.0
CONNECTOR_DB = 0.5
"""At each end of each span."""
SECTIONS_MAX = 40
FIBRE = "SSMF"
TRANSCEIVER = "Voyager"
LINE_RATE_GBPS = 400
"""The modules of the scenario are multiples of carriers of this rate."""


@dataclass(frozen=True, slots=True)
class Mode:
    """A way of modulating a carrier: what it carries and what it needs.

    Attributes:
        name: as in the equipment library.
        gbps: line rate.
        osnr_db: needed signal-to-noise ratio in 0.1 nm.
        baud: symbols per second.
        spacing_hz: of carriers.
    """

    name: str
    gbps: int
    osnr_db: float
    baud: float
    spacing_hz: float


@dataclass(frozen=True, slots=True)
class Line:
    """Result for one candidate.

    Attributes:
        link: id.
        km: of fibre.
        span_km: length of each span.
        spans: in the whole line.
        huts: amplifier sites between terminals, whole line.
        sections: optical sections for ``LINE_RATE_GBPS`` carriers.
        gsnr_db: of the worst channel over one such section.
        margin_db: above what the mode needs; at least ``MARGIN_DB``.
        reach: rate in Gbit/s -> sections needed, for every mode of the library.
        feasible: a number of sections up to ``SECTIONS_MAX`` works.
    """

    link: str
    km: float
    span_km: float
    spans: int
    huts: int
    sections: int
    gsnr_db: float
    margin_db: float
    reach: dict[int, int]
    feasible: bool


@lru_cache(maxsize=1)
def _equipment() -> Any:
    import gnpy  # noqa: PLC0415 - slow to import, and only needed when a study is run
    from gnpy.tools.json_io import load_equipment  # noqa: PLC0415

    logging.getLogger("gnpy").setLevel(logging.ERROR)
    return load_equipment(Path(gnpy.__file__).parent / "example-data" / "eqpt_config.json")


def modes() -> tuple[Mode, ...]:
    """The modes of the library's transceiver, slowest first."""
    found = [
        Mode(m["format"], round(m["bit_rate"] / 1e9), float(m["OSNR"]), float(m["baud_rate"]), float(m["min_spacing"]))
        for m in _equipment()["Transceiver"][TRANSCEIVER].mode
    ]
    return tuple(sorted(found, key=lambda mode: (mode.gbps, mode.osnr_db)))


def chain(spans: int, span_km: float, loss_db_km: float) -> dict[str, Any]:
    """A GNPy topology: two transceivers joined by ``spans`` equal spans, amplifiers left to the automatic design."""

    def element(uid: str, kind: str, at: int, **extra: Any) -> dict[str, Any]:
        return {"uid": uid, "type": kind, "metadata": {"location": {"latitude": 0, "longitude": at}}, **extra}

    elements = [element("A", "Transceiver", 0)]
    for number in range(1, spans + 1):
        params = {
            "length": span_km,
            "loss_coef": loss_db_km,
            "length_units": "km",
            "con_in": CONNECTOR_DB,
            "con_out": CONNECTOR_DB,
        }
        elements.append(element(f"span {number}", "Fiber", number, type_variety=FIBRE, params=params))
    elements.append(element("B", "Transceiver", spans + 1))
    names = [item["uid"] for item in elements]
    links = [{"from_node": a, "to_node": b} for a, b in pairwise(names)]
    return {"elements": elements, "connections": links}


@lru_cache(maxsize=4096)
def gsnr_db(spans: int, span_km: float, loss_db_km: float, baud: float, spacing_hz: float) -> float:
    """Worst channel's signal-to-noise ratio in dB (0.1 nm) after a chain of equal spans, full spectrum.

    Returns:
        Minus infinity when a span's loss is more than any amplifier of the library can lift.
    """
    from gnpy.core.exceptions import ConfigurationError  # noqa: PLC0415

    equipment = deepcopy(_equipment())
    spectrum = equipment["SI"]["default"]
    spectrum.baud_rate, spectrum.spacing = baud, spacing_hz
    if span_km * loss_db_km + 2 * CONNECTOR_DB > equipment["Span"]["default"].max_loss:
        return -math.inf
    try:
        return min(channels_db(chain(spans, span_km, loss_db_km), equipment, "A", "B"))
    except ConfigurationError:
        return -math.inf


def channels_db(topology: dict[str, Any], equipment: Any, source: str, target: str) -> list[float]:
    """Every channel's signal-to-noise ratio in dB (0.1 nm) at ``target``: GNPy designs and propagates.

    Args:
        topology: as GNPy's JSON form has it.
        equipment: a loaded GNPy library; its default spectrum is what is propagated.
        source: uid of a transceiver.
        target: uid of a transceiver.

    Raises:
        InvariantError: GNPy found no path.
    """
    from gnpy.tools.json_io import network_from_json  # noqa: PLC0415
    from gnpy.tools.worker_utils import designed_network, transmission_simulation  # noqa: PLC0415

    network = network_from_json(topology, equipment)
    network, request, reference = designed_network(equipment, network, source, target)
    path, *_ = transmission_simulation(equipment, network, request, reference)
    if not path:
        raise InvariantError(f"GNPy found no path from {source} to {target}")
    return [float(value) for value in path[-1].snr_01nm]


def sections_needed(km: float, span_max_km: float, loss_db_km: float, mode: Mode) -> tuple[int, float] | None:
    """Fewest equal sections that close with the margin, and the signal-to-noise ratio of one; None beyond the limit."""
    for sections in range(1, SECTIONS_MAX + 1):
        length = km / sections
        spans = amplifier_sites(length, span_max_km) + 1
        found = gsnr_db(spans, round(length / spans, 3), loss_db_km, mode.baud, mode.spacing_hz)
        if found >= mode.osnr_db + MARGIN_DB:
            return sections, found
    return None


def line(scenario: Scenario, link: Link) -> Line:
    """Optical feasibility of one link."""
    terrain = scenario.terrains[link.terrain]
    km, span, loss = fibre_km(scenario, link), terrain.span.base, terrain.loss.base
    reach: dict[int, int] = {}
    chosen: tuple[int, float] | None = None
    need = 0.0
    for mode in modes():
        found = sections_needed(km, span, loss, mode)
        if found is None:
            continue
        reach[mode.gbps] = found[0]
        if mode.gbps == LINE_RATE_GBPS:
            chosen, need = found, mode.osnr_db
    spans = amplifier_sites(km, span) + 1
    sections, ratio = chosen or (1, -math.inf)
    return Line(
        link=link.id,
        km=km,
        span_km=km / spans,
        spans=spans,
        huts=max(0, spans - sections),
        sections=sections,
        gsnr_db=ratio,
        margin_db=ratio - need,
        reach=reach,
        feasible=chosen is not None,
    )


def lines(scenario: Scenario, progress: Callable[[float], None] | None = None) -> dict[str, Line]:
    """Optical feasibility of every candidate."""
    candidates = [link for link in scenario.links.values() if link.status == "candidate"]
    found = {}
    for done, link in enumerate(candidates, start=1):
        found[link.id] = line(scenario, link)
        if progress is not None:
            progress(done / len(candidates))
    return found


def topology(scenario: Scenario, found: Mapping[str, Line], built: frozenset[str]) -> dict[str, Any]:
    """The built lines as one GNPy network: a ROADM and a transceiver per site, fibres both ways.

    ``gnpy-path-request`` takes the file as it is, with the example equipment library.
    """
    elements: list[dict[str, Any]] = []
    connections: list[dict[str, str]] = []
    sites = sorted({end for name in built for end in (scenario.links[name].a, scenario.links[name].b)})
    for site in sites:
        place = scenario.sites[site]
        where = {
            "location": {"city": place.name, "region": place.country, "latitude": place.lat, "longitude": place.lon}
        }
        elements.append({"uid": f"trx {site}", "type": "Transceiver", "metadata": where})
        elements.append({"uid": f"roadm {site}", "type": "Roadm", "metadata": where})
        connections.append({"from_node": f"trx {site}", "to_node": f"roadm {site}"})
        connections.append({"from_node": f"roadm {site}", "to_node": f"trx {site}"})
    for name in sorted(built):
        link, data = scenario.links[name], found[name]
        for start, end in ((link.a, link.b), (link.b, link.a)):
            previous = f"roadm {start}"
            for number in range(1, data.spans + 1):
                uid = f"{name} {start}-{end} {number}"
                params = {
                    "length": round(data.span_km, 3),
                    "loss_coef": scenario.terrains[link.terrain].loss.base,
                    "length_units": "km",
                    "con_in": CONNECTOR_DB,
                    "con_out": CONNECTOR_DB,
                }
                where = {"location": {"city": name, "region": "", "latitude": 0, "longitude": 0}}
                elements.append(
                    {"uid": uid, "type": "Fiber", "type_variety": FIBRE, "params": params, "metadata": where}
                )
                connections.append({"from_node": previous, "to_node": uid})
                previous = uid
            connections.append({"from_node": previous, "to_node": f"roadm {end}"})
    return {"network_name": scenario.title, "elements": elements, "connections": connections}
