"""Draws the output of a command as an SVG picture of a terminal.

python -m darwaza.entry.demo --once | python tools/picture.py "make demo" docs/demo.svg
"""

import re
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

WIDTH = 112


def main() -> None:
    """Read standard input, write the picture."""
    title, target = sys.argv[1:]
    with Path("/dev/null").open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        for line in sys.stdin:
            console.print(Text.from_ansi(line.rstrip("\n")))
    drawn = console.export_svg(title=title, theme=MONOKAI)
    # The fonts of the template would be fetched from elsewhere; the viewer's own monospaced one does.
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r"<!--.*?-->\s*", "", drawn, flags=re.DOTALL).replace("Fira Code", "ui-monospace")
    Path(target).write_text(drawn, "utf-8")


if __name__ == "__main__":
    main()
