"""The route bench prints no figure that it has not proven."""

from collections import Counter

import pytest

from darwaza.entry.bench.hop import Ways
from darwaza.entry.bench.passage import Arrivals
from darwaza.entry.bench.relay import measure_relay
from darwaza.entry.bench.switch import SwitchRun
from darwaza.errors import OperatorError

OVER_UZ, OVER_TM, STRAIGHT = ("KZ", "UZ", "AF", "PK"), ("KZ", "TM", "AF", "PK"), ("KZ", "CN", "PK")


def test_one_relay_is_measured_by_itself(tmp_path):
    """Every message is handed on, signed for by the next member and reported, or there is no figure."""
    found = measure_relay(tmp_path / "relay", 40)
    assert found.messages_per_s > 0
    assert found.cpu_us > 0


def run():
    """A run of thirty documents over UZ, which was killed after twenty."""
    made = SwitchRun(None, Ways("", OVER_UZ, "", {}))
    made.accepted = [f"case {number}" for number in range(30)]
    made.killed_after, made.path, made.victim = 20, OVER_UZ, "UZ"
    return made


def arrived(before=OVER_UZ, after=OVER_TM):
    """What the destination's store says when all is well."""
    paths = {f"case {number}": {before if number < 20 else after} for number in range(30)}
    return Arrivals(Counter(dict.fromkeys(paths, 1)), paths)


def test_what_is_lost_and_doubled_is_counted():
    """A document that never arrived, and one that arrived twice."""
    found = arrived()
    found.noticed["case 3"], found.noticed["case 4"] = 0, 2
    assert run().judge(found) == (1, 1)
    assert run().path_after(found) == OVER_TM


@pytest.mark.parametrize("store", [arrived(before=STRAIGHT), arrived(after=OVER_UZ), Arrivals(Counter(), {})])
def test_no_figure_without_traffic_on_the_relay(store):
    """Documents that had not been on the relay, or that still went over it, prove nothing about its death."""
    with pytest.raises(OperatorError) as fault:
        run().judge(store)
    assert fault.value.code == "bench_unproven"
