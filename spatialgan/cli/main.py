"""The command line. Every rule of the workflow is one of these commands, so any result can be made by hand.

Bad input ends in one line on stderr and exit code 1 (faults.py); a training that was asked to stop exits with 75.
"""

import os
import sys

import click

from spatialgan.cli import directions as direction_commands
from spatialgan.cli import drags as drag_commands
from spatialgan.cli import export as export_commands
from spatialgan.cli import imports as import_commands
from spatialgan.cli import inversions as inversion_commands
from spatialgan.cli import measure as measure_commands
from spatialgan.cli import report as report_commands
from spatialgan.cli import runs as run_commands
from spatialgan.cli import scenes as scene_commands
from spatialgan.cli import studio as studio_commands
from spatialgan.cli import upkeep as upkeep_commands
from spatialgan.cli.faults import lines_about
from spatialgan.cli.logs import configure_logging


class Commands(click.Group):
    """A group that turns the exceptions meant for people into one clear line."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; an exception becomes the lines of spatialgan/cli/faults.py, and the exit code is 1."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort, click.ClickException, BrokenPipeError):
            raise  # click's own ways to end, as for --help
        except Exception as error:
            if os.environ.get("SPATIALGAN_TRACEBACK"):
                raise
            head, *others = lines_about(error)
            click.echo("\n".join([f"spatialgan: {head}", *others]), err=True)
            sys.exit(1)


@click.group(cls=Commands)
@click.version_option(package_name="spatialgan")
@click.option("-v", "--verbose", count=True, help="Say more; twice: other packages' messages too.")
@click.option("-q", "--quiet", count=True, help="Only warnings; twice: only errors.")
def main(verbose: int, quiet: int) -> None:
    """Spatially steerable GANs: prepare data, train, measure, edit."""
    configure_logging(verbose - quiet)


for command in (
    run_commands.prepare,
    run_commands.train,
    run_commands.snapshot,
    run_commands.segmenter,
    run_commands.extractor,
    scene_commands.scene,
    scene_commands.render,
    scene_commands.edit,
    scene_commands.ship,
    drag_commands.drag,
    inversion_commands.invert,
    inversion_commands.encoder,
    studio_commands.studio,
    import_commands.import_command,
    export_commands.export,
    direction_commands.directions,
    measure_commands.measure,
    report_commands.table,
    report_commands.figure,
    report_commands.curves,
    report_commands.analysis,
    report_commands.inversion,
    upkeep_commands.doctor,
    upkeep_commands.verify,
    upkeep_commands.status,
    upkeep_commands.tidy,
):
    main.add_command(command)


if __name__ == "__main__":
    main()
