"""What `--help` lists is what there is: it is typed, so that help needs no torch."""

import pytest
from click.testing import CliRunner

from spatialgan.cli.main import main
from spatialgan.directions.methods import METHODS
from spatialgan.directions.spaces import SPACES
from spatialgan.dragging.drag import DRAGS


@pytest.mark.parametrize(
    ("command", "names"), [("directions", METHODS), ("directions", SPACES), ("drag", DRAGS)]
)
def test_help_lists_every_choice(command: str, names: dict) -> None:
    said = CliRunner().invoke(main, [command, "--help"], terminal_width=10_000).output
    words = set(said.replace(",", " ").replace(".", " ").replace(":", " ").split())
    assert set(names) <= words
