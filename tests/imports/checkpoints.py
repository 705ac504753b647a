"""Checkpoints as StyleGAN2-ADA pickles them, made here: stand-ins of its modules, our own random tensors.

The classes pickle themselves as calls of `torch_utils.persistence`, with their source code beside their state; the
source here would leave a file behind if anything ran it.
"""

import contextlib
import copyreg
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

W, Z, FIRST, LAST = 12, 10, 8, 4  # sizes of spaces, channels at 4 and 8 pixels, and at 16
SOURCE = "import os\nos.system('touch canary')\n" + "# source\n" * 400
FILTER = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64
LEVELS = {"b8": 1, "b16": 2, "b32": 4}


class Part:
    """A stand-in for a module of the released code."""

    def __init__(self, kind: str, tensors: dict, parts: dict, **attributes):
        buffers = {k: t for k, t in tensors.items() if not isinstance(t, nn.Parameter)}
        parameters = {k: t for k, t in tensors.items() if isinstance(t, nn.Parameter)}
        self.kind = kind
        self.state = {
            "training": False,
            "_parameters": OrderedDict(parameters),
            "_buffers": OrderedDict(buffers),
            "_modules": OrderedDict(parts),
            "_non_persistent_buffers_set": set(),
            **attributes,
        }

    def __getitem__(self, name: str):
        for section in ("_modules", "_parameters", "_buffers"):
            if name in self.state[section]:
                return self.state[section][name]
        return self.state[name]

    def __reduce__(self):
        meta = {"type": "class", "version": 6, "module_src": SOURCE}
        meta |= {"class_name": self.kind, "state": self.state}
        function = vars(sys.modules["torch_utils.persistence"])["_reconstruct_persistent_obj"]
        return function, (meta,)


class Layer(Part):
    """A stand-in for a layer of torch itself, which is pickled by its class's name."""

    def __init__(self, cls: type, parts: dict):
        super().__init__(cls.__name__, {}, parts)
        self.cls = cls

    @property
    def __class__(self):  # of which pickle makes sure
        return self.cls

    def __reduce_ex__(self, protocol: int):
        return copyreg.__newobj__, (self.cls,), self.state


@contextlib.contextmanager
def released_modules() -> Iterator[types.ModuleType]:
    """Have the modules whose names are in the pickles, for as long as one is written."""
    persistence, util = types.ModuleType("torch_utils.persistence"), types.ModuleType("dnnlib.util")

    def _reconstruct_persistent_obj(meta):
        raise AssertionError("this was unpickled")

    class EasyDict(dict):
        pass

    for module, item in ((persistence, _reconstruct_persistent_obj), (util, EasyDict)):
        item.__module__, item.__qualname__ = module.__name__, item.__name__
        setattr(module, item.__name__, item)
    names = {"torch_utils": types.ModuleType("torch_utils"), "torch_utils.persistence": persistence}
    names |= {"dnnlib": types.ModuleType("dnnlib"), "dnnlib.util": util}
    former = {name: sys.modules.get(name) for name in names}
    sys.modules.update(names)
    try:
        yield util
    finally:
        for name, module in former.items():
            sys.modules.pop(name) if module is None else sys.modules.update({name: module})


def checkpoint_bytes(networks: dict, protocol: int = 4) -> bytes:
    """Return a checkpoint with networks and the settings that stand beside them."""
    with released_modules() as util:
        settings = util.EasyDict(class_name="training.dataset.ImageFolderDataset", xflip=True)
        document = {"training_set_kwargs": settings, **networks, "augment_pipe": None}
        return pickle.dumps(document, protocol)


def write_checkpoint(path: Path, protocol: int = 4, **networks: Part) -> Path:
    """Write a checkpoint; return its path."""
    path.write_bytes(checkpoint_bytes(networks, protocol))
    return path


def normal(*shape: int, scale: float = 1.0) -> nn.Parameter:
    """Return random numbers."""
    return nn.Parameter(scale * torch.randn(shape), requires_grad=False)


def linear(inputs: int, outputs: int, activation: str = "linear", rate: float = 1.0) -> Part:
    """Return a fully connected layer."""
    tensors = {
        "weight": normal(outputs, inputs, scale=1 / rate),
        "bias": normal(outputs, scale=0.3 / rate),
    }
    gains = {"weight_gain": rate / np.sqrt(inputs), "bias_gain": rate}
    return Part("FullyConnectedLayer", tensors, {}, activation=activation, **gains)


def convolution(
    sizes: tuple[int, int, int], activation: str, clamp: float | None = None, bias: bool = True
) -> Part:
    """Return a plain convolution; sizes are its inputs, its outputs and its kernel's."""
    inputs, outputs, size = sizes
    tensors = {"weight": normal(outputs, inputs, size, size), "resample_filter": FILTER.clone()}
    tensors |= {"bias": normal(outputs, scale=0.3)} if bias else {}
    gain = 1 / np.sqrt(inputs * size**2)
    return Part(
        "Conv2dLayer", tensors, {}, activation=activation, weight_gain=gain, conv_clamp=clamp
    )


def sel(channels: int) -> Part:
    """Return the predecessor's spatial encoding layer."""
    residual = convolution((channels, channels, 3), "linear")
    parts = {
        "inorm_fn": Layer(nn.InstanceNorm2d, {}),
        "shared": Layer(nn.Sequential, {"0": convolution((32, 64, 3), "lrelu")}),
        "sigma": convolution((64, 1, 3), "linear"),
        "mu": convolution((64, 1, 3), "linear"),
        "output": Layer(nn.Sequential, {"0": Layer(nn.LeakyReLU, {}), "1": residual}),
    }
    return Part("SEL", {}, parts)


def styled(inputs: int, outputs: int, resolution: int, clamp: float | None, parts: dict) -> Part:
    """Return a modulated convolution."""
    weight = normal(outputs, inputs, 3, 3).to(memory_format=torch.channels_last)
    tensors = {
        "weight": nn.Parameter(weight, requires_grad=False),
        "noise_strength": nn.Parameter(torch.tensor(0.4), requires_grad=False),
        "bias": normal(outputs, scale=0.3),
        "resample_filter": FILTER.clone(),
        "noise_const": torch.randn(resolution, resolution),
    }
    settings = {"activation": "lrelu", "use_noise": True, "conv_clamp": clamp}
    parts = {"affine": linear(W, inputs), **parts}
    return Part("SynthesisLayer", tensors, parts, act_gain=np.sqrt(2), **settings)


def block(resolution: int, widths: tuple[int, int], clamp: float | None, with_sel: bool) -> Part:
    """Return the block of a resolution; its channels are widths[0] before (0: none) and widths[1] after."""

    def encode(channels: int) -> dict:
        return {"sel": sel(channels)} if with_sel else {}

    below, out = widths
    parts = {"conv0": styled(below, out, resolution, clamp, encode(below))} if below else {}
    parts["conv1"] = styled(out, out, resolution, clamp, encode(out))
    tensors = {"weight": normal(3, out, 1, 1), "bias": normal(3, scale=0.3)}
    inside = {"affine": linear(W, out), **encode(out)}
    gain = 1 / np.sqrt(out)
    parts["torgb"] = Part("ToRGBLayer", tensors, inside, conv_clamp=clamp, weight_gain=gain)
    own = {"resample_filter": FILTER.clone(), **({} if below else {"const": normal(out, 4, 4)})}
    return Part("SynthesisBlock", own, parts, architecture="skip", use_fp16=resolution > 4)


def generator(clamp: float | None = None, with_sel: bool = False) -> Part:
    """Return a generator of 16 pixels."""
    torch.manual_seed(7)
    sizes = {4: (0, FIRST), 8: (FIRST, FIRST), 16: (FIRST, LAST)}
    blocks = {f"b{r}": block(r, widths, clamp, with_sel) for r, widths in sizes.items()}
    for name, num in LEVELS.items() if with_sel else ():
        blocks[f"hm_conv0_{name}"] = convolution((num, 16, 3), "lrelu")
        blocks[f"hm_conv1_{name}"] = convolution((16, 32, 3), "lrelu")
    layers = {"fc0": linear(Z, W, "lrelu", 0.01), "fc1": linear(W, W, "lrelu", 0.01)}
    mapping = Part("MappingNetwork", {"w_avg": torch.randn(W)}, layers, num_layers=2)
    parts = {"synthesis": Part("SynthesisNetwork", {}, blocks, num_ws=6), "mapping": mapping}
    numbers = {"z_dim": Z, "c_dim": 0, "w_dim": W, "img_resolution": 16, "img_channels": 3}
    return Part("Generator", {}, parts, **numbers)


def discriminator(clamp: float | None = None) -> Part:
    """Return a discriminator of 16 pixels."""
    torch.manual_seed(8)
    parts = {}
    for r, width, out in ((16, LAST, FIRST), (8, FIRST, FIRST)):
        inside = {"fromrgb": convolution((3, width, 1), "lrelu", clamp)} if r == 16 else {}
        inside |= {
            "conv0": convolution((width, width, 3), "lrelu", clamp),
            "conv1": convolution((width, out, 3), "lrelu", clamp),
            "skip": convolution((width, out, 1), "linear", bias=False),
        }
        own = {"resample_filter": FILTER.clone()}
        parts[f"b{r}"] = Part("DiscriminatorBlock", own, inside, architecture="resnet")
    last = {
        "mbstd": Part("MinibatchStdLayer", {}, {}, group_size=4, num_channels=1),
        "conv": convolution((FIRST + 1, FIRST, 3), "lrelu", clamp),
        "fc": linear(FIRST * 16, FIRST, "lrelu"),
        "out": linear(FIRST, 1),
    }
    parts["b4"] = Part("DiscriminatorEpilogue", {}, last, architecture="resnet")
    return Part("Discriminator", {}, parts, c_dim=0, img_resolution=16, img_channels=3)
