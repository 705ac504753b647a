"""How a drag went, as an object to look at in a notebook."""

from dataclasses import dataclass, field

from spatialgan.dragging.drag import REACHED, DragState, Problem
from spatialgan.dragging.drag_film import draw_drag_film
from spatialgan.drawing.films import Film
from spatialgan.snapshot import Snapshot
from spatialgan.wording import counted


@dataclass(frozen=True, eq=False)
class DragSummary:
    """How a drag went."""

    record: dict  # everything in numbers, as `spatialgan drag` prints it
    states: tuple[DragState, ...] = field(repr=False)  # before the first step, and after each
    problem: Problem = field(repr=False)
    snapshot: Snapshot = field(repr=False)

    @property
    def outcome(self) -> str:
        """Why it ended: reached, step cap, jumped (a method without steps) or diverged."""
        return self.record["outcome"]

    @property
    def reached(self) -> bool:
        """Whether every handle arrived within the tolerance of its target."""
        return self.outcome == REACHED

    @property
    def steps(self) -> int:
        """The number of updates made."""
        return self.record["steps"]

    @property
    def distance(self) -> float:
        """How far the farthest handle is from its target, in image widths."""
        return self.record["distance"]

    def film(self) -> Film:
        """Return a film of the drag, with handles and targets marked."""
        return draw_drag_film(self.states, self.problem, self.snapshot)

    def __repr__(self) -> str:
        return f"<DragSummary: {self.outcome} after {counted(self.steps, 'step')}, {self.distance:.3f} image widths left>"
