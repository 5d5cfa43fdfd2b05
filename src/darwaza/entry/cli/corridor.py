"""darwaza corridor: propose, vote, assemble, admit, show."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec

from darwaza.adapters.keyfile.keys import KeyFiles
from darwaza.adapters.system.clock import SystemClock
from darwaza.bootstrap import ANCHOR_FILE, CORRIDOR_FOLDER, KEY_FOLDER, read_history
from darwaza.config import CONFIG_FILE, GatewayConfig
from darwaza.entry.cli.connection import OPERATOR_TOKEN, Connection, connection_options
from darwaza.entry.cli.output import console, json_option, reports_errors, show
from darwaza.errors import OperatorError, PeerError
from darwaza.kernel.admission import admit as judge
from darwaza.kernel.amendment import Line, document_signer, found, propose, required_lines
from darwaza.kernel.corridor import DEFAULT_CLASS, LANES_DEFAULT, Corridor, Link, Terms, parse_text, read
from darwaza.kernel.enrolment import admit_keys
from darwaza.kernel.history import History
from darwaza.kernel.key import PrivateKey
from darwaza.kernel.member import Card
from darwaza.kernel.naming import KeyRole
from darwaza.kernel.note import Note, format_note, parse
from darwaza.storage import create_store

LIFETIME_DAYS = 365
RECEIPT_DEADLINE_S = 3_600

out_option = click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write."
)
former_option = click.option(
    "--former",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The version before; none for the first.",
)


@click.group()
def corridor() -> None:
    """Who is in the corridor, on what terms: a document voted by its members.

    \b
    1. one member:   darwaza corridor found --name example.org/c --link PK-UZ --card pk/card.json … -o draft
    2. every member: darwaza corridor vote pk draft -o pk.votes
    3. one member:   darwaza corridor assemble draft pk.votes uz.votes … -o 1.note
    4. every member: darwaza corridor admit pk 1.note --anchor DIGEST      (compare the digest by telephone)
    """  # noqa: D301 - \b is click's mark for a block it must not wrap


def _cards(paths: tuple[Path, ...]) -> list[Card]:
    try:
        return [msgspec.json.decode(path.read_bytes(), type=Card) for path in paths]
    except (OSError, msgspec.MsgspecError) as fault:
        raise OperatorError(f"a card cannot be read: {fault}", code="card_malformed") from fault


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _links(words: tuple[str, ...], lanes: int = LANES_DEFAULT) -> list[Link]:
    """Read links such as ``PK-UZ``."""
    pairs = [word.split("-") for word in words]
    if any(len(pair) != 2 for pair in pairs):  # noqa: PLR2004 - two ends
        raise click.UsageError("a link is two members' codes joined by a hyphen, such as PK-UZ")
    return [Link.between(one, other, lanes) for one, other in pairs]


def _ordered(links: Iterable[Link]) -> tuple[Link, ...]:
    return tuple(sorted(links, key=lambda link: link.members))


card_option = click.option(
    "--card",
    "cards",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A member's card.json; may be given several times.",
)


@corridor.command(
    name="found",
    epilog="Example: darwaza corridor found --name example.org/corridor --link PK-UZ"
    " --card pk/card.json --card uz/card.json -o draft",
)
@click.option("--name", required=True, help="Name of the corridor, such as example.org/corridor.")
@card_option
@click.option("--link", "links", multiple=True, required=True, help="Two neighbours, such as PK-UZ.")
@click.option("--quorum", type=int, help="Votes a sensitive change takes; more than half if not given.")
@click.option(
    "--witnesses", default=0, show_default=True, help="Members that must co-sign before evidence is witnessed."
)
@click.option("--lanes", default=LANES_DEFAULT, show_default=True, help="Lanes of each link.")
@click.option("--post-quantum", is_flag=True, help="Checkpoints count only with an ML-DSA-44 line too.")
@click.option("--days", default=LIFETIME_DAYS, show_default=True, help="Until it expires.")
@out_option
@json_option
@reports_errors
def found_command(
    name: str,
    cards: tuple[Path, ...],
    links: tuple[str, ...],
    quorum: int | None,
    witnesses: int,
    lanes: int,
    days: int,
    output: Path,
    *,
    post_quantum: bool,
    as_json: bool,
) -> None:
    """Draft the first version, for all members to vote on."""
    members = _cards(cards)
    draft = found(
        cards=sorted(members, key=lambda card: card.code),
        name=name,
        created_at=_now(),
        not_after=_now() + timedelta(days=days),
        quorum=quorum or len(members) // 2 + 1,
        links=_ordered(_links(links, lanes)),
        witness_quorum=witnesses,
        mldsa44_required=post_quantum,
        classes=(Terms(DEFAULT_CLASS, "", RECEIPT_DEADLINE_S),),
    )
    _write_draft(draft, output, as_json=as_json)


@corridor.command(
    name="propose", epilog="Example: darwaza corridor propose --former 1.note --card pk/card.json --vote PK -o draft"
)
@click.option(
    "--former", required=True, type=click.Path(path_type=Path, dir_okay=False, exists=True), help="The newest version."
)
@card_option
@click.option("--remove", "removed", multiple=True, help="Code of a member that leaves.")
@click.option("--link", "links", multiple=True, help="A new link of two neighbours, such as PK-UZ.")
@click.option("--unlink", "unlinked", multiple=True, help="A link that ends.")
@click.option("--quorum", type=int, help="Votes a sensitive change takes.")
@click.option("--witnesses", type=int, help="Members that must co-sign before evidence is witnessed.")
@click.option("--vote", "votes", multiple=True, required=True, help="Code of a member that will vote for it.")
@click.option("--days", type=int, help="New life, from now; a sensitive change.")
@out_option
@json_option
@reports_errors
def propose_command(
    former: Path,
    cards: tuple[Path, ...],
    removed: tuple[str, ...],
    links: tuple[str, ...],
    unlinked: tuple[str, ...],
    quorum: int | None,
    witnesses: int | None,
    votes: tuple[str, ...],
    days: int | None,
    output: Path,
    *,
    as_json: bool,
) -> None:
    """Draft the version after FORMER: new cards, members that leave with their links, other links, a longer life."""
    before, _ = read(former.read_bytes())
    ended = {link.members for link in _links(unlinked)}
    kept = {
        link.members: link
        for link in before.links
        if link.members not in ended and not set(link.members) & set(removed)
    }
    changes: dict[str, Any] = {"links": _ordered(({link.members: link for link in _links(links)} | kept).values())}
    given = {"quorum": quorum, "witness_quorum": witnesses}
    changes |= {name: value for name, value in given.items() if value is not None}
    if days is not None:
        changes["not_after"] = _now() + timedelta(days=days)
    draft = propose(before, created_at=_now(), votes=sorted(votes), cards=_cards(cards), removed=removed, **changes)
    _write_draft(draft, output, as_json=as_json)


def _write_draft(draft: Corridor, output: Path, *, as_json: bool) -> None:
    admit_keys(draft.members, "/members")
    output.write_text(draft.text, "utf-8")

    def human() -> None:
        console.print(f"{output}: version {draft.version} of {draft.name}, digest {draft.digest}")
        console.print(f"It needs the votes of {', '.join(draft.votes)}.")

    drafted = {"file": str(output), "version": draft.version, "digest": draft.digest, "votes": draft.votes}
    show(drafted, as_json=as_json, human=human)


@corridor.command(epilog="Example: darwaza corridor vote pk draft -o pk.votes")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("draft", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@former_option
@out_option
@json_option
@reports_errors
def vote(folder: Path, draft: Path, former: Path | None, output: Path, *, as_json: bool) -> None:
    """Sign DRAFT with the keys of the gateway in FOLDER: its vote, and proof that it holds its new keys."""
    member = GatewayConfig.load(folder / CONFIG_FILE).member
    document = parse_text(draft.read_text("utf-8"))
    # A draft comes from another member: nobody signs for a key whose holder could later deny its signatures.
    admit_keys(document.members, "/members")
    before = None if former is None else read(former.read_bytes())[0]
    keys = KeyFiles(folder / KEY_FOLDER)
    text = document.text.encode()
    lines = [line for line in required_lines(before, document) if line.signer.member == member]
    signatures = [document_signer(line.signer, _key(keys, line)).sign(text) for line in lines]
    output.write_text("".join(one.line for one in signatures), "utf-8")
    voted = {"file": str(output), "member": member, "signatures": len(signatures), "digest": document.digest}
    text_line = f"{output}: {len(signatures)} signature(s) of {member} under {document.digest}"
    show(voted, as_json=as_json, human=lambda: console.print(text_line))


def _key(keys: KeyFiles, line: Line) -> PrivateKey:
    """The key of a line: the one in use, or the one made ready to take over."""
    role = (line.signer.role or KeyRole.VOTE).value
    for held in (keys, keys.next):
        if held.public(role) == line.key:
            found_key: PrivateKey = getattr(held, role)
            return found_key
    raise OperatorError(f"the {role} key that the draft names is not in {keys.folder}", code="key_missing")


@corridor.command(epilog="Example: darwaza corridor assemble draft pk.votes uz.votes -o 1.note")
@click.argument("draft", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.argument("votes", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@former_option
@out_option
@json_option
@reports_errors
def assemble(draft: Path, votes: tuple[Path, ...], former: Path | None, output: Path, *, as_json: bool) -> None:
    """Put DRAFT and its members' signatures together, and judge the result."""
    text = draft.read_text("utf-8")
    raw = (text + "\n" + "".join(path.read_text("utf-8") for path in votes)).encode()
    note: Note = parse(raw)
    raw = format_note(note)
    document = parse_text(note.text)
    now = SystemClock().now()
    if former is None:
        History.begin(raw, document.digest, now)
    else:
        judge(raw, read(former.read_bytes())[0], now)
    output.write_bytes(raw)
    made = {"file": str(output), "version": document.version, "digest": document.digest}
    text_line = f"{output}: version {document.version} of {document.name} is complete, digest {document.digest}"
    show(made, as_json=as_json, human=lambda: console.print(text_line))


@corridor.command(epilog="Example: darwaza corridor admit pk 1.note --anchor 9f86…")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("document", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--anchor", help="Digest of the first version, learned from the other members, not from the file.")
@json_option
@reports_errors
def admit(folder: Path, document: Path, anchor: str | None, *, as_json: bool) -> None:
    """Give the gateway in FOLDER a version of the document. A running gateway goes by it at once."""
    raw = document.read_bytes()
    parsed, _ = read(raw)
    target = folder / CORRIDOR_FOLDER
    target.mkdir(exist_ok=True)
    if parsed.version == 1:
        if anchor is None:
            raise click.UsageError("the first version needs --anchor: the digest as the other members read it to you")
        History.begin(raw, anchor, SystemClock().now())
        (target / ANCHOR_FILE).write_text(anchor + "\n", "ascii")
        (target / "1.note").write_bytes(raw)
        create_store(folder)
        _show_admitted(folder, 1, running=False, as_json=as_json)
        return
    history = read_history(folder, SystemClock()).admit(raw, SystemClock().now())
    card = parsed.card(GatewayConfig.load(folder / CONFIG_FILE).member)
    if card is not None and not KeyFiles(folder / KEY_FOLDER).holds(card.keys):
        raise OperatorError(f"the document names other keys than those in {folder / KEY_FOLDER}", code="keys_differ")
    running = _tell(folder, raw)
    (target / f"{parsed.version}.note").write_bytes(raw)
    _show_admitted(folder, history.latest.version, running=running, as_json=as_json)


def _show_admitted(folder: Path, version: int, *, running: bool, as_json: bool) -> None:
    when = "in force" if running else "kept; it is in force from the next start"
    admitted = {"version": version, "running": running}
    show(admitted, as_json=as_json, human=lambda: console.print(f"{folder}: version {version} is {when}."))


def _tell(folder: Path, raw: bytes) -> bool:
    """Give the document to the gateway if it runs; tells whether it does."""
    with Connection(folder, None, OPERATOR_TOKEN, None, None).client() as client:
        try:
            client.operator.admit(raw)
        except PeerError:
            return False
    return True


@corridor.command(name="show", epilog="Example: darwaza corridor show --gateway pk")
@connection_options("operator")
@json_option
@reports_errors
def show_command(
    folder: Path | None,
    url: str | None,
    party: str,
    token_file: Path | None,
    certificate: Path | None,
    *,
    as_json: bool,
) -> None:
    """Show the document in force at a running gateway."""
    with Connection(folder, url, party, token_file, certificate).client() as client:
        view = client.corridor()

    def human() -> None:
        console.print(f"{view['name']}, version {view['version']}, {view['state']} until {view['not_after']}")
        console.print(f"digest {view['digest']}")
        for member in view["members"]:
            console.print(
                f"  {member['code']:8} {member['name']:24} {', '.join(member['roles']):28} {member['addresses'][0]}"
            )
        console.print("links: " + ", ".join("-".join(link) for link in view["links"]))

    show(view, as_json=as_json, human=human)
