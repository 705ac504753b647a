"""LowRankGAN: what changes the region, projected onto what leaves the rest alone [Zhu et al., NeurIPS 2021].

Robust PCA takes the noise off J^T J of the region and of its surroundings. The eigenvectors of the first are
projected onto the null space of the second, which `relax` makes larger than it is.

The authors' lambda, 1/60, is for 512 numbers; for d of them it is scaled by sqrt(512 / d), as the bound of robust
PCA is [Candes et al., 2011, Theorem 1.1]. Unscaled, it calls all of a 64 x 64 matrix sparse.

Shapes: d numbers of a direction, q rank.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from spatialgan.directions.jacobian import NoDirection
from spatialgan.directions.problem import Found, Problem

REFERENCE_SIZE = 512  # numbers of the authors' styles
SMALLEST = 1e-3  # length of a projected direction that counts as one


@dataclass(frozen=True)
class LowRank:
    """Robust PCA and projection. Scores: eigenvalues of the region's matrix, those of the projections."""

    weight: float = 1 / 60  # lambda, of the sparse part, at REFERENCE_SIZE numbers
    tolerance: float = 1e-7  # of the residual, relative to the norm of the matrix
    iterations: int = 500  # at most; the authors' 10,000 take minutes per image
    relax: int = (
        0  # eigenvectors of the surroundings that count as null space although they are not
    )

    def __call__(self, problem: Problem) -> Found:
        """Return a direction per eigenvector of the region; raises NoDirection if the null space is empty."""
        grams = problem.grams
        weight = self.weight * (REFERENCE_SIZE / problem.size) ** 0.5
        parts = [
            robust_pca(matrix, weight, self.tolerance, self.iterations)
            for matrix in (grams.inside(0), grams.outside(0))
        ]
        return project(parts[0].low_rank, parts[1].low_rank, self.relax)


@dataclass(frozen=True)
class Parts:
    """A matrix as the sum of two."""

    low_rank: Float[Tensor, "d d"]
    sparse: Float[Tensor, "d d"]


def robust_pca(
    matrix: Float[Tensor, "d d"], weight: float, tolerance: float, max_iterations: int
) -> Parts:
    """Return the symmetric matrix as low_rank + sparse, with least |low_rank|_* + weight |sparse|_1.

    By ADMM with the constant penalty d^2 / (4 |matrix|_1) [Candes et al., 2011, Alg. 1]. Singular values of a
    symmetric matrix are its eigenvalues without their signs, which are cheaper.
    """
    norm = matrix.norm()
    if norm == 0:
        return Parts(matrix, matrix)
    penalty = matrix.numel() / (4 * matrix.abs().sum())
    sparse, dual = torch.zeros_like(matrix), torch.zeros_like(matrix)
    for _ in range(max_iterations):
        values, vectors = torch.linalg.eigh(matrix - sparse + dual / penalty)
        low_rank = (vectors * _shrunk(values, 1 / penalty)) @ vectors.T
        low_rank = (low_rank + low_rank.T) / 2
        sparse = _shrunk(matrix - low_rank + dual / penalty, weight / penalty)
        residual = matrix - low_rank - sparse
        dual = dual + penalty * residual
        if residual.norm() <= tolerance * norm:
            break
    return Parts(low_rank, sparse)


def _shrunk(values: Tensor, by: Tensor) -> Tensor:
    """Return values nearer to 0 by as much, or 0."""
    return values.sign() * (values.abs() - by).clamp_min(0)


def project(inside: Float[Tensor, "d d"], outside: Float[Tensor, "d d"], relax: int) -> Found:
    """Return the principal directions of `inside`, projected on the null space of `outside`.

    A direction of which less than SMALLEST is left is dropped. Raises NoDirection if none is left.
    """
    values, principal = _range_of(inside)
    if not len(values):
        raise NoDirection("robust PCA leaves nothing of the region's matrix: use the method resefa")
    _, constrained = _range_of(outside)
    kept = constrained[:, : max(0, constrained.shape[1] - relax)]
    projected = principal - kept @ (kept.T @ principal)
    lengths = projected.norm(dim=0)
    left = lengths > SMALLEST
    if not left.any():
        raise NoDirection(
            f"the surroundings have rank {constrained.shape[1]} of {len(outside)}, which leaves the region "
            f"no direction: relax by more than {relax} (--relax), or use the method resefa"
        )
    return Found((projected / lengths)[:, left].T, values[left] * lengths[left].square())


def _range_of(matrix: Float[Tensor, "d d"]) -> tuple[Float[Tensor, " q"], Float[Tensor, "d q"]]:
    """Return the eigenvalues that are more than rounding, largest first, and their vectors."""
    values, vectors = torch.linalg.eigh(matrix)
    many = int((values > 1e-7 * values[-1].clamp_min(0)).sum())
    return values.flip(0)[:many], vectors.flip(1)[:, :many]
