"""How far the objects of drawn scenes stand apart from scene to scene: what a generator can do about a move.

    python -m analyses.placement bedroom [--num 1000]

A generator that draws scenes of its data's distribution can follow a heatmap no further than objects of a kind
stand apart in the data. `reach` is that, along each axis: the standard deviation of the mean positions of a
class over that of the centers of sub-heatmaps, at most 1.
"""

import click
import pandas as pd

from analyses.attention_masks import FIRST_INDEX
from spatialgan import drawn
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


@click.command()
@click.argument("scene")
@click.option("--num", default=1000, show_default=True, help="Scenes to draw.")
@click.option("--resolution", default=32, show_default=True, help="Pixels along an axis.")
def main(scene: str, num: int, resolution: int) -> None:
    """Print how often, where and how large objects of each class of SCENE are."""
    centers = SAMPLERS["multi_object"]()(num, generator_for(0, "placement", 0)).levels[0].centers
    spread = centers[centers.abs().amax(dim=2) < 1].std().item()
    objects = placement(scene, num, resolution).groupby("class")
    table = objects.agg(
        objects=("y", "size"), area=("area", "mean"), y_std=("y", "std"), x_std=("x", "std")
    )
    for axis in ("y", "x"):
        table[f"{axis}_reach"] = (table[f"{axis}_std"] / spread).clip(upper=1)
    click.echo(table.sort_values("area", ascending=False).round(2).to_markdown())
    click.echo(
        f"\ncenters of sub-heatmaps inside the frame: standard deviation {spread:.2f} along each axis"
    )


if __name__ == "__main__":
    main()
