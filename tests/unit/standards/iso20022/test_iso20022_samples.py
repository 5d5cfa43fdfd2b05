"""Messages others have published are read, and written back without loss."""

import re
from collections import Counter
from importlib import resources
from pathlib import Path

from lxml import etree
from tests.unit.standards.iso20022.samples import attempt

from darwaza.errors import MessageError
from darwaza.standards.iso20022.conversion import NEWER, OLDER, convert
from darwaza.standards.iso20022.document import message_of
from darwaza.standards.iso20022.message import MESSAGES, read, write
from darwaza.standards.iso20022.text import read_instant, write_instant

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")

_FEDNOW = {
    ("admi004-ping.xml", "head.001.001.02"): "read",
    ("admi004-ping.xml", "admi.004.001.02"): "message_unsupported",
    ("admi_002.xml", "admi.002.001.01"): "value_wrong",
    ("fednow-sample-message-admi002.xml", "head.001.001.02"): "read",
    ("fednow-sample-message-admi002.xml", "admi.002.001.01"): "read",
    ("fednow-sample-message-admi998.xml", "head.001.001.02"): "read",
    ("fednow-sample-message-admi998.xml", "admi.998.001.02"): "namespace_wrong",
    ("fednow-sample-message-outgoing-pacs002.xml", "head.001.001.02"): "read",
    ("fednow-sample-message-outgoing-pacs002.xml", "pacs.002.001.10"): "read",
    ("fednow-sample-message-pacs002.xml", "head.001.001.02"): "read",
    ("fednow-sample-message-pacs002.xml", "pacs.002.001.10"): "read",
    ("fednow_incoming.xml", "head.001.001.02"): "element_missing",
    ("fednow_incoming.xml", "pacs.002.001.10"): "read",
    ("head_001.xml", "head.001.001.02"): "element_missing",
    ("sample-participant-to-fednow-message.xml", "head.001.001.02"): "read",
    ("sample-participant-to-fednow-message.xml", "pacs.008.001.08"): "read",
}


def parts_of(data: bytes) -> list[bytes]:
    """Return the headers and documents inside an envelope."""
    root = etree.fromstring(data)
    return [etree.tostring(item, with_tail=False) for item in root.iter("{*}Document", "{*}AppHdr")]


def canonical(document: bytes) -> bytes:
    """Return canonical XML without layout, comments and schema hints, with moments in UTC."""
    parser = etree.XMLParser(remove_blank_text=True, remove_comments=True)
    root = etree.fromstring(document, parser)
    for name in root.attrib:
        del root.attrib[name]
    for item in root.iter():
        if item.text and _MOMENT.fullmatch(item.text):
            item.text = write_instant(read_instant(item.text))
    return bytes(etree.tostring(root, method="c14n", exclusive=True))


def cbpr_samples() -> list[bytes]:
    """Return the sample messages of cross-border practice, least and fullest, of two years."""
    folder = resources.files("cbpr_rules").joinpath("examples")
    files = [file for year in folder.iterdir() for file in year.iterdir() if file.name.endswith(".xml")]
    return [part for file in files for part in parts_of(file.read_bytes())]


def test_cross_border_samples_are_kept_whole() -> None:
    """Even the fullest samples, with every element a usage guideline allows, come back as they were."""
    seen: Counter[str] = Counter()
    for document in cbpr_samples():
        message = message_of(etree.fromstring(document))
        if message in MESSAGES:
            value = read(document)
            assert canonical(write(value)) == canonical(document)
            assert read(write(value)) == value
            seen[message] += 1
    assert seen == {"head.001.001.02": 40, "pacs.008.001.08": 8, "pacs.002.001.10": 4}


def test_cross_border_samples_convert_there_and_back() -> None:
    """The fullest version 8 samples go through version 13 without loss."""
    documents = [item for item in cbpr_samples() if message_of(etree.fromstring(item)) == OLDER]
    for document in documents:
        assert canonical(convert(convert(document, NEWER), OLDER)) == canonical(document)
    assert documents


def fednow_outcomes(folder: Path) -> dict[tuple[str, str], str]:
    """Read every header and document in the folder; a refusal by its code."""
    outcomes = {}
    for path in sorted(folder.glob("*.xml")):
        for part in parts_of(path.read_bytes()):
            message = etree.QName(etree.fromstring(part)).namespace.rpartition(":")[2]
            value = attempt(read, part)
            if isinstance(value, MessageError):
                outcomes[path.name, message] = value.code
            else:
                assert canonical(write(value)) == canonical(part)
                outcomes[path.name, message] = "read"
    return outcomes


def test_fednow_samples(shared_data: Path) -> None:
    """Sample messages of an instant payment service are read; the partial ones are refused for what they lack."""
    outcomes = fednow_outcomes(shared_data / "iso20022" / "fednow_samples")
    assert outcomes == _FEDNOW
