"""The commands that look after results: what a training will need, which results are current, which are damaged."""

import json
import sys
from pathlib import Path

import click

from spatialgan.cli.options import open_params, params_option, profile_option
from spatialgan.cli.outputs import check_outputs
from spatialgan.messages import one_line, printable


@click.command()
@click.argument("run")
@profile_option
@params_option
def doctor(run: str, profile: str, params_dir: Path) -> None:
    """Measure what training RUN will need on this machine; exit with 1 if something is missing."""
    from spatialgan.upkeep.doctor import describe, examine

    params, profile = open_params(params_dir, profile)
    forecast = examine(params, run, profile)
    click.echo(printable(describe(forecast)))
    if forecast.missing:
        sys.exit(1)


@click.command()
@click.option(
    "-p", "--profile", "profiles", multiple=True, help="Only this profile; by default all."
)
@params_option
def verify(profiles: tuple[str, ...], params_dir: Path) -> None:
    """Check data sets, snapshots, checkpoints, segmenters and DVC's objects by their hashes."""
    from spatialgan.settings.params import load_params
    from spatialgan.upkeep.verify import audit, results_checks, store_checks

    params = load_params(params_dir)
    chosen = [params.results(name) for name in profiles or params.profiles]
    checks = [check for results in chosen for check in results_checks(results)]
    found = audit([*checks, *store_checks(Path())])
    for fault in found.faults:
        click.echo(one_line(fault), err=True)
    faults = f"{len(found.faults) or 'no'} fault{'' if len(found.faults) == 1 else 's'}"
    absent = f", {len(found.absent)} not here (dvc pull)" if found.absent else ""
    click.echo(f"{found.num_files} files, {found.num_bytes / 1e6:,.1f} MB: {faults}{absent}")
    if found.faults:
        sys.exit(1)


@click.command()
@click.argument("targets", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print every step as JSON.")
@profile_option
@params_option
def status(targets: tuple[str, ...], as_json: bool, profile: str, params_dir: Path) -> None:
    """Say which results are current, missing or stale, and why.

    TARGETS are result files or names of steps (cat/spatialgan/0, ablation), each with everything it needs; by
    default everything that the workflow makes.
    """
    from spatialgan.upkeep.graph import Graph
    from spatialgan.upkeep.leftovers import leftovers
    from spatialgan.upkeep.status import Status, describe

    params, profile = open_params(params_dir, profile)
    graph = Graph(params, profile, params_dir)
    chosen = [step for target in targets for step in graph.find(target)]
    states = Status(params).closure(chosen or graph.targets())
    if as_json:
        documents = [state.to_json(params.root(profile)) for state in states]
        click.echo(json.dumps(documents, indent=2))
    else:
        click.echo(printable(describe(states, leftovers(params, profile))))


@click.command()
@click.option(
    "--seal",
    "records",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Instead, give a checksum to this record, which is older than checksums; you vouch for its content.",
)
@profile_option
@params_option
def tidy(records: tuple[Path, ...], profile: str, params_dir: Path) -> None:
    """Remove checkpoints of earlier settings, from which no training will resume."""
    from spatialgan.records import seal
    from spatialgan.upkeep.leftovers import remove_leftovers

    if records:
        paths = check_outputs(records)
        for record, path in zip(records, paths, strict=True):
            said = "is sealed" if seal(path) else "has a checksum"
            click.echo(one_line(f"{record} {said}"))
        return
    params, profile = open_params(params_dir, profile)
    removed = remove_leftovers(params, profile)
    for folder in removed.folders:
        click.echo(f"removed {one_line(str(folder))}")
    if not removed.folders:
        click.echo("there is nothing to remove")
