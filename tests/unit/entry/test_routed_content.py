"""What came over other members' gateways is read like anything else: by its recipient, and by its sender again."""

import asyncio
from types import SimpleNamespace

import pytest
from tests.unit.engine.chain import Chain
from tests.unit.engine.test_path_policy import PIECES, add, announce

from darwaza.engine.routed import read_at
from darwaza.entry.api.content import content
from darwaza.errors import MalformedError


def downloaded(chain, party, case_id):
    """What a party gets for a document at its own gateway."""
    engine = chain.engines[party[:2]]
    server = SimpleNamespace(gateway=SimpleNamespace(engine=engine), store=engine.store)
    request = SimpleNamespace(path_params={"id": case_id})
    call = SimpleNamespace(server=server, request=request, party=SimpleNamespace(address=party), header=lambda _: "")

    async def run():
        answer = await content(call)
        if hasattr(answer, "body_iterator"):
            return b"".join([piece async for piece in answer.body_iterator])
        return answer.body

    return asyncio.run(run())


@pytest.mark.parametrize("party", ["PK/agency", "KZ/trader"])
def test_a_routed_document_is_downloaded_at_both_ends(party):
    """Whole or in chunks, sealed on the way: it is the document that was sent; a relay that is asked gives nothing."""
    chain = Chain()
    whole, _ = chain.offer("KZ/trader", "PK/agency", b"<bill/>")
    large = announce(chain, "").case_id
    for piece in PIECES:
        add(chain, large, piece)
    chain.carry()
    assert downloaded(chain, party, whole) == b"<bill/>"
    assert downloaded(chain, party, large) == b"".join(PIECES)
    relay = chain.engines["UZ"]
    assert {body for place in relay.store.case_leaves(whole) for _, body in [read_at(relay, place)]} == {b""}


def test_a_letter_whose_key_is_lost_is_called_forgotten():
    """A gateway that came back under other sealing keys says that the content is not there, and does not fail."""
    chain = Chain()
    case_id, _ = chain.offer("KZ/trader", "PK/agency", b"<bill/>")
    chain.carry()
    site = chain.engines["PK"].site
    site._unseal = chain.engines["CN"].site._unseal or (chain.engines["CN"].site.unseal_key,)
    with pytest.raises(MalformedError) as fault:
        downloaded(chain, "PK/agency", case_id)
    assert fault.value.code == "body_forgotten"


def test_a_sender_reads_its_own_document_after_a_lost_disk():
    """What the relay gave back is opened with the sender's copy of the key."""
    chain = Chain()
    case_id, _ = chain.offer("KZ/trader", "PK/agency", b"<bill/>")
    chain.carry()
    chain.lose_disk("KZ")
    assert downloaded(chain, "KZ/trader", case_id) == b"<bill/>"
