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
from spatialgan.cli import measure as measure_commands
from spatialgan.cli import report as report_commands
from spatialgan.cli import scenes as scene_commands
from spatialgan.cli import upkeep as upkeep_commands
from spatialgan.cli.options import open_params, params_option, profile_option

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
    from spatialgan.data.prepare import prepare_dataset

    params, profile = open_params(params_dir, profile)
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
    from spatialgan.config import resolve
    from spatialgan.training import loop
    from spatialgan.training.processes import join_processes

    params, profile = open_params(params_dir, profile)
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

    from spatialgan.segmenters.training import train_segmenter, training_of

    params, profile = open_params(params_dir, profile)
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
    measure_commands.measure,
    report_commands.table,
    report_commands.figure,
    report_commands.curves,
    upkeep_commands.doctor,
    upkeep_commands.verify,
):
    main.add_command(command)


if __name__ == "__main__":
    main()
