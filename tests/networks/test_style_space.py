"""Style space: a change of channels is a change of the scales after the affine maps, and of nothing else."""

from dataclasses import replace

import pytest
import torch

from spatialgan.heatmaps.samplers import SAMPLERS
from spatialgan.networks.encoding import ENCODINGS
from spatialgan.networks.generator import (
    Generator,
    GeneratorConfig,
    SynthesisInputs,
    draw_noise,
)
from spatialgan.networks.released import Conventions, released_generator
from spatialgan.networks.style_space import convolution_affines, style_channels, synthesize
from spatialgan.rng import generator_for


def model_and_inputs(encoding, sampler_name):
    sampler = SAMPLERS[sampler_name]()
    config = GeneratorConfig(
        resolution=16,
        channel_base=128,
        channel_max=16,
        z_dim=8,
        w_dim=8,
        mapping_layers=2,
        heatmap_channels=sampler.heatmap_channels,
        encoding=ENCODINGS[encoding](),
    )
    torch.manual_seed(0)
    generator = Generator(config).requires_grad_(False)
    draws = generator_for(0, "test", 0)
    layout = sampler(1, draws)
    ws = generator.styles(torch.randn(1, *config.z_shape, generator=draws), layout)
    return generator, SynthesisInputs(ws, layout, draw_noise(config, 1, draws))


def test_channels_are_those_of_each_convolution_s_input():
    generator, _ = model_and_inputs("none", "none")
    affines = convolution_affines(generator.synthesis)
    assert style_channels(generator.config) == [len(affine.bias) for affine in affines]
    assert len(set(style_channels(generator.config))) > 1  # narrow ones too


def test_a_change_is_a_change_of_the_affine_maps_biases():
    generator, inputs = model_and_inputs("norm", "hierarchical")
    channels = style_channels(generator.config)
    change = torch.randn(1, len(channels), max(channels))
    changed = synthesize(generator.synthesis, replace(inputs, channels=change))
    affines = convolution_affines(generator.synthesis)
    for affine, shift in zip(affines, change[0], strict=True):
        affine.bias += shift[: len(affine.bias)]
    expected = generator.synthesis(inputs.ws, inputs.layout, inputs.noise)
    torch.testing.assert_close(changed, expected, rtol=1e-4, atol=1e-4)


def test_released_networks_have_a_style_space_too():
    ours, inputs = model_and_inputs("none", "none")
    torch.manual_seed(0)
    released = released_generator(ours.config, Conventions(clamp=256.0)).requires_grad_(False)
    channels = style_channels(released.config)
    change = torch.randn(1, len(channels), max(channels))
    changed = synthesize(released.synthesis, replace(inputs, channels=change))
    for affine, shift in zip(convolution_affines(released.synthesis), change[0], strict=True):
        affine.bias += shift[: len(affine.bias)]
    expected = released.synthesis(inputs.ws, inputs.layout, inputs.noise)
    torch.testing.assert_close(changed, expected, rtol=1e-4, atol=1e-4)


def test_each_object_s_scales_change_alone():
    """The background's are the bias; all objects' together are the bias that they share."""
    generator, inputs = model_and_inputs("style", "multi_object")
    channels = style_channels(generator.config)
    shift = torch.randn(len(channels), max(channels))
    affines = convolution_affines(generator.synthesis)
    for codes, name in (((0,), "bias"), ((1, 2, 3), "object_bias")):
        change = torch.zeros(1, len(channels), 4, max(channels))
        change[0, :, list(codes)] = shift[:, None]
        changed = synthesize(generator.synthesis, replace(inputs, channels=change))
        for sign in (1, -1):
            for affine, part in zip(affines, shift, strict=True):
                bias = getattr(affine, name)
                bias += sign * part[: len(bias)]
            if sign == 1:
                expected = generator.synthesis(inputs.ws, inputs.layout, inputs.noise)
        torch.testing.assert_close(changed, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("encoding", "sampler"), [("norm", "hierarchical"), ("style", "multi_object")]
)
def test_no_change_is_the_same_bits(encoding, sampler):
    generator, inputs = model_and_inputs(encoding, sampler)
    before = {name: weight.clone() for name, weight in generator.state_dict().items()}
    plain = generator.synthesis(inputs.ws, inputs.layout, inputs.noise)
    assert torch.equal(synthesize(generator.synthesis, inputs), plain)
    channels = style_channels(generator.config)
    change = torch.ones(1, len(channels), *inputs.ws.shape[2:-1], max(channels))
    assert not torch.equal(synthesize(generator.synthesis, replace(inputs, channels=change)), plain)
    assert all(torch.equal(before[name], weight) for name, weight in generator.state_dict().items())
