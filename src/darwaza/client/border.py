"""Crossings, guarantees, trackers and enquiries in the Python client."""

from collections.abc import Sequence
from datetime import datetime

from darwaza.client.answer.border import (
    CrossingTimes,
    CrossingView,
    Diverted,
    EnquiryView,
    ExposureView,
    GuaranteeView,
    OfficeView,
    PoolView,
    Waiting,
)
from darwaza.client.answer.transit import Done
from darwaza.client.caller import Caller, given, in_path
from darwaza.services.transit.closure import Closure, Extension, Reopening
from darwaza.services.transit.enquiry import Question, Reply
from darwaza.services.transit.guarantee import Register
from darwaza.services.transit.tracker import Stock
from darwaza.standards.etir.external import E3


class Crossings:
    """``Client(...).crossings``; every method raises what ``client.Client`` says."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def find(self) -> list[CrossingView]:
        """The register of crossings, with what is closed."""
        found: list[CrossingView] = self._caller.call("GET", "/v1/crossings")
        return found

    def offices(self) -> list[OfficeView]:
        """The register of customs offices, at the border and inland."""
        found: list[OfficeView] = self._caller.call("GET", "/v1/offices")
        return found

    def close(self, body: Closure, *, key: str | None = None) -> Done:
        """Close a crossing: every member is told, and clocks of what heads there stop."""
        return self._caller.command("/v1/crossings/close", body, key=key)

    def reopen(self, body: Reopening, *, key: str | None = None) -> Done:
        """End a closure."""
        return self._caller.command("/v1/crossings/reopen", body, key=key)

    def extend(self, body: Extension, *, key: str | None = None) -> Done:
        """Grant more time to all that heads for a crossing."""
        return self._caller.command("/v1/crossings/extend", body, key=key)

    def waiting(self, crossing: str, detention_minor: int = 0, tracker_minor: int = 0) -> Waiting:
        """What heads for a crossing, perishables first, and what a day of its waiting costs.

        Args:
            crossing: its id, ``AF-PK/TORKHAM``.
            detention_minor: what one truck's day of waiting costs, minor units.
            tracker_minor: what one tracker's day away costs, minor units.
        """
        query = {"crossing": crossing, "detention_minor": str(detention_minor), "tracker_minor": str(tracker_minor)}
        found: Waiting = self._caller.call("GET", "/v1/crossings/waiting", params=query)
        return found

    def divert(self, crossing: str, office: str, officer: str, movements: Sequence[str] = ()) -> Diverted:
        """Give what heads for a crossing another itinerary, in bulk.

        Args:
            crossing: to avoid.
            office: whose officer records the new itineraries.
            officer: who.
            movements: only these; empty for all.
        """
        body = {"crossing": crossing, "office": office, "officer": officer, "movements": list(movements)}
        done: Diverted = self._caller.call("POST", "/v1/crossings/divert", json=body)
        return done

    def times(
        self, crossing: str | None = None, *, since: datetime | None = None, until: datetime | None = None
    ) -> list[CrossingTimes]:
        """How long crossings take, both sides and the gap between (CPMM TFI1), by direction.

        Args:
            crossing: only this one.
            since: only those whose entry side was done at or after it; aware.
            until: only those whose entry side was done before it; aware.
        """
        times = [None if at is None else at.isoformat() for at in (since, until)]
        query = given({"crossing": crossing, "since": times[0], "until": times[1]})
        found: list[CrossingTimes] = self._caller.call("GET", "/v1/crossings/times", params=query)
        return found


class Guarantees:
    """``Client(...).guarantees``; every method raises what ``client.Client`` says."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def register(self, body: Register, *, key: str | None = None) -> Done:
        """Register a guarantee at its guarantor (guarantee chains)."""
        return self._caller.command("/v1/guarantees", body, key=key)

    def cancel(self, guarantee: str, body: E3, *, key: str | None = None) -> Done:
        """Cancel a guarantee: what no movement uses goes back at once, the rest when asked again (eTIR E3)."""
        return self._caller.command(f"/v1/guarantees/{in_path(guarantee)}/cancel", body, key=key)

    def guarantee(self, guarantee: str) -> GuaranteeView:
        """A guarantee's terms and state."""
        found: GuaranteeView = self._caller.call("GET", f"/v1/guarantees/{in_path(guarantee)}")
        return found

    def find(self) -> list[GuaranteeView]:
        """The caller's guarantees, newest first: those it issued, or that were issued to it."""
        found: list[GuaranteeView] = self._caller.call("GET", "/v1/guarantees")
        return found

    def exposure(self) -> list[ExposureView]:
        """Reserved, used and released exposure per holder, chain and member, in minor units."""
        found: list[ExposureView] = self._caller.call("GET", "/v1/guarantees/exposure")
        return found


class Trackers:
    """``Client(...).trackers``; every method raises what ``client.Client`` says."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def find(self) -> list[PoolView]:
        """The pools of the gateway's offices: here, fitted to movements, away."""
        found: list[PoolView] = self._caller.call("GET", "/v1/trackers")
        return found

    def stock(self, body: Stock, *, key: str | None = None) -> Done:
        """Trackers come into an office's pool; the delivery's UUID makes it safe to repeat."""
        return self._caller.command("/v1/trackers/stock", body, key=key)

    def retire(self, body: Stock, *, key: str | None = None) -> Done:
        """Trackers leave an office's pool for good."""
        return self._caller.command("/v1/trackers/retire", body, key=key)


class Enquiries:
    """``Client(...).enquiries``; every method raises what ``client.Client`` says."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def ask(self, member: str, question: Question, *, key: str | None = None) -> Done:
        """Ask a member about a holder (eTIR I3), a guarantee (I5, E5) or offices (I19)."""
        return self._caller.command("/v1/enquiries", {"member": member, "question": question}, key=key)

    def answer(self, enquiry: str, reply: Reply, *, key: str | None = None) -> Done:
        """Answer a question that was looked up (customs)."""
        return self._caller.command(f"/v1/enquiries/{in_path(enquiry)}/answer", {"reply": reply}, key=key)

    def enquiry(self, enquiry: str) -> EnquiryView:
        """A question and its answer."""
        found: EnquiryView = self._caller.call("GET", f"/v1/enquiries/{in_path(enquiry)}")
        return found

    def find(self, state: str | None = None) -> list[EnquiryView]:
        """Questions the caller asked (``asked``, ``answered``), and those that wait for its answer (``open``)."""
        found: list[EnquiryView] = self._caller.call("GET", "/v1/enquiries", params=given({"state": state}))
        return found
