"""Path policies and home rules: what is written is what is read, and a fault is found where it stands."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darwaza.errors import DarwazaError, MalformedError, TooLargeError
from darwaza.kernel import locality, policy
from darwaza.kernel.clause import CLAUSE_MEMBERS_MAX, TEXT_BYTES_MAX
from darwaza.kernel.locality import HomeRule, HomeRules, Scope
from darwaza.kernel.policy import CORRIDOR, HOPS_MAX, LATENCY_MS_MAX, WEIGHT_MAX, PathPolicy, Preference

codes = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=2, max_size=8)
lists = st.lists(codes, max_size=5, unique=True).map(tuple)
weights = st.integers(0, WEIGHT_MAX)
policies = st.builds(
    PathPolicy,
    avoid=lists,
    only=lists,
    through=lists,
    hops_max=st.none() | st.integers(1, HOPS_MAX),
    latency_ms_max=st.none() | st.integers(1, LATENCY_MS_MAX),
    prefer=st.none() | st.builds(Preference, weights, weights, weights, weights),
)
scopes = st.just(Scope(only=True, members=())) | st.builds(
    Scope, only=st.booleans(), members=st.lists(codes, min_size=1, max_size=5, unique=True).map(tuple)
)
homes = st.lists(
    st.builds(
        HomeRule,
        st.just("*") | st.from_regex(r"[a-z0-9][a-z0-9.-]{0,31}", fullmatch=True),
        *[st.none() | scopes] * 4,
    ),
    max_size=5,
    unique_by=lambda rule: rule.message_class,
).map(lambda rules: HomeRules(tuple(rules)))


@given(policies)
def test_a_policy_is_read_back_as_it_was_written(given_policy):
    """Every policy has one text, and that text gives the policy back."""
    text = policy.format_policy(given_policy)
    assert policy.parse(text) == given_policy
    assert policy.format_policy(policy.parse(text)) == text


@given(homes)
def test_home_rules_are_read_back_as_they_were_written(rules):
    """Every member's rules have one text, and that text gives the rules back."""
    text = locality.format_rules(rules)
    assert locality.parse(text) == rules
    assert locality.format_rules(locality.parse(text)) == text


def test_people_may_write_freely():
    """Comments, line ends and spaces do not matter; a weight that is left out weighs nothing."""
    text = "\n avoid  AF CN # not these\n\n through UZ;hops 3\n\tlatency 400ms; prefer loss 7 latency 2\n# the end"
    assert policy.parse(text) == PathPolicy(
        avoid=("AF", "CN"),
        through=("UZ",),
        hops_max=3,
        latency_ms_max=400,
        prefer=Preference(hops=0, latency=2, loss=7, price=0),
    )
    assert policy.parse("") == policy.ANY
    assert policy.parse(" # nothing\n") == policy.ANY


VECTORS = json.loads((Path(__file__).parents[3] / "spec" / "vectors" / "routing" / "policies.json").read_text())
READERS = {"policies": (policy.parse, policy.format_policy), "home_rules": (locality.parse, locality.format_rules)}
GOOD = [(kind, case["text"], case["canonical"]) for kind in READERS for case in VECTORS[kind]["good"]]
BAD = [(kind, case["name"], case) for kind in READERS for case in VECTORS[kind]["bad"]]


@pytest.mark.parametrize(("kind", "text", "canonical"), GOOD)
def test_a_text_has_one_canonical_form(kind, text, canonical):
    """The published texts read as their published canonical forms."""
    read, write = READERS[kind]
    assert write(read(text)) == canonical
    assert read(canonical) == read(text)


@pytest.mark.parametrize(("kind", "name", "case"), BAD, ids=[f"{kind}: {name}" for kind, name, _ in BAD])
def test_a_fault_is_named_where_it_stands(kind, name, case):
    """Each fault has its own code and its exact position, and the sentence counts as an editor does."""
    read, _ = READERS[kind]
    with pytest.raises(MalformedError) as caught:
        read(case["text"])
    assert (caught.value.code, caught.value.pointer) == (case["code"], case["pointer"])
    line, column = (int(part) + 1 for part in case["pointer"].split("/")[1:])
    assert caught.value.detail.startswith(f"line {line}, column {column}: ")


def test_a_lone_surrogate_is_refused():
    """A text that is no UTF-8 is refused like any other foreign character."""
    with pytest.raises(MalformedError) as caught:
        policy.parse("avoid \ud800")
    assert caught.value.code == "policy_character"


def test_limits_hold():
    """A text or a list over its bound is refused as too large, and one at its bound is read."""
    at_bound = "avoid " + " ".join(f"A{number}" for number in range(CLAUSE_MEMBERS_MAX))
    assert len(policy.parse(at_bound).avoid) == CLAUSE_MEMBERS_MAX
    for text in (at_bound + " B1", "#" + "x" * TEXT_BYTES_MAX):
        with pytest.raises(TooLargeError) as caught:
            policy.parse(text)
        assert caught.value.code == "policy_too_large"
    assert policy.parse("#" + "x" * (TEXT_BYTES_MAX - 1)) == policy.ANY


words = st.sampled_from(
    ["avoid", "only", "through", "hops", "latency", "prefer", "loss", "none", "not", "carry", "leave"]
)
marks = st.sampled_from(["loss", "leave", "AF", "CN", "3", "400ms", ":", ";", "*", "#", "\n", "pay", "\t", "é"])


@given(st.text(max_size=60) | st.lists(words | marks, max_size=20).map(" ".join))
def test_no_text_makes_the_parsers_fail_otherwise(text):
    """Whatever is typed, the parsers answer with a value, which they can write, or with one of their own errors."""
    for module, write in ((policy, policy.format_policy), (locality, locality.format_rules)):
        try:
            read = module.parse(text)
        except DarwazaError:
            continue
        assert module.parse(write(read)) == read


RULES = locality.parse("""
    payments:     leave only AF CN KZ; transit not AF
    certificates: store none
    *:            carry not CN; store not TM
""")
HOMES = {"PK": RULES}


@pytest.mark.parametrize(
    ("name", "found", "expected"),
    [
        ("may leave", locality.end_objections(HOMES, "payments", "PK", "KZ"), []),
        ("may not leave", locality.end_objections(HOMES, "payments", "PK", "UZ"),
         [("home_leave", "PK", "payments: leave only AF CN KZ")]),
        ("another class may leave", locality.end_objections(HOMES, "documents", "PK", "UZ"), []),
        ("another member's may leave", locality.end_objections(HOMES, "payments", "UZ", "TJ"), []),
        ("every class is bound by the star, and its own line too",
         locality.store_objections(HOMES, "certificates", "PK", "TM"),
         [("home_store", "PK", "certificates: store none"), ("home_store", "PK", "*: store not TM")]),
        ("its own store is its own", locality.store_objections(HOMES, "certificates", "PK", "PK"), []),
        ("kept where allowed", locality.store_objections(HOMES, "documents", "PK", "UZ"), []),
        ("carried by another", locality.carrier_objections(HOMES, "payments", "PK", "KZ", "AF"),
         [("home_transit", "PK", "payments: transit not AF")]),
        ("what is sent to it is its own too", locality.carrier_objections(HOMES, "payments", "KZ", "PK", "AF"),
         [("home_transit", "PK", "payments: transit not AF")]),
        ("carries for others", locality.carrier_objections(HOMES, "payments", "KZ", "AF", "PK"), []),
        ("does not carry", locality.carrier_objections(HOMES, "payments", "KZ", "CN", "PK"),
         [("home_carry", "PK", "*: carry not CN")]),
    ],
)  # fmt: skip
def test_home_rules_object_where_they_should(name, found, expected):
    """Each clause binds the messages its table says, and the objection names whose rule it was."""
    assert [(one.code, one.by, one.rule) for one in found] == expected


@pytest.mark.parametrize(
    ("text", "path", "latency_us", "expected"),
    [
        ("avoid AF", "KZ UZ PK", 0, []),
        ("avoid AF", "KZ UZ AF PK", 0, ["policy_avoid"]),
        ("avoid KZ PK", "KZ UZ PK", 0, []),
        ("only UZ TM", "KZ UZ TM PK", 0, []),
        ("only TM", "KZ UZ TM PK", 0, ["policy_only"]),
        ("through UZ AF", "KZ UZ TM AF PK", 0, []),
        ("through AF UZ", "KZ UZ AF PK", 0, ["policy_through"]),
        ("through KZ PK", "KZ PK", 0, []),
        ("hops 2", "KZ UZ PK", 0, []),
        ("hops 2", "KZ UZ AF PK", 0, ["policy_hops"]),
        ("latency 40ms", "KZ PK", 40_000, []),
        ("latency 40ms", "KZ PK", 40_001, ["policy_latency"]),
        ("latency 1ms; hops 1; through CN; only TM; avoid UZ", "KZ UZ PK", 9_999,
         ["policy_avoid", "policy_only", "policy_through", "policy_hops", "policy_latency"]),
    ],
)  # fmt: skip
def test_a_policy_objects_in_its_documented_order(text, path, latency_us, expected):
    """Carriers mean the members between the ends; objections come in the order avoid, only, through, hops, latency."""
    found = list(policy.path_objections(policy.parse(text), CORRIDOR, tuple(path.split()), latency_us))
    assert [one.code for one in found] == expected
    assert {one.by for one in found} <= {CORRIDOR}
