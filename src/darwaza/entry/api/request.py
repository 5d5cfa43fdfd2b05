"""Reads a request's headers and body.

Straight from what the server hands over (ASGI 3, HTTP connection scope): a payment is one request, and a mapping of its
headers with a stream of its body costs more than all that is read here.
"""

from typing import Final

from starlette.requests import Request

from darwaza.errors import MalformedError, TooLargeError

_FIRST: Final = "darwaza.headers"
"""Where a scope keeps the first value of each header, by its name: several are asked for of every request."""


def header_of(request: Request, name: bytes) -> str:
    """The value of the first header of a name in lower case, "" when there is none."""
    first: dict[bytes, bytes] | None = request.scope.get(_FIRST)
    if first is None:
        first = request.scope[_FIRST] = dict(reversed(request.scope["headers"]))
    return first.get(name, b"").decode("latin-1")


async def read_body(request: Request, bytes_max: int) -> bytes:
    """Read a body of limited length.

    Raises:
        TooLargeError: ``request_too_large``.
        MalformedError: ``request_cut_off`` when the caller went away.
    """
    length = header_of(request, b"content-length")
    if length.isdecimal() and int(length) > bytes_max:
        raise TooLargeError(f"the body has {length} bytes, the limit here is {bytes_max}", code="request_too_large")
    pieces: list[bytes] = []
    total, more = 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise MalformedError("the request was cut off", code="request_cut_off")
        piece, more = message.get("body", b""), message.get("more_body", False)
        total += len(piece)
        if total > bytes_max:
            raise TooLargeError(f"the body is over the limit of {bytes_max} bytes", code="request_too_large")
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
