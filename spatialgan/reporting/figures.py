"""FIGURES: kinds of figures that compare runs.

To add one: write a function `(params, entry, profile) -> Figure or Image`, entry being a dict of
params/figures.yaml, and give it a key at the foot of this file.
"""

from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from spatialgan.params import Params
from spatialgan.reporting.curves import compare_curves, save_figure
from spatialgan.reporting.samples import montage_of_table
from spatialgan.variants import choose


def write_figure(params: Params, name: str, profile: str) -> Path:
    """Write a figure and return its path; raises ValueError for an unknown name."""
    item = params.figure(name)
    drawn = choose(FIGURES, "kind of figure", item["kind"])(params, item, profile)
    path = params.results(profile).figure(name)
    if isinstance(drawn, Figure):
        return save_figure(drawn, path)
    assert isinstance(drawn, Image.Image)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn.save(path)
    return path


FIGURES = {
    "curves": compare_curves,
    "samples": montage_of_table,
}
