"""Where the discriminator looks [paper, Fig. 3], at every resolution of its features, on real and generated images.

The paper's reading of D's gradients is GradCAM of the score (`after_sum, score`); all others, those without a sign
included, are shown beside it. Real scenes are newly drawn, so that their masks are known; in generated images the objects
are found by a network (parts.py). Three controls: masks of other images, which are subtracted, several discriminators of
random weights, and rows that the claims are not about. Maps that are the same everywhere show nothing and are left out.

Shapes: n samples.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from spatialgan.analyses import maps, tiles
from spatialgan.analyses.controls import ahead_of, over_draws, ratio
from spatialgan.analyses.findings import LEAST, Findings, Number, Table, exactly, known_mean
from spatialgan.analyses.parts import open_parser, skill_tables
from spatialgan.analyses.requests import NUM_UNTRAINED, Request, Scenes, draw_scenes
from spatialgan.analyses.views import GROUND, PAPER, SIGNED, PerSample, View

SHOWN = 2  # real and generated images of a row in the picture, of each
CAPTION = (
    f"Maps of the reading '{PAPER}' at each resolution of D's features: of the trained discriminator and, under 'before', of"
    f" the same one before its training. Of each row {SHOWN} real scenes and {SHOWN} generated images, none selected. A map"
    " goes from its minimum (black) to its maximum (white); 'empty': it is the same everywhere."
)


@dataclass(frozen=True)
class _Looks:
    """Real and generated images as one discriminator sees them."""

    real: View
    made: View


def look_at_attention(request: Request) -> Findings:
    """Return how attention agrees with objects and edges, and its peaks and entropy, by run and resolution."""
    tables, (skill, frame) = _tables(), skill_tables()
    evidence: dict[str, dict[str, Number]] = {}
    blocks: dict[str, Image.Image] = {}
    for subject in request.subjects:
        size = subject.config.generator.resolution
        real = draw_scenes(subject.dataset, request.num, size)
        fakes, parser = subject.images(request.num).clamp(-1, 1), open_parser(subject.dataset, size)
        made = Scenes(fakes, parser.whole(fakes))
        parser.put_skill(skill, subject.dataset)
        parser.put_frame(frame, subject.run, real.masks, fakes)
        trained, *draws = (
            _Looks(View.of(d, real), View.of(d, made))
            for d in (subject.discriminator, *subject.untrained())
        )
        _fill(tables, subject.run, [trained])
        _fill(tables, f"{subject.run}, untrained", draws)
        _put_draws(tables["draws"], subject.run, trained, draws)
        if not request.is_control(subject):
            for claim, number in _evidence(trained, draws).items():
                evidence.setdefault(claim, {})[subject.run] = number
        blocks[f"{subject.run}: {subject.title}"] = _picture(trained, draws[0])
    protocol = {
        "num": request.num,
        "num_others": maps.NUM_OTHERS,
        "num_untrained": NUM_UNTRAINED,
        "least": LEAST,
        "top": maps.TOP,
        "peak": maps.PEAK,
    }
    every = {**tables, "skill": skill, "frame": frame}
    return Findings(every, evidence, tiles.page(blocks), CAPTION, protocol)


def _tables() -> dict[str, Table]:
    """Return the tables, empty, in the order in which they are to be shown."""
    iou, levels = (
        "IoU of the highest quarter with the object, beyond other masks",
        "4, 8 and 16 pixels",
    )
    return {
        "real": Table(f"{iou}: real scenes"),
        "generated": Table(f"{iou}: generated images"),
        "draws": Table(
            f"{iou}: real scenes, mean over {levels}: the trained discriminator, and the lowest, mean and highest of"
            f" {NUM_UNTRAINED} of random weights"
        ),
        "readings": Table(f"{iou}: real scenes, by reading, mean over {levels}"),
        "readings_generated": Table(f"{iou}: generated images, by reading, mean over {levels}"),
        "edges": Table("Correlation with edges, beyond those of other images: real scenes"),
        "peaks": Table("Local peaks of a map: real scenes", digits=1),
        "readings_peaks": Table("Local peaks of 4x4 maps, by reading: real scenes", digits=1),
        "empty": Table(
            "Share of maps that are the same everywhere, which no other number counts: real scenes"
        ),
        "entropy": Table("Entropy of a map over the most that it can be: real scenes"),
        "readings_entropy": Table(
            f"Entropy of a map over the most that it can be, by reading, mean over {levels}: real scenes"
        ),
        "signs": Table(
            "Correlation of the maps for either sign of D's output: real scenes. For after_sum it is never above 0,"
            " whatever D does: where one of the two maps is above 0, the other is 0 by construction"
        ),
    }


def _number(of: Callable[[_Looks], PerSample], looks: Sequence[_Looks]) -> Number | None:
    """Return the mean of a number of one discriminator, or over several of random weights."""
    if len(looks) == 1:
        return known_mean(of(looks[0]))
    return over_draws([ratio(of(one)) for one in looks])


def _fill(tables: dict[str, Table], row: str, looks: Sequence[_Looks]) -> None:
    """Put what one discriminator sees, or what several of random weights do on average, into a row of each table."""
    for r in looks[0].real.resolutions:
        per_resolution: dict[str, Callable[[_Looks], PerSample]] = {
            "real": lambda look, r=r: look.real.on_object(PAPER, [r]),
            "generated": lambda look, r=r: look.made.on_object(PAPER, [r]),
            "edges": lambda look, r=r: look.real.on_edges(r),
            "peaks": lambda look, r=r: look.real.peaks(PAPER, r),
            "empty": lambda look, r=r: look.real.empty(r),
            "entropy": lambda look, r=r: look.real.entropy(PAPER, [r]),
        }
        for table, of in per_resolution.items():
            tables[table].put(row, f"{r}x{r}", _number(of, looks))
    for reading in looks[0].real.maps:
        per_reading: dict[str, Callable[[_Looks], PerSample]] = {
            "readings": lambda look, reading=reading: look.real.on_object(reading),
            "readings_generated": lambda look, reading=reading: look.made.on_object(reading),
            "readings_peaks": lambda look, reading=reading: look.real.peaks(reading, GROUND[0]),
            "readings_entropy": lambda look, reading=reading: look.real.entropy(reading),
        }
        for table, of in per_reading.items():
            tables[table].put(row, reading, _number(of, looks))
    for kind in SIGNED:
        tables["signs"].put(
            row, kind, _number(lambda look, kind=kind: look.real.either_sign(kind), looks)
        )


def _put_draws(table: Table, run: str, trained: _Looks, draws: Sequence[_Looks]) -> None:
    """Put the trained discriminator's number beside the range of those of random weights."""
    table.put(run, "trained", known_mean(trained.real.on_object(PAPER)))
    each = [known_mean(draw.real.on_object(PAPER)) for draw in draws]
    values = [number.value for number in each if number is not None]
    if values:
        for name, of in (("lowest", min), ("mean", np.mean), ("highest", max)):
            table.put(run, f"random weights, {name}", exactly(float(of(values))))


def _evidence(trained: _Looks, draws: Sequence[_Looks]) -> dict[str, Number]:
    """Return one training's evidence on each claim: mostly how far it is beyond discriminators of random weights."""
    of_claims: dict[str, Callable[[_Looks], PerSample]] = {
        "attention_real": lambda look: look.real.on_object(PAPER),
        "attention_generated": lambda look: look.made.on_object(PAPER),
        "attention_without_sign": lambda look: look.real.on_object("deviation"),
        "attention_shallow": lambda look: look.real.shallow_edges(),
        "attention_fewer_peaks": lambda look: look.real.fewer_peaks(),
        "attention_one_peak": lambda look: look.real.one_peak(),
        "attention_sign_learned": lambda look: look.real.either_sign("per_channel"),
    }
    found = {
        claim: ahead_of(ratio(of(trained)), [ratio(of(draw)) for draw in draws])
        for claim, of in of_claims.items()
    }
    found["attention_sign"] = known_mean(trained.real.either_sign("per_channel"))
    return {claim: number for claim, number in found.items() if number is not None}


def _picture(trained: _Looks, untrained: _Looks) -> Image.Image:
    lines = []
    for side in ("real", "made"):
        after, before = getattr(trained, side), getattr(untrained, side)
        for i in range(SHOWN):
            line = {"image": tiles.image_tile(after.scenes.images[i])}
            line["object"] = tiles.map_tile(after.scenes.masks[i])
            for state, view in (("", after), ("before, ", before)):
                for r in view.resolutions:
                    line[f"{state}{r}x{r}"] = tiles.map_tile(view.enlarged(PAPER, r)[i])
            lines.append(line)
    return tiles.grid(lines)
