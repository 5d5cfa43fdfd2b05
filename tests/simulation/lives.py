"""Living through many seeds: one that fails is named at once, and the others are lived through all the same."""

import sys


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
