"""Why the documents service refuses, in order of precedence."""

from darwaza.kernel.machine import RefusalCode


class DocumentRefusal(RefusalCode):
    """The first that applies is the answer."""

    NOT_ALLOWED = ("not_allowed", False)
    MALFORMED = ("document_malformed", False)
    UNKNOWN_PARTY = ("unknown_party", False)
    EXPIRED = ("expired", False)
    TOO_LARGE = ("document_too_large", False)
    CHUNK_UNKNOWN = ("chunk_unknown", False)
