"""The further links of a routed message under examination: which members carried it, and whether they were allowed to.

An evidence file of a routed message holds, after the message, one item of the role ``hop`` for each link behind the
first. The checks of each, in this order, as in ``darwaza.kernel.exhibit``: ``header``; ``place``; ``chain``, that it is
the relay's message that forwards the link before, in a log between the two members whose turn it is; ``document``;
``origin``; ``handover``, whether the next member co-signed: the destination must have. At the end ``path``: that the
links are all there, and ``policy``: that nobody carried the message whom the corridor's policy, or one given with the
check, excludes. spec/evidence.md has the table with all codes.
"""

from typing import Final

from darwaza.errors import MessageError
from darwaza.kernel import policy
from darwaza.kernel.corridor import Corridor
from darwaza.kernel.exhibit import Check, Exhibit, Trail, signed_by
from darwaza.kernel.merkle import leaf_hash
from darwaza.kernel.naming import Lane
from darwaza.kernel.policy import CORRIDOR, SENDER, Objection
from darwaza.kernel.trail import Carried, check_link_header
from darwaza.kernel.verdict import Record

FILE: Final = "file"
PATH: Final = "the path"
ASKED: Final = "the policy given with this check"


def check_chain(hop: Exhibit) -> bool:
    """Whether an item is the next link of the message's path."""
    trail = hop.trail
    link = trail.links
    if not trail.path or link >= len(trail.path) - 1:
        return hop.fails("chain", "path_length_wrong", "The file shows more links than the message's path has.")
    author, reader = trail.path[link : link + 2]
    try:
        check_link_header(hop.header, trail.path, link, trail.last)
        hop.lane = lane = Lane.parse(hop.checkpoint.origin)
    except MessageError as fault:
        return hop.fails("chain", fault.code, f"This is not how {author} hands the message on: {fault.detail}.")
    if (lane.corridor, lane.author, lane.reader) != (hop.corridor_name, author, reader):
        text = f"The log {lane.origin} is not one from {author} to {reader} in {hop.corridor_name}."
        return hop.fails("chain", "lane_differs", text)
    if trail.last is not None:
        trail.last = Carried(trail.last.message, hop.header.id, leaf_hash(hop.raw_header))
    trail.links += 1
    return hop.holds("chain", f"In it {author} hands the message on to {reader}, as its path says.")


def check_handover(hop: Exhibit) -> bool:
    """Whether the next member has signed for having received it; of the last one that is the message's receipt."""
    reader = hop.lane.reader
    last = hop.trail.path[-1] == reader
    signed = signed_by(hop.proof.note, hop.keys.reader)
    if signed is False:
        return hop.fails("handover", "signature_false", f"The co-signature given as that of {reader} is false.")
    if not hop.all_lines_known():
        text = "Under the log's state stands a signature that cannot be checked with these documents."
        return hop.unknown("handover", "signature_unknown", text)
    if signed is None and not last:
        return hop.noted("handover", "handover_unsigned", f"The file does not need {reader} to have signed here.")
    if not hop.check_receipt():
        return False
    hop.trail.received = hop.trail.received or (last and hop.received_at is not None)
    return True


OF_HOP: Final[tuple[Check, ...]] = (
    Exhibit.check_header,
    Exhibit.check_place,
    check_chain,
    Exhibit.check_document,
    Exhibit.check_origin,
    check_handover,
)


def conclude(trail: Trail, document: Corridor, asked: policy.PathPolicy, record: Record) -> None:
    """Say which members carried a message, and whether that was allowed.

    Args:
        trail: of the message, followed to its end.
        document: the corridor document whose policy binds it.
        asked: policy that whoever checks holds the path against.
        record: to write to.
    """
    path, links = trail.path, trail.links
    names = " - ".join(path)
    if links < len(path) - 1:
        text = f"The message goes on over {names}; the file shows only that it came as far as {path[links]}."
        record.unknown(FILE, "route", "hops_missing", text)
        return
    carriers = ", ".join(path[1:-1]) or "nobody in between"
    text = f"The message went {names}. It was carried by {carriers}: each link is signed by the member that sent it."
    record.holds(FILE, "path", text)
    against: list[Objection] = []
    said = []
    for by, written in ((CORRIDOR, document.terms(trail.message_class).path_policy), (SENDER, trail.path_policy)):
        try:
            binding = policy.parse(written)
        except MessageError as fault:
            record.unknown(FILE, "policy", fault.code, f"The policy of {by} cannot be read: {fault.detail}.")
            return
        against += policy.path_objections(binding, by, path, 0)
        said.append(policy.format_policy(binding))
    against += policy.path_objections(asked, ASKED, path, 0)
    for one in against:
        record.fails(FILE, "policy", one.code, f"That was not allowed: {one.detail}.")
    if not against:
        rules = [text for text in (*said, policy.format_policy(asked)) if text]
        record.holds(FILE, "policy", f"That satisfies {'; '.join(rules)}." if rules else "No policy says otherwise.")
