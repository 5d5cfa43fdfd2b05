"""When single payments of a way gather, and when they go: against an engine and a clock that a test moves."""

import asyncio
from types import SimpleNamespace

from darwaza import config
from darwaza.engine.intake import Accepted
from darwaza.entry.company import Company, Fellow, Way
from darwaza.ports.store import Changes


class Desk:
    """An engine that takes what has gathered when it is told to, and a clock that a test moves."""

    def __init__(self):
        self.watchers, self.listeners = [], []
        site = SimpleNamespace(watchers=self.watchers)
        self.engine = SimpleNamespace(store=SimpleNamespace(answers=lambda _: {}), site=site)
        self.given, self.decided, self.expected, self.timers = [], [], 0, []
        self.company = Company(self)
        asyncio.get_running_loop().call_later = lambda after_s, call, *args: self.timers.append((after_s, call, args))

    def admit(self, *_):
        pass

    def gather(self, gatherer):
        self.transact = gatherer

    def expect(self):
        self.expected += 1

    def listen(self, listener):
        self.listeners.append(listener)

    def submit(self, given, _bytes):
        self.given.append(given if isinstance(given, str) else given.body.documents)
        self.decided.append(asyncio.get_running_loop().create_future())
        return self.decided[-1]

    async def decide(self, case_id):
        """Let what was given last open a case."""
        self.decided[-1].set_result(Accepted(case_id, "sent"))
        await asyncio.sleep(0)

    def commit(self, *case_ids):
        """Let a commit change these cases."""
        for watcher in self.watchers:
            watcher(Changes(cases=dict.fromkeys(case_ids)))
        for listener in self.listeners:
            listener()

    def pay(self, *names, way="PK/indus-bank"):
        """Order payments of a way, each by its name."""
        for name in names:
            where = Way(way, frozenset(), "market", None)
            self.company.join(Fellow(where, name, name.encode(), None, lambda given=name: given))

    def pass_time(self):
        """Let the timer that was set first go off."""
        after_s, call, args = self.timers.pop(0)
        assert after_s == config.COMPANY_GATHER_S_MAX
        call(*args)


def test_what_comes_right_after_an_order_of_its_way_gathers_and_goes_together():
    """And what comes after a while goes at once again."""

    async def act():
        desk = Desk()
        desk.pay("first")
        desk.transact()
        desk.pay("second")
        desk.transact()
        desk.pay("third")
        desk.pay("elsewhere", way="PK/ravi-bank")
        desk.transact()
        assert (desk.given, desk.expected) == (["first", "elsewhere"], 2)
        desk.pass_time()
        assert desk.expected == 3
        desk.transact()
        assert desk.given[2:] == [(b"second", b"third")]
        while desk.timers:
            desk.pass_time()
        assert desk.expected == 3
        desk.pay("late")
        assert desk.expected == 4
        desk.transact()
        assert desk.given[3:] == ["late"]

    asyncio.run(act())


def test_what_gathers_behind_an_order_goes_when_that_is_answered():
    """So who pays one after the other waits for nobody: with nothing behind it, the way is idle."""

    async def act():
        desk = Desk()
        desk.pay("first")
        desk.transact()
        await desk.decide("case-1")
        desk.pay("second")
        desk.commit("case-of-others")
        desk.transact()
        assert desk.given == ["first"]
        desk.commit("case-1", "case-of-others")
        assert desk.expected == 2
        desk.transact()
        assert desk.given == ["first", "second"]
        await desk.decide("case-2")
        desk.commit("case-2")
        desk.pay("third")
        assert desk.expected == 3
        desk.transact()
        assert desk.given == ["first", "second", "third"]

    asyncio.run(act())


def test_what_has_gathered_goes_before_its_time_when_no_more_would_go_with_it(monkeypatch):
    """The time of what went so is not that of what came after it."""
    monkeypatch.setattr("darwaza.entry.company.COMPANY_PAYMENTS_MAX", 2)

    async def act():
        desk = Desk()
        desk.pay("1")
        desk.transact()
        desk.pay("2", "3", "4")
        assert desk.given == ["1", (b"2", b"3")]
        desk.pass_time()
        desk.transact()
        assert desk.given[2:] == []
        desk.pass_time()
        desk.transact()
        assert desk.given[2:] == ["4"]

    asyncio.run(act())
