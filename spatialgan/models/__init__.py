"""Models by name: those that ship with the package are in this folder, each with its card; others are named
by the path of their snapshot.
"""

from pathlib import Path

from spatialgan.variants import unknown_name

FOLDER = Path(__file__).parent
SUFFIX = ".safetensors"
MAX_LENGTH = 1000  # characters of a path; the operating system's limit is about here


def shipped_models() -> list[str]:
    """Return the names of the models that ship with the package."""
    return sorted(path.stem for path in FOLDER.glob(f"*{SUFFIX}"))


def model_path(model: str) -> Path:
    """Return the snapshot of a shipped model by its name, or of any model by its path.

    Raises ValueError, naming the shipped ones, if there is no such model.
    """
    if model in shipped_models():
        return FOLDER / f"{model}{SUFFIX}"
    if len(model) > MAX_LENGTH or not model.endswith(SUFFIX):
        raise ValueError(
            f"{unknown_name(shipped_models(), 'model', model)}, or give the path of a snapshot ({SUFFIX})"
        )
    if not Path(model).is_file():
        raise ValueError(f"{model} does not exist")
    return Path(model)
