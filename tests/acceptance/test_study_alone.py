"""The extra ``darwaza[study]`` is enough for a study: nothing of the other extras is reached for."""

import subprocess
import sys
from pathlib import Path

SMALL = Path(__file__).parents[1] / "unit" / "study" / "small.toml"
ALONE = """
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from packaging.requirements import Requirement

wanted, waiting = set(), [("darwaza", "study")]
while waiting:
    name, extra = waiting.pop()
    if (name, extra) in wanted:
        continue
    wanted.add((name, extra))
    try:
        listed = requires(name) or []
    except PackageNotFoundError:
        continue
    for text in listed:
        need = Requirement(text)
        if need.marker is None or need.marker.evaluate({"extra": extra}):
            waiting += [(need.name.lower().replace("_", "-"), one) for one in (need.extras or {""})]
allowed = {name for name, _ in wanted}
barred = {
    module
    for module, owners in packages_distributions().items()
    if not any(owner.lower().replace("_", "-") in allowed for owner in owners)
}
assert {"jinja2", "psycopg", "playwright"} <= barred, "the test bars nothing"


class Bar:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in barred:
            raise ModuleNotFoundError(f"{name} is not among the dependencies of darwaza[study]", name=name)


sys.meta_path.insert(0, Bar())
from darwaza.entry.cli.main import main

main(["study", "run", sys.argv[1], "--out", sys.argv[2], "--json"])
"""


def test_a_study_runs_with_its_own_extra_alone(tmp_path: Path) -> None:
    """With every module barred that the extra does not bring, a whole study and its report are made."""
    command = [sys.executable, "-c", ALONE, str(SMALL), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=800)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("{"), "nothing but the answer is written to standard output"
    assert (tmp_path / "report.html").is_file()
    assert (tmp_path / "report.pdf").is_file()
