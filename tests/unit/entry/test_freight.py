"""A truck from Tashkent to Karachi over three real gateways and their HTTP interfaces."""

import base64
import io
import uuid
from datetime import datetime, timedelta

import msgspec
import pytest

from darwaza.bootstrap import read_history
from darwaza.entry import post
from darwaza.entry.sample import freight
from darwaza.kernel.key import Ed25519PrivateKey
from darwaza.services.transit.closure import Closure, Extension, Reopening
from darwaza.services.transit.guarantee import Register
from darwaza.services.transit.message import Accept, Activity, Release, SealChange
from darwaza.services.transit.parts import join
from darwaza.services.transit.posted import SignedDelegation
from darwaza.services.transit.posted import post as sign_event
from darwaza.services.transit.scan import Scanner
from darwaza.services.transit.tracker import Stock
from darwaza.services.transit.trust import Answer
from darwaza.standards.etir.internal import I9, I11, I13
from darwaza.standards.etir.value import SealMark

from .freight_corridor import Corridor

TORKHAM = "AF-PK/TORKHAM"


@pytest.fixture
def corridor(tmp_path):
    made = Corridor(tmp_path)
    yield made
    made.close()


def stamp(corridor, office, **more):
    register = next(iter(corridor.gateways.values())).reference.register
    return freight.stamp(register, office, corridor.clock.now(), **more)


def accepted(corridor, *, reference="JX95000448", seal="UZ-0001", goods=3):
    """Register a carnet, lodge and accept a movement; return its id."""
    now, movement = corridor.clock.now(), str(uuid.uuid4())
    terms = freight.carnet(reference, now)
    corridor.do("UZ/aircuz", "/v1/guarantees", Register(terms, freight.HOLDER_PARTY))
    made = freight.declaration(movement, terms, now, goods=goods)
    assert corridor.do("UZ/silk-road-trans", "/v1/transit", made)["state"] == "lodged"
    body = Accept(stamp(corridor, "UZTAS"), (SealMark(seal),))
    assert corridor.do("UZ/tashkent", f"/v1/transit/{movement}/accept", body)["state"] == "accepted"
    return movement


def start(corridor, movement, leg, office, **more):
    return I9(movement, leg, f"op-{leg}", leg + 1, stamp(corridor, office, **more))


def terminate(corridor, movement, leg, office, **more):
    return I11(movement, leg, f"op-{leg}", stamp(corridor, office, **more))


def drive(corridor, movement, leg, who_starts, entry, who_ends, leave):
    """Start and terminate a leg online."""
    corridor.do(who_starts, f"/v1/transit/{movement}/start", start(corridor, movement, leg, entry))
    corridor.clock.advance(20 * 3600)
    corridor.do(who_ends, f"/v1/transit/{movement}/terminate", terminate(corridor, movement, leg, leave))
    corridor.clock.advance(3600)


def drive_uz(corridor, movement):
    drive(corridor, movement, 0, "UZ/tashkent", "UZTAS", "UZ/termez", "UZTER")


def states(corridor, movement):
    return {code: corridor.view(code, movement)["state"] for code in corridor.gateways}


def codes_of(corridor, movement, who="UZ/termez", office="UZTER"):
    answer = corridor.call(who, "GET", f"/v1/transit/{movement}/paper?office={office}&form=codes")
    assert answer.is_success, answer.text
    return answer.text.splitlines()


class Post:
    """A border post with its network cut: a key, a delegation, the corridor document."""

    def __init__(self, corridor, code, office):
        self.key, self.office = Ed25519PrivateKey(b"p" * 32), office
        now = corridor.clock.now()
        wanted = {
            "office": office,
            "public": base64.b64encode(self.key.public.raw).decode(),
            "valid_from": now.isoformat(),
            "valid_until": (now + timedelta(days=30)).isoformat(),
        }
        answer = corridor.call(f"{code}/customs", "POST", "/v1/transit/delegations", wanted)
        assert answer.is_success, answer.text
        self.delegation = msgspec.msgpack.decode(answer.content, type=SignedDelegation)
        history = read_history(corridor.local.path(code), corridor.clock)
        self.scanner = Scanner(office, post.trust_of(history), post.read_header)

    def sign(self, event):
        return base64.b64encode(sign_event(event, self.delegation, self.key.sign)).decode()


def test_tashkent_to_karachi(corridor):
    """Afghanistan is offline during its leg, a seal is re-fixed, Torkham closes and reopens; all agree at the end."""
    movement = accepted(corridor)
    assert states(corridor, movement) == dict.fromkeys(("AF", "PK", "UZ"), "accepted")
    hairatan, rkh = Post(corridor, "AF", "AFHRT"), Post(corridor, "AF", "AFRKH")
    drive_uz(corridor, movement)
    broken = SealChange(movement, stamp(corridor, "UZTER"), "replaced", "UZ-0001", SealMark("UZ-0002"), "bolt sheared")
    corridor.do("UZ/termez", f"/v1/transit/{movement}/seal", broken)

    corridor.cut.add("AF")
    codes = codes_of(corridor, movement)
    paper = join(codes[1:])
    verdict = hairatan.scanner.scan(paper, corridor.clock.now())
    assert (verdict.answer, verdict.reasons, verdict.may_start) == (Answer.VALID, (), 1)
    assert verdict.paper.seals == ("UZ-0002",)
    begun = start(corridor, movement, 1, "AFHRT", offline=True)
    corridor.clock.advance(20 * 3600)
    assert rkh.scanner.scan(paper, corridor.clock.now()).may_terminate == 1
    ended = terminate(corridor, movement, 1, "AFRKH", offline=True)
    carried = {"events": [hairatan.sign(begun), rkh.sign(ended)]}

    closure = Closure(str(uuid.uuid4()), TORKHAM, stamp(corridor, "PKTOR"), "shelling")
    corridor.do("PK/customs", "/v1/crossings/close", closure)
    waiting = corridor.call("PK/customs", "GET", f"/v1/crossings/waiting?crossing={TORKHAM}&detention_minor=15000")
    assert [item["movement"] for item in waiting.json()["movements"]] == [movement]
    assert waiting.json()["cost_per_day_minor"] == 15_000
    assert corridor.view("PK", movement)["stopped"]
    assert corridor.view("UZ", movement)["stopped"]

    answers = corridor.do("PK/torkham", "/v1/transit/posted", carried)
    assert [item["answer"] for item in answers] == ["valid", "valid"]
    corridor.clock.advance(24 * 3600)
    corridor.do("PK/customs", "/v1/crossings/reopen", Reopening(closure.id, TORKHAM, stamp(corridor, "PKTOR")))
    corridor.cut.clear()
    corridor.run()
    assert all(item["state"] == "moving" for item in corridor.do("AF/hairatan", "/v1/transit/posted", carried))
    for code in corridor.gateways:
        view = corridor.view(code, movement)
        assert not view.get("stopped", False)
        assert [leg["status"] for leg in view["legs"]] == ["terminated", "terminated", "planned"]

    drive(corridor, movement, 2, "PK/torkham", "PKTOR", "PK/karachi", "PKKHI")
    handed = corridor.do("PK/karachi", f"/v1/transit/{movement}/release", Release(stamp(corridor, "PKKHI")))
    assert handed["state"] == "ended"
    for leg, who, office in ((0, "UZ/tashkent", "UZTAS"), (1, "AF/hairatan", "AFHRT"), (2, "PK/karachi", "PKKHI")):
        body = I13(movement, leg, f"op-{leg}", stamp(corridor, office))
        corridor.do(who, f"/v1/transit/{movement}/discharge", body)
    assert states(corridor, movement) == dict.fromkeys(("AF", "PK", "UZ"), "discharged")
    views = [corridor.view(code, movement) for code in corridor.gateways]
    assert views[0]["timeline"] == views[1]["timeline"] == views[2]["timeline"]
    assert [view.get("disagreements", []) for view in views] == [[], [], []]
    exposure = corridor.call("UZ/aircuz", "GET", "/v1/guarantees/exposure").json()
    assert {item["member"]: item["exposure"] for item in exposure} == {
        code: {"reserved_minor": 0, "in_use_minor": 0, "released_minor": freight.LIABILITY_MINOR}
        for code in corridor.gateways
    }


def test_clocks_stand_for_what_is_accepted_during_a_closure(corridor):
    """A movement accepted while a crossing ahead is closed has its clocks stopped at every gateway, once."""
    closure = Closure(str(uuid.uuid4()), TORKHAM, stamp(corridor, "AFRKH"), "closed")
    corridor.do("AF/customs", "/v1/crossings/close", closure)
    movement = accepted(corridor)
    for code in corridor.gateways:
        assert [item["closure"] for item in corridor.view(code, movement)["suspensions"]] == [closure.id]
    corridor.clock.advance(3600)
    corridor.do("AF/customs", "/v1/crossings/reopen", Reopening(closure.id, TORKHAM, stamp(corridor, "AFRKH")))
    for code, clerk in corridor.clerks.items():
        assert "until" in corridor.view(code, movement)["suspensions"][0]
        assert [given for page in clerk.sweep() for given in page] == []


def test_a_restarted_clerk_gives_what_was_not_given(corridor):
    """A gateway that stopped between a closure and its consequences makes up for it when it starts."""
    movement = accepted(corridor)
    closure = Closure(str(uuid.uuid4()), TORKHAM, stamp(corridor, "PKTOR"), "closed")
    assert corridor.call("PK/customs", "POST", "/v1/crossings/close", closure).is_success
    clerk = type(corridor.clerks["PK"])(corridor.gateways["PK"].engine)
    assert [given.kind for page in clerk.follow() for given in page] == []
    due = [given for page in clerk.sweep() for given in page]
    assert [(given.kind, given.case_id) for given in due] == [("suspend", movement)]
    corridor.gateways["PK"].engine.run(due)
    assert [given for page in clerk.sweep() for given in page] == []


def test_divert(corridor):
    """What heads for a closed crossing gets another itinerary at every gateway; its clocks run again."""
    movement = accepted(corridor)
    drive_uz(corridor, movement)
    closure = Closure(str(uuid.uuid4()), TORKHAM, stamp(corridor, "AFRKH"), "closed")
    corridor.do("AF/customs", "/v1/crossings/close", closure)
    body = {"crossing": TORKHAM, "office": "AFHRT", "officer": "officer-7"}
    ways = corridor.call("AF/hairatan", "GET", f"/v1/transit/{movement}/detours").json()
    assert len(ways) > 1
    assert all(TORKHAM not in [leg.get("crossing") for leg in way] for way in ways)
    done = corridor.do("AF/hairatan", "/v1/crossings/divert", body)
    assert done == {"diverted": 1, "asked": 0, "no_way": 0, "refused": {}} or done["asked"] == 1
    ways = {code: corridor.view(code, movement) for code in corridor.gateways}
    assert len({tuple(view["way"]) for view in ways.values()}) == 1
    for view in ways.values():
        assert view["version"] == 2
        assert TORKHAM not in [leg["crossing"] for leg in view["legs"]]
        assert not view.get("stopped", False)


def test_more_time_in_bulk(corridor):
    """A slow crossing's customs grants two days: every gateway moves the deadlines of what heads there, at once."""
    movement = accepted(corridor)
    before = {code: corridor.view(code, movement)["guarantee_until"] for code in corridor.gateways}
    until = corridor.clock.now() + timedelta(days=2)
    more = Extension(str(uuid.uuid4()), TORKHAM, stamp(corridor, "PKTOR"), until, "one scanner left")
    corridor.do("PK/customs", "/v1/crossings/extend", more)
    for code, clerk in corridor.clerks.items():
        after = datetime.fromisoformat(corridor.view(code, movement)["guarantee_until"])
        assert after - datetime.fromisoformat(before[code]) == until - more.stamp.at
        assert [given for page in clerk.sweep() for given in page] == []


def test_how_long_a_crossing_takes(corridor):
    """Both sides' own events give TFI1, the gap between the sides, the activities, and the speeds at the end."""
    movement = accepted(corridor)
    drive_uz(corridor, movement)
    waited = Activity(movement, stamp(corridor, "AFHRT"), 1, "waiting", corridor.clock.now() - timedelta(minutes=30))
    corridor.do("AF/hairatan", f"/v1/transit/{movement}/record-activity", waited)
    drive(corridor, movement, 1, "AF/hairatan", "AFHRT", "AF/torkham", "AFRKH")
    drive(corridor, movement, 2, "PK/torkham", "PKTOR", "PK/karachi", "PKKHI")
    found = corridor.call("PK/karachi", "GET", f"/v1/transit/{movement}/indicators?distance_m=2060000").json()
    hairatan, torkham = found["border_times"]
    assert (hairatan["exit_member"], hairatan["entry_member"], hairatan["gap_s"]) == ("UZ", "AF", 1800)
    assert hairatan["activities_s"] == {"waiting": 1800}
    assert torkham["total_s"] == 3600
    # Two nights of 20 hours and an hour at each border: 62 hours in all, 60 of them between the borders.
    assert found["speed"] == {
        "distance_m": 2_060_000,
        "with_delays_m_per_h": 2_060_000 // 62,
        "without_delays_m_per_h": 2_060_000 // 60,
    }
    listed = corridor.call("PK/customs", "GET", f"/v1/crossings/times?crossing={TORKHAM}").json()
    assert [(item["exit_member"], item["total_s"]["count"], item["total_s"]["median"]) for item in listed] == [
        ("AF", 1, 3600)
    ]
    assert corridor.call("PK/customs", "GET", "/v1/crossings/times?since=2040-01-01T00:00:00Z").json() == []
    assert corridor.call("PK/karachi", "GET", "/v1/crossings/times").status_code == 403


def test_questions_between_members(corridor):
    """Offices are answered from the register at once; a holder is looked up by hand, and the answer travels back."""
    offices = {item["id"]: item for item in corridor.call("UZ/termez", "GET", "/v1/offices").json()}
    assert offices["AFHRT"]["zone"] == "Asia/Kabul"
    asked = corridor.do(
        "UZ/termez", "/v1/enquiries", {"member": "AF", "question": {"type": "I19", "offices": ["AFHRT", "AFXXX"]}}
    )
    known = corridor.call("UZ/termez", "GET", f"/v1/enquiries/{asked['id']}").json()
    assert (known["state"], known["reply"]["unknown"]) == ("answered", ["AFXXX"])
    corridor.do("UZ/termez", "/v1/enquiries", {"member": "AF", "question": {"type": "I3", "holder": "AFG/001/1"}})
    (waiting,) = corridor.call("AF/customs", "GET", "/v1/enquiries?state=open").json()
    reply = {"type": "I4", "holder": "AFG/001/1", "name": "Ariana Cargo", "authorised": True}
    corridor.do("AF/customs", f"/v1/enquiries/{waiting['id']}/answer", {"reply": reply})
    (told,) = corridor.call("UZ/termez", "GET", "/v1/enquiries?state=answered").json()[:1]
    assert told["reply"]["name"] == "Ariana Cargo"


def test_who_sees_what(corridor):
    """A holder sees its own movements, an office those on whose way it lies, and nobody the others'."""
    movement = accepted(corridor)

    def listed(who, query=""):
        answer = corridor.call(who, "GET", f"/v1/transit{query}")
        return [item["id"] for item in answer.json()["movements"]] if answer.is_success else answer.json()["code"]

    assert listed("UZ/silk-road-trans") == [movement]
    assert listed("UZ/other-trans") == []
    assert listed("PK/karachi", "?office=PKKHI&heading=true") == [movement]
    assert listed("PK/chaman", "?office=PKCHM") == []
    assert listed("PK/karachi", "?office=PKCHM") == "office_not_yours"
    assert corridor.call("PK/chaman", "GET", f"/v1/transit/{movement}").status_code == 404
    assert corridor.call("UZ/other-trans", "GET", f"/v1/transit/{movement}").status_code == 404
    drive_uz(corridor, movement)
    assert listed("UZ/termez", "?office=UZTER&heading=true") == []
    assert listed("UZ/termez", "?office=UZTER") == [movement]


def test_refusals_name_field_and_code(corridor):
    """An act of another office, at the wrong time, or with a wrong body changes nothing and says why."""
    movement = accepted(corridor)
    path = f"/v1/transit/{movement}"
    assert corridor.refused("UZ/termez", path + "/start", start(corridor, movement, 0, "UZTAS")) == "office_not_yours"
    early = terminate(corridor, movement, 0, "UZTER")
    assert corridor.refused("UZ/termez", path + "/terminate", early) == "not_yet_started"
    assert corridor.refused("UZ/tashkent", path + "/start", {"movement": 7}) == "body_malformed"
    again = freight.declaration(
        str(uuid.uuid4()), freight.carnet("JX95000448", corridor.clock.now()), corridor.clock.now()
    )
    corridor.do("UZ/silk-road-trans", "/v1/transit", again)
    second = Accept(stamp(corridor, "UZTAS"), (SealMark("UZ-0009"),))
    assert corridor.refused("UZ/tashkent", f"/v1/transit/{again.movement}/accept", second) == "guarantee_already_used"
    fresh = freight.carnet("JX95000449", corridor.clock.now())
    corridor.do("UZ/aircuz", "/v1/guarantees", Register(fresh, freight.HOLDER_PARTY))
    third = freight.declaration(str(uuid.uuid4()), fresh, corridor.clock.now())
    corridor.do("UZ/silk-road-trans", "/v1/transit", third)
    same_seal = Accept(stamp(corridor, "UZTAS"), (SealMark("UZ-0001"),))
    refused = corridor.refused("UZ/tashkent", f"/v1/transit/{third.movement}/accept", same_seal)
    assert refused == "seal_already_recorded"
    assert corridor.view("UZ", movement)["state"] == "accepted"


def test_papers_and_scans(corridor):
    """The paper comes as signed bytes, codes, pictures and PDF; a scan at an office says what it may do."""
    movement = accepted(corridor, goods=100)
    drive_uz(corridor, movement)
    codes = codes_of(corridor, movement)
    assert len(codes) <= 4
    scanned = corridor.call("AF/hairatan", "POST", "/v1/transit/scan", {"office": "AFHRT", "codes": codes}).json()
    assert (scanned["answer"], scanned["movement"], scanned["may_start"]) == ("valid", movement, 1)
    corridor.do("AF/hairatan", f"/v1/transit/{movement}/start", start(corridor, movement, 1, "AFHRT"))
    again = corridor.call("AF/hairatan", "POST", "/v1/transit/scan", {"office": "AFHRT", "codes": codes}).json()
    assert (again["answer"], [item["code"] for item in again["reasons"]]) == ("invalid", ["replayed"])
    elsewhere = corridor.call("PK/chaman", "POST", "/v1/transit/scan", {"office": "PKCHM", "codes": codes}).json()
    assert "not-for-here" in [item["code"] for item in elsewhere["reasons"]]
    path = f"/v1/transit/{movement}/paper?office=UZTER"
    pytest.importorskip("segno")
    pytest.importorskip("fpdf")
    assert corridor.call("UZ/termez", "GET", path + "&form=pdf").content.startswith(b"%PDF")
    image = pytest.importorskip("PIL.Image")
    zxing = pytest.importorskip("zxingcpp")
    texts = []
    for number in range(1, len(codes) + 1):
        png = corridor.call("UZ/termez", "GET", f"{path}&form=png&number={number}").content
        texts += [found.text for found in zxing.read_barcodes(image.open(io.BytesIO(png)))]
    assert join(texts) == join(codes_of(corridor, movement))


def test_a_forged_event_is_not_carried_in(corridor):
    """An event whose post no member delegated to is answered as invalid and changes nothing."""
    movement = accepted(corridor)
    drive_uz(corridor, movement)
    hairatan = Post(corridor, "AF", "AFHRT")
    hairatan.key = Ed25519PrivateKey(b"q" * 32)
    forged = hairatan.sign(start(corridor, movement, 1, "AFHRT", offline=True))
    (answer,) = corridor.do("PK/torkham", "/v1/transit/posted", {"events": [forged]})
    assert answer["answer"] == "invalid"
    assert corridor.view("PK", movement)["legs"][1]["status"] == "planned"


def test_trackers_run_short(corridor):
    """An office without trackers is refused one more."""
    pool = Stock(str(uuid.uuid4()), "UZTAS", 1)
    assert corridor.do("UZ/customs", "/v1/trackers/stock", pool)["state"] == "running"
    first, second = accepted(corridor), accepted(corridor, reference="JX95000450", seal="UZ-0003")
    fit = {"type": "tracker", "movement": first, "action": "fitted", "tracker": "TRK-1"}
    fit["stamp"] = stamp(corridor, "UZTAS")
    corridor.do("UZ/tashkent", f"/v1/transit/{first}/tracker", fit)
    fit |= {"movement": second, "tracker": "TRK-2", "stamp": stamp(corridor, "UZTAS")}
    assert corridor.refused("UZ/tashkent", f"/v1/transit/{second}/tracker", fit) == "trackers_short"


def test_a_date_at_the_edge_of_the_calendar_is_refused_at_the_door(corridor):
    """No fault of the service: a code, and the pointer to the field."""
    wanted = {"office": "AFHRT", "public": base64.b64encode(bytes(32)).decode(), "valid_from": "2026-11-01T06:00:00Z"}
    for until in ("9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00"):
        answer = corridor.call("AF/customs", "POST", "/v1/transit/delegations", wanted | {"valid_until": until})
        assert answer.status_code == 400
        assert (answer.json()["code"], answer.json()["pointer"]) == ("instant_malformed", "/valid_until")
