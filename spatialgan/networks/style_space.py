"""Style space: a generator whose channels' scales are changed after the affine maps [StyleSpace, section 3].

An affine map [W] of w becomes [W I] of (w, change), so the change is one more part of the latent, and no layer
knows of it. Channels of ToRGB are left alone: they carry color only [StyleSpace, section 3].

Shapes: n batch, l layers (ws), j convolutions, *m codes if there are several, w style space, c channels
of the widest convolution, r resolution.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.func import functional_call

from spatialgan.networks.generator import GeneratorConfig, Synthesis, SynthesisInputs
from spatialgan.networks.layers import Linear


def style_channels(config: GeneratorConfig) -> list[int]:
    """Return how many channels each convolution scales, in the order of its layer of ws."""
    channels = [config.channels(r) for r in config.resolutions]
    above = [c for pair in zip(channels, channels[1:], strict=False) for c in pair]
    return [channels[0], *above]


def convolution_affines(synthesis: Synthesis) -> list[Linear]:
    """Return the affine map of each convolution's styles, in the order of its layer of ws; not those of RGB."""
    return [affine for name, affine in _affines(synthesis) if ".convs." in name]


def _affines(synthesis: Synthesis) -> list[tuple[str, Linear]]:
    """Return all affine maps by name."""
    return [
        (name, module)
        for name, module in synthesis.named_modules()
        if name.endswith(".affine") and isinstance(module, Linear)
    ]


def synthesize(synthesis: Synthesis, inputs: SynthesisInputs) -> Float[Tensor, "n 3 r r"]:
    """Return images, fp32, with `inputs.channels` added to the scales of each convolution's input channels.

    Where a convolution has fewer than c channels, the last numbers of its layer are ignored.
    """
    change, ws = inputs.channels, inputs.ws
    if not change.numel():
        return synthesis(ws, inputs.layout, inputs.noise)
    rest = ws.shape[1] - change.shape[1]
    spread = torch.cat([change, change.new_zeros(change.shape[0], rest, *change.shape[2:])], dim=1)
    wide = torch.cat([ws, spread], dim=-1)
    weights = _widened(synthesis, change.shape[-1])
    return functional_call(synthesis, weights, (wide, inputs.layout, inputs.noise))


def _widened(synthesis: Synthesis, channels: int) -> dict[str, Float[Tensor, "o _"]]:
    """Return the weights of all affine maps, by name, with a column per channel of the change."""
    found = {}
    for name, affine in _affines(synthesis):
        weight = affine.weight
        if ".convs." in name:
            columns = torch.eye(len(weight), channels, dtype=weight.dtype, device=weight.device)
            found[f"{name}.weight"] = torch.cat([weight, columns / affine.weight_gain], dim=1)
        else:
            found[f"{name}.weight"] = F.pad(weight, (0, channels))
    return found
