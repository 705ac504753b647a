"""Where the discriminator looks: GradCAM of its logits on its own feature maps.

One forward pass serves both losses: the maps are taken from the graph that the adversarial loss has
built, by a partial backward pass down to the features, without hooks and without touching the
discriminator's gradients. The weights of the features are treated as constants, so the gradients of a map reach the
generator through the features alone [method of the predecessor's released code, which spends a second forward
pass on the same numbers].

Shapes: n samples, c channels, h x w pixels of a feature map.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from spatialgan.variants import check_choice

# What is differentiated. "loss": the generator's loss, whose gradient is -sigmoid(-D) dD/dA (the
# released code); "score": the logit, which the paper speaks of maximizing.
SIGNS = {
    "loss": lambda logits: F.softplus(-logits),
    "score": lambda logits: logits,
}


def _weigh(
    features: Float[Tensor, "n c h w"], gradients: Float[Tensor, "n c h w"]
) -> Float[Tensor, "n c h w"]:
    """Return w_c A_c, GradCAM's channel weights w_c being the gradients' spatial means."""
    return gradients.mean(dim=(2, 3), keepdim=True) * features


def _centered(
    features: Float[Tensor, "n c h w"], gradients: Float[Tensor, "n c h w"]
) -> Float[Tensor, "n h w"]:
    weighted = _weigh(features, gradients)
    return (weighted - weighted.mean(dim=(2, 3), keepdim=True)).relu().sum(dim=1)


def _deviation(
    features: Float[Tensor, "n c h w"], gradients: Float[Tensor, "n c h w"]
) -> Float[Tensor, "n h w"]:
    return (gradients * (features - features.mean(dim=(2, 3), keepdim=True))).abs().sum(dim=1)


# From features A_c and gradients g_c [n c h w] to a map [n h w]. GradCAM's, with a weight w_c per channel:
# "per_channel": sum_c relu(w_c A_c) (the released code; a map of activation energy, hardly ever empty);
# "after_sum": relu(sum_c w_c A_c) (the paper and the GradCAM of the literature, whose features are never
# negative); "centered": per_channel of the features' deviations from their spatial means, so that a channel
# which is the same everywhere draws no attention to where the image is flat. StyleGAN2's features, sums of
# two branches, have any sign and offset, and with it per_channel may well mean the background.
# Free of the sign, with the gradient of each pixel: "absolute": sum_c |g_c A_c|; "deviation": sum_c |g_c (A_c -
# mean of A_c over pixels)|. They say where D's judgment depends on the image, for it or against it: an object
# may speak for "real" at one time of a training and for "fake" at another (docs/attention.md).
RELUS = {
    "per_channel": lambda features, gradients: _weigh(features, gradients).relu().sum(dim=1),
    "after_sum": lambda features, gradients: _weigh(features, gradients).sum(dim=1).relu(),
    "centered": _centered,
    "absolute": lambda features, gradients: (gradients * features).abs().sum(dim=1),
    "deviation": _deviation,
}


@dataclass(frozen=True)
class GradCam:
    """GradCAM with the paper's sign, of centered features."""

    sign: Literal["loss", "score"] = "score"  # what is differentiated, see SIGNS
    relu: Literal["per_channel", "after_sum", "centered", "absolute", "deviation"] = (
        "centered"  # see RELUS
    )
    resolutions: tuple[int, ...] = (4, 8, 16)  # of the discriminator's features to look at

    def __post_init__(self) -> None:
        for name, options in (("sign", SIGNS), ("relu", RELUS)):
            check_choice(options, f"attention {name}", getattr(self, name))

    def __call__(
        self, logits: Float[Tensor, " n"], features: Sequence[Float[Tensor, "n _ _ _"]]
    ) -> list[Float[Tensor, "n _ _"]]:
        """Return one attention map per feature map, in fp32, non-negative, not normalized.

        The features must lie on the graph of the logits, which is kept for the losses that follow.
        """
        if not features:
            return []
        objective = SIGNS[self.sign](logits.float()).sum()
        gradients = torch.autograd.grad(objective, tuple(features), retain_graph=True)
        maps = []
        for feature, gradient in zip(features, gradients, strict=True):
            maps.append(RELUS[self.relu](feature.float(), gradient.detach().float()))
        return maps
