"""MEASURES: what can be measured of a run's snapshot, and what each result depends on.

To add one, write a module beside this one that ends in a `Procedure` (see harness.py) and give it a key here. The
command `spatialgan measure RUN --what KEY`, partial results, resuming and the workflow's rule follow from the key;
its numbers become columns of tables as entries of `metrics` in params/tables.yaml whose `file` is the key.

The workflow reads these declarations while it plans, so nothing here imports torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from spatialgan.variants import unknown_name


@dataclass(frozen=True)
class Measure:
    """One way to measure a snapshot, as far as it can be told without torch."""

    inputs: tuple[
        str, ...
    ]  # beside the snapshot: "archive", "extractor", "judge", "segmenter", "kept"
    depends_on: Callable[
        [Mapping], dict
    ]  # from a profile's line to the settings that change the result
    code: str  # dotted name of its Procedure: where the digest of its code begins


def measure_and_segmenter(file: str) -> tuple[str, str]:
    """Return the measure and the segmenter in the name of a metric's file, "" for the profile's own segmenter.

    Raises ValueError, naming the measures, if the name begins with none.
    """
    for key in sorted(MEASURES, key=len, reverse=True):
        if file == key or file.startswith(f"{key}_"):
            return key, file[len(key) + 1 :]
    raise ValueError(unknown_name(MEASURES, "measure", file))


def _columns(*names: str) -> Callable[[Mapping], dict]:
    """Return a function that picks these columns of a profile's line; a column that is left out stays out."""
    return lambda line: {name: line[name] for name in names if name in line}


DEFAULT_JUDGE = "efficientnet"  # of EXTRACTORS, where a profile's line names none

MEASURES: dict[str, Measure] = {
    "fidelity": Measure(
        inputs=("archive", "extractor"),
        depends_on=_columns("extractor", "num_fake", "sample_seed"),
        code="spatialgan.evaluation.fidelity.FIDELITY",
    ),
    "judge": Measure(
        inputs=("archive", "judge"),
        depends_on=_columns("judge", "num_fake", "sample_seed"),
        code="spatialgan.evaluation.judge.JUDGE",
    ),
    "comove": Measure(
        inputs=("segmenter",),
        depends_on=_columns("segmenter", "num_comove", "sample_seed"),
        code="spatialgan.evaluation.comove.COMOVE",
    ),
    "locality": Measure(
        inputs=(),
        depends_on=_columns("num_comove", "sample_seed"),
        code="spatialgan.evaluation.locality.LOCALITY",
    ),
    "drags": Measure(
        inputs=("segmenter",),
        depends_on=_columns("segmenter", "num_drags", "drag_steps"),
        code="spatialgan.evaluation.drags.DRAG_BENCHMARK",
    ),
    "local_control": Measure(
        inputs=(),
        depends_on=_columns("num_comove", "num_drags", "num_fake", "edits", "sample_seed"),
        code="spatialgan.evaluation.local_control.LOCAL_CONTROL",
    ),
    "links": Measure(
        inputs=(),
        depends_on=_columns("num_comove", "sample_seed"),
        code="spatialgan.evaluation.links.LINKS",
    ),
    "history": Measure(
        inputs=("kept", "archive", "extractor"),
        depends_on=_columns("extractor", "num_fake", "sample_seed"),
        code="spatialgan.evaluation.history.HISTORY",
    ),
}
