"""The command that writes a model as ONNX."""

from pathlib import Path

import click

from spatialgan.cli.outputs import check_outputs
from spatialgan.variants import shown


@click.command()
@click.argument("model")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="The ONNX model, a .onnx file.",
)
@click.option(
    "--check/--no-check",
    default=True,
    help="Compare ten scenes with our own render before writing the file, or don't.",
)
@click.option(
    "--license",
    "license_name",
    default="",
    metavar="NAME",
    help="License to record in the file; by default that of the shipped models, or none.",
)
def export(model: str, output: Path, check: bool, license_name: str) -> None:
    """Write MODEL (a shipped model, or the path of a snapshot) as an ONNX model.

    Its inputs are z, truncation_psi, noise, and every level's centers, sigmas and presences; its output is image.
    """
    from spatialgan import export as onnx_export
    from spatialgan.models import model_path
    from spatialgan.models.opened import open_model

    onnx_export.check_name(output)
    if not license_name.isprintable():
        raise ValueError(f"--license: {shown(license_name)} is no text of one line")
    (path,) = check_outputs([output], [model_path(model)])
    opened = open_model(model)
    exported = onnx_export.export_model(opened, license_name)
    said = "not checked"
    if check:
        difference = onnx_export.largest_difference(exported, opened.snapshot)
        said = f"largest difference from our render {difference:.1e} of the range"
        if not difference <= onnx_export.TOLERANCE:
            raise ValueError(
                f"{output} was not written: {said}, but must be at most {onnx_export.TOLERANCE:g}"
            )
    onnx_export.write_onnx(path, exported)
    click.echo(
        f"{output}: {len(exported.data):,} bytes, {said}\ninputs: {', '.join(exported.inputs)}"
    )
