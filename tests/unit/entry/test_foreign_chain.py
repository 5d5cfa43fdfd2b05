"""A chain whose guarantor is another member, over real gateways and their HTTP interfaces."""

import msgspec
import pytest

from darwaza.entry.sample import freight
from darwaza.services.transit.enquiry import Ask
from darwaza.services.transit.guarantee import Register
from darwaza.services.transit.message import Accept
from darwaza.standards.etir.external import E3, E5
from darwaza.standards.etir.internal import I3, I5, I9
from darwaza.standards.etir.value import SealMark

from .freight_corridor import NAMES, PARTIES, Corridor

MOVEMENT = "0190f1de-7c1a-7c1a-8c1a-0123456789ab"
CHAINS = 'chains = ["PK/pncc"]\n[[holders]]\nid = "UZB/041/1234"\nname = "Silk Road Trans"\n'


@pytest.fixture
def corridor(tmp_path):
    parties = PARTIES | {"PK": PARTIES["PK"] | {"pncc": ("guarantee-chain",)}}

    def furnish(folder):
        if folder.name == "uz":
            (folder / "authorised.toml").write_text(CHAINS)

    made = Corridor(tmp_path, names=NAMES, parties=parties, furnish=furnish)
    yield made
    made.close()


def stamp(corridor, office):
    return freight.stamp(corridor.gateways["UZ"].reference.register, office, corridor.clock.now())


def heard(corridor, who):
    return [notice.kind for notice in corridor.gateways[who[:2]].engine.store.notices(who, 0, 100)]


def ask(corridor, who, question, member="UZ"):
    """Ask, let the news travel and the clerks work, and return the reply."""
    asked = corridor.do(who, "/v1/enquiries", Ask(member, question))
    view = corridor.call(who, "GET", f"/v1/enquiries/{asked['id']}").json()
    assert view["state"] == "answered"
    return view["reply"]


def test_a_chain_elsewhere_works_with_its_guarantor(corridor):
    """Registered, used, asked for and cancelled from Pakistan; Uzbekistan is the authority and answers by itself."""
    terms = msgspec.structs.replace(freight.carnet("PK-77", corridor.clock.now()), chain="PK/pncc")
    asked = corridor.do("PK/pncc", "/v1/guarantees", Register(terms, freight.HOLDER_PARTY))
    guarantee = f"/v1/guarantees/{asked['id']}"
    assert corridor.call("PK/pncc", "GET", guarantee).json()["state"] == "registered"

    made = freight.declaration(MOVEMENT, terms, corridor.clock.now())
    corridor.do("UZ/silk-road-trans", "/v1/transit", made)
    assert ask(corridor, "PK/customs", I5("PK-77")).get("uses", []) == []
    corridor.do("UZ/tashkent", f"/v1/transit/{MOVEMENT}/accept", Accept(stamp(corridor, "UZTAS"), (SealMark("S1"),)))
    reply = ask(corridor, "AF/customs", I5("PK-77"))
    assert (reply["status"], reply["available_minor"]) == ("registered", 5_000_000)
    assert [(use["movement"], use["state"], len(use["shares"])) for use in reply["uses"]] == [(MOVEMENT, "reserved", 3)]
    corridor.do("UZ/tashkent", f"/v1/transit/{MOVEMENT}/start", I9(MOVEMENT, 0, "op-0", 1, stamp(corridor, "UZTAS")))
    reply = ask(corridor, "PK/pncc", E5("PK-77"))
    assert (reply["type"], reply["uses"][0]["state"]) == ("E6", "in-use")

    corridor.do("PK/pncc", guarantee + "/cancel", E3("PK-77", terms.holder, "given back"))
    assert corridor.call("PK/pncc", "GET", guarantee).json()["state"] == "cancelling"
    kinds = [kind for kind in heard(corridor, "PK/pncc") if kind.startswith("guarantee.")]
    told = ["registered", "accepted", "in-use", "cancelling"]
    assert kinds == ["guarantee." + word for word in told]


def test_who_may_ask_for_what(corridor):
    """A chain hears of its own guarantees only; holders come from the list; what is not there is 301 or 322."""
    terms = freight.carnet("UZ-1", corridor.clock.now())
    corridor.do("UZ/aircuz", "/v1/guarantees", Register(terms, freight.HOLDER_PARTY))
    assert ask(corridor, "PK/customs", I5("UZ-1"))["status"] == "registered"
    for who, question in (("PK/pncc", E5("UZ-1")), ("PK/customs", I5("UZ-2"))):
        (fault,) = ask(corridor, who, question)["faults"]
        assert (fault["code"], fault["pointer"]) == (301, "/reference")
    assert corridor.refused("PK/pncc", "/v1/enquiries", Ask("UZ", I5("UZ-1"))) == "role_missing"
    reply = ask(corridor, "PK/customs", I3(freight.HOLDER_ID))
    assert (reply["name"], reply["authorised"]) == ("Silk Road Trans", True)
    assert [fault["code"] for fault in ask(corridor, "PK/customs", I3("nobody"))["faults"]] == [322]


def test_an_unlisted_chain_is_refused(corridor):
    """Afghanistan lists no chain of Pakistan: E2 says 330, and the chain sees why."""
    terms = msgspec.structs.replace(freight.carnet("AF-1", corridor.clock.now()), chain="PK/pncc", guarantor="AF")
    asked = corridor.do("PK/pncc", "/v1/guarantees", Register(terms, freight.HOLDER_PARTY))
    view = corridor.call("PK/pncc", "GET", f"/v1/guarantees/{asked['id']}").json()
    assert (view["state"], view["faults"][0]["code"], view["faults"][0]["pointer"]) == ("declined", 330, "/terms/chain")
