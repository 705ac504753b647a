"""Files of directions, and the edit that moves a scene's styles along one.

A file holds what each direction adds to the styles of all layers (W+), so that using it needs no knowledge of
the space or method it was found with. It is bound to one model by the sha256 of the model's snapshot.

Shapes: n directions, l layers, *m codes where there are several, w style space, r image pixels.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spatialgan.scenes import checks
from spatialgan.scenes.changes import LIMIT
from spatialgan.tensor_file import load_tensors, save_tensors

FORMAT = "spatialgan directions 1"
MAX_BYTES = 1 << 30
TEXTS = ("model_sha256", "space", "method", "region")  # of the header, beside the format


@dataclass(frozen=True)
class Directions:
    """Directions of one model's styles, best first, and what they were found for."""

    latent: Float[Tensor, "n l *m w"]  # what a step of 1 adds to the styles
    scores: Float[Tensor, " n"]  # what they are ordered by; ReSeFa's are eigenvalues
    mask: Bool[Tensor, "r r"]  # the region
    model_sha256: str  # of the model's snapshot
    space: str
    method: str
    region: str  # as it was asked for


def save_directions(path: Path, directions: Directions) -> None:
    """Write directions as a safetensors file whose header says what they are."""
    tensors = {
        "latent": directions.latent.float(),
        "scores": directions.scores.double(),
        "mask": directions.mask,
    }
    texts = {name: getattr(directions, name) for name in TEXTS}
    header = {"format": FORMAT, **texts, "eigenvalues": directions.scores.tolist()}
    save_tensors(path, tensors, header)


def load_directions(path: Path) -> Directions:
    """Return the directions in a file.

    Raises ValueError, in one line that names the file, for everything that `save_directions` can't have written.
    """
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        raise ValueError(
            f"{path}: is larger than {MAX_BYTES:,} bytes, which no file of directions is"
        )
    tensors, header = load_tensors(path)
    try:
        return _checked(tensors, header)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _checked(tensors: dict[str, Tensor], header: Any) -> Directions:
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError(f"is not a file of directions: its format must be '{FORMAT}'")
    texts = {name: checks.text(name, header.get(name)) for name in TEXTS}
    kinds = {"latent": torch.float32, "scores": torch.float64, "mask": torch.bool}
    if {name: tensor.dtype for name, tensor in tensors.items()} != kinds:
        raise ValueError(
            f"must hold latent (fp32), scores (fp64) and mask (bool), not {list(tensors)}"
        )
    latent, scores, mask = (tensors[name] for name in kinds)
    if latent.ndim not in (3, 4) or scores.shape != latent.shape[:1] or not latent.numel():
        raise ValueError(
            f"{list(latent.shape)} styles and {list(scores.shape)} scores don't go together"
        )
    if mask.ndim != 2 or mask.shape[0] != mask.shape[1]:
        raise ValueError(f"the mask must be square, not {list(mask.shape)}")
    if not (latent.abs() <= LIMIT).all() or not scores.isfinite().all():
        raise ValueError(f"has values that are beyond {LIMIT:g} or not numbers")
    return Directions(latent, scores, mask, **texts)
