"""The corridor documents an offline check goes by, and what trust in them rests on.

Whoever checks evidence brings one or more versions of the corridor document as files. A version that directly follows
another among them must be its rightful successor. With an *anchor*, the digest of one version as its owner learned it
by other means, everything is reached from there: versions before it because each names the digest of its former one,
versions after it because their votes are signed by keys of the former one. Without an anchor the versions are taken as
given, and trust in the answer is trust in the files: the verdict names their digests for comparison.

Example::

    reference = Reference.read([file_1, file_2], anchor=None, now=now)
    reference.version(2)
"""

import itertools
from collections.abc import Iterable
from datetime import datetime

import msgspec

from darwaza.errors import ConflictError, MalformedError
from darwaza.kernel.admission import admit
from darwaza.kernel.corridor import Corridor, read
from darwaza.kernel.enrolment import admit_keys
from darwaza.kernel.history import History
from darwaza.kernel.verdict import Basis

INSTANT_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class Reference(msgspec.Struct, frozen=True):
    """Versions of one corridor's document.

    Attributes:
        documents: in ascending order of versions, at least one; there may be gaps only when not anchored.
        anchored: whether all were reached from a digest known by other means.
    """

    documents: tuple[Corridor, ...]
    anchored: bool

    @classmethod
    def of(cls, history: History) -> "Reference":
        """The versions a gateway admitted."""
        return cls(tuple(entry.document for entry in history.entries), anchored=True)

    @classmethod
    def read(cls, files: Iterable[bytes], anchor: str | None, now: datetime) -> "Reference":
        """Read documents' files.

        The checks, in this order: form and keys of each; all of one corridor and one document for each version;
        version 1 and each version that directly follows another is signed as it must be; the anchor is there, and
        every version is reached from it.

        Args:
            files: signed notes, in any order, at least one.
            anchor: SHA-256 of the text of one of them, 64 lower-case hexadecimal digits, or None.
            now: the time, aware.

        Raises:
            DarwazaError: see ``corridor.read``, ``enrolment.admit_keys`` and ``admission.admit``.
            MalformedError: ``corridor_missing``; no file was given.
            ConflictError: ``name_differs``; ``corridor_fork`` for two documents of one version; ``anchor_differs`` when
                none has the anchor's digest; ``version_skipped`` when one cannot be reached from it.
        """
        held: dict[int, tuple[Corridor, bytes]] = {}
        for raw in files:
            document, _ = read(raw)
            admit_keys(document.members, "/members")
            _check_alike(held, document)
            held[document.version] = (document, raw)
        if not held:
            raise MalformedError("a check needs at least one corridor document", code="corridor_missing")
        for version, (_, raw) in held.items():
            former = held.get(version - 1)
            if version == 1 or former is not None:
                admit(raw, None if former is None else former[0], now)
        documents = tuple(held[version][0] for version in sorted(held))
        if anchor is not None:
            _check_anchor(documents, anchor)
        return cls(documents, anchored=anchor is not None)

    @property
    def name(self) -> str:
        """Of the corridor."""
        return self.documents[0].name

    @property
    def latest(self) -> Corridor:
        """The newest version here."""
        return self.documents[-1]

    def version(self, number: int) -> Corridor | None:
        """The document of a version, or None when it is not here."""
        return next((document for document in self.documents if document.version == number), None)

    def basis(self, now: datetime) -> tuple[Basis, ...]:
        """What the verdict says about the documents."""
        return tuple(
            Basis(
                document.name,
                document.version,
                document.digest,
                document.created_at.strftime(INSTANT_FORMAT),
                document.not_after.strftime(INSTANT_FORMAT),
                document.state_at(now).value,
                self.anchored,
            )
            for document in self.documents
        )


def _check_alike(held: dict[int, tuple[Corridor, bytes]], document: Corridor) -> None:
    for other, _ in held.values():
        if other.name != document.name:
            raise ConflictError(f"the documents are of {other.name} and {document.name}", code="name_differs")
        if other.version == document.version and other != document:
            raise ConflictError(f"there are two documents of version {other.version}", code="corridor_fork")


def _check_anchor(documents: tuple[Corridor, ...], anchor: str) -> None:
    if anchor not in {document.digest for document in documents}:
        raise ConflictError("no document given has the anchor's digest", code="anchor_differs")
    for former, document in itertools.pairwise(documents):
        if document.version != former.version + 1:
            raise ConflictError(
                f"the versions between {former.version} and {document.version} are missing", code="version_skipped"
            )
