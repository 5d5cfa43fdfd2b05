"""Checks of a declaration against the data: regime, register, HS edition.

The order is fixed and tested; the first that fails names the refusal and points at the field.
"""

from datetime import UTC, datetime

import msgspec

from darwaza.kernel.machine import Refusal
from darwaza.services.transit.authorised import NOBODY, Authorised
from darwaza.services.transit.codes import TransitRefusal as No
from darwaza.services.transit.crossing import Register, office_member
from darwaza.services.transit.hs import HsEdition
from darwaza.services.transit.regime import Regime, Regimes
from darwaza.standards.charge import CHARGES, paid_fact
from darwaza.standards.etir.value import Declaration, GuaranteeTerms, Leg


class Reference(msgspec.Struct, frozen=True):
    """The data the rules refer to; read once at start.

    Attributes:
        regimes: transit regimes.
        register: crossings and offices.
        hs: editions of the Harmonized System.
        release_facts: names of facts a release of goods may require.
        authorised: holders of this member, and chains served elsewhere.
    """

    regimes: Regimes
    register: Register
    hs: tuple[HsEdition, ...]
    release_facts: tuple[str, ...] = tuple(map(paid_fact, CHARGES))
    authorised: Authorised = NOBODY

    def hs_edition(self, at: datetime) -> HsEdition | None:
        """Return the edition in force on the UTC day of an instant."""
        day = at.astimezone(UTC).date()
        return next((item for item in self.hs if item.valid_from <= day <= item.valid_until), None)


def check_declaration(declaration: Declaration, reference: Reference, now: datetime) -> Refusal | None:
    """Check everything about a declaration that its own text and the data decide.

    The order: regime, members, itinerary, offices, goods, HS codes, required facts, guarantee.

    Args:
        declaration: as lodged.
        reference: the data.
        now: batch time.
    """
    regime = reference.regimes.find(declaration.regime, now)
    if regime is None:
        return Refusal.of(No.REGIME_UNKNOWN, f"no regime {declaration.regime!r} is in force", "/regime")
    return (
        _members(declaration, regime)
        or check_itinerary(declaration.legs, reference.register, regime)
        or _goods(declaration)
        or _hs(declaration, reference, now)
        or _facts(declaration, reference)
        or check_guarantee(declaration.guarantee, declaration, regime, now)
    )


def _members(declaration: Declaration, regime: Regime) -> Refusal | None:
    """Check that the regime binds every member on the way."""
    for index, leg in enumerate(declaration.legs):
        if leg.member not in regime.members:
            text = f"{regime.id} does not bind {leg.member}"
            return Refusal.of(No.MEMBER_NOT_BOUND, text, f"/legs/{index}/member")
    return None


def check_itinerary(legs: tuple[Leg, ...], register: Register, regime: Regime) -> Refusal | None:
    """Check that the legs join: each leaves through a crossing to the next, by that crossing's offices."""
    if len(legs) < regime.legs_min:
        return Refusal.of(No.ITINERARY_WRONG, f"{regime.id} takes at least {regime.legs_min} legs", "/legs")
    for index, leg in enumerate(legs):
        at = f"/legs/{index}"
        offices = (leg.entry_office, leg.exit_office)
        if any(office_member(office) != leg.member for office in offices):
            return Refusal.of(No.ITINERARY_WRONG, f"an office of leg {index} is not of {leg.member}", at)
        last = index == len(legs) - 1
        if (leg.crossing is None) != last:
            return Refusal.of(No.ITINERARY_WRONG, "every leg but the last leaves through a crossing", at + "/crossing")
        if leg.crossing is None:
            continue
        crossing = register.crossings.get(leg.crossing)
        following = legs[index + 1]
        if crossing is None or {leg.member, following.member} != set(crossing.members):
            text = f"{leg.crossing} does not join {leg.member} and {following.member}"
            return Refusal.of(No.ITINERARY_WRONG, text, at + "/crossing")
        wanted = (crossing.side(leg.member).office, crossing.side(following.member).office)
        if (leg.exit_office, following.entry_office) != wanted:
            text = f"{leg.crossing} is worked by {wanted[0]} and {wanted[1]}"
            return Refusal.of(No.ITINERARY_WRONG, text, at + "/exit_office")
    unknown = register.unknown(tuple(office for leg in legs for office in (leg.entry_office, leg.exit_office)))
    if unknown:
        return Refusal.of(No.OFFICE_UNKNOWN, f"no office {unknown[0]} in the register", "/legs")
    return None


def _goods(declaration: Declaration) -> Refusal | None:
    """Check that goods items are numbered from 1 without gaps."""
    for index, item in enumerate(declaration.goods):
        if item.number != index + 1:
            text = f"goods item {index} has number {item.number}"
            return Refusal.of(No.GOODS_WRONG, text, f"/goods/{index}/number")
    return None


def _hs(declaration: Declaration, reference: Reference, now: datetime) -> Refusal | None:
    """Check every HS code against the edition in force."""
    edition = reference.hs_edition(now)
    if edition is None:
        return Refusal.of(No.HS_UNKNOWN, "no edition of the Harmonized System is in force", "/goods")
    for index, item in enumerate(declaration.goods):
        if not edition.holds(item.hs):
            text = f"{item.hs} is not a subheading of HS {edition.edition}"
            return Refusal.of(No.HS_UNKNOWN, text, f"/goods/{index}/hs")
    return None


def _facts(declaration: Declaration, reference: Reference) -> Refusal | None:
    """Check that what the release waits for can ever be stated."""
    for index, name in enumerate(declaration.release_requires):
        if name not in reference.release_facts:
            return Refusal.of(No.FACT_UNKNOWN, f"no release waits for {name!r}", f"/release_requires/{index}")
    return None


def check_terms(terms: GuaranteeTerms, regime: Regime) -> Refusal | None:
    """Check a guarantee's terms against its regime: kind, single use, kind of liability, limit, length."""
    if terms.kind not in regime.guarantee_kinds:
        text = f"{regime.id} takes {', '.join(sorted(regime.guarantee_kinds))}"
        return Refusal.of(No.GUARANTEE_KIND_UNKNOWN, text, "/guarantee/kind")
    if terms.single_use != (terms.kind in regime.single_use) or terms.per_member != regime.per_member:
        text = f"single use or liability of a {terms.kind} are otherwise under {regime.id}"
        return Refusal.of(No.GUARANTEE_TERMS_WRONG, text, "/guarantee")
    if len(set(terms.members)) != len(terms.members) or not set(terms.members) <= regime.members:
        return Refusal.of(No.GUARANTEE_TERMS_WRONG, f"{regime.id} does not bind all its members", "/guarantee/members")
    limit = regime.cover_limit_minor
    if limit is not None and terms.currency == regime.cover_currency and terms.cover_minor > limit:
        text = f"{regime.id} admits at most {limit} minor units of {regime.cover_currency} per member"
        return Refusal.of(No.GUARANTEE_TERMS_WRONG, text, "/guarantee/cover_minor")
    if (terms.valid_until - terms.valid_from).days < regime.guarantee_days_min:
        text = f"{regime.id} takes guarantees of at least {regime.guarantee_days_min} days"
        return Refusal.of(No.GUARANTEE_TERMS_WRONG, text, "/guarantee/valid_until")
    return None


def check_guarantee(terms: GuaranteeTerms, declaration: Declaration, regime: Regime, now: datetime) -> Refusal | None:
    """Check that the guarantee fits this declaration now."""
    if terms.holder != declaration.holder.id:
        text = "the guarantee was issued to another holder"
        return Refusal.of(No.HOLDER_MISMATCH, text, "/guarantee/holder")
    wrong = check_terms(terms, regime)
    if wrong is not None:
        return wrong
    if terms.regime != declaration.regime:
        return Refusal.of(No.GUARANTEE_TERMS_WRONG, "the guarantee is of another regime", "/guarantee/regime")
    if not terms.valid_from <= now < terms.valid_until:
        return Refusal.of(No.GUARANTEE_NOT_VALID, "the guarantee is not valid now", "/guarantee/valid_until")
    return check_cover(terms, declaration.legs)


def check_cover(terms: GuaranteeTerms, legs: tuple[Leg, ...]) -> Refusal | None:
    """Check that the guarantee is valid in every member on the way."""
    for index, leg in enumerate(legs):
        if leg.member not in terms.members:
            text = f"the guarantee does not cover {leg.member}"
            return Refusal.of(No.GUARANTEE_DOES_NOT_COVER, text, f"/legs/{index}/member")
    return None
