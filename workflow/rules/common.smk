# What all rules share: the parameters, which profile a results folder belongs to, what a job may use, and
# the guard that lets a killed workflow start again.
import fcntl
import functools
import json
import os
import re
import sys
from pathlib import Path

import torch
from spatialgan.config import resolve
from spatialgan.digest import code_digest
from spatialgan.drawing.galleries import check_gallery, gallery_runs
from spatialgan.params import load_params
from spatialgan.results import Results

# The commands of this environment, whether or not it was activated
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

place = ""
try:
    PARAMS = load_params()
    PROFILE = config.get("profile", PARAMS.default_profile)
    ROOT = PARAMS.root(PROFILE)
    for row in PARAMS.rows:  # so that a mistake in any of them is told now, in one line
        place = f"params/runs.yaml, {row}: "
        resolve(PARAMS, f"{next(iter(PARAMS.datasets))}/{row}/0", PROFILE)
    GALLERIES = [name for name, item in PARAMS.figures.items() if item["kind"] == "gallery"]
    DRAG_FIGURES = [name for name, item in PARAMS.figures.items() if item["kind"] == "drags"]
    for gallery in GALLERIES:
        place = f"params/figures.yaml, {gallery}: "
        check_gallery(PARAMS.figure(gallery))
except ValueError as error:
    sys.exit(f"spatialgan: {place}{error}")

# GPUs of a machine that runs jobs: this one's, or as many as --config gpus=8 says. All jobs together take so
# many, or, where other machines run them, as many as --resources gpu=64 says.
GPUS = int(config.get("gpus", torch.cuda.device_count()))
NODES = int(config.get("nodes", 1))  # machines that one training may be spread over
if "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", GPUS)


wildcard_constraints:
    root="|".join(re.escape(str(PARAMS.root(name))) for name in PARAMS.profiles),
    dataset="|".join(PARAMS.datasets),
    row="|".join(PARAMS.rows),
    seed=r"\d+",
    table="|".join(PARAMS.tables),


def profile_of(wildcards):
    """Return the profile whose results the job's folder holds."""
    return PARAMS.profile_of(wildcards.root)


@functools.cache  # a job asks several times, and there are thousands of jobs
def resolved(name, profile):
    """Return a run with all its settings."""
    return resolve(PARAMS, name, profile)


def run_of(wildcards):
    """Return the job's run with all its settings."""
    name = f"{wildcards.dataset}/{wildcards.row}/{wildcards.seed}"
    return resolved(name, profile_of(wildcards))


def table_runs(table, profile):
    """Return the runs behind a table, each once."""
    sections = PARAMS.sections(table).values()
    return list(dict.fromkeys(run for item in sections for run in PARAMS.runs(item, profile)))


def all_runs(profile):
    """Return the runs behind the tables that `all` makes."""
    return list(dict.fromkeys(run for t in PARAMS.usual_tables for run in table_runs(t, profile)))


def as_json(value):
    """Return parameters as text, the same for the same values."""
    return json.dumps(value, sort_keys=True)


def clear_stale_locks(folder=Path(".snakemake")):
    """Remove the locks of a workflow that was killed.

    Snakemake's own locks outlive a SIGKILL. Every workflow therefore also holds a shared lock of the operating
    system, which ends with its process: who can have it alone for a moment knows that nobody else is running.
    """
    folder.mkdir(exist_ok=True)
    alive = (folder / "alive").open("a")
    try:
        fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass
    else:
        for lock in folder.glob("locks/*.lock"):
            lock.unlink()
    fcntl.flock(alive, fcntl.LOCK_SH)
    return alive


if workflow.is_main_process:
    ALIVE = clear_stale_locks()
