"""GradCAM in closed form: signs, ReLUs, constant weights, and nobody's gradients touched."""

import pytest
import torch
from torch import nn

from spatialgan.attention import RELUS, SIGNS, GradCam

ALL = [(sign, relu) for sign in SIGNS for relu in RELUS]


def features_and_weights() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 5, 4, 4, generator=generator, requires_grad=True)
    return features, torch.randn(5, generator=generator)


def linear_head(features: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return logits whose gradient is weights / 16 at every pixel of a 4 x 4 map."""
    return features.mean(dim=(2, 3)) @ weights


@pytest.mark.parametrize(("sign", "relu"), ALL)
def test_linear_head_has_a_closed_form(sign, relu):
    features, head = features_and_weights()
    logits = linear_head(features, head)
    weights = (head / 16).expand(2, 5)
    if sign == "loss":
        weights = -torch.sigmoid(-logits)[:, None] * weights
    weighted = weights[:, :, None, None] * features
    deviations = weighted - weighted.mean(
        dim=(2, 3), keepdim=True
    )  # the gradient is the same at every pixel
    expected = {
        "per_channel": weighted.relu().sum(1),
        "after_sum": weighted.sum(1).relu(),
        "centered": deviations.relu().sum(1),
        "absolute": weighted.abs().sum(1),
        "deviation": deviations.abs().sum(1),
    }[relu]
    (found,) = GradCam(sign, relu)(logits, [features])
    torch.testing.assert_close(found, expected)
    assert found.min() >= 0


def test_centered_attention_ignores_what_is_the_same_everywhere():
    features, head = features_and_weights()
    offset = 10 * torch.randn(1, 5, 1, 1, generator=torch.Generator().manual_seed(3))
    for relu in RELUS:
        is_ignored = relu in ("centered", "deviation")
        (plain,) = GradCam("score", relu)(linear_head(features, head), [features])
        raised = (features + offset).detach().requires_grad_()
        (found,) = GradCam("score", relu)(linear_head(raised, head), [raised])
        assert torch.allclose(plain, found, atol=1e-5) == is_ignored


@pytest.mark.parametrize("field", ["sign", "relu"])
def test_unknown_reading_names_the_valid_ones(field):
    options = {
        "sign": "loss, score",
        "relu": "per_channel, after_sum, centered, absolute, deviation",
    }[field]
    with pytest.raises(ValueError, match=options):
        # The annotation forbids it too; a row of params is checked by this line alone.
        object.__setattr__(cam := GradCam(), field, "both")
        cam.__post_init__()


@pytest.mark.parametrize(("sign", "relu"), ALL)
def test_gradient_of_a_map_by_finite_differences_with_constant_weights(sign, relu):
    features, head = features_and_weights()
    logits = linear_head(features, head)
    (found,) = GradCam(sign, relu)(logits, [features])
    probe = torch.randn(found.shape, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((found * probe).sum(), features)

    scale = -torch.sigmoid(-logits.detach()) if sign == "loss" else torch.ones(2)
    weights = (scale[:, None] * head / 16).double()[:, :, None, None].expand(2, 5, 4, 4)
    direction = torch.randn(features.shape, generator=torch.Generator().manual_seed(2)).double()

    def value(step: float) -> torch.Tensor:
        return (RELUS[relu](features.detach() + step * direction, weights) * probe).sum()

    numeric = (value(1e-6) - value(-1e-6)) / 2e-6
    torch.testing.assert_close((gradient.double() * direction).sum(), numeric, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("relu", ["absolute", "deviation"])
def test_readings_without_a_sign_take_the_gradient_of_each_pixel(relu):
    features, _ = features_and_weights()
    weights = torch.randn(5, 4, 4, generator=torch.Generator().manual_seed(4))
    logits = (features * weights).sum(dim=(1, 2, 3))
    (found,) = GradCam("score", relu)(logits, [features])
    own = features - features.mean(dim=(2, 3), keepdim=True) if relu == "deviation" else features
    torch.testing.assert_close(found, (weights * own).abs().sum(1))
    (opposite,) = GradCam("score", relu)(-logits, [features])
    torch.testing.assert_close(opposite, found)


class ToyDiscriminator(nn.Module):
    """Two convolutions with a feature map after each."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 6, 3, 2, 1)
        self.head = nn.Linear(6 * 16, 1)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        fine = self.first(images).relu()
        coarse = self.second(fine).tanh()
        return self.head(coarse.flatten(1)).squeeze(1), [coarse, fine]


def toy() -> tuple[nn.Module, ToyDiscriminator, torch.Tensor, list[torch.Tensor]]:
    torch.manual_seed(0)
    g, d = nn.Conv2d(3, 3, 1), ToyDiscriminator()
    logits, features = d(g(torch.randn(2, 3, 16, 16)))
    return g, d, logits, features


def test_several_levels_and_nobody_s_gradients_are_touched():
    g, d, logits, features = toy()
    maps = GradCam()(logits, features)
    assert [tuple(x.shape) for x in maps] == [(2, 4, 4), (2, 8, 8)]
    assert all(p.grad is None for p in [*g.parameters(), *d.parameters()])
    logits.sum().backward()  # the graph is still there for the adversarial loss


def test_generator_gets_a_gradient_and_a_frozen_discriminator_none():
    torch.manual_seed(0)
    g, d = nn.Conv2d(3, 3, 1), ToyDiscriminator().requires_grad_(False)
    logits, features = d(g(torch.randn(2, 3, 16, 16)))
    sum(x.sum() for x in GradCam()(logits, features)).backward()
    assert g.weight.grad.abs().max() > 0
    assert all(p.grad is None for p in d.parameters())


def test_weights_come_from_the_features_own_graph():
    # Both paths to the logits count: a map's weight is the whole gradient that passes through it.
    g, d, logits, features = toy()
    expected = torch.autograd.grad(logits.sum(), features, retain_graph=True)
    for feature, gradient, found in zip(
        features, expected, GradCam("score", "after_sum")(logits, features), strict=True
    ):
        weights = gradient.mean(dim=(2, 3), keepdim=True)
        torch.testing.assert_close(found, (weights * feature).sum(1).relu())


def test_low_precision_features_give_fp32_maps():
    features, head = features_and_weights()
    half = features.detach().bfloat16().requires_grad_()
    logits = linear_head(half.float(), head)
    (found,) = GradCam()(logits, [half])
    (exact,) = GradCam()(linear_head(features, head), [features])
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, exact, rtol=0.05, atol=0.01)


def test_saturated_logits_keep_their_map():
    features, head = features_and_weights()
    (usual,) = GradCam()(linear_head(features, head), [features])
    (faint,) = GradCam()(linear_head(features, head) + 40, [features])
    assert faint.max() > 0
    torch.testing.assert_close(
        faint / faint.amax((1, 2), True), usual / usual.amax((1, 2), True), rtol=1e-3, atol=1e-4
    )


def test_no_features_no_maps():
    assert GradCam()(torch.zeros(2, requires_grad=True), []) == []
