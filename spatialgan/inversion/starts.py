"""Where an inversion begins: the scenes, of those that a model draws, whose images are closest to the photo.

Shapes: n scenes, l layers, *m codes if there are several (the background's first), w style space, k
sub-heatmaps of all levels together, r resolution.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from spatialgan.heatmaps.layout import Gaussians, Layout
from spatialgan.networks.released import const_noise
from spatialgan.scenes.render import CONST_NOISE_SEED
from spatialgan.snapshot import Snapshot, draw_samples

BATCH_PIXELS = 32 * 64**2  # of scenes that are drawn together: more need too much memory


@dataclass(frozen=True)
class Starts:
    """n scenes as what the synthesis network takes, and the seeds that their styles are written relative to."""

    seeds: tuple[int, ...]
    ws: Float[Tensor, "n l *m w"]  # not truncated
    layout: Layout

    def __len__(self) -> int:
        return len(self.seeds)

    def take(self, rows: Sequence[int]) -> "Starts":
        """Return the scenes at these rows, in that order."""
        chosen = torch.tensor(rows, dtype=torch.long)
        layout = Layout.cat([self.layout[row : row + 1] for row in rows])
        return Starts(tuple(self.seeds[row] for row in rows), self.ws[chosen], layout)

    @staticmethod
    def cat(parts: Sequence["Starts"]) -> "Starts":
        """Return the scenes of all parts."""
        return Starts(
            tuple(seed for part in parts for seed in part.seeds),
            torch.cat([part.ws for part in parts]),
            Layout.cat([part.layout for part in parts]),
        )


def batch_size(resolution: int) -> int:
    """Return how many scenes are drawn together: 32 at 64 pixels and below, one from 512 on."""
    return min(32, max(1, BATCH_PIXELS // resolution**2))


@torch.no_grad()
def draw_starts(snapshot: Snapshot, first_seed: int, num: int) -> Starts:
    """Return the scenes of `num` seeds from the first on, as training drew them."""
    config, generator = snapshot.config, snapshot.generator
    parts = []
    for seed in range(first_seed, first_seed + num):
        sample = draw_samples(config, seed, 0, 1)
        parts.append(Starts((seed,), generator.styles(sample.z, sample.layout), sample.layout))
    return Starts.cat(parts)


def fixed_noise(snapshot: Snapshot) -> list[Float[Tensor, "1 1 _ _"]]:
    """Return the noise of scenes whose noise_mode is "const"."""
    own = const_noise(snapshot.generator)  # of an imported model
    return own or draw_samples(snapshot.config, CONST_NOISE_SEED, 0, 1).noise


def images_of(
    snapshot: Snapshot,
    ws: Float[Tensor, "n l *m w"],
    layout: Layout,
    noise: Sequence[Float[Tensor, "1 1 _ _"]],
) -> Float[Tensor, "n 3 r r"]:
    """Return images in about [-1, 1], differentiable, all with the same noise."""
    maps = [one.expand(len(ws), -1, -1, -1) for one in noise]
    return snapshot.generator.synthesis(ws, layout, maps)


def gaussian_columns(
    layout: Layout,
) -> tuple[Float[Tensor, "n k 2"], Float[Tensor, "n k"], Float[Tensor, "n k"]]:
    """Return centers, standard deviations and presences of all levels together, level by level.

    Raises ValueError if a level isn't made of Gaussians.
    """
    levels = [level for level in layout.levels if isinstance(level, Gaussians)]
    if len(levels) < len(layout.levels):
        raise ValueError(
            "this model's heatmaps are noise, which no scene can describe: choose a row whose "
            "sampling draws Gaussians"
        )
    n = len(layout)
    nothing = Gaussians(torch.zeros(n, 0, 2), torch.zeros(n, 0), torch.zeros(n, 0))
    columns = zip(*((g.centers, g.sigmas, g.presence) for g in (nothing, *levels)), strict=True)
    centers, sigmas, presence = (torch.cat(column, dim=1) for column in columns)
    return centers, sigmas, presence


def layout_of(
    centers: Float[Tensor, "n k 2"],
    sigmas: Float[Tensor, "n k"],
    presence: Float[Tensor, "n k"],
    counts: Sequence[int],
) -> Layout:
    """Return the layout of columns whose levels have these numbers of sub-heatmaps."""
    if not counts:
        return Layout((), len(centers))
    parts = zip(*(x.split(list(counts), dim=1) for x in (centers, sigmas, presence)), strict=True)
    return Layout(tuple(Gaussians(*part) for part in parts), len(centers))
