"""Named limits and the one configuration tree.

Every size, count and wait that bounds what a peer, a party or a queue may do stands here with its unit in its name.
Limits that both ends of a link must agree on are part of the protocol (spec/link.md) and are not configurable.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from darwaza.errors import OperatorError

# --- what both ends of a link agree on (spec/link.md, "Limits") ---
HEADER_BYTES_MAX = 4_096
BODY_BYTES_MAX = 1_048_576
BATCH_MESSAGES_MAX = 4_096
BATCH_BYTES_MAX = 16 * 1_048_576
LANES_MAX = 16
ORDINARY_BODY_BYTES_MAX = 65_536
"""A larger body travels in the bulk lane, so that a document never stands in front of a payment."""
CLOCK_SKEW_S_MAX = 300
"""How far a signed request's time, or a cosignature's, may lie from ours."""
CHECKPOINT_BYTES_MAX = 16_384

# --- what one gateway grants itself ---
BATCH_WAIT_S_MAX = 0.003
"""So long a busy engine gathers inputs after a transaction; an idle one does not wait at all."""
ENGINE_INPUTS_MAX = 2_048
"""Inputs taken into one transaction."""
ENGINE_QUEUE_MAX = 16_384
"""Inputs waiting; past it callers are pushed back."""
ENGINE_QUEUE_BYTES_MAX = 64 * 1_048_576
BATCHES_IN_FLIGHT_MAX = 4
"""Batches of one lane sent and not yet acknowledged."""
BATCH_GATHER_MESSAGES = 64
"""So many messages go at once although a batch is in flight."""
BATCH_GATHER_S_MAX = 0.006
"""Fewer go after this long."""
BATCH_SEND_BYTES = 2 * 1_048_576
"""What one sent batch aims not to exceed; a single larger message still goes."""
EARLY_BATCHES_MAX = 8
"""Batches that arrived before their predecessor and wait for it, per lane."""
EARLY_WAIT_S_MAX = 2.0
RETRY_FIRST_S = 0.2
RETRY_LAST_S = 5.0
ASK_AGAIN_S = 2.0
"""A reader of whom nothing was heard for so long is asked again what it holds: it may have lost its disk."""
PEER_TIMEOUT_S = 20.0
WITNESS_INTERVAL_S = 2.0
TIMER_SCAN_S = 0.25
TIMERS_PER_BATCH_MAX = 512
HOLDS_PER_BATCH_MAX = 512
"""Holds that one batch lets expire; the next takes the rest."""
DOCUMENT_BYTES_MAX = 100 * 1_000_000
CHUNK_BYTES = 1_048_576
CHUNKS_MAX = 128
BULK_ITEMS_MAX = 1_000
REQUEST_BYTES_MAX = 20 * 1_048_576
REQUESTS_PER_S_MAX = 2_000
"""Requests one party may make in a second, averaged over ten; set per party in its entry."""
PAGE_ITEMS_MAX = 200
"""Items one page of a list holds."""
EVENT_STREAMS_PER_PARTY_MAX = 8
DELIVERY_WAIT_S_MAX = 30.0
"""How long a request may wait for the peer's signature (Prefer: wait)."""
TOKEN_BYTES = 32
STREAM_BYTES = 1_048_576
"""What one read of a streamed answer holds."""

# --- the console ---
SESSION_S_MAX = 12 * 3_600
"""A working day; then people sign in again."""
SESSION_IDLE_S_MAX = 2 * 3_600
SESSIONS_MAX = 10_000
SIGN_IN_FAILURES_MAX = 5
"""Wrong passwords in a row before a login is locked."""
LOCK_S_FIRST = 60
"""How long it is locked then; twice as long with every further wrong password."""
LOCK_S_MAX = 3_600.0
SIGN_INS_PER_ADDRESS_MAX = 30
"""Attempts from one network address in ``SIGN_IN_WINDOW_S``."""
SIGN_IN_WINDOW_S = 60.0
THROTTLED_MAX = 10_000
"""Logins, and addresses, whose attempts are remembered."""
CONSOLE_HASHES_MAX = 2
"""Passwords checked at a time: each takes 64 MiB and a tenth of a second."""
FORM_BYTES_MAX = 65_536
FORM_FIELDS_MAX = 200
LIVE_INTERVAL_S = 1.0
"""An open page hears of changes at most this often, however many there are."""
LIVE_STREAMS_MAX = 500
LIVE_STREAMS_PER_SESSION_MAX = 12
INDEX_SLICE_CASES = 200
"""Movements the console's index reads at a time before other work goes on."""


ENVIRONMENT_PREFIX = "DARWAZA_"


class GatewayConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator sets, in ``darwaza.toml``; each can be overridden by ``DARWAZA_<NAME>`` in the environment.

    Attributes:
        member: code of the member this gateway serves; it cannot change.
        host: address to listen on.
        port: TCP port to listen on; 0 lets the system choose.
        log_level: ``debug``, ``info``, ``warning`` or ``error``.
        profile: the corridor's data (crossings, offices, regimes, HS editions): the name of a packaged profile, or,
            with a slash in it, a folder, counted from the gateway's own: ``./profile``.
    """

    member: Annotated[str, Meta(pattern=r"^[A-Z0-9]{2,8}$(?!\n)")]
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8_443
    log_level: Annotated[str, Meta(pattern=r"^(debug|info|warning|error)$(?!\n)")] = "info"
    profile: Annotated[str, Meta(min_length=1, max_length=1_000)] = "carec"

    @classmethod
    def load(cls, path: Path) -> "GatewayConfig":
        """Read the file, then the environment.

        Raises:
            OperatorError: ``config_missing``, ``config_wrong``.
        """
        try:
            values = tomllib.loads(path.read_text("utf-8"))
        except OSError as fault:
            raise OperatorError(
                f"{path} cannot be read; make a gateway with: darwaza init", code="config_missing"
            ) from fault
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
            raise OperatorError(f"{path} is not TOML: {fault}", code="config_wrong") from fault
        for field in cls.__struct_fields__:
            if (text := os.environ.get(ENVIRONMENT_PREFIX + field.upper())) is not None:
                values[field] = text
        try:
            return msgspec.convert(values, cls, strict=False)
        except msgspec.ValidationError as fault:
            raise OperatorError(f"{path}: {fault}", code="config_wrong") from fault

    def save(self, path: Path) -> None:
        """Write the file."""
        lines = [f"{name} = {msgspec.json.encode(getattr(self, name)).decode()}" for name in self.__struct_fields__]
        path.write_text("\n".join(lines) + "\n", "utf-8")
