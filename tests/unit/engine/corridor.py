"""Three gateways on files, and a courier that does as it is told."""

from pathlib import Path

from darwaza.adapters.sqlite.store import SqliteStore
from darwaza.engine.desk import answer_ask, cosigned_lines
from darwaza.engine.intake import Acknowledge, Arrive, Attest, Cosigned, Settle, Submit, Witness
from darwaza.kernel import batch
from darwaza.kernel.checkpoint import parse_checkpoint
from darwaza.kernel.naming import Lane
from darwaza.kernel.tile import consistency_proof
from darwaza.kernel.witness import format_request, parse_cosignatures, parse_request
from darwaza.services.documents.machine import SERVICE
from darwaza.services.documents.message import Accept, Offer
from darwaza.testing.world import CORRIDOR_NAME, World


class Corridor:
    """Engines by member code."""

    def __init__(self, folder: Path, codes: tuple[str, ...] = ("KZ", "PK", "UZ"), **terms: object) -> None:
        self.world = World(codes, **terms)
        self.engines = {
            code: self.world.engine(code, [SERVICE], SqliteStore.create(folder / f"{code}.db")) for code in codes
        }
        for author in codes:
            for reader in codes:
                if author != reader:
                    for lane in range(2):
                        self.settle(self.origin(author, reader, lane))

    def origin(self, author: str, reader: str, lane: int = 0) -> str:
        return Lane(CORRIDOR_NAME, author, reader, lane).origin

    def one(self, code: str, given: object) -> object:
        (outcome,) = self.engines[code].run([given])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def settle(self, origin: str) -> object:
        lane = Lane.parse(origin)
        return self.one(lane.author, Settle(origin, answer_ask(self.engines[lane.reader], origin)))

    def offer(
        self, sender: str, recipient: str, content: bytes = b"<pacs/>", title: str = "Invoice 7"
    ) -> tuple[str, str]:
        """Offer a document; returns the ids of the case and of the message."""
        body = Offer(recipient, title, "invoice.xml", "application/xml", content)
        given = Submit(sender, frozenset(), "documents", "offer", "", b"", body)
        accepted = self.one(sender[:2], given)
        return accepted.case_id, accepted.message_ids[0]

    def accept(self, party: str, case_id: str) -> str:
        """Take a document over; returns the id of the message that says so."""
        given = Submit(party, frozenset(), "documents", "accept", "", b"", Accept(), case_id)
        return self.one(party[:2], given).message_ids[0]

    def carry(self, author: str, reader: str, lane: int = 0, *, acknowledged: bool = True) -> None:
        """Carry what the reader lacks of a lane, and its answer back."""
        origin = self.origin(author, reader, lane)
        row = self.engines[author].find_log(origin).row
        held = self.engines[reader].find_log(origin).row.size
        entries = self.engines[author].entries(row.id, held, row.size, 1 << 24)
        raw = batch.encode(origin, held, row.checkpoint, entries)
        answer = self.one(reader, Arrive(batch.decode(raw)))
        assert isinstance(answer, Cosigned)
        if acknowledged:
            lines = parse_cosignatures(cosigned_lines(self.engines[reader], answer.note))
            self.one(author, Acknowledge(origin, row.checkpoint, lines))

    def attestation(self, author: str, reader: str, witness: str) -> Attest:
        """Let a third member co-sign what the reader has acknowledged; returns what its author must take."""
        origin = self.origin(author, reader)
        engine = self.engines[author]
        row = engine.find_log(origin).row
        held = engine.store.checkpoint_from(row.id, row.cosigned_size)
        seen = self.engines[witness].store.witnessed(origin)
        old = 0 if seen is None else seen.size
        proof = consistency_proof(old, held.size, lambda *at: engine.store.tile(row.id, *at)) if old else ()
        request = parse_request(format_request(old, proof, parse_checkpoint(held.note)[1]))
        verdict = self.one(witness, Witness(request))
        assert verdict.status == 200, verdict
        return Attest(origin, witness, held.note, parse_cosignatures(verdict.body))
