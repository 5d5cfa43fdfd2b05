"""What a post without a network knows and may conclude: keys of the members, and three-valued verdicts.

A post carries the corridor document (or what follows from it): the members' keys and when it last heard. From that
alone it judges a paper or an event: ``valid``, ``invalid``, or ``cannot tell`` with the reasons and how old the
knowledge is. ``invalid`` is said only where something contradicts itself or a key; whatever is merely missing,
unknown or old gives ``cannot tell``, because calling a true paper false stops trade as surely as the outage did.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum

import msgspec

from darwaza.kernel.key import Ed25519PublicKey
from darwaza.kernel.note import Verifier


class Answer(Enum):
    """The three answers."""

    VALID = "valid"
    INVALID = "invalid"
    CANNOT_TELL = "cannot tell"


class Reason(msgspec.Struct, frozen=True):
    """One finding.

    Attributes:
        code: stable lower-case code with hyphens.
        answer: what it alone would lead to.
        text: one sentence for the officer.
    """

    code: str
    answer: Answer
    text: str


class TrustedKey(msgspec.Struct, frozen=True):
    """A key with which a member signs papers and delegations.

    Attributes:
        public: Ed25519 public key, 32 bytes.
        valid_from: first instant it may sign.
        valid_until: first instant it may no longer; None when open.
    """

    public: bytes
    valid_from: datetime
    valid_until: datetime | None = None

    def may_sign(self, at: datetime) -> bool:
        """Tell whether a signature of that instant counts."""
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)


class Trust(msgspec.Struct, frozen=True):
    """What a post knows of the corridor.

    Attributes:
        keys: signing keys by member.
        logs: verifiers of the members' log checkpoints, by member.
        as_of: when the corridor document was last confirmed.
        expires_at: of the corridor document.
    """

    keys: Mapping[str, tuple[TrustedKey, ...]]
    logs: Mapping[str, tuple[Verifier, ...]]
    as_of: datetime
    expires_at: datetime


def conclude(reasons: Sequence[Reason]) -> Answer:
    """Return the gravest of the findings: invalid, then cannot tell, then valid."""
    answers = {reason.answer for reason in reasons}
    for answer in (Answer.INVALID, Answer.CANNOT_TELL):
        if answer in answers:
            return answer
    return Answer.VALID


def check_signature(
    trust: Trust, member: str, *, signature: bytes, message: bytes, at: datetime, now: datetime
) -> Reason | None:
    """Check a member's signature against the keys the post knows.

    Args:
        trust: of the post.
        member: said to have signed.
        signature: 64 bytes.
        message: what was signed, with its domain prefix.
        at: when it says it was signed.
        now: the post's clock.

    Returns:
        None when it holds.
    """
    known = trust.keys.get(member, ())
    if not known:
        text = f"no key of {member} is known here, as of {trust.as_of:%Y-%m-%d %H:%M}Z"
        return Reason("member-unknown", Answer.CANNOT_TELL, text)
    signers = [key for key in known if Ed25519PublicKey(key.public).verify(signature, message)]
    if not signers:
        if at > trust.as_of:
            # The member may have a new key this post has not heard of: that is missing knowledge, not forgery.
            text = f"none of the keys of {member} known as of {trust.as_of:%Y-%m-%d %H:%M}Z made this signature"
            return Reason("key-unknown", Answer.CANNOT_TELL, text)
        return Reason("signature-false", Answer.INVALID, f"{member} did not sign this")
    if not any(key.may_sign(at) for key in signers):
        return Reason("key-not-valid", Answer.INVALID, f"the key of {member} was not valid at {at:%Y-%m-%d %H:%M}Z")
    if now >= trust.expires_at:
        text = f"the corridor document known here expired at {trust.expires_at:%Y-%m-%d %H:%M}Z"
        return Reason("corridor-document-expired", Answer.CANNOT_TELL, text)
    return None
