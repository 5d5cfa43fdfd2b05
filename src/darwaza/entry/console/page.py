"""What a page is: a path, who may see it, and what answers."""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.responses import Response

from darwaza import config
from darwaza.entry.console.visit import Visit
from darwaza.entry.console.word import N_

Handler = Callable[[Visit], Awaitable[Response]]

FAULT = N_("That did not work")


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page or form.

    Attributes:
        path: with ``{names}``.
        handler: answers.
        method: of HTTP.
        role: who may: "" anyone, ``party`` whoever is signed in, else roles divided by ``|``, one of which is needed.
        form_bytes_max: limit of what a form sends.
        field_bytes_max: limit of one field of it that is no file.
    """

    path: str
    handler: Handler
    method: str = "GET"
    role: str = "party"
    form_bytes_max: int = config.FORM_BYTES_MAX
    field_bytes_max: int = config.FORM_BYTES_MAX


def get(path: str, handler: Handler, role: str = "party") -> Page:
    """Make a page."""
    return Page(path=path, handler=handler, role=role)


def post(path: str, handler: Handler, role: str = "party", **limits: int) -> Page:
    """Make a form."""
    return Page(path=path, handler=handler, method="POST", role=role, **limits)
