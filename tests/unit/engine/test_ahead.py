"""A gateway that lost its disk hears words on its cases, over any path, before its neighbours gave the cases back."""

import pytest

from darwaza.adapters.memory.store import MemoryStore
from darwaza.engine.delivery import Delivery
from darwaza.engine.intake import Arrive, Forked, Submit
from darwaza.kernel import batch
from darwaza.services.documents.message import Refuse
from darwaza.testing.world import CORRIDOR_NAME

from .chain import Chain
from .peer import THEIRS, Gateway, offer, uuid

FAR = {("KZ", "UZ"): 900_000}
"""So that PK answers over CN what KZ asked it over UZ and AF."""


def refused_after_a_loss(*, reports=True):
    """PK refuses what KZ, that has lost its disk since, offered it; KZ meets CN alone. Returns chain and case."""
    chain = Chain(latencies=FAR)
    case_id, _ = chain.offer("KZ/trader", "PK/agency", path_policy="avoid CN")
    chain.carry()
    chain.stores["KZ"] = MemoryStore()
    chain.start("KZ", seed=1)
    chain.one("PK", Submit("PK/agency", frozenset(), "documents", "refuse", "", b"", Refuse("not ours"), case_id))
    chain.dark = {"UZ"}
    chain.restore("KZ")
    chain.carry(reports=reports)
    return chain, case_id


@pytest.mark.parametrize("restarted", [False, True])
def test_word_on_a_case_that_is_not_back_waits_for_it(restarted):
    """It is signed for and kept, also over a restart, and taken when the case is back: both ends agree."""
    chain, case_id = refused_after_a_loss()
    assert chain.state("KZ", case_id) is None
    assert chain.stores["KZ"].quarantined(9) == []
    assert [one.case_id for one in chain.engines["KZ"].site.order.early.values()] == [case_id]
    if restarted:
        chain.start("KZ", seed=2)
    chain.dark = set()
    chain.restore("KZ")
    assert chain.state("KZ", case_id) == chain.state("PK", case_id) == "refused"
    assert not chain.engines["KZ"].site.order.early
    chain.carry()
    chain.check()


def test_whoever_refuses_at_once_puts_the_word_aside(monkeypatch):
    """The same life catches a gateway that does not let words wait for their cases."""
    give = Delivery.give
    monkeypatch.setattr(Delivery, "give", lambda self, header, body, **_: give(self, header, body, may_wait=False))
    chain, _ = refused_after_a_loss()
    assert [row.code for row in chain.stores["KZ"].quarantined(9)] == ["unanswerable"]


def test_further_copy_of_what_waits_for_its_case_does_nothing():
    """PK hears nothing and sends its word again, over AF and UZ: that is no reason to go on without the case."""
    chain, case_id = refused_after_a_loss(reports=False)
    chain.wait(120)
    chain.dark = {"KZ"}
    chain.carry(reports=False)
    uz, origin = chain.engines["UZ"], f"{CORRIDOR_NAME}/UZ-to-KZ/0"
    row = uz.find_log(origin).row
    copies = uz.entries(row.id, 0, row.size, 1 << 24)
    assert sum(case_id.encode() in body for _, body in copies) == 1
    chain.one("KZ", Arrive(batch.decode(batch.encode(origin, 0, row.checkpoint, copies)), carried=True))
    assert chain.state("KZ", case_id) is None
    chain.dark = set()
    chain.restore("KZ")
    assert chain.state("KZ", case_id) == "refused"
    assert chain.stores["KZ"].quarantined(9) == []


def test_word_on_a_case_that_nobody_has_is_put_aside_when_all_were_met():
    """Until the last neighbour has said what it holds, the case may still come back; then it cannot."""
    uz = Gateway(met=("PK",))
    uz.send([offer(10), offer(11, kind="documents.refused")], THEIRS)
    assert (set(uz.store.cases([uuid(10), uuid(11)])), uz.store.quarantined(9)) == ({uuid(10)}, [])
    uz.meet("KZ")
    assert [row.code for row in uz.store.quarantined(9)] == ["unanswerable"]
    assert not uz.engine.site.order.early
    uz.check_alive()


def test_word_waits_for_no_link_that_has_stopped():
    """PK has still to say what UZ had signed for, and turns out to have signed two histories: nothing comes from it."""
    uz = Gateway()
    uz.engine.site.signed_for.clear()
    uz.meet("KZ")
    before = uz.frontiers[THEIRS]
    uz.send([offer(10, kind="documents.refused")], THEIRS)
    assert uz.store.quarantined(9) == []
    uz.frontiers[THEIRS] = before
    assert isinstance(uz.take(Arrive(uz.batch([offer(11)]))), Forked)
    assert [row.code for row in uz.store.quarantined(9)] == ["unanswerable"]
    assert not uz.engine.site.order.early


def test_word_that_opens_a_case_waits_for_nobody():
    """A neighbour that stays away keeps nobody else's new cases."""
    uz = Gateway(met=("PK",))
    uz.send([offer(10)], THEIRS)
    assert set(uz.store.cases([uuid(10)])) == {uuid(10)}
    assert not uz.engine.site.order.early


def told_twice():
    """KZ has written to PK over UZ and AF, and added something over CN; PK has lost its disk since. Chain and case."""
    chain = Chain()
    case_id, _ = chain.write("KZ/trader", "PK/agency", "a")
    chain.carry()
    chain.write("KZ/trader", "PK/agency", "b", case_id, path_policy="avoid AF", adds=True)
    chain.carry()
    assert chain.diary("PK", case_id).read == ("a", "b")
    chain.stores["PK"] = MemoryStore()
    chain.start("PK", seed=1)
    return chain, case_id


def test_word_waits_for_what_another_neighbour_sends_again():
    """All neighbours have said what they hold, but AF has not sent again yet what opens the case."""
    chain, case_id = told_twice()
    chain.restore("PK")
    chain.carry_log(f"{CORRIDOR_NAME}/CN-to-PK/0")
    assert chain.diary("PK", case_id).read == ()
    chain.carry()
    assert chain.diary("PK", case_id).read == ("a", "b")
    assert chain.diary("KZ", case_id).returned == ()
    assert not chain.engines["PK"].site.order.early
    chain.check()


@pytest.mark.parametrize("restarted", [False, True])
def test_word_waits_for_a_neighbour_that_is_away(restarted):
    """AF comes back a day later; PK may have been started again meanwhile."""
    chain, case_id = told_twice()
    chain.dark = {"AF"}
    chain.restore("PK")
    chain.carry()
    chain.wait(86_400)
    if restarted:
        chain.start("PK", seed=2)
    chain.dark = set()
    chain.restore("PK")
    chain.carry()
    assert chain.diary("PK", case_id).read == ("a", "b")
    assert chain.diary("KZ", case_id).returned == ()
    chain.check()
