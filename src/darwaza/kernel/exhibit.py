"""One item of an evidence file under examination: what it shows, check by check.

The checks run in this order; the first that fails ends the item, and without its document an item's signatures are not
looked at:

1. ``header``: the header is in its canonical form.
2. ``body``: the body, or its parts with the digests of those withheld, is the one the header names, and opens with
   its key if there is one; or it is absent (noted).
3. ``place``: the proof is in its form, and the checkpoint's tree has this header at this index.
4. ``lane``: the log is one of this corridor, from the member the message comes from to the one it is for.
5. ``case``: a related message is of the message's case, and stands here once.
6. ``document``: the version named is among those given, with this digest, and has the lane.
7. ``origin``: the author signed the checkpoint.
8. ``receipt``: the reader co-signed it, at a time that fits.
9. ``witnesses``: which members co-signed it as witnesses; and no line remains that could not be checked.
A message that goes on to other members is told about further by items of the role ``hop`` (``darwaza.kernel.chain``).
The table with all codes is in spec/evidence.md.
"""

from collections.abc import Callable
from datetime import datetime

import msgspec

from darwaza.config import CLOCK_SKEW_S_MAX
from darwaza.errors import MessageError, SignatureError
from darwaza.kernel import instant
from darwaza.kernel.checkpoint import Checkpoint, cosigned_at, parse_text
from darwaza.kernel.corridor import Corridor
from darwaza.kernel.encoding import to_base64
from darwaza.kernel.evidence import MESSAGE, RELATED, Item, Part, read_body
from darwaza.kernel.history import LaneKeys, keys_of
from darwaza.kernel.merkle import leaf_hash, verify_inclusion
from darwaza.kernel.message import VERSION, Header, check_body, check_parts, decode_header, member_of, message_key
from darwaza.kernel.naming import KeyRole, Lane, SignerName
from darwaza.kernel.note import Note, Verifier, verified
from darwaza.kernel.proof import Proof, parse_proof
from darwaza.kernel.reference import INSTANT_FORMAT, Reference
from darwaza.kernel.trail import Carried
from darwaza.kernel.verdict import Attestation, Finding, Record, counted


class _Version(msgspec.Struct):
    """The field of a header that says how to read the others."""

    version: int


_version_of = msgspec.json.Decoder(_Version).decode


class Trail(msgspec.Struct):
    """How far a routed message has been followed.

    Attributes:
        path: its members; empty before the message was read.
        message_class: name of its service.
        path_policy: its sender's, as text; "" for none.
        links: how many have been proven so far.
        last: what travelled the last of them.
        received: whether its destination has signed for it.
        document: the corridor document it goes by.
    """

    path: tuple[str, ...] = ()
    message_class: str = ""
    path_policy: str = ""
    links: int = 0
    last: Carried | None = None
    received: bool = False
    document: Corridor | None = None


class Exhibit:
    """One item under examination. Each check returns whether to go on.

    Attributes:
        trail: of the message; shared by the items of a file.
        complete: whether the signatures could be looked at.
    """

    header: Header
    proof: Proof
    checkpoint: Checkpoint
    lane: Lane
    document: Corridor
    keys: LaneKeys

    def __init__(
        self,
        item: Item,
        subject: str,
        seen: dict[str, str],
        known: Reference,
        now: datetime,
        record: Record,
        trail: Trail,
    ) -> None:
        self.trail = trail
        self._item = item
        self._subject = subject
        self._seen = seen
        self._known = known
        self._now_s = instant.to_seconds(now)
        self._record = record
        self.complete = False
        self.received_at: int | None = None
        self.witnesses: list[Attestation] = []

    def holds(self, name: str, text: str) -> bool:
        """Write down that a check holds; see ``verdict.Record``."""
        return self._record.holds(self._subject, name, text)

    def noted(self, name: str, code: str, text: str) -> bool:
        """Write down something without weight."""
        return self._record.noted(self._subject, name, code, text)

    def unknown(self, name: str, code: str, text: str) -> bool:
        """Write down what is missing or not understood."""
        return self._record.unknown(self._subject, name, code, text)

    def fails(self, name: str, code: str, text: str) -> bool:
        """Write down what is false."""
        return self._record.fails(self._subject, name, code, text)

    @property
    def raw_header(self) -> bytes:
        """The header as bytes."""
        return self._item.header.encode()

    @property
    def corridor_name(self) -> str:
        """Name of the corridor the item says it is of."""
        return self._item.corridor.name

    def check_header(self) -> bool:
        """Step 1."""
        raw = self._item.header.encode()
        try:
            self.header = header = decode_header(raw)
        except MessageError as fault:
            if _is_newer(raw):
                self.unknown("header", "header_version_unknown", "The message is of a version not known here.")
                return False
            return self.fails("header", fault.code, f"The message's header is not what it must be: {fault.detail}.")
        about = f", about the consignment {header.ucr}" if header.ucr else ""
        return self.holds(
            "header",
            f"The message {header.id} is a {header.kind} from {header.origin} to {header.destination}{about}, made on "
            f"{header.created_at} by the clock of {member_of(header.origin)}, in the case {header.case_id}.",
        )

    def check_body(self) -> bool:
        """Step 2."""
        header, body = self.header, self._item.body
        named = f"{header.body_bytes} bytes, {header.media_type}, digest {header.body_digest}"
        if self._item.parts is not None:
            return self._check_parts(self._item.parts, named)
        if body is None:
            text = f"The body is not in the file. The message fixes it: {named}. A copy can be held against that."
            return self.noted("body", "body_absent", text)
        try:
            check_body(header, body)
        except MessageError as fault:
            return self.fails("body", fault.code, f"The body in the file is not the one the message names: {named}.")
        if self._item.key is None:
            return self.holds("body", f"The body in the file is the one the message names: {named}.")
        try:
            read_body(header, self._item)
        except MessageError as fault:
            return self.fails("body", fault.code, f"The key in the file does not open the body: {fault.detail}.")
        text = f"The sealed body in the file is the one the message names: {named}. The key in the file opens it."
        return self.holds("body", text)

    def _check_parts(self, given: tuple[Part, ...], named: str) -> bool:
        shown = [part.body for part in given]
        try:
            check_parts(self.header, shown, [bytes.fromhex(part.digest or "") for part in given])
        except MessageError as fault:
            return self.fails("body", fault.code, f"The parts in the file are not those the message names: {named}.")
        count = len(shown) - shown.count(None)
        if count == len(shown):
            return self.holds("body", f"The parts in the file are all of the body that the message names: {named}.")
        text = f"Of the body {count} of {len(shown)} parts are in the file, and the digests of the others"
        return self.noted("body", "parts_withheld", f"{text}: together they are what the message names: {named}.")

    def check_place(self) -> bool:
        """Step 3."""
        try:
            self.proof = proof = parse_proof(self._item.proof.encode())
            self.checkpoint = point = parse_text(proof.note.text)
        except MessageError as fault:
            return self.fails("place", fault.code, f"The proof cannot be read: {fault.detail}.")
        if proof.extra:
            return self.fails("place", "proof_malformed", "The proof carries extra data, which nothing signs.")
        leaf = leaf_hash(self._item.header.encode())
        if not verify_inclusion(proof.index, point.size, leaf=leaf, root=point.root, proof=proof.hashes):
            text = f"The proof does not show that the log {point.origin} holds this message at index {proof.index}."
            return self.fails("place", "inclusion_false", text)
        return self.holds(
            "place",
            f"The log {point.origin}, as it was with {counted(point.size, 'entry', 'entries')} and the root "
            f"{to_base64(point.root)}, holds this message at index {proof.index}.",
        )

    def check_lane(self) -> bool:
        """Step 4."""
        header, origin = self.header, self.checkpoint.origin
        try:
            self.lane = lane = Lane.parse(origin)
        except MessageError as fault:
            return self.fails("lane", fault.code, f"The log's origin line is none of a corridor: {fault.detail}.")
        sender, recipient = member_of(header.origin), member_of(header.destination)
        path = header.path or (sender, recipient)
        if (path[0], path[-1]) != (sender, recipient):
            text = f"The message's path {' - '.join(path)} does not lead from {sender} to {recipient}."
            return self.fails("lane", "lane_differs", text)
        sender, recipient = path[0], path[1]
        if (lane.corridor, lane.author, lane.reader) != (self._item.corridor.name, sender, recipient):
            text = f"The log {origin} is not one from {sender} to {recipient} in {self._item.corridor.name}."
            return self.fails("lane", "lane_differs", text)
        return self.holds("lane", f"The log is one that {sender} writes for {recipient}.")

    def remember_case(self) -> bool:
        """Keep what the related messages are held against."""
        self._seen["case"] = self.header.case_id
        self._seen[message_key(self.header)] = MESSAGE
        return True

    def check_case(self) -> bool:
        """Step 5."""
        key = message_key(self.header)
        if key in self._seen:
            return self.fails("case", "item_repeated", "The same message stands in the file twice.")
        self._seen[key] = RELATED
        case_id = self._seen.get("case", self.header.case_id)
        if self.header.case_id != case_id:
            return self.fails("case", "case_differs", f"This message is not of the case {case_id}.")
        return self.holds("case", f"This message is of the same case {case_id}.")

    def check_document(self) -> bool:
        """Step 6."""
        named = self._item.corridor
        if named.name != self._known.name:
            text = f"The documents given are of the corridor {self._known.name}, not of {named.name}."
            self.unknown("document", "corridor_unknown", text)
            return False
        document = self._known.version(named.version)
        if document is None:
            text = f"Version {named.version} of the corridor document, SHA-256 {named.digest}, was not given."
            self.unknown("document", "version_unknown", text)
            return False
        if document.digest != named.digest:
            text = (
                f"The file goes by a version {named.version} with SHA-256 {named.digest}; given was {document.digest}."
            )
            return self.fails("document", "document_differs", text)
        try:
            self.keys = keys_of(document, self.lane.origin)
        except SignatureError as fault:
            text = f"By version {document.version} of the corridor document there is no log {self.lane.origin}."
            return self.fails("document", fault.code, text)
        self.document, self.complete = document, True
        return self.holds(
            "document",
            f"The keys are those of version {document.version} of the corridor document of {document.name}, SHA-256 "
            f"{document.digest}, in force from {document.created_at:{INSTANT_FORMAT}}.",
        )

    def check_origin(self) -> bool:
        """Step 7."""
        keys, author = self.keys, self.lane.author
        first = signed_by(self.proof.note, keys.log)
        second = None if keys.log_mldsa44 is None else signed_by(self.proof.note, keys.log_mldsa44)
        if first is False or second is False:
            return self.fails("origin", "signature_false", f"The signature given as that of {author} is false.")
        if first is None:
            text = (
                f"The log's state is not signed with the key of {author}: the file does not show that {author} sent it."
            )
            return self.unknown("origin", "signature_missing", text)
        if keys.mldsa44_required and second is None:
            text = f"The corridor asks for a second signature of {author}, with ML-DSA-44, which is not there."
            return self.unknown("origin", "signature_weak", text)
        also = " and with its ML-DSA-44 key" if second else ""
        return self.holds(
            "origin",
            f"{author} signed this state of its log with its log key {to_base64(keys.log.public.raw)} (Ed25519){also}. "
            f"It cannot deny that it sent this message.",
        )

    def check_receipt(self) -> bool:
        """Step 8."""
        reader, name = self.lane.reader, "receipt"
        signed = signed_by(self.proof.note, self.keys.reader)
        if signed is False:
            return self.fails(name, "signature_false", f"The co-signature given as that of {reader} is false.")
        if signed is None and self.header.path is not None and self.header.path[-1] != reader:
            text = f"{reader} has not co-signed here; the links that follow show whether it handed the message on."
            return self.noted(name, "handover_unsigned", text)
        if signed is None:
            text = f"{reader} has not co-signed: the file does not show that {reader} received the message."
            return self.unknown(name, "receipt_missing", text)
        seconds = _cosigned_at(self.proof.note, self.keys.reader)
        if seconds > self._now_s + CLOCK_SKEW_S_MAX:
            return self.unknown(name, "receipt_in_future", f"The receipt of {reader} is dated in the future.")
        at = _to_text(seconds)
        self.received_at = seconds
        if seconds < instant.to_seconds(self.document.created_at) - CLOCK_SKEW_S_MAX:
            text = f"The receipt of {reader} is dated {at}, before the document whose keys it goes by."
            return self.unknown(name, "receipt_before_document", text)
        author = self.lane.author
        retired = self._retired_by(author, KeyRole.LOG, seconds) or self._retired_by(reader, KeyRole.WITNESS, seconds)
        if retired is not None:
            text = (
                f"The receipt of {reader} is dated {at}, when version {retired.version} had replaced a key it goes by. "
                f"Either a gateway had not heard of the change, or somebody used an old key."
            )
            return self.unknown(name, "key_retired", text)
        return self.holds(
            name,
            f"{reader} co-signed the same state on {at} by its clock with its witness key "
            f"{to_base64(self.keys.reader.public.raw)} (Ed25519). It cannot deny that it received this message.",
        )

    def _retired_by(self, code: str, role: KeyRole, seconds: int) -> Corridor | None:
        """The later version, if one is known, that had replaced a member's key by then."""
        card = self.document.card(code)
        key = None if card is None else card.keys.get(role)
        for later in self._known.documents:
            card = later.card(code)
            replaced = card is None or card.keys.get(role) != key
            in_force = seconds > instant.to_seconds(later.created_at) + CLOCK_SKEW_S_MAX
            if later.version > self.document.version and replaced and in_force:
                return later
        return None

    def check_witnesses(self) -> bool:
        """Step 9."""
        keys = self.keys
        for verifier in keys.witnesses:
            member = SignerName.parse(verifier.name).member
            signed = signed_by(self.proof.note, verifier)
            if signed is False:
                text = f"The co-signature given as that of {member}, a witness, is false."
                return self.fails("witnesses", "signature_false", text)
            if signed:
                self._count_witness(member, _cosigned_at(self.proof.note, verifier))
        if not self.all_lines_known():
            text = "Under the log's state stands a signature that cannot be checked with these documents."
            return self.unknown("witnesses", "signature_unknown", text)
        names = ", ".join(f"{one.member} on {one.at}" for one in self.witnesses)
        asked = f"The corridor asks for {keys.witness_quorum} of {len(keys.witnesses)}. Grade: {self.grade}."
        if not self.witnesses:
            return self.noted("witnesses", "not_witnessed", f"No third member co-signed this state. {asked}")
        return self.holds("witnesses", f"Other members co-signed this state too: {names}. {asked}")

    def _count_witness(self, member: str, seconds: int) -> None:
        if seconds > self._now_s + CLOCK_SKEW_S_MAX:
            text = f"The co-signature of {member} is dated in the future and does not count."
            self.noted("witnesses", "witness_in_future", text)
        elif self._retired_by(member, KeyRole.WITNESS, seconds) is not None:
            text = f"The co-signature of {member} is dated when its key had been replaced and does not count."
            self.noted("witnesses", "witness_key_retired", text)
        else:
            self.witnesses.append(Attestation(member, _to_text(seconds)))

    def all_lines_known(self) -> bool:
        """Whether every line under the checkpoint is of a key that the document names for this log."""
        keys = self.keys
        verifiers: list[Verifier] = [keys.log, keys.reader, *keys.witnesses]
        if keys.log_mldsa44 is not None:
            verifiers.append(keys.log_mldsa44)
        known = {(verifier.name, verifier.key_id) for verifier in verifiers}
        return all((line.name, line.key_id) in known for line in self.proof.note.signatures)

    def remember_trail(self) -> bool:
        """Keep what the links that follow are held against."""
        trail, header = self.trail, self.header
        trail.path = header.path or (self.lane.author, self.lane.reader)
        trail.message_class = header.kind.partition(".")[0]
        trail.path_policy = header.path_policy or ""
        trail.links, trail.last = 1, Carried(header, header.id, leaf_hash(self.raw_header))
        trail.received = trail.path[-1] == self.lane.reader and self.received_at is not None
        trail.document = self.document
        return True

    @property
    def grade(self) -> str:
        """How strong the evidence is."""
        if self.received_at is None:
            return "unacknowledged"
        if self.witnesses and len(self.witnesses) >= self.keys.witness_quorum:
            return f"witnessed {len(self.witnesses)} of {len(self.keys.witnesses)}"
        return "bilateral"

    def finding(self) -> Finding:
        """What the item shows."""
        header = self.header
        return Finding(
            subject=self._subject,
            id=header.id,
            kind=header.kind,
            origin=header.origin,
            destination=header.destination,
            created_at=header.created_at,
            log=self.checkpoint.origin,
            author=self.lane.author,
            reader=self.lane.reader,
            index=self.proof.index,
            size=self.checkpoint.size,
            version=self.document.version,
            received_at=None if self.received_at is None else _to_text(self.received_at),
            witnesses=tuple(self.witnesses),
            witnesses_possible=len(self.keys.witnesses),
            grade=self.grade,
            body=self._item.body is not None or self._item.parts is not None,
        )


Check = Callable[[Exhibit], bool]
_WHAT: tuple[Check, ...] = (
    Exhibit.check_header,
    Exhibit.check_body,
    Exhibit.check_place,
    Exhibit.check_lane,
)
_WHO: tuple[Check, ...] = (
    Exhibit.check_document,
    Exhibit.check_origin,
    Exhibit.check_receipt,
    Exhibit.check_witnesses,
)
OF_MESSAGE = (*_WHAT, Exhibit.remember_case, *_WHO, Exhibit.remember_trail)
OF_RELATED = (*_WHAT, Exhibit.check_case, *_WHO)


def _is_newer(raw: bytes) -> bool:
    try:
        return _version_of(raw).version > VERSION
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def signed_by(note: Note, verifier: Verifier) -> bool | None:
    """Whether the key signed: True, or False when a line says so and lies; None when no line says so."""
    try:
        verified(note, [verifier])
    except SignatureError as fault:
        return None if fault.code == "signature_missing" else False
    return True


def _cosigned_at(note: Note, verifier: Verifier) -> int:
    """The earliest time at which this cosigner, whose lines are true, says it co-signed."""
    lines = (line for line in note.signatures if (line.name, line.key_id) == (verifier.name, verifier.key_id))
    return min(cosigned_at(line) for line in lines)


def _to_text(seconds: int) -> str:
    return instant.from_seconds(seconds).strftime(INSTANT_FORMAT)
