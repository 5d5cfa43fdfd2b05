"""Link states of a corridor in one process, signed by both ends."""

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from darwaza.config import BODY_BYTES_MAX
from darwaza.kernel.instant import to_seconds
from darwaza.kernel.linkstate import LINK_STATE_LIFE_S_MAX, Ends, LinkState, accept, state
from darwaza.kernel.naming import KeyRole, SignerName
from darwaza.kernel.note import Signer, Verifier
from darwaza.testing.world import World


def log_signers(world: World) -> dict[str, Signer]:
    """What signs a member's statements, by code."""
    name = world.document.name
    return {code: Signer(str(SignerName(name, code, KeyRole.LOG)), keys.log) for code, keys in world.keys.items()}


def log_verifiers(world: World) -> Mapping[str, Verifier]:
    """What verifies them."""
    return {code: signer.verifier for code, signer in log_signers(world).items()}


def link_state(world: World, ends: Ends, **terms: object) -> bytes:
    """The signed state of one link, valid for a day; ``terms`` by field name."""
    now = world.clock.now().replace(microsecond=0)
    fields: dict[str, object] = {
        "body_bytes_max": BODY_BYTES_MAX,
        "capacity_class": 3,
        "corridor": world.document.name,
        "drained": False,
        "ends": ends,
        "expires_at": now + timedelta(seconds=LINK_STATE_LIFE_S_MAX),
        "issued_at": now,
        "latency_us": 5_000,
        "price_class": 1,
        "serial": to_seconds(now),
        "visible_to": None,
    }
    signers = log_signers(world)
    return state(msgspec.convert(fields | terms, LinkState), *(signers[code] for code in ends))


def link_states(world: World, latencies: Mapping[Ends, int] | None = None) -> list[LinkState]:
    """The states of all links of the corridor document, accepted."""
    found = []
    for link in world.document.links:
        terms = {"latency_us": (latencies or {}).get(link.members, 5_000)}
        raw = link_state(world, link.members, **terms)
        one = accept(raw, corridor=world.document.name, verifiers=log_verifiers(world), now=world.clock.now())
        if isinstance(one, LinkState):
            found.append(one)
    return found
