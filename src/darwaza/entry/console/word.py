"""What codes are called on screens, to be translated: states, events, grades, roles, refusals; and their tone.

A code that is not here is shown as it is, so nothing new in a service is hidden from people.
"""

from collections.abc import Mapping


def N_(message: str) -> str:  # noqa: N802 - the name that gettext's tools look for
    """Mark a text for translation where it stands, to be translated where it is shown."""
    return message


STATE: Mapping[str, str] = {
    # of movements: services.transit.machine
    "heard": N_("heard of"),
    "lodged": N_("lodged"),
    "declined": N_("declined"),
    "asking": N_("guarantor asked"),
    "reserved": N_("guarantee reserved"),
    "accepted": N_("accepted"),
    "moving": N_("on the way"),
    "held": N_("entry refused"),
    "ended": N_("arrived"),
    "discharged": N_("discharged"),
    "withdrawn": N_("withdrawn"),
    "cancelled": N_("cancelled"),
    # of legs
    "planned": N_("planned"),
    "started": N_("started"),
    "terminated": N_("terminated"),
    "refused": N_("refused"),
    # documents
    "uploading": N_("uploading"),
    "delivered": N_("delivered"),
    "incomplete": N_("incomplete"),
    "arrived": N_("waiting to be taken over"),
    "handed-over": N_("taken over"),
    "expired": N_("expired"),
    # links
    "up": N_("up"),
    "down": N_("down"),
    "connecting": N_("connecting"),
    "halted": N_("halted"),
    "degraded": N_("degraded"),
    "drained": N_("drained"),
    "left": N_("no link of the corridor any more"),
    # drills
    "running": N_("running"),
    "over": N_("over"),
    # crossings
    "open": N_("open"),
    "closed": N_("closed"),
    # corridor documents
    "not_yet": N_("not yet in force"),
    "in_force": N_("in force"),
}

TONES: Mapping[str, str] = {
    "credited": "good",
    "delivered": "good",
    "screening": "warn",
    "parked": "bad",
    "screened": "bad",
    "freezing": "bad",
    "frozen": "bad",
    "blocked": "bad",
    "asked": "warn",
    "unknown": "warn",
    "returned": "warn",
    "handed-over": "good",
    "up": "good",
    "open": "good",
    "discharged": "good",
    "in_force": "good",
    "terminated": "good",
    "ended": "good",
    "valid": "good",
    "settled": "good",
    "bilateral": "good",
    "down": "bad",
    "halted": "bad",
    "closed": "bad",
    "refused": "bad",
    "held": "bad",
    "declined": "bad",
    "expired": "bad",
    "cancelled": "bad",
    "invalid": "bad",
    "rejected": "bad",
    "fork": "bad",
    "incomplete": "warn",
    "connecting": "warn",
    "degraded": "warn",
    "drained": "warn",
    "running": "warn",
    "asking": "warn",
    "uploading": "warn",
    "not_yet": "warn",
    "arrived": "warn",
    "unacknowledged": "warn",
    "cannot tell": "warn",
}


def tone(code: str) -> str:
    """The tone of a code: ``good``, ``warn``, ``bad`` or ``plain``."""
    return TONES.get(code, "plain")


EVENT: Mapping[str, str] = {
    "accepted": N_("Declaration accepted"),
    "edition": N_("New itinerary recorded"),
    "started": N_("Leg started"),
    "terminated": N_("Leg terminated"),
    "discharged": N_("Leg discharged"),
    "refused": N_("Entry refused"),
    "seal affixed": N_("Seal affixed"),
    "seal checked": N_("Seal checked"),
    "seal broken": N_("Seal broken"),
    "seal replaced": N_("Seal replaced"),
    "seal removed": N_("Seal removed"),
    "incident accident": N_("Accident"),
    "incident theft": N_("Theft"),
    "incident loss": N_("Loss"),
    "incident breakdown": N_("Breakdown"),
    "incident seal-broken": N_("Seal found broken"),
    "incident transshipment": N_("Load moved to other vehicles"),
    "incident delay": N_("Delay"),
    "incident other": N_("Incident"),
    "inspection yes": N_("Held for inspection"),
    "inspection no": N_("No inspection"),
    "inspection undecided": N_("Inspection undecided"),
    "activity": N_("Time at the border"),
    "tracker fitted": N_("Tracker fitted"),
    "tracker removed": N_("Tracker removed"),
    "cancelled": N_("Cancelled"),
}

DETAIL: Mapping[str, str] = {
    "leg": N_("leg"),
    "way": N_("way"),
    "seals": N_("seals"),
    "seal": N_("seal"),
    "replacement": N_("in its place"),
    "operation": N_("operation"),
    "reservations": N_("reservations"),
    "reason": N_("reason"),
    "text": N_("what happened"),
    "control": N_("found"),
    "activity": N_("activity"),
    "tracker": N_("tracker"),
    "title": N_("title"),
}

SERVICE: Mapping[str, str] = {
    "transit": N_("Transit"),
    "documents": N_("Documents"),
    "payments": N_("Payments"),
    "guarantee": N_("Guarantee"),
    "crossing": N_("Crossing"),
}

ACT: Mapping[str, str] = {
    "accept": N_("Accept the declaration"),
    "start": N_("Start the leg"),
    "terminate": N_("Terminate the leg"),
    "discharge": N_("Discharge the leg"),
    "refuse": N_("Refuse entry"),
    "hold": N_("Hold for inspection"),
    "clear": N_("Lift the hold"),
}

NEXT: Mapping[str, str] = {
    "lodged": N_("Wait: customs has not accepted the declaration yet"),
    "declined": N_("The declaration was not accepted"),
    "waiting": N_("Wait: the declaration is on its way"),
    "depart": N_("Drive to the office of departure and show the code"),
    "drive": N_("Drive to the office where this leg ends"),
    "enter": N_("Show the code at the gate"),
    "held": N_("Entry was refused: speak to the officer"),
    "closed": N_("The crossing ahead is closed: your clocks stand still"),
    "done": N_("You have arrived. Customs now frees the guarantee"),
    "over": N_("This movement is over"),
}

FACT: Mapping[str, str] = {
    "guarantee accepted": N_("Guarantee accepted"),
    "transit under way": N_("Transit under way"),
    "transit ended": N_("Transit ended"),
    "goods released": N_("Goods released"),
    "duty paid": N_("Duty paid"),
    "payment settled": N_("Payment settled"),
}

ANSWER: Mapping[str, str] = {
    "valid": N_("Valid"),
    "invalid": N_("Invalid"),
    "cannot tell": N_("Cannot tell"),
}

REASON: Mapping[str, str] = {
    "malformed": N_("What was scanned is not a paper"),
    "issuer-not-concerned": N_("Whoever issued it is not on the way"),
    "not-for-here": N_("The way does not pass this office"),
    "guarantee-not-here": N_("The guarantee was not accepted for this country"),
    "guarantee-clock-stopped": N_("The guarantee's clock was stopped by a closure"),
    "guarantee-ended": N_("The guarantee has ended"),
    "guarantee-unproved": N_("The paper carries no proof that the guarantee was accepted"),
    "guarantor-unknown": N_("The guarantor's key is not known here"),
    "guarantee-proof-false": N_("The proof of the guarantee is false"),
    "guarantee-proof-other": N_("The guarantor's log says something else than the paper"),
    "issued-in-future": N_("Issued later than this clock shows"),
    "stale": N_("Issued too long ago"),
    "superseded": N_("A newer edition has been seen here"),
    "replayed": N_("This leg was done here before"),
    "member-unknown": N_("No key of the issuer is known here"),
    "key-unknown": N_("The issuer may have a newer key"),
    "signature-false": N_("The signature is false"),
    "key-not-valid": N_("The key was not valid on that day"),
    "corridor-document-expired": N_("The corridor document known here has expired"),
}

MESSAGE: Mapping[str, str] = {
    "documents.offer": N_("Document sent"),
    "documents.chunk": N_("Part of a document"),
    "documents.handed-over": N_("Document taken over"),
    "documents.refused": N_("Document refused"),
    "documents.expired": N_("Document expired"),
    "transit.e9": N_("Declaration lodged"),
    "transit.e10": N_("Answer to the declaration"),
    "transit.i1": N_("Guarantor asked"),
    "transit.i2": N_("Guarantee accepted"),
    "transit.i7": N_("Declaration recorded"),
    "transit.i8": N_("Declaration received"),
    "transit.i9": N_("Start told"),
    "transit.i10": N_("Start received"),
    "transit.i11": N_("Termination told"),
    "transit.i12": N_("Termination received"),
    "transit.i13": N_("Discharge told"),
    "transit.i14": N_("Discharge received"),
    "transit.i15": N_("Movement announced"),
    "transit.i16": N_("Announcement received"),
    "transit.i17": N_("Refusal told"),
    "transit.i18": N_("Refusal received"),
    "transit.event": N_("Event told"),
    "payments.order": N_("Payment ordered"),
    "payments.bulk": N_("Bulk ordered"),
    "payments.answers": N_("Answers of the payees' bank"),
    "payments.decisions": N_("Decisions on payments"),
    "payments.bulk-inquiry": N_("Answers asked for"),
    "payments.status": N_("Answer of the payee's bank"),
    "payments.decided": N_("Payment confirmed"),
    "payments.inquiry": N_("Answer asked for"),
    "payments.recall": N_("Payment asked back"),
    "payments.resolved": N_("Answer to the recall"),
    "payments.returned": N_("Payment returned"),
    "payments.refunded": N_("Refund told"),
}

PAYMENT_STATE: Mapping[str, str] = {
    "quoted": N_("quoted"),
    "reserved": N_("offer taken"),
    "expired": N_("quote lapsed"),
    "screening": N_("waits for screening"),
    "parked": N_("stopped by screening"),
    "checking": N_("being screened"),
    "screened": N_("stopped by screening here"),
    "freezing": N_("being blocked"),
    "frozen": N_("blocked, in suspense"),
    "blocked": N_("blocked in the payee's country"),
    "sent": N_("sent"),
    "asked": N_("waits for the payee's bank"),
    "accepted": N_("accepted by the payee's bank"),
    "settled": N_("settled"),
    "credited": N_("credited"),
    "unknown": N_("answer not known yet"),
    "rejected": N_("rejected"),
    "refused": N_("refused"),
    "recalling": N_("asked back"),
    "recalled": N_("was asked back"),
    "returning": N_("coming back"),
    "returned": N_("came back"),
    "given-back": N_("given back"),
    "cancelled": N_("cancelled"),
    "bulk-sent": N_("bulk sent"),
    "bulk-asked": N_("bulk waits for the payees' bank"),
    "bulk-unknown": N_("answers to a bulk not known yet"),
    "bulk-ended": N_("bulk ended"),
    "bulk-answered": N_("bulk answered"),
}

OFFICER_ACTS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "parked": {
        "release": (N_("Let it go on"), N_("It is no match: it goes on to the payee's country. Two officers.")),
        "refuse": (N_("Refuse it"), N_("The payment ends, and the payer keeps the money. One officer.")),
    },
    "screened": {
        "release": (N_("Let it go on"), N_("It is no match: the payee's bank is asked. Two officers.")),
        "refuse": (N_("Refuse it"), N_("The payment ends, and the payer keeps the money. One officer.")),
        "block": (N_("Block it"), N_("The payer pays, and the money goes neither on nor back. Two officers.")),
    },
    "frozen": {
        "release": (N_("Release it to the payee"), N_("The payee's bank is credited out of suspense. Two officers.")),
        "refuse": (
            N_("Give it back to the payer"),
            N_("It is returned out of suspense, at the agreed rate. Two officers."),
        ),
    },
}
"""What compliance may do with a payment, by its state: what the act is called, and what it does."""

OFFICER_WORD: Mapping[str, str] = {"release": N_("let it go on"), "refuse": N_("refuse"), "block": N_("block")}

DIRECTION: Mapping[str, str] = {"out": N_("out"), "in": N_("in")}

ACCOUNT_KIND: Mapping[str, str] = {
    "position": N_("position"),
    "liquidity": N_("liquidity"),
    "fees": N_("fees"),
    "spread": N_("margin"),
    "in-transit": N_("in transit"),
    "suspense": N_("suspense"),
    "external": N_("outside"),
}

PHASE: Mapping[str, str] = {
    "move": N_("booked"),
    "hold": N_("held for a payment"),
    "post": N_("paid from what was held"),
    "void": N_("set free"),
    "expire": N_("set free in time"),
}

REASON_CODE: Mapping[str, str] = {
    "AC04": N_("The account is closed"),
    "AC06": N_("The account is blocked"),
    "AM05": N_("The payment came twice"),
    "BE01": N_("The name does not fit the account"),
    "MD07": N_("The account holder has died"),
    "RR04": N_("A rule of the law"),
    "MS03": N_("No reason is given"),
}

GRADE: Mapping[str, str] = {
    "unacknowledged": N_("on our disk, not yet acknowledged"),
    "bilateral": N_("signed by both sides"),
    "witnessed": N_("signed by both sides and witnessed"),
}

OBJECTION: Mapping[str, str] = {
    "link_unknown": N_("There is no such link"),
    "link_hidden": N_("A member of this path may not know of the link"),
    "link_down": N_("The link is down"),
    "link_drained": N_("The link takes no new messages for now"),
    "link_too_small": N_("The message is too large for the link"),
    "home_leave": N_("A member's home rule: such messages may not go to that member"),
    "home_transit": N_("A member's home rule: such messages may not be carried by that member"),
    "home_carry": N_("A member's home rule: it does not carry such messages"),
    "home_store": N_("A member's home rule: such messages may not be kept by that member"),
    "policy_avoid": N_("A rule says: not over this member"),
    "policy_only": N_("A rule names other members, not this one"),
    "policy_through": N_("A rule names members it must go over, in this order"),
    "policy_hops": N_("A rule allows fewer links"),
    "policy_latency": N_("A rule allows less time"),
}

ROLE: Mapping[str, str] = {
    "operator": N_("operator"),
    "auditor": N_("auditor"),
    "customs": N_("customs"),
    "supervisor": N_("supervisor"),
    "holder": N_("carrier"),
    "guarantee-chain": N_("guarantee chain"),
    "bank": N_("bank"),
    "compliance": N_("compliance"),
    "agency": N_("agency"),
}

ACTIVITY: Mapping[str, str] = {
    "border-security": N_("border security and control"),
    "customs": N_("customs clearance"),
    "health": N_("health and quarantine inspection"),
    "phytosanitary": N_("phytosanitary inspection"),
    "veterinary": N_("veterinary inspection"),
    "immigration": N_("visa and immigration"),
    "traffic-inspection": N_("traffic inspection"),
    "police": N_("police checkpoint"),
    "transport-inspection": N_("transport inspection"),
    "weighing": N_("weighing"),
    "vehicle-registration": N_("vehicle registration"),
    "repair": N_("emergency repair"),
    "escort": N_("escort and convoy"),
    "loading": N_("loading and unloading"),
    "toll": N_("road toll"),
    "waiting": N_("waiting"),
}

SAID: Mapping[str, str] = {
    "signed-out": N_("You are signed out."),
    "started": N_("The leg is started."),
    "terminated": N_("The leg is terminated."),
    "discharged": N_("The leg is discharged."),
    "refused": N_("The refusal is recorded and told to every country on the way."),
    "accepted": N_("The declaration is accepted."),
    "held": N_("The movement is held for inspection."),
    "released": N_("The hold is lifted."),
    "closed": N_("The crossing is closed. Clocks stop in every country."),
    "reopened": N_("The closure has ended."),
    "diverted": N_("The movements have another itinerary."),
    "sent": N_("The document is accepted. It is on its way."),
    "taken": N_("You have taken the document over. The sender gets the receipt."),
    "turned-down": N_("The document is refused. The sender gets the reason."),
    "already": N_("This was done before. Nothing was done twice."),
    "resumed": N_("The link goes on."),
    "chosen": N_("The offer is yours until the quote lapses. Say who pays whom."),
    "paid": N_("The payment is ordered."),
    "confirmed": N_("You have accepted the credit."),
    "rejected": N_("The credit is refused. The payer gets everything back."),
    "looked-at": N_("Your word is kept."),
    "drained": N_("The gateway is drained. Others send nothing new over it until you take that back."),
    "undrained": N_("The gateway takes messages again."),
    "drilling": N_("The drill has begun. Messages take other paths until it ends."),
    "adopted": N_("The corridor document is admitted."),
    "backing-up": N_("A backup is being made and examined. Load this page again to see what was found."),
    "examining": N_("The backup is being examined. Load this page again to see what was found."),
}

NO: Mapping[str, str] = {
    "not_found": N_("There is nothing here by that name, or it is not yours to see."),
    "role_missing": N_("Your party does not have the role this needs."),
    "token_missing": N_("Please sign in first."),
    "form_expired": N_("The form is too old or came from elsewhere. Nothing was done. Please try again."),
    "too_many_requests": N_("Too many requests from here. Wait a moment and try again."),
    "account_locked": N_("Too many wrong passwords. The account is locked for a while."),
    "sign_in_wrong": N_("The login or the password is wrong."),
    "block_stands": N_("While another officer says to block it, you may only say the same."),
    "key_reused": N_("This form was sent before with other content."),
    "request_too_large": N_("That is too large."),
    "overloaded": N_("The gateway has more work than it can take at this moment. Nothing was done. Try again."),
    "office_not_yours": N_("You are not an officer of that office."),
    "query_malformed": N_("What was asked for is not as it must be."),
    "body_malformed": N_("Something in the form is not as it must be."),
    "part_malformed": N_("That is not a code of a transit paper."),
    "parts_missing": N_("Some codes of the paper are missing. Any one may be missing, no more."),
    "parts_mixed": N_("The codes are of different papers."),
    "not_in_state": N_("That is not possible in the present state."),
    "already_started": N_("That leg has been started already."),
    "already_terminated": N_("That leg has been terminated already."),
    "not_yet_started": N_("That leg has not been started yet."),
    "unknown_party": N_("There is no such recipient."),
    "data_missing": N_("Something about payer or payee is missing or wrong. See the marked fields."),
    "purpose_wrong": N_("That is no purpose this corridor takes."),
    "quote_expired": N_("The quote has expired. Ask again what it costs."),
    "over_corridor_limit": N_("That is more than one payment may be between these countries."),
    "over_participant_limit": N_("That is more than your bank may send in one payment."),
    "floor_crossed": N_("There is not enough money for it."),
    "internal_fault": N_("Something went wrong here. It is written down; nothing half-done was kept."),
}


NOT_ADMITTED: Mapping[str, str] = {
    **NO,
    "note_malformed": N_("This is no corridor document."),
    "corridor_malformed": N_("This is no corridor document of the form we know."),
    "not_canonical": N_("The document is not written in its only allowed form."),
    "note_too_large": N_("This is too large for a corridor document."),
    "name_differs": N_("This is the document of another corridor."),
    "version_old": N_("This version is older than the one in force."),
    "version_skipped": N_("A version in between is missing. Admit that one first."),
    "previous_differs": N_("It does not follow from the version in force here."),
    "anchor_differs": N_("This is the first version of another corridor."),
    "window_wrong": N_("A version lives for a year at most, and not less than nothing."),
    "created_before_previous": N_("It says that it was made before the version it follows."),
    "created_in_future": N_("It is from the future, by this gateway's clock. Try again later."),
    "key_not_admitted": N_("It names a key that no member may have."),
    "key_reused": N_("It names the same key twice."),
    "keys_differ": N_("It names other keys of this gateway than those that lie here: the gateway could sign nothing."),
    "nothing_changed": N_("It changes nothing."),
    "vote_unknown": N_("Somebody votes on it who has no vote."),
    "vote_missing": N_("A member's vote is missing."),
    "quorum_missing": N_("Too few members voted for what it changes."),
    "own_vote_missing": N_("A member did not vote on the change of its own card."),
    "signature_missing": N_("A signature that it needs is missing."),
    "signature_false": N_("A signature on it is false. It was changed, or somebody else signed."),
    "body_malformed": N_("Choose the file of the document."),
}
"""Refusals of a corridor document: ``kernel.admission`` and ``kernel.history``."""

MEMBER_ROLE: Mapping[str, str] = {
    "endpoint": N_("serves parties"),
    "relay": N_("carries others' messages"),
    "witness": N_("witnesses others' links"),
}


def label(table: Mapping[str, str], code: str) -> str:
    """What a code is called, untranslated; the code itself when nobody named it."""
    return table.get(code, code)
