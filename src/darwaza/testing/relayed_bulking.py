"""A simulation of salaries between members that are no neighbours: ``bulking`` over relays that fail.

To see what one seed does: ``python -m darwaza.testing.relayed_bulking 42``.
"""

from darwaza.services import payments
from darwaza.testing.bulking import BulkSimulation, near
from darwaza.testing.relaying import PATIENT, RelayedSimulation


class RelayedBulkSimulation(BulkSimulation, RelayedSimulation):
    """See the module."""

    near_service = payments.service(PATIENT, near)


if __name__ == "__main__":
    RelayedBulkSimulation.show()
