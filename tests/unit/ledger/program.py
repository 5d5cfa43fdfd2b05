"""Seeded random programs for the twin: the suite's core check, also run on every mutant (tests/mutation).

``python -m tests.unit.ledger.program`` runs the seeds and ends with the failing one, if any.
"""

import random
import sys
from datetime import timedelta

from tests.unit.ledger.twin import Twin

from darwaza.ledger.asset import Asset
from darwaza.ledger.order import AmendAccount, CloseAccount, Hold, Move, OpenAccount, Post, Void

SEEDS = 40
STEPS = 60
ACCOUNTS = ("world", "payer", "payee", "transit", "dollars", "late", "ghost")
ASSETS = {"dollars": Asset("USD", 2)}
TENGE = Asset("KZT", 2)


def opening(twin: Twin) -> None:
    """Open the accounts; ``late`` is opened in the course of the program, ``ghost`` never."""
    for account_id in ACCOUNTS[:5]:
        twin.group([open_order(account_id)])
    twin.group([Move("fund", "world", "payer", 50)])
    twin.commit()


def open_order(account_id: str) -> OpenAccount:
    floor = None if account_id == "world" else 0
    ceiling = 30 if account_id == "payee" else None
    return OpenAccount(account_id, "KZ/bank", ASSETS.get(account_id, TENGE), "position", floor, ceiling)


def order(rng: random.Random, twin: Twin):
    """Draw an order that is mostly sound: small pools of ids, accounts and amounts make them meet."""
    draw = rng.random()
    order_id = f"t{rng.randrange(400)}" if rng.random() < 0.7 else f"t{rng.randrange(20)}"
    debit, credit = rng.sample(ACCOUNTS[:4], 2) if rng.random() < 0.85 else rng.choices(ACCOUNTS, k=2)
    amount = rng.choice((1, 2, 5, 10, 25)) if rng.random() < 0.95 else rng.choice((0, -3, 10**18))
    final = rng.random() < 0.3
    if draw < 0.3:
        return Move(order_id, debit, credit, amount, refusal_final=final)
    if draw < 0.6:
        expires_at = rng.choice((None, twin.now + timedelta(seconds=rng.randrange(0, 40))))
        return Hold(order_id, debit, credit, amount, expires_at, refusal_final=final)
    if draw < 0.9:
        holds = [entry["id"] for entry in twin.naive.entries if entry["what"] == "hold"]
        hold_id = rng.choice(holds[-4:]) if holds and rng.random() < 0.9 else f"t{rng.randrange(20)}"
        return Post(order_id, hold_id, amount) if rng.random() < 0.6 else Void(order_id, hold_id)
    return account_order(rng)


def account_order(rng: random.Random):
    """Draw an opening, a change of limits that mostly loosens again what the last one tightened, or a closing."""
    account_id = rng.choice(ACCOUNTS[1:])
    draw = rng.random()
    if draw < 0.3:
        return open_order("late" if rng.random() < 0.7 else account_id)
    if draw < 0.85:
        floor = rng.choice((0, -20, 5))
        return AmendAccount(account_id, floor, rng.choice((None, 20, 40)), rng.random() < 0.2, rng.random() < 0.2)
    return CloseAccount(account_id)


def step(rng: random.Random, twin: Twin) -> None:
    """Do one thing to both ledgers."""
    draw = rng.random()
    orders = [order(rng, twin) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    if draw < 0.55:
        twin.group(orders, rng.choice((None, None, "case")))
    elif draw < 0.6:
        repeated, case_id = rng.choice([entry["body"] for entry in twin.naive.entries if entry["body"]])
        twin.group([repeated], rng.choice((case_id, case_id, "other")))
    elif draw < 0.75:
        twin.batch([([order(rng, twin)], None) for _ in range(4)])
    elif draw < 0.85:
        twin.withdrawn(orders)
    elif draw < 0.96:
        twin.commit(rng.choice((0, 1, 10, 30)), expiring=rng.random() < 0.7)
    else:
        twin.crash()


def run(seed: int) -> Twin:
    """Run one program; AssertionError if the ledgers part."""
    rng = random.Random(seed)
    twin = Twin()
    opening(twin)
    for _ in range(STEPS):
        step(rng, twin)
    twin.commit()
    return twin


if __name__ == "__main__":
    for seed in range(SEEDS):
        try:
            run(seed)
        except AssertionError as fault:
            sys.exit(f"seed {seed}: {fault}")
