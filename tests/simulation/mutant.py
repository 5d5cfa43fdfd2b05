"""What the tests of mutants share: how one is caught, and what breaks more than one kind of rule."""

from datetime import UTC, datetime
from functools import partial

import pytest

from darwaza.errors import DarwazaError
from darwaza.kernel.machine import Decision
from darwaza.services import payments
from darwaza.testing import bulking, paying
from darwaza.testing.auditor import BrokenError

BROKEN = (BrokenError, DarwazaError, ArithmeticError, LookupError, ValueError)
"""What a life may end by that a mutant has broken."""
BULKS_SERVED = {
    "service": partial(payments.service, paying.SHORT, paying.screen),
    "near_service": partial(payments.service, paying.SHORT, bulking.near),
}
"""What makes the services of a life with bulks; see ``check_caught``."""


def first_broken(mutant, life, seeds):
    """The first seed that a mutant, which is in place, does not live through; the test fails when there is none."""
    for seed in seeds:
        try:
            life(seed).run()
        except BROKEN:
            return seed
    pytest.fail(f"{mutant.__name__} lived through {len(seeds)} seeds")


def check_caught(mutant, monkeypatch, life, seeds, **served):
    """A seed that the services live through, the mutant does not; the test fails when there is none.

    Args:
        mutant: is put in place by what sets attributes.
        monkeypatch: that of the test.
        life: makes a life of a seed.
        seeds: which ones.
        served: what makes each service of a life, by its name there; they are made anew with the mutant in place.
    """
    with monkeypatch.context() as context:
        mutant(context.setattr)
        for name, make in served.items():
            context.setattr(life, name, make())
        seed = first_broken(mutant, life, seeds)
    life(seed).run()


def stay(self, case, given, context):
    """Decide nothing, and ask for no reminder."""
    return Decision(case.state, case.data)


class View:
    """A rule's view of its gateway, for a mutant to see something else in."""

    def __init__(self, context):
        self._context = context

    def __getattr__(self, name):
        return getattr(self._context, name)


class Credulous(View):
    """Takes every neighbour for heard until the end of time."""

    def heard_until(self, _):
        return datetime.max.replace(tzinfo=UTC)


class Blank(View):
    """No name is given to any case."""

    def named(self, _):
        return {}


def see(patch, rules, name, view):
    """Let a rule see its gateway in another way."""
    rule = getattr(rules, name)
    patch(rules, name, lambda self, case, given, context: rule(self, case, given, view(context)))
