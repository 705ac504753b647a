# What all rules share: the parameters, what is to be made, what a job may use, and a lock that a kill leaves
# open.
import fcntl
import os
import sys
import time
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(Path.cwd()))

import torch
from spatialgan.messages import one_line
from spatialgan.settings.params import SEED, load_params
from spatialgan.results import Results
from workflow.plan import (
    Machines,
    Plan,
    check_params,
    environment_of,
    measure_and_segmenter,
    measure_options,
    measure_pattern,
    one_of,
    run_name,
    stages,
    whole_number,
)

# The commands of this environment, whether or not it was activated
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

# Jobs may read this file again in processes of their own, which inherit the variable
IS_MAIN = os.environ.setdefault("SPATIALGAN_WORKFLOW", str(os.getpid())) == str(os.getpid())
HOME = Path(".snakemake")


def in_one_line(function):
    """Return what a function returns; what it refuses ends everything with that line, and no frames of Snakemake's."""
    try:
        return function()
    except (OSError, ValueError) as error:
        sys.exit(f"spatialgan: {one_line(str(error))}")


PARAMS = in_one_line(load_params)
PROFILE = str(config.get("profile", PARAMS.default_profile))
in_one_line(lambda: PARAMS.profile(PROFILE))
in_one_line(lambda: check_params(PARAMS, PROFILE))

# With --config conda=1 a job's library comes with its environment
CHECKS_LIBRARIES = IS_MAIN and not config.get("conda")
PLAN = Plan(PARAMS, HOME / "stale", bool(config.get("train_again")), CHECKS_LIBRARIES)
STAGES = stages(PLAN.graph(PROFILE))

# GPUs of a machine that runs jobs: this one's, or as many as --config gpus=8 says; --config nodes=2 lets a training
# spread over two machines
try:
    cores = int(workflow.cores)
except WorkflowError:  # jobs run elsewhere
    cores = 0
MACHINES = in_one_line(
    lambda: Machines(
        whole_number(config, "gpus", torch.cuda.device_count()),
        whole_number(config, "nodes", 1),
        cores,
    )
)
GPU = min(1, MACHINES.gpus)  # of a job that isn't a training
# Where files are, with a rule's wildcards in place of names
FILES = Results(Path("{root}"))
RUN = "{dataset}/{row}/{seed}"


wildcard_constraints:
    root=one_of(PARAMS.root(name) for name in PARAMS.profiles),
    dataset=one_of(PARAMS.datasets),
    row=one_of(PARAMS.rows),
    seed=SEED,
    table=one_of(PARAMS.tables),


def profile_of(wildcards):
    """Return the profile whose results the job's folder holds."""
    return PARAMS.profile_of(wildcards.root)


def inputs_of(kind):
    """Return the input function of the rule that makes steps of a kind."""

    def inputs(wildcards):
        found = in_one_line(lambda: PLAN.inputs(PLAN.step(kind, wildcards)))
        if found.is_current:
            return [ancient(path) for path in found.files]
        return [*found.files, *([str(PLAN.marker)] if IS_MAIN else [])]

    return inputs


def outputs_of(stage):
    """Return all files that a stage makes in the profile."""
    return [str(path) for step in STAGES[stage] for path in step.outputs]


if IS_MAIN:
    HOME.mkdir(exist_ok=True)
    PLAN.marker.write_bytes(
        b"%d" % time.time_ns()
    )  # Snakemake ignores a new time without new bytes
    ALIVE = (HOME / "alive").open("ab")


onstart:
    # Snakemake's own lock, which the profiles switch off, outlives a SIGKILL; the operating system's ends with its process
    try:
        fcntl.flock(ALIVE, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise WorkflowError(
            "another workflow is running in this folder: start again when it has ended"
        ) from None
