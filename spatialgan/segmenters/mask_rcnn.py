"""torchvision's Mask R-CNN: a small one trained on drawn scenes, and the published one of COCO.

The small one enlarges or reduces every image to `input_side` pixels, as torchvision's transform does,
so that objects and anchors have one size at any resolution; its first convolution brings that down to
a quarter. Masks are painted at the image's own resolution by sampling them at the pixel centers:
torchvision's own painting rounds boxes to whole pixels, which at 32 pixels moves small objects.

Shapes: n images, k instances, r pixels per side, d features, m cells per side of a predicted mask.
"""

import dataclasses
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN, MaskRCNN_ResNet50_FPN_V2_Weights
from torchvision.models.detection import maskrcnn_resnet50_fpn_v2 as build_published
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign

from spatialgan.files import file_sha256
from spatialgan.headers import check_fields, describing, filled, texts
from spatialgan.segmenters.instances import (
    MIN_AREA,
    MIN_SCORE,
    Instances,
    areas,
    mask_boxes,
    trusted,
)
from spatialgan.tensor_file import halved, read_tensors, save_tensors

FORMAT = "spatialgan-mask-rcnn-1"  # changes when old weights no longer fit
BATCH = 32  # images segmented at once
MAX_SIDE = 4096  # of every number that a file's header may ask for


@dataclass(frozen=True)
class MaskRcnnShape:
    """The numbers of the small network."""

    input_side: int = 128  # pixels per side that the network sees
    widths: tuple[int, int, int] = (32, 64, 96)  # channels at 1/4, 1/8 and 1/16 of the input
    channels: int = 64  # of the feature pyramid and of the mask head
    anchors: tuple[int, int, int] = (20, 44, 90)  # pixels of the input, one per pyramid level
    box_features: int = 128
    roi_side: int = 7  # cells per side pooled for boxes and masks; masks come out at twice that
    samples_per_cell: int = 1  # per axis, of the pooling
    boxes_per_image: int = 32  # of which the heads learn


class Backbone(nn.Module):
    """Six convolutions and a feature pyramid at 1/4, 1/8 and 1/16 of the input."""

    def __init__(self, shape: MaskRcnnShape) -> None:
        super().__init__()
        a, b, c = shape.widths
        self.fine = nn.Sequential(_convolution(3, a, 7, 4), _convolution(a, a, 3, 1))
        self.middle = nn.Sequential(_convolution(a, b, 3, 2), _convolution(b, b, 3, 1))
        self.coarse = nn.Sequential(_convolution(b, c, 3, 2), _convolution(c, c, 3, 1))
        self.pyramid = FeaturePyramidNetwork(list(shape.widths), shape.channels)
        self.out_channels = shape.channels  # torchvision asks for it

    def forward(self, x: Float[Tensor, "n 3 h w"]) -> OrderedDict[str, Tensor]:
        """Return the pyramid's levels, finest first."""
        fine = self.fine(x)
        middle = self.middle(fine)
        levels = (fine, middle, self.coarse(middle))
        return self.pyramid(OrderedDict(zip("012", levels, strict=True)))


def _convolution(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def build_network(shape: MaskRcnnShape, num_classes: int, min_score: float) -> MaskRCNN:
    """Return the small network with fresh weights, which finds `num_classes` kinds of objects."""
    channels = shape.channels
    pools = [
        MultiScaleRoIAlign(["0", "1", "2"], shape.roi_side, shape.samples_per_cell)
        for _ in range(2)
    ]
    return MaskRCNN(
        Backbone(shape),
        min_size=shape.input_side,
        max_size=shape.input_side,
        image_mean=[0.5] * 3,
        image_std=[0.25] * 3,
        rpn_anchor_generator=AnchorGenerator(
            tuple((size,) for size in shape.anchors), ((0.5, 1.0, 2.0),) * 3
        ),
        rpn_head=RPNHead(channels, 3),
        rpn_pre_nms_top_n_train=400,
        rpn_pre_nms_top_n_test=200,
        rpn_post_nms_top_n_train=200,
        rpn_post_nms_top_n_test=50,
        rpn_batch_size_per_image=shape.boxes_per_image,
        box_roi_pool=pools[0],
        box_head=TwoMLPHead(channels * shape.roi_side**2, shape.box_features),
        box_predictor=FastRCNNPredictor(shape.box_features, num_classes + 1),
        box_score_thresh=min_score,
        box_detections_per_img=30,
        box_batch_size_per_image=shape.boxes_per_image,
        mask_roi_pool=pools[1],
        mask_head=MaskRCNNHeads(channels, (channels, channels), 1),
        mask_predictor=MaskRCNNPredictor(channels, channels, num_classes + 1),
    )


@dataclass(frozen=True)
class MaskRcnn:
    """A Mask R-CNN of torchvision as a segmenter."""

    name: str
    sha256: str
    network: MaskRCNN
    classes: tuple[str, ...]  # by label; label 0 is the background
    min_score: float

    @torch.no_grad()
    def __call__(self, images: UInt8[Tensor, "n 3 r r"]) -> list[Instances]:
        """Return each image's trusted instances."""
        parts = images.split(BATCH)
        return [trusted(one, self.min_score) for part in parts for one in self._find(part)]

    def _find(self, images: UInt8[Tensor, "n 3 r r"]) -> list[Instances]:
        network, side = self.network, images.shape[-1]
        device = next(network.parameters()).device
        prepared, _ = network.transform(list(images.to(device).float() / 255))
        sizes = prepared.image_sizes
        levels = network.backbone(prepared.tensors)
        proposals, _ = network.rpn(prepared, levels)
        found, _ = network.roi_heads(levels, proposals, sizes)
        pooled = network.roi_heads.box_roi_pool(levels, [one["boxes"] for one in found], sizes)  # pyright: ignore[reportCallIssue]
        features = F.normalize(network.roi_heads.box_head(pooled), dim=1)  # pyright: ignore[reportCallIssue]
        features = features.split([len(one["boxes"]) for one in found])
        return [
            Instances(
                masks=paint_masks(one["masks"][:, 0], one["boxes"], size[0] / side, side),
                scores=one["scores"],
                classes=tuple(self.classes[label] for label in one["labels"].tolist()),
                features=vectors,
            )
            for one, size, vectors in zip(found, sizes, features, strict=True)
        ]


def paint_masks(
    masks: Float[Tensor, "k m m"], boxes: Float[Tensor, "k 4"], scale: float, side: int
) -> Bool[Tensor, "k r r"]:
    """Return masks of probabilities in boxes, painted on an image of r = `side` pixels.

    Boxes are (left, top, right, bottom) in the network's pixels, of which one of the image has `scale`.
    The network counts from the middle of its first pixel, the half-pixel convention from its edge.
    """
    at = (torch.arange(side, dtype=masks.dtype, device=masks.device) + 0.5) * scale - 0.5
    left, top, right, bottom = (boxes[:, i, None] for i in range(4))
    x = 2 * (at - left) / (right - left) - 1
    y = 2 * (at - top) / (bottom - top) - 1
    grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), dim=3)
    return F.grid_sample(masks[:, None], grid, align_corners=False)[:, 0] >= 0.5


class MaskRcnnLearner:
    """The small network in training."""

    def __init__(self, shape: MaskRcnnShape, classes: Sequence[str], device: str) -> None:
        self.shape, self.classes, self.device = shape, tuple(classes), device
        self.network = build_network(shape, len(classes), MIN_SCORE).to(device).train()

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return all weights."""
        return self.network.parameters()

    def losses(
        self, images: UInt8[Tensor, "n 3 r r"], truth: Sequence[Instances]
    ) -> dict[str, Float[Tensor, ""]]:
        """Return the losses of proposals, boxes, classes and masks."""
        targets = [learning_targets(one, self.classes, self.device) for one in truth]
        return self.network(list(images.to(self.device).float() / 255), targets)

    def save(self, path: Path, header: dict) -> None:
        """Write the weights, as fp16, and all that `open_trained` needs to use them."""
        shape = dataclasses.asdict(self.shape)
        own = {"format": FORMAT, "shape": shape, "classes": list(self.classes)}
        save_tensors(path, halved(self.network.state_dict()), {**header, **own})


def learning_targets(truth: Instances, classes: Sequence[str], device: str) -> dict[str, Tensor]:
    """Return boxes, labels and masks of the objects of MIN_AREA, as torchvision learns from them."""
    counts = areas(truth.masks) >= MIN_AREA
    masks = truth.masks[counts]
    labels = [classes.index(name) + 1 for name in truth.classes]
    return {
        "boxes": mask_boxes(masks).to(device),
        "labels": torch.tensor(labels, dtype=torch.int64)[counts].to(device),
        "masks": masks.to(device, torch.uint8),
    }


def open_trained(weights: Path, device: str, min_score: float) -> MaskRcnn:
    """Return the segmenter in a file of `save_network`; ValueError if it is not one."""
    found = read_tensors(weights)
    header = found.header
    if header.get("format") != FORMAT:
        raise ValueError(f"{weights} holds {header.get('format')!r}, not {FORMAT!r}: retrain it")
    with describing(weights, "segmenter"):
        shape = MaskRcnnShape(
            **{name: tuple(v) if isinstance(v, list) else v for name, v in header["shape"].items()}  # pyright: ignore[reportArgumentType]
        )
        check_fields(shape, most=MAX_SIDE)
        classes = tuple(texts(header, "classes"))
        build = partial(build_network, shape, len(classes), min_score)
        network = filled(build, found.tensors)
    named = ("", *classes)
    return _ready("torchvision", found.sha256, network.to(device), named, min_score)


def open_published(weights: Path, device: str, min_score: float) -> MaskRcnn:
    """Return torchvision's Mask R-CNN R50-FPN v2 with the weights it publishes for COCO.

    Raises ValueError if the file's sha256 doesn't begin with the digits in its published name.
    """
    published = MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1
    sha256, digits = file_sha256(weights), published.url.rpartition("-")[2].removesuffix(".pth")
    if not sha256.startswith(digits):
        raise ValueError(
            f"{weights} is damaged: its sha256 {sha256} doesn't begin with {digits}; "
            f"get it from {published.url}"
        )
    network = build_published(weights=None, weights_backbone=None, box_score_thresh=min_score)
    # the file is there, so nothing is downloaded; weights_only executes nothing of what it reads
    tensors = torch.hub.load_state_dict_from_url(
        published.url,
        model_dir=str(weights.parent),
        file_name=weights.name,
        map_location="cpu",
        weights_only=True,
    )
    network.load_state_dict(tensors)
    classes = tuple(published.meta["categories"])
    return _ready("torchvision_coco", sha256, network.to(device), classes, min_score)


def _ready(
    name: str, sha256: str, network: MaskRCNN, classes: tuple[str, ...], min_score: float
) -> MaskRcnn:
    network.eval().requires_grad_(False)
    return MaskRcnn(name, sha256, network, classes, min_score)
