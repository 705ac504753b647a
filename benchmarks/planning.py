"""How long it takes to be told what is to be done, with a thousand runs in params/.

    python -m benchmarks.planning [--rows 1000]

Copies the project, adds rows and a table that shows them all, and times `snakemake -n` for a small table and for
that one, and `spatialgan status` of the larger one. Both wall-clock and processor seconds are printed, because
the first depend on what else the machine does.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import yaml

from tests.copies import copy_project

SMALL, LARGE = "results/tables/objective.md", "results/tables/thousand.md"


def add_rows(params: Path, count: int) -> None:
    """Add rows that differ in a number, and a table of all of them."""
    rows = yaml.safe_load((params / "runs.yaml").read_text())
    tables = yaml.safe_load((params / "tables.yaml").read_text())
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
    (params / "runs.yaml").write_text(yaml.safe_dump({**rows, **added}))
    (params / "tables.yaml").write_text(yaml.safe_dump(tables))


class Copy:
    """A copy of the project and the commands that are timed in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        bin_folder = Path(sys.executable).parent
        self.environment = {
            **copy_project(folder),
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
        }

    def run(self, *command: str) -> str:
        """Return what a command prints; it must succeed."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{' '.join(command)}: {done.stderr[-2000:]}")
        return done.stdout + done.stderr

    def time(self, title: str, expected: str, *command: str) -> None:
        """Run a command that must say what is expected, and print how long it took."""
        start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        said = self.run(*command)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        assert expected in said, said[-2000:]
        print(f"{title:60} {time.monotonic() - start:6.1f} s, {cpu:5.1f} s of CPU", flush=True)


@click.command()
@click.option("--rows", default=1000, show_default=True, help="Added to params/runs.yaml.")
def main(rows: int) -> None:
    """Print how long each answer takes."""
    plan = ("snakemake", "--cores", "1", "--dry-run", "--quiet", "rules", "--")
    with tempfile.TemporaryDirectory(prefix="spatialgan-planning-") as place:
        copy = Copy(Path(place))
        copy.time("a table of 3 rows, as params are", "dry-run", *plan, SMALL)
        add_rows(copy.folder / "params", rows)
        copy.time(f"a table of 3 rows, {rows} others in params", "dry-run", *plan, SMALL)
        copy.time(f"a table of {rows} rows, nothing made yet", "dry-run", *plan, LARGE)
        status = (sys.executable, "-m", "spatialgan", "status", "thousand")
        copy.time("status of that table", "missing", *status)


if __name__ == "__main__":
    main()
