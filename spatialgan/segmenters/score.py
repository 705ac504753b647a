"""Average precision of masks, as COCO defines and pycocotools computes it.

Objects below MIN_AREA are ignored the way COCO ignores those outside an area range: neither missing
nor finding one counts.

Shapes: r pixels per side.
"""

import contextlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool
from torch import Tensor

from spatialgan.segmenters.instances import MIN_AREA, Instances

MAX_DETECTIONS = 100  # per image and class, COCO's


def mask_ap(found: Sequence[Instances], truth: Sequence[Instances]) -> dict:
    """Return `ap` (mean over IoU 0.5 to 0.95), `ap50` and `ap75` of masks in [0, 1], and per class.

    A class counts where the truth has one of it of MIN_AREA. Raises ValueError if none does.
    """
    classes = sorted({name for one in truth for name in one.classes})
    precision = _precision(found, truth, classes)
    known = {name: p for name, p in zip(classes, precision, strict=True) if (p > -1).all()}
    if not known:
        raise ValueError("no object of these images is large enough to score a segmenter with")
    whole = np.stack(list(known.values()))  # classes, IoU thresholds, recall levels
    return {
        "ap": float(whole.mean()),
        "ap50": float(whole[:, 0].mean()),
        "ap75": float(whole[:, 5].mean()),
        "ap_by_class": {name: float(p.mean()) for name, p in known.items()},
        "ap50_by_class": {name: float(p[0].mean()) for name, p in known.items()},
    }


def _precision(
    found: Sequence[Instances], truth: Sequence[Instances], classes: list[str]
) -> np.ndarray:
    """Return pycocotools' precision [classes, 10 IoU thresholds, 101 recall levels], -1 if unknown."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
        coco = COCO()
        coco.dataset = _coco_dataset(truth, classes)  # pyright: ignore[reportAttributeAccessIssue]
        coco.createIndex()
        results = [one for one in _annotations(found, classes) if one["category_id"]]
        detections = coco.loadRes(results) if results else COCO()  # pyright: ignore[reportArgumentType]
        evaluation = COCOeval(coco, detections, "segm")
        evaluation.params.imgIds = list(range(1, len(truth) + 1))
        evaluation.params.catIds = list(range(1, len(classes) + 1))
        pixels = truth[0].masks.shape[-1] ** 2
        evaluation.params.areaRng = [[MIN_AREA * pixels, pixels]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.params.maxDets = [MAX_DETECTIONS]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"][:, :, :, 0, 0].transpose(2, 0, 1)


def _coco_dataset(truth: Sequence[Instances], classes: list[str]) -> dict:
    sides = [one.masks.shape[-1] for one in truth]
    images = [{"id": i, "height": r, "width": r} for i, r in enumerate(sides, start=1)]
    categories = [{"id": i, "name": name} for i, name in enumerate(classes, start=1)]
    annotations = _annotations(truth, classes)
    numbered = [{**one, "id": i, "iscrowd": 0} for i, one in enumerate(annotations, start=1)]
    return {"images": images, "categories": categories, "annotations": numbered, "info": {}}


def _annotations(instances: Sequence[Instances], classes: list[str]) -> list[dict]:
    """Return COCO's records; category 0 is a class that the truth doesn't have."""
    ids = {name: i for i, name in enumerate(classes, start=1)}
    records = []
    for image, one in enumerate(instances, start=1):
        for mask, score, name in zip(one.masks, one.scores.tolist(), one.classes, strict=True):
            code, area = _run_lengths(mask), int(mask.sum())
            record = {"image_id": image, "category_id": ids.get(name, 0), "score": score}
            records.append({**record, "segmentation": code, "area": area})
    return records


def _run_lengths(mask: Bool[Tensor, "r r"]) -> Mapping[str, Any]:
    from pycocotools import mask as coco_mask

    return coco_mask.encode(np.asfortranarray(mask.cpu().numpy().astype(np.uint8)))
