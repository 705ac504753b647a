"""The experiment as data: params/, checked against its JSON schema, and what belongs to what in it.

No torch here: reports and the workflow's targets are made from this alone. `spatialgan.settings.config` turns a
row into what one training needs.

A run is named "<dataset>/<row>/<seed>". Precedence of the values a training gets: dataclass defaults
(the paper's values) < the profile's line < the row.
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spatialgan.documents import read_yaml
from spatialgan.results import Results
from spatialgan.settings.references import check_references
from spatialgan.settings.schema import schema_fault
from spatialgan.variants import choose, shown

RESULTS = Path("results")
SEED = "0|[1-9][0-9]{0,18}"  # as it is written in a run's name: one seed has one name
MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class Params:
    """The parsed, validated contents of params/."""

    datasets: dict
    rows: dict
    profiles: dict
    tables: dict
    metrics: dict
    figures: dict
    analyses: dict
    claims: dict
    orderings: list[str]  # sections of tables whose orderings are claims too
    default_profile: str

    def profile(self, name: str) -> dict:
        """Return a profile's line; raises ValueError naming the valid ones."""
        return choose(self.profiles, "profile", name)

    def root(self, profile: str) -> Path:
        """Return where a profile's results go: results/ for the default one, results/<profile>/ for the others."""
        self.profile(profile)
        return RESULTS if profile == self.default_profile else RESULTS / profile

    def results(self, profile: str) -> Results:
        """Return where the files of a profile's results are."""
        return Results(self.root(profile))

    def profile_of(self, root: str | Path) -> str:
        """Return the profile whose results go to `root`."""
        return choose(self._profile_by_root, "results folder", str(root))

    @functools.cached_property  # asked by every job of a workflow
    def _profile_by_root(self) -> dict[str, str]:
        return {str(self.root(name)): name for name in self.profiles}

    def dataset(self, name: str) -> dict:
        """Return the row of a data set; raises ValueError naming the valid ones."""
        return choose(self.datasets, "dataset", name)

    def row(self, name: str) -> dict:
        """Return a row of runs.yaml; raises ValueError naming the valid ones."""
        return choose(self.rows, "row", name)

    def segmenter_of_links(self, row: str) -> str:
        """Return the segmenter that finds what a row links axes to, "" if it links none to a class of objects."""
        linkage = self.row(row).get("linkage", "none")
        regions = linkage.get("regions", []) if isinstance(linkage, dict) else []
        if not any(region.startswith("class:") for region in regions):
            return ""
        return linkage.get("segmenter", "torchvision")

    def source(self, dataset: str, profile: str) -> dict:
        """Return the row of a data set in the form the profile uses, with `resolution` and `num_images`."""
        line = self.profile(profile)
        row = dict(choose(self.dataset(dataset), f"form of data set '{dataset}'", line["data"]))
        limit = row.pop("max_images", 0)
        return {**row, "resolution": line["resolution"], "num_images": line["num_images"] or limit}

    def sections(self, table: str) -> dict[str, dict]:
        """Return the sections of a table by name: those it lists, or itself."""
        page = choose(self.tables, "table", table)
        names = page.get("sections", [table])
        return {name: choose(self.tables, "table", name) for name in names}

    @property
    def usual_tables(self) -> list[str]:
        """Return the tables that are made by default.

        A section that says `on_request` is not, nor a page with such a section.
        """
        return [
            name
            for name in self.tables
            if not any("on_request" in item for item in self.sections(name).values())
        ]

    @property
    def usual_figures(self) -> list[str]:
        """Return the figures of figures.yaml that are made by default."""
        return [name for name, item in self.figures.items() if "on_request" not in item]

    def measures(self, section: dict, profile: str) -> list[tuple[str, dict]]:
        """Return the metrics of a table's section, each by name with its entry of `metrics`.

        If the section names `segmenters`, each metric appears once for each of them. The profile's own
        segmenter writes the entry's file, the others files named after them.
        """
        pairs = [(metric, self.metrics[metric]) for metric in section["metrics"]]
        own = self.profile(profile)["segmenter"]
        if "segmenters" not in section:
            return pairs
        return [
            (
                metric,
                {
                    **style,
                    "title": f"{style['title']} by {name}",
                    "file": style["file"] if name == own else f"{style['file']}_{name}",
                },
            )
            for metric, style in pairs
            for name in section["segmenters"]
        ]

    def columns(self, section: dict, profile: str) -> list[str]:
        """Return the data sets of a table's section: its own choice or the profile's, where the form exists."""
        line = self.profile(profile)
        wanted = section.get("datasets", line["datasets"])
        return [name for name in wanted if line["data"] in self.dataset(name)]

    def runs(self, section: dict, profile: str) -> list[str]:
        """Return the names of all runs behind a table's section or a figure, in its order."""
        rows = [name for name in section["rows"] if self.row(name)]
        seeds = self.profile(profile)["seeds"]
        columns = self.columns(section, profile)
        return [f"{dataset}/{row}/{seed}" for dataset in columns for row in rows for seed in seeds]

    @functools.cached_property
    def sample_figures(self) -> dict[str, dict]:
        """Return the figures of samples that accompany tables, "<table>_samples", as entries of figures.yaml."""
        return {f"{table}_samples": {"kind": "samples", "table": table} for table in self.tables}

    def first_runs(self, item: dict, profile: str) -> list[str]:
        """Return the runs whose images a figure drawn by models shows: the first seed of every row and data set."""
        first = f"/{self.profile(profile)['seeds'][0]}"
        return [run for run in self.runs(item, profile) if run.endswith(first)]

    def figure(self, name: str) -> dict:
        """Return a figure of figures.yaml, or the samples that accompany a table; raises ValueError for other names."""
        return choose({**self.sample_figures, **self.figures}, "figure", name)

    def subjects(self, item: dict, profile: str) -> list[str]:
        """Return the names of all runs that an analysis looks at, in the order of its entry."""
        line = self.profile(profile)
        return [
            f"{dataset}/{row}/{seed}"
            for dataset, rows in self.subjects_in(item, profile).items()
            if line["data"] in self.dataset(dataset)
            for row in rows
            for seed in line["seeds"]
        ]

    def subjects_in(self, item: dict, profile: str) -> dict[str, list[str]]:
        """Return the rows by data set that an analysis looks at in a profile."""
        return item.get("subjects_in", {}).get(profile, item["subjects"])

    def analysis(self, name: str) -> dict:
        """Return an entry of analyses.yaml; raises ValueError naming the valid ones."""
        return choose(self.analyses, "analysis", name)

    def analysis_settings(self, name: str, profile: str) -> dict:
        """Return what an analysis is made by in a profile: its entry, and the claims that it has evidence of."""
        item = self.analysis(name)
        kept = {key: value for key, value in item.items() if key != "subjects_in"}
        subjects = self.subjects_in(item, profile)
        return {**kept, "subjects": subjects, "claims": self.claims_of(name)}

    def claims_of(self, analysis: str) -> dict[str, dict]:
        """Return the claims that an analysis has evidence of, by name."""
        return {k: claim for k, claim in self.claims.items() if claim.get("analysis") == analysis}


def load_params(folder: Path = Path("params")) -> Params:
    """Return the parameters in `folder`, checked against its schema and for names that nothing defines.

    Raises ValueError with one line that names file, place and fault.
    """
    names = ("datasets", "runs", "profiles", "tables", "figures", "analyses")
    parsed = {name: _load_yaml(folder / f"{name}.yaml") for name in names}
    schema = _load_yaml(folder / "schema.yaml")
    for name in names:
        _validate(parsed[name], schema, name, folder)
    params = Params(
        datasets=parsed["datasets"],
        rows=parsed["runs"],
        profiles=parsed["profiles"]["profiles"],
        tables=parsed["tables"]["tables"],
        metrics=parsed["tables"]["metrics"],
        figures=parsed["figures"],
        analyses=parsed["analyses"]["analyses"],
        claims=parsed["analyses"]["claims"],
        orderings=parsed["analyses"]["orderings"],
        default_profile=parsed["profiles"]["default"],
    )
    check_references(params, folder)
    return params


def split_run(run: str) -> tuple[str, str, int]:
    """Return data set, row and seed of a run's name; raises ValueError if it is not of that form."""
    parts = run.split("/")
    if len(parts) != 3 or not re.fullmatch(SEED, parts[2]) or int(parts[2]) > MAX_SEED:
        raise ValueError(
            f"{shown(run)} names no run: a run is <dataset>/<row>/<seed>, such as cat/spatialgan/0, with a seed"
            f" from 0 to {MAX_SEED}"
        )
    return parts[0], parts[1], int(parts[2])


def _load_yaml(path: Path) -> Any:
    if not path.is_file():
        raise ValueError(
            f"{path} is missing: run this from the repository's root, or name the folder"
        )
    return read_yaml(path)


def _validate(parsed: Any, schema: dict, name: str, folder: Path) -> None:
    fault = schema_fault(parsed, {**schema, "$ref": f"#/$defs/{name}"})
    if fault:
        raise ValueError(f"{folder / name}.yaml, {fault}")
