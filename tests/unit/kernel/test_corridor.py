"""The form of corridor documents."""

import json
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darwaza.errors import MalformedError, MessageError
from darwaza.kernel.amendment import found
from darwaza.kernel.canonical import canonical
from darwaza.kernel.corridor import MEMBER_COUNT_MAX, Corridor, Link, State, Terms, parse_text, read
from darwaza.kernel.member import Role
from darwaza.kernel.naming import Lane
from darwaza.kernel.note import NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX, parse
from darwaza.testing.cast import CORRIDOR_NAME, CREATED_AT, LIFETIME, Keyring, corridor_of, sign_document

RINGS = [Keyring("AF", post_quantum=True), Keyring("PK"), Keyring("UZ")]
DOCUMENT = corridor_of(RINGS)
SECOND = timedelta(seconds=1)


def edited(edit) -> str:
    """The text of the document after ``edit`` changed its JSON value."""
    value = json.loads(DOCUMENT.text)
    edit(value)
    return canonical(value).decode() + "\n"


def put(path: str, value):
    """Make an edit that puts a value where a path of names and indices points."""

    def edit(document):
        *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")]
        for step in steps:
            document = document[step]
        document[last] = value

    return edit


def drop(path: str):
    """Make an edit that removes a name."""

    def edit(document):
        *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")]
        for step in steps:
            document = document[step]
        del document[last]

    return edit


def test_a_document_reads_back_from_its_text():
    """Text and document are the same thing in two forms."""
    assert parse_text(DOCUMENT.text) == DOCUMENT
    assert parse_text(DOCUMENT.text).text == DOCUMENT.text


def test_a_document_reads_back_from_its_file():
    """Reading the file gives the document and a note with a line for every vote and every new key."""
    document, note = read(sign_document(DOCUMENT, None, RINGS))
    assert document == DOCUMENT
    assert len(note.signatures) == 3 * 3 + 1


def test_every_key_is_written_once_in_the_text():
    """The text is one line of canonical JSON: any JSON reader sees the same document."""
    assert canonical(json.loads(DOCUMENT.text)).decode() + "\n" == DOCUMENT.text
    assert DOCUMENT.text.count("\n") == 1


MALFORMED = "corridor_malformed"
ROWS = [
    ("no object", lambda d: d.clear(), MALFORMED, ""),
    ("another format", put("format", "darwaza/corridor/v2"), MALFORMED, "/format"),
    ("no format", drop("format"), "not_canonical", ""),
    ("unknown field", put("colour", "green"), MALFORMED, ""),
    ("unknown field in a card", put("members/1/flag", "green"), MALFORMED, "/members/1"),
    ("unknown key", put("members/1/keys/flag", "green"), MALFORMED, "/members/1/keys"),
    ("missing field", drop("quorum"), MALFORMED, ""),
    ("missing key", drop("members/2/keys/witness"), MALFORMED, "/members/2/keys"),
    ("name in upper case", put("name", "Darwaza.example"), MALFORMED, "/name"),
    ("name with an end of line", put("name", "darwaza.example\n"), MALFORMED, "/name"),
    ("name too long", put("name", "a" * 129), MALFORMED, "/name"),
    ("version zero", put("version", 0), MALFORMED, "/version"),
    ("version a fraction", put("version", 1.5), MALFORMED, "/version"),
    ("version true", put("version", True), MALFORMED, "/version"),
    ("version too large", put("version", 2**31), MALFORMED, "/version"),
    ("previous no digest", put("previous", "00"), MALFORMED, "/previous"),
    ("previous in upper case", put("previous", "A" * 64), MALFORMED, "/previous"),
    ("no date", put("created_at", "today"), MALFORMED, "/created_at"),
    ("date without zone", put("created_at", "2026-12-01T00:00:00"), MALFORMED, "/created_at"),
    ("no vote", put("votes", []), MALFORMED, "/votes"),
    ("one member", lambda d: d.update(members=d["members"][:1]), MALFORMED, "/members"),
    ("no link", put("links", []), MALFORMED, "/links"),
    ("link of three", put("links/0/members", ["AF", "PK", "UZ"]), MALFORMED, "/links/0/members"),
    ("no lane", put("links/0/lanes", 0), MALFORMED, "/links/0/lanes"),
    ("too many lanes", put("links/0/lanes", 17), MALFORMED, "/links/0/lanes"),
    ("lanes left out", drop("links/0/lanes"), MALFORMED, "/links/0"),
    ("code in lower case", put("members/0/code", "af"), MALFORMED, "/members/0/code"),
    ("no name", put("members/0/name", ""), MALFORMED, "/members/0/name"),
    ("name with a control", put("members/0/name", "A\u0007"), MALFORMED, "/members/0/name"),
    ("name too long", put("members/0/name", "A" * 101), MALFORMED, "/members/0/name"),
    ("no role", put("members/0/roles", []), MALFORMED, "/members/0/roles"),
    ("unknown role", put("members/0/roles", ["hub"]), MALFORMED, "/members/0/roles/0"),
    ("no address", put("members/0/addresses", []), MALFORMED, "/members/0/addresses"),
    ("plain http", put("members/0/addresses/0/url", "http://a.example"), MALFORMED, "/members/0/addresses/0/url"),
    (
        "slash at the end",
        put("members/0/addresses/0/url", "https://a.example/"),
        MALFORMED,
        "/members/0/addresses/0/url",
    ),
    ("user in url", put("members/0/addresses/0/url", "https://u@a.example"), MALFORMED, "/members/0/addresses/0/url"),
    ("query in url", put("members/0/addresses/0/url", "https://a.example?q"), MALFORMED, "/members/0/addresses/0/url"),
    ("upper-case host", put("members/0/addresses/0/url", "https://A.example"), MALFORMED, "/members/0/addresses/0/url"),
    (
        "parent folder",
        put("members/0/addresses/0/url", "https://a.example/.."),
        MALFORMED,
        "/members/0/addresses/0/url",
    ),
    ("vote key of 31 bytes", put("members/0/keys/vote", "A" * 40 + "AA=="), MALFORMED, "/members/0/keys/vote"),
    ("vote key no base64", put("members/0/keys/vote", "-" * 44), MALFORMED, "/members/0/keys/vote"),
    ("key with loose bits", put("members/0/keys/vote", "A" * 42 + "B="), "not_canonical", ""),
    ("ML-DSA-44 key null", put("members/1/keys/log_mldsa44", None), "not_canonical", ""),
    ("empty class name", put("classes/0/name", ""), MALFORMED, "/classes/0/name"),
    ("deadline zero", put("classes/0/receipt_deadline_s", 0), MALFORMED, "/classes/0/receipt_deadline_s"),
    ("policy too long", put("classes/0/path_policy", "x" * 4097), MALFORMED, "/classes/0/path_policy"),
    ("instant in another zone", put("created_at", "2026-12-01T05:00:00+05:00"), "instant_wrong", "/created_at"),
    ("part of a second", put("not_after", "2027-12-01T00:00:00.500000Z"), "instant_wrong", "/not_after"),
    ("zero offset", put("created_at", "2026-12-01T00:00:00+00:00"), "not_canonical", ""),
    ("votes out of order", put("votes", ["PK", "AF"]), "list_unordered", "/votes/1"),
    ("a vote twice", put("votes", ["AF", "AF"]), "list_unordered", "/votes/1"),
    ("members out of order", lambda d: d["members"].reverse(), "list_unordered", "/members/1"),
    ("a member twice", lambda d: d["members"].insert(1, d["members"][0]), "list_unordered", "/members/1"),
    ("links out of order", lambda d: d["links"].reverse(), "list_unordered", "/links/1"),
    ("a link twice", lambda d: d["links"].append(d["links"][1]), "list_unordered", "/links/2"),
    ("a class twice", lambda d: d["classes"].append(d["classes"][0]), "list_unordered", "/classes/1"),
    (
        "card instants",
        put("members/1/valid_from", "2026-12-01T05:00:00+05:00"),
        "instant_wrong",
        "/members/1/valid_from",
    ),
    (
        "card ends at once",
        put("members/1/valid_until", "2026-12-01T00:00:00Z"),
        "card_window_wrong",
        "/members/1/valid_until",
    ),
    ("a role twice", put("members/1/roles", ["relay", "relay"]), "list_unordered", "/members/1/roles/1"),
    (
        "port too large",
        put("members/1/addresses/0/url", "https://a.example:65536"),
        "url_wrong",
        "/members/1/addresses/0/url",
    ),
    ("no IPv6", put("members/1/addresses/0/url", "https://[1:2:3]"), "url_wrong", "/members/1/addresses/0/url"),
    ("minority quorum", put("quorum", 1), "quorum_wrong", "/quorum"),
    ("quorum over all", put("quorum", 4), "quorum_wrong", "/quorum"),
    ("link to itself", put("links/1/members", ["PK", "PK"]), "list_unordered", "/links/1/members/1"),
    ("link backwards", put("links/0/members", ["PK", "AF"]), "list_unordered", "/links/0/members/1"),
    ("link to a stranger", put("links/1/members", ["PK", "ZZ"]), "link_wrong", "/links/1/members/1"),
    ("link of a mere witness", put("members/2/roles", ["witness"]), "link_wrong", "/links/1/members/1"),
    ("too few witnesses", put("witness_quorum", 2), "witness_quorum_wrong", "/witness_quorum"),
    ("no witness", put("members/0/roles", ["endpoint"]), "witness_quorum_wrong", "/witness_quorum"),
    ("no default terms", put("classes/0/name", "money"), "default_class_missing", "/classes"),
    ("no ML-DSA-44 key", put("mldsa44_required", True), "mldsa44_missing", "/members/1/keys"),
]


@pytest.mark.parametrize(("edit", "code", "pointer"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_each_rule_of_form_has_its_code_and_place(edit, code, pointer):
    """A document with one fault is refused with the code of that fault and a pointer to it."""
    with pytest.raises(MalformedError) as caught:
        parse_text(edited(edit))
    assert (caught.value.code, caught.value.pointer) == (code, pointer)


@pytest.mark.parametrize(
    "text",
    [
        DOCUMENT.text[:-1],
        DOCUMENT.text + "\n",
        " " + DOCUMENT.text,
        DOCUMENT.text.replace(",", ", ", 1),
        DOCUMENT.text.replace('"lanes":2', '"lanes":2,"lanes":2', 1),
        DOCUMENT.text.replace('"lanes":2', '"lanes":2e0', 1),
        DOCUMENT.text.replace("Member", "\\u004dember", 1),
    ],
)
def test_only_the_canonical_text_is_a_document(text):
    """Other spellings of the same JSON value are refused: one content has one text."""
    with pytest.raises(MalformedError) as caught:
        parse_text(text)
    assert caught.value.code in {"not_canonical", MALFORMED}


@pytest.mark.parametrize(
    "url",
    [
        "https://gateway.pk.example",
        "https://10.1.2.3:8443/darwaza/link",
        "https://[2001:db8::1]:443",
        "https://localhost:65535/a-b/c_d~e.f",
    ],
)
def test_urls_need_no_dns_name(url):
    """A gateway may be named by an address, so that no name server is needed at a border post."""
    assert parse_text(edited(put("members/0/addresses/0/url", url))).members[0].addresses[0].url == url


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=70),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=6,
)


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield from places(child, (*path, name))


PLACES = [place for place in places(json.loads(DOCUMENT.text)) if place]


@given(st.sampled_from(PLACES), JSON_VALUES)
def test_any_value_anywhere_is_a_document_or_is_refused(place, value):
    """Whatever stands at any place, reading gives a document that writes back, or the documented error."""
    document = json.loads(DOCUMENT.text)
    target = document
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    text = canonical(document).decode() + "\n"
    with suppress(MalformedError):
        assert parse_text(text).text == text


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda tail: b'{"a":1}\n\n' + tail))
def test_any_bytes_are_refused_as_a_message_is(raw):
    """No bytes raise anything but an error that names what is wrong with them."""
    with pytest.raises(MessageError):
        read(raw)


@given(st.text(max_size=100))
def test_any_text_is_refused_as_a_message_is(text):
    """No text raises anything but an error that names what is wrong with it."""
    with pytest.raises(MalformedError):
        parse_text(text)


def test_a_lone_surrogate_is_refused():
    """A text that has no UTF-8 is no document."""
    with pytest.raises(MalformedError):
        parse_text(DOCUMENT.text.replace("Member", "\ud800ember", 1))


@pytest.mark.parametrize(
    ("moment", "state"),
    [
        (CREATED_AT - SECOND, State.NOT_YET),
        (CREATED_AT, State.IN_FORCE),
        (CREATED_AT + LIFETIME - SECOND, State.IN_FORCE),
        (CREATED_AT + LIFETIME, State.EXPIRED),
    ],
)
def test_a_document_is_in_force_from_its_first_moment_up_to_its_last(moment, state):
    """The first moment belongs to it, the last does not."""
    assert DOCUMENT.state_at(moment) is state


def test_a_card_is_valid_from_its_first_moment_up_to_its_last():
    """The first moment belongs to it, the last does not."""
    card = RINGS[0].card(valid_from=CREATED_AT, valid_until=CREATED_AT + 2 * SECOND)
    moments = [CREATED_AT + n * SECOND for n in range(-1, 3)]
    assert [card.valid_at(moment) for moment in moments] == [False, True, True, False]


def test_the_document_answers_who_links_and_witnesses_where():
    """Lanes exist between neighbours only, in both directions; witnesses are all others with that role."""
    lane = Lane(CORRIDOR_NAME, "PK", "AF", 1)
    assert DOCUMENT.lanes("PK", "AF") == (Lane(CORRIDOR_NAME, "PK", "AF", 0), lane)
    assert DOCUMENT.lanes("AF", "UZ") == ()
    assert DOCUMENT.lanes("AF", "AF") == ()
    assert [card.code for card in DOCUMENT.witnesses(lane)] == ["UZ"]
    assert DOCUMENT.card("ZZ") is None
    assert DOCUMENT.codes == ("AF", "PK", "UZ")


def test_classes_without_terms_have_the_default_ones():
    """A class has its own terms or the default ones."""
    money = Terms("money", "-XX", 600)
    document = corridor_of(RINGS, classes=(*DOCUMENT.classes, money))
    assert document.terms("money") == money
    assert document.terms("papers") == DOCUMENT.classes[0]


def test_two_countries_alone_are_a_corridor():
    """The smallest corridor has two members, one link, and nobody to witness it."""
    pair = corridor_of(RINGS[:2])
    assert (pair.quorum, pair.witness_quorum, pair.links) == (2, 0, (Link(("AF", "PK"), 2),))


def test_half_of_the_members_are_no_quorum():
    """Two halves could otherwise vote for two corridors."""
    for count in (2, 4):
        rings = [Keyring(code) for code in ("AF", "PK", "TJ", "UZ")[:count]]
        with pytest.raises(MalformedError) as caught:
            corridor_of(rings, quorum=count // 2)
        assert caught.value.code == "quorum_wrong"


def test_the_largest_first_version_fits_a_note():
    """As many members as allowed, each with every kind of key, all linked, make a note within its limits."""
    rings = [Keyring(f"M{number:02}", post_quantum=True) for number in range(MEMBER_COUNT_MAX)]
    codes = [ring.code for ring in rings]
    links = tuple(Link.between(one, other) for one in codes for other in codes if one < other)
    document = corridor_of(rings, links=links, mldsa44_required=True)
    raw = sign_document(document, None, rings)
    assert len(parse(raw).signatures) == NOTE_SIGNATURES_MAX
    assert len(raw) < NOTE_BYTES_MAX
    assert read(raw)[0] == document


def test_found_puts_the_cards_in_order():
    """Who drafts a first version need not know the order of the text."""
    fields = {name: getattr(DOCUMENT, name) for name in Corridor.__struct_fields__}
    for name in ("version", "previous", "votes", "members"):
        del fields[name]
    assert found(cards=reversed(DOCUMENT.members), **fields) == DOCUMENT


def test_roles_are_declared_in_the_order_of_their_texts():
    """``tuple(Role)`` is a valid list of roles."""
    assert list(Role) == sorted(Role)
