"""A deliberately naive ledger: it keeps what was accepted and works everything else out anew each time.

It is the oracle of the randomised tests. It shares the orders and the refusal codes with the real ledger, and no logic.
"""

import copy

import msgspec

from darwaza.ledger.order import AmendAccount, CloseAccount, Hold, Move, OpenAccount, Post

LARGEST_AMOUNT = 999_999_999_999_999_999


class NaiveLedger:
    def __init__(self) -> None:
        self.accounts = {}  # id -> dict of terms
        self.entries = []  # dicts, in sequence
        self.final = {}  # order id -> (order, case id, code)

    # --- what is true now, worked out from the entries ---

    def entry(self, order_id):
        return next((entry for entry in self.entries if entry["id"] == order_id), None)

    def end_of(self, hold_id):
        return next((entry for entry in self.entries if entry["hold"] == hold_id), None)

    def standing(self):
        return [entry for entry in self.entries if entry["what"] == "hold" and self.end_of(entry["id"]) is None]

    def posted_on(self, account_id, side):
        moved = [entry for entry in self.entries if entry["what"] in ("move", "post")]
        return sum(entry["amount"] for entry in moved if entry[side] == account_id)

    def pending_on(self, account_id, side):
        return sum(hold["amount"] for hold in self.standing() if hold[side] == account_id)

    def available(self, account_id):
        coming = self.posted_on(account_id, "credit")
        return coming - self.posted_on(account_id, "debit") - self.pending_on(account_id, "debit")

    def prospective(self, account_id):
        coming = self.posted_on(account_id, "credit") + self.pending_on(account_id, "credit")
        return coming - self.posted_on(account_id, "debit")

    # --- what is answered: the position and code of a refusal, or the entries ---

    def group(self, orders, case_id, now):
        before = copy.deepcopy((self.accounts, self.entries))
        done = []
        for position, order in enumerate(orders):
            answer = self.one(order, case_id, now)
            if isinstance(answer, str):
                self.accounts, self.entries = before
                if getattr(order, "refusal_final", False) and answer in PASSING and order.id not in self.final:
                    self.final[order.id] = (order, case_id, answer)
                return position, answer
            done.append(answer)
        return done

    def expire(self, now):
        for hold in self.standing():
            if hold["expires"] is not None and hold["expires"] <= now:
                self.write("expire", "expire " + hold["id"], (hold["debit"], hold["credit"]), 0, hold=hold["id"])

    def one(self, order, case_id, now):
        if isinstance(order, OpenAccount):
            return self.open(order)
        if isinstance(order, AmendAccount):
            return self.amend(order)
        if isinstance(order, CloseAccount):
            return self.close(order)
        if not order.id or len(order.id) > 100 or any(not "!" <= letter <= "~" for letter in order.id):
            return "transfer_id_malformed"
        body = (msgspec.structs.replace(order, refusal_final=False), case_id)
        if self.entry(order.id):
            known = self.entry(order.id)
            return known if known["body"] == body else "transfer_id_conflict"
        if order.id in self.final:
            former, former_case, code = self.final[order.id]
            return code if (former, former_case) == (order, case_id) else "transfer_id_conflict"
        if order.reference is not None and len(order.reference) > 140:
            return "reference_too_long"
        if isinstance(order, (Move, Hold)):
            return self.move_or_hold(order, body, now)
        return self.end_hold(order, body, now)

    def move_or_hold(self, order, body, now):
        expires = getattr(order, "expires_at", None)
        payer, payee = self.accounts.get(order.debit_account), self.accounts.get(order.credit_account)
        no = self.wrong_form(order, expires, now) or self.wrong_accounts(payer, payee) or self.no_room(order)
        if no:
            return no
        what = "hold" if isinstance(order, Hold) else "move"
        sides = (order.debit_account, order.credit_account)
        return self.write(what, order.id, sides, order.amount_minor, expires=expires, body=body)

    def wrong_form(self, order, expires, now):
        if order.amount_minor <= 0:
            return "amount_not_positive"
        if order.amount_minor > LARGEST_AMOUNT:
            return "amount_too_large"
        if order.debit_account == order.credit_account:
            return "accounts_same"
        return "expiry_passed" if expires is not None and expires <= now else None

    def wrong_accounts(self, payer, payee):
        if payer is None or payee is None:
            return "debit_account_unknown" if payer is None else "credit_account_unknown"
        if payer["asset"] != payee["asset"]:
            return "assets_differ"
        if payer["closed"] or payee["closed"]:
            return "debit_account_closed" if payer["closed"] else "credit_account_closed"
        if payer["debits_blocked"]:
            return "debits_blocked"
        return "credits_blocked" if payee["credits_blocked"] else None

    def no_room(self, order):
        floor, ceiling = self.accounts[order.debit_account]["floor"], self.accounts[order.credit_account]["ceiling"]
        if floor is not None and self.available(order.debit_account) - order.amount_minor < floor:
            return "floor_crossed"
        filled = self.prospective(order.credit_account) + order.amount_minor
        return "ceiling_crossed" if ceiling is not None and filled > ceiling else None

    def end_hold(self, order, body, now):
        hold = self.entry(order.hold_id)
        amount = 0
        if isinstance(order, Post):
            amount = order.amount_minor
            if amount <= 0:
                return "amount_not_positive"
            if amount > LARGEST_AMOUNT:
                return "amount_too_large"
        if hold is None:
            return "hold_unknown"
        if hold["what"] != "hold":
            return "not_a_hold"
        end = self.end_of(hold["id"])
        if end is not None:
            return {"post": "hold_posted", "void": "hold_voided", "expire": "hold_expired"}[end["what"]]
        if isinstance(order, Post):
            if hold["expires"] is not None and hold["expires"] <= now:
                return "hold_expired"
            if amount > hold["amount"]:
                return "amount_over_hold"
        what = "post" if isinstance(order, Post) else "void"
        return self.write(what, order.id, (hold["debit"], hold["credit"]), amount, hold=hold["id"], body=body)

    def write(self, what, entry_id, sides, amount, *, hold=None, expires=None, body=None):
        fields = {"what": what, "id": entry_id, "debit": sides[0], "credit": sides[1], "amount": amount}
        self.entries.append(fields | {"hold": hold, "expires": expires, "body": body, "at": len(self.entries) + 1})
        return self.entries[-1]

    def open(self, order):
        terms = {
            "asset": order.asset,
            "owner": (order.owner, order.kind),
            "floor": order.floor_minor,
            "ceiling": order.ceiling_minor,
            "debits_blocked": order.debits_blocked,
            "credits_blocked": order.credits_blocked,
            "closed": False,
        }
        if self.accounts.get(order.id, terms) != terms:
            return "account_conflict"
        self.accounts[order.id] = terms
        return terms

    def amend(self, order):
        if order.id not in self.accounts:
            return "account_unknown"
        if self.accounts[order.id]["closed"]:
            return "account_closed"
        self.accounts[order.id] = self.accounts[order.id] | {
            "floor": order.floor_minor,
            "ceiling": order.ceiling_minor,
            "debits_blocked": order.debits_blocked,
            "credits_blocked": order.credits_blocked,
        }
        return self.accounts[order.id]

    def close(self, order):
        if order.id not in self.accounts:
            return "account_unknown"
        if not self.accounts[order.id]["closed"]:
            touched = self.pending_on(order.id, "debit") or self.pending_on(order.id, "credit")
            if touched or self.posted_on(order.id, "credit") != self.posted_on(order.id, "debit"):
                return "account_not_empty"
            self.accounts[order.id] = self.accounts[order.id] | {"closed": True}
        return self.accounts[order.id]


PASSING = (
    "debit_account_unknown",
    "credit_account_unknown",
    "hold_unknown",
    "debits_blocked",
    "credits_blocked",
    "floor_crossed",
    "ceiling_crossed",
)
