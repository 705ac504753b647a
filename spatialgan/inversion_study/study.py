"""The study of one model: its document, from inversions of drawn scenes and of the model's own samples.

Shapes: n scenes, r pixels along an axis.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from spatialgan import drawn
from spatialgan.drawn import FIRST_INDEX
from spatialgan.evaluation.trials import snapshot_renderer
from spatialgan.heatmaps.layout import Layout
from spatialgan.inversion.encoder import load_encoder
from spatialgan.inversion.perceptual import open_perceptual
from spatialgan.inversion_study.centers import center_error, chance, distances
from spatialgan.inversion_study.editing import editability, inverted_renderer, repeated
from spatialgan.inversion_study.kept import Inverted, Inverter, seconds_of
from spatialgan.inversion_study.methods import METHODS, Method
from spatialgan.inversion_study.replicates import Number, means
from spatialgan.models.opened import OpenedModel
from spatialgan.segmenters.registry import Segmenter
from spatialgan.snapshot import draw_samples, sample_images

OWN_SEED, UNRELATED_SEED = 1_000_000, 2_000_000  # of samples that no start is
NUM_UNRELATED = 100  # layouts behind the level of chance
JUDGE = "efficientnet"  # which no inversion here has tried to please
FITS = ("mse", "psnr", "perceptual", "judged", "nearest_mse")
METHOD_SEED, OWN_RESAMPLING = 0, 1  # of resamplings: those of different scenes are independent


@dataclass(frozen=True)
class Study:
    """What is studied: a model, an entry of params/inversions.yaml, and who sees objects in images."""

    model: OpenedModel
    item: Mapping
    segmenter: Segmenter | None
    folder: Path  # of finished inversions

    def photos(self) -> UInt8[Tensor, "n 3 r r"]:
        """Return drawn scenes that no data set holds."""
        num, r = self.item["num"], self.model.snapshot.config.generator.resolution
        every = (drawn.draw(self.item["dataset"], 0, FIRST_INDEX + i, r).image for i in range(num))
        return torch.from_numpy(np.stack(list(every))).permute(0, 3, 1, 2).contiguous()

    def methods(self) -> dict[str, Method]:
        """Return the methods by name, with the entry's numbers of steps."""
        return {name: METHODS[name].sized(self.item) for name in self.item["methods"]}

    def inverter(self) -> Inverter:
        """Return what inverts; raises ValueError if the judge or the encoder is missing or of another model."""
        file = self.item.get("encoder", "")
        encoder = load_encoder(Path(file), self.model) if file else None
        return Inverter(self.model, encoder, open_perceptual(JUDGE), self.folder)


def measure(study: Study) -> tuple[dict, dict[str, list[Inverted]]]:
    """Return the document of a study, and the inverted photos of each method."""
    snapshot, item = study.model.snapshot, study.item
    inverter, photos, num = study.inverter(), study.photos(), item["num"]
    samples = repeated(snapshot_renderer(snapshot, OWN_SEED), num)
    own = editability(samples, num, item["edits"], study.segmenter, OWN_RESAMPLING)
    methods, inverted = {}, {}
    for name, method in study.methods().items():
        found = inverted[name] = inverter.all(photos, method)
        edits = editability(
            inverted_renderer(found), num, item["edits"], study.segmenter, METHOD_SEED
        )
        parts = {key: edits[key].over(own[key]) for key in edits if key in own}
        methods[name] = {
            "title": method.title,
            "settings": asdict(method),
            "fit": numbers(fits(found)),
            "edits": numbers(edits),
            "of_own": numbers(parts),
            "own": own_images(study, inverter, method) if method.finds_layout else {},
        }
    document = {
        "model": study.model.name,
        "model_sha256": study.model.sha256,
        "dataset": item["dataset"],
        "pixels": snapshot.config.generator.resolution,
        "num": num,
        "num_own": item["own"],
        "edits_per_scene": item["edits"],
        "perceptual_by": found[0].record["perceptual_by"],
        "judged_by": {"name": inverter.judge.name, "sha256": inverter.judge.sha256},
        "segmenter_sha256": study.segmenter.sha256 if study.segmenter else "",
        "own_edits": numbers(own),
        "methods": methods,
    }
    return document, inverted


def own_images(study: Study, inverter: Inverter, method: Method) -> dict:
    """Return how a method inverts the model's own samples, whose layouts are known, and what chance would find."""
    snapshot, num = study.model.snapshot, study.item["own"]
    truth = draw_samples(snapshot.config, OWN_SEED, 0, num).layout
    found = inverter.all(sample_images(snapshot, OWN_SEED, 0, num), method)
    has_order = not snapshot.config.generator.num_objects
    ways = [distances(truth[i : i + 1], one.scene.layout, has_order) for i, one in enumerate(found)]
    unrelated: Layout = draw_samples(snapshot.config, UNRELATED_SEED, 0, NUM_UNRELATED).layout
    error = center_error(ways, METHOD_SEED)
    return {
        "fit": numbers(fits(found)),
        "center": error.to_json() if error else None,
        "center_by_chance": chance(truth, unrelated, has_order),
        "centers_matched": "by index" if has_order else "one to one",
    }


def fits(found: Sequence[Inverted]) -> dict[str, Number]:
    """Return the mean of every number of inversions, and the squared error as a part of the nearest sample's."""
    columns = np.array([[one.record[name] for name in FITS] for one in found], dtype=float)
    columns = np.concatenate([columns, np.array(seconds_of(found))[:, None]], axis=1)
    every = dict(zip((*FITS, "seconds"), means(columns, METHOD_SEED), strict=True))
    error, nearest = FITS.index("mse"), FITS.index("nearest_mse")
    part = Number.of(columns, lambda s: s[error] / s[nearest], METHOD_SEED)
    return {**every, **({"mse_of_nearest": part} if part else {})}


def numbers(found: Mapping[str, Number | None]) -> dict[str, dict]:
    """Return numbers as JSON data."""
    return {name: number.to_json() for name, number in found.items() if number is not None}
