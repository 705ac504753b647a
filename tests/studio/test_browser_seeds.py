"""Seeds mean the same in the page without a server: its JavaScript, in Node, against Python."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from spatialgan.heatmaps.layout import Gaussians
from spatialgan.heatmaps.samplers import SAMPLERS
from spatialgan.models import shipped_models
from spatialgan.models.opened import open_model
from spatialgan.rng import generator_for
from spatialgan.scenes.complete import complete_scene
from spatialgan.scenes.document import read_document
from spatialgan.scenes.edits import apply_edit, parse_words
from spatialgan.scenes.scene_file import scene_text
from spatialgan.studio import answers
from tests.tiny import ROOT, tiny_config, tiny_snapshot

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(not NODE, reason="needs Node")
TOLERANCE = 1e-6
SEEDS = [*range(990), *(2**k - 1 for k in range(44, 54))]


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Return a function that puts questions to the page's JavaScript."""
    folder = tmp_path_factory.mktemp("page")
    studio = ROOT / "spatialgan/studio"
    shutil.copytree(studio / "browser", folder / "browser")
    for path in (studio / "static/scene.js", Path(__file__).with_name("answer.js")):
        shutil.copy(path, folder)
    (folder / "package.json").write_text('{"type": "module"}')

    def ask(questions):
        command = [NODE, str(folder / "answer.js")]
        said = subprocess.run(
            command, input=json.dumps(questions), capture_output=True, text=True, check=True
        )
        return json.loads(said.stdout)

    return ask


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return open models of each kind, and what the page is told of them."""
    folder = tmp_path_factory.mktemp("models")
    rows = ("indoor", "multi", "spatialgan", "baseline")
    paths = [str(tiny_snapshot(folder / f"{row}.safetensors", row)) for row in rows]
    opened = dict(zip(rows, map(open_model, paths), strict=True))
    described = answers.describe({model.name: model for model in opened.values()})
    told = {
        row: {**d, "sampling": tiny_config(row).identity()["sampling"]}
        for row, d in zip(rows, described, strict=True)
    }
    return {row: (opened[row], told[row]) for row in rows}


@pytest.mark.unchecked
def test_a_thousand_draws_of_numbers_are_torch_s(ask):
    counts = [3, 1, 16, 5, 37, 64]  # below 16, torch keeps the second of a pair for the next draw
    asked = [["normals", seed, f"z/object{seed % 4}", counts] for seed in SEEDS]
    asked += [["uniforms", seed] for seed in SEEDS]
    given = ask(asked)
    largest = 0.0
    for seed, drawn, uniform in zip(SEEDS, given[: len(SEEDS)], given[len(SEEDS) :], strict=True):
        generator = generator_for(seed, f"z/object{seed % 4}", 3)
        for numbers, count in zip(drawn, counts, strict=True):
            ours = torch.randn(count, generator=generator)
            largest = max(largest, (ours - torch.tensor(numbers)).abs().max().item())
        draws = generator_for(seed, "u", 0)
        kinds = (torch.float32, torch.float64, torch.float32)
        assert uniform == [torch.rand(1, generator=draws, dtype=kind).item() for kind in kinds]
    assert 0 < largest <= TOLERANCE


@pytest.mark.slow
@pytest.mark.unchecked
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_thousand_layouts_are_those_of_the_sampler_or_one_line_says_why_not(ask, name):
    law = SAMPLERS[name]()
    told = told_of(law, name)
    if name not in ask([["laws"]])[0]:
        (said,) = ask([["layout", told, 0]])
        assert f'sampler "{name}"' in said["error"] and "needs the studio" in said["error"]
        return
    for seed, levels in zip(SEEDS, ask([["layout", told, seed] for seed in SEEDS]), strict=True):
        layout = law(1, generator_for(seed, "layout", 0))
        assert len(levels) == len(layout.levels)
        for level, ours in zip(levels, layout.levels, strict=True):
            assert isinstance(ours, Gaussians)
            centers = torch.tensor([g["center"] for g in level])
            sigmas = torch.tensor([g["sigma"] for g in level])
            assert (centers - ours.centers[0]).abs().max() <= TOLERANCE
            assert (sigmas - ours.sigmas[0]).abs().max() <= TOLERANCE


def told_of(law, name):
    """Return what the page is told of a sampler."""
    return {"name": name, **json.loads(json.dumps(vars(law), default=vars))}


def test_the_page_draws_by_the_samplers_of_all_shipped_models(ask):
    shipped = {type(open_model(name).snapshot.config.sampling) for name in shipped_models()}
    assert shipped <= {SAMPLERS[name] for name in ask([["laws"]])[0]}


@pytest.mark.unchecked
def test_objects_are_inside_where_scenes_have_them_inside(ask, models):
    model, told = models["indoor"]
    least = {"format": "spatialgan scene 1", "model": model.name}
    questions = [["complete", {**least, "seed": seed}, [told]] for seed in range(200)]
    for seed, scene in enumerate(ask(questions)):
        ours = json.loads(scene_text(complete_scene(read_document({**least, "seed": seed}), model)))
        close(scene, ours)


def close(scene, ours):
    """Compare two documents: what was drawn to 1e-6, all else exactly."""
    for level, same in zip(scene["layout"], ours["layout"], strict=True):
        for g, h in zip(level, same, strict=True):
            assert [*g["center"], g["sigma"]] == pytest.approx(
                [*h["center"], h["sigma"]], abs=TOLERANCE
            )
            assert g["presence"] == h["presence"]
    assert {**scene, "layout": 0} == {**ours, "layout": 0}


@pytest.mark.parametrize(
    ("row", "edits"),
    [
        ("indoor", ["restyle 1:9"]),
        ("indoor", ["restyle background:4"]),
        ("indoor", ["restyle all:7", "restyle 0:8"]),
        ("multi", ["restyle all:7"]),
        ("spatialgan", ["restyle background:5"]),
        ("baseline", ["restyle all:3"]),
    ],
)
def test_documents_and_edits_are_those_of_the_command_line(ask, models, row, edits):
    model, told = models[row]
    least = {"format": "spatialgan scene 1", "model": model.name, "seed": 11, "noise_mode": "none"}
    (text,) = ask([["document", least, told, edits]])
    scene = complete_scene(read_document(least), model)
    for edit in edits:
        scene = apply_edit(scene, parse_words(edit))
    close(json.loads(text), json.loads(scene_text(scene)))
    assert text.count("\n") == scene_text(scene).count("\n")


@pytest.mark.parametrize("row", ["indoor", "multi"])
def test_a_copy_is_the_command_line_s(ask, models, row):
    model, told = models[row]
    least = {"format": "spatialgan scene 1", "model": model.name, "seed": 3}
    scene = apply_edit(complete_scene(read_document(least), model), parse_words("remove 2"))
    scenes = [json.loads(scene_text(scene))]
    for words in ("copy 1:0,-0.4", "copy 2:0.1,0.1"):
        scene = apply_edit(scene, parse_words(words))
        (text,) = ask([["document", scenes[-1], told, [words]]])
        close(json.loads(text), json.loads(scene_text(scene)))
        scene = apply_edit(scene, parse_words("remove 0"))
        scenes.append(json.loads(scene_text(scene)))


def test_numbers_are_written_as_short_as_python_does(ask):
    numbers = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    given = ask([["short", float(number)] for number in numbers])
    assert given == [float(np.format_float_positional(n, unique=True)) for n in numbers]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "other"}, "does not have"),
        ({"model_sha256": "0" * 64}, "another model of the name"),
        ({"changes": {"latent": "AAAAAA=="}}, "needs the studio"),
        ({"seed": -1}, "seed must be"),
        ({"seed": 1.5}, "seed must be"),
        ({"noise_mode": "loud"}, "one of random, const, none"),
        ({"truncation_psi": 3}, "from 0 to 2"),
        ({"truncation_psi": "1"}, "from 0 to 2"),
        ({"surprise": 1}, 'unknown field "surprise"'),
        ({"layout": []}, "must have 1 level of 3"),
        ({"layout": [[{"center": [0, 0], "sigma": 0.2}]]}, "must have 1 level of 3"),
        ({"layout": [[{"center": [0], "sigma": 0.2}] * 3]}, "center"),
        ({"layout": [[{"center": [0, 11], "sigma": 0.2}] * 3]}, "center"),
        ({"layout": [[{"center": [0, 0], "sigma": 0}] * 3]}, "sigma"),
        ({"layout": [[{"center": [0, 0], "sigma": 1, "presence": 2}] * 3]}, "presence"),
        ({"layout": [[None] * 3]}, "center"),
        ({"layout": "a"}, "must have 1 level of 3"),
        ({"styles": {"background": "x"}}, "background"),
        ({"styles": {"objects": [1, 2]}}, "styles of 3 objects"),
        ({"styles": {"objects": [1, 2, {"seed": 3, "object": 3}]}}, "neither a seed"),
        ({"styles": {"objects": [1, 2, None]}}, "neither a seed"),
    ],
)
def test_what_is_no_scene_of_a_model_is_one_line(ask, models, change, words):
    model, told = models["indoor"]
    scene = {"format": "spatialgan scene 1", "model": model.name, "seed": 1, **change}
    (said,) = ask([["complete", scene, [told]]])
    assert words in said["error"] and "\n" not in said["error"]
