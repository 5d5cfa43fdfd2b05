"""The result for machines: JSON, CSV, GeoJSON (RFC 7946) and a GNPy topology. Byte for byte the same each time."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from darwaza.study.optical import Line, topology
from darwaza.study.result import Result
from darwaza.study.scenario.model import Scenario

INDENT = 1


def dumps(content: Any) -> str:
    """JSON with sorted keys and a newline at the end."""
    return json.dumps(content, indent=INDENT, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def geojson(result: Result) -> dict[str, Any]:
    """Sites as points, links as lines; properties as in the tables."""
    features: list[dict[str, Any]] = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [site["lon"], site["lat"]]},
            "properties": {"kind": "site", **{k: v for k, v in site.items() if k not in {"lat", "lon"}}},
        }
        for site in result.tables["sites"]
    ]
    features += [
        {
            "type": "Feature",
            "geometry": {"type": "LineString", "coordinates": [[lon, lat] for lat, lon in link["course"]]},
            "properties": {"kind": "link", **{k: v for k, v in link.items() if k != "course"}},
        }
        for link in result.tables["links"]
    ]
    return {"type": "FeatureCollection", "features": features}


def to_csv(rows: list[dict[str, Any]]) -> str:
    """Rows with the keys of the first as header; lists are joined by semicolons, inner tables written as JSON."""
    if not rows:
        return ""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    head = list(rows[0])
    writer.writerow(head)
    for row in rows:
        writer.writerow([_cell(row.get(key)) for key in head])
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, dict | list) for v in value)):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    if isinstance(value, list):
        return ";".join(str(item) for item in value)
    return value


def yearly(result: Result) -> list[dict[str, Any]]:
    """One row per year: economics, finance, traffic."""
    eco, fin, demand = (result.tables[name] for name in ("economics", "finance", "demand"))
    series = {f"benefit_{name}": values for name, values in eco["benefits"].items()}
    series |= {"economic_cost": eco["costs"], "economic_net": eco["net"], "trade": eco["trade"]}
    series |= {name: values for name, values in fin.items() if isinstance(values, list) and name != "years"}
    series |= {f"traffic_{member}": values for member, values in demand["traffic"].items()}
    series |= {f"carried_{member}": values for member, values in demand["carried"].items()}
    return [
        {"year": year, **{name: values[i] for name, values in series.items()}} for i, year in enumerate(eco["years"])
    ]


CSV_TABLES = (
    "latency",
    "plans",
    "links",
    "routes",
    "resilience",
    "events",
    "distribution",
    "tranches",
    "tornado",
    "sensitivity",
    "influence",
    "assumptions",
    "sources",
    "preparation",
)


def write(result: Result, scenario: Scenario, lines: dict[str, Line], out: Path) -> list[Path]:
    """Write all machine-readable files under ``out``; returns their paths."""
    data = out / "data"
    data.mkdir(parents=True, exist_ok=True)
    built = frozenset(row["id"] for row in result.tables["links"] if row["built_from"])
    figures = [
        {"id": f.id, "label": f.label, "value": f.value, "unit": f.unit, "method": f.method, "inputs": list(f.inputs)}
        for f in result.figures
    ]
    files = {
        out / "result.json": dumps(
            {
                "title": result.title,
                "digest": result.digest,
                "seed": result.seed,
                "plan": result.plan,
                "figures": figures,
                "tables": result.tables,
                "notes": list(result.notes),
            }
        ),
        data / "network.geojson": dumps(geojson(result)),
        data / "gnpy-topology.json": dumps(topology(scenario, lines, built)),
        data / "yearly.csv": to_csv(yearly(result)),
        data / "figures.csv": to_csv([{**f, "inputs": f["inputs"]} for f in figures]),
        **{data / f"{name}.csv": to_csv(result.tables[name]) for name in CSV_TABLES},
    }
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return list(files)
