"""Whether a discriminator looks at the objects, and from when on: attention against the masks of real scenes.

    python -m spatialgan.analyses.attention_masks CHECKPOINT [CHECKPOINT ...] -o FILE

A checkpoint is a training's state (results/.../resume/<run>/<key>/checkpoint-*.safetensors): no result, and removed by
hand, which is why this is a command and no rule. The analysis `consistency` is the rule of a training's first images.
Images are new drawn scenes of its data set, whose masks are known. Each reading of D's gradients is correlated with the
scene's mask, and with the masks of other scenes: objects are usually near the center, so any central map correlates with
them. What counts is the difference, and its difference from that of the untrained discriminator, which stands at kimg 0.
Beside FILE, a table of these differences is written as Markdown.

Shapes: n scenes, r pixels along an axis, c channels, h x w pixels of a feature map.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from spatialgan.analyses.maps import NUM_OTHERS, beyond, correlation, readings
from spatialgan.analyses.requests import draw_scenes
from spatialgan.evaluation.bootstrap import Ratio, intervals
from spatialgan.files import write_atomically
from spatialgan.losses.alignment import normalize_attention
from spatialgan.networks.discriminator import Discriminator
from spatialgan.settings.config import RunConfig, run_from_identity
from spatialgan.tensor_file import load_tensors
from spatialgan.training.state import new_state

LEVELS = (4, 8, 16)


def attention_lines(
    d: Discriminator, images: Float[Tensor, "n 3 r r"], masks: Float[Tensor, "n r r"]
) -> Iterator[dict]:
    """Yield a line per reading: correlations by level, and the mean over levels of what is beyond other masks."""
    logits, features = d(images.clone().requires_grad_())
    for name, reading in readings().items():
        maps = [raw.detach() for raw in reading(logits, [features[r] for r in LEVELS])]
        pairs = [
            beyond(correlation, normalize_attention(raw, images.shape[-1]), masks) for raw in maps
        ]
        ahead = np.mean([own - others for own, others in pairs], axis=0)
        found = intervals({"beyond": Ratio(ahead, np.ones_like(ahead))}, seed=0)["beyond"]
        yield {
            "reading": name,
            "beyond": float(ahead.mean()),
            "beyond_interval": [found.low, found.high],
            "levels": {
                f"{r}x{r}": {"mask": float(own.mean()), "other_masks": float(others.mean())}
                for r, (own, others) in zip(LEVELS, pairs, strict=True)
            },
        }


def measure_attention(checkpoints: Sequence[Path], num: int) -> dict:
    """Return the lines of each run's discriminator, untrained and at each checkpoint, by kimg."""
    runs: dict[str, dict] = {}
    for path in checkpoints:
        tensors, header = load_tensors(path)
        config = run_from_identity(header["fixed"]["identity"])
        run = runs.setdefault(config.name, {"identity": config.identity(), "points": []})
        scenes = draw_scenes(config.dataset, num, config.discriminator.resolution)
        d = _untrained(config)
        if not run["points"]:
            run["points"].append(
                {"kimg": 0.0, "lines": list(attention_lines(d, scenes.images, scenes.masks))}
            )
        own = {k.removeprefix("d."): t for k, t in tensors.items() if k.startswith("d.")}
        d.load_state_dict(own)
        kimg = header["counters"]["cur_nimg"] / 1000
        run["points"].append(
            {"kimg": kimg, "lines": list(attention_lines(d, scenes.images, scenes.masks))}
        )
    return {"num_scenes": num, "num_others": NUM_OTHERS, "runs": runs}


def beyond_table(run: dict) -> str:
    """Return a run's differences as Markdown: a line per reading, a column per kimg, with 95 % intervals."""
    points = run["points"]
    kimgs = [f"{point['kimg']:g} kimg" for point in points]
    lines = [f"| reading | {' | '.join(kimgs)} |", "|---|" + "---|" * len(points)]
    for i, line in enumerate(points[0]["lines"]):
        cells = []
        for point in points:
            found = point["lines"][i]
            low, high = found["beyond_interval"]
            cells.append(f"{found['beyond']:+.2f} [{low:+.2f}, {high:+.2f}]")
        lines.append(f"| {line['reading']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _untrained(config: RunConfig) -> Discriminator:
    return new_state(config, torch.device("cpu")).d


@click.command()
@click.argument(
    "checkpoints", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)
@click.option("--num", default=200, show_default=True, help="Scenes.")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The JSON file to write."
)
def main(checkpoints: tuple[Path, ...], num: int, output: Path) -> None:
    """Write how well each reading of each discriminator agrees with masks, beyond those of other scenes."""
    found = measure_attention(checkpoints, num)
    write_atomically(output, (json.dumps(found, indent=2, allow_nan=False) + "\n").encode())
    tables = [f"# {name}\n\n{beyond_table(run)}" for name, run in found["runs"].items()]
    write_atomically(output.with_suffix(".md"), "\n".join(tables).encode())


if __name__ == "__main__":
    main()
