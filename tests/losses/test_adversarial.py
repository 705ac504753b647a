"""Adversarial losses against their closed forms."""

import torch

from spatialgan.losses import adversarial


def test_logistic_losses_at_zero_logits():
    zero = torch.zeros(4)
    assert torch.allclose(adversarial.g_nonsaturating(zero), torch.tensor(2.0).log())
    assert torch.allclose(adversarial.d_logistic(zero, zero), 2 * torch.tensor(2.0).log())


def test_a_fooled_discriminator_is_good_for_g_and_bad_for_d():
    real, fake = torch.full((4,), 3.0), torch.full((4,), -3.0)
    assert adversarial.g_nonsaturating(real) < adversarial.g_nonsaturating(fake)
    assert adversarial.d_logistic(real, fake) < adversarial.d_logistic(fake, real)


def test_r1_of_a_linear_discriminator_is_half_its_squared_weight():
    weight = torch.randn(3 * 4 * 4)
    images = torch.randn(5, 3, 4, 4, requires_grad=True)
    penalty = adversarial.r1_penalty(images.flatten(1) @ weight, images)
    assert torch.allclose(penalty, weight.square().sum() / 2)


def test_r1_is_differentiable():
    scale = torch.tensor(2.0, requires_grad=True)
    images = torch.randn(2, 3, 4, 4, requires_grad=True)
    adversarial.r1_penalty(scale * images.sum(dim=(1, 2, 3)), images).backward()
    assert torch.allclose(scale.grad, 2.0 * torch.tensor(48.0))  # d/ds of s^2 * 48 / 2


def test_path_length_of_a_linear_generator_is_its_gradient_norm():
    ws = torch.randn(2, 3, 4, requires_grad=True)
    jacobian = torch.randn(12, 3 * 8 * 8)
    images = (ws.flatten(1) @ jacobian).view(2, 3, 8, 8)
    noise = torch.randn_like(images)
    expected = (noise.flatten(1) @ jacobian.T / 8).view(2, 3, 4).square().sum(2).mean(1).sqrt()
    assert torch.allclose(adversarial.path_lengths(images, ws, noise), expected, rtol=1e-4)
