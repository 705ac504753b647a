"""What hashing, checks and locks cost: this code against that of a commit before them.

    python -m benchmarks.checks [--before COMMIT] [--rounds 8] [--kimg 2]

Start-up is `spatialgan --help`, throughput a training of the smoke profile, of whose processor time that of one with a
sixteenth of the images is taken off. Both versions alternate, each round in the other order. Printed are processor
seconds (user and system), since the clock depends on what else the machine does, and the ratio of the two: the median
over rounds, and the lower and upper quartile.
"""

import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import yaml

from benchmarks.copies import ROOT, environment_of

BEFORE = "9c2f657"  # the last commit whose files have hashes of tensors only
RUN = "cat/spatialgan/0"
FEWER = 16  # a short training has so many times fewer images


class Version:
    """The package as it was in a commit, in a folder of its own."""

    def __init__(self, folder: Path, commit: str) -> None:
        self.folder = folder
        folder.mkdir()
        packed = subprocess.run(
            ["git", "archive", commit, "spatialgan", "params"],
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=packed, check=True)
        self.seconds("prepare", "cat", "-p", "smoke")

    def seconds(self, *arguments: str) -> float:
        """Return the processor seconds of a command; raises CalledProcessError where it fails."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "spatialgan", *arguments]
        environment = environment_of(self.folder)
        subprocess.run(command, cwd=self.folder, env=environment, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    def start_up(self) -> float:
        """Return the seconds of showing the help."""
        return self.seconds("--help")

    def training(self, kimg: float) -> float:
        """Return the seconds of a training anew, without start-up and end."""
        return self._trained(kimg) - self._trained(kimg / FEWER)

    def _trained(self, kimg: float) -> float:
        shutil.rmtree(self.folder / "results/smoke/resume", ignore_errors=True)  # no checkpoint
        path = self.folder / "params/profiles.yaml"
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        document["profiles"]["smoke"] |= {"kimg": kimg, "num_checkpoints": 4, "num_grids": 1}
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return self.seconds("train", RUN, "-p", "smoke")


def compare(title: str, before: list[float], now: list[float]) -> None:
    """Print both versions' seconds, and the ratio of each round's."""
    ratios = [new / old for old, new in zip(before, now, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(
        f"{title}: {statistics.median(before):.2f} s before, {statistics.median(now):.2f} s now, "
        f"ratio {middle:.3f} ({low:.3f} to {high:.3f})"
    )


@click.command()
@click.option("--before", "commit", default=BEFORE, show_default=True)
@click.option("--rounds", default=8, show_default=True, type=click.IntRange(2))
@click.option("--kimg", default=2.0, show_default=True, help="Thousands of images of a training.")
def main(commit: str, rounds: int, kimg: float) -> None:
    """Compare this commit with one before."""
    with tempfile.TemporaryDirectory() as folder:
        versions = [Version(Path(folder) / name, name) for name in (commit, "HEAD")]
        seconds: dict[str, list[list[float]]] = {"start-up": [[], []], "training": [[], []]}
        for number in range(rounds):
            for at in (0, 1) if number % 2 else (1, 0):
                seconds["start-up"][at].append(versions[at].start_up())
                seconds["training"][at].append(versions[at].training(kimg))
    for title, (before, now) in seconds.items():
        compare(title, before, now)


if __name__ == "__main__":
    main()
