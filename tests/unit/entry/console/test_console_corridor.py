"""The next corridor document in an operator's console: what it changes is seen before it counts, and it counts once."""

from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta

import msgspec
import pytest
from tests.unit.entry.console.people import Browser, add_account

from darwaza.adapters.keyfile.keys import KeyFiles
from darwaza.bootstrap import KEY_FOLDER, Gateway
from darwaza.config import FORM_BYTES_MAX
from darwaza.entry.console.audit import AUDIT_FILE, Trail
from darwaza.entry.local import LocalCorridor
from darwaza.kernel.amendment import document_signer, propose, required_lines
from darwaza.kernel.corridor import Link, Terms
from darwaza.kernel.member import GatewayAddress
from darwaza.kernel.note import NOTE_BYTES_MAX, format_note, signed
from darwaza.testing.world import seeded_certificate

EVIL = "</code><img src=x onerror=alert(1)>"
NAMES = {"KZ": "Kazakhstan", "PK": "Pakistan", "UZ": "Uzbekistan"}


class Table:
    """A corridor of three, the gateway of one of them, and its operator's browser."""

    def __init__(self, folder):
        self.corridor = LocalCorridor(folder, NAMES, links=[("PK", "UZ"), ("KZ", "UZ")])
        self.gateway = Gateway(self.corridor.path("PK"))
        add_account(self.gateway, "hina", "operator")
        self.operator = Browser(self.gateway, "hina")

    @property
    def trust(self):
        return self.gateway.engine.site.trust

    @property
    def acts(self):
        return [
            (entry.act, entry.outcome)
            for entry in Trail(self.gateway.folder / AUDIT_FILE, self.gateway.clock).newest(20)
        ]

    def card(self, code):
        return self.trust.current.card(code)

    def drafted(self, *, votes=("KZ", "PK"), signs=None, later=1, **changes):
        """The file of the next version, as its members vote it."""
        former = self.trust.current
        at = former.created_at + timedelta(seconds=later)
        draft = propose(former, created_at=at, votes=votes, **changes)
        lines = [line for line in required_lines(former, draft) if signs is None or line.signer.member in signs]
        keys = {code: KeyFiles(self.corridor.path(code) / KEY_FOLDER) for code in NAMES}
        signers = [
            document_signer(line.signer, getattr(keys[line.signer.member], str(line.signer.role))) for line in lines
        ]
        return format_note(signed(draft.text, *signers))

    def offer(self, raw):
        """Choose the file and ask what it would do."""
        self.operator.get("/console/operator")
        fields = self.operator.form("/operator/corridor")
        fields.pop("note", None)
        files = {"note": ("next.note", raw)}
        return self.operator.send("POST", "/console/operator/corridor", fields, files=files)

    def rows(self):
        """The table of changes: what, whose, now, then, takes."""
        return [
            [" ".join(cell.text_content().split()) for cell in row.xpath("td")]
            for row in self.operator.page.xpath("//table[@id='changes']/tbody/tr")
        ]


@pytest.fixture
def table(tmp_path):
    made = Table(tmp_path)
    yield made
    made.gateway.close()


def test_a_document_is_shown_before_it_counts_and_then_counts_once(table):
    """Asking changes nothing and is no act; saying yes admits it; saying it again does nothing twice."""
    raw = table.drafted(quorum=3, witness_quorum=1)
    assert table.offer(raw).status_code == 200
    assert "What it changes" in table.operator.text()
    assert "cannot be taken back" in table.operator.text()
    assert table.trust.current.version == 1
    assert table.acts == []
    question = dict(table.operator.form("/operator/corridor"))
    assert urlsafe_b64decode(question["note"]) == raw
    table.operator.submit("/operator/corridor")
    table.operator.follow()
    assert "The corridor document is admitted." in table.operator.text()
    assert table.trust.current.version == 2
    assert table.trust.current.quorum == 3
    assert table.acts == [("POST /v1/operator/corridor", "done")]
    table.operator.send("POST", "/console/operator/corridor", question)
    table.operator.follow()
    assert "Nothing was done twice." in table.operator.text()
    assert table.offer(raw).status_code == 303
    assert len(table.trust.documents) == 2


def test_every_kind_of_change_is_named_with_what_was_and_what_will_be(table):
    """Corridor, links, terms, members, roles, addresses, keys: one line each, and which take a quorum."""
    former = table.trust.current
    moved = msgspec.structs.replace(
        table.card("PK"), name=EVIL, addresses=(GatewayAddress("https://gate.pk.example", seeded_certificate("PK")),)
    )
    there = table.card("UZ")
    renewed = msgspec.structs.replace(there.addresses[0], tls_certificate=seeded_certificate("UZ"))
    pinned = msgspec.structs.replace(there, addresses=(renewed,), roles=there.roles[:1])
    raw = table.drafted(
        votes=("KZ", "PK", "UZ"),
        cards=[moved, pinned],
        links=(Link.between("KZ", "PK", 4), Link.between("KZ", "UZ", 1)),
        classes=(*former.classes, Terms("payments", "avoid KZ", 60)),
        mldsa44_required=False,
        not_after=former.not_after + timedelta(days=1) - timedelta(seconds=2),
    )
    table.offer(raw)
    found = {(whose, what): (now, then, takes) for what, whose, now, then, takes in table.rows()}
    assert found["Whole corridor", "Link Kazakhstan – Pakistan"] == ("–", "lanes: 4", "a quorum")
    assert found["Whole corridor", "Link Pakistan – Uzbekistan"] == ("lanes: 2", "–", "a quorum")
    assert found["Whole corridor", "Link Kazakhstan – Uzbekistan"] == ("lanes: 2", "lanes: 1", "a quorum")
    assert found["Whole corridor", "Terms of payments"] == ("–", "avoid KZ; signed for within 60 s", "a quorum")
    assert ("Whole corridor", "In force until") in found
    assert found["Pakistan", "Name"] == ("Pakistan", EVIL, "a quorum")
    assert found["Pakistan", "Addresses"][1:] == ("https://gate.pk.example", "its own vote")
    assert found["Uzbekistan", "What its gateway does"][2] == "a quorum"
    assert found["Uzbekistan", "Certificate of an address"][2] == "its own vote"
    assert "Our link to Uzbekistan ends; messages that wait on it now: " in table.operator.text()
    assert not table.operator.page.xpath("//img[@src='x']")
    assert len(found) == 9


def test_a_member_that_leaves_is_said_aloud(table):
    """Its going, its links, and that nothing more is taken from it."""
    raw = table.drafted(removed=["KZ"], quorum=2, links=(Link.between("PK", "UZ", 2),))
    table.offer(raw)
    assert ["Leaves the corridor", "Kazakhstan", "Kazakhstan", "–", "a quorum"] in table.rows()
    assert "Kazakhstan leaves: nothing more is taken from it or sent to it." in table.operator.text()


def test_a_document_past_its_time_says_what_that_means(table):
    """It may be admitted, to catch up; until a later one comes nothing is sent."""
    former = table.trust.current
    table.offer(table.drafted(not_after=former.created_at + timedelta(seconds=1), later=0))
    assert "It has expired: until a later version comes this gateway only receives." in table.operator.text()


def wrong(table):
    """Files that must not be admitted, by what is wrong with them."""
    good = table.drafted(quorum=3)
    own = table.card("PK")
    other = msgspec.structs.replace(own, keys=msgspec.structs.replace(own.keys, seal=table.card("KZ").keys.seal))
    return {
        "corridor_malformed": good.replace(b'"quorum":3', b'"quorum":"3"'),
        "key_reused": table.drafted(cards=[other], votes=("PK",)),
        "note_malformed": b"<script>alert(1)</script>",
        "note_too_large": b"x" * (NOTE_BYTES_MAX + 1),
        "own_vote_missing": table.drafted(
            votes=("KZ",),
            cards=[
                msgspec.structs.replace(own, addresses=(GatewayAddress("https://a.example", seeded_certificate("PK")),))
            ],
        ),
        "quorum_missing": table.drafted(votes=("PK",), quorum=3),
        "signature_false": good.replace(b'"witness_quorum":0', b'"witness_quorum":1'),
        "signature_missing": table.drafted(quorum=3, signs=("PK",)),
        "created_in_future": table.drafted(quorum=3, later=86_400),
        "nothing_changed": table.drafted(),
        "version_skipped": good.replace(b'"version":2', b'"version":3'),
    }


def test_what_must_not_be_admitted_is_refused_before_the_question(table):
    """By its code; nothing changes; the refusal is in the trail. A forged question is refused as well."""
    for code, raw in wrong(table).items():
        answer = table.offer(raw)
        assert 400 <= answer.status_code < 600, code
        assert code in table.operator.text(), (code, table.operator.text()[:600])
        assert table.acts[0] == ("POST /console/operator/corridor", code)
        forged = {"csrf": table.operator.form("/operator/corridor")["csrf"], "confirmed": "yes"}
        carried = {"note": urlsafe_b64encode(raw).decode()} if len(raw) <= NOTE_BYTES_MAX else {"note": "*" + "A" * 40}
        table.operator.send("POST", "/console/operator/corridor", forged | carried)
        assert ("body_malformed" if "*" in carried["note"] else code) in table.operator.text(), code
        assert table.trust.current.version == 1


def test_a_question_that_was_overtaken_is_refused(table):
    """While somebody looks, another version is admitted: what they saw is no longer what would happen."""
    table.offer(table.drafted(quorum=3))
    seen = dict(table.operator.form("/operator/corridor"))
    other = table.drafted(witness_quorum=1, votes=("PK", "UZ"))
    table.offer(other)
    table.operator.submit("/operator/corridor")
    table.operator.send("POST", "/console/operator/corridor", seen)
    assert table.operator.answer.status_code == 409
    assert table.trust.current.witness_quorum == 1


def test_a_long_document_passes_through_the_question(table):
    """A note is carried on whole, however long it is: other keys' lines on it are nobody's business here."""
    line = "— other.example/key " + b64encode(bytes(2_424)).decode() + "\n"
    raw = table.drafted(quorum=3) + line.encode() * 60
    assert len(raw) > 3 * FORM_BYTES_MAX
    table.offer(raw)
    table.operator.submit("/operator/corridor")
    table.operator.follow()
    assert "The corridor document is admitted." in table.operator.text()
