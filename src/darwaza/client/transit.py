"""The transit part of the Python client: ``Client(...).transit``.

A command's body is the struct the gateway reads it with. A command may be repeated with its idempotency key.

Example::

    stamp = Stamp(str(uuid4()), "PKTOR", "a.khan", now, "Asia/Karachi", "2026-03-05T18:00:00+05:00")
    gateway.transit.accept(movement, Accept(stamp))
"""

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from darwaza.client.answer.transit import (
    Assessment,
    Done,
    Leg,
    MovementDetail,
    MovementView,
    PostedAnswer,
    ScanAnswer,
    TransitIndicators,
)
from darwaza.client.caller import Caller, given, in_path
from darwaza.services.transit.message import (
    Accept,
    Activity,
    Cancellation,
    Charge,
    Extend,
    Incident,
    Inspection,
    Release,
    Resume,
    SealChange,
    Suspend,
    TrackerChange,
    Withdraw,
)
from darwaza.standards.etir.internal import I7, I9, I11, I13, I17
from darwaza.standards.etir.value import Declaration


class Transit:
    """Movements of one party or of its offices; every method raises what ``client.Client`` says."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def _do(self, movement: str, kind: str, body: Any, key: str | None) -> Done:
        return self._caller.command(f"/v1/transit/{in_path(movement)}/{kind}", body, key=key)

    def _get(self, movement: str, rest: str = "", **query: Any) -> Any:
        return self._caller.call("GET", f"/v1/transit/{in_path(movement)}{rest}", params=given(query))

    # --- the holder ---

    def declare(self, declaration: Declaration, *, key: str | None = None) -> Done:
        """Lodge a declaration; its movement's UUID is the caller's to choose."""
        return self._caller.command("/v1/transit", declaration, key=key)

    def amend(self, movement: str, declaration: Declaration, *, key: str | None = None) -> Done:
        """Lodge the next edition of a declaration, with the next ``version``."""
        return self._do(movement, "amend", declaration, key)

    def withdraw(self, movement: str, body: Withdraw, *, key: str | None = None) -> Done:
        """Take back a declaration that was not accepted."""
        return self._do(movement, "withdraw", body, key)

    # --- offices ---

    def accept(self, movement: str, body: Accept, *, key: str | None = None) -> Done:
        """Accept a declaration (eTIR I1, I7): customs of departure."""
        return self._do(movement, "accept", body, key)

    def cancel(self, movement: str, body: Cancellation, *, key: str | None = None) -> Done:
        """Cancel a movement that has not started: customs of departure."""
        return self._do(movement, "cancel", body, key)

    def start(self, movement: str, body: I9, *, key: str | None = None) -> Done:
        """Start a leg (eTIR I9)."""
        return self._do(movement, "start", body, key)

    def terminate(self, movement: str, body: I11, *, key: str | None = None) -> Done:
        """Terminate a leg, with or without reservations (eTIR I11)."""
        return self._do(movement, "terminate", body, key)

    def discharge(self, movement: str, body: I13, *, key: str | None = None) -> Done:
        """Discharge a leg (eTIR I13)."""
        return self._do(movement, "discharge", body, key)

    def refuse_start(self, movement: str, body: I17, *, key: str | None = None) -> Done:
        """Refuse to start a leg (eTIR I17)."""
        return self._do(movement, "refuse-start", body, key)

    def seal(self, movement: str, body: SealChange, *, key: str | None = None) -> Done:
        """Record a step in a seal's custody chain."""
        return self._do(movement, "seal", body, key)

    def report_incident(self, movement: str, body: Incident, *, key: str | None = None) -> Done:
        """Record an incident, or a load moved to other vehicles."""
        return self._do(movement, "report-incident", body, key)

    def inspect(self, movement: str, body: Inspection, *, key: str | None = None) -> Done:
        """Record whether an office inspects, and what it found."""
        return self._do(movement, "inspect", body, key)

    def record_activity(self, movement: str, body: Activity, *, key: str | None = None) -> Done:
        """Record time spent at a border on one of the activities of CPMM."""
        return self._do(movement, "record-activity", body, key)

    def tracker(self, movement: str, body: TrackerChange, *, key: str | None = None) -> Done:
        """Fit or remove a tracker."""
        return self._do(movement, "tracker", body, key)

    def reroute(self, movement: str, body: I7, *, key: str | None = None) -> Done:
        """Record another itinerary for what lies ahead (eTIR I7)."""
        return self._do(movement, "reroute", body, key)

    def suspend(self, movement: str, body: Suspend, *, key: str | None = None) -> Done:
        """Stop the clocks by hand; the gateway does it by itself when a crossing closes."""
        return self._do(movement, "suspend", body, key)

    def resume(self, movement: str, body: Resume, *, key: str | None = None) -> Done:
        """Let the clocks run again by hand."""
        return self._do(movement, "resume", body, key)

    def extend(self, movement: str, body: Extend, *, key: str | None = None) -> Done:
        """Move the deadlines by hand; the gateway does it by itself when customs grants more time."""
        return self._do(movement, "extend", body, key)

    def charge(self, movement: str, body: Charge, *, key: str | None = None) -> Done:
        """Say what must be paid before the goods are handed over: duty, fee or premium."""
        return self._do(movement, "charge", body, key)

    def release(self, movement: str, body: Release, *, key: str | None = None) -> Done:
        """Hand over the goods at destination as soon as all required facts hold."""
        return self._do(movement, "release", body, key)

    # --- what is known ---

    def movement(self, movement: str) -> MovementDetail:
        """A movement in full: declaration, legs, seals, clocks, timeline."""
        found: MovementDetail = self._get(movement)
        return found

    def movements(
        self,
        *,
        office: str | None = None,
        heading: bool = False,
        state: str | None = None,
        ucr: str | None = None,
        limit: int | None = None,
    ) -> Iterator[MovementView]:
        """All movements that match, newest first; the pages are asked for as they are needed.

        Args:
            office: those on whose way this office lies.
            heading: only those the office still has something to do for.
            state: only in this state.
            ucr: consignment.
            limit: items of a page.
        """
        asked = {"office": office, "heading": "true" if heading else None, "state": state, "ucr": ucr, "limit": limit}
        yield from self._caller.pages("/v1/transit", "movements", asked)

    def assessment(self, movement: str, office: str) -> Assessment:
        """Whether an office inspects a movement, and by which rules."""
        found: Assessment = self._get(movement, "/assessment", office=office)
        return found

    def detours(self, movement: str, crossing: str | None = None) -> list[list[Leg]]:
        """Other itineraries for what lies ahead, around closed crossings and one more."""
        found: list[list[Leg]] = self._get(movement, "/detours", crossing=crossing)
        return found

    def indicators(self, movement: str, distance_m: int | None = None) -> TransitIndicators:
        """How long the borders took; with the length of the journey in metres its speeds too."""
        found: TransitIndicators = self._get(movement, "/indicators", distance_m=distance_m)
        return found

    # --- papers, and posts without a network ---

    def paper(self, movement: str, office: str, form: str = "signed", number: int = 1) -> bytes:
        """The accompanying document as issued now: ``signed``, ``pdf``, ``codes``, or one code as ``png``."""
        query = {"office": office, "form": form, "number": str(number)}
        return self._caller.fetch("GET", f"/v1/transit/{in_path(movement)}/paper", params=query)

    def scan(self, office: str, codes: Sequence[str]) -> ScanAnswer:
        """Judge the texts of a paper's QR codes at an office."""
        body = {"office": office, "codes": list(codes)}
        verdict: ScanAnswer = self._caller.call("POST", "/v1/transit/scan", json=body)
        return verdict

    def carry_in(self, events: Sequence[bytes]) -> list[PostedAnswer]:
        """Bring events that posts signed with their network cut; each is answered for itself."""
        body = {"events": [base64.b64encode(raw).decode() for raw in events]}
        answers: list[PostedAnswer] = self._caller.call("POST", "/v1/transit/posted", json=body)
        return answers

    def delegate(self, office: str, public: bytes, valid_from: datetime, valid_until: datetime) -> bytes:
        """Let a post's Ed25519 key speak for an office for a time; returns the signed delegation the post keeps."""
        body = {"office": office, "public": public, "valid_from": valid_from, "valid_until": valid_until}
        return self._caller.fetch("POST", "/v1/transit/delegations", content=msgspec.json.encode(body))
