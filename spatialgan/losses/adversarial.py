"""The adversarial objective: non-saturating logistic loss, R1 penalty, path-length regularization.

Shapes: n batch, l layers, *m codes if there are several, w style space, r resolution.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

PL_DECAY = 0.01  # rate of the moving average of path lengths (StyleGAN2)


def g_nonsaturating(fake_logits: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """Return the generator's loss, mean softplus(-D(G(z))) (Goodfellow et al., 2014)."""
    return F.softplus(-fake_logits).mean()


def d_logistic(
    real_logits: Float[Tensor, " n"], fake_logits: Float[Tensor, " n"]
) -> Float[Tensor, ""]:
    """Return the discriminator's loss, mean softplus(-D(x)) + mean softplus(D(G(z)))."""
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def r1_penalty(
    real_logits: Float[Tensor, " n"], images: Float[Tensor, "n 3 r r"]
) -> Float[Tensor, ""]:
    """Return half the mean squared gradient norm of D at real images, |dD/dx|^2 / 2 (Mescheder et al., 2018)."""
    (gradient,) = torch.autograd.grad(real_logits.sum(), images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean() / 2


def path_lengths(
    images: Float[Tensor, "n 3 r r"], ws: Float[Tensor, "n l *m w"], noise: Float[Tensor, "n 3 r r"]
) -> Float[Tensor, " n"]:
    """Return |J_w^T y| for y = noise / r, the length of a random path through W (StyleGAN2, Eq. 4)."""
    resolution = images.shape[-1]
    (gradient,) = torch.autograd.grad((images * noise).sum() / resolution, ws, create_graph=True)
    return gradient.square().flatten(2).sum(dim=2).mean(dim=1).sqrt()
