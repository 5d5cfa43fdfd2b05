"""What Prometheus reads: taken from the engine when it is asked, so that counting costs nothing."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from darwaza.engine.loop import Loop
from darwaza.engine.voyage import EVENTS
from darwaza.entry.company import Company
from darwaza.kernel.health import Condition


class EngineCollector(Collector):
    """Reads the engine, its logs and its courier."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def collect(self) -> Iterable[Metric]:
        """Give every metric."""
        loop = self._loop
        yield CounterMetricFamily("darwaza_batches", "Transactions committed", value=loop.batches)
        yield CounterMetricFamily("darwaza_inputs", "Inputs handled", value=loop.inputs)
        yield GaugeMetricFamily("darwaza_queue", "Inputs waiting for the engine", value=loop.queued)
        stages = CounterMetricFamily(
            "darwaza_engine_seconds", "Processor time the engine has spent, by stage", labels=["stage"]
        )
        for stage, spent_s in loop.engine.spent_s.items():
            stages.add_metric([stage], spent_s)
        yield stages
        document = loop.engine.site.trust.current
        yield GaugeMetricFamily("darwaza_corridor_version", "Of the document in force", value=document.version)
        yield GaugeMetricFamily(
            "darwaza_corridor_not_after_seconds",
            "Unix time at which the corridor document expires; past it nothing is sent",
            value=document.not_after.timestamp(),
        )
        size = GaugeMetricFamily("darwaza_log_size", "Leaves of a log", labels=["origin"])
        cosigned = GaugeMetricFamily("darwaza_log_cosigned_size", "Leaves the reader co-signed", labels=["origin"])
        halted = GaugeMetricFamily("darwaza_log_halted", "1 when the log has stopped", labels=["origin"])
        for log in loop.engine.logs.values():
            size.add_metric([log.row.origin], log.row.size)
            cosigned.add_metric([log.row.origin], log.row.cosigned_size)
            halted.add_metric([log.row.origin], float(bool(log.row.halted)))
        yield from (size, cosigned, halted)
        flowing = GaugeMetricFamily("darwaza_lane_flowing", "1 when the reader takes batches", labels=["origin"])
        round_trip = GaugeMetricFamily("darwaza_lane_round_trip_seconds", "Of the last answer", labels=["origin"])
        for origin, lane in loop.courier.lanes.items():
            flowing.add_metric([origin], float(lane.phase == "flow" and not lane.fault))
            round_trip.add_metric([origin], lane.round_trip_s)
        yield from (flowing, round_trip)


class RouteCollector(Collector):
    """Reads the map, the watch and the letters; no label holds anything of a message."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def collect(self) -> Iterable[Metric]:
        """Give every metric."""
        yield from self._links()
        yield from self._letters()

    def _links(self) -> Iterable[Metric]:
        condition = GaugeMetricFamily(
            "darwaza_link_condition", "1 for the condition that the own link is in", labels=["peer", "condition"]
        )
        latency = GaugeMetricFamily("darwaza_link_latency_seconds", "One way, as probed", labels=["peer"])
        loss = GaugeMetricFamily("darwaza_link_loss_ratio", "Probes lost, 0 to 1", labels=["peer"])
        queue = GaugeMetricFamily("darwaza_link_queue", "Own messages the neighbour has not co-signed", labels=["peer"])
        engine, peers = self._loop.engine, self._loop.watch.peers
        for code, peer in peers.items():
            measure = peer.health.measure
            for one in Condition:
                condition.add_metric([code, one.word], float(measure.condition is one))
            latency.add_metric([code], measure.latency_us / 1_000_000)
            loss.add_metric([code], measure.loss_ppm / 1_000_000)
            queue.add_metric([code], sum(log.queue for log in engine.logs.values() if log.row.reader == code))
        yield from (condition, latency, loss, queue)
        drained = float(self._loop.watch.drained)
        yield GaugeMetricFamily("darwaza_drained", "1 when the gateway asks for no new messages", value=drained)
        refused = CounterMetricFamily(
            "darwaza_statements_refused", "Statements of links and home rules that were refused", labels=["reason"]
        )
        for code, count in self._loop.watch.refused.items():
            refused.add_metric([code], count)
        yield refused

    def _letters(self) -> Iterable[Metric]:
        fleet = self._loop.engine.site.fleet
        under_way = len(fleet.voyages)
        yield GaugeMetricFamily(
            "darwaza_letters_under_way", "Own letters that their destination has not signed for", value=under_way
        )
        yield GaugeMetricFamily(
            "darwaza_early_messages",
            "Messages of others that overtook the one they follow and wait for it",
            value=len(self._loop.engine.site.order.early),
        )
        letters = CounterMetricFamily("darwaza_letters", "Letters, by what became of them here", labels=["event"])
        for event in EVENTS:
            letters.add_metric([event], fleet.tally.get(event, 0))
        given_up = CounterMetricFamily(
            "darwaza_letters_given_up",
            "Letters that came back to this gateway (side origin) or went no further here (side carrier)",
            labels=["side", "reason"],
        )
        for (side, code), count in fleet.reasons.items():
            given_up.add_metric([side, code], count)
        yield from (letters, given_up)


class CompanyCollector(Collector):
    """Reads how single payments travel."""

    def __init__(self, company: Company) -> None:
        self._company = company

    def collect(self) -> Iterable[Metric]:
        """Give every metric."""
        company = self._company
        yield CounterMetricFamily(
            "darwaza_companies", "Bulks made of single payments that came at the same moment", value=company.companies
        )
        yield CounterMetricFamily(
            "darwaza_payments_in_company", "Single payments that travelled in them", value=company.payments
        )


def registry(loop: Loop, company: Company) -> CollectorRegistry:
    """Make the registry of one gateway."""
    made = CollectorRegistry()
    made.register(EngineCollector(loop))
    made.register(CompanyCollector(company))
    made.register(RouteCollector(loop))
    return made
