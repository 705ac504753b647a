"""StyleSpace: single channels whose gradients lie in the region [Wu et al., CVPR 2021, section 4].

A channel's active cells are those with the largest gradients, as many as the region has; the more of them lie
in the region, the better. The paper has masks of many regions in 1,000 images, and keeps channels that overlap
one region best in most of them. Here there are one image and one region, so a floor on the change inside
takes the place of that vote: channels without effect would win by chance.

Shapes: d channels, r image pixels along an axis, s cells along an axis.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from spatialgan.directions.problem import Found, Problem
from spatialgan.directions.spaces import Channels


@dataclass(frozen=True)
class StyleSpace:
    """Rank channels by how much of their gradient overlaps the region. Scores: that, in [0, 1]."""

    cells: int = 32  # along an axis of the gradient maps
    floor: float = 0.05  # of the strongest channel's change inside; weaker ones come last

    def __call__(self, problem: Problem) -> Found:
        """Return one direction per channel; raises ValueError unless the space is that of channels."""
        if not isinstance(problem.space, Channels):
            raise ValueError("method stylespace is about channels: choose the space style")
        problem.check()
        maps = gradient_maps(problem, min(self.cells, problem.mask.shape[-1]))
        return self.rank(maps, problem.mask)

    def rank(self, maps: Float[Tensor, "d s s"], mask: Bool[Tensor, "r r"]) -> Found:
        """Return one direction per channel for a region, from the gradients of all, which serve every region."""
        region = F.adaptive_avg_pool2d(mask[None].to(maps), maps.shape[-1])[0]
        scores = overlaps(maps, region)
        inside = (maps * region).sum(dim=(1, 2))
        scores = torch.where(inside >= self.floor * inside.max(), scores, scores - 1)
        order = scores.argsort(descending=True, stable=True)
        directions = torch.eye(len(maps), dtype=torch.float64, device=maps.device)
        return Found(directions[order], scores[order].clamp_min(0).double())


def gradient_maps(problem: Problem, size: int) -> Float[Tensor, "d s s"]:
    """Return |d image / d channel| summed over colors, of the image reduced to `size` pixels."""
    jacobian, maps = problem.jacobian, []
    for start in range(0, jacobian.size, jacobian.chunk):
        columns = jacobian.columns(start, min(start + jacobian.chunk, jacobian.size))
        maps.append(F.adaptive_avg_pool2d(columns, size).abs().sum(dim=1))
    return torch.cat(maps)


def overlaps(maps: Float[Tensor, "d s s"], region: Float[Tensor, "s s"]) -> Float[Tensor, " d"]:
    """Return the share of each map's active cells that lies in the region; as many are active as the region has."""
    active = max(1, round(float(region.sum())))
    cells = maps.flatten(1).topk(active, dim=1).indices
    return region.flatten()[cells].mean(dim=1)
