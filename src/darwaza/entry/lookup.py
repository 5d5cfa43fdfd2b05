"""Answers to the questions that lie in several cases: what stands of a guarantee (eTIR I5/I6, E5/E6).

A rule sees its own case only, so the clerk looks the answer up after the commit and enters it as a command. A chain
hears of its own guarantees only; to any other it says that there is no such guarantee (eTIR 301).
"""

from collections.abc import Iterator

from darwaza.engine.engine import Engine
from darwaza.engine.intake import Submit
from darwaza.engine.ledger import account_from
from darwaza.kernel.message import GATEWAY_PARTY
from darwaza.ports.store import CaseRow
from darwaza.services.transit import booking
from darwaza.services.transit.codes import ROLE_CUSTOMS
from darwaza.services.transit.enquiry import OPEN, Enquiry
from darwaza.services.transit.guarantee import Guarantee, guarantee_case
from darwaza.services.transit.leg import progress
from darwaza.services.transit.movement import Movement
from darwaza.services.transit.outcome import customs_of
from darwaza.standards.etir.codes import ErrorCode, Fault
from darwaza.standards.etir.external import E5, E6
from darwaza.standards.etir.internal import I5, I6, Share, Use

USES_MAX = 1_000
"""Movements named in an answer (``I6.uses``), the newest."""
HISTORY_ITEMS_MAX = 2_000
"""Transfers of a cover account that are read for them: two for each movement."""


def enquiry_command(engine: Engine, row: CaseRow) -> Submit | None:
    """Word the answer to an open question about a guarantee; None when it is no such question."""
    if row.service != "enquiry" or row.state != OPEN:
        return None
    asked: Enquiry = engine.site.decode_case(row).data
    if not isinstance(asked.question, I5 | E5):
        return None
    asker = asked.peer if isinstance(asked.question, E5) else None
    found = look_up(engine, asked.question.reference, asker)
    body = E6(found.reference, found.status, found.available_minor, found.uses, found.faults) if asker else found
    own = engine.site.member
    roles, customs = frozenset({ROLE_CUSTOMS}), customs_of(own)
    return Submit(f"{own}/{GATEWAY_PARTY}", roles, "enquiry", "answer", "", b"", body, row.id, acts_for=(customs,))


def look_up(engine: Engine, reference: str, asker: str | None) -> I6:
    """Say what stands of a guarantee this member issued.

    Args:
        engine: whose cases and ledger are read.
        reference: of the guarantee.
        asker: the chain that asks; None for customs, which may ask about any.
    """
    member = engine.site.member
    case_id = guarantee_case(member, reference)
    row = engine.store.cases([case_id]).get(case_id)
    data: Guarantee | None = None if row is None else engine.site.decode_case(row).data
    known = row is not None and data is not None and row.state in {"registered", "cancelling", "cancelled"}
    if row is None or data is None or not known or (asker is not None and asker != data.terms.chain):
        missing = Fault.of(ErrorCode.GUARANTEE_NOT_FOUND, f"{member} issued no guarantee {reference}", "/reference")
        return I6(reference, "unknown", faults=(missing,))
    terms, digest = data.terms, booking.terms_digest(data.terms)
    covers = [booking.cover_account(digest, part) for part in booking.covered(terms)]
    accounts = [account_from(*pair) for pair in engine.store.accounts(covers)]
    expired = row.state == "registered" and terms.valid_until <= engine.site.clock.now()
    status = "expired" if expired else row.state
    free = min((account.balance.available for account in accounts), default=0)
    return I6(reference, status, max(free, 0), tuple(_uses(engine, covers)))


def _uses(engine: Engine, covers: list[str]) -> Iterator[Use]:
    """Find the movements that reserved cover, newest first."""
    ids: dict[str, None] = {}
    for account in covers:
        for transfer in engine.store.history(account, None, HISTORY_ITEMS_MAX):
            kind, _, rest = transfer.id.partition(":")
            if kind == "liability":
                ids[rest.partition(":")[0]] = None
    rows = engine.store.cases(list(ids)[:USES_MAX])
    for movement in ids:
        if movement in rows:
            data: Movement = engine.site.decode_case(rows[movement]).data
            open_shares = tuple(Share(hold.member, hold.liability_minor) for hold in data.holds if not hold.released)
            started = data.recorded is not None and any(leg.start is not None for leg in progress(data).legs)
            state = "released" if not open_shares else "in-use" if started else "reserved"
            yield Use(movement, state, tuple(item for item in open_shares if item.member != booking.WHOLE))
