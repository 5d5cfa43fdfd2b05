"""The order within a case is watched by books that know nothing of how it is kept: whoever breaks it is caught."""

import pytest

from darwaza.engine.arrival import Arriving
from darwaza.engine.precedence import Precedence
from darwaza.testing.auditor import BrokenError
from darwaza.testing.routing import RoutedSimulation

SEEDS = range(12)


def hold_nothing(patch):
    patch(
        Arriving, "take_in_order", lambda self, header, body, _place: self._delivery.give(header, body, may_wait=False)
    )


def name_nothing(patch):
    patch(Precedence, "follows", lambda _self, _thread, _log_id, *, around: None)


def live():
    for seed in SEEDS:
        RoutedSimulation(seed).run()


@pytest.mark.parametrize("breaks", [hold_nothing, name_nothing])
def test_auditor_catches_messages_out_of_order(breaks, monkeypatch):
    """Documents of many chunks, sent while relays die: some message of a case comes before the one sent before it."""
    breaks(monkeypatch.setattr)
    with pytest.raises(BrokenError, match=r"^order: "):
        live()
