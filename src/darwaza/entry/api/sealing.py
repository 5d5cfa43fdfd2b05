"""Sealing keys of parties: publish one's own, ask for that of a party of another member."""

from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import msgspec

from darwaza.engine.intake import Accepted, Submit
from darwaza.entry.api.document import preferred_wait_s
from darwaza.entry.api.endpoint import Call, Endpoint
from darwaza.errors import DarwazaError, MalformedError
from darwaza.kernel.machine import Refusal
from darwaza.kernel.member import Instant
from darwaza.kernel.message import GATEWAY_PARTY, AddressText
from darwaza.kernel.sealcard import Published, SealKeyBytes, check_foreign, check_published, fingerprint
from darwaza.ports.store import CaseRow, PartyRow
from darwaza.services.sealing.message import Ask, Question

SERVICE: Final = "sealing"
TAG: Final = "sealing"
ANSWER_WAIT_S: Final = 25.0


class PartyView(msgspec.Struct):
    """Who the caller is at this gateway.

    Attributes:
        address: full address.
        roles: what it may do, in ascending order.
    """

    address: str
    roles: list[str]


class PublishBody(msgspec.Struct, forbid_unknown_fields=True):
    """A public sealing key to publish in place of the former one.

    Attributes:
        key: ML-KEM-768 key and X25519 key, base64 of 1216 bytes.
        expires_at: from then on nothing is sealed to it; RFC 3339 UTC, whole seconds, at most 366 days from now.
    """

    key: SealKeyBytes
    expires_at: Instant


class CardView(msgspec.Struct):
    """A published sealing key.

    Attributes:
        party: whose it is, full address.
        fingerprint: SHA-256 of the key, lower-case hex: what two people compare.
        issued_at: when it was published.
        expires_at: from then on nothing is sealed to it.
        card: the signed card, as text.
    """

    party: str
    fingerprint: str
    issued_at: datetime
    expires_at: datetime
    card: str


class AskBody(msgspec.Struct, forbid_unknown_fields=True):
    """Whose sealing key? Full address of a party of another member."""

    party: AddressText


class QuestionView(msgspec.Struct, omit_defaults=True):
    """A question for a sealing key and its answer.

    Attributes:
        id: of the case.
        state: ``asked``, ``known``, ``refused``, ``unanswered``; ``answered`` at the gateway of the party.
        party: whose key it is.
        card: the signed card, as text; whoever seals to it verifies it first.
        code: why there is none.
        detail: of that, for people.
    """

    id: str
    state: str
    party: str
    card: str = ""
    code: str = ""
    detail: str = ""


async def whoami(call: Call) -> PartyView:
    """The caller's address and roles."""
    return PartyView(call.party.address, sorted(call.party.roles))


async def publish(call: Call) -> CardView | DarwazaError:
    """Publish the caller's sealing key."""
    body: PublishBody = call.body
    gateway = call.server.gateway
    name = call.party.party.name
    if name == GATEWAY_PARTY:
        raise MalformedError("a gateway's own sealing key stands in the corridor document", code="party_reserved")
    published = Published(body.key, gateway.clock.now().replace(microsecond=0), body.expires_at)
    check_published(published)
    check_foreign(body.key, gateway.engine.site.trust.current)
    gateway.parties.publish(name, published)
    return _own(call)


async def withdraw(call: Call) -> PartyView:
    """Publish no key any more."""
    call.server.gateway.parties.publish(call.party.party.name, None)
    return await whoami(call)


async def own(call: Call) -> CardView:
    """The caller's published key."""
    return _own(call)


def _own(call: Call) -> CardView:
    gateway = call.server.gateway
    address = call.party.address
    card = gateway.engine.site.sealing_card(address, gateway.clock.now())
    said = gateway.engine.site.published(address)
    if card is None or said is None:
        raise MalformedError(f"{address} has published no sealing key that is valid now", code="not_found")
    return CardView(address, fingerprint(said.key), said.issued_at, said.expires_at, card.decode())


async def ask(call: Call) -> QuestionView | DarwazaError | Refusal:
    """Ask for a party's card and wait for the answer."""
    body: AskBody = call.body
    guest, server = call.party, call.server
    given = Submit(guest.address, guest.roles, SERVICE, "ask", "", b"", Ask(body.party))
    outcome = await server.submit(given)
    if not isinstance(outcome, Accepted):
        refused: DarwazaError | Refusal = outcome
        return refused
    wait_s = preferred_wait_s(call) if call.header("prefer") else ANSWER_WAIT_S
    clock = server.gateway.clock
    until_s = clock.monotonic_s() + wait_s
    while True:
        row = server.store.cases([outcome.case_id])[outcome.case_id]
        left_s = until_s - clock.monotonic_s()
        if row.state != "asked" or left_s <= 0:
            return _view(call, row)
        await server.changed(left_s)


async def question(call: Call) -> QuestionView:
    """A question and its answer."""
    case_id = call.request.path_params["id"]
    row = call.server.store.cases([case_id]).get(case_id)
    if row is None or not call.server.store.concerns(PartyRow(call.party.address, SERVICE, row.opened_at, row.id)):
        raise MalformedError("there is no such question", code="not_found")
    return _view(call, row)


def _view(call: Call, row: CaseRow) -> QuestionView:
    held: Question = call.server.gateway.engine.site.decode_case(row).data
    return QuestionView(row.id, row.state, held.party, held.card.decode("utf-8", "replace"), held.code, held.detail)


def _endpoint(method: str, path: str, handler: Any, summary: str, answer: Any, **more: Any) -> Endpoint:
    return Endpoint(method=method, path=path, handler=handler, summary=summary, tag=TAG, answer=answer, **more)


ENDPOINTS = (
    _endpoint("GET", "/v1/party", whoami, "Your address and roles at this gateway", PartyView),
    _endpoint(
        "GET",
        "/v1/sealing/card",
        own,
        "Your published sealing key, as a signed card",
        CardView,
        refuses=(HTTPStatus.NOT_FOUND,),
    ),
    _endpoint(
        "PUT",
        "/v1/sealing/card",
        publish,
        "Publish your sealing key in place of the former one",
        CardView,
        body=PublishBody,
    ),
    _endpoint("DELETE", "/v1/sealing/card", withdraw, "Publish no sealing key any more", PartyView),
    _endpoint(
        "POST",
        "/v1/sealing/questions",
        ask,
        "Ask for the sealing card of a party of another member, and wait for it",
        QuestionView,
        body=AskBody,
        headers=("prefer",),
        status=HTTPStatus.CREATED.value,
    ),
    _endpoint("GET", "/v1/sealing/questions/{id}", question, "A question and its answer", QuestionView),
)
