"""Results of runs, read from disk for tables and figures, and the check that they may be compared.

A missing file means that the run hasn't been made.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from spatialgan.records import read_sealed
from spatialgan.settings.params import Params
from spatialgan.settings.shapes import MEASURED, TRAINED, check_record, check_trials

SHORT = 10  # digits of a hash that people read
GROUP_KINDS = ("classes", "objects_in_frame")  # of objects that were told apart, in a record


@dataclass(frozen=True)
class Result:
    """One run with the metrics of one file."""

    run: str  # "<dataset>/<row>/<seed>"
    dataset: str
    row: str
    file: str  # name of the metrics' JSON, without suffix
    metrics: dict[str, float]
    intervals: dict[str, dict[str, float]]  # low, high and std of the metrics that have them
    groups: dict[str, dict[str, dict[str, float]]]  # by kind of group: numbers by group of objects
    metric_ids: dict[str, str]  # what people call them, with extractor and number of images
    protocol: dict
    commit: str  # of the code that measured
    trials: list[dict]  # numbers per trial, in columns by method and length, where there are some
    training: dict  # the record of the training
    # numbers per image, in columns by region, level and method, where there are some
    edits: list[dict] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """Return what was measured, whoever segmented: comove of comove_detectron2."""
        return self.file.removesuffix(f"_{self.protocol.get('segmenter', '')}")


def load_results(params: Params, section: dict, profile: str) -> list[Result]:
    """Return the results behind a table's section, in its order; runs without any are left out.

    Raises ValueError if a record is damaged, or is of another snapshot than its run's.
    """
    results = params.results(profile)
    files = list(dict.fromkeys(style["file"] for _, style in params.measures(section, profile)))
    found = []
    for run in params.runs(section, profile):
        for file in files:
            paths = results.metric(run, file), results.run(run).record
            if all(path.is_file() for path in paths):
                measured, trained = map(read_sealed, paths)
                check_record(paths[0], measured, MEASURED)
                check_record(paths[1], trained, TRAINED)
                check_trials(paths[0], measured.get("drags", []))
                _check_snapshot(paths[0], measured, run, trained)
                found.append(_result(run, file, measured, trained))
    return found


def _check_snapshot(path: Path, measured: dict, run: str, trained: dict) -> None:
    """Raise ValueError, naming both snapshots, unless a record is of the snapshot that its run has now."""
    theirs, mine = (record.get("snapshot_sha256", "unknown") for record in (measured, trained))
    if theirs != mine or theirs == "unknown":
        raise ValueError(
            f"{path} was measured on snapshot {theirs[:SHORT]}, but {run} has snapshot "
            f"{mine[:SHORT]}: measure it again"
        )


def _result(run: str, file: str, measured: dict, trained: dict) -> Result:
    dataset, row, _ = run.split("/")
    ids = measured.get("metric_ids", {})
    return Result(
        run=run,
        dataset=dataset,
        row=row,
        file=file,
        metrics=measured["metrics"],
        intervals=measured.get("intervals", {}),
        groups={kind: measured[kind] for kind in GROUP_KINDS if measured.get(kind)},
        metric_ids={name: ids.get(name, name) for name in measured["metrics"]},
        protocol=measured["protocol"],
        commit=measured.get("commit", "unknown"),
        trials=measured.get("drags", []),
        edits=measured.get("edits", []),
        training=trained,
    )


def check_protocols(results: Iterable[Result]) -> None:
    """Raise ValueError, naming both runs and what differs, unless all results may be compared.

    Results of one file must share a protocol; hashes of a data set, and of a segmenter trained on its
    scenes, only among runs on that data set. A file of another segmenter's, `<file>_<segmenter>`, may differ in
    the segmenter alone.
    """
    first: dict[tuple, Result] = {}
    for result in results:
        for key, leave_out in (
            (("", result.kind), {"dataset_sha256", "segmenter_sha256", "segmenter"}),
            ((result.file,), {"dataset_sha256", "segmenter_sha256"}),
            ((result.file, result.dataset), set()),
        ):
            other = first.setdefault(key, result)
            names = sorted({*result.protocol, *other.protocol} - leave_out)
            for name in names:
                mine, theirs = result.protocol.get(name), other.protocol.get(name)
                if mine != theirs:
                    pair = [
                        one.run if other.file == result.file else f"{one.run} ({one.file})"
                        for one in (other, result)
                    ]
                    raise ValueError(
                        f"{' and '.join(pair)} were measured differently and can't stand in one "
                        f"table: {name} is {theirs} and {mine}; measure one of them again"
                    )
