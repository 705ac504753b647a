"""The commands for the time before and after a training: what it will need, and whether results are whole."""

import sys
from pathlib import Path

import click

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("run")
@click.option("-p", "--profile", default="", help="A profile of params/profiles.yaml.")
@click.option("--params", "params_dir", type=FILE, default=Path("params"), show_default=True)
def doctor(run: str, profile: str, params_dir: Path) -> None:
    """Say what training RUN needs on this machine, and what is missing; exits with 1 where something is."""
    from spatialgan.doctor import describe, examine
    from spatialgan.params import load_params

    params = load_params(params_dir)
    forecast = examine(params, run, profile or params.default_profile)
    click.echo(describe(forecast))
    if forecast.missing:
        sys.exit(1)


@click.command()
@click.option("-p", "--profile", "profiles", multiple=True, help="Only these; by default all.")
@click.option("--params", "params_dir", type=FILE, default=Path("params"), show_default=True)
def verify(profiles: tuple[str, ...], params_dir: Path) -> None:
    """Check the bytes of data sets, snapshots, checkpoints, segmenters and DVC's objects by their hashes."""
    from spatialgan.params import load_params
    from spatialgan.verify import audit, results_checks, store_checks

    params = load_params(params_dir)
    chosen = [params.results(name) for name in profiles or params.profiles]
    checks = [check for results in chosen for check in results_checks(results)]
    found = audit([*checks, *store_checks(Path())])
    for fault in found.faults:
        click.echo(fault, err=True)
    faults = f"{len(found.faults) or 'no'} fault{'' if len(found.faults) == 1 else 's'}"
    absent = f", {len(found.absent)} not here (dvc pull)" if found.absent else ""
    click.echo(f"{found.num_files} files, {found.num_bytes / 1e6:,.1f} MB: {faults}{absent}")
    if found.faults:
        sys.exit(1)
