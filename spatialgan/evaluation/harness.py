"""The harness: what all measures have in common, from opening a snapshot to saving the record.

A measure observes in batches and turns the observations into numbers (`Procedure`). The harness loads and hashes the
snapshot, opens the archive, extractor or segmenter that the measure declares in MEASURES, keeps finished batches on
disk so that a killed measurement can be resumed, and writes the record.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from spatialgan.checkpoints import kept_snapshots
from spatialgan.data.archive import ImageArchive
from spatialgan.data.prepare import check_archive
from spatialgan.evaluation.bootstrap import Interval
from spatialgan.evaluation.measures import DEFAULT_JUDGE, MEASURES, Measure
from spatialgan.evaluation.partial import PartialResults
from spatialgan.extractors.registry import Extractor, open_extractor
from spatialgan.files import file_sha256
from spatialgan.provenance import source_commit
from spatialgan.records import read_record, write_record
from spatialgan.results import DatasetFiles, Results
from spatialgan.segmenters.registry import Segmenter, open_segmenter, weights_path
from spatialgan.settings.config import RunConfig, resolve
from spatialgan.settings.params import Params
from spatialgan.snapshot import Snapshot, load_hashed
from spatialgan.variants import choose


@dataclass(frozen=True)
class Setup:
    """What a snapshot is measured with."""

    settings: Mapping[str, Any]  # what the measure depends on: columns of the profile's line
    inputs: Mapping[str, Any]  # what the measure declares, opened
    device: str = "cpu"  # cpu or cuda

    @property
    def seed(self) -> int:
        """Return the seed of the latents, layouts, noise and edits of everything that is measured."""
        return self.settings.get("sample_seed", 0)

    @property
    def archive(self) -> ImageArchive:
        """Return the real images that the run learned from."""
        return self.inputs["archive"]

    @property
    def extractor(self) -> Extractor:
        """Return the network whose features are compared."""
        return self.inputs["extractor"]

    @property
    def segmenter(self) -> Segmenter:
        """Return what finds objects in images."""
        return self.inputs["segmenter"]


@dataclass(frozen=True)
class Findings:
    """What a measure makes of its observations."""

    metrics: dict[str, float]
    intervals: dict[str, Interval] = field(default_factory=dict)  # of the metrics that have one
    metric_ids: dict[str, str] = field(default_factory=dict)  # what the literature calls them
    details: dict = field(default_factory=dict)  # other entries of the record, as JSON data


@dataclass(frozen=True)
class Procedure:
    """How a measure is carried out. Batches are JSON documents, so that they can be kept on disk."""

    # what has to agree before two results may be compared
    protocol: Callable[[Setup], dict]
    # yields further batches, given the finished ones; none for a row that the measure doesn't apply to
    observe: Callable[[Snapshot, Setup, Sequence[dict]], Iterator[dict]]
    # makes numbers of all batches, in order
    conclude: Callable[[Snapshot, Setup, Sequence[dict]], Findings]

    def measure(self, code: str, snapshot_path: Path, setup: Setup, output: Path) -> dict:
        """Measure a snapshot, write the record to `output` and return it.

        `code` is the dotted name of this procedure. Finished batches are kept beside `output`; a killed measurement
        resumes after them if protocol, snapshot and code are still the same, with an identical result.
        Raises ValueError, in one line, if the snapshot is missing or damaged.
        """
        snapshot, sha256 = load_hashed(snapshot_path, setup.device)
        protocol = self.protocol(setup)
        identity = {
            "protocol": protocol,
            "sample_seed": setup.seed,
            "snapshot_sha256": sha256,
            "code": snapshot.config.code(code),
        }
        partial = PartialResults(output.with_suffix(".partial.jsonl"), identity)
        with closing(partial):
            for batch in self.observe(snapshot, setup, tuple(partial.batches)):
                partial.add(batch)
            found = self.conclude(snapshot, setup, partial.batches)
            record = {**_about(snapshot, setup), "snapshot_sha256": sha256, "protocol": protocol}
            record |= _plain(found)
            write_record(output, record)
            partial.remove()
        return read_record(output)


def measure_run(params: Params, profile: str, run: str, what: str, segmenter: str = "") -> dict:
    """Measure a run's snapshot, write the record among the profile's results, and return it.

    `segmenter` replaces the profile's; the record's name then includes it. Raises ValueError, in one line, for an
    unknown name, a missing or damaged file, or a segmenter given to a measure that uses none.
    """
    measure = choose(MEASURES, "measure", what)
    if segmenter and "segmenter" not in measure.inputs:
        raise ValueError(f"measure '{what}' uses no segmenter: leave out --segmenter {segmenter}")
    config, results = resolve(params, run, profile), params.results(profile)
    line = {**params.profile(profile), **({"segmenter": segmenter} if segmenter else {})}
    output = results.metric(config.name, f"{what}_{segmenter}" if segmenter else what)
    snapshot_path = results.run(config.name).snapshot
    if not snapshot_path.is_file():  # before anything large is opened
        raise ValueError(f"{snapshot_path} does not exist: train {config.name} first")
    sha256 = file_sha256(snapshot_path)
    check_described(snapshot_path, sha256, results.run(config.name).record, "snapshot_sha256")
    setup = open_setup(measure, line, results, config)
    return procedure_of(measure).measure(measure.code, snapshot_path, setup, output)


def procedure_of(measure: Measure) -> Procedure:
    """Return how a measure is carried out."""
    module, _, name = measure.code.rpartition(".")
    return getattr(import_module(module), name)


def open_setup(measure: Measure, line: Mapping, results: Results, config: RunConfig) -> Setup:
    """Return what a profile's line says a measure is made with, opened, on the GPU if there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dataset = config.dataset
    openers = {
        "archive": lambda: _open_archive(results.dataset(dataset)),
        "extractor": lambda: open_extractor(line["extractor"]),
        "judge": lambda: open_extractor(line.get("judge", DEFAULT_JUDGE)),
        "segmenter": lambda: _open_segmenter(line["segmenter"], results, dataset, device),
        "kept": lambda: [*kept_snapshots(results, config), results.run(config.name).snapshot],
    }
    inputs = {name: openers[name]() for name in measure.inputs}
    return Setup(measure.depends_on(line), inputs, device)


def check_described(path: Path, sha256: str, record: Path, key: str) -> None:
    """Raise ValueError if a file's record describes another file, because a kill came between the two."""
    if record.is_file() and read_record(record).get(key) != sha256:
        raise ValueError(f"{path} is not the file that {record} describes: make it again")


def _open_segmenter(name: str, results: Results, dataset: str, device: str) -> Segmenter:
    weights = weights_path(name, results, dataset)
    segmenter = open_segmenter(name, weights, device)
    trained = results.segmenter(dataset, name)
    if weights == trained.weights:
        check_described(weights, segmenter.sha256 or file_sha256(weights), trained.record, "sha256")
    return segmenter


def _open_archive(files: DatasetFiles) -> ImageArchive:
    archive = ImageArchive(files.archive)
    check_archive(archive, files)
    return archive


def count_name(count: int) -> str:
    """Return a count as metric names have it: 5k for 5000."""
    return f"{count // 1000}k" if count % 1000 == 0 else str(count)


def _about(snapshot: Snapshot, setup: Setup) -> dict:
    """Return which run a record is of, and which code measured it."""
    config = snapshot.config
    return {
        "run": config.name,
        "row": config.row,
        "dataset": config.dataset,
        "seed": config.seed,
        "kimg": snapshot.kimg,
        "commit": source_commit(),
        "sample_seed": setup.seed,
    }


def _plain(found: Findings) -> dict:
    """Return findings as JSON data."""
    intervals = {name: asdict(bounds) for name, bounds in found.intervals.items()}
    ids = {"metric_ids": found.metric_ids}
    return {"metrics": found.metrics, "intervals": intervals, **ids, **found.details}
