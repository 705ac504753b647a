"""The steps of params/inversions.yaml: a study per model, and the table of all. They are made on request."""

from pathlib import Path
from typing import TYPE_CHECKING

from spatialgan.digest import code_digest
from spatialgan.inversion_study import SEGMENTER
from spatialgan.models import model_path
from spatialgan.upkeep.steps import Step
from spatialgan.variants import choose

if TYPE_CHECKING:
    from spatialgan.upkeep.graph import Graph


def study_step(graph: "Graph", name: str) -> Step:
    """Return the step that studies an entry; where the Co-move Ratio is measured it needs the profile's segmenter."""
    item, results = choose(graph.inversion_items, "inversion", name), graph.results
    needs = []
    if graph.profile in item["comove_in"]:
        needs = [graph.segmenter(item["dataset"], SEGMENTER)]
    encoder = [Path(item["encoder"])] if "encoder" in item else []
    return Step(
        *("inversion", name, graph.profile),
        small=(results.inversion(name, ".json"), results.inversion(name, ".png")),
        needs=tuple(needs),
        reads=tuple(path for need in needs for path in need.heavy),
        files=(model_path(item["model"]), *encoder),
        find_settings=lambda: {**item, "comove_in": graph.profile in item["comove_in"]},
        find_code=lambda: code_digest("spatialgan.inversion_study.write.write_study"),
    )


def studies_step(graph: "Graph") -> Step:
    """Return the step that writes the table."""
    return Step(
        *("inversions", "inversion", graph.profile),
        small=tuple(graph.results.table("inversion", suffix) for suffix in (".json", ".md")),
        needs=tuple(map(graph.inversion, graph.inversion_items)),
        find_settings=dict,
        find_code=lambda: code_digest("spatialgan.inversion_study.write.write_studies"),
    )
