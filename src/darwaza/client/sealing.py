"""The sealing part of the Python client: ``Client(...).sealing``, and what happens on the party's own machine.

The private half of a party's sealing key stays here, and so does the document: what is given to the gateway is sealed.

Example::

    document = Reference.read([Path("1.note").read_bytes()], anchor, now).latest
    card = sealcard.verify(gateway.sealing.card_of("UZ/customs"), document, now)
    gateway.send_document(Path("invoice.pdf"), to="UZ/customs", seal_to=card)
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from darwaza import config
from darwaza.client.answer.gateway import CardView, DocumentView, PartyView, QuestionView
from darwaza.client.caller import Caller, in_path
from darwaza.client.whole_file import written_whole
from darwaza.errors import ConflictError, MalformedError, MessageError, PeerError, TooLargeError
from darwaza.kernel.enclosure import (
    ENCLOSURE_MEDIA_TYPE,
    HEAD_BYTES_MAX,
    Bound,
    Inside,
    read_head,
    seal,
    sealed_bytes,
    unseal,
)
from darwaza.kernel.message import uuid_of
from darwaza.kernel.seal import SealKey, UnsealKey
from darwaza.kernel.sealcard import SealingCard

SEALED_TITLE = "Sealed document"


class Sealing:
    """Sealing keys of one party and of those it writes to; every method raises what ``client.Client`` says."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def publish(self, public: bytes, expires_at: datetime) -> CardView:
        """Publish one's own key in place of the former one.

        Args:
            public: ``UnsealKey.public``, 1216 bytes.
            expires_at: aware, whole seconds; from then on nothing is sealed to it.
        """
        body = {"key": public, "expires_at": expires_at}
        done: CardView = self._caller.call("PUT", "/v1/sealing/card", json=msgspec.to_builtins(body))
        return done

    def withdraw(self) -> PartyView:
        """Publish no key any more."""
        done: PartyView = self._caller.call("DELETE", "/v1/sealing/card")
        return done

    def own(self) -> CardView:
        """One's own published key: ``party``, ``fingerprint``, ``issued_at``, ``expires_at``, ``card``."""
        found: CardView = self._caller.call("GET", "/v1/sealing/card")
        return found

    def card_of(self, party: str) -> bytes:
        """Ask the gateway of a party of another member for the party's card, which is still to be verified.

        Raises:
            MessageError: with the code of the other gateway, ``sealing_key_missing`` for one.
            PeerError: ``sealing_unanswered``: no answer has come so far; ask again.
        """
        told: QuestionView = self._caller.call("POST", "/v1/sealing/questions", json={"party": party})
        if told["state"] == "asked":
            raise PeerError(f"the gateway of {party} has not answered yet; ask again", code="sealing_unanswered")
        if "card" not in told:
            raise MessageError(told.get("detail", ""), code=told.get("code", "sealing_key_missing"))
        return told["card"].encode()

    def question(self, question: str) -> QuestionView:
        """A question for a card and its answer, which may have come after ``card_of`` gave up waiting."""
        found: QuestionView = self._caller.call("GET", f"/v1/sealing/questions/{in_path(question)}")
        return found


def case_of(origin: str, key: str) -> str:
    """The case of a sealed document, known before it is sealed: the same key gives the same again."""
    return uuid_of(sha256(f"darwaza/enclosure/v1 case\n{origin}\n{key}".encode()).digest())


@contextmanager
def closed(
    caller: Caller,
    file: Path,
    kept: Path | None,
    fields: dict[str, Any],
    media_type: str,
    key: str,
    card: SealingCard,
) -> Iterator[tuple[Path, str]]:
    """Seal a file for as long as it is being sent.

    Args:
        caller: tells who the sender is.
        file: the document.
        kept: where the sealed bytes stay, or None.
        fields: of the request: ``to``, ``ucr``, ``expires_at``.
        media_type: of the document.
        key: idempotency key.
        card: see ``close_file``.

    Yields:
        The sealed file, and the id of the case it is bound to.
    """
    origin = caller.call("GET", "/v1/party")["address"]
    case_id = case_of(origin, key)
    bound = Bound(
        case_id=case_id,
        destination=fields["to"],
        expires_at=fields.get("expires_at"),
        origin=origin,
        ucr=fields.get("ucr"),
    )
    with tempfile.TemporaryDirectory() as folder:
        target = kept or Path(folder) / "enclosure"
        close_file(file, target, bound, media_type, card)
        yield target, case_id


def close_file(file: Path, target: Path, bound: Bound, media_type: str, card: SealingCard) -> None:
    """Seal a file; a target that is there already is kept if it was sealed for the same message.

    Args:
        file: the document.
        target: where the sealed bytes go.
        bound: what they are bound to.
        media_type: of the document.
        card: verified, of the recipient.

    Raises:
        ConflictError: ``sealing_card_other_party``; ``enclosure_misplaced``: the target holds something else.
        TooLargeError: ``document_too_large``, sealed.
    """
    if card.party != bound.destination:
        detail = f"the sealing card is of {card.party}, the document is for {bound.destination}"
        raise ConflictError(detail, code="sealing_card_other_party", pointer="/party")
    inside = Inside(filename=file.name[:200], media_type=media_type)
    length = sealed_bytes(file.stat().st_size, bound, inside)
    if length > config.DOCUMENT_BYTES_MAX:
        detail = f"sealed it has {length} bytes, the limit is {config.DOCUMENT_BYTES_MAX}"
        raise TooLargeError(detail, code="document_too_large")
    if target.exists():
        with target.open("rb") as former:
            head = read_head(former.read(HEAD_BYTES_MAX + 1))
        if (head.bound, head.key, target.stat().st_size) != (bound, card.fingerprint, length):
            raise ConflictError(f"{target} is sealed for another message", code="enclosure_misplaced")
        return
    with written_whole(target) as sealed:
        for piece in seal(_pieces(file), bound, inside, SealKey.of(card.key)):
            sealed.write(piece)


def open_file(sealed: Path, to: Path, view: DocumentView, keys: Sequence[UnsealKey]) -> Inside:
    """Open a sealed document that came as ``view`` tells; the file is there only when it is whole.

    Raises:
        DarwazaError: see ``enclosure.unseal``.
    """
    bound = Bound(
        case_id=view["id"],
        destination=view["recipient"],
        expires_at=view.get("expires_at"),
        origin=view["sender"],
        ucr=view.get("ucr"),
    )
    inside, pieces = unseal(_pieces(sealed), bound, keys)
    with written_whole(to) as target:
        for piece in pieces:
            target.write(piece)
    return inside


def is_sealed(view: DocumentView) -> bool:
    """Whether a document is sealed to its recipient's own key."""
    manifest = view.get("manifest")
    return manifest is not None and manifest["media_type"] == ENCLOSURE_MEDIA_TYPE


def need_keys(view: DocumentView, keys: Sequence[UnsealKey]) -> bool:
    """Whether a downloaded document is to be opened.

    Raises:
        MalformedError: ``enclosure_malformed``: keys are given and the document is not sealed.
    """
    if keys and not is_sealed(view):
        raise MalformedError("the document is not sealed to a key; get it without one", code="enclosure_malformed")
    return bool(keys)


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while piece := source.read(config.STREAM_BYTES):
            yield piece
