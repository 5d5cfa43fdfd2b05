"""Benchmark of the corridor study: whole figures as JSON on stdout.

``python bench/study.py [FOLDER_OF_SNDLIB_INSTANCES]``; without the folder the instances are left out, unless the
environment variable ``DARWAZA_TEST_DATA`` names a folder that holds ``sndlib``.
"""

import json
import os
import sys
from pathlib import Path

from darwaza.study.bench import measure

TIME_LIMIT_S = 600.0
ROOT = Path(__file__).resolve().parents[1]


def instances() -> Path | None:
    """The folder of SNDlib instances, or None."""
    if len(sys.argv) > 1:
        return Path(sys.argv[1])
    named = os.environ.get("DARWAZA_TEST_DATA")
    return Path(named) / "sndlib" if named else None


def main() -> None:
    """Measure and print."""
    print(json.dumps(measure(ROOT / "profiles/carec/study.toml", instances(), time_limit_s=TIME_LIMIT_S), indent=1))


if __name__ == "__main__":
    main()
