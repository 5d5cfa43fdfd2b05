"""Calls parties that have a webhook: their notices are posted in order, at least once, signed by the gateway.

A call carries up to ``NOTICES_MAX`` notices, and the answer may carry the bank's words on credits, as a pull does::

    POST https://bank.example/darwaza
    webhook-id: KZ-halyk-1842-1842
    webhook-timestamp: 1795843692
    webhook-signature: v1a,BASE64

    {"notices": [{"sequence": 1842, "kind": "payment.asked", "case_id": "…", "at": "…", "detail": {…}}]}

    200 {"words": [{"id": "…"}, {"id": "…", "reason": "AC04"}]}

The signature is Ed25519 over ``id.timestamp.body`` (Standard Webhooks, asymmetric form) by the member's log key, which
is in the corridor document: nobody keeps a shared secret. The id names the first and the last notice. A party that does
not answer is called again, ever more rarely; what it has taken is remembered in ``webhooks.json`` beside the store.

For a bank that wants it a call brings in ``credits`` what a pull would tell of the credits that its notices are about
and that still wait, each with its pacs.008, in the version that the bank reads (``Party.webhook_message``).
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
from darwaza.entry.view.credit import DOCUMENTS_BYTES_MAX, Credit, Version, waiting_credits
from darwaza.entry.word import Given, Word, commands
from darwaza.errors import PeerError, PushbackError
from darwaza.kernel import instant
from darwaza.kernel.machine import Refusal
from darwaza.ports.store import NoticeRow
from darwaza.ports.webhook import Webhook

log = structlog.get_logger("darwaza.webhook")

CURSOR_FILE: Final = "webhooks.json"
NOTICES_MAX: Final = 200
CREDITS_MAX: Final = config.BULK_ITEMS_MAX
"""In a call; notices of more are left for the next one."""
PARTIES_READ_S: Final = 5.0
IDLE_S: Final = 5.0
RETRY_FIRST_S: Final = 1.0
RETRY_LAST_S: Final = 60.0
ASKING: Final = frozenset({"payment.asked", "payment.bulk-asked"})
"""Notices of credits that wait for the word of the payee's bank."""


class Called(msgspec.Struct):
    """One notice of a call; see ``entry.api.gateway.Notice``."""

    sequence: int
    kind: str
    case_id: str
    at: str
    detail: Any


class Call(msgspec.Struct, omit_defaults=True):
    """The body of a call.

    Attributes:
        notices: in order.
        credits: that they are about and that still wait, for a party that wants their documents.
    """

    notices: list[Called]
    credits: list[Credit] = []


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
            call = self._told(party, rows)
            try:
                reply = await self._call(party, call)
            except PeerError as fault:
                log.warning("webhook", party=party.name, code=fault.code, detail=fault.detail)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, RETRY_LAST_S)
                continue
            for given in commands(reply.words):
                await self._give(party, address, given)
            seen, wait_s = call.notices[-1].sequence, RETRY_FIRST_S
            self._cursors.keep(party.name, seen)

    def _told(self, party: Party, rows: list[NoticeRow]) -> Call:
        """As many of the notices as one call can bring, with the credits they are about."""
        call, told = Call([], []), 0
        for row in rows:
            detail = msgspec.msgpack.decode(row.detail)
            found = self._credits(party, row, detail) if party.webhook_message else []
            told += sum(len(one.document) for one in found)
            if call.notices and (len(call.credits) + len(found) > CREDITS_MAX or told > DOCUMENTS_BYTES_MAX):
                break
            call.notices.append(Called(row.sequence, row.kind, row.case_id, row.at, detail))
            call.credits.extend(found)
        return call

    def _credits(self, party: Party, row: NoticeRow, detail: Any) -> list[Credit]:
        if row.kind not in ASKING:
            return []
        site, version = self._gateway.engine.site, msgspec.convert(party.webhook_message, Version)
        held = site.recent.find([row.case_id], self._gateway.engine.store, site.decode_case).get(row.case_id)
        numbers = detail.get("numbers", ())
        return [] if held is None else list(waiting_credits(self._gateway, held[1], version, numbers))

    async def _call(self, party: Party, call: Call) -> Reply:
        body = _encode(call)
        first, last = call.notices[0].sequence, call.notices[-1].sequence
        name = f"{self._gateway.config.member}-{party.name}-{first}-{last}"
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
