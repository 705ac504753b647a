"""What a training will need, before it is started: memory, disk and time, from a few measured steps.

The steps are real ones at the run's own sizes, with noise in place of the data set, which need not be there
yet. Phases are timed one by one and extrapolated to the whole run; processes are taken to share a batch
without loss. Units: seconds, bytes.
"""

import os
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from spatialgan.config import RunConfig, resolve
from spatialgan.data.prepare import source_of
from spatialgan.evaluation.extractors import open_extractor
from spatialgan.evaluation.segmenters import SEGMENTERS, weights_path
from spatialgan.params import Params
from spatialgan.training.feed import MAX_BYTES_IN_MEMORY
from spatialgan.training.loop import resolve_precision
from spatialgan.training.phases import Step, phases_of, run_phase, update_ema
from spatialgan.training.processes import Processes
from spatialgan.training.run_folder import KEPT_CHECKPOINTS
from spatialgan.training.state import TrainState, new_state, state_to_tensors

PATIENCE = (
    60.0  # seconds a measured step may take; where it would take more, a smaller batch is measured
)
ROUNDS = 2  # measured steps, after one to warm up
BUSY = 0.8  # of a core: a step alone on a machine has at least one
GIB = 2**30


@dataclass(frozen=True)
class Measured:
    """A step on this machine, at the run's own sizes."""

    seconds: float  # of one step with this process's share of the batch
    batch: int  # images of the steps that were timed
    cores: float  # that the steps had on average
    peak_bytes: int  # most memory held at once, on the device, for the share of the batch
    checkpoint_bytes: int
    snapshot_bytes: int


@dataclass(frozen=True)
class Forecast:
    """What a run will need, and what there is."""

    config: RunConfig
    device: torch.device
    num_processes: int
    measured: Measured
    num_steps: int
    disk: dict[str, int]  # bytes by what they are for
    free_disk: int
    memory: int  # bytes of main memory, all processes
    free_memory: int
    missing: list[str]  # one line each

    @property
    def seconds(self) -> float:
        """Return how long the whole training takes."""
        return self.num_steps * self.measured.seconds


def examine(params: Params, run: str, profile: str) -> Forecast:
    """Return what a run of a profile will need on this machine; trains a few steps that are thrown away.

    Raises ValueError where the run can't be trained in any case.
    """
    config, root = resolve(params, run, profile), params.root(profile)
    gpus = torch.cuda.device_count()
    device = torch.device("cuda", 0) if gpus else torch.device("cpu")
    size = max(1, min(gpus, config.execution.num_processes))
    config = resolve_precision(config, device)
    shard = Processes(0, size).shard(config.training.batch)
    measured = measure(config, shard.stop - shard.start, device)
    archive = root / "datasets" / f"{config.dataset}.zip"
    source = params.source(config.dataset, profile)
    pixels = source["num_images"] * 3 * config.generator.resolution**2
    disk = {
        f"{KEPT_CHECKPOINTS} checkpoints and one being written": (KEPT_CHECKPOINTS + 1)
        * measured.checkpoint_bytes,
        "the snapshot": measured.snapshot_bytes,
    }
    if not archive.is_file():
        disk["the data set"] = pixels
    memory = size * (pixels if pixels <= MAX_BYTES_IN_MEMORY else 0)
    memory += measured.peak_bytes if device.type == "cpu" else 0
    forecast = Forecast(
        config=config,
        device=device,
        num_processes=size,
        measured=measured,
        num_steps=-(-round(config.training.kimg * 1000) // config.training.batch),
        disk=disk,
        free_disk=shutil.disk_usage(_existing(root)).free,
        memory=memory,
        free_memory=available_memory(),
        missing=[],
    )
    lacks = [*_lacks_of_machine(forecast), *_lacks_of_files(params, config, profile)]
    return replace(forecast, missing=lacks)


def measure(config: RunConfig, share: int, device: torch.device) -> Measured:
    """Return what a step with `share` images costs; a smaller batch is measured where that takes too long."""
    group = config.discriminator.mbstd_group_size
    smallest = group if share % group == 0 else share
    state = new_state(config, device)
    started, worked = time.perf_counter(), time.process_time()
    idle = _peak_bytes(device)
    step = _noise_step(config, state, smallest, device)
    probe = _step_seconds(step, 0) if smallest < share else 0.0
    batch = smallest if probe * share / smallest > PATIENCE else share
    step = _noise_step(config, state, batch, device)
    seconds = _step_seconds(step, ROUNDS) * share / batch
    peak = idle + (_peak_bytes(device) - idle) * share // batch
    cores = (time.process_time() - worked) / (time.perf_counter() - started)
    tensors, _ = state_to_tensors(state)
    return Measured(
        seconds=seconds,
        batch=batch,
        cores=cores,
        peak_bytes=peak,
        checkpoint_bytes=sum(tensor.nbytes for tensor in tensors.values()),
        snapshot_bytes=sum(tensor.nbytes for tensor in state.g_ema.state_dict().values()),
    )


def _noise_step(config: RunConfig, state: TrainState, batch: int, device: torch.device) -> Step:
    """Return a step of `batch` images that are noise."""
    config = replace(config, training=replace(config.training, batch=batch))
    size = config.generator.resolution
    draws = torch.Generator().manual_seed(0)
    reals = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8, generator=draws)
    dtype = torch.bfloat16 if config.training.precision == "bf16" else torch.float32
    return Step(config, state, Processes(device=device), reals.to(device), 1, dtype)


def _step_seconds(step: Step, rounds: int) -> float:
    """Return the mean seconds of a step: each phase's time over its interval; with 0 rounds, of the first one."""

    def timed(work: Callable[[], None]) -> float:
        seconds = []
        for _ in range(rounds + 1):
            start = time.perf_counter()
            work()
            if step.reals.is_cuda:
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - start)
        return sum(seconds[-rounds:]) / max(rounds, 1)

    phases = phases_of(step.config)
    total = sum(timed(lambda p=phase: run_phase(p, step)) / phase.interval for phase in phases)
    return total + timed(lambda: update_ema(step))


def _peak_bytes(device: torch.device) -> int:
    """Return the most memory this process has held on the device."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def available_memory() -> int:
    """Return the bytes of main memory that can be had without swapping."""
    facts = Path("/proc/meminfo")
    if facts.is_file():
        lines = dict(line.split(":") for line in facts.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    return next(place for place in (folder.resolve(), *folder.resolve().parents) if place.is_dir())


def _lacks_of_machine(forecast: Forecast) -> Iterator[str]:
    wanted, needed = forecast.config.execution.num_processes, sum(forecast.disk.values())
    if wanted > max(1, torch.cuda.device_count()):
        yield f"{wanted} GPUs: the profile shares a batch among so many, and {torch.cuda.device_count()} are here"
    if needed > forecast.free_disk:
        yield f"disk: {_size(needed)} are needed and {_size(forecast.free_disk)} free"
    if forecast.memory > forecast.free_memory:
        yield f"memory: {_size(forecast.memory)} are needed and {_size(forecast.free_memory)} free"
    if forecast.device.type == "cuda":
        total = torch.cuda.get_device_properties(forecast.device).total_memory
        if forecast.measured.peak_bytes > total:
            yield f"GPU memory: {_size(forecast.measured.peak_bytes)} are needed of {_size(total)}"


def _lacks_of_files(params: Params, config: RunConfig, profile: str) -> Iterator[str]:
    """Yield what the training, and measuring it afterwards, would not find."""
    line, root = params.profile(profile), params.root(profile)
    row = params.source(config.dataset, profile)
    archive = root / "datasets" / f"{config.dataset}.zip"
    if not archive.is_file():
        del row["resolution"], row["num_images"]
        try:
            source_of(row).size()
        except (ValueError, OSError, ModuleNotFoundError) as error:
            yield f"data: {error}"
    try:
        open_extractor(line["extractor"])
    except ValueError as error:
        yield f"for FID: {error}"
    kind = SEGMENTERS[line["segmenter"]]
    weights = weights_path(line["segmenter"], root, config.dataset)
    if kind.url and not weights.is_file():
        yield f"for the Co-move Ratio: {weights}, from {kind.url}"


def describe(forecast: Forecast) -> str:
    """Return the forecast for people, one line a subject."""
    config, measured = forecast.config, forecast.measured
    share = config.training.batch // forecast.num_processes
    how = "" if measured.batch == share else f", measured with {measured.batch}"
    where = f"{forecast.num_processes} x {forecast.device.type}"
    lines = [
        f"{config.name}: {config.training.kimg:g} kimg at {config.generator.resolution} px, "
        f"{config.training.precision}",
        f"time    {_duration(forecast.seconds)} on {where}: {forecast.num_steps:,} steps of "
        f"{config.training.batch} images, {measured.seconds:.3g} s each{how}",
    ]
    if forecast.device.type == "cuda":
        lines.append(f"GPU     {_size(measured.peak_bytes)} on each")
    elif measured.cores < BUSY:
        lines.append(
            f"busy    the measured steps had {measured.cores:.0%} of a core: other programs run here, and "
            "without them the training takes less time"
        )
    parts = ", ".join(f"{_size(size)} for {what}" for what, size in forecast.disk.items())
    lines += [
        f"memory  {_size(forecast.memory)}; {_size(forecast.free_memory)} are free",
        f"disk    {_size(sum(forecast.disk.values()))} ({parts}); {_size(forecast.free_disk)} are free",
        *(f"missing {lack}" for lack in forecast.missing),
    ]
    return "\n".join(lines)


def _size(num_bytes: int) -> str:
    return f"{num_bytes / GIB:.1f} GiB" if num_bytes >= GIB / 10 else f"{num_bytes / 2**20:.1f} MiB"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min" if minutes else f"{seconds:.0f} s"
    hours = round(seconds / 3600)
    return f"{hours} h" if hours < 72 else f"{hours // 24} days {hours % 24} h"
