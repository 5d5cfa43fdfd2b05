"""What the stages of a study hand to tables, figures and the report."""

from dataclasses import dataclass

from darwaza.study.design.design import Design
from darwaza.study.latency import Journey
from darwaza.study.money.risk import Case
from darwaza.study.network import Leg
from darwaza.study.optical import Line
from darwaza.study.resilience.assess import Assessment
from darwaza.study.scenario.model import Alternative


@dataclass(frozen=True, slots=True)
class Found:
    """Everything worked out, before it becomes tables and figures.

    Attributes:
        legs: with the optical sections known.
        lines: optical results.
        today, corridor, gateway: journeys over rented legs, over all legs, and through the first member's landing.
        volumes: (stage, member, region) -> Gbit/s in the stage's last year.
        plan: the alternative the money is worked out for.
        designs, assessments: per alternative.
        case: of the plan; spread and others are worked out from it.
    """

    legs: dict[str, Leg]
    lines: dict[str, Line]
    today: dict[tuple[str, str], Journey]
    corridor: dict[tuple[str, str], Journey]
    gateway: dict[tuple[str, str], Journey]
    volumes: dict[tuple[int, str, str], float]
    plan: Alternative
    designs: dict[str, Design]
    assessments: dict[str, Assessment]
    case: Case
