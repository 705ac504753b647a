"""The command that finds directions for a region of a scene's image."""

from pathlib import Path
from typing import Any

import click

from spatialgan.cli.options import params_option, profile_option
from spatialgan.cli.outputs import check_outputs, check_suffix

FILE = click.Path(path_type=Path)


def _numbers(ctx: click.Context, parameter: click.Parameter, text: str) -> tuple[int, ...]:
    """Return the whole numbers that "4-7,9" names; raises ValueError for other texts."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, dash, last = part.partition("-")
        is_short = max(len(first), len(last)) <= 4
        if not (first.isdecimal() and (last.isdecimal() or not dash) and is_short):
            raise ValueError(
                f"--{parameter.name}: '{part[:40]}' is not a number, such as 4, or 4-7"
            )
        if last and int(last) < int(first):
            raise ValueError(f"--{parameter.name}: '{part}' is no range: write {last}-{first}")
        found.extend(range(int(first), int(last or first) + 1))
    if text and not found:
        raise ValueError(f"--{parameter.name}: '{text[:40]}' has no number, such as 4, or 4-7")
    return tuple(found)


@click.command()
@click.argument("scene_file", type=FILE)
@click.option(
    "--region",
    "text",
    required=True,
    help="Where the image should change: box:Y,X,HEIGHT,WIDTH (the image spans -1 to 1), object:INDEX, "
    "mask:PICTURE (its white part), class:NAME (the objects of this class that a segmenter finds).",
)
@click.option(
    "--method",
    default="resefa",
    show_default=True,
    help="resefa, lowrank, stylespace, pca or sefa.",
)
@click.option(
    "--space",
    default="",
    help="Which styles: w, w+ or style (single channels). By default w; for the method stylespace, style.",
)
@click.option(
    "--layers",
    default="",
    callback=_numbers,
    help="Layers of the styles to change, such as 4-7; all if left out.",
)
@click.option(
    "--codes",
    default="",
    callback=_numbers,
    help="In models with a style per object: 0 is the background's style, 1 is object 0's; all if left out.",
)
@click.option(
    "--count",
    default=16,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Write at most this many.",
)
@click.option(
    "--iterations",
    type=click.IntRange(1, 100_000),
    help="Of the robust PCA of method lowrank, at most; 500 if left out. Its authors take up to 10000, many minutes "
    "for a large model.",
)
@click.option(
    "--relax",
    type=click.IntRange(0, 100_000),
    help="For method lowrank: this many of the weakest directions that change the surroundings may be used too; "
    "0 if left out.",
)
@click.option("--segmenter", default="", help="For class:NAME, instead of the profile's.")
@profile_option
@params_option
@click.option(
    "-o",
    "--output",
    type=FILE,
    default=Path("directions.safetensors"),
    show_default=True,
    help="Where the directions go.",
)
def directions(scene_file: Path, output: Path, **options: Any) -> None:
    """Find directions of a scene's styles that change one region most and the rest least.

    To use the first: spatialgan edit SCENE --along directions.safetensors:0:2
    """
    from spatialgan.directions.find import Question, find_directions
    from spatialgan.directions.regions import View, parse_region, region_mask
    from spatialgan.models import model_path
    from spatialgan.scenes.along import save_directions
    from spatialgan.scenes.render import render_scene
    from spatialgan.scenes.scene_file import load_scene

    (path,) = check_outputs([check_suffix(output, ".safetensors")], [scene_file])
    region = parse_region(options["text"])
    scene, model = load_scene(scene_file)
    check_outputs([path], [model_path(scene.model)])
    image = render_scene(scene, model.snapshot)
    view = View(
        scene, image, lambda image: _segmented(image, model.snapshot.config.dataset, options)
    )
    question = Question(
        options["text"],
        region_mask(region, view),
        options["method"],
        options["space"],
        options["layers"],
        options["codes"],
        {name: options[name] for name in ("iterations", "relax") if options[name] is not None},
    )
    found = find_directions(scene, model.snapshot, question, options["count"])
    save_directions(path, found)
    for index, score in enumerate(found.scores.tolist()):
        click.echo(f"{index:3} {score:.4g}")


def _segmented(image: Any, dataset: str, options: dict[str, Any]) -> Any:
    """Return the instances that a data set's segmenter finds in one image."""
    from spatialgan.cli.options import open_params
    from spatialgan.segmenters.registry import open_segmenter, weights_path

    params, profile = open_params(options["params_dir"], options["profile"])
    name = options["segmenter"] or params.profile(profile)["segmenter"]
    weights = weights_path(name, params.results(profile), dataset)
    return open_segmenter(name, weights, "cpu")(image[None])[0]
