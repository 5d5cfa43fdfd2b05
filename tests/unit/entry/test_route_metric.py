"""Metrics of routes: what an operator watches, by few and known labels, and nothing of any letter."""

from types import SimpleNamespace

from prometheus_client import CollectorRegistry, generate_latest
from tests.unit.engine.chain import Chain

from darwaza.engine.routing import SETTLES_AFTER
from darwaza.engine.voyage import EVENTS, REASONS_MAX
from darwaza.engine.watch import Watch
from darwaza.entry.metric import RouteCollector
from darwaza.kernel import locality

MARK = b"content that only Karachi may read"


def metrics(engine):
    """What Prometheus reads of an engine: by name and labels as they stand in the text."""
    watch = Watch(engine.site)
    watch.probes(0.0)
    made = CollectorRegistry()
    made.register(RouteCollector(SimpleNamespace(engine=engine, watch=watch)))
    text = generate_latest(made).decode()
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}, text


def test_letters_are_counted_where_they_pass():
    """The origin counts what it sent and what arrived, a relay what it handed on; a label never shows a party."""
    chain = Chain()
    for number in range(3):
        chain.offer("KZ/trader", "PK/agency", MARK + b"%d" % number)
    before, _ = metrics(chain.engines["KZ"])
    assert (before['darwaza_letters_total{event="sent"}'], before["darwaza_letters_under_way"]) == (3, 3)
    chain.carry()
    assert metrics(chain.engines["UZ"])[0]['darwaza_letters_total{event="relayed"}'] == 3
    after, text = metrics(chain.engines["KZ"])
    assert (after['darwaza_letters_total{event="delivered"}'], after["darwaza_letters_under_way"]) == (3, 0)
    assert after['darwaza_link_queue{peer="UZ"}'] == 0
    assert {name for name in after if name.startswith("darwaza_link_condition")} == {
        f'darwaza_link_condition{{condition="{condition}",peer="{peer}"}}'
        for condition in ("up", "degraded", "down")
        for peer in ("CN", "UZ")
    }
    for code in chain.engines:
        shown = metrics(chain.engines[code])[1]
        assert not any(word in shown for word in (MARK.decode(), MARK.hex(), "trader", "agency", "Invoice"))
    assert set(EVENTS) >= {name.split('"')[1] for name in after if name.startswith("darwaza_letters_total")}
    assert "# HELP darwaza_letters_total" in text


def test_reasons_are_counted_on_both_sides():
    """A relay that refuses counts its reason, and the origin the one for which nobody is left to carry."""
    chain = Chain()
    _, message_id = chain.offer("KZ/trader", "PK/agency", path_policy="avoid CN")
    chain.engines["UZ"].site.routing.obey("UZ", locality.parse("documents: carry not KZ"))
    chain.carry()
    chain.wait(SETTLES_AFTER.total_seconds())
    assert chain.state("KZ", message_id) == "undeliverable"
    assert metrics(chain.engines["UZ"])[0]['darwaza_letters_given_up_total{reason="home_carry",side="carrier"}'] == 1
    found, _ = metrics(chain.engines["KZ"])
    assert [value for name, value in found.items() if 'side="origin"' in name] == [1]


def test_reasons_of_strangers_do_not_grow_without_bound():
    """Codes come from other members: past a limit they are counted as one."""
    fleet = Chain().engines["KZ"].site.fleet
    for number in range(REASONS_MAX * 3):
        fleet.count({}, {("origin", f"made_up_{number}"): 1})
    assert len(fleet.reasons) <= REASONS_MAX + 2
    assert fleet.reasons["origin", "other"] == REASONS_MAX * 2
    assert sum(fleet.reasons.values()) == REASONS_MAX * 3
