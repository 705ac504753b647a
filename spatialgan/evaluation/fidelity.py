"""FID, KID, precision and recall of a snapshot against all real images of an archive.

torch-fidelity computes; this module chooses the images, and records the choice in the result. Its file cache is keyed
by name, not by content: it stays off, but for a folder of one measurement's own. Fakes are a function of (seed, sample index), so a
snapshot has one FID. Fakes are input 1, reals input 2: precision is the fraction of fakes within
the real manifold.

Shapes: n images, r pixels.
"""

from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from spatialgan.evaluation.harness import Findings, Procedure, Setup, count_name
from spatialgan.extractors.registry import Extractor
from spatialgan.snapshot import Snapshot, sample_images

NEIGHBORS = 3  # of precision and recall; torch-fidelity's default and the literature's
KID_SUBSET = 1000  # images per subset; fewer where there are fewer
MIN_IMAGES = 10  # fewer say nothing
BATCH = 64  # images generated and looked at together; changes no result
MAX_DISTANCES = 1 << 25  # held at once for precision and recall: 128 MiB, in about 3 copies
MIN_ROWS = 256  # of these, so that matrix products stay large where there are very many images


class ImageRange(Dataset):
    """Images that come in ranges, as torch-fidelity reads a data set."""

    def __init__(self, load: Callable[[int, int], Tensor], count: int, title: str) -> None:
        self._load, self._count = load, count
        # disable=None: no bar unless on a terminal
        self._bar = tqdm(total=count, desc=title, unit="image", disable=None)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> UInt8[Tensor, "3 r r"]:
        return self._load(index, index + 1)[0].cpu()

    def __getitems__(self, indices: list[int]) -> list[Tensor]:
        """Return one batch; torch's loader calls this instead of __getitem__."""
        start, stop = indices[0], indices[-1] + 1
        assert indices == list(range(start, stop)), "metrics read in order"
        images = self._load(start, stop).cpu()
        self._bar.update(len(images))
        if stop == self._count:
            self._bar.close()
        return list(images)


def fidelity_protocol(setup: Setup) -> dict:
    """Return what must agree before two results may be compared."""
    return {
        "extractor": setup.extractor.name,
        "extractor_sha256": setup.extractor.sha256,
        "num_real": len(setup.archive),
        "num_fake": setup.settings["num_fake"],
        "resize": "extractor-internal",
        "truncation_psi": 1,
        "noise_mode": "random per sample index",
        "dataset_sha256": setup.archive.sha256(),
    }


def fidelity_observations(snapshot: Snapshot, setup: Setup, done: Sequence[dict]) -> Iterator[dict]:
    """Yield the metrics, in one batch: they are not averages over samples.

    Raises ValueError if there are too few images.
    """
    if done:
        return
    images = fake_images(snapshot, setup), real_images(setup)
    yield compare_images(*images, setup.extractor, setup.device)


def fake_images(snapshot: Snapshot, setup: Setup) -> ImageRange:
    """Return the images of a snapshot that are compared, each made when it is read."""
    return ImageRange(
        lambda start, stop: sample_images(snapshot, setup.seed, start, stop),
        setup.settings["num_fake"],
        "generating",
    )


def real_images(setup: Setup) -> ImageRange:
    """Return all images of the archive."""
    archive = setup.archive
    return ImageRange(lambda start, stop: archive.load(range(start, stop)), len(archive), "reading")


def fidelity_findings(snapshot: Snapshot, setup: Setup, batches: Sequence[dict]) -> Findings:
    """Return the metrics under their names in the literature."""
    ids = metric_ids(setup.extractor, setup.settings["num_fake"])
    return Findings(
        batches[0], metric_ids=ids, details={"torch_fidelity": version("torch-fidelity")}
    )


def compare_images(
    fake: ImageRange, real: ImageRange, extractor: Extractor, device: str, folder: str = ""
) -> dict[str, float]:
    """Return fid, kid, kid_std, precision and recall of two sets of uint8 images [3 r r].

    In `folder` features of `real` are kept for the next call with the same reals, extractor and folder; "": nowhere.
    """
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
        batch_size=BATCH,
        cuda=torch.device(device).type == "cuda",
        cache=bool(folder),
        cache_root=folder or None,
        input2_cache_name="real" if folder else None,
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
    metrics = ("fid", "kid", "precision", "recall")
    return {
        m: extractor.metric_pattern.format(metric=m, count=count_name(num_fake)) for m in metrics
    }


FIDELITY = Procedure(fidelity_protocol, fidelity_observations, fidelity_findings)
