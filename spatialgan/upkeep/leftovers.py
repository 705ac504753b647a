"""Checkpoints that nobody will need: of earlier settings of a run, left when it was trained with others."""

import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from spatialgan.files import file_sha256
from spatialgan.results import Results
from spatialgan.settings.params import Params
from spatialgan.tensor_file import exclusive

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Leftovers:
    """Folders of checkpoints that can be removed."""

    folders: tuple[Path, ...]
    num_bytes: int


def leftovers(params: Params, profile: str) -> Leftovers:
    """Return the checkpoint folders of earlier settings.

    Of each run that are all but the one that was written to last, and those that the present settings resume from.
    """
    results = params.results(profile)
    by_run: dict[Path, dict[Path, float]] = {}
    for checkpoint in results.checkpoints():
        folder = checkpoint.parent
        times = by_run.setdefault(folder.parent, {})
        times[folder] = max(times.get(folder, 0.0), checkpoint.stat().st_mtime)
    removable: list[Path] = []
    for place, times in by_run.items():
        newest = max(times.values())
        older = [folder for folder in sorted(times) if times[folder] < newest]
        if older:
            kept = resumed_from(params, profile, "/".join(place.parts[-3:]), results)
            removable += [folder for folder in older if folder not in kept]
    sizes = (file.stat().st_size for folder in removable for file in _files(folder))
    return Leftovers(tuple(removable), sum(sizes))


def resumed_from(params: Params, profile: str, run: str, results: Results) -> set[Path]:
    """Return the folders whose checkpoints a training of a run would resume from, in either precision.

    Empty if the run or its data set is no longer there.
    """
    from spatialgan.settings.config import resolve  # torch, which the rest does without
    from spatialgan.training.pretrained import pretrained_snapshot
    from spatialgan.training.run_folder import fixed_settings, open_run_folder

    try:
        config = resolve(params, run, profile)
        first = file_sha256(pretrained_snapshot(config, results)) if config.pretrained else ""
        trainings = [replace(config.training, precision=name) for name in ("bf16", "fp32")]
        resolved = [replace(config, training=training) for training in trainings]
        every = [fixed_settings(one, results, first) for one in resolved]
    except ValueError:
        return set()
    return {open_run_folder(results, run, fixed).resume for fixed in every}


def remove_leftovers(params: Params, profile: str) -> Leftovers:
    """Remove the checkpoint folders of earlier settings, but those of runs that are being trained; return them."""
    found = leftovers(params, profile)
    removed = []
    for folder in found.folders:
        try:
            with exclusive(folder.parent):
                shutil.rmtree(folder)
        except RuntimeError as error:
            log.warning("%s; %s stays", error, folder)
            continue
        removed.append(folder)
    return replace(found, folders=tuple(removed))


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (Path(place) / name for name in names)
