"""The ``darwaza`` command."""

import click

from darwaza import __version__
from darwaza.entry.cli.account import account
from darwaza.entry.cli.bench import bench
from darwaza.entry.cli.corridor import corridor
from darwaza.entry.cli.crossing import crossing
from darwaza.entry.cli.document import documents
from darwaza.entry.cli.enquiry import enquiry
from darwaza.entry.cli.evidence import evidence
from darwaza.entry.cli.gateway import backup, forget, fsck, init, key, migrate_command, party, serve_command
from darwaza.entry.cli.guarantee import guarantee, tracker
from darwaza.entry.cli.link import link
from darwaza.entry.cli.payments import payments
from darwaza.entry.cli.post import post
from darwaza.entry.cli.route import drill, route
from darwaza.entry.cli.sealing import sealing
from darwaza.entry.cli.study import study
from darwaza.entry.cli.transit import transit


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="darwaza")
def main() -> None:
    """A member's gateway of a digital corridor between countries.

    \b
    Exit codes: 0 done or valid, 1 refused or invalid, 2 wrong usage or cannot tell,
    3 try later, 4 an operator must act, 70 stopped: start the gateway again.
    """  # noqa: D301 - \b is click's mark for a block it must not wrap


for command in (
    init,
    serve_command,
    party,
    account,
    key,
    backup,
    migrate_command,
    forget,
    fsck,
    corridor,
    link,
    route,
    drill,
    documents,
    sealing,
    transit,
    post,
    crossing,
    guarantee,
    tracker,
    enquiry,
    payments,
    evidence,
    study,
    bench,
):
    main.add_command(command)

if __name__ == "__main__":
    main()
