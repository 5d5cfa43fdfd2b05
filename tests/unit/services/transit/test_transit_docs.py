"""What the documentation lists is what the code has."""

import re
from pathlib import Path

from tests.unit.services.transit.world import reference

from darwaza.kernel.machine import ELAPSED
from darwaza.services.transit import leg, posted, scan, seal, trust
from darwaza.services.transit.codes import ETIR, TransitRefusal
from darwaza.services.transit.machine import movement_service
from darwaza.services.transit.message import KINDS

DOCS = Path(__file__).parents[4] / "docs"
REFERENCE = (DOCS / "reference" / "transit-messages.md").read_text()
CONCEPT = (DOCS / "concepts" / "transit-offline.md").read_text()


def test_refusals_are_listed_in_order_with_their_etir_code():
    """The table of refusals is the enum, in its order of precedence."""
    rows = re.findall(r"^\| `([a-z_]+)` \| (yes|no) \| (\d+) \|$", REFERENCE, re.MULTILINE)
    assert rows == [(no.code, "yes" if no.transient else "no", str(int(ETIR.get(no, 200)))) for no in TransitRefusal]


def test_messages_and_commands_are_listed():
    """Every message kind and every command of the movement's table stands in the reference."""
    for kind in KINDS:
        assert f"`{kind}`" in REFERENCE
    for _, given in movement_service(reference()).table:
        if not given.startswith(("transit.", "restored ", "fact ")) and given != ELAPSED:
            assert f"`{given}`" in REFERENCE


def test_verdicts_and_discrepancies_are_explained():
    """Every reason of a scan and every discrepancy of two posts stands in the concept page."""
    source = "".join(Path(module.__file__).read_text() for module in (scan, trust))
    for code in re.findall(r'Reason\(\s*"([a-z-]+)"', source):
        assert f"`{code}`" in CONCEPT
    for code in re.findall(r'"((?:[a-z]+-)+[a-z]+)", (?:index|event|-1)', Path(leg.__file__).read_text()):
        if code not in {"termination-missing", "unloaded-too-much"}:
            assert f"`{code}`" in CONCEPT
    assert posted.__doc__
    assert seal.__doc__
