"""darwaza payments verify: what an evidence file proves about a payment, with no network and no gateway."""

from pathlib import Path

from darwaza.adapters.system.clock import SystemClock
from darwaza.entry.cli.evidence import COLOURS, EXITS, reference_options
from darwaza.entry.cli.output import console, json_option, reports_errors, show
from darwaza.entry.cli.payment import payments
from darwaza.kernel import evidence
from darwaza.kernel.examination import verify as examine
from darwaza.kernel.message import decode_header
from darwaza.kernel.reference import Reference
from darwaza.kernel.verdict import Result, Verdict
from darwaza.services.payments.proof import Proof, prove


@payments.command(
    epilog="Example: darwaza payments verify-evidence payment.evidence.json --corridor 1.note --anchor 9f86…",
    name="verify-evidence",
)
@reference_options
@json_option
@reports_errors
def verify_evidence(file: Path, documents: tuple[Path, ...], anchor: str | None, *, as_json: bool) -> None:
    """Check the evidence of a payment with no network, and say what it proves: who paid whom what, and how it ended.

    \b
    Exit codes: 0 valid, 1 invalid, 2 cannot tell.
    """  # noqa: D301 - \b is click's mark for a block it must not wrap
    now = SystemClock().now()
    reference = Reference.read([path.read_bytes() for path in documents], anchor, now)
    raw = file.read_bytes()
    verdict = examine(raw, reference, now)
    proven = proof_of(raw) if verdict.result is Result.VALID else None
    found = {"result": verdict.result.value, "code": verdict.code, "payment": proven}
    show(found, as_json=as_json, human=lambda: print_proof(verdict, proven))
    raise SystemExit(EXITS[verdict.result])


def proof_of(raw: bytes) -> Proof:
    """What a verified evidence file says about a payment.

    Raises:
        MalformedError: ``payment_unproven``.
    """
    items = evidence.decode(raw).items
    return prove((decode_header(item.header.encode()), item.body) for item in items)


def print_proof(verdict: Verdict, proven: Proof | None) -> None:
    """Print the answer for people."""
    code = f" ({verdict.code})" if verdict.code else ""
    console.print(f"[bold {COLOURS[verdict.result]}]{verdict.result.value.replace('_', ' ')}[/]{code}")
    if proven is None:
        return
    reason = f" {proven.reason}" if proven.reason else ""
    console.print(f"   {proven.payer_bank} paid {proven.payee_bank}: {proven.end}{reason}")
    console.print(f"   {proven.debit} → {proven.credit} at {proven.rate} by {proven.provider}")
    console.print(f"   UETR {proven.uetr}")
    for step in proven.steps:
        console.print(f"   {step.at}  {step.who:20} {step.what}")
    for finding in verdict.findings:
        console.print(f"   {finding.kind:20} signed by {finding.author} and {finding.reader}, {finding.grade}")
