"""Calls parties that have a webhook: their notices are posted in order, at least once, signed by the gateway.

A call carries up to ``NOTICES_MAX`` notices, and the answer may carry the bank's words on credits, as a pull does::

    POST https://bank.example/darwaza
    webhook-id: PK-hbl-1842
    webhook-timestamp: 1795843692
    webhook-signature: v1a,BASE64

    {"notices": [{"sequence": 1842, "kind": "payment.asked", "case_id": "…", "at": "…", "detail": {…}}]}

    200 {"words": [{"id": "…"}, {"id": "…", "reason": "AC04"}]}

The signature is Ed25519 over ``id.timestamp.body`` (Standard Webhooks, asymmetric form) by the member's log key, which
is in the corridor document: nobody keeps a shared secret. A party that does not answer is called again, ever more
rarely; what it has taken is remembered in ``webhooks.json`` beside the store.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import structlog
from msgspec import Meta

from darwaza import config
from darwaza.adapters.keyfile.party import Party
from darwaza.bootstrap import Gateway
from darwaza.engine.intake import Submit
from darwaza.entry.word import Given, Word, commands
from darwaza.errors import PeerError, PushbackError
from darwaza.kernel import instant
from darwaza.kernel.machine import Refusal
from darwaza.ports.store import NoticeRow
from darwaza.ports.webhook import Webhook

log = structlog.get_logger("darwaza.webhook")

CURSOR_FILE: Final = "webhooks.json"
NOTICES_MAX: Final = 200
PARTIES_READ_S: Final = 5.0
IDLE_S: Final = 5.0
RETRY_FIRST_S: Final = 1.0
RETRY_LAST_S: Final = 60.0


class Called(msgspec.Struct):
    """One notice of a call; see ``entry.api.gateway.Notice``."""

    sequence: int
    kind: str
    case_id: str
    at: str
    detail: Any


class Call(msgspec.Struct):
    """The body of a call."""

    notices: list[Called]


class Reply(msgspec.Struct):
    """What the party may answer: words on credits."""

    words: Annotated[tuple[Word, ...], Meta(max_length=config.BULK_ITEMS_MAX)] = ()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Reply).decode


class Cursors:
    """How far each party has been called, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[str, int] = (
            msgspec.json.decode(path.read_bytes(), type=dict[str, int]) if path.exists() else {}
        )

    def of(self, party: str, newest: int) -> int:
        """The last sequence a party has taken; a party that is new is called from now on."""
        if party not in self._seen:
            self.keep(party, newest)
        return self._seen[party]

    def keep(self, party: str, sequence: int) -> None:
        """Remember; a crash before loses nothing, the party is called with the same again."""
        self._seen[party] = sequence
        beside = self._path.with_suffix(".new")
        beside.write_bytes(_encode(self._seen))
        beside.replace(self._path)


class Caller:
    """See the module."""

    def __init__(
        self,
        gateway: Gateway,
        webhook: Webhook,
        submit: Callable[[Submit], Awaitable[Any]],
        changed: Callable[[float], Awaitable[bool]],
    ) -> None:
        """Prepare.

        Args:
            gateway: whose parties are called.
            webhook: posts.
            submit: gives the engine an input: ``Server.submit``.
            changed: waits for the next commit: ``Server.changed``.
        """
        self._gateway = gateway
        self._webhook = webhook
        self._submit = submit
        self._changed = changed
        self._cursors = Cursors(gateway.folder / CURSOR_FILE)
        self._tasks: dict[Party, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Work until cancelled; parties may get, change or lose their webhooks meanwhile."""
        try:
            while True:
                wanted = {party for party in self._gateway.parties.all() if party.webhook}
                for party in self._tasks.keys() - wanted:
                    self._tasks.pop(party).cancel()
                for party in wanted - self._tasks.keys():
                    self._tasks[party] = asyncio.create_task(self._serve(party))
                await asyncio.sleep(PARTIES_READ_S)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            await self._webhook.close()

    async def _serve(self, party: Party) -> None:
        store, address = self._gateway.engine.store, self._gateway.address(party.name)
        seen, wait_s = self._cursors.of(party.name, store.notice_sequence()), RETRY_FIRST_S
        while True:
            rows = store.notices(address, seen, NOTICES_MAX)
            if not rows:
                await self._changed(IDLE_S)
                continue
            try:
                reply = await self._call(party, rows)
            except PeerError as fault:
                log.warning("webhook", party=party.name, code=fault.code, detail=fault.detail)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, RETRY_LAST_S)
                continue
            for given in commands(reply.words):
                await self._give(party, address, given)
            seen, wait_s = rows[-1].sequence, RETRY_FIRST_S
            self._cursors.keep(party.name, seen)

    async def _call(self, party: Party, rows: list[NoticeRow]) -> Reply:
        notices = [
            Called(row.sequence, row.kind, row.case_id, row.at, msgspec.msgpack.decode(row.detail)) for row in rows
        ]
        body = _encode(Call(notices))
        name = f"{self._gateway.config.member}-{party.name}-{rows[0].sequence}"
        seconds = instant.to_seconds(self._gateway.clock.now())
        signature = self._gateway.keys.log.sign(f"{name}.{seconds}.".encode() + body)
        headers = {
            "content-type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": str(seconds),
            "webhook-signature": "v1a," + base64.b64encode(signature).decode(),
        }
        answer = await self._webhook.post(party.webhook, body, headers)
        if not answer.strip():
            return Reply()
        try:
            return _decode(answer)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
            raise PeerError(f"the webhook answered what cannot be read: {fault}", code="webhook_refused") from fault

    async def _give(self, party: Party, address: str, given: Given) -> None:
        command = Submit(address, party.roles, "payments", given.kind, "", b"", given.body, given.case_id)
        while True:
            try:
                outcome = await self._submit(command)
            except PushbackError as full:
                await asyncio.sleep(full.retry_after_s)
                continue
            if isinstance(outcome, Refusal):
                # A call that comes twice is answered twice: the second word finds the payment answered.
                log.info("refused", party=party.name, case_id=given.case_id, code=outcome.code)
            return
