"""FID, KID, precision and recall of a snapshot against all real images of an archive.

torch-fidelity computes; this module says of what, and says so in the result. Its file cache stays
off (it is keyed by name, not by content). Fakes are a function of (seed, sample index), so a
snapshot has one FID. Fakes are input 1, reals input 2: precision is the fraction of fakes within
the real manifold.

Shapes: n images, r pixels.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from spatialgan.data.archive import ImageArchive
from spatialgan.extractors.registry import Extractor, open_extractor
from spatialgan.files import file_sha256, write_atomically
from spatialgan.provenance import source_commit
from spatialgan.snapshot import load_snapshot, sample_images

NEIGHBORS = 3  # of precision and recall; torch-fidelity's default and the literature's
KID_SUBSET = 1000  # images per subset; fewer where there are fewer
MIN_IMAGES = 10  # fewer say nothing
MAX_DISTANCES = 1 << 25  # held at once for precision and recall: 128 MiB, in about 3 copies
MIN_ROWS = 256  # of these, so that matrix products stay large where there are very many images


@dataclass(frozen=True)
class FidelityRequest:
    """What to measure."""

    extractor: str = "inception"  # a key of EXTRACTORS
    num_fake: int = 50000
    seed: int = 0  # of the latents, layouts and noise
    batch_size: int = 64  # images generated and looked at together; changes no result
    device: str = "cpu"  # of generator and extractor: cpu or cuda


class ImageRange(Dataset):
    """Images that come in ranges, as torch-fidelity reads a data set."""

    def __init__(self, load: Callable[[int, int], Tensor], count: int, title: str) -> None:
        self._load, self._count = load, count
        # disable=None: no bar where nobody watches
        self._bar = tqdm(total=count, desc=title, unit="image", disable=None)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> UInt8[Tensor, "3 r r"]:
        return self._load(index, index + 1)[0].cpu()

    def __getitems__(self, indices: list[int]) -> list[Tensor]:
        """Return one batch; torch's loader calls this in place of __getitem__."""
        start, stop = indices[0], indices[-1] + 1
        assert indices == list(range(start, stop)), "metrics read in order"
        images = self._load(start, stop).cpu()
        self._bar.update(len(images))
        if stop == self._count:
            self._bar.close()
        return list(images)


def measure_fidelity(snapshot_path: Path, archive_path: Path, request: FidelityRequest) -> dict:
    """Return a snapshot's metrics with their protocol, as fidelity.json holds them.

    Raises ValueError, in one line, where a file or the extractor is missing or damaged, or where
    there are too few images.
    """
    extractor = open_extractor(request.extractor)
    snapshot = load_snapshot(snapshot_path, request.device)
    archive = ImageArchive(archive_path)
    fake = ImageRange(
        lambda start, stop: sample_images(snapshot, request.seed, start, stop),
        request.num_fake,
        "generating",
    )
    real = ImageRange(lambda start, stop: archive.load(range(start, stop)), len(archive), "reading")
    metrics = compare_images(fake, real, extractor, request)
    protocol = {
        "extractor": extractor.name,
        "extractor_sha256": extractor.sha256,
        "num_real": len(real),
        "num_fake": len(fake),
        "resize": "extractor-internal",
        "truncation_psi": 1,
        "noise_mode": "random per sample index",
        "dataset_sha256": file_sha256(archive_path),
    }
    return {
        "run": snapshot.config.name,
        "row": snapshot.config.row,
        "dataset": snapshot.config.dataset,
        "seed": snapshot.config.seed,
        "kimg": snapshot.kimg,
        "commit": source_commit(),
        "protocol": protocol,
        "metrics": metrics,
        "metric_ids": metric_ids(extractor, request.num_fake),
        "sample_seed": request.seed,
        "torch_fidelity": version("torch-fidelity"),
    }


def compare_images(
    fake: Dataset, real: Dataset, extractor: Extractor, request: FidelityRequest
) -> dict[str, float]:
    """Return fid, kid, kid_std, precision and recall of two sets of uint8 images [3 r r]."""
    import torch_fidelity

    smaller, larger = sorted((len(fake), len(real)))
    if smaller < MIN_IMAGES:
        raise ValueError(f"{smaller} images are too few for a metric: give at least {MIN_IMAGES}")
    result = torch_fidelity.calculate_metrics(
        input1=fake,
        input2=real,
        fid=True,
        kid=True,
        prc=True,
        feature_extractor=extractor.registered,
        feature_extractor_weights_path=str(extractor.weights),
        kid_subset_size=min(KID_SUBSET, smaller),
        prc_neighborhood=NEIGHBORS,
        prc_batch_size=max(MIN_ROWS, MAX_DISTANCES // larger),
        batch_size=request.batch_size,
        cuda=torch.device(request.device).type == "cuda",
        cache=False,
        save_cpu_ram=True,  # distances in parts; images are read in this process
        verbose=False,
    )
    return {
        "fid": float(result["frechet_inception_distance"]),
        "kid": float(result["kernel_inception_distance_mean"]),
        "kid_std": float(result["kernel_inception_distance_std"]),
        "precision": float(result["precision"]),
        "recall": float(result["recall"]),
    }


def metric_ids(extractor: Extractor, num_fake: int) -> dict[str, str]:
    """Return the metrics' names for people, such as scene_fid5k, and fid50k_full for the papers'."""
    count = f"{num_fake // 1000}k" if num_fake % 1000 == 0 else str(num_fake)
    metrics = ("fid", "kid", "precision", "recall")
    return {m: extractor.metric_pattern.format(metric=m, count=count) for m in metrics}


def save_fidelity(output: Path, result: dict) -> None:
    """Write a result as JSON, whole or not at all."""
    write_atomically(output, (json.dumps(result, indent=2) + "\n").encode())
