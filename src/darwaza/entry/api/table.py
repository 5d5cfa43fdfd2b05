"""Finds what answers a request by its method and path, with a few dictionary look-ups.

A path has names in some of its segments, ``/v1/transit/{id}/start``, and there are few places where names stand. So a
request's path is looked up once as it is, and once for each such place with those segments left out. A router that
tries one pattern after the other takes a tenth of a whole request's time here.
"""

from collections.abc import Awaitable, Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response

from darwaza.entry.api.endpoint import Endpoint

Answer = Callable[[Request], Awaitable[Response]]
Names = tuple[tuple[int, str], ...]
"""Segments that are names, by index, and what they are called."""


class Table:
    """Endpoints by method and path; those whose last name may hold slashes are left to the router.

    Example::

        found = Table([(endpoint, answer)]).find("POST", "/v1/transit/0190…/start")
    """

    def __init__(self, answers: Iterable[tuple[Endpoint, Answer]]) -> None:
        self._whole: dict[tuple[str, str], Answer] = {}
        self._parts: dict[tuple[str, tuple[str | None, ...]], tuple[Answer, Names]] = {}
        self._places: dict[int, tuple[tuple[int, ...], ...]] = {}
        for endpoint, answer in answers:
            if "{" not in endpoint.path:
                self._whole[endpoint.method, endpoint.path] = answer
            elif ":" not in endpoint.path:
                self._add(endpoint, answer)

    def _add(self, endpoint: Endpoint, answer: Answer) -> None:
        parts = endpoint.path.split("/")
        names = tuple((index, part[1:-1]) for index, part in enumerate(parts) if part.startswith("{"))
        places = tuple(index for index, _ in names)
        known = self._places.get(len(parts), ())
        self._places[len(parts)] = tuple(dict.fromkeys((*known, places)))
        self._parts[endpoint.method, _without(parts, places)] = (answer, names)

    def find(self, method: str, path: str) -> tuple[Answer, dict[str, str]] | None:
        """Return what answers, and the path's names; None when the router must look."""
        whole = self._whole.get((method, path))
        if whole is not None:
            return whole, {}
        parts = path.split("/")
        for places in self._places.get(len(parts), ()):
            found = self._parts.get((method, _without(parts, places)))
            if found is not None and all(parts[index] for index in places):
                answer, names = found
                return answer, {name: parts[index] for index, name in names}
        return None


def _without(parts: list[str], places: tuple[int, ...]) -> tuple[str | None, ...]:
    """Leave out the segments that are names."""
    return tuple([None if index in places else part for index, part in enumerate(parts)])
