"""Runs every bench, one after the other, and prints what each prints: ``python -m bench``."""

import subprocess
import sys

COMMANDS = (
    ["darwaza.entry.cli.main", "bench", "link", "--json"],
    ["darwaza.entry.cli.main", "bench", "route", "--json"],
    ["darwaza.entry.cli.main", "bench", "ledger", "--json"],
    ["darwaza.entry.cli.main", "bench", "payments", "--json"],
    ["bench.store"],
    ["bench.console"],
    ["darwaza.entry.cli.main", "bench", "transit", "--json"],
    ["darwaza.entry.cli.main", "bench", "study", "--json"],
)


def main() -> int:
    """Run them; the worst exit code is ours."""
    worst = 0
    for module, *options in COMMANDS:
        print("#", module, *options, flush=True)
        worst = max(worst, subprocess.run([sys.executable, "-m", module, *options], check=False).returncode)
    return worst


if __name__ == "__main__":
    raise SystemExit(main())
