"""Models by name: those that ship with the package are in this folder, each with its card; others are named
by the path of their snapshot.
"""

from pathlib import Path

from spatialgan.variants import unknown_name

FOLDER = Path(__file__).parent
SUFFIX = ".safetensors"
# The same weights and settings in a file of before headers were hashed: scenes that name it are of the newer file too
FORMER = {
    "9234cb22c6f2b9035ff2c2e53863a071153c2d05a3c90f0be7f581e8c21ae15f": (
        "a47e568e21f9c3816cb863867660737b470da475382fd88a4ceaf6f5206efa61"
    ),
    "4d2f7e9481606da15bdb74fee5b0307705f8bd7d832c4406e6b2d0a77f670daa": (
        "0ea6bc10d9f21e83a1fb21f476a5cac4849b2d06bf7f17a78b73b43a446c3c30"
    ),
}
MAX_LENGTH = 1000  # characters of a path; the operating system's limit is about here


def shipped_models() -> list[str]:
    """Return the names of the models that ship with the package."""
    return sorted(path.stem for path in FOLDER.glob(f"*{SUFFIX}"))


def is_file_of(sha256: str, model_sha256: str) -> bool:
    """Return whether something made with the file of the first hash belongs to the model of the second."""
    return sha256 in (model_sha256, FORMER.get(model_sha256, model_sha256))


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
