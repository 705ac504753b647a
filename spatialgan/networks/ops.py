"""Tensor operations that StyleGAN2 is made of: resampling, leaky ReLU with gain, modulated convolution.

Conventions: plain PyTorch, differentiable twice, any device and float dtype, channels-last friendly.
Every resampling uses the separable filter [1, 3, 3, 1] (StyleGAN2, section 4) and the half-pixel
convention, so pixel j of an R-pixel axis stays at (2j + 1)/R - 1 through all resolutions.

Shapes: n batch, i input channels, o output channels, c channels, h w pixels, k kernel size.
"""

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

LRELU_SLOPE = 0.2
LRELU_GAIN = 2.0**0.5  # keeps the variance of a unit-variance input (He et al., 2015)


def lrelu(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Return the leaky ReLU of x with slope 0.2, in place; callers fold LRELU_GAIN into what they feed."""
    return F.leaky_relu(x, LRELU_SLOPE, inplace=True)


def kept(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return `make` with its results cached, each made in a separate thread.

    torch.func's transforms and inference mode belong to a thread. A tensor that is made inside one bears its
    mark, which must not outlive it.
    """

    @functools.cache
    def lookup(*arguments: object) -> Tensor:
        with ThreadPoolExecutor(max_workers=1) as outside:
            return outside.submit(make, *arguments).result()

    return lookup


@kept
def blur_kernel(
    channels: int, gain: float, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "c 1 4 4"]:
    """Return the depthwise [1, 3, 3, 1] x [1, 3, 3, 1] kernel whose weights sum to `gain`."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], device=device)
    kernel = torch.outer(taps, taps) * (gain / 64.0)
    return kernel.to(dtype).repeat(channels, 1, 1, 1)


def upsample(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h2 w2"]:
    """Return x at twice its resolution; bilinear at half pixels is the [1, 3, 3, 1] filter with replicated borders."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def downsample(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h2 w2"]:
    """Return x at half its resolution, filtered by [1, 3, 3, 1]."""
    channels = x.shape[1]
    if x.device.type == "cpu" and x.dtype == torch.bfloat16:
        return downsample_by_matmul(x)
    return F.conv2d(
        x, blur_kernel(channels, 1.0, x.dtype, x.device), stride=2, padding=1, groups=channels
    )


def downsample_by_matmul(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h2 w2"]:
    """Return downsample(x) as two banded matrix products.

    CPUs have no bf16 kernel for the backward pass of a strided depthwise convolution: at 32 pixels and
    64 channels this way is 16x faster.
    """
    n, c, h, w = x.shape
    last = x.permute(0, 2, 3, 1)  # a view where x is channels-last
    rows = torch.matmul(_halving_matrix(h, x.dtype, x.device), last.reshape(n, h, w * c))
    pixels = torch.matmul(_halving_matrix(w, x.dtype, x.device), rows.view(n * h // 2, w, c))
    return pixels.view(n, h // 2, w // 2, c).permute(0, 3, 1, 2)


@kept
def _halving_matrix(
    size: int, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "half size"]:
    """Return the matrix that halves an axis of `size` pixels with the filter [1, 3, 3, 1] / 8."""
    identity = torch.eye(size, dtype=dtype, device=device)[:, None]
    taps = torch.tensor([[[1.0, 3.0, 3.0, 1.0]]], dtype=dtype, device=device) / 8
    return F.conv1d(identity, taps, stride=2, padding=1)[:, 0].T.contiguous()


def conv_down(
    x: Float[Tensor, "n i h w"], weight: Float[Tensor, "o i k k"], bias: Float[Tensor, " o"]
) -> Float[Tensor, "n o h2 w2"]:
    """Return x blurred by [1, 3, 3, 1] and convolved with stride 2 (StyleGAN2's downsampling 3x3 convolution)."""
    channels = x.shape[1]
    blurred = F.conv2d(x, blur_kernel(channels, 1.0, x.dtype, x.device), padding=2, groups=channels)
    return F.conv2d(blurred, weight, bias, stride=2)


def conv_up(
    x: Float[Tensor, "n i h w"], weight: Float[Tensor, "o i 3 3"]
) -> Float[Tensor, "n o h2 w2"]:
    """Return x convolved with stride 1/2 and blurred by [1, 3, 3, 1] (StyleGAN2's upsampling 3x3 convolution)."""
    channels = weight.shape[0]
    raw = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    return F.conv2d(raw, blur_kernel(channels, 4.0, x.dtype, x.device), padding=1, groups=channels)


def demodulation(
    weight: Float[Tensor, "o i k k"], style: Float[Tensor, "n i"], eps: float = 1e-8
) -> Float[Tensor, "n o"]:
    """Return the factors that give each output map unit variance: rsqrt(sum_i,k (w s)^2 + eps) (StyleGAN2, Eq. 3)."""
    return torch.rsqrt(style.square() @ weight.square().sum(dim=(2, 3)).T + eps)


def modulate(x: Float[Tensor, "n c h w"], scale: Float[Tensor, "n c"]) -> Float[Tensor, "n c h w"]:
    """Return x with each sample's channels scaled."""
    return x * scale.to(x.dtype)[:, :, None, None]
