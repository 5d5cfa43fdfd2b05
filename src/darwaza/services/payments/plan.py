"""Who takes part in payments and on what terms: data, the same at every gateway of the corridor.

Every participant is a party of one gateway. An FX provider (FXP) that serves two countries is a party of both gateways
under the same local name; it funds an account at each. Accounts have ids that rules can work out:

| account | in the ledger of | whose money |
|---|---|---|
| ``position:PK/hbl:PKR`` | PK | the PSP's prefunded position |
| ``liquidity:PK/fx1:PKR`` | PK | the FXP's own money there |
| ``abroad:PK/fx1:KZ:KZT`` | PK | what gateway PK may spend of the FXP's money at KZ |
| ``corridor:PK/fx1:KZT`` | KZ | the same money where it really is, set aside for PK |
| ``mirror:KZ:KZT`` | PK | the other side of the former: all that PK may spend at KZ, negative |
| ``transit:KZ:PKR`` | PK | taken from payers and not yet settled |
| ``fees:PK/hbl:PKR`` | PK | the PSP's fees |
| ``spread:PK/fx1:PKR`` | PK | what the FXP earned over the mid rate |
| ``suspense:KZ:KZT`` | KZ | settled payments that compliance has blocked |
| ``external:PKR`` | PK | the other side of what enters and leaves the gateway |

Because what PK may spend at KZ was set aside beforehand and stands in PK's own ledger, accepting a quote reserves it
without asking anybody, and a payment under the quote cannot fail at KZ for lack of it.
"""

from datetime import timedelta
from typing import Literal

import msgspec

from darwaza.kernel.message import GATEWAY_PARTY, member_of
from darwaza.ledger.asset import Asset
from darwaza.ledger.exchange import Fee
from darwaza.ledger.money import to_text
from darwaza.ledger.order import OpenAccount

HOUR_S = 3_600
"""Length of a settlement cycle where the plan names none."""
ParticipantRole = Literal["psp", "fxp", "operator"]


class Participant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A payment service provider, FX provider or settlement operator.

    Attributes:
        address: full address at its own gateway.
        role: what it is.
        name: for people.
        bic: ISO 9362, of a PSP or FXP.
        limit_minor: most a PSP may send in one payment, in its currency's minor units; None for no limit of its own.
        fee: what a PSP takes off a payment that it receives.
        floor_minor: how far a PSP's position may fall; 0 for no credit.
        low_minor: below this available position, or, of an FXP's home, below this money left to spend at another
            gateway, its owner and the operator are told; None for never.
    """

    address: str
    role: ParticipantRole
    name: str
    bic: str | None = None
    limit_minor: int | None = None
    fee: Fee = Fee()
    floor_minor: int = 0
    low_minor: int | None = None

    @property
    def member(self) -> str:
        """Code of the member whose gateway serves it."""
        return member_of(self.address)

    @property
    def local_name(self) -> str:
        """Its name at its gateway."""
        return self.address.partition("/")[2]


class Corridor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Terms of payments from one member to another.

    Attributes:
        source: code of the payer's member.
        destination: code of the payee's member.
        limit_minor: most one payment may be, in the source currency.
        purposes: allowed purpose codes (ExternalPurpose1Code); empty when none is asked for.
        identify_from_minor: from this source amount on both addresses and the payer's date of birth, or its identifier
            if it is an organisation, are needed (FATF Recommendation 16 of June 2025, above USD/EUR 1,000).
        answer_s: how long the payee's bank has to answer.
        grace_s: how much longer the payer's gateway waits for its answer to arrive.
        quote_s: how long a quote is held.
        subsidy_minor: what a state pays for each payment so that its payer does not, in the source currency.
        subsidy_from_minor: source amount from which it does.
    """

    source: str
    destination: str
    limit_minor: int
    purposes: frozenset[str] = frozenset()
    identify_from_minor: int
    answer_s: int = 20
    grace_s: int = 5
    quote_s: int = 600
    subsidy_minor: int = 0
    subsidy_from_minor: int = 0

    def identifies(self, source_minor: int) -> bool:
        """Whether a payment of this source amount says more of who pays whom; see ``identify_from_minor``."""
        return source_minor >= self.identify_from_minor

    def subsidy_of(self, source_minor: int) -> int:
        """What a state pays for a payment of this source amount."""
        return self.subsidy_minor if source_minor >= self.subsidy_from_minor else 0

    @property
    def answer_time(self) -> timedelta:
        """See ``answer_s``."""
        return timedelta(seconds=self.answer_s)

    @property
    def grace(self) -> timedelta:
        """See ``grace_s``."""
        return timedelta(seconds=self.grace_s)


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it.

    Attributes:
        currencies: the asset each member's accounts are held in, by member code.
        participants: all.
        corridors: all; a pair that is not here is not served.
        cycle_s: length of a settlement cycle; they are counted from 1970, so it is the same for all members for ever
            (``bootstrap`` holds a gateway to it).
    """

    currencies: dict[str, Asset]
    participants: tuple[Participant, ...]
    corridors: tuple[Corridor, ...]
    cycle_s: int = HOUR_S


class Directory:
    """A plan, indexed.

    Attributes:
        currencies: see ``Plan``.
        plan: as given.
    """

    def __init__(self, plan: Plan) -> None:
        """Index a plan.

        Raises:
            ValueError: an address or a BIC stands twice, or a member has no currency.
        """
        self.plan = plan
        self.currencies = plan.currencies
        self._by_address = {one.address: one for one in plan.participants}
        named = [one for one in plan.participants if one.bic is not None and one.role == "psp"]
        self._by_bic = {one.bic: one for one in named}
        self._corridors = {(one.source, one.destination): one for one in plan.corridors}
        if len(self._by_address) != len(plan.participants) or len(self._by_bic) != len(named):
            raise ValueError("an address or a BIC stands twice in the plan")
        if not {one.member for one in plan.participants} <= plan.currencies.keys():
            raise ValueError("a member of the plan has no currency")

    def participant(self, address: str, role: ParticipantRole) -> Participant | None:
        """The participant at an address, if it has that role."""
        found = self._by_address.get(address)
        return found if found is not None and found.role == role else None

    def bank(self, bic: str | None) -> Participant | None:
        """The PSP with a BIC."""
        return self._by_bic.get(bic)

    def corridor(self, source: str, destination: str) -> Corridor | None:
        """The terms from one member to another."""
        return self._corridors.get((source, destination))

    def operators(self, member: str) -> tuple[str, ...]:
        """Addresses of a member's settlement operators, who also watch over its screening."""
        return tuple(one.address for one in self.plan.participants if one.role == "operator" and one.member == member)

    def money(self, member: str, minor: int) -> dict[str, str]:
        """An amount in a member's currency as parties are told it: decimal and code."""
        asset = self.currencies[member]
        return {"amount": to_text(minor, asset), "currency": asset.code}

    def neighbours(self, member: str) -> list[str]:
        """Members with a corridor to or from this one."""
        pairs = self._corridors.keys()
        return sorted({b for a, b in pairs if a == member} | {a for a, b in pairs if b == member})


def position(participant: str, asset: Asset) -> str:
    """Id of a PSP's position."""
    return f"position:{participant}:{asset.code}"


def liquidity(participant: str, asset: Asset) -> str:
    """Id of an FXP's own money."""
    return f"liquidity:{participant}:{asset.code}"


def abroad(participant: str, member: str, asset: Asset) -> str:
    """Id of what may be spent of an FXP's money at another gateway."""
    return f"abroad:{participant}:{member}:{asset.code}"


def set_aside(participant: str, asset: Asset) -> str:
    """Id of an FXP's money set aside for another gateway; ``participant`` is its address there."""
    return f"corridor:{participant}:{asset.code}"


def mirror(member: str, asset: Asset) -> str:
    """Id of the other side of what may be spent at another gateway."""
    return f"mirror:{member}:{asset.code}"


def transit(member: str, asset: Asset) -> str:
    """Id of what is on its way to or from another member."""
    return f"transit:{member}:{asset.code}"


def fees(participant: str, asset: Asset) -> str:
    """Id of a PSP's fees."""
    return f"fees:{participant}:{asset.code}"


def spread(participant: str, asset: Asset) -> str:
    """Id of what an FXP earned over the mid rate."""
    return f"spread:{participant}:{asset.code}"


def suspense(member: str, asset: Asset) -> str:
    """Id of what compliance at a gateway has blocked."""
    return f"suspense:{member}:{asset.code}"


def external(asset: Asset) -> str:
    """Id of the other side of what enters and leaves."""
    return f"external:{asset.code}"


def opening(directory: Directory, member: str) -> tuple[OpenAccount, ...]:
    """The accounts a gateway's ledger needs before the first payment; opening them again changes nothing."""
    own, gateway = directory.currencies[member], f"{member}/{GATEWAY_PARTY}"
    watcher = next(iter(directory.operators(member)), gateway)
    orders = [
        OpenAccount(external(own), gateway, own, "external", None, None),
        OpenAccount(suspense(member, own), watcher, own, "suspense", 0, None),
    ]
    for peer in directory.neighbours(member):
        other = directory.currencies[peer]
        orders.append(OpenAccount(transit(peer, own), gateway, own, "in-transit", 0, None))
        orders.append(OpenAccount(mirror(peer, other), gateway, other, "external", None, None))
    for one in directory.plan.participants:
        if one.member != member:
            continue
        if one.role == "psp":
            orders.append(OpenAccount(position(one.address, own), one.address, own, "position", one.floor_minor, None))
            orders.append(OpenAccount(fees(one.address, own), one.address, own, "fees", 0, None))
        elif one.role == "fxp":
            orders += _provider_accounts(directory, one, own)
    return tuple(orders)


def _provider_accounts(directory: Directory, provider: Participant, own: Asset) -> list[OpenAccount]:
    address = provider.address
    orders = [
        OpenAccount(liquidity(address, own), address, own, "liquidity", 0, None),
        OpenAccount(spread(address, own), address, own, "spread", 0, None),
    ]
    for peer in directory.neighbours(provider.member):
        other, twin = directory.currencies[peer], f"{peer}/{provider.local_name}"
        orders.append(OpenAccount(abroad(address, peer, other), address, other, "liquidity", 0, None))
        orders.append(OpenAccount(set_aside(twin, own), address, own, "liquidity", 0, None))
    return orders
