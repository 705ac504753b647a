"""Damaged scenes and requests of the studio: each is refused in one line, or is a scene that can be written and read.

A request that the studio refuses is answered with 400 and one line, and the studio goes on.
"""

import base64
import io
import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from spatialgan.models.opened import OpenedModel, open_model
from spatialgan.scenes.complete import complete_scene, scene_from_seed
from spatialgan.scenes.document import parse_document
from spatialgan.scenes.edits import apply_edit, parse_words
from spatialgan.scenes.scene_file import load_scene, scene_text
from spatialgan.studio import answers, dragging, inverting
from tests.campaign.conftest import Campaign
from tests.campaign.damage import damaged_bytes, damaged_data, json_bytes, take
from tests.tiny import tiny_snapshot

pytestmark = [pytest.mark.campaign, pytest.mark.unchecked, pytest.mark.slow]

CHANGE = base64.b64encode(torch.zeros(1, 4, 16, 16).numpy().tobytes()).decode()
WORDS = (
    *("move 0:0,0.3", "place 1:0.1,0.2", "resize 0:0.5", "remove 0", "copy 0:0,0.5", "restyle 0"),
    *("restyle all", "move level 0:0.1,0.1", "restyle background 3", "along x.safetensors:0:1"),
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, OpenedModel]:
    """Return open models: `room`, with objects, and `cat`, a hierarchy."""
    folder = tmp_path_factory.mktemp("models")
    rows = {"room": "indoor", "cat": "spatialgan"}
    paths = {name: tiny_snapshot(folder / f"{name}.safetensors", row) for name, row in rows.items()}
    opened = {name: open_model(str(path)) for name, path in paths.items()}
    return {name: OpenedModel(name, model.sha256, model.snapshot) for name, model in opened.items()}


def documents(models: dict[str, OpenedModel]) -> list[dict]:
    """Return whole scenes, as JSON data: complete ones, the least, and one with changes."""
    whole = [json.loads(scene_text(scene_from_seed(model, 3))) for model in models.values()]
    least = {"format": whole[0]["format"], "model": "room", "seed": 3}
    codes = [{"background": 2, "objects": [1, {"seed": 4, "object": 0}]}, {"background": 2}]
    styled = [{**one, "styles": styles} for one, styles in zip(whole, codes, strict=True)]
    return [*whole, least, *styled, {**whole[0], "changes": {"heatmaps": CHANGE, "latent": CHANGE}}]


def test_damaged_scenes_are_refused_or_scenes(
    campaign: Campaign, models: dict[str, OpenedModel], tmp_path: Path
) -> None:
    whole = documents(models)

    def read(text: str) -> None:
        document = parse_document(text)
        model = models.get(document.model)
        if model is not None:
            scene = complete_scene(document, model)
            again = scene_text(scene)
            assert scene_text(complete_scene(parse_document(again), model)) == again

    for seed in campaign.cases("scene", 200):
        dice = random.Random(f"scene {seed}")
        text = json_bytes(damaged_data(dice.choice(whole), dice), dice)
        taken = take(partial(read, text.decode("utf-8", "replace")))
        if taken.fault:
            campaign.failed(f"{seed} ({text[:100]})", taken.fault)


def test_damaged_files_of_scenes_are_named(
    campaign: Campaign, models: dict[str, OpenedModel], tmp_path: Path
) -> None:
    whole, path = documents(models), tmp_path / "room.json"
    snapshot = tiny_snapshot(tmp_path / "m.safetensors", "indoor")
    for seed in campaign.cases("file of a scene", 20):
        dice = random.Random(f"file of a scene {seed}")
        document = {**whole[0], "model": str(snapshot)}
        document.pop("model_sha256", None)
        path.write_bytes(json_bytes(damaged_data(document, dice), dice))
        taken = take(lambda: load_scene(path), path)
        if taken.fault:
            campaign.failed(seed, taken.fault)


def test_damaged_words_of_edits_are_refused_or_edits(
    campaign: Campaign, models: dict[str, OpenedModel]
) -> None:
    scene = scene_from_seed(models["room"], 3)

    def edit(words: str) -> None:
        scene_text(apply_edit(scene, parse_words(words)))

    for seed in campaign.cases("words of an edit", 100):
        dice = random.Random(f"words {seed}")
        words = damaged_bytes(dice.choice(WORDS).encode(), dice).decode("utf-8", "replace")
        taken = take(partial(edit, words))
        if taken.fault:
            campaign.failed(f"{seed} ({words!r})", taken.fault)


def requests(models: dict[str, OpenedModel]) -> list[tuple[Callable[[Any], Any], Any]]:
    """Return what the studio answers, without what draws, each with a whole request."""
    scene = documents(models)[0]
    mask = base64.b64encode(bytes([255] * 64)).decode()
    drag = {
        **{"scene": scene, "handles": [[0.0, 0.0]], "targets": [[0.0, 0.5]], "method": "latent"},
        **{"mask": mask, "max_steps": 3, "tolerance_px": 1.0},
    }
    pixels = base64.b64encode(bytes(3 * 16 * 16)).decode()
    photo = {"model": "room", "photo": pixels, "max_steps": 3}
    return [
        (lambda data: answers.open_document(data, models), scene),
        (lambda data: answers.edited(data, models), {"scene": scene, "edits": list(WORDS[:3])}),
        (lambda data: answers.stations_of(data, models), {"scenes": [scene, scene]}),
        (lambda data: dragging.drag_job(data, models), drag),
        (lambda data: inverting.inversion_job(data, models), photo),
    ]


def test_damaged_requests_are_refused_or_answered(
    campaign: Campaign, models: dict[str, OpenedModel]
) -> None:
    whole = requests(models)
    for seed in campaign.cases("request to the studio", 60):
        dice = random.Random(f"request {seed}")
        answer, request = dice.choice(whole)
        data = damaged_data(request, dice)
        taken = take(lambda answer=answer, data=data: answer(data))
        if taken.fault:
            campaign.failed(f"{seed} ({str(data)[:200]})", taken.fault)


def test_damaged_bodies_get_one_line_and_the_studio_goes_on(
    campaign: Campaign, models: dict[str, OpenedModel]
) -> None:
    pytest.importorskip("httpx2", reason="Starlette's test client needs httpx2")
    from starlette.testclient import TestClient

    from spatialgan.studio.admission import Admission
    from spatialgan.studio.app import studio_app

    scene = documents(models)[0]
    bodies = {
        "/render": scene,
        "/edit": {"scene": scene, "edits": list(WORDS[:2])},
        "/strip": {"before": scene, "after": scene},
        "/film": {"scenes": [scene]},
        "/attention": scene,
        "/drag": {"scene": scene},
    }
    headers = {"x-spatialgan": "1", "content-type": "application/json"}
    app = studio_app(models, Admission(8017))
    with TestClient(app, "http://127.0.0.1:8017", headers=headers) as client:
        for seed in campaign.cases("body sent to the studio", 25):
            dice = random.Random(f"body {seed}")
            path = dice.choice(list(bodies))
            body = json_bytes(damaged_data(bodies[path], dice), dice)
            said = client.post(path, content=body)
            if said.status_code == 400:
                line = said.json()["error"]
                if "\n" in line or not line:
                    campaign.failed(seed, f"{path}: {line!r}")
            elif said.status_code != 200:
                campaign.failed(seed, f"{path}: status {said.status_code}")
        image = client.post("/render", json=scene, headers={"accept": "image/png"}).content
        assert Image.open(io.BytesIO(image)).size == (16, 16)
