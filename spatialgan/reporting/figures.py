"""FIGURES: kinds of figures, as entries of params/figures.yaml ask for them.

To add one, write a function `(params, item, profile)` that returns a matplotlib figure or a PIL image, `item` being an
entry of params/figures.yaml; give it a key here and say in params/schema.yaml which fields its entries have.

Functions are named, not imported: some draw with models, and everything else here must work without torch.
"""

from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

from spatialgan.files import write_atomically
from spatialgan.settings.params import Params
from spatialgan.variants import choose


@dataclass(frozen=True)
class FigureKind:
    """How a kind of figure is drawn, and from what."""

    draw: str  # dotted name of the function
    shows: str  # what it reads of its runs: "curves", "samples", "history" or "snapshots" (of the first seed alone)


FIGURES: dict[str, FigureKind] = {
    "curves": FigureKind("spatialgan.reporting.curves.compare_curves", "curves"),
    "history": FigureKind("spatialgan.reporting.history.compare_histories", "history"),
    "samples": FigureKind("spatialgan.reporting.samples.montage_of_table", "samples"),
    "gallery": FigureKind("spatialgan.drawing.galleries.draw_gallery", "snapshots"),
    "drags": FigureKind("spatialgan.dragging.drag_figure.draw_drags", "snapshots"),
    "ways": FigureKind("spatialgan.evaluation.edit_figure.draw_ways", "snapshots"),
}


def write_figure(params: Params, name: str, profile: str) -> Path:
    """Write a figure as PNG and return its path; raises ValueError for an unknown name."""
    item = params.figure(name)
    module, _, function = choose(FIGURES, "kind of figure", item["kind"]).draw.rpartition(".")
    picture = getattr(import_module(module), function)(params, item, profile)
    return save_figure(picture, params.results(profile).figure(name))


def save_figure(picture: Any, path: Path) -> Path:
    """Write a matplotlib figure or a PIL image as PNG, the same bytes for the same data, and return its path."""
    from matplotlib.figure import Figure

    buffer = BytesIO()
    if isinstance(picture, Figure):
        picture.savefig(buffer, format="png", metadata={"Software": None})
    else:
        picture.save(buffer, format="PNG")
    write_atomically(path, buffer.getvalue())
    return path
