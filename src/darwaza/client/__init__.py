"""A small typed client for parties and operators of a gateway.

Example::

    with Client("https://gateway.example:8443", token, certificate=Path("gateway.pem")) as gateway:
        sent = gateway.send_document(Path("invoice.pdf"), to="UZ/customs", title="Invoice 17")
        print(gateway.document(sent["id"])["stage"])

Answers are dictionaries with the fields of the gateway's JSON; ``darwaza.client.answer`` has their types. Every
operation that is meant for programs has one method.
"""

import mimetypes
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from darwaza import config
from darwaza.client.answer.gateway import (
    BulkAnswer,
    CorridorView,
    DocumentView,
    Health,
    Manifest,
    Notice,
    PartyView,
    Sent,
)
from darwaza.client.border import Crossings, Enquiries, Guarantees, Trackers
from darwaza.client.caller import TIMEOUT_S, Caller, in_path, pinned_context
from darwaza.client.operator import Logs, Operator
from darwaza.client.payments import Payments
from darwaza.client.sealing import SEALED_TITLE, Sealing, closed, need_keys, open_file
from darwaza.client.transit import Transit
from darwaza.errors import MessageError
from darwaza.kernel import instant
from darwaza.kernel.enclosure import ENCLOSURE_MEDIA_TYPE
from darwaza.kernel.seal import UnsealKey
from darwaza.kernel.sealcard import SealingCard

__all__ = ["INLINE_BYTES_MAX", "TIMEOUT_S", "BulkDocument", "Client", "Event", "Progress", "pinned_context"]

INLINE_BYTES_MAX = 786_432
"""A larger document travels in chunks."""

DIFFERS = "document_differs"
Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""


class Event(Notice):
    """A notice with its place, from which to go on later."""

    sequence: int


class BulkDocument(msgspec.Struct, array_like=True, frozen=True):
    """One document of many.

    Attributes:
        key: idempotency key, at most 64 printable ASCII characters.
        to: full address of the recipient.
        title: for people.
        filename: "" for none.
        media_type: ``application/pdf``.
        content: at most 786,432 bytes.
        ucr: consignment.
        expires_at: when it need not be handed over any more; RFC 3339 UTC.
        path_policy: which members may carry it.
    """

    key: str
    to: str
    title: str
    filename: str
    media_type: str
    content: bytes
    ucr: str | None = None
    expires_at: str | None = None
    path_policy: str = ""


class Client(Caller):
    """Requests to one gateway, as one party.

    Every method raises ``MessageError`` when the gateway refuses (with its code and pointer), ``TransientError`` when
    it refuses for a reason that may pass, ``PushbackError`` when it is at a limit, ``PeerError`` when it cannot be
    reached or does not know whether it wrote what it was given. Sending is safe to repeat with the same key.
    """

    # --- parts ---

    @property
    def payments(self) -> Payments:
        """What a bank, an FX provider or a settlement operator does."""
        return Payments(self)

    @property
    def sealing(self) -> Sealing:
        """Sealing keys: one's own, and those of parties one writes to."""
        return Sealing(self)

    @property
    def transit(self) -> Transit:
        """Movements of goods under seal, and their papers."""
        return Transit(self)

    @property
    def crossings(self) -> Crossings:
        """Border crossings and customs offices: what is closed, who waits, other ways."""
        return Crossings(self)

    @property
    def guarantees(self) -> Guarantees:
        """Guarantees of transit."""
        return Guarantees(self)

    @property
    def trackers(self) -> Trackers:
        """The offices' pools of trackers."""
        return Trackers(self)

    @property
    def enquiries(self) -> Enquiries:
        """Questions between members about holders, guarantees and offices."""
        return Enquiries(self)

    @property
    def operator(self) -> Operator:
        """What the operator of the gateway does."""
        return Operator(self)

    @property
    def logs(self) -> Logs:
        """What an auditor reads: checkpoints and tiles of the gateway's logs."""
        return Logs(self)

    # --- the gateway ---

    def health(self) -> Health:
        """Whether the gateway takes work."""
        found: Health = self.call("GET", "/health")
        return found

    def party(self) -> PartyView:
        """Who the caller is: full address and roles."""
        found: PartyView = self.call("GET", "/v1/party")
        return found

    def corridor(self) -> CorridorView:
        """The corridor document in force: members, links, quorum, when it expires."""
        found: CorridorView = self.call("GET", "/v1/corridor")
        return found

    def events(self, after: int = 0) -> Iterator[Event]:
        """The party's notices as they come, for ever; each with its ``sequence``, from which to go on later.

        Args:
            after: sequence of the last one seen.
        """
        sequence = after
        for line in self.lines("/v1/events", params={"after": str(after)}):
            if line.startswith("id: "):
                sequence = int(line.removeprefix("id: "))
            elif line.startswith("data: "):
                notice: Notice = msgspec.json.decode(line.removeprefix("data: "))
                yield Event(sequence=sequence, **notice)

    # --- documents ---

    def send_document(
        self,
        file: Path,
        *,
        to: str,
        title: str = "",
        media_type: str = "",
        ucr: str | None = None,
        expires_at: datetime | None = None,
        key: str | None = None,
        progress: Progress | None = None,
        path_policy: str = "",
        waits: bool = True,
        seal_to: SealingCard | None = None,
        sealed: Path | None = None,
        wait_s: int = 0,
    ) -> Sent:
        """Send a document, in chunks when it is large.

        Args:
            file: at most 100 MB.
            to: full address of the recipient, ``UZ/customs``.
            title: for people; the file's name without one. Of a sealed document the gateways read it, and nothing else.
            media_type: guessed from the file's name without one.
            ucr: consignment.
            expires_at: aware.
            key: idempotency key; give the same one to repeat after a failure.
            progress: see ``Progress``.
            path_policy: which members may carry it, ``avoid AF``; it binds every chunk of a large document.
            waits: False has it refused at once, ``undeliverable``, when every allowed path is down.
            seal_to: verified card of the recipient (``sealcard.verify``): the document is sealed here, so that no
                gateway can read it, and its digest and receipts are over the sealed bytes.
            sealed: where the sealed bytes are kept, to repeat with the same key after a failure; a temporary file
                without one.
            wait_s: wait so long, at most 25, until both sides have signed; ``delivered`` then says whether they have.
                A document that travels in chunks is not waited for.

        Returns:
            ``id``, ``state``, ``message_ids``, and what ``Sent`` says besides.
        """
        media_type = media_type or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        key = key or str(uuid.uuid4())
        fields: dict[str, Any] = {"to": to}
        if ucr is not None:
            fields["ucr"] = ucr
        if expires_at is not None:
            fields["expires_at"] = instant.to_text(expires_at)
        if path_policy:
            fields["path_policy"] = path_policy
        if not waits:
            fields["waits"] = False
        about = {"title": title or file.name, "filename": file.name, "media_type": media_type}
        if seal_to is None:
            return self._send_file(file, fields, about, key, progress, wait_s)
        about = {"title": title or SEALED_TITLE, "filename": "", "media_type": ENCLOSURE_MEDIA_TYPE}
        with closed(self, file, sealed, fields, media_type, key, seal_to) as (enclosure, case_id):
            return self._send_file(enclosure, {**fields, "case_id": case_id}, about, key, progress, wait_s)

    def _send_file(
        self,
        file: Path,
        fields: dict[str, Any],
        about: dict[str, str],
        key: str,
        progress: Progress | None,
        wait_s: int,
    ) -> Sent:
        size = file.stat().st_size
        if size > INLINE_BYTES_MAX:
            return self._send_large(file, size, fields, about, key, progress)
        headers = {"content-type": about["media_type"], "idempotency-key": key}
        if wait_s:
            headers["prefer"] = f"wait={wait_s}"
        query = {**fields, "title": about["title"], "filename": about["filename"]}
        content = file.read_bytes()
        sent: Sent = self.call("POST", "/v1/documents", params=query, headers=headers, content=content)
        if progress is not None:
            progress(size, size)
        return sent

    def _send_large(
        self,
        file: Path,
        size: int,
        fields: dict[str, Any],
        about: dict[str, str],
        key: str,
        progress: Progress | None,
    ) -> Sent:
        with file.open("rb") as source:
            whole, chunks = _digests(source)
        manifest = {"bytes": size, "chunks": chunks, "digest": whole, **about}
        body = {**fields, "manifest": manifest}
        sent: Sent = self.call("POST", "/v1/documents/uploads", json=body, headers={"idempotency-key": key})
        return self.resume_upload(file, sent["id"], progress=progress)

    def resume_upload(self, file: Path, case_id: str, *, progress: Progress | None = None) -> Sent:
        """Add the chunks of an opened document that are still missing."""
        view = self.document(case_id)
        manifest, missing = _manifest(view), set(view.get("missing", ()))
        sent = Sent(id=case_id, state=view["stage"])
        with file.open("rb") as source:
            for number, digest in enumerate(manifest["chunks"]):
                chunk = source.read(config.CHUNK_BYTES)
                if digest in missing:
                    missing.discard(digest)
                    sent = self.call("PUT", f"/v1/documents/{in_path(case_id)}/chunks/{digest}", content=chunk)
                if progress is not None:
                    progress(min(manifest["bytes"], (number + 1) * config.CHUNK_BYTES), manifest["bytes"])
        return sent

    def document(self, case_id: str) -> DocumentView:
        """A document's stage, receipts and messages."""
        found: DocumentView = self.call("GET", f"/v1/documents/{in_path(case_id)}")
        return found

    def documents(
        self,
        *,
        with_: str | None = None,
        state: str | None = None,
        ucr: str | None = None,
        since: datetime | str | None = None,
        before: datetime | str | None = None,
        limit: int | None = None,
    ) -> Iterator[DocumentView]:
        """All documents that match, newest first; the pages are asked for as they are needed.

        Args:
            with_: full address of the other side.
            state: only at this stage: ``accepted``, ``delivered``, ``arrived`` and so on, see ``DocumentView``.
            ucr: consignment.
            since: opened at or after it; aware, or as RFC 3339 text.
            before: opened before it; the same.
            limit: items of a page.
        """
        times = [instant.to_text(at) if isinstance(at, datetime) else at for at in (since, before)]
        asked = {"with": with_, "state": state, "ucr": ucr, "since": times[0], "before": times[1], "limit": limit}
        yield from self.pages("/v1/documents", "documents", asked)

    def download(
        self, case_id: str, to: Path, *, keys: Sequence[UnsealKey] = (), progress: Progress | None = None
    ) -> Path:
        """Write a document to a file and hold it against its digest.

        The file is there only when it is whole. What has come of it so far stands beside it under a name that ends in
        ``.part`` and tells its digest; a download that was broken off goes on from there.

        Args:
            case_id: of the document.
            to: the file.
            keys: the recipient's own sealing keys, newest and former ones: the document is opened here, on its
                recipient's machine. Without any, a sealed document is written as it came.
            progress: see ``Progress``.

        Raises:
            MessageError: ``document_differs``: what came is not what was signed; nothing is kept. Or what
                ``enclosure.unseal`` says; then there is no file.
        """
        view = self.document(case_id)
        manifest = _manifest(view)
        part = partial_file(to, manifest["digest"])
        resumed = part.exists()
        try:
            self._fetch(view, part, progress)
        except MessageError as fault:
            if fault.code != DIFFERS or not resumed:
                raise
            self._fetch(view, part, progress)  # what stood there was not the beginning of this document
        if not need_keys(view, keys):
            return part.replace(to)
        try:
            open_file(part, to, view, keys)
        finally:
            part.unlink()
        return to

    def _fetch(self, view: DocumentView, part: Path, progress: Progress | None) -> None:
        """Bring a partial file to its end; one that then is not what was signed is removed."""
        manifest = _manifest(view)
        digest = sha256()
        with part.open("a+b") as target:
            target.seek(0)
            while piece := target.read(config.STREAM_BYTES):
                digest.update(piece)
            if target.tell() < manifest["bytes"] or not target.tell():
                digest = self._go_on(view, target, digest, progress)
        if digest.hexdigest() != manifest["digest"]:
            part.unlink()
            raise MessageError("the document is not the one that was signed", code=DIFFERS)

    def _go_on(self, view: DocumentView, target: BinaryIO, digest: Any, progress: Progress | None) -> Any:
        """Fetch what is missing at the end of a partial file; returns the digest of the whole."""
        manifest, done = _manifest(view), target.tell()
        asked = {"range": f"bytes={done}-", "if-range": f'"{manifest["digest"]}"'} if done else {}
        with self._opened(f"/v1/documents/{in_path(view['id'])}/content", headers=asked) as response:
            if (
                done
                and response.headers.get("content-range") != f"bytes {done}-{manifest['bytes'] - 1}/{manifest['bytes']}"
            ):
                done, digest = 0, sha256()
                target.truncate(0)
            for piece in response.iter_bytes(config.STREAM_BYTES):
                digest.update(piece)
                target.write(piece)
                done += len(piece)
                if progress is not None:
                    progress(done, manifest["bytes"])
        return digest

    def accept(self, case_id: str) -> Sent:
        """Take a document over: its sender gets the receipt."""
        done: Sent = self.call("POST", f"/v1/documents/{in_path(case_id)}/accept")
        return done

    def refuse(self, case_id: str, reason: str) -> Sent:
        """Refuse a document: its sender gets the reason."""
        done: Sent = self.call("POST", f"/v1/documents/{in_path(case_id)}/refuse", json={"reason": reason})
        return done

    def evidence(self, message_id: str, *, body: bool = True) -> bytes:
        """The evidence file of a message."""
        query = {"body": "true" if body else "false"}
        return self.fetch("GET", f"/v1/evidence/{in_path(message_id)}", params=query)

    def receipt(self, message_id: str) -> bytes:
        """A COSE receipt (RFC 9942) of a message of the gateway's own log."""
        return self.fetch("GET", f"/v1/evidence/{in_path(message_id)}/receipt")

    def send_many(self, documents: Sequence[BulkDocument]) -> list[BulkAnswer]:
        """Send many small documents in one request; each is answered for itself, with its key.

        Args:
            documents: at most ``config.BULK_ITEMS_MAX``.
        """
        sent: list[BulkAnswer] = self.call(
            "POST", "/v1/documents/bulk", content=msgspec.msgpack.encode(list(documents))
        )
        return sent


def partial_file(to: Path, digest: str) -> Path:
    """Where what has come so far of a document of this digest stands, beside the file it is to become."""
    return to.with_name(f"{to.name}.{digest[:16]}.part")


def _manifest(view: DocumentView) -> Manifest:
    manifest = view.get("manifest")
    if manifest is None:
        raise MessageError("what the document is has not come yet", code="content_incomplete")
    return manifest


def _digests(source: BinaryIO) -> tuple[str, list[str]]:
    whole, chunks = sha256(), []
    while chunk := source.read(config.CHUNK_BYTES):
        whole.update(chunk)
        chunks.append(sha256(chunk).hexdigest())
    return whole.hexdigest(), chunks
