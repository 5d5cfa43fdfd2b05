"""Evidence of a message, for those its case concerns; auditors get it without bodies.

A payment's messages name people, a bulk's many: an FX provider gets no body of them, and compliance none of a bulk.

What gateways say about their link itself is for operators and auditors, whole.
"""

import msgspec
from starlette.responses import Response

from darwaza.adapters.keyfile.party import AUDITOR, OPERATOR
from darwaza.engine.export import collect, receipt
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.errors import MalformedError
from darwaza.kernel.message import LINK_KINDS, decode_header
from darwaza.ports.store import LeafRow, PartyRow
from darwaza.services.payments.record import Bulk, Payment, provider_of

EVIDENCE_MEDIA_TYPE = "application/vnd.darwaza.evidence+json"
RECEIPT_MEDIA_TYPE = "application/scitt-receipt+cose"


class EvidenceQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Whether bodies go into the file."""

    body: bool = True


def find_message(call: Call) -> LeafRow:
    """The message the path names, if the caller may have its evidence.

    Raises:
        MalformedError: ``not_found``, whether it does not exist or is somebody else's.
    """
    store, message_id = call.server.store, call.request.path_params["id"]
    codes = {code for document in call.server.gateway.engine.site.trust.documents for code in document.codes}
    leaves = [leaf for code in codes if (leaf := store.leaf(f"{code} {message_id}")) is not None]
    for leaf in leaves:
        if AUDITOR in call.party.roles or (OPERATOR in call.party.roles and _is_of_the_link(leaf)):
            return leaf
        row = store.cases([leaf.case_id]).get(leaf.case_id)
        if row is not None and store.concerns(PartyRow(call.party.address, row.service, row.opened_at, row.id)):
            return leaf
    raise MalformedError("there is no such message", code="not_found")


def _is_of_the_link(leaf: LeafRow) -> bool:
    return decode_header(leaf.header).kind.startswith(LINK_KINDS)


def _may_read(call: Call, leaf: LeafRow) -> bool:
    """Whether the caller may have a message's body, which it can prove the digest of."""
    if AUDITOR in call.party.roles or _is_of_the_link(leaf):
        return _is_of_the_link(leaf)
    row = call.server.store.cases([leaf.case_id])[leaf.case_id]
    data = call.server.gateway.engine.site.decode_case(row).data
    if isinstance(data, Bulk):
        return call.party.address in (data.payer_bank, data.payee_bank)
    return not (isinstance(data, Payment) and call.party.address == provider_of(data))


async def evidence(call: Call) -> Response:
    """One self-contained file that anyone can check offline."""
    leaf = find_message(call)
    with_body = call.query.body and _may_read(call, leaf)
    raw = collect(call.server.gateway.engine, leaf.message_key, with_body=with_body)
    return Response(raw, media_type=EVIDENCE_MEDIA_TYPE)


async def cose_receipt(call: Call) -> Response:
    """The same proof as a COSE receipt (RFC 9942), for SCITT tools."""
    leaf = find_message(call)
    return Response(receipt(call.server.gateway.engine, leaf.message_key), media_type=RECEIPT_MEDIA_TYPE)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/evidence/{id}",
        handler=evidence,
        summary="Evidence of a message in one file that anyone can check offline",
        tag="evidence",
        query=EvidenceQuery,
        media_type=EVIDENCE_MEDIA_TYPE,
    ),
    Endpoint(
        method="GET",
        path="/v1/evidence/{id}/receipt",
        handler=cose_receipt,
        summary="The same proof as a COSE receipt (RFC 9942)",
        tag="evidence",
        media_type=RECEIPT_MEDIA_TYPE,
    ),
)
