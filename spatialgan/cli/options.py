"""The options that most commands share."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from spatialgan.params import Params

profile_option = click.option(
    "-p",
    "--profile",
    default="",
    help="A profile of params/profiles.yaml; the default one if left out.",
)
params_option = click.option(
    "--params",
    "params_dir",
    default="params",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder of the parameters.",
)


def open_params(params_dir: Path, profile: str) -> "tuple[Params, str]":
    """Return the parameters and the name of the chosen profile; raises ValueError where there is no such profile."""
    from spatialgan.params import load_params

    params = load_params(params_dir)
    name = profile or params.default_profile
    params.profile(name)
    return params, name
