"""The benches of money measure what they say: money that has moved, at both ends."""

from darwaza.entry.bench import ledger, payments


def test_ledger() -> None:
    """Every run commits its transfers, over many accounts and over six."""
    lines: list[str] = []
    figures = ledger.measure(accounts=50, transfers=2 * ledger.BATCH_TRANSFERS, report=lines.append)
    assert min(figures.transfers_per_s, figures.hot_transfers_per_s, figures.hold_post_per_s) > 0
    assert set(figures.cpu_us_per_transfer) == {"transfers", "hot_transfers", "hold_post", "hot_hold_post"}
    assert len(lines) == len(figures.cpu_us_per_transfer)


def test_payments() -> None:
    """Singly, paced and in bulk all payments settle at both ends, and every stage has its figure."""
    lines: list[str] = []
    figures = payments.measure(payments=500, seconds=0.2, accounts=10, report=lines.append)
    assert min(figures.payments_per_s, figures.ordinary_per_s, figures.bulk_per_s) > 0
    assert 0 < figures.p50_ms <= figures.p99_ms
    stages = {f"{side} {stage}" for side in ("payer", "payee") for stage in ("decide", "sign", "commit")}
    assert set(figures.cpu_us_per_payment) == stages | {"payer", "payee", "load"}
    assert any("bulk" in line for line in lines)
