"""A gateway that has just started answers by the way a message came, unless a rule of people's is against it."""

import pytest

from darwaza.kernel import locality

from .chain import Chain

BACK = ("PK", "AF", "UZ", "KZ")


def answered(*, home=""):
    """PK, whose map is empty, has to refuse what came over UZ and AF: the chain, and headers of what it answers.

    Args:
        home: rules of PK that it has had since the message left KZ.
    """
    chain = Chain()
    chain.settle()
    chain.offer("KZ/trader", "PK/nobody")
    for link in ("KZ-to-UZ", "UZ-to-AF"):
        for origin in [one for one in chain.logs() if link in one]:
            chain.carry_log(origin)
    chain.states = []  # nobody has told PK yet which links there are
    chain.start("PK", seed=1)
    routing = chain.engines["PK"].site.routing
    assert "KZ" not in routing.reachable
    if home:
        routing.obey("PK", locality.parse(home))
    chain.carry(reports=False)
    return chain, [one for one in chain.headers("PK", "AF") if one.kind == "documents.refused"]


def test_an_answer_goes_back_the_way_the_message_came():
    """No other way is known yet."""
    chain, (answer,) = answered()
    assert answer.path == BACK
    assert chain.stores["PK"].quarantined(9) == []


@pytest.mark.parametrize("home", ["documents: transit not AF", "documents: leave not KZ", "*: transit only CN"])
def test_an_answer_takes_no_way_back_that_a_home_rule_forbids(home):
    """PK's data does not go by AF, or not to KZ, also when that is the only way it knows: what came is put aside."""
    chain, answers = answered(home=home)
    assert answers == []
    assert [row.code for row in chain.stores["PK"].quarantined(9)] == ["unanswerable"]
    assert [one for one in chain.headers("PK", "CN") if one.kind.startswith("documents")] == []
    chain.check()


def test_a_rule_for_other_messages_forbids_nothing():
    """A rule for payments does not keep a document's answer."""
    _, (answer,) = answered(home="payments: transit not AF")
    assert answer.path == BACK
