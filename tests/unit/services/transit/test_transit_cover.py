"""Several movements share one guarantee: whatever happens, the sum of liabilities stays within its cover."""

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.unit.services.transit.world import Accept, World, declaration, discharge, register, stamp, start, terminate
from tests.unit.services.transit.world import terms as made_terms

from darwaza.kernel.machine import Decision
from darwaza.services.transit import booking
from darwaza.services.transit.leg import PLANNED, STARTED, TERMINATED
from darwaza.services.transit.message import Cancellation
from darwaza.standards.etir.external import E3
from darwaza.standards.etir.value import Leg, SealMark

OFFICES = (("UZTAS", "UZ-ALAT"), ("TMFAR", "TMASB"))
COVER = 150
NAMES = ("m0", "m1", "m2", "m3")


class Shared(RuleBasedStateMachine):
    """Four movements from Uzbekistan under one guarantee that Turkmenistan gave: 60 or 80 each, 150 in all."""

    @initialize(seed=st.integers(0, 1_000))
    def begin(self, seed):
        self.world = World(("UZ", "TM"), seed)
        self.terms = made_terms(
            "CG", guarantor="TM", chain="TM/chain", regime="cats", kind="comprehensive", per_member=False,
            single_use=False, members=("UZ", "TM"), cover=COVER,
        )  # fmt: skip
        register(self.world, self.terms, "TM")
        self.made = {}
        for number, name in enumerate(NAMES):
            legs = (
                Leg("UZ", *OFFICES[0], "TM-UZ/FARAP", 40),
                Leg("TM", *OFFICES[1], None, 20 if number % 2 else 40),
            )
            made = declaration(name, guarantee=self.terms, legs=legs, regime="cats")
            assert isinstance(self.world.uz.do("declare", made.movement, made, party=made.holder_party), Decision)
            self.made[name] = made
        self.world.run()

    def known(self, name, member="UZ"):
        return self.world.gateways[member].cases.get(("transit", self.made[name].movement))

    @rule(name=st.sampled_from(NAMES))
    def accept(self, name):
        made = self.made[name]
        body = Accept(stamp(self.world, "UZTAS"), (SealMark("S" + name),))
        self.world.uz.do("accept", made.movement, body)

    @rule(name=st.sampled_from(NAMES))
    def amend(self, name):
        """A declined declaration is lodged anew."""
        case = self.known(name)
        if case.state == "declined":
            made = self.made[name] = declaration(
                name,
                guarantee=self.terms,
                legs=self.made[name].legs,
                regime="cats",
                version=case.data.known().version + 1,
            )
            assert isinstance(self.world.uz.do("amend", made.movement, made, party=made.holder_party), Decision)

    @rule(name=st.sampled_from(NAMES), leg=st.integers(0, 1))
    def drive(self, name, leg):
        """Take the next legal step of a leg."""
        entry, leave = OFFICES[leg]
        case = self.known(name, entry[:2])
        if case is None or case.data.recorded is None:
            return
        gateway, movement = self.world.gateways[entry[:2]], self.made[name].movement
        status = gateway.progress(movement).legs[leg].status
        body = {
            PLANNED: ("start", lambda: start(self.world, movement, leg, entry)),
            STARTED: ("terminate", lambda: terminate(self.world, movement, leg, entry, leave)),
            TERMINATED: ("discharge", lambda: discharge(self.world, movement, leg, entry)),
        }.get(status)
        if body is not None:
            gateway.do(body[0], movement, body[1]())

    @rule(name=st.sampled_from(NAMES))
    def cancel(self, name):
        movement = self.made[name].movement
        self.world.uz.do("cancel", movement, Cancellation(movement, stamp(self.world, "UZTAS"), "x"))

    @rule()
    def take_back(self):
        """The chain cancels: what is free goes back at once, what is held stays held."""
        case = next(key for key in self.world.tm.cases if key[0] == "guarantee")[1]
        self.world.tm.do("cancel", case, E3("CG", self.terms.holder, "x"), party="TM/chain", name="guarantee")

    @rule(cut=st.booleans())
    def network(self, cut):
        self.world.cut = {"TM"} if cut else set()

    @rule(double=st.booleans())
    def deliver(self, double):
        self.world.run(shuffle=True, double=double)

    @invariant()
    def within_the_cover(self):
        """At every step: what is held is what accepted movements may owe, and never more than the cover."""
        if not hasattr(self, "world"):
            return
        self.world.check()
        account = self.world.tm.stored.all_accounts[booking.cover_account(booking.terms_digest(self.terms), "*")]
        held = 0
        for name in NAMES:
            case = self.known(name, "TM")
            held += sum(hold.liability_minor for hold in case.data.holds if not hold.released) if case else 0
        assert account.balance.debits_pending == held <= COVER

    def teardown(self):
        """With the network back, the movements that are under way fit under the cover together."""
        if not hasattr(self, "world"):
            return
        self.world.cut = set()
        self.world.run(shuffle=True)
        under_way = [name for name in NAMES if self.known(name).state in {"accepted", "moving", "held", "ended"}]
        owed = [sum(leg.liability_minor for leg in self.made[name].legs) for name in under_way]
        event(f"{len(under_way)} under way, {sum(self.known(name).state == 'declined' for name in NAMES)} declined")
        assert sum(owed) <= COVER


TestShared = Shared.TestCase
TestShared.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
