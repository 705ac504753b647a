"""The trained segmenters that ship with the code, each of which saves a training of twenty minutes on one core.

Each is the weights file that `spatialgan segmenter DATASET --again` writes, bit for bit, and its header says of which
training it is. It replaces that training and no other.
"""

from pathlib import Path

SHIPPED = ("torchvision",)  # keys of TRAINERS


def shipped_weights(name: str, scene: str, resolution: int) -> Path | None:
    """Return the shipped weights of segmenter `name` for drawn scenes of r = `resolution` pixels, if there are any."""
    path = Path(__file__).parent / "trained" / f"{scene}_{resolution}px.safetensors"
    return path if name in SHIPPED and path.is_file() else None
