"""Lets a gateway forget bodies by its operator's policy: a running one beside other work, or a stopped one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from darwaza.bootstrap import Gateway
from darwaza.engine.intake import Forget, Forgotten
from darwaza.errors import DarwazaError, PushbackError

log = structlog.get_logger("darwaza.retention")

PAGE_S = 0.2
"""Between two pages of cases."""
ROUND_S = 3_600.0
"""Between two rounds over all cases."""


async def keep_forgetting(submit: Callable[[Forget], Awaitable[Any]], days: int) -> None:
    """Go round all cases until cancelled.

    Args:
        submit: gives the engine an input.
        days: see ``GatewayConfig.keep_bodies_days``.
    """
    while True:
        after: str | None = ""
        bodies = size = 0
        while after is not None:
            await asyncio.sleep(PAGE_S)
            try:
                page = await submit(Forget(days, after))
            except PushbackError:
                continue
            if isinstance(page, Forgotten):
                after, bodies, size = page.after, bodies + page.bodies, size + page.bytes
        if bodies:
            log.info("forgotten", bodies=bodies, bytes=size)
        await asyncio.sleep(ROUND_S)


def forget_bodies(gateway: Gateway, days: int, *, dry_run: bool, progress: Callable[[int], None]) -> Forgotten:
    """Go round all cases once, at a gateway that does not run.

    Args:
        gateway: opened; closed by the caller.
        days: as above.
        dry_run: only count.
        progress: called after every page with the bodies so far.

    Returns:
        The sum of all pages.
    """
    after: str | None = ""
    bodies = size = 0
    while after is not None:
        (page,) = gateway.engine.run([Forget(days, after, dry_run)])
        if isinstance(page, DarwazaError):
            raise page
        after, bodies, size = page.after, bodies + page.bodies, size + page.bytes
        progress(bodies)
    return Forgotten(None, bodies, size)
