"""SceneData: everything that one image is made of, as data, and the ranges its numbers must lie in.

A scene says which model renders it, where everything is, and from which seeds the rest is drawn.

Styles: code 0 belongs to the background, or to the whole image where a model has a single style; code i
belongs to object i - 1. A `StyleSeed` names the style that a code draws from a seed. It may serve another
object than its own, as in a copy.

Coordinates are (y, x) in [-1, 1], from the top left.
"""

from dataclasses import dataclass, field

from spatialgan.heatmaps.layout import Gaussians, Layout
from spatialgan.scenes.changes import Changes
from spatialgan.scenes.checks import check_range, whole_number
from spatialgan.variants import check_choice

# from the scene's seed; the same in all scenes, an imported model's own; zero
NOISE_MODES = ("random", "const", "none")
TRUNCATION_PSI = 0.7
NOISE_MODE = "random"
MAX_SEED = 2**63 - 1
CENTER_LIMIT = 10.0  # coordinates: five images away
SIGMA_RANGE = (0.001, 4.0)  # from a dot to twice the image
TRUNCATION_RANGE = (0.0, 2.0)


@dataclass(frozen=True)
class StyleSeed:
    """The style that code `code` of a model draws from `seed`."""

    seed: int
    code: int


@dataclass(frozen=True)
class SceneData:
    """One image as data. Raises ValueError, naming the place, for a value that no image can have."""

    model: str  # name of a shipped model, or the path of a snapshot
    model_sha256: str  # of the snapshot's file
    seed: int  # of the noise
    truncation_psi: float  # 1 leaves the styles as they are, 0 makes all of them the mean style
    noise_mode: str  # one of NOISE_MODES
    layout: Layout  # of one sample, made of Gaussians
    styles: tuple[StyleSeed, ...]  # one per code
    changes: Changes = field(default_factory=Changes)  # made by drags; no seed draws them

    def __post_init__(self) -> None:
        check_settings(self.seed, self.truncation_psi, self.noise_mode)
        for style in self.styles:
            check_range("seed", style.seed, 0, MAX_SEED)
        assert len(self.layout) == 1
        for number, level in enumerate(self.layout.levels):
            if not isinstance(level, Gaussians):
                raise ValueError(
                    "this model's heatmaps are noise, which no scene can describe: choose a row "
                    "whose sampling draws Gaussians"
                )
            _check_level(number, level)


def check_settings(seed: int, truncation_psi: float, noise_mode: str) -> None:
    """Raise ValueError, naming the field, unless these are settings that a scene can have."""
    check_range("seed", whole_number("seed", seed), 0, MAX_SEED)
    check_range("truncation_psi", truncation_psi, *TRUNCATION_RANGE)
    check_choice(NOISE_MODES, "noise_mode", noise_mode)


def check_gaussian(place: str, center: tuple[float, float], sigma: float, presence: float) -> None:
    """Raise ValueError, naming the place and the field, unless a scene can have this sub-heatmap."""
    for coordinate in center:
        check_range(f"{place}: center", coordinate, -CENTER_LIMIT, CENTER_LIMIT)
    check_range(f"{place}: sigma", sigma, *SIGMA_RANGE)
    check_range(f"{place}: presence", presence, 0.0, 1.0)


def _check_level(number: int, level: Gaussians) -> None:
    columns = zip(
        level.centers[0].tolist(),
        level.sigmas[0].tolist(),
        level.presence[0].tolist(),
        strict=True,
    )
    for i, ((y, x), sigma, presence) in enumerate(columns):
        check_gaussian(f"level {number}, sub-heatmap {i}", (y, x), sigma, presence)
