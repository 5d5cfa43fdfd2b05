"""Promises hold beside a liar, and whoever breaks routing in one of these ways is caught where it is left whole."""

import functools

import pytest
from tests.simulation.mutant import BROKEN

from darwaza.engine import tracking, watch
from darwaza.engine.arrival import Arriving
from darwaza.engine.routing import Routing
from darwaza.engine.tracking import Tracking
from darwaza.engine.voyage import UNDER_WAY, Fleet
from darwaza.engine.watch import Watch
from darwaza.errors import MalformedError
from darwaza.kernel import linkstate, locality, relay, trail
from darwaza.kernel.checkpoint import parse_checkpoint
from darwaza.kernel.linkstate import HomeStatement
from darwaza.kernel.naming import Lane
from darwaza.testing import simulation
from darwaza.testing.deceit import LIES
from darwaza.testing.routing import RoutedSimulation

SEED = 7
SEEDS_MAX = 20
HONEST = ("", "")


def live(seed, member, lie):
    """One life, with a liar or without."""
    life = RoutedSimulation(seed)
    if lie:
        life.let_lie(member, lie)
    life.run()
    return life


@functools.cache
def unbroken(seed, member, lie):
    return live(seed, member, lie)


@pytest.mark.parametrize("lie", sorted(LIES))
def test_promises_hold_beside_a_liar(lie):
    """Whatever a member on the shortest ways does to traffic, while it praises its links and spreads rumours."""
    life = unbroken(SEED, "KZ", lie)
    assert life.forger is not None
    assert set(life.forger.spread) == {"forged", "one-sided", "slander", "replayed", "expired", "junk"}
    refused = {code for node in life.nodes.values() for code in node.watch.refused}
    assert refused >= {
        "signature_false",
        "link_statement_unsigned",
        "link_statement_replayed",
        "link_statement_expired",
    }


def relays_ask_nobody(patch):
    patch(Routing, "relay_refusal", lambda *_: None)


def paths_may_loop(patch):
    check = relay.check_path

    def mutant(message):
        try:
            return check(message)
        except MalformedError as fault:
            if fault.code != "path_loop":
                raise
            return message.path

    patch(relay, "check_path", mutant)


def nobody_checks_the_signature_of_the_link_before(patch):
    def mutant(self, raw):
        checkpoint, _ = parse_checkpoint(raw)
        return checkpoint, Lane.parse(checkpoint.origin)

    patch(trail.Logs, "_verified", mutant)


def a_second_copy_acts_again(patch):
    take_routed = Arriving.take_routed

    def mutant(self, *given):
        self._known = set()
        self._unit.holds = lambda _: False
        return take_routed(self, *given)

    patch(Arriving, "take_routed", mutant)


def link_states_need_no_signature(patch):
    patch(linkstate, "_check_signed", lambda *_: None)


def statements_never_expire(patch):
    accept = watch.accept
    patch(watch, "accept", lambda raw, **more: accept(raw, **more | {"now": watch.read(raw)[0].issued_at}))


def statements_may_come_again(patch):
    accept = watch.accept
    patch(watch, "accept", lambda raw, **more: accept(raw, **more | {"known": None}))


def hidden_links_are_told_to_all(patch):
    patch(Watch, "_may_know", lambda *_: True)


def every_receipt_is_believed(patch):
    def mutant(item, message, reporter, logs):
        return tracking.decode_header(message).path

    patch(tracking, "check", mutant)


def relays_do_not_look_at_bodies(patch):
    patch(relay, "check_body", lambda *_: None)


def silence_is_borne(patch):
    def mutant(self, message_id):
        voyage = self._voyage(message_id)
        if voyage is not None:
            self._write(message_id, voyage, UNDER_WAY)

    patch(Tracking, "wake", mutant)


def the_senders_policy_is_for_the_first_try(patch):
    for name in ("choose", "choose_other"):
        chosen = getattr(Routing, name)

        def mutant(self, *asked, chosen=chosen, **more):
            if "avoid" in more or "straight" in more:
                more["sender"] = ""
            return chosen(self, *asked, **more)

        patch(Routing, name, mutant)


def a_restart_forgets_what_is_under_way(patch):
    patch(Fleet, "load", classmethod(lambda cls, _: cls()))


def home_rules_bind_nobody(patch):
    patch(locality, "_against", lambda *_: iter(()))


def home_rules_stay_at_home(patch):
    may_know = Watch._may_know
    patch(Watch, "_may_know", lambda self, *told: not isinstance(told[1], HomeStatement) and may_know(self, *told))


MUTANTS = [
    (relays_ask_nobody, 7, "KZ", "disobeys"),
    (paths_may_loop, 5, "KZ", "loops"),
    (nobody_checks_the_signature_of_the_link_before, 7, "KZ", "forges"),
    (a_second_copy_acts_again, 7, "KZ", "drops"),
    (link_states_need_no_signature, 7, "KZ", "drops"),
    (statements_never_expire, 7, "KZ", "drops"),
    (statements_may_come_again, 7, "KZ", "drops"),
    (hidden_links_are_told_to_all, 5, *HONEST),
    (every_receipt_is_believed, 7, "KZ", "claims"),
    (relays_do_not_look_at_bodies, 7, "KZ", "alters"),
    (silence_is_borne, 7, "KZ", "drops"),
    (the_senders_policy_is_for_the_first_try, 5, *HONEST),
    (a_restart_forgets_what_is_under_way, 7, "KZ", "drops"),
    (home_rules_bind_nobody, 5, *HONEST),
    (home_rules_stay_at_home, 5, *HONEST),
]


@pytest.mark.parametrize(("mutant", "first", "member", "lie"), MUTANTS, ids=[mutant.__name__ for mutant, *_ in MUTANTS])
def test_mutant_is_caught(mutant, first, member, lie, monkeypatch):
    """A life that the engine lives through, the mutant does not; nearly always it is the first."""
    for seed in range(first, first + SEEDS_MAX):
        whole = unbroken(seed, member, lie)
        with monkeypatch.context() as context:
            mutant(context.setattr)
            context.setattr(simulation, "DRAIN_S_MAX", 1.5 * whole.now_s)  # long enough: it would have come to rest
            try:
                live(seed, member, lie)
            except BROKEN:
                return
    pytest.fail(f"{mutant.__name__} lived through {SEEDS_MAX} seeds")
