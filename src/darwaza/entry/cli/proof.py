"""darwaza payments verify: what an evidence file proves about a payment, with no network and no gateway."""

from pathlib import Path

import click

from darwaza.adapters.system.clock import SystemClock
from darwaza.entry.cli.evidence import COLOURS, EXITS, read_reference, reference_options
from darwaza.entry.cli.output import console, json_option, reports_errors, show
from darwaza.entry.cli.payment import payments
from darwaza.kernel import evidence
from darwaza.kernel.examination import verify as examine
from darwaza.kernel.message import Header, decode_header
from darwaza.kernel.verdict import Result, Verdict
from darwaza.services.payments.proof import Proof, prove


@payments.command(
    epilog="Example: darwaza payments verify-evidence payment.evidence.json --corridor 1.note --anchor 9f86…",
    name="verify-evidence",
)
@reference_options
@click.option("--payment", default="", help="Id or UETR of the one payment of a bulk to tell of; else of each.")
@json_option
@reports_errors
def verify_evidence(
    file: Path, documents: tuple[Path, ...], anchor: str | None, payment: str, *, as_json: bool
) -> None:
    """Check the evidence of a payment with no network, and say what it proves: who paid whom what, and how it ended.

    The evidence of one payment of a bulk holds what was said of that payment, and of the others digests alone.

    \b
    Exit codes: 0 valid, 1 invalid, 2 cannot tell, also where a corridor document or the anchor will not serve.
    """  # noqa: D301 - \b is click's mark for a block it must not wrap
    now = SystemClock().now()
    reference = read_reference(documents, anchor, now, as_json=as_json)
    raw = file.read_bytes()
    verdict = examine(raw, reference, now)
    proven = proofs_of(raw, payment) if verdict.result is Result.VALID else []
    found = {"result": verdict.result.value, "code": verdict.code, "payments": proven}
    show(found, as_json=as_json, human=lambda: print_proof(verdict, proven))
    raise SystemExit(EXITS[verdict.result])


def proofs_of(raw: bytes, payment: str = "") -> list[Proof]:
    """What a verified evidence file says about a payment, or about each of a bulk.

    Args:
        raw: the file.
        payment: id or UETR of the one to tell of; "" for all.

    Raises:
        MalformedError: ``payment_unproven``.
    """
    # A further link carries one of these messages and says nothing of its own.
    items = [item for item in evidence.decode(raw).items if item.role != evidence.HOP]
    headers = [decode_header(item.header.encode()) for item in items]
    return prove(zip(headers, map(_shown, headers, items), strict=True), payment)


def _shown(header: Header, item: evidence.Item) -> bytes | list[bytes | None] | None:
    return evidence.read_body(header, item) if item.parts is None else [part.body for part in item.parts]


def print_proof(verdict: Verdict, proven: list[Proof]) -> None:
    """Print the answer for people."""
    code = f" ({verdict.code})" if verdict.code else ""
    console.print(f"[bold {COLOURS[verdict.result]}]{verdict.result.value.replace('_', ' ')}[/]{code}")
    for one in proven:
        reason = f" {one.reason}" if one.reason else ""
        console.print(f"   {one.payer_bank} paid {one.payee_bank}: {one.end}{reason}")
        console.print(f"   {one.debit} → {one.credit} at {one.rate} by {one.provider}")
        console.print(f"   {one.end_to_end}, UETR {one.uetr}, {one.id}")
        for step in one.steps:
            console.print(f"   {step.at}  {step.who:20} {step.what}")
    if not proven:
        return
    for finding in verdict.findings:
        signers = finding.author if finding.received_at is None else f"{finding.author} and {finding.reader}"
        console.print(f"   {finding.kind:20} signed by {signers}, {finding.grade}")
