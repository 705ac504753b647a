"""The commands for scenes: draw one from a seed, render it, edit it, ship a model for them.

Scenes are rendered on the CPU, so that a scene's bits don't depend on whether a GPU is there.
"""

import inspect
import re
from pathlib import Path

import click

from spatialgan.cli.outputs import check_outputs, check_suffix, scene_outputs
from spatialgan.variants import shown

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("model")
@click.option(
    "--seed", default=0, show_default=True, help="The seed from which everything is drawn."
)
@click.option("--truncation", "truncation_psi", default=0.7, show_default=True, help="Psi, 0 to 2.")
@click.option(
    "--noise", "noise_mode", default="random", show_default=True, help="random, const or none."
)
@click.option(
    "-o",
    "--output",
    type=FILE,
    default=Path("-"),
    help="The scene file; by default standard output.",
)
def scene(model: str, seed: int, truncation_psi: float, noise_mode: str, output: Path) -> None:
    """Write the scene that MODEL (a shipped model, or the path of a snapshot) draws from a seed."""
    from spatialgan.models.opened import open_model
    from spatialgan.scenes.complete import scene_from_seed
    from spatialgan.scenes.scene_file import save_scene, scene_text

    to_stdout = str(output) == "-"
    (path,) = (output,) if to_stdout else check_outputs([check_suffix(output, ".json")])
    drawn = scene_from_seed(open_model(model), seed, truncation_psi, noise_mode)
    if to_stdout:
        click.echo(scene_text(drawn), nl=False)
    else:
        save_scene(path, drawn)


@click.command()
@click.argument("scene_file", type=FILE)
@click.option("-o", "--output", default="", help="The image; by default beside the scene, as PNG.")
@click.option(
    "--outlined",
    type=FILE,
    multiple=True,
    help="Also draw the image here, enlarged and with its objects named.",
)
def render(scene_file: Path, output: str, outlined: tuple[Path, ...]) -> None:
    """Render a scene to an image; the same scene gives the same bits."""
    from spatialgan.drawing import films
    from spatialgan.drawing import overlays as drawing
    from spatialgan.pictures import save_png
    from spatialgan.scenes.render import render_scene
    from spatialgan.scenes.scene_file import load_scene

    plain = Path(output) if output else scene_file.with_suffix(".png")
    path, *others = check_outputs(
        [check_suffix(one, ".png") for one in (plain, *outlined)], [scene_file]
    )
    loaded, model = load_scene(scene_file)
    image = render_scene(loaded, model.snapshot)
    save_png(path, image)
    for path in others:
        films.save_picture(path, drawing.outlined(image, loaded.layout))


class EditCommand(click.Command):
    """A command with an option per entry of EDITS that remembers the order in which they were given.

    EDITS needs torch, so it is imported only when this command runs or shows its help.
    """

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's parameters, the edits before its other options."""
        from spatialgan.scenes.edits import EDITS

        argument, *others = super().get_params(ctx)
        return [argument, *(_edit_option(name, edit) for name, edit in EDITS.items()), *others]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as usual, and keep the names of all options in the order given."""
        _, _, order = self.make_parser(ctx).parse_args(list(args))
        ctx.meta["order"] = [parameter.name for parameter in order]
        return super().parse_args(ctx, args)


def _edit_option(name: str, edit: type) -> click.Option:
    """Return the repeatable option of one kind of edit, with the first line of its docstring as help."""
    words = f"{edit.SYNTAX}. {(inspect.getdoc(edit) or '').splitlines()[0]}"
    return click.Option([f"--{name}"], multiple=True, metavar="EDIT", help=words)


@click.command(cls=EditCommand)
@click.argument("scene_file", type=FILE)
@click.option(
    "-o",
    "--output",
    default="",
    help="The edited scene; .png, _strip.png and .gif are written beside it. By default "
    "<scene>_edited.json.",
)
@click.pass_context
def edit(ctx: click.Context, scene_file: Path, output: str, **edits: tuple[str, ...]) -> None:
    """Apply edits to a scene, in the order given, and show what they did.

    WHAT is an object (1) or a single sub-heatmap of a hierarchy (2/1: level 2, sub-heatmap 1).
    """
    from spatialgan.drawing import films
    from spatialgan.pictures import save_png
    from spatialgan.scenes.edits import EDITS, apply_edit, parse_edit
    from spatialgan.scenes.render import render_scene
    from spatialgan.scenes.scene_file import load_scene, save_scene

    remaining = {name: list(texts) for name, texts in edits.items()}
    wanted = [parse_edit(n, remaining[n].pop(0)) for n in ctx.meta["order"] if n in remaining]
    if not wanted:
        raise ValueError(f"no edit given: use one of {', '.join('--' + name for name in EDITS)}")
    default = scene_file.with_name(f"{scene_file.stem}_edited.json")
    paths = scene_outputs(Path(output) if output else default, scene_file, "_strip.png", ".gif")
    before, model = load_scene(scene_file)
    scenes = [before]
    for one in wanted:
        scenes.append(apply_edit(scenes[-1], one))
    path, image_path, strip_path, film_path = paths
    save_scene(path, scenes[-1])
    save_png(image_path, render_scene(scenes[-1], model.snapshot))
    strip = films.draw_strip(before, scenes[-1], model.snapshot)
    films.save_picture(strip_path, strip)
    films.draw_film(scenes, model.snapshot).save(film_path)


@click.command()
@click.argument("run")
@click.option("--name", required=True, help="The name by which scenes will refer to it.")
@click.option("-p", "--profile", default="", help="A profile from params/profiles.yaml.")
@click.option("--params", "params_dir", type=FILE, default=Path("params"), show_default=True)
@click.option("--folder", type=FILE, default=Path("spatialgan/models"), show_default=True)
def ship(run: str, name: str, profile: str, params_dir: Path, folder: Path) -> None:
    """Make a shipped model and its card from RUN's snapshot and metrics."""
    from spatialgan.models import SUFFIX
    from spatialgan.models.shipping import ship_model
    from spatialgan.settings.params import load_params

    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name):
        raise ValueError(f"--name: {shown(name)} is not 1 to 40 letters, digits, _ and -")
    params = load_params(params_dir)
    profile = profile or params.default_profile
    stem = folder / name
    read = [params.results(profile).run(run).snapshot]
    check_outputs([stem.with_name(name + ending) for ending in (SUFFIX, ".md")], read)
    ship_model(params, run, profile, stem)
