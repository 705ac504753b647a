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
GROWTH_MB = 4.0  # kept images would be three times that, at the 80 a second of two idle cores


def own_images(found: Load) -> list[str]:
    """Return the hashes of the images that the clients should have seen last, drawn without a server."""
    model = open_model("bedroom")
    scene = json.loads(scene_text(scene_from_seed(model, answers.FIRST_SEED)))
    last = [moved(scene, number, count) for number, count in enumerate(found.images)]
    images = [answers.rgba(each, {"bedroom": model}) for each in last]
    return [hashlib.sha256(image).hexdigest() for image in images]


def drag(studio, seconds: float) -> Load:
    """Let the clients drag; return what they got, once it is known to be right."""
    found = load(studio.link, studio.pid, CLIENTS, seconds)
    assert len(set(found.last)) == CLIENTS
    assert found.last == own_images(found)
    return found


@pytest.mark.slow
def test_twenty_clients_see_their_own_scenes(studio):
    drag(studio, seconds=2.0)


@pytest.mark.slow
def test_twenty_clients_for_a_minute_don_t_fill_the_memory():
    with served("bedroom") as studio:
        found = drag(studio, seconds=60.0)
    assert found.growth_mb < GROWTH_MB, found.memory_mb
