"""The account identification messages, acmt.023.001.04 and acmt.024.001.04, in our own words.

No light package carries them. They are small, and every larger type in them (parties, agents, accounts) is the one of
the 2024 payment messages; so only their own types stand here and the rest is borrowed from ``LENDER``. ``dictionary``
proves the outcome against the digest of the published schema like any other.
"""

from collections.abc import Mapping

from darwaza.standards.iso20022.definition import ComplexType, Definition, Element, Text

LENDER = "pacs.004.001.14"
"""Message whose definition holds the borrowed types."""

ROOTS = {
    "acmt.023.001.04": ("IdVrfctnReq", "IdentificationVerificationRequestV04"),
    "acmt.024.001.04": ("IdVrfctnRpt", "IdentificationVerificationReportV04"),
}
"""Element and type inside ``Document``, by message."""

_TEXT_35 = Text("string", length_min=1, length_max=35)
_CODE_4 = Text("string", length_min=1, length_max=4)
_DATE_TIME = Text("dateTime")
_PARTY_OR_AGENT = "Party50Choice"
_AGENT = "BranchAndFinancialInstitutionIdentification8"
_PARTY_AND_ACCOUNT = "IdentificationInformation5"


def _one(name: str, type_: str | Text) -> Element:
    return Element(name, type_, 1, 1)


def _maybe(name: str, type_: str | Text) -> Element:
    return Element(name, type_, 0, 1)


def _some(name: str, type_: str | Text, count_min: int) -> Element:
    return Element(name, type_, count_min, None)


def _sequence(*children: Element) -> ComplexType:
    return ComplexType("sequence", children=children)


_OWN: dict[str, ComplexType] = {
    "IdentificationAssignment4": _sequence(
        _one("MsgId", _TEXT_35),
        _one("CreDtTm", _DATE_TIME),
        _maybe("Cretr", _PARTY_OR_AGENT),
        _maybe("FrstAgt", _AGENT),
        _one("Assgnr", _PARTY_OR_AGENT),
        _one("Assgne", _PARTY_OR_AGENT),
    ),
    "IdentificationInformation5": _sequence(
        _maybe("Pty", "PartyIdentification272"),
        _maybe("Acct", "CashAccount40"),
        _maybe("Agt", _AGENT),
    ),
    "IdentificationVerification5": _sequence(_one("Id", _TEXT_35), _one("PtyAndAcctId", _PARTY_AND_ACCOUNT)),
    "IdentificationVerificationRequestV04": _sequence(
        _one("Assgnmt", "IdentificationAssignment4"),
        _some("Vrfctn", "IdentificationVerification5", 1),
        _some("SplmtryData", "SupplementaryData1", 0),
    ),
    "MessageIdentification8": _sequence(
        _maybe("MsgId", _TEXT_35), _maybe("CreDtTm", _DATE_TIME), _maybe("FrstAgt", _AGENT)
    ),
    "VerificationReason1Choice": ComplexType("choice", children=(_one("Cd", _CODE_4), _one("Prtry", _TEXT_35))),
    "VerificationReport5": _sequence(
        _one("OrgnlId", _TEXT_35),
        _one("Vrfctn", Text("boolean")),
        _maybe("Rsn", "VerificationReason1Choice"),
        _maybe("OrgnlPtyAndAcctId", _PARTY_AND_ACCOUNT),
        _maybe("UpdtdPtyAndAcctId", _PARTY_AND_ACCOUNT),
    ),
    "IdentificationVerificationReportV04": _sequence(
        _one("Assgnmt", "IdentificationAssignment4"),
        _maybe("OrgnlAssgnmt", "MessageIdentification8"),
        _some("Rpt", "VerificationReport5", 1),
        _some("SplmtryData", "SupplementaryData1", 0),
    ),
}


def define(message: str, borrowed: Mapping[str, ComplexType]) -> Definition:
    """Return the definition of one of ``ROOTS``.

    Args:
        message: a key of ``ROOTS``.
        borrowed: complex types of ``LENDER`` by name.
    """
    element, type_ = ROOTS[message]
    document = _sequence(_one(element, type_))
    return Definition(message, "Document", "Document", {**borrowed, **_OWN, "Document": document})
