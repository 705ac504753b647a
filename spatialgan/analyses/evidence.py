"""Evidence of a claim: one number per training, from an analysis, from a measure of one row, or from two rows' drags.

Where a claim comes from a measure, its number is that of the record. Where it comes from drags, it is by how much the
last method of a table of drags, on the table's last row, needs less than the first method on the first row, trainings of
one seed against each other, as a mean over the lengths of drags.
"""

import numpy as np

from spatialgan.analyses.findings import Number
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


def _of_drags(params: Params, profile: str, claim: dict) -> dict[str, Number]:
    section, found = params.tables[claim["table"]], {}
    rows, methods = list(section["rows"]), list(section["methods"])
    for dataset in params.columns(section, profile):
        for seed in params.profile(profile)["seeds"]:
            runs = [f"{dataset}/{row}/{seed}" for row in (rows[0], rows[-1])]
            paths = [params.results(profile).metric(run, "drags") for run in runs]
            if all(path.is_file() for path in paths):
                theirs, ours = (
                    _trials(read_record(path), method, claim["metric"])
                    for path, method in zip(paths, (methods[0], methods[-1]), strict=True)
                )
                if theirs and theirs.keys() == ours.keys():
                    found[runs[1]] = _less(theirs, ours)
    return found


def _trials(record: dict, method: str, metric: str) -> dict[int, np.ndarray]:
    """Return the numbers of a method's drags by length."""
    lines = [line for line in record["drags"] if line["method"] == method]
    return {line["length_px"]: np.asarray(line[metric], dtype=float) for line in lines}


def _less(theirs: dict[int, np.ndarray], ours: dict[int, np.ndarray]) -> Number:
    """Return by how much the median is lower, as a mean over lengths, with its interval over drags."""
    draws = np.random.default_rng(0)
    gaps = [np.median(theirs[length]) - np.median(ours[length]) for length in theirs]
    replicates = np.zeros(NUM_RESAMPLES)
    for length in theirs:
        for trials, sign in ((theirs[length], 1), (ours[length], -1)):
            picks = draws.integers(len(trials), size=(NUM_RESAMPLES, len(trials)))
            replicates += sign * np.median(trials[picks], axis=1) / len(theirs)
    ends = interval(replicates)
    return Number(float(np.mean(gaps)), ends.low, ends.high)
