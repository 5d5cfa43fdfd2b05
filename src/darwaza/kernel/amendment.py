"""What one version of the corridor document changes in the former one, and what that takes.

A *routine* change is one to what a member runs by itself: its addresses with their TLS certificates, and its log,
witness and sealing keys. It takes that member's own vote, always: no majority can put words into a member's log. Every
other change is *sensitive* and takes a quorum of the former version's votes: members, names, roles, validity and vote
keys, quorum, links, witness quorum, terms, the need of ML-DSA-44, and the date of expiry, so that nobody alone prolongs
or ends a corridor.

Every new key proves that its holder enrols it: it signs the document itself, and a sealing key, which cannot sign, is
vouched for by the log key of its card. An ML-DSA-44 key signs with a line of the type defined here.

Example::

    draft = propose(former, created_at=now, votes=["PK"], cards=[renewed])
    note = signed(draft.text, document_signer(line.signer, key), ...)  # one for each of required_lines(draft, former)
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from darwaza.errors import MessageError, SignatureError
from darwaza.kernel.corridor import Corridor, parse_text
from darwaza.kernel.key import Ed25519PublicKey, MLDSA44PublicKey, PrivateKey, PublicKey
from darwaza.kernel.member import Card
from darwaza.kernel.naming import KeyRole, SignerName
from darwaza.kernel.note import Signer, Verifier, key_id

TYPE_OTHER = 0xFF
"""C2SP signed-note: a signature type without an assigned byte; a longer identifier follows it."""

MLDSA44_TEXT_IDENTIFIER = b"darwaza/ml-dsa-44/v1"
"""Names ML-DSA-44 (FIPS 204, empty context) over the note text itself. C2SP's type 0x06 signs checkpoints only."""

_FOLLOWS_FROM_THE_ACT = frozenset({"name", "version", "previous", "created_at", "votes", "members"})


class MLDSA44TextVerifier(Verifier):
    """Checks the ML-DSA-44 signatures one named key makes over note texts."""

    def __init__(self, name: str, public: PublicKey) -> None:
        super().__init__(name, public)
        self.key_id = key_id(name, TYPE_OTHER, MLDSA44_TEXT_IDENTIFIER + public.raw)


class MLDSA44TextSigner(Signer):
    """Signs note texts with one named ML-DSA-44 key."""

    def __init__(self, name: str, key: PrivateKey) -> None:
        super().__init__(name, key)
        self.verifier = MLDSA44TextVerifier(name, key.public)


class Line(msgspec.Struct, frozen=True):
    """A signature line that a document needs.

    Attributes:
        signer: whose key, in which role.
        key: the raw public key.
    """

    signer: SignerName
    key: bytes

    def verifier(self) -> Verifier:
        """Make what checks the line.

        Raises:
            SignatureError: code ``key_not_admitted``.
        """
        if self.signer.role is KeyRole.LOG_MLDSA44:
            return MLDSA44TextVerifier(str(self.signer), MLDSA44PublicKey(self.key))
        return Verifier(str(self.signer), Ed25519PublicKey(self.key))


def document_signer(signer: SignerName, key: PrivateKey) -> Signer:
    """Make what signs documents with a member's key."""
    kind = MLDSA44TextSigner if signer.role is KeyRole.LOG_MLDSA44 else Signer
    return kind(str(signer), key)


class Amendment(msgspec.Struct, frozen=True):
    """What a version changes.

    Attributes:
        sensitive: what it changes that takes a quorum, as field names; members by code, ``members/PK/roles``.
        routine: codes of the members whose own part of their card it changes.
        enrolled: new keys, as code and role, in the order of cards and roles.
    """

    sensitive: tuple[str, ...]
    routine: tuple[str, ...]
    enrolled: tuple[tuple[str, KeyRole], ...]


def compare(former: Corridor | None, document: Corridor) -> Amendment:
    """Find what a version changes.

    Args:
        former: the version before; None for version 1, which changes everything.
        document: the version itself.
    """
    known = {} if former is None else {card.code: card for card in former.members}
    sensitive = [
        field
        for field in Corridor.__struct_fields__
        if field not in _FOLLOWS_FROM_THE_ACT and (former is None or getattr(former, field) != getattr(document, field))
    ]
    sensitive += [f"members/{code}" for code in sorted(known.keys() ^ set(document.codes))]
    routine, enrolled = [], []
    for card in document.members:
        old = known.get(card.code)
        enrolled += [(card.code, role) for role in _new_keys(old, card)]
        if old is not None:
            sensitive += [f"members/{card.code}/{field}" for field in _voted_fields(old, card)]
            if _own_part(old) != _own_part(card):
                routine.append(card.code)
    return Amendment(tuple(sensitive), tuple(routine), tuple(enrolled))


def check_authority(former: Corridor | None, document: Corridor) -> None:
    """Check that the votes a document lists are enough for what it changes.

    The checks, in this order:

    1. ``nothing_changed``: it changes something.
    2. ``vote_unknown``: every vote is that of a member of the former version (of itself, for version 1).
    3. ``vote_missing``: in version 1, every member votes.
    4. ``quorum_missing``: for a sensitive change, at least as many vote as the former version's quorum.
    5. ``own_vote_missing``: for a routine change, the member itself votes.

    Whether the votes are signed is left to the caller.

    Raises:
        MessageError: the first.
        SignatureError: one of the others.
    """
    amendment = compare(former, document)
    if not amendment.sensitive and not amendment.routine:
        raise MessageError("the document changes nothing", code="nothing_changed")
    electorate = document if former is None else former
    for index, code in enumerate(document.votes):
        if code not in electorate.codes:
            raise SignatureError(f"{code} has no vote", code="vote_unknown", pointer=f"/votes/{index}")
    if former is None:
        if document.votes != document.codes:
            raise SignatureError("every member votes on version 1", code="vote_missing", pointer="/votes")
        return
    if amendment.sensitive and len(document.votes) < former.quorum:
        raise SignatureError(
            f"{len(document.votes)} vote where {former.quorum} must, to change {', '.join(amendment.sensitive)}",
            code="quorum_missing",
            pointer="/votes",
        )
    for code in amendment.routine:
        if code not in document.votes:
            raise SignatureError(
                f"{code} does not vote on the change of its own card", code="own_vote_missing", pointer="/votes"
            )


def required_lines(former: Corridor | None, document: Corridor) -> tuple[Line, ...]:
    """Name the lines the document's note must carry: those of its votes, then those of the keys it enrols.

    Args:
        former: the version before, which holds the keys that vote; None for version 1, where its own do.
        document: the version itself.

    Raises:
        SignatureError: ``vote_unknown``; a vote is that of no member of ``former``.
    """
    electorate = document if former is None else former
    lines = [_line(electorate, code, KeyRole.VOTE) for code in document.votes]
    for code, role in compare(former, document).enrolled:
        lines.append(_line(document, code, KeyRole.LOG if role is KeyRole.SEAL else role))
    return tuple(dict.fromkeys(lines))


def found(*, cards: Iterable[Card], **fields: Any) -> Corridor:
    """Draft version 1.

    Args:
        cards: of all members, who all vote.
        fields: the other fields of ``Corridor`` by name.

    Raises:
        MalformedError: the result is not of right form, see ``corridor.parse_text``.
    """
    members = tuple(sorted(cards, key=lambda card: card.code))
    votes = tuple(card.code for card in members)
    return parse_text(Corridor(version=1, previous=None, votes=votes, members=members, **fields).text)


def propose(
    former: Corridor,
    *,
    created_at: datetime,
    votes: Iterable[str],
    cards: Iterable[Card] = (),
    removed: Iterable[str] = (),
    **changes: Any,
) -> Corridor:
    """Draft the version after ``former``.

    Args:
        former: the newest version.
        created_at: see ``Corridor.created_at``.
        votes: codes of the members that will sign; none can be added or left out later.
        cards: new cards, and those that take the place of the one with the same code.
        removed: codes of members that leave.
        changes: other fields of ``Corridor`` by name.

    Raises:
        MalformedError: the result is not of right form, see ``corridor.parse_text``.
    """
    members = {card.code: card for card in (*former.members, *cards)}
    for code in removed:
        members.pop(code, None)
    draft = msgspec.structs.replace(
        former,
        version=former.version + 1,
        previous=former.digest,
        created_at=created_at,
        votes=tuple(sorted(set(votes))),
        members=tuple(members[code] for code in sorted(members)),
        **changes,
    )
    return parse_text(draft.text)


def _line(document: Corridor, code: str, role: KeyRole) -> Line:
    card = document.card(code)
    key = None if card is None else card.keys.get(role)
    if key is None:
        raise SignatureError(f"{code} has no {role} key", code="vote_unknown")
    return Line(SignerName(document.name, code, role), key)


def _new_keys(old: Card | None, card: Card) -> list[KeyRole]:
    return [
        role
        for role in KeyRole
        if (key := card.keys.get(role)) is not None and (old is None or old.keys.get(role) != key)
    ]


def _own_part(card: Card) -> tuple[Any, ...]:
    """What the member changes by its own vote: addresses, and all keys except the vote key."""
    return (card.addresses, msgspec.structs.replace(card.keys, vote=b""))


def _voted_fields(old: Card, card: Card) -> list[str]:
    fields = [
        name for name in ("name", "roles", "valid_from", "valid_until") if getattr(old, name) != getattr(card, name)
    ]
    return fields if old.keys.vote == card.keys.vote else [*fields, "keys/vote"]
