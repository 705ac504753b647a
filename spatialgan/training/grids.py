"""Pictures of a training: fixed-seed samples, and heatmaps and attention laid over them.

Shapes: n images, k sub-heatmaps, r resolution.
"""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from spatialgan.losses.alignment import normalize_attention, target
from spatialgan.networks.discriminator import Discriminator
from spatialgan.pictures import montage
from spatialgan.snapshot import Snapshot, draw_samples, render, to_uint8

ROWS, COLUMNS = 4, 8
OVERLAY_IMAGES = 8
GRID_SEED = 1  # samples in pictures are none of those that metrics see (seed 0)


def sample_grid(snapshot: Snapshot) -> UInt8[Tensor, "3 h w"]:
    """Return 4 x 8 fixed-seed samples."""
    samples = draw_samples(snapshot.config, GRID_SEED, 0, ROWS * COLUMNS)
    return montage(to_uint8(render(snapshot, samples)), COLUMNS)


def overlay_grid(snapshot: Snapshot, d: Discriminator) -> UInt8[Tensor, "3 h w"]:
    """Return eight columns: the sample, then for each level its heatmap and D's attention laid over it.

    Rows: image; heatmap, attention (4 pixels); heatmap, attention (8 pixels); ... Without heatmaps,
    the image and the attention.
    """
    config = snapshot.config
    samples = draw_samples(config, GRID_SEED, 0, OVERLAY_IMAGES)
    images = render(snapshot, samples)
    layout, resolution = samples.layout.to(images.device), config.generator.resolution
    with torch.enable_grad():
        logits, features = d(images.requires_grad_())
        maps = config.attention(logits, [features[r] for r in config.attention.resolutions])
    rows = [to_uint8(images.detach())]
    for level, raw in enumerate(maps):
        if layout.levels:
            rows.append(_tint(images, target(layout, level, resolution)))
        rows.append(_tint(images, normalize_attention(raw.detach(), resolution)))
    return montage(torch.cat(rows), OVERLAY_IMAGES)


def _tint(
    images: Float[Tensor, "n 3 r r"], heat: Float[Tensor, "n r r"]
) -> UInt8[Tensor, "n 3 r r"]:
    """Return images as gray with heat in [0, 1] laid over them in orange."""
    gray = images.detach().mean(dim=1, keepdim=True).clamp(-1, 1) * 0.6
    orange = torch.tensor([1.0, 0.35, -0.7], device=images.device)[:, None, None]
    return to_uint8(
        torch.lerp(gray.expand(-1, 3, -1, -1), orange.expand_as(images), 0.75 * heat[:, None])
    )
