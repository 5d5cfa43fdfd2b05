"""What a version of the corridor document changes, in the words of whoever decides on it: what was, what will be.

``kernel.amendment`` finds what changes and what it takes; here each of its findings becomes lines a person can read.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from darwaza.entry.console import word
from darwaza.entry.console.language import Reader
from darwaza.entry.console.word import N_
from darwaza.kernel.amendment import compare
from darwaza.kernel.corridor import DEFAULT_CLASS, Corridor, Terms
from darwaza.kernel.member import Card
from darwaza.kernel.naming import KeyRole

KEY_DIGITS = 16
"""Hexadecimal digits of a key's SHA-256 that are shown: enough to tell two keys of one member apart."""

KEY: Mapping[KeyRole, str] = {
    KeyRole.VOTE: N_("Key for votes"),
    KeyRole.LOG: N_("Key of its log"),
    KeyRole.WITNESS: N_("Key it co-signs with"),
    KeyRole.SEAL: N_("Key that bodies are sealed to"),
    KeyRole.LOG_MLDSA44: N_("Second key of its log (ML-DSA-44)"),
}


class Change(msgspec.Struct, frozen=True):
    """One thing that changes.

    Attributes:
        member: code of whose card it is, "" for the corridor as a whole.
        what: translated.
        values: what holds now and what will hold, "" for nothing.
        voted: whether it takes a quorum; else the member's own vote is enough.
        is_code: whether the values are addresses or digests rather than words.
    """

    member: str
    what: str
    values: tuple[str, str]
    voted: bool = True
    is_code: bool = False


def changes_of(reader: Reader, former: Corridor, document: Corridor) -> list[Change]:
    """Everything a version changes in the one before it: the corridor first, then member by member.

    Args:
        reader: in whose words.
        former: in force now.
        document: the next version.
    """
    amendment = compare(former, document)
    found: list[Change] = []
    for field in amendment.sensitive:
        found += (_of_member if "/" in field else _of_corridor)(reader, former, document, field)
    for code in amendment.routine:
        found += _own_part(reader, former, document, code)
    return sorted(found, key=lambda change: change.member)


def leaving(former: Corridor, document: Corridor) -> list[str]:
    """Codes of the members that are no longer in the corridor."""
    return sorted(set(former.codes) - set(document.codes))


def unlinked(former: Corridor, document: Corridor, member: str) -> list[str]:
    """Codes of the neighbours to which a member's link ends."""
    before, after = ({code for link in one.links if member in link.members for code in link.members}
                     for one in (former, document))  # fmt: skip
    return sorted(before - after - {member})


def _of_corridor(reader: Reader, former: Corridor, document: Corridor, field: str) -> Iterator[Change]:
    if field == "links":
        yield from _links(reader, former, document)
    elif field == "classes":
        yield from _classes(reader, former, document)
    else:
        label, written = _FIELDS[field]
        values = (written(reader, getattr(former, field)), written(reader, getattr(document, field)))
        yield Change("", reader.text(label), values)


def _of_member(reader: Reader, former: Corridor, document: Corridor, field: str) -> Iterator[Change]:
    _, code, *rest = field.split("/")
    old, new = former.card(code), document.card(code)
    if old is None or new is None:
        what = reader.text(N_("Comes into the corridor") if old is None else N_("Leaves the corridor"))
        yield Change(code, what, ("" if old is None else old.name, "" if new is None else _presented(reader, new)))
    elif rest[0] == "keys":
        yield _key(reader, code, KeyRole.VOTE, old, new, voted=True)
    else:
        label, written = _CARD_FIELDS[rest[0]]
        yield Change(
            code, reader.text(label), (written(reader, getattr(old, rest[0])), written(reader, getattr(new, rest[0])))
        )


def _own_part(reader: Reader, former: Corridor, document: Corridor, code: str) -> Iterator[Change]:
    old, new = former.card(code), document.card(code)
    if old is None or new is None:
        return
    before, after = ({one.url: one.tls_certificate for one in card.addresses} for card in (old, new))
    if list(before) != list(after):
        what = reader.text(N_("Addresses"))
        yield Change(code, what, (" ".join(before), " ".join(after)), voted=False, is_code=True)
    for url in before.keys() & after.keys():
        if before[url] != after[url]:
            what = reader.text(N_("Certificate of an address"))
            prints = (f"{url} {_print(before[url])}", f"{url} {_print(after[url])}")
            yield Change(code, what, prints, voted=False, is_code=True)
    for role in KeyRole:
        if role is not KeyRole.VOTE and old.keys.get(role) != new.keys.get(role):
            yield _key(reader, code, role, old, new, voted=False)


def _key(reader: Reader, code: str, role: KeyRole, old: Card, new: Card, *, voted: bool) -> Change:
    values = (_print(old.keys.get(role) or b""), _print(new.keys.get(role) or b""))
    return Change(code, reader.text(KEY[role]), values, voted=voted, is_code=True)


def _print(raw: bytes) -> str:
    return sha256(raw).hexdigest()[:KEY_DIGITS] if raw else ""


def _links(reader: Reader, former: Corridor, document: Corridor) -> Iterator[Change]:
    before, after = ({link.members: link.lanes for link in one.links} for one in (former, document))
    for ends in sorted(before.keys() | after.keys()):
        if before.get(ends) != after.get(ends):
            what = reader.text(N_("Link %(ends)s")) % {"ends": " – ".join(reader.country(code) for code in ends)}
            yield Change("", what, (_lanes(reader, before.get(ends)), _lanes(reader, after.get(ends))))


def _lanes(reader: Reader, count: int | None) -> str:
    return "" if count is None else reader.text(N_("lanes: %(count)s")) % {"count": reader.number(count)}


def _classes(reader: Reader, former: Corridor, document: Corridor) -> Iterator[Change]:
    before, after = ({terms.name: terms for terms in one.classes} for one in (former, document))
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            what = reader.text(N_("Terms of all other messages") if name == DEFAULT_CLASS else N_("Terms of %(name)s"))
            values = (_terms(reader, before.get(name)), _terms(reader, after.get(name)))
            yield Change("", what % {"name": name}, values)


def _terms(reader: Reader, terms: Terms | None) -> str:
    if terms is None:
        return ""
    way = terms.path_policy or reader.text(N_("any way"))
    within = reader.text(N_("signed for within %(seconds)s s")) % {"seconds": reader.number(terms.receipt_deadline_s)}
    return f"{way}; {within}"


def _presented(reader: Reader, card: Card) -> str:
    return f"{card.name}: {_roles(reader, card.roles)}; {' '.join(one.url for one in card.addresses)}"


def _roles(reader: Reader, roles: Iterable[Any]) -> str:
    return reader.listed(reader.text(word.label(word.MEMBER_ROLE, role.value)) for role in roles)


def _yes(reader: Reader, value: bool) -> str:
    return reader.text(N_("yes") if value else N_("no"))


def _at(reader: Reader, value: datetime) -> str:
    return reader.at(value)


_FIELDS: Mapping[str, tuple[str, Callable[[Reader, Any], str]]] = {
    "not_after": (N_("In force until"), _at),
    "quorum": (N_("Votes a change takes"), Reader.number),
    "witness_quorum": (N_("Witnesses that must co-sign"), Reader.number),
    "mldsa44_required": (N_("Second signature (ML-DSA-44) needed"), _yes),
}
_CARD_FIELDS: Mapping[str, tuple[str, Callable[[Reader, Any], str]]] = {
    "name": (N_("Name"), lambda _, value: str(value)),
    "roles": (N_("What its gateway does"), _roles),
    "valid_from": (N_("Takes part from"), _at),
    "valid_until": (N_("Takes part until"), _at),
}
