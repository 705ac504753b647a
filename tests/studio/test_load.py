"""Many clients at once: no errors, memory that stays, and to each its own picture."""

import hashlib
import json

import pytest

from benchmarks.browser import served
from benchmarks.studio import Load, load, moved
from spatialgan.models.opened import open_model
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.scene_file import scene_text
from spatialgan.studio import answers

CLIENTS = 20
GROWTH_MB = 4.0  # less than a byte per image; a leak of images would be many times that


def own_images(found: Load) -> list[str]:
    """Return the hashes of the images that the clients should have seen last, drawn without a server."""
    model = open_model("bedroom")
    scene = json.loads(scene_text(scene_from_seed(model, answers.FIRST_SEED)))
    last = [moved(scene, number, count) for number, count in enumerate(found.images)]
    images = [answers.rgba(each, {"bedroom": model}) for each in last]
    return [hashlib.sha256(image).hexdigest() for image in images]


def check(seconds: float, growth_mb: float) -> None:
    with served("bedroom") as studio:
        found = load(studio.link, studio.pid, CLIENTS, seconds)
    assert len(found.images) == CLIENTS and min(found.images) > 1
    assert len(set(found.last)) == CLIENTS
    assert found.last == own_images(found)
    assert found.growth_mb < growth_mb, found.memory_mb


def test_twenty_clients_see_their_own_scenes():
    check(seconds=2.0, growth_mb=30.0)


@pytest.mark.slow
def test_twenty_clients_for_a_minute_don_t_fill_the_memory():
    check(seconds=60.0, growth_mb=GROWTH_MB)
