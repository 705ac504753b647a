"""How long it takes to learn what there is to do, with a thousand runs in params/.

    python -m benchmarks.planning [--rows 1000]

Copies the project, adds rows and a table that shows them all, and times `snakemake -n` and `spatialgan status` for a
small table and for that one. Both the seconds of the clock and those of the processor are printed, since the first
depend on what else the machine does.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import yaml

from benchmarks.copies import copy_project, environment_of

SMALL, LARGE = "results/tables/objective.md", "results/tables/thousand.md"


def add_rows(params: Path, count: int) -> None:
    """Add rows that differ in a number, and a table of all of them."""
    rows = yaml.safe_load((params / "runs.yaml").read_text(encoding="utf-8"))
    tables = yaml.safe_load((params / "tables.yaml").read_text(encoding="utf-8"))
    added = {
        f"extra{i}": {
            "title": f"Extra {i}",
            "sampling": {"name": "impulse", "probability": (i + 1) / (count + 1)},
            "encoding": "norm",
            "alignment": "l1",
        }
        for i in range(count)
    }
    large = {
        "title": "Many",
        "source": "none",
        "metrics": ["fid"],
        "rows": {row: {} for row in added},
    }
    tables["tables"]["thousand"] = large
    (params / "runs.yaml").write_text(yaml.safe_dump({**rows, **added}), encoding="utf-8")
    (params / "tables.yaml").write_text(yaml.safe_dump(tables), encoding="utf-8")


class Copy:
    """A copy of the project, and the commands that are timed in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        copy_project(folder)

    def time(self, title: str, expected: str, *command: str) -> None:
        """Run a command that must succeed and print `expected`; print how long it took."""
        start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment_of(self.folder),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        seconds = time.monotonic() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        said = done.stdout + done.stderr
        if done.returncode or expected not in said:
            sys.exit(f"{' '.join(command)}: {said[-2000:]}")
        print(f"{title:60} {seconds:6.1f} s, {cpu:5.1f} s of CPU", flush=True)


@click.command()
@click.option("--rows", default=1000, show_default=True, help="Added to params/runs.yaml.")
def main(rows: int) -> None:
    """Print how long each answer takes."""
    plan = ("snakemake", "--cores", "1", "--dry-run", "--quiet", "rules", "--")
    status = (sys.executable, "-m", "spatialgan", "status")
    with tempfile.TemporaryDirectory(prefix="spatialgan-planning-") as place:
        copy = Copy(Path(place))
        copy.time("a table of 3 rows, as params are", "dry-run", *plan, SMALL)
        copy.time("the status of a table of 3 rows", "missing", *status, SMALL)
        add_rows(copy.folder / "params", rows)
        copy.time(f"a table of 3 rows, {rows} others in params", "dry-run", *plan, SMALL)
        copy.time(f"a table of {rows} rows, nothing made yet", "dry-run", *plan, LARGE)
        copy.time(f"the status of a table of {rows} rows", "missing", *status, LARGE)


if __name__ == "__main__":
    main()
