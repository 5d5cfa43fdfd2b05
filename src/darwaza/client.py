"""A small typed client for parties and operators of a gateway.

Example::

    with Client("https://gateway.example:8443", token, certificate=Path("gateway.pem")) as gateway:
        sent = gateway.send_document(Path("invoice.pdf"), to="UZ/customs", title="Invoice 17")
        print(gateway.document(sent["id"])["stage"])
"""

import base64
import mimetypes
import ssl
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, Self
from urllib.parse import quote

import httpx
import msgspec

from darwaza import config
from darwaza.client_payments import Payments
from darwaza.client_sealing import SEALED_TITLE, Sealing, closed, need_keys, open_file
from darwaza.errors import DarwazaError, FatalError, MessageError, PeerError, PushbackError, TransientError
from darwaza.kernel import instant
from darwaza.kernel.enclosure import ENCLOSURE_MEDIA_TYPE
from darwaza.kernel.seal import UnsealKey
from darwaza.kernel.sealcard import SealingCard

TIMEOUT_S = 30.0
INLINE_BYTES_MAX = 786_432
"""A larger document travels in chunks."""
_RETRY = {429, 503}

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""


class Client:
    """Requests to one gateway, as one party.

    Every method raises ``MessageError`` when the gateway refuses (with its code and pointer), ``TransientError`` when
    it refuses for a reason that may pass, ``PushbackError`` when it is at a limit, ``PeerError`` when it cannot be
    reached or does not know whether it wrote what it was given. Sending is safe to repeat with the same key.
    """

    def __init__(self, url: str, token: str, *, certificate: Path | None = None) -> None:
        """Prepare.

        Args:
            url: of the gateway, ``https://host:port``.
            token: of the party.
            certificate: PEM file of the gateway's own certificate, which is then the only one trusted; None for one
                that the system trusts.
        """
        self._http = httpx.Client(
            base_url=url,
            verify=pinned_context(certificate),
            headers={"authorization": f"Bearer {token}"} if token else {},
            timeout=TIMEOUT_S,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # --- requests ---

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Make a request and return its JSON answer; see the class for what it raises."""
        response = self._send(method, path, **options)
        return response.json() if response.content else None

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **options)
        except (httpx.HTTPError, OSError) as fault:
            raise PeerError(f"the gateway cannot be reached: {fault}") from fault
        if response.is_error:
            raise _error(response)
        return response

    def fetch(self, method: str, path: str, **options: Any) -> bytes:
        """Make a request and return its body as it is; see the class for what it raises."""
        return self._send(method, path, **options).content

    @property
    def payments(self) -> Payments:
        """What a bank, an FX provider or a settlement operator does."""
        return Payments(self)

    @property
    def sealing(self) -> Sealing:
        """Sealing keys: one's own, and those of parties one writes to."""
        return Sealing(self)

    def stream(self, path: str) -> Iterator[bytes]:
        """Read a long answer piece by piece."""
        try:
            with self._http.stream("GET", path) as response:
                if response.is_error:
                    response.read()
                    raise _error(response)
                yield from response.iter_bytes(config.STREAM_BYTES)
        except (httpx.HTTPError, OSError) as fault:
            raise PeerError(f"the gateway cannot be reached: {fault}") from fault

    def events(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """The party's notices as they come, for ever; each with its ``sequence``, from which to go on later.

        Args:
            after: sequence of the last one seen.
        """
        sequence = after
        try:
            with self._http.stream("GET", "/v1/events", params={"after": str(after)}) as response:
                if response.is_error:
                    response.read()
                    raise _error(response)
                for line in response.iter_lines():
                    if line.startswith("id: "):
                        sequence = int(line.removeprefix("id: "))
                    elif line.startswith("data: "):
                        yield {"sequence": sequence} | msgspec.json.decode(line.removeprefix("data: "))
        except (httpx.HTTPError, OSError) as fault:
            raise PeerError(f"the gateway cannot be reached: {fault}") from fault

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
    ) -> dict[str, Any]:
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

        Returns:
            ``id``, ``state``, ``message_ids``.
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
            return self._send_file(file, fields, about, key, progress)
        about = {"title": title or SEALED_TITLE, "filename": "", "media_type": ENCLOSURE_MEDIA_TYPE}
        with closed(self, file, sealed, fields, media_type, key, seal_to) as (enclosure, case_id):
            return self._send_file(enclosure, {**fields, "case_id": case_id}, about, key, progress)

    def _send_file(
        self, file: Path, fields: dict[str, Any], about: dict[str, str], key: str, progress: Progress | None
    ) -> dict[str, Any]:
        size = file.stat().st_size
        if size > INLINE_BYTES_MAX:
            return self._send_large(file, size, fields, about, key, progress)
        headers = {"content-type": about["media_type"], "idempotency-key": key}
        query = {**fields, "title": about["title"], "filename": about["filename"]}
        content = file.read_bytes()
        sent: dict[str, Any] = self.call("POST", "/v1/documents", params=query, headers=headers, content=content)
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
    ) -> dict[str, Any]:
        with file.open("rb") as source:
            whole, chunks = _digests(source)
        manifest = {"bytes": size, "chunks": chunks, "digest": whole, **about}
        body = {**fields, "manifest": manifest}
        sent: dict[str, Any] = self.call("POST", "/v1/documents/uploads", json=body, headers={"idempotency-key": key})
        return self.resume_upload(file, sent["id"], progress=progress)

    def resume_upload(self, file: Path, case_id: str, *, progress: Progress | None = None) -> dict[str, Any]:
        """Add the chunks of an opened document that are still missing."""
        view = self.document(case_id)
        manifest, missing = view["manifest"], set(view.get("missing", ()))
        sent = {"id": case_id, "state": view["stage"]}
        with file.open("rb") as source:
            for number, digest in enumerate(manifest["chunks"]):
                chunk = source.read(config.CHUNK_BYTES)
                if digest in missing:
                    missing.discard(digest)
                    sent = self.call("PUT", f"/v1/documents/{case_id}/chunks/{digest}", content=chunk)
                if progress is not None:
                    progress(min(manifest["bytes"], (number + 1) * config.CHUNK_BYTES), manifest["bytes"])
        return sent

    def document(self, case_id: str) -> dict[str, Any]:
        """A document's stage, receipts and messages."""
        found: dict[str, Any] = self.call("GET", f"/v1/documents/{quote(case_id, safe='')}")
        return found

    def documents(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """All documents that match, newest first.

        Args:
            filters: ``with_`` (address of the other side), ``state``, ``ucr``, ``since``, ``before``, ``limit``.
        """
        query = {name.rstrip("_"): value for name, value in filters.items() if value is not None}
        while True:
            page = self.call("GET", "/v1/documents", params=query)
            yield from page["documents"]
            if "next" not in page:
                return
            query["page"] = page["next"]

    def download(
        self, case_id: str, to: Path, *, keys: Sequence[UnsealKey] = (), progress: Progress | None = None
    ) -> Path:
        """Write a document to a file and hold it against its digest.

        Args:
            case_id: of the document.
            to: the file.
            keys: the recipient's own sealing keys, newest and former ones: the document is opened here, on its
                recipient's machine. Without any, a sealed document is written as it came.
            progress: see ``Progress``.

        Raises:
            MessageError: ``document_differs``: what came is not what was signed; the file is removed. Or what
                ``enclosure.unseal`` says; then there is no file.
        """
        view = self.document(case_id)
        if not need_keys(view, keys):
            return self._fetch(view, to, progress)
        with tempfile.TemporaryDirectory() as folder:
            open_file(self._fetch(view, Path(folder) / "enclosure", progress), to, view, keys)
        return to

    def _fetch(self, view: dict[str, Any], to: Path, progress: Progress | None) -> Path:
        digest, done = sha256(), 0
        with to.open("wb") as target:
            for piece in self.stream(f"/v1/documents/{quote(view['id'], safe='')}/content"):
                digest.update(piece)
                target.write(piece)
                done += len(piece)
                if progress is not None:
                    progress(done, view["manifest"]["bytes"])
        if digest.hexdigest() != view["manifest"]["digest"]:
            to.unlink()
            raise MessageError("the document is not the one that was signed", code="document_differs")
        return to

    def accept(self, case_id: str) -> dict[str, Any]:
        """Take a document over: its sender gets the receipt."""
        done: dict[str, Any] = self.call("POST", f"/v1/documents/{quote(case_id, safe='')}/accept")
        return done

    def refuse(self, case_id: str, reason: str) -> dict[str, Any]:
        """Refuse a document: its sender gets the reason."""
        done: dict[str, Any] = self.call(
            "POST", f"/v1/documents/{quote(case_id, safe='')}/refuse", json={"reason": reason}
        )
        return done

    def evidence(self, message_id: str, *, body: bool = True) -> bytes:
        """The evidence file of a message."""
        query = {"body": "true" if body else "false"}
        return self._send("GET", f"/v1/evidence/{quote(message_id, safe='')}", params=query).content

    def receipt(self, message_id: str) -> bytes:
        """A COSE receipt (RFC 9942) of a message of the gateway's own log."""
        return self._send("GET", f"/v1/evidence/{quote(message_id, safe='')}/receipt").content

    # --- transit ---

    def command(self, path: str, body: Any, *, key: str | None = None) -> dict[str, Any]:
        """Give a command of transit: ``command("/v1/transit/<id>/start", I9(...))``.

        Args:
            path: of the endpoint; docs/reference/transit-messages.md lists commands and bodies.
            body: the command's struct, or what its JSON decodes to.
            key: idempotency key; give the same one to repeat after a failure.

        Returns:
            ``id``, ``state``, and ``answer`` where the command has one.
        """
        headers = {"content-type": "application/json", "idempotency-key": key or str(uuid.uuid4())}
        answer: dict[str, Any] = self.call("POST", path, content=msgspec.json.encode(body), headers=headers)
        return answer

    def movement(self, movement: str) -> dict[str, Any]:
        """A movement in full: declaration, legs, seals, clocks, timeline."""
        found: dict[str, Any] = self.call("GET", f"/v1/transit/{quote(movement, safe='')}")
        return found

    def movements(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """All movements that match, newest first.

        Args:
            filters: ``office`` (those on whose way it lies), ``heading``, ``state``, ``ucr``, ``limit``.
        """
        query = {name: value for name, value in filters.items() if value is not None}
        while True:
            page = self.call("GET", "/v1/transit", params=query)
            yield from page["movements"]
            if "next" not in page:
                return
            query["page"] = page["next"]

    def paper(self, movement: str, office: str, form: str = "signed", number: int = 1) -> bytes:
        """The accompanying document as issued now: ``signed``, ``pdf``, ``codes``, or one code as ``png``."""
        query = {"office": office, "form": form, "number": str(number)}
        return self._send("GET", f"/v1/transit/{quote(movement, safe='')}/paper", params=query).content

    def scan(self, office: str, codes: Sequence[str]) -> dict[str, Any]:
        """Judge the texts of a paper's QR codes at an office."""
        verdict: dict[str, Any] = self.call("POST", "/v1/transit/scan", json={"office": office, "codes": list(codes)})
        return verdict

    def carry_in(self, events: Sequence[bytes]) -> list[dict[str, Any]]:
        """Bring events that posts signed with their network cut; each is answered for itself."""
        body = {"events": [base64.b64encode(raw).decode() for raw in events]}
        answers: list[dict[str, Any]] = self.call("POST", "/v1/transit/posted", json=body)
        return answers

    def delegate(self, office: str, public: bytes, valid_from: datetime, valid_until: datetime) -> bytes:
        """Let a post's Ed25519 key speak for an office for a time; returns the signed delegation the post keeps."""
        body = {"office": office, "public": public, "valid_from": valid_from, "valid_until": valid_until}
        return self._send("POST", "/v1/transit/delegations", content=msgspec.json.encode(body)).content

    def crossings(self) -> list[dict[str, Any]]:
        """The register of crossings, with what is closed."""
        found: list[dict[str, Any]] = self.call("GET", "/v1/crossings")
        return found

    def offices(self) -> list[dict[str, Any]]:
        """The register of customs offices: ``id``, ``name``, ``zone``, ``member``."""
        found: list[dict[str, Any]] = self.call("GET", "/v1/offices")
        return found

    def waiting(self, crossing: str, detention_minor: int = 0, tracker_minor: int = 0) -> dict[str, Any]:
        """What heads for a crossing, perishables first, and what a day of its waiting costs."""
        query = {"crossing": crossing, "detention_minor": str(detention_minor), "tracker_minor": str(tracker_minor)}
        found: dict[str, Any] = self.call("GET", "/v1/crossings/waiting", params=query)
        return found

    # --- operators ---

    def health(self) -> dict[str, Any]:
        """Whether the gateway takes work."""
        found: dict[str, Any] = self.call("GET", "/health")
        return found

    def links(self) -> list[dict[str, Any]]:
        """How every link does."""
        found: list[dict[str, Any]] = self.call("GET", "/v1/operator/links")
        return found

    def routes(self) -> dict[str, Any]:
        """Links of the whole corridor as the gateway knows them, and its own messages under way."""
        found: dict[str, Any] = self.call("GET", "/v1/operator/routes")
        return found

    def explain_route(
        self, to: str, message_class: str = "documents", *, policy: str = "", body_bytes: int = 0
    ) -> dict[str, Any]:
        """Which paths lead to a member, and whose rule stands against each."""
        query = {"to": to, "class": message_class, "policy": policy, "body_bytes": str(body_bytes)}
        found: dict[str, Any] = self.call("GET", "/v1/operator/routes/explain", params=query)
        return found

    def drain(self, *, drained: bool) -> dict[str, Any]:
        """Drain the gateway, or take that back."""
        found: dict[str, Any] = self.call("PUT", "/v1/operator/routes/drain", json={"drained": drained})
        return found

    def begin_drill(self, cut: str, seconds: int) -> dict[str, Any]:
        """Treat a member as dark at this gateway for a while."""
        found: dict[str, Any] = self.call("POST", "/v1/operator/drills", json={"cut": cut, "seconds": seconds})
        return found

    def drills(self) -> list[dict[str, Any]]:
        """Drills since the gateway started, and what they did to traffic."""
        found: list[dict[str, Any]] = self.call("GET", "/v1/operator/drills")
        return found

    def stages(self) -> dict[str, float]:
        """Seconds of processor time the engine has spent so far, by stage."""
        found: dict[str, float] = self.call("GET", "/v1/operator/stages")
        return found

    def fork_proofs(self) -> list[bytes]:
        """Proofs that somebody signed two histories; ``darwaza evidence verify`` reads each."""
        return [proof.encode() for proof in self.call("GET", "/v1/operator/forks")]

    def export_carrier(self, peer: str, to: Path, *, progress: Progress | None = None) -> int:
        """Write a carrier file for a neighbour; returns its length in bytes.

        Args:
            peer: code of the neighbour.
            to: the file.
            progress: see ``Progress``; what there will be in all is not known, so it is told 0.
        """
        with to.open("wb") as target:
            for piece in self.stream(f"/v1/operator/carrier/{quote(peer, safe='')}"):
                target.write(piece)
                if progress is not None:
                    progress(target.tell(), 0)
        return to.stat().st_size

    def import_carrier(self, pieces: Iterator[bytes]) -> Iterator[dict[str, Any]]:
        """Bring a carrier file, in pieces that each begin with its head (``darwaza.kernel.carrier.split``)."""
        for piece in pieces:
            yield self.call("POST", "/v1/operator/carrier", content=piece)


def pinned_context(certificate: Path | None) -> ssl.SSLContext:
    """How to trust a gateway: its own certificate alone (PEM), or for None whatever the system trusts."""
    if certificate is None:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cafile=certificate)
    return context


def _digests(source: BinaryIO) -> tuple[str, list[str]]:
    whole, chunks = sha256(), []
    while chunk := source.read(config.CHUNK_BYTES):
        whole.update(chunk)
        chunks.append(sha256(chunk).hexdigest())
    return whole.hexdigest(), chunks


def _error(response: httpx.Response) -> DarwazaError:
    try:
        problem = response.json()
        code, detail, pointer = problem["code"], problem["detail"], problem.get("pointer", "")
    except (ValueError, KeyError, TypeError):
        return PeerError(f"the answer {response.status_code} has no problem in it", code="peer_answer")
    if response.status_code in _RETRY:
        return PushbackError(detail, retry_after_s=float(problem.get("retry_after_s") or 1), code=code)
    if response.status_code == HTTPStatus.BAD_GATEWAY or code == FatalError.code:
        # Not a refusal: the gateway may have written it. The same with the same key, once it is back, finds out.
        return PeerError(detail, code=code)
    kind = TransientError if problem.get("transient") else MessageError
    return kind(detail, code=code, pointer=pointer)
