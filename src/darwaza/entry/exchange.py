"""One request and its answer on a guarded connection.

It is what uvicorn makes of a request too, with less done in advance: most requests are whole when they are first looked
at, and most answers are whole when they are written. So whoever reads the body of such a request waits for nothing, and
a whole answer goes out in one piece, without the two events of ASGI (``WHOLE_ANSWER``). Whatever else there is, such as
a stream or a body that comes slowly, goes uvicorn's way.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent, HTTPScope

from darwaza.entry.cork import Cork

WHOLE_ANSWER: Final = "darwaza.whole_answer"
"""Extension of the ASGI scope: takes a whole answer, or tells that it must be sent as ASGI has it."""
_FORBIDDEN: Final = bytes(range(0x20)).replace(b"\t", b"") + b"\x7f"
"""What no value of a header may hold (RFC 9110 section 5.5)."""


class Exchange(RequestResponseCycle):
    """See the module; attributes are uvicorn's."""

    transport: Cork  # type: ignore[assignment]
    logger = logging.getLogger("uvicorn.error")
    access_logger = logging.getLogger("uvicorn.access")
    access_log = False
    disconnected = False
    more_body = True
    response_started = False
    response_complete = False
    chunked_encoding: bool | None = None
    expected_content_length = 0
    _is_read = False

    def __init__(
        self,
        scope: "HTTPScope",
        transport: Cork,
        flow: FlowControl,
        default_headers: list[tuple[bytes, bytes]],
        on_response: Callable[[], None],
        *,
        keep_alive: bool,
        expect_100_continue: bool,
    ) -> None:
        """Begin with nothing of the body."""
        self.scope = scope
        self.transport = transport
        self.flow = flow
        self.default_headers = default_headers
        self.on_response = on_response
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = expect_100_continue
        self.body = b""  # type: ignore[assignment]
        scope["extensions"] = {WHOLE_ANSWER: self.answer}  # type: ignore[dict-item]

    @cached_property
    def message_event(self) -> asyncio.Event:  # type: ignore[override]
        """Set when something has come; made for who waits."""
        return asyncio.Event()

    def came(self) -> None:
        """Wake who waits for the body."""
        if "message_event" in self.__dict__:
            self.message_event.set()

    async def receive(self) -> "ASGIReceiveEvent":
        """Give what has come of the body; waits only when that is nothing (ASGI 3)."""
        if self._is_read or self.disconnected:
            return await super().receive()
        if self.more_body or self.waiting_for_100_continue:
            if self.body or not self.more_body:
                self.message_event.set()
            message = await super().receive()
            self._is_read = not self.more_body
            return message
        self._is_read = True
        body, self.body = self.body, b""  # type: ignore[assignment]
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    def answer(self, response: Response) -> bool:
        """Write a whole answer; False when it must be sent as ASGI has it.

        Raises:
            RuntimeError: a header of the answer holds what would end it.
        """
        if self.flow.write_paused or self.response_started or self.scope["method"] == "HEAD":
            return False
        if self.disconnected:
            return True
        head = [STATUS_LINE[response.status_code]]
        values: list[Any] = []
        for name, value in (*self.default_headers, *response.raw_headers):
            head += (name, b": ", value, b"\r\n")
            values.append(value)
        text = b"".join(values)
        if len(text.translate(None, _FORBIDDEN)) != len(text):
            raise RuntimeError("a header of the answer holds a control character")
        head.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        self.response_started = self.response_complete = True
        self.transport.write_whole(b"".join((*head, response.body)))
        self.came()
        if not self.keep_alive:
            self.transport.close()
        # Who writes it holds it: without this the collector would have to take every request apart.
        self.scope["extensions"].clear()
        self.on_response()
        return True


async def give(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Give a request its answer: in one piece where that is possible, else as ASGI has it."""
    answer = scope.get("extensions", {}).get(WHOLE_ANSWER)
    whole = answer is not None and response.background is None and hasattr(response, "body")
    if not whole or not answer(response):
        await response(scope, receive, send)
