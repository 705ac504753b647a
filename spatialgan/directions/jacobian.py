"""How an image changes with the numbers of a space: columns of the Jacobian in forward mode, and Gram matrices.

A column is the derivative of all pixels by one number, so that forward mode needs as many passes as a
direction has numbers, where reverse mode needs one per pixel. J^T J of any number of regions comes from one
Jacobian: masks cut the image into atoms, runs of pixels that lie in the same regions; a region's matrix is
the sum over its atoms, and that of its surroundings the sum over the others.

Shapes: d numbers of a direction, r image pixels along an axis, p pixels, k regions, a atoms, b columns.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.func import jvp, vmap

PANEL_BYTES = 2**30  # of columns that are held at once
CHUNK_PIXELS = (
    2**17
)  # tangents computed at once, times the pixels of the image; measured on one CPU thread
CHUNK = (4, 64)  # fewest and most tangents computed at once


class NoDirection(ValueError):
    """A region of an image for which a method has no direction."""


@dataclass(frozen=True)
class Jacobian:
    """The derivative of a function of d numbers whose value is an image, at 0."""

    function: Callable[[Float[Tensor, " d"]], Float[Tensor, "3 r r"]]
    at: Float[Tensor, " d"]  # zeros
    resolution: int  # r

    @property
    def size(self) -> int:
        """Return d."""
        return len(self.at)

    @property
    def chunk(self) -> int:
        """Return how many columns are computed at once."""
        few, many = CHUNK
        return max(few, min(many, CHUNK_PIXELS // self.resolution**2))

    @torch.no_grad()
    def columns(self, start: int, stop: int) -> Float[Tensor, "b 3 r r"]:
        """Return the derivatives by the numbers start..stop-1, in forward mode."""

        def along(tangent: Tensor) -> Tensor:
            return jvp(self.function, (self.at,), (tangent,))[1]

        parts = []
        for first in range(start, stop, self.chunk):
            numbers = torch.arange(first, min(first + self.chunk, stop), device=self.at.device)
            tangents = (numbers[:, None] == torch.arange(self.size, device=self.at.device)).to(
                self.at
            )
            with warnings.catch_warnings():
                # torch's own use of it, at the first call of jvp
                warnings.filterwarnings("ignore", ".torch.jit.script. is deprecated", FutureWarning)
                parts.append(vmap(along)(tangents))
        return torch.cat(parts)


@dataclass(frozen=True)
class Grams:
    """J^T J of the atoms that regions cut an image into."""

    matrices: Float[Tensor, "a d d"]  # sums over pixels and colors
    pixels: Int[Tensor, " a"]  # how many there are of each atom
    belongs: Bool[Tensor, "a k"]  # whether an atom lies in a region

    def inside(self, region: int) -> Float[Tensor, "d d"]:
        """Return A of a region, fp64: J^T J per pixel [ReSeFa, section 3.2]."""
        return self._mean(self.belongs[:, region])

    def outside(self, region: int) -> Float[Tensor, "d d"]:
        """Return B of a region, fp64: J^T J per pixel of all the others [ReSeFa, section 3.2]."""
        return self._mean(~self.belongs[:, region])

    def _mean(self, chosen: Bool[Tensor, " a"]) -> Float[Tensor, "d d"]:
        return self.matrices[chosen].double().sum(dim=0) / self.pixels[chosen].sum()


def gram_matrices(
    jacobian: Jacobian, masks: Bool[Tensor, "k r r"], panel_bytes: int = PANEL_BYTES
) -> Grams:
    """Return the Gram matrices of all regions, from one Jacobian.

    No more than `panel_bytes` of columns are held at once. Where all fit, each is computed once; where q
    panels are needed, (q + 1) / 2 times on average. Raises NoDirection if a region is empty or the whole image.
    """
    check_masks(masks)
    belongs, order, pixels = _atoms(masks)
    bounds = [0, *pixels.cumsum(0).tolist()]
    size = jacobian.size
    matrices = jacobian.at.new_zeros(len(belongs), size, size)
    panel = max(jacobian.chunk, panel_bytes // (jacobian.at.element_size() * 3 * masks[0].numel()))
    for top in range(0, size, panel):
        end = min(top + panel, size)
        held = _by_pixel(jacobian.columns(top, end), order)
        _add(matrices, held, held, bounds, (top, top))
        for left in range(end, size, jacobian.chunk):
            right = min(left + jacobian.chunk, size)
            _add(
                matrices, held, _by_pixel(jacobian.columns(left, right), order), bounds, (top, left)
            )
    return Grams(matrices, pixels, belongs)


def check_masks(masks: Bool[Tensor, "k r r"]) -> None:
    """Raise NoDirection if a region is empty, or leaves nothing outside."""
    covered = masks.flatten(1).sum(dim=1).tolist()
    if 0 in covered:
        raise NoDirection("the region is empty: choose one that has pixels of the image")
    if masks[0].numel() in covered:
        raise NoDirection("the region is the whole image: choose one that leaves something outside")


def _atoms(
    masks: Bool[Tensor, "k r r"],
) -> tuple[Bool[Tensor, "a k"], Int[Tensor, " p"], Int[Tensor, " a"]]:
    """Return each atom's regions, the pixels in the order of their atoms, and each atom's number of pixels."""
    belongs, labels = masks.flatten(1).T.unique(dim=0, return_inverse=True)
    return belongs, labels.argsort(stable=True), labels.bincount(minlength=len(belongs))


def _by_pixel(
    columns: Float[Tensor, "b 3 r r"], order: Int[Tensor, " p"]
) -> Float[Tensor, "b p 3"]:
    """Return columns with their pixels in another order."""
    return columns.flatten(2)[:, :, order].transpose(1, 2).contiguous()


def _add(
    matrices: Float[Tensor, "a d d"],
    rows: Float[Tensor, "b p 3"],
    columns: Float[Tensor, "e p 3"],
    bounds: list[int],
    corner: tuple[int, int],
) -> None:
    """Write each atom's products of rows and columns into its matrix, on both sides of the diagonal."""
    top, left = corner
    for matrix, first, last in zip(matrices, bounds[:-1], bounds[1:], strict=True):
        block = rows[:, first:last].flatten(1) @ columns[:, first:last].flatten(1).T
        matrix[top : top + len(rows), left : left + len(columns)] = block
        matrix[left : left + len(columns), top : top + len(rows)] = block.T
