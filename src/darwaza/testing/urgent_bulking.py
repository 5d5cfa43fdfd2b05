"""A simulation of urgent payments that travel together: most documents of ``bulking`` are urgent ones.

The payees' bank accepts, and nobody is credited before the payers' gateway has decided. Acceptances come too late, or
never; decisions are lost on their way, or come twice.

To see what one seed does: ``python -m darwaza.testing.urgent_bulking 42``.
"""

from darwaza.services import payments
from darwaza.testing.bulking import BulkBanks, BulkSimulation, near
from darwaza.testing.party import Parties
from darwaza.testing.relaying import PATIENT, RelayedSimulation


class UrgentBanks(BulkBanks):
    """Banks that send most of what they send together as urgent."""

    def usual(self) -> str:
        """See ``BulkBanks``."""
        return self._rng.choice(("HIGH", "HIGH", "HIGH", "NORM"))


class UrgentSimulation(BulkSimulation):
    """See the module."""

    def make_parties(self) -> Parties:
        """Banks in a hurry."""
        return UrgentBanks(self, self.rng)


class RelayedUrgentSimulation(UrgentSimulation, RelayedSimulation):
    """The same between members that are no neighbours, over relays that fail."""

    near_service = payments.service(PATIENT, near)


if __name__ == "__main__":
    UrgentSimulation.show()
