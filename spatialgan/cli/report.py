"""The commands that write what people read: tables, figures, training curves, analyses and inversions."""

from pathlib import Path

import click

from spatialgan.cli.options import open_params, params_option, profile_option


@click.command()
@click.argument("name")
@profile_option
@params_option
def table(name: str, profile: str, params_dir: Path) -> None:
    """Write table NAME of params/tables.yaml as Markdown, HTML, LaTeX and CSV, and its numbers as JSON."""
    from spatialgan.reporting.tables import write_table
    from spatialgan.upkeep.graph import Graph
    from spatialgan.upkeep.steps import stamp

    params, profile = open_params(params_dir, profile)
    with stamp(params, Graph(params, profile).table(name)):
        write_table(params, name, profile)


@click.command()
@click.argument("name")
@profile_option
@params_option
def figure(name: str, profile: str, params_dir: Path) -> None:
    """Draw figure NAME of params/figures.yaml; T_samples draws the samples of table T."""
    from spatialgan.reporting.figures import write_figure
    from spatialgan.upkeep.graph import Graph
    from spatialgan.upkeep.steps import stamp

    params, profile = open_params(params_dir, profile)
    with stamp(params, Graph(params, profile).figure(name)):
        write_figure(params, name, profile)


@click.command()
@click.argument("run")
@profile_option
@params_option
def curves(run: str, profile: str, params_dir: Path) -> None:
    """Draw the training curves of RUN (<dataset>/<row>/<seed>)."""
    from spatialgan.reporting.curves import write_curves
    from spatialgan.upkeep.graph import Graph
    from spatialgan.upkeep.steps import stamp

    params, profile = open_params(params_dir, profile)
    with stamp(params, Graph(params, profile).curves(run)):
        write_curves(params, run, profile)


@click.command()
@click.argument("name")
@profile_option
@params_option
def analysis(name: str, profile: str, params_dir: Path) -> None:
    """Make analysis NAME of params/analyses.yaml (numbers, page and picture); "claims" weighs all evidence."""
    from spatialgan.analyses.claims import write_claims
    from spatialgan.analyses.write import write_analysis
    from spatialgan.upkeep.graph import CLAIMS, Graph
    from spatialgan.upkeep.steps import stamp

    params, profile = open_params(params_dir, profile)
    graph = Graph(params, profile)
    if name == CLAIMS:
        with stamp(params, graph.claims()):
            write_claims(params, profile)
    else:
        with stamp(params, graph.analysis(name)):
            write_analysis(params, name, profile)


@click.command()
@click.argument("name")
@profile_option
@params_option
def inversion(name: str, profile: str, params_dir: Path) -> None:
    """Study how well model NAME of params/inversions.yaml inverts photos; "table" writes the table of all."""
    from spatialgan.inversion_study.write import write_studies, write_study
    from spatialgan.upkeep.graph import Graph
    from spatialgan.upkeep.steps import stamp

    params, profile = open_params(params_dir, profile)
    graph = Graph(params, profile, params_dir)
    if name == "table":
        with stamp(params, graph.inversions()):
            write_studies(params, graph.inversion_items, profile)
    else:
        with stamp(params, graph.inversion(name)):
            write_study(params, name, graph.inversion_items[name], profile)
