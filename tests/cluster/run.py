"""The workflow on a real Slurm, in miniature: `python -m tests.cluster.run`, as root, in the environment.

Starts a cluster of two nodes on this machine (tests/cluster/slurm.py) and runs the smoke profile there through
profiles/slurm: the jobs of one table; a training that is asked to stop, which exits with 75 and is submitted again;
one that is canceled; one that is preempted by a job of a higher partition, which Slurm requeues. Each must resume and
end bit-identical to the one that nothing happened to. Then one of two processes on one node, and one
of a process on each of two nodes. Prints how long everything took, by the clock.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from spatialgan.files import file_sha256
from spatialgan.results import Results
from tests.cluster.slurm import Unavailable, check_machine, cluster
from tests.copies import copy_project

ROOT = Path("results/smoke")
TABLE = Results(ROOT).table("objective", ".md")
RUN = "cat/spatialgan/0"
FILES = Results(ROOT)
TRAINED = FILES.run(RUN)
SNAPSHOT, LOG, RESUME = TRAINED.snapshot, FILES.log("train", RUN), FILES.resume(RUN)
# What this machine needs otherwise than a site: squeue, as there is no accounting, and no patience
HERE = [
    *("--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "2"),
    *("--seconds-between-status-checks", "2"),
    *("--latency-wait", "10"),
    *("--set-threads", "train=1"),
]


# What happens to a training, and the command that does it
INTERRUPTIONS = {
    "asked to stop (SIGTERM)": ["scancel", "--signal=TERM", "{job}"],
    "canceled": ["scancel", "{job}"],
    "preempted": [
        *("sbatch", "--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null"),
        *("--wrap", "true"),
    ],
}


class Failure(Exception):
    """Something is not as it must be."""


class Site:
    """A copy of the project on the cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**copy_project(folder), "OMP_NUM_THREADS": "1"}
        self.started: list[subprocess.Popen] = []

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start Snakemake with profiles/slurm; its output goes to a file."""
        command = [sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/slurm", *HERE]
        log = (self.folder / "snakemake.log").open("a")
        running = subprocess.Popen(
            [*command, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        self.started.append(running)
        return running

    def finish(self, running: subprocess.Popen) -> None:
        """Wait for Snakemake; raise Failure where it failed."""
        if running.wait(timeout=3600):
            raise Failure((self.folder / "snakemake.log").read_text()[-3000:])

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace text in a file of the project."""
        path = self.folder / file
        text = path.read_text()
        if old not in text:
            raise Failure(f"{file} has no {old!r}")
        path.write_text(text.replace(old, new, 1))

    def forget(self) -> None:
        """Remove everything about the run, its checkpoints included."""
        for place in (RESUME, TRAINED.folder):
            shutil.rmtree(self.folder / place, ignore_errors=True)
        for file in (LOG, SNAPSHOT):
            (self.folder / file).unlink(missing_ok=True)

    def interrupt(self, how: list[str]) -> str:
        """Train the run, do something to its Slurm job after two checkpoints; return the snapshot's hash."""
        self.forget()
        running = self.start("--config", "gpus=1", "--", str(SNAPSHOT))
        log = self.folder / LOG
        wait_for(lambda: len(list((self.folder / RESUME).glob("*/checkpoint-*"))) == 2, running)
        kept = log.read_text()
        job = running_job()
        subprocess.run([word.format(job=job) for word in how], check=True)
        self.finish(running)
        said = re.findall(r"resuming at .* kimg|stopped at .* kimg", kept + log.read_text())
        if not any(line.startswith("resuming") for line in said):
            raise Failure(f"the training began again: {log.read_text()[-2000:]}")
        print(f"    {said[-1]}", flush=True)
        return file_sha256(self.folder / SNAPSHOT)


def wait_for(happened: Callable[[], bool], running: subprocess.Popen) -> None:
    """Wait until something has happened; raise Failure where the process ends first."""
    deadline = time.monotonic() + 1800
    while not happened():
        if running.poll() is not None or time.monotonic() > deadline:
            raise Failure("what was waited for did not happen")
        time.sleep(0.05)


def running_job() -> str:
    """Return the Slurm job that trains; there is one."""
    command = ["squeue", "--noheader", "--states", "RUNNING", "--format", "%i %k"]
    jobs = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (job,) = [line.split()[0] for line in jobs.splitlines() if "rule_train" in line]
    return job


def timed(title: str, work: Callable[[], str | None]) -> str | None:
    """Do something and say how long it took."""
    print(f"{title} ...", flush=True)
    start = time.monotonic()
    result = work()
    print(f"    {time.monotonic() - start:.0f} s", flush=True)
    return result


def run_all(site: Site) -> None:
    """Run every part, and raise Failure at the first that is not as it must be."""

    def one_table() -> None:
        site.finish(site.start("--config", "gpus=1", "--", str(TABLE)))
        if not (site.folder / TABLE).is_file():
            raise Failure(f"there is no {TABLE}")
        traces = [LOG, FILES.timing("train", RUN)]
        lost = [trace for trace in traces if not (site.folder / trace).is_file()]
        if lost:
            raise Failure(f"there is no {lost[0]}")

    def undisturbed() -> str:
        site.forget()
        site.finish(site.start("--config", "gpus=1", "--", str(SNAPSHOT)))
        return file_sha256(site.folder / SNAPSHOT)

    def shared(gpus: int, nodes: int) -> None:
        site.forget()
        spread = ("--config", f"gpus={gpus}", f"nodes={nodes}")
        site.finish(site.start(*spread, "--", str(SNAPSHOT)))
        record = json.loads((site.folder / TRAINED.record).read_text())
        if record["num_processes"] != 2:
            raise Failure(f"trained by {record['num_processes']} processes")

    timed("a table: data set, three trainings, three measurements", one_table)
    site.edit("params/profiles.yaml", "kimg: 0.064", "kimg: 1")
    straight = timed("a training that nothing happens to", undisturbed)
    for title, how in INTERRUPTIONS.items():
        if timed(f"one that is {title}", lambda how=how: site.interrupt(how)) != straight:
            raise Failure("the interrupted training ended in other bits")
    site.edit(
        "params/profiles.yaml", "num_processes: 1, num_fake: 64", "num_processes: 2, num_fake: 64"
    )
    timed("one of two processes on a node", lambda: shared(2, 1))
    timed("one of a process on each of two nodes", lambda: shared(1, 2))


def main() -> None:
    """Start the cluster and run every part."""
    try:
        check_machine()
        with tempfile.TemporaryDirectory(prefix="spatialgan-slurm-") as place:
            folder = Path(place)
            site = Site(folder / "project")
            with cluster(folder / "slurm"):
                try:
                    run_all(site)
                finally:
                    for running in site.started:
                        running.kill()
    except (Unavailable, Failure) as error:
        sys.exit(str(error))
    print("all as it must be")


if __name__ == "__main__":
    main()
