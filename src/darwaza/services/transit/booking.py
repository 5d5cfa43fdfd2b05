"""Guarantees, seals and trackers in the ledger.

What must be true *at once* across movements lives in the ledger, because it commits in the decision's transaction and
refuses what does not fit; what is told about one movement lives in its case.

* **Cover.** A guarantee's terms are digested and the digest names its accounts, so a rule needs no look-up and altered
  terms name no account. With a cover per member there is one account for each member, else one for "*". Registering
  moves the cover in from the chain's account; its floor is the chain's capacity (none until a supervisor sets one).
  A cover that was cancelled is *closed*: no new liability is held against it, and those that stand end as they would.
  So is one that a lost disk took along and that movements under way bring back: only as much of it as they need,
  because nobody here remembers whether it had been cancelled. Registering it anew opens it and brings the rest.
* **Liability.** Accepting a guarantee holds each member's share against the exposure account of chain and member; the
  floor of the cover account keeps the sum of liabilities within the cover. ``credits_pending`` of an exposure account
  is the chain's open exposure in that member; a holder's is the sum of ``debits_pending`` over accounts it owns. The
  hold has no expiry of its own: a closure stops clocks, so the deadline stands in the case.
* **Reserved or in use** is told by the movement's events; to the ledger both are held.
* **Single use.** Such a guarantee has one ticket; accepting moves it out, so a second movement finds none. That is what
  makes acceptance exactly-once even for itineraries without a common member.
* **Seals.** A number is an account without money, owned by the movement: a second owner is refused by the chart.
* **Trackers.** A pool is an account counted in pieces; fitting holds one, so a pool can run short.
"""

from hashlib import sha256

from darwaza.kernel.machine import LedgerView
from darwaza.ledger.account import Account
from darwaza.ledger.asset import Asset
from darwaza.ledger.order import AmendAccount, Hold, Move, OpenAccount, Order, Post, Void
from darwaza.services.transit.codes import TransitRefusal as No
from darwaza.services.transit.movement import Hold as Liability
from darwaza.standards.etir.internal import Share
from darwaza.standards.etir.value import GuaranteeTerms
from darwaza.standards.etir.wire import encode

WHOLE = "*"
"""Stands for the member where one sum covers the whole journey."""

TICKET = Asset("guarantee-ticket", 0)
SEAL = Asset("seal", 0)
TRACKER = Asset("tracker", 0)


def terms_digest(terms: GuaranteeTerms) -> str:
    """Return the SHA-256 of the canonical terms, 64 hex digits."""
    return sha256(encode(terms)).hexdigest()


def cover_asset(currency: str) -> Asset:
    """Return the asset of cover in a currency: a promise to pay, which is not money; counted in minor units."""
    return Asset(f"guarantee-{currency}", 0)


def cover_account(digest: str, member: str) -> str:
    """Name the account that holds a guarantee's cover for a member."""
    return f"cover:{digest}:{member}"


def chain_account(chain: str, currency: str) -> str:
    """Name the account a chain's guarantees are issued from; its negative balance is all the cover it issued."""
    return f"guarantees:{chain}:{currency}"


def exposure_account(chain: str, member: str, currency: str) -> str:
    """Name the account that shows what a chain may have to pay in a member."""
    return f"exposure:{chain}:{member}:{currency}"


def ticket_account(digest: str) -> str:
    """Name the account of a single-use guarantee's ticket."""
    return f"ticket:{digest}"


def covered(terms: GuaranteeTerms) -> tuple[str, ...]:
    """Return the members a cover account exists for."""
    return terms.members if terms.per_member else (WHOLE,)


def register(terms: GuaranteeTerms, holder_party: str) -> tuple[Order, ...]:
    """Order the accounts of a guarantee and the transfer of its cover.

    Args:
        terms: of the guarantee.
        holder_party: address of the holder, who owns the cover accounts.
    """
    digest, asset = terms_digest(terms), cover_asset(terms.currency)
    source = chain_account(terms.chain, terms.currency)
    orders: list[Order] = []
    for member in covered(terms):
        account = cover_account(digest, member)
        orders.append(OpenAccount(account, holder_party, asset, "guarantee", 0, None))
        orders.append(Move(f"issue:{digest}:{member}", source, account, terms.cover_minor, terms.reference))
    return (*orders, *issue_ticket(terms, holder_party))


def issue_ticket(terms: GuaranteeTerms, holder_party: str) -> tuple[Order, ...]:
    """Order the ticket of a single-use guarantee."""
    if not terms.single_use:
        return ()
    ticket = ticket_account(terms_digest(terms))
    return (
        OpenAccount(ticket, holder_party, TICKET, "guarantee", 0, 1),
        Move(f"ticket:{terms_digest(terms)}", f"tickets:{terms.chain}", ticket, 1, terms.reference),
    )


def is_closed(terms: GuaranteeTerms, ledger: LedgerView) -> bool:
    """Tell whether a cover takes no new liability: it is not here, was cancelled, or came back after a lost disk."""
    account = ledger.account(cover_account(terms_digest(terms), covered(terms)[0]))
    return account is None or account.debits_blocked


def close(terms: GuaranteeTerms) -> tuple[Order, ...]:
    """Order that a cover takes no new liability."""
    return _block(terms, blocked=True)


def opened(terms: GuaranteeTerms) -> tuple[Order, ...]:
    """Order that a cover can be drawn on."""
    return _block(terms, blocked=False)


def _block(terms: GuaranteeTerms, *, blocked: bool) -> tuple[Order, ...]:
    digest = terms_digest(terms)
    return tuple(
        AmendAccount(cover_account(digest, member), 0, None, debits_blocked=blocked) for member in covered(terms)
    )


def bring_back(
    terms: GuaranteeTerms, amounts: dict[str, int], movement: str, ledger: LedgerView
) -> tuple[tuple[Order, ...], bool]:
    """Order as much of a closed cover as the liabilities of one movement need beyond what is free in it.

    Args:
        terms: of the guarantee.
        amounts: liability by member or "*".
        movement: UUID; the guarantor's signed word for it stands.
        ledger: of the guarantor.

    Returns:
        The orders, which leave the cover open; and whether the cover was ever large enough for what stands.
    """
    digest, source = terms_digest(terms), chain_account(terms.chain, terms.currency)
    accounts: list[Order] = [*chain_accounts(terms, ledger)]
    moves: list[Order] = []
    bound = True
    for member in covered(terms):
        name = cover_account(digest, member)
        account = ledger.account(name)
        if account is None:
            accounts.append(OpenAccount(name, terms.chain, cover_asset(terms.currency), "guarantee", 0, None))
        issued, free = (0, 0) if account is None else (account.balance.posted, account.balance.available)
        lacking = amounts.get(member, 0) - free
        if lacking > 0:
            bound = bound and issued + lacking <= terms.cover_minor
            # The ledger's ids have 100 characters; half the digest tells the guarantees of one movement apart.
            moves.append(Move(f"enter:{movement}:{digest[:32]}:{member}", source, name, lacking, terms.reference))
    return (*accounts, *opened(terms), *(moves if bound else ())), bound


def reopen(terms: GuaranteeTerms, ledger: LedgerView) -> tuple[Order, ...]:
    """Order the rest of a cover that movements brought back before its chain registered it anew, and open it."""
    digest, source = terms_digest(terms), chain_account(terms.chain, terms.currency)
    orders: list[Order] = [*opened(terms)]
    for member in covered(terms):
        account = ledger.account(cover_account(digest, member))
        rest = terms.cover_minor - (0 if account is None else account.balance.posted)
        if rest > 0:
            name = cover_account(digest, member)
            orders.append(Move(f"issue:{digest}:{member}", source, name, rest, terms.reference))
    return tuple(orders)


def chain_accounts(terms: GuaranteeTerms, ledger: LedgerView) -> tuple[Order, ...]:
    """Order the accounts of a chain that do not exist yet; those that do keep the limits a supervisor set."""
    wanted = [(chain_account(terms.chain, terms.currency), cover_asset(terms.currency), "external")]
    wanted += [
        (exposure_account(terms.chain, member, terms.currency), cover_asset(terms.currency), "guarantee")
        for member in covered(terms)
    ]
    if terms.single_use:
        wanted += [(f"tickets:{terms.chain}", TICKET, "external"), (f"spent:{terms.chain}", TICKET, "external")]
    return tuple(
        OpenAccount(account, terms.chain, asset, kind, None, None)
        for account, asset, kind in wanted
        if ledger.account(account) is None
    )


def available(ledger: LedgerView, account_id: str) -> int | None:
    """Return what an account may still promise, or None when there is no such account."""
    account = ledger.account(account_id)
    return account.balance.available if isinstance(account, Account) else None


def sums(terms: GuaranteeTerms, shares: tuple[Share, ...]) -> dict[str, int]:
    """Return the liability by cover account: per member, or their sum under "*". Zero liabilities need no hold."""
    found: dict[str, int] = {}
    for share in shares:
        key = share.member if terms.per_member else WHOLE
        found[key] = found.get(key, 0) + share.liability_minor
    return {key: amount for key, amount in found.items() if amount > 0}


def room(terms: GuaranteeTerms, shares: tuple[Share, ...], ledger: LedgerView) -> No | None:
    """Say why a guarantee has no room for these liabilities, or None when it has."""
    digest = terms_digest(terms)
    if available(ledger, cover_account(digest, covered(terms)[0])) is None:
        return No.GUARANTEE_NOT_FOUND
    if is_closed(terms, ledger) and sums(terms, shares):
        return No.GUARANTEE_COVER_SHORT
    for member, amount in sums(terms, shares).items():
        rest = available(ledger, cover_account(digest, member))
        if rest is None:
            return No.GUARANTEE_DOES_NOT_COVER
        if amount > rest:
            return No.GUARANTEE_COVER_SHORT
    return None


def ticket_left(terms: GuaranteeTerms, ledger: LedgerView) -> bool:
    """Tell whether a guarantee may still be accepted for a movement that does not have it yet."""
    return not terms.single_use or available(ledger, ticket_account(terms_digest(terms))) == 1


def spend_ticket(terms: GuaranteeTerms, movement: str) -> tuple[Order, ...]:
    """Order the transfer that binds a single-use guarantee to a movement."""
    if not terms.single_use:
        return ()
    ticket = ticket_account(terms_digest(terms))
    return (Move(f"spend:{movement}", ticket, f"spent:{terms.chain}", 1, terms.reference),)


def reserve(
    terms: GuaranteeTerms, amounts: dict[str, int], movement: str, taken: int
) -> tuple[tuple[Liability, ...], tuple[Order, ...]]:
    """Order holds for liabilities.

    Args:
        terms: of the guarantee.
        amounts: liability by member or "*".
        movement: UUID.
        taken: how many holds the movement has placed before, so that ids never repeat.

    Returns:
        The liabilities for the case, and the orders.
    """
    digest = terms_digest(terms)
    liabilities: list[Liability] = []
    orders: list[Order] = []
    for number, (member, amount) in enumerate(amounts.items(), start=taken):
        hold_id = f"liability:{movement}:{number}"
        debit, credit = cover_account(digest, member), exposure_account(terms.chain, member, terms.currency)
        liabilities.append(Liability(member, hold_id, amount))
        orders.append(Hold(hold_id, debit, credit, amount, reference=terms.reference))
    return tuple(liabilities), tuple(orders)


def release(liability: Liability) -> Order:
    """Order the end of a liability."""
    return Void(f"end:{liability.id}", liability.id)


def seal_account(member: str, number: str) -> str:
    """Name the account that stands for a seal number a member's customs affixed or met."""
    return f"seal:{member}:{number}"


def seal_taken(number: str, movement: str, member: str, ledger: LedgerView) -> bool:
    """Tell whether a seal number is known from another movement."""
    account = ledger.account(seal_account(member, number))
    return isinstance(account, Account) and account.owner != f"{member}/{movement}"


def record_seal(number: str, movement: str, member: str) -> Order:
    """Order the entry of a seal number; refused by the chart when another movement has it."""
    return OpenAccount(seal_account(member, number), f"{member}/{movement}", SEAL, "seal", 0, 0)


def pool_account(office: str) -> str:
    """Name the account that counts the trackers an office has."""
    return f"trackers:{office}"


def away_account(office: str) -> str:
    """Name the account that counts the trackers an office fitted that have not come back."""
    return f"trackers-out:{office}"


def tracker_free(office: str, ledger: LedgerView) -> bool:
    """Tell whether an office has a tracker left."""
    return (available(ledger, pool_account(office)) or 0) > 0


def fit_tracker(office: str, movement: str, tracker: str) -> tuple[Order, ...]:
    """Order the hold of one piece of an office's pool."""
    hold_id = f"fit:{movement}:{tracker}"
    return (Hold(hold_id, pool_account(office), away_account(office), 1, reference=tracker),)


def give_back_tracker(movement: str, tracker: str, *, home: bool) -> Order:
    """Order the end of a fitting: back in the pool, or, removed in another member, away for good until restocked."""
    hold_id = f"fit:{movement}:{tracker}"
    return Void(f"back:{hold_id}", hold_id) if home else Post(f"away:{hold_id}", hold_id, 1, tracker)
