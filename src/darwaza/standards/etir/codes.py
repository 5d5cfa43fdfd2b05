"""The error classes and codes of eTIR.

Standard: eTIR specifications v4.3 (ECE/TRANS/WP.30/AC.2/TIB/2022/5), error codes as published at
etir.org/documentation/error-codes and wiki.unece.org. The order of the classes is a trap: 4xx is the international
system, 5xx the national one, the opposite of HTTP. Between gateways there is no international system, so 400 is never
sent by us; it stands here because an adapter to eTIR must read it.

The published list ends at 216 in the 2xx class and at 501 in the 5xx class as far as its public pages show; the wording
of conditions C001 to C008 (codes 151 to 158) is not public, so their numbers are known here and not raised.
"""

from enum import IntEnum

import msgspec


class ErrorClass(IntEnum):
    """The hundreds digit of a code: who must act."""

    VALIDATION = 1
    """The sender's message is not well formed."""
    WORKFLOW = 2
    """The request does not fit the state of guarantee or operation."""
    FUNCTIONAL = 3
    """What the message names does not exist or may not be used."""
    INTERNAL = 4
    """The international system failed."""
    CUSTOMS = 5
    """The national system failed."""


class ErrorCode(IntEnum):
    """An eTIR error code."""

    INVALID_MESSAGE = 100
    MISSING_FIELD = 101
    VALUE_OUTSIDE_LIST = 102
    BAD_DATE = 103
    NOT_AN_INTEGER = 104
    TOO_LONG = 105
    PATTERN = 106
    ELEMENT_OUT_OF_ORDER = 107
    MISSING_ATTRIBUTE = 108
    WRONG_ATTRIBUTE = 109
    CONDITION_C001 = 151
    CONDITION_C002 = 152
    CONDITION_C003 = 153
    CONDITION_C004 = 154
    CONDITION_C005 = 155
    CONDITION_C008 = 158
    WORKFLOW = 200
    GUARANTEE_NOT_ACCEPTABLE = 201
    GUARANTEE_NOT_CANCELLABLE = 203
    GUARANTEE_ALREADY_REGISTERED = 204
    GUARANTEE_ALREADY_CANCELLED = 205
    ALREADY_STARTED = 210
    ALREADY_TERMINATED = 211
    ALREADY_DISCHARGED = 212
    NOT_YET_STARTED = 213
    OPERATION_ID_REUSED = 214
    SEQUENCE_REUSED = 215
    REFUSAL_NOT_AUTHORISED = 216
    FUNCTIONAL = 300
    GUARANTEE_NOT_FOUND = 301
    CHAIN_UNKNOWN = 302
    GUARANTEE_TYPE_UNKNOWN = 303
    OFFICE_UNKNOWN = 304
    COUNTRY_UNKNOWN = 305
    CONTROL_TYPE_UNKNOWN = 306
    DECLARATION_NOT_FOUND = 307
    NOBODY_TO_FORWARD_TO = 308
    SEAL_ALREADY_RECORDED = 309
    SEALS_NOT_ALLOWED = 310
    HOLDER_MISMATCH = 320
    HOLDER_NOT_AUTHORISED = 321
    HOLDER_UNKNOWN = 322
    CHAIN_NOT_AUTHORISED = 330
    INTERNAL = 400
    CUSTOMS_COULD_NOT_PROCESS = 500

    @property
    def error_class(self) -> ErrorClass:
        """The class the code belongs to."""
        return ErrorClass(self.value // 100)


class Fault(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One error in an answer.

    Attributes:
        code: eTIR error code, 100 to 599; kept as a number so that a code of a later edition can still be shown.
        pointer: RFC 6901 JSON pointer into the request's body; "" for the whole. eTIR itself uses XPath here.
        text: one sentence for a person.
    """

    code: int
    pointer: str = ""
    text: str = ""

    @classmethod
    def of(cls, code: ErrorCode, text: str, pointer: str = "") -> "Fault":
        """Build from a code this edition names."""
        return cls(int(code), pointer, text)
