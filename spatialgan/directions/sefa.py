"""SeFa: the directions that the affine maps enlarge most [Shen and Zhou, CVPR 2021].

They belong to the model, not to an image or a region; here they come in the order of their quotients for the
region.

Shapes: o channels of all chosen convolutions, w style space.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from spatialgan.directions.pca import for_every_code
from spatialgan.directions.problem import Found, Problem, best_of
from spatialgan.networks.generator import Synthesis
from spatialgan.networks.style_space import convolution_affines


@dataclass(frozen=True)
class Sefa:
    """Eigenvectors of the affine maps. Scores: ReSeFa's quotient of each."""

    def __call__(self, problem: Problem) -> Found:
        """Return each eigenvector for each code; raises ValueError unless the space is W."""
        maps = affine_maps(problem.snapshot.generator.synthesis, problem.space.layers)
        vectors = torch.linalg.eigh(maps.T @ maps).eigenvectors.T.flip(0)
        return best_of(for_every_code(vectors, problem), problem)


def affine_maps(synthesis: Synthesis, layers: tuple[int, ...]) -> Float[Tensor, "o w"]:
    """Return the affine maps of the chosen layers' convolutions under each other, as they are applied, fp64.

    The last layer, which is RGB's alone, has none.
    """
    affines = convolution_affines(synthesis)
    chosen = [affines[layer] for layer in layers if layer < len(affines)]
    maps = [affine.weight.double() * affine.weight_gain for affine in chosen]
    return (
        torch.cat(maps) if maps else synthesis.const.new_zeros(0, synthesis.config.w_dim).double()
    )
