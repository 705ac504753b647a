"""What an inversion optimizes: a scene's styles and, where heatmaps reach the synthesis network, its layout.

Styles count in standard deviations of what the model draws, centers in [-1, 1] and sizes as logarithms, so that a
step of one length suits all. Centers and sizes stay in the range of what the model draws (`Bounds`), since it has
learned nothing beyond it; presences stay the same, since every model here draws 1.

Shapes: n scenes, j layers of styles (all, or 1 for all alike), l layers, *m codes if there are several, w style
space, k sub-heatmaps of all levels together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from spatialgan.heatmaps.layout import Layout
from spatialgan.inversion.starts import Starts, gaussian_columns, layout_of

SPACES = ("w", "w+")  # one style for all layers, or one per layer
LAYOUTS = ("free", "fixed")  # whether the layout is optimized


@dataclass(frozen=True)
class Values:
    """The unknowns of n scenes."""

    styles: Float[Tensor, "n j *m w"]  # beyond the starts', in standard deviations
    centers: Float[Tensor, "n k 2"]
    log_sigmas: Float[Tensor, "n k"]

    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the unknowns, always in the same order."""
        return self.styles, self.centers, self.log_sigmas

    def take(self, rows: Sequence[int]) -> "Values":
        """Return the unknowns of some scenes, detached."""
        return Values(*(x.detach()[list(rows)].clone() for x in self.tensors()))


@dataclass(frozen=True)
class Bounds:
    """What a model draws: the spread of its styles, and the range of its layouts."""

    mean: Float[Tensor, " w"]
    std: Float[Tensor, " w"]  # of each number of a style
    centers: tuple[Float[Tensor, "k 2"], Float[Tensor, "k 2"]]  # lowest and highest
    log_sigmas: tuple[Float[Tensor, " k"], Float[Tensor, " k"]]

    @staticmethod
    def of(drawn: Starts) -> "Bounds":
        """Return the bounds of many drawn scenes."""
        styles = drawn.ws[:, 0].flatten(0, -2)
        centers, sigmas, _ = gaussian_columns(drawn.layout)
        logs = sigmas.log()
        return Bounds(
            styles.mean(dim=0),
            styles.std(dim=0).clamp(min=1e-3),
            (centers.amin(dim=0), centers.amax(dim=0)),
            (logs.amin(dim=0), logs.amax(dim=0)),
        )

    def clamped(self, values: Values) -> Values:
        """Return unknowns whose layout is one that the model could draw."""
        return Values(
            values.styles,
            values.centers.clamp(*self.centers),
            values.log_sigmas.clamp(*self.log_sigmas),
        )


def first_values(starts: Starts, space: str) -> Values:
    """Return the unknowns at the starts; `space` is one of SPACES."""
    styles = torch.zeros_like(starts.ws if space == "w+" else starts.ws[:, :1])
    centers, sigmas, _ = gaussian_columns(starts.layout)
    return Values(styles, centers.clone(), sigmas.log())


def styles_of(starts: Starts, values: Values, bounds: Bounds) -> Float[Tensor, "n l *m w"]:
    """Return the styles of all layers."""
    return starts.ws + bounds.std * values.styles


def layouts_of(starts: Starts, values: Values) -> Layout:
    """Return the layouts, with the starts' presences."""
    presence = gaussian_columns(starts.layout)[2]
    counts = [level.presence.shape[1] for level in starts.layout.levels]  # pyright: ignore[reportAttributeAccessIssue]
    return layout_of(values.centers, values.log_sigmas.exp(), presence, counts)
