"""Path policies and home rules: what is written is what is read, and a fault is found where it stands."""

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


FAULTS = [
    ("small letters for a member", "avoid af", "policy_member_expected", "/0/6"),
    ("no member", "avoid", "policy_member_expected", "/0/0"),
    ("no member before the next clause", "hops 2; only", "policy_member_expected", "/0/8"),
    ("the same member twice", "avoid AF CN AF", "policy_member_twice", "/0/12"),
    ("a member too long", "avoid ABCDEFGHI", "policy_member_expected", "/0/6"),
    ("an unknown clause", "avoid AF; shun CN", "policy_clause_unknown", "/0/10"),
    ("a clause twice", "hops 2; hops 3", "policy_clause_twice", "/0/8"),
    ("a clause twice on two lines", "hops 2\n hops 3", "policy_clause_twice", "/1/1"),
    ("an empty clause", "hops 2;; avoid AF", "policy_clause_expected", "/0/7"),
    ("an empty clause at the end", "hops 2;", "policy_clause_expected", "/0/7"),
    ("an empty clause at the start", "; hops 2", "policy_clause_expected", "/0/0"),
    ("no number", "hops", "policy_number_expected", "/0/0"),
    ("two numbers", "hops 2 3", "policy_number_expected", "/0/7"),
    ("no hops", "hops 0", "policy_number_range", "/0/5"),
    ("too many hops", "hops 16", "policy_number_range", "/0/5"),
    ("a leading zero", "hops 03", "policy_number_expected", "/0/5"),
    ("a fraction", "hops 2.5", "policy_number_expected", "/0/5"),
    ("no unit", "latency 400", "policy_number_expected", "/0/8"),
    ("the unit apart", "latency 400 ms", "policy_number_expected", "/0/12"),
    ("a unit where none belongs", "hops 3ms", "policy_number_expected", "/0/5"),
    ("an endless number", "latency " + "9" * 40 + "ms", "policy_number_expected", "/0/8"),
    ("nothing to prefer", "prefer", "policy_weight_expected", "/0/0"),
    ("an unknown weight", "prefer speed 3", "policy_weight_expected", "/0/7"),
    ("a weight twice", "prefer loss 1 loss 2", "policy_weight_expected", "/0/14"),
    ("a weight without its number", "prefer loss", "policy_number_expected", "/0/7"),
    ("a weight too large", "prefer loss 10001", "policy_number_range", "/0/12"),
    ("a foreign character", "avoid АF", "policy_character", "/0/6"),
    ("a comma", "avoid AF, CN", "policy_character", "/0/8"),
    ("a class in a policy", "payments: avoid AF", "policy_clause_unknown", "/0/0"),
    ("a lone surrogate", "avoid \ud800", "policy_character", "/0/6"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "code", "pointer"), FAULTS)
def test_a_fault_in_a_policy_is_named_where_it_stands(name, text, code, pointer):
    """Each fault has its own code and its exact position, and the sentence counts as an editor does."""
    with pytest.raises(MalformedError) as caught:
        policy.parse(text)
    assert (caught.value.code, caught.value.pointer) == (code, pointer)
    line, column = (int(part) + 1 for part in pointer.split("/")[1:])
    assert caught.value.detail.startswith(f"line {line}, column {column}: ")


HOME_FAULTS = [
    ("no class", "leave none", "policy_class_expected", "/0/6"),
    ("a class in capitals", "PAYMENTS: leave none", "policy_class_expected", "/0/0"),
    ("only a class", "payments", "policy_class_expected", "/0/8"),
    ("a class twice", "*: leave none\n*: store none", "policy_class_twice", "/1/0"),
    ("an unknown clause", "*: avoid AF", "policy_clause_unknown", "/0/3"),
    ("no scope", "*: leave", "policy_scope_expected", "/0/3"),
    ("members without how", "*: leave AF", "policy_scope_expected", "/0/9"),
    ("none and more", "*: leave none AF", "policy_scope_expected", "/0/9"),
    ("only nobody", "*: leave only", "policy_member_expected", "/0/9"),
    ("a clause twice", "*: carry none; carry none", "policy_clause_twice", "/0/15"),
]


@pytest.mark.parametrize(("name", "text", "code", "pointer"), HOME_FAULTS)
def test_a_fault_in_home_rules_is_named_where_it_stands(name, text, code, pointer):
    """The same holds for members' rules."""
    with pytest.raises(MalformedError) as caught:
        locality.parse(text)
    assert (caught.value.code, caught.value.pointer) == (code, pointer)


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
