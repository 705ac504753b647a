"""Evidence of a claim: one number per training, from an analysis, a measure of one row, drags, or a training's speed.

Where a claim comes from a measure, its number is that of the record. Where it comes from drags, it is about the median of
a metric of the method `ours` on the last row of a table of drags, as a mean over the lengths of drags: that median itself;
or by how much it is lower than that of the method `theirs` of the same seed; or, as `ratio`, by which factor. The first
method of the table is DragGAN on the first row, the baseline, wherever it is `theirs`, unless `same_row` is true.
Where it comes from speed, it is by which share a row's training takes longer than that of the row `beside` it.
"""

from typing import Any

import numpy as np

from spatialgan.analyses.findings import Number, exactly
from spatialgan.evaluation.bootstrap import NUM_RESAMPLES, interval
from spatialgan.records import read_record
from spatialgan.settings.params import Params


def evidence_of(params: Params, profile: str, name: str) -> dict[str, Number]:
    """Return the number of a claim in each training that has one, by run."""
    claim = params.claims[name]
    if "analysis" in claim:
        path = params.results(profile).analysis(claim["analysis"], ".json")
        found = read_record(path)["evidence"].get(name, {}) if path.is_file() else {}
        return {run: Number(**number) for run, number in found.items()}
    if "beside" in claim:
        return _of_speed(params, profile, claim)
    if "row" in claim:
        return _of_measure(params, profile, claim)
    return _of_drags(params, profile, claim) if "table" in claim else {}


def _of_measure(params: Params, profile: str, claim: dict) -> dict[str, Number]:
    metric, found = claim["metric"], {}
    for seed in params.profile(profile)["seeds"]:
        run = f"{claim['dataset']}/{claim['row']}/{seed}"
        path = params.results(profile).metric(run, params.metrics[metric]["file"])
        record = read_record(path) if path.is_file() else {"metrics": {}}
        if metric in record["metrics"]:
            value, ends = record["metrics"][metric], record["intervals"].get(metric)
            found[run] = Number(value, *((ends["low"], ends["high"]) if ends else (value, value)))
    return found


def _of_speed(params: Params, profile: str, claim: dict) -> dict[str, Number]:
    """Return by which share each training takes longer than that of the row beside it: a number without interval."""
    found, dataset = {}, claim["dataset"]
    for seed in params.profile(profile)["seeds"]:
        runs = [f"{dataset}/{row}/{seed}" for row in (claim["row"], claim["beside"])]
        paths = [params.results(profile).run(run).record for run in runs]
        if all(path.is_file() for path in paths):
            mine, other = (read_record(path).get("images_per_second") for path in paths)
            if mine and other:
                found[runs[0]] = exactly(other / mine - 1)
    return found


def _of_drags(params: Params, profile: str, claim: dict) -> dict[str, Number]:
    section, found = params.tables[claim["table"]], {}
    rows, methods = list(section["rows"]), list(section["methods"])
    theirs, ours = claim.get("theirs"), claim["ours"]
    first = theirs == methods[0] and not claim.get("same_row")
    for dataset in params.columns(section, profile):
        for seed in params.profile(profile)["seeds"]:
            run, other = (f"{dataset}/{row}/{seed}" for row in (rows[-1], rows[0 if first else -1]))
            mine = _trials(params, profile, run, ours, claim["metric"])
            compared = _trials(params, profile, other, theirs, claim["metric"]) if theirs else {}
            if mine and (not theirs or compared.keys() == mine.keys()):
                found[run] = _of_medians(mine, compared, is_ratio=claim.get("as") == "ratio")
    return found


def _trials(
    params: Params, profile: str, run: str, method: str, metric: str
) -> dict[int, np.ndarray]:
    """Return the numbers of a method's drags by length; none if the run's drags weren't measured."""
    path = params.results(profile).metric(run, "drags")
    drags = read_record(path)["drags"] if path.is_file() else []
    lines = [line for line in drags if line["method"] == method]
    return {line["length_px"]: np.asarray(line[metric], dtype=float) for line in lines}


def _of_medians(
    ours: dict[int, np.ndarray], theirs: dict[int, np.ndarray], *, is_ratio: bool
) -> Number:
    """Return the median of our drags, or of theirs minus it, or over it, as a mean over lengths, with its interval."""
    draws = np.random.default_rng(0)
    value, replicates = 0.0, np.zeros(NUM_RESAMPLES)
    for length, mine in ours.items():
        both = [mine] if not theirs else [theirs[length], mine]
        picks = [draws.integers(len(x), size=(NUM_RESAMPLES, len(x))) for x in both]
        again = [np.median(x[pick], axis=1) for x, pick in zip(both, picks, strict=True)]
        value += _joined([np.median(x) for x in both], is_ratio) / len(ours)
        replicates += _joined(again, is_ratio) / len(ours)
    ends = interval(replicates)
    return Number(float(value), ends.low, ends.high)


def _joined(medians: list, is_ratio: bool) -> Any:
    if len(medians) == 1:
        return medians[0]
    return medians[0] / medians[1] if is_ratio else medians[0] - medians[1]
