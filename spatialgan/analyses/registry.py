"""ANALYSES: kinds of analyses, as entries of params/analyses.yaml ask for them.

An analysis looks at trained runs and returns `Findings`: numbers with intervals, controls among them, what they say of
the paper's claims, and a picture. To add one, write a module beside this one with a function `(Request) -> Findings`
(requests.py, findings.py), give it a key here and an entry in params/analyses.yaml, and name it in params/schema.yaml.

Functions are named, not imported: whoever plans or reports works without torch.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class AnalysisKind:
    """How a kind of analysis is made."""

    function: str  # dotted name of what makes it: where the digest of its code begins
    uses_discriminators: bool = False  # those that the runs were trained against
    uses_archives: bool = False  # the real images that the runs learned from
    uses_segmenters: bool = False  # trained on the data sets' scenes


ANALYSES: dict[str, AnalysisKind] = {
    "attention": AnalysisKind("spatialgan.analyses.attention.look_at_attention", True),
    "generator_features": AnalysisKind("spatialgan.analyses.features.look_at_features"),
    "robustness": AnalysisKind("spatialgan.analyses.robustness.look_at_robustness", True),
    "consistency": AnalysisKind("spatialgan.analyses.consistency.look_at_consistency", True, True),
    "levels": AnalysisKind("spatialgan.analyses.levels.look_at_levels"),
    "same_pose": AnalysisKind("spatialgan.analyses.pose.look_at_pose"),
    "heatmap_pixels": AnalysisKind("spatialgan.analyses.pixels.look_at_pixels"),
    "continuity": AnalysisKind("spatialgan.analyses.continuity.look_at_continuity"),
    "fates": AnalysisKind("spatialgan.analyses.fates.look_at_fates", uses_segmenters=True),
}

SEGMENTER = "torchvision"  # the one that analyses look through
