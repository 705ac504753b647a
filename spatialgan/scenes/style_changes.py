"""Changes belong to the style that they are added to: they are copied, and dropped, with it.

Shapes: j first layers, *m codes if there are several.
"""

from collections.abc import Collection
from dataclasses import replace

from torch import Tensor

from spatialgan.scenes.changes import Changes


def without_codes(changes: Changes, codes: Collection[int]) -> Changes:
    """Return changes without those of some codes' styles; a model with one style for all has only code 0."""
    return replace(
        changes, latent=_cleared(changes.latent, codes), channels=_cleared(changes.channels, codes)
    )


def with_code_of(changes: Changes, target: int, source: int) -> Changes:
    """Return changes in which code `target` has what code `source` has."""
    return replace(
        changes,
        latent=_copied(changes.latent, target, source),
        channels=_copied(changes.channels, target, source),
    )


def _cleared(change: Tensor, codes: Collection[int]) -> Tensor:
    """Return a change [1 j *m _] with 0 for some codes, and an empty one where nothing is left."""
    if not change.numel():
        return change
    empty = Changes().latent
    if change.dim() < 4:
        return empty if 0 in codes else change
    kept = change.clone()
    kept[:, :, list(codes)] = 0
    return kept if kept.any() else empty


def _copied(change: Tensor, target: int, source: int) -> Tensor:
    """Return a change [1 j m _] in which code `target` has what code `source` has."""
    if not change.numel():
        return change
    copied = change.clone()
    copied[:, :, target] = change[:, :, source]
    return copied
