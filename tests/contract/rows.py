"""Rows for tests of the store: small, valid, and different from one another."""

import hashlib

from darwaza.ports.ledger import AccountRow, BalanceRow, RefusedOrderRow, TransferRow
from darwaza.ports.store import (
    AnswerRow,
    CaseFilter,
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
    Store,
    TileRow,
    WitnessRow,
)

TILE_HASHES = 256


def instant(second: int) -> str:
    return f"2026-11-22T02:{second // 60:02d}:{second % 60:02d}.000Z"


def log(log_id: int, size: int, **fields) -> LogRow:
    return LogRow(log_id, f"example.org/{log_id}", "PK", "UZ", 0, size, **fields)


def leaf(log_id: int, index: int, *, key: str | None = None, case: str = "case", body: bytes = b"body") -> LeafRow:
    return LeafRow(log_id, index, key or f"PK {log_id}-{index}", case, b"header %d" % index, body)


def tiles(log_id: int, size: int, salt: str = "") -> dict[tuple[int, int, int], TileRow]:
    """All tiles of a log of that size, with hashes that tell them apart."""
    found = {}
    for level in range(5):
        hashes = size // TILE_HASHES**level
        for number in range(-(-hashes // TILE_HASHES)):
            width = min(TILE_HASHES, hashes - number * TILE_HASHES)
            names = (f"{salt}{level}/{number}/{at}" for at in range(width))
            found[log_id, level, number] = TileRow(
                log_id, level, number, b"".join(hashlib.sha256(name.encode()).digest() for name in names)
            )
    return found


def filled(log_id: int, size: int, **fields) -> Changes:
    """A log of that size with all that belongs to it, and a checkpoint for every tenth size."""
    return Changes(
        logs={log_id: log(log_id, size, **fields)},
        leaves=[leaf(log_id, index) for index in range(size)],
        tiles=tiles(log_id, size),
        checkpoints=[CheckpointRow(log_id, at, b"note %d" % at) for at in range(10, size + 1, 10)],
    )


def case(name: str, opened: int, **fields) -> CaseRow:
    values = {
        "service": "payments",
        "state": "sent",
        "data": name.encode(),
        "ucr": None,
        "opened_at": instant(opened),
        "changed_at": instant(opened),
        "remind_at": None,
    }
    return CaseRow(name, **(values | fields))


def party(address: str, row: CaseRow) -> PartyRow:
    return PartyRow(address, row.service, row.opened_at, row.id)


def notice(sequence: int, address: str) -> NoticeRow:
    return NoticeRow(sequence, address, "payment.settled", "case", b"detail %d" % sequence, instant(sequence))


def account(account_id: str, owner: str = "PK/bank", **fields) -> AccountRow:
    return AccountRow(account_id, owner, "PKR/2", "position", 0, None, 0, 0, instant(1), None)._replace(**fields)


def transfer(sequence: int, debit: str, credit: str, before: tuple[int, int] = (0, 0), **fields) -> TransferRow:
    values = (
        sequence,
        f"t{sequence}",
        "move",
        debit,
        credit,
        "PKR/2",
        5,
        0,
        None,
        None,
        "case",
        None,
        instant(sequence),
    )
    return TransferRow(*values, *before)._replace(**fields)


def ledger() -> Changes:
    """Three accounts, a hold that expires, its end, a move, and an order that stays refused."""
    changes = Changes()
    changes.accounts = {one: account(one) for one in ("a", "b")} | {"c": account("c", "UZ/bank", floor_minor=None)}
    changes.transfers = [
        transfer(1, "a", "b", phase="hold", expires_at=instant(90)),
        transfer(2, "a", "b", (1, 1), phase="post", hold_id="t1"),
        transfer(3, "c", "a", (0, 2), reference="инв. 7"),
        transfer(4, "c", "b", (3, 2), phase="hold", expires_at=instant(80)),
    ]
    heads = {"a": 3, "b": 4, "c": 4}
    changes.balances = {one: BalanceRow(one, 5, 0, 2**62, 1, head) for one, head in heads.items()}
    changes.holds_opened = [(instant(80), "t4"), (instant(70), "gone")]
    changes.refused_orders = [RefusedOrderRow("refused", b"refusal")]
    return changes


def everything(size: int = 12) -> Changes:
    """One commit that touches every table."""
    changes = filled(1, size)
    one = case("case", 1, ucr="UCR1", remind_at=instant(50))
    changes.cases = {"case": one}
    changes.parties = [party("PK/bank", one), party("UZ/bank", one)]
    changes.names = [("UETR-1", "case"), ("UETR-2", "case")]
    changes.answers = [AnswerRow("PK/bank", "key", b"d" * 32, b"answer", instant(2))]
    changes.facts = {("UCR1", "duty paid"): FactRow("UCR1", "duty paid", b"\xc3", None, "case", instant(3))}
    changes.awaits = {"case": (("UCR1", "guarantee accepted"),)}
    changes.quarantine = [QuarantineRow(1, 3, "body_malformed", "no XML", instant(4))]
    changes.notices = [notice(1, "PK/bank")]
    changes.forks = [ForkRow(1, instant(5), b"proof")]
    changes.witnessed = [WitnessRow("example.org/far", 7, b"witnessed 7")]
    changes.given_back = [("cause", "PK lost")]
    changes.documents = [(1, b"document 1")]
    changes.meta = {"member": b"PK"}
    money = ledger()
    for name in ("accounts", "balances", "transfers", "refused_orders", "holds_opened"):
        setattr(changes, name, getattr(money, name))
    return changes


def dump(store: Store) -> dict[str, object]:
    """Everything the rows of these tests can be read back as."""
    logs = store.logs()
    cases = list(store.scan_cases())
    parties = (None, "PK/bank", "UZ/bank", "PK/customs")
    return {
        "logs": logs,
        "leaves": {row.id: list(store.scan_leaves(row.id)) for row in logs},
        "stretches": {row.id: store.leaves(row.id, 2, 9, 60) for row in logs},
        "by key": [store.leaf(leaf.message_key) for row in logs for leaf in store.scan_leaves(row.id)],
        "tiles": {(row.id, level, n): store.tile(row.id, level, n) for row in logs for level in (0, 1) for n in (0, 1)},
        "checkpoints": {(row.id, at): store.checkpoint_from(row.id, at) for row in logs for at in range(0, 15, 3)},
        "cases": cases,
        "case leaves": {row.id: store.case_leaves(row.id) for row in cases},
        "lists": {address: store.find_cases(CaseFilter(party=address)) for address in parties},
        "due": store.due(instant(3000), 100),
        "answers": store.answers([(address, key) for address in parties if address for key in ("key", "a", "b")]),
        "named": store.named(["UETR-1", "UETR-2", "UETR-3"]),
        "facts": {ucr: store.facts(ucr) for ucr in ("UCR1", "UCR2")},
        "awaiting": {
            (ucr, name): store.awaiting(ucr, name)
            for ucr in ("UCR1", "UCR2")
            for name in ("duty paid", "guarantee accepted")
        },
        "quarantined": store.quarantined(100),
        "notices": {address: store.notices(address, 0, 100) for address in parties if address},
        "sequence": store.notice_sequence(),
        "forks": store.forks(),
        "witnessed": [store.witnessed(f"example.org/{name}") for name in ("far", "1", "2")],
        "given back": ({cause: store.given_back(cause) for cause in ("cause", "other")}, store.given_back_count()),
        "documents": store.documents(),
        "accounts": list(store.scan_accounts()),
        "owned": {address: store.owned_accounts(address) for address in parties if address},
        "account totals": store.account_totals(),
        "transfers": list(store.scan_transfers()),
        "last transfer": store.last_transfer(),
        "history": {one: store.history(one, None, 100) for one in "abcd"},
        "refused orders": store.refused_orders(["refused", "t1"]),
        "holds due": store.holds_due(instant(3000), 100),
        "next hold": store.next_hold_at(),
        "meta": [store.meta(name) for name in ("member", "a", "b")],
    }
