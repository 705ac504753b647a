"""ReSeFa: the directions with the largest change inside a region over that outside [ReSeFa, section 3].

A n = lambda (B + tau tr(B) I) n is solved symmetrically. (The predecessor's release takes eigenvectors of
inv(B) A, which is not symmetric, and adds nothing to B unless it is told to; B is often singular.)

Shapes: d numbers of a direction, n directions, q kept eigenvectors.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from spatialgan.directions.problem import TAU, Found, Problem, regularized
from spatialgan.rng import generator_for

OVERSAMPLING = 16  # more vectors than are kept, while the largest eigenvalues are sought
ITERATIONS = 2  # products with the matrix, for the largest eigenvalues of a large one


@dataclass(frozen=True)
class Resefa:
    """Solve the generalized eigenvalue problem, by truncated SVD where it is large. Scores: eigenvalues."""

    tau: float = TAU
    full_up_to: int = 1024  # numbers of a direction; beyond, Eq. 12 is cheaper
    rank: int = 256  # singular vectors of either Jacobian that Eq. 12 keeps

    def __call__(self, problem: Problem) -> Found:
        """Return all directions, or `rank` of them where the problem is large."""
        a, b = problem.grams.inside(0), problem.grams.outside(0)
        if problem.size <= self.full_up_to:
            return solve(a, b, self.tau)
        return solve_truncated(a, b, self.tau, self.rank)


def solve(a: Float[Tensor, "d d"], b: Float[Tensor, "d d"], tau: float) -> Found:
    """Return the eigenvectors of A n = lambda (B + tau tr(B) I) n, largest first [ReSeFa, Eq. 9, 11].

    With B + tau tr(B) I = L L^T: L^-1 A L^-T y = lambda y, and n = L^-T y. Raises NoDirection if B is 0.
    """
    lower = torch.linalg.cholesky(regularized(b, tau))
    half = torch.linalg.solve_triangular(lower, a, upper=False)
    whitened = torch.linalg.solve_triangular(lower, half.T, upper=False)
    values, vectors = torch.linalg.eigh((whitened + whitened.T) / 2)
    directions = torch.linalg.solve_triangular(lower.T, vectors, upper=True).T.flip(0)
    return Found(_of_length_1(directions), values.flip(0))


def solve_truncated(
    a: Float[Tensor, "d d"], b: Float[Tensor, "d d"], tau: float, rank: int
) -> Found:
    """Return the `rank` first directions, from the truncated SVD of both Jacobians [ReSeFa, Eq. 12].

    With t = tau tr(B) and J_b = U S V^T: (B + t I)^-1 = (I - V diag(s^2 / (s^2 + t)) V^T) / t. A = F F^T has
    few columns too, so that the eigenvectors are (B + t I)^-1 F y, with F^T (B + t I)^-1 F y = lambda y.
    """
    rank = min(rank, len(b))
    added = tau * b.trace()
    squares, v = largest_eigenpairs(b, rank)
    regularized(b[:1, :1], tau)  # says what is wrong where nothing changes outside
    energies, vectors = largest_eigenpairs(a, rank)
    f = vectors * energies.clamp_min(0).sqrt()
    shrunk = (squares / (squares + added))[:, None] * (v.T @ f)
    solved = (f - v @ shrunk) / added
    inner = f.T @ solved
    values, y = torch.linalg.eigh((inner + inner.T) / 2)
    return Found(_of_length_1((solved @ y).T.flip(0)), values.flip(0))


def largest_eigenpairs(
    matrix: Float[Tensor, "d d"], number: int
) -> tuple[Float[Tensor, " q"], Float[Tensor, "d q"]]:
    """Return the largest eigenvalues and their vectors of a matrix without negative ones.

    Subspace iteration from random vectors, the same at each call [Halko et al., 2011, Alg. 4.4].
    """
    width = min(number + OVERSAMPLING, len(matrix))
    draws = generator_for(0, "eigenpairs", width)
    start = torch.randn(len(matrix), width, generator=draws, dtype=torch.float64).to(matrix)
    basis = torch.linalg.qr(start).Q
    for _ in range(ITERATIONS):
        basis = torch.linalg.qr(matrix @ basis).Q
    small = basis.T @ (matrix @ basis)
    values, vectors = torch.linalg.eigh((small + small.T) / 2)
    return values[-number:], (basis @ vectors)[:, -number:]


def _of_length_1(directions: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    return directions / directions.norm(dim=1, keepdim=True).clamp_min(1e-300)
