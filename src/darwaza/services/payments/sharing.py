"""With whom a payment is decided: the gateway at its other end.

A gateway that came back from an old backup has forgotten what it told that gateway, which acted on it. A time that is
over, an officer's or a bank's word would then be decided a second time, and perhaps the other way round: one side would
have paid what the other gave back. So neither is acted on before the two have compared what was said
(``kernel.machine.Service.shared``). Nothing is lost by that: until they can speak no payment between them can end well.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from darwaza.kernel.machine import Case
from darwaza.kernel.message import member_of
from darwaza.services.payments.market import market_id
from darwaza.services.payments.message import Ask, Remit, RemitBulk
from darwaza.services.payments.plan import Directory
from darwaza.services.payments.record import Bulk, Payment, Request, Verification

Shared = Callable[[str, Any, str, Any], str | None]


def shared_by(directory: Directory) -> Shared:
    """See the module; the function is ``Service.shared``."""

    @cache
    def markets(member: str) -> dict[str, str]:
        return {market_id(member, one): one for one in directory.neighbours(member)}

    def shared(member: str, case: Case[Any] | None, _: str, body: Any) -> str | None:
        if case is not None:
            return _other(member, case.data)
        if isinstance(body, Ask):
            there = member_of(body.payee_bank)
            return None if there == member else there
        if isinstance(body, Remit | RemitBulk):
            return markets(member).get(body.market)
        return None

    return shared


def _other(member: str, data: Any) -> str | None:
    """The member at the other end of what a case holds."""
    ends: tuple[str, ...] = ()
    if isinstance(data, Payment | Bulk | Request):
        ends = (data.payer_bank, data.payee_bank)
    elif isinstance(data, Verification):
        ends = (data.asker, data.asked)
    return next((one for one in map(member_of, ends) if one != member), None)
