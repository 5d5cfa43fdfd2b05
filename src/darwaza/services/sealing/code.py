"""Why the sealing service refuses, in order of precedence."""

from darwaza.kernel.machine import RefusalCode


class SealingRefusal(RefusalCode):
    """The first that applies is the answer."""

    NOT_ALLOWED = ("not_allowed", False)
    MALFORMED = ("sealing_malformed", False)
    UNKNOWN_PARTY = ("unknown_party", False)
    NO_KEY = ("sealing_key_missing", True)
