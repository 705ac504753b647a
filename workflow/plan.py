"""What the rules ask: the step that makes a file, its inputs, and what its job may use.

Rules know files, `spatialgan.upkeep.graph` knows steps; this is between the two. File times say nothing about a result, which
carries a stamp of what made it. So all inputs of a step whose stamp is what it would be today are `ancient` to
Snakemake, and a step that is to be made gets one more input, the marker, which is newer than everything. None of its
inputs may be `ancient`: below a job that runs Snakemake looks at nothing but such edges.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from spatialgan.evaluation.measures import MEASURES, measure_and_segmenter
from spatialgan.segmenters.registry import SEGMENTERS, weights_path
from spatialgan.settings.config import RunConfig, resolve
from spatialgan.settings.params import Params
from spatialgan.upkeep.graph import TRAINED_SEGMENTERS, Graph
from spatialgan.upkeep.status import CURRENT, Status
from spatialgan.upkeep.steps import Step
from spatialgan.upkeep.verify import may_be_pulled

STAGES = {
    "dataset": "data",
    "segmenter": "segmenters",
    "run": "runs",
    "metric": "metrics",
    "curves": "report",
    "table": "report",
    "figure": "report",
}
DETECTRON_ENVIRONMENT = "../envs/detectron2.yaml"
NOT_HERE = (
    "{path}: made before, and needed, but not here. `dvc pull` brings what the remote has (small files: `git"
    " checkout`); to train again instead, add --config train_again=1."
)

MAX_MACHINES = 10_000  # and GPUs of one

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Machines:
    """Where jobs run."""

    gpus: int  # of one machine
    nodes: int = 1  # machines that one training may be spread over
    cores: int = 0  # that all jobs together may use here; 0: a cluster decides

    def gpus_of(self, config: RunConfig) -> int:
        """Return how many GPUs a training uses; the result doesn't depend on it."""
        return min(self.nodes * self.gpus, config.execution.num_processes)

    def nodes_of(self, gpus: int) -> int:
        """Return over how many machines this number of GPUs is spread."""
        return max(1, -(-gpus // max(1, self.gpus)))

    def threads_of(self, gpus: int) -> int:
        """Return the threads of a job: its GPUs' share of the cores, so that no GPU gets two jobs at a time.

        Without a GPU it is one: two jobs of one thread each are faster than one of two.
        """
        if not gpus:
            return 1
        return max(1, gpus * self.cores // self.gpus) if self.cores else 4 * gpus

    def launcher(self, config: RunConfig) -> str:
        """Return what starts a training: the command, on one or several machines, with one process per GPU."""
        gpus = self.gpus_of(config)
        nodes = self.nodes_of(gpus)
        if gpus <= 1:
            return "spatialgan"
        if nodes == 1:
            return f"torchrun --standalone --nproc-per-node {gpus} -m spatialgan"
        if gpus % nodes:
            raise ValueError(
                f"{gpus} processes on {nodes} machines: choose gpus= so that they divide"
            )
        return f"workflow/scripts/on_nodes.sh {nodes} {gpus // nodes} -m spatialgan"


@dataclass(frozen=True)
class Inputs:
    """What a job waits for."""

    files: list[str]  # must exist
    is_current: bool  # whether there is no reason to run it


@dataclass(frozen=True)
class Plan:
    """The parameters, and what is known about the results so far."""

    params: Params
    marker: Path
    train_again: bool = False  # what is needed and not here
    check_libraries: bool = False  # before anything runs, not by the last job after hours
    _graphs: dict[str, Graph] = field(default_factory=dict)
    _statuses: dict[str, Status] = field(default_factory=dict)
    _said: set[str] = field(default_factory=set)

    def graph(self, profile: str) -> Graph:
        """Return the steps of a profile."""
        if profile not in self._graphs:
            self._graphs[profile] = Graph(self.params, profile)
            self._statuses[profile] = Status(self.params)
        return self._graphs[profile]

    def step(self, kind: str, wildcards: Mapping[str, str]) -> Step:
        """Return the step of a kind that a rule's wildcards mean."""
        graph = self.graph(self.params.profile_of(wildcards["root"]))
        if kind == "dataset":
            return graph.dataset(wildcards["dataset"])
        if kind == "segmenter":
            return graph.segmenter(wildcards["dataset"], wildcards["trained"])
        if kind == "table":
            return graph.table(wildcards["table"])
        if kind == "figure":
            return graph.figure(wildcards["figure"])
        if kind == "analysis":
            return graph.analysis(wildcards["analysis"])
        if kind == "claims":
            return graph.claims()
        if kind == "inversion":
            return graph.inversion(wildcards["inversion"])
        if kind == "inversions":
            return graph.inversions()
        run = run_name(wildcards)
        if kind == "metric":
            return graph.metric(run, *measure_and_segmenter(wildcards["measure"]))
        return {"run": graph.run, "curves": graph.curves}[kind](run)

    def inputs(self, step: Step) -> Inputs:
        """Return what a step's job waits for.

        Raises ValueError, in one line, if the step is to be made and a file that it reads was made before and
        isn't here, though DVC may have it, or a segmenter's published weights or its library are missing.
        """
        status = self._statuses[step.profile]
        is_due = status.of(step).state != CURRENT
        owners = {path: need for need in step.needs for path in need.outputs}
        files = [need.record for need in step.needs]
        for path in step.reads:
            owner = owners[path]
            is_kept = path.is_file() or status.of(owner).state != CURRENT
            # Drawing a data set again is cheap. A current step doesn't wait for it: Snakemake would run the step, too.
            is_redrawn = is_due and owner.kind == "dataset"
            if is_kept or is_redrawn or self.train_again:
                files.append(path)
            elif is_due and may_be_pulled(Path(), path):
                raise ValueError(NOT_HERE.format(path=path))
            elif is_due:
                self._say_once(f"{path} isn't here, and DVC has it nowhere: {owner.title} again")
                files.append(path)
        if step.kind == "table":  # which shows them, but doesn't read them
            samples = self._graphs[step.profile].figure(f"{step.name}_samples")
            if not self._leaves_as_it_is(samples):
                files.append(samples.record)
        if is_due and step.kind == "metric":
            self._check_weights(step)
        if is_due and self.check_libraries:
            check_library(step)
        return Inputs([str(path) for path in files], not is_due)

    def config(self, wildcards: Mapping[str, str]) -> RunConfig:
        """Return a run with all its settings."""
        profile = self.params.profile_of(wildcards["root"])
        return resolve(self.params, run_name(wildcards), profile)

    def _leaves_as_it_is(self, samples: Step) -> bool:
        """Return whether a table's samples were drawn before and can't be drawn again without training again."""
        status = self._statuses[samples.profile]
        if self.train_again or not samples.record.is_file() or status.of(samples).state == CURRENT:
            return False
        owners = [need for need in samples.needs if status.of(need).state == CURRENT]
        missing = [path for need in owners for path in need.heavy if not path.is_file()]
        if missing:
            self._say_once(f"{samples.record} stays as it is: {missing[0]} isn't here")
        return bool(missing)

    def _say_once(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            log.warning(message)

    def _check_weights(self, step: Step) -> None:
        name = step.settings.get("segmenter", TRAINED_SEGMENTERS[0])
        if name not in TRAINED_SEGMENTERS:
            weights = weights_path(name, self.params.results(step.profile), "")
            if not weights.is_file():
                raise ValueError(
                    f"{step.title} needs {weights}: get it from {SEGMENTERS[name].url}"
                )


def stages(graph: Graph) -> dict[str, list[Step]]:
    """Return what the workflow makes in a profile, by stage: data, segmenters, runs, metrics, report."""
    found: dict[str, dict[Path, Step]] = {}
    waiting = list(graph.targets())
    while waiting:
        step = waiting.pop()
        stage = STAGES[step.kind]
        if step.record not in found.setdefault(stage, {}):
            found[stage][step.record] = step
            waiting += step.needs
    return {stage: list(found.get(stage, {}).values()) for stage in STAGES.values()}


def run_name(wildcards: Mapping[str, str]) -> str:
    """Return "<dataset>/<row>/<seed>"."""
    return "/".join(wildcards[name] for name in ("dataset", "row", "seed"))


def measure_options(file: str) -> str:
    """Return the options of `spatialgan measure` that write a metric's file."""
    measure, segmenter = measure_and_segmenter(file)
    return f"--what {measure}" + (f" --segmenter {segmenter}" if segmenter else "")


def measure_pattern() -> str:
    """Return a regular expression of the names of metrics' files."""
    segmenting = [name for name, measure in MEASURES.items() if "segmenter" in measure.inputs]
    return f"{one_of(MEASURES)}|({one_of(segmenting)})_({one_of(SEGMENTERS)})"


def whole_number(config: Mapping[str, object], name: str, default: int) -> int:
    """Return a number that --config gives; raises ValueError for anything else."""
    found = config.get(name, default)
    if type(found) is not int or not 0 <= found <= MAX_MACHINES:
        raise ValueError(f"--config {name}={found}: a whole number from 0 to {MAX_MACHINES}")
    return found


def one_of(names: Iterable[object]) -> str:
    """Return a regular expression of some names; of none, one that nothing matches."""
    return "|".join(re.escape(str(name)) for name in names) or "(?!)"


def check_library(step: Step) -> None:
    """Raise ValueError, saying how to install it, if the library of a step's segmenter is missing."""
    name = step.name.rpartition("/")[2] if step.kind == "segmenter" else ""
    if step.kind == "metric":
        name = step.settings.get("segmenter", "")
    if environment_of(name) is not None:
        from spatialgan.segmenters.detectron import require

        require()


def environment_of(segmenter: str) -> str | None:
    """Return the Conda environment that a job with a segmenter needs, None if the workflow's own is enough."""
    return DETECTRON_ENVIRONMENT if segmenter.startswith("detectron2") else None


def check_params(params: Params, profile: str) -> None:
    """Raise ValueError, in one line that names the place, if a row or a gallery can't be made."""
    from spatialgan.drawing.galleries import check_gallery

    for row in params.rows:
        try:
            resolve(params, f"{next(iter(params.datasets))}/{row}/0", profile)
        except ValueError as error:
            raise ValueError(f"params/runs.yaml, {row}: {error}") from None
    for name, metric in params.metrics.items():
        try:
            measure_and_segmenter(metric["file"])
        except ValueError as error:
            raise ValueError(f"params/tables.yaml, metrics, {name}: {error}") from None
    for name, item in params.figures.items():
        if item["kind"] == "gallery":
            try:
                check_gallery(item)
            except ValueError as error:
                raise ValueError(f"params/figures.yaml, {name}: {error}") from None
