"""GANSpace: principal components of the styles that the model draws [Harkonen et al., NeurIPS 2020].

They belong to the model, not to an image or a region; here they come in the order of their quotients for the
region.

Shapes: n samples, d numbers of a direction, w style space, *m codes if there are several.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from spatialgan.directions.problem import Found, Problem, best_of
from spatialgan.directions.spaces import Broadcast
from spatialgan.rng import generator_for
from spatialgan.snapshot import Snapshot


@dataclass(frozen=True)
class Pca:
    """Principal components of W. Scores: ReSeFa's quotient of each."""

    num_samples: int = 4096

    def __call__(self, problem: Problem) -> Found:
        """Return each component for each code; raises ValueError unless the space is W."""
        components = principal_components(drawn_styles(problem.snapshot, self.num_samples))
        return best_of(for_every_code(components, problem), problem)


@torch.no_grad()
def drawn_styles(snapshot: Snapshot, num: int) -> Float[Tensor, "n w"]:
    """Return styles of fixed latents and layouts, those of all codes together."""
    draws = generator_for(0, "pca", 0)
    device = snapshot.w_avg.device
    z = torch.randn(num, *snapshot.config.generator.z_shape, generator=draws).to(device)
    layout = snapshot.config.sampling(num, draws).to(device)
    return snapshot.generator.styles(z, layout)[:, 0].flatten(0, -2)


def principal_components(samples: Float[Tensor, "n w"]) -> Float[Tensor, "w w"]:
    """Return the eigenvectors of the samples' covariance as rows, largest first."""
    centered = samples.double() - samples.double().mean(dim=0)
    return torch.linalg.eigh(centered.T @ centered).eigenvectors.T.flip(0)


def for_every_code(vectors: Float[Tensor, "n w"], problem: Problem) -> Float[Tensor, "n2 d"]:
    """Return the vectors for each chosen code alone; raises ValueError unless the space is W."""
    if not isinstance(problem.space, Broadcast):
        raise ValueError("methods pca and sefa are about the styles w: choose the space w")
    codes = len(problem.space.codes)
    alone = torch.eye(codes, dtype=vectors.dtype, device=vectors.device)
    return torch.kron(alone, vectors.contiguous())
