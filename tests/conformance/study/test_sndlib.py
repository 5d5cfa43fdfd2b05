"""SNDlib: published or proved optima are reached, and any instance of the format is read.

Known values: Raack, INOC 2007 (atlanta with routing cost both ways), MIPLIB dfn-gwin-UUM (38,752), proofs with HiGHS
for the others.
"""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from darwaza.errors import MalformedError
from darwaza.study.sndlib import native, solve

pytestmark = pytest.mark.timeout(900)
LIMIT_S = 800.0
"""Of a solve that must finish: a busy machine needs ten times as long as an idle one."""
UNDIRECTED, BIDIRECTED, INTEGER = "U-U-M-N-C-A-N-N", "D-B-M-N-C-A-N-N", "U-U-M-N-I-A-N-N"

TINY = """?SNDlib native format; type: network; version: 1.0
# a triangle
NODES (
  A ( 0.0 0.0 )
  B ( 1.0 0.0 )
  C
)
LINKS (
  ab ( A B ) 1.00 2.00 0.50 3.00 ( 4.00 10.00 )
  bc ( B C ) 0.00 0.00 0.00 0.00 ( 4.00 7.00 8.00 9.00 )
  ac ( A C ) 0.00 0.00 0.00 0.00 ( )
)
DEMANDS (
  d1 ( A B ) 1 3.00 UNLIMITED
  d2 ( B C ) 2 1.50 2
)
ADMISSIBLE_PATHS (
  d1 ( p0 ( ab ) p1 ( ac bc ) )
)
"""


def read(data: Path, name: str, model: str) -> tuple[native.Network, native.Model]:
    """An instance and one of its models."""
    folder = data / "sndlib" / name
    return native.read_network(folder / f"{name}.txt"), native.read_model(folder / f"{model}.txt")


@pytest.mark.parametrize(
    ("name", "model", "optimum", "both_ways"),
    [
        ("abilene", UNDIRECTED, 194_020.0, False),
        ("abilene", BIDIRECTED, 114_606.0, False),
        ("polska", UNDIRECTED, 23_619.0, False),
        ("polska", BIDIRECTED, 15_717.0, False),
        ("atlanta", BIDIRECTED, 37_120_715.4, False),
        ("atlanta", BIDIRECTED, 46_244_642.4, True),
    ],
)
def test_known_optimum_is_reached(shared_data: Path, name: str, model: str, optimum: float, both_ways: bool) -> None:
    """The optimum is found and proven to one part in a million."""
    outcome = solve.solve(solve.tuned(*read(shared_data, name, model), routing_sum=both_ways), time_limit_s=LIMIT_S)
    assert outcome.finished
    assert outcome.objective == pytest.approx(optimum, rel=1e-6)
    assert outcome.bound == pytest.approx(optimum, rel=1e-5)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_pdh_is_proved(shared_data: Path) -> None:
    """Pdh takes a minute, so it is proved in long runs only."""
    outcome = solve.solve(solve.tuned(*read(shared_data, "pdh", UNDIRECTED)), time_limit_s=900)
    assert outcome.finished
    assert outcome.objective == pytest.approx(10_903_843.0, rel=1e-6)


@pytest.mark.parametrize(("name", "known"), [("dfn-gwin", 38_752.0), ("newyork", None)])
def test_unfinished_instance_gives_a_true_bound(shared_data: Path, name: str, known: float | None) -> None:
    """Stopped early, the bound lies below the design found and below the published value."""
    program = solve.tuned(*read(shared_data, name, UNDIRECTED))
    # A busy machine may prove nothing in the first seconds; even all of them are far too few for the optimum.
    outcomes = (solve.solve(program, time_limit_s=limit_s) for limit_s in (4, 40, 200))
    outcome = next(one for one in outcomes if one.bound > 0)
    assert not outcome.found or outcome.bound <= outcome.objective * (1 + 1e-9)
    if known is not None:
        assert outcome.bound <= known * (1 + 1e-9)
        assert not outcome.found or outcome.objective >= known * (1 - 1e-9)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_newyork_comes_close_to_its_published_bounds(shared_data: Path) -> None:
    """Raack gives 886,506 to 999,702: what is found lies above the first, what is proved below the second."""
    outcome = solve.solve(solve.tuned(*read(shared_data, "newyork", BIDIRECTED), routing_sum=True), time_limit_s=240)
    assert 886_506 <= outcome.objective <= 1.05 * 999_702
    assert 0.75 * 886_506 <= outcome.bound <= 999_702


def test_plain_and_tuned_agree(shared_data: Path) -> None:
    """Both formulations have the same optimum."""
    network, model = read(shared_data, "abilene", UNDIRECTED)
    plain = solve.solve(solve.plain(network, model), time_limit_s=LIMIT_S)
    tuned = solve.solve(solve.tuned(network, model), time_limit_s=LIMIT_S)
    assert plain.objective == pytest.approx(tuned.objective, rel=1e-9)


def test_every_shipped_model_is_understood(shared_data: Path) -> None:
    """Every instance and model file in the folder reads and becomes a program with its demands."""
    for folder in sorted((shared_data / "sndlib").iterdir()):
        network = native.read_network(folder / f"{folder.name}.txt")
        assert len(network.demands) > 1
        for path in sorted(folder.glob("*-*-*.txt")):
            if path.stem != folder.name:
                assert solve.tuned(network, native.read_model(path)).costs


def tiny(**fields: str) -> solve.Outcome:
    """The triangle under a model."""
    network = native.parse_network(TINY, name="tiny")
    return solve.solve(solve.tuned(network, native.Model(**fields)), time_limit_s=LIMIT_S)


def test_triangle_by_hand() -> None:
    """d1 needs 3 on ab (1 installed), d2 needs 3 on bc: one module each; costs 2 + 10 + 7 and routing 0.5 x 3."""
    assert tiny().objective == pytest.approx(2 + 10 + 7 + 1.5)


def test_triangle_variants_by_hand() -> None:
    """Fixed charge, explicit and linear capacity, integer and single-path routing, path lists, hop limits."""
    assert tiny(fixed_charge="YES").objective == pytest.approx(2 + 10 + 7 + 1.5 + 3)
    assert tiny(capacity="EXPLICIT_LINK_CAPACITIES").objective == pytest.approx(20.5)
    assert tiny(capacity="LINEAR_LINK_CAPACITIES").objective == pytest.approx(2 + 10 * 2 / 4 + 9 * 3 / 8 + 1.5)
    assert tiny(routing="SINGLE_PATH").objective == pytest.approx(20.5)
    assert tiny(paths="EXPLICIT_LIST").objective == pytest.approx(20.5)
    assert tiny(hop_limit="INCLUDE_HOP_LIMITS").objective == pytest.approx(20.5)


def test_survivable_models_by_hand() -> None:
    """On a square of equal links one unit between opposite corners costs both sides when a cut must be survived."""
    square = """NODES ( A B C D ) LINKS (
      ab ( A B ) 0 0 0 0 ( 1 1 ) bc ( B C ) 0 0 0 0 ( 1 1 ) cd ( C D ) 0 0 0 0 ( 1 1 ) da ( D A ) 0 0 0 0 ( 1 1 ) )
      DEMANDS ( d ( A C ) 1 1 UNLIMITED ) ADMISSIBLE_PATHS ( )"""
    network = native.parse_network(square, name="square")
    for words, cost in (
        ("NO_SURVIVABILITY", 2.0),
        ("UNRESTRICTED_FLOW_RECONFIGURATION", 4.0),
        ("ONE_PLUS_ONE_PROTECTION", 4.0),
    ):
        outcome = solve.solve(solve.tuned(network, native.Model(survivability=words)), time_limit_s=LIMIT_S)
        assert outcome.objective == pytest.approx(cost), words


NODES = "abcde"


@st.composite
def instances(draw: st.DrawFn) -> tuple[native.Network, native.Link]:
    """A connected network of five nodes with demands, and one more link for it."""
    ends = st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)).filter(lambda pair: pair[0] != pair[1])
    pairs = [*pairwise(NODES), *draw(st.lists(ends, max_size=4)), draw(ends)]
    links = tuple(
        native.Link(f"l{i}", a, b, 0.0, 0.0, 0.0, 0.0, (native.Module(4.0, float(draw(st.integers(1, 9)))),))
        for i, (a, b) in enumerate(pairs)
    )
    wanted = draw(st.lists(st.tuples(ends, st.integers(1, 9)), min_size=1, max_size=4))
    demands = tuple(native.Demand(f"d{i}", a, b, 1.0, float(v), None, ()) for i, ((a, b), v) in enumerate(wanted))
    return native.Network("random", dict.fromkeys(NODES), links[:-1], demands), links[-1]


@settings(max_examples=40, deadline=None)
@given(instances())
def test_another_link_never_worsens_the_optimum(case: tuple[native.Network, native.Link]) -> None:
    """More choice is never dearer, and both formulations agree on every network."""
    network, extra = case
    model = native.Model()
    before = solve.solve(solve.tuned(network, model), time_limit_s=LIMIT_S)
    after = solve.solve(solve.tuned(replace(network, links=(*network.links, extra)), model), time_limit_s=LIMIT_S)
    assert after.objective <= before.objective + 1e-6
    assert solve.solve(solve.plain(network, model), time_limit_s=LIMIT_S).objective == pytest.approx(before.objective)


def test_unknown_model_word_is_refused_by_name() -> None:
    """A model that is not understood is refused with what would be, never solved as something else."""
    with pytest.raises(MalformedError, match="SHARED_PATH_PROTECTION"):
        tiny(survivability="SHARED_PATH_PROTECTION")


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("( A B ) 1.00", "( A X ) 1.00", "'X' is no node"),
        ("1.00 2.00 0.50", "-1.00 2.00 0.50", "not be|not negative"),
        ("1.00 2.00 0.50", "one 2.00 0.50", "must be a number"),
        ("3.00 UNLIMITED", "3.00 FOREVER", "UNLIMITED"),
        ("p1 ( ac bc )", "p1 ( ac xx )", "no link"),
        ("ADMISSIBLE_PATHS (", "ADMISSIBLE_PATHS ", "was expected"),
        ("bc ( B C )", "ab ( B C )", "stands twice"),
    ],
)
def test_faults_of_a_file_are_named_with_their_line(old: str, new: str, wanted: str) -> None:
    """Each fault gives the file, the line and what is wrong."""
    assert old in TINY
    with pytest.raises(MalformedError, match=wanted) as caught:
        native.parse_network(TINY.replace(old, new, 1), name="tiny", where="tiny.txt")
    assert caught.value.detail.startswith("tiny.txt:")


MODEL_TEXT = """?SNDlib native format; type: model; version: 1.0
LINK_MODEL = UNDIRECTED
DEMAND_MODEL = UNDIRECTED
LINK_CAPACITY_MODEL = MODULAR_LINK_CAPACITIES
FIXED_CHARGE_MODEL = NO
ROUTING_MODEL = CONTINUOUS
ADMISSIBLE_PATH_MODEL = ALL_PATHS
HOP_LIMIT_MODEL = IGNORE_HOP_LIMITS
SURVIVABILITY_MODEL = NO_SURVIVABILITY
NODE_MODEL = NO_NODE_HARDWARE
OBJECTIVE_MODEL = MINIMIZE_TOTAL_COST
"""


def test_bench_times_an_instance_it_has_never_seen(tmp_path: Path) -> None:
    """Any folder of the format is timed with ours and the plainest program; one that is not there is named."""
    from darwaza.entry.cli.bench import bench

    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "tiny.txt").write_text(TINY, encoding="utf-8")
    (tmp_path / "tiny" / f"{UNDIRECTED}.txt").write_text(MODEL_TEXT, encoding="utf-8")
    arguments = ["study", "--instances", str(tmp_path), "--scenario", __file__, "--only"]
    outcome = CliRunner().invoke(bench, [*arguments, "tiny", "--json"])
    assert outcome.exit_code == 0, outcome.output
    row = json.loads(outcome.stdout)["sndlib"]["tiny"]
    assert row["objective"] == row["plain_objective"] == pytest.approx(20.5)
    assert row["gap"] == row["plain_gap"] == 0
    assert min(row["seconds"], row["plain_seconds"]) >= 0
    outcome = CliRunner().invoke(bench, [*arguments, "tiny"])
    assert "tiny" in outcome.output
    assert "20.5" in outcome.output
    outcome = CliRunner().invoke(bench, [*arguments, "nowhere"])
    assert outcome.exit_code == 1
    assert "nowhere.txt is not there" in outcome.output.replace("\n", "")
