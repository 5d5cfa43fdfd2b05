"""Posts notices to parties' addresses over HTTP; see ``darwaza.ports.webhook``.

An address may hold a secret of the party's, so no fault names it.
"""

from collections.abc import Mapping

import httpx

from darwaza.errors import PeerError

TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 1_048_576


class HttpWebhook:
    """See ``darwaza.ports.webhook.Webhook``."""

    def __init__(self) -> None:
        # No redirects: where a party wants to be called its operator has said.
        self._http = httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Post; see the port."""
        try:
            async with self._http.stream("POST", url, content=body, headers=dict(headers)) as response:
                if not response.is_success:
                    raise PeerError(f"the webhook answered {response.status_code}", code="webhook_refused")
                answer = b""
                async for piece in response.aiter_bytes():
                    answer += piece
                    if len(answer) > ANSWER_BYTES_MAX:
                        raise PeerError("the webhook answered too much", code="webhook_refused")
                return answer
        except (httpx.HTTPError, OSError) as fault:
            raise PeerError(f"the webhook cannot be reached: {fault}", code="webhook_unreachable") from fault

    async def close(self) -> None:
        """Release connections."""
        await self._http.aclose()
