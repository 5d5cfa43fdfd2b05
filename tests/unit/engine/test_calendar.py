"""Instants at the edge of the calendar, in what neighbours send."""

import msgspec
import pytest
from tests.unit.engine.peer import Gateway, offer, uuid

from darwaza.kernel.message import decode_header


@pytest.mark.parametrize("field", ["created_at", "expires_at"])
@pytest.mark.parametrize("text", ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"])
def test_a_message_from_the_edge_of_the_calendar_is_refused_at_its_field(field, text):
    """What is added to such an instant would fall off; its sender is told so, and the service is not asked."""
    uz = Gateway()
    uz.send([offer(10), offer(11, **{field: text})])
    assert set(uz.store.cases([uuid(10), uuid(11)])) == {uuid(10)}
    assert uz.store.quarantined(9) == []
    (told,) = (
        msgspec.json.decode(leaf.body)
        for row in uz.store.logs()
        if row.author == "UZ"
        for leaf in uz.store.scan_leaves(row.id)
        if decode_header(leaf.header).kind == "documents.refused"
    )
    assert (told["code"], told["pointer"]) == ("instant_malformed", f"/{field}")
    uz.check_alive()
