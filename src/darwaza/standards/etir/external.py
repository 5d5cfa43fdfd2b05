"""The E pairs: what guarantee chains and holders tell customs.

Standard: eTIR specifications v4.3, functional, messages E1 to E14. In eTIR they go to the international system; here
E1 to
E8 go between a chain and the member that registers its guarantees, E9 to E14 between a holder's gateway and customs of
departure.
"""

from typing import Annotated

from msgspec import Meta

from darwaza.standards.etir.internal import Faults, Use
from darwaza.standards.etir.value import Amount, Body, Declaration, GuaranteeTerms, Instant, Key, Text, Uuid

GuaranteeStatus = Annotated[str, Meta(pattern=r"^(registered|cancelling|cancelled|expired|unknown)\Z")]


class E1(Body, tag="E1", frozen=True):
    """Register guarantee."""

    terms: GuaranteeTerms


class E2(Body, tag="E2", frozen=True):
    """Answer to E1.

    Attributes:
        reference: of the guarantee.
        terms_digest: SHA-256 of the canonical terms, hex.
        faults: why it was not registered.
    """

    reference: Key
    terms_digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    faults: Faults = ()


class E3(Body, tag="E3", frozen=True):
    """Cancel guarantee."""

    reference: Key
    holder: Key
    reason: Text


class E4(Body, tag="E4", frozen=True):
    """Answer to E3; ``cancelling`` means the request is recorded and takes effect when the last use ends."""

    reference: Key
    status: GuaranteeStatus
    faults: Faults = ()


class E5(Body, tag="E5", frozen=True):
    """Query guarantee."""

    reference: Key


class E6(Body, tag="E6", frozen=True):
    """Answer to E5.

    Attributes:
        reference: of the guarantee.
        status: its state.
        available_minor: cover not reserved.
        uses: movements it covers.
        faults: 301 when there is no such guarantee.
    """

    reference: Key
    status: GuaranteeStatus
    available_minor: Amount = 0
    uses: Annotated[tuple[Use, ...], Meta(max_length=1000)] = ()
    faults: Faults = ()


class E7(Body, tag="E7", frozen=True):
    """Notify guarantee chain: something happened to a movement one of its guarantees covers.

    Attributes:
        reference: of the guarantee.
        movement: UUID.
        what: accepted, in-use, released, uncovered or overdue.
        at: when.
    """

    reference: Key
    movement: Uuid
    what: Annotated[str, Meta(pattern=r"^(accepted|in-use|released|uncovered|overdue)\Z")]
    at: Instant


class E8(Body, tag="E8", frozen=True):
    """Answer to E7."""

    reference: Key
    movement: Uuid


class E9(Body, tag="E9", frozen=True):
    """Advance TIR data: the holder's declaration before departure."""

    declaration: Declaration


class E10(Body, tag="E10", frozen=True):
    """Answer to E9."""

    movement: Uuid
    faults: Faults = ()


class E11(Body, tag="E11", frozen=True):
    """Advance amendment data: the declaration as the holder wants it to be, one version up."""

    declaration: Declaration


class E12(Body, tag="E12", frozen=True):
    """Answer to E11."""

    movement: Uuid
    faults: Faults = ()


class E13(Body, tag="E13", frozen=True):
    """Cancel advance data."""

    movement: Uuid
    reason: Text


class E14(Body, tag="E14", frozen=True):
    """Answer to E13."""

    movement: Uuid
    faults: Faults = ()
