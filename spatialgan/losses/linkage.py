"""LINKAGES: axes of W that change one region of the image and nothing else, which G learns [LinkGAN].

Of the paper only the abstract was read, and its code was not released: the form and the numbers here are ours. Link i ties the i-th run of `share` of the
axes of w to region i; the axes behind all of them are the others. Where linked axes are drawn again, the image is to
change inside their region alone; where the others are, outside all regions.

To add a form, write a frozen dataclass with the fields of `Relative` and `__call__(wanted, unwanted) -> scalar`, and
give it a key at the foot of this file.

Shapes: n samples, w style space, *m codes if there are several, l layers, r resolution.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

LEAST = 1e-8  # of a wanted change that is divided by


@dataclass(frozen=True)
class Unlinked:
    """No links: no axis has a region."""

    @property
    def regions(self) -> tuple[str, ...]:
        """Return no region."""
        return ()


@dataclass(frozen=True)
class Relative:
    """The unwanted change over the wanted one, of which both learn: contrast isn't drained to make both small."""

    regions: tuple[str, ...]  # one per link: box:Y,X,HEIGHT,WIDTH or class:NAME
    share: float = 0.25  # of the axes of W, per link
    weight: float = 0.3
    interval: int = 8  # steps from one run of the phase to the next (lazy regularization)
    segmenter: str = "torchvision"  # that finds the classes

    def __call__(self, wanted: Float[Tensor, ""], unwanted: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """Return the penalty of mean squared changes where they are wanted and where they aren't."""
        return unwanted / (wanted + LEAST)


@dataclass(frozen=True)
class Absolute:
    """The unwanted change alone."""

    regions: tuple[str, ...]
    share: float = 0.25
    weight: float = 1.0
    interval: int = 8
    segmenter: str = "torchvision"

    def __call__(self, wanted: Float[Tensor, ""], unwanted: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """Return the penalty of mean squared changes where they are wanted and where they aren't."""
        return unwanted


Linkage = Unlinked | Relative | Absolute


def linked_axes(linkage: Relative | Absolute, w_dim: int, link: int) -> slice:
    """Return the axes of w of a link."""
    width = round(linkage.share * w_dim)
    return slice(link * width, (link + 1) * width)


def other_axes(linkage: Relative | Absolute, w_dim: int) -> slice:
    """Return the axes of w that no link has."""
    return slice(linked_axes(linkage, w_dim, len(linkage.regions)).start, w_dim)


def check_linkage(linkage: Linkage, w_dim: int) -> None:
    """Raise ValueError if a link would have no axes, or the links leave none to the others."""
    if isinstance(linkage, Unlinked):
        return
    others = other_axes(linkage, w_dim)
    if not linkage.regions or linkage.interval < 1 or not 0 < others.start < w_dim:
        raise ValueError(
            f"{len(linkage.regions)} links of {linkage.share:g} of {w_dim} axes, every {linkage.interval} steps: give "
            f"at least one region, and each link some axes, but not all of them together"
        )


def redrawn(
    ws: Float[Tensor, "n l *m w"], other: Float[Tensor, "n l *m w"], axes: slice
) -> Float[Tensor, "n l *m w"]:
    """Return styles whose axes come from other styles."""
    return torch.cat([ws[..., : axes.start], other[..., axes], ws[..., axes.stop :]], dim=-1)


def link_penalty(
    linkage: Relative | Absolute, squares: Float[Tensor, "n r r"], wanted: Bool[Tensor, "n r r"]
) -> Float[Tensor, ""]:
    """Return the penalty of squared changes of pixels that are wanted at some of them, 0 where at all or none."""
    if wanted.all() or not wanted.any():
        return 0 * squares.mean()  # which has a gradient, as every loss of a phase
    return linkage(squares[wanted].mean(), squares[~wanted].mean())


LINKAGES: dict[str, type[Linkage]] = {
    "none": Unlinked,
    "relative": Relative,
    "absolute": Absolute,
}
