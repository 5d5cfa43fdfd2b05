"""The data a gateway reads at start: regimes, crossings, offices, HS codes."""

import copy
from datetime import UTC, date, datetime

import pytest
from tests.unit.services.transit.world import reference, toml

from darwaza.errors import OperatorError
from darwaza.services.transit.crossing import load_register
from darwaza.services.transit.hs import load_hs
from darwaza.services.transit.regime import load_regimes
from darwaza.services.transit.risk import load_risk

CROSSINGS, OFFICES = toml("carec/crossings.toml"), toml("carec/offices.toml")
NEIGHBOURS = [
    ("AF", "PK"), ("AF", "TJ"), ("AF", "TM"), ("AF", "UZ"), ("CN", "KG"), ("CN", "KZ"), ("CN", "PK"), ("CN", "TJ"),
    ("KG", "KZ"), ("KG", "TJ"), ("KG", "UZ"), ("KZ", "TM"), ("KZ", "UZ"), ("TJ", "UZ"), ("TM", "UZ"),
]  # fmt: skip
REGIMES, HS = toml("carec/regimes.toml"), toml("hs2022.toml")


def changed(data, *path, value=None, drop=False):
    """Return a deep copy with one value replaced or dropped."""
    copied = copy.deepcopy(data)
    at = copied
    for key in path[:-1]:
        at = at[key]
    if drop:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return copied


class TestCrossings:
    def test_profile_is_right(self):
        """Every crossing of the profile joins two members by offices of theirs, with sources."""
        register = reference().register
        assert {"AF-UZ/HAIRATAN", "AF-PK/TORKHAM", "CN-PK/KHUNJERAB"} <= set(register.crossings)
        for crossing in register.crossings.values():
            assert crossing.sources
            for side in crossing.sides:
                assert register.offices[side.office].member == side.member

    @pytest.mark.parametrize("pair", NEIGHBOURS)
    def test_neighbours_have_a_crossing(self, pair):
        """Every two members between whose countries trucks drive have a crossing, found in either order."""
        found = reference().register.between(*pair)
        assert found
        assert found == reference().register.between(*reversed(pair))
        for crossing in found:
            assert crossing.members == pair
            assert crossing.modes
            assert all(side.name and side.zone for side in crossing.sides)

    def test_every_field_stands_there_with_its_source_or_is_said_to_be_unknown(self):
        """Names, office, zone, modes and sources always; codes, hours and coordinates, or why they are not known."""
        sources, reasons = set(CROSSINGS["sources"]), set(CROSSINGS["reasons"].values())
        register = reference().register
        assert set(register.crossings) == set(CROSSINGS["crossing"])
        for key, crossing in register.crossings.items():
            written = CROSSINGS["crossing"][key]
            assert set(crossing.sources) <= sources
            assert crossing.modes
            assert bool(crossing.latitude and crossing.longitude) != ("coordinates" in crossing.unknown)
            assert ("coordinates" in written.get("source_of", {})) == bool(crossing.latitude)
            assert set(crossing.unknown.values()) <= reasons
            for side in crossing.sides:
                assert side.name
                assert side.office
                assert side.zone
                assert (side.opens_minute is None) == ("hours" in side.unknown)
                assert bool(side.locodes) != ("locodes" in side.unknown)
                assert set(side.unknown.values()) <= reasons
                cited = written["side"][side.member].get("source_of", {})
                assert ("hours" in cited) == (side.opens_minute is not None)
        used = {
            why for item in register.crossings.values() for at in (item, *item.sides) for why in at.unknown.values()
        }
        assert used == reasons

    def test_a_code_where_one_exists_names_the_office(self):
        """An office is its place's UN/LOCODE; only a place without one has a name of ours."""
        for crossing in reference().register.crossings.values():
            for side in crossing.sides:
                assert (side.office in side.locodes) == bool(side.locodes), side.office

    def test_both_sides_of_one_place_have_unrelated_codes(self):
        """The register is keyed by the pair of members because UN/LOCODE is not one code for a place."""
        torkham = reference().register.crossings["AF-PK/TORKHAM"]
        assert torkham.side("AF").locodes == ("AFRKH",)
        assert torkham.side("PK").locodes == ("PKTOR",)
        assert reference().register.crossings["AF-TM/TORGHUNDI"].side("AF").locodes == ("AFTGH", "AFTOW")
        assert reference().register.crossings["AF-TJ/SHERKHAN-BANDAR"].side("TJ").locodes == ()

    def test_every_problem_is_reported_at_once(self):
        """A register with several mistakes names them all, each with its place."""
        data = copy.deepcopy(CROSSINGS)
        torkham = data["crossing"]["AF-PK/TORKHAM"]
        torkham["side"]["AF"]["zone"] = "Asia/Kabool"
        torkham["side"]["PK"]["office"] = "UZTOR"
        torkham["modes"] = ["camel"]
        torkham["misspelt"] = 1
        del torkham["sources"]
        with pytest.raises(OperatorError) as raised:
            load_register(data, OFFICES)
        text = raised.value.detail
        assert raised.value.code == "register_wrong"
        for word in ("Kabool", "UZTOR", "camel", "misspelt: no such field", "sources: a list is required"):
            assert word in text

    @pytest.mark.parametrize(
        ("path", "value", "word"),
        [
            (("crossing", "AF-PK/TORKHAM", "latitude"), None, "come together"),
            (("crossing", "AF-PK/TORKHAM", "side", "AF", "hours"), "25:00-26:00", "not of the form"),
            (("crossing", "AF-PK/TORKHAM", "side", "AF", "hours"), "15:00-07:00", "forward"),
            (("crossing", "AF-PK/TORKHAM", "side", "AF", "locodes"), ["PKTOR"], "not a UN/LOCODE of AF"),
            (("crossing", "AF-PK/TORKHAM", "sources"), ["hearsay"], "not one of"),
            (("crossing", "AF-PK/TORKHAM", "side", "AF", "office"), "AFHRT", "stands twice"),
            (("crossing", "AF-PK/CHAMAN", "side", "AF", "source_of"), {}, "come together"),
            (("crossing", "AF-PK/CHAMAN", "side", "PK", "unknown"), None, "either hours or the reason"),
            (
                ("crossing", "AF-PK/CHAMAN", "side", "AF", "unknown"),
                {"hours": "no-source"},
                "either hours or the reason",
            ),
            (("crossing", "AF-PK/CHAMAN", "side", "PK", "unknown", "hours"), "hearsay", "no such reason"),
            (("crossing", "AF-PK/KHARLACHI", "unknown"), None, "either coordinates or the reason"),
            (("crossing", "AF-PK/CHAMAN", "side", "AF", "name"), 5, "a text is required"),
        ],
    )
    def test_a_mistake_is_named(self, path, value, word):
        """Nothing stands in the register without form or source."""
        with pytest.raises(OperatorError, match=word):
            load_register(changed(CROSSINGS, *path, value=value, drop=value is None), OFFICES)

    def test_hours_follow_each_sides_own_calendar(self):
        """Published hours are local; unknown hours are unknown, not open."""
        crossings = reference().register.crossings
        khunjerab = crossings["CN-PK/KHUNJERAB"]
        assert khunjerab.open_at(datetime(2026, 1, 5, 4, tzinfo=UTC)) is False  # closed month
        assert khunjerab.open_at(datetime(2026, 5, 3, 4, tzinfo=UTC)) is False  # a Sunday in Shanghai
        assert khunjerab.open_at(datetime(2026, 5, 4, 4, tzinfo=UTC)) is None
        assert crossings["AF-PK/TORKHAM"].open_at(datetime(2026, 5, 4, 4, tzinfo=UTC)) is True
        chaman = crossings["AF-PK/CHAMAN"]
        assert chaman.open_at(datetime(2026, 5, 4, 2, 59, tzinfo=UTC)) is False  # 07:29 at UTC+4:30
        assert chaman.open_at(datetime(2026, 5, 4, 3, 0, tzinfo=UTC)) is None  # 07:30, other side unknown
        assert chaman.open_at(datetime(2026, 5, 4, 11, 0, tzinfo=UTC)) is False  # 15:30


class TestRegimes:
    def test_the_record_in_force_is_found_by_day(self):
        """The law of the day governs: APTTA takes insurance until 6 October 2023, a bank guarantee after."""
        regimes = load_regimes(REGIMES)
        before = regimes.find("aptta", datetime(2023, 10, 6, 23, 59, tzinfo=UTC))
        after = regimes.find("aptta", datetime(2023, 10, 7, tzinfo=UTC))
        assert before.guarantee_kinds == {"insurance"}
        assert after.guarantee_kinds == {"bank"}
        assert regimes.find("aptta", datetime(2026, 1, 1, tzinfo=UTC)).tracker_required
        assert regimes.find("aptta", datetime(2010, 1, 1, tzinfo=UTC)) is None
        assert {regime.id for regime in regimes.all} == {"tir", "cats", "aptta", "qtta"}

    @pytest.mark.parametrize(
        ("index", "field", "value", "word"),
        [
            (0, "liability", "both", "not of the form"),
            (0, "guarantee_kinds", ["promise"], "not one of"),
            (0, "cover_currency", None, "come together"),
            (0, "legs_min", True, "whole number"),
            (0, "valid_from", "yesterday", "a date is required"),
            (0, "valid_until", date(2000, 1, 1), "before valid_from"),
            (2, "valid_until", date(2024, 1, 1), "overlap"),
            (0, "members", ["Pakistan"], "not of the form"),
            (0, "seals_required", "yes", "true or false"),
        ],
    )
    def test_a_mistake_is_named(self, index, field, value, word):
        """A regime record with a mistake does not start a gateway."""
        with pytest.raises(OperatorError, match=word):
            load_regimes(changed(REGIMES, "regime", index, field, value=value, drop=value is None))


class TestHs:
    def test_real_list(self):
        """The list is the 2022 edition: raisins and ambulances are on it, invented codes are not."""
        edition = load_hs(HS)
        assert len(edition.subheadings) == 5612
        assert all(edition.holds(code) for code in ("080620", "870390", "010121", "970690"))
        assert not any(edition.holds(code) for code in ("080600", "770110", "999999", "08062", "0806200"))

    def test_mistakes_are_named(self):
        """A broken line and a repeated code are reported."""
        with pytest.raises(OperatorError, match="not a heading"):
            load_hs(changed(HS, "subheadings", value="0101 21\n01 2"))
        with pytest.raises(OperatorError, match="different codes"):
            load_hs(changed(HS, "subheadings", value="0101 21 21"))


def test_risk_rules_are_checked():
    """Risk rules load, and a rule that contradicts itself is named."""
    rule = {"id": "heavy", "text": "over 20 t", "gross_kg_min": 20_000}
    assert load_risk({"sample_ppm": 10_000, "rule": [rule]}).rules[0].gross_kg_min == 20_000
    wrong = {"id": "both", "text": "x", "prior": "unsatisfactory", "relies_h": 5}
    with pytest.raises(OperatorError, match="either inspects"):
        load_risk({"sample_ppm": 10_000, "rule": [wrong]})
