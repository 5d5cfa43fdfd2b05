"""How a request's query and headers are read, and what an answer's head says."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from darwaza.entry.api.endpoint import JsonAnswer, _pairs, _read_query
from darwaza.entry.api.link import OriginQuery
from darwaza.entry.api.order import OrderQuery
from darwaza.entry.api.request import header_of
from darwaza.errors import MalformedError


@given(st.text(st.sampled_from("ab=&%+;2fF3d \u00e4")))
def test_a_query_is_read_as_the_standard_library_reads_it(query):
    """Names and values, escaped or not, twice, empty or missing."""
    assert [tuple(pair) for pair in _pairs(query)] == parse_qsl(query, keep_blank_values=True)


def test_of_a_header_that_is_there_twice_the_first_counts():
    """Also the second time it is asked for; one that is absent is empty."""
    headers = [(b"prefer", b"wait=1"), (b"accept", b"caf\xe9"), (b"prefer", b"wait=2")]
    request = Request({"type": "http", "headers": headers})
    for _ in range(2):
        assert [header_of(request, name) for name in (b"prefer", b"accept", b"absent")] == ["wait=1", "café", ""]
    assert request.headers.getlist("prefer") == ["wait=1", "wait=2"]


@pytest.mark.parametrize("body", [b"", b"[1]"])
def test_a_json_answer_has_the_head_of_any_other(body):
    """It is written with less, and reads the same."""
    lean, full = JsonAnswer(body, 201), Response(body, 201, media_type="application/json")
    assert (lean.raw_headers, lean.body, lean.status_code) == (full.raw_headers, full.body, full.status_code)
    lean.headers["x-more"] = "1"
    assert (b"x-more", b"1") in lean.raw_headers


def test_a_query_that_is_asked_again_is_judged_again():
    """What was read is shared by who ask the same; a refusal is made for each, and another kind reads it anew."""
    kept = _read_query(OrderQuery, b"to=KZ")
    assert kept == OrderQuery(to="KZ")
    assert _read_query(OrderQuery, b"to=KZ") == kept
    assert _read_query(OrderQuery, b"") == OrderQuery()
    for _ in range(2):
        for kind, query in ((OrderQuery, b"to=kz"), (OrderQuery, b"to=KZ&to=KZ"), (OriginQuery, b"to=KZ")):
            with pytest.raises(MalformedError) as refused:
                _read_query(kind, query)
            assert refused.value.code == "query_malformed"
