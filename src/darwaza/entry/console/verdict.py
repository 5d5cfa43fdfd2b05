"""What the verifying page says: answers, checks, and each code of spec/evidence.md, in words a judge can follow."""

from collections.abc import Mapping

from darwaza.entry.console.word import GRADE, N_, REASON

RESULTS: Mapping[str, str] = {"valid": N_("Valid"), "invalid": N_("Invalid"), "cannot_tell": N_("Cannot tell")}

MEANINGS: Mapping[str, str] = {
    "valid": N_("Everything was checked and holds."),
    "invalid": N_("Something in it is false or contradicts itself."),
    "cannot_tell": N_("Nothing in it is false, but something that is needed is missing or not understood."),
}

OUTCOMES: Mapping[str, str] = {
    "holds": N_("holds"),
    "fails": N_("fails"),
    "unknown": N_("not known"),
    "noted": N_("noted"),
}

SUBJECTS: Mapping[str, str] = {
    "file": N_("the file"),
    "message": N_("the message"),
    "related": N_("related message"),
    "hop": N_("further link"),
    "held": N_("first statement"),
    "given": N_("second statement"),
    "paper": N_("the paper"),
}

CHECKS: Mapping[str, str] = {
    "file": N_("Form"),
    "role": N_("Kind of entry"),
    "header": N_("Message"),
    "body": N_("Content"),
    "place": N_("Place in the log"),
    "lane": N_("Log"),
    "case": N_("Case"),
    "document": N_("Corridor document"),
    "origin": N_("Sender's signature"),
    "receipt": N_("Recipient's signature"),
    "witnesses": N_("Witnesses"),
    "route": N_("Way"),
    "contradiction": N_("Contradiction"),
    "chain": N_("Chain of links"),
    "handover": N_("Next member's signature"),
    "policy": N_("Path policy"),
    "issuer": N_("Issuer's signature"),
    "guarantee": N_("Guarantee"),
    "age": N_("Age"),
}

HOLDS: Mapping[str, str] = {
    "file": N_("It has the right form, and no other file says the same in another way."),
    "header": N_(
        "A message %(kind)s from %(origin)s to %(destination)s, made at %(created_at)s by the sender's clock."
    ),
    "body": N_("The content is, byte for byte, the one whose digest the message names."),
    "place": N_("It stands at place %(index)s of a log of %(size)s messages: the tree of the log proves it."),
    "lane": N_("The log is the one from %(author)s to %(reader)s."),
    "case": N_("It belongs to the same case."),
    "document": N_("The keys are those of version %(version)s of the corridor document %(name)s."),
    "origin": N_("%(author)s signed the log: it cannot deny that it sent this."),
    "receipt": N_("%(reader)s signed the same log on %(at)s: it cannot deny that it received this."),
    "witnesses": N_("Members that signed as witnesses: %(members)s."),
    "contradiction": N_("Both statements are signed by %(author)s and cannot both be true."),
    "chain": N_("%(author)s passed on exactly this message to %(reader)s."),
    "handover": N_("%(reader)s signed for it on %(at)s."),
    "issuer": N_("%(issuer)s signed the paper with a key that was valid then."),
    "route": N_("The whole way is proven."),
    "policy": N_("Every rule for its way allows the one it went."),
    "guarantee": N_("%(guarantor)s accepted the guarantee %(reference)s, as its own signed log shows."),
    "age": N_("It is not too old."),
}

CODES: Mapping[str, str] = {
    "evidence_malformed": N_("It is not an evidence file, or something in it is not of the right form."),
    "evidence_not_canonical": N_("It says the right things in a form that the rules do not allow."),
    "evidence_too_large": N_("It is larger than an evidence file may be."),
    "fork_proof_malformed": N_("It is not of the form of a proof of two histories."),
    "format_unknown": N_("It is of a format that is not known here."),
    "role_unknown": N_("An entry is of a kind that is not known here."),
    "header_version_unknown": N_("The message is of a version that is not known here."),
    "header_too_large": N_("The message's header is too large."),
    "header_malformed": N_("The message's header is not of the right form."),
    "header_not_canonical": N_("The message's header is written in a form that the rules do not allow."),
    "body_absent": N_("The content is not in the file; the message's digest of it stands for it."),
    "parts_withheld": N_(
        "Part of the content is not in the file; digests stand for it, and the whole is what was sent."
    ),
    "parts_malformed": N_("The content is not in parts as the message says."),
    "body_differs": N_("The content is not the one that the message names."),
    "sealed_malformed": N_("A key is given, and the content is not sealed as a message on the way is."),
    "unseal_failed": N_("The key that is given does not open the sealed content."),
    "proof_malformed": N_("The proof of its place is not of the right form."),
    "proof_too_large": N_("The proof of its place is too large."),
    "note_malformed": N_("The signed note is not of the right form."),
    "note_too_large": N_("The signed note is too large."),
    "checkpoint_malformed": N_("The log's checkpoint is not of the right form."),
    "base64_wrong": N_("Something that should be base64 is not."),
    "number_wrong": N_("Something that should be a number is not."),
    "inclusion_false": N_(
        "The proof does not lead from this message to the root of the log: the log does not hold it."
    ),
    "origin_malformed": N_("The name of the log is not of the right form."),
    "lane_differs": N_("The log is not the one that such a message goes through."),
    "item_repeated": N_("The same message stands in the file twice."),
    "case_differs": N_("The message belongs to another case."),
    "corridor_unknown": N_("It is of a corridor whose document is not here."),
    "version_unknown": N_("It names a version of the corridor document that is not here."),
    "document_differs": N_("It names a corridor document of the same version that is not the one known here."),
    "origin_unknown": N_("The corridor document has no such log."),
    "signature_false": N_("A signature is false."),
    "signature_missing": N_("The sender's signature is missing."),
    "signature_weak": N_("The corridor document asks for a second signature of the sender, which is missing."),
    "signature_unknown": N_("There is a signature by a key that is not known here."),
    "receipt_missing": N_("The recipient's signature is missing."),
    "receipt_in_future": N_("The recipient's signature has a time that has not come yet."),
    "receipt_before_document": N_("The recipient's signature is older than the corridor document it rests on."),
    "key_retired": N_("A key was used after a later corridor document had replaced it."),
    "witness_in_future": N_("A witness's signature has a time that has not come yet; it does not count."),
    "witness_key_retired": N_("A witness's key had been replaced by then; its signature does not count."),
    "not_witnessed": N_("No third member has signed as a witness."),
    "hops_missing": N_("The message goes on to other members, and the file shows only the first link."),
    "path_length_wrong": N_("There are more links than the way has."),
    "hop_header_wrong": N_("A link carries something else than this message."),
    "hop_chain_broken": N_("A link does not follow from the one before it."),
    "handover_unsigned": N_("This member on the way has not signed for it; the next one has it all the same."),
    "policy_avoid": N_("A member carried it whom a rule excludes (%(by)s)."),
    "policy_only": N_("A member carried it whom a rule does not name among those that may (%(by)s)."),
    "policy_through": N_("It did not go over the members that a rule asks for, in this order (%(by)s)."),
    "policy_hops": N_("It went over more links than a rule allows (%(by)s)."),
    "policy_character": N_("The rule has a character that has no place there."),
    "policy_clause_expected": N_("A part of the rule is empty: a semicolon too many."),
    "policy_clause_twice": N_("The rule says the same word twice."),
    "policy_clause_unknown": N_("The rule has a word that is none: avoid, only, through, hops, latency, prefer."),
    "policy_member_expected": N_("The rule needs members' codes there, such as PK."),
    "policy_member_twice": N_("The rule names a member twice."),
    "policy_number_expected": N_("The rule needs one number there."),
    "policy_number_range": N_("A number of the rule is too small or too large."),
    "policy_weight_expected": N_("The rule needs weights there: hops, latency, loss, price."),
    "policy_too_large": N_("The rule is too long."),
    "contradiction_missing": N_("The two statements do not contradict each other."),
    "part_malformed": N_("That is not a code of a transit paper."),
    "parts_missing": N_("Some codes of the paper are missing. Any one may be missing, no more."),
    "parts_mixed": N_("The codes are of different papers."),
    "parts_broken": N_("The codes do not make up the paper they name."),
    **REASON,
}

PAGE: Mapping[str, str] = {
    "version": N_("version"),
    "reasons": N_("The reasons"),
    "message": N_("Message"),
    "from": N_("From"),
    "to": N_("To"),
    "ucr": N_("Consignment"),
    "made": N_("Made"),
    "received": N_("Received"),
    "place": N_("Place in the log"),
    "grade": N_("How well it is proven"),
    "carrier": N_("Carrier"),
    "vehicles": N_("Vehicles"),
    "seals": N_("Seals"),
    "way": N_("Way"),
    "guarantee": N_("Guarantee"),
    "paper": N_("paper"),
    "pasted": N_("what was pasted"),
}

RULES: Mapping[str, str] = {
    "corridor": N_("the corridor's rule"),
    "sender": N_("the sender's rule"),
    "asked": N_("your own rule"),
}

TABLES: Mapping[str, Mapping[str, str]] = {
    "results": RESULTS,
    "meanings": MEANINGS,
    "outcomes": OUTCOMES,
    "subjects": SUBJECTS,
    "checks": CHECKS,
    "holds": HOLDS,
    "codes": CODES,
    "rules": RULES,
    "grades": GRADE,
    "ui": PAGE,
}
