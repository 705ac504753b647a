"""How far the objects of drawn scenes stand apart from scene to scene: what a generator can do about a move.

    python -m analyses.placement bedroom -o FILE [--num 1000]

A generator that draws scenes of its data's distribution can follow a heatmap no further than objects of a kind
stand apart in the data. `reach` is that, along each axis: the standard deviation of the mean positions of a
class over that of the centers of sub-heatmaps, at most 1.
"""

from pathlib import Path

import click
import pandas as pd

from analyses.documents import lines_of, output_option, write_document
from spatialgan import drawn
from spatialgan.analyses.requests import FIRST_INDEX
from spatialgan.heatmaps.samplers import SAMPLERS
from spatialgan.rng import generator_for
from spatialgan.segmenters.instances import centroids
from spatialgan.segmenters.truth import whole_objects


def placement(scene: str, num: int, resolution: int) -> pd.DataFrame:
    """Return a line per object: its class, mean position (y, x) in [-1, 1] and area as a fraction."""
    lines = []
    for index in range(FIRST_INDEX, FIRST_INDEX + num):
        seen = whole_objects(drawn.draw(scene, 0, index, resolution))
        areas = seen.masks.float().mean(dim=(1, 2)).tolist()
        for name, (y, x), area in zip(
            seen.classes, centroids(seen.masks).tolist(), areas, strict=True
        ):
            lines.append({"class": name, "y": y, "x": x, "area": area})
    return pd.DataFrame(lines)


def measure_placement(scene: str, num: int, resolution: int) -> dict:
    """Return how often, where and how large objects of each class are in drawn scenes, largest class first."""
    centers = SAMPLERS["multi_object"]()(num, generator_for(0, "placement", 0)).levels[0].centers
    spread = centers[centers.abs().amax(dim=2) < 1].std().item()
    objects = placement(scene, num, resolution).groupby("class")
    table = objects.agg(
        objects=("y", "size"), area=("area", "mean"), y_std=("y", "std"), x_std=("x", "std")
    )
    for axis in ("y", "x"):
        table[f"{axis}_reach"] = (table[f"{axis}_std"] / spread).clip(upper=1)
    ordered = table.sort_values("area", ascending=False).reset_index()
    return {
        "scene": scene,
        "num_scenes": num,
        "resolution": resolution,
        "std_of_centers_in_frame": spread,  # along each axis
        "classes": lines_of(ordered),
    }


@click.command()
@click.argument("scene")
@click.option("--num", default=1000, show_default=True, help="Scenes to draw.")
@click.option("--resolution", default=32, show_default=True, help="Pixels along an axis.")
@output_option
def main(scene: str, num: int, resolution: int, output: Path) -> None:
    """Write how often, where and how large objects of each class of SCENE are."""
    write_document(output, measure_placement(scene, num, resolution))


if __name__ == "__main__":
    main()
