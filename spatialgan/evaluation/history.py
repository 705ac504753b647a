"""Fidelity over a training: what fidelity.py measures, of every snapshot that the training kept, and of the result.

Reals, extractor and the number of fakes are those of `fidelity`, so the last point is what that measure says. Features
of the reals are found once. A snapshot is one batch, known by its sha256: a killed measurement goes on after it.
"""

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from tempfile import TemporaryDirectory

from spatialgan.evaluation.fidelity import (
    compare_images,
    fake_images,
    fidelity_protocol,
    metric_ids,
    real_images,
)
from spatialgan.evaluation.harness import Findings, Procedure, Setup
from spatialgan.snapshot import Snapshot, load_hashed


def history_observations(snapshot: Snapshot, setup: Setup, done: Sequence[dict]) -> Iterator[dict]:
    """Yield kimg, metrics and sha256 of each snapshot, oldest first.

    Raises ValueError if one is damaged or of another training, or there are too few images.
    """
    measured = {batch["snapshot_sha256"] for batch in done}
    with TemporaryDirectory() as folder:
        for path in setup.inputs["kept"]:
            kept, sha256 = load_hashed(path, setup.device)
            if kept.config.identity() != snapshot.config.identity():
                raise ValueError(f"{path} is of another training than the run's snapshot")
            if sha256 in measured:
                continue
            measured.add(sha256)  # the result may have been kept, too
            images = fake_images(kept, setup), real_images(setup)
            found = compare_images(*images, setup.extractor, setup.device, folder)
            yield {"kimg": kept.kimg, **found, "snapshot_sha256": sha256}


def history_findings(snapshot: Snapshot, setup: Setup, batches: Sequence[dict]) -> Findings:
    """Return the last snapshot's FID and the lowest, when that was, and the numbers of every snapshot."""
    history = sorted(batches, key=lambda batch: batch["kimg"])
    best = min(history, key=lambda batch: batch["fid"])
    metrics = {
        "fid_last": history[-1]["fid"],
        "fid_best": best["fid"],
        "kimg_best": best["kimg"],
    }
    ids = metric_ids(setup.extractor, setup.settings["num_fake"])
    details = {"history": history, "torch_fidelity": version("torch-fidelity")}
    return Findings(metrics, metric_ids=ids, details=details)


HISTORY = Procedure(fidelity_protocol, history_observations, history_findings)
