"""What operators and auditors do with the Python client: ``Client(...).operator`` and ``Client(...).logs``."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from darwaza.client.answer.gateway import (
    Adopted,
    Drill,
    ExplanationView,
    LinkView,
    LogView,
    QuarantineView,
    Report,
    Resumed,
    RoutesView,
    SettlementView,
)
from darwaza.client.caller import Caller, in_path
from darwaza.client.whole_file import written_whole


class Operator:
    """The operator of a gateway; every method raises what ``client.Client`` says."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    # --- links ---

    def links(self) -> list[LinkView]:
        """How every link does."""
        found: list[LinkView] = self._caller.call("GET", "/v1/operator/links")
        return found

    def resume(self, origin: str, *, reason: str = "") -> Resumed:
        """Let a halted link go on, after people at both of its ends have agreed to.

        Args:
            origin: of the log that was halted.
            reason: what they decided; it is put on record in the log to the neighbour.
        """
        done: Resumed = self._caller.call("POST", "/v1/operator/resume", json={"origin": origin, "reason": reason})
        return done

    def settlements(self) -> list[SettlementView]:
        """How forks were settled, as the operators of both sides put it on record, oldest first."""
        found: list[SettlementView] = self._caller.call("GET", "/v1/operator/settlements")
        return found

    def fork_proofs(self) -> list[bytes]:
        """Proofs that somebody signed two histories; ``darwaza evidence verify`` reads each."""
        return [proof.encode() for proof in self._caller.call("GET", "/v1/operator/forks")]

    def quarantine(self) -> list[QuarantineView]:
        """Messages that could not be processed, newest first; the link goes on without them."""
        found: list[QuarantineView] = self._caller.call("GET", "/v1/operator/quarantine")
        return found

    def export_carrier(self, peer: str, to: Path, *, progress: Callable[[int, int], None] | None = None) -> int:
        """Write a carrier file for a neighbour; returns its length in bytes.

        The file is there only when it is whole and on the disk, so that a stick may be pulled out at once; until then
        what stood under its name stays. Only its owner can read it, where the disk knows owners: it holds the papers.

        Args:
            peer: code of the neighbour.
            to: the file.
            progress: see ``client.Progress``; what there will be in all is not known, so it is told 0.
        """
        with written_whole(to, lambda name, flags: os.open(name, flags | os.O_EXCL, 0o600)) as target:
            for piece in self._caller.stream(f"/v1/operator/carrier/{in_path(peer)}"):
                target.write(piece)
                if progress is not None:
                    progress(target.tell(), 0)
            target.flush()
            os.fsync(target.fileno())
        folder = os.open(to.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return to.stat().st_size

    def import_carrier(self, pieces: Iterable[bytes]) -> Iterator[Report]:
        """Bring a carrier file, in pieces that each begin with its head (``darwaza.kernel.carrier.split``)."""
        for piece in pieces:
            report: Report = self._caller.call("POST", "/v1/operator/carrier", content=piece)
            yield report

    # --- the corridor document ---

    def admit(self, version: bytes) -> Adopted:
        """Admit the next version of the corridor document, as its members voted it.

        Versions are proposed and voted with files: ``darwaza corridor propose``, ``vote``, ``assemble``.
        ``Client.corridor`` shows what is in force.

        Args:
            version: the signed note; whether it was voted is checked by the version in force.
        """
        done: Adopted = self._caller.call("POST", "/v1/operator/corridor", content=version)
        return done

    # --- routes ---

    def routes(self) -> RoutesView:
        """Links of the whole corridor as the gateway knows them, and its own messages under way."""
        found: RoutesView = self._caller.call("GET", "/v1/operator/routes")
        return found

    def explain_route(
        self, to: str, message_class: str = "documents", *, policy: str = "", body_bytes: int = 0
    ) -> ExplanationView:
        """Which paths lead to a member, and whose rule stands against each."""
        query = {"to": to, "class": message_class, "policy": policy, "body_bytes": str(body_bytes)}
        found: ExplanationView = self._caller.call("GET", "/v1/operator/routes/explain", params=query)
        return found

    def drain(self, *, drained: bool) -> RoutesView:
        """Drain the gateway, or take that back."""
        found: RoutesView = self._caller.call("PUT", "/v1/operator/routes/drain", json={"drained": drained})
        return found

    def begin_drill(self, cut: str, seconds: int) -> Drill:
        """Treat a member as dark at this gateway for a while."""
        found: Drill = self._caller.call("POST", "/v1/operator/drills", json={"cut": cut, "seconds": seconds})
        return found

    def drills(self) -> list[Drill]:
        """Drills since the gateway started, and what they did to traffic."""
        found: list[Drill] = self._caller.call("GET", "/v1/operator/drills")
        return found

    # --- figures ---

    def stages(self) -> dict[str, float]:
        """Seconds of processor time the engine has spent so far, by stage."""
        found: dict[str, float] = self._caller.call("GET", "/v1/operator/stages")
        return found

    def metrics(self) -> str:
        """Metrics in the text form of Prometheus."""
        return self._caller.fetch("GET", "/metrics").decode()


class Logs:
    """The gateway's logs for whoever may audit them: headers' hashes and signatures, never a body.

    An auditor is a party with the role ``auditor`` (``darwaza party add FOLDER NAME --role auditor``).
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def find(self) -> list[LogView]:
        """Logs kept at the gateway."""
        found: list[LogView] = self._caller.call("GET", "/log/v1")
        return found

    def checkpoint(self, log: int) -> bytes:
        """Newest checkpoint of a log, a signed note (C2SP tlog-tiles).

        Args:
            log: its ``id``.
        """
        return self._caller.fetch("GET", f"/log/v1/{log}/checkpoint")

    def tile(self, log: int, path: str) -> bytes:
        """A tile of a log.

        Args:
            log: its ``id``.
            path: what comes after ``tile/`` by C2SP tlog-tiles: ``0/000`` for 256 hashes of leaves, ``0/x001/067.p/5``.
        """
        return self._caller.fetch("GET", f"/log/v1/{log}/tile/{path}")
