"""The training loop: one run, from its configuration to a snapshot. Rerun the command to resume.

A run may be killed at any moment, any number of times: on a CPU the result is bit-identical to an uninterrupted
run's. Draws are functions of the images shown, and everything else is in the checkpoint.
"""

import logging
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from tqdm import tqdm

from spatialgan.data.archive import ImageArchive
from spatialgan.data.prepare import check_archive
from spatialgan.files import file_sha256, write_atomically
from spatialgan.pictures import save_png
from spatialgan.provenance import source_commit
from spatialgan.records import write_record
from spatialgan.results import WEIGHTS_SUFFIX, Results
from spatialgan.settings.config import RunConfig
from spatialgan.snapshot import Snapshot, mean_style, save_snapshot
from spatialgan.tensor_file import exclusive
from spatialgan.training.feed import real_batches
from spatialgan.training.grids import overlay_grid, sample_grid
from spatialgan.training.linked_regions import open_finder
from spatialgan.training.phases import Step, phases_of, run_phase, update_ema
from spatialgan.training.pretrained import Pretrained, begin_from, read_pretrained
from spatialgan.training.processes import Processes
from spatialgan.training.run_folder import (
    RunFolder,
    fixed_settings,
    open_run_folder,
    restore_newest,
    save_checkpoint,
)
from spatialgan.training.state import TrainState, is_finite, new_state
from spatialgan.training.stopping import Preempted as Preempted
from spatialgan.training.stopping import stop_requests
from spatialgan.variants import check_choice

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingJob:
    """One training and where it happens."""

    config: RunConfig
    results: Results  # of the profile
    processes: Processes
    made_from: dict = field(default_factory=dict)  # the stamp that the record carries
    waits: bool = False  # for another process that trains the run, rather than raise


def resolve_precision(config: RunConfig, device: torch.device) -> RunConfig:
    """Return the configuration with "auto" replaced: bf16 where the hardware multiplies it natively, else fp32.

    Raises ValueError for a precision that doesn't exist.
    """
    precision = config.training.precision
    check_choice(("auto", "bf16", "fp32"), "precision", precision)
    if precision == "auto":
        precision = "bf16" if _multiplies_bf16(device) else "fp32"
    return replace(config, training=replace(config.training, precision=precision))


def _multiplies_bf16(device: torch.device) -> bool:
    """Return whether the hardware has dot products of bf16: on a CPU AMX or AVX512_BF16."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(False)
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def train(job: TrainingJob) -> None:
    """Train a run to its end, starting from its newest checkpoint.

    Raises ValueError for a run or data set that cannot be trained, RuntimeError if another process
    trains it, Preempted after SIGTERM or Ctrl-C, FloatingPointError if training diverges.
    """
    config = resolve_precision(job.config, job.processes.device)
    _check_batch(config, job.processes)
    files = job.results.dataset(config.dataset)
    archive = ImageArchive(files.archive)
    if archive.resolution != config.generator.resolution:
        raise ValueError(
            f"{files.archive} has {archive.resolution} px images, the run {config.generator.resolution} px"
        )
    # one lock for all settings of a run: its outputs are of one training
    is_first = job.processes.rank == 0
    lock = exclusive(job.results.resume(config.name), job.waits) if is_first else nullcontext()
    with lock:
        job.processes.barrier()  # files are read when no other training of the run is at work
        if is_first:
            check_archive(archive, files)
        pretrained = read_pretrained(config, job.results) if config.pretrained else None
        fixed = fixed_settings(config, job.results, pretrained.sha256 if pretrained else "")
        folder = open_run_folder(job.results, config.name, fixed)
        _train(job, config, archive, folder, pretrained)


def _check_batch(config: RunConfig, processes: Processes) -> None:
    share = processes.shard(config.training.batch)
    size, group = share.stop - share.start, config.discriminator.mbstd_group_size
    if size % group:
        raise ValueError(
            f"each process has {size} images of a batch: choose a multiple of mbstd_group_size {group}"
        )


def _train(
    job: TrainingJob,
    config: RunConfig,
    archive: ImageArchive,
    folder: RunFolder,
    pretrained: Pretrained | None,
) -> None:
    processes = job.processes
    state = new_state(config, processes.device)
    if pretrained:
        begin_from(pretrained, state)
    if config.linkage.regions:
        state.linkage = open_finder(config, job.results, processes.device.type)
    restore_newest(folder, state)
    processes.barrier()
    meter = Meter(config, state, processes)
    with stop_requests() as stopped, meter:
        for step in _steps(config, archive, state, processes):
            take_step(step)
            meter.update()
            _keep_records(step, folder)
            if _any_stopped(bool(stopped), processes):
                _save(folder, state, processes)
                raise Preempted(
                    f"stopped at {state.cur_nimg / 1000:.1f} kimg; rerun the command to resume"
                )
    state.curves.gather(processes)
    if processes.rank == 0:
        _write_outputs(job, config, folder, state, meter)


def _steps(
    config: RunConfig, archive: ImageArchive, state: TrainState, processes: Processes
) -> Iterator:
    """Yield the steps that remain."""
    batch = config.training.batch
    dtype = torch.bfloat16 if config.training.precision == "bf16" else torch.float32
    reals = real_batches(archive, config, state.cur_nimg, processes)
    while state.cur_nimg < config.training.kimg * 1000:
        yield Step(config, state, processes, next(reals), state.cur_nimg // batch, dtype)


def take_step(step: Step) -> None:
    """Run the phases that are due, count the images, update the moving average."""
    for phase in phases_of(step.config):
        if step.index % phase.interval == 0:
            run_phase(phase, step)
    step.state.cur_nimg += step.config.training.batch
    update_ema(step)


def _keep_records(step: Step, folder: RunFolder) -> None:
    """Close a row of the curves, draw the grids, keep a snapshot, save a checkpoint, each where it is due."""
    config, state, execution = step.config, step.state, step.config.execution
    total, nimg, batch = config.training.kimg * 1000, state.cur_nimg, config.training.batch

    def due(times: int) -> bool:
        return nimg >= total or nimg * times // total > (nimg - batch) * times // total

    if due(execution.log_points):
        state.curves.close_row(nimg, step.processes)
    # before the checkpoint: a training that is killed in between draws and keeps them again
    if due(execution.num_grids) and step.processes.rank == 0:
        _draw_grids(config, state, folder.outputs.grids / f"{nimg / 1000:08.1f}")
    if execution.num_snapshots and due(execution.num_snapshots) and step.processes.rank == 0:
        _keep_snapshot(config, state, folder)
    if due(execution.num_checkpoints):
        _save(folder, state, step.processes)


def _save(folder: RunFolder, state: TrainState, processes: Processes) -> None:
    state.curves.gather(processes)
    if processes.rank == 0:
        save_checkpoint(folder, state)


def _keep_snapshot(config: RunConfig, state: TrainState, folder: RunFolder) -> None:
    """Write the moving average of G to where no later one replaces it.

    Raises FloatingPointError instead of keeping weights that are not finite.
    """
    if not is_finite(state):
        raise FloatingPointError(f"weights are not finite at {state.cur_nimg / 1000:.1f} kimg")
    path = folder.kept / f"{state.cur_nimg:012d}{WEIGHTS_SUFFIX}"
    save_snapshot(path, state.g_ema, config, state.cur_nimg)


def _draw_grids(config: RunConfig, state: TrainState, stem: Path) -> None:
    snapshot = Snapshot(state.g_ema, mean_style(state.g_ema, config), config, state.cur_nimg / 1000)
    save_png(stem.with_name(f"{stem.name}-samples.png"), sample_grid(snapshot))
    save_png(stem.with_name(f"{stem.name}-attention.png"), overlay_grid(snapshot, state.d))


def _write_outputs(
    job: TrainingJob, config: RunConfig, folder: RunFolder, state: TrainState, meter: "Meter"
) -> None:
    """Write snapshot, curves, samples and, last, the record, which says that the run is complete."""
    outputs = folder.outputs
    outputs.record.unlink(missing_ok=True)  # it describes another snapshot
    save_snapshot(outputs.snapshot, state.g_ema, config, state.cur_nimg)
    write_atomically(outputs.curves, state.curves.to_csv().encode())
    average = Snapshot(state.g_ema, mean_style(state.g_ema, config), config, state.cur_nimg / 1000)
    save_png(outputs.samples, sample_grid(average))
    save_png(outputs.attention, overlay_grid(average, state.d))
    record = {
        "run": config.name,
        "title": config.title,
        "identity": folder.fixed["identity"],
        "dataset_sha256": folder.fixed["dataset_sha256"],
        "snapshot_sha256": file_sha256(outputs.snapshot),
        "training": folder.kept.name,  # by which its kept snapshots are found
        "curves_sha256": file_sha256(outputs.curves),
        "kimg": state.cur_nimg / 1000,
        "resolution": config.generator.resolution,
        "precision": config.training.precision,
        "num_skipped": state.num_skipped,
        "num_parameters": {
            part: sum(p.numel() for p in getattr(state, part).parameters()) for part in ("g", "d")
        },
        "images_per_second": meter.images_per_second(),
        "device": str(meter.processes.device.type),
        "num_processes": meter.processes.size,
        "torch": torch.__version__,
        "commit": source_commit(),
        "made_from": job.made_from,
    }
    write_record(outputs.record, record)


class Meter:
    """The progress line: kimg, images/s, time left, memory."""

    def __init__(self, config: RunConfig, state: TrainState, processes: Processes):
        self.state, self.processes = state, processes
        self.started, self.first_nimg = time.monotonic(), state.cur_nimg
        total = config.training.kimg
        self.bar = tqdm(
            total=total,
            initial=min(state.cur_nimg / 1000, total),
            desc=config.name,
            bar_format="{desc} {percentage:3.0f}% {n:.1f}/{total:g} kimg [{elapsed}<{remaining}{postfix}]",
            mininterval=1.0 if sys.stderr.isatty() else 30.0,
            disable=processes.rank != 0,
        )

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def images_per_second(self) -> float | None:
        """Return the mean speed of this process's part of the run; null where it had nothing left to do."""
        images = self.state.cur_nimg - self.first_nimg
        return round(images / (time.monotonic() - self.started), 1) if images else None

    def update(self) -> None:
        """Show where training is."""
        if self.bar.disable:
            return
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        if self.processes.device.type == "cuda":
            peak = torch.cuda.max_memory_allocated() / 2**30
        self.bar.set_postfix_str(
            f"{self.images_per_second():.0f} img/s, {peak:.1f} GiB", refresh=False
        )
        self.bar.update(min(self.state.cur_nimg / 1000, self.bar.total) - self.bar.n)


def _any_stopped(stopped: bool, processes: Processes) -> bool:
    if processes.size == 1:
        return stopped
    return bool(processes.sum_(torch.tensor(float(stopped), device=processes.device)) > 0)
