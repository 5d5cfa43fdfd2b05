"""A sealing card: a party's public sealing key, under the signature of the gateway that serves the party.

A party makes its sealing key itself; the private half never leaves its machine. It publishes the public half at its own
gateway, which knows the party and says with its member's log key: until then, this is the key of ``UZ/customs``. A
sender anywhere in the corridor holds that word against the corridor document it trusts, whoever brought the card: its
own gateway, a mail, a USB stick. A gateway on the way can withhold a card and cannot forge one. The gateway that signs
it could name a key of its own: then its signature under a false card is the proof, and both parties find it out by
comparing the key's fingerprint.

A card is a C2SP signed note whose text is canonical JSON (RFC 8785) and a newline; the field ``format`` keeps it from
being passed off as anything else that the same key signs. spec/enclosure.md is the language-neutral text.

Possession of the private half is not asked for: whoever publishes another's key can read nothing that is sealed to it,
and what is sealed names its recipient (``darwaza.kernel.enclosure``).
"""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta

from darwaza.config import CLOCK_SKEW_S_MAX
from darwaza.errors import ConflictError, MalformedError, SignatureError, TooLargeError
from darwaza.kernel.canonical import canonical
from darwaza.kernel.corridor import Corridor
from darwaza.kernel.enrolment import admit_seal
from darwaza.kernel.key import Ed25519PublicKey
from darwaza.kernel.member import MLKEM768_KEY_BYTES, SEAL_KEY_BYTES, Instant, check_instant
from darwaza.kernel.message import GATEWAY_PARTY, AddressText, member_of
from darwaza.kernel.naming import KeyRole, SignerName
from darwaza.kernel.note import Signer, Verifier, format_note, parse, signed, verified

CARD_BYTES_MAX = 4_096
CARD_LIFE_S_MAX = 366 * 86_400
CARD_MEDIA_TYPE = "application/vnd.darwaza.sealing-card"
SealKeyBytes = Annotated[bytes, Meta(min_length=SEAL_KEY_BYTES, max_length=SEAL_KEY_BYTES)]


class Published(msgspec.Struct, frozen=True):
    """A key as its party published it.

    Attributes:
        key: see ``SealingCard``.
        issued_at: see ``SealingCard``.
        expires_at: see ``SealingCard``.
    """

    key: SealKeyBytes
    issued_at: Instant
    expires_at: Instant


class SealingCard(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    tag_field="format",
    tag="darwaza/sealing-card/v1",
):
    """See the module.

    Attributes:
        corridor: name of the corridor.
        expires_at: from this instant on nothing is sealed to the key; UTC, whole seconds, at most ``CARD_LIFE_S_MAX``
            after ``issued_at``. What was sealed before stays readable with the private half.
        issued_at: when the party published the key; UTC, whole seconds.
        key: ML-KEM-768 key, 1184 bytes, then X25519 key, 32 bytes; base64 in the text.
        party: full address of the party.
    """

    corridor: Annotated[str, Meta(min_length=1, max_length=128)]
    expires_at: Instant
    issued_at: Instant
    key: SealKeyBytes
    party: AddressText

    @property
    def text(self) -> str:
        """The text of the note."""
        return canonical(msgspec.to_builtins(self)).decode() + "\n"

    @property
    def fingerprint(self) -> str:
        """What two people compare: see ``fingerprint``."""
        return fingerprint(self.key)


_decode = msgspec.json.Decoder(SealingCard).decode


def fingerprint(key: bytes) -> str:
    """SHA-256 of a public sealing key, 64 digits of lower-case hex."""
    return sha256(key).hexdigest()


def issue(card: SealingCard, signer: Signer) -> bytes:
    """Sign a card with the log key of the party's member.

    Raises:
        DarwazaError: see ``check_published``; what could not be admitted is not signed.
    """
    _check_fields(card)
    return format_note(signed(card.text, signer))


def read(raw: bytes) -> SealingCard:
    """Read a card without believing it: no signature is verified and no time compared.

    Raises:
        TooLargeError: ``sealing_card_too_large``.
        MalformedError: ``sealing_card_malformed``; or see ``note.parse``.
        SignatureError: ``key_not_admitted``.
    """
    if len(raw) > CARD_BYTES_MAX:
        raise TooLargeError(f"a sealing card has at most {CARD_BYTES_MAX} bytes", code="sealing_card_too_large")
    text = parse(raw).text
    try:
        card = _decode(text.encode())
    except (msgspec.MsgspecError, RecursionError) as fault:
        raise _malformed(f"the sealing card cannot be read: {fault}") from fault
    if card.text != text:
        raise _malformed("the sealing card is not in canonical form")
    _check_fields(card)
    return card


def verify(raw: bytes, document: Corridor, now: datetime) -> SealingCard:
    """Decide whether to seal to the key of a card.

    The checks, in this order: size and form (``read``); the corridor; the party's member is in the document; its log
    key signed; the time; the key is not one of a member.

    Args:
        raw: the card.
        document: the newest corridor document that the reader trusts.
        now: aware.

    Raises:
        DarwazaError: see ``read``.
        MalformedError: ``sealing_card_foreign`` for another corridor; ``sealing_card_member_unknown``;
            ``sealing_card_expired``, ``sealing_card_early``.
        SignatureError: ``sealing_card_unsigned`` when the member's log key has not signed it, ``signature_false`` when
            its signature is forged.
        ConflictError: ``key_reused``; see ``check_foreign``.
    """
    card = read(raw)
    if card.corridor != document.name:
        raise MalformedError("the sealing card is of another corridor", code="sealing_card_foreign")
    code = member_of(card.party)
    member = document.card(code)
    if member is None:
        raise MalformedError(f"{code} is no member", code="sealing_card_member_unknown", pointer="/party")
    verifier = Verifier(str(SignerName(document.name, code, KeyRole.LOG)), Ed25519PublicKey(member.keys.log))
    try:
        verified(parse(raw), (verifier,))
    except SignatureError as fault:
        if fault.code == "signature_missing":
            detail = f"the log key that the corridor document names for {code} has not signed the sealing card"
            raise SignatureError(detail, code="sealing_card_unsigned") from fault
        raise
    if now >= card.expires_at:
        detail = f"the sealing card of {card.party} is no longer valid: ask for the one of now"
        raise MalformedError(detail, code="sealing_card_expired", pointer="/expires_at")
    if now < card.issued_at - timedelta(seconds=CLOCK_SKEW_S_MAX):
        raise MalformedError("the sealing card is from the future", code="sealing_card_early", pointer="/issued_at")
    check_foreign(card.key, document)
    return card


def check_foreign(key: bytes, document: Corridor) -> None:
    """Check that a party's key shares neither half with one of a member: a gateway could read what is sealed to it.

    Raises:
        ConflictError: ``key_reused``.
    """
    for member in document.members:
        own = member.keys.seal
        if key[:MLKEM768_KEY_BYTES] == own[:MLKEM768_KEY_BYTES] or key[-32:] == own[-32:]:
            detail = f"the sealing key is the one of the gateway of {member.code}"
            raise ConflictError(detail, code="key_reused", pointer="/key")


def check_published(published: Published) -> None:
    """Check a key that a party would publish.

    Raises:
        MalformedError: ``instant_wrong``; ``sealing_card_malformed`` for a life that is empty or too long.
        SignatureError: ``key_not_admitted``.
    """
    check_instant(published.issued_at, "/issued_at")
    check_instant(published.expires_at, "/expires_at")
    life = published.expires_at - published.issued_at
    if not timedelta(0) < life <= timedelta(seconds=CARD_LIFE_S_MAX):
        raise _malformed(f"a sealing key is valid for 1 to {CARD_LIFE_S_MAX} seconds", "/expires_at")
    try:
        admit_seal(published.key)
    except SignatureError as fault:
        raise SignatureError(fault.detail, code=fault.code, pointer="/key") from fault


def _check_fields(card: SealingCard) -> None:
    check_published(Published(card.key, card.issued_at, card.expires_at))
    if card.party.endswith("/" + GATEWAY_PARTY):
        raise _malformed("a gateway's own sealing key stands in the corridor document", "/party")


def _malformed(detail: str, pointer: str = "") -> MalformedError:
    return MalformedError(detail, code="sealing_card_malformed", pointer=pointer)
