"""A second judge of fidelity: the same distances by a network that this project did not train.

What fidelity.py measures with features learned from drawn scenes is measured again with those of an extractor learned
from photographs of ImageNet. Where the two order rows differently, neither order is a finding.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from spatialgan.evaluation.fidelity import (
    fidelity_findings,
    fidelity_observations,
    fidelity_protocol,
)
from spatialgan.evaluation.harness import Findings, Procedure, Setup
from spatialgan.snapshot import Snapshot

PREFIX = "judge_"  # of the metrics' names


def judge_protocol(setup: Setup) -> dict:
    """Return what must agree before two results may be compared."""
    return fidelity_protocol(_by_judge(setup))


def judge_observations(snapshot: Snapshot, setup: Setup, done: Sequence[dict]) -> Iterator[dict]:
    """Yield the metrics, in one batch; raises ValueError if there are too few images."""
    yield from fidelity_observations(snapshot, _by_judge(setup), done)


def judge_findings(snapshot: Snapshot, setup: Setup, batches: Sequence[dict]) -> Findings:
    """Return the metrics under names that say who judged."""
    found = fidelity_findings(snapshot, _by_judge(setup), batches)
    metrics = {f"{PREFIX}{name}": value for name, value in found.metrics.items()}
    ids = {f"{PREFIX}{name}": value for name, value in found.metric_ids.items()}
    return replace(found, metrics=metrics, metric_ids=ids)


def _by_judge(setup: Setup) -> Setup:
    return replace(setup, inputs={**setup.inputs, "extractor": setup.inputs["judge"]})


JUDGE = Procedure(judge_protocol, judge_observations, judge_findings)
