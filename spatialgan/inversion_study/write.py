"""Making the results of params/inversions.yaml: a record and a picture per model, and one table of all."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from spatialgan.drawing.films import save_picture
from spatialgan.files import write_atomically
from spatialgan.inversion_study import SEGMENTER
from spatialgan.inversion_study.page import study_page
from spatialgan.inversion_study.picture import draw_study
from spatialgan.inversion_study.study import Study, measure
from spatialgan.models.opened import open_model
from spatialgan.provenance import source_commit
from spatialgan.records import read_sealed, write_record
from spatialgan.segmenters.registry import open_segmenter, weights_path
from spatialgan.settings.params import Params

SHOWN_METHOD = "plus"  # of the picture
TABLE = "inversion"


def write_study(params: Params, name: str, item: Mapping, profile: str) -> Path:
    """Study an entry of params/inversions.yaml; return its record's path, which is written last.

    Finished inversions are kept, and used by all profiles. Raises ValueError, in one line, if the segmenter's weights or
    the judge are missing.
    """
    results = params.results(profile)
    model, segmenter = open_model(item["model"]), None
    if profile in item["comove_in"]:
        weights = weights_path(SEGMENTER, results, item["dataset"])
        if not weights.is_file():
            raise ValueError(
                f"{weights} does not exist: spatialgan segmenter {item['dataset']} -p {profile}"
            )
        segmenter = open_segmenter(SEGMENTER, weights, "cpu")
    folder = params.results(params.default_profile).resume("inversion")
    study = Study(model, item, segmenter, folder)
    document, inverted = measure(study)
    found = inverted.get(SHOWN_METHOD, next(iter(inverted.values())))[: item["shown"]]
    save_picture(results.inversion(name, ".png"), draw_study(study.photos()[: len(found)], found))
    path = results.inversion(name, ".json")
    write_record(path, {"inversion": name, "commit": source_commit(), **document})
    return path


def write_studies(params: Params, names: Iterable[str], profile: str) -> Path:
    """Write the table of all entries' studies; return its record's path. Raises ValueError if one isn't made."""
    results, documents = params.results(profile), {}
    for name in names:
        path = results.inversion(name, ".json")
        if not path.is_file():
            raise ValueError(f"{path} does not exist: spatialgan inversion {name} -p {profile}")
        documents[name] = read_sealed(path)
    write_atomically(results.table(TABLE, ".md"), study_page(documents).encode())
    path = results.table(TABLE, ".json")
    kept = ("model_sha256", "num", "num_own", "own_edits", "methods")
    write_record(path, {name: {k: d[k] for k in kept} for name, d in documents.items()})
    return path
