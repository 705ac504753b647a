"""The commands for scenes: draw one from a seed, render it, edit it, ship a model for it.

Scenes are rendered on the CPU, so that a scene's bits don't depend on whether a GPU is there.
"""

from pathlib import Path

import click

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("model")
@click.option("--seed", default=0, show_default=True, help="From which everything is drawn.")
@click.option("--truncation", "truncation_psi", default=0.7, show_default=True, help="Psi, 0 to 2.")
@click.option(
    "--noise", "noise_mode", default="random", show_default=True, help="random, const or none."
)
@click.option("-o", "--output", type=FILE, default=Path("-"), help="Scene file; standard output.")
def scene(model: str, seed: int, truncation_psi: float, noise_mode: str, output: Path) -> None:
    """Write the scene that MODEL (a shipped one, or the path of a snapshot) draws from a seed."""
    from spatialgan.scenes.scene_file import draw_scene, save_scene, scene_text

    drawn, _ = draw_scene(model, seed, truncation_psi, noise_mode)
    if str(output) == "-":
        click.echo(scene_text(drawn), nl=False)
    else:
        save_scene(output, drawn)


@click.command()
@click.argument("scene_file", type=FILE)
@click.option("-o", "--output", default="", help="The image; by default beside the scene, as PNG.")
@click.option(
    "--outlined", type=FILE, multiple=True, help="Also draw it enlarged, its objects named, here."
)
def render(scene_file: Path, output: str, outlined: tuple[Path, ...]) -> None:
    """Render a scene to an image: the same scene gives the same bits."""
    from spatialgan.drawing import films
    from spatialgan.drawing import overlays as drawing
    from spatialgan.pictures import save_png
    from spatialgan.scenes.scene import render_scene
    from spatialgan.scenes.scene_file import load_scene

    loaded, snapshot = load_scene(scene_file)
    image = render_scene(loaded, snapshot)
    save_png(Path(output) if output else scene_file.with_suffix(".png"), image)
    for path in outlined:
        films.save_picture(path, drawing.outlined(image, loaded.layout))


class EditCommand(click.Command):
    """A command that knows in which order its options were given, also among different options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as usual, and keep the names of all options in the order given."""
        _, _, order = self.make_parser(ctx).parse_args(list(args))
        ctx.meta["order"] = [parameter.name for parameter in order]
        return super().parse_args(ctx, args)


def edit_option(name: str, words: str):
    """Return a repeatable option for one kind of edit."""
    return click.option(f"--{name}", name, multiple=True, metavar="EDIT", help=words)


@click.command(cls=EditCommand)
@click.argument("scene_file", type=FILE)
@edit_option(
    "move", "WHAT:DY,DX. Shift by an offset; 0:0,1 is object 0, half an image to the right."
)
@edit_option("place", "WHAT:Y,X. Put the center at a point; the image spans -1 to 1.")
@edit_option("resize", "WHAT:FACTOR. Make larger or smaller.")
@edit_option("remove", "WHAT. Take away.")
@edit_option("copy", "OBJECT:DY,DX. Put a second one beside it.")
@edit_option("restyle", "OBJECT[:SEED], background[:SEED] or all[:SEED]. Draw the style anew.")
@click.option(
    "-o",
    "--output",
    default="",
    help="The edited scene; .png, _strip.png and .gif go beside it. By default <scene>_edited.json.",
)
@click.pass_context
def edit(ctx: click.Context, scene_file: Path, output: str, **edits: tuple[str, ...]) -> None:
    """Edit a scene, in the order given, and show what it did.

    WHAT is an object (1) or a single sub-heatmap of a hierarchy (2/1: level 2, sub-heatmap 1).
    """
    from spatialgan.drawing import films
    from spatialgan.pictures import save_png
    from spatialgan.scenes.edits import EDITS, apply_edit, parse_edit
    from spatialgan.scenes.scene import render_scene
    from spatialgan.scenes.scene_file import load_scene, save_scene

    remaining = {name: list(texts) for name, texts in edits.items()}
    wanted = [parse_edit(n, remaining[n].pop(0)) for n in ctx.meta["order"] if n in remaining]
    if not wanted:
        raise ValueError(f"no edit given: use one of {', '.join('--' + name for name in EDITS)}")
    path = Path(output) if output else scene_file.with_name(f"{scene_file.stem}_edited.json")
    if path.resolve() == scene_file.resolve():
        raise ValueError(f"{path} is the scene itself: name another file for the edited one")
    before, snapshot = load_scene(scene_file)
    scenes = [before]
    for one in wanted:
        scenes.append(apply_edit(scenes[-1], one))
    save_scene(path, scenes[-1])
    save_png(path.with_suffix(".png"), render_scene(scenes[-1], snapshot))
    strip = films.draw_strip(before, scenes[-1], snapshot)
    films.save_picture(path.with_name(f"{path.stem}_strip.png"), strip)
    films.save_gif(path.with_suffix(".gif"), films.draw_frames(scenes, snapshot))


@click.command()
@click.argument("run")
@click.option("--name", required=True, help="What scenes will call it.")
@click.option("-p", "--profile", default="", help="A profile of params/profiles.yaml.")
@click.option("--params", "params_dir", type=FILE, default=Path("params"), show_default=True)
@click.option("--folder", type=FILE, default=Path("spatialgan/models"), show_default=True)
def ship(run: str, name: str, profile: str, params_dir: Path, folder: Path) -> None:
    """Make a shipped model, and its card, of RUN's snapshot and metrics."""
    from spatialgan.models.shipping import ship_model
    from spatialgan.params import load_params

    params = load_params(params_dir)
    ship_model(params, run, profile or params.default_profile, folder / name)
