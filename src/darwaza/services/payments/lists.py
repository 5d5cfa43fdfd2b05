"""Reads lists of names that payments are screened against, from the files their publishers give out.

| file | form |
|---|---|
| ``*.xml`` | the consolidated list of the UN Security Council, as published |
| ``sdn.csv``, ``cons_prim.csv`` | OFAC's lists of names: number, name, …; no header |
| ``alt.csv``, ``cons_alt.csv`` | OFAC's lists of other names: number, number of the name, kind, name, … |
| any other ``*.csv`` | a header with ``name`` and ``entry``, such as a country's own list |

An entry's aliases and names in the original script are names of it like any other.
"""

import csv
import io
from collections.abc import Iterator
from typing import Final

from lxml import etree

from darwaza.errors import OperatorError
from darwaza.services.payments.names import Listed

LIST_BYTES_MAX: Final = 200 * 1_048_576
_OFAC_NAMES: Final = {"sdn.csv": 1, "cons_prim.csv": 1, "alt.csv": 3, "cons_alt.csv": 3}
"""Files of OFAC, and which column holds the name."""
_UN_PARTS: Final = ("FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME")
_UN_ENTRIES: Final = frozenset({"INDIVIDUAL", "ENTITY"})
_UN_ALIASES: Final = ("INDIVIDUAL_ALIAS/ALIAS_NAME", "ENTITY_ALIAS/ALIAS_NAME")


def read_list(name: str, data: bytes) -> list[Listed]:
    """Read one file.

    Args:
        name: of the file, by which its form is known.
        data: its content.

    Raises:
        OperatorError: ``list_wrong``: it cannot be read, or holds no name. An empty list would let everybody pass.
    """
    if len(data) > LIST_BYTES_MAX:
        raise OperatorError(f"the list {name} is over {LIST_BYTES_MAX} bytes", code="list_wrong")
    try:
        found = list(_un(data) if name.endswith(".xml") else _table(name, data.decode("utf-8-sig")))
    except (ValueError, LookupError, csv.Error, etree.LxmlError) as fault:
        raise OperatorError(f"the list {name} cannot be read: {fault}", code="list_wrong") from fault
    if not found:
        raise OperatorError(f"the list {name} holds no name", code="list_wrong")
    return found


def _table(name: str, text: str) -> Iterator[Listed]:
    if name in _OFAC_NAMES:
        column = _OFAC_NAMES[name]
        for row in csv.reader(io.StringIO(text)):
            if len(row) > column:
                yield Listed(row[column].strip(), f"OFAC {row[0].strip()}")
        return
    for line in csv.DictReader(io.StringIO(text)):
        yield Listed(line["name"], line["entry"])


def _un(data: bytes) -> Iterator[Listed]:
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=True)
    root = etree.fromstring(data, parser)
    for entry in root.iter(*_UN_ENTRIES):
        reference = "UN " + (entry.findtext("REFERENCE_NUMBER") or "").strip()
        names = [" ".join(filter(None, ((entry.findtext(part) or "").strip() for part in _UN_PARTS)))]
        names += [entry.findtext("NAME_ORIGINAL_SCRIPT") or ""]
        names += [alias.text or "" for path in _UN_ALIASES for alias in entry.iterfind(path)]
        yield from (Listed(one.strip(), reference) for one in names if one.strip())
