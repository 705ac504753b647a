"""The command that measures a trained model."""

import json
from pathlib import Path

import click

from spatialgan.cli.options import open_params, params_option, profile_option
from spatialgan.evaluation.measures import MEASURES


@click.command()
@click.argument("run")
@click.option("--what", required=True, metavar="MEASURE", help=f"One of {', '.join(MEASURES)}.")
@click.option(
    "--segmenter",
    default="",
    help="Segment with this instead of the profile's segmenter, and write <measure>_<segmenter>.json.",
)
@profile_option
@params_option
def measure(run: str, what: str, segmenter: str, profile: str, params_dir: Path) -> None:
    """Measure the snapshot of RUN (<dataset>/<row>/<seed>) and print the metrics.

    If a measurement was killed, rerun the command to resume it; the result is identical.
    """
    from spatialgan.evaluation.harness import measure_run
    from spatialgan.upkeep.graph import Graph
    from spatialgan.upkeep.steps import stamp

    params, profile = open_params(params_dir, profile)
    with stamp(params, Graph(params, profile).metric(run, what, segmenter)):
        record = measure_run(params, profile, run, what, segmenter)
    click.echo(json.dumps(record["metrics"], indent=2))
