"""Why the transit service says no, what it states, and the code lists of its fields.

The refusals stand in order of precedence: rules check in this order and the first that fails is the answer. ``ETIR``
gives the eTIR number that goes into the answer of a message for the same reason.
"""

from darwaza.kernel.machine import RefusalCode
from darwaza.standards.etir.codes import ErrorCode


class TransitRefusal(RefusalCode):
    """Of the movement, guarantee, crossing, tracker and enquiry services."""

    BODY_WRONG = ("body_wrong", False)
    FIELD_MISSING = ("field_missing", False)
    VALUE_NOT_ADMITTED = ("value_not_admitted", False)
    DATE_WRONG = ("date_wrong", False)
    NOT_AN_INTEGER = ("not_an_integer", False)
    VALUE_TOO_LONG = ("value_too_long", False)
    PATTERN_WRONG = ("pattern_wrong", False)
    ORDER_WRONG = ("order_wrong", False)
    ROLE_MISSING = ("role_missing", False)
    NOT_YOURS = ("not_yours", False)
    NOT_AUTHORITY = ("not_authority", False)
    OFFICE_NOT_YOURS = ("office_not_yours", False)
    OTHER_CASE = ("other_case", False)
    EVENT_CONFLICT = ("event_conflict", False)
    STAMP_WRONG = ("stamp_wrong", False)
    DATED_IN_FUTURE = ("dated_in_future", True)
    TOO_MANY_EVENTS = ("too_many_events", False)
    REGIME_UNKNOWN = ("regime_unknown", False)
    MEMBER_NOT_BOUND = ("member_not_bound", False)
    EDITION_PENDING = ("edition_pending", True)
    ITINERARY_WRONG = ("itinerary_wrong", False)
    ITINERARY_REWRITES_PAST = ("itinerary_rewrites_past", False)
    OFFICE_UNKNOWN = ("office_unknown", False)
    GOODS_WRONG = ("goods_wrong", False)
    HS_UNKNOWN = ("hs_unknown", False)
    FACT_UNKNOWN = ("fact_unknown", False)
    VERSION_WRONG = ("version_wrong", False)
    HOLDER_MISMATCH = ("holder_mismatch", False)
    HOLDER_UNKNOWN = ("holder_unknown", False)
    HOLDER_NOT_AUTHORISED = ("holder_not_authorised", False)
    CHAIN_NOT_AUTHORISED = ("chain_not_authorised", False)
    GUARANTEE_KIND_UNKNOWN = ("guarantee_kind_unknown", False)
    GUARANTEE_TERMS_WRONG = ("guarantee_terms_wrong", False)
    GUARANTEE_NOT_FOUND = ("guarantee_not_found", False)
    GUARANTEE_NOT_VALID = ("guarantee_not_valid", False)
    GUARANTEE_DOES_NOT_COVER = ("guarantee_does_not_cover", False)
    GUARANTEE_ALREADY_USED = ("guarantee_already_used", False)
    GUARANTEE_COVER_SHORT = ("guarantee_cover_short", True)
    GUARANTEE_ALREADY_REGISTERED = ("guarantee_already_registered", False)
    GUARANTEE_ALREADY_CANCELLED = ("guarantee_already_cancelled", False)
    GUARANTEE_NOT_CANCELLABLE = ("guarantee_not_cancellable", True)
    NOBODY_TO_FORWARD_TO = ("nobody_to_forward_to", True)
    LEG_UNKNOWN = ("leg_unknown", False)
    ALREADY_STARTED = ("already_started", False)
    ALREADY_TERMINATED = ("already_terminated", False)
    ALREADY_DISCHARGED = ("already_discharged", False)
    NOT_YET_STARTED = ("not_yet_started", True)
    NOT_YET_TERMINATED = ("not_yet_terminated", True)
    OPERATION_ID_REUSED = ("operation_id_reused", False)
    SEQUENCE_REUSED = ("sequence_reused", False)
    REFUSAL_NOT_AUTHORISED = ("refusal_not_authorised", False)
    SEAL_ALREADY_RECORDED = ("seal_already_recorded", False)
    SEAL_UNKNOWN = ("seal_unknown", False)
    SEALS_REQUIRED = ("seals_required", False)
    TRACKER_REQUIRED = ("tracker_required", False)
    TRACKERS_SHORT = ("trackers_short", True)
    UNLOADED_TOO_MUCH = ("unloaded_too_much", False)
    UNDER_WAY = ("under_way", False)
    CLOSURE_UNKNOWN = ("closure_unknown", False)
    EXTENSION_WRONG = ("extension_wrong", False)
    ALREADY_RELEASED = ("already_released", False)
    NOT_AT_DESTINATION = ("not_at_destination", False)


ETIR: dict[TransitRefusal, ErrorCode] = {
    TransitRefusal.BODY_WRONG: ErrorCode.INVALID_MESSAGE,
    TransitRefusal.FIELD_MISSING: ErrorCode.MISSING_FIELD,
    TransitRefusal.VALUE_NOT_ADMITTED: ErrorCode.VALUE_OUTSIDE_LIST,
    TransitRefusal.DATE_WRONG: ErrorCode.BAD_DATE,
    TransitRefusal.NOT_AN_INTEGER: ErrorCode.NOT_AN_INTEGER,
    TransitRefusal.VALUE_TOO_LONG: ErrorCode.TOO_LONG,
    TransitRefusal.PATTERN_WRONG: ErrorCode.PATTERN,
    TransitRefusal.ORDER_WRONG: ErrorCode.ELEMENT_OUT_OF_ORDER,
    TransitRefusal.OFFICE_UNKNOWN: ErrorCode.OFFICE_UNKNOWN,
    TransitRefusal.MEMBER_NOT_BOUND: ErrorCode.COUNTRY_UNKNOWN,
    TransitRefusal.HOLDER_MISMATCH: ErrorCode.HOLDER_MISMATCH,
    TransitRefusal.HOLDER_UNKNOWN: ErrorCode.HOLDER_UNKNOWN,
    TransitRefusal.HOLDER_NOT_AUTHORISED: ErrorCode.HOLDER_NOT_AUTHORISED,
    TransitRefusal.CHAIN_NOT_AUTHORISED: ErrorCode.CHAIN_NOT_AUTHORISED,
    TransitRefusal.GUARANTEE_KIND_UNKNOWN: ErrorCode.GUARANTEE_TYPE_UNKNOWN,
    TransitRefusal.GUARANTEE_NOT_FOUND: ErrorCode.GUARANTEE_NOT_FOUND,
    TransitRefusal.GUARANTEE_NOT_VALID: ErrorCode.GUARANTEE_NOT_ACCEPTABLE,
    TransitRefusal.GUARANTEE_DOES_NOT_COVER: ErrorCode.GUARANTEE_NOT_ACCEPTABLE,
    TransitRefusal.GUARANTEE_ALREADY_USED: ErrorCode.GUARANTEE_NOT_ACCEPTABLE,
    TransitRefusal.GUARANTEE_COVER_SHORT: ErrorCode.GUARANTEE_NOT_ACCEPTABLE,
    TransitRefusal.GUARANTEE_ALREADY_REGISTERED: ErrorCode.GUARANTEE_ALREADY_REGISTERED,
    TransitRefusal.GUARANTEE_ALREADY_CANCELLED: ErrorCode.GUARANTEE_ALREADY_CANCELLED,
    TransitRefusal.GUARANTEE_NOT_CANCELLABLE: ErrorCode.GUARANTEE_NOT_CANCELLABLE,
    TransitRefusal.NOBODY_TO_FORWARD_TO: ErrorCode.NOBODY_TO_FORWARD_TO,
    TransitRefusal.ALREADY_STARTED: ErrorCode.ALREADY_STARTED,
    TransitRefusal.ALREADY_TERMINATED: ErrorCode.ALREADY_TERMINATED,
    TransitRefusal.ALREADY_DISCHARGED: ErrorCode.ALREADY_DISCHARGED,
    TransitRefusal.NOT_YET_STARTED: ErrorCode.NOT_YET_STARTED,
    TransitRefusal.NOT_YET_TERMINATED: ErrorCode.WORKFLOW,
    TransitRefusal.OPERATION_ID_REUSED: ErrorCode.OPERATION_ID_REUSED,
    TransitRefusal.SEQUENCE_REUSED: ErrorCode.SEQUENCE_REUSED,
    TransitRefusal.REFUSAL_NOT_AUTHORISED: ErrorCode.REFUSAL_NOT_AUTHORISED,
    TransitRefusal.SEAL_ALREADY_RECORDED: ErrorCode.SEAL_ALREADY_RECORDED,
}
"""eTIR number of a refusal; what is not here answers as 200 (workflow)."""

ROLE_HOLDER = "holder"
ROLE_CHAIN = "guarantee-chain"
ROLE_CUSTOMS = "customs"
ROLE_SUPERVISOR = "supervisor"


def office_role(office: str) -> str:
    """Name the role of an officer at an office: ``office PKTOR``."""
    return "office " + office


FACT_GUARANTEE = "guarantee accepted"
FACT_UNDER_WAY = "transit under way"
FACT_ENDED = "transit ended"
FACT_RELEASED = "goods released"

ACTIVITIES: dict[str, str] = {
    "border-security": "Border security and control",
    "customs": "Customs clearance",
    "health": "Health and quarantine inspection",
    "phytosanitary": "Phytosanitary inspection",
    "veterinary": "Veterinary inspection",
    "immigration": "Visa and immigration",
    "traffic-inspection": "Traffic inspection",
    "police": "Police checkpoint or stop",
    "transport-inspection": "Transport inspection",
    "weighing": "Weight and standard inspection",
    "vehicle-registration": "Vehicle registration",
    "repair": "Emergency repair",
    "escort": "Escort and convoy",
    "loading": "Loading and unloading",
    "toll": "Road toll",
    "waiting": "Waiting and queue",
}
"""The 16 activities CPMM times at border crossings (CAREC Corridor Performance Measurement and Monitoring)."""
