"""Kill a training at random moments and compare its final snapshot with an uninterrupted one's.

    python -m benchmarks.kill_lottery [--kills 20] [--through snakemake]

SIGKILL goes to the whole process group, some of them inside a save. The run is the smoke profile's
cat/spatialgan/0 in a temporary copy of the repository, with its length and checkpoints raised so that there
is something to interrupt. Ends with exit code 1 if a bit differs.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import yaml

from benchmarks.copies import copy_project, environment_of
from spatialgan.files import file_sha256
from spatialgan.results import Results

RUN = "cat/spatialgan/0"
RESULTS = Results(Path("results/smoke"))
MAX_DELAY = 0.3  # seconds between a checkpoint and the kill: a few steps and saves
TRAIN = [sys.executable, "-m", "spatialgan", "train", RUN, "-p", "smoke"]
SNAKEMAKE = ["snakemake", "--cores", "1", str(RESULTS.run(RUN).record)]


def prepared_copy(folder: Path) -> Path:
    """Return a copy of the repository with the smoke data set and a longer smoke run."""
    copy_project(folder)
    path = folder / "params/profiles.yaml"
    profiles = yaml.safe_load(path.read_text(encoding="utf-8"))
    profiles["profiles"]["smoke"] |= {"kimg": 1.6, "num_checkpoints": 100}
    path.write_text(yaml.safe_dump(profiles), encoding="utf-8")
    run([sys.executable, "-m", "spatialgan", "prepare", "cat", "-p", "smoke"], folder)
    return folder


def start(command: list[str], folder: Path) -> subprocess.Popen:
    """Start a command in a new process group, with the copy's code."""
    log = (folder / "lottery.log").open("ab")
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment_of(folder),
        start_new_session=True,
        stdout=log,
        stderr=log,
    )


def run(command: list[str], folder: Path) -> None:
    """Run a command to its end; exits with its log if it fails."""
    if start(command, folder).wait():
        sys.exit(
            f"{' '.join(command)} failed:\n{(folder / 'lottery.log').read_text(encoding='utf-8')[-4000:]}"
        )


def run_and_kill(command: list[str], folder: Path, delay: float) -> bool:
    """Start a command and kill its group `delay` seconds after its next checkpoint; return whether it still ran."""
    before = checkpoints(folder)
    process = start(command, folder)
    while process.poll() is None and not checkpoints(folder) - before:
        time.sleep(0.005)
    time.sleep(delay)
    running = process.poll() is None
    os.killpg(process.pid, signal.SIGKILL) if running else None
    process.wait()
    return running


def checkpoints(folder: Path) -> set[str]:
    """Return the names of the finished checkpoints."""
    return {path.name for path in Results(folder / RESULTS.root).checkpoints()}


def caught_in_save(folder: Path) -> bool:
    """Return whether a kill left a half-written checkpoint behind."""
    return any((folder / RESULTS.resume(RUN)).rglob(".checkpoint-*.partial"))


@click.command()
@click.option("--kills", default=20, show_default=True)
@click.option(
    "--through", default="trainer", show_default=True, type=click.Choice(["trainer", "snakemake"])
)
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
def main(kills: int, through: str, seed: int) -> None:
    """Print how many kills landed, how many of them inside a save, and whether the bits agree."""
    moments = random.Random(seed)
    command = {"trainer": TRAIN, "snakemake": SNAKEMAKE}[through]
    snapshot = RESULTS.run(RUN).snapshot
    with tempfile.TemporaryDirectory() as temporary:
        straight = prepared_copy(Path(temporary) / "straight")
        killed = Path(temporary) / "killed"
        shutil.copytree(straight, killed, symlinks=True)
        run(command, straight)
        landed = in_save = 0
        while landed < kills and run_and_kill(command, killed, moments.uniform(0, MAX_DELAY)):
            landed += 1
            in_save += caught_in_save(killed)
        run(command, killed)
        expected, actual = file_sha256(straight / snapshot), file_sha256(killed / snapshot)
    print(f"{landed} SIGKILLs through {through} ({in_save} left a half-written checkpoint)")
    print(
        f"uninterrupted {expected}\nkilled        {actual}\n{'the same bits' if expected == actual else 'DIFFERENT'}"
    )
    sys.exit(expected != actual or landed < kills)


if __name__ == "__main__":
    main()
