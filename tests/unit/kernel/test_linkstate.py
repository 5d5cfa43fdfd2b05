"""Link statements: nobody invents a link, replays an old word, or hears of a link it may not know."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from darwaza.config import BODY_BYTES_MAX, CLOCK_SKEW_S_MAX
from darwaza.errors import ConflictError, DarwazaError, MalformedError, SignatureError, TooLargeError
from darwaza.kernel import linkstate
from darwaza.kernel.health import Condition, Measure
from darwaza.kernel.key import Ed25519PrivateKey
from darwaza.kernel.linkstate import LinkHealth, LinkState, accept, countersign, read, state, subject, text_of
from darwaza.kernel.note import Note, Signer, format_note, parse, signed
from darwaza.kernel.topology import build

NOW = datetime(2026, 11, 22, 2, 28, 23, tzinfo=UTC)
FIRST, FINAL = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
CORRIDOR = "darwaza.example/carec"
SIGNERS = {
    code: Signer(f"{CORRIDOR}/{code}/log", Ed25519PrivateKey(bytes([number + 1]) * 32))
    for number, code in enumerate(("AF", "KZ", "PK", "UZ"))
}
VERIFIERS = {code: signer.verifier for code, signer in SIGNERS.items()}
IMPOSTOR = Signer(f"{CORRIDOR}/UZ/log", Ed25519PrivateKey(b"\xee" * 32))

LINK = LinkState(
    body_bytes_max=BODY_BYTES_MAX,
    capacity_class=4,
    corridor=CORRIDOR,
    drained=False,
    ends=("AF", "UZ"),
    expires_at=NOW + timedelta(hours=1),
    issued_at=NOW,
    latency_us=9_000,
    price_class=2,
    serial=7,
    visible_to=None,
)
HEALTH = LinkHealth(
    author="UZ",
    condition="degraded",
    corridor=CORRIDOR,
    ends=("AF", "UZ"),
    expires_at=NOW + timedelta(seconds=150),
    issued_at=NOW,
    latency_us=12_000,
    loss_ppm=60_000,
    serial=7,
)


def both(statement: LinkState) -> bytes:
    return state(statement, *(SIGNERS[end] for end in statement.ends))


def judged(raw: bytes, now: datetime = NOW, known=None):
    return accept(raw, corridor=CORRIDOR, verifiers=VERIFIERS, now=now, known=known)


def test_a_statement_signed_by_its_authors_is_believed():
    """A link state needs both ends, which sign one after the other; a health needs the end that says it."""
    proposed = state(LINK, SIGNERS["AF"])
    assert judged(countersign(proposed, SIGNERS["UZ"])) == LINK
    assert judged(state(HEALTH, SIGNERS["UZ"])) == HEALTH
    assert subject(LINK) == ("state", "AF", "UZ")
    assert subject(HEALTH) == ("health", "AF", "UZ", "UZ")


REFUSED = [
    ("half signed", state(LINK, SIGNERS["AF"]), SignatureError, "link_statement_unsigned"),
    ("the wrong signer", state(LINK, SIGNERS["AF"], SIGNERS["PK"]), SignatureError, "link_statement_unsigned"),
    ("an impostor under the right name", state(LINK, SIGNERS["AF"], IMPOSTOR), SignatureError,
     "link_statement_unsigned"),
    ("a health said by the other end", state(HEALTH, SIGNERS["AF"]), SignatureError, "link_statement_unsigned"),
    ("signatures taken from another statement",
     format_note(Note(text_of(replace(LINK, latency_us=1)), parse(both(LINK)).signatures)), SignatureError,
     "signature_false"),
    ("expired", both(replace(LINK, issued_at=NOW - timedelta(hours=1), expires_at=NOW)), MalformedError,
     "link_statement_expired"),
    ("from the future", both(replace(LINK, issued_at=NOW + timedelta(seconds=CLOCK_SKEW_S_MAX + 1))), MalformedError,
     "link_statement_early"),
    ("valid for too long", both(replace(LINK, expires_at=NOW + timedelta(days=2))), MalformedError,
     "link_statement_malformed"),
    ("valid for no time", both(replace(LINK, expires_at=NOW)), MalformedError, "link_statement_malformed"),
    ("parts of seconds", both(replace(LINK, issued_at=NOW.replace(microsecond=5))), MalformedError,
     "link_statement_malformed"),
    ("from the calendar's first hour", both(replace(LINK, issued_at=FIRST, expires_at=FIRST + timedelta(hours=1))),
     MalformedError, "link_statement_expired"),
    ("from the calendar's last hour", both(replace(LINK, issued_at=FINAL - timedelta(hours=1), expires_at=FINAL)),
     MalformedError, "link_statement_early"),
    ("from before the calendar", both(replace(LINK, issued_at=FIRST.replace(tzinfo=timezone(timedelta(hours=14))))),
     MalformedError, "link_statement_malformed"),
    ("until after the calendar", both(replace(LINK, expires_at=FINAL.replace(tzinfo=timezone(timedelta(hours=-12))))),
     MalformedError, "link_statement_malformed"),
    ("of another corridor", both(replace(LINK, corridor="darwaza.example/else")), MalformedError,
     "link_statement_foreign"),
    ("with a stranger", state(replace(LINK, ends=("AF", "XX")), SIGNERS["AF"]), MalformedError,
     "link_statement_author_unknown"),
    ("to itself", both(replace(LINK, ends=("AF", "AF"))), MalformedError, "link_statement_malformed"),
    ("ends in the wrong order", both(replace(LINK, ends=("UZ", "AF"))), MalformedError, "link_statement_malformed"),
    ("said by a third", state(replace(HEALTH, author="PK"), SIGNERS["PK"]), MalformedError,
     "link_statement_malformed"),
    ("visible to members out of order", both(replace(LINK, visible_to=("PK", "KZ"))), MalformedError,
     "link_statement_malformed"),
    ("a field too many", format_note(signed(text_of(LINK).replace("{", '{"a":1,', 1), *SIGNERS.values())),
     MalformedError, "link_statement_malformed"),
    ("not canonical", format_note(signed(text_of(LINK).replace(":", ": ", 1), *SIGNERS.values())), MalformedError,
     "link_statement_malformed"),
    ("a checkpoint instead", format_note(signed("origin\n7\nAAAA\n", *SIGNERS.values())), MalformedError,
     "link_statement_malformed"),
    ("too large", b"x" * (linkstate.STATEMENT_BYTES_MAX + 1), TooLargeError, "link_statement_too_large"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "raw", "error", "code"), REFUSED)
def test_a_statement_that_cannot_be_believed_is_refused(name, raw, error, code):
    """Forged, expired, foreign or malformed: each is refused with its own code."""
    with pytest.raises(error) as caught:
        judged(raw)
    assert caught.value.code == code


def test_the_checks_run_in_their_documented_order():
    """With several faults at once, the first of the documented order is named."""
    late = replace(LINK, issued_at=NOW - timedelta(hours=2), expires_at=NOW - timedelta(hours=1))
    foreign = replace(late, corridor="darwaza.example/else", ends=("AF", "XX"))
    stages = [
        (state(foreign, SIGNERS["AF"]), "link_statement_foreign"),
        (state(replace(late, ends=("AF", "XX")), SIGNERS["AF"]), "link_statement_author_unknown"),
        (state(late, SIGNERS["AF"]), "link_statement_unsigned"),
        (both(late), "link_statement_expired"),
        (both(replace(LINK, serial=6)), "link_statement_replayed"),
    ]
    for raw, code in stages:
        with pytest.raises(DarwazaError) as caught:
            judged(raw, known=LINK)
        assert caught.value.code == code


def test_serials_only_go_forward():
    """An old word is a replay, the same word is no news, and two words under one serial are a contradiction."""
    assert judged(both(LINK), known=LINK) == LINK
    newer = replace(LINK, serial=8, drained=True)
    assert judged(both(newer), known=LINK) == newer
    with pytest.raises(ConflictError) as caught:
        judged(both(LINK), known=newer)
    assert caught.value.code == "link_statement_replayed"
    with pytest.raises(ConflictError) as caught:
        judged(both(replace(LINK, latency_us=1)), known=LINK)
    assert caught.value.code == "link_statement_conflict"


@given(st.integers(min_value=0), st.integers(0, 7))
def test_no_flipped_bit_is_believed(position, bit):
    """Whichever bit of a statement flips, it is refused, or only a signature it did not need is lost."""
    raw = bytearray(both(LINK))
    raw[position % len(raw)] ^= 1 << bit
    with pytest.raises(DarwazaError):
        judged(bytes(raw))


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: format_note(signed(f"{text}\n", IMPOSTOR))))
def test_junk_is_refused_with_a_code(raw):
    """No bytes make the reader raise anything but its own errors."""
    with pytest.raises(DarwazaError):
        read(raw)


def test_the_map_shows_what_its_owner_may_see():
    """A hidden link is on the maps of its ends and of the members it names, and on no other."""
    hidden = replace(LINK, visible_to=("KZ",))
    drawn = {viewer: ("AF", "UZ") in build(viewer, [hidden], {}, NOW).links for viewer in ("AF", "UZ", "KZ", "PK")}
    assert drawn == {"AF": True, "UZ": True, "KZ": True, "PK": False}


def test_the_map_forgets_what_has_expired():
    """An expired state takes the link off the map; an expired health no longer counts."""
    assert not build("KZ", [LINK], {}, LINK.expires_at).links
    later = HEALTH.expires_at
    assert build("KZ", [LINK, HEALTH], {}, later).links["AF", "UZ"].condition is Condition.UP
    assert build("KZ", [LINK, HEALTH], {}, NOW).links["AF", "UZ"].condition is Condition.DEGRADED


def test_of_two_words_the_worse_counts():
    """An end that calls its link healthy does not outvote the other, and nobody outvotes what was seen here."""
    fine = replace(HEALTH, author="AF", condition="up", latency_us=8_000, loss_ppm=0)
    link = build("KZ", [LINK, HEALTH, fine], {}, NOW).links["AF", "UZ"]
    assert (link.condition, link.latency_us, link.loss_ppm) == (Condition.DEGRADED, 12_000, 60_000)
    seen = {("AF", "UZ"): Measure(Condition.DOWN, 0, 0)}
    link = build("KZ", [LINK, HEALTH, fine], seen, NOW).links["AF", "UZ"]
    assert (link.condition, link.latency_us) == (Condition.DOWN, 12_000)
    measured = {("AF", "UZ"): Measure(Condition.UP, 7_000, 10)}
    link = build("UZ", [LINK, fine], measured, NOW).links["AF", "UZ"]
    assert (link.condition, link.latency_us, link.loss_ppm) == (Condition.UP, 7_000, 10)


def test_a_link_nobody_has_measured_is_as_it_was_planned():
    """Until someone measures, a link counts as up, with its stated latency and no loss."""
    link = build("KZ", [LINK], {}, NOW).links["AF", "UZ"]
    assert (link.condition, link.latency_us, link.loss_ppm) == (Condition.UP, LINK.latency_us, 0)
