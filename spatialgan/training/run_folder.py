"""Where a training keeps the checkpoints it resumes from, and where it puts its results.

Checkpoints are under `Results.resume(run)`, in a folder <key>, outside the workflow's declared outputs, because a
workflow deletes the outputs of a job that was killed. The key is a hash of everything that must not change when a
training is resumed (its resolved configuration, the data set, the code), so a changed run starts from the beginning.
Snapshots that are kept are under `Results.kept(run)`, by the same key.
"""

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

from spatialgan.data.prepare import described_sha256
from spatialgan.headers import describing, whole
from spatialgan.results import Results, RunFiles
from spatialgan.settings.config import RunConfig
from spatialgan.tensor_file import DamagedFile, load_tensors, save_tensors
from spatialgan.training.state import TrainState, is_finite, restore_state, state_to_tensors

KEPT_CHECKPOINTS = 2
DAMAGED = ".damaged"  # in place of their suffix, of checkpoints that can't be used
MAX_COUNT = 1 << 53  # of images or steps

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunFolder:
    """Paths of one training, and what must be the same when it is resumed."""

    outputs: RunFiles
    resume: Path  # checkpoints
    kept: Path  # snapshots from the training's way
    fixed: dict  # identity, data set and code of this training, as JSON data

    def checkpoints(self) -> list[Path]:
        """Return the checkpoints, newest first."""
        return sorted(self.resume.glob("checkpoint-*.safetensors"), reverse=True)


def fixed_settings(config: RunConfig, results: Results, pretrained_sha256: str) -> dict:
    """Return what must be the same when a training is resumed, as JSON data; "" for a run that begins from none.

    Raises ValueError if the data set is not prepared.
    """
    fixed = {
        "identity": config.identity(),
        "dataset_sha256": described_sha256(results.dataset(config.dataset)),
        "code": config.code("spatialgan.training.loop.train"),
    }
    return {**fixed, "pretrained_sha256": pretrained_sha256} if pretrained_sha256 else fixed


def open_run_folder(results: Results, run: str, fixed: dict) -> RunFolder:
    """Return the folder of a run whose checkpoints are keyed by `fixed`."""
    key = hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()[:12]
    return RunFolder(results.run(run), results.resume(run) / key, results.kept(run) / key, fixed)


def save_checkpoint(folder: RunFolder, state: TrainState) -> None:
    """Save the state, then drop all but the newest checkpoints.

    Raises FloatingPointError instead of putting non-finite weights over a good checkpoint.
    """
    if not is_finite(state):
        raise FloatingPointError(
            f"weights are not finite at {state.cur_nimg / 1000:.1f} kimg: nothing was saved, "
            f"the last good checkpoint in {folder.resume} is kept"
        )
    tensors, counters = state_to_tensors(state)
    path = folder.resume / f"checkpoint-{state.cur_nimg:012d}.safetensors"
    save_tensors(path, tensors, {"kind": "checkpoint", "counters": counters, "fixed": folder.fixed})
    for old in folder.checkpoints()[KEPT_CHECKPOINTS:]:
        old.unlink()


def restore_newest(folder: RunFolder, state: TrainState) -> None:
    """Put the newest checkpoint that verifies into the state; damaged ones are named, skipped and kept.

    Raises ValueError if all are damaged or one is whole but of another run, OSError if one can't be read: that
    isn't damage.
    """
    for path in folder.checkpoints():
        try:
            tensors, header = load_tensors(path)
        except DamagedFile as error:
            log.warning("%s; trying the one before", error)
            path.rename(path.with_suffix(DAMAGED))
            continue
        restore_state(state, tensors, _counters(path, header, folder.fixed))
        log.info("resuming at %.1f kimg from %s", state.cur_nimg / 1000, path)
        return
    # Days of training aren't repeated without a word, now or when the command is run again.
    if any(folder.resume.glob(f"checkpoint-*{DAMAGED}")):
        raise ValueError(
            f"no checkpoint in {folder.resume} is whole: put a good copy of one there, or remove the folder to train "
            f"from the beginning"
        )


def _counters(path: Path, header: dict, fixed: dict) -> dict:
    """Return the counters in a checkpoint's header; raises ValueError if they can't be this training's."""
    if header.get("kind") != "checkpoint" or header.get("fixed") != fixed:
        raise ValueError(f"{path} is no checkpoint of this training: move it away")
    with describing(path, "state of a training"):
        counters = header["counters"]
        in_a_row = counters["num_skipped_in_a_row"]
        found = {name: whole(counters, name, MAX_COUNT) for name in ("cur_nimg", "num_skipped")}
        return {**found, "num_skipped_in_a_row": {part: whole(in_a_row, part) for part in "gd"}}
