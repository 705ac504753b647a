"""Imported models against StyleGAN2 computed plainly from the same tensors, and in use as any other model."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from spatialgan.cli.main import main
from spatialgan.imports.discriminators import load_discriminator
from spatialgan.imports.model import import_discriminator, import_generator
from spatialgan.models.opened import open_model
from spatialgan.networks.released import const_noise
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.render import render_scene, scene_inputs
from spatialgan.snapshot import load_snapshot, to_uint8
from spatialgan.tensor_file import load_tensors
from tests.imports import checkpoints, reference
from tests.imports.checkpoints import FIRST, LAST, W, Z, write_checkpoint

pytestmark = pytest.mark.unchecked


def imported(tmp_path, network, protocol=4):
    path = write_checkpoint(tmp_path / "network.pkl", protocol, G_ema=network)
    import_generator(path, tmp_path / "model.safetensors")
    return load_snapshot(tmp_path / "model.safetensors")


def largest_difference(ours, theirs):
    return float((ours - theirs).abs().max() / (theirs.max() - theirs.min()))


@pytest.mark.parametrize(
    ("with_sel", "clamp"),
    [(False, None), (False, 256), (False, 0.5), (True, 0.5)],
    ids=["plain", "wide clamp", "clamp", "eqgan_sa"],
)
def test_images_are_those_of_the_network(tmp_path, clamp, with_sel):
    network = checkpoints.generator(clamp, with_sel)
    snapshot = imported(tmp_path, network)
    generator = snapshot.generator
    own = [maps.expand(3, -1, -1, -1) for maps in const_noise(generator)]
    draws = torch.Generator().manual_seed(0)
    z, layout = torch.randn(3, Z, generator=draws), snapshot.config.sampling(3, draws)
    maps = [layout.render(level, 16, "corners") for level in range(len(layout.levels))]
    silent = [torch.zeros_like(m) for m in own]
    for psi, strength, noise in ((1.0, 1.0, own), (0.7, 1.0, own), (0.7, 0.0, silent)):
        theirs = reference.images(network, reference.styles(network, z, psi), strength, maps)
        ws = torch.lerp(snapshot.w_avg, generator.styles(z, layout), psi)
        assert largest_difference(generator.synthesis(ws, layout, noise), theirs) < 1e-5


@pytest.mark.parametrize("clamp", [None, 0.5])
def test_logits_are_those_of_the_network(tmp_path, clamp):
    network = checkpoints.discriminator(clamp)
    path = write_checkpoint(tmp_path / "network.pkl", D=network)
    assert import_discriminator(path, tmp_path / "d.safetensors").mbstd_group_size == 4
    pictures = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    ours = load_discriminator(tmp_path / "d.safetensors")(pictures)[0]
    assert largest_difference(ours, reference.logits(network, pictures)) < 1e-5


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_every_protocol_that_holds_bytes_gives_the_same_model(tmp_path, protocol):
    snapshot = imported(tmp_path, checkpoints.generator(), protocol)
    weight = snapshot.generator.mapping.layers[0].weight
    assert torch.equal(weight, checkpoints.generator()["mapping"]["fc0"]["weight"])


def test_sizes_are_read_from_the_network(tmp_path):
    config = imported(tmp_path, checkpoints.generator()).config.generator
    assert (config.z_dim, config.w_dim, config.mapping_layers, config.resolution) == (Z, W, 2, 16)
    assert [config.channels(r) for r in config.resolutions] == [FIRST, FIRST, LAST]


def test_another_learning_rate_multiplier_is_worked_into_the_weights(tmp_path):
    network = checkpoints.generator()
    network["mapping"].state["_modules"]["fc1"] = checkpoints.linear(W, W, "lrelu", 0.5)
    snapshot = imported(tmp_path, network)
    z = torch.randn(2, Z)
    ours = snapshot.generator.styles(z, snapshot.config.sampling(2, torch.Generator()))[:, 0]
    assert torch.allclose(ours, reference.styles(network, z, 1.0), atol=1e-5)


def test_a_layer_without_noise_has_none(tmp_path):
    network = checkpoints.generator()
    layer = network["synthesis"]["b8"]["conv0"]
    layer.state["use_noise"] = False
    del layer.state["_buffers"]["noise_const"], layer.state["_parameters"]["noise_strength"]
    generator = imported(tmp_path, network).generator
    assert not const_noise(generator)[1].any() and const_noise(generator)[2].any()
    assert generator.synthesis.blocks[1].convs[0].layer.noise_strength == 0


def test_constant_noise_of_a_scene_is_the_models_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = checkpoints.generator(0.5)
    imported(tmp_path, network)
    model = open_model("model.safetensors")
    scene, snapshot = scene_from_seed(model, 3, 0.7, "const"), model.snapshot
    shown = render_scene(scene, snapshot)
    styles = scene_inputs(scene, snapshot).ws[:, 0]
    wanted = to_uint8(reference.images(network, styles, 1.0, []))[0]
    assert (shown.int() - wanted.int()).abs().max() <= 1
    random = scene_from_seed(model, 3, 0.7, "random")
    assert not torch.equal(shown, render_scene(random, snapshot))


def test_the_file_says_what_it_was_made_of(tmp_path):
    imported(tmp_path, checkpoints.generator(256))
    _, header = load_tensors(tmp_path / "model.safetensors")
    assert header["source"]["file"] == "network.pkl" and len(header["source"]["sha256"]) == 64
    assert header["conventions"] == {"clamp": 256.0, "heatmap_floor": 0.0}


def run(*arguments):
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_an_imported_model_draws_renders_and_drags(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    networks = {"G_ema": checkpoints.generator(256), "D": checkpoints.discriminator(256)}
    write_checkpoint(tmp_path / "network.pkl", **networks)
    said = run("import", "network.pkl", "-o", "m.safetensors", "--discriminator", "d.safetensors")
    assert "a generator of 16 pixels, no heatmaps" in said and "a discriminator of 16" in said
    run("scene", "m.safetensors", "--seed", "1", "-o", "s.json")
    run("render", "s.json")
    assert np.asarray(Image.open("s.png")).std() > 0
    points = ("--from", "0,0", "--to", "0.25,0.25", "--method", "latent", "--max-steps", "2")
    assert json.loads(run("drag", "s.json", *points))["steps"] > 0
    failed = CliRunner().invoke(main, ["drag", "s.json", *points[:4]])
    assert failed.exit_code == 1 and "latent" in failed.output
    assert (tmp_path / "s_dragged.png").exists() and not (tmp_path / "canary").exists()


@pytest.mark.slow
def test_the_predecessors_heatmaps_can_be_edited(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_checkpoint(tmp_path / "network.pkl", G_ema=checkpoints.generator(256, with_sel=True))
    assert "3 levels of heatmaps" in run("import", "network.pkl", "-o", "m.safetensors")
    run("scene", "m.safetensors", "-o", "s.json")
    run("edit", "s.json", "--move", "0:0.3,0", "-o", "moved.json")
    run("render", "s.json")
    assert not np.array_equal(Image.open("s.png"), Image.open("moved.png"))


def test_an_imported_model_inverts_and_can_be_tuned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_checkpoint(tmp_path / "network.pkl", G_ema=checkpoints.generator(256))
    run("import", "network.pkl", "-o", "m.safetensors")
    Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save("photo.png")
    short = ("--steps", "2", "--restarts", "1", "--tune", "1")
    run("invert", "photo.png", "--model", "m.safetensors", "-o", "mine.json", *short)
    numbers = json.loads((tmp_path / "mine_invert.json").read_text())
    assert numbers["steps"] == 2 and numbers["tuned"]["steps"] == 1
    run("render", "mine.json", "-o", "again.png")
    assert np.array_equal(Image.open("again.png"), Image.open("mine.png"))


def test_an_imported_model_has_directions(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_checkpoint(tmp_path / "network.pkl", G_ema=checkpoints.generator(256))
    run("import", "network.pkl", "-o", "m.safetensors")
    run("scene", "m.safetensors", "-o", "s.json")
    run("directions", "s.json", "--region", "box:-0.5,-0.5,1,1", "-o", "d.safetensors")
    run("edit", "s.json", "--along", "d.safetensors:0:0.5", "-o", "changed.json")
    run("render", "s.json")
    assert not np.array_equal(Image.open("s.png"), Image.open("changed.png"))


def test_a_model_must_be_named_as_models_are(tmp_path):
    path = write_checkpoint(tmp_path / "network.pkl", G_ema=checkpoints.generator())
    result = CliRunner().invoke(main, ["import", str(path), "-o", "model.pt"])
    assert result.exit_code == 1 and "must end in .safetensors" in result.output


def test_both_networks_are_written_or_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_checkpoint(tmp_path / "g.pkl", G_ema=checkpoints.generator())
    line = ["import", "g.pkl", "-o", "m.safetensors", "--discriminator", "d.safetensors"]
    result = CliRunner().invoke(main, line)
    assert result.exit_code == 1 and "has no network D" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["g.pkl"]


@pytest.mark.parametrize("method", ["resefa", "stylespace", "pca"])
def test_directions_of_an_imported_model_are_found_and_followed(tmp_path, monkeypatch, method):
    monkeypatch.chdir(tmp_path)
    imported(tmp_path, checkpoints.generator())

    def invoke(*words):
        return CliRunner().invoke(main, list(words))

    assert invoke("scene", "model.safetensors", "--seed", "1", "-o", "a.json").exit_code == 0
    found = invoke("directions", "a.json", "--region", "box:0,-0.5,2,1", "--method", method)
    assert found.exit_code == 0, found.output
    assert invoke("edit", "a.json", "--along", "directions.safetensors:0:1").exit_code == 0
    assert invoke("render", "a.json", "-o", "a.png").exit_code == 0
    before, after = (
        np.array(Image.open(tmp_path / name)).astype(float) for name in ("a.png", "a_edited.png")
    )
    change = ((after - before) ** 2).sum(axis=2)
    assert change.any()
    if method == "resefa":
        assert change[:, :8].mean() > 2 * change[:, 8:].mean()
