"""Snapshots and samples: round trip, and images as a function of (seed, index)."""

import pytest
import torch

from spatialgan.files import file_sha256
from spatialgan.networks.generator import GeneratorInputs
from spatialgan.snapshot import (
    draw_samples,
    load_snapshot,
    render,
    sample_images,
    save_snapshot,
    to_uint8,
)
from spatialgan.tensor_file import read_tensors, save_tensors
from spatialgan.training.state import new_state
from tests.tiny import tiny_config, tiny_snapshot


@pytest.fixture(params=["baseline", "spatialgan", "flatten", "gaussian_noise", "impulse"])
def snapshot(request, tmp_path):
    config = tiny_config(request.param)
    state = new_state(config, torch.device("cpu"))
    save_snapshot(tmp_path / "g.safetensors", state.g_ema, config, 64)
    return load_snapshot(tmp_path / "g.safetensors")


def test_a_sample_does_not_depend_on_its_neighbors(snapshot):
    together = draw_samples(snapshot.config, 0, 0, 6)
    alone = draw_samples(snapshot.config, 0, 4, 5)
    assert torch.equal(together.z[4:5], alone.z)
    assert all(torch.equal(a[4:5], b) for a, b in zip(together.noise, alone.noise, strict=True))
    images = sample_images(snapshot, 0, 0, 6).int()
    assert (images[4:5] - sample_images(snapshot, 0, 4, 5).int()).abs().max() <= 1


def test_samples_repeat_and_seeds_differ(snapshot):
    first = sample_images(snapshot, 0, 0, 4)
    assert torch.equal(first, sample_images(snapshot, 0, 0, 4))
    assert not torch.equal(first, sample_images(snapshot, 1, 0, 4))


def test_full_truncation_leaves_one_style(snapshot):
    samples = draw_samples(snapshot.config, 0, 0, 2)
    same = GeneratorInputs(
        samples.z,
        samples.layout[:1].cat([samples.layout[:1]] * 2),
        [m[:1].expand(2, -1, -1, -1) for m in samples.noise],
    )
    images = render(snapshot, same, truncation_psi=0.0)
    assert torch.allclose(images[0], images[1], atol=1e-5)
    images = render(snapshot, same, truncation_psi=1.0)
    assert not torch.allclose(images[0], images[1], atol=1e-5)


def test_a_snapshot_repeats_its_run_and_its_bytes(tmp_path):
    config = tiny_config("spatialgan")
    state = new_state(config, torch.device("cpu"))
    for name in ("a", "b"):
        save_snapshot(tmp_path / name, state.g_ema, config, 8)
    assert file_sha256(tmp_path / "a") == file_sha256(tmp_path / "b")
    loaded = load_snapshot(tmp_path / "a")
    assert loaded.config.identity() == config.identity() and loaded.kimg == 0.008


def test_bytes_cover_the_range():
    values = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0]).view(5, 1, 1, 1).expand(5, 3, 1, 1)
    assert to_uint8(values)[:, 0, 0, 0].tolist() == [0, 0, 128, 255, 255]


def _put(*path, value):
    """Return an edit of a header's identity that puts a value in a place."""

    def edit(header):
        place = header["identity"]
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        lambda header: header.pop("identity"),
        lambda header: header.pop("nimg"),
        lambda header: header.update(identity=[]),
        lambda header: header.update(nimg=-1),
        lambda header: header.update(nimg="8000"),
        lambda header: header.update(conventions={"clamp": "x"}),
        lambda header: header["identity"].pop("sampling"),
        _put("generator", value=None),
        _put("generator", "encoding", value={"name": "none"}),
        _put("generator", "resolution", value=2**62),
        _put("generator", "resolution", value=0),
        _put("generator", "resolution", value="16"),
        _put("generator", "channel_base", value=2**40),
        _put("generator", "channel_max", value=2**19),
        _put("generator", "channel_base", value=1),
        _put("generator", "channel_max", value=None),
        _put("generator", "z_dim", value=0),
        _put("generator", "z_dim", value=2**20),
        _put("generator", "mapping_layers", value=2**20),
        _put("generator", "w_dim", value=[16]),
        _put("generator", "heatmap_channels", value=[2**20]),
        _put("generator", "heatmap_channels", value=3),
        _put("sampling", "center_std", value=0),
        _put("sampling", "spreads", value=[1, 2]),
        _put("sampling", "num_centers", value=[1, 2, "4"]),
        _put("sampling", value={"name": "multi_object", "num_objects": 2**20}),
        _put("alignment", value={"name": "l1", "threshold": "x"}),
        _put("seed", value="0"),
        _put("row", value=3),
    ],
)
def test_a_header_that_describes_no_generator_is_one_line(tmp_path, edit):
    found = read_tensors(tiny_snapshot(tmp_path / "g.safetensors"))
    edit(found.header)
    save_tensors(tmp_path / "x.safetensors", found.tensors, found.header)
    with pytest.raises(
        ValueError, match="x.safetensors: its header describes no generator"
    ) as error:
        load_snapshot(tmp_path / "x.safetensors")
    assert "\n" not in str(error.value)


def test_a_checkpoint_is_no_snapshot(tmp_path):
    save_tensors(tmp_path / "x", {"a": torch.zeros(1)}, {"kind": "checkpoint"})
    with pytest.raises(ValueError, match="is no snapshot of a generator but a checkpoint"):
        load_snapshot(tmp_path / "x")


@pytest.mark.parametrize(
    ("name", "spoil", "said"),
    [
        ("w_avg", lambda t: t * torch.nan, "w_avg has values that are not finite"),
        ("generator.synthesis.const", lambda t: t / 0, "synthesis.const has values that are not"),
        ("generator.synthesis.const", lambda t: t.int(), "synthesis.const holds int32 numbers"),
        ("generator.mapping.layers.0.bias", lambda t: t.bool(), "bias holds bool numbers"),
    ],
)
def test_weights_that_are_no_finite_numbers_are_refused(tmp_path, name, spoil, said):
    path = tiny_snapshot(tmp_path / "g.safetensors")
    found = read_tensors(path)
    assert name in found.tensors
    save_tensors(path, {**found.tensors, name: spoil(found.tensors[name])}, found.header)
    with pytest.raises(ValueError, match=rf"g.safetensors: .*{said}"):
        load_snapshot(path)
