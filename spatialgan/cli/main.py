"""The command line. Every rule of the workflow is one of these commands, so any result can be made by hand.

Bad input ends in one line on stderr and exit code 1; a training that was asked to stop exits with 75.
"""

import json
import logging
import os
import sys
from pathlib import Path

import click

from spatialgan.cli import drags as drag_commands
from spatialgan.cli import imports as import_commands
from spatialgan.cli import scenes as scene_commands
from spatialgan.cli import upkeep as upkeep_commands

EXIT_PREEMPTED = 75  # EX_TEMPFAIL: run the same command again


class Commands(click.Group):
    """A group that turns the exceptions meant for people into one clear line."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; ValueError, OSError, RuntimeError and missing extras are for people."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort):
            raise  # RuntimeErrors by which click ends, as for --help
        except (
            ValueError,
            OSError,
            RuntimeError,
            FloatingPointError,
            ModuleNotFoundError,
        ) as error:
            if os.environ.get("SPATIALGAN_TRACEBACK"):
                raise
            click.echo(f"spatialgan: {' '.join(str(error).split())}", err=True)
            sys.exit(1)


profile_option = click.option(
    "-p", "--profile", default="", help="A profile of params/profiles.yaml."
)
params_option = click.option(
    "--params",
    "params_dir",
    default="params",
    type=click.Path(path_type=Path),
    help="Folder of the parameters.",
)


@click.group(cls=Commands)
@click.version_option(package_name="spatialgan")
def main() -> None:
    """Spatially steerable GANs: prepare data, train, measure, edit."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)


@main.command()
@click.argument("dataset")
@profile_option
@params_option
def prepare(dataset: str, profile: str, params_dir: Path) -> None:
    """Make the archive of DATASET: draw it, or check, crop and resize its source."""
    from spatialgan.config import load_params
    from spatialgan.data.prepare import prepare_dataset

    params = load_params(params_dir)
    profile = profile or params.default_profile
    source = params.source(dataset, profile)
    resolution, num_images = source.pop("resolution"), source.pop("num_images")
    files = params.results(profile).dataset(dataset)
    prepare_dataset(source, resolution, num_images, files.archive, files.manifest)


@main.command()
@click.argument("run")
@profile_option
@params_option
@click.option("--dry-run", is_flag=True, help="Print the resolved configuration and stop.")
def train(run: str, profile: str, params_dir: Path, dry_run: bool) -> None:
    """Train RUN (<dataset>/<row>/<seed>), from its newest checkpoint on."""
    from spatialgan.config import load_params, resolve
    from spatialgan.training import loop
    from spatialgan.training.processes import join_processes

    params = load_params(params_dir)
    profile = profile or params.default_profile
    config = resolve(params, run, profile)
    if dry_run:
        click.echo(json.dumps(config.identity(), indent=2))
        return
    with join_processes() as processes:
        job = loop.Job(config, params.results(profile), processes)
        try:
            loop.train(job)
        except loop.Preempted as stop:
            click.echo(f"spatialgan: {stop}", err=True)
            sys.exit(EXIT_PREEMPTED)


@main.command()
@click.argument("run")
@profile_option
@params_option
def fidelity(run: str, profile: str, params_dir: Path) -> None:
    """Measure FID, KID, precision and recall of RUN's snapshot."""
    import torch

    from spatialgan.config import load_params, resolve
    from spatialgan.evaluation.fidelity import FidelityRequest, measure_fidelity, save_fidelity

    params = load_params(params_dir)
    profile = profile or params.default_profile
    config, line = resolve(params, run, profile), params.profile(profile)
    results = params.results(profile)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    request = FidelityRequest(num_fake=line["num_fake"], extractor=line["extractor"], device=device)
    snapshot = results.run(config.name).snapshot
    result = measure_fidelity(snapshot, results.dataset(config.dataset).archive, request)
    save_fidelity(results.metric(config.name, "fidelity"), result)
    click.echo(json.dumps(result["metrics"], indent=2))


@main.command()
@click.argument("run")
@profile_option
@params_option
@click.option(
    "--segmenter", default="", help="In place of the profile's: writes comove_<name>.json."
)
def comove(run: str, profile: str, params_dir: Path, segmenter: str) -> None:
    """Measure the Co-move Ratio of RUN's snapshot, with its controls; killed, it goes on."""
    import torch

    from spatialgan.config import load_params, resolve
    from spatialgan.evaluation.comove import ComoveRequest, measure_comove
    from spatialgan.segmenters.registry import open_segmenter, weights_path

    params = load_params(params_dir)
    profile = profile or params.default_profile
    config, line = resolve(params, run, profile), params.profile(profile)
    results = params.results(profile)
    request = ComoveRequest(
        line["num_comove"], device="cuda" if torch.cuda.is_available() else "cpu"
    )
    name = segmenter or line["segmenter"]
    opened = open_segmenter(name, weights_path(name, results, config.dataset), request.device)
    snapshot = results.run(config.name).snapshot
    file = f"comove_{segmenter}" if segmenter else "comove"
    result = measure_comove(snapshot, opened, request, results.metric(config.name, file))
    click.echo(json.dumps(result["metrics"], indent=2))


@main.command()
@click.argument("run")
@profile_option
@params_option
def locality(run: str, profile: str, params_dir: Path) -> None:
    """Measure how local moving, removing and restyling objects of RUN's snapshot is."""
    import torch

    from spatialgan.config import load_params, resolve
    from spatialgan.evaluation.locality import LocalityRequest, measure_locality

    params = load_params(params_dir)
    profile = profile or params.default_profile
    config, line = resolve(params, run, profile), params.profile(profile)
    results = params.results(profile)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    request = LocalityRequest(line["num_comove"], device=device)
    snapshot = results.run(config.name).snapshot
    result = measure_locality(snapshot, request, results.metric(config.name, "locality"))
    click.echo(json.dumps(result["metrics"], indent=2))


@main.command()
@click.argument("run")
@profile_option
@params_option
def curves(run: str, profile: str, params_dir: Path) -> None:
    """Draw the training curves of RUN."""
    from spatialgan.params import load_params
    from spatialgan.reporting.curves import write_curves

    params = load_params(params_dir)
    write_curves(params, run, profile or params.default_profile)


@main.command()
@click.argument("name")
@profile_option
@params_option
def table(name: str, profile: str, params_dir: Path) -> None:
    """Write table NAME of params/tables.yaml as Markdown, HTML, LaTeX, CSV and JSON."""
    from spatialgan.params import load_params
    from spatialgan.reporting.drag_table import NAME, write_drag_table
    from spatialgan.reporting.tables import write_table

    params = load_params(params_dir)
    profile = profile or params.default_profile
    if name == NAME:  # its rows are methods, not runs
        write_drag_table(params, profile)
    else:
        write_table(params, name, profile)


@main.command()
@click.argument("name")
@profile_option
@params_option
def figure(name: str, profile: str, params_dir: Path) -> None:
    """Draw figure NAME of params/figures.yaml."""
    from spatialgan.params import load_params

    params = load_params(params_dir)
    kind = params.figure(name)["kind"]
    if kind == "gallery":  # drawn by models, so it needs torch
        from spatialgan.drawing.galleries import write_gallery as write
    elif kind == "drags":  # as well
        from spatialgan.dragging.drag_figure import write_drag_figure as write
    else:
        from spatialgan.reporting.figures import write_figure as write
    write(params, name, profile or params.default_profile)


@main.command()
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), help="Where the weights go."
)
def extractor(output: Path) -> None:
    """Train the scene feature extractor on procedural scenes, as the shipped one was."""
    from spatialgan.extractors.training import train_extractor

    click.echo(json.dumps(train_extractor(output), indent=2))


@main.command()
@click.argument("dataset")
@profile_option
@params_option
@click.option("--segmenter", "name", default="", help="In place of the profile's.")
def segmenter(dataset: str, profile: str, params_dir: Path, name: str) -> None:
    """Train a segmenter on the drawn scenes of DATASET, and score its masks on others."""
    import torch

    from spatialgan.params import load_params
    from spatialgan.segmenters.training import train_segmenter, training_of

    params = load_params(params_dir)
    profile = profile or params.default_profile
    name = name or params.profile(profile)["segmenter"]
    files = params.results(profile).segmenter(dataset, name)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    result = train_segmenter(name, files, training_of(params, dataset, profile), device)
    click.echo(json.dumps(result["held_out"], indent=2))


for command in (
    scene_commands.scene,
    scene_commands.render,
    scene_commands.edit,
    scene_commands.ship,
    drag_commands.drag,
    drag_commands.drags,
    import_commands.import_command,
    upkeep_commands.doctor,
    upkeep_commands.verify,
):
    main.add_command(command)


if __name__ == "__main__":
    main()
