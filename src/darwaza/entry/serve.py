"""Runs a gateway: its engine and its HTTP interface, until it is told to stop or must."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Iterator

import structlog
import uvicorn
import uvloop

from darwaza.bootstrap import Gateway
from darwaza.entry.api.app import App
from darwaza.entry.guard import GuardedProtocol, sweep
from darwaza.entry.server import Server
from darwaza.errors import FatalError, OperatorError

log = structlog.get_logger("darwaza.serve")

BACKLOG = 1_024
KEEP_ALIVE_S = 75
STOP_S = 10
GARBAGE_OBJECTS = 10_000


def serve(gateway: Gateway, *, ready: Callable[[int], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        gateway: opened; closed by the caller.
        ready: called with the port when requests are taken.

    Raises:
        OperatorError: ``address_in_use``.
        FatalError: durability is unknown; the process must end, and a new one reads what is stored.
    """
    # What start-up made lives for ever: the collector need not look at it again, and batches make garbage in bulk.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS, 20, 50)
    listener = _listen(gateway.config.host, gateway.config.port)
    try:
        uvloop.run(_serve(gateway, listener, ready))
    finally:
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as fault:
        listener.close()
        raise OperatorError(f"cannot listen on {host}:{port}: {fault}", code="address_in_use") from fault
    listener.listen(BACKLOG)
    return listener


async def _serve(gateway: Gateway, listener: socket.socket, ready: Callable[[int], None] | None) -> None:
    server = Server(gateway)
    settings = uvicorn.Config(
        App(server),
        log_config=None,
        access_log=False,
        lifespan="off",
        http=GuardedProtocol,
        ws="none",
        loop="none",
        server_header=False,
        proxy_headers=False,
        date_header=True,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S,
    )
    settings.load()
    settings.ssl = gateway.tls()
    web = _Web(settings)
    port = listener.getsockname()[1]
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, web.stop)
    engine = asyncio.create_task(server.run())
    pages = asyncio.create_task(web.serve(sockets=[listener]))
    sweeper = asyncio.create_task(sweep(web.server_state.connections))
    log.info("serving", member=gateway.config.member, host=gateway.config.host, port=port)
    if ready is not None:
        loop.call_later(0, ready, port)
    done, _ = await asyncio.wait([engine, pages], return_when=asyncio.FIRST_COMPLETED)
    web.stop()
    if engine not in done:
        engine.cancel()
    with contextlib.suppress(asyncio.CancelledError, FatalError):
        await engine
    await pages
    sweeper.cancel()
    if engine in done and not engine.cancelled():
        engine.result()
    log.info("stopped")


class _Web(uvicorn.Server):
    """Uvicorn without its own signal handling: the gateway stops both of its halves together."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        self.should_exit = True
