"""The encoders that ship with the code, one for each shipped model."""

from pathlib import Path

from spatialgan.inversion.encoder import Encoder, load_encoder
from spatialgan.models import SUFFIX, shipped_models
from spatialgan.models.opened import OpenedModel

FOLDER = Path(__file__).parent / "encoders"
AUTO, NONE = "auto", "none"  # in place of an encoder's file


def encoder_file(model: OpenedModel, encoder: str = AUTO) -> Path | None:
    """Return the file of the encoder that is named; of `auto`, that which ships with the model; None for no encoder."""
    if encoder != AUTO:
        return None if encoder == NONE else Path(encoder)
    path = FOLDER / f"{model.name}{SUFFIX}"
    return path if model.name in shipped_models() and path.is_file() else None


def open_encoder(model: OpenedModel, encoder: str = AUTO) -> Encoder | None:
    """Return the encoder that is named, as `encoder_file` finds it.

    Raises ValueError, naming the file, if it is not an encoder of this model.
    """
    path = encoder_file(model, encoder)
    return load_encoder(path, model) if path else None
