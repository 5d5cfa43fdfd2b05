"""What follows a payment, and what stops one: recalls, returns, screening, evidence."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from darwaza.engine.export import collect
from darwaza.entry.api.endpoint import Call, Endpoint, Handler
from darwaza.entry.api.payment import TAG, Ordered, submit, written_payment
from darwaza.entry.order import find_order
from darwaza.errors import DarwazaError
from darwaza.kernel.evidence import MEDIA_TYPE as EVIDENCE_MEDIA_TYPE
from darwaza.kernel.machine import Refusal
from darwaza.kernel.message import message_key
from darwaza.services.payments import message as payments
from darwaza.services.payments.officer import COMPLIANCE_ROLE, Block, Clear, Refuse
from darwaza.services.payments.proof import about_one
from darwaza.services.payments.record import Bulk


async def evidence(call: Call) -> Response:
    """The order, every answer to it and both countries' signatures, in one file that anyone can check offline.

    Of a payment of a bulk: what was said of this payment, or of the order as a whole; nothing of another payment.
    """
    engine = call.server.gateway.engine
    row, number, data = written_payment(call, call.request.path_params["id"])
    order = find_order(engine, row.id).header
    about = about_one(order, data.entries[number - 1].uetr, number) if isinstance(data, Bulk) else None
    raw = collect(engine, message_key(order), about=about)
    return Response(raw, media_type=EVIDENCE_MEDIA_TYPE)


def _command(kind: str, body: Any, summary: str, *, role: str = "party") -> Endpoint:
    """The endpoint of a command on a payment."""
    return Endpoint(
        method="POST",
        path=f"/v1/payments/{{id}}/{kind}",
        handler=_handler(kind),
        summary=summary,
        tag=TAG,
        role=role,
        body=body,
        answer=Ordered,
    )


def _handler(kind: str) -> Handler:
    async def handler(call: Call) -> Ordered | DarwazaError | Refusal:
        body: msgspec.Struct = call.body
        return await submit(call, kind, body, call.request.path_params["id"])

    handler.__name__ = kind.replace("-", "_")
    return handler


ENDPOINTS: Sequence[Endpoint] = (
    Endpoint(
        method="GET",
        path="/v1/payments/{id}/evidence",
        handler=evidence,
        summary="The order, its answers and both countries' signatures in one file that anyone can check offline",
        tag=TAG,
        media_type=EVIDENCE_MEDIA_TYPE,
    ),
    _command("recall", payments.AskBack, "Ask for a payment back (camt.056)"),
    _command("refuse-recall", payments.KeepIt, "Keep a payment that was recalled (camt.029)"),
    _command("return", payments.GiveBack, "Give a credited payment back (pacs.004)"),
    _command("release", Clear, "It may go on to the payee, also out of suspense: two officers", role=COMPLIANCE_ROLE),
    _command("refuse", Refuse, "It goes back to the payer; out of suspense: two officers", role=COMPLIANCE_ROLE),
    _command(
        "block",
        Block,
        "It goes neither on nor back, and its money into suspense (payee's gateway): two officers",
        role=COMPLIANCE_ROLE,
    ),
)
