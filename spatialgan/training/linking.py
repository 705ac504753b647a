"""The phase that links axes of W to regions of the image [LinkGAN], lazily and on half a batch.

Adam's correction for lazy phases (state.py) stays that of the path-length phase alone, so that a run and its twin
without links learn at the same rate.

Shapes: n this process's share of half the batch, l layers, *m codes if there are several, w style space, r
resolution.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from spatialgan.heatmaps.layout import Layout
from spatialgan.losses.linkage import link_penalty, linked_axes, other_axes, redrawn
from spatialgan.rng import generator_for
from spatialgan.training.phases import Step, draw_inputs


def g_link(step: Step) -> Float[Tensor, ""]:
    """Return the penalty of one link, by turns, and of the axes without one, scaled for its interval."""
    config, state, linkage = step.config, step.state, step.config.linkage
    inputs = draw_inputs(step, "g_link")
    half = slice(0, max(1, len(inputs) // 2))
    layout, noise = inputs.layout[half], [maps[half] for maps in inputs.noise]
    ws = state.g.styles(inputs.z[half], layout)
    other = state.g.styles(_other_latents(step)[half], layout)
    w_dim = config.generator.w_dim
    link = step.index // linkage.interval % len(linkage.regions)
    changed = [
        redrawn(ws, other, axes)
        for axes in (linked_axes(linkage, w_dim, link), other_axes(linkage, w_dim))
    ]
    images = state.g.synthesis(
        torch.cat([ws, *changed]),
        Layout.cat([layout] * 3),
        [torch.cat([maps] * 3) for maps in noise],
        step.dtype,
    )
    before, by_link, by_others = images.float().chunk(3)
    masks = [state.linkage(text, before.detach()) for text in linkage.regions]
    penalty = link_penalty(linkage, _squares(before, by_link), masks[link])
    penalty = penalty + link_penalty(
        linkage, _squares(before, by_others), ~torch.stack(masks).any(dim=0)
    )
    return penalty * (linkage.weight * linkage.interval)


def _other_latents(step: Step) -> Float[Tensor, "n *m z"]:
    """Return this process's share of the latents that axes are drawn again from."""
    config = step.config
    generator = generator_for(config.seed, "g_link/other", step.state.cur_nimg)
    batch = config.training.batch
    z = torch.randn(batch, *config.generator.z_shape, generator=generator)
    return z[step.processes.shard(batch)].to(step.processes.device)


def _squares(
    before: Float[Tensor, "n 3 r r"], after: Float[Tensor, "n 3 r r"]
) -> Float[Tensor, "n r r"]:
    return (after - before).square().mean(dim=1)
