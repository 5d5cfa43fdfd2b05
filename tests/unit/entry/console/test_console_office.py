"""The officer's, the supervisor's, the carrier's and the parties' work, without scripts."""

import uuid

import msgspec
import pytest
from lxml import html
from tests.unit.entry.console.people import Browser, add_account
from tests.unit.entry.freight_corridor import PARTIES, Corridor

from darwaza.entry.console import attention
from darwaza.entry.console.audit import AUDIT_FILE, Trail
from darwaza.entry.sample import freight
from darwaza.kernel.enclosure import ENCLOSURE_MEDIA_TYPE
from darwaza.services.transit.guarantee import Register
from darwaza.services.transit.message import Accept
from darwaza.standards.etir.internal import I9, I11
from darwaza.standards.etir.value import Actor, SealMark

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"


class World(Corridor):
    """Three gateways with people at their browsers."""

    def __init__(self, folder):
        super().__init__(folder)
        for code, parties in PARTIES.items():
            for name in parties:
                add_account(self.gateways[code], name, name, f"{name} {EVIL[:30]}")
        self.register = self.gateways["PK"].reference.register

    def at(self, who):
        code, _, login = who.partition("/")
        return Browser(self.gateways[code], login)

    def stamp(self, office):
        return freight.stamp(self.register, office, self.clock.now())

    def truck(self, reference, *, holder="Silk Road Trans", goods="Dried apricots"):
        """A truck that has been accepted at Tashkent."""
        now, movement = self.clock.now(), str(uuid.uuid4())
        terms = freight.carnet(reference, now)
        self.do(freight.CHAIN, "/v1/guarantees", Register(terms, freight.HOLDER_PARTY))
        declared = freight.declaration(movement, terms, now)
        items = tuple(msgspec.structs.replace(item, description=goods) for item in declared.goods)
        declared = msgspec.structs.replace(
            declared, holder=Actor(freight.HOLDER_ID, holder, "UZ"), goods=items, ucr="6UZ" + reference
        )
        self.do(freight.HOLDER_PARTY, "/v1/transit", declared)
        self.do(
            "UZ/tashkent", f"/v1/transit/{movement}/accept", Accept(self.stamp("UZTAS"), (SealMark("S" + reference),))
        )
        return movement

    def drive(self, movement, legs):
        """Drive it over so many legs."""
        ways = (("UZ/tashkent", "UZTAS", "UZ/termez", "UZTER"), ("AF/hairatan", "AFHRT", "AF/torkham", "AFRKH"))
        for leg, (first, start, last, end) in enumerate(ways[:legs]):
            operation = f"op-{leg}-{movement[:8]}"
            self.do(first, f"/v1/transit/{movement}/start", I9(movement, leg, operation, leg + 1, self.stamp(start)))
            self.do(last, f"/v1/transit/{movement}/terminate", I11(movement, leg, operation, self.stamp(end)))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("office"))
    yield made
    made.close()


def test_an_officer_finds_and_starts_a_truck(world):
    """By its plate, as it is written on the road; and the same form sent twice starts it once."""
    movement = world.truck("CC1")
    world.drive(movement, 2)
    officer = world.at("PK/torkham")
    officer.get("/console/office")
    assert movement in html.tostring(officer.page).decode()
    officer.get("/console/office?q=" + "s cc-1")
    assert officer.follow().status_code == 200
    assert "Start the leg" in officer.text()
    form = officer.form(f"{movement}/start")
    officer.submit(f"{movement}/start", plate="01A 123-BC", seals="scc1")
    assert officer.follow().status_code == 200
    assert "The leg is started." in officer.text()
    again = officer.send("POST", f"/console/movements/{movement}/start", form)
    assert again.status_code in {303, 409}
    world.run()
    assert [leg["status"] for leg in world.view("UZ", movement)["legs"]] == ["terminated", "terminated", "started"]
    trail = Trail(world.gateways["PK"].folder / AUDIT_FILE, world.clock).newest(5)
    assert any(entry.act == "POST /v1/transit/{id}/start" and entry.outcome == "done" for entry in trail)


def test_what_differs_is_shown_before_anything_is_recorded(world):
    """Another seal than declared: first the difference, then the act with its remark."""
    movement = world.truck("CC2")
    world.drive(movement, 2)
    officer = world.at("PK/torkham")
    officer.get(f"/console/movements/{movement}")
    officer.submit(f"{movement}/start", seals="OTHER9")
    assert officer.answer.status_code == 200
    assert "OTHER9" in officer.text()
    assert "SCC2" in officer.text()
    assert world.view("PK", movement)["legs"][2]["status"] == "planned"
    officer.submit(f"{movement}/start")
    officer.follow()
    assert world.view("PK", movement)["legs"][2]["status"] == "started"


def test_a_refusal_says_what_will_happen_first(world):
    """Refusing entry takes a reason and a second yes."""
    movement = world.truck("CC3")
    world.drive(movement, 2)
    officer = world.at("PK/torkham")
    officer.get(f"/console/movements/{movement}")
    officer.submit(f"{movement}/refuse", text="no visa")
    assert "What will happen" in officer.text()
    assert world.view("PK", movement)["state"] == "moving"
    officer.submit(f"{movement}/refuse")
    officer.follow()
    world.run()
    assert world.view("UZ", movement)["state"] == "held"
    assert "no visa" in officer.text()


def test_a_hold_is_set_and_lifted(world):
    """Inspection: the office holds, finds, and lets go."""
    movement = world.truck("CC4")
    world.drive(movement, 2)
    officer = world.at("PK/torkham")
    officer.get(f"/console/movements/{movement}")
    officer.submit(f"{movement}/hold", text="smell")
    officer.submit(f"{movement}/hold")
    officer.follow()
    assert "held at Torkham" in officer.text()
    world.clock.advance(60)
    officer.submit(f"{movement}/clear", text="only garlic")
    officer.follow()
    assert "held at Torkham" not in officer.text()
    assert "only garlic" in officer.text()


def test_a_closure_shows_its_consequences_and_is_told_everywhere(world):
    """Close with a reason, see who waits, reopen."""
    movement = world.truck("CC5")
    world.drive(movement, 1)
    supervisor = world.at("PK/customs")
    supervisor.get("/console/crossings/AF-PK/TORKHAM")
    supervisor.submit("/crossings/close", reason="rockfall", until="2030-01-01T08:00")
    assert supervisor.answer.status_code == 200
    assert "Afghanistan, Pakistan, and Uzbekistan" in supervisor.text()
    assert not world.view("PK", movement).get("stopped")
    supervisor.submit("/crossings/close")
    supervisor.follow()
    world.run()
    assert world.view("UZ", movement)["stopped"]
    assert "rockfall" in supervisor.text()
    carrier = world.at("UZ/silk-road-trans")
    carrier.get(f"/console/trips/{movement}")
    assert "your clocks stand still" in carrier.text()
    supervisor.get("/console/overview")
    assert "Torkham is closed" in supervisor.text()
    supervisor.get("/console/crossings/AF-PK/TORKHAM")
    supervisor.submit("/crossings/reopen")
    assert "run on, in every country" in supervisor.text()
    assert world.view("UZ", movement)["stopped"]
    supervisor.submit("/crossings/reopen")
    supervisor.follow()
    world.run()
    assert not world.view("UZ", movement).get("stopped")


def test_a_carrier_shows_codes_that_an_officer_scans(world):
    """The carrier's page has the picture of each code; the officer pastes their texts and gets the verdict."""
    movement = world.truck("CC6")
    carrier = world.at("UZ/silk-road-trans")
    carrier.get("/console/trips")
    carrier.get(f"/console/trips/{movement}")
    pictures = carrier.page.xpath("//div[@class='codes']//img/@src")
    assert len(pictures) >= 2
    assert carrier.get(pictures[0]).content.startswith(b"\x89PNG")
    texts = world.call("UZ/customs", "GET", f"/v1/transit/{movement}/paper?office=UZTAS&form=codes").text
    officer = world.at("AF/hairatan")
    officer.get("/console/scan")
    officer.submit("/console/scan", codes="\r\n".join(texts.split("\n")[1:]))
    assert "Valid" in officer.text()
    officer.submit("/console/scan", codes="DWZ1:NONSENSE")
    assert "part_malformed" in officer.text()


def test_another_partys_things_are_not_found(world):
    """An id is no key: what is somebody else's looks like what does not exist."""
    movement = world.truck("CC7")
    stranger = world.at("UZ/other-trans")
    for path in (
        f"/console/movements/{movement}",
        f"/console/trips/{movement}",
        "/console/consignments/6UZCC7",
        f"/console/movements/{movement}/paper.pdf?office=UZTAS",
        f"/console/documents/{movement}",
        f"/console/evidence/{movement}",
        f"/console/movements/{uuid.uuid4()}",
    ):
        assert stranger.get(path).status_code == 404, path
        assert "not_found" in stranger.text()
    other = world.at("PK/chaman")
    assert other.get(f"/console/movements/{movement}").status_code == 404
    assert other.get("/console/office?office=PKTOR").status_code == 403


def test_documents_are_sent_taken_over_and_refused(world, monkeypatch):
    """A large one goes in parts; what came is taken over or refused with a reason."""
    sender, recipient = world.at("UZ/silk-road-trans"), world.at("PK/customs")
    for size, name in ((900, "small.xml"), (2_500_000, "large.bin")):
        sender.get("/console/documents/send")
        fields = sender.form("/documents/send") | {"to": "PK/customs", "title": EVIL, "ucr": "6UZDOC"}
        fields.pop("file", None)
        content = b"<?xml version='1.0'?><a>" + EVIL.encode() + b"x" * size
        files = {"file": (name + EVIL.replace("/", ""), content, "text/xml")}
        sender.send("POST", "/console/documents/send", fields, files=files)
        sender.follow()
        assert "accepted" in sender.text()
    world.run()
    recipient.get("/console/overview")
    assert "Documents that wait to be taken over: 2" in recipient.text()
    with monkeypatch.context() as patch:
        patch.setattr(attention, "DOCUMENTS_MAX", 1)
        recipient.get("/console/overview")
        assert "Documents that wait to be taken over: 1+" in recipient.text()
    sender.get("/console/overview")
    assert "Documents that wait" not in sender.text()
    recipient.get("/console/documents?state=arrived")
    links = recipient.page.xpath("//section[@id='list']//td[1]/a/@href")
    assert len(links) == 2
    for link, act, told in ((links[0], "accept", "taken over"), (links[1], "refuse", "refused")):
        recipient.get(link)
        assert not recipient.page.xpath("//img[@src='x'] | //script[not(@src)]")
        content = recipient.get(link + "/content")
        assert content.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in content.headers["content-security-policy"]
        recipient.get(link)
        recipient.submit(f"/{act}", **({"reason": EVIL} if act == "refuse" else {}))
        if act == "refuse":
            recipient.submit("/refuse")
        recipient.follow()
        assert told in recipient.text()
    recipient.get("/console/overview")
    assert "Documents that wait" not in recipient.text()


def test_scripts_in_names_and_remarks_stay_text(world):
    """Whatever a holder, a remark or a goods item says, it is shown and never run."""
    movement = world.truck("CC8", holder=EVIL, goods=EVIL)
    world.drive(movement, 2)
    officer = world.at("PK/torkham")
    officer.get(f"/console/movements/{movement}")
    officer.submit(f"{movement}/refuse", text=EVIL)
    officer.submit(f"{movement}/refuse")
    for who, path in (
        ("PK/torkham", f"/console/movements/{movement}"),
        ("PK/torkham", "/console/office"),
        ("PK/customs", "/console/consignments/6UZCC8"),
        ("PK/customs", "/console/consignments"),
        ("UZ/silk-road-trans", f"/console/trips/{movement}"),
    ):
        visitor = world.at(who)
        visitor.get(path)
        assert visitor.answer.status_code == 200
        assert not visitor.page.xpath("//img[@src='x'] | //script[not(@src)] | //*[@onerror]"), path
        assert "49" not in visitor.text().split("alert(2)")[-1][:5]


def test_lists_are_files_too_and_no_formula_runs(world):
    """The same list as CSV; what a spreadsheet would run is text."""
    world.truck("CC9", holder="=HYPERLINK(1)")
    officer = world.at("UZ/tashkent")
    officer.get("/console/office?form=csv")
    assert officer.answer.headers["content-type"].startswith("text/csv")
    assert "'=HYPERLINK(1)" in officer.answer.text
    officer.get("/console/office?sort=-holder&filter=HYPER")
    assert "1 entry" in officer.text()


def test_a_consignment_has_one_timeline_with_grades(world):
    """Everything with the UCR, in its own country's time, with its evidence to take along."""
    movement = world.truck("CC10")
    world.drive(movement, 1)
    supervisor = world.at("UZ/customs")
    supervisor.get("/console/consignments?ucr=6UZCC10")
    supervisor.follow()
    text = supervisor.text()
    for part in ("Declaration accepted", "Leg started", "Leg terminated", "UTC+05:00", "signed by both sides"):
        assert part in text
    evidence = supervisor.page.xpath("//a[starts-with(@href, '/console/evidence/')]/@href")
    assert b"darwaza/evidence/v1" in supervisor.get(evidence[0]).content


@pytest.mark.parametrize(("media_type", "told"), [(ENCLOSURE_MEDIA_TYPE, True), ("text/plain", False)])
def test_a_sealed_document_is_shown_as_one(world, media_type, told):
    """Its recipient learns why the page shows no word of it, and what its digest is over."""
    sender = world.at("UZ/silk-road-trans")
    sender.get("/console/documents/send")
    fields = sender.form("/documents/send") | {"to": "PK/customs", "title": media_type, "ucr": ""}
    fields.pop("file", None)
    sender.send("POST", "/console/documents/send", fields, files={"file": ("a", b"sealed bytes", media_type)})
    world.run()
    reader = world.at("PK/customs")
    reader.get("/console/documents")
    reader.get(reader.page.xpath(f"//section[@id='list']//td//a[contains(., '{media_type}')]/@href")[0])
    assert ("the digest is over the sealed bytes" in reader.text()) is told
    assert ("sealed bytes" in "".join(reader.page.xpath("//pre//text()"))) is not told


def test_a_way_reads_from_the_right_in_urdu(world):
    """Names in Latin letters stand each for itself: without that a browser would draw the arrows backwards."""
    movement = world.truck("CC41")
    carrier = Browser(world.gateways["UZ"], freight.HOLDER_PARTY.partition("/")[2], "ur")
    carrier.get("/console/trips")
    (link,) = carrier.page.xpath(f"//h2/a[@href='/console/trips/{movement}']")
    assert [one.tag for one in link] == ["bdi"] * len(link)
    assert len(link) >= 4
    assert "".join(link.xpath("text()")).split() == ["←"] * (len(link) - 1)
