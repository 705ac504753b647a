"""Where results are: the only place that knows, for both the package and the workflow.

A profile has a folder (`root`). Small files, which say what was made and are kept in git, and heavy ones, which are
kept by DVC, have separate folders; what is needed only while something is being made (`resume`), and the snapshots
that a training leaves on its way (`kept`), are in neither.

    datasets/<dataset>.json         archives/<dataset>.zip
    runs/<run>/                     snapshots/<run>.safetensors     kept/<run>/<training>/<images>.safetensors
    segmenters/<dataset>/<name>.json    weights/<dataset>/<name>.safetensors
    metrics/<run>/<measure>.json    tables/<table>.*    numbers/<table>.json    figures/<figure>.png
    analyses/<analysis>.{json,md,png}           inversion/<name>.{json,png}

A run is "<dataset>/<row>/<seed>". Names may be a workflow's wildcards ("{dataset}"): paths are only built here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

WEIGHTS_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class DatasetFiles:
    """A prepared data set."""

    archive: Path  # images; heavy
    manifest: Path  # what the archive is, by hash


@dataclass(frozen=True)
class RunFiles:
    """What a training leaves."""

    folder: Path  # of all but the snapshot
    snapshot: Path  # weights to use; heavy

    @property
    def name(self) -> str:
        """Return "<dataset>/<row>/<seed>"."""
        return "/".join(self.folder.parts[-3:])

    @property
    def record(self) -> Path:
        """Return the file that says how the run was trained, written last."""
        return self.folder / "train.json"

    @property
    def curves(self) -> Path:
        """Return the table of losses and statistics over the training."""
        return self.folder / "curves.csv"

    @property
    def curves_figure(self) -> Path:
        """Return the picture of the curves."""
        return self.folder / "curves.png"

    @property
    def samples(self) -> Path:
        """Return the grid of samples."""
        return self.folder / "samples.png"

    @property
    def attention(self) -> Path:
        """Return the grid of samples with heatmaps and the discriminator's attention."""
        return self.folder / "attention.png"

    @property
    def grids(self) -> Path:
        """Return the folder of the grids drawn during the training."""
        return self.folder / "grids"


@dataclass(frozen=True)
class SegmenterFiles:
    """A segmenter trained on the scenes of a data set."""

    weights: Path  # heavy
    record: Path  # how it was trained and how well it does


@dataclass(frozen=True)
class Results:
    """The results of one profile."""

    root: Path

    def dataset(self, name: str) -> DatasetFiles:
        """Return the files of a data set."""
        return DatasetFiles(
            self.root / "archives" / f"{name}.zip", self.root / "datasets" / f"{name}.json"
        )

    def run(self, name: str) -> RunFiles:
        """Return the files of a run."""
        snapshot = self.root / "snapshots" / f"{name}{WEIGHTS_SUFFIX}"
        return RunFiles(self.root / "runs" / name, snapshot)

    def segmenter(self, dataset: str, name: str) -> SegmenterFiles:
        """Return the files of a segmenter."""
        return SegmenterFiles(
            self.root / "weights" / dataset / f"{name}{WEIGHTS_SUFFIX}",
            self.root / "segmenters" / dataset / f"{name}.json",
        )

    def metric(self, run: str, measure: str) -> Path:
        """Return what one measure found about a run's snapshot."""
        return self.root / "metrics" / run / f"{measure}.json"

    def table(self, name: str, suffix: str) -> Path:
        """Return a table in one of its formats (".md", ".html", ".tex", ".csv")."""
        return self.root / "tables" / f"{name}{suffix}"

    def numbers(self, table: str) -> Path:
        """Return the cells of a table as numbers, which DVC compares between commits."""
        return self.root / "numbers" / f"{table}.json"

    def figure(self, name: str) -> Path:
        """Return the picture of an entry of params/figures.yaml, or the samples beside a table."""
        return self.root / "figures" / f"{name}.png"

    def analysis(self, name: str, suffix: str) -> Path:
        """Return what an analysis found: its numbers (".json"), page (".md") or picture (".png")."""
        return self.root / "analyses" / f"{name}{suffix}"

    def inversion(self, name: str, suffix: str) -> Path:
        """Return what is known about a model's inversions: numbers (".json") or picture (".png")."""
        return self.root / "inversion" / f"{name}{suffix}"

    def resume(self, run: str) -> Path:
        """Return the folder of a run's checkpoints."""
        return self.root / "resume" / run

    def kept(self, run: str) -> Path:
        """Return the folder of the snapshots that trainings of a run left on their way, a folder per training."""
        return self.root / "kept" / run

    def log(self, step: str, name: str) -> Path:
        """Return the log of a step of the workflow."""
        return self.root / "logs" / step / f"{name}.log"

    def timing(self, step: str, name: str) -> Path:
        """Return the time and memory that a step of the workflow took."""
        return self.root / "benchmarks" / step / f"{name}.tsv"

    def datasets(self) -> Iterator[DatasetFiles]:
        """Yield the data sets that have been prepared, by name."""
        for manifest in sorted(self.root.glob("datasets/*.json")):
            yield self.dataset(manifest.stem)

    def runs(self) -> Iterator[RunFiles]:
        """Yield the runs that have been trained, by name."""
        for record in sorted(self.root.glob("runs/*/*/*/train.json")):
            yield self.run("/".join(record.parts[-4:-1]))

    def segmenters(self) -> Iterator[SegmenterFiles]:
        """Yield the segmenters that have been trained, by data set and name."""
        for record in sorted(self.root.glob("segmenters/*/*.json")):
            yield self.segmenter(record.parent.name, record.stem)

    def metrics(self, run: str) -> Iterator[Path]:
        """Yield everything measured of a run."""
        yield from sorted((self.root / "metrics" / run).glob("*.json"))

    def checkpoints(self, run: str = "*/*/*") -> Iterator[Path]:
        """Yield the checkpoints of a run, or of all runs."""
        yield from sorted(self.root.glob(f"resume/{run}/*/checkpoint-*{WEIGHTS_SUFFIX}"))

    def kept_snapshots(self, run: str = "*/*/*", training: str = "*") -> list[Path]:
        """Return the snapshots kept of a training of a run, oldest first, or of all runs and trainings."""
        return sorted(self.root.glob(f"kept/{run}/{training}/*{WEIGHTS_SUFFIX}"))


def run_of(snapshot: Path) -> tuple[Results, str] | None:
    """Return the results that a snapshot is in, and its run; None if it is elsewhere."""
    parts = snapshot.absolute().with_suffix("").parts
    above, run = parts[:-3], parts[-3:]
    if not above or above[-1] != "snapshots":
        return None
    return Results(Path(*above[:-1])), "/".join(run)
