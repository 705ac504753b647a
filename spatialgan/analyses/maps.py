"""Maps against masks, and properties of a map alone.

Objects are usually near the center of their images, so any central map agrees with their masks. What counts is how much
better a map agrees with the mask of its own image than with those of other images: `beyond`.

Shapes: n samples, h x w pixels of a map.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from spatialgan.attention import RELUS, SIGNS, GradCam

NUM_OTHERS = 5  # images whose masks each map is compared with
TOP = 0.25  # fraction of a map's pixels that counts as seen
PEAK = 0.5  # of a map's range, above its minimum: lower maxima don't count as peaks
WITHOUT_SIGN = ("absolute", "deviation")  # of RELUS: the same map for either sign

Reading = Callable[[Tensor, Sequence[Tensor]], list[Tensor]]
Agreement = Callable[[Tensor, Tensor], np.ndarray]  # maps and masks [n h w] -> a number per sample


def gradient_norm(logits: Tensor, features: Sequence[Tensor]) -> list[Float[Tensor, "n h w"]]:
    """Return the norm over channels of the logits' gradient at each pixel of each feature map."""
    gradients = torch.autograd.grad(logits.sum(), tuple(features), retain_graph=True)
    return [gradient.norm(dim=1) for gradient in gradients]


def readings() -> dict[str, Reading]:
    """Return every reading of a discriminator's gradients, by name; docs/attention.md explains them."""
    signed = [(sign, relu) for sign in SIGNS for relu in RELUS if relu not in WITHOUT_SIGN]
    found: dict[str, Reading] = {f"{relu}, {sign}": GradCam(sign, relu) for sign, relu in signed}  # pyright: ignore[reportArgumentType]
    found |= {name: GradCam("score", name) for name in WITHOUT_SIGN}
    return found | {"gradient norm": gradient_norm}


def correlation(
    maps: Float[Tensor, "n h w"], masks: Float[Tensor, "n h w"]
) -> Float[np.ndarray, " n"]:
    """Return Pearson's correlation over the pixels of each sample, 0 where one of the two is constant."""
    a, b = (x.flatten(1) - x.flatten(1).mean(dim=1, keepdim=True) for x in (maps, masks))
    norms = a.norm(dim=1) * b.norm(dim=1)
    return ((a * b).sum(dim=1) / norms.clamp(min=1e-8)).numpy()


def iou_of_top(
    maps: Float[Tensor, "n h w"], masks: Float[Tensor, "n h w"]
) -> Float[np.ndarray, " n"]:
    """Return the intersection over union of each map's highest quarter of pixels with its mask."""
    flat, mask = maps.flatten(1), masks.flatten(1) > 0.5
    count = round(TOP * flat.shape[1])
    seen = torch.zeros_like(mask).scatter_(1, flat.topk(count, dim=1).indices, True)
    both, either = (seen & mask).sum(dim=1), (seen | mask).sum(dim=1)
    return (both / either).numpy()


def beyond(
    agree: Agreement, maps: Float[Tensor, "n h w"], masks: Float[Tensor, "n h w"]
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Return how each map agrees with the mask of its image, and how it does with those of others, on average.

    Raises ValueError if there are too few samples to have others.
    """
    if len(maps) <= NUM_OTHERS:
        raise ValueError(f"{len(maps)} samples: at least {NUM_OTHERS + 1} are needed to compare")
    others = [agree(maps, masks.roll(shift, 0)) for shift in range(1, NUM_OTHERS + 1)]
    return agree(maps, masks), np.mean(others, axis=0)


def is_empty(maps: Float[Tensor, "n h w"]) -> Bool[np.ndarray, " n"]:
    """Return which maps, or masks, are the same everywhere."""
    low, high = maps.flatten(1).aminmax(dim=1)
    return (low == high).numpy()


def lead(
    agree: Agreement, maps: Float[Tensor, "n h w"], masks: Float[Tensor, "n h w"]
) -> Float[np.ndarray, " n"]:
    """Return by how much each map agrees better with the mask of its image than with those of others, on average.

    NaN where the map or its mask is the same everywhere; such masks of others don't count. Raises ValueError if there
    are too few samples to have others.
    """
    if len(maps) <= NUM_OTHERS:
        raise ValueError(f"{len(maps)} samples: at least {NUM_OTHERS + 1} are needed to compare")
    found, no_map, no_mask = [], is_empty(maps), is_empty(masks)
    for shift in range(NUM_OTHERS + 1):
        unknown = no_map | np.roll(no_mask, shift)
        found.append(np.where(unknown, np.nan, agree(maps, masks.roll(shift, 0))))
    return found[0] - mean_known(found[1:])


def mean_known(numbers: Sequence[Float[np.ndarray, " n"]]) -> Float[np.ndarray, " n"]:
    """Return the mean of each sample's numbers that are known, NaN where none is."""
    stacked = np.stack(numbers).astype(np.float64)
    known = np.isfinite(stacked)
    total = np.where(known, stacked, 0).sum(axis=0)
    return np.where(known.any(axis=0), total / known.sum(axis=0).clip(min=1), np.nan)


def peaks(maps: Float[Tensor, "n h w"]) -> Float[np.ndarray, " n"]:
    """Return how many pixels of each map are higher than their eight neighbors and than half of the map's range.

    NaN for a map that is the same everywhere.
    """
    low, high = maps.flatten(1).aminmax(dim=1)
    least = low + PEAK * (high - low)
    padded = F.pad(maps, (1, 1, 1, 1), value=-torch.inf)
    windows = padded.unfold(1, 3, 1).unfold(2, 3, 1).flatten(3)
    around = torch.cat([windows[..., :4], windows[..., 5:]], dim=-1).amax(dim=-1)
    found = (maps > around) & (maps > least[:, None, None])
    return np.where(is_empty(maps), np.nan, found.sum(dim=(1, 2)).double().numpy())


def entropy(maps: Float[Tensor, "n h w"]) -> Float[np.ndarray, " n"]:
    """Return the entropy of each map as a distribution over pixels: 1 if all are equal, 0 if one has everything.

    NaN for a map of zeros.
    """
    flat = maps.flatten(1).double().clamp(min=0)
    shares = flat / flat.sum(dim=1, keepdim=True).clamp(min=1e-30)
    found = torch.special.entr(shares).sum(dim=1) / np.log(flat.shape[1])
    return torch.where(flat.sum(dim=1) > 0, found, torch.nan).numpy()


def edges(images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n h w"]:
    """Return how much brightness changes at each pixel: the length of its gradient."""
    gray = F.pad(images.mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")[:, 0]
    dy = gray[:, 2:, 1:-1] - gray[:, :-2, 1:-1]
    dx = gray[:, 1:-1, 2:] - gray[:, 1:-1, :-2]
    return (dy.square() + dx.square()).sqrt()
