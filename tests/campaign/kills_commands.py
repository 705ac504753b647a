"""Kills and failing disks at every file operation of the commands that write.

After each: every file is whole, as it was or as it is to be; a failure is one line that names a file; the same
command again ends as if nothing had happened.
"""

from importlib import import_module
from pathlib import Path

import pytest

from tests.campaign import worlds
from tests.campaign.conftest import Campaign

pytestmark = [pytest.mark.campaign(shares=5), pytest.mark.unchecked, pytest.mark.slow]

# the folder's contents, the command, what it imports (once, before it is forked), cases in the usual suite
COMMANDS = {
    "prepare": (worlds.project, "prepare cat -p smoke", "spatialgan.data.prepare", 2),
    "train": (worlds.with_data, f"train {worlds.RUN} -p smoke", "spatialgan.training.loop", 1),
    "resume": (
        worlds.with_half_a_training,
        f"train {worlds.RUN} -p smoke",
        "spatialgan.training.loop",
        1,
    ),
    "measure": (
        worlds.with_snapshot,
        f"measure {worlds.RUN} --what locality -p smoke",
        "spatialgan.evaluation.locality",
        1,
    ),
    "table": (
        worlds.with_results,
        "table objective -p smoke",
        "spatialgan.reporting.tables jinja2 tabulate",
        1,
    ),
    "figure": (
        worlds.with_results,
        "curves cat/spatialgan/0 -p smoke",
        "spatialgan.reporting.curves matplotlib.figure matplotlib.backends.backend_agg",
        1,
    ),
    "scene": (worlds.project, "scene bedroom -o room.json", "spatialgan.scenes.complete", 2),
    "edit": (
        worlds.with_scene,
        "edit room.json --move 0:0,0.3 -o moved.json",
        "spatialgan.drawing.films spatialgan.scenes.render",
        1,
    ),
    "drag": (
        worlds.with_scene,
        "drag room.json --from 0,0 --to 0,0.1 --max-steps 1 -o dragged.json",
        "spatialgan.dragging.drag_film",
        1,
    ),
    "invert": (
        worlds.with_photo,
        "invert photo.png --model room.safetensors --steps 1 --perceptual none -o i.json",
        "spatialgan.inversion.invert spatialgan.drawing.films",
        1,
    ),
    "directions": (
        worlds.with_directions,
        "directions room.json --region object:0 -o d.safetensors",
        "spatialgan.directions.find",
        1,
    ),
    "ship": (
        worlds.with_snapshot,
        f"ship {worlds.RUN} --name x -p smoke --folder models",
        "spatialgan.models.shipping",
        1,
    ),
    "import": (
        worlds.with_foreign_model,
        "import other.pkl -o model.safetensors",
        "spatialgan.imports.model",
        2,
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_disturbed_command_loses_nothing(name: str, campaign: Campaign, tmp_path: Path) -> None:
    prepare, line, modules, bounded = COMMANDS[name]
    for module in modules.split():
        import_module(module)
    world = worlds.make_world(tmp_path / name, prepare, *line.split())
    worlds.disturb(campaign, world, name, bounded)
