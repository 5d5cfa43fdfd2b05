"""What the in-memory store refuses to write.

Rows that must be new are refused by every adapter. The rest is misuse that a database would let pass: a gap in a log,
a log whose size is not what it holds, history forgotten that has left the gateway, a case that changes what it is, a
party of an unknown case, a notice out of sequence, a value of the wrong type. It is refused here so that a simulation
shows it.
"""

from collections.abc import Iterable
from typing import Any, get_type_hints

from darwaza.adapters.memory.table import HASH_BYTES, TILE_HASHES, Tables
from darwaza.errors import InvariantError
from darwaza.ports.ledger import AccountRow, BalanceRow, RefusedOrderRow, TransferRow
from darwaza.ports.store import (
    WAITING_FROM,
    AnswerRow,
    CaseRow,
    Changes,
    CheckpointRow,
    FactRow,
    ForkRow,
    LeafRow,
    LogRow,
    NoticeRow,
    PartyRow,
    QuarantineRow,
    TileRow,
    WitnessRow,
)

SIZE_MAX = 1 << 40
"""Leaves of a log."""
TILE_LEVELS = 5

_SHAPES = {
    kind: tuple(get_type_hints(kind).values())
    for kind in (
        AccountRow,
        AnswerRow,
        BalanceRow,
        CaseRow,
        CheckpointRow,
        FactRow,
        ForkRow,
        LeafRow,
        NoticeRow,
        PartyRow,
        QuarantineRow,
        RefusedOrderRow,
        TileRow,
        TransferRow,
        WitnessRow,
    )
}
_PAIRS = {
    "names": (str, str),
    "given_back": (str, str),
    "documents": (int, bytes),
    "truncate": (int, int),
    "released": (int, int, int),
    "holds_opened": (str, str),
    "holds_ended": (str, str),
    "forgotten": (int, int),
}
_LISTS = (
    "leaves",
    "checkpoints",
    "parties",
    "answers",
    "quarantine",
    "notices",
    "forks",
    "witnessed",
    "transfers",
    "refused_orders",
)


def check(tables: Tables, changes: Changes) -> None:
    """Pass changes that may be written as a whole.

    Raises:
        InvariantError: nothing of them may.
    """
    _check_shapes(changes)
    held = _check_truncations(tables, changes)
    _check_leaves(tables, changes, held)
    _check_logs(tables, changes, held)
    _check_trees(tables, changes, held)
    _check_cases(tables, changes)
    _check_names(tables, changes)
    _check_new(tables, changes)
    _check_ledger(tables, changes)


def _refuse(why: str) -> None:
    raise InvariantError(why)


def _check_shapes(changes: Changes) -> None:
    for name, row in _rows(changes):
        shape = _SHAPES.get(type(row)) or _PAIRS.get(name)
        if shape is None or not all(map(isinstance, row, shape)):
            _refuse(f"{name}: not a row of the port's types: {row!r:.200}")
    for log_id, log in changes.logs.items():
        if type(log) is not LogRow or log.id != log_id:
            _refuse(f"logs: not a row under its id: {log!r:.200}")
    for name, value in changes.meta.items():
        if type(name) is not str or type(value) is not bytes:
            _refuse(f"meta: not bytes under a name: {name!r}")


def _rows(changes: Changes) -> Iterable[tuple[str, Any]]:
    for name in (*_LISTS, *_PAIRS):
        for row in getattr(changes, name):
            yield name, row
    for key, tile in changes.tiles.items():
        yield "tiles", tile if key == tile[:3] else key
    for case_id, case in changes.cases.items():
        yield "cases", case if case_id == case.id else case_id
    for account_id, account in changes.accounts.items():
        yield "accounts", account if account_id == account.id else account_id
    for account_id, balance in changes.balances.items():
        yield "balances", balance if account_id == balance.account_id else account_id
    for name_of, fact in changes.facts.items():
        yield "facts", fact if name_of == fact[:2] else name_of


def _check_truncations(tables: Tables, changes: Changes) -> dict[int, int]:
    """Leaves each touched log holds after the truncations."""
    held: dict[int, int] = {}
    for log_id, size in changes.truncate:
        log = tables.logs.get(log_id)
        if size < 0 or (log is not None and size < log.exposed_size):
            _refuse(f"log {log_id}: what has left this gateway cannot be forgotten from {size} on")
        held[log_id] = min(size, held.get(log_id, len(tables.leaves.get(log_id, ()))))
    return held


def _check_leaves(tables: Tables, changes: Changes, held: dict[int, int]) -> None:
    """No gap in a log and no message twice; ``held`` grows."""
    kept = held.copy()
    new: set[str] = set()
    for leaf in changes.leaves:
        _check_place(tables, changes, leaf, held)
        there = tables.by_key.get(leaf.message_key)
        forgotten = there is not None and _is_forgotten(changes, there, kept)
        if leaf.message_key in new or (there is not None and not forgotten):
            _refuse(f"message {leaf.message_key} is stored already")
        new.add(leaf.message_key)


def _check_place(tables: Tables, changes: Changes, leaf: LeafRow, held: dict[int, int]) -> None:
    if leaf.leaf_index >= WAITING_FROM:
        there = tables.waiting.get(leaf.log_id, {}).get(leaf.leaf_index)
        if there is not None and not _is_forgotten(changes, there, {}):
            _refuse(f"log {leaf.log_id}: another message waits at {leaf.leaf_index}")
        return
    size = held.get(leaf.log_id)
    if size is None:
        size = len(tables.leaves.get(leaf.log_id, ()))
    if leaf.leaf_index != size:
        _refuse(f"log {leaf.log_id}: leaf {leaf.leaf_index} does not follow its {size} leaves")
    held[leaf.log_id] = size + 1


def _is_forgotten(changes: Changes, leaf: LeafRow, kept: dict[int, int]) -> bool:
    if leaf.leaf_index < WAITING_FROM:
        return leaf.leaf_index >= kept.get(leaf.log_id, SIZE_MAX)
    return any(log_id == leaf.log_id and start <= leaf.leaf_index < end for log_id, start, end in changes.released)


def _check_logs(tables: Tables, changes: Changes, held: dict[int, int]) -> None:
    origins: dict[str, int] = {}
    for log in (tables.logs | changes.logs).values():
        if origins.setdefault(log.origin, log.id) != log.id:
            _refuse(f"two logs of origin {log.origin}")
    for log_id, log in changes.logs.items():
        former = tables.logs.get(log_id, log)
        if (log.origin, log.author, log.reader, log.lane) != (former.origin, former.author, former.reader, former.lane):
            _refuse(f"log {log_id} becomes another one")
    for log_id in (*changes.logs, *held):
        stated = changes.logs.get(log_id) or tables.logs.get(log_id)
        holds = held.get(log_id, len(tables.leaves.get(log_id, ())))
        if stated is None or stated.size != holds:
            _refuse(f"log {log_id} holds {holds} leaves and states {stated and stated.size}")


def _check_trees(tables: Tables, changes: Changes, held: dict[int, int]) -> None:
    for tile in changes.tiles.values():
        hashes, rest = divmod(len(tile.hashes), HASH_BYTES)
        if rest or not 1 <= hashes <= TILE_HASHES:
            _refuse(f"a tile of {len(tile.hashes)} bytes")
        if not (0 <= tile.level < TILE_LEVELS and 0 <= tile.number < SIZE_MAX // TILE_HASHES ** (tile.level + 1)):
            _refuse(f"no tree has a tile {tile.level}/{tile.number}")
    for checkpoint in changes.checkpoints:
        if not 0 <= checkpoint.size < SIZE_MAX:
            _refuse(f"a checkpoint of size {checkpoint.size}")
    for row in changes.quarantine:
        if not 0 <= row.leaf_index < held.get(row.log_id, len(tables.leaves.get(row.log_id, ()))):
            _refuse(f"log {row.log_id} has no leaf {row.leaf_index} to quarantine")


def _check_cases(tables: Tables, changes: Changes) -> None:
    for case in changes.cases.values():
        former = tables.cases.get(case.id, case)
        if (case.service, case.opened_at) != (former.service, former.opened_at):
            _refuse(f"case {case.id} becomes another one")
    for row in changes.parties:
        of = changes.cases.get(row.case_id) or tables.cases.get(row.case_id)
        if of is None or (of.service, of.opened_at) != (row.service, row.opened_at):
            _refuse(f"no case {row.case_id} of {row.service} was opened at {row.opened_at}")


def _check_new(tables: Tables, changes: Changes) -> None:
    answered: set[tuple[str, str]] = set()
    for row in changes.answers:
        command = row.party, row.key
        if command in tables.answers or command in answered:
            _refuse(f"the command {command} is answered already")
        answered.add(command)
    for sequence, notice in enumerate(changes.notices, tables.sequence + 1):
        if notice.sequence != sequence:
            _refuse(f"notice {notice.sequence} does not follow {sequence - 1}")


def _check_names(tables: Tables, changes: Changes) -> None:
    """A name is given once, to a case there is."""
    taken: set[str] = set()
    for name, case_id in changes.names:
        if name in tables.names or name in taken or not (case_id in changes.cases or case_id in tables.cases):
            _refuse(f"the name {name} is given already, or names no case")
        taken.add(name)


def _check_ledger(tables: Tables, changes: Changes) -> None:
    _check_accounts(tables, changes)
    _check_transfers(tables, changes)
    for row in changes.refused_orders:
        if row.order_id in tables.refused_orders:
            _refuse(f"the order {row.order_id} stays refused already")


def _check_accounts(tables: Tables, changes: Changes) -> None:
    """An account stays what it is, and has totals as long as it exists."""
    for account in changes.accounts.values():
        former = tables.accounts.get(account.id, account)
        if (account[:4], account.opened_at) != (former[:4], former.opened_at):
            _refuse(f"account {account.id} becomes another one")
        if account.id not in tables.balances and account.id not in changes.balances:
            _refuse(f"account {account.id} without totals")
    for account_id in changes.balances:
        if account_id not in tables.accounts and account_id not in changes.accounts:
            _refuse(f"totals of an unknown account {account_id}")


def _check_transfers(tables: Tables, changes: Changes) -> None:
    """No gap in the sequence, no id twice, no hold ended twice, and every account named exists."""
    ids: set[str] = set()
    ended: set[str] = set()
    for sequence, transfer in enumerate(changes.transfers, len(tables.transfers) + 1):
        if transfer.sequence != sequence:
            _refuse(f"transfer {transfer.sequence} does not follow {sequence - 1}")
        if transfer.id in ids or transfer.id in tables.transfer_ids:
            _refuse(f"the transfer {transfer.id} is stored already")
        if transfer.hold_id is not None and (transfer.hold_id in ended or transfer.hold_id in tables.transfer_ends):
            _refuse(f"the hold {transfer.hold_id} has ended already")
        for account_id in (transfer.debit_account, transfer.credit_account):
            if account_id not in tables.accounts and account_id not in changes.accounts:
                _refuse(f"the transfer {transfer.id} is on an unknown account")
        ids.add(transfer.id)
        ended.add(transfer.hold_id or "")
