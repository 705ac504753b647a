"""METHODS: the ways to invert a photo that are compared, each by the name that params/inversions.yaml uses."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from spatialgan.inversion.invert import InversionSettings

LIMIT = 3600.0  # seconds of an inversion: all steps are made, whatever else the machine does


@dataclass(frozen=True)
class Method:
    """A way to invert a photo."""

    title: str
    settings: InversionSettings
    with_encoder: bool = False  # whether its guess is one more start
    tuning_steps: int = 0  # of the generator, afterwards

    @property
    def finds_layout(self) -> bool:
        """Return whether its layouts aren't those of another method."""
        return not self.tuning_steps

    def sized(self, item: Mapping) -> "Method":
        """Return the method with the numbers of steps and starts of an entry of params/inversions.yaml."""
        sizes = {"steps": item["steps"], "restarts": item["restarts"]}
        tuning = item["tuning_steps"] if self.tuning_steps else 0
        return replace(self, settings=replace(self.settings, **sizes), tuning_steps=tuning)


PLUS = InversionSettings(seconds=LIMIT)
METHODS = {
    "styles": Method("styles only", InversionSettings(space="w", layout="fixed", seconds=LIMIT)),
    "layout": Method("styles and layout", InversionSettings(space="w", seconds=LIMIT)),
    "plus": Method("W+ and layout", PLUS),
    "encoder": Method("W+ and layout, encoder", PLUS, with_encoder=True),
    "tuning": Method("W+ and layout, tuning", PLUS, tuning_steps=100),
}
