"""Aliases: what a payer knows of a payee instead of an account number, kept at the gateway of the payee's bank.

An alias belongs to one account of one bank. Another bank can have it only after the first has removed it: whoever moves
takes the number along. The account's own number can be registered too, so that a name can be confirmed without asking
the bank each time.
"""

import re
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from darwaza.errors import MalformedError
from darwaza.kernel.machine import Case, Command, Context, Decision, Refusal
from darwaza.kernel.message import GATEWAY_PARTY
from darwaza.services.payments.code import PaymentRefusal
from darwaza.services.payments.message import RegisterAlias
from darwaza.services.payments.names import says
from darwaza.services.payments.plan import Directory
from darwaza.services.payments.record import Alias
from darwaza.standards.iso20022.identifier import check_iban
from darwaza.standards.iso20022.party import Account

Outcome = Decision[Any] | Refusal
REGISTERED: Final = "alias"
FREE: Final = "alias-free"
_NAMES: Final = UUID("5c2d6f0e-31f7-5e0b-8d4c-90c5b1c7f2aa")
"""Namespace of alias ids (RFC 9562 section 5.5), chosen once for ever."""
_FORMS: Final = {
    "MBNO": re.compile(r"\+[1-9][0-9]{6,14}"),
    "EMAL": re.compile(r"[!-?A-~]{1,64}@[a-z0-9.-]{1,190}"),
    "SHID": re.compile(r"[A-Z0-9./-]{1,64}"),
    "EWAL": re.compile(r"[A-Z0-9./-]{1,64}"),
    "ACCT": re.compile(r"[!-~]{1,34}"),
}
_NOISE: Final = re.compile(r"[\s()\u2010-\u2015-]")
_BLANKS: Final = re.compile(r"\s")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")


class AliasRules:
    """Rules of aliases."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def register(self, case: Case[Alias] | None, command: Command, context: Context) -> Outcome:
        """Register an alias, or change what it stands for; one that another bank has is taken."""
        asked: RegisterAlias = command.body
        if self._directory.participant(command.party, "psp") is None:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "only a bank registers aliases")
        value, account = normal(asked.kind, asked.value), normal("ACCT", asked.account)
        if value is None or account is None:
            where = "/value" if value is None else "/account"
            return Refusal.of(PaymentRefusal.ALIAS_MALFORMED, "it has not the form of its kind", where)
        if not says(asked.name):
            return Refusal.of(PaymentRefusal.ALIAS_MALFORMED, "it is nobody's: the name says nothing", "/name")
        if alias_id(context.member, asked.kind, value) != context.case_id:
            return Refusal.of(PaymentRefusal.ALIAS_MALFORMED, "the alias is registered under another id", "/value")
        if case is not None and case.state == REGISTERED and case.data.bank != command.party:
            return Refusal.of(PaymentRefusal.ALIAS_TAKEN, "another bank has this alias; it must remove it first")
        alias = Alias(asked.kind, value, command.party, account, asked.name)
        # The gateway is a party of the case, so that another bank's wish to have it finds it.
        return Decision(REGISTERED, alias, parties=(command.party, f"{context.member}/{GATEWAY_PARTY}"))

    def remove(self, case: Case[Alias], command: Command, _: Context) -> Outcome:
        """Let an alias go."""
        if command.party != case.data.bank:
            return Refusal.of(PaymentRefusal.NOT_ALLOWED, "another bank has this alias")
        return Decision(FREE, msgspec.structs.replace(case.data, account="", name=""))


def alias_id(member: str, kind: str, value: str) -> str:
    """Id of the case of an alias at a member's gateway."""
    return str(uuid5(_NAMES, f"{member} {kind} {value}"))


def normal(kind: str, value: str) -> str | None:
    """The one form of an alias, or None when it has none: spaces, brackets and hyphens go, letters get one case.

    Of account numbers see ``plain_number``.
    """
    if kind == "EMAL":
        value = value.strip().lower()
    elif kind == "ACCT":
        value = plain_number(value)
    elif kind == "MBNO":
        value = _NOISE.sub("", value)
    else:
        value = value.strip().upper()
    form = _FORMS.get(kind)
    if form is None or form.fullmatch(value) is None:
        return None
    if kind == "ACCT" and is_iban(value):
        try:
            check_iban(value)
        except MalformedError:
            return None
    return value


def plain_number(account: str) -> str:
    """An account number in its one form.

    Of one that is no IBAN only spaces go: its bank knows what the rest is for, and money is sent to it.
    """
    plain = _NOISE.sub("", account).upper()
    return plain if is_iban(plain) else _BLANKS.sub("", account)


def account_of(number: str) -> Account:
    """The account of a number in its one form."""
    return Account(iban=number) if is_iban(number) else Account(other_id=number)


def is_iban(account: str) -> bool:
    """Whether an account number is an IBAN."""
    return _IBAN.fullmatch(account) is not None


def masked(name: str) -> str:
    """A name as a payer may see it, to recognise whom it knows and learn nothing of whom it does not."""
    return " ".join(word[0] + "*" * (len(word) - 1) for word in name.split())[:70]


def find_alias(context: Context, kind: str, value: str) -> Alias | None:
    """What an alias stands for at this gateway, or None."""
    found = context.look(alias_id(context.member, kind, value))
    return found.data if found is not None and found.state == REGISTERED else None
