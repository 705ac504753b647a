"""The command that imports models of other programs."""

from pathlib import Path

import click

from spatialgan.cli.outputs import check_outputs

FILE = click.Path(path_type=Path)


@click.command("import")
@click.argument("checkpoint", type=FILE)
@click.option("-o", "--output", type=FILE, required=True, help="The model, a .safetensors file.")
@click.option("--discriminator", type=FILE, help="Also write the discriminator to this file.")
def import_command(checkpoint: Path, output: Path, discriminator: Path | None) -> None:
    """Make a model from CHECKPOINT, a .pkl file of StyleGAN2-ADA, StyleGAN3's StyleGAN2 or EqGAN-SA.

    The file is read as data: nothing in it is executed.
    """
    from spatialgan.imports.model import read_discriminator, read_generator
    from spatialgan.models import SUFFIX
    from spatialgan.wording import counted

    if output.suffix != SUFFIX:
        raise ValueError(f"{output} must end in {SUFFIX}, as the paths of models do")
    wanted = [output] if discriminator is None else [output, discriminator]
    paths = check_outputs(wanted, [checkpoint])
    generator = read_generator(checkpoint)
    found = read_discriminator(checkpoint) if discriminator else None  # before anything is written
    generator.save(paths[0])
    config = generator.config
    levels = len(config.heatmap_channels)
    heatmaps = f"{counted(levels, 'level')} of heatmaps" if levels else "no heatmaps"
    click.echo(f"{output}: a generator of {config.resolution} pixels, {heatmaps}")
    if found is not None:
        found.save(paths[1])
        click.echo(f"{discriminator}: a discriminator of {found.config.resolution} pixels")
