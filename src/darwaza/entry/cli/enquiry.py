"""darwaza enquiry: ask, list, answer."""

from typing import Any

import click

from darwaza.client.caller import in_path
from darwaza.entry.cli.connection import connection_options
from darwaza.entry.cli.form import body_options, open_client, read_body
from darwaza.entry.cli.output import console, json_option, reports_errors, show

QUESTIONS = {"holder": "I3", "guarantee": "I5", "offices": "I19", "chain-guarantee": "E5"}
REPLIES = {"I3": "I4", "I5": "I6", "I19": "I20", "E5": "E6"}


@click.group()
def enquiry() -> None:
    """Questions between members: about a holder, a guarantee, customs offices (eTIR I3, I5, I19, E5)."""


@enquiry.command(epilog="Example: darwaza enquiry ask UZ guarantee reference=JX95000448 --gateway pk --as torkham")
@connection_options("")
@click.argument("member")
@click.argument("about", type=click.Choice(sorted(QUESTIONS)))
@body_options
@click.option("--key", help="Idempotency key: give the same one to repeat after a failure.")
@json_option
@reports_errors
def ask(
    member: str, about: str, fields: tuple[str, ...], *, as_json: bool, file: Any, key: str | None, **options: Any
) -> None:
    """Ask MEMBER ABOUT something: ``holder=…``, ``reference=…`` or ``offices=["PKTOR"]``."""
    question = read_body(file, fields) | {"type": QUESTIONS[about]}
    with open_client(options) as client:
        done = client.command("/v1/enquiries", {"member": member, "question": question}, key=key)
    show(done, as_json=as_json, human=lambda: console.print(f"{done['id']}  {done['state']}"))


@enquiry.command(name="list", epilog="Example: darwaza enquiry list --state open --gateway uz --as customs")
@connection_options("")
@click.option("--state", type=click.Choice(["asked", "open", "answered"]), help="Only in this state.")
@json_option
@reports_errors
def list_command(*, as_json: bool, state: str | None, **options: Any) -> None:
    """List questions you asked, and those that wait for your answer (``open``)."""
    with open_client(options) as client:
        found = client.enquiries.find(state)

    def human() -> None:
        for view in found:
            asked = ", ".join(f"{name} {value}" for name, value in view["question"].items() if name != "type")
            console.print(f"{view['id']}  {view['state']:9} {view['peer']:20} {asked}".replace("[", "\\["))
            if view.get("reply"):
                said = ", ".join(f"{name} {value}" for name, value in view["reply"].items() if name != "type")
                console.print(f"   {said}".replace("[", "\\["))

    show(found, as_json=as_json, human=human)


@enquiry.command(
    epilog="Example: darwaza enquiry answer 0190… name='Ariana Cargo' authorised=true --gateway af --as customs"
)
@connection_options("")
@click.argument("case_id", metavar="ENQUIRY")
@body_options
@json_option
@reports_errors
def answer(case_id: str, fields: tuple[str, ...], *, as_json: bool, file: Any, **options: Any) -> None:
    """Answer an ENQUIRY that was looked up; what the question named is filled in."""
    with open_client(options) as client:
        question = client.enquiries.enquiry(case_id)["question"]
        reply = {**question, **read_body(file, fields), "type": REPLIES[question["type"]]}
        done = client.command(f"/v1/enquiries/{in_path(case_id)}/answer", {"reply": reply})
    show(done, as_json=as_json, human=lambda: console.print(f"{case_id}  {done['state']}"))
