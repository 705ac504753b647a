"""How a drag begins: from the unchanged image, or after one coarse jump of heatmaps [paper, Eq. 6].

A start is a function `(inputs, handles, targets) -> Start`.

Shapes: p points, k objects.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spatialgan.heatmaps import moves
from spatialgan.heatmaps.layout import Layout
from spatialgan.networks.generator import SynthesisInputs
from spatialgan.scenes.changes import gaussians_of, with_gaussians


@dataclass(frozen=True)
class Jump:
    """The coarse jump. The paper's text doesn't give its numbers; these are read off the method figure."""

    step: float = 0.88  # lambda: fraction of the way to the target that the heatmap jumps
    radius: float = 0.15  # r: how near a handle must be to an object's center, in [-1, 1] units

    def __call__(
        self, inputs: SynthesisInputs, handles: Float[Tensor, "p 2"], targets: Float[Tensor, "p 2"]
    ) -> "Start":
        """Return c' = c + lambda (t - s) for each object with handles s near its center c [paper, Eq. 6].

        Where several handles are near one, the mean of their ways counts; a hierarchy moves as one.
        Raises ValueError if the model has no heatmaps.
        """
        gaussians = gaussians_of(inputs.layout)
        layout = Layout(tuple(gaussians), len(inputs.layout))
        objects = moves.objects(layout)
        apart = torch.cdist(handles, objects.centers[0])
        apart = apart.masked_fill(objects.presence[0] == 0, torch.inf)
        distance, nearest = apart.min(dim=1)
        jumped = distance <= self.radius
        expected = handles.clone()
        for index in nearest[jumped].unique().tolist():
            led = jumped & (nearest == index)
            offset = self.step * (targets - handles)[led].mean(dim=0)
            layout = moves.move_object(layout, index, (float(offset[0]), float(offset[1])))
            expected[led] += offset
        moved = with_gaussians(inputs.layout, gaussians_of(layout))
        return Start(replace(inputs, layout=moved), expected, jumped)


@dataclass(frozen=True)
class Stay:
    """No jump: start from the unchanged image."""

    def __call__(
        self, inputs: SynthesisInputs, handles: Float[Tensor, "p 2"], targets: Float[Tensor, "p 2"]
    ) -> "Start":
        """Return the inputs and handles unchanged."""
        return Start(inputs, handles, torch.zeros_like(handles[:, 0], dtype=torch.bool))


@dataclass(frozen=True)
class Start:
    """What a drag optimizes from."""

    inputs: SynthesisInputs
    handles: Float[Tensor, "p 2"]  # where they should be now
    jumped: Bool[Tensor, " p"]  # whether they were carried along, and have to be found again
