"""A payment that pays what is due on its consignment: the facts it states and awaits at the payee's gateway.

See ``darwaza.standards.charge`` for what the facts say. A payment smaller than what is due, or to another account, or
under another reference, states nothing: the money is credited, the goods wait.
"""

import msgspec

from darwaza.kernel.machine import Context, Fact
from darwaza.services.payments.record import Payment
from darwaza.standards.charge import CHARGES, Claim, Paid, due_fact, meets, paid_fact, read_claim
from darwaza.standards.iso20022.pacs008 import CreditTransferTransaction


def claim_of(transaction: CreditTransferTransaction) -> Claim | None:
    """What a payment says it is for, in its remittance lines; None when it pays no charge."""
    account = transaction.creditor_account
    return read_claim(transaction.remittance, "" if account is None else account.iban or account.other_id or "")


def ucr_of(transaction: CreditTransferTransaction) -> str | None:
    """The consignment a payment belongs to, at the payer's gateway as at the payee's; None when it pays no charge."""
    claim = claim_of(transaction)
    return None if claim is None else claim.ucr


def awaited(payment: Payment) -> tuple[str, ...]:
    """What a credited payment waits for: the charge it says it pays may become due only later."""
    return () if payment.claim is None else tuple(map(due_fact, CHARGES))


def paid(payment: Payment, context: Context, currency: str) -> tuple[Fact, ...]:
    """State which charge on the consignment a credited payment pays, if any."""
    claim = payment.claim
    if claim is None or payment.chosen is None:
        return ()
    amount = payment.chosen.exchange.credit_minor
    for charge in CHARGES:
        due = context.fact(due_fact(charge))
        if due is not None and meets(claim, due.value, amount, currency):
            word = Paid(amount, currency, claim.account, claim.reference, payment.uetr)
            return (Fact(paid_fact(charge), msgspec.to_builtins(word)),)
    return ()


def given_back(payment: Payment, context: Context) -> tuple[Fact, ...]:
    """Take back the word that a charge was paid, when the payment is given back."""
    claim = payment.claim
    if claim is None:
        return ()
    found = []
    for name in map(paid_fact, CHARGES):
        fact = context.fact(name)
        if fact is not None and isinstance(fact.value, dict) and fact.value.get("payment") == payment.uetr:
            found.append(Fact(name, fact.value | {"amount_minor": 0}))
    return tuple(found)
