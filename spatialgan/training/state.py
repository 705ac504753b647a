"""Everything a training needs in order to resume, and how it is saved in a checkpoint and restored.

It holds no random state: every draw is a function of (seed, phase, images shown).
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from spatialgan.networks.discriminator import Discriminator
from spatialgan.networks.generator import Generator
from spatialgan.rng import generator_for
from spatialgan.settings.config import RunConfig, TrainingConfig
from spatialgan.training.curves import Curves
from spatialgan.training.linked_regions import RegionFinder


@dataclass
class TrainState:
    """The mutable state of one training."""

    g: Generator
    d: Discriminator
    g_ema: Generator
    g_opt: torch.optim.Adam
    d_opt: torch.optim.Adam
    pl_mean: Tensor  # moving average of path lengths, scalar
    cur_nimg: int = 0  # images shown to D
    num_skipped: int = 0  # phases skipped for non-finite gradients
    num_skipped_in_a_row: dict[str, int] = field(default_factory=lambda: {"g": 0, "d": 0})
    curves: Curves = field(default_factory=Curves)
    linkage: RegionFinder = field(default_factory=RegionFinder)  # finds the linked regions


def new_state(config: RunConfig, device: torch.device) -> TrainState:
    """Return the state before the first step: weights from the run's seed, the same on every device."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(generator_for(config.seed, "weights", 0).initial_seed())
        g, d, g_ema = (
            Generator(config.generator),
            Discriminator(config.discriminator),
            Generator(config.generator),
        )
    g_ema.load_state_dict(g.state_dict())
    for network in (g, d, g_ema):
        network.requires_grad_(False).to(device)
    training = config.training
    return TrainState(
        g=g,
        d=d,
        g_ema=g_ema,
        g_opt=_adam(
            g, training, training.pl_interval
        ),  # as in StyleGAN2-ADA, whatever pl_weight is
        d_opt=_adam(d, training, training.r1_interval if training.r1_gamma else 0),
        pl_mean=torch.zeros((), device=device),
    )


def _adam(network: nn.Module, training: TrainingConfig, interval: int) -> torch.optim.Adam:
    """Return Adam, corrected for a regularizer that takes its own step every `interval` steps (0: none)."""
    ratio = interval / (interval + 1) if interval else 1.0
    parameters = list(network.parameters())
    betas = (0.0, training.beta2**ratio)
    optimizer = torch.optim.Adam(
        parameters, lr=training.learning_rate * ratio, betas=betas, eps=1e-8, fused=True
    )
    # what Adam would make at its first step, so that a checkpoint can be restored into it
    for parameter in parameters:
        optimizer.state[parameter] = {
            "step": torch.zeros((), device=parameter.device),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
    return optimizer


def _named_tensors(state: TrainState) -> dict[str, Tensor]:
    named = {
        "pl_mean": state.pl_mean,
        "curves.sums": state.curves.sums,
        "curves.counts": state.curves.counts,
    }
    for part in ("g", "d", "g_ema"):
        named |= {f"{part}.{name}": p for name, p in getattr(state, part).state_dict().items()}
    for part, optimizer in (("g", state.g_opt), ("d", state.d_opt)):
        for name, parameter in getattr(state, part).named_parameters():
            named |= {
                f"{part}_opt.{name}.{key}": value
                for key, value in optimizer.state[parameter].items()
            }
    return named


def state_to_tensors(state: TrainState) -> tuple[dict[str, Tensor], dict]:
    """Return the state as named tensors and JSON counters."""
    counters = {
        key: getattr(state, key) for key in ("cur_nimg", "num_skipped", "num_skipped_in_a_row")
    }
    return {**_named_tensors(state), "curves.rows": state.curves.rows}, counters


def restore_state(state: TrainState, tensors: dict[str, Tensor], counters: dict) -> None:
    """Put saved tensors and counters into a new state of the same run.

    Raises ValueError if they are from a run with other networks.
    """
    tensors = dict(tensors)
    rows = tensors.pop("curves.rows", state.curves.rows)
    named = _named_tensors(state)
    different = sorted(named.keys() ^ tensors.keys())
    if different:
        raise ValueError(
            f"the checkpoint is of another run: {len(different)} tensors, such as {different[0]}, are "
            f"in one of them only; move it away to train from the start"
        )
    for name, tensor in {**named, "curves.rows": state.curves.rows[:0]}.items():
        saved = rows[:0] if name == "curves.rows" else tensors[name]
        if saved.shape != tensor.shape or saved.dtype != tensor.dtype:
            raise ValueError(f"the checkpoint is of another run: {name} is {list(saved.shape)}")
    with torch.no_grad():
        for name, tensor in named.items():
            tensor.copy_(tensors[name])
    state.curves.rows = rows
    for key, value in counters.items():
        setattr(state, key, value)


def is_finite(state: TrainState) -> bool:
    """Return whether all weights and optimizer moments are finite."""
    return all(
        bool(t.isfinite().all()) for t in _named_tensors(state).values() if t.is_floating_point()
    )
