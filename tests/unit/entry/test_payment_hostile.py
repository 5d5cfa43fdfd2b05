"""Whatever is sent to the payments interface is answered with a coded refusal, and nothing moves."""

import pytest

from darwaza.entry.api import alias, credit, market, message, payment, recourse, report

from .payment_corridor import INDUS, SBP, PaymentCorridor

MODULES = (alias, credit, market, message, payment, recourse, report)
ENDPOINTS = [endpoint for module in MODULES for endpoint in module.ENDPOINTS]
ODD = "00000000-0000-7000-8000-00000000000g"
BODIES = [
    b"",
    b"\xff",
    b"[" * 100_000,
    b"{}",
    b'{"amount": 1e400}',
    b'{"amount": "1\\u0000"}',
    b"<Document/>",
    b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.13"/>',
    b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.013.001.11"/>',
]


@pytest.fixture(scope="module")
def corridor(tmp_path_factory):
    made = PaymentCorridor(tmp_path_factory.mktemp("corridor"))
    yield made
    made.close()


@pytest.mark.parametrize("who", [INDUS, SBP])
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
def test_nonsense_is_refused_with_a_code_and_moves_nothing(corridor, endpoint, who):
    """No endpoint answers with an error of its own making, whoever asks and whatever is in the body."""
    engine = corridor.gateways["PK"].engine
    before = [tuple(row) for row in engine.store.scan_accounts()], engine.store.last_transfer()
    path = endpoint.path.replace("{id}", ODD)
    for body in BODIES if endpoint.method == "POST" else [b""]:
        answer = corridor.call(who, endpoint.method, path, content=body)
        assert answer.status_code < 500, answer.content
        if answer.is_error:
            assert answer.headers["darwaza-code"]
    for query in ("?cycle=-1", "?account=x&after=99999999999999999999", "?since=yesterday", "?limit=0", "?uetr=x"):
        answer = corridor.call(who, "GET", path + query) if endpoint.method == "GET" else None
        assert answer is None or answer.status_code < 500
    assert before == ([tuple(row) for row in engine.store.scan_accounts()], engine.store.last_transfer())


def test_every_endpoint_needs_a_token(corridor):
    """Payments are nobody's but the parties'."""
    assert all(endpoint.role for endpoint in ENDPOINTS)


def test_the_description_tells_who_answers_in_iso_20022(corridor):
    """OpenAPI names both forms of what can be asked for in ISO 20022."""
    paths = corridor.get(INDUS, "/openapi.json")["paths"]
    done = paths["/v1/payments"]["post"]["responses"]
    assert done["201"]["content"].keys() == {"application/json", "application/xml"}
    assert done["422"]["content"].keys() == {"application/problem+json", "application/xml"}
    assert "application/xml" in paths["/v1/payments/messages"]["post"]["responses"]["422"]["content"]
