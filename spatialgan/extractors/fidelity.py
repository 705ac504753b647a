"""Our extractors as torch-fidelity knows them; importing this needs torch-fidelity."""

from pathlib import Path

import torch_fidelity
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

from spatialgan.extractors.efficientnet import load_efficientnet
from spatialgan.extractors.network import load_extractor

LAYER = "features"  # the one layer it provides


class FidelityExtractor(FeatureExtractorBase):
    """torch-fidelity's interface around a network with one kind of features."""

    network: nn.Module  # uint8 images [n 3 h w] to features [n c]

    @staticmethod
    def load(weights: Path) -> nn.Module:
        """Return the network with the weights of a file."""
        raise NotImplementedError

    # torch-fidelity builds extractors with all the arguments of its metrics call
    def __init__(self, name: str, features_list: list[str], **settings: object) -> None:
        super().__init__(name, features_list)
        self.network = self.load(Path(str(settings["feature_extractor_weights_path"])))

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
        """Return False: compiling costs more than it saves on networks this small."""
        return False

    def forward(self, images: UInt8[Tensor, "n 3 h w"]) -> tuple[Float[Tensor, "n c"]]:
        """Return the features in a tuple, as torch-fidelity wants them."""
        return (self.network(images),)


class FidelitySceneExtractor(FidelityExtractor):
    """The network trained on drawn scenes (network.py), for torch-fidelity."""

    @staticmethod
    def load(weights: Path) -> nn.Module:
        """Return the network with the weights of a file."""
        return load_extractor(weights)[0]


class FidelityEfficientNet(FidelityExtractor):
    """The network published for ImageNet (efficientnet.py), for torch-fidelity."""

    @staticmethod
    def load(weights: Path) -> nn.Module:
        """Return the network with the weights of a file."""
        return load_efficientnet(weights)


def register(name: str, extractor: type[FeatureExtractorBase]) -> None:
    """Make an extractor known to torch-fidelity under `name`; doing it again changes nothing."""
    known = FEATURE_EXTRACTORS_REGISTRY.get(name)
    assert known in (None, extractor), f"two extractors want the name {name}"
    if known is None:
        torch_fidelity.register_feature_extractor(name, extractor)
