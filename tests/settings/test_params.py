"""The parameters: what is wrong in params/ is one clear line, told when they are loaded."""

from pathlib import Path

import pytest

from spatialgan.settings.params import load_params
from tests.tiny import ROOT

PARAMS = ROOT / "params"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("runs", "alignment: l1}", "allignment: l1}", r"runs.yaml, spatialgan: .*'allignment' was"),
        ("profiles", "batch: 32,", "batch: 0,", r"profiles.yaml, profiles/\w+/batch: 0 is less"),
        ("profiles", "default: laptop", "default: lapdog", r"unknown profile 'lapdog': choose one"),
        (
            "tables",
            "hinge: ",
            "hinges: ",
            r"tables.yaml, readings: unknown row 'hinges': choose one",
        ),
        (
            "tables",
            "[fid]",
            "[fit]",
            r"tables.yaml, \w+: unknown metric 'fit': choose one of fid, kid",
        ),
        ("tables", "digits: 2}", "digits: two}", r"tables.yaml, metrics/\w+/digits: 'two' is not"),
        ("figures", "rows:", "row:", r"figures.yaml, curves: "),
        (
            "figures",
            "kind: curves",
            "kind: cones",
            r"figures.yaml, curves/kind: 'cones' is not one of",
        ),
        (
            "figures",
            "moving:",
            "objective:",
            r"figures.yaml, objective: a table, or the samples beside",
        ),
        (
            "figures",
            "moving:",
            "drag_samples:",
            r"figures.yaml, drag_samples: a table, or the samples",
        ),
        (
            "tables",
            "[fid]",
            "[steps]",
            r"tables.yaml, \w+: metric 'steps' does not fit: sections by",
        ),
        (
            "tables",
            "    by: method",
            "    by: magic",
            r"tables.yaml, tables/drags_cat/by: 'magic' is not one",
        ),
        (
            "analyses",
            "orderings: [objective",
            "orderings: [ablation",
            r"analyses.yaml, orderings: 'ablation' is a page of sections",
        ),
        (
            "analyses",
            "analysis: levels",
            "analysis: level",
            r"level0_body: unknown analysis 'level'",
        ),
        (
            "analyses",
            "ours: coarse, most",
            "ours: course, most",
            r"drag_jump: unknown method 'course'",
        ),
        (
            "analyses",
            "ours: coarse, most",
            "ours: coarse, least: 0, most",
            r"analyses.yaml, claims/drag_jump: ",
        ),
        ("analyses", "beside: baseline", "beside: base", r"training_time: unknown row 'base'"),
        ("analyses", "beside: baseline, ", "", r"analyses.yaml, claims/training_time: "),
        (
            "analyses",
            "cat: [baseline, sel, cap",
            "cat: [basline, sel, cap",
            r"unknown row 'basline'",
        ),
        ("analyses", "controls: [sel]", "controls: [selv]", r"unknown row 'selv': choose one"),
        ("analyses", "kind: levels", "kind: level", r"levels/kind: 'level' is not one of"),
        ("analyses", "  levels:", "  claims:", r"analyses.yaml, analyses: "),
        ("datasets", "source: lsun", "sauce: lsun", r"datasets.yaml, \w+/real: "),
        ("runs", "baseline:", "baseline: [", r"runs.yaml is not valid YAML: "),
    ],
)
def test_mistakes_in_params_are_one_clear_line(
    tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    for path in PARAMS.glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text())
    text = (tmp_path / f"{file}.yaml").read_text()
    assert old in text
    (tmp_path / f"{file}.yaml").write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=message) as caught:
        load_params(tmp_path)
    assert "\n" not in str(caught.value)
