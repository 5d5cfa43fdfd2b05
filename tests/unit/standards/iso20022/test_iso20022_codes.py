"""Codes are short, upper case, and each means something."""

import pytest

from darwaza.standards.iso20022 import codes
from darwaza.standards.iso20022.dictionary import definition_of

TABLES = {name: table for name, table in vars(codes).items() if name.isupper()}


@pytest.mark.parametrize("name", TABLES)
def test_tables(name: str) -> None:
    """External codes have four characters and a meaning that is one line."""
    for code, meaning in TABLES[name].items():
        assert len(code) == 4
        assert code.isalnum()
        assert code == code.upper()
        assert meaning
        assert meaning == meaning.strip()
        assert "\n" not in meaning


def test_closed_lists_are_the_schemas() -> None:
    """Where the schema closes a list, ours is the same."""
    transaction = definition_of("pacs.008.001.13").types["CreditTransferTransaction70"]
    bearer = transaction.child("ChrgBr")
    assert bearer is not None
    assert set(bearer.type.values) == set(codes.CHARGE_BEARERS)  # type: ignore[union-attr]


def test_the_reasons_of_the_corridor_are_known() -> None:
    """Every reason our rules of refusal, silence and recall may give is there."""
    given = "AB01 AB03 AB04 AB05 AB06 AB08 AC01 AC04 AC06 AG01 AGNT AM02 AM04 AM09 AM14 AM23 BE23 CH21 CURR DT04 DUPL"
    given += " FF01 FR01 FRAD MD07 RC06 RC07 RC11 RR01 RR02 RR04 TM01"
    assert set(given.split()) <= set(codes.STATUS_REASONS)
