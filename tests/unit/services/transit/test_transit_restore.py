"""A gateway that lost its disk: its peers' messages and its own, given back by them, make its cases again."""

import random

import msgspec
import pytest
from tests.unit.services.transit.world import Gateway, World, accepted_from_abroad, discharge, drive, terms

from darwaza.kernel.machine import restored


def journey():
    """Holder in PK, departure in UZ, guarantor in AF; driven, two legs discharged."""
    world = World()
    guarantee = terms(guarantor="AF", chain="AF/acci")
    movement = accepted_from_abroad(world, guarantee)
    for leg in range(3):
        drive(world, movement, leg)
    for leg, office in enumerate(("UZTAS", "AFHRT")):
        world.gateways[office[:2]].do("discharge", movement, discharge(world, movement, leg, office))
        world.run()
    return world, movement


@pytest.mark.parametrize("lost", ["UZ", "AF", "PK"])
@pytest.mark.parametrize("seed", range(8))
def test_what_peers_give_back_is_enough(lost, seed):
    """Whatever the order of the links, the movement stands again as it stood, for every part in it."""
    world, movement = journey()
    before = world.gateways[lost].progress(movement)
    acceptance = world.gateways[lost].movement(movement).acceptance
    logs = {}
    for origin, destination, name, case_id, received in world.log:
        if name == "transit" and lost in {origin, destination}:
            kind = restored(received.kind) if origin == lost else received.kind
            logs.setdefault((origin, destination), []).append(
                (case_id, msgspec.structs.replace(received, kind=kind), origin)
            )
    world.gateways[lost] = Gateway(lost, world)
    chance = random.Random(seed)
    while logs:
        link = chance.choice(sorted(logs))
        case_id, received, _ = logs[link].pop(0)
        world.gateways[lost].give("transit", case_id, received)
        if not logs[link]:
            del logs[link]
    world.queue.clear()
    again = world.gateways[lost]
    assert again.cases["transit", movement].state == "ended"
    assert again.progress(movement) == before
    if lost != "AF":  # the guarantor's own ledger comes back with its own backup, and its word with it
        assert again.movement(movement).acceptance == acceptance
