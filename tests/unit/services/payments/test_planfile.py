"""The plan file: what the guide shows can be loaded, and what is wrong is refused with its place."""

import re
import tomllib
from pathlib import Path

import pytest

from darwaza.entry.sample import remittance
from darwaza.errors import OperatorError
from darwaza.services.payments.deposit import read_deposits
from darwaza.services.payments.plan import Directory
from darwaza.services.payments.planfile import load_plan

GUIDE = Path(__file__).resolve().parents[4] / "docs" / "guides" / "payments.md"


def test_the_plan_in_the_guide_can_be_loaded():
    """Amounts become minor units of the member's currency."""
    (text,) = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    plan = load_plan(tomllib.loads(text))
    bank = next(one for one in plan.participants if one.role == "psp")
    assert (bank.limit_minor, bank.low_minor) == (50_000_000_00, 1_000_000_00)
    assert plan.corridors[0].identify_from_minor == 280_000_00


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('limit = "50000000.00"', 'limit = "50000000.001"'),
        ('limit = "50000000.00"', 'limit = "-1.00"'),
        ('limit = "50000000.00"', "limit = 5.0"),
        ('bic = "INDSPKKA"', 'bic = "INDSPK"'),
        ('bic = "RAVIPKKA"', 'bic = "INDSPKKA"'),
        ('bic = "INDSPKKA"', ""),
        ('address = "PK/ravi-bank"', 'address = "PK/indus-bank"'),
        ('address = "PK/ravi-bank"', 'address = "TM/ravi-bank"'),
        ('PK = "PKR/2"', 'PK = "PKR"'),
        ('role = "operator"', 'role = "king"'),
        ('destination = "KZ"', 'destination = "PK"'),
        ('"SUPP"', '"supplier"'),
        ("share_ppm = 1000", "share_ppm = 1000000"),
        ("share_ppm = 1000", "share = 1000"),
        ("[currencies]", "cycle_s = 599\n[currencies]"),
        ("[currencies]", "cycle_s = 86401\n[currencies]"),
        ("[currencies]", "cycle_s = 3599\n[currencies]"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(old, new):
    """Nothing is guessed."""
    assert old in remittance.PLAN
    with pytest.raises(OperatorError) as caught:
        load_plan(tomllib.loads(remittance.PLAN.replace(old, new)))
    assert caught.value.code == "plan_wrong"


def test_a_plan_may_name_the_length_of_its_cycles():
    """An hour without it; what is wrong with it is said of its field."""
    for line, length_s in (("", 3_600), ("cycle_s = 600\n", 600), ("cycle_s = 86400\n", 86_400)):
        assert load_plan(tomllib.loads(line + remittance.PLAN)).cycle_s == length_s
    for wrong in ("599", "86401", "7000", '"3600"'):
        with pytest.raises(OperatorError, match=r"\$\.cycle_s"):
            load_plan(tomllib.loads(f"cycle_s = {wrong}\n" + remittance.PLAN))


@pytest.mark.parametrize(
    "line",
    [
        "deposit,PK/indus-bank,1.001,R1",
        "deposit,KZ/alatau-bank,1.00,R1",
        "deposit,PK/sbp,1.00,R1",
        "gift,PK/indus-bank,1.00,R1",
        "deposit,PK/indus-bank,1.00,",
        "deposit,PK/indus-bank",
        "deposit,PK/indus-bank,1.00,R1,more",
    ],
)
def test_a_list_of_deposits_with_a_wrong_line_is_refused_whole(line):
    """Money is not guessed at, and the line is named."""
    directory = Directory(load_plan(tomllib.loads(remittance.PLAN)))
    good = "kind,participant,amount,reference\ndeposit,PK/indus-bank,1.00,R0\nwithdrawal,PK/caravan-fx,0.50,R0\n"
    first, second = read_deposits(good, directory, "PK")
    assert (first.id, first.amount_minor, second.debit_account) == ("deposit:R0", 100, "liquidity:PK/caravan-fx:PKR")
    with pytest.raises(OperatorError) as caught:
        list(read_deposits(good + line + "\n", directory, "PK"))
    assert "line 4" in caught.value.detail
