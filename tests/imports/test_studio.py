"""The studio with an imported model: it is listed, rendered, and takes photos, as any other."""

import base64
import json

import pytest

pytest.importorskip("starlette", reason="needs the extra 'studio'")
pytest.importorskip("httpx2", reason="Starlette's test client needs httpx2")

from starlette.testclient import TestClient

from spatialgan.imports.model import import_generator
from spatialgan.models.opened import open_model
from spatialgan.studio.admission import Admission
from spatialgan.studio.app import MAX_BODY, studio_app
from spatialgan.studio.inverting import photo_bytes
from tests.imports import checkpoints

PORT = 8018
HEADERS = {"x-spatialgan": "1", "content-type": "application/json"}
SIDE = 16


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imported")
    path = checkpoints.write_checkpoint(folder / "n.pkl", G_ema=checkpoints.generator(256))
    import_generator(path, folder / "m.safetensors")
    return open_model(str(folder / "m.safetensors"))


@pytest.fixture(scope="module")
def client(model):
    app = studio_app({model.name: model}, Admission(PORT))
    with TestClient(app, base_url=f"http://127.0.0.1:{PORT}", headers=HEADERS) as client:
        yield client


def test_an_imported_model_is_shown(client, model):
    (listed,) = client.get("/models").json()["models"]
    assert listed["name"] == model.name and listed["levels"] == []
    answer = client.post("/render", json=json.loads(listed["scene"]))
    assert answer.status_code == 200 and len(answer.content) == SIDE * SIDE * 4


def test_an_imported_model_takes_a_photo(client, model):
    photo = base64.b64encode(bytes(range(256)) * 3).decode()
    request = {"model": model.name, "photo": photo, "max_steps": 2}
    lines = [line for line in client.post("/invert", json=request).text.splitlines() if line]
    assert "scene" in json.loads(lines[-1].removeprefix("data: "))


def test_a_photo_may_be_as_large_as_the_largest_model_needs(client, model):
    assert photo_bytes({model.name: model}) == SIDE * SIDE * 4
    photo = "A" * MAX_BODY
    refused = client.post("/invert", json={"model": model.name, "photo": photo, "max_steps": 1})
    assert refused.status_code == 400 and "rows of" in refused.json()["error"]
    far = client.post("/invert", json={"photo": photo + "A" * SIDE * SIDE * 4})
    assert far.status_code == 413 and f"{MAX_BODY + SIDE * SIDE * 4:,} bytes" in far.json()["error"]
    assert client.post("/render", json={"photo": photo}).status_code == 413
