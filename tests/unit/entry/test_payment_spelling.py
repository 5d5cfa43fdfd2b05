"""XML spells one document in many ways, and a payment is the same payment in each of them.

What a bank sends again because it heard nothing is answered as before: any other answer would have it pay twice.
"""

import re

import pytest

from darwaza.entry.sample import remittance
from darwaza.standards.iso20022.conversion import OLDER, convert
from darwaza.standards.iso20022.message import read

from .payment_corridor import INDUS, XML, PaymentCorridor

DECOY = b"00000000-0000-4000-8000-000000000000"
FOREIGN = b'<x xmlns="urn:x"><QtId>' + DECOY + b"</QtId><UETR>" + DECOY + b"</UETR></x>"


def sub(pattern, new):
    """The document with every match replaced, and only if there is one."""

    def spell(document):
        found, count = re.subn(pattern, new, document)
        assert count
        return found

    return spell


def prefixed(prefix):
    """The document with all its elements in a namespace that has a name."""

    def spell(document):
        named = re.sub(rb"<(/?)([A-Z])", rb"<\1" + prefix.encode() + rb":\2", document)
        return named.replace(b"xmlns=", b"xmlns:" + prefix.encode() + b"=", 1)

    return spell


SPELLINGS = {
    "blanks in the tag of the UETR": sub(rb"<UETR>", b"<UETR\n >"),
    "blanks in both tags of the UETR": sub(rb"UETR>", b"UETR >"),
    "blanks in the tags of the quote": sub(rb"QtId>", b"QtId\t>"),
    "a comment in the UETR": sub(rb"<UETR>(.)", rb"<UETR>\1<!-- so -->"),
    "the UETR as a section": sub(rb"<UETR>(.*?)<", rb"<UETR><![CDATA[\1]]><"),
    "a figure of the UETR by number": sub(rb"(<UETR>.{14})4", rb"\1&#52;"),
    "the quote as a section": sub(rb"<QtId>(.*?)<", rb"<QtId><![CDATA[\1]]><"),
    "a figure of the quote by number": sub(rb"(<QtId>.{14})4", rb"\1&#x34;"),
    "other names in a comment": sub(rb"<PmtId>", b"<!-- <UETR>%b</UETR><QtId>%b</QtId> --><PmtId>" % (DECOY, DECOY)),
    "other names in an instruction": sub(rb"<PmtId>", b"<?x <UETR>%b</UETR><QtId>%b</QtId> ?><PmtId>" % (DECOY, DECOY)),
    "other names in supplementary data": sub(
        rb"</CdtTrfTxInf>", b"<SplmtryData><Envlp>" + FOREIGN + b"</Envlp></SplmtryData></CdtTrfTxInf>"
    ),
    "the UETR with a blank and another in supplementary data": sub(
        rb"<UETR>(.*)</CdtTrfTxInf>",
        b'<UETR >\\1<SplmtryData><Envlp><x xmlns="urn:x"><UETR>'
        + DECOY
        + b"</UETR></x></Envlp></SplmtryData></CdtTrfTxInf>",
    ),
    "a short prefix": prefixed("p"),
    "a long prefix": prefixed("p" * 40),
    "a prefix in another script": prefixed("ш"),
    "the older version far behind a comment": lambda document: b"<!--" + b"." * 2_000 + b"-->" + _older(document),
}


def _older(document):
    return convert(document, OLDER).partition(b"?>")[2]


@pytest.fixture(scope="module")
def corridor(tmp_path_factory):
    made = PaymentCorridor(tmp_path_factory.mktemp("spelling"))
    yield made
    made.close()


CASES = {f"{name}, under a quote": (spell, True) for name, spell in SPELLINGS.items()} | {
    f"{name}, at a rate of the moment": (spell, False)
    for name, spell in SPELLINGS.items()
    if "the quote" not in name  # there is none
}


@pytest.mark.parametrize(("spell", "quoted"), CASES.values(), ids=CASES)
def test_a_payment_is_known_again_however_its_document_is_spelled(corridor, spell, quoted):
    """Sent thrice it is one payment, in JSON and in ISO 20022, under the quote that it names or under none."""
    quote = corridor.quote() if quoted else {**corridor.quote(), "quote_id": None}
    document = remittance.payment(quote, corridor.clock.now())
    spelled = spell(document)
    first, again = (corridor.call(INDUS, "POST", "/v1/payments", content=spelled) for _ in range(2))
    assert first.status_code == 201, first.json()
    assert first.json()["uetr"] == read(document).transactions[0].id.uetr
    assert not quoted or first.json()["id"] == quote["id"]
    assert (again.json()["id"], again.json()["state"], again.json()["repeated"]) == (first.json()["id"], "sent", True)
    told = corridor.call(INDUS, "POST", "/v1/payments", content=spelled, headers=XML)
    assert (told.status_code, re.findall(r"<TxSts>(\w+)<", told.text)) == (200, ["ACSP"])


def test_what_its_payers_bank_gave_travels_byte_for_byte_also_when_it_names_the_older_version(corridor):
    """A document of the newer version is not written anew because a comment in it names the older."""
    document = remittance.payment(corridor.quote(), corridor.clock.now())
    spelled = document.replace(b"?>", b"?><!-- was " + OLDER.encode() + b" -->", 1)
    case_id = corridor.call(INDUS, "POST", "/v1/payments", content=spelled).json()["id"]
    assert corridor.call(INDUS, "GET", f"/v1/payments/{case_id}/document").content == spelled
