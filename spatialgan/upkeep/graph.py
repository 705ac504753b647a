"""The experiment as a graph: every step from data sets to tables, what it needs, and what it depends on.

The workflow's rules, `spatialgan status` and the commands themselves all ask here. No torch is imported until the
settings or the code of a trained model are asked for.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from spatialgan.analyses.registry import ANALYSES, SEGMENTER
from spatialgan.digest import code_digest
from spatialgan.evaluation.measures import DEFAULT_JUDGE, MEASURES, measure_and_segmenter
from spatialgan.reporting.figures import FIGURES
from spatialgan.segmenters.shipped import shipped_weights
from spatialgan.settings.inversions import FOLDER, load_inversions
from spatialgan.settings.params import Params, split_run
from spatialgan.upkeep.claims import needs_of_claims
from spatialgan.upkeep.inversions import studies_step, study_step
from spatialgan.upkeep.shown import shown_in
from spatialgan.upkeep.steps import Step, built_once
from spatialgan.variants import choose

if TYPE_CHECKING:
    from spatialgan.settings.config import RunConfig

# What opens an input of a measure, and the dict of variants it chooses from by the name in the profile's line
OPENERS = {
    "extractor": ("spatialgan.extractors.registry.open_extractor", "EXTRACTORS"),
    "judge": ("spatialgan.extractors.registry.open_extractor", "EXTRACTORS"),
    "segmenter": ("spatialgan.segmenters.registry.open_segmenter", "SEGMENTERS"),
}
NOTHING_MAKES = "nothing makes {} in profile '{}': name a run such as cat/spatialgan/0, a table, a figure, or a file under {}"
WRITE_FIGURE = "spatialgan.reporting.figures.write_figure"
WRITE_ANALYSIS = "spatialgan.analyses.write.write_analysis"
CLAIMS = "claims"  # the name of that step
# By what a figure shows, the file of a run that it reads; else it reads the record of a measure
READ_OF_RUNS = {"curves": "curves", "samples": "samples", "snapshots": "snapshot"}
TRAINED_SEGMENTERS = ("torchvision", "detectron2", "oracle")  # TRAINERS' keys; they need torch
EXTRACTOR = Path(__file__).parents[1] / "extractors" / "scene_extractor.safetensors"


class Graph:
    """The steps of a profile, each built once."""

    def __init__(self, params: Params, profile: str, folder: Path = FOLDER) -> None:
        """Start from what `folder` says; `params` is what most of it says, read before."""
        self.params, self.profile = params, profile
        self.inversion_items = load_inversions(folder)
        self.line, self.results = params.profile(profile), params.results(profile)
        self.built: dict[tuple[str, ...], Step] = {}
        self._configs: dict[str, RunConfig] = {}

    @built_once
    def dataset(self, name: str) -> Step:
        """Return the step that prepares a data set."""
        files, source = self.results.dataset(name), self.params.source(name, self.profile)
        chosen = {"SOURCES": source["source"], "DRAWINGS": source.get("scene", "")}
        return Step(
            *("dataset", name, self.profile),
            small=(files.manifest,),
            heavy=(files.archive,),
            originals=tuple(Path(source[key]) for key in ("path",) if source.get(key)),
            find_settings=lambda: source,
            find_code=lambda: code_digest("spatialgan.data.prepare.prepare_dataset", chosen),
        )

    @built_once
    def segmenter(self, dataset: str, name: str) -> Step:
        """Return the step that trains segmenter `name` on the drawn scenes of a data set."""
        files = self.results.segmenter(dataset, name)
        source = self.params.source(dataset, self.profile)
        settings = {"source": source, "steps": self.line.get("segmenter_steps", "default")}
        chosen = {"TRAINERS": name, "SEGMENTERS": name, "DRAWINGS": source.get("scene", "")}
        code = "spatialgan.segmenters.training.train_segmenter"
        shipped = shipped_weights(name, source.get("scene", ""), source["resolution"])
        return Step(
            *("segmenter", f"{dataset}/{name}", self.profile),
            small=(files.record,),
            heavy=(files.weights,),
            files=(shipped,) if shipped else (),
            find_settings=lambda: settings,
            find_code=lambda: code_digest(code, chosen),
        )

    @built_once
    def run(self, run: str) -> Step:
        """Return the step that trains a run."""
        dataset, row, seed = split_run(run)
        settings = self.params.row(row)
        files, needs = self.results.run(run), [self.dataset(dataset)]
        if "from" in settings:
            needs.append(self.run(f"{dataset}/{settings['from']}/{seed}"))
        looks = self.params.segmenter_of_links(row)
        if looks in TRAINED_SEGMENTERS:
            needs.append(self.segmenter(dataset, looks))
        return Step(
            *("run", run, self.profile),
            small=(files.record, files.curves, files.samples, files.attention),
            heavy=(files.snapshot,),
            needs=tuple(needs),
            reads=tuple(path for need in needs for path in need.heavy),
            find_settings=lambda: self._config(run).identity(),
            find_code=lambda: self._config(run).code("spatialgan.training.loop.train"),
        )

    @built_once
    def curves(self, run: str) -> Step:
        """Return the step that draws the curves of a run."""
        return Step(
            *("curves", run, self.profile),
            small=(self.results.run(run).curves_figure,),
            needs=(self.run(run),),
            reads=(self.results.run(run).curves,),
            find_settings=dict,
            find_code=lambda: code_digest("spatialgan.reporting.curves.write_curves"),
        )

    @built_once
    def metric(self, run: str, measure: str, segmenter: str = "") -> Step:
        """Return the step that measures a run: a key of MEASURES, by the profile's segmenter or another."""
        found = choose(MEASURES, "measure", measure)
        file = f"{measure}_{segmenter}" if segmenter else measure
        line = {"judge": DEFAULT_JUDGE, **self.line}
        line |= {"segmenter": segmenter} if segmenter else {}
        needs, dataset, by = [self.run(run)], split_run(run)[0], line["segmenter"]
        if "archive" in found.inputs:
            needs.append(self.dataset(dataset))
        if "segmenter" in found.inputs and by in TRAINED_SEGMENTERS:
            needs.append(self.segmenter(dataset, by))
        extractors = [EXTRACTOR] if "extractor" in found.inputs else []

        def code() -> list[str]:
            opened = [(OPENERS[name], line[name]) for name in found.inputs if name in OPENERS]
            opening = [code_digest(opener, {among: key}) for (opener, among), key in opened]
            return [self._config(run).code(found.code), *opening]

        return Step(
            *("metric", f"{run}/{file}", self.profile),
            small=(self.results.metric(run, file),),
            needs=tuple(needs),
            reads=tuple(path for need in needs for path in need.heavy),
            files=tuple(extractors if self.line["extractor"] == "scene" else []),
            find_settings=lambda: found.depends_on(line),
            find_code=code,
        )

    @built_once
    def table(self, name: str) -> Step:
        """Return the step that writes a table."""
        pages = [self.results.table(name, x) for x in (".json", ".md", ".html", ".tex", ".csv")]
        return Step(
            *("table", name, self.profile),
            small=(*pages, self.results.numbers(name)),
            needs=tuple(dict.fromkeys(self.needs_of_table(name))),
            find_settings=lambda: shown_in(self.params, name, self.profile),
            find_code=lambda: code_digest("spatialgan.reporting.tables.write_table"),
        )

    @built_once
    def figure(self, name: str) -> Step:
        """Return the step that draws a figure of params/figures.yaml, or the samples that accompany a table."""
        item = self.params.figure(name)
        kind, settings = item["kind"], dict(item)
        shows = FIGURES[kind].shows
        file, by_models = READ_OF_RUNS.get(shows, ""), shows == "snapshots"
        if kind == "samples":
            runs, settings = (
                self.runs_of_table(item["table"]),
                shown_in(self.params, item["table"], self.profile),
            )
        elif by_models:
            runs = self.params.first_runs(item, self.profile)
        else:
            runs = self.params.runs(item, self.profile)
        if kind == "drags":
            settings["drag_steps"] = self.line.get("drag_steps", "default")

        def code() -> list[str]:
            draw, write = FIGURES[kind].draw, code_digest(WRITE_FIGURE, {"FIGURES": kind})
            if by_models:
                return [write, *(self._config(run).code(draw) for run in runs)]
            return [write, code_digest(draw)]

        return Step(
            *("figure", name, self.profile),
            small=(self.results.figure(name),),
            needs=tuple(map(self.run, runs) if file else (self.metric(r, shows) for r in runs)),
            reads=tuple(getattr(self.results.run(run), file) for run in runs if file),
            find_settings=lambda: settings,
            find_code=code,
        )

    @built_once
    def analysis(self, name: str) -> Step:
        """Return the step that makes an analysis of params/analyses.yaml."""
        item = self.params.analysis(name)
        kind = choose(ANALYSES, "kind of analysis", item["kind"])
        runs = self.params.subjects(item, self.profile)
        datasets = dict.fromkeys(split_run(run)[0] for run in runs)
        data = [self.dataset(name) for name in datasets if kind.uses_archives]
        data += [self.segmenter(name, SEGMENTER) for name in datasets if kind.uses_segmenters]
        return Step(
            *("analysis", name, self.profile),
            small=tuple(self.results.analysis(name, x) for x in (".json", ".md", ".png")),
            needs=(*map(self.run, runs), *data),
            reads=(
                *(self.results.run(run).snapshot for run in runs),
                *(path for need in data for path in need.heavy),
            ),
            find_settings=lambda: self.params.analysis_settings(name, self.profile),
            find_code=lambda: [
                code_digest(WRITE_ANALYSIS, {"ANALYSES": item["kind"]}),
                *dict.fromkeys(self._config(run).code(kind.function) for run in runs),
            ],
        )

    @built_once
    def claims(self) -> Step:
        """Return the step that writes what analyses and tables say about the paper's claims."""
        sections = {name: self.params.tables[name] for name in self.params.orderings}
        return Step(
            *("claims", CLAIMS, self.profile),
            small=tuple(self.results.analysis(CLAIMS, suffix) for suffix in (".json", ".md")),
            needs=tuple(dict.fromkeys(needs_of_claims(self))),
            find_settings=lambda: {"claims": self.params.claims, "sections": sections},
            find_code=lambda: code_digest("spatialgan.analyses.claims.write_claims"),
        )

    @built_once
    def inversion(self, name: str) -> Step:
        """Return the step that studies an entry of params/inversions.yaml."""
        return study_step(self, name)

    @built_once
    def inversions(self) -> Step:
        """Return the step that writes the table of all those."""
        return studies_step(self)

    def evidence(self) -> list[Step]:
        """Return all analyses and the verdicts on the claims: made on request, since they need discriminators."""
        return [*map(self.analysis, self.params.analyses), self.claims()]

    def runs_of_table(self, table: str) -> list[str]:
        """Return the runs that a table shows, each once."""
        sections = self.params.sections(table).values()
        each = (run for item in sections for run in self.params.runs(item, self.profile))
        return list(dict.fromkeys(each))

    def targets(self) -> list[Step]:
        """Return what the workflow makes by default: usual tables and figures, curves of the tables' runs."""
        tables = self.params.usual_tables
        runs = dict.fromkeys(run for table in tables for run in self.runs_of_table(table))
        figures = [*(f"{name}_samples" for name in tables), *self.params.usual_figures]
        return [*map(self.table, tables), *map(self.figure, figures), *map(self.curves, runs)]

    def find(self, target: str) -> list[Step]:
        """Return the steps with a name, or the step that makes a file; raises ValueError if there is none."""
        named = [step for step in self._all() if target == step.name]
        found = named or [step for step in self._all() if Path(target) in step.outputs]
        if not found:
            raise ValueError(NOTHING_MAKES.format(target, self.profile, self.results.root))
        return found

    def _all(self) -> Iterator[Step]:
        """Yield every step that has a name, each once."""
        params, seeds = self.params, self.line["seeds"]
        yield from map(self.table, params.tables)
        yield from self.evidence()
        yield from (self.inversions(), *map(self.inversion, self.inversion_items))
        figures = [*params.figures, *(f"{name}_samples" for name in params.tables)]
        yield from map(self.figure, figures)
        for dataset in params.datasets:
            if self.line["data"] in params.dataset(dataset):
                yield self.dataset(dataset)
                yield from (self.segmenter(dataset, name) for name in TRAINED_SEGMENTERS)
                for run in (f"{dataset}/{row}/{seed}" for row in params.rows for seed in seeds):
                    yield from (self.run(run), self.curves(run))
                    yield from (self.metric(run, measure) for measure in MEASURES)

    def needs_of_table(self, table: str) -> Iterator[Step]:
        """Yield what a table shows: measures, segmenters and trainings, some more than once."""
        for section in self.params.sections(table).values():
            runs = self.params.runs(section, self.profile)
            for _, style in self.params.measures(section, self.profile):
                names = measure_and_segmenter(style["file"])
                yield from (self.metric(run, *names) for run in runs)
            for dataset in self.params.columns(section, self.profile):
                trained = [n for n in section.get("segmenters", []) if n in TRAINED_SEGMENTERS]
                yield from (self.segmenter(dataset, name) for name in trained)
            yield from map(self.run, runs)

    def _config(self, run: str) -> "RunConfig":
        if run not in self._configs:
            from spatialgan.settings.config import resolve  # imports torch

            self._configs[run] = resolve(self.params, run, self.profile)
        return self._configs[run]
