"""Networks that ours cannot compute are refused, in a line that names the part and what is wrong with it."""

import pytest
import torch

from spatialgan.imports.generators import find_channels
from spatialgan.imports.model import import_discriminator, import_generator
from tests.imports import checkpoints
from tests.imports.checkpoints import W, write_checkpoint


def part_of(network, path):
    for name in path.split(".") if path else ():
        network = network[name]
    return network


def attribute(path, name, value):
    return lambda network: part_of(network, path).state.update({name: value})


def replacement(path, name, part):
    return lambda network: part_of(network, path).state["_modules"].update({name: part()})


def number(path, tensor, index, value):
    def change(network):
        with torch.no_grad():
            part_of(network, path)[tensor][index] = value

    return change


def removal(path, section, name):
    return lambda network: part_of(network, path).state[section].pop(name)


def doubled(network):
    blocks = network["synthesis"].state["_modules"]
    blocks["b32"] = blocks["b16"]


def extra(network):
    layer = network["synthesis"]["b8"]["conv0"]
    layer.state["_parameters"]["more"] = checkpoints.normal(3)


GENERATORS = {
    "G_ema is conditioned on class labels": attribute("", "c_dim", 10),
    "img_channels is 1, but only 3": attribute("", "img_channels", 1),
    "img_resolution must be a whole number from 8 to 1024": attribute(
        "", "img_resolution", 1 << 40
    ),
    "img_resolution is 24, but must be a power of 2": attribute("", "img_resolution", 24),
    "num_layers must be a whole number": attribute("mapping", "num_layers", 10**9),
    "synthesis.b8: architecture is 'resnet', but only 'skip'": attribute(
        "synthesis.b8", "architecture", "resnet"
    ),
    "mapping.fc1: activation is 'relu', but only 'lrelu'": attribute(
        "mapping.fc1", "activation", "relu"
    ),
    "mapping.fc1: weight_gain is not a number": attribute("mapping.fc1", "weight_gain", "much"),
    "synthesis.b8.conv0: conv_clamp is 1, but only None": attribute(
        "synthesis.b8.conv0", "conv_clamp", 1
    ),
    "synthesis.b8.conv0: use_noise is a list": attribute("synthesis.b8.conv0", "use_noise", []),
    "synthesis.b8.conv0: resample_filter is not": number(
        "synthesis.b8.conv0", "resample_filter", 0, 1.0
    ),
    "synthesis.b4.conv1.bias has values that are not finite": number(
        "synthesis.b4.conv1", "bias", 0, float("nan")
    ),
    "mapping.fc1.weight has the shape (13, 12), not (12, 12)": replacement(
        "mapping", "fc1", lambda: checkpoints.linear(W, W + 1, "lrelu", 0.01)
    ),
    "channels that don't follow one rule: 8 at 4, 5 at 8, 4 at 16": replacement(
        "synthesis.b8", "conv1", lambda: checkpoints.styled(5, 5, 8, None, {})
    ),
    "synthesis has no part b8": removal("synthesis", "_modules", "b8"),
    "G_ema has no part mapping": removal("", "_modules", "mapping"),
    "mapping has no tensor w_avg": removal("mapping", "_buffers", "w_avg"),
    "synthesis has no block of 4 pixels: not a StyleGAN2": attribute("synthesis", "_modules", {}),
    "_modules is not a dictionary": attribute("synthesis", "_modules", []),
    "synthesis.b8.conv0.more has no place in our networks": extra,
    "b32 appears twice": doubled,
}
DISCRIMINATORS = {
    "D is conditioned on class labels": attribute("", "c_dim", 10),
    "D.b8: architecture is 'skip', but only 'resnet'": attribute("b8", "architecture", "skip"),
    "group_size must be a whole number": attribute("b4.mbstd", "group_size", None),
    "num_channels is 2, but only 1": attribute("b4.mbstd", "num_channels", 2),
    "D.b8.conv1: conv_clamp is 3": attribute("b8.conv1", "conv_clamp", 3),
    "D has no part b4": removal("", "_modules", "b4"),
    "D.b16.skip has no tensor weight": removal("b16.skip", "_parameters", "weight"),
}


def refusal(function, tmp_path, **networks):
    path = write_checkpoint(tmp_path / "network.pkl", **networks)
    with pytest.raises(ValueError) as caught:
        function(path, tmp_path / "out.safetensors")
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    assert not (tmp_path / "out.safetensors").exists()
    return str(caught.value)


@pytest.mark.parametrize("message", GENERATORS)
def test_a_generator_that_ours_cannot_compute_is_refused(tmp_path, message):
    network = checkpoints.generator()
    GENERATORS[message](network)
    assert message in refusal(import_generator, tmp_path, G_ema=network)


@pytest.mark.parametrize("message", DISCRIMINATORS)
def test_a_discriminator_that_ours_cannot_compute_is_refused(tmp_path, message):
    network = checkpoints.discriminator()
    DISCRIMINATORS[message](network)
    assert message in refusal(import_discriminator, tmp_path, D=network)


def test_a_checkpoint_without_the_network_is_refused(tmp_path):
    found = refusal(import_generator, tmp_path, G=checkpoints.generator())
    assert "has no network G_ema" in found
    assert "has no network D" in refusal(import_discriminator, tmp_path, D=None)


def test_channels_follow_from_a_base_and_a_largest_number():
    for base, largest in ((16384, 512), (1000, 64), (100, 512)):
        widths = {r: min(base // r, largest) for r in (4, 8, 16, 32)}
        found = find_channels(widths, "")
        assert widths == {r: min(found[0] // r, found[1]) for r in widths}
