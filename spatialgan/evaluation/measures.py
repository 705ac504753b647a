"""MEASURES: what can be measured of a run's snapshot, and what each result depends on."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """One measure, as the workflow needs to know it."""

    inputs: tuple[str, ...]  # beside the snapshot: "archive", "extractor", "segmenter"
    depends_on: Callable[
        [dict], dict
    ]  # from a profile's line to the settings that change the result
    code: str  # dotted name of what measures


def _columns(*names: str) -> Callable[[dict], dict]:
    return lambda line: {name: line.get(name, "default") for name in names}


MEASURES = {
    "fidelity": Measure(
        ("archive", "extractor"),
        _columns("extractor", "num_fake"),
        "spatialgan.evaluation.fidelity.measure_fidelity",
    ),
    "comove": Measure(
        ("segmenter",), _columns("num_comove"), "spatialgan.evaluation.comove.measure_comove"
    ),
    "locality": Measure(
        (), _columns("num_comove"), "spatialgan.evaluation.locality.measure_locality"
    ),
    "drags": Measure(
        ("segmenter",),
        _columns("num_drags", "drag_steps"),
        "spatialgan.evaluation.drag_benchmark.measure_drags",
    ),
}
