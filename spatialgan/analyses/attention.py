"""Where the discriminator looks [paper, Fig. 3], at every resolution of its features, on real and generated images.

The paper's reading of D's gradients is GradCAM of the score (`after_sum, score`); all others, those without a sign
included, are shown beside it. Real scenes are newly drawn, so that their masks are known; in generated images the objects
are found by a network (parts.py). Three controls: masks of other images, which are subtracted, D before the first
step of its training, and rows that the claims are not about.

Shapes: n samples, r pixels of an image, h x w pixels of a feature map.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from spatialgan.analyses import maps, tiles
from spatialgan.analyses.findings import Findings, Number, Table, mean_of
from spatialgan.analyses.parts import open_parser
from spatialgan.analyses.requests import Request, Scenes, draw_scenes
from spatialgan.networks.discriminator import Discriminator

PAPER = "after_sum, score"  # its reading of the gradients
OPPOSITE = "after_sum, loss"
SHOWN = 3  # real and generated images in the picture, of each
GROUND = (4, 8, 16)  # resolutions that L_align uses
CAPTION = (
    f"Maps of the reading '{PAPER}' at each resolution of D's features, of the trained discriminator and of the same one"
    " before its training; the first lines of a block are real scenes, the last generated ones. A map goes from its"
    " minimum (black) to its maximum (white)."
)

Maps = dict[str, dict[int, Float[Tensor, "n r r"]]]  # by reading and resolution, at that resolution


def look_at_attention(request: Request) -> Findings:
    """Return how attention agrees with objects and edges, and its peaks and entropy, by run and resolution."""
    tables = {
        "real": Table(
            "IoU of the highest quarter with the object, real scenes, beyond other masks"
        ),
        "generated": Table("The same in generated images"),
        "readings": Table("The same in real scenes, by reading, mean over 4, 8 and 16 pixels"),
        "edges": Table("Correlation with edges, beyond those of other images, real scenes"),
        "peaks": Table("Local peaks of a map, real scenes", digits=1),
        "empty": Table("Share of maps that are 0 everywhere, real scenes"),
        "entropy": Table("Entropy of a map over the most that it can be, real scenes"),
    }
    evidence: dict[str, dict[str, Number]] = {}
    blocks: dict[str, Image.Image] = {}
    for subject in request.subjects:
        size = subject.config.generator.resolution
        real = draw_scenes(subject.dataset, request.num, size)
        fakes = subject.images(request.num).clamp(-1, 1)
        made = Scenes(fakes, open_parser(subject.dataset, size).whole(fakes))
        views = {
            state: (_View.of(d, real), _View.of(d, made))
            for state, d in (("", subject.discriminator), (", untrained", subject.untrained()))
        }
        for state, (on_real, on_made) in views.items():
            _fill(tables, f"{subject.run}{state}", on_real, on_made)
        if not request.is_control(subject):
            for claim, number in _evidence(views[""], views[", untrained"]).items():
                evidence.setdefault(claim, {})[subject.run] = number
        if not any(subject.dataset == key.split("/")[0] for key in blocks):
            blocks[f"{subject.run}: {subject.title}"] = _picture(views)
    protocol = {
        "num": request.num,
        "num_others": maps.NUM_OTHERS,
        "top": maps.TOP,
        "peak": maps.PEAK,
    }
    return Findings(tables, evidence, tiles.page(blocks), CAPTION, protocol)


@dataclass(frozen=True)
class _View:
    """Images as one discriminator sees them."""

    scenes: Scenes
    maps: Maps

    @staticmethod
    def of(d: Discriminator, scenes: Scenes) -> "_View":
        logits, features = d(scenes.images.clone().requires_grad_())
        sizes = sorted(features, reverse=True)
        found = {}
        for name, reading in maps.readings().items():
            raw = reading(logits, [features[r] for r in sizes])
            found[name] = {r: each.detach() for r, each in zip(sizes, raw, strict=True)}
        return _View(scenes, found)

    def enlarged(self, reading: str, r: int) -> Float[Tensor, "n r r"]:
        """Return the maps of a reading and resolution at the images' resolution."""
        return tiles.enlarged_map(self.maps[reading][r], self.scenes.images.shape[-1])

    def beyond(self, reading: str, resolutions: Sequence[int]) -> Float[np.ndarray, " n"]:
        """Return the IoU with the own mask beyond that with others, as a mean over resolutions."""
        found = []
        for r in resolutions:
            own, others = maps.beyond(maps.iou_of_top, self.enlarged(reading, r), self.scenes.masks)
            found.append(own - others)
        return np.mean(found, axis=0)

    def edges(self, r: int) -> Float[np.ndarray, " n"]:
        """Return the correlation with the own edges beyond that with those of other images."""
        at = maps.edges(self.scenes.images)
        own, others = maps.beyond(maps.correlation, self.enlarged(PAPER, r), at)
        return own - others


def _fill(tables: dict[str, Table], row: str, real: _View, made: _View) -> None:
    """Put what one discriminator sees into a row of each table."""
    for r, raw in real.maps[PAPER].items():
        column = f"{r}x{r}"
        tables["real"].put(row, column, mean_of(real.beyond(PAPER, [r])))
        tables["generated"].put(row, column, mean_of(made.beyond(PAPER, [r])))
        tables["edges"].put(row, column, mean_of(real.edges(r)))
        tables["peaks"].put(row, column, mean_of(maps.peaks(raw)))
        tables["empty"].put(row, column, mean_of((raw.amax(dim=(1, 2)) == 0).double().numpy()))
        tables["entropy"].put(row, column, mean_of(maps.entropy(raw)))
    for reading in real.maps:
        tables["readings"].put(row, reading, mean_of(real.beyond(reading, GROUND)))


def _evidence(trained: tuple[_View, _View], untrained: tuple[_View, _View]) -> dict[str, Number]:
    """Return one training's evidence on each claim: mostly how far it is beyond the untrained discriminator."""

    def ahead(number: Callable[[tuple[_View, _View]], np.ndarray]) -> Number:
        return mean_of(number(trained) - number(untrained))

    def one_peak(views: tuple[_View, _View]) -> Float[np.ndarray, " n"]:
        return (maps.peaks(views[0].maps[PAPER][4]) == 1).astype(float)

    def fall(views: tuple[_View, _View]) -> Float[np.ndarray, " n"]:
        fine, coarse = (views[0].maps[PAPER][r] for r in (GROUND[-1], GROUND[0]))
        return maps.peaks(fine) - maps.peaks(coarse)

    def shallow(views: tuple[_View, _View]) -> Float[np.ndarray, " n"]:
        finest = max(views[0].maps[PAPER])
        return (views[0].edges(finest) - views[0].edges(4)) / 2

    same = [
        maps.correlation(trained[0].enlarged(PAPER, r), trained[0].enlarged(OPPOSITE, r))
        for r in GROUND
    ]
    return {
        "attention_real": ahead(lambda views: views[0].beyond(PAPER, GROUND)),
        "attention_generated": ahead(lambda views: views[1].beyond(PAPER, GROUND)),
        "attention_without_sign": ahead(lambda views: views[0].beyond("deviation", GROUND)),
        "attention_shallow": ahead(shallow),
        "attention_fewer_peaks": ahead(fall),
        "attention_one_peak": ahead(one_peak),
        "attention_sign": mean_of(np.mean(same, axis=0)),
    }


def _picture(views: dict[str, tuple[_View, _View]]) -> Image.Image:
    lines = []
    for side in (0, 1):
        for i in range(SHOWN):
            scenes = views[""][side].scenes
            line = {"image": tiles.image_tile(scenes.images[i])}
            line["object"] = tiles.map_tile(scenes.masks[i])
            for state in views:
                for r in views[state][side].maps[PAPER]:
                    tile = tiles.map_tile(views[state][side].enlarged(PAPER, r)[i])
                    line[f"{r}x{r}{state}"] = tile
            lines.append(line)
    return tiles.grid(lines)
