"""From a row of params/ to everything one training needs.

Precedence: dataclass defaults (the paper's values) < the profile's line < the row. A run is named
"<dataset>/<row>/<seed>"; that name and a profile determine everything. `RunConfig.identity` is
what makes two trainings the same; the rest (processes, workers, intervals) only says how they run.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from spatialgan.attention import GradCam
from spatialgan.digest import code_digest
from spatialgan.heatmaps.samplers import SAMPLERS
from spatialgan.losses.alignment import ALIGNMENTS
from spatialgan.losses.linkage import LINKAGES, Unlinked, check_linkage
from spatialgan.networks.discriminator import DiscriminatorConfig
from spatialgan.networks.encoding import ENCODINGS
from spatialgan.networks.generator import GeneratorConfig
from spatialgan.networks.projector import Projection
from spatialgan.settings.field_types import check_values
from spatialgan.settings.params import Params, split_run
from spatialgan.settings.params import load_params as load_params
from spatialgan.variants import choose


@dataclass(frozen=True)
class TrainingConfig:
    """Optimization of one run; defaults are the paper's (method: StyleGAN2-ADA's paper256, no augmentation)."""

    kimg: float = 25000  # thousands of images shown to the discriminator
    batch: int = 64  # images per step over all processes
    learning_rate: float = 0.0025  # Adam, both networks
    beta2: float = 0.99  # Adam; beta1 is 0
    r1_gamma: float = 1.0  # weight of the R1 penalty
    r1_interval: int = 16  # steps between R1 penalties (lazy regularization)
    pl_weight: float = 0.0  # weight of path-length regularization; StyleGAN2's default is 2
    pl_interval: int = 4  # steps between path-length penalties
    style_mixing: float = 0.0  # probability of two styles in a batch; StyleGAN2's default is 0.9
    ema_kimg: float = 20.0  # half-life of the generator's moving average
    ema_rampup: float = 0.0  # half-life is at most this fraction of the images seen; 0: no bound
    mirror_probability: float = 0.0  # of showing a real image mirrored
    align_from_kimg: float = 0.0  # thousands of images before L_align counts
    align_ramp_kimg: float = 0.0  # thousands of images over which its weight then grows from 0
    precision: str = "auto"  # fp32, bf16, or auto: bf16 where the hardware multiplies it natively


@dataclass(frozen=True)
class ExecutionConfig:
    """How a run is executed; nothing here changes its result."""

    num_processes: int = 1  # torchrun processes (GPUs)
    log_points: int = 200  # rows of the training curves
    num_grids: int = 5  # sample grids over the training
    num_checkpoints: int = 20  # checkpoints over the training
    num_snapshots: int = 0  # snapshots that are kept, over the training, beside the result
    num_workers: int = 2  # processes that decode images where the archive doesn't fit in memory


@dataclass(frozen=True)
class RunConfig:
    """One training, resolved."""

    dataset: str
    row: str
    seed: int
    title: str
    sampling: Any  # an instance of a SAMPLERS class
    alignment: Any  # an instance of an ALIGNMENTS class
    attention: GradCam
    generator: GeneratorConfig
    discriminator: DiscriminatorConfig
    training: TrainingConfig
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)
    linkage: Any = field(default_factory=Unlinked)  # an instance of a LINKAGES class
    pretrained: str = ""  # row whose run of this data set and seed G begins from; "": from scratch

    @property
    def name(self) -> str:
        """Return "<dataset>/<row>/<seed>"."""
        return f"{self.dataset}/{self.row}/{self.seed}"

    def identity(self) -> dict:
        """Return what makes the training this one, as JSON data: everything but title and execution."""
        plain = {"dataset": self.dataset, "row": self.row, "seed": self.seed}
        plain["sampling"] = _variant_to_json(SAMPLERS, self.sampling)
        plain["alignment"] = _variant_to_json(ALIGNMENTS, self.alignment)
        used = ["generator", "discriminator", "training"]
        if self.alignment.uses_attention:  # else it changes nothing
            used.append("attention")
        for part in used:
            plain[part] = dataclasses.asdict(getattr(self, part))
        encoding = _variant_to_json(ENCODINGS, self.generator.encoding)
        plain["generator"]["encoding"] = {**ENCODING_NUMBERS, **encoding}
        for part, names in UNLISTED.items():
            plain[part] = {k: v for k, v in plain[part].items() if k not in names or v != 0}
        if self.linkage.regions:
            plain["linkage"] = _variant_to_json(LINKAGES, self.linkage)
        if self.pretrained:
            plain["from"] = self.pretrained
        return json.loads(json.dumps(plain))

    def code(self, entry_point: str) -> str:
        """Return the digest of the code this run reaches from a module or function of the package.

        Variants that the run doesn't use don't count, nor do defaults, which are in `identity`.
        """
        chosen = {
            "SAMPLERS": _key_of(SAMPLERS, self.sampling),
            "ENCODINGS": _key_of(ENCODINGS, self.generator.encoding),
            "ALIGNMENTS": _key_of(ALIGNMENTS, self.alignment),
        }
        variants = (*SAMPLERS.values(), *ENCODINGS.values(), *ALIGNMENTS.values())
        settings = (*SETTINGS, *variants)
        if self.linkage.regions:
            chosen["LINKAGES"] = _key_of(LINKAGES, self.linkage)
            settings = (*settings, *LINKAGES.values())
        if self.pretrained:
            chosen["PRETRAINED"] = self.pretrained
        names = [f"{cls.__module__}.{cls.__qualname__}" for cls in settings]
        return code_digest(entry_point, chosen, names)


# Dataclasses whose values are part of a run's identity, or (the last) change no result.
SETTINGS = (
    GradCam,
    Projection,
    GeneratorConfig,
    DiscriminatorConfig,
    TrainingConfig,
    ExecutionConfig,
)


# An identity lists these numbers whatever the encoding, so that the files of all snapshots have one form; those
# that an encoding doesn't have are at these values, the defaults.
ENCODING_NUMBERS = {
    "places": ["conv"],
    "max_resolution": 16,
    "processing": "coarse",
    "kernel_size": 3,
    "dilation": 1,
    "grid": "half_pixel",
    "demodulation": "local",
    "object_bias": 1.0,
}


# Numbers that came later, by part of an identity: at 0, their default, they change nothing and aren't listed, so that
# runs from before keep their identity.
UNLISTED = {"training": ("align_from_kimg", "align_ramp_kimg"), "alignment": ("least_peak",)}


def run_from_identity(identity: dict) -> RunConfig:
    """Return the RunConfig whose `identity()` this is (a snapshot's header)."""
    return RunConfig(
        dataset=identity["dataset"],
        row=identity["row"],
        seed=identity["seed"],
        title=identity["row"],
        sampling=_variant(SAMPLERS, "sampling", identity["sampling"]),
        alignment=_variant(ALIGNMENTS, "alignment", identity["alignment"]),
        attention=_build(GradCam, identity.get("attention", {})),
        generator=_generator_from_identity(identity["generator"]),
        discriminator=_build(DiscriminatorConfig, identity["discriminator"]),
        training=_build(TrainingConfig, identity["training"]),
        linkage=_variant(LINKAGES, "linkage", identity.get("linkage", "none")),
        pretrained=identity.get("from", ""),
    )


def _generator_from_identity(values: dict) -> GeneratorConfig:
    """Return a generator's configuration, leaving out numbers that its encoding doesn't have."""
    cls = choose(ENCODINGS, "encoding", values["encoding"]["name"])
    foreign = ENCODING_NUMBERS.keys() - {f.name for f in dataclasses.fields(cls)}  # pyright: ignore[reportArgumentType]
    own = {key: value for key, value in values["encoding"].items() if key not in foreign}
    return _build(GeneratorConfig, {**values, "encoding": _variant(ENCODINGS, "encoding", own)})


def resolve(params: Params, run: str, profile: str) -> RunConfig:
    """Return the configuration of "<dataset>/<row>/<seed>" in a profile.

    Raises ValueError, naming the valid options, if a part of the name is unknown.
    """
    dataset, row_name, seed = split_run(run)
    params.dataset(dataset)
    row = params.row(row_name)
    settings = {**params.profile(profile), **row}
    sampling = _variant(SAMPLERS, "sampling", row.get("sampling", "none"))
    settings["encoding"] = _variant(ENCODINGS, "encoding", row.get("encoding", "none"))
    settings["heatmap_channels"] = sampling.heatmap_channels
    linkage = _variant(LINKAGES, "linkage", row.get("linkage", "none"))
    generator = _pick(GeneratorConfig, settings)
    check_linkage(linkage, generator.w_dim)
    return RunConfig(
        dataset=dataset,
        row=row_name,
        seed=seed,
        title=row["title"],
        sampling=sampling,
        alignment=_variant(ALIGNMENTS, "alignment", row.get("alignment", "none")),
        attention=_build(GradCam, row.get("attention", {})),
        generator=generator,
        discriminator=_pick(DiscriminatorConfig, settings),
        training=_pick(TrainingConfig, settings),
        execution=_pick(ExecutionConfig, settings),
        linkage=linkage,
        pretrained=row.get("from", ""),
    )


def _build(cls: Any, values: dict) -> Any:
    known = {f.name: f.type for f in dataclasses.fields(cls)}
    for key in values:
        if key not in known:
            raise ValueError(
                f"{cls.__name__} has no field '{key}': choose from {', '.join(sorted(known))}"
            )
    found = {key: _from_json(known[key], value) for key, value in values.items()}
    check_values(cls, found)
    return cls(**found)


def _from_json(field_type: Any, value: Any) -> Any:
    """Return a value as its field holds it: lists as tuples, mappings as nested dataclasses."""
    if isinstance(value, list):
        return tuple(_from_json(None, v) for v in value)
    if isinstance(value, dict) and dataclasses.is_dataclass(field_type):
        return _build(field_type, value)
    return value


def _pick(cls: type, settings: dict) -> Any:
    names = {f.name for f in dataclasses.fields(cls)}
    return _build(cls, {k: v for k, v in settings.items() if k in names})


def _variant(variants: dict, axis: str, spec: str | dict) -> Any:
    values = {"name": spec} if isinstance(spec, str) else dict(spec)
    name = values.pop("name")
    return _build(choose(variants, axis, name), values)


def _variant_to_json(variants: dict, instance: Any) -> dict:
    return {"name": _key_of(variants, instance), **dataclasses.asdict(instance)}


def _key_of(variants: dict, instance: Any) -> str:
    return next(key for key, cls in variants.items() if type(instance) is cls)
