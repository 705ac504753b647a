"""The commands that make what all else is built on: data sets, trained runs, segmenters, the feature extractor."""

import json
import logging
import sys
from pathlib import Path

import click

from spatialgan.cli.options import open_params, params_option, profile_option
from spatialgan.cli.outputs import check_outputs, check_suffix
from spatialgan.training.stopping import Preempted, Stopped, stop_at_once

EXIT_PREEMPTED = 75  # EX_TEMPFAIL: rerun the same command

log = logging.getLogger(__name__)


@click.command()
@click.argument("dataset")
@profile_option
@params_option
def prepare(dataset: str, profile: str, params_dir: Path) -> None:
    """Make the archive of DATASET: draw its images, or check, crop and resize those of its source."""
    from spatialgan.data.prepare import prepare_dataset
    from spatialgan.upkeep.graph import Graph
    from spatialgan.upkeep.steps import stamp

    params, profile = open_params(params_dir, profile)
    source = params.source(dataset, profile)
    resolution, num_images = source.pop("resolution"), source.pop("num_images")
    files = params.results(profile).dataset(dataset)
    with stamp(params, Graph(params, profile).dataset(dataset)):
        prepare_dataset(source, resolution, num_images, files.archive, files.manifest)


@click.command()
@click.argument("run")
@profile_option
@params_option
@click.option("--dry-run", is_flag=True, help="Print the resolved configuration and stop.")
@click.option("--wait", is_flag=True, help="If another process is training RUN, wait for it.")
def train(run: str, profile: str, params_dir: Path, dry_run: bool, wait: bool) -> None:
    """Train RUN (<dataset>/<row>/<seed>), starting from its newest checkpoint if there is one.

    SIGTERM or Ctrl-C saves a checkpoint and exits with status 75. Rerun the command to resume.
    """
    try:
        with stop_at_once():
            _train(run, profile, params_dir, dry_run, wait)
    except (Preempted, Stopped) as stop:
        log.info("spatialgan: %s", stop)
        sys.exit(EXIT_PREEMPTED)


def _train(run: str, profile: str, params_dir: Path, dry_run: bool, wait: bool) -> None:
    from spatialgan.settings.config import resolve
    from spatialgan.training import loop
    from spatialgan.training.processes import join_processes
    from spatialgan.upkeep.graph import Graph
    from spatialgan.upkeep.steps import check_needs, made_from

    params, profile = open_params(params_dir, profile)
    config = resolve(params, run, profile)
    if dry_run:
        click.echo(json.dumps(config.identity(), indent=2))
        return
    archive = params.results(profile).dataset(config.dataset).archive
    if not archive.is_file():
        raise ValueError(
            f"{archive} does not exist: run `spatialgan prepare {config.dataset} -p {profile}` first"
        )
    step = Graph(params, profile).run(run)
    check_needs(step)
    results, made = params.results(profile), made_from(params, step)
    with join_processes() as processes:
        try:
            loop.train(loop.TrainingJob(config, results, processes, made, wait))
        except OSError as error:
            if error.strerror and not error.filename:  # of a write, which knows no name
                raise OSError(error.errno, error.strerror, str(results.resume(run))) from error
            raise


@click.command()
@click.argument("run")
@profile_option
@params_option
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="By default it becomes RUN's snapshot."
)
def snapshot(run: str, profile: str, params_dir: Path, output: Path | None) -> None:
    """Write the snapshot of RUN from its newest checkpoint, while the training goes on.

    It can be measured, rendered and shipped like that of a finished training.
    """
    from spatialgan.checkpoints import write_snapshot
    from spatialgan.settings.config import resolve

    params, profile = open_params(params_dir, profile)
    config, results = resolve(params, run, profile), params.results(profile)
    if output is not None:
        read = [*results.checkpoints(run), results.run(run).snapshot]
        (output,) = check_outputs([check_suffix(output, ".safetensors")], read)
    found = write_snapshot(results, config, output)
    path = output or results.run(run).snapshot
    click.echo(f"{path}: {run} at {found.nimg / 1000:g} kimg", err=True)


@click.command()
@click.argument("dataset")
@profile_option
@params_option
@click.option("--segmenter", "name", default="", help="Train this one instead of the profile's.")
@click.option("--again", is_flag=True, help="Train it even if its trained weights ship.")
def segmenter(dataset: str, profile: str, params_dir: Path, name: str, again: bool) -> None:
    """Train a segmenter on the drawn scenes of DATASET, and score its masks on scenes that it hasn't seen.

    If the weights of exactly this training ship with spatialgan, they are used; --again trains anyway.
    """
    import torch

    from spatialgan.segmenters.training import train_segmenter, training_of
    from spatialgan.upkeep.graph import Graph
    from spatialgan.upkeep.steps import stamp

    params, profile = open_params(params_dir, profile)
    name = name or params.profile(profile)["segmenter"]
    files = params.results(profile).segmenter(dataset, name)
    training = training_of(params, dataset, profile)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with stamp(params, Graph(params, profile).segmenter(dataset, name)):
        record = train_segmenter(name, files, training, device, again)
    if record["shipped"]:
        click.echo(f"{files.weights}: as shipped with spatialgan; --again trains it", err=True)
    click.echo(json.dumps(record["held_out"], indent=2))


@click.command()
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), help="Where the weights go."
)
def extractor(output: Path) -> None:
    """Train the scene feature extractor on procedural scenes, as the shipped one was."""
    from spatialgan.extractors.training import train_extractor

    (path,) = check_outputs([check_suffix(output, ".safetensors")])
    click.echo(json.dumps(train_extractor(path), indent=2))
