"""darwaza crossing: list, close, reopen, extend, waiting, divert, times."""

import uuid
from typing import Any

import click

from darwaza.client.answer.border import CrossingView
from darwaza.entry.cli.connection import connection_options
from darwaza.entry.cli.form import instant, make_stamp, officer_options, open_client
from darwaza.entry.cli.output import console, duration, json_option, reports_errors, show
from darwaza.errors import MalformedError


@click.group()
def crossing() -> None:
    """Border crossings: what is closed, who waits and what it costs, other ways, how long they take."""


@crossing.command(name="list", epilog="Example: darwaza crossing list --gateway pk --as torkham --closed")
@connection_options("")
@click.option("--closed", is_flag=True, help="Only those that are closed.")
@json_option
@reports_errors
def list_command(*, as_json: bool, closed: bool, **options: Any) -> None:
    """List the crossings of the register, with what is closed."""
    with open_client(options) as client:
        found = [item for item in client.crossings.find() if item.get("closures") or not closed]

    def human() -> None:
        for item in found:
            names = " / ".join(dict.fromkeys(item["names"].values()))
            console.print(f"{item['id']:28} {names:32} {', '.join(item.get('modes', ()))}")
            for one in item.get("closures", ()):
                until = one.get("expected_until") or "nobody knows when"
                who, reason = one["stamp"]["office"], one["reason"]
                console.print(
                    f"   [red]closed[/] {one['id']} by {who} since {one['stamp']['local']}: {reason}; {until}"
                )

    show(found, as_json=as_json, human=human)


@crossing.command(
    epilog="Example: darwaza crossing close AF-PK/TORKHAM --office PKTOR --reason shelling --gateway pk --as customs"
)
@connection_options("")
@officer_options(required=True)
@click.argument("crossing_id", metavar="CROSSING")
@click.option("--reason", required=True, help="In words; every member reads it.")
@click.option("--until", help="When it is thought to open, with offset: 2026-03-05T18:00+05:00.")
@click.option("--since", help="Since when it has been closed, with offset; now if not given.")
@json_option
@reports_errors
def close(crossing_id: str, *, as_json: bool, office: str, officer: str, reason: str, **options: Any) -> None:
    """Close CROSSING: every member is told, and clocks of what heads there stop."""
    until, since = instant(options.pop("until")), options.pop("since")
    with open_client(options) as client:
        stamp = make_stamp(client, office, officer, instant(since))
        body = {"id": str(uuid.uuid4()), "crossing": crossing_id, "stamp": stamp, "reason": reason}
        done = client.command("/v1/crossings/close", body | ({} if until is None else {"expected_until": until}))
    closed = done | {"closure": body["id"]}
    text = f"{crossing_id} is {done['state']}; closure {body['id']}"
    show(closed, as_json=as_json, human=lambda: console.print(text))


@crossing.command(
    epilog="Example: darwaza crossing reopen AF-PK/TORKHAM 0190… --office PKTOR --gateway pk --as customs"
)
@connection_options("")
@officer_options(required=True)
@click.argument("crossing_id", metavar="CROSSING")
@click.argument("closure", required=False)
@json_option
@reports_errors
def reopen(crossing_id: str, closure: str | None, *, as_json: bool, office: str, officer: str, **options: Any) -> None:
    """End CLOSURE of CROSSING; without CLOSURE, the one this member made, if it made one."""
    with open_client(options) as client:
        wanted = closure or _own_closure(client.crossings.find(), crossing_id, office[:2])
        body = {"id": wanted, "crossing": crossing_id, "stamp": make_stamp(client, office, officer)}
        done = client.command("/v1/crossings/reopen", body)
    show(done, as_json=as_json, human=lambda: console.print(f"{crossing_id} is {done['state']}"))


def _own_closure(crossings: list[CrossingView], crossing_id: str, member: str) -> str:
    closures = [one for item in crossings if item["id"] == crossing_id for one in item.get("closures", ())]
    own = [one["id"] for one in closures if one["stamp"]["office"][:2] == member]
    if len(own) != 1:
        text = (
            f"{member} made {len(own)} closures of {crossing_id} that stand; name one (darwaza crossing list --closed)"
        )
        raise MalformedError(text, code="closure_unknown")
    return str(own[0])


@crossing.command(
    epilog="Example: darwaza crossing extend AF-PK/TORKHAM --until 2026-03-07T18:00+05:00 --office PKTOR "
    "--reason 'one scanner left' --gateway pk --as customs"
)
@connection_options("")
@officer_options(required=True)
@click.argument("crossing_id", metavar="CROSSING")
@click.option("--until", required=True, help="Deadlines move by the time from now to here, with offset.")
@click.option("--reason", required=True, help="In words; every member reads it.")
@json_option
@reports_errors
def extend(crossing_id: str, *, as_json: bool, office: str, officer: str, reason: str, **options: Any) -> None:
    """Grant all that heads for CROSSING more time: deadlines and guarantee clocks move, at every member."""
    until = instant(options.pop("until"))
    with open_client(options) as client:
        stamp = make_stamp(client, office, officer)
        body = {"id": str(uuid.uuid4()), "crossing": crossing_id, "stamp": stamp, "until": until, "reason": reason}
        done = client.command("/v1/crossings/extend", body)
    show(done, as_json=as_json, human=lambda: console.print(f"{crossing_id}: deadlines moved"))


@crossing.command(
    epilog="Example: darwaza crossing waiting AF-PK/TORKHAM --detention-minor 15000 --gateway pk --as customs"
)
@connection_options("")
@click.argument("crossing_id", metavar="CROSSING")
@click.option("--detention-minor", default=0, help="What one truck's day of waiting costs, minor units.")
@click.option("--tracker-minor", default=0, help="What one tracker's day away costs, minor units.")
@json_option
@reports_errors
def waiting(crossing_id: str, *, as_json: bool, detention_minor: int, tracker_minor: int, **options: Any) -> None:
    """List what heads for CROSSING, what spoils first foremost, and what a day of its waiting costs."""
    with open_client(options) as client:
        found = client.crossings.waiting(crossing_id, detention_minor, tracker_minor)

    def human() -> None:
        for item in found["movements"]:
            console.print(f"{item['movement']}  {item['state']:10} {item['member']}  spoils {item['spoils_at'] or '-'}")
        console.print(f"{len(found['movements'])} wait; a day costs {found['cost_per_day_minor']:,} minor units")

    show(found, as_json=as_json, human=human)


@crossing.command(epilog="Example: darwaza crossing divert AF-PK/TORKHAM --office AFHRT --gateway af --as hairatan")
@connection_options("")
@officer_options(required=True)
@click.argument("crossing_id", metavar="CROSSING")
@click.argument("movements", nargs=-1)
@json_option
@reports_errors
def divert(
    crossing_id: str, movements: tuple[str, ...], *, as_json: bool, office: str, officer: str, **options: Any
) -> None:
    """Give MOVEMENTS that head for CROSSING, or all that do, another itinerary around what is closed."""
    with open_client(options) as client:
        done = client.crossings.divert(crossing_id, office, officer, movements)

    def human() -> None:
        console.print(
            f"{done['diverted']} diverted, {done['asked']} wait for their guarantor, {done['no_way']} have no way"
        )
        for code, count in done["refused"].items():
            console.print(f"   {count} refused: {code}")

    show(done, as_json=as_json, human=human)


@crossing.command(epilog="Example: darwaza crossing times --crossing AF-PK/TORKHAM --gateway pk --as customs")
@connection_options("")
@click.option("--crossing", "crossing_id", help="Only this one.")
@click.option("--since", help="Only crossings done since, with offset.")
@json_option
@reports_errors
def times(*, as_json: bool, crossing_id: str | None, since: str | None, **options: Any) -> None:
    """Show how long crossings take, from both sides' own events (CPMM TFI1), the gap between the sides included."""
    with open_client(options) as client:
        found = client.crossings.times(crossing_id, since=instant(since))

    def human() -> None:
        for item in found:
            way = f"{item['exit_member']} → {item['entry_member']}"
            console.print(f"{item['crossing']:28} {way}  {item['total_s']['count']} crossings")
            spreads = (("in all", item["total_s"]), ("exit", item["exit_s"]), ("between", item["gap_s"]))
            for word, spread in (*spreads, ("entry", item["entry_s"])):
                if spread is not None:
                    median, p90, largest = map(duration, (spread["median"], spread["p90"], spread["largest"]))
                    line = f"median {median}, nine in ten within {p90}, longest {largest}"
                    console.print(f"   {word:8} {line}")

    show(found, as_json=as_json, human=human)
