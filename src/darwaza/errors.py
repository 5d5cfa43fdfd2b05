"""Every exception Darwaza raises, drawn as a tree and split by who must act.

    DarwazaError
    ├── MessageError        what came in is wrong; its sender must change it; nothing was stored
    │   ├── MalformedError      not the documented shape, or not in canonical form
    │   ├── SignatureError      a signature is missing, unknown or false
    │   ├── ConflictError       the same identifier with other bytes, or a log that disagrees with itself
    │   ├── TooLargeError       over a named limit
    │   └── ForbiddenError      the caller may not do this
    ├── TransientError      nothing is wrong; try again; nothing was stored
    │   ├── PeerError           another gateway cannot be reached or answered badly
    │   └── PushbackError       this gateway is at a named limit; carries ``retry_after_s``
    ├── ServiceError        a service's rule failed; nothing was stored; its makers must mend it
    ├── OperatorError       configuration, keys or schema need a person; the process refuses to start
    │   └── ExtraMissingError   an extra of the package is not installed; the error says which
    └── FatalError          durability is unknown; the process stops so that recovery runs
        └── InvariantError      the program contradicts itself; never expected, never caught

A *refusal* (a business "no") is not here: it is a value, see ``darwaza.kernel.machine.Refusal``.
"""


class DarwazaError(Exception):
    """Root of the tree.

    Attributes:
        code: stable identifier, lower_snake_case; part of the interface, listed in docs/reference/codes.md.
        detail: one English sentence for a person.
        pointer: where in the input the fault lies, as an RFC 6901 JSON pointer, or "" for the whole.
    """

    code = "error"

    def __init__(self, detail: str, *, code: str | None = None, pointer: str = "") -> None:
        super().__init__(detail)
        if code is not None:
            self.code = code
        self.detail = detail
        self.pointer = pointer


class MessageError(DarwazaError):
    """The input is wrong. Nothing was stored; sending the same bytes again gives the same error."""

    code = "message_wrong"


class MalformedError(MessageError):
    """Not the documented shape, or not in canonical form."""

    code = "malformed"


class SignatureError(MessageError):
    """A signature is missing, made by an unknown key, or false."""

    code = "signature_wrong"


class ConflictError(MessageError):
    """The same identifier came with other bytes, or two signed statements contradict each other."""

    code = "conflict"


class TooLargeError(MessageError):
    """A size, count or depth is over its named limit."""

    code = "too_large"


class ForbiddenError(MessageError):
    """The caller is unknown or may not do this."""

    code = "forbidden"


class TransientError(DarwazaError):
    """Nothing is wrong with the input and nothing was stored; the same input may succeed later."""

    code = "unavailable"


class PeerError(TransientError):
    """Another gateway cannot be reached, or its answer cannot be used."""

    code = "peer_unreachable"


class PushbackError(TransientError):
    """This gateway is at a named limit.

    Attributes:
        retry_after_s: seconds after which to try again, > 0.
    """

    code = "overloaded"

    def __init__(self, detail: str, *, retry_after_s: float, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after_s = retry_after_s


class ServiceError(DarwazaError):
    """A service's rule failed on this input. Nothing was stored; the same input fails again until it is mended."""

    code = "service_fault"


class OperatorError(DarwazaError):
    """Configuration, keys or stored schema need a person. The process refuses to start."""

    code = "operator_needed"


class ExtraMissingError(OperatorError):
    """A part of the program that is installed apart, an extra of the package, is not there."""

    code = "extra_missing"

    def __init__(self, extra: str, *, code: str | None = None, pointer: str = "") -> None:
        detail = f"this part of the program is not installed; run: pip install 'darwaza[{extra}]'"
        super().__init__(detail, code=code, pointer=pointer)


class FatalError(DarwazaError):
    """Whether the last write reached the disk is unknown. The process stops so that recovery runs."""

    code = "durability_unknown"


class InvariantError(FatalError):
    """The program contradicts itself. It is never expected and never caught."""

    code = "invariant_broken"
