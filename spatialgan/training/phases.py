"""The phases of a training step: what each minimizes, which network it updates, and how often.

A phase is a function `(Step) -> loss`; it draws its own inputs from (seed, phase, images shown). Losses
follow StyleGAN2; the generator's main phase adds the alignment of heatmaps and D's attention, which is
read from the forward pass that the adversarial loss needs anyway.

Shapes: n this process's share of the batch, l layers, *m codes if there are several, w style
space, r resolution.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from spatialgan.losses import adversarial
from spatialgan.losses.alignment import statistics
from spatialgan.networks.generator import GeneratorInputs, draw_noise
from spatialgan.rng import generator_for
from spatialgan.settings.config import RunConfig, TrainingConfig
from spatialgan.training.processes import Processes, average_gradients
from spatialgan.training.state import TrainState

MAX_SKIPPED = 20  # steps of a network with non-finite gradients in a row before training stops
STATISTICS_INTERVAL = 16  # steps between measurements of how heatmaps and attention agree


@dataclass(frozen=True)
class Step:
    """What the phases of one step share."""

    config: RunConfig
    state: TrainState
    processes: Processes
    reals: UInt8[Tensor, "n 3 r r"]  # this process's share
    index: int  # steps before this one
    dtype: torch.dtype  # of convolutions


def draw_inputs(step: Step, phase: str) -> GeneratorInputs:
    """Return this process's share of the generator's inputs in a phase of the global batch."""
    config, device = step.config, step.processes.device
    batch, nimg = config.training.batch, step.state.cur_nimg
    mine = step.processes.shard(batch)
    generator = generator_for(config.seed, phase, nimg)
    z = torch.randn(batch, *config.generator.z_shape, generator=generator)
    layout = config.sampling(batch, generator)
    noise = draw_noise(
        config.generator, batch, generator_for(config.seed, f"{phase}/noise", nimg, device)
    )
    noise = [maps[mine] for maps in noise]
    return GeneratorInputs(z[mine].to(device), layout[mine].to(device), noise)


def _styles(step: Step, inputs: GeneratorInputs, phase: str) -> Float[Tensor, "n l *m w"]:
    """Return ws, with a second latent's styles from a random layer on where style mixing applies."""
    g, config = step.state.g, step.config
    ws = g.styles(inputs.z, inputs.layout)
    if config.training.style_mixing == 0:
        return ws
    generator = generator_for(config.seed, f"{phase}/mixing", step.state.cur_nimg)
    strikes, position = torch.rand(2, generator=generator).tolist()
    other = torch.randn(config.training.batch, *config.generator.z_shape, generator=generator)
    if strikes >= config.training.style_mixing:
        return ws
    cutoff = 1 + int(position * (config.generator.num_ws - 1))
    mine = step.processes.shard(config.training.batch)
    mixed = g.styles(other[mine].to(ws.device), inputs.layout)
    return torch.cat([ws[:, :cutoff], mixed[:, cutoff:]], dim=1)


def g_main(step: Step) -> Float[Tensor, ""]:
    """Return G's adversarial loss plus the alignment loss."""
    config, state = step.config, step.state
    inputs = draw_inputs(step, "g_main")
    ws = _styles(step, inputs, "g_main")
    images = state.g.synthesis(ws, inputs.layout, inputs.noise, step.dtype)
    logits, features = state.d(images, step.dtype)
    loss = adversarial.g_nonsaturating(logits)
    state.curves.add({"loss_g": loss})
    share = alignment_share(config.training, state.cur_nimg)
    if not config.alignment.uses_attention or share == 0:
        return loss
    attention = config.attention(logits, [features[r] for r in config.attention.resolutions])
    alignment = config.alignment(attention, inputs.layout, config.generator.resolution)
    state.curves.add({"alignment": alignment})
    if step.index % STATISTICS_INTERVAL == 0:
        seen = statistics(attention, inputs.layout, config.generator.resolution)
        state.curves.add({key: seen[key] for key in ("l1", "above_threshold", "iou")})
    return loss + share * alignment


def alignment_share(training: TrainingConfig, nimg: int) -> float:
    """Return the share of L_align's weight that counts after `nimg` images: 0 at first, then a ramp, then 1."""
    past = nimg / 1000 - training.align_from_kimg
    if training.align_ramp_kimg == 0:
        return float(past >= 0)
    return min(max(past / training.align_ramp_kimg, 0.0), 1.0)


def g_path(step: Step) -> Float[Tensor, ""]:
    """Return the path-length penalty, scaled for its interval (StyleGAN2, section 3.2)."""
    config, state = step.config, step.state
    inputs = draw_inputs(step, "g_path")
    ws = _styles(step, inputs, "g_path")
    images = state.g.synthesis(ws, inputs.layout, inputs.noise, step.dtype)
    generator = generator_for(config.seed, "g_path/direction", state.cur_nimg, images.device)
    shape = (config.training.batch, *images.shape[1:])
    directions = torch.randn(shape, generator=generator, device=images.device)
    lengths = adversarial.path_lengths(
        images, ws, directions[step.processes.shard(config.training.batch)]
    )
    mean = step.processes.sum_(lengths.detach().mean()) / step.processes.size
    state.pl_mean.lerp_(mean, adversarial.PL_DECAY)
    state.curves.add({"path_length": mean})
    penalty = (lengths - state.pl_mean).square().mean()
    return penalty * (config.training.pl_weight * config.training.pl_interval)


def d_main(step: Step) -> Float[Tensor, ""]:
    """Return D's adversarial loss on this step's real images and new fake ones."""
    state = step.state
    inputs = draw_inputs(step, "d_main")
    with torch.no_grad():
        ws = _styles(step, inputs, "d_main")
        fakes = state.g.synthesis(ws, inputs.layout, inputs.noise, step.dtype)
    # one pass for both: minibatch-std groups are runs of samples, so fakes and reals don't mix
    logits, _ = state.d(torch.cat([fakes, to_float(step.reals)]), step.dtype)
    fake_logits, real_logits = logits.chunk(2)
    loss = adversarial.d_logistic(real_logits, fake_logits)
    state.curves.add(
        {"loss_d": loss, "real_logits": real_logits.mean(), "fake_logits": fake_logits.mean()}
    )
    return loss


def d_r1(step: Step) -> Float[Tensor, ""]:
    """Return the R1 penalty, scaled for its interval."""
    config, state = step.config, step.state
    images = to_float(step.reals).requires_grad_()
    logits, _ = state.d(images, step.dtype)
    penalty = adversarial.r1_penalty(logits, images)
    state.curves.add({"r1": penalty})
    return penalty * (config.training.r1_gamma * config.training.r1_interval)


def to_float(images_uint8: UInt8[Tensor, "n 3 r r"]) -> Float[Tensor, "n 3 r r"]:
    """Return images in [-1, 1]."""
    return images_uint8.float() / 127.5 - 1


@dataclass(frozen=True)
class Phase:
    """One optimizer step of one network."""

    network: str  # "g" or "d"
    loss: Callable[[Step], Tensor]
    interval: int  # steps from one run of the phase to the next


def phases_of(config: RunConfig) -> list[Phase]:
    """Return the phases of a run, in the order of a step."""
    training = config.training
    phases = [Phase("g", g_main, 1)]
    if training.pl_weight:
        phases.append(Phase("g", g_path, training.pl_interval))
    if config.linkage.regions:
        from spatialgan.training.linking import g_link  # which imports this module

        phases.append(Phase("g", g_link, config.linkage.interval))
    phases.append(Phase("d", d_main, 1))
    if training.r1_gamma:
        phases.append(Phase("d", d_r1, training.r1_interval))
    return phases


def run_phase(phase: Phase, step: Step) -> None:
    """Take one optimizer step; skip it, and count, where gradients are not finite.

    Raises FloatingPointError after MAX_SKIPPED in a row.
    """
    state = step.state
    network = getattr(state, phase.network)
    optimizer = getattr(state, f"{phase.network}_opt")
    parameters = list(network.parameters())
    network.requires_grad_(True)
    optimizer.zero_grad(set_to_none=True)
    phase.loss(step).backward()
    network.requires_grad_(False)
    in_a_row = state.num_skipped_in_a_row
    if average_gradients(parameters, step.processes):
        optimizer.step()
        in_a_row[phase.network] = 0
        return
    state.num_skipped += 1
    in_a_row[phase.network] += 1
    if in_a_row[phase.network] >= MAX_SKIPPED:
        raise FloatingPointError(
            f"{MAX_SKIPPED} steps in a row had non-finite gradients at {state.cur_nimg / 1000:.1f} kimg: "
            f"lower the learning rate or raise r1_gamma; the last good checkpoint is kept"
        )


def update_ema(step: Step) -> None:
    """Move g_ema toward g, with a half-life that is short at first."""
    training, nimg = step.config.training, step.state.cur_nimg
    half_life = training.ema_kimg * 1000
    if training.ema_rampup:
        half_life = min(half_life, max(nimg, 1) * training.ema_rampup)
    beta = 0.5 ** (training.batch / max(half_life, 1e-8))
    averages = list(step.state.g_ema.parameters())
    torch._foreach_lerp_(averages, list(step.state.g.parameters()), 1 - beta)  # pyright: ignore[reportArgumentType, reportCallIssue, reportPrivateImportUsage]
