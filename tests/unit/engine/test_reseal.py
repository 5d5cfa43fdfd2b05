"""A destination renews its sealing key while letters sealed to the former one are under way."""

import pytest
from tests.unit.engine.chain import Chain

from darwaza.engine.voyage import DELIVERED, UNDELIVERABLE
from darwaza.testing.world import SeededKeys


@pytest.fixture
def chain():
    """Two letters on their way from Almaty to Karachi, which then renews its sealing key."""
    made = Chain()
    made.letters = [made.offer("KZ/trader", "PK/agency", b"letter %d" % number) for number in range(2)]
    made.settle()
    (first_link,) = {one for one in made.logs() if "/KZ-to-UZ/0" in one}
    assert made.carry_log(first_link) >= 2  # Tashkent has them
    assert made.state("PK", made.letters[0][0]) is None
    return made


def renew(chain, *, keeps):
    """Go over to a new sealing key, and keep the former one or throw it away."""
    keys = chain.world.keys["PK"]
    former, keys.seal = keys.seal, SeededKeys("PK", generation=1).seal
    keys.former_seals = (former,) if keeps else ()
    chain.start("PK", seed=1)


def test_letters_under_way_are_opened_with_the_former_key(chain):
    """They arrive, each once, and their origin has the receipts: nobody needs to send anything again."""
    renew(chain, keeps=True)
    chain.carry()
    for case_id, message_id in chain.letters:
        assert chain.state("PK", case_id) == "arrived"
        assert chain.state("KZ", message_id) == DELIVERED
    chain.check()


def test_letters_to_a_key_that_was_thrown_away_return_to_their_sender(chain):
    """They are not lost in silence: their origin is told that nobody can open them, and gives them back."""
    renew(chain, keeps=False)
    chain.carry()
    for case_id, message_id in chain.letters:
        assert chain.state("PK", case_id) is None
        assert chain.state("KZ", message_id) == UNDELIVERABLE
        assert chain.state("KZ", case_id) == "refused"
    assert {row.code for row in chain.stores["PK"].quarantined(10)} == {"unseal_failed"}
    chain.check()
