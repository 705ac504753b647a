"""The options that most commands share."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from spatialgan.settings.params import Params

profile_option = click.option(
    "-p",
    "--profile",
    default="",
    help="A profile from params/profiles.yaml; the default one if left out.",
)
params_option = click.option(
    "--params",
    "params_dir",
    default="params",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder with the parameters.",
)


class FiniteRange(click.FloatRange):
    """A number within a range; "nan", which click accepts in every range, is refused."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number; fails as click's types do."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a usable number.", param, ctx)
        return number


def open_params(params_dir: Path, profile: str) -> "tuple[Params, str]":
    """Return the parameters and the name of the chosen profile; raises ValueError if there is no such profile."""
    from spatialgan.settings.params import load_params

    params = load_params(params_dir)
    name = profile or params.default_profile
    params.profile(name)
    return params, name
