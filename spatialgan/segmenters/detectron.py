"""detectron2's Mask R-CNN, the paper's segmenter: published for COCO and LVIS, or trained on scenes.

detectron2 is not on any package index and is imported when it is used. Its published weights are pickles,
which can execute code: they are read only if their md5 begins with the digits in their name, as
its model zoo promises. What is trained here is stored without pickle.

Shapes: n images, k instances, r pixels per side, d features.
"""

# detectron2 has no types, and need not be installed
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from spatialgan.files import file_sha256
from spatialgan.headers import describing, texts
from spatialgan.segmenters.instances import (
    MIN_AREA,
    MIN_SCORE,
    Instances,
    areas,
    mask_boxes,
    trusted,
)
from spatialgan.tensor_file import read_tensors, save_tensors

FORMAT = "spatialgan-detectron2-1"  # changes when old weights no longer fit
BATCH = 16  # images segmented at once
INPUT_SIDE = 128  # pixels per side that a network trained here sees; published ones say theirs
COCO = "COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x.yaml"
LVIS = "LVISv0.5-InstanceSegmentation/mask_rcnn_R_50_FPN_1x.yaml"
INSTALL = (
    "pip install --no-build-isolation "
    "'git+https://github.com/facebookresearch/detectron2@02b5c4e295e990042a714712c21dc79b731e8833'"
)
# What a small network on scenes changes of the published COCO configuration
SMALL = (
    ("INPUT.MIN_SIZE_TEST", INPUT_SIDE),
    ("MODEL.WEIGHTS", ""),
    ("MODEL.BACKBONE.NAME", "small_backbone"),
    ("MODEL.RESNETS.STEM_OUT_CHANNELS", 32),
    ("MODEL.RESNETS.RES2_OUT_CHANNELS", 32),
    ("MODEL.RESNETS.NORM", "BN"),
    ("MODEL.FPN.OUT_CHANNELS", 64),
    ("MODEL.ANCHOR_GENERATOR.SIZES", [[20], [44], [90]]),
    ("MODEL.RPN.IN_FEATURES", ["p2", "p3", "p4"]),
    ("MODEL.RPN.BATCH_SIZE_PER_IMAGE", 64),
    ("MODEL.RPN.PRE_NMS_TOPK_TRAIN", 400),
    ("MODEL.RPN.PRE_NMS_TOPK_TEST", 200),
    ("MODEL.RPN.POST_NMS_TOPK_TRAIN", 200),
    ("MODEL.RPN.POST_NMS_TOPK_TEST", 50),
    ("MODEL.ROI_HEADS.IN_FEATURES", ["p2", "p3", "p4"]),
    ("MODEL.ROI_HEADS.BATCH_SIZE_PER_IMAGE", 32),
    ("MODEL.ROI_BOX_HEAD.FC_DIM", 128),
    ("MODEL.ROI_BOX_HEAD.POOLER_SAMPLING_RATIO", 1),
    ("MODEL.ROI_MASK_HEAD.POOLER_SAMPLING_RATIO", 1),
    ("MODEL.ROI_MASK_HEAD.CONV_DIM", 64),
    ("MODEL.ROI_MASK_HEAD.NUM_CONV", 1),
    ("MODEL.ROI_MASK_HEAD.POOLER_RESOLUTION", 7),
)


@dataclass(frozen=True)
class Detectron:
    """A network of detectron2 as a segmenter."""

    name: str
    sha256: str
    network: nn.Module
    input_side: int  # pixels per side that the network sees
    classes: tuple[str, ...]  # by label
    min_score: float

    @torch.no_grad()
    def __call__(self, images: UInt8[Tensor, "n 3 r r"]) -> list[Instances]:
        """Return each image's trusted instances."""
        parts = images.split(BATCH)
        return [trusted(one, self.min_score) for part in parts for one in self._find(part)]

    def _find(self, images: UInt8[Tensor, "n 3 r r"]) -> list[Instances]:
        from detectron2.modeling.postprocessing import detector_postprocess

        heads, side = self.network.roi_heads, images.shape[-1]
        prepared = self.network.preprocess_image(network_inputs(images, self.input_side))
        levels = self.network.backbone(prepared.tensor)
        proposals, _ = self.network.proposal_generator(prepared, levels, None)
        found, _ = heads(prepared, levels, proposals, None)
        pooled = heads.box_pooler(
            [levels[name] for name in heads.box_in_features], [one.pred_boxes for one in found]
        )
        features = F.normalize(heads.box_head(pooled), dim=1).split([len(one) for one in found])
        for one, vectors in zip(found, features, strict=True):
            one.box_features = vectors  # so that they are dropped together with empty boxes
        return [self._instances(detector_postprocess(one, side, side)) for one in found]

    def _instances(self, found: Any) -> Instances:
        return Instances(
            masks=found.pred_masks.bool(),
            scores=found.scores,
            classes=tuple(self.classes[label] for label in found.pred_classes.tolist()),
            features=found.box_features,
        )


class DetectronLearner:
    """A small network of detectron2 in training on scenes."""

    def __init__(self, classes: Sequence[str], device: str) -> None:
        self.classes, self.device = tuple(classes), device
        self.config = small_config(len(classes))
        self.network = build_network(self.config, device, MIN_SCORE).train()

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return all weights."""
        return self.network.parameters()

    def losses(
        self, images: UInt8[Tensor, "n 3 r r"], truth: Sequence[Instances]
    ) -> dict[str, Float[Tensor, ""]]:
        """Return the losses of proposals, boxes, classes and masks."""
        from detectron2.utils.events import EventStorage

        batch = network_inputs(images, INPUT_SIDE)
        for one, found in zip(batch, truth, strict=True):
            one["instances"] = learning_targets(found, self.classes)
        with EventStorage():  # its heads count what they sample, and ask for a place to put it
            return self.network(batch)

    def save(self, path: Path, header: dict) -> None:
        """Write the weights and all that `open_trained` needs to use them."""
        own = {"format": FORMAT, "config": self.config.dump(), "classes": list(self.classes)}
        save_tensors(path, self.network.state_dict(), {**header, **own})


def network_inputs(images: UInt8[Tensor, "n 3 r r"], input_side: int) -> list[dict]:
    """Return the images as detectron2 takes them: BGR in [0, 255], at the network's size."""
    size, x = (input_side, input_side), images.flip(1).float()
    x = F.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
    return [{"image": image} for image in x]


def learning_targets(truth: Instances, classes: Sequence[str]) -> Any:
    """Return the objects of MIN_AREA as detectron2's Instances, at the size of the network's input."""
    from detectron2.structures import BitMasks, Boxes
    from detectron2.structures import Instances as Targets

    counts = areas(truth.masks) >= MIN_AREA
    masks, size = truth.masks[counts], (INPUT_SIDE, INPUT_SIDE)
    labels = [classes.index(name) for name in truth.classes]
    large = F.interpolate(masks[:, None].float(), size, mode="nearest-exact")[:, 0]
    targets = Targets(size)
    targets.gt_boxes = Boxes(mask_boxes(masks) * (INPUT_SIDE / masks.shape[-1]))
    targets.gt_classes = torch.tensor(labels, dtype=torch.int64)[counts]
    targets.gt_masks = BitMasks(large > 0)
    return targets


def published_config(file: str) -> Any:
    """Return a configuration of detectron2's model zoo by its file name.

    Read from where its install puts them: importing the zoo itself needs a setuptools older than 82.
    """
    require()
    import detectron2
    from detectron2.config import get_cfg

    parsed = get_cfg()
    parsed.merge_from_file(str(Path(detectron2.__file__).parent / "model_zoo" / "configs" / file))
    return parsed


def small_config(num_classes: int) -> Any:
    """Return the configuration of the network that is trained on scenes."""
    config = published_config(COCO)
    config.merge_from_list([part for pair in SMALL for part in pair])
    config.MODEL.ROI_HEADS.NUM_CLASSES = num_classes
    return config


def small_backbone(config: Any, input_shape: Any) -> nn.Module:
    """Return a feature pyramid at 1/4, 1/8 and 1/16 of the input, over a ResNet of one block at each.

    detectron2's own smallest, a ResNet-18, makes a step of the training 2.4 times as long.
    """
    from detectron2.modeling.backbone import FPN, BasicStem, ResNet
    from detectron2.modeling.backbone.resnet import BasicBlock

    numbers = config.MODEL.RESNETS
    before, width = numbers.STEM_OUT_CHANNELS, numbers.RES2_OUT_CHANNELS
    stages = []
    stem = BasicStem(input_shape.channels, before, norm=numbers.NORM)
    for stride in (1, 2, 2):
        block = BasicBlock(before, width, stride=stride, norm=numbers.NORM)
        stages.append([block])
        before, width = width, 2 * width
    levels = ["res2", "res3", "res4"]
    return FPN(ResNet(stem, stages, out_features=levels), levels, config.MODEL.FPN.OUT_CHANNELS)


def build_network(config: Any, device: str, min_score: float) -> nn.Module:
    """Return a configuration's network with fresh weights; notes device and score in the former."""
    from detectron2.modeling import BACKBONE_REGISTRY, build_model

    if small_backbone.__name__ not in BACKBONE_REGISTRY:
        BACKBONE_REGISTRY.register(small_backbone)
    config.MODEL.DEVICE = device
    config.MODEL.ROI_HEADS.SCORE_THRESH_TEST = min_score
    return build_model(config)


def open_trained(weights: Path, device: str, min_score: float) -> Detectron:
    """Return the segmenter in a file of `DetectronLearner.save`; ValueError if it is not one."""
    require()
    from detectron2.config import CfgNode

    found = read_tensors(weights)
    header = found.header
    if header.get("format") != FORMAT:
        raise ValueError(f"{weights} holds {header.get('format')!r}, not {FORMAT!r}: retrain it")
    with describing(weights, "segmenter"):
        config = CfgNode(CfgNode.load_cfg(header["config"]))
        classes = texts(header, "classes")
        network = build_network(config, device, min_score)
        network.load_state_dict(found.tensors)
    return _ready("detectron2", found.sha256, network, config, classes)


def open_published(name: str, file: str, weights: Path, device: str, min_score: float) -> Detectron:
    """Return a network of the model zoo with its weights; ValueError if they are damaged."""
    config = published_config(file)
    from detectron2.checkpoint import DetectionCheckpointer
    from detectron2.data import MetadataCatalog

    md5 = hashlib.md5(weights.read_bytes(), usedforsecurity=False).hexdigest()
    digits = weights.stem.rpartition("_")[2]
    if not md5.startswith(digits):
        raise ValueError(f"{weights} is damaged: its md5 {md5} doesn't begin with {digits}")
    network = build_network(config, device, min_score)
    DetectionCheckpointer(network).load(str(weights))
    classes = MetadataCatalog.get(config.DATASETS.TRAIN[0]).thing_classes
    return _ready(name, file_sha256(weights), network, config, classes)


def require() -> None:
    """Raise ValueError, saying how to install detectron2, if it isn't installed."""
    try:
        import_module("detectron2")
    except ModuleNotFoundError as error:
        if error.name != "detectron2":
            raise
        raise ValueError(f"detectron2 isn't installed: {INSTALL} (docs/segmenters.md)") from None


def _ready(
    name: str, sha256: str, network: nn.Module, config: Any, classes: Sequence[str]
) -> Detectron:
    network.eval().requires_grad_(False)
    return Detectron(
        name=name,
        sha256=sha256,
        network=network,
        input_side=config.INPUT.MIN_SIZE_TEST,
        classes=tuple(classes),
        min_score=config.MODEL.ROI_HEADS.SCORE_THRESH_TEST,
    )
