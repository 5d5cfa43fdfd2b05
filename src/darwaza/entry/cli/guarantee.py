"""darwaza guarantee: register, list, show, cancel, exposure; darwaza tracker: stock, retire, list."""

import uuid
from pathlib import Path
from typing import Any

import click

from darwaza.client.answer.border import GuaranteeView
from darwaza.entry.cli.connection import connection_options
from darwaza.entry.cli.form import body_options, open_client, read_body
from darwaza.entry.cli.output import console, json_option, reports_errors, show
from darwaza.standards.etir.external import E3


@click.group()
def guarantee() -> None:
    """Transit guarantees: carnets, bank, insurance and comprehensive guarantees, and what stands of them."""


@guarantee.command(epilog="Example: darwaza guarantee register --body carnet.json --gateway uz --as aircuz")
@connection_options("")
@body_options
@click.option("--key", help="Idempotency key: give the same one to repeat after a failure.")
@json_option
@reports_errors
def register(fields: tuple[str, ...], *, as_json: bool, file: Path | None, key: str | None, **options: Any) -> None:
    """Register a guarantee: ``terms`` and ``holder_party`` (docs/reference/transit-messages.md)."""
    with open_client(options) as client:
        done = client.command("/v1/guarantees", read_body(file, fields), key=key)
    show(done, as_json=as_json, human=lambda: console.print(f"{done['id']}  {done['state']}"))


def _row(view: GuaranteeView) -> str:
    terms = view["terms"]
    cover = f"{terms['cover_minor']:,} {terms['currency']} minor units"
    return f"{view['id']}  {view['state']:11} {terms['reference']:16} {terms['kind']:14} {cover}  {terms['holder']}"


@guarantee.command(name="list", epilog="Example: darwaza guarantee list --gateway uz --as aircuz")
@connection_options("")
@json_option
@reports_errors
def list_command(*, as_json: bool, **options: Any) -> None:
    """List your guarantees: those you issued, or that were issued to you."""
    with open_client(options) as client:
        found = client.guarantees.find()

    def human() -> None:
        for view in found:
            console.print(_row(view))

    show(found, as_json=as_json, human=human)


@guarantee.command(name="show", epilog="Example: darwaza guarantee show 0190… --gateway uz --as aircuz")
@connection_options("")
@click.argument("case_id", metavar="GUARANTEE")
@json_option
@reports_errors
def show_command(case_id: str, *, as_json: bool, **options: Any) -> None:
    """Show a GUARANTEE's terms and state."""
    with open_client(options) as client:
        view = client.guarantees.guarantee(case_id)
    show(view, as_json=as_json, human=lambda: console.print(_row(view)))


@guarantee.command(epilog="Example: darwaza guarantee cancel 0190… --reason 'given back' --gateway uz --as aircuz")
@connection_options("")
@click.argument("case_id", metavar="GUARANTEE")
@click.option("--reason", required=True, help="In words.")
@json_option
@reports_errors
def cancel(case_id: str, *, as_json: bool, reason: str, **options: Any) -> None:
    """Cancel a GUARANTEE: what no movement uses goes back at once, the rest when asked again."""
    with open_client(options) as client:
        terms = client.guarantees.guarantee(case_id)["terms"]
        done = client.guarantees.cancel(case_id, E3(terms["reference"], terms["holder"], reason))
    show(done, as_json=as_json, human=lambda: console.print(f"{case_id}  {done['state']}"))


@guarantee.command(epilog="Example: darwaza guarantee exposure --gateway uz --as aircuz")
@connection_options("")
@json_option
@reports_errors
def exposure(*, as_json: bool, **options: Any) -> None:
    """Show reserved, used and released exposure per holder, chain and member, in minor units."""
    with open_client(options) as client:
        found = client.guarantees.exposure()

    def human() -> None:
        for item in found:
            sums = item["exposure"]
            amounts = f"reserved {sums['reserved_minor']:,}  in use {sums['in_use_minor']:,}"
            who = f"{item['member']}  {item['currency']}  {item['holder']:20} {item['chain']:16}"
            console.print(f"{who} {amounts}  released {sums['released_minor']:,}")

    show(found, as_json=as_json, human=human)


@click.group()
def tracker() -> None:
    """Trackers: what the offices' pools hold, and deliveries to and from them."""


@tracker.command(name="list", epilog="Example: darwaza tracker list --gateway pk --as torkham")
@connection_options("")
@json_option
@reports_errors
def list_pools(*, as_json: bool, **options: Any) -> None:
    """List the pools: here, fitted to movements, away."""
    with open_client(options) as client:
        found = client.trackers.find()

    def human() -> None:
        for pool in found:
            console.print(f"{pool['office']:20} {pool['here']:6} here {pool['fitted']:6} fitted {pool['away']:6} away")

    show(found, as_json=as_json, human=human)


@tracker.command(epilog="Example: darwaza tracker stock PKTOR 300 --gateway pk --as customs")
@connection_options("")
@click.argument("office")
@click.argument("count", type=click.IntRange(1, 100_000))
@click.option("--delivery", help="UUID of the delivery: give the same one to repeat after a failure.")
@json_option
@reports_errors
def stock(office: str, count: int, *, as_json: bool, delivery: str | None, **options: Any) -> None:
    """Note that COUNT trackers came to OFFICE."""
    _move("stock", office, count, delivery, options, as_json=as_json)


@tracker.command(epilog="Example: darwaza tracker retire PKTOR 12 --gateway pk --as customs")
@connection_options("")
@click.argument("office")
@click.argument("count", type=click.IntRange(1, 100_000))
@click.option("--delivery", help="UUID of the removal: give the same one to repeat after a failure.")
@json_option
@reports_errors
def retire(office: str, count: int, *, as_json: bool, delivery: str | None, **options: Any) -> None:
    """Note that COUNT trackers left OFFICE for good."""
    _move("retire", office, count, delivery, options, as_json=as_json)


def _move(kind: str, office: str, count: int, delivery: str | None, options: dict[str, Any], *, as_json: bool) -> None:
    body = {"id": delivery or str(uuid.uuid4()), "office": office, "count": count}
    with open_client(options) as client:
        done = client.command(f"/v1/trackers/{kind}", body, key=delivery)
    show(done, as_json=as_json, human=lambda: console.print(f"{office}: {kind} {count}"))
