"""Training curves: running sums of scalars, averaged into rows at fixed image counts.

The sums are part of the checkpoint, so curves don't depend on where a training was interrupted.

Shapes: m columns, t rows.
"""

import io
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from spatialgan.training.processes import Processes

COLUMNS = (
    "loss_g",  # adversarial loss of G
    "loss_d",  # adversarial loss of D
    "real_logits",  # mean D(x)
    "fake_logits",  # mean D(G(z)) in D's phase
    "r1",  # R1 penalty, unweighted
    "path_length",  # mean path length
    "alignment",  # L_align, weighted
    "l1",  # plain mean |heatmap - attention| over levels
    "above_threshold",  # fraction of pixels that are further apart than tau
    "iou",  # intersection over union of heatmap > 1/2 and attention > 1/2
)


@dataclass
class Curves:
    """Sums since the last row, and the rows so far (first column: kimg)."""

    sums: Float[Tensor, "m"] = field(
        default_factory=lambda: torch.zeros(len(COLUMNS), dtype=torch.float64)
    )
    counts: Float[Tensor, "m"] = field(
        default_factory=lambda: torch.zeros(len(COLUMNS), dtype=torch.float64)
    )
    rows: Float[Tensor, "t m1"] = field(
        default_factory=lambda: torch.zeros(0, len(COLUMNS) + 1, dtype=torch.float64)
    )

    def add(self, scalars: dict[str, Tensor]) -> None:
        """Add one observation of some columns."""
        for name, value in scalars.items():
            column = COLUMNS.index(name)
            self.sums[column] += value.detach().double().cpu()
            self.counts[column] += 1

    def gather(self, processes: Processes) -> None:
        """Move all processes' sums to the first one."""
        if processes.size == 1:
            return
        for mine in (self.sums, self.counts):
            total = processes.sum_(mine.to(processes.device))
            mine.copy_(total if processes.rank == 0 else torch.zeros_like(total))

    def close_row(self, nimg: int, processes: Processes) -> None:
        """Average the sums into a row at `nimg` images; columns never observed are NaN."""
        self.gather(processes)
        row = torch.cat([torch.tensor([nimg / 1000], dtype=torch.float64), self.sums / self.counts])
        self.rows = torch.cat([self.rows, row[None]])
        self.sums.zero_()
        self.counts.zero_()

    def to_csv(self) -> str:
        """Return the rows as CSV with a header; cells without observation are empty."""
        text = io.StringIO()
        print("kimg", *COLUMNS, sep=",", file=text)
        for row in self.rows.tolist():
            print(*("" if value != value else f"{value:.6g}" for value in row), sep=",", file=text)
        return text.getvalue()
