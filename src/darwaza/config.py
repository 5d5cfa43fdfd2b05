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
"""Of a message's header in its canonical form."""
BODY_BYTES_MAX = 1_048_576
"""Of a message's body; a larger document travels in chunks."""
BATCH_MESSAGES_MAX = 4_096
"""Messages of one batch."""
BATCH_BYTES_MAX = 16 * 1_048_576
"""Of one batch, headers and bodies together."""
LANES_MAX = 16
"""Lanes of one direction of a link."""
ORDINARY_BODY_BYTES_MAX = 65_536
"""A larger body travels in the bulk lane, so that a document never stands in front of a payment."""
CLOCK_SKEW_S_MAX = 300
"""How far a signed request's time, or a cosignature's, may lie from ours."""
CHECKPOINT_BYTES_MAX = 16_384
"""Of a checkpoint with all its signatures."""

# --- what one gateway grants itself ---
BATCH_WAIT_S_MAX = 0.005
"""So long a busy engine gathers inputs after a transaction; an idle one does not wait at all."""
COMPANY_GATHER_S_MAX = 0.04
"""So long single payments that can travel together gather at most, behind an order of theirs that is not answered."""
ENGINE_INPUTS_MAX = 2_048
"""Inputs taken into one transaction."""
ENGINE_QUEUE_MAX = 16_384
"""Inputs waiting; past it callers are pushed back."""
ENGINE_QUEUE_BYTES_MAX = 64 * 1_048_576
"""Bodies of those inputs together."""
BATCHES_IN_FLIGHT_MAX = 4
"""Batches of one lane sent and not yet acknowledged."""
BATCH_GATHER_MESSAGES = 64
"""So many messages go at once although a batch is in flight."""
BATCH_GATHER_S_MAX = 0.003
"""Fewer go after this long."""
BATCH_SEND_BYTES = 2 * 1_048_576
"""What one sent batch aims not to exceed; a single larger message still goes."""
SETTLEMENT_LEAVES = 8_192
"""Hashes of withdrawn leaves in one message that says how a fork was settled."""
EARLY_BATCHES_MAX = 8
"""Batches that arrived before their predecessor and wait for it, per lane."""
EARLY_WAIT_S_MAX = 2.0
"""How long such a batch waits."""
EARLY_MESSAGES_MAX = 10_000
"""Messages of one member that overtook the one they follow and wait for it; past it the oldest waits no longer."""
EARLY_DAYS_MAX = 7
"""So long such a message waits."""
PASSED_KEPT_MAX = 10_000
"""Cases that have gone on without a message, kept in memory; what older ones have passed is read from the store."""
LETTERS_UNDER_WAY_MAX = 50_000
"""Own letters under way to one member, 1.6 kB of memory each; past it parties' new ones to it are pushed back."""
MEET_S = 60.0
"""So long after its start a gateway waits for all neighbours before it decides cases with members further away."""
RETRY_FIRST_S = 0.2
"""First wait after a neighbour failed; each further one is twice as long."""
RETRY_LAST_S = 5.0
"""Longest wait between two attempts."""
ASK_AGAIN_S = 2.0
"""A reader of whom nothing was heard for so long is asked again what it holds: it may have lost its disk."""
TOLD_ANEW_S = 300.0
"""So often a neighbour is told all link statements again, for it may have refused one when it was told first."""
PEER_CONNECT_S_MAX = 5.0
"""So long a connection may take to stand, TLS included; a satellite link needs about 2 s."""
PEER_PREFER_S = 300.0
"""After so long on another of a peer's addresses the one it prefers is tried again."""
PEER_TIMEOUT_S = 20.0
"""A peer that for so long takes no byte and sends none is given up."""
PEER_EXCHANGE_S_MAX = 600.0
"""So long one request to a peer may take while bytes still move."""
PEER_CONNECTIONS_MAX = 16
"""Connections open to one peer at a time."""
WITNESS_INTERVAL_S = 2.0
"""A witness is asked about one log so often at most."""
TIMER_SCAN_S = 0.25
"""Reminders of cases are looked for so often."""
TIMERS_PER_BATCH_MAX = 512
"""Cases woken in one transaction."""
HOLDS_PER_BATCH_MAX = 512
"""Holds that one batch lets expire; the next takes the rest."""
MOVED_MESSAGES_MAX = 2_048
"""Own messages that make room, or come back, in one transaction while a reader gives leaves back."""
MOVED_BYTES_MAX = 8 * 1_048_576
"""Headers and bodies of those."""
CASE_BYTES_MAX = 8 * 1_048_576
"""Of a case's data as stored: it is written anew with every change; what would grow it further is refused."""
DOCUMENT_BYTES_MAX = 100 * 1_000_000
"""Of a whole document."""
CHUNK_BYTES = 786_432
"""Each chunk of a large document has this length, except the last; sealed and in an envelope it still is a body."""
CHUNKS_MAX = 128
"""Chunks of one document."""
BULK_ITEMS_MAX = 1_000
"""Documents in one bulk request."""
REQUEST_BYTES_MAX = 20 * 1_048_576
"""Of the largest request a party may make."""
REQUEST_HEAD_BYTES_MAX = 32_768
"""Of a request's line and headers."""
REQUEST_HEAD_S_MAX = 20.0
"""How long a client may take to send them, and to begin after connecting."""
REQUEST_BODY_S_MAX = 300.0
"""How long a client may take to send a body."""
CONNECTIONS_MAX = 4_096
"""Connections open at a time; more are closed at once."""
REQUESTS_PER_S_MAX = 2_000
"""Requests one party may make in a second, averaged over ten; set per party in its entry."""
LOOKED_AT_MAX = 5_000
"""Cases one page of a list looks at; one that finds too few among them says where the next goes on."""
PAGE_ITEMS_MAX = 200
"""Items one page of a list holds."""
EVENT_STREAMS_PER_PARTY_MAX = 8
"""Event streams one party may hold open."""
DELIVERY_WAIT_S_MAX = 30.0
"""How long a request may wait for the peer's signature (Prefer: wait)."""
TOKEN_BYTES = 32
"""Random bytes in a party's token."""
STREAM_BYTES = 1_048_576
"""What one read of a streamed answer holds."""

# --- the console ---
SESSION_S_MAX = 12 * 3_600
"""A working day; then people sign in again."""
SESSION_IDLE_S_MAX = 2 * 3_600
"""So long may nobody touch a page before its session ends."""
SESSIONS_MAX = 10_000
"""Sessions kept; the oldest end first."""
SIGN_IN_FAILURES_MAX = 5
"""Wrong passwords in a row before a login is locked."""
LOCK_S_FIRST = 60
"""How long it is locked then; twice as long with every further wrong password."""
LOCK_S_MAX = 3_600.0
"""The longest a login stays locked after one more wrong password."""
SIGN_INS_PER_ADDRESS_MAX = 30
"""Attempts from one network address in ``SIGN_IN_WINDOW_S``."""
SIGN_IN_WINDOW_S = 60.0
"""The window in which attempts from one address are counted."""
THROTTLED_MAX = 10_000
"""Logins, and addresses, whose attempts are remembered."""
CONSOLE_HASHES_MAX = 2
"""Passwords checked at a time: each takes 64 MiB and a tenth of a second."""
FORM_BYTES_MAX = 65_536
"""What a form without a file, and each field of one with, may send."""
FORM_FIELDS_MAX = 200
"""Fields of one form."""
CARRIER_FORM_BYTES_MAX = 1 << 30
"""Of a carrier file brought to the console; ``darwaza link import`` takes larger ones."""
LIVE_INTERVAL_S = 1.0
"""An open page hears of changes at most this often, however many there are."""
LIVE_STREAMS_MAX = 500
"""Open pages that hear of news, all people together."""
LIVE_STREAMS_PER_SESSION_MAX = 12
"""Open pages of one person that hear of news."""
LIST_CASES_MAX = 500
"""Newest cases that match among which a list of the console is filtered and sorted at a time."""
LIST_FILE_CASES_MAX = 10_000
"""Cases that a list written as a file holds."""
INDEX_SLICE_CASES = 200
"""Movements the console's index reads at a time before other work goes on."""
INDEX_CHANGED_MAX = 10_000
"""Changed cases that may pile up before the console's index reads them although nobody looks."""


CONFIG_FILE = "darwaza.toml"
ENVIRONMENT_PREFIX = "DARWAZA_"


class GatewayConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator sets, in ``darwaza.toml``; each can be overridden by ``DARWAZA_<NAME>`` in the environment.

    Attributes:
        member: code of the member this gateway serves; it cannot change.
        host: address to listen on.
        port: TCP port to listen on; 0 lets the system choose.
        log_level: ``debug``, ``info``, ``warning`` or ``error``.
        store: URL of a PostgreSQL database that holds the store, ``postgresql://user@host/name``; "" for the file
            ``darwaza.db`` in the gateway's folder. Passwords belong into PostgreSQL's own password file.
        keep_bodies_days: bodies of messages are forgotten when their case has ended and so many days have passed;
            headers, logs, receipts and proofs stay. 0 keeps them for ever.
        profile: the corridor's data (crossings, offices, regimes, HS editions): the name of a packaged profile, or,
            with a slash in it, a folder, counted from the gateway's own: ``./profile``.
        screener_url: address of a screening service that is asked about every payment's names besides the lists in
            the gateway's folder (``adapters.http.screening``); "" for none. Payments wait for its answer, nothing else
            does.
    """

    member: Annotated[str, Meta(pattern=r"^[A-Z0-9]{2,8}$(?!\n)")]
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8_443
    log_level: Annotated[str, Meta(pattern=r"^(debug|info|warning|error)$(?!\n)")] = "info"
    store: Annotated[str, Meta(pattern=r"^(|postgres(ql)?://.*)$(?!\n)", max_length=1_000)] = ""
    keep_bodies_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
    profile: Annotated[str, Meta(min_length=1, max_length=1_000)] = "carec"
    screener_url: Annotated[str, Meta(pattern=r"^(https?://[!-~]{1,1000})?$(?!\n)")] = ""

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
