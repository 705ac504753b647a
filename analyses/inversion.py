"""How well photos are inverted, and whether what comes out can still be edited.

    python -m analyses.inversion bedroom -o FILE [--num 100] [--weights SEGMENTER] [--encoder ENCODER]

MODEL is a shipped model. Photos are new drawn scenes of its data set. Each METHOD inverts all of them: mean squared
error (in [-1, 1], and as a fraction of the nearest sample's), PSNR, perceptual distance, CPU seconds of one thread. Then one
object of each inverted scene moves, exactly as in the measures `locality` and `comove`, and the same number of the
model's own samples is moved beside it. The Co-move Ratio needs the weights of a torchvision segmenter. `own` inverts
samples of the model itself, whose centers are known: the median distance of a center inside the image from the nearest
one found. Finished inversions are kept beside FILE, in a folder `.parts`, and used when the command runs again.

Shapes: n scenes, l layers, *m codes where there are several, w style space, r pixels along an axis.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from analyses.documents import output_option, write_document
from analyses.inverting import invert_all
from spatialgan import drawn
from spatialgan.analyses.requests import FIRST_INDEX
from spatialgan.evaluation.bootstrap import Ratio, intervals
from spatialgan.evaluation.comove import observations_in, observe_moves
from spatialgan.evaluation.comove_scores import scores
from spatialgan.evaluation.locality import effects_in, localities, observe_effects
from spatialgan.evaluation.trials import Renderer, snapshot_renderer
from spatialgan.heatmaps.layout import Layout
from spatialgan.inversion.invert import InversionSettings
from spatialgan.inversion.starts import fixed_noise, gaussian_columns, images_of
from spatialgan.models.opened import open_model
from spatialgan.networks.generator import GeneratorInputs
from spatialgan.scenes.render import SynthesisInputs
from spatialgan.segmenters.registry import Segmenter, open_segmenter
from spatialgan.snapshot import Snapshot, draw_samples, sample_images, to_uint8

OWN_SEED = 1_000_000  # of samples that no start is
LIMIT = 3600.0  # seconds of an inversion: all steps are made, whatever else the machine does
METHODS = {
    "styles only": InversionSettings(space="w", layout="fixed", seconds=LIMIT),
    "styles and layout": InversionSettings(space="w", seconds=LIMIT),
    "W+ and layout": InversionSettings(seconds=LIMIT),
    "W+ and layout, free styles": InversionSettings(
        spread_weight=0.0, pull_weight=0.0, seconds=LIMIT
    ),
}


def photos(dataset: str, num: int, r: int) -> UInt8[Tensor, "n 3 r r"]:
    """Return drawn scenes that no data set holds."""
    pictures = [drawn.draw(dataset, 0, FIRST_INDEX + i, r).image for i in range(num)]
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


def fits(records: Sequence[dict]) -> dict:
    """Return the mean of every number of records, with 95 % intervals."""
    columns = {
        name: np.array([record[name] for record in records])
        for name in ("mse", "psnr", "perceptual", "seconds", "nearest_mse")
    }
    ones = np.ones(len(records))
    ratios = {name: Ratio(column, ones) for name, column in columns.items()}
    ratios["mse_of_nearest"] = Ratio(columns["mse"], columns["nearest_mse"])
    found = intervals(ratios, seed=0)
    return {
        name: {"mean": ratios[name].value, "interval": [one.low, one.high]}
        for name, one in found.items()
    } | {"by": records[0]["perceptual_by"]}


def inverted_renderer(snapshot: Snapshot, found: Sequence[SynthesisInputs]) -> Renderer:
    """Return the inverted scenes as samples that measures can edit: their styles take the place of latents."""
    noise = fixed_noise(snapshot)
    ws = torch.cat([one.ws for one in found])
    samples = GeneratorInputs(
        ws.flatten(1),
        Layout.cat([one.layout for one in found]),
        [maps.expand(len(found), -1, -1, -1) for maps in noise],
    )

    @torch.no_grad()
    def render(inputs: GeneratorInputs) -> UInt8[Tensor, "n 3 r r"]:
        styles = inputs.z.unflatten(1, ws.shape[1:])
        return to_uint8(images_of(snapshot, styles, inputs.layout, noise))

    def draw(start: int, stop: int) -> GeneratorInputs:
        return samples.take([i % len(found) for i in range(start, stop)])

    return Renderer(draw, render)


def editability(renderer: Renderer, num: int, segmenter: Segmenter | None) -> dict:
    """Return the locality of moves and removals and, with a segmenter, the Co-move Ratio of `num` scenes."""
    effects = effects_in(observe_effects(renderer, num, []))
    values, _ = localities(effects)
    found: dict[str, float | list[float] | None] = {
        f"{name}_locality": values.get(f"{name}_locality") for name in ("move", "remove")
    }
    if segmenter is not None:
        numbers, bounds = scores(observations_in(observe_moves(renderer, segmenter, num, [])))
        for name in ("comove", "strict"):
            if name in numbers:
                found[name] = numbers[name]
                found[f"{name}_interval"] = [bounds[name].low, bounds[name].high]
    return found


def center_error(truth: Layout, found: Sequence[SynthesisInputs]) -> float | None:
    """Return the median distance, in image widths, of a true center inside the image from the nearest one found."""
    ways = []
    for i, one in enumerate(found):
        centers = gaussian_columns(truth[i : i + 1])[0][0]
        inside = centers[(centers.abs() <= 1).all(dim=1)]
        apart = torch.cdist(inside, gaussian_columns(one.layout)[0][0]) / 2
        ways.extend(apart.amin(dim=1).tolist())
    return float(np.median(ways)) if ways else None


def measure(
    name: str, num: int, own_num: int, weights: Path | None, encoder: Path | None, folder: Path
) -> dict:
    """Return the document of one shipped model."""
    model = open_model(name)
    snapshot = model.snapshot
    dataset, r = snapshot.config.dataset, snapshot.config.generator.resolution
    segmenter = open_segmenter("torchvision", weights, "cpu") if weights else None
    targets = photos(dataset, num, r)
    tries: list[tuple[str, InversionSettings, Path | None]] = [
        (title, settings, None) for title, settings in METHODS.items()
    ]
    if encoder:
        tries.append(("W+ and layout, encoder", METHODS["W+ and layout"], encoder))
    own = snapshot_renderer(snapshot, 0)
    truth = draw_samples(snapshot.config, OWN_SEED, 0, own_num).layout
    images = sample_images(snapshot, OWN_SEED, 0, own_num)
    methods = {}
    for title, settings, start in tries:
        found, records = invert_all(model, targets, settings, start, folder)
        line = {"settings": asdict(settings), "fit": fits(records)}
        line["edits"] = editability(inverted_renderer(snapshot, found), num, segmenter)
        if own_num:
            found, records = invert_all(model, images, settings, start, folder)
            line["own"] = {"fit": fits(records), "center": center_error(truth, found)}
        methods[title] = line
    return {
        "model": name,
        "model_sha256": model.sha256,
        "num": num,
        "num_own": own_num,
        "segmenter_sha256": segmenter.sha256 if segmenter else "",
        "own_edits": editability(own, num, segmenter),
        "methods": methods,
    }


@click.command()
@click.argument("model")
@click.option("--num", default=100, show_default=True, help="Drawn scenes.")
@click.option("--own", "own_num", default=20, show_default=True, help="Samples of the model.")
@click.option("--weights", type=click.Path(exists=True, path_type=Path), help="A segmenter's.")
@click.option("--encoder", type=click.Path(exists=True, path_type=Path), help="One more method.")
@output_option
def main(
    model: str, num: int, own_num: int, weights: Path | None, encoder: Path | None, output: Path
) -> None:
    """Write how well MODEL inverts drawn scenes by each method, and how well the results are edited."""
    folder = output.with_suffix(".parts")
    write_document(output, measure(model, num, own_num, weights, encoder, folder))


if __name__ == "__main__":
    main()
