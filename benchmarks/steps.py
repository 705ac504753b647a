"""What the speed benchmarks share: one training step of ours as a function, and fair timing.

Rounds of the candidates alternate, and the ratio of their medians is what counts: absolute times say
more about the machine than about the code.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from spatialgan.settings.config import RunConfig, load_params, resolve
from spatialgan.training.loop import take_step
from spatialgan.training.phases import Step
from spatialgan.training.processes import Processes
from spatialgan.training.state import new_state

ROOT = Path(__file__).parents[1]
CYCLE = 16  # steps in which every lazily applied phase happens once


def configured(run: str, profile: str, batch: int, precision: str) -> RunConfig:
    """Return a run of params/ with another batch and precision."""
    config = resolve(load_params(ROOT / "params"), run, profile)
    config = replace(config, training=replace(config.training, batch=batch, precision=precision))
    group = min(config.discriminator.mbstd_group_size, batch)
    return replace(config, discriminator=replace(config.discriminator, mbstd_group_size=group))


def our_step(config: RunConfig, device: str = "cpu") -> Callable[[int], None]:
    """Return a function that takes training step number i on random images."""
    processes = Processes(device=torch.device(device))
    state = new_state(config, processes.device)
    r = config.generator.resolution
    reals = torch.randint(0, 256, (config.training.batch, 3, r, r), dtype=torch.uint8).to(device)
    dtype = torch.bfloat16 if config.training.precision == "bf16" else torch.float32
    return lambda index: take_step(Step(config, state, processes, reals, index, dtype))


def seconds_per_step(
    candidates: dict[str, Callable[[int], None]], rounds: int, cycle: int = CYCLE
) -> dict[str, float]:
    """Return each candidate's median seconds per step over alternating rounds of one cycle each."""
    for step in candidates.values():
        step(0)
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, step in candidates.items():
            started = time.perf_counter()
            for index in range(cycle):
                step(index)
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            times[name].append((time.perf_counter() - started) / cycle)
    return {name: statistics.median(values) for name, values in times.items()}
