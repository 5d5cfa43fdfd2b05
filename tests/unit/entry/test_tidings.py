"""The log tells when a link stopped, went and came back, once each."""

from structlog.testing import capture_logs

from darwaza.adapters.memory.store import MemoryStore
from darwaza.engine.courier import Courier
from darwaza.engine.engine import Engine
from darwaza.entry.tidings import Tidings
from darwaza.services.documents import SERVICE
from darwaza.testing.world import World


def made() -> tuple[Engine, Courier, Tidings]:
    engine = World(("PK", "UZ")).engine("PK", [SERVICE], MemoryStore())
    courier = Courier(engine)
    list(courier.errands(0.0))
    return engine, courier, Tidings(engine, courier)


def told(tidings: Tidings) -> list[tuple[str, str, str, list[str]]]:
    """Looks twice: what has been told is not told again."""
    with capture_logs() as lines:
        tidings.look()
        tidings.look()
    return [(one["log_level"], one["peer"], one["state"], one["codes"]) for one in lines]


def test_a_neighbour_goes_and_comes_back():
    """A neighbour that is being asked for the first time is no news; then every change is told with its code."""
    _, courier, tidings = made()
    assert told(tidings) == []
    for lane in courier.lanes.values():
        lane.fault = "peer_unreachable"
    assert told(tidings) == [("warning", "UZ", "down", ["peer_unreachable"])]
    for lane in courier.lanes.values():
        lane.fault, lane.phase = "", "flow"
    assert told(tidings) == [("info", "UZ", "up", [])]


def test_a_link_that_stops_is_an_error():
    """It wants a person; that it goes on is told too."""
    engine, courier, tidings = made()
    for lane in courier.lanes.values():
        lane.phase = "flow"
    assert told(tidings) == [("info", "UZ", "up", [])]
    log = next(log for log in engine.logs.values() if log.row.author == "PK")
    engine.logs[log.row.id] = log.with_row(halted="fork")
    assert told(tidings) == [("error", "UZ", "halted", ["fork"])]
    engine.logs[log.row.id] = log
    assert told(tidings) == [("info", "UZ", "up", [])]
