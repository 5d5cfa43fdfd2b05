"""Lists from files, four eyes, and a screener outside that takes its time, over HTTP."""

import asyncio

import msgspec
import pytest
import structlog

from darwaza.adapters.http.screening import HttpScreening
from darwaza.entry.examiner import Examiner
from darwaza.entry.sample import remittance
from darwaza.errors import OperatorError, PeerError
from darwaza.services.payments.lists import read_list

from .payment_corridor import ALATAU, INDUS, NBK, SBP, PaymentCorridor, furnish

WAIT_S = 300.0
UN = """<?xml version="1.0"?><CONSOLIDATED_LIST><INDIVIDUALS><INDIVIDUAL><FIRST_NAME>MUHAMMAD</FIRST_NAME>
<SECOND_NAME>ASLAM</SECOND_NAME><REFERENCE_NUMBER>QDi.999</REFERENCE_NUMBER>
<NAME_ORIGINAL_SCRIPT>محمد اسلم</NAME_ORIGINAL_SCRIPT><INDIVIDUAL_ALIAS><ALIAS_NAME>Aslam Sahib</ALIAS_NAME>
</INDIVIDUAL_ALIAS><INDIVIDUAL_ALIAS><ALIAS_NAME/></INDIVIDUAL_ALIAS></INDIVIDUAL></INDIVIDUALS><ENTITIES><ENTITY>
<FIRST_NAME>SOME TRADING HOUSE</FIRST_NAME><REFERENCE_NUMBER>QDe.998</REFERENCE_NUMBER></ENTITY></ENTITIES>
</CONSOLIDATED_LIST>"""


UNLISTED = msgspec.structs.replace(remittance.PAYER, name="Rashida Begum")
LISTED = b"Some Trading House"
CONTACT = b"<CtctDtls><Nm>" + LISTED + b"</Nm></CtctDtls></Cdtr>"
INVOICED = b"<Strd><Invcee><Nm>" + LISTED + b"</Nm></Invcee></Strd></RmtInf>"


def with_lists(folder):
    furnish(folder)
    (folder / "lists").mkdir()
    name = "un.xml" if folder.name == "pk" else "own.csv"
    (folder / "lists" / name).write_text(UN if name == "un.xml" else "name,entry\nМухаммад Аслам,KZ 7\n")


def test_two_officers_release_what_screening_stopped_and_one_refuses_it(tmp_path):
    """Both gateways screen by their own lists; the finding explains itself, the decision is recorded."""
    corridor = PaymentCorridor(tmp_path, furnish=with_lists)
    try:
        answer = corridor.pay(corridor.quote()).json()
        case_id = answer["id"]
        assert answer["state"] == "parked"
        assert corridor.call(INDUS, "GET", "/v1/payments/held").json()["code"] == "role_missing"
        assert "hits" not in corridor.show(INDUS, case_id)
        (stopped,) = corridor.get(SBP, "/v1/payments/held")
        assert "UN QDi.999" in stopped["hits"][0]
        assert corridor.refused(INDUS, f"/v1/payments/{case_id}/release", {"officer": "x"}) == "role_missing"
        for officer in ("amna", "bilal"):
            corridor.do(SBP, f"/v1/payments/{case_id}/release", {"officer": officer})
        assert [one["officer"] for one in corridor.show(SBP, case_id)["checks"]] == ["PK/sbp:amna", "PK/sbp:bilal"]
        assert corridor.show(ALATAU, case_id)["state"] == "screened"
        assert corridor.get(NBK, "/v1/payments/held")[0]["hits"][0].startswith(
            "«Muhammad Aslam» is like «Мухаммад Аслам»"
        )
        corridor.do(NBK, f"/v1/payments/{case_id}/refuse", {"officer": "dana"})
        assert corridor.show(INDUS, case_id)["reason"] == "RR04"
    finally:
        corridor.close()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"</Id></CdtrAcct>", b"</Id><Nm>" + LISTED + b"</Nm></CdtrAcct>"),
        (b"</BICFI></FinInstnId></CdtrAgt>", b"</BICFI><Nm>" + LISTED + b"</Nm></FinInstnId></CdtrAgt>"),
        (b"</PstlAdr></Cdtr>", b"</PstlAdr>" + CONTACT),
        (b"<PstlAdr><TwnNm>Karachi", b"<PstlAdr><CareOf>" + LISTED + b"</CareOf><TwnNm>Karachi"),
        (b"</RmtInf>", INVOICED),
        (b"</RmtInf>", INVOICED.replace(b"<Nm>Some T", b"<Nm>So<!-- a -->me &#84;")),
    ],
    ids=["the account's", "the bank's", "whom to contact", "to whose care", "who is invoiced", "spelled otherwise"],
)
def test_every_name_that_a_payment_carries_is_screened(tmp_path, old, new):
    """Not the two parties' alone: whoever is named anywhere, in whatever spelling of XML."""
    corridor = PaymentCorridor(tmp_path, furnish=with_lists)
    try:
        given = corridor.quote()
        free = remittance.payment(given, corridor.clock.now(), debtor=UNLISTED)
        assert old in free
        answer = corridor.call(INDUS, "POST", "/v1/payments", content=free.replace(old, new)).json()
        assert answer["state"] == "parked", answer
        (stopped,) = corridor.get(SBP, "/v1/payments/held")
        assert "UN QDe.998" in stopped["hits"][0]
    finally:
        corridor.close()


def test_two_officers_block_it_and_its_money_stands_in_suspense_until_two_release_it(tmp_path):
    """Both banks see how it stands, and only the operator the account."""
    corridor = PaymentCorridor(tmp_path, furnish=with_lists)
    try:
        case_id = corridor.pay(corridor.quote()).json()["id"]
        for officer in ("amna", "bilal"):
            corridor.do(SBP, f"/v1/payments/{case_id}/release", {"officer": officer})
        assert corridor.refused(ALATAU, f"/v1/payments/{case_id}/block", {"officer": "x"}) == "role_missing"
        corridor.do(NBK, f"/v1/payments/{case_id}/block", {"officer": "dana"})
        for word in ("release", "refuse"):
            refused = corridor.call(NBK, "POST", f"/v1/payments/{case_id}/{word}", {"officer": "erlan"})
            assert (refused.status_code, refused.json()["code"]) == (422, "block_stands")
            assert "KZ/nbk:dana" in refused.json()["detail"]
        corridor.do(NBK, f"/v1/payments/{case_id}/block", {"officer": "erlan"})
        seen = [
            (corridor.show(who, case_id)["state"], corridor.show(who, case_id)["status"]) for who in (INDUS, ALATAU)
        ]
        assert seen == [("blocked", "BLCK"), ("frozen", "BLCK")]
        (frozen,) = corridor.get(NBK, "/v1/payments?state=frozen")["payments"]
        assert [(one["officer"], one["word"]) for one in frozen["checks"]] == [
            ("KZ/nbk:dana", "block"),
            ("KZ/nbk:erlan", "block"),
        ]
        (account,) = corridor.get(NBK, "/v1/payments/accounts")
        assert (account["id"], account["posted"]) == ("suspense:KZ:KZT", frozen["chosen"]["destination"])
        assert not any(one["kind"] == "suspense" for one in corridor.get(ALATAU, "/v1/payments/accounts"))
        for officer in ("dana", "erlan"):
            corridor.do(NBK, f"/v1/payments/{case_id}/release", {"officer": officer})
        assert [corridor.show(who, case_id)["state"] for who in (INDUS, ALATAU)] == ["settled", "credited"]
        lines = corridor.get(NBK, "/v1/payments/statement?account=suspense:KZ:KZT")["lines"]
        assert {line["payment"] for line in lines} == {case_id}
    finally:
        corridor.close()


def with_lists_and_days(folder):
    with_lists(folder)
    (folder / "payments.toml").write_text("cycle_s = 86400\n" + remittance.PLAN)


@pytest.mark.parametrize("code", ["PK", "KZ"])
def test_what_was_blocked_for_months_is_given_back_and_settled_in_the_cycle_of_that_moment(tmp_path, code):
    """By both gateways, in the banks' own positions, and again after a lost disk."""
    corridor = PaymentCorridor(tmp_path, furnish=with_lists_and_days)
    try:
        # The provider has spent what it earned over the mid rate.
        corridor.do(SBP, "/v1/payments/deposits", {"participant": "PK/caravan-fx", "amount": "9000.00", "id": "spread"})
        kept = corridor.backup(code)
        case_id = corridor.pay(corridor.quote()).json()["id"]
        for who, word in ((SBP, "release"), (NBK, "block")):
            for officer in ("amna", "bilal"):
                corridor.do(who, f"/v1/payments/{case_id}/{word}", {"officer": officer})
        for days in (1, 99):
            corridor.clock.advance(days * 86_400)
            corridor.close_cycles()
        for officer in ("dana", "erlan"):
            corridor.do(NBK, f"/v1/payments/{case_id}/refuse", {"officer": officer})
        cycle = int(corridor.clock.now().timestamp()) // 86_400
        corridor.clock.advance(86_400)
        for _ in range(2):
            corridor.close_cycles()
            states = [corridor.show(who, case_id)["state"] for who in (INDUS, ALATAU)]
            assert states == ["returned", "given-back"]
            views = [settled(corridor, who, cycle, "settlements") for who in (SBP, NBK)]
            assert [[one["debtor"] for one in view] for view in views] == [["KZ"], ["KZ"]]
            assert views[0] == views[1]
            assert all("instruction" in one for one in views[0])
            assert [one["debtor"] for who in (INDUS, ALATAU) for one in settled(corridor, who, cycle)] == ["KZ", "KZ"]
            corridor.lose(code, kept)
            corridor.run()
    finally:
        corridor.close()


def settled(corridor, who, cycle, path="positions"):
    return corridor.get(who, f"/v1/payments/{path}", params={"cycle": str(cycle)})["bilateral"]


class Slow:
    """A screener that fails twice and then finds what it was told to."""

    def __init__(self, hits):
        self.hits, self.asked, self.closed = hits, [], False

    async def screen(self, names):
        self.asked.append(names)
        await asyncio.sleep(0)
        if len(self.asked) <= 2:
            raise PeerError("not now")
        return self.hits

    async def close(self):
        self.closed = True


def with_screener(name):
    """Furnishes gateways, of which the one in the folder of this name has a screener elsewhere."""

    def furnished(folder):
        furnish(folder)
        if folder.name == name:
            file = folder / "darwaza.toml"
            file.write_text(file.read_text().replace('screener_url = ""', 'screener_url = "http://127.0.0.1:9/"'))

    return furnished


def examine(corridor, code, screening, case_id, monkeypatch):
    """Let an examiner work until the payment waits no more."""
    store = corridor.gateways[code].engine.store
    examine_while(
        lambda: store.cases([case_id])[case_id].state in ("screening", "checking"),
        corridor,
        code,
        screening,
        monkeypatch,
    )


def examine_while(waits, corridor, code, screening, monkeypatch):
    """Let an examiner work as long as something waits."""
    monkeypatch.setattr("darwaza.entry.examiner.RETRY_S", 0)
    engine = corridor.gateways[code].engine

    async def submit(given):
        return engine.run([given])[0]

    async def changed(_):
        await asyncio.sleep(0)
        return True

    async def run():
        task = asyncio.create_task(Examiner(engine, screening, submit, changed).run())
        while waits():  # noqa: ASYNC110 - no event says
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(asyncio.wait_for(run(), WAIT_S))


def test_a_slow_screener_stops_only_its_own_payment(tmp_path, monkeypatch):
    """The payment waits with nothing held, others go on, and the examiner asks until it is answered."""
    corridor = PaymentCorridor(tmp_path, furnish=with_screener("pk"))
    try:
        case_id = corridor.pay(corridor.quote()).json()["id"]
        assert corridor.show(INDUS, case_id)["state"] == "screening"
        assert corridor.quote()["state"] == "reserved"
        slow = Slow(())
        examine(corridor, "PK", slow, case_id, monkeypatch)
        assert slow.closed
        assert slow.asked[0] == ("Muhammad Aslam", "ТОО «Алатау Тау»")
        corridor.run()
        assert corridor.show(ALATAU, case_id)["state"] == "asked"
        stopped = corridor.pay(corridor.quote()).json()["id"]
        examine(corridor, "PK", Slow(("like somebody",)), stopped, monkeypatch)
        assert corridor.get(SBP, "/v1/payments/held")[0]["hits"] == ["like somebody"]
    finally:
        corridor.close()


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ((200, b'{"hits": ["a", "b"]}'), ("a", "b")),
        ((200, b'{"hits": []}'), ()),
        ((200, b"{}"), "screener_answer"),
        ((200, b"\xff"), "screener_answer"),
        ((500, b'{"hits": []}'), "screener_answer"),
        ((200, b'{"hits": ["' + b"x" * 70_000 + b'"]}'), "screener_answer"),
    ],
)
def test_what_a_screener_says_is_checked(loopback, says, expected):
    """Anything but a well-formed answer is no answer, and never a clearance."""
    loopback.says = says

    async def ask():
        screening = HttpScreening(f"http://127.0.0.1:{loopback.server_port}/")
        try:
            return await screening.screen(("A", "B"))
        finally:
            await screening.close()

    if isinstance(expected, str):
        with pytest.raises(PeerError) as caught:
            asyncio.run(ask())
        assert caught.value.code == expected
    else:
        assert asyncio.run(ask()) == expected


def test_published_lists_are_read_and_an_empty_one_is_refused():
    """Names, aliases and original script of the UN; OFAC's columns; an own table."""
    assert [tuple(one) for one in read_list("un.xml", UN.encode())] == [
        ("MUHAMMAD ASLAM", "UN QDi.999"),
        ("محمد اسلم", "UN QDi.999"),
        ("Aslam Sahib", "UN QDi.999"),
        ("SOME TRADING HOUSE", "UN QDe.998"),
    ]
    assert read_list("sdn.csv", b'36,"AEROCARIBBEAN AIRLINES",-0- \n')[0] == ("AEROCARIBBEAN AIRLINES", "OFAC 36")
    assert read_list("alt.csv", b'36,12,"aka","AERO-CARIBBEAN",-0- \n\x1a')[0] == ("AERO-CARIBBEAN", "OFAC 36")
    for name, data in (("un.xml", b"<a/>"), ("un.xml", b"<a"), ("own.csv", b"a,b\n1,2\n"), ("own.csv", b"\xff")):
        with pytest.raises(OperatorError):
            read_list(name, data)


def test_the_operator_reads_that_screening_failed(tmp_path, monkeypatch):
    """Compliance has the payment with its finding; that the gateway itself is at fault is for whoever runs it."""

    def fail(_index, _name):
        raise LookupError

    monkeypatch.setattr("darwaza.services.payments.screening.NameIndex._find", fail)
    corridor = PaymentCorridor(tmp_path, furnish=with_lists)
    try:
        document = remittance.payment(corridor.quote(), corridor.clock.now())
        with structlog.testing.capture_logs() as told:
            stopped = corridor.call(INDUS, "POST", "/v1/payments", content=document).json()
    finally:
        corridor.close()
    assert stopped["state"] == "parked"
    assert [(one["event"], one["log_level"]) for one in told] == [("screening failed", "error")]
