"""Living through many seeds: one that fails is named at once, and the others are lived through all the same."""

import sys

from darwaza.services import payments
from darwaza.services.payments import machine, sharing
from darwaza.services.payments.message import RemitBulk
from darwaza.testing import bulking, paying


def live_through(life, seeds):
    """Run the life of every seed.

    Args:
        life: makes a life of a seed; its module replays one: ``python -m MODULE SEED``.
        seeds: which ones.

    Raises:
        ExceptionGroup: those that failed, with the commands that replay them.
    """
    faults, replays = [], []
    for seed in seeds:
        try:
            life(seed).run()
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is kept and raised with the others
            faults.append(fault)
            replays.append(f"python -m {life.__module__} {seed}")
            sys.stderr.write(f"\nseed {seed} fails: {fault}; replay it with: {replays[-1]}\n")
    if faults:
        raise ExceptionGroup("; ".join(replays), faults)


def take_bulks_unmet(patch):
    """Let PK take bulks before it has met KZ, as a gateway does whose neighbours stay away for long (``MEET_S``).

    Banks do not send anew what screening stopped: so it was when the lives with this were found.
    """

    def shared_by(directory):
        shared = sharing.shared_by(directory)
        return lambda *given: None if isinstance(given[-1], RemitBulk) else shared(*given)

    patch(machine, "shared_by", shared_by)
    patch(bulking.BulkSimulation, "near_service", payments.service(paying.SHORT, bulking.near))
    patch(bulking.BulkBanks, "send_alone", lambda *_: None)
