"""The commands that find the scene of a photo.

The first Ctrl-C ends an inversion after the current step and keeps the best scene so far; a second one ends the
program.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from spatialgan.cli.drags import Interrupts
from spatialgan.cli.options import FiniteRange
from spatialgan.cli.outputs import check_outputs, check_suffix, scene_outputs

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("photo", type=FILE)
@click.option("--model", required=True, help="A shipped model, or the path of a snapshot.")
@click.option(
    "-o",
    "--output",
    default="",
    help="The scene; .png, _strip.png and _invert.json are written beside it. By default <photo>_scene.json.",
)
@click.option(
    "--frame",
    default="crop",
    show_default=True,
    help="crop: the square in the middle; fit: the whole photo.",
)
@click.option(
    "--space",
    default="w+",
    show_default=True,
    help="w: one style for all layers; w+: one per layer.",
)
@click.option(
    "--layout", default="free", show_default=True, help="free, or fixed: keep a sample's layout."
)
@click.option(
    "--perceptual",
    default="scene",
    show_default=True,
    help="Network that compares images in addition to pixels: scene, efficientnet or none.",
)
@click.option(
    "--encoder", type=FILE, help="A file from `spatialgan encoder`; its guess is one more start."
)
@click.option("--steps", default=500, show_default=True, type=click.IntRange(1, 100000))
@click.option(
    "--seconds",
    default=50.0,
    show_default=True,
    type=FiniteRange(0),
    help="Time limit; no step starts after it.",
)
@click.option(
    "--restarts",
    default=4,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Number of starting points, chosen from 256 samples; the worse half is dropped three times.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, 1 << 62),
    help="Seed of the first of the 256 samples.",
)
@click.option(
    "--tune",
    default=0,
    show_default=True,
    type=click.IntRange(0, 100000),
    help="Then tune the generator itself to the photo, for so many steps, into a model of its own beside the scene.",
)
def invert(
    photo: Path,
    model: str,
    output: str,
    frame: str,
    encoder: Path | None,
    tune: int,
    **options: Any,
) -> None:
    """Find the scene of MODEL whose image comes closest to PHOTO.

    The photo is turned upright, its transparent parts become white, and it is made a square of the model's resolution.
    Ctrl-C ends the search after the current step and keeps the best scene so far.
    """
    from spatialgan.drawing import films
    from spatialgan.files import write_atomically
    from spatialgan.inversion import inverted
    from spatialgan.inversion.encoder import encoder_guesses, load_encoder
    from spatialgan.inversion.invert import Inversion, InversionSettings
    from spatialgan.inversion.perceptual import open_perceptual
    from spatialgan.inversion.photo import read_photo, square_image
    from spatialgan.inversion.tuning import Tuning, TuningSettings
    from spatialgan.models import model_path
    from spatialgan.models.opened import open_model
    from spatialgan.pictures import save_png
    from spatialgan.scenes.render import render_scene
    from spatialgan.scenes.scene_file import save_scene

    default = photo.with_name(f"{photo.stem}_scene.json")
    beside = ("_strip.png", "_invert.json", *(["_tuned.safetensors"] if tune else []))
    paths = scene_outputs(Path(output) if output else default, photo, *beside)
    settings = InversionSettings(**options)
    judge = open_perceptual(settings.perceptual)
    opened = open_model(model)
    check_outputs(paths, [model_path(model), *([encoder] if encoder else [])])
    guesser = load_encoder(encoder, opened) if encoder else None
    resolution = opened.snapshot.config.generator.resolution
    picture = square_image(read_photo(photo), resolution, frame)
    guesses = encoder_guesses(guesser, opened, picture)
    inversion, state = _searched(
        lambda: Inversion(opened.snapshot, picture, judge, settings, guesses)
    )
    scene = inverted.inverted_scene(opened, state.best)
    image = render_scene(scene, opened.snapshot)
    record = inverted.inversion_record(inversion, state, image, picture, judge)
    path, image_path, strip_path, record_path, *tuned_path = paths
    if tuned_path:
        tuning = Tuning(opened, scene, picture, judge, TuningSettings(tune))
        opened, scene, record = _tuned(tuning, record, tuned_path[0])
        image = render_scene(scene, opened.snapshot)
    about = {"model": scene.model, "model_sha256": scene.model_sha256}
    about["encoder_sha256"] = guesser.sha256 if guesser else ""
    text = json.dumps(about | record, indent=2)
    save_scene(path, scene)
    save_png(image_path, image)
    films.save_picture(strip_path, inverted.draw_inversion(picture, scene, opened))
    write_atomically(record_path, f"{text}\n".encode())
    click.echo(text)


def _searched(begin: Callable[[], Any]) -> tuple[Any, Any]:
    """Begin an inversion and run it to its end or to Ctrl-C; return it and its last state."""
    from tqdm import tqdm

    from spatialgan.inversion.invert import CANCELED, GOING

    interrupts, state = Interrupts(), None
    with interrupts.counted():
        inversion = begin()
        steps = inversion.settings.steps
        with tqdm(total=steps, desc="inverting", unit="step", disable=None) as bar:
            for state in inversion.states():
                bar.update(state.step - bar.n)
                bar.set_postfix(mse=f"{state.best.mse:.4f}")
                if interrupts.count and state.outcome == GOING:
                    state = replace(state, outcome=CANCELED)
                    break
    return inversion, state


def _tuned(tuning: Any, record: dict, path: Path) -> tuple[Any, Any, dict]:
    """Tune a model to a photo and write it; return it, the scene as one of it, and the record."""
    from tqdm import tqdm

    from spatialgan.inversion.inverted import closeness
    from spatialgan.inversion.tuning import save_tuned
    from spatialgan.scenes.render import render_scene

    interrupts, state, steps = Interrupts(), None, tuning.settings.steps
    began = time.perf_counter()
    with interrupts.counted(), tqdm(total=steps, desc="tuning", unit="step", disable=None) as bar:
        for state in tuning.states():
            bar.update(state.step - bar.n)
            bar.set_postfix(mse=f"{state.mse:.4f}", kept=f"{state.kept:.4f}")
            if interrupts.count:
                break
    assert state is not None
    seconds = round(time.perf_counter() - began, 2)
    model = save_tuned(path, tuning, state.step)
    tuned = replace(tuning.scene, model=model.name, model_sha256=model.sha256)
    now = closeness(render_scene(tuned, model.snapshot), tuning.photo, tuning.perceptual)
    before = {name: record[name] for name in now}
    about = {"of": tuning.model.name, "steps": state.step, "seconds": seconds, "before": before}
    return model, tuned, {**record, **now, "tuned": about}


@click.command()
@click.argument("model")
@click.option("-o", "--output", type=FILE, required=True, help="The encoder, a .safetensors file.")
@click.option("--steps", default=6000, show_default=True, type=click.IntRange(1, 10_000_000))
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, 1 << 62),
    help="Seed of the weights and the samples.",
)
def encoder(model: str, output: Path, steps: int, seed: int) -> None:
    """Train a small network that guesses the scene of an image, on samples of MODEL."""
    from spatialgan.inversion.encoder import save_encoder
    from spatialgan.inversion.encoder_training import train_encoder
    from spatialgan.models import model_path
    from spatialgan.models.opened import open_model

    (path,) = check_outputs([check_suffix(output, ".safetensors")], [model_path(model)])
    opened = open_model(model)
    trained, record = train_encoder(opened, steps, seed)
    save_encoder(path, trained, opened, record)
    click.echo(json.dumps(record, indent=2))
