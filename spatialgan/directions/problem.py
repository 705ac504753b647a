"""The question put to every method, and its answer: directions of a space for one region of one image.

Shapes: d numbers of a direction, n directions, r image pixels along an axis.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spatialgan.directions.jacobian import (
    Grams,
    Jacobian,
    NoDirection,
    check_masks,
    gram_matrices,
)
from spatialgan.directions.spaces import Space, changed_image
from spatialgan.networks.generator import SynthesisInputs
from spatialgan.snapshot import Snapshot

TAU = 1e-3  # of the trace of B, added to its diagonal [ReSeFa, Eq. 10; the release's default]


@dataclass(frozen=True)
class Problem:
    """One region of one image, and the space in which directions are sought."""

    snapshot: Snapshot
    inputs: SynthesisInputs
    space: Space
    mask: Bool[Tensor, "r r"]  # the region

    @property
    def size(self) -> int:
        """Return d."""
        return self.space.size(self.snapshot.config.generator)

    @cached_property
    def jacobian(self) -> Jacobian:
        """Return the Jacobian of the image by the numbers of the space."""
        zeros = self.inputs.ws.new_zeros(self.size)
        return Jacobian(
            lambda t: changed_image(self.snapshot.generator.synthesis, self.inputs, self.space, t),
            zeros,
            self.mask.shape[-1],
        )

    @cached_property
    def grams(self) -> Grams:
        """Return the Gram matrices of the region, number 0; computed once."""
        return gram_matrices(self.jacobian, self.mask[None])

    def check(self) -> None:
        """Raise ValueError if the region is empty, or leaves nothing outside."""
        check_masks(self.mask[None])


@dataclass(frozen=True)
class Found:
    """Directions, best first."""

    directions: Float[Tensor, "n d"]  # of length 1
    scores: Float[Tensor, " n"]  # what they are ordered by; what it is, each method says


def regularized(b: Float[Tensor, "d d"], tau: float) -> Float[Tensor, "d d"]:
    """Return B + tau tr(B) I [ReSeFa, Eq. 10]; raises NoDirection if it is still singular."""
    added = tau * b.trace()
    if not added > 0:
        raise NoDirection(
            "nothing outside the region changes with these styles, or tau isn't positive: choose another "
            "space, layers or region"
        )
    return b + added * torch.eye(len(b), dtype=b.dtype, device=b.device)


def quotients(
    directions: Float[Tensor, "n d"], a: Float[Tensor, "d d"], b: Float[Tensor, "d d"]
) -> Float[Tensor, " n"]:
    """Return n^T A n / n^T B n of each direction [ReSeFa, Eq. 7]."""
    return _forms(directions, a) / _forms(directions, b)


def _forms(directions: Float[Tensor, "n d"], matrix: Float[Tensor, "d d"]) -> Float[Tensor, " n"]:
    return ((directions @ matrix) * directions).sum(dim=1)


def best_of(candidates: Float[Tensor, "n d"], problem: Problem) -> Found:
    """Return candidates of length 1 in the order of their quotients, with B as in ReSeFa."""
    grams = problem.grams
    directions = candidates.double()
    scores = quotients(directions, grams.inside(0), regularized(grams.outside(0), TAU))
    order = scores.argsort(descending=True, stable=True)
    return Found(directions[order], scores[order])
