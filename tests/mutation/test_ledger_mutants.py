"""Faults of the kind that lose money, put into the ledger one by one: the suite's core check must catch each."""

import pytest
from tests.mutation.mutant import Mutant, passes, plant

CHECK = "tests.unit.ledger.program"
JUDGEMENT = "ledger/judgement.py"
BOOK = "ledger/book.py"
POSTING = "ledger/posting.py"
TRANSFER = "ledger/transfer.py"

MUTANTS = [
    Mutant("balance check removed", JUDGEMENT, "if debit.credits_posted - debits < debit.floor:", "if False:"),
    Mutant("floor one unit too low", JUDGEMENT, "- debits < debit.floor:", "- debits < debit.floor - 1:"),
    Mutant("floor one unit too high", JUDGEMENT, "- debits < debit.floor:", "- debits <= debit.floor:"),
    Mutant("ceiling dropped", JUDGEMENT, "if credits_ - credit.debits_posted > credit.ceiling:", "if False:"),
    Mutant(
        "held money spent twice",
        JUDGEMENT,
        "debits = debit.debits_posted + debit.debits_pending + amount_minor",
        "debits = debit.debits_posted + amount_minor",
    ),
    Mutant("idempotency dropped", JUDGEMENT, "if stored is not None:", "if False:"),
    Mutant("conflict answered like a repetition", JUDGEMENT, "if differing is not None:", "if False:"),
    Mutant(
        "case not part of the identity",
        JUDGEMENT,
        "if (case_id, _PHASES[type(order)]) != (stored.case_id,",
        "if (0, _PHASES[type(order)]) != (0,",
    ),
    Mutant("assets mixed", JUDGEMENT, "if payer.asset != payee.asset:", "if False:"),
    Mutant("expiry ignored by posting", JUDGEMENT, "if due(hold, book.now):", "if False:"),
    Mutant("expiry one moment late", JUDGEMENT, "hold.expires_at <= now", "hold.expires_at < now"),
    Mutant("more posted than held", JUDGEMENT, "if order.amount_minor > hold.amount_minor:", "if False:"),
    Mutant("hold ends twice", BOOK, "self._ends[transfer.hold_id] = transfer", "pass"),
    Mutant("negative amounts", JUDGEMENT, "if amount_minor <= 0:", "if amount_minor == 0:"),
    Mutant("closed account used", JUDGEMENT, "if payee.closed_at is not None:", "if False:"),
    Mutant("blocked account used", JUDGEMENT, "if payer.debits_blocked:", "if False:"),
    Mutant(
        "pending not released",
        TRANSFER,
        "return -(self.amount_minor + self.released_minor), self.amount_minor",
        "return -self.amount_minor, self.amount_minor",
    ),
    Mutant(
        "part of a hold posts it all",
        TRANSFER,
        "return -(self.amount_minor + self.released_minor), self.amount_minor",
        "return -(self.amount_minor + self.released_minor), self.amount_minor + self.released_minor",
    ),
    Mutant("hold never voided", JUDGEMENT, "released_minor=hold.amount_minor - amount_minor", "released_minor=0"),
    Mutant("expiry forgotten", POSTING, "done.append(record_expiry(hold, book))", "pass"),
    Mutant("linked group half applied", POSTING, "book.rollback(savepoint)", "pass"),
    Mutant("final refusal forgotten", POSTING, "and order.refusal_final", "and False"),
    Mutant("every refusal final", POSTING, "and order.refusal_final", "and True"),
    Mutant("sequence with gaps", BOOK, "self.next_sequence -= 1", "pass"),
    Mutant("rollback keeps the id", BOOK, "self._answers[entry.id] = None", "pass"),
    Mutant("rollback keeps the end of a hold", BOOK, "self._ends[entry.hold_id] = None", "pass"),
    Mutant("rollback keeps an opened account", BOOK, "self.rows[entry.account_id] = None", "pass"),
    Mutant(
        "money created", BOOK, "credit.credits_posted += sign * posted", "credit.credits_posted += sign * posted + 1"
    ),
    Mutant("credited account not written", BOOK, "(entry.credit_account for entry in transfers)", "(())"),
    Mutant("account closed with money in it", "ledger/chart.py", "if balance.posted or ", "if "),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_the_core_check_catches(mutant, tmp_path):
    """The seeded programs part from the naive ledger when this is wrong."""
    assert not passes(CHECK, plant(mutant, tmp_path))


def test_the_core_check_passes_without_a_mutant():
    """What catches the mutants is the mutation, not the way they are run."""
    assert passes(CHECK)


def test_a_harmless_mutant_survives(tmp_path):
    """The planted copy runs like the original when the change does not matter."""
    harmless = Mutant("harmless", BOOK, "It decides nothing.", "It decides nothing at all.")
    assert passes(CHECK, plant(harmless, tmp_path))
