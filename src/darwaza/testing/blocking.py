"""A simulation of payments that compliance stops at the payee's gateway, and mostly blocks.

The banks, providers and books of ``darwaza.testing.paying``; the two gateways have other lists, so that nearly every
other payment is stopped in the payee's country alone. What stands in suspense there is released or given back, now and
then, by two officers who may change their minds.

To see what one seed does: ``python -m darwaza.testing.blocking 42``.
"""

from collections.abc import Sequence

from darwaza.kernel.machine import Service
from darwaza.services import payments
from darwaza.testing.party import Parties
from darwaza.testing.paying import SHORT, Banks, PaymentSimulation


def near(names: Sequence[str]) -> tuple[str, ...] | None:
    """The payer's gateway looks one name up slowly, and finds nobody."""
    return None if any("slow" in name for name in names) else ()


def far(names: Sequence[str]) -> tuple[str, ...] | None:
    """The payee's gateway looks one up slowly, and finds another."""
    return ("it is the name",) if any("listed" in name for name in names) else near(names)


class Officers(Banks):
    """Everybody, with officers who block."""

    names = ("TOO Alatau", "TOO listed", "TOO listed", "TOO slow", "TOO listed")
    blocks = 0.7


class BlockingSimulation(PaymentSimulation):
    """See the module."""

    service = payments.service(SHORT, far)
    near_service = payments.service(SHORT, near)

    def service_of(self, code: str) -> Service:
        """The payer's gateway has other lists than the payee's."""
        return self.near_service if code == "PK" else self.service

    def make_parties(self) -> Parties:
        """Officers that block."""
        return Officers(self, self.rng)


if __name__ == "__main__":
    BlockingSimulation.show()
