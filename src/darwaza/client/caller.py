"""Requests to one gateway: how it is trusted, who asks, what its answers mean."""

import ssl
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx
import msgspec

from darwaza import config
from darwaza.client.answer.transit import Done
from darwaza.errors import DarwazaError, FatalError, MessageError, PeerError, PushbackError, TransientError

TIMEOUT_S = 120.0
"""Far longer than a request may wait for a signature, so that a busy gateway is heard out."""
_RETRY = {429, 503}


class Caller:
    """Makes the requests of one party at one gateway.

    Every method raises ``MessageError`` when the gateway refuses (with its code and pointer), ``TransientError`` when
    it refuses for a reason that may pass, ``PushbackError`` when it is at a limit, ``PeerError`` when it cannot be
    reached or does not know whether it wrote what it was given.
    """

    def __init__(self, url: str, token: str, *, certificate: Path | None = None) -> None:
        """Prepare.

        Args:
            url: of the gateway, ``https://host:port``.
            token: of the party.
            certificate: PEM file of the gateway's own certificate, which is then the only one trusted; None for one
                that the system trusts.
        """
        self._http = httpx.Client(
            base_url=url,
            verify=pinned_context(certificate),
            headers={"authorization": f"Bearer {token}"} if token else {},
            timeout=TIMEOUT_S,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Make a request and return its JSON answer; see the class for what it raises."""
        response = self._send(method, path, **options)
        return response.json() if response.content else None

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **options)
        except (httpx.HTTPError, OSError) as fault:
            raise PeerError(f"the gateway cannot be reached: {fault}") from fault
        if response.is_error:
            raise _error(response)
        return response

    def fetch(self, method: str, path: str, **options: Any) -> bytes:
        """Make a request and return its body as it is; see the class for what it raises."""
        return self._send(method, path, **options).content

    def stream(self, path: str) -> Iterator[bytes]:
        """Read a long answer piece by piece."""
        with self._opened(path) as response:
            yield from response.iter_bytes(config.STREAM_BYTES)

    def lines(self, path: str, **options: Any) -> Iterator[str]:
        """Read an answer that may never end line by line."""
        with self._opened(path, **options) as response:
            yield from response.iter_lines()

    @contextmanager
    def _opened(self, path: str, **options: Any) -> Iterator[httpx.Response]:
        try:
            with self._http.stream("GET", path, **options) as response:
                if response.is_error:
                    response.read()
                    raise _error(response)
                yield response
        except (httpx.HTTPError, OSError) as fault:
            raise PeerError(f"the gateway cannot be reached: {fault}") from fault

    def command(self, path: str, body: Any, *, key: str | None = None) -> Done:
        """Give any command: ``command("/v1/transit/<id>/start", I9(...))``.

        Args:
            path: of the endpoint; docs/reference/transit-messages.md lists commands and bodies.
            body: the command's struct, or what its JSON decodes to.
            key: idempotency key; give the same one to repeat after a failure.

        Returns:
            ``id``, ``state``, and ``answer`` where the command has one.
        """
        headers = {"content-type": "application/json", "idempotency-key": key or str(uuid.uuid4())}
        answer: Done = self.call("POST", path, content=msgspec.json.encode(body), headers=headers)
        return answer

    def pages(self, path: str, name: str, query: Mapping[str, Any]) -> Iterator[Any]:
        """Read a list to its end, page by page.

        Args:
            path: of the list.
            name: of the member of a page that holds its items.
            query: what to ask for; what is None is left out.
        """
        asked = given(query)
        while True:
            page = self.call("GET", path, params=asked)
            yield from page[name]
            if page.get("next") is None:
                return
            asked["page"] = page["next"]


def given(query: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of a query what is None."""
    return {name: value for name, value in query.items() if value is not None}


def in_path(text: str) -> str:
    """Escape an identifier for a path."""
    return quote(text, safe="")


def pinned_context(certificate: Path | None) -> ssl.SSLContext:
    """How to trust a gateway: its own certificate alone (PEM), or for None whatever the system trusts."""
    if certificate is None:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cafile=certificate)
    return context


def _error(response: httpx.Response) -> DarwazaError:
    try:
        problem = response.json()
        code, detail, pointer = problem["code"], problem["detail"], problem.get("pointer", "")
    except (ValueError, KeyError, TypeError):
        return PeerError(f"the answer {response.status_code} has no problem in it", code="peer_answer")
    if response.status_code in _RETRY:
        return PushbackError(detail, retry_after_s=float(problem.get("retry_after_s") or 1), code=code)
    if response.status_code == HTTPStatus.BAD_GATEWAY or code == FatalError.code:
        # Not a refusal: the gateway may have written it. The same with the same key, once it is back, finds out.
        return PeerError(detail, code=code)
    kind = TransientError if problem.get("transient") else MessageError
    return kind(detail, code=code, pointer=pointer)
