"""Parties are called: in order, at least once, signed, and their answer is their word."""

import asyncio
import base64

import msgspec
import pytest

from darwaza.adapters.http.webhook import HttpWebhook
from darwaza.adapters.keyfile.party import PartyFile
from darwaza.entry import webhook
from darwaza.entry.webhook import CURSOR_FILE, Caller
from darwaza.errors import PeerError
from darwaza.kernel.key import Ed25519PublicKey

from .payment_corridor import ALATAU, INDUS, PaymentCorridor
from .test_payment_bulk import bulk

URL = "https://bank.example/darwaza"


@pytest.fixture
def corridor(tmp_path, monkeypatch):
    for name in ("RETRY_FIRST_S", "RETRY_LAST_S", "PARTIES_READ_S"):
        monkeypatch.setattr(webhook, name, 0.01)
    made = PaymentCorridor(tmp_path)
    file = PartyFile(made.local.path("KZ") / "parties.json")
    bank = next(party for party in file.all() if party.name == "alatau-bank")
    file.put(msgspec.structs.replace(bank, webhook=URL))
    yield made
    made.close()


class Bank:
    """The bank's end of a call: it fails when told to, and answers with words."""

    def __init__(self, answer, failing=0):
        self.calls, self.answer, self.failing = [], answer, failing

    async def post(self, url, body, headers):
        assert url == URL
        self.calls.append((body, headers))
        await asyncio.sleep(0)
        if len(self.calls) <= self.failing:
            raise PeerError("not now")
        return self.answer(msgspec.json.decode(body)["notices"])

    async def close(self):
        pass


def confirm_all(notices):
    return msgspec.json.encode({"words": [{"id": one["case_id"]} for one in notices if one["kind"] == "payment.asked"]})


def serve(corridor, bank, done):
    """Let the caller of Kazakhstan's gateway work until something is true."""
    gateway = corridor.gateways["KZ"]

    async def submit(given):
        return gateway.engine.run([given])[0]

    async def changed(_):
        await asyncio.sleep(0)
        return True

    async def run():
        task = asyncio.create_task(Caller(gateway, bank, submit, changed).run())
        while not done():
            await asyncio.sleep(0.001)
            if task.done():
                task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(asyncio.wait_for(run(), 300))


def cursor(corridor):
    path = corridor.local.path("KZ") / CURSOR_FILE
    return msgspec.json.decode(path.read_bytes()).get("alatau-bank") if path.exists() else None


def state(corridor, case_id):
    return corridor.gateways["KZ"].engine.store.cases([case_id])[case_id].state


def test_a_bank_confirms_credits_in_its_answer_to_a_call(corridor):
    """Called until it answers; nothing is lost when it does not, and what it has taken is not called again."""
    serve(corridor, Bank(lambda _: b""), lambda: cursor(corridor) is not None)  # called from now on
    case_id = corridor.ordered()
    bank = Bank(confirm_all, failing=2)
    serve(corridor, bank, lambda: state(corridor, case_id) == "accepted" and len(bank.calls) >= 3)
    assert bank.calls[0][0] == bank.calls[1][0] == bank.calls[2][0]
    corridor.run()
    assert corridor.show(INDUS, case_id)["status"] == "ACSC"
    after = Bank(lambda _: b"")
    serve(corridor, after, lambda: after.calls)
    kinds = [one["kind"] for body, _ in after.calls for one in msgspec.json.decode(body)["notices"]]
    assert kinds == ["payment.credited"]


def test_a_bank_refuses_in_its_answer_and_a_wrong_word_moves_nothing(corridor):
    """A word on another's payment, or on none, is as good as none."""
    serve(corridor, Bank(lambda _: b""), lambda: cursor(corridor) is not None)
    case_id = corridor.ordered()
    strange = "00000000-0000-7000-8000-000000000000"
    words = [{"id": strange}, {"id": case_id, "reason": "AC04", "detail": "closed"}]
    bank = Bank(lambda _: msgspec.json.encode({"words": words}))
    serve(corridor, bank, lambda: state(corridor, case_id) == "refused")


def test_a_bank_answers_the_payments_of_a_bulk_in_its_answer_to_a_call(corridor):
    """It is told their numbers, and says its word on each; the payers' bank is told how each ended."""
    serve(corridor, Bank(lambda _: b""), lambda: cursor(corridor) is not None)
    case_id = (
        corridor.call(INDUS, "POST", "/v1/payments/bulk", content=bulk(corridor)).json()[0]["id"].partition(".")[0]
    )
    corridor.run()

    def answer(notices):
        ids = [
            f"{one['case_id']}.{n}"
            for one in notices
            if one["kind"] == "payment.bulk-asked"
            for n in one["detail"]["numbers"]
        ]
        words = [{"id": ids[0]}, {"id": ids[1], "reason": "AC04"}, {"id": ids[2]}, {"id": ids[2]}] if ids else []
        return msgspec.json.encode({"words": [*words, {"id": case_id + ".9999"}]})

    serve(corridor, Bank(answer), lambda: state(corridor, case_id) == "bulk-answered")
    corridor.run()
    shown = [corridor.show(INDUS, f"{case_id}.{n}") for n in (1, 2, 3)]
    assert [one["state"] for one in shown] == ["settled", "rejected", "settled"]
    store = corridor.gateways["PK"].engine.store
    told = {
        row.kind: msgspec.msgpack.decode(row.detail) for row in store.notices(INDUS, 0, 100) if row.case_id == case_id
    }
    assert told == {
        "payment.bulk-settled": {"uetrs": [shown[0]["uetr"], shown[2]["uetr"]]},
        "payment.bulk-rejected": {"uetrs": [shown[1]["uetr"]]},
    }


@pytest.mark.parametrize("answer", [b"[]", b"\xff", b'{"words": [{"id": "x"}]}'])
def test_an_answer_that_cannot_be_read_is_no_answer(corridor, answer):
    """The bank is called again with the same."""
    serve(corridor, Bank(lambda _: b""), lambda: cursor(corridor) is not None)
    case_id = corridor.ordered()
    before = cursor(corridor)
    bank = Bank(lambda _: answer)
    serve(corridor, bank, lambda: len(bank.calls) >= 2)
    assert (cursor(corridor), state(corridor, case_id)) == (before, "asked")


def test_a_call_is_signed_with_the_key_in_the_corridor_document(corridor):
    """Standard Webhooks, asymmetric form: id, time and body under Ed25519."""
    serve(corridor, Bank(lambda _: b""), lambda: cursor(corridor) is not None)
    corridor.ordered()
    bank = Bank(lambda _: b"")
    serve(corridor, bank, lambda: bank.calls)
    body, headers = bank.calls[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    version, _, signature = headers["webhook-signature"].partition(",")
    key = corridor.gateways["PK"].card("KZ").keys.log
    assert version == "v1a"
    assert Ed25519PublicKey(key).verify(base64.b64decode(signature), signed)
    assert corridor.get(ALATAU, "/v1/payments/credits")


def test_a_refused_or_unreachable_address_is_a_peer_error():
    """What cannot be posted is tried again by the caller, never lost by an exception of the library."""

    async def post():
        hook = HttpWebhook()
        try:
            await hook.post("http://127.0.0.1:9/", b"{}", {})
        finally:
            await hook.close()

    with pytest.raises(PeerError) as caught:
        asyncio.run(post())
    assert caught.value.code == "webhook_unreachable"


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ((200, b'{"words": []}'), b'{"words": []}'),
        ((204, b""), b""),
        ((302, b""), "webhook_refused"),
        ((500, b""), "webhook_refused"),
        ((200, b"x" * 1_100_000), "webhook_refused"),
    ],
)
def test_only_an_answer_of_the_200s_of_bearable_size_is_an_answer(loopback, says, expected):
    """Redirects are not followed: where a party is called its operator has said."""
    loopback.says = says

    async def post():
        hook = HttpWebhook()
        try:
            return await hook.post(f"http://127.0.0.1:{loopback.server_port}/", b"{}", {"webhook-id": "1"})
        finally:
            await hook.close()

    if isinstance(expected, bytes):
        assert asyncio.run(post()) == expected
        return
    with pytest.raises(PeerError) as caught:
        asyncio.run(post())
    assert caught.value.code == expected
