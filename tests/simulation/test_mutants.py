"""The simulation is worth its time: whoever breaks the engine in one of these ways is caught within a few seeds."""

import functools

import msgspec
import pytest
from tests.simulation.mutant import first_broken

from darwaza.engine import arrival, courier, delivery, recovery, waiting
from darwaza.engine import unit as unit_module
from darwaza.engine.engine import Engine
from darwaza.engine.intake import Settle
from darwaza.errors import FatalError, SignatureError
from darwaza.kernel.link import Fresh, Repeat, judge, read_checkpoint
from darwaza.kernel.machine import Refusal
from darwaza.kernel.merkle import leaf_hash
from darwaza.ports.store import WAITING_FROM, WAITING_NONE
from darwaza.testing.simulation import Simulation

SEEDS = range(200)


def fresh(batch, verifiers, required):
    checkpoint, note = read_checkpoint(batch.checkpoint, origin=batch.origin, verifiers=verifiers, required=required)
    return Fresh(checkpoint, note, 0, [leaf_hash(header) for header, _ in batch.entries])


def acknowledge_before_commit(patch):
    commit = Engine._commit

    def mutant(self, unit):
        try:
            commit(self, unit)
        except FatalError:
            self.logs.update(unit.logs)

    patch(Engine, "_commit", mutant)


def take_repeats_again(patch):
    def mutant(batch, **arguments):
        verdict = judge(batch, **arguments)
        again = isinstance(verdict, Repeat)
        return fresh(batch, arguments["verifiers"], arguments["required"]) if again else verdict

    patch(arrival, "judge", mutant)


def cosign_unseen_root(patch):
    def mutant(batch, **arguments):
        try:
            return judge(batch, **arguments)
        except SignatureError as fault:
            if fault.code != "root_wrong":
                raise
            return fresh(batch, arguments["verifiers"], arguments["required"])

    patch(arrival, "judge", mutant)


def reuse_indexes_after_a_loss(patch):
    settle = recovery.settle

    def mutant(engine, unit, given):
        outcome = settle(engine, unit, given)
        if outcome.send_from is None:
            unit.unheard.clear()
            return recovery._heard(engine, unit, unit.log(engine.find_log(given.origin).row.id), outcome.take_back_from)
        return outcome

    patch(Engine, "_handlers", {**Engine._handlers, Settle: mutant})


def expose_before_asking(patch):
    patch(unit_module.Unit, "is_heard", lambda self, log_id: True)


def listen_before_catching_up(patch):
    patch(recovery, "check_caught_up", lambda engine, unit, peer: None)


def believe_bodies(patch):
    patch(arrival, "check_body", lambda header, body: None)


def forget_what_steps_aside(patch):
    step_aside = waiting.step_aside

    def mutant(engine, unit, log):
        more = step_aside(engine, unit, log)
        unit.changes.leaves = [leaf for leaf in unit.changes.leaves if leaf.leaf_index < WAITING_FROM]
        unit.install(msgspec.structs.replace(unit.log(log.row.id), waiting=WAITING_NONE))
        return more

    patch(waiting, "step_aside", mutant)


def forget_what_was_said(patch):
    patch(delivery.Delivery, "_sent_before", lambda self, header: ((), None))


def ignore_keys_of_commands(patch):
    patch(unit_module.Unit, "answer", lambda self, party, key: None)


def never_ask_again(patch):
    patch(courier.Courier, "_is_quiet", lambda self, lane, row, now_s: False)


def rebuild_nothing(patch):
    patch(recovery, "_rebuild", lambda *arguments: Refusal("rebuilt_nothing", ""))


MUTANTS = [
    acknowledge_before_commit,
    take_repeats_again,
    cosign_unseen_root,
    reuse_indexes_after_a_loss,
    expose_before_asking,
    listen_before_catching_up,
    believe_bodies,
    forget_what_steps_aside,
    forget_what_was_said,
    ignore_keys_of_commands,
    never_ask_again,
    rebuild_nothing,
]


@functools.cache
def unbroken(seed):
    Simulation(seed).run()
    return True


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_mutant_is_caught(mutant, monkeypatch):
    """A seed that the engine lives through, the mutant does not."""
    with monkeypatch.context() as context:
        mutant(context.setattr)
        seed = first_broken(mutant, Simulation, SEEDS)
    assert unbroken(seed)
