"""One shape for every error over HTTP: problem details (RFC 9457) with the stable code and a pointer.

::

    {"type": "urn:darwaza:problem:key_reused", "title": "Conflict", "status": 409, "code": "key_reused",
     "detail": "this key was used for another request", "pointer": ""}
"""

import math
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from darwaza.errors import (
    ConflictError,
    DarwazaError,
    FatalError,
    ForbiddenError,
    MalformedError,
    MessageError,
    OperatorError,
    PeerError,
    PushbackError,
    ServiceError,
    SignatureError,
    TooLargeError,
    TransientError,
)
from darwaza.kernel.machine import NOT_IN_TABLE, Refusal
from darwaza.kernel.wire import CODE_HEADER, PROBLEM_MEDIA_TYPE

STATUS: tuple[tuple[type[DarwazaError], HTTPStatus], ...] = (
    (TooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (ConflictError, HTTPStatus.CONFLICT),
    (ForbiddenError, HTTPStatus.FORBIDDEN),
    (SignatureError, HTTPStatus.FORBIDDEN),
    (MalformedError, HTTPStatus.BAD_REQUEST),
    (MessageError, HTTPStatus.BAD_REQUEST),
    (PushbackError, HTTPStatus.SERVICE_UNAVAILABLE),
    (PeerError, HTTPStatus.BAD_GATEWAY),
    (TransientError, HTTPStatus.SERVICE_UNAVAILABLE),
    (ServiceError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (OperatorError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (FatalError, HTTPStatus.INTERNAL_SERVER_ERROR),
)
"""Status by kind of error; the first that fits."""

CODE_STATUS = {
    "token_missing": HTTPStatus.UNAUTHORIZED,
    "token_unknown": HTTPStatus.UNAUTHORIZED,
    "request_unsigned": HTTPStatus.UNAUTHORIZED,
    "not_found": HTTPStatus.NOT_FOUND,
    "body_forgotten": HTTPStatus.GONE,
    "range_not_satisfiable": HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    "log_unknown": HTTPStatus.NOT_FOUND,
    "head_too_large": HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "method_not_allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "too_many_requests": HTTPStatus.TOO_MANY_REQUESTS,
    "not_consistent": HTTPStatus.UNPROCESSABLE_ENTITY,
    "not_allowed": HTTPStatus.FORBIDDEN,
    NOT_IN_TABLE: HTTPStatus.CONFLICT,
}
"""Codes whose status is not that of their kind."""


class Problem(msgspec.Struct, omit_defaults=True):
    """See the module.

    Attributes:
        type: URN made from the code.
        title: of the status.
        status: of the answer.
        code: stable.
        detail: one sentence.
        pointer: RFC 6901, "" for the whole.
        transient: whether the same request, unchanged, may succeed later.
        retry_after_s: when it may be tried again.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str
    pointer: str = ""
    transient: bool = False
    retry_after_s: float | None = None


def status_of(fault: DarwazaError | Refusal) -> HTTPStatus:
    """The status an error or a refusal is answered with."""
    if fault.code in CODE_STATUS:
        return CODE_STATUS[fault.code]
    if isinstance(fault, Refusal):
        return HTTPStatus.UNPROCESSABLE_ENTITY
    return next((status for kind, status in STATUS if isinstance(fault, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


def problem_of(fault: DarwazaError | Refusal) -> Problem:
    """Describe an error or a refusal."""
    status = status_of(fault)
    retry_after_s = fault.retry_after_s if isinstance(fault, PushbackError) else None
    return Problem(
        type=f"urn:darwaza:problem:{fault.code}",
        title=status.phrase,
        status=status.value,
        code=fault.code,
        detail=fault.detail,
        pointer=fault.pointer,
        transient=fault.transient if isinstance(fault, Refusal) else isinstance(fault, TransientError),
        retry_after_s=retry_after_s,
    )


def whole_seconds(retry_after_s: float) -> str:
    """Round up to what Retry-After says (RFC 9110, section 10.2.3): sooner would be too early."""
    return str(max(1, math.ceil(retry_after_s)))


def respond(fault: DarwazaError | Refusal) -> Response:
    """Answer with an error or a refusal."""
    problem = problem_of(fault)
    headers = {CODE_HEADER: problem.code}
    if problem.retry_after_s is not None:
        headers["retry-after"] = whole_seconds(problem.retry_after_s)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    return Response(msgspec.json.encode(problem), problem.status, headers, PROBLEM_MEDIA_TYPE)
