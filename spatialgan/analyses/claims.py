"""What holds of the paper's claims: evidence (evidence.py) and orderings of tables, weighed by one rule.

A claim is about a method, and a training is one draw from it: another would have other accidents. So each training
counts once, by its number, and a claim holds, or doesn't, where Student's interval of the mean over trainings excludes
the claim's bound. One training decides nothing, and trainings that have not learned (a metric of params/tables.yaml
with `least` says what that is) decide nothing either.
"""

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd

from spatialgan.analyses.evidence import evidence_of
from spatialgan.analyses.findings import Number
from spatialgan.files import write_atomically
from spatialgan.markup import markdown_line
from spatialgan.provenance import source_commit
from spatialgan.records import read_record, write_record
from spatialgan.reporting.columns import columns_of
from spatialgan.reporting.formats import markdown_table
from spatialgan.reporting.orderings import ordering_frame
from spatialgan.reporting.results import load_results
from spatialgan.reporting.trainings import LEVEL, mean_interval
from spatialgan.settings.params import Params

HOLDS, FAILS, OPEN = "holds", "does not hold", "undecided here"
OF_ORDERINGS = {"shown": HOLDS, "reversed": FAILS}  # verdicts of reporting/orderings.py
NAME = "claims"
RULE = (
    f"A claim holds, or does not, where the {100 * LEVEL:.0f} % interval of the mean over trainings excludes its bound;"
    f" of one training the interval is over samples, and decides nothing. Trainings that have not learned don't count."
    f" Of so many claims about one in twenty would be decided by chance."
)


@dataclass(frozen=True)
class Weighed:
    """A claim, and the evidence here."""

    claim: str
    source: str  # where the paper makes it
    number: str  # what was measured
    here: str  # the number found, with its interval
    trainings: int  # that it comes from
    verdict: str


def write_claims(params: Params, profile: str) -> Path:
    """Weigh every claim by what a profile's analyses and tables found, write the page and return its record's path."""
    weighed = [*_of_claims(params, profile), *_of_orderings(params, profile)]
    counts = {v: sum(w.verdict.startswith(v) for w in weighed) for v in (HOLDS, FAILS, OPEN)}
    frame = pd.DataFrame([asdict(w) for w in weighed])
    summary = ", ".join(f"{verdict}: {count}" for verdict, count in counts.items())
    page = "\n\n".join(
        [
            "# The paper's claims, weighed",
            markdown_line(RULE),
            f"Profile {profile}. {summary}.",
            markdown_table(frame.map(str)),
        ]
    )
    results = params.results(profile)
    write_atomically(results.analysis(NAME, ".md"), (page + "\n").encode())
    record = {"commit": source_commit(), "counts": counts, "claims": [asdict(w) for w in weighed]}
    write_record(results.analysis(NAME, ".json"), record)
    return results.analysis(NAME, ".json")


def weigh(values: Mapping[str, float], least: float, not_learned: Mapping[str, str]) -> str:
    """Return the verdict on a claim, and why, from its number in each training, some of which have not learned."""
    if not values:
        return f"{OPEN}: not measured"
    counted = [value for run, value in values.items() if run not in not_learned]
    found = mean_interval(counted)
    if found is None:
        if len(values) > len(counted):
            reason = next(not_learned[run] for run in values if run in not_learned)
            return f"{OPEN}: {len(values) - len(counted)} of {len(values)} not learned ({reason})"
        return f"{OPEN}: one training"
    if found[0] > least:
        return HOLDS
    return FAILS if found[1] < least else f"{OPEN}: the interval includes {least:g}"


def _of_claims(params: Params, profile: str) -> Iterator[Weighed]:
    for name, claim in params.claims.items():
        found = evidence_of(params, profile, name)
        values = {run: number.value for run, number in found.items()}
        not_learned = _not_learned(params, profile, values)
        verdict = weigh(values, claim.get("least", 0), not_learned)
        counted = [number for run, number in found.items() if run not in not_learned]
        here = _shown(counted or list(found.values()))
        yield Weighed(claim["says"], claim["source"], claim["number"], here, len(values), verdict)


def _shown(found: list[Number]) -> str:
    """Return the mean over trainings with its interval; of one training its value, with the interval over samples."""
    if not found:
        return "-"
    ends = mean_interval([number.value for number in found])
    mean = statistics.fmean(number.value for number in found)
    return found[0].text() if ends is None else Number(mean, *ends).text()


def _not_learned(params: Params, profile: str, runs: Mapping[str, float]) -> dict[str, str]:
    """Return the runs that are known not to have learned, each with what it hasn't reached."""
    bounds = {name: style for name, style in params.metrics.items() if "least" in style}
    found = {}
    for run in runs:
        for name, style in bounds.items():
            path = params.results(profile).metric(run, style["file"])
            value = read_record(path)["metrics"].get(name) if path.is_file() else None
            if value is not None and value < style["least"]:
                found[run] = f"{style['title']} {value:.{style['digits']}f}"
    return found


def _of_orderings(params: Params, profile: str) -> Iterator[Weighed]:
    said: dict[str, Weighed] = {}
    for name in params.orderings:
        for weighed in _of_section(params, profile, name):
            first = said.get(weighed.claim, weighed)  # several tables have the same rows
            sources = dict.fromkeys([*first.source.split("; "), weighed.source])
            said[weighed.claim] = replace(first, source="; ".join(sources))
    yield from said.values()


def _of_section(params: Params, profile: str, name: str) -> Iterator[Weighed]:
    section = params.tables[name]
    everywhere = dict.fromkeys(d for known in section["rows"].values() for d in known)
    bounds = [metric for metric, style in params.metrics.items() if "least" in style]
    metrics = list(dict.fromkeys([*section["metrics"], *bounds]))
    section = {**section, "datasets": list(everywhere), "metrics": metrics}
    measured = load_results(params, section, profile)
    columns = columns_of(params, section, profile, measured)
    for line in ordering_frame(params, section, columns).to_dict("records"):
        reason = line["verdict"].removeprefix("undecided: ")
        verdict = OF_ORDERINGS.get(reason, f"{OPEN}: {reason}")
        claim = f"{line['']} is {line['paper']} ({line['metric']})"
        trainings = len({r.run.rpartition("/")[2] for r in measured})
        yield Weighed(claim, section["source"], "difference", line["here"], trainings, verdict)
    for dataset in everywhere:
        here = {r.row for r in measured if r.dataset == dataset}
        yield from _not_run(params, name, dataset, here)


def _not_run(params: Params, name: str, dataset: str, here: set[str]) -> Iterator[Weighed]:
    """Yield the paper's orderings of a section whose rows have not been run here, as one line."""
    section = params.tables[name]
    known = [row for row, numbers in section["rows"].items() if dataset in numbers]
    known = [row for row in known if section["rows"][row][dataset] != "N/A"]
    absent = [params.rows[row]["title"] for row in known if row not in here]
    if absent:
        order = " > ".join(
            f"{params.rows[row]['title']} {section['rows'][row][dataset]:g}" for row in known
        )
        said = f"{dataset}: {order}"
        verdict = f"{OPEN}: not run ({', '.join(absent)})"
        yield Weighed(
            said, section["source"], params.metrics[section["metrics"][0]]["title"], "-", 0, verdict
        )
