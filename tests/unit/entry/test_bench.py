"""The benches of money measure what they say: money that has moved, at both ends."""

import pytest

from darwaza.entry.bench import ledger, payments, postgres
from darwaza.errors import OperatorError


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


needs_postgres = pytest.mark.skipif(bool(postgres.why_not()), reason=postgres.why_not())


@needs_postgres
def test_ledger_on_postgres() -> None:
    """The runs on a server cost what its processes take too."""
    lines: list[str] = []
    figures = ledger.measure(accounts=50, transfers=ledger.BATCH_TRANSFERS, postgres=True, report=lines.append)
    assert min(figures.transfers_per_s, figures.hot_transfers_per_s, figures.hold_post_per_s) > 0
    assert len(lines) == len(figures.cpu_us_per_transfer)


@needs_postgres
def test_payments_on_postgres() -> None:
    """All settle at both ends, and what either server takes is told beside its gateway."""
    figures = payments.measure(payments=500, seconds=0.2, accounts=10, postgres=True, report=[].append)
    assert min(figures.payments_per_s, figures.ordinary_per_s, figures.bulk_per_s) > 0
    assert figures.cpu_us_per_payment_bulk["payer server"] > 0 < figures.cpu_us_per_payment_bulk["payee server"]


def test_a_bench_says_that_there_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PostgreSQL on the machine it ends before it begins, and says what to install."""
    monkeypatch.setattr(postgres, "why_not", lambda: "install it")
    with pytest.raises(OperatorError, match="install it") as fault:
        ledger.measure(accounts=50, transfers=1, postgres=True, report=[].append)
    assert fault.value.code == "no_postgres"
