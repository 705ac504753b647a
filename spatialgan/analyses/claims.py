"""What holds of the paper's claims: evidence (evidence.py) and orderings of tables, weighed by one rule.

A claim is about a method, and a training is one draw from it: another would have other accidents. So each training
counts once, by its number, and a claim holds, or doesn't, where Student's interval of the mean over trainings, of one row
on one data set, excludes the claim's bound: other rows and data sets are no draws of the same method and are weighed by
themselves. One training decides nothing, and trainings that have not learned (a metric of params/tables.yaml with `least`
says what that is) decide nothing either. What is so in a single model, by the interval over its images, stands beside.
"""

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd

from spatialgan.analyses.evidence import evidence_of
from spatialgan.analyses.findings import Number
from spatialgan.analyses.verdicts import NOT_SO, SO, UNDECIDED, Bound
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
    f"A claim holds of a row on a data set, or does not, where the {100 * LEVEL:.0f} % interval of the mean over its"
    f" trainings (seeds) excludes the claim's bound. One training decides nothing about a method, and trainings that have"
    f" not learned don't count; what is so in such a model itself, by its interval over samples, is the column 'in the"
    f" models'. Of so many lines about one in twenty would be decided by chance."
)


@dataclass(frozen=True)
class Weighed:
    """A claim, and the evidence here."""

    claim: str
    source: str  # where the paper makes it
    number: str  # what was measured, and the bound that it must be above or below
    of: str  # data set and row
    here: str  # the number found, with its interval
    in_models: str  # in how many of the trainings it is so, by the interval over samples
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
            markdown_table(frame.rename(columns={"in_models": "in the models"}).map(str)),
        ]
    )
    results = params.results(profile)
    write_atomically(results.analysis(NAME, ".md"), (page + "\n").encode())
    record = {"commit": source_commit(), "counts": counts, "claims": [asdict(w) for w in weighed]}
    write_record(results.analysis(NAME, ".json"), record)
    return results.analysis(NAME, ".json")


def weigh(values: Mapping[str, float], bound: Bound, not_learned: Mapping[str, str]) -> str:
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
    verdict = {SO: HOLDS, NOT_SO: FAILS}.get(bound.verdict(*found))
    return verdict or f"{OPEN}: the interval includes {bound.value:g}"


def _of_claims(params: Params, profile: str) -> Iterator[Weighed]:
    for name, claim in params.claims.items():
        evidence, bound = evidence_of(params, profile, name), Bound.of(claim)
        number = claim["number"]
        if not evidence:
            none = claim.get("why", "not measured")
            yield Weighed(
                claim["says"], claim["source"], number, "-", "-", "-", 0, f"{OPEN}: {none}"
            )
        for group, found in _by_row(evidence).items():
            values = {run: one.value for run, one in found.items()}
            not_learned = _not_learned(params, profile, values)
            counted = [one for run, one in found.items() if run not in not_learned]
            yield Weighed(
                claim=claim["says"],
                source=claim["source"],
                number=f"{number} ({bound.text})",
                of=group,
                here=_shown(counted or list(found.values())),
                in_models=_in_models(bound, found.values()),
                trainings=len(values),
                verdict=weigh(values, bound, not_learned),
            )


def _by_row(evidence: Mapping[str, Number]) -> dict[str, dict[str, Number]]:
    """Return the numbers of each "<dataset>/<row>", by run."""
    groups: dict[str, dict[str, Number]] = {}
    for run, number in evidence.items():
        groups.setdefault(run.rpartition("/")[0], {})[run] = number
    return groups


def _in_models(bound: Bound, numbers: Iterable[Number]) -> str:
    """Return the verdict on a model, or how many of several have which."""
    found = Counter(map(bound.of_model, numbers))
    if found.total() == 1:
        return next(iter(found))
    return ", ".join(f"{v} in {found[v]}" for v in (SO, NOT_SO, UNDECIDED) if found[v])


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
        yield Weighed(
            claim=claim,
            source=section["source"],
            number="difference",
            of=line[""].partition(": ")[0] if len(everywhere) > 1 else next(iter(everywhere)),
            here=line["here"],
            in_models="-",
            trainings=len({r.run.rpartition("/")[2] for r in measured}),
            verdict=verdict,
        )
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
        title = params.metrics[section["metrics"][0]]["title"]
        yield Weighed(said, section["source"], title, dataset, "-", "-", 0, verdict)
