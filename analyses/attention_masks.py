"""Where trained discriminators look: correlation of each GradCAM reading with the masks of real objects.

    python -m analyses.attention_masks CHECKPOINT [CHECKPOINT ...] -o FILE

A checkpoint is a training's state (results/.../resume/<run>/<key>/checkpoint-*.safetensors). Images are new
procedural scenes of its data set, whose masks are known; a discriminator with random weights is the control.
"""

from collections.abc import Sequence
from pathlib import Path

import click
import torch
from jaxtyping import Float
from torch import Tensor

from analyses.documents import output_option, write_document
from spatialgan import drawn
from spatialgan.attention import RELUS, SIGNS, GradCam
from spatialgan.config import run_from_identity
from spatialgan.losses.alignment import normalize_attention
from spatialgan.networks.discriminator import Discriminator
from spatialgan.tensor_file import load_tensors

FIRST_INDEX = 10_000_000  # of scenes that no data set holds
LEVELS = (4, 8, 16)


def scenes_and_masks(
    name: str, num: int, r: int
) -> tuple[Float[Tensor, "n 3 r r"], Float[Tensor, "n r r"]]:
    """Return images in [-1, 1] and the mask of everything that is a whole object."""
    drawings = [drawn.draw(name, 0, FIRST_INDEX + i, r) for i in range(num)]
    images = torch.stack([torch.from_numpy(drawing.image).permute(2, 0, 1) for drawing in drawings])
    wholes = [
        [torch.from_numpy(i.mask) for i in drawing.instances if not i.owner] for drawing in drawings
    ]
    masks = torch.stack([torch.stack(whole).any(dim=0) for whole in wholes])
    return images.float() / 127.5 - 1, masks.float()


def correlation(maps: Float[Tensor, "n r r"], masks: Float[Tensor, "n r r"]) -> float:
    """Return the mean over samples of Pearson's correlation over pixels."""
    a, b = (x.flatten(1) - x.flatten(1).mean(dim=1, keepdim=True) for x in (maps, masks))
    norms = a.norm(dim=1) * b.norm(dim=1)
    return ((a * b).sum(dim=1) / norms.clamp(min=1e-8)).mean().item()


def correlations(
    d: Discriminator, images: Float[Tensor, "n 3 r r"], masks: Float[Tensor, "n r r"]
) -> list[dict]:
    """Return a line per reading of GradCAM: its correlation with the masks at each level, and their mean."""
    lines = []
    for sign in SIGNS:
        for relu in RELUS:
            logits, features = d(images.clone().requires_grad_())
            maps = GradCam(sign, relu)(logits, [features[r] for r in LEVELS])  # pyright: ignore[reportArgumentType]
            found = [
                correlation(normalize_attention(m.detach(), images.shape[-1]), masks) for m in maps
            ]
            by_level = {f"{r}x{r}": value for r, value in zip(LEVELS, found, strict=True)}
            mean = sum(found) / len(found)
            lines.append({"sign": sign, "relu": relu, "levels": by_level, "mean": mean})
    return lines


def measure_attention(checkpoints: Sequence[Path], num: int) -> dict:
    """Return the correlations of trained discriminators, and of one with random weights."""
    trained: dict[str, list[dict]] = {}
    control: list[dict] = []
    for path in checkpoints:
        tensors, header = load_tensors(path)
        config = run_from_identity(header["fixed"]["identity"])
        d = Discriminator(config.discriminator).requires_grad_(False)
        images, masks = scenes_and_masks(config.dataset, num, config.discriminator.resolution)
        if not control:
            control = correlations(d, images, masks)
        d.load_state_dict(
            {k.removeprefix("d."): t for k, t in tensors.items() if k.startswith("d.")}
        )
        trained[config.name] = correlations(d, images, masks)
    return {"num_scenes": num, "random_weights": control, "runs": trained}


@click.command()
@click.argument(
    "checkpoints", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)
@click.option("--num", default=160, show_default=True, help="Scenes.")
@output_option
def main(checkpoints: tuple[Path, ...], num: int, output: Path) -> None:
    """Write the correlations of each checkpoint and reading, and those of the control."""
    write_document(output, measure_attention(checkpoints, num))


if __name__ == "__main__":
    main()
