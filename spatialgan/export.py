"""Any model as one ONNX file: from a latent, a layout and noise to an image, in every runtime that reads ONNX.

The graph is `snapshot.render` of one snapshot, in fp32, whatever the size of the batch. Its inputs:

- `z` [n z], or [n m z] if objects have their own styles, from N(0, 1)
- `truncation_psi` [n]: 1 leaves the styles unchanged, 0 makes all of them the mean style
- `noise` [n p], from N(0, 1): the noise maps of all convolutions, flattened and joined; 0 for none
- per level of heatmaps l: `level<l>_centers` [n k 2], (y, x) in [-1, 1]; `level<l>_sigmas` [n k]; `level<l>_presences` [n k].
  A sampler that draws pixels has `level<l>_maps` [n k s s] instead, or `_mask` and `_extremes` in addition.

Its output is `image` [n 3 r r], in about [-1, 1]. Needs the extra "export". docs/export.md is the guide.
"""

import json
import warnings
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from spatialgan.files import write_atomically
from spatialgan.heatmaps.layout import Gaussians, Impulse, Layout, Level, PixelMaps, Retouched
from spatialgan.heatmaps.samplers import all_inside
from spatialgan.models import shipped_models
from spatialgan.models.opened import OpenedModel
from spatialgan.networks.generator import GeneratorInputs
from spatialgan.networks.released import const_noise
from spatialgan.snapshot import Snapshot, draw_samples, render

FORMAT = "spatialgan onnx 1"
SUFFIX = ".onnx"
OPSET = 20
TOLERANCE = 1e-4  # of the range of the images
CHECKED = 10  # scenes
PSIS = (0.7, 1.0, 0.0)  # of the checked scenes, in turn
LICENSE = "Apache-2.0"  # of shipped models
UNKNOWN_LICENSE = "not stated"
NAMES: dict[type, tuple[str, ...]] = {
    Gaussians: ("centers", "sigmas", "presences"),
    PixelMaps: ("maps",),
    Impulse: ("centers", "sigmas", "presences", "mask", "extremes"),
}


class TracedLayout(Layout):
    """A layout whose number of samples is open: only a tracer makes one."""

    def __post_init__(self) -> None:
        """Check nothing: comparing a number would fix it."""


class Exported(nn.Module):
    """A snapshot's `render` as a function of tensors alone."""

    w_avg: Tensor

    def __init__(self, snapshot: Snapshot, kinds: list[type]):
        super().__init__()
        self.generator = snapshot.generator
        self.register_buffer("w_avg", snapshot.w_avg)
        self.kinds = kinds

    def forward(
        self, z: Tensor, truncation_psi: Tensor, noise: Tensor, levels: list[list[Tensor]]
    ) -> Tensor:
        """Return images [n 3 r r]."""
        pairs = zip(self.kinds, levels, strict=True)
        layout = TracedLayout(tuple(level_of(kind, tensors) for kind, tensors in pairs), 1)
        ws = self.generator.styles(z, layout)
        psi = truncation_psi.reshape(-1, *[1] * (ws.ndim - 1))
        sizes = self.generator.config.noise_sizes
        flat = noise.split([size * size for size in sizes], dim=1)
        maps = [m.unflatten(1, (1, s, s)) for m, s in zip(flat, sizes, strict=True)]
        return self.generator.synthesis(self.w_avg + psi * (ws - self.w_avg), layout, maps)


@dataclass(frozen=True)
class OnnxModel:
    """An exported model as bytes, with the names of its inputs in their order."""

    data: bytes
    inputs: tuple[str, ...]


def tensors_of(level: Level) -> list[Tensor]:
    """Return the tensors that say what a level is, in the order of NAMES."""
    match level:
        case Gaussians(centers, sigmas, presence):
            return [centers, sigmas, presence]
        case PixelMaps(values):
            return [values]
        case Impulse(base, mask, extremes):
            return [*tensors_of(base), mask, extremes]
        case Retouched():
            raise ValueError("a sampler draws no changes of heatmaps")


def level_of(kind: type, tensors: list[Tensor]) -> Level:
    """Return the level of a kind that `tensors_of` took apart."""
    if kind is Impulse:
        return Impulse(Gaussians(*tensors[:3]), *tensors[3:])
    return kind(*tensors)


def named_inputs(inputs: GeneratorInputs, truncation_psi: Float[Tensor, " n"]) -> dict[str, Tensor]:
    """Return the exported model's inputs, by name, for a generator's inputs."""
    noise = torch.cat([maps.flatten(1) for maps in inputs.noise], dim=1)
    levels = {
        f"level{number}_{name}": tensor
        for number, level in enumerate(inputs.layout.levels)
        for name, tensor in zip(NAMES[type(level)], tensors_of(level), strict=True)
    }
    return {"z": inputs.z, "truncation_psi": truncation_psi, "noise": noise, **levels}


def checked_scenes(snapshot: Snapshot) -> tuple[GeneratorInputs, Float[Tensor, " n"]]:
    """Return the inputs and truncation of the scenes that an export is checked on.

    They are drawn from the seeds 0 to 9 as `spatialgan scene` does; every third has constant noise: an imported
    model's own, or none.
    """
    config = replace(snapshot.config, sampling=all_inside(snapshot.config.sampling))
    drawn = [draw_samples(config, seed, 0, 1) for seed in range(CHECKED)]
    own = const_noise(snapshot.generator) or [torch.zeros_like(m) for m in drawn[0].noise]
    scenes = [replace(s, noise=own) if i % 3 == 2 else s for i, s in enumerate(drawn)]
    psis = torch.tensor([PSIS[seed % len(PSIS)] for seed in range(CHECKED)])
    return GeneratorInputs.cat(scenes), psis


@torch.no_grad()
def export_model(model: OpenedModel, license_name: str = "") -> OnnxModel:
    """Return a model as ONNX; raises ModuleNotFoundError if the extra is missing.

    Its metadata have the snapshot's sha256, sizes and license: that of the shipped models, or the name given.
    """
    import onnx
    import onnxscript  # noqa: F401, which torch's exporter needs

    snapshot = model.snapshot
    example = checked_scenes(snapshot)[0].take(range(2))
    kinds = [type(level) for level in example.layout.levels]
    levels = [tensors_of(level) for level in example.layout.levels]
    noise = torch.cat([maps.flatten(1) for maps in example.noise], dim=1)
    names = tuple(named_inputs(example, torch.ones(2)))
    free = {0: torch.export.Dim("batch")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns of its own internals
        program = torch.onnx.export(
            Exported(snapshot, kinds).eval(),
            (example.z, torch.ones(2), noise, levels),
            input_names=names,
            output_names=["image"],
            dynamic_shapes=(free, free, free, [[free] * len(level) for level in levels]),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    _forget_origin(proto)
    onnx.helper.set_model_props(proto, metadata(model, license_name))
    proto.producer_name, proto.producer_version = "spatialgan", version("spatialgan")
    return OnnxModel(proto.SerializeToString(deterministic=True), names)


def _forget_origin(proto) -> None:
    """Remove the exporter's notes about the code and paths that a node came from."""
    del proto.functions[:], proto.graph.metadata_props[:]
    for part in (*proto.graph.node, *proto.graph.value_info, *proto.graph.initializer):
        del part.metadata_props[:]
    for part in (*proto.graph.input, *proto.graph.output):
        del part.metadata_props[:]


def metadata(model: OpenedModel, license_name: str) -> dict[str, str]:
    """Return the file's metadata; lists and numbers are written as JSON."""
    config = model.snapshot.config.generator
    shipped = model.name in shipped_models()
    return {
        "format": FORMAT,
        "model": Path(model.name).name,
        "snapshot_sha256": model.sha256,
        "license": license_name or (LICENSE if shipped else UNKNOWN_LICENSE),
        "resolution": json.dumps(config.resolution),
        "levels": json.dumps(config.heatmap_channels),
        "objects": json.dumps(config.num_objects),
        "noise_sizes": json.dumps(config.noise_sizes),
        "kimg": json.dumps(model.snapshot.kimg),
    }


def largest_difference(exported: OnnxModel, snapshot: Snapshot) -> float:
    """Return the largest difference from `render` on the checked scenes, as a fraction of the images' range.

    The scenes are rendered together and the first also alone, to show that the batch size is free. Raises
    ModuleNotFoundError if the extra is missing.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(exported.data, options, ["CPUExecutionProvider"])
    inputs, psis = checked_scenes(snapshot)
    ours = torch.cat([render(snapshot, inputs.take([i]), float(p)) for i, p in enumerate(psis)])
    differences = []
    for rows in (range(CHECKED), range(1)):
        feed = named_inputs(inputs.take(rows), psis[: len(rows)])
        (theirs,) = session.run(["image"], {k: v.cpu().numpy() for k, v in feed.items()})
        differences.append(np.abs(theirs - ours[: len(rows)].numpy()).max())  # pyright: ignore[reportOperatorIssue]
    return float(max(differences)) / float(ours.max() - ours.min())


def write_onnx(path: Path, exported: OnnxModel) -> None:
    """Write an exported model; raises ValueError unless the name ends in .onnx."""
    check_name(path)
    write_atomically(path, exported.data)


def check_name(path: Path) -> None:
    """Raise ValueError unless a file's name ends in .onnx."""
    if path.suffix != SUFFIX:
        raise ValueError(f"{path} must end in {SUFFIX}")
