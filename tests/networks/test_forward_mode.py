"""Forward mode: every operation that a generator is made of has a forward derivative, and the right one."""

import pytest
import torch
from torch.autograd import forward_ad, gradcheck
from torch.func import jacfwd, jacrev, jvp

from spatialgan.heatmaps.samplers import SAMPLERS
from spatialgan.networks import ops
from spatialgan.networks.encoding import ENCODINGS, SelConcat, SelNorm
from spatialgan.networks.generator import (
    Generator,
    GeneratorConfig,
    Mapping,
    draw_noise,
)
from spatialgan.networks.layers import Conv, ConvAct, ConvDownAct, Linear, LinearAct
from spatialgan.networks.modulation import (
    DEMODULATIONS,
    ObjectLinear,
    ObjectMaps,
    ObjectModulation,
    UniformModulation,
    UniformStyles,
)
from spatialgan.networks.projector import HeatmapProjector, Projection
from spatialgan.networks.styled import StyledConv, StyledConvUp, ToRGB
from spatialgan.rng import generator_for

CHANNELS = 4


def has_forward_mode(function, *inputs):
    """Check first derivatives of both modes against differences, forward ones in batches too."""
    return gradcheck(
        function,
        tuple(x.double().requires_grad_() for x in inputs),
        check_forward_ad=True,
        check_batched_forward_grad=True,
        check_undefined_grad=False,
    )


def modes_agree(function, *inputs):
    """Check forward derivatives against backward ones, for what computes in fp32 whatever comes in."""
    reverse = torch.autograd.functional.jacobian(function, inputs)
    for index, expected in enumerate(reverse):
        forward = jacfwd(function, argnums=index)(*inputs)
        assert expected.abs().max() > 0.01
        torch.testing.assert_close(forward, expected, rtol=1e-5, atol=1e-5)


def maps(channels=CHANNELS, size=4, seed=0):
    return torch.randn(1, channels, size, size, generator=torch.Generator().manual_seed(seed))


def layout_of(sampler, num=1):
    layout = SAMPLERS[sampler]()(num, torch.Generator().manual_seed(0))
    levels = [type(g)(*(x.double() for x in vars(g).values())) for g in layout.levels]
    return type(layout)(tuple(levels), num)


WEIGHT = maps(3, 3, seed=1).transpose(0, 1).expand(3, 5, 3, 3).transpose(0, 1).double()
OPERATIONS = {
    "lrelu": (lambda x: ops.lrelu(x * 1), maps()),
    "upsample": (ops.upsample, maps()),
    "downsample": (ops.downsample, maps()),
    "conv_down": (lambda x: ops.conv_down(x, WEIGHT, WEIGHT[:, 0, 0, 0]), maps(3)),
    "conv_up": (lambda x: ops.conv_up(x, WEIGHT), maps(3)),
    "demodulation": (lambda s: ops.demodulation(WEIGHT, s), maps(3, 1).flatten(1)),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_have_forward_derivatives(name):
    assert has_forward_mode(*OPERATIONS[name])


def test_modulation_has_a_forward_derivative_by_maps_and_by_scales():
    assert has_forward_mode(ops.modulate, maps(), maps(size=1, seed=1).flatten(1))


LAYERS = {
    "Linear": (lambda: Linear(CHANNELS, 3), maps(size=1).flatten(1)),
    "LinearAct": (lambda: LinearAct(CHANNELS, 3), maps(size=1).flatten(1)),
    "Conv": (lambda: Conv(CHANNELS, 3), maps()),
    "ConvAct": (lambda: ConvAct(CHANNELS, 3, dilation=2), maps()),
    "ConvDownAct": (lambda: ConvDownAct(CHANNELS, 3), maps()),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_have_forward_derivatives(name):
    make, x = LAYERS[name]
    torch.manual_seed(0)
    assert has_forward_mode(make().double(), x)


def test_the_mapping_network_has_a_forward_derivative():
    config = GeneratorConfig(resolution=8, z_dim=6, w_dim=4, mapping_layers=2)
    torch.manual_seed(0)
    mapping = Mapping(config).double()
    z = torch.randn(2, 6, generator=torch.Generator().manual_seed(0))
    assert has_forward_mode(lambda z: mapping(z, z[:, :0]), z)


@pytest.mark.parametrize("layer", [SelNorm, SelConcat])
def test_encodings_have_forward_derivatives_by_maps_and_by_heatmaps(layer):
    torch.manual_seed(0)
    encode = layer(CHANNELS, 3)
    modes_agree(encode, maps(), maps(3, seed=1).abs())


@pytest.mark.parametrize("processing", ["coarse", "fine"])
@pytest.mark.parametrize("grid", ["half_pixel", "corners"])
def test_projected_heatmaps_have_forward_derivatives_by_the_centers(processing, grid):
    layout = layout_of("hierarchical")
    projection = Projection(processing=processing, grid=grid)
    torch.manual_seed(0)
    projector = HeatmapProjector(projection, (1, 2, 4), 8).double()

    def project(centers):
        level = layout.levels[1]
        moved = type(level)(centers, level.sigmas, level.presence)
        levels = (layout.levels[0], moved, layout.levels[2])
        return projector(type(layout)(levels, 1), 8, 4, torch.float64)[:, :4]

    assert has_forward_mode(project, layout.levels[1].centers)


@pytest.mark.parametrize("layer", [StyledConv, StyledConvUp])
def test_styled_convolutions_have_forward_derivatives_by_maps_and_by_styles(layer):
    torch.manual_seed(0)
    convolve = layer(CHANNELS, 3, Linear(5, CHANNELS, bias_init=1.0)).double()
    convolve.noise_strength.data.fill_(0.3)
    noise = maps(1, 8 if layer is StyledConvUp else 4).double()
    assert has_forward_mode(
        lambda x, w: convolve(x, UniformStyles(w), noise), maps(), maps(5, 1).flatten(1)
    )


def test_rgb_has_a_forward_derivative_by_maps_and_by_styles():
    torch.manual_seed(0)
    to_rgb = ToRGB(CHANNELS, Linear(5, CHANNELS, bias_init=1.0))
    x, w = maps(), maps(5, 1).flatten(1)
    modes_agree(lambda x, w: to_rgb(x, UniformStyles(w)), x, w)


@pytest.mark.parametrize("demodulation", DEMODULATIONS)
@pytest.mark.parametrize("channels", [CHANNELS, 12])  # fewer and more than the codes' products
def test_object_styles_have_forward_derivatives_by_codes(demodulation, channels):
    places = ObjectMaps(layout_of("multi_object"), "half_pixel")
    weight = torch.randn(3, channels, 3, 3, generator=torch.Generator().manual_seed(1)).double()
    x = maps(channels).double()
    codes = 0.3 * torch.randn(1, 4, channels, generator=torch.Generator().manual_seed(2))
    codes[:, 0] += 1

    def both(codes):
        modulation = ObjectModulation(codes, places, demodulation)
        brought_back = modulation.demodulate(x[:, :3], weight, 2.0**0.5)
        return torch.cat([modulation.modulate(x), brought_back], dim=1)

    assert has_forward_mode(both, codes)


def test_the_affine_map_of_several_codes_has_a_forward_derivative():
    torch.manual_seed(0)
    affine = ObjectLinear(5, 3, bias_init=1.0, object_std=1.0).double()
    w = torch.randn(1, 4, 5, generator=torch.Generator().manual_seed(0))
    assert has_forward_mode(affine.codes, w)


def test_uniform_demodulation_has_a_forward_derivative_by_scales():
    x = maps(5).double()
    assert has_forward_mode(
        lambda s: UniformModulation(s).demodulate(x, WEIGHT, 2.0**0.5), maps(3, 1).flatten(1)
    )


CASES = [(name, {}) for name in ENCODINGS]
CASES += [(name, {"processing": "fine"}) for name in ("norm", "concat")]
CASES += [("style", {"demodulation": name}) for name in DEMODULATIONS if name != "local"]


@pytest.mark.parametrize(("encoding", "fields"), CASES)
def test_both_modes_give_the_same_jacobian_of_an_image(encoding, fields):
    """By the styles of all layers, 16 px, fp32: an error of at most 1e-5 of the largest derivative."""
    sampler = SAMPLERS[{"none": "none", "style": "multi_object"}.get(encoding, "hierarchical")]()
    config = GeneratorConfig(
        resolution=16,
        channel_base=128,
        channel_max=8,
        z_dim=8,
        w_dim=8,
        mapping_layers=2,
        heatmap_channels=sampler.heatmap_channels,
        encoding=ENCODINGS[encoding](**fields),
    )
    torch.manual_seed(0)
    generator = Generator(config).requires_grad_(False)
    draws = generator_for(0, "test", 0)
    z = torch.randn(1, *config.z_shape, generator=draws)
    layout, noise = sampler(1, draws), draw_noise(config, 1, draws)
    ws = generator.styles(z, layout).contiguous()

    def image(ws):
        return generator.synthesis(ws, layout, noise)

    forward = jacfwd(image)(ws)
    reverse = jacrev(image, chunk_size=64)(ws)
    assert (forward - reverse).abs().max() <= 1e-5 * reverse.abs().max().clamp(min=1)
    tangent = torch.randn(ws.shape, generator=draws)
    with forward_ad.dual_level():
        dual = forward_ad.unpack_dual(image(forward_ad.make_dual(ws, tangent))).tangent
    torch.testing.assert_close(dual, (reverse * tangent).flatten(4).sum(-1), rtol=1e-4, atol=1e-4)


def test_constants_made_inside_a_transform_or_inference_mode_are_plain_tensors():
    x = torch.randn(1, 7, 8, 8)  # channels that no other test has
    jvp(ops.downsample, (x,), (x,))
    with torch.inference_mode():
        ops.conv_up(x, torch.randn(11, 7, 3, 3))
    for kernel in (
        ops.blur_kernel(7, 1.0, x.dtype, x.device),
        ops.blur_kernel(11, 4.0, x.dtype, x.device),
    ):
        assert kernel.data_ptr() and not kernel.is_inference()  # a wrapper has no memory of its own
    x.requires_grad_()
    ops.downsample(x).sum().backward()
