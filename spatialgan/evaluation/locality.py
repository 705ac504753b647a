"""Locality: does an edit of one object change the image there, or everywhere?

The paper admits changes elsewhere and doesn't measure them. Here an object is moved, removed or given
another style with everything else fixed, and the mean absolute change of a pixel is taken inside a disc
around the center of its sub-heatmap (of the old and the new place where it moves) and outside. The disc is
the same for every row, whatever the size of its heatmaps. The locality is their ratio: 1 where a change has
no place, large where it stays where it belongs.

To add an intervention, write a function `(trials, seed) -> changed samples` and give it an entry in
INTERVENTIONS, with where it is meant to change the image.

Shapes: n trials, p places, r resolution.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from tqdm import tqdm

from spatialgan.evaluation.bootstrap import Interval, interval, resampled_sums
from spatialgan.evaluation.harness import Findings, Procedure, Setup
from spatialgan.evaluation.trials import (
    LENGTHS,
    Renderer,
    Trials,
    is_steerable,
    snapshot_renderer,
    trial_batches,
)
from spatialgan.heatmaps.layout import Layout, pixel_positions
from spatialgan.heatmaps.moves import move_objects, remove, where_object
from spatialgan.networks.generator import GeneratorInputs
from spatialgan.rng import generator_for
from spatialgan.snapshot import Snapshot

BOOTSTRAP_SEED = 0
BATCH = 32  # samples drawn together; changes no result
DISC_RADIUS = (
    0.16  # of the disc, in image widths: 8 % of the image, as objects of a scene of several have
)


@dataclass(frozen=True)
class Effect:
    """How much one intervention changed one image: sums over pixels of |difference| in 0..255, channels' mean."""

    inside: float  # sum over the pixels of the disc
    inside_pixels: int
    outside: float  # sum over all others
    outside_pixels: int


@dataclass(frozen=True)
class Intervention:
    """One kind of change to one object of each sample."""

    apply: Callable[[Trials, int], GeneratorInputs]  # (trials, seed) -> the changed samples
    places: Callable[[Trials], Float[Tensor, "n p 2"]]  # centers of the discs that are to change
    applies_to: Callable[[GeneratorInputs], bool]  # whether a row's samples can be changed so


Effects = dict[str, list[Effect]]  # by intervention


def locality_protocol(setup: Setup) -> dict:
    """Return what must agree before two localities may be compared."""
    return {
        "num_trials": setup.settings["num_comove"],
        "move_length": f"{LENGTHS[0]} to {LENGTHS[1]} image widths",
        "disc_radius": f"{DISC_RADIUS} image widths",
        "truncation_psi": 1,
        "noise_mode": "fixed per sample index",
    }


def locality_observations(snapshot: Snapshot, setup: Setup, done: Sequence[dict]) -> Iterator[dict]:
    """Yield further batches of effects on a snapshot's samples."""
    return observe_effects(
        snapshot_renderer(snapshot, setup.seed), setup.settings["num_comove"], done, setup.seed
    )


def observe_effects(
    renderer: Renderer, num_trials: int, done: Sequence[dict], seed: int = 0
) -> Iterator[dict]:
    """Yield batches of effects, after those `done`, up to `num_trials` samples in all; none without objects."""
    if not is_steerable(renderer):
        return
    count = sum(batch["trials"] for batch in done)
    start = done[-1]["next"] if done else 0
    bar = tqdm(total=num_trials, initial=count, desc="editing", unit="sample", disable=None)
    with bar:
        for trials in trial_batches(renderer, seed, num_trials - count, start, BATCH):
            seen = effects_of(trials, renderer, seed)
            plain = {name: [list(vars(e).values()) for e in part] for name, part in seen.items()}
            bar.update(len(trials))
            yield {"next": trials.stop, "trials": len(trials), "effects": plain}


def locality_findings(snapshot: Snapshot, setup: Setup, batches: Sequence[dict]) -> Findings:
    """Return the localities of all interventions that the row knows."""
    return Findings(*localities(effects_in(batches)))


def effects_in(batches: Iterable[dict]) -> Effects:
    """Return the effects of batches by intervention, in order."""
    found: Effects = {}
    for batch in batches:
        for name, part in batch["effects"].items():
            found.setdefault(name, []).extend(Effect(*numbers) for numbers in part)
    return found


def effects_of(trials: Trials, renderer: Renderer, seed: int) -> Effects:
    """Return what each intervention that the samples allow changes in each trial's image."""
    before = renderer.render(trials.samples).float()
    found = {}
    for name, intervention in INTERVENTIONS.items():
        if intervention.applies_to(trials.samples):
            after = renderer.render(intervention.apply(trials, seed)).float()
            difference = (after - before).abs().mean(dim=1)
            places = discs(intervention.places(trials), difference.shape[-1])
            found[name] = [_effect(*pair) for pair in zip(difference, places, strict=True)]
    return found


def moved(trials: Trials, seed: int) -> GeneratorInputs:
    """Return the samples with their objects moved by the trials' offsets."""
    layout = move_objects(trials.samples.layout, trials.objects, trials.offsets)
    return replace(trials.samples, layout=layout)


def removed(trials: Trials, seed: int) -> GeneratorInputs:
    """Return the samples without their objects."""
    layout, chosen = trials.samples.layout, enumerate(trials.objects.tolist())
    singles = ((layout[i : i + 1], index) for i, index in chosen)
    return replace(
        trials.samples,
        layout=Layout.cat([remove(one, where_object(one, index)) for one, index in singles]),
    )


def restyled(trials: Trials, seed: int) -> GeneratorInputs:
    """Return the samples with new style codes for their objects, a function of (seed, sample)."""
    z = trials.samples.z.clone()
    for i, (sample, index) in enumerate(zip(trials.indices, trials.objects.tolist(), strict=True)):
        draws = generator_for(seed, "restyle", sample)
        z[i, 1 + index] = torch.randn(z.shape[2], generator=draws)  # code 0 is the background's
    return replace(trials.samples, z=z)


def localities(effects: Effects) -> tuple[dict[str, float], dict[str, Interval]]:
    """Return, per intervention, the mean change inside and outside (0..255) and their ratio, with intervals.

    A ratio without any change outside has no number.
    """
    values, bounds = {}, {}
    for name, seen in effects.items():
        columns = np.array([list(vars(effect).values()) for effect in seen], dtype=float)
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
    """Return whether objects have their own latents: [n m z], not one for the whole image."""
    return samples.z.ndim == 3


def discs(places: Float[Tensor, "n p 2"], resolution: int) -> Bool[Tensor, "n r r"]:
    """Return the discs around the trials' objects, at all their places together."""
    y = pixel_positions(resolution, "half_pixel", places)
    squares = (y - places[..., None]).square()  # n p 2 r: distances along each axis
    inside = squares[:, :, 0, :, None] + squares[:, :, 1, None, :] <= (2 * DISC_RADIUS) ** 2
    return inside.any(dim=1)


def _effect(difference: Float[Tensor, "r r"], disc: Bool[Tensor, "r r"]) -> Effect:
    inside, pixels = float(difference[disc].sum()), int(disc.sum())
    return Effect(inside, pixels, float(difference[~disc].sum()), disc.numel() - pixels)


INTERVENTIONS = {
    "move": Intervention(moved, _here_and_there, _always),
    "remove": Intervention(removed, _here, _always),
    "restyle": Intervention(restyled, _here, _has_styles),
}

# Of the sums (inside, inside_pixels, outside, outside_pixels), each [...].
_PARTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "inside": lambda sums: sums[0] / sums[1],
    "outside": lambda sums: sums[2] / sums[3],
    "locality": lambda sums: (sums[0] / sums[1]) / (sums[2] / sums[3]),
}

LOCALITY = Procedure(locality_protocol, locality_observations, locality_findings)
