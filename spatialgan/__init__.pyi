from spatialgan.api import DragSettings as DragSettings
from spatialgan.api import DragSummary as DragSummary
from spatialgan.api import Film as Film
from spatialgan.api import Model as Model
from spatialgan.api import Scene as Scene
from spatialgan.api import load as load
from spatialgan.api import open_scene as open_scene
from spatialgan.api import shipped_models as shipped_models

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
