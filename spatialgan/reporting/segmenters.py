"""How well the segmenters of a table find objects: their mask AP on held-out scenes, a line for each.

Published weights have no such line: nothing here has scored them.
"""

import pandas as pd

from spatialgan.records import read_sealed
from spatialgan.reporting.results import SHORT, Result
from spatialgan.settings.params import Params
from spatialgan.settings.shapes import SEGMENTER, check_record


def segmenter_frame(
    params: Params, section: dict, profile: str, results: list[Result]
) -> pd.DataFrame:
    """Return mask AP50, AP and AP75, steps and CPU seconds of the section's trained segmenters as text.

    Raises ValueError if a result was measured with other weights than those in a segmenter's record.
    """
    lines = []
    for dataset in params.columns(section, profile):
        for name in section.get("segmenters", []):
            path = params.results(profile).segmenter(dataset, name).record
            if not path.is_file():
                continue
            record = read_sealed(path)
            check_record(path, record, SEGMENTER)
            for result in results:
                _check_weights(result, dataset, name, record["sha256"])
            score = record["held_out"]
            lines.append(
                {
                    "segmenter": name,
                    "data": dataset,
                    "mask AP50 ↑": f"{score['ap50']:.3f}",
                    "AP ↑": f"{score['ap']:.3f}",
                    "AP75 ↑": f"{score['ap75']:.3f}",
                    "scenes scored": f"{score['num_images']:,}",
                    "steps": f"{record['training']['steps']:,}",
                    "CPU seconds": f"{record['cpu_seconds']:.0f}",
                }
            )
    return pd.DataFrame(lines)


def _check_weights(result: Result, dataset: str, name: str, sha256: str) -> None:
    """Raise ValueError if a result by this segmenter was measured with other weights."""
    used = result.protocol.get("segmenter_sha256", "")
    if (result.dataset, result.protocol.get("segmenter")) == (dataset, name) and used != sha256:
        raise ValueError(
            f"{result.run} ({result.file}) was measured by {name} with weights {used[:SHORT]}, but"
            f" its record is of {sha256[:SHORT]}: measure it again"
        )
