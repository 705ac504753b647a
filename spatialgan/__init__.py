"""Spatially steerable GANs: heatmaps in the generator, aligned with the discriminator's attention.

The public Python face is `__all__`; docs/python.md is its guide. It is imported when one of these names is
first used, so that `import spatialgan` stays quick and imports no torch.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spatialgan.api import (
        DragSettings,
        DragSummary,
        Film,
        Model,
        Scene,
        load,
        open_scene,
        shipped_models,
    )

__all__ = [
    "DragSettings",
    "DragSummary",
    "Film",
    "Model",
    "Scene",
    "load",
    "open_scene",
    "shipped_models",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'spatialgan' has no attribute '{name}'")
    from spatialgan import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
