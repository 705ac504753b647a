"""StyleGAN2 and EqGAN-SA in the plainest form, computed from the tensors of a stand-in checkpoint.

Weights are modulated per sample, and upsampling puts zeros between pixels [StyleGAN2, Sec. 2 and App. B], so that
what is compared with it shares no code and little arithmetic.
"""

from math import sqrt

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.imports.checkpoints import FILTER, LEVELS, Part

FLOOR = 0.01  # of the predecessor's heatmaps


def lrelu(x: Tensor) -> Tensor:
    """Return the leaky ReLU without gain."""
    return torch.where(x > 0, x, 0.2 * x)


def linear(part: Part, x: Tensor) -> Tensor:
    """Return a fully connected layer's output."""
    y = x @ (part["weight"].T * part["weight_gain"]) + part["bias"] * part["bias_gain"]
    return sqrt(2) * lrelu(y) if part["activation"] == "lrelu" else y


def convolution(part: Part, x: Tensor) -> Tensor:
    """Return a plain convolution's output, before any activation."""
    weight = part["weight"] * part["weight_gain"]
    y = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
    return y + part["bias"][:, None, None] if "bias" in part.state["_parameters"] else y


def filtered(x: Tensor, before: int, after: int, gain: float = 1.0) -> Tensor:
    """Return x filtered by [1, 3, 3, 1], after zeros were put around it."""
    padded = F.pad(x, (before, after, before, after))
    y = F.conv2d(padded.flatten(0, 1)[:, None], gain * FILTER[None, None])
    return y.unflatten(0, x.shape[:2])[:, :, 0]


def spread(x: Tensor) -> Tensor:
    """Return x with a zero after each pixel, in both directions."""
    wide = torch.zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    wide[:, :, ::2, ::2] = x
    return wide


def modulated(part: Part, x: Tensor, w: Tensor, up: bool, demodulate: bool) -> Tensor:
    """Return a modulated convolution's output, sample by sample."""
    outputs = []
    for sample, styles in zip(x, linear(part["affine"], w), strict=True):
        weight = part["weight"] * styles[:, None, None]
        if demodulate:
            weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        else:
            weight = weight * part["weight_gain"]
        if up:
            wide = F.pad(spread(sample[None]), (2, 1, 2, 1))
            outputs.append(filtered(F.conv2d(wide, weight.flip(2, 3)), 1, 1, gain=4.0))
        else:
            outputs.append(F.conv2d(sample[None], weight, padding=weight.shape[-1] // 2))
    return torch.cat(outputs)


def styles(network: Part, z: Tensor, psi: float) -> Tensor:
    """Return truncated styles [n w]."""
    x = z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt()
    for index in range(2):
        x = linear(network["mapping"][f"fc{index}"], x)
    return network["mapping"]["w_avg"] + psi * (x - network["mapping"]["w_avg"])


def encoded(part: Part, x: Tensor, heatmap: Tensor | None) -> Tensor:
    """Return x after the predecessor's SEL, if there are heatmaps."""
    if heatmap is None:
        return x
    layer = part["sel"]
    resized = F.interpolate(heatmap, x.shape[2:], mode="bilinear", align_corners=True)
    hidden = sqrt(2) * lrelu(convolution(layer["shared"]["0"], resized))
    sigma, mu = (convolution(layer[name], hidden) for name in ("sigma", "mu"))
    changed = lrelu(F.instance_norm(x) * (1 + sigma) + mu)
    return x + 0.1 * convolution(layer["output"]["1"], changed)


def projected(synthesis: Part, maps: list[Tensor]) -> list[Tensor | None]:
    """Return heatmaps as features for the three blocks, None where there are no heatmaps."""
    features: list[Tensor | None] = [None] * 3
    for level, (name, heatmap) in enumerate(zip(LEVELS, maps, strict=False)):
        x = sqrt(2) * lrelu(convolution(synthesis[f"hm_conv0_{name}"], heatmap + FLOOR))
        features[level] = lrelu(convolution(synthesis[f"hm_conv1_{name}"], x))
    return features


def bounded(x: Tensor, clamp: float | None) -> Tensor:
    """Return x within its bound, if there is one."""
    return x if clamp is None else x.clamp(-clamp, clamp)


def images(network: Part, w: Tensor, noise: float, maps: list[Tensor]) -> Tensor:
    """Return images; `noise` scales the network's own noise, heatmaps have image resolution."""
    synthesis, rgb = network["synthesis"], torch.zeros(())
    x = synthesis["b4"]["const"].expand(len(w), -1, -1, -1)
    for r, heatmap in zip((4, 8, 16), projected(synthesis, maps), strict=True):
        block = synthesis[f"b{r}"]
        for name in ("conv0", "conv1") if r > 4 else ("conv1",):
            layer = block[name]
            x = encoded(layer, x, heatmap)
            x = modulated(layer, x, w, up=name == "conv0", demodulate=True)
            x = x + noise * layer["noise_const"] * layer["noise_strength"]
            x = bounded(sqrt(2) * lrelu(x + layer["bias"][:, None, None]), layer["conv_clamp"])
        torgb = block["torgb"]
        y = modulated(torgb, encoded(torgb, x, heatmap), w, up=False, demodulate=False)
        y = bounded(y + torgb["bias"][:, None, None], torgb["conv_clamp"])
        rgb = y if r == 4 else filtered(spread(rgb), 2, 1, gain=4.0) + y
    return rgb


def logits(network: Part, pictures: Tensor) -> Tensor:
    """Return the logits of one group of images."""

    def activated(part: Part, y: Tensor) -> Tensor:
        return bounded(sqrt(2) * lrelu(y), part["conv_clamp"])

    first = network["b16"]["fromrgb"]
    x = activated(first, convolution(first, pictures))
    for r in (16, 8):
        block = network[f"b{r}"]
        skip = convolution(block["skip"], filtered(x, 1, 1)[:, :, ::2, ::2])
        x = activated(block["conv0"], convolution(block["conv0"], x))
        last = block["conv1"]
        y = F.conv2d(filtered(x, 2, 2), last["weight"] * last["weight_gain"])[:, :, ::2, ::2]
        x = (activated(last, y + last["bias"][:, None, None]) + skip) / sqrt(2)
    end = network["b4"]
    std = (x.var(0, correction=0) + 1e-8).sqrt().mean()
    x = torch.cat([x, std.expand(len(x), 1, 4, 4)], dim=1)
    x = activated(end["conv"], convolution(end["conv"], x))
    return linear(end["out"], linear(end["fc"], x.flatten(1)))[:, 0]
