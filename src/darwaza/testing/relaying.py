"""A simulation of payments between members that are no neighbours: what they say goes over relays.

The banks, providers and books of ``darwaza.testing.paying``, on gateways that watch their links as in
``darwaza.testing.routing``. One relay stands between PK and KZ, or two beside one another, or two in a row beside one.
Relays suffer what everybody does: they crash, lose their disks, are cut off and tell a wrong time.

To see what one seed does: ``python -m darwaza.testing.relaying 42``.
"""

import random
from typing import Final

import msgspec

from darwaza.services import payments
from darwaza.testing.node import Node
from darwaza.testing.paying import SHORT, PaymentNode, PaymentSimulation, screen
from darwaza.testing.probing import ProbingNode, ProbingSimulation

MAPS: Final = (
    (("AF", "KZ"), ("AF", "PK")),
    (("AF", "KZ"), ("AF", "PK"), ("CN", "KZ"), ("CN", "PK")),
    (("AF", "PK"), ("AF", "UZ"), ("KZ", "UZ"), ("CN", "KZ"), ("CN", "PK")),
)


PATIENT: Final = msgspec.structs.replace(
    SHORT,
    corridors=tuple(msgspec.structs.replace(one, answer_s=5, grace_s=3, quote_s=5) for one in SHORT.corridors),
)
"""Banks have more time: what they say crosses more links."""


class RelayedNode(PaymentNode, ProbingNode):
    """A gateway with money that watches its links, or a relay."""


class RelayedSimulation(PaymentSimulation, ProbingSimulation):
    """See the module."""

    service = payments.service(PATIENT, screen)

    def draw_corridor(self) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
        """One of three maps on which PK and KZ are no neighbours."""
        links = random.Random(f"map {self.seed}").choice(MAPS)  # noqa: S311 - it must be predictable
        return tuple(sorted({code for link in links for code in link})), list(links)

    def make_node(self, code: str) -> Node:
        """With money, or without."""
        return RelayedNode(self, code)

    def knowing(self, code: str) -> frozenset[str]:
        """Every neighbour may hold something."""
        return frozenset(one if two == code else two for one, two in self.links if code in {one, two})


if __name__ == "__main__":
    RelayedSimulation.show()
