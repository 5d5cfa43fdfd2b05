"""What a border post does with papers: whom it trusts, what it reads, what it prints. Works with no network.

A post needs the corridor document and nothing else to judge a paper; a gateway uses the same functions for its scans,
so both come to the same verdict.
"""

import msgspec

from darwaza.bootstrap import Gateway
from darwaza.engine import routed
from darwaza.engine.export import collect
from darwaza.errors import ConflictError, ExtraMissingError, OperatorError
from darwaza.kernel import evidence
from darwaza.kernel.checkpoint import parse_text
from darwaza.kernel.history import History
from darwaza.kernel.key import Ed25519PublicKey
from darwaza.kernel.message import decode_header, member_of, message_key
from darwaza.kernel.note import Note, Verifier
from darwaza.kernel.proof import Proof, parse_proof
from darwaza.kernel.trail import RELAY_KIND
from darwaza.ports.printing import Barcodes, Printer
from darwaza.ports.store import LeafRow
from darwaza.services.transit import paper as papers
from darwaza.services.transit.movement import Movement
from darwaza.services.transit.parts import split
from darwaza.services.transit.sheet import sheet_of
from darwaza.services.transit.trust import Trust, TrustedKey

I2_KIND = "transit.i2"


def read_header(entry: bytes) -> tuple[str, str, bytes]:
    """Read a log entry for ``scan.Scanner``: kind, case and body digest.

    Raises:
        MessageError: it is no header.
    """
    header = decode_header(entry)
    return header.kind, header.case_id, bytes.fromhex(header.body_digest)


def trust_of(history: History) -> Trust:
    """Say whom a holder of the corridor document trusts: every version's keys, each for its time.

    A member signs papers and delegations with its log key. A key that a later version replaced counts until that
    version was made. What is known is as old as the newest version.
    """
    keys: dict[str, dict[bytes, TrustedKey]] = {}
    logs: dict[str, dict[tuple[str, bytes], Verifier]] = {}
    for entry in history.entries:
        document = entry.document
        cards = [card for code in document.codes if (card := document.card(code)) is not None]
        for card in cards:
            known = keys.setdefault(card.code, {})
            for raw, former in known.items():
                if raw != card.keys.log and former.may_sign(document.created_at):
                    known[raw] = msgspec.structs.replace(former, valid_until=document.created_at)
            known.setdefault(card.keys.log, TrustedKey(card.keys.log, card.valid_from, card.valid_until))
        for author in cards:
            for reader in document.codes:
                for lane in document.lanes(author.code, reader) if reader != author.code else ():
                    verifier = Verifier(lane.origin, Ed25519PublicKey(author.keys.log))
                    logs.setdefault(author.code, {})[lane.origin, author.keys.log] = verifier
    latest = history.latest
    return Trust(
        keys={member: tuple(known.values()) for member, known in keys.items()},
        logs={member: tuple(known.values()) for member, known in logs.items()},
        as_of=latest.created_at,
        expires_at=latest.not_after,
    )


def gateway_trust(gateway: Gateway) -> Trust:
    """Say whom a running gateway trusts: it hears of every change, so its knowledge is of now."""
    trust = trust_of(gateway.engine.site.trust.history)
    return msgspec.structs.replace(trust, as_of=gateway.clock.now())


def guarantee_evidence(gateway: Gateway, case_id: str, guarantor: str) -> papers.Evidence | None:
    """Find the guarantor's acceptance in its own signed log; None when this gateway was not the one that asked.

    From a guarantor that is no neighbour it came sealed: then the letter goes with it, and the key of that letter.
    """
    engine = gateway.engine
    for log_id, index, raw in engine.store.case_leaves(case_id):
        header = decode_header(raw)
        if header.kind == RELAY_KIND and (shown := _routed(gateway, log_id, index, raw, guarantor)) is not None:
            return shown
        if header.kind != I2_KIND or header.path is not None or member_of(header.origin) != guarantor:
            continue
        try:
            found = evidence.decode(collect(engine, message_key(header), with_body=False)).items[0]
        except ConflictError:
            continue
        proof = parse_proof(found.proof.encode())
        author = engine.logs[_log_of(gateway, message_key(header))].row.origin
        return papers.evidence_of(raw, _by_author(proof, author))
    return None


def _routed(gateway: Gateway, log_id: int, index: int, raw: bytes, guarantor: str) -> papers.Evidence | None:
    body = gateway.engine.store.body(log_id, index) or b""
    shown = routed.show(gateway.engine, LeafRow(log_id, index, "", "", raw, body))
    if shown is None:
        return None
    header = decode_header(shown.hop.header)
    if header.kind != I2_KIND or member_of(header.origin) != guarantor:
        return None
    proof = shown.hop.proof
    origin = parse_text(proof.note.text).origin
    return papers.evidence_of(shown.hop.header, _by_author(proof, origin), (shown.letter, shown.key))


def _by_author(proof: Proof, origin: str) -> Proof:
    """A post checks the author's line alone; the others would cost another QR code."""
    lines = tuple(line for line in proof.note.signatures if line.name == origin)[:1]
    return msgspec.structs.replace(proof, note=Note(proof.note.text, lines))


def _log_of(gateway: Gateway, key: str) -> int:
    leaf = gateway.engine.store.leaf(key)
    if leaf is None:
        raise OperatorError(f"the store lost the message {key}; run: darwaza fsck", code="store_wrong")
    return leaf.log_id


def issue_paper(gateway: Gateway, movement: Movement, office: str) -> tuple[papers.Paper, bytes]:
    """Write and sign the paper of an accepted movement as this gateway knows it now.

    Returns:
        The paper, and its signed bytes.

    Raises:
        MalformedError: ``not_accepted``.
    """
    member = gateway.config.member
    body = papers.write_paper(movement, issuer=member, office=office, issued_at=gateway.clock.now())
    proof = guarantee_evidence(gateway, body.movement_id, body.guarantee.guarantor)
    return body, papers.sign_paper(body, gateway.keys.log.sign, proof)


def barcodes() -> Barcodes:
    """The drawer of QR codes.

    Raises:
        OperatorError: ``extra_missing``.
    """
    try:
        from darwaza.adapters.segno.barcode import SegnoBarcodes  # noqa: PLC0415 - an optional extra
    except ImportError as fault:
        raise ExtraMissingError("print") from fault
    return SegnoBarcodes()


def printer() -> Printer:
    """The printer of PDF documents; raises as ``barcodes``."""
    try:
        from darwaza.adapters.fpdf2.printing import Fpdf2Printer  # noqa: PLC0415 - an optional extra
    except ImportError as fault:
        raise ExtraMissingError("print") from fault
    return Fpdf2Printer()


def print_paper(gateway: Gateway, movement: Movement, paper: papers.Paper, raw: bytes) -> bytes:
    """Print a paper with its QR codes as a PDF; raises as ``barcodes``."""
    drawer = barcodes()
    pictures = tuple(drawer.png(text) for text in split(raw))
    return printer().pdf(sheet_of(movement, paper, gateway.reference.register, pictures))
