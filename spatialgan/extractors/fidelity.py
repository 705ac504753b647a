"""The scene extractor as torch-fidelity knows it; importing this needs torch-fidelity."""

from pathlib import Path

import torch_fidelity
from jaxtyping import Float, UInt8
from torch import Tensor
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

from spatialgan.extractors.network import load_extractor

LAYER = "features"  # the one layer it provides


class FidelitySceneExtractor(FeatureExtractorBase):
    """torch-fidelity's interface around a SceneExtractor."""

    # torch-fidelity builds extractors with all the arguments of its metrics call
    def __init__(self, name: str, features_list: list[str], **settings: object) -> None:
        super().__init__(name, features_list)
        self.network, _ = load_extractor(Path(str(settings["feature_extractor_weights_path"])))

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        """Return the names of the layers."""
        return (LAYER,)

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        """Return the layer every metric uses."""
        return LAYER

    @staticmethod
    def can_be_compiled() -> bool:
        """Return False: compiling costs more than it saves on a network this small."""
        return False

    def forward(self, images: UInt8[Tensor, "n 3 h w"]) -> tuple[Float[Tensor, "n 64"]]:
        """Return the features in a tuple, as torch-fidelity wants them."""
        return (self.network(images),)


def register(name: str, extractor: type[FeatureExtractorBase]) -> None:
    """Make an extractor known to torch-fidelity under `name`; doing it again changes nothing."""
    known = FEATURE_EXTRACTORS_REGISTRY.get(name)
    assert known in (None, extractor), f"two extractors want the name {name}"
    if known is None:
        torch_fidelity.register_feature_extractor(name, extractor)
