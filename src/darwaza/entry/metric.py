"""What Prometheus reads: taken from the engine when it is asked, so that counting costs nothing."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from darwaza.engine.loop import Loop


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


def registry(loop: Loop) -> CollectorRegistry:
    """Make the registry of one gateway."""
    made = CollectorRegistry()
    made.register(EngineCollector(loop))
    return made
