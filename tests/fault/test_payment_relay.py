"""Payments between members that are no neighbours: two relays that are killed in turn and together, under load."""

import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from tests.fault.test_payment_process import INDUS, Trade, until

from darwaza.bootstrap import CONFIG_FILE
from darwaza.config import GatewayConfig
from darwaza.kernel.message import decode_header
from darwaza.storage import open_store

pytestmark = pytest.mark.timeout(900)

RELAYS = ("CN", "UZ")


class RoutedTrade(Trade):
    """Pakistan and Kazakhstan without a link, China and Uzbekistan between them."""

    names: ClassVar = {"CN": "China", "KZ": "Kazakhstan", "PK": "Pakistan", "UZ": "Uzbekistan"}
    links: ClassVar = (("CN", "KZ"), ("CN", "PK"), ("KZ", "UZ"), ("PK", "UZ"))
    lot: ClassVar = 6

    def meet(self) -> None:
        """Wait until each end knows both ways."""
        for code, other in (("PK", "KZ"), ("KZ", "PK")):
            with self.corridor.client(code) as operator:
                for avoided in RELAYS:
                    policy = f"avoid {avoided}"
                    until(
                        lambda o=operator, to=other, p=policy: o.operator.explain_route(to, "payments", policy=p)[
                            "chosen"
                        ],
                        f"{code} knows a way to {other} without {avoided}",
                    )

    def carrier(self) -> str:
        """The relay that payments from Pakistan take now."""
        chosen: list[str] = []

        def is_known() -> bool:
            chosen[:] = operator.operator.explain_route("KZ", "payments")["chosen"] or ()
            return bool(chosen)

        with self.corridor.client("PK") as operator:
            until(is_known, "PK knows a way to KZ")
        assert len(chosen) == 3, chosen
        return chosen[1]

    def settled(self) -> int:
        """How many payments the payer's bank knows to have been credited."""
        with self.desk(*INDUS) as bank:
            return sum(1 for _ in bank.payments(state="settled"))

    def kill_relay(self, relay: str) -> None:
        """SIGKILL a relay: payments go on over the other one, there and back, while it is dead."""
        self.meet()
        self.more()
        self.corridor.kill(relay)
        goal = self.settled() + self.lot
        until(lambda: self.settled() >= goal, f"payments are credited without {relay}")
        self.more()
        self.corridor.start(relay)

    def kill_both(self) -> None:
        """SIGKILL both relays: payments wait or are refused; when one is back they go on."""
        self.more()
        for relay in RELAYS:
            self.corridor.kill(relay)
        time.sleep(1.0)  # some payments begin while there is no path at all
        self.corridor.start(RELAYS[1])
        self.more()
        self.corridor.start(RELAYS[0])

    def paths(self) -> dict[str, set[tuple[str, ...]]]:
        """Over which paths each payment message of both ends was sent, by its id."""
        found: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        for code in ("KZ", "PK"):
            folder = self.corridor.path(code)
            store = open_store(folder, GatewayConfig.load(folder / CONFIG_FILE))
            try:
                for row in store.scan_cases():
                    for _, _, raw in store.case_leaves(row.id):
                        header = decode_header(raw)
                        if header.kind.startswith("payments.") and header.path is not None:
                            assert (header.path[0], header.path[-1]) in {("PK", "KZ"), ("KZ", "PK")}
                            found[header.id].add(header.path)
            finally:
                store.close()
        return found


@pytest.fixture
def trade(tmp_path: Path) -> Iterator[RoutedTrade]:
    """Return four gateways under payments."""
    made = RoutedTrade(tmp_path)
    try:
        made.open()
        yield made
    finally:
        made.abandon()


def test_payments_over_relays_end_alike_whoever_is_killed(trade: RoutedTrade) -> None:
    """Kill -9 of the relay in use, of the other, of both, and of the payer's end: nothing is lost or paid twice.

    Both books agree on every payment, no hold is left, currencies add up, fsck finds nothing in any of four stores.
    """
    carrier = trade.carrier()
    trade.kill_relay(carrier)
    trade.kill_relay(next(one for one in RELAYS if one != carrier))
    trade.kill_both()
    trade.kill("PK")
    trade.close()
    ended = trade.audit()
    assert ended["settled"] >= RoutedTrade.lot
    paths = trade.paths()
    used = {path for taken in paths.values() for path in taken}
    assert used == {(one, relay, other) for relay in RELAYS for one, other in (("PK", "KZ"), ("KZ", "PK"))}
    moved = [taken for taken in paths.values() if len(taken) > 1]
    assert moved, "no message moved to another path while its relay was dead"
