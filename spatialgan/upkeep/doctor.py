"""What a training will need, before it starts: memory, disk and time, from a few measured steps.

The steps are real steps of the run's own networks, with noise instead of the data set, which need not be there
yet: of one image first, then of as many as PATIENCE and MEMORY allow, up to this process's share of the batch.
Phases are timed one by one and extrapolated to the whole run; processes are taken to share a batch
without loss. Units: seconds, bytes.
"""

import os
import resource
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from operator import truediv
from pathlib import Path
from statistics import mean

import torch

from spatialgan.data.prepare import source_of
from spatialgan.extractors.registry import open_extractor
from spatialgan.segmenters.registry import SEGMENTERS, weights_path
from spatialgan.settings.config import RunConfig, resolve
from spatialgan.settings.params import Params
from spatialgan.training.feed import MAX_BYTES_IN_MEMORY
from spatialgan.training.loop import resolve_precision
from spatialgan.training.phases import Step, phases_of, run_phase, update_ema
from spatialgan.training.processes import Processes
from spatialgan.training.run_folder import KEPT_CHECKPOINTS
from spatialgan.training.state import TrainState, new_state, state_to_tensors

PATIENCE = 30.0  # seconds after which no phase is measured any more; the one under way is finished
MEMORY = 0.5  # of what is free, that measured steps may take
ROUNDS = 2  # measured steps, after one to warm up; fewer where time runs out
BUSY = 0.8  # of a core: a step alone on a machine has at least one
GIB = 2**30


@dataclass(frozen=True)
class Measured:
    """A step on this machine, as reckoned for this process's share of the batch."""

    seconds: float  # of one step
    share: int  # images of one step
    batch: int  # images of the steps that were timed
    whole: bool  # whether every phase was timed; if not, seconds leave some out
    cores: float  # that the steps had on average
    peak_bytes: int  # most memory held at once, on the device
    checkpoint_bytes: int
    snapshot_bytes: int

    @property
    def about(self) -> str:
        """Return the words before peak_bytes: part of the memory doesn't grow with the number of images."""
        if not self.whole:
            return "about "
        return "up to " if self.batch < self.share else ""


@dataclass(frozen=True)
class Forecast:
    """What a run will need, and what is available."""

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
    """Return what a run of a profile will need on this machine; trains a few steps and discards them.

    Raises ValueError if the run can't be trained at all.
    """
    config, results = resolve(params, run, profile), params.results(profile)
    gpus = torch.cuda.device_count()
    device = torch.device("cuda", 0) if gpus else torch.device("cpu")
    size = max(1, min(gpus, config.execution.num_processes))
    config = resolve_precision(config, device)
    shard = Processes(0, size).shard(config.training.batch)
    measured = measure(config, shard.stop - shard.start, device)
    archive = results.dataset(config.dataset).archive
    source = params.source(config.dataset, profile)
    pixels = source["num_images"] * 3 * config.generator.resolution**2
    disk = {
        f"{KEPT_CHECKPOINTS} checkpoints and one being written": (KEPT_CHECKPOINTS + 1)
        * measured.checkpoint_bytes,
        "the snapshot": measured.snapshot_bytes,
    }
    if kept := config.execution.num_snapshots:
        disk[f"{kept} that are kept"] = kept * measured.snapshot_bytes
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
        free_disk=shutil.disk_usage(_existing(results.root)).free,
        memory=memory,
        free_memory=available_memory(),
        missing=[],
    )
    lacks = [*_lacks_of_machine(forecast), *_lacks_of_files(params, config, profile)]
    return replace(forecast, missing=lacks)


def measure(config: RunConfig, share: int, device: torch.device) -> Measured:
    """Return what a step with `share` images costs, reckoned from the largest that could be measured."""
    groups_of_one = replace(config.discriminator, mbstd_group_size=1)  # any batch splits; same cost
    config = replace(config, discriminator=groups_of_one)
    state = new_state(config, device)
    intervals = [*(phase.interval for phase in phases_of(config)), 1]
    gradients = sum(p.nbytes for network in (state.g, state.d) for p in network.parameters())
    fixed, free = peak_bytes(device) + gradients, MEMORY * _free_bytes(device)
    started, worked = time.perf_counter(), time.process_time()
    deadline, batch, larger, timed = started + PATIENCE, 0, 1, list[float]()
    while larger > batch:
        latest = _work_seconds(_noise_step(config, state, larger, device), deadline)
        if batch and len(latest) < len(intervals):
            break
        batch, timed = larger, latest
        bytes_per_image = max(peak_bytes(device) - fixed, 0) / batch
        seconds_per_image = (ROUNDS + 1) * sum(timed) / batch
        larger = share
        while larger > 1 and (
            larger * bytes_per_image > free
            or larger * seconds_per_image > deadline - time.perf_counter()
        ):
            larger //= 2
    cores = (time.process_time() - worked) / (time.perf_counter() - started)
    tensors, _ = state_to_tensors(state)
    return Measured(
        seconds=sum(map(truediv, timed, intervals)) * share / batch,
        share=share,
        batch=batch,
        whole=len(timed) == len(intervals),
        cores=cores,
        peak_bytes=round(fixed + bytes_per_image * share),
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


def _work_seconds(step: Step, deadline: float) -> list[float]:
    """Return the mean seconds of each phase and of the moving average, without those left at the deadline.

    The very first round counts only if there is no second.
    """
    works = [*(partial(run_phase, phase) for phase in phases_of(step.config)), update_ema]
    taken: list[list[float]] = [[] for _ in works]
    for work, seconds in (ROUNDS + 1) * list(zip(works, taken, strict=True)):
        start = time.perf_counter()
        if start > deadline:
            break
        work(step)
        if step.reals.is_cuda:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return [mean(seconds[1:] or seconds) for seconds in taken if seconds]


def peak_bytes(device: torch.device) -> int:
    """Return the most memory this process has held on the device."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _free_bytes(device: torch.device) -> int:
    """Return the bytes that are available on the device."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available_memory()


def available_memory() -> int:
    """Return the bytes of main memory that are available without swapping."""
    table = Path("/proc/meminfo")
    if table.is_file():
        lines = dict(line.split(":") for line in table.read_text(encoding="utf-8").splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    return next(place for place in (folder.resolve(), *folder.resolve().parents) if place.is_dir())


def _lacks_of_machine(forecast: Forecast) -> Iterator[str]:
    wanted, needed = forecast.config.execution.num_processes, sum(forecast.disk.values())
    if wanted > max(1, torch.cuda.device_count()):
        yield f"{wanted} GPUs: the profile shares a batch among them, but this machine has {torch.cuda.device_count()}"
    if needed > forecast.free_disk:
        yield f"disk: {_size(needed)} needed, {_size(forecast.free_disk)} free"
    if forecast.memory > forecast.free_memory:
        yield f"memory: {_memory(forecast)} needed, {_size(forecast.free_memory)} free"
    if forecast.device.type == "cuda":
        total = torch.cuda.get_device_properties(forecast.device).total_memory
        if forecast.measured.peak_bytes > total:
            yield f"GPU memory: {_device_memory(forecast)} needed, {_size(total)} in all"


def _lacks_of_files(params: Params, config: RunConfig, profile: str) -> Iterator[str]:
    """Yield what the training, and measuring it afterwards, would lack."""
    line, results = params.profile(profile), params.results(profile)
    row = params.source(config.dataset, profile)
    archive = results.dataset(config.dataset).archive
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
    weights = weights_path(line["segmenter"], results, config.dataset)
    if kind.url and not weights.is_file():
        yield f"for the Co-move Ratio: {weights}, from {kind.url}"


def describe(forecast: Forecast) -> str:
    """Return the forecast for people, one line per subject."""
    config, measured = forecast.config, forecast.measured
    least = "" if measured.whole else "at least "
    timed = measured.seconds * measured.batch / measured.share
    how = "" if measured.batch == measured.share else f", from {timed:.3g} s for {measured.batch}"
    where = f"{forecast.num_processes} x {forecast.device.type}"
    lines = [
        f"{config.name}: {config.training.kimg:g} kimg at {config.generator.resolution} px, "
        f"{config.training.precision}",
        f"time    {least}{_duration(forecast.seconds)} on {where}: {forecast.num_steps:,} steps of "
        f"{config.training.batch} images, {measured.seconds:.3g} s each{how}",
    ]
    if forecast.device.type == "cuda":
        lines.append(f"GPU     {_device_memory(forecast)} on each")
    elif measured.cores < BUSY:
        lines.append(
            f"busy    the measured steps had {measured.cores:.0%} of a core: other programs run here, and "
            "without them the training takes less time"
        )
    parts = ", ".join(f"{_size(size)} for {what}" for what, size in forecast.disk.items())
    lines += [
        f"memory  {_memory(forecast)}; {_size(forecast.free_memory)} are free",
        f"disk    {_size(sum(forecast.disk.values()))} ({parts}); {_size(forecast.free_disk)} are free",
        *(f"missing {lack}" for lack in forecast.missing),
    ]
    return "\n".join(lines)


def _memory(forecast: Forecast) -> str:
    """Return the main memory that is needed; of the steps themselves only where they run there."""
    about = forecast.measured.about if forecast.device.type == "cpu" else ""
    return f"{about}{_size(forecast.memory)}"


def _device_memory(forecast: Forecast) -> str:
    return f"{forecast.measured.about}{_size(forecast.measured.peak_bytes)}"


def _size(num_bytes: int) -> str:
    return f"{num_bytes / GIB:.1f} GiB" if num_bytes >= GIB / 10 else f"{num_bytes / 2**20:.1f} MiB"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min" if minutes else f"{seconds:.0f} s"
    hours = round(seconds / 3600)
    return f"{hours} h" if hours < 72 else f"{hours // 24} days {hours % 24} h"
