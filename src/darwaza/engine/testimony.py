"""Co-signs other members' checkpoints as a witness (C2SP tlog-witness): sizes and roots only, never content."""

from http import HTTPStatus

from darwaza.engine.site import Site
from darwaza.engine.unit import Unit
from darwaza.errors import MalformedError
from darwaza.kernel import instant
from darwaza.kernel import witness as witnessing
from darwaza.kernel.checkpoint import parse_checkpoint
from darwaza.kernel.link import only
from darwaza.kernel.naming import Lane
from darwaza.kernel.note import Verifier
from darwaza.kernel.witness import Request, Verdict, format_cosignatures
from darwaza.ports.store import WitnessRow


def witness(site: Site, unit: Unit, request: Request) -> Verdict:
    """Answer a request to co-sign; what is co-signed is kept in the same transaction as it was compared."""
    checkpoint, note = request.checkpoint, request.note
    row = unit.witnessed(checkpoint.origin)
    held = None if row is None else parse_checkpoint(row.note)[0]
    authors = _witnessable(site, checkpoint.origin)
    verdict = witnessing.judge(held, request, authors)
    if verdict.status is not HTTPStatus.OK:
        return verdict
    # Only the author's lines were verified; what else came may be false, even under our own name, and is not kept.
    line, full = site.cosign(only(note, authors), instant.to_seconds(unit.now))
    unit.keep_witnessed(WitnessRow(checkpoint.origin, checkpoint.size, full))
    return Verdict(HTTPStatus.OK, format_cosignatures([line]), "text/plain; charset=utf-8")


def _witnessable(site: Site, origin: str) -> tuple[Verifier, ...]:
    """Keys of a log that this gateway may witness; none for any other log.

    A co-signature of the reader is an acknowledgement and one of the author means nothing: neither is a witness.
    """
    try:
        lane = Lane.parse(origin)
    except MalformedError:
        return ()
    third = site.member not in (lane.author, lane.reader)
    return site.trust.author_verifiers(origin) if third else ()
