"""A member's card: who it is, where its gateway is, what it does in the corridor, and its public keys.

This module decides the form of a card and of each field. Whether its keys may be enrolled is decided by
``darwaza.kernel.enrolment``, and who may change a card by ``darwaza.kernel.amendment``. A card built by hand is a
draft: it is checked when the corridor document it stands in is read.
"""

import ipaddress
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from darwaza.errors import MalformedError
from darwaza.kernel.address import MEMBER_CODE_PATTERN
from darwaza.kernel.key import ED25519_KEY_BYTES, MLDSA44_KEY_BYTES
from darwaza.kernel.naming import KeyRole

MEMBER_NAME_CHARACTERS_MAX = 100
URL_CHARACTERS_MAX = 255
ADDRESS_COUNT_MAX = 4
TLS_CERTIFICATE_BYTES_MAX = 4096

MLKEM768_KEY_BYTES = 1184
X25519_KEY_BYTES = 32
SEAL_KEY_BYTES = MLKEM768_KEY_BYTES + X25519_KEY_BYTES

_HOST = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
_URL_PATTERN = rf"https://(?:{_HOST}|\[[0-9a-f:.]+\])(?::[1-9][0-9]{{0,4}})?(?:/[A-Za-z0-9][A-Za-z0-9._~-]*)*"


def matching(pattern: str, characters_max: int) -> Meta:
    """Make the constraint that a whole text matches a pattern, in words that JSON Schema readers understand too."""
    # In Python, $ also matches before a final newline; the look-ahead takes that back and means nothing elsewhere.
    return Meta(pattern=rf"^(?:{pattern})$(?!\n)", max_length=characters_max)


MemberCode = Annotated[str, matching(MEMBER_CODE_PATTERN, 8)]
Instant = Annotated[datetime, Meta(tz=True)]


class Role(StrEnum):
    """What a member's gateway does in the corridor."""

    ENDPOINT = "endpoint"
    """Serves parties: messages begin and end here."""
    RELAY = "relay"
    """Forwards messages of others to others."""
    WITNESS = "witness"
    """Cosigns checkpoints of others' links."""


class GatewayAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to reach a gateway.

    Attributes:
        url: ``https``, a host in lower case or an IP address, perhaps a port, perhaps a path; no slash at the end.
        tls_certificate: the certificate the gateway presents there, DER, 1 to ``TLS_CERTIFICATE_BYTES_MAX`` bytes. It
            is compared byte by byte, so its issuer, its name and its dates mean nothing.
    """

    url: Annotated[str, matching(_URL_PATTERN, URL_CHARACTERS_MAX)]
    tls_certificate: Annotated[bytes, Meta(min_length=1, max_length=TLS_CERTIFICATE_BYTES_MAX)]


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A member's public keys, raw.

    Attributes:
        vote: Ed25519, 32 bytes; kept offline, votes on corridor documents.
        log: Ed25519, 32 bytes; signs the checkpoints of the member's lanes.
        witness: Ed25519, 32 bytes; cosigns: acknowledges as a reader, attests as a witness.
        seal: HPKE public key for ML-KEM-768 with X25519, 1184 bytes of the one, then 32 bytes of the other; bodies for
            the member's parties are sealed to it.
        log_mldsa44: ML-DSA-44, 1312 bytes; signs a second line under checkpoints. None when the member has none.
    """

    vote: Annotated[bytes, Meta(min_length=ED25519_KEY_BYTES, max_length=ED25519_KEY_BYTES)]
    log: Annotated[bytes, Meta(min_length=ED25519_KEY_BYTES, max_length=ED25519_KEY_BYTES)]
    witness: Annotated[bytes, Meta(min_length=ED25519_KEY_BYTES, max_length=ED25519_KEY_BYTES)]
    seal: Annotated[bytes, Meta(min_length=SEAL_KEY_BYTES, max_length=SEAL_KEY_BYTES)]
    log_mldsa44: Annotated[bytes, Meta(min_length=MLDSA44_KEY_BYTES, max_length=MLDSA44_KEY_BYTES)] | None = None

    def get(self, role: KeyRole) -> bytes | None:
        """The raw key of a role, or None when the member has none."""
        raw: bytes | None = getattr(self, role.value)
        return raw


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One member's entry in the corridor document.

    Attributes:
        code: see ``address.check_member_code``.
        name: for people, 1 to ``MEMBER_NAME_CHARACTERS_MAX`` characters, no control characters.
        roles: at least one, in ascending order.
        valid_from: the member takes part from this moment.
        valid_until: the member takes part up to this moment; later than ``valid_from``.
        addresses: in order of preference, 1 to ``ADDRESS_COUNT_MAX``.
        keys: see ``Keys``.
    """

    code: MemberCode
    name: Annotated[str, matching(r"[^\u0000-\u001f\u007f-\u009f\u2028\u2029]+", MEMBER_NAME_CHARACTERS_MAX)]
    roles: Annotated[tuple[Role, ...], Meta(min_length=1, max_length=len(Role))]
    valid_from: Instant
    valid_until: Instant
    addresses: Annotated[tuple[GatewayAddress, ...], Meta(min_length=1, max_length=ADDRESS_COUNT_MAX)]
    keys: Keys

    def valid_at(self, moment: datetime) -> bool:
        """Tell whether the member takes part at this moment."""
        return self.valid_from <= moment < self.valid_until


def check_card(card: Card, pointer: str) -> None:
    """Check what the types of a card's fields do not say.

    Args:
        card: as decoded.
        pointer: where it stands, an RFC 6901 JSON pointer.

    Raises:
        MalformedError: ``instant_wrong``, ``card_window_wrong``, ``list_unordered`` or ``url_wrong``.
    """
    check_instant(card.valid_from, f"{pointer}/valid_from")
    check_instant(card.valid_until, f"{pointer}/valid_until")
    if card.valid_from >= card.valid_until:
        raise MalformedError("a card ends after it begins", code="card_window_wrong", pointer=f"{pointer}/valid_until")
    check_ascending([role.value for role in card.roles], f"{pointer}/roles")
    for index, address in enumerate(card.addresses):
        _check_url(address.url, f"{pointer}/addresses/{index}/url")


def check_instant(moment: datetime, pointer: str) -> None:
    """Check that an instant is in UTC and of whole seconds.

    Raises:
        MalformedError: code ``instant_wrong``.
    """
    if moment.utcoffset() != timedelta(0) or moment.microsecond:
        raise MalformedError("an instant is written in UTC, in whole seconds", code="instant_wrong", pointer=pointer)


def check_ascending(values: list[str], pointer: str) -> None:
    """Check that a list is in strictly ascending order, so that one content has one text and nothing stands twice.

    Raises:
        MalformedError: code ``list_unordered``; the pointer is that of the first element out of order.
    """
    for index in range(1, len(values)):
        if values[index - 1] >= values[index]:
            raise MalformedError(
                f"{values[index]!r} may not follow {values[index - 1]!r}",
                code="list_unordered",
                pointer=f"{pointer}/{index}",
            )


def _check_url(url: str, pointer: str) -> None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises when out of range
        if "[" in url:
            ipaddress.IPv6Address(parts.hostname or "")
    except ValueError as error:
        raise MalformedError(
            "the port or the IP address of the URL is wrong", code="url_wrong", pointer=pointer
        ) from error
