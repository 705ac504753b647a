"""Locality: does an edit of one object change the image there, or everywhere?

The paper admits changes elsewhere and doesn't measure them. Here an object is moved, removed or given
another style with everything else fixed, and the mean absolute change of a pixel is taken inside the
half-maximum disc of its sub-heatmap (of the old and the new place where it moves) and outside. The
locality is their ratio: 1 where a change has no place, large where it stays where it belongs.

To add an edit, write a function `(trials, seed) -> edited samples` and give it an entry in EDITS, with
where it is meant to change the image.

Shapes: n trials, p places, r resolution.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from tqdm import tqdm

from spatialgan.evaluation.bootstrap import interval, resampled_sums
from spatialgan.evaluation.matching import half_maximum_disc
from spatialgan.evaluation.measured import Numbers, measured, save_measured
from spatialgan.evaluation.partial import PartialResults
from spatialgan.evaluation.trials import (
    LENGTHS,
    Source,
    Trials,
    is_steerable,
    snapshot_source,
    trial_batches,
)
from spatialgan.files import file_sha256
from spatialgan.heatmaps.layout import Layout
from spatialgan.heatmaps.moves import move_objects, remove, where_object
from spatialgan.networks.generator import GeneratorInputs
from spatialgan.rng import generator_for
from spatialgan.snapshot import load_snapshot

BOOTSTRAP_SEED = 0


@dataclass(frozen=True)
class LocalityRequest:
    """What to measure."""

    num_trials: int = 50000
    seed: int = 0  # of the latents, layouts, noise, moves and new styles
    batch_size: int = 32  # samples drawn together; changes no result
    device: str = "cpu"  # of the generator: cpu or cuda


@dataclass(frozen=True)
class Change:
    """How much one edit changed one image: sums over pixels of |difference| in 0..255, channels' mean."""

    inside: float  # sum over the pixels of the disc
    inside_pixels: int
    outside: float  # sum over all others
    outside_pixels: int


@dataclass(frozen=True)
class Edit:
    """One kind of edit, of one object of each sample."""

    apply: Callable[[Trials, int], GeneratorInputs]  # (trials, seed) -> the samples edited
    places: Callable[[Trials], Float[Tensor, "n p 2"]]  # centers of the discs that are to change
    is_known: Callable[[GeneratorInputs], bool]  # whether a row's samples can be edited so


Changes = dict[str, list[Change]]  # by edit


def measure_locality(snapshot_path: Path, request: LocalityRequest, output: Path) -> dict:
    """Write the locality of a snapshot's edits with its protocol to `output`, and return it.

    Edits that a row doesn't know have no metrics. Killed, it goes on after the last finished batch.
    Raises ValueError, in one line, where the snapshot is missing or damaged.
    """
    snapshot = load_snapshot(snapshot_path, request.device)
    protocol = {
        "num_trials": request.num_trials,
        "move_length": f"{LENGTHS[0]} to {LENGTHS[1]} image widths",
        "truncation_psi": 1,
        "noise_mode": "fixed per sample index",
    }
    identity = {
        "protocol": protocol,
        "sample_seed": request.seed,
        "snapshot_sha256": file_sha256(snapshot_path),
        "code": snapshot.config.code("spatialgan.evaluation.locality.measure_locality"),
    }
    partial = PartialResults(output.with_suffix(".partial.jsonl"), identity)
    changes = observe_changes(snapshot_source(snapshot, request.seed), request, partial)
    result = measured(snapshot, protocol, localities(changes))
    result |= {name: identity[name] for name in ("sample_seed", "snapshot_sha256")}
    save_measured(output, result)
    partial.remove()
    return result


def observe_changes(source: Source, request: LocalityRequest, partial: PartialResults) -> Changes:
    """Return what each edit changed in `num_trials` samples; nothing for unsteered generators."""
    if not is_steerable(source):
        return {}
    found: Changes = {}
    for batch in partial.batches:
        _extend(
            found, {name: [Change(*c) for c in seen] for name, seen in batch["changes"].items()}
        )
    done = sum(batch["trials"] for batch in partial.batches)
    start = partial.batches[-1]["next"] if partial.batches else 0
    missing = request.num_trials - done
    with tqdm(
        total=request.num_trials, initial=done, desc="editing", unit="sample", disable=None
    ) as bar:
        for trials in trial_batches(source, request.seed, missing, start, request.batch_size):
            seen = changes_of(trials, source, request.seed)
            _extend(found, seen)
            plain = {name: [list(vars(c).values()) for c in part] for name, part in seen.items()}
            partial.add({"next": trials.stop, "trials": len(trials), "changes": plain})
            bar.update(len(trials))
    return found


def changes_of(trials: Trials, source: Source, seed: int) -> Changes:
    """Return what each edit that the source knows changes in each trial's image."""
    before = source.render(trials.samples).float()
    found = {}
    for name, edit in EDITS.items():
        if edit.is_known(trials.samples):
            after = source.render(edit.apply(trials, seed)).float()
            change = (after - before).abs().mean(dim=1)
            discs = _discs(trials, edit.places(trials), change.shape[-1])
            found[name] = [_change(*pair) for pair in zip(change, discs, strict=True)]
    return found


def moved(trials: Trials, seed: int) -> GeneratorInputs:
    """Return the samples with their objects moved by the trials' offsets."""
    layout = move_objects(trials.samples.layout, trials.objects, trials.offsets)
    return replace(trials.samples, layout=layout)


def removed(trials: Trials, seed: int) -> GeneratorInputs:
    """Return the samples without their objects."""
    layout, rows = trials.samples.layout, enumerate(trials.objects.tolist())
    singles = ((layout[row : row + 1], index) for row, index in rows)
    return replace(
        trials.samples,
        layout=Layout.cat([remove(one, where_object(one, index)) for one, index in singles]),
    )


def restyled(trials: Trials, seed: int) -> GeneratorInputs:
    """Return the samples with new style codes for their objects, a function of (seed, sample)."""
    z = trials.samples.z.clone()
    for row, (sample, index) in enumerate(
        zip(trials.indices, trials.objects.tolist(), strict=True)
    ):
        draws = generator_for(seed, "restyle", sample)
        z[row, 1 + index] = torch.randn(z.shape[2], generator=draws)  # code 0 is the background's
    return replace(trials.samples, z=z)


def localities(changes: Changes) -> Numbers:
    """Return, per edit, the mean change inside and outside (0..255) and their ratio, with intervals.

    A ratio without any change outside has no number.
    """
    values, bounds = {}, {}
    for name, seen in changes.items():
        columns = np.array([list(vars(change).values()) for change in seen], dtype=float)
        sums = resampled_sums(columns, BOOTSTRAP_SEED)
        for part, ratio in _PARTS.items():
            with np.errstate(divide="ignore", invalid="ignore"):
                value, replicates = float(ratio(columns.sum(axis=0))), ratio(sums.T)
            if np.isfinite(value):
                values[f"{name}_{part}"] = value
                bounds[f"{name}_{part}"] = interval(replicates)
    return values, bounds


def _here(trials: Trials) -> Float[Tensor, "n 1 2"]:
    return trials.centers()[:, None]


def _here_and_there(trials: Trials) -> Float[Tensor, "n 2 2"]:
    return torch.stack([trials.centers(), trials.centers() + trials.offsets], dim=1)


def _always(samples: GeneratorInputs) -> bool:
    return True


def _has_styles(samples: GeneratorInputs) -> bool:
    """Return whether objects have latents of their own: [n m z], not one for the whole image."""
    return samples.z.ndim == 3


def _discs(
    trials: Trials, places: Float[Tensor, "n p 2"], resolution: int
) -> Bool[Tensor, "n r r"]:
    """Return the half-maximum discs of the trials' objects, at all their places together."""
    discs = [
        torch.stack([half_maximum_disc(center, sigma, resolution) for center in centers]).any(dim=0)
        for centers, sigma in zip(places, trials.sigmas().tolist(), strict=True)
    ]
    return torch.stack(discs)


def _change(difference: Float[Tensor, "r r"], disc: Bool[Tensor, "r r"]) -> Change:
    inside, pixels = float(difference[disc].sum()), int(disc.sum())
    return Change(inside, pixels, float(difference[~disc].sum()), disc.numel() - pixels)


def _extend(found: Changes, seen: dict[str, Sequence[Change]]) -> None:
    for name, part in seen.items():
        found.setdefault(name, []).extend(part)


EDITS = {
    "move": Edit(moved, _here_and_there, _always),
    "remove": Edit(removed, _here, _always),
    "restyle": Edit(restyled, _here, _has_styles),
}

# Of the sums (inside, inside_pixels, outside, outside_pixels), each [...].
_PARTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "inside": lambda sums: sums[0] / sums[1],
    "outside": lambda sums: sums[2] / sums[3],
    "locality": lambda sums: (sums[0] / sums[1]) / (sums[2] / sums[3]),
}
