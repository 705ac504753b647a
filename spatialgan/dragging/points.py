"""Point dragging on a feature map: where a handle point is, and what pulls it toward its target.

Written from the DragGAN paper. Feature maps are read between their cells, bilinearly, so only what the
points need is ever interpolated. Points are (y, x) in [-1, 1], half-pixel. One px is half a cell of the
feature map: DragGAN's own pixel at 256 px, where it follows 128-px features. Radii are in px.

Shapes: c channels, f cells along an axis, p points, q places around a point.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def px_of(features: Float[Tensor, "c f f"]) -> float:
    """Return the length of one px of a feature map, in the units of points."""
    return 1 / features.shape[-1]


def read(
    features: Float[Tensor, "c f f"], points: Float[Tensor, "p q 2"]
) -> Float[Tensor, "c p q"]:
    """Return the features at points, bilinear between cells and constant beyond the outermost ones."""
    grid = points.flip(-1)[None].to(features)
    return F.grid_sample(features[None], grid, padding_mode="border", align_corners=False)[0]


def disc(radius_px: float, like: Tensor) -> Float[Tensor, "q 2"]:
    """Return the offsets in px, a px apart, that are less than `radius_px` long; (0, 0) always."""
    offsets = square(radius_px, like)
    return offsets[offsets.norm(dim=1) < max(radius_px, 1e-6)]


def square(radius_px: float, like: Tensor) -> Float[Tensor, "q 2"]:
    """Return the offsets in px, a px apart, whose coordinates are at most `radius_px`; nearest first."""
    reach = torch.arange(-int(radius_px), int(radius_px) + 1, dtype=like.dtype, device=like.device)
    offsets = torch.cartesian_prod(reach, reach)
    return offsets[offsets.square().sum(dim=1).argsort(stable=True)]


def distances_px(
    handles: Float[Tensor, "p 2"], targets: Float[Tensor, "p 2"], px: float
) -> Float[Tensor, " p"]:
    """Return how far each handle is from its target."""
    return (targets - handles).norm(dim=1) / px


def motion_supervision(
    features: Float[Tensor, "c f f"],
    handles: Float[Tensor, "p 2"],
    targets: Float[Tensor, "p 2"],
    radius_px: float,
) -> Float[Tensor, ""]:
    """Return sum_i mean_q |F(q + d_i) - F(q)| with q around handle i and F(q) held fixed [DragGAN, Eq. 1].

    d_i is one px toward target i, or all the way where that is shorter (DragGAN stops to pull there, so
    its points end up to one px away). The mean is over channels and places, as in the released code; the
    paper's is a sum over places.
    """
    px = px_of(features)
    way = targets - handles
    way = way / (way.norm(dim=1, keepdim=True) / px).clamp(min=1)
    region = handles[:, None] + disc(radius_px, handles) * px
    ahead = read(features, region + way[:, None])
    return (read(features, region).detach() - ahead).abs().mean(dim=(0, 2)).sum()


def track(
    features: Float[Tensor, "c f f"],
    handles: Float[Tensor, "p 2"],
    templates: Float[Tensor, "c p"],
    radius_px: float,
) -> Float[Tensor, "p 2"]:
    """Return where each template is found again within a square around its handle [DragGAN, Eq. 2].

    That is where the features are nearest to it (L2, as the released code; the paper's is L1); among
    equals, nearest to the handle. So a point never leaves the image: outside, features are those of the
    outermost px.
    """
    candidates = handles[:, None] + square(radius_px, handles) * px_of(features)
    apart = (read(features, candidates) - templates[:, :, None]).norm(dim=0)
    return candidates[torch.arange(len(handles), device=handles.device), apart.argmin(dim=1)]


def fixed_mask_loss(
    features: Float[Tensor, "c f f"],
    first: Float[Tensor, "c f f"],
    fixed: Float[Tensor, "f f"],
) -> Float[Tensor, ""]:
    """Return mean |F - F_0| M, M being 1 where nothing may change [DragGAN, Eq. 1, second term]."""
    return ((features - first).abs() * fixed).mean()
