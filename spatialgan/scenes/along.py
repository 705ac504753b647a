"""Files of directions, and scenes whose styles have moved along one.

A file holds what each direction adds to the styles of all layers (W+) or to the scales of all channels (style
space), so that using it needs no knowledge of the space or method it was found with. It is bound to one model
by the sha256 of the model's snapshot.

Shapes: n directions, l layers, *m codes if there are several, w style space, j convolutions, c channels of
the widest, r image pixels.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spatialgan.scenes import checks
from spatialgan.scenes.changes import LIMIT, Changes
from spatialgan.scenes.scene import SceneData
from spatialgan.tensor_file import load_tensors, save_tensors
from spatialgan.variants import check_choice

FORMAT = "spatialgan directions 1"
MAX_BYTES = 1 << 30
FIELDS = ("latent", "channels")  # of `Changes`
TEXTS = ("field", "model_sha256", "space", "method", "region")  # of the header, beside the format
DTYPES = {"changes": torch.float32, "scores": torch.float64, "mask": torch.bool}


@dataclass(frozen=True)
class Directions:
    """Directions of one model's styles, best first, and what they were found for."""

    changes: Float[Tensor, "n _ *m _"]  # what a step of 1 adds: [l *m w] or [j *m c] each
    field: str  # of `Changes`, which it is added to: "latent" or "channels"
    scores: Float[Tensor, " n"]  # what they are ordered by; ReSeFa's are eigenvalues
    mask: Bool[Tensor, "r r"]  # the region
    model_sha256: str  # of the model's snapshot
    space: str
    method: str
    region: str  # as it was asked for


def save_directions(path: Path, directions: Directions) -> None:
    """Write directions as a safetensors file whose header says what they are."""
    tensors = {name: getattr(directions, name).to(dtype) for name, dtype in DTYPES.items()}
    texts = {name: getattr(directions, name) for name in TEXTS}
    eigenvalues = directions.scores.tolist()
    save_tensors(path, tensors, {"format": FORMAT, **texts, "eigenvalues": eigenvalues})


def load_directions(path: Path) -> Directions:
    """Return the directions in a file.

    Raises ValueError, in one line that names the file, for anything that `save_directions` can't have written.
    """
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path}: is larger than {MAX_BYTES:,} bytes, which no such file is")
    tensors, header = load_tensors(path)
    try:
        return _checked(tensors, header)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _checked(tensors: dict[str, Tensor], header: Any) -> Directions:
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError(f"is not a file of directions, whose format is '{FORMAT}'")
    texts = {name: checks.text(name, header.get(name)) for name in TEXTS}
    check_choice(FIELDS, "field of changes", texts["field"])
    if {name: tensor.dtype for name, tensor in tensors.items()} != DTYPES:
        raise ValueError(
            "must hold changes (fp32), scores (fp64) and a mask (bool), and only these"
        )
    changes, scores, mask = (tensors[name] for name in DTYPES)
    if changes.ndim not in (3, 4) or scores.shape != changes.shape[:1] or not changes.numel():
        raise ValueError(
            f"changes of shape {list(changes.shape)} and scores of shape {list(scores.shape)} don't go together"
        )
    if mask.ndim != 2 or mask.shape[0] != mask.shape[1]:
        raise ValueError(f"the mask must be square, not {list(mask.shape)}")
    if not (changes.abs() <= LIMIT).all() or not scores.isfinite().all():
        raise ValueError(f"has values that are beyond {LIMIT:g} or not numbers")
    return Directions(changes, scores=scores, mask=mask, **texts)


def moved_along(scene: SceneData, directions: Directions, index: int, alpha: float) -> SceneData:
    """Return the scene with its styles alpha steps along direction `index` [ReSeFa, Eq. 1].

    Raises ValueError if there is no such direction, or the file is for another model.
    """
    if directions.model_sha256 != scene.model_sha256:
        raise ValueError(
            f"the directions are of another model (sha256 {directions.model_sha256[:12]}..., not "
            f"{scene.model_sha256[:12]}...): find some for this one"
        )
    number = len(directions.changes)
    if not 0 <= index < number:
        raise ValueError(f"there are directions 0 to {number - 1}, not {index}")
    change = alpha * directions.changes[index : index + 1]
    present = getattr(scene.changes, directions.field)
    if present.numel() and present.shape[2:] != change.shape[2:]:
        raise ValueError("the directions don't have the shape of this model's styles")
    changes = scene.changes.plus(Changes(**{directions.field: change}))
    if not (getattr(changes, directions.field).abs() <= LIMIT).all():
        raise ValueError(f"alpha {alpha:g} leads beyond {LIMIT:g}, which no model can take")
    return replace(scene, changes=changes)
