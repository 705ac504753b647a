"""Making an analysis: its runs opened, its function called, and numbers, page and picture written."""

from importlib import import_module
from pathlib import Path

from spatialgan.analyses.page import analysis_page
from spatialgan.analyses.registry import ANALYSES
from spatialgan.analyses.requests import Request, Subject
from spatialgan.files import write_atomically
from spatialgan.provenance import source_commit
from spatialgan.records import write_record
from spatialgan.reporting.figures import save_figure
from spatialgan.settings.params import Params
from spatialgan.variants import choose


def write_analysis(params: Params, name: str, profile: str) -> Path:
    """Make an analysis of params/analyses.yaml, write its files and return its record's path, which is written last.

    Raises ValueError, in one line, for an unknown name, a run that isn't trained, or a discriminator that isn't here.
    """
    item, results = params.analysis(name), params.results(profile)
    subjects = [
        Subject(run, params.row(run.split("/")[1])["title"], results)
        for run in params.subjects(item, profile)
    ]
    if not subjects:
        raise ValueError(f"analysis {name}: profile {profile} has none of its data sets")
    for subject in subjects:  # before anything is computed
        snapshot = results.run(subject.run).snapshot
        if not snapshot.is_file():
            raise ValueError(f"{snapshot} does not exist: train {subject.run} first")
    kind = choose(ANALYSES, "kind of analysis", item["kind"])
    if kind.uses_discriminators:
        for subject in subjects:
            _ = subject.discriminator
    module, _, function = kind.function.rpartition(".")
    found = getattr(import_module(module), function)(Request(tuple(subjects), item))
    claims = params.claims_of(name)
    foreign = sorted(found.evidence.keys() - claims.keys())
    if foreign:
        raise ValueError(f"analysis {name}: params/analyses.yaml has no claim {foreign[0]}")
    paths = {suffix: results.analysis(name, suffix) for suffix in (".json", ".md", ".png")}
    save_figure(found.picture, paths[".png"])
    kimg = {subject.run: subject.snapshot.kimg for subject in subjects}
    write_atomically(paths[".md"], analysis_page(item, claims, found, name, kimg).encode())
    snapshots = {subject.run: subject.sha256 for subject in subjects}
    record = {"analysis": name, "commit": source_commit(), "snapshots": snapshots}
    write_record(paths[".json"], {**record, **found.to_json()})
    return paths[".json"]
