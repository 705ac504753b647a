"""Networks: the operations against naive versions, the invariants StyleGAN2 promises, every encoding."""

import pytest
import torch
import torch.nn.functional as F

from spatialgan.heatmaps.samplers import SAMPLERS
from spatialgan.networks import ops
from spatialgan.networks.discriminator import Discriminator, DiscriminatorConfig, minibatch_std
from spatialgan.networks.encoding import ENCODINGS, NormEncoding
from spatialgan.networks.generator import Generator, GeneratorConfig, draw_noise
from spatialgan.networks.layers import Linear
from spatialgan.networks.modulation import (
    DEMODULATIONS,
    ObjectLinear,
    ObjectMaps,
    ObjectModulation,
    ObjectStyles,
    quadratic_form,
)
from spatialgan.rng import generator_for

SMALL = {"resolution": 16, "channel_base": 128, "channel_max": 8}


def make_generator(encoding="none", sampler="hierarchical", **fields):
    layout_sampler = SAMPLERS[sampler]()
    config = GeneratorConfig(
        **SMALL,
        z_dim=8,
        w_dim=8,
        mapping_layers=2,
        heatmap_channels=layout_sampler.heatmap_channels,
        encoding=ENCODINGS[encoding](**fields),
    )
    torch.manual_seed(0)
    return Generator(config), layout_sampler


def inputs(generator, sampler, num=2, seed=0):
    draws = generator_for(seed, "test", 0)
    z = torch.randn(num, *generator.config.z_shape, generator=draws)
    return z, sampler(num, draws), draw_noise(generator.config, num, draws)


def sampler_of(name):
    """Return the name of a sampler that an encoding can be trained with."""
    return {"none": "none", "style": "multi_object"}.get(name, "hierarchical")


def naive_upfirdn(x, up, down, pad):
    """Zero-insertion, padding, [1, 3, 3, 1] filter, decimation, as the StyleGAN2 paper describes."""
    n, c, h, w = x.shape
    zeros = x.new_zeros(n, c, h * up, w * up)
    zeros[:, :, ::up, ::up] = x
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype)
    kernel = torch.outer(taps, taps) / 64 * up**2
    out = F.conv2d(F.pad(zeros, pad), kernel.expand(c, 1, 4, 4), groups=c)
    return out[:, :, ::down, ::down]


def test_upsampling_is_the_1331_filter_inside_the_border():
    x = torch.randn(2, 3, 8, 8)
    expected = naive_upfirdn(x, up=2, down=1, pad=(2, 1, 2, 1))
    assert torch.allclose(ops.upsample(x)[:, :, 2:-2, 2:-2], expected[:, :, 2:-2, 2:-2], atol=1e-6)


def test_downsampling_is_the_1331_filter():
    x = torch.randn(2, 3, 8, 8)
    assert torch.allclose(
        ops.downsample(x), naive_upfirdn(x, up=1, down=2, pad=(1, 1, 1, 1)), atol=1e-6
    )


def test_both_ways_of_downsampling_agree():
    x = torch.randn(2, 3, 16, 16).contiguous(memory_format=torch.channels_last)
    assert torch.allclose(ops.downsample_by_matmul(x), ops.downsample(x), atol=1e-6)
    assert ops.downsample(x.bfloat16()).dtype == torch.bfloat16


def test_upsampling_convolution_is_insertion_convolution_and_blur():
    x, weight = torch.randn(2, 3, 4, 4), torch.randn(5, 3, 3, 3)
    zeros = torch.zeros(2, 3, 11, 11)  # zero insertion, and room for the 3x3 kernel's full extent
    zeros[:, :, 2:9:2, 2:9:2] = x
    full = F.conv2d(zeros, weight.flip(2, 3))
    expected = F.conv2d(full, ops.blur_kernel(5, 4.0, x.dtype, x.device), padding=1, groups=5)
    assert torch.allclose(ops.conv_up(x, weight), expected, atol=1e-5)


def test_resampling_keeps_the_position_of_a_blob():
    """A center of mass must stay at the same half-pixel coordinate through up- and downsampling."""
    positions = {r: (2 * torch.arange(r) + 1) / r - 1 for r in (8, 16, 32)}
    x = torch.zeros(1, 1, 16, 16)
    x[0, 0, 5, 9] = 1.0

    def center(image):
        mass, p = image[0, 0] / image.sum(), positions[image.shape[-1]]
        return torch.stack([(mass.sum(1) * p).sum(), (mass.sum(0) * p).sum()])

    for resized in (ops.upsample(x), ops.downsample(x)):
        assert torch.allclose(center(resized), center(x), atol=1e-5)


@pytest.mark.parametrize("function", [ops.upsample, ops.downsample, ops.downsample_by_matmul])
def test_resampling_is_differentiable_twice(function):
    x = torch.randn(1, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, x)
    assert torch.autograd.gradgradcheck(function, x)


def test_convolutions_are_differentiable_twice():
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(2, dtype=torch.float64, requires_grad=True)
    style = torch.randn(1, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(ops.conv_up, (x, weight))
    assert torch.autograd.gradgradcheck(ops.conv_down, (x, weight, bias))
    assert torch.autograd.gradgradcheck(lambda w, s: ops.demodulation(w, s), (weight, style))


def test_demodulated_convolution_has_unit_variance():
    torch.manual_seed(0)
    x, weight = torch.randn(64, 32, 8, 8), torch.randn(16, 32, 3, 3)
    style = 1 + 2 * torch.randn(64, 32).abs()
    y = F.conv2d(ops.modulate(x, style), weight)
    y = ops.modulate(y, ops.demodulation(weight, style))
    assert abs(y.var().item() - 1) < 0.02


def test_equalized_layers_start_with_unit_variance_and_scaled_learning_rate():
    torch.manual_seed(0)
    layer = Linear(512, 512, lr_multiplier=0.01)
    y = layer(torch.randn(256, 512))
    assert abs(y.var().item() - 1) < 0.05
    assert abs(layer.weight.std().item() - 100) < 2


def test_minibatch_std_depends_on_runs_of_samples_only():
    x = torch.randn(8, 3, 4, 4)
    whole = minibatch_std(x, 4)
    halves = torch.cat([minibatch_std(x[:4], 4), minibatch_std(x[4:], 4)])
    assert torch.equal(whole, halves)
    assert torch.allclose(
        minibatch_std(x[:1].expand(4, -1, -1, -1), 4), torch.tensor(1e-4), atol=1e-6
    )
    with pytest.raises(ValueError, match="a batch of 6 cannot be split"):
        minibatch_std(x[:6], 4)


def test_discriminator_returns_features_by_resolution():
    d = Discriminator(DiscriminatorConfig(**SMALL, mbstd_group_size=2))
    logits, features = d(torch.randn(4, 3, 16, 16))
    assert logits.shape == (4,)
    assert {r: f.shape[-1] for r, f in features.items()} == {16: 16, 8: 8, 4: 4}


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_encoding_makes_images_and_all_its_parameters_learn(name):
    g, sampler = make_generator(name, sampler_of(name))
    z, layout, noise = inputs(g, sampler)
    images = g(z, layout, noise)
    assert images.shape == (2, 3, 16, 16)
    (images * torch.randn_like(images)).sum().backward()
    idle = [n for n, p in g.named_parameters() if p.grad is None]
    assert idle == []  # an unused parameter breaks distributed training, as in the predecessor


@pytest.mark.parametrize(
    ("name", "fields"),
    [(name, {}) for name in ENCODINGS if name != "none"]
    + [(name, {"processing": "fine"}) for name in ("norm", "concat")],
)
def test_heatmaps_change_the_image_and_only_of_their_sample(name, fields):
    g, sampler = make_generator(name, sampler_of(name), **fields)
    z, layout, noise = inputs(g, sampler)
    _, other, _ = inputs(g, sampler, seed=1)
    mixed = type(layout).cat([layout[:1], other[1:]])
    before, after = g(z, layout, noise), g(z, mixed, noise)
    assert torch.allclose(before[0], after[0], atol=1e-5)
    assert (before[1] - after[1]).abs().max() > 1e-3


def test_no_encoding_ignores_heatmaps():
    g, sampler = make_generator("none", "hierarchical")
    z, layout, noise = inputs(g, sampler)
    _, other, _ = inputs(g, sampler, seed=1)
    assert torch.equal(g(z, layout, noise), g(z, other, noise))


def test_compat_encoding_sits_everywhere_and_sees_all_levels_above_16():
    config = GeneratorConfig(
        resolution=32,
        channel_base=256,
        channel_max=8,
        z_dim=8,
        w_dim=8,
        heatmap_channels=(1, 2, 4),
        encoding=NormEncoding(("conv", "rgb"), 1024, "fine", grid="corners"),
    )
    g = Generator(config)
    layouts = SAMPLERS["hierarchical"]()(2, generator_for(0, "test", 0))
    blocks = g.synthesis.blocks
    assert [len(b.encode_conv) for b in blocks] == [1, 2, 2, 2]
    assert [len(b.encode_rgb) for b in blocks] == [1, 1, 1, 1]
    projected = [g.synthesis.projector(layouts, r, 4, torch.float32) for r in (4, 8, 16, 32)]
    assert [maps.shape[1] for maps in projected] == [32, 32, 32, 96]


def test_gradients_reach_the_centers_of_a_layout():
    g, sampler = make_generator("norm")
    z, layout, noise = inputs(g, sampler)
    layout.levels[0].centers.requires_grad_()
    g(z, layout, noise).square().sum().backward()
    assert layout.levels[0].centers.grad.abs().min() > 0


def test_bf16_follows_fp32():
    g, sampler = make_generator("norm")
    z, layout, noise = inputs(g, sampler)
    wide, narrow = g(z, layout, noise), g(z, layout, noise, torch.bfloat16)
    assert narrow.dtype == torch.float32
    assert (wide - narrow).abs().mean() < 0.05 * wide.std()


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        (
            "norm",
            {"processing": "medium"},
            "unknown heatmap processing 'medium': choose one of coarse, fine",
        ),
        ("concat", {"places": ("skip",)}, "unknown encoding place 'skip'"),
        ("norm", {"kernel_size": 4}, "kernel_size must be odd, not 4"),
        ("norm", {"dilation": 0}, "dilation must be 1 or more, not 0"),
        ("style", {"demodulation": "none"}, "unknown demodulation 'none': choose one of local, ex"),
    ],
)
def test_unknown_values_of_an_encoding_are_named(name, fields, message):
    with pytest.raises(ValueError, match=message):
        ENCODINGS[name](**fields)


def modulation_of(demodulation, num=2):
    """Return a modulation of 12 channels by 3 objects at their usual sizes, for the first `num` of 2 samples."""
    draws = torch.Generator().manual_seed(0)
    layout = SAMPLERS["multi_object"]()(2, draws)
    places = ObjectMaps(layout[:num], "half_pixel")
    codes = torch.randn(2, 4, 12, generator=draws)[:num]
    codes[:, 0] += 1
    return ObjectModulation(codes, places, demodulation)


def test_scales_are_the_background_plus_objects_times_heatmaps():
    draws = torch.Generator().manual_seed(0)
    layout = SAMPLERS["multi_object"]()(2, draws)
    affine = ObjectLinear(8, 12, bias_init=1.0, object_std=0.5)
    w = torch.randn(2, 4, 8, generator=draws)
    styles = ObjectStyles(w, ObjectMaps(layout, "half_pixel"), "local")
    scales = styles.through(affine).scales(16)
    linear = w @ (affine.weight * affine.weight_gain).T
    styles_of_objects = linear[:, 1:] + affine.object_bias
    objects = torch.einsum("nkc,nkhw->nchw", styles_of_objects, layout.render(0, 16))
    torch.testing.assert_close(scales, (linear[:, 0] + 1)[:, :, None, None] + objects)


@pytest.mark.parametrize("demodulation", [name for name in DEMODULATIONS if name != "rms"])
def test_absent_objects_leave_stylegan2(demodulation):
    """Without any heatmap, encoding `style` is the plain generator of the background's code."""
    g, sampler = make_generator("style", "multi_object", demodulation=demodulation)
    plain, _ = make_generator("none", "none")
    missing, unexpected = plain.load_state_dict(g.state_dict(), strict=False)
    assert not missing and all(key.endswith("affine.object_bias") for key in unexpected)
    z, layout, noise = inputs(g, sampler)
    layout.levels[0].presence.zero_()
    expected = plain(z[:, 0], SAMPLERS["none"]()(2, generator_for(0, "x", 0)), noise)
    torch.testing.assert_close(g(z, layout, noise), expected, rtol=1e-4, atol=1e-4)


def test_objects_can_be_renumbered():
    g, sampler = make_generator("style", "multi_object")
    z, layout, noise = inputs(g, sampler)
    level, order = layout.levels[0], [2, 0, 1]
    shuffled = type(level)(
        level.centers[:, order], level.sigmas[:, order], level.presence[:, order]
    )
    codes = torch.cat([z[:, :1], z[:, 1:][:, order]], dim=1)
    images = g(codes, type(layout)((shuffled,), 2), noise)
    torch.testing.assert_close(images, g(z, layout, noise), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("object_bias", "rest"), [(1.0, 0.1), (3.0, 0.5)])
def test_an_object_s_style_changes_the_image_at_its_heatmap_most(object_bias, rest):
    g, sampler = make_generator("style", "multi_object", object_bias=object_bias)
    z, layout, noise = inputs(g, sampler, num=64)
    level = layout.levels[0]
    level.centers[:, 0], level.sigmas[:, 0] = torch.tensor([-0.5, 0.5]), 0.3
    other = z.clone()
    other[:, 1] = z.flip(0)[:, 1]
    change = (g(other, layout, noise) - g(z, layout, noise)).abs().mean(dim=(0, 1))
    heatmap = level.render(16)[0, 0]
    assert change[heatmap > 0.5].mean() > 4 * change[heatmap <= rest].mean()


def test_objects_show_from_the_start_whatever_their_styles():
    """Averaged over styles, an image still depends on where its objects are."""
    draws = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    w = torch.randn(512, 2, 64, generator=draws)
    means = {
        std: ObjectLinear(64, 32, bias_init=1.0, object_std=std).codes(w)[:, 1].mean(dim=0).std()
        for std in (0.0, 1.0)
    }
    assert means[1.0] > 5 * means[0.0]


def test_quadratic_form_is_the_sum_over_channels():
    modulation, weight = modulation_of("local"), torch.randn(5, 12, 3, 3)
    energy = weight.square().sum(dim=(2, 3))
    expected = torch.einsum("oi,nihw->nohw", energy, modulation.scales(16).square())
    torch.testing.assert_close(quadratic_form(modulation, weight, 16), expected)
    (few,) = {len(DEMODULATIONS["local"](modulation, weight, 16))}  # 10 products < 12 channels
    assert few == 2
    narrow = ObjectModulation(modulation.codes[:, :, :6], modulation.places, "local")
    expected = torch.einsum("oi,nihw->nohw", energy[:, :6], narrow.scales(16).square())
    torch.testing.assert_close(
        DEMODULATIONS["local"](narrow, weight[:, :6], 16), torch.rsqrt(expected + 1e-8)
    )


@pytest.mark.parametrize(("demodulation", "spread"), [("exact", 0.02), ("local", 0.2)])
def test_demodulation_gives_unit_variance_per_pixel(demodulation, spread):
    """Variance over 4000 draws of unit noise, inside the border, under one strong, steep style."""
    torch.manual_seed(0)
    one = modulation_of(demodulation, num=1)
    num, weight = 4000, torch.randn(1, 12, 3, 3)
    y = F.conv2d(one.scales(16) * torch.randn(num, 12, 16, 16), weight, padding=1)
    y = y * DEMODULATIONS[demodulation](one, weight, 16)
    std = y.std(dim=0)[0, 2:-2, 2:-2]
    assert (std - 1).abs().max() < 0.05 + spread


def test_mean_and_rms_demodulation_ignore_where_objects_are():
    weight = torch.randn(5, 12, 3, 3)
    for name in ("mean", "rms"):
        assert DEMODULATIONS[name](modulation_of(name), weight, 16).shape[2:] == (1, 1)
    scaled = modulation_of("rms").modulate(torch.ones(2, 12, 16, 16))
    torch.testing.assert_close(scaled.square().mean(dim=1), torch.ones(2, 16, 16))


def test_style_codes_need_heatmaps_of_one_level():
    with pytest.raises(ValueError, match="needs heatmaps of one level, not 3: .* multi_object"):
        make_generator("style", "hierarchical")


def test_gradients_reach_the_centers_through_styles():
    g, sampler = make_generator("style", "multi_object")
    z, layout, noise = inputs(g, sampler)
    layout.levels[0].centers.requires_grad_()
    g(z, layout, noise).square().sum().backward()
    assert layout.levels[0].centers.grad.abs().min() > 0


@pytest.mark.parametrize("name", ENCODINGS)
def test_features_are_what_the_blocks_above_are_fed(name):
    """RGB of the last block's features is the image's last part; blocks above are never run."""
    g, sampler = make_generator(name, sampler_of(name))
    z, layout, noise = inputs(g, sampler)
    ws, synthesis = g.styles(z, layout), g.synthesis
    last = synthesis.features(ws, layout, noise, 16)
    assert last.shape == (2, 8, 16, 16)
    styles = g.config.parts.styles(ws, layout)
    rgb = synthesis.blocks[-1].to_rgb(last, styles[-1])
    image = synthesis(ws, layout, noise)
    for parameter in synthesis.blocks[-1].to_rgb.parameters():
        parameter.data.zero_()
    torch.testing.assert_close(image - synthesis(ws, layout, noise), rgb, rtol=0, atol=1e-5)
    below = synthesis.features(ws, layout, noise, 8)
    for parameter in synthesis.blocks[-1].parameters():
        parameter.data.fill_(float("nan"))
    assert torch.equal(synthesis.features(ws, layout, noise, 8), below)
    with pytest.raises(ValueError, match="unknown feature resolution 5: choose one of 4, 8, 16"):
        synthesis.features(ws, layout, noise, 5)
